"""From a component's bytes to its compiled form: from a file of an earlier process, or compiled in a child process.

Components are never built here, so they are always compiled in the child.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from wasmtime import component

from akatsuki_wasm import component_binary
from akatsuki_wasm.errors import DigestMismatchError, InvalidModuleError
from akatsuki_wasm.sandbox.foreign import compile_foreign_as

if TYPE_CHECKING:
    from akatsuki_wasm.component_binary import ComponentOutline
    from akatsuki_wasm.contracts import ExecutableModule
    from akatsuki_wasm.sandbox.aot import CompiledFiles
    from akatsuki_wasm.sandbox.component.engine import ComponentEngine


def load_component(
    engine: ComponentEngine, module: ExecutableModule, files: CompiledFiles | None
) -> tuple[component.Component, ComponentOutline]:
    """The compiled component, and what its bytes say of it.

    Args:
        engine: That will execute it.
        module: Digest and the way to the bytes.
        files: Where compiled components are kept, or None.

    Raises:
        InvalidModuleError: The bytes are no component that the engine takes, or compiling them takes more than it may.
        DigestMismatchError: The bytes are not those of the digest.
    """
    wasm = module.read()
    got = hashlib.sha256(wasm).hexdigest()
    if got != module.digest:
        raise DigestMismatchError(
            f"the bytes of {module.name or 'the component'} have the digest {got[:12]}…, "
            f"expected {module.digest[:12]}…",
            hint="deploy the component again; what was stored is damaged",
        )
    if not component_binary.is_component(wasm):
        raise InvalidModuleError("the bytes are no component, as the manifest says they are", hint="deploy it again")
    outline = component_binary.read(wasm)
    made = None if files is None else files.load_as(component.Component.deserialize, engine, got)
    if made is None:
        cache_dir = None if files is None else files.cache_dir
        made = compile_foreign_as(component.Component.deserialize, engine, wasm, cache_dir=cache_dir)
        if files is not None:
            files.save(made, engine, got)
    return made, outline
