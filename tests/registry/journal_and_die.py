"""A process whose children hand executions to a journal and are killed at a random moment. Run as a program.

Everything is imported once and the children are forked, so a round takes milliseconds. Odd rounds die by the parent's
clock; even rounds kill themselves at a random call or return of a function of the registry on the journal's thread.

Arguments: DATABASE_URL BLOB_URL ROUNDS SEED ACKNOWLEDGED. The ids of executions that were acknowledged are appended to
the file ACKNOWLEDGED, each as soon as the journal tells it.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import alembic.command  # noqa: F401 - so that a migration in a child need not import it
from registry_kit import BOB, EVE

from akatsuki_wasm.registry import Registry, registry
from akatsuki_wasm.registry.journal import ExecutionRecord, Journal, execution_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from akatsuki_wasm.errors import AkatsukiError

HOME = str(Path(registry.__file__).parent)
IN_FLIGHT = 64


def die_at(event_number: int) -> None:
    """Arranges that this process kills itself at the given call or return inside the registry, on a thread to come."""
    left = itertools.count(event_number, -1)

    def profile(frame: Any, event: str, argument: Any) -> None:
        if frame.f_code.co_filename.startswith(HOME) and next(left) <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(profile)


def journal_forever(database_url: str, blob_url: str, acknowledged: int) -> None:
    free = threading.Semaphore(IN_FLIGHT)

    def settled(ids: Sequence[UUID], error: AkatsukiError | None) -> None:
        if error is not None:
            os._exit(1)
        os.write(acknowledged, "".join(f"{each}\n" for each in ids).encode())
        free.release(len(ids))

    with Registry.open(database_url, blob_url) as store:
        journal: Journal[UUID] = Journal(store.database, settled)
        for number in itertools.count():
            free.acquire()
            record = ExecutionRecord(
                id=execution_id(),
                module_id=None,
                user=(BOB, EVE)[number % 2],
                function_name="add",
                status="success",
                execution_time_ms=1,
                input_summary=f"a={number}" * (number % 50),
            )
            journal.submit(record, record.id)


def main() -> None:
    database_url, blob_url, rounds, seed, acknowledged_path = sys.argv[1:]
    choose = random.Random(int(seed))
    acknowledged = os.open(acknowledged_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(int(rounds)):
        child = os.fork()
        if child == 0:
            if number % 2 == 0:
                die_at(choose.randrange(3_000) + number)
            journal_forever(database_url, blob_url, acknowledged)
        if number % 2:
            time.sleep(0.05 + choose.random() * 0.15)
            os.kill(child, signal.SIGKILL)
        choose.random()
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            sys.exit(f"round {number} ended by itself with status {status}")


if __name__ == "__main__":
    main()
