"""What tests of the management API share: uploads as a client sends them, and modules as small as they can be."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from wasmtime import wat2wasm

from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.contracts import Artifact, StoredModule, UploadTarget, User

if TYPE_CHECKING:
    import httpx

    from .server_kit import Running

SOURCE = "pub fn add(a: i32) -> i32 {\n    a + 1\n}\n"


@cache
def adding(number: int = 1) -> bytes:
    """A module whose `add` adds `number`: another number, another digest."""
    return bytes(
        wat2wasm(
            f"""(module (memory (export "memory") 2 300)
                  (func (export "add") (param i32) (result i32) local.get 0 i32.const {number} i32.add))"""
        )
    )


def parts(wasm: bytes | None = None, source: str | None = None, **module: Any) -> dict[str, Any]:
    """The parts of an upload, for httpx's ``files``."""
    found = {
        "wasm": ("module.wasm", adding() if wasm is None else wasm, "application/wasm"),
        "module": (None, json.dumps({"name": "adding", **module}), "application/json"),
    }
    return found if source is None else {**found, "source": (None, source, "text/plain")}


def upload(client: httpx.Client, wasm: bytes | None = None, **module: Any) -> dict[str, Any]:
    """Uploads a module that must be taken."""
    response = client.post("/api/modules", files=parts(wasm, **module))
    assert response.status_code == 201, response.text
    document: dict[str, Any] = response.json()
    return document


def store(service: Running, user: User, name: str, number: int = 1, **target: Any) -> StoredModule:
    """Stores a module past the API."""
    wasm, registry = adding(number), service.service.registry
    artifact = Artifact(wasm, manifests.for_binary(wasm), target.pop("source", None), target.pop("provenance", {}))
    return registry.store(artifact, UploadTarget(name, registry, user, **target))
