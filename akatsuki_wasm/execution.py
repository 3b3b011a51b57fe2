"""Executes a module's function with Python values: permission, limits, conversion, the batch lane, history."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from akatsuki_wasm.contracts import (
    MAX_TIMEOUT_MS,
    MIN_TIMEOUT_MS,
    WASM_PAGE,
    BatchValue,
    Call,
    Control,
    ExecutionResult,
    Function,
    Limits,
    RowError,
    StoredModule,
    User,
)
from akatsuki_wasm.errors import (
    AkatsukiError,
    ArgumentError,
    ExecutionCancelled,
    ExecutionTimeout,
    GuestError,
    PermissionDeniedError,
)
from akatsuki_wasm.values.arrow import is_arrow
from akatsuki_wasm.values.bind import bind
from akatsuki_wasm.values.python import lift, lower, wants_arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.module import Module
    from akatsuki_wasm.pipeline import Pipeline
    from akatsuki_wasm.registry.models import ExecutionStatus
    from akatsuki_wasm.registry.registry import Registry


OnError = Literal["raise", "null", "collect"]
MAX_ERRORS: dict[str, int | None] = {"raise": 1, "null": 0, "collect": None}
"""How many row errors are asked for with their texts; the others are counted."""


class BatchResult(NamedTuple):
    """A column, null where a row failed, and why each of those failed.

    Attributes:
        values: The column, of the caller's kind.
        errors: One for each failed row: its number from 0, whatever the index, and the function's message.
    """

    values: Any
    errors: list[RowError]


class _Reporter:
    """Calls the user's function; what it raises ends the execution, and is kept to be raised when that has ended."""

    def __init__(self, progress: Callable[[int, int], None], control: Control) -> None:
        self._progress, self._control = progress, control
        self.error: Exception | None = None

    def __call__(self, done: int, rows: int) -> None:
        if self.error is not None:
            return
        try:
            self._progress(done, rows)
        except Exception as exc:  # noqa: BLE001 - raised by the executor, past the plugin, which would be blamed for it
            self.error = exc
            self._control.cancel()


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
        control: Control | None = None,
    ) -> tuple[ExecutionResult, Any]:
        """Executes a function with Python values, checks the permission and records the execution.

        Args:
            module: A module of this workspace.
            function: One of its functions.
            args: Positional Python values.
            kwargs: Named Python values.
            timeout_ms: Time limit in milliseconds, or None for the module's.
            control: Who may cancel it.

        Returns:
            The result with its contract value, and the value as Python users hold it.

        Raises:
            ExecuteError: The call is wrong, the guest failed or a limit was met.
            PermissionDeniedError: The module is disabled, or the acting user may not execute it.
        """
        stored = self._executable_row(module)
        limits = self._limits(stored, timeout_ms)
        values = bind(function, args, kwargs)
        if _may_be_batch(values):
            from akatsuki_wasm.values.columns import is_batch

            if is_batch(function, values):
                return self._batch(module, function, values, limits, control=control)
        lowered = tuple(lower(param, value) for param, value in zip(function.params, values, strict=True))
        call = Call(function.name, lowered)
        result = self._recorded(module, call, limits, summarise_arguments(function, lowered), control)
        return result, lift(function.result, result.value, arrays=wants_arrays(args, kwargs))

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
        """Applies a function to whole columns; see `akatsuki_wasm.module.Module.batch`.

        Returns:
            The result with its `BatchValue`, and the column as the caller holds it, or a `BatchResult` where errors are
            collected.
        """
        from akatsuki_wasm.values.columns import is_batch

        if on_error not in MAX_ERRORS:
            raise ArgumentError(
                f"on_error is {on_error!r}: expected {', '.join(map(repr, MAX_ERRORS))}", hint="Leave it out to raise."
            )
        if threads is not None and (not isinstance(threads, int) or threads < 1):
            raise ArgumentError(f"threads is {threads!r}: expected 1 or more", hint="Leave it out for all cores.")
        stored = self._executable_row(module)
        limits = self._limits(stored, timeout_ms)
        values = bind(function, args, kwargs)
        if not is_batch(function, values):
            raise ArgumentError(
                f"no argument of {function.name} is a column",
                hint="Give a Series, a 1-D numpy array or an Arrow array; a list becomes one by pandas.Series(…).",
            )
        control = Control()
        reporter = None if progress is None else _Reporter(progress, control)
        control.progress = reporter
        try:
            done = self._batch(module, function, values, limits, on_error=on_error, threads=threads, control=control)
        except ExecutionCancelled:
            if reporter is None or reporter.error is None:
                raise
        if reporter is not None and reporter.error is not None:
            raise reporter.error
        return done

    def _batch(
        self,
        module: Module,
        function: Function,
        values: Sequence[Any],
        limits: Limits,
        *,
        on_error: OnError = "raise",
        threads: int | None = None,
        control: Control | None = None,
    ) -> tuple[ExecutionResult, Any]:
        from akatsuki_wasm.values.column_results import lift_batch
        from akatsuki_wasm.values.columns import lower_batch

        call = lower_batch(function, values, threads=threads, max_errors=MAX_ERRORS[on_error])
        accept = raise_row_errors if on_error == "raise" else None
        result = self._recorded(module, call, limits, f"{call.rows} rows", control, accept=accept)
        batch: BatchValue = result.value
        column = lift_batch(function, values, batch)
        return result, BatchResult(column, list(batch.errors)) if on_error == "collect" else column

    def check_permission(self, module: Module) -> None:
        """Does nothing where the user may execute a module.

        Raises:
            PermissionDeniedError: The module is disabled, or the acting user may not execute it.
        """
        self._executable_row(module)

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
        return limits_of(self._settings, stored, default if timeout_ms is None else timeout_ms)

    def _recorded(
        self,
        module: Module,
        call: Any,
        limits: Limits,
        summary: str,
        control: Control | None = None,
        *,
        accept: Callable[[Any], None] | None = None,
    ) -> ExecutionResult:
        """Executes through the plugins and writes the history row, also of a failure; `accept` may call it one."""
        started = time.perf_counter()
        try:
            result = self._pipeline().execute(module.executable, call, limits, control)
            if accept is not None:
                accept(result.value)
        except BaseException as exc:  # Ctrl-C too: what began is in the history
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
        error: BaseException | None = None,
    ) -> None:
        if module.id is None:
            return
        self._registry().executions(self._user).record(
            module.id,
            function,
            status=status,
            execution_time_ms=milliseconds,
            input_summary=summary,
            output_summary="" if result is None else summarise(result.value),
            memory_used_bytes=0 if result is None else result.memory_used_bytes,
            cache_hit=False if result is None else result.cache_hit,
            error_message=None if error is None else say(error),
            error_code=None if error is None else kind_of(error),
        )


