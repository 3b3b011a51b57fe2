"""Whether what the service stands on can be reached: the database and the storage of blobs."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import select

from akatsuki_wasm.errors import AkatsukiError, StorageError
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.models import WasmModule

if TYPE_CHECKING:
    from akatsuki_wasm.registry.registry import Registry

READY_SECONDS = 2.0
"""Within which the database and the blobs must answer."""
FRESH_SECONDS = 1.0
"""How old an answer about them may be: whoever asks often costs no more."""
_NO_BLOB = "0" * 64


class Readiness:
    """Whether the registry can be reached, asked by one thread at a time however many want to know.

    Args:
        registry: What is looked at.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._asked = -FRESH_SECONDS
        self._error: AkatsukiError | None = None
        self._asking: asyncio.Future[None] | None = None

    async def insist(self) -> None:
        """Returns where all is well. Used on the event loop.

        Raises:
            StorageError: It is not, or nothing is known in time.
        """
        if time.monotonic() - self._asked >= FRESH_SECONDS:
            if self._asking is None or self._asking.done():
                self._asking = self._begin()
            try:
                # Shielded: who waits gives up, and who asks is still asking; the next one joins it.
                await asyncio.wait_for(asyncio.shield(self._asking), READY_SECONDS)
            except TimeoutError as exc:
                raise StorageError(
                    f"the database or the storage of blobs did not answer within {READY_SECONDS:.0f} s",
                    hint="Look whether they run, and can be reached from here.",
                ) from exc
        if self._error is not None:
            raise self._error

    def _begin(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        asking: asyncio.Future[None] = loop.create_future()

        def settle(error: AkatsukiError | None) -> None:
            self._error, self._asked = error, time.monotonic()
            if not asking.done():
                asking.set_result(None)

        def work() -> None:
            error = self._ask()
            with suppress(RuntimeError):  # the loop is closed: the process stops, and nobody wants to know
                loop.call_soon_threadsafe(settle, error)

        # A daemon, not a thread of the loop's pool: a storage that does not answer must not hold the process's end.
        threading.Thread(target=work, name="akatsuki-readiness", daemon=True).start()
        return asking

    def _ask(self) -> AkatsukiError | None:
        try:
            with self._registry.database.read(UPKEEP) as session:
                session.execute(select(WasmModule.id).limit(1)).all()
            self._registry.blobs.exists(_NO_BLOB)
        except AkatsukiError as exc:
            return exc
        except Exception as exc:  # noqa: BLE001 - whatever it is, the registry cannot be used
            return StorageError(f"the registry failed unexpectedly: {exc}", hint="The log says more.")
        return None
