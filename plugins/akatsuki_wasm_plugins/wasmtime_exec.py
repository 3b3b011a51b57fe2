"""The built-in execution plugin: wasmtime, one fresh instance for every execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import BatchCall, Call, Control, ExecutableModule, ExecutionResult, Limits
    from akatsuki_wasm.sandbox.sandbox import Sandbox


class WasmtimePlugin:
    """Executes modules of both kinds in the process's sandbox."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._used: Sandbox | None = None

    @hookimpl(trylast=True)
    def akatsuki_configure(self, settings: Settings) -> None:
        """Takes the size of the module cache, and the folders for compiled modules and their key."""
        self._settings, self._used = settings, None

    @hookimpl(trylast=True)
    def akatsuki_execute(
        self, module: ExecutableModule, call: Call | BatchCall, limits: Limits, control: Control
    ) -> ExecutionResult | None:
        """Executes; see `akatsuki_wasm.sandbox.sandbox.Sandbox.execute`."""
        if module.manifest.kind not in ("akatsuki", "core"):
            return None
        sandbox = self._used
        if sandbox is None or sandbox.closed:
            # Imported on a thread with a small stack, the libraries overflow it.
            from akatsuki_wasm.sandbox.stack import with_large_stack

            sandbox = self._used = with_large_stack(self._sandbox)
        return sandbox.execute(module, call, limits, control)

    def _sandbox(self) -> Sandbox:
        # Loads wasmtime and numpy, which a command that executes nothing should not wait for.
        from akatsuki_wasm.sandbox.base import SandboxConfig
        from akatsuki_wasm.sandbox.sandbox import process_sandbox

        settings = self._settings
        if settings is None:
            return process_sandbox()
        return process_sandbox(
            SandboxConfig(
                cache_size=settings.module_cache_size,
                aot_dir=settings.cache_dir / "compiled",
                aot_key=settings.data_dir / "compiled.key",
            )
        )
