"""The built-in execution plugin for WebAssembly components."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import BatchCall, Call, Control, ExecutableModule, ExecutionResult, Limits
    from akatsuki_wasm.sandbox.component.sandbox import ComponentSandbox


class ComponentPlugin:
    """Executes components, which import nothing, in the process's sandbox for them."""

    def __init__(self) -> None:
        self._settings: Settings | None = None

    @hookimpl(trylast=True)
    def akatsuki_configure(self, settings: Settings) -> None:
        """Takes the size of the module cache, and the folders for compiled components and their key."""
        self._settings = settings

    @hookimpl(trylast=True)
    def akatsuki_execute(
        self, module: ExecutableModule, call: Call | BatchCall, limits: Limits, control: Control
    ) -> ExecutionResult | None:
        """Executes; see `akatsuki_wasm.sandbox.component.sandbox.ComponentSandbox.execute`."""
        if module.manifest.kind != "component":
            return None
        # Imported on a thread with a small stack, the libraries overflow it.
        from akatsuki_wasm.sandbox.stack import with_large_stack

        return with_large_stack(self._sandbox).execute(module, call, limits, control)

    def _sandbox(self) -> ComponentSandbox:
        # Loads wasmtime and numpy, which a command that executes nothing should not wait for.
        from akatsuki_wasm.sandbox.base import SandboxConfig
        from akatsuki_wasm.sandbox.component.sandbox import process_component_sandbox

        settings = self._settings
        if settings is None:
            return process_component_sandbox()
        return process_component_sandbox(
            SandboxConfig(
                cache_size=settings.module_cache_size,
                aot_dir=settings.cache_dir / "compiled",
                aot_key=settings.data_dir / "compiled.key",
            )
        )
