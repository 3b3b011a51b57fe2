"""An execution that was acknowledged is in the history, also when its process is killed at that moment."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path
from uuid import UUID

from registry_kit import ADMIN, BOB, urls

from akatsuki_wasm.registry import Registry

ROUNDS = 30


def test_a_killed_process_loses_no_acknowledged_execution(tmp_path: Path) -> None:
    folder, acknowledged = tmp_path / "data", tmp_path / "acknowledged"
    seed = int(os.environ.get("AKATSUKI_TEST_SEED") or random.SystemRandom().randrange(2**32))
    program = Path(__file__).with_name("journal_and_die.py")
    done = subprocess.run(
        [sys.executable, str(program), *urls(folder), str(ROUNDS), str(seed), str(acknowledged)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, ""), f"seed {seed}"
    # A line that the kill cut off was not told to anybody.
    ids = [UUID(line) for line in acknowledged.read_text().splitlines() if len(line) == 36]
    assert len(ids) > ROUNDS, f"seed {seed}"
    assert len(set(ids)) == len(ids)
    with Registry.open(*urls(folder)) as registry:
        registry.executions(BOB).record(None, "after", status="success", execution_time_ms=1)
        kept = {row.id for row in registry.executions(ADMIN).list_recent(limit=10**9)}
        assert set(ids) <= kept, f"seed {seed}"
    connection = sqlite3.connect(folder / "registry.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
