"""Bombs: documents, forms and pictures that are small to send and large to read. Bounded time and memory, a problem."""

from __future__ import annotations

import io
import json
import resource
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from server.server_kit import BOB, is_problem

from akatsuki_wasm.server.bodies import parse_object

from .conftest import MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from .conftest import Victim

EXECUTOR = "/functions/v1/wasm-executor"
JSON = {"Content-Type": "application/json"}
PEAK_BYTES = 400 * 1024 * 1024
"""That the process may grow by for a body of 4 MiB: much more than its reading takes, much less than a bomb would."""


@pytest.fixture(autouse=True)
def peak(victim: Victim) -> Iterator[None]:
    """No attack may make the process grow by much more than its body."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < PEAK_BYTES, f"{grown / 2**20:.0f} MiB more"


def fitted(start: bytes, part: bytes, end: bytes) -> bytes:
    """As many parts as fit into the largest body."""
    return start + part * ((MAX_BODY - len(start) - len(end)) // len(part)) + end


def members(count: int) -> bytes:
    return b"{" + b",".join(b'"k%d":0' % number for number in range(count)) + b"}"


DOCUMENTS = {
    "arrays of depth 100,000": b"[" * 100_000 + b"]" * 100_000,
    "objects of depth 100,000": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "args of depth 100,000": b'{"moduleId":"x","functionName":"f","args":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "depth 300": b'{"moduleId":"x","functionName":"f","args":' + b"[" * 300 + b"]" * 300 + b"}",
    "unclosed": b"[" * 4_000_000,
    "a number of 4 million digits": fitted(b'{"args":[', b"9", b"]}"),
    "a fraction of 4 million digits": fitted(b'{"args":[0.', b"9", b"]}"),
    "an exponent": b'{"args":[1e999999]}',
    "an exponent of a million digits": b'{"args":[1e' + b"9" * 1_000_000 + b"]}",
    "a number of 5,000 digits": b'{"args":[' + b"9" * 5_000 + b"]}",
    "NaN": b'{"args":[NaN]}',
    "Infinity": b'{"args":[-Infinity]}',
    "a key twice": b'{"moduleId":"a","moduleId":"b","functionName":"f"}',
    "a key twice by an escape": b'{"moduleId":"a","\\u006doduleId":"b","functionName":"f"}',
    "half a surrogate pair in a key": b'{"\\ud800":1}',
    "half a surrogate pair in an id": b'{"moduleId":"\\ud800","functionName":"f"}',
    "half a surrogate pair in a name": b'{"moduleId":"00000000-0000-4000-8000-000000000000","functionName":"\\udfff"}',
    "NUL": b'{"moduleId":"a\\u0000","functionName":"f"}',
    "NUL as it is": b'{"moduleId":"a\0"}',
    "a text of 4 MB": fitted(b'{"moduleId":"', b"a", b'"}'),
    "escapes of 4 MB": fitted(b'{"functionName":"', b"\\u0041", b'"}'),
    "300,000 keys": members(300_000),
    "a million small values": fitted(b'{"args":[', b"0,", b"0]}"),
    "a million texts": fitted(b'{"args":[', b'"",', b"0]}"),
    "a million arrays": fitted(b'{"args":[', b"[],", b"0]}"),
    "spaces": fitted(b"{", b" ", b"}"),
    "UTF-16": '{"moduleId":"a"}'.encode("utf-16"),
    "UTF-32": '{"moduleId":"a"}'.encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "overlong UTF-8": b'{"moduleId":"\xc0\x80"}',
    "a comment": b'{"moduleId":"a"/**/}',
    "two documents": b"{}{}",
    "nothing": b"",
    "no object": b'"a"',
}
PATHS = [("POST", EXECUTOR), ("POST", "/api/designs"), ("POST", "/api/session"), ("PATCH", "/api/modules/{id}")]


@pytest.mark.parametrize(("method", "path"), PATHS, ids=[path.split("/")[2] for _, path in PATHS])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_is_a_bomb_is_a_problem(victim: Victim, method: str, path: str, name: str) -> None:
    with victim.running.client(BOB) as bob:
        address = path.replace("{id}", str(victim.private.id))
        response = bob.request(method, address, content=DOCUMENTS[name], headers=JSON)
    assert response.status_code in (400, 404, 413, 422), response.text[:500]
    assert response.headers["content-type"] == "application/problem+json"
    assert len(response.content) < 3_000, "a problem does not repeat what was sent"
    assert response.json()["status"] == response.status_code


ARGS = {
    "depth 150": b"[" * 150 + b"]" * 150,
    "4,000 digits": b"[" + b"9" * 4_000 + b"]",
    "an exponent": b"[1e400]",
    "half a surrogate pair": b'["\\ud800"]',
    "NUL": b'["a\\u0000"]',
    "arrays": b"[[[[1]]]]",
    "a text of 3 MB": b'{"a":"' + b"x" * 3_000_000 + b'"}',
    "a name of 3 MB": b'{"' + b"a" * 3_000_000 + b'":1}',
    "a fraction": b"[1.0000000000001]",
    "a million values": b"[" + b"0," * 1_000_000 + b"0]",
    "an object": b'[{"__proto__":1}]',
    "true": b"[true]",
    "a name twice": b'{"a":1,"A":2}',
    "hexadecimal": b'["0x1"]',
    "no array": b'"1"',
}


@pytest.mark.parametrize("args", ARGS.values(), ids=ARGS)
def test_arguments_of_the_wrong_kind_are_a_short_problem(victim: Victim, args: bytes) -> None:
    body = b'{"moduleId":"%s","functionName":"add","args":%s}' % (str(victim.private.id).encode(), args)
    with victim.running.client(BOB) as bob:
        response = bob.post(EXECUTOR, content=body, headers=JSON)
    assert response.status_code in (400, 422), response.text[:500]
    assert len(response.content) < 3_000


# ---------------------------------------------------------------- forms


def form(bob: httpx.Client, path: str, body: bytes, boundary: str = "b") -> httpx.Response:
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return bob.post(path, content=body, headers=kind)


def part(name: str, content: bytes, *lines: str, boundary: str = "b") -> bytes:
    head = "\r\n".join([f"--{boundary}", f'Content-Disposition: form-data; name="{name}"', *lines])
    return head.encode() + b"\r\n\r\n" + content + b"\r\n"


END = b"--b--\r\n"
FORMS = {
    "30,000 parts": b"".join(part(f"p{number}", b"") for number in range(30_000)) + END,
    "30,000 parts of one name": part("wasm", b"") * 30_000 + END,
    "a form in a form": part("module", part("module", b"{}"), "Content-Type: multipart/mixed; boundary=b") + END,
    "headers of 3 MB": part("module", b"{}", "X: " + "a" * 3_000_000) + END,
    "60,000 headers": part("module", b"{}", *[f"X-{number}: a" for number in range(60_000)]) + END,
    "a name of 3 MB": part("a" * 3_000_000, b"{}") + END,
    "a file's name of 3 MB": part('wasm"; filename="' + "a" * 3_000_000, b"") + END,
    "no name": part("x", b"").replace(b'; name="x"', b"") + END,
    "a path as a file's name": part("wasm", b"").replace(b'"wasm"', b'"wasm"; filename="../../../etc/passwd"') + END,
    "a part that is gzip": part("module", zlib.compress(b"{}"), "Content-Encoding: gzip") + END,
    "a part in base64": part("module", b"e30=", "Content-Transfer-Encoding: base64") + END,
    "no end": part("module", b"{}"),
    "no beginning": b"x" * 100_000,
    "boundaries alone": b"--b\r\n" * 200_000,
    "more behind the end": END + b"x" * 100_000,
    "bare newlines": part("module", b"{}").replace(b"\r\n", b"\n") + END,
    "names and names": part("request", b"{}").replace(b'"request"', b'"wasm"; name="request"') + END,
}


@pytest.mark.parametrize("path", ["/api/modules", EXECUTOR])
@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_is_a_bomb_is_a_problem(victim: Victim, path: str, name: str) -> None:
    with victim.running.client(BOB) as bob:
        response = form(bob, path, FORMS[name])
    assert response.status_code in (400, 413, 422), response.text[:500]
    assert response.headers["content-type"] == "application/problem+json"
    assert len(response.content) < 3_000


@pytest.mark.parametrize("boundary", ["", "a" * 100_000, '"', "b\\", "b;boundary=c", "é", "b\x7f"])
def test_a_boundary_that_is_none_is_a_problem(victim: Victim, boundary: str) -> None:
    with victim.running.client(BOB) as bob:
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}".encode("latin-1")}
        response = bob.post("/api/modules", content=FORMS["no end"], headers=kind)  # type: ignore[arg-type]  # as bytes
    assert response.status_code in (400, 413, 431), response.text[:500]


# ---------------------------------------------------------------- modules and pictures


def zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("module.wasm", b"\0" * 50_000_000)
    return buffer.getvalue()


MODULES = {
    "zip": zip_bomb(),
    "deflate": zlib.compress(b"\0" * 50_000_000),
    "a section of 4 GiB": b"\0asm\1\0\0\0\x0a\xff\xff\xff\xff\x0f",
    "a header alone": b"\0asm",
    "a script": b"#!/bin/sh",
    "500,000 sections": b"\0asm\1\0\0\0" + b"\0\2\1a" * 500_000,
    "native": b"\x7fELF" + b"\0" * 1000,
}


@pytest.mark.parametrize("wasm", MODULES.values(), ids=MODULES)
def test_an_upload_that_is_no_module_is_a_problem(victim: Victim, wasm: bytes) -> None:
    module = part("module", json.dumps({"name": "bomb"}).encode(), "Content-Type: application/json")
    with victim.running.client(BOB) as bob:
        response = form(bob, "/api/modules", module + part("wasm", wasm) + END)
        is_problem(response, 422, "invalid-module")
        assert bob.get("/api/modules/resolve?reference=bomb").status_code == 404


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: bytes, *more: bytes, colour: int = 0, depth: int = 1) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(more) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """So many zeros, deflated, without having them all."""
    packer = zlib.compressobj(9)
    block = b"\0" * 1_000_000
    data = b"".join([packer.compress(block) for _ in range(count // len(block))])
    return data + packer.flush()


def webp(width: int, height: int) -> bytes:
    """A WebP file whose canvas is as large as it says, and nothing on it."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + size
    return b"RIFF" + struct.pack("<I", len(extended) + 4) + b"WEBP" + extended


