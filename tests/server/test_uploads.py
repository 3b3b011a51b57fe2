"""Uploads: forms that are none, bytes that are none, and claims that are not believed."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from akatsuki_wasm.registry import WasmModule
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.server.executor_api import PATH
from akatsuki_wasm.server.upload_api import claims_of

from .api_kit import SOURCE, adding, parts, upload
from .server_kit import ADA, BOB, is_problem, running, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .server_kit import Running

BOUNDARY = "b0undary"


def form(*found: tuple[str, bytes | str], end: bool = True) -> bytes:
    """A form by hand, to be wrong where a client could not be."""
    lines = []
    for disposition, data in found:
        lines.append(f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode())
        lines.append((data.encode() if isinstance(data, str) else data) + b"\r\n")
    return b"".join(lines) + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


WASM = ('form-data; name="wasm"; filename="m.wasm"', adding())
MODULE = ('form-data; name="module"', '{"name": "adding"}')


@pytest.fixture(scope="module")
def small_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """It takes bodies of 100 KB."""
    folder = tmp_path_factory.mktemp("registry")
    with running(data_dir=folder, user_rate=None, max_body_bytes=100_000) as found:
        yield found


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (form(WASM), 400, "bad-request"),
        (form(MODULE), 400, "bad-request"),
        (form(), 400, "bad-request"),
        (b"", 400, "bad-request"),
        (b"not a form", 400, "bad-request"),
        (form(WASM, MODULE, end=False), 400, "bad-request"),
        (form(WASM, MODULE, end=False)[:-40], 400, "bad-request"),
        (form(WASM, WASM, MODULE), 400, "bad-request"),
        (form(WASM, MODULE, ('form-data; name="id"', "x")), 400, "bad-request"),
        (form(WASM, MODULE, ("attachment", "x")), 400, "bad-request"),
        (form(WASM, MODULE, ("form-data", "x")), 400, "bad-request"),
        (form(WASM, (MODULE[0], '{"name": "adding", "owner": "x"}')), 400, "bad-request"),
        (form(WASM, (MODULE[0], '{"name": "a", "name": "b"}')), 400, "bad-request"),
        (form(WASM, (MODULE[0], '{"name": "a", "isPublic": "true"}')), 400, "bad-request"),
        (form(WASM, (MODULE[0], "{}")), 400, "bad-request"),
        (form(WASM, (MODULE[0], b"\xff")), 400, "bad-request"),
        (form(WASM, MODULE, ('form-data; name="source"', b"\xff")), 400, "bad-request"),
        (form(WASM, MODULE, ('form-data; name="source"', "a\0b")), 400, "bad-request"),
        (form((WASM[0], b""), MODULE), 422, "invalid-module"),
        (form((WASM[0], b"\0asm"), MODULE), 422, "invalid-module"),
        (form((WASM[0], adding()[:-1]), MODULE), 422, "invalid-module"),
        (form((WASM[0], adding() + b"\1"), MODULE), 422, "invalid-module"),
        (form((WASM[0], b"x" * 170_000), MODULE), 413, "request-too-large"),
        (form((WASM[0], b"x" * 110_000), MODULE), 413, "request-too-large"),
        (form(WASM, MODULE, (f'form-data; name="source"\r\nX-{"y" * 90_000}: z', "x")), 400, "bad-request"),
        (form(*[(f'form-data; name="p{number}"', "") for number in range(2000)]), 400, "bad-request"),
        (form(WASM, (f'form-data; name="{"n" * 3000}"', "x")), 400, "bad-request"),
    ],
)
def test_what_is_no_upload_stores_nothing(small_service: Running, body: bytes, status: int, code: str) -> None:
    with small_service.client(BOB) as client:
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        document = is_problem(client.post("/api/modules", content=body, headers=headers), status, code)
        chunks = (body[start : start + 1000] for start in range(0, len(body), 1000))
        again = client.post("/api/modules", content=chunks, headers=headers)
    is_problem(again, status, code)
    assert len(document["detail"]) < 300
    assert small_service.service.registry.modules(ADA).list_all() == []
    assert not list(small_service.service.registry.blobs.list())


@pytest.mark.parametrize("kind", ["multipart/form-data", "application/json", "multipart/mixed; boundary=b0undary", ""])
def test_an_upload_is_a_form(small_service: Running, kind: str) -> None:
    with small_service.client(BOB) as client:
        response = client.post("/api/modules", content=form(WASM, MODULE), headers={"Content-Type": kind})
        is_problem(response, 400, "bad-request")


def test_an_upload_that_breaks_off_gives_its_turn_back(small_service: Running) -> None:
    host, port = small_service.url.removeprefix("http://").split(":")
    head = (
        f"POST /api/modules HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token_of(BOB)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: 5000\r\n\r\n"
    )
    for _ in range(5):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + form(WASM, MODULE)[:100])
    with small_service.client(BOB) as client:
        for _ in range(100):  # the service hears of an end a moment later
            response = client.post("/api/modules", files=parts(name=f"m-{uuid4().hex[:12]}"))
            if response.status_code != 429:
                break
        assert response.status_code == 201, response.text
        client.delete(f"/api/modules/{response.json()['id']}")


def test_an_uploader_cannot_claim_that_his_bytes_were_built_here(service: Running) -> None:
    claim: dict[str, Any] = {
        "build": {"rustc": "1.96"},
        "source_digest": "0" * 64,
        "prompt": "add one",
        "generator": "offline",
        "model": {"not": "a text"},
        "notes": ["a note"],
        "checks": {"own": 3},
        "claimed": {"build": {}},
    }
    with service.client(BOB) as client:
        document = upload(client, provenance=claim)
        executed = client.post(PATH, json={"moduleId": document["id"], "functionName": "add", "args": [1]})
        assert executed.json()["result"] == 2
    assert document["provenance"] == {
        "prompt": "add one",
        "generator": "offline",
        "notes": ["a note"],
        "claimed": {key: claim[key] for key in ("build", "source_digest", "model", "checks", "claimed")},
    }
    with service.service.registry.database.read(UPKEEP) as session:
        (row,) = session.scalars(select(WasmModule)).all()
    assert not service.service.registry.executable(row.to_stored()).built_here
    assert service.service.registry.source(row) is None


def test_only_a_source_that_was_sent_is_the_source(service: Running) -> None:
    with service.client(BOB) as client:
        response = client.post("/api/modules", files=parts(source=SOURCE, provenance={"source_digest": "0" * 64}))
        assert client.get(f"/api/modules/{response.json()['id']}/source").text == SOURCE


def test_claims_without_anything_are_nothing() -> None:
    assert claims_of({}) == {}
    assert claims_of({"notes": "none"}) == {"claimed": {"notes": "none"}}


def test_a_module_may_be_as_large_as_is_said(tmp_path: Path) -> None:
    limit = 200_000
    name = b"\x04note"
    padding = limit - len(adding()) - 4 - len(name)
    section = b"\x00" + _leb(len(name) + padding) + name + b"\0" * padding
    wasm = adding() + section[: limit - len(adding())]
    with running(data_dir=tmp_path, max_body_bytes=limit) as found, found.client(BOB) as client:
        assert len(wasm) == limit
        assert client.post("/api/modules", files=parts(wasm)).status_code == 201
        document = is_problem(client.post("/api/modules", files=parts(wasm + b"\0")), 413, "request-too-large")
    assert "200,000" in document["detail"]


def _leb(number: int) -> bytes:
    found = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        found.append(low | (0x80 if number else 0))
        if not number:
            return bytes(found)


def test_metadata_are_remarks(service: Running) -> None:
    with service.client(BOB) as client:
        response = client.post("/api/modules", files=parts(metadata={"a": "x" * 70_000}))
        assert "metadata" in is_problem(response, 400, "bad-request")["detail"]
        document = json.loads(client.post("/api/modules", files=parts(metadata={"a": "x" * 60_000})).text)
    assert len(document["metadata"]["a"]) == 60_000
