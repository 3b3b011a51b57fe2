"""Storage that fails: full disks, read-only folders, damaged files, locked databases. Each is one line and a hint."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from registry_kit import BOB, EVE, Bench, artifact, urls

from akatsuki_wasm.contracts import UploadTarget
from akatsuki_wasm.errors import StorageError
from akatsuki_wasm.registry import Registry, database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = os.geteuid() == 0
FREE_SPACE = "Free some space, or point AKATSUKI_DATA_DIR at another folder."


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if not ROOT or not mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)):
        pytest.skip("a file system of its own can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int) -> Path:
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_bsize
    filler = folder / "filler"
    filler.write_bytes(b"x" * (free - leave))
    return filler


def test_a_full_disk_while_a_blob_is_written(small_disk: Path) -> None:
    with Registry.open(*urls(small_disk)) as registry:
        kept = Bench(registry, small_disk).store(BOB, "kept")
        filler = fill(small_disk, 8192)
        with pytest.raises(StorageError) as caught:
            registry.store(artifact(2, "x" * 100_000), UploadTarget("tool", registry, BOB))
        assert "cannot write the blob sha256/" in str(caught.value)
        assert str(caught.value).endswith(f": the disk of {small_disk}/blobs is full")
        assert caught.value.hint == FREE_SPACE
        assert [row.module_name for row in registry.modules(BOB).list_all()] == ["kept"]
        filler.unlink()
        stored = registry.store(artifact(2, "x" * 100_000), UploadTarget("tool", registry, BOB))
        assert registry.source(stored) == "x" * 100_000
        assert registry.read_wasm(kept.digest)


def test_a_full_disk_while_a_row_is_written(small_disk: Path) -> None:
    with Registry.open(*urls(small_disk)) as registry:
        kept = Bench(registry, small_disk).store(BOB, "kept")
        filler = fill(small_disk, 0)
        generations = registry.generations(BOB)
        with pytest.raises(StorageError) as caught:
            generations.record("x" * 500_000, generator="offline", status="success", seconds=0)
        assert str(caught.value) == f"the registry's database {small_disk}/registry.db failed: the disk is full"
        assert caught.value.hint == FREE_SPACE
        filler.unlink()
        generations.record("works again", generator="offline", status="success", seconds=0)
    with Registry.open(*urls(small_disk)) as registry:
        assert registry.modules(BOB).find("kept").id == kept.id
        assert registry.generations(BOB).list(limit=1)[0].prompt == "works again"


def test_a_full_disk_when_there_is_no_registry_yet(small_disk: Path) -> None:
    fill(small_disk, 4096)
    with pytest.raises(StorageError) as caught:
        Registry.open(*urls(small_disk))
    assert str(caught.value) == f"the registry's database {small_disk}/registry.db failed: the disk is full"


def test_a_quota_on_file_sizes_while_a_blob_is_written(bench: Bench) -> None:
    """As a full disk, without root: the kernel refuses to let any file of this process grow past a limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(StorageError) as caught:
            bench.store(BOB, "tool", source="x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(caught.value).endswith(f": the disk of {bench.folder}/blobs is full")
    assert bench.registry.modules(BOB).list_all() == []
    assert bench.store(BOB, "tool", source="x" * 100_000).version == "1.0.0"


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder with a registry in it that cannot be written."""
    folder = tmp_path / "home"
    folder.mkdir()
    if ROOT and not mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)):
        pytest.skip("nothing is read-only for root without a mount")
    with Registry.open(*urls(folder / "data")) as registry:
        Bench(registry, folder / "data").store(BOB, "kept")
    if ROOT:
        assert mount("-o", "remount,ro", str(folder))
        yield folder
        subprocess.run(["umount", "-l", str(folder)], check=True)
        return
    folders = (folder, folder / "data", folder / "data" / "blobs")
    for each in folders:
        each.chmod(0o500)
    yield folder
    for each in folders:
        each.chmod(0o700)


def test_a_read_only_registry(read_only: Path) -> None:
    with pytest.raises(StorageError) as caught, Registry.open(*urls(read_only / "data")) as registry:
        Bench(registry, read_only).store(BOB, "tool", 2)
    assert str(caught.value).startswith(f"the registry's database {read_only}/data/registry.db failed: it ")
    assert caught.value.hint == "Make the folder writable, or point AKATSUKI_DATA_DIR at another one."


def test_a_read_only_home_without_a_registry(read_only: Path) -> None:
    with pytest.raises(StorageError) as caught:
        Registry.open(*urls(read_only / "new" / "data"))
    assert str(caught.value) == f"cannot make the registry's folder: {read_only}/new/data is not writable"
    assert caught.value.hint == "Make the folder writable, or point AKATSUKI_DATA_DIR at another one."


def test_a_read_only_folder_of_blobs(read_only: Path, tmp_path: Path) -> None:
    with Registry.open(urls(tmp_path)[0], (read_only / "blobs").as_uri()) as registry:
        with pytest.raises(StorageError) as caught:
            Bench(registry, tmp_path).store(BOB, "tool")
        assert str(caught.value) == f"cannot make the folder of blobs: {read_only}/blobs is not writable"
    with Registry.open(urls(tmp_path)[0], (read_only / "data" / "blobs").as_uri()) as registry:
        with pytest.raises(StorageError) as caught:
            Bench(registry, tmp_path).store(BOB, "tool", 2)
        assert str(caught.value).endswith(f": {read_only}/data/blobs is not writable")
        assert registry.modules(BOB).list_all() == []


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "registry.db").write_text("certainly not a database, but a text of some length\n" * 100)
    with pytest.raises(StorageError) as caught:
        Registry.open(*urls(tmp_path))
    assert (
        str(caught.value) == f"the registry's database {tmp_path}/registry.db failed: the file is not a SQLite database"
    )
    assert caught.value.hint == "Restore it from a backup, or move it away to begin with an empty registry."


def test_a_damaged_database(bench: Bench) -> None:
    for number in range(30):
        bench.store(BOB, f"tool-{number}", number)
    bench.registry.close()
    file = bench.folder / "registry.db"
    file.write_bytes(file.read_bytes()[:4096] + b"\xff" * (file.stat().st_size - 4096))
    with pytest.raises(StorageError) as caught, Registry.open(*urls(bench.folder)) as registry:
        registry.modules(BOB).list_all()
    assert str(caught.value) == f"the registry's database {file} failed: the file is damaged"
    assert caught.value.hint == "Restore it from a backup, or move it away to begin with an empty registry."


def test_a_folder_where_the_database_should_be(tmp_path: Path) -> None:
    (tmp_path / "registry.db").mkdir()
    with pytest.raises(StorageError) as caught:
        Registry.open(*urls(tmp_path))
    assert str(caught.value) == f"the registry's database {tmp_path}/registry.db failed: it cannot be opened or created"


def test_a_database_that_another_process_keeps_locked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    other = sqlite3.connect(bench.folder / "registry.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Registry.open(*urls(bench.folder)) as registry:
        assert registry.modules(EVE).list_all() == []  # readers do not wait
        with pytest.raises(StorageError) as caught:
            Bench(registry, bench.folder).store(BOB, "tool")
    other.close()
    assert str(caught.value) == (
        f"the registry's database {bench.folder}/registry.db failed: another process keeps it locked"
    )
    assert caught.value.hint == "Wait until that process is done, then try again."


def test_importing_the_package_brings_no_database() -> None:
    code = "import sys, akatsuki_wasm, akatsuki_wasm.registry; sys.exit('sqlalchemy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
