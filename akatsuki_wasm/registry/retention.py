"""Retention: executions that are older than they are to be kept leave the history."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from akatsuki_wasm.errors import PermissionDeniedError
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.models import WasmExecution

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.registry.registry import Registry

BATCH = 1_000
"""Rows that are deleted in one transaction: on SQLite others wait as long as one takes."""


def old_executions(registry: Registry, user: User, before: datetime) -> int:
    """How many executions `prune` would remove.

    Raises:
        PermissionDeniedError: The user is no admin.
    """
    _check(user)
    with registry.database.read(UPKEEP) as session:
        count = session.scalar(select(func.count()).where(WasmExecution.executed_at < before))
    return count or 0


def prune(
    registry: Registry,
    user: User,
    before: datetime,
    *,
    batch: int = BATCH,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Removes executions by all users, the oldest first, in many short transactions; others write in between.

    Args:
        registry: An open one.
        user: An admin.
        before: Aware; executions from before this time go.
        batch: Rows in one transaction.
        stopping: Asked between transactions; true ends it early.

    Returns:
        How many were removed.

    Raises:
        PermissionDeniedError: The user is no admin.
        StorageError: The database failed; what was removed before stays removed.
    """
    _check(user)
    oldest = (
        select(WasmExecution.id)
        .where(WasmExecution.executed_at < before)
        .order_by(WasmExecution.executed_at)
        .limit(batch)
    )
    total = 0
    while not stopping():
        started = time.monotonic()
        with registry.database.write_light(UPKEEP) as session:
            ids = session.scalars(oldest).all()
            if ids:
                gone = delete(WasmExecution).where(WasmExecution.id.in_(ids))
                session.execute(gone.execution_options(synchronize_session=False))
        total += len(ids)
        if len(ids) < batch:
            break
        # SQLite's writers queue by asking again and again: half of the time is theirs.
        time.sleep(time.monotonic() - started)
    return total


def _check(user: User) -> None:
    if not user.is_admin:
        raise PermissionDeniedError(
            "only an admin may remove executions from the history", hint="Leave out --as, or ask an admin."
        )
