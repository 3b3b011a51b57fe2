"""The built-in execution plugin for WebAssembly components."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import BatchCall, Call, Control, ExecutableModule, ExecutionResult, Limits


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
        # Loads wasmtime and numpy, which a command that executes nothing should not wait for.
        from akatsuki_wasm.sandbox.base import SandboxConfig
        from akatsuki_wasm.sandbox.component.sandbox import process_component_sandbox

        settings = self._settings
        config = None
        if settings is not None:
            config = SandboxConfig(
                cache_size=settings.module_cache_size,
                aot_dir=settings.cache_dir / "compiled",
                aot_key=settings.data_dir / "compiled.key",
            )
        return process_component_sandbox(config).execute(module, call, limits, control)
