"""The built-in execution plugin for WASI preview 1 commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import BatchCall, Call, Control, ExecutableModule, ExecutionResult, Limits


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
        # Loads wasmtime and numpy, which a command line that executes nothing should not wait for.
        from akatsuki_wasm.sandbox.wasi.sandbox import CommandConfig, process_command_sandbox

        settings = self._settings
        config = CommandConfig()
        if settings is not None:
            config = CommandConfig(
                cache_size=settings.module_cache_size,
                aot_dir=settings.cache_dir / "compiled",
                aot_key=settings.data_dir / "compiled.key",
                clock="clock" in settings.wasi_grants,
                random="random" in settings.wasi_grants,
            )
        return process_command_sandbox(config).execute(module, call, limits, control)
