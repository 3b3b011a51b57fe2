"""From a module to its compiled form: from a file of an earlier process, or compiled here or in a child process."""

from __future__ import annotations

import hashlib
import logging
import time
from typing import TYPE_CHECKING

import wasmtime

from akatsuki_wasm import binary
from akatsuki_wasm.errors import DigestMismatchError, InvalidModuleError
from akatsuki_wasm.sandbox.foreign import compile_foreign
from akatsuki_wasm.sandbox.stack import with_large_stack
from akatsuki_wasm.sandbox.traps import error_of_validation

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import ExecutableModule
    from akatsuki_wasm.sandbox.aot import CompiledFiles
    from akatsuki_wasm.sandbox.engine import ProcessEngine

log = logging.getLogger(__name__)


def load(engine: ProcessEngine, module: ExecutableModule, files: CompiledFiles | None) -> wasmtime.Module:
    """The compiled module.

    A file that is authentic for the digest is used without reading the bytes: who wrote it had them. Bytes that were
    not built here are compiled in a child process.

    Args:
        engine: That will execute it.
        module: Digest, the way to the bytes, and whether they were built here.
        files: Where compiled modules are kept, or None.

    Raises:
        InvalidModuleError: The bytes are no module that the engine takes, or compiling them takes more than it may.
        DigestMismatchError: The bytes are not those of the digest.
    """
    if files is not None:
        found = files.load(engine, module.digest)
        if found is not None:
            return found
    started = time.perf_counter()
    wasm = module.read()
    got = hashlib.sha256(wasm).hexdigest()
    if got != module.digest:
        raise DigestMismatchError(
            f"the bytes of {module.name or 'the module'} have the digest {got[:12]}…, expected {module.digest[:12]}…",
            hint="deploy the module again; what was stored is damaged",
        )
    made = (
        with_large_stack(lambda: compile_bytes(engine.engine, wasm))
        if module.built_here
        else compile_foreign(engine, wasm, cache_dir=None if files is None else files.cache_dir)
    )
    _refuse_vectors(wasm)
    log.debug("compiled %s, %d bytes, in %.1f ms", got[:12], len(wasm), (time.perf_counter() - started) * 1e3)
    if files is not None:
        files.save(made, engine, module.digest)
    return made


def _refuse_vectors(wasm: bytes) -> None:
    """Refuses a valid module that exports a function of SIMD vectors.

    Nobody can call one, and the C API aborts the process when it is asked for such a type. Nothing that was kept in a
    file has any: it is not reached for those.
    """
    if b"\x7b" not in wasm:
        return
    for name, core in binary.read(wasm).function_exports().items():
        if "v128" in core.params or "v128" in core.results:
            raise InvalidModuleError(
                f"the module exports {name[:200]!r}, a function of SIMD vectors: {core}",
                hint="pass vectors in memory, or do not export it",
            )


def compile_bytes(engine: wasmtime.Engine, wasm: bytes) -> wasmtime.Module:
    """Validates and compiles, in this process.

    Raises:
        InvalidModuleError: The bytes are no module that the engine takes.
    """
    if wasm[:4] != b"\0asm":  # wasmtime-py would take WebAssembly text here
        raise InvalidModuleError(
            f"not a WebAssembly module: expected to begin with \\0asm, got {bytes(wasm[:4])!r}",
            hint="give the .wasm file that a build made",
        )
    try:
        return wasmtime.Module(engine, wasm)
    except wasmtime.WasmtimeError as exc:
        raise error_of_validation(str(exc)) from exc