PICTURES = {
    "50,000 x 50,000 of a few KB": png(50_000, 50_000, zeros(312_000_000)[:200_000]),
    "50,000 x 50,000, whole": png(50_000, 50_000, zeros(312_000_000)),
    "2 billion wide": png(2**31 - 1, 1, zeros(1_000_000)),
    "no width": png(0, 100, b""),
    "a text that inflates": png(
        4, 4, zlib.compress(b"\0\0" * 4), chunk(b"zTXt", b"a\0\0" + zeros(200_000_000)), colour=0
    ),
    "a profile that inflates": png(
        4, 4, zlib.compress(b"\0\0" * 4), chunk(b"iCCP", b"a\0\0" + zeros(200_000_000)), colour=0
    ),
    "pixels that go on": png(4, 4, zeros(300_000_000)),
    "a GIF of 65,535 x 65,535": b"GIF89a"
    + struct.pack("<HH", 65535, 65535)
    + b"\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2\1\0;",
    "a BMP of 100,000 x 100,000": b"BM"
    + struct.pack("<IHHIIiiHH", 100, 0, 0, 54, 40, 100_000, 100_000, 1, 24)
    + b"\0" * 40,
    "a WebP of 16,383 x 16,383": webp(16383, 16383),
    "a JPEG of 65,535 x 65,535": b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\3\1\x11\0\2\x11\1\3\x11\1\xff\xd9",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="99999" height="99999"/>',
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99999 99999\n(%pipe%id) (w) file\n",
    "nothing": b"",
}


