"""The repository of executions: the history, who may see it, and figures of a module.

A row is seen by its executor and by admins. A module's owner sees figures over all of its executions, and not what
others gave to it: its code cannot tell him, so the history does not either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import joinedload

from akatsuki_wasm.errors import NotFoundError, StorageError
from akatsuki_wasm.registry import keyset, policy
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.execution_rows import ExecutionRecord, execution_id, prepare, write
from akatsuki_wasm.registry.models import ExecutionStatus, WasmExecution, WasmModule, now

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.registry.registry import Registry

PERCENTILES_OF = 10_000
"""Percentiles are of so many executions at most, the newest: what was long ago says little about now."""

Cursor = tuple["datetime", UUID]
"""`executed_at` and id of an execution: where a page ends."""

_ORDER: tuple[keyset.Key, ...] = ((WasmExecution.executed_at, True), (WasmExecution.id, True))


class HasId(Protocol):
    """A module as a row or as a `StoredModule`."""

    @property
    def id(self) -> UUID: ...


@dataclass(frozen=True)
class ExecutionStats:
    """Figures of one module's executions.

    Attributes:
        count: All executions.
        by_status: How many of ``success``, ``error`` and ``timeout``.
        p50_ms: Median time of the newest `PERCENTILES_OF` successful ones, by nearest rank, milliseconds; None without
            any.
        p95_ms: 95th percentile of the same.
        errors: How many of each kind failed, by the error's ``code``; by the status where that is not known.
    """

    count: int
    by_status: dict[ExecutionStatus, int]
    p50_ms: float | None
    p95_ms: float | None
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def success_rate(self) -> float | None:
        """From 0 to 1; None without executions."""
        return self.by_status["success"] / self.count if self.count else None


class WasmExecutionRepository:
    """Executions as `user` may see them.

    Args:
        registry: An open one.
        user: Who acts.
    """

    def __init__(self, registry: Registry, user: User) -> None:
        self._database = registry.database
        self.user = user

    def record(
        self,
        module: HasId | UUID | None,
        function_name: str,
        *,
        status: ExecutionStatus,
        execution_time_ms: float,
        memory_used_bytes: int = 0,
        cache_hit: bool = False,
        input_summary: Any = None,
        output_summary: Any = None,
        error_message: str | None = None,
        error_code: str | None = None,
        executed_at: datetime | None = None,
    ) -> UUID:
        """Writes one execution by the user; it survives the process from the moment this returns.

        Args:
            module: What was executed; when it was deleted meanwhile, the row is kept without it.
            function_name: snake_case.
            status: ``success``, ``error`` or ``timeout``.
            execution_time_ms: Of the guest's function, milliseconds.
            memory_used_bytes: Linear memory at the end.
            cache_hit: Whether the compiled module was in memory.
            input_summary: JSON-able, short: arguments are summarised, not stored whole.
            output_summary: The same for the result.
            error_message: Of a failure; kept to `MAX_TEXT_CHARS` characters.
            error_code: Of a failure: an error's ``code``.
            executed_at: Aware; now by default.

        Returns:
            The row's id.
        """
        record = ExecutionRecord(
            id=execution_id(),
            module_id=_id(module),
            user=self.user,
            function_name=function_name,
            status=status,
            execution_time_ms=execution_time_ms,
            memory_used_bytes=memory_used_bytes,
            cache_hit=cache_hit,
            input_summary=input_summary,
            output_summary=output_summary,
            error_message=error_message,
            error_code=error_code,
            executed_at=executed_at or now(),
        )
        if write(self._database, [prepare(record, sqlite=self._database.is_sqlite)]):
            raise StorageError(
                f"the registry's database {self._database.place} refuses the record of an execution",
                hint="Its status is not success, error or timeout.",
            )
        return record.id

    def list_by_module(
        self,
        module: HasId | UUID,
        *,
        limit: int = 50,
        status: ExecutionStatus | None = None,
        after: Cursor | None = None,
        own: bool = False,
    ) -> list[WasmExecution]:
        """Executions of one module that the user may see, newest first.

        Args:
            module: Whose.
            limit: At most so many.
            status: Only these.
            after: `executed_at` and id of the last execution of the page before.
            own: Only the user's own, also of an admin.
        """
        of_module = WasmExecution.module_id == _id(module)
        whose = WasmExecution.executor_id == self.user.id if own else true()
        return self._list(of_module & whose, limit, status, after)

    def list_own(
        self, *, limit: int = 50, status: ExecutionStatus | None = None, after: Cursor | None = None
    ) -> list[WasmExecution]:
        """The user's own executions, newest first; arguments as for `list_by_module`."""
        return self._list(WasmExecution.executor_id == self.user.id, limit, status, after)

    def list_recent(
        self, *, limit: int = 50, status: ExecutionStatus | None = None, after: Cursor | None = None
    ) -> list[WasmExecution]:
        """All executions that the user may see, newest first; arguments as for `list_by_module`."""
        return self._list(true(), limit, status, after)

    def stats(self, module: HasId | UUID) -> ExecutionStats:
        """Figures of a module: over all executions for its owner and admins, over his own for another user.

        Raises:
            NotFoundError: The user may not read such a module.
        """
        with self._database.read(self.user) as session:
            found = session.scalars(
                select(WasmModule).where(WasmModule.id == _id(module), policy.where(self.user, "read", WasmModule))
            ).one_or_none()
            if found is None:
                raise NotFoundError(
                    f"there is no module with the id {_id(module)}",
                    hint="`akatsuki modules list` shows the modules that you may use.",
                )
            of_module = WasmExecution.module_id == found.id
            owns = found.owner_id == self.user.id
            seen = of_module if owns else of_module & self._visible()
            if owns:  # he sees figures over what he may not see row by row
                self._database.act(session, UPKEEP)
            groups = session.execute(
                select(WasmExecution.status, WasmExecution.error_code, func.count())
                .where(seen)
                .group_by(WasmExecution.status, WasmExecution.error_code)
            ).all()
            by_status: dict[ExecutionStatus, int] = {"success": 0, "error": 0, "timeout": 0}
            errors: dict[str, int] = {}
            for status, code, count in groups:
                by_status[status] += count
                if status != "success":
                    errors[code or status] = errors.get(code or status, 0) + count
            times = _recent_times(session, seen)
            return ExecutionStats(
                count=sum(by_status.values()),
                by_status=by_status,
                p50_ms=_percentile(times, 0.5),
                p95_ms=_percentile(times, 0.95),
                errors=errors,
            )

    def _visible(self) -> ColumnElement[bool]:
        return true() if self.user.is_admin else WasmExecution.executor_id == self.user.id

    def _list(
        self, condition: ColumnElement[bool], limit: int, status: ExecutionStatus | None, after: Cursor | None
    ) -> list[WasmExecution]:
        query = (
            select(WasmExecution)
            .where(condition, self._visible())
            .order_by(*keyset.ordering(_ORDER))
            .limit(limit)
            .options(joinedload(WasmExecution.module).load_only(WasmModule.module_name, WasmModule.version))
        )
        if status is not None:
            query = query.where(WasmExecution.status == status)
        if after is not None:
            # The first says nothing new, but an index can begin there.
            query = query.where(WasmExecution.executed_at <= after[0], keyset.beyond(_ORDER, after))
        with self._database.read(self.user) as session:
            return list(session.scalars(query).all())


def _recent_times(session: Session, seen: ColumnElement[bool]) -> list[float]:
    """Times of the newest successes, milliseconds, sorted."""
    newest = (
        select(WasmExecution.execution_time_ms)
        .where(seen, WasmExecution.status == "success")
        .order_by(WasmExecution.executed_at.desc())
        .limit(PERCENTILES_OF)
    )
    return sorted(session.scalars(newest))


def _percentile(times: list[float], fraction: float) -> float | None:
    """By nearest rank."""
    return times[max(math.ceil(fraction * len(times)), 1) - 1] if times else None


def _id(module: HasId | UUID | None) -> UUID | None:
    return module if module is None or isinstance(module, UUID) else module.id
