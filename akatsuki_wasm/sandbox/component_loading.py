"""From a component's bytes to its compiled form."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import wasmtime
from wasmtime import component

from akatsuki_wasm import component_binary
from akatsuki_wasm.errors import DigestMismatchError, InvalidModuleError

if TYPE_CHECKING:
    from akatsuki_wasm.component_binary import ComponentOutline
    from akatsuki_wasm.contracts import ExecutableModule
    from akatsuki_wasm.sandbox.component_engine import ComponentEngine


def load_component(engine: ComponentEngine, module: ExecutableModule) -> tuple[component.Component, ComponentOutline]:
    """The compiled component, and what its bytes say of it.

    Args:
        engine: That will execute it.
        module: Digest and the way to the bytes.

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
    try:
        return component.Component(engine.engine, wasm), outline
    except wasmtime.WasmtimeError as exc:
        raise InvalidModuleError(f"the component is not valid: {' '.join(str(exc).split())}") from exc