@pytest.fixture(scope="module")
def inverter(victim: Victim) -> str:
    """A module that takes a picture, by its signature alone."""
    from akatsuki_wasm import manifest as manifests
    from akatsuki_wasm import wit
    from akatsuki_wasm.contracts import Artifact, Function, Manifest, Parameter, UploadTarget
    from akatsuki_wasm.testing.hostile_wasm import ALLOCATOR, wat

    body = '(func (export "width") (param i32 i32 i32 i32) (result i32) (local.get 0))'
    function = Function("width", (Parameter("image", wit.IMAGE),), wit.parse("u32"), "width")
    wasm = wat(ALLOCATOR + body)
    registry = victim.running.service.registry
    manifest = Manifest((function,))
    assert manifests.dump(manifest)
    stored = registry.store(Artifact(wasm, manifest), UploadTarget("widths", registry, BOB))
    return str(stored.id)


@pytest.mark.parametrize("way", ["raw", "url", "form"])
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_is_a_bomb_is_a_problem(victim: Victim, inverter: str, name: str, way: str) -> None:
    import base64

    data = PICTURES[name]
    call: dict[str, Any] = {"moduleId": inverter, "functionName": "width"}
    with victim.running.client(BOB) as bob:
        if way == "raw":
            response = bob.post(EXECUTOR, params=call, content=data, headers={"Content-Type": "image/png"})
        elif way == "url":
            url = "data:image/png;base64," + base64.b64encode(data).decode()
            response = bob.post(EXECUTOR, json={**call, "args": [url]})
        else:
            files = {"request": (None, json.dumps(call), "application/json"), "image": ("a.png", data, "image/png")}
            response = bob.post(EXECUTOR, files=files)
    if name in ("a text that inflates", "a profile that inflates", "pixels that go on") and response.status_code == 200:
        assert response.json()["result"] == 4  # what is not looked at does no harm
        return
    assert response.status_code in (400, 413, 422), response.text[:300]
    assert len(response.content) < 3_000


def test_brackets_and_commas_in_a_text_are_no_values() -> None:
    text = "[,{" * 1_000_000 + '"' + "\\"
    body = json.dumps({"moduleId": "a", "args": [text]}).encode()
    assert parse_object(body)["args"] == [text]
