"""Executes a module's function with Python values: permission, limits, conversion, the batch lane, history."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm.contracts import (
    MAX_TIMEOUT_MS,
    MIN_TIMEOUT_MS,
    WASM_PAGE,
    BatchValue,
    Call,
    ExecutionResult,
    Function,
    Limits,
    StoredModule,
    User,
)
from akatsuki_wasm.errors import AkatsukiError, ArgumentError, ExecutionTimeout, GuestError, PermissionDeniedError
from akatsuki_wasm.values.bind import bind
from akatsuki_wasm.values.python import lift, lower, wants_arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.module import Module
    from akatsuki_wasm.pipeline import Pipeline
    from akatsuki_wasm.registry.models import ExecutionStatus
    from akatsuki_wasm.registry.registry import Registry


class Executor:
    """Executes for one user.

    Args:
        settings: Default limits.
        user: Who executes.
        registry: Gives the registry; called only for modules that are in one.
        pipeline: Gives the way to the execution plugins.
    """

    def __init__(
        self, settings: Settings, user: User, registry: Callable[[], Registry], pipeline: Callable[[], Pipeline]
    ) -> None:
        self._settings = settings
        self._user = user
        self._registry = registry
        self._pipeline = pipeline

    def execute(
        self,
        module: Module,
        function: Function,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        timeout_ms: int | None = None,
    ) -> tuple[ExecutionResult, Any]:
        """Executes a function with Python values, checks the permission and records the execution.

        Args:
            module: A module of this workspace.
            function: One of its functions.
            args: Positional Python values.
            kwargs: Named Python values.
            timeout_ms: Time limit in milliseconds, or None for the module's.

        Returns:
            The result with its contract value, and the value as Python users hold it.

        Raises:
            ExecuteError: The call is wrong, the guest failed or a limit was met.
            PermissionDeniedError: The module is disabled, or the acting user may not execute it.
        """
        stored = self._executable_row(module)
        limits = self._limits(stored, timeout_ms)
        values = bind(function, args, kwargs)
        call: Any
        if _may_be_batch(values):
            from akatsuki_wasm.values.columns import is_batch, lift_batch, lower_batch

            if is_batch(function, values):
                call = lower_batch(function, values)
                result = self._recorded(module, call, limits, f"{call.rows} rows")
                batch: BatchValue = result.value
                _raise_row_errors(batch)
                return result, lift_batch(function, values, batch)
        lowered = tuple(lower(param, value) for param, value in zip(function.params, values, strict=True))
        call = Call(function.name, lowered)
        result = self._recorded(module, call, limits, _summarise_arguments(function, lowered))
        return result, lift(function.result, result.value, arrays=wants_arrays(args, kwargs))

    def _executable_row(self, module: Module) -> StoredModule | None:
        if module.id is None:
            return None
        row = self._registry().modules(self._user).get(module.id)
        if row.status != "active":
            raise PermissionDeniedError(
                f"{row.module_name}@{row.version} is {row.status}: only active modules execute",
                hint=f"An owner or admin can enable it: akatsuki modules enable {row.module_name}@{row.version}",
            )
        if not row.can_execute(self._user):
            raise PermissionDeniedError(
                f"{self._user.name} may not execute {row.module_name}@{row.version}",
                hint="Ask its owner to share it: akatsuki modules share",
            )
        return module.stored

    def _limits(self, stored: StoredModule | None, timeout_ms: int | None) -> Limits:
        default = self._settings.timeout_ms if stored is None else stored.timeout_ms
        longest = MAX_TIMEOUT_MS if stored is None else stored.max_execution_time_ms
        if timeout_ms is not None and not MIN_TIMEOUT_MS <= timeout_ms <= longest:
            raise ArgumentError(
                f"timeout_ms is {timeout_ms}: expected {MIN_TIMEOUT_MS} to {longest}",
                hint=f"Leave it out for the module's own, {default}.",
            )
        memory = self._settings.memory_bytes
        if stored is not None:
            # A module without a memory has no pages; the sandbox still wants a limit.
            memory = min(memory, max(stored.max_memory_pages, 1) * WASM_PAGE)
        return Limits(default if timeout_ms is None else timeout_ms, memory, self._settings.result_bytes)

    def _recorded(self, module: Module, call: Any, limits: Limits, summary: str) -> ExecutionResult:
        """Executes through the plugins and writes the history row, also of a failure."""
        started = time.perf_counter()
        try:
            result = self._pipeline().execute(module.executable, call, limits)
        except AkatsukiError as exc:
            status: ExecutionStatus = "timeout" if isinstance(exc, ExecutionTimeout) else "error"
            self._record(module, call.function, summary, status, (time.perf_counter() - started) * 1e3, error=exc)
            raise
        self._record(module, call.function, summary, "success", result.execution_time_ms, result=result)
        return result

    def _record(
        self,
        module: Module,
        function: str,
        summary: str,
        status: ExecutionStatus,
        milliseconds: float,
        *,
        result: ExecutionResult | None = None,
        error: AkatsukiError | None = None,
    ) -> None:
        if module.id is None:
            return
        self._registry().executions(self._user).record(
            module.id,
            function,
            status=status,
            execution_time_ms=milliseconds,
            input_summary=summary,
            output_summary="" if result is None else _summarise(result.value),
            memory_used_bytes=0 if result is None else result.memory_used_bytes,
            cache_hit=False if result is None else result.cache_hit,
            error_message=None if error is None else str(error),
        )


def _may_be_batch(values: Sequence[Any]) -> bool:
    """Whether a value has a column's shape; told without importing pandas."""
    return any(hasattr(value, "dtype") and np.ndim(value) == 1 for value in values)


def _raise_row_errors(batch: BatchValue) -> None:
    if not batch.errors:
        return
    first, more = batch.errors[0], len(batch.errors) - 1
    rest = f" ({more} more rows failed)" if more else ""
    raise GuestError(f"row {first.row}: {first.message}{rest}", hint="Leave those rows out, or set them to null.")


def _summarise_arguments(function: Function, values: Sequence[Any]) -> str:
    return ", ".join(f"{param.name}={_summarise(value)}" for param, value in zip(function.params, values, strict=True))


def _summarise(value: Any) -> str:
    """A value in at most 80 characters for the history; images and arrays by their size."""
    if isinstance(value, BatchValue):
        return f"{value.rows} rows"
    if hasattr(value, "_fields") and value._fields == ("width", "height", "pixels"):
        return f"image {value.width}x{value.height}"
    if hasattr(value, "dtype") and np.ndim(value) > 0:
        return f"{len(value)} {value.dtype} values"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
