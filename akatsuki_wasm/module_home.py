"""What a module needs of the workspace that it belongs to, be its registry on this machine or on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from akatsuki_wasm.contracts import Control, ExecutableModule, ExecutionResult, Function, StoredModule
    from akatsuki_wasm.execution import OnError
    from akatsuki_wasm.module import Module
    from akatsuki_wasm.registry.models import Generation


class ModuleExecutor(Protocol):
    """Executes functions of modules with Python values; see `akatsuki_wasm.execution.Executor`."""

    def execute(
        self,
        module: Module,
        function: Function,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        timeout_ms: int | None = None,
        control: Control | None = None,
    ) -> tuple[ExecutionResult, Any]:
        """Executes a function; gives what it cost with its contract value, and the value as Python users hold it."""
        ...

    def execute_batch(
        self,
        module: Module,
        function: Function,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        on_error: OnError = "raise",
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        timeout_ms: int | None = None,
    ) -> tuple[ExecutionResult, Any]:
        """Applies a function to whole columns; gives the same."""
        ...

    def check_permission(self, module: Module) -> None:
        """Raises where the user may not execute a module."""
        ...


class ModuleHome(Protocol):
    """A workspace, as far as its modules are concerned."""

    @property
    def executor(self) -> ModuleExecutor:
        """Where they are executed."""
        ...

    def read_wasm(self, stored: StoredModule) -> bytes:
        """The bytes of a stored module."""
        ...

    def read_source(self, stored: StoredModule) -> str | None:
        """The author's Rust of a stored module, or None for one that was not built."""
        ...

    def executable(self, stored: StoredModule) -> ExecutableModule:
        """A stored module as execution plugins get it."""
        ...

    def generation(self, generation_id: str | UUID) -> Generation:
        """The record of a design."""
        ...

    def open_parts(self, stored: StoredModule | None) -> None:
        """Opens what an execution needs before threads want it, each of which would open its own."""
        ...
