"""A Python function plays the guest: what the executor would give for calls and batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm.checks import CheckReport, Checks, Oracle, check_module
from akatsuki_wasm.contracts import (
    BatchCall,
    BatchValue,
    Call,
    ExecutionResult,
    Function,
    Limits,
    Manifest,
    Parameter,
    RowError,
)
from akatsuki_wasm.errors import CheckError, GuestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm import wit


def function(name: str, result: wit.Type | None, *, batch: bool = True, **params: wit.Type) -> Function:
    lane = f"akatsuki:batch/{name}" if batch else None
    return Function(name, tuple(Parameter(each, type_) for each, type_ in params.items()), result, batch=lane)


class Guest:
    """Executes Python functions as if they were a module's, and counts what it was asked.

    Args:
        manifest: Its functions.
        work: By function name; each takes contract values.
    """

    def __init__(self, manifest: Manifest, **work: Callable[..., Any]) -> None:
        self.manifest, self.work = manifest, work
        self.calls: list[tuple[Any, ...]] = []
        self.batches: list[int] = []
        self.said: list[str] = []

    def __call__(self, call: Call | BatchCall, limits: Limits) -> ExecutionResult:
        work = self.work[call.function]
        if isinstance(call, Call):
            self.calls.append(call.args)
            return ExecutionResult(work(*call.args), 0.1, 0, True)
        self.batches.append(call.rows)
        values: list[Any] = []
        errors = []
        for row in range(call.rows):
            args = [
                None if column.valid is not None and not column.valid[row] else _plain(column.values[row])
                for column in call.columns
            ]
            try:
                values.append(work(*args))
            except GuestError as exc:
                errors.append(RowError(row, str(exc)))
                values.append(None)
        array = np.empty(len(values), object)
        array[:] = values
        return ExecutionResult(BatchValue(array, None, tuple(errors)), 0.1, 0, True)

    def check(self, oracle: Oracle, **checks: Any) -> CheckReport:
        return check_module(self.manifest, Checks(oracle=oracle, **checks), self, self.said.append)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def guest(described: Function, work: Callable[..., Any]) -> Guest:
    return Guest(Manifest((described,)), **{described.name: work})


def failure(played: Guest, oracle: Oracle, **checks: Any) -> CheckError:
    try:
        played.check(oracle, **checks)
    except CheckError as exc:
        return exc
    raise AssertionError("the check passed")
