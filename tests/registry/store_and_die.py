"""A process that stores in a loop in children and kills each of them at a random moment. Run as a program.

Everything is imported once and the children are forked, so a round takes milliseconds. Odd rounds die by the parent's
clock; even rounds kill themselves at a random call or return of a function of the registry, so that the moments between
any two of its steps are met as well, however short they are.

Arguments: DATABASE_URL BLOB_URL ROUNDS SEED ACKNOWLEDGED. Ids of what a child was told to be stored are appended to the
file ACKNOWLEDGED.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import alembic.command  # noqa: F401 - so that a migration in a child need not import it
from registry_kit import BOB, wasm_adding

from akatsuki_wasm import binary
from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.contracts import Artifact, UploadTarget
from akatsuki_wasm.registry import Registry, blobs, registry

HOME = str(Path(registry.__file__).parent)
BASE = wasm_adding(1)
MANIFEST = manifests.for_binary(BASE)


def die_at(event_number: int) -> None:
    """Arranges that this process kills itself at the given call or return inside the registry's own files."""
    left = itertools.count(event_number, -1)

    def profile(frame: Any, event: str, argument: Any) -> None:
        if frame.f_code.co_filename.startswith(HOME) and next(left) <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(profile)


def store_forever(database_url: str, blob_url: str, acknowledged: int, seed: int) -> None:
    with Registry.open(database_url, blob_url) as store:
        for number in itertools.count():
            wasm = BASE + binary.custom_section("number", f"{seed} {number}".encode())
            source = f"// {seed} {number}\n" * (1 + number % 3 * 2000)
            name = f"module-{number % 4}"
            stored = store.store(Artifact(wasm, MANIFEST, source), UploadTarget(name, store, BOB))
            os.write(acknowledged, f"{stored.id}\n".encode())
            store.executions(BOB).record(stored, "add", status="success", execution_time_ms=1)


def main() -> None:
    database_url, blob_url, rounds, seed, acknowledged_path = sys.argv[1:]
    choose = random.Random(int(seed))
    acknowledged = os.open(acknowledged_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(int(rounds)):
        child = os.fork()
        if child == 0:
            if number % 2 == 0:
                die_at(choose.randrange(600) + number)
            store_forever(database_url, blob_url, acknowledged, number)
        if number % 2:
            time.sleep(choose.random() * 0.12)
            os.kill(child, signal.SIGKILL)
        choose.random()
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            sys.exit(f"round {number} ended by itself with status {status}")


if __name__ == "__main__":
    assert blobs.obstore  # imported here and not started: its threads would not survive the fork
    main()
