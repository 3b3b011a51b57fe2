"""Several processes on one registry, and processes that are killed in the middle of storing."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from registry_kit import ADMIN, BOB, EVE, Bench, urls

from akatsuki_wasm.registry import Registry
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.versions import Version

if TYPE_CHECKING:
    from collections.abc import Callable

SPAWN = multiprocessing.get_context("spawn")
ROUNDS = 60


def in_processes(count: int, work: Callable[..., object], *arguments: object) -> list[object]:
    with SPAWN.Pool(count) as pool:
        return pool.starmap(work, [(number, *arguments) for number in range(count)], chunksize=1)


def open_and_store(number: int, folder: str, times: int) -> list[str]:
    with Registry.open(*urls(Path(folder))) as registry:
        bench = Bench(registry, Path(folder))
        return [bench.store(BOB, "same", number * 100 + index).version for index in range(times)]


def test_processes_that_start_at_once_make_one_registry(tmp_path: Path) -> None:
    found = in_processes(3, open_and_store, str(tmp_path / "data"), 5)
    versions = sorted((version for each in found for version in each), key=Version.parse)  # type: ignore[attr-defined]
    assert versions == [f"1.{minor}.0" for minor in range(15)]
    with Registry.open(*urls(tmp_path / "data")) as registry:
        assert len({row.digest for row in registry.modules(BOB).list_all()}) == 15


def store_and_delete(number: int, folder: str, times: int) -> int:
    """Process 0 collects garbage until the others, who store and delete the same bytes, are done."""
    done = [Path(folder) / f"done-{each}" for each in (1, 2)]
    with Registry.open(*urls(Path(folder))) as registry:
        if number == 0:
            removed = 0
            while not all(each.exists() for each in done):
                removed += registry.collect_garbage(timedelta(seconds=-1))
            return removed + registry.collect_garbage(timedelta(seconds=-1))
        bench, user = Bench(registry, Path(folder)), (BOB, EVE)[number - 1]
        try:
            for _ in range(times):
                stored = bench.store(user, "shared-bytes", 5, source="// the same")
                assert registry.read_wasm(stored.digest)
                assert registry.source(stored) == "// the same"
                registry.modules(ADMIN).delete(stored.id)
        finally:
            done[number - 1].touch()
    return times


def test_garbage_is_collected_beside_uploads_without_taking_a_blob_away(tmp_path: Path) -> None:
    removed, *stored = in_processes(3, store_and_delete, str(tmp_path / "data"), 25)
    assert stored == [25, 25]
    assert removed
    with Registry.open(*urls(tmp_path / "data")) as registry:
        assert list(registry.blobs.list()) == []


def test_threads_share_a_registry(bench: Bench) -> None:
    failures = []

    def work(number: int) -> None:
        try:
            for index in range(5):
                stored = bench.store(BOB, f"tool-{number}", number * 10 + index)
                bench.registry.executions(BOB).record(stored, "f", status="success", execution_time_ms=1)
                bench.registry.modules(BOB).find(f"tool-{number}")
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    status = bench.registry.status()
    assert (status.modules, status.versions, status.executions) == (6, 30, 30)


def test_a_killed_process_leaves_whole_modules_only(tmp_path: Path) -> None:
    folder, acknowledged = tmp_path / "data", tmp_path / "acknowledged"
    seed = int(os.environ.get("AKATSUKI_TEST_SEED") or random.SystemRandom().randrange(2**32))
    program = Path(__file__).with_name("store_and_die.py")
    done = subprocess.run(
        [sys.executable, str(program), *urls(folder), str(ROUNDS), str(seed), str(acknowledged)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, ""), f"seed {seed}"

    with Registry.open(*urls(folder)) as registry:
        modules = registry.modules(BOB)
        rows = modules.list_all()
        for row in rows:
            stored = row.to_stored()
            assert stored.status == "active"
            assert hashlib.sha256(registry.read_wasm(stored.digest)).hexdigest() == stored.digest
            assert registry.source(stored)
            assert stored.manifest.function("add")
        told = {UUID(line) for line in acknowledged.read_text().split()}
        assert told, f"seed {seed}"
        assert told <= {row.id for row in rows}, f"seed {seed}"
        # A kill between the commit and the acknowledgement is the only way to more rows than were told of.
        assert len(rows) <= len(told) + ROUNDS
        for name in {row.module_name for row in rows}:
            versions = sorted(Version.parse(row.version) for row in rows if row.module_name == name)
            assert [version.minor for version in versions] == list(range(len(versions)))
        registry.collect_garbage(timedelta(seconds=-1))
        assert {each.digest for each in registry.blobs.list()} == {
            digest for row in rows for digest in (row.digest, row.provenance["source_digest"])
        }
        assert not list(folder.glob("blobs/**/*#*"))
        assert Bench(registry, folder).store(BOB, "afterwards").version == "1.0.0"
        with registry.database.read(UPKEEP) as session:
            assert session.connection().exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
