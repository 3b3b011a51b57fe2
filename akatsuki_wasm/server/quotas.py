"""What an owner type of modules may cost: the longest execution, stored bytes, and what a user spent today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.models import WasmExecution, WasmModule

if TYPE_CHECKING:
    from datetime import datetime

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import OwnerType, StoredModule, User
    from akatsuki_wasm.registry.database import Database


class Quotas:
    """The limits of the settings, and the use of them as the database knows it.

    Args:
        settings: The limits.
        database: With the history of all processes.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    def execution_limit_ms(self, stored: StoredModule) -> int:
        """The longest execution of a module, whatever the caller asks for, milliseconds."""
        return min(stored.max_execution_time_ms, self._settings.quota(stored.owner_type).execution_ms)

    def stored_bytes(self, owner_type: OwnerType) -> int | None:
        """Bytes that all modules of one owner and that type may have together; None for no limit."""
        return self._settings.quota(owner_type).stored_bytes

    def spent(self, user: User, owner_type: OwnerType, since: datetime, until: datetime | None = None) -> float:
        """Seconds that a user's executions of modules of one owner type took; it asks the database.

        A module that was deleted meanwhile counts as a user's module, the only kind that its user can delete: deleting
        it does not take back what it cost.

        Args:
            user: Who executed.
            owner_type: Of the modules.
            since: Of executions from then on, aware.
            until: Before then; None for all since.

        Raises:
            StorageError: The database cannot be read.
        """
        owned = WasmModule.owner_type == owner_type
        query = (
            select(func.coalesce(func.sum(WasmExecution.execution_time_ms), 0.0))
            .join(WasmModule, WasmModule.id == WasmExecution.module_id, isouter=True)
            .where(
                WasmExecution.executor_id == user.id,
                WasmExecution.executed_at >= since,
                owned | WasmExecution.module_id.is_(None) if owner_type == "user" else owned,
            )
        )
        if until is not None:
            query = query.where(WasmExecution.executed_at < until)
        # Not as the user: a module that is no longer shared with them counts too.
        with self._database.read(UPKEEP) as session:
            return float(session.scalar(query) or 0.0) / 1000
