"""The built-in execution plugin for WASI preview 1 commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import BatchCall, Call, Control, ExecutableModule, ExecutionResult, Limits
    from akatsuki_wasm.sandbox.wasi.sandbox import CommandSandbox


class WasiPlugin:
    """Executes commands: arguments and standard input in, standard output out, and nothing else but what is granted."""

    def __init__(self) -> None:
        self._settings: Settings | None = None

    @hookimpl(trylast=True)
    def akatsuki_configure(self, settings: Settings) -> None:
        """Takes what commands are granted, the size of the module cache, and the folders for compiled modules."""
        self._settings = settings

    @hookimpl(trylast=True)
    def akatsuki_execute(
        self, module: ExecutableModule, call: Call | BatchCall, limits: Limits, control: Control
    ) -> ExecutionResult | None:
        """Executes; see `akatsuki_wasm.sandbox.wasi.sandbox.CommandSandbox.execute`."""
        if module.manifest.kind != "command":
            return None
        # Imported on a thread with a small stack, the libraries overflow it.
        from akatsuki_wasm.sandbox.stack import with_large_stack

        return with_large_stack(self._sandbox).execute(module, call, limits, control)

    def _sandbox(self) -> CommandSandbox:
        # Loads wasmtime and numpy, which a command line that executes nothing should not wait for.
        from akatsuki_wasm.sandbox.wasi.sandbox import CommandConfig, process_command_sandbox

        settings = self._settings
        if settings is None:
            return process_command_sandbox()
        return process_command_sandbox(
            CommandConfig(
                cache_size=settings.module_cache_size,
                aot_dir=settings.cache_dir / "compiled",
                aot_key=settings.data_dir / "compiled.key",
                clock="clock" in settings.wasi_grants,
                random="random" in settings.wasi_grants,
            )
        )
