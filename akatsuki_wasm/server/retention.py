"""The service's own retention: hour by hour old executions leave the history, and outdated idempotency keys go."""

from __future__ import annotations

import logging
import random
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import AkatsukiError
from akatsuki_wasm.registry import retention
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.server import idempotency

if TYPE_CHECKING:
    from akatsuki_wasm.registry.registry import Registry

log = logging.getLogger(__name__)

FIRST_SECONDS = 60.0
"""After the start; each process then waits at random, so that several do not begin at once."""
EVERY_SECONDS = 3600.0
_STOP_SECONDS = 20.0


class Retention:
    """A thread that removes what is outdated.

    Args:
        registry: An open one.
        days: The setting `retention_days`; None keeps executions for ever.
    """

    def __init__(self, registry: Registry, days: int | None) -> None:
        self._registry = registry
        self._days = days
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins."""
        self._thread = threading.Thread(target=self._work, name="retention", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends after the transaction that is under way; again is fine."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _work(self) -> None:
        wait = FIRST_SECONDS
        while not self._stopping.wait(wait * random.uniform(1, 1.5)):  # noqa: S311 - no secret
            wait = EVERY_SECONDS
            try:
                self.remove()
            except AkatsukiError as exc:
                log.warning("what is outdated could not be removed: %s", exc)

    def remove(self) -> None:
        """Removes what is outdated now.

        Raises:
            StorageError: The database failed.
        """
        idempotency.prune(self._registry, UPKEEP)
        if self._days is None:
            return
        before = datetime.now(UTC) - timedelta(days=self._days)
        removed = retention.prune(self._registry, UPKEEP, before, stopping=self._stopping.is_set)
        if removed:
            log.info("removed %d executions from before %s", removed, before.isoformat(timespec="seconds"))