def limits_of(settings: Settings, stored: StoredModule | None, timeout_ms: int) -> Limits:
    """Limits of an execution: the settings', and the module's own memory where that is less."""
    memory = settings.memory_bytes
    if stored is not None:
        # A module without a memory has no pages; the sandbox still wants a limit.
        memory = min(memory, max(stored.max_memory_pages, 1) * WASM_PAGE)
    return Limits(timeout_ms, memory, settings.result_bytes, settings.fuel)


def _may_be_batch(values: Sequence[Any]) -> bool:
    """Whether a value has a column's shape; told without importing pandas."""
    return any((hasattr(value, "dtype") and np.ndim(value) == 1) or is_arrow(value) for value in values)


def raise_row_errors(batch: BatchValue) -> None:
    """Does nothing where no row failed.

    Raises:
        GuestError: It names the first row that did, and how many more there are.
    """
    if not batch.errors:
        return
    first, more = batch.errors[0], len(batch.errors) - 1 + batch.unlisted
    rest = f" ({more:,} more row{'s' if more > 1 else ''} failed)" if more else ""
    raise GuestError(f"row {first.row}: {first.message}{rest}", hint="Leave those rows out, or set them to null.")


def kind_of(error: BaseException) -> str | None:
    """An error's code for the history; None where it has none."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return error.code if isinstance(error, AkatsukiError) else None


def say(error: BaseException) -> str:
    """An error for the history."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return str(error) if isinstance(error, AkatsukiError) else f"{type(error).__name__}: {error}"


def summarise_arguments(function: Function, values: Sequence[Any]) -> str:
    """Contract values of a call for the history: by name, each short."""
    return ", ".join(f"{param.name}={summarise(value)}" for param, value in zip(function.params, values, strict=True))


def summarise(value: Any) -> str:
    """A value in at most 80 characters for the history; images and arrays by their size."""
    if not isinstance(value, int | float):
        large = _summarise_large(value)
        if large is not None:
            return large
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _summarise_large(value: Any) -> str | None:
    if isinstance(value, BatchValue):
        return f"{value.rows} rows"
    if hasattr(value, "_fields") and value._fields == ("width", "height", "pixels"):
        return f"image {value.width}x{value.height}"
    if hasattr(value, "dtype") and np.ndim(value) > 0:
        return f"{len(value)} {value.dtype} values"
    if isinstance(value, bytes) and len(value) > 40:
        return f"{len(value)} bytes"
    if isinstance(value, str) and len(value) > 80:
        return f"{value[:70]!r}… ({len(value)} characters)"
    if isinstance(value, list | tuple) and len(value) > 20:
        return f"{len(value)} values"
    return None
