"""Examines bytes before they are stored: a valid module, command or component, and what it says of itself."""

from __future__ import annotations

import atexit
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import binary, component_binary
from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.errors import InvalidModuleError
from akatsuki_wasm.features import PROPOSALS_OFF

if TYPE_CHECKING:
    from wasmtime import Engine

    from akatsuki_wasm.contracts import Manifest

_MOST_PAGES = 65_536


@dataclass(frozen=True)
class Facts:
    """What the registry keeps of a module's bytes.

    Attributes:
        manifest: From its section, or from its plain exports.
        memory_pages: Linear memory it starts with, pages of 64 KiB.
        max_memory_pages: Most it can grow to by its own declaration.
    """

    manifest: Manifest
    memory_pages: int
    max_memory_pages: int

    @property
    def document(self) -> dict[str, Any]:
        """The manifest as JSON values."""
        document: dict[str, Any] = json.loads(manifests.dump(self.manifest))
        return document


def examine(wasm: bytes) -> Facts:
    """Examines a module without compiling it.

    Raises:
        InvalidModuleError: The bytes are of no kind that is known, import what is not provided, contradict their
            manifest, are not valid, or want more memory than there is.
    """
    manifest = manifests.for_binary(wasm)
    if manifest.kind == "component":
        parts = component_binary.read(wasm)
        for start, end in parts.modules:
            _validate(wasm[start:end])
        return _facts(manifest, parts.minimum_pages, parts.maximum_pages)
    outline = binary.read(wasm)
    _validate(wasm)
    maxima = [each.maximum for each in outline.memories]
    most = None if None in maxima else sum(each or 0 for each in maxima)
    return _facts(manifest, sum(each.minimum for each in outline.memories), most)


def _facts(manifest: Manifest, least: int, most: int | None) -> Facts:
    if least > _MOST_PAGES:
        raise InvalidModuleError(
            f"the module wants {least} pages of memory, at most {_MOST_PAGES} are possible",
            hint="Build it with a smaller memory.",
        )
    return Facts(manifest, least, _MOST_PAGES if most is None else min(most, _MOST_PAGES))


@cache
def _engine() -> Engine:
    from wasmtime import Config, Engine  # not when modules are only listed or read

    config = Config()
    for name in PROPOSALS_OFF:
        # The others have no setter, and nothing that validation lets through could use them alone.
        if hasattr(Config, name):
            setattr(config, name, False)
    engine = Engine(config)
    # Left to the interpreter's end, it would be freed after the library that frees it.
    atexit.register(engine.close)
    return engine


def _validate(wasm: bytes) -> None:
    from wasmtime import Module, WasmtimeError

    try:
        Module.validate(_engine(), wasm)
    except WasmtimeError as exc:
        lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
        detail = lines[-1] if lines else "no reason given"
        raise InvalidModuleError(
            f"not a valid wasm module: {detail}", hint="Build it again; the file may be damaged."
        ) from exc
