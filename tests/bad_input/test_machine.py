"""What the machine may lack: space, rights, the right version of the registry, Rust, a network."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import wasmtime
from PIL import Image

from tests.bad_input.conftest import PLAIN, Shell, files_of

if TYPE_CHECKING:
    from collections.abc import Callable

ELSEWHERE = "or point AKATSUKI_DATA_DIR at another"


@pytest.fixture
def wasm(tmp_path: Path) -> Path:
    path = tmp_path / "plain.wasm"
    path.write_bytes(wasmtime.wat2wasm(PLAIN))
    return path


def fill(disk: Path) -> None:
    """Takes all space that is left, to the last page."""
    with (disk / "filling").open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError:
            return


def remount_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


# ------------------------------------------------------------ a full disk


def test_full_disk_while_storing(disk: Callable[..., Path], tmp_path: Path, wasm: Path) -> None:
    place = disk("600k")
    shell = Shell(tmp_path, place / "data")
    assert shell("deploy", wasm).code == 0
    before = files_of(place)
    fill(place)
    for words in (
        ("deploy", wasm, "--name", "second"),
        ("design", "wasm", "invert"),
        ("run", "plain", "add", "1", "2"),
    ):
        done = shell(*words)
        assert (done.code, done.out) == (1, "")
        assert done.said == (
            f"the registry's database {place / 'data' / 'registry.db'} failed: the disk is full",
            f"Free some space, {ELSEWHERE} folder.",
        )
    (place / "filling").unlink()
    assert {path for path in files_of(place) if not path.endswith(("-wal", "-shm"))} <= before
    assert [each["name"] for each in shell("modules", "list", "--json").json] == ["plain"]
    assert shell("run", "plain", "add", "1", "2").out == "3\n"


@pytest.mark.toolchain
@pytest.mark.parametrize("free", [40, 56, 72])
def test_disk_that_fills_up_in_a_design(disk: Callable[..., Path], tmp_path: Path, free: int) -> None:
    """Room in KiB for the build, but not for the module's bytes, or not for its source, or not for its row."""
    place = disk("2m")
    shell = Shell(tmp_path, place / "data")
    assert shell("design", "wasm", "double(x) = 2 * x").code == 0
    fill(place)
    with (place / "filling").open("r+b") as file:
        file.truncate((place / "filling").stat().st_size - free * 1024)
    done = shell("design", "wasm", "triple(x) = 3 * x")
    assert (done.code, done.out) == (1, "")
    *_, upload, error, hint = done.err.splitlines()
    assert upload.startswith("upload   failed")
    assert error.startswith("error: ")
    assert error.endswith(" full")
    assert hint == f"hint: Free some space, {ELSEWHERE} folder."
    (place / "filling").unlink()
    assert [each["name"] for each in shell("modules", "list", "--json").json] == ["double"]
    assert shell("design", "wasm", "triple(x) = 3 * x").code == 0
    assert shell("run", "triple", "2").out == "6.0\n"


def test_full_disk_of_a_blob(disk: Callable[..., Path], tmp_path: Path, wasm: Path) -> None:
    """The database has room and the module's bytes have not: no row, and no part of a blob."""
    place = disk("64k")
    shell = Shell(tmp_path, tmp_path / "data", AKATSUKI_BLOB_URL=f"file://{place}/blobs")
    wasm.write_bytes(wasm.read_bytes() + b"\0\x84\x80\x04\1x" + bytes(65536 + 2))
    done = shell("deploy", wasm)
    assert (done.code, done.out) == (1, "")
    error, hint = done.said
    assert error.startswith("cannot write the blob sha256/")
    assert error.endswith(f": the disk of {place / 'blobs'} is full")
    assert hint == f"Free some space, {ELSEWHERE} folder."
    assert not [path for path in place.rglob("*") if path.is_file()]
    assert shell("modules", "list", "--json").json == []


@pytest.mark.toolchain
@pytest.mark.usefixtures("designed")
def test_full_disk_of_the_output(shell: Shell, disk: Callable[..., Path]) -> None:
    place = disk("16k")
    fill(place)
    done = shell("run", "vintage-filter", "vintage", "photo.jpg", "-o", place / "out.png")
    assert (done.code, done.out) == (1, "")
    assert done.said == (
        f"output is '{place / 'out.png'}': it cannot be written (no space left on device)",
        "Choose another place with --output.",
    )
    assert files_of(place) == {"filling"}


def test_full_stdout(shell: Shell) -> None:
    if not Path("/dev/full").is_char_device():
        pytest.skip("there is no /dev/full")
    for words in (("run", "plain", "add", "1", "2"), ("modules", "list", "--json")):
        with Path("/dev/full").open("w") as full:
            done = shell(*words, stdout=full)
        assert done.code == 1
        assert done.said == (
            "the output cannot be written: no space left on device",
            "Free some space there, or send the output elsewhere.",
        )


def test_file_size_limit(tmp_path: Path, wasm: Path) -> None:
    """Stands for a full disk where nothing can be mounted: a file may not grow past 1 MiB."""
    shell = Shell(tmp_path, tmp_path / "data")
    wasm.write_bytes(wasm.read_bytes() + b"\0\x84\x80\x80\1\1x" + bytes(2_097_152 + 2))
    done = shell("deploy", wasm, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    assert (done.code, done.out) == (1, "")
    error, hint = done.said
    assert error.endswith(f": the disk of {tmp_path / 'data' / 'blobs'} is full")
    assert hint == f"Free some space, {ELSEWHERE} folder."
    assert not [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()]
    assert shell("modules", "list", "--json").json == []


# ------------------------------------------------------------ rights


def test_read_only_home(disk: Callable[..., Path], tmp_path: Path, wasm: Path) -> None:
    home = disk("64k")
    remount_read_only(home)
    shell = Shell(tmp_path, home / "data", HOME=str(home), AKATSUKI_CACHE_DIR=str(home / "cache"))
    for words in (("modules", "list"), ("deploy", wasm), ("design", "wasm", "invert")):
        done = shell(*words)
        assert (done.code, done.out) == (1, "")
        assert done.said == (
            f"cannot make the registry's folder: {home / 'data'} is not writable",
            f"Make the folder writable, {ELSEWHERE} one.",
        )
    done = shell("doctor")
    assert "Set AKATSUKI_DATA_DIR to a folder you can write." in done.out
    assert done.code in {1, 4}


def test_read_only_registry(disk: Callable[..., Path], tmp_path: Path, wasm: Path) -> None:
    place = disk("2m")
    shell = Shell(tmp_path, place / "data")
    assert shell("deploy", wasm).code == 0
    remount_read_only(place)
    for words in (("modules", "list"), ("run", "plain", "add", "1", "2"), ("deploy", wasm)):
        done = shell(*words)
        assert (done.code, done.out) == (1, "")
        assert done.said == (
            f"the registry's database {place / 'data' / 'registry.db'} failed: "
            "it is read-only, and using it writes beside it",
            f"Make the folder writable, {ELSEWHERE} one.",
        )


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    done = Shell(tmp_path, tmp_path / "data")("modules", "list")
    assert (done.code, done.out) == (1, "")
    assert done.said == (
        f"cannot make the registry's folder in {tmp_path / 'data'}: it is a file, and a folder is expected",
        f"Make the folder writable, {ELSEWHERE} one.",
    )


# ------------------------------------------------------------ the registry's version


@pytest.mark.parametrize(
    "words", ["modules list", "run plain add 1 2", "deploy plain.wasm", "db status", "db push", "design wasm invert"]
)
def test_newer_database(data: Path, tmp_path: Path, wasm: Path, words: str) -> None:
    shutil.copytree(data, tmp_path / "data")
    database = tmp_path / "data" / "registry.db"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE akatsuki_schema_version SET version_num = 'akatsuki_9999'")
    connection.close()
    before = database.read_bytes()
    done = Shell(tmp_path, tmp_path / "data")(*words.split())
    assert (done.code, done.out) == (1, "")
    error, hint = done.said
    assert error.startswith(
        f"the registry's database {database} is of a newer version: its schema is akatsuki_9999, this program knows "
    )
    assert hint == "Upgrade akatsuki-wasm, or choose another AKATSUKI_DATA_DIR."
    assert database.read_bytes() == before


def test_a_folder_in_place_of_the_database(tmp_path: Path) -> None:
    (tmp_path / "data" / "registry.db").mkdir(parents=True)
    done = Shell(tmp_path, tmp_path / "data")("modules", "list")
    assert (done.code, done.out) == (1, "")
    assert done.said == (
        f"the registry's database {tmp_path / 'data' / 'registry.db'} failed: it cannot be opened or created",
        f"Make the folder writable, {ELSEWHERE} one.",
    )


def test_no_database(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "registry.db").write_text("garbage, and plenty of it\n" * 100)
    done = Shell(tmp_path, tmp_path / "data")("modules", "list")
    assert (done.code, done.out) == (1, "")
    assert done.said == (
        f"the registry's database {tmp_path / 'data' / 'registry.db'} failed: the file is not a SQLite database",
        "Restore it from a backup, or move it away to begin with an empty registry.",
    )


# ------------------------------------------------------------ no Rust, no network

# A plugin that looks for Rust where there is none; /usr/bin is looked at whatever PATH says.
NO_RUST = """
from pathlib import Path
from akatsuki_wasm.rust import toolchain

toolchain.Host.__dataclass_fields__["debian_bin"].default = Path("/nonexistent")
original = toolchain.Host.__init__

def without(self, path, rustup_home, debian_bin=Path("/nonexistent"), **rest):
    original(self, path=path, rustup_home=rustup_home, debian_bin=debian_bin, **rest)

toolchain.Host.__init__ = without
"""


@pytest.fixture
def no_rust(tmp_path: Path) -> Shell:
    """A machine without Rust: an empty PATH, an empty cache, and no distribution's folder."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_RUST)
    return Shell(
        tmp_path,
        tmp_path / "data",
        PATH=str(tmp_path / "bin"),
        PYTHONPATH=str(tmp_path / "site"),
        HOME=str(tmp_path),
        RUSTUP_HOME=str(tmp_path / "rustup"),
        AKATSUKI_CACHE_DIR=str(tmp_path / "cache"),
    )


def test_no_rust(no_rust: Shell) -> None:
    (no_rust.folder / "f.rs").write_text("pub fn f() -> u8 { 1 }\n")
    for words in (("design", "wasm", "invert"), ("build", "f.rs")):
        done = no_rust(*words)
        assert (done.code, done.out) == (4, "")
        assert done.said == (
            "no Rust is installed: expected rustc and cargo with wasm32 support",
            "Run: akatsuki toolchain install",
        )
    done = no_rust("design", "wasm", "invert", "--json")
    assert (done.code, done.err) == (4, "")
    assert done.json["error"]["code"] == "toolchain"
    assert no_rust("modules", "list", "--json").json == []
    done = no_rust("toolchain", "status")
    assert (done.code, done.err) == (4, "hint: run: akatsuki toolchain install\n")
    done = no_rust("toolchain", "install")
    assert (done.code, done.out) == (4, "")
    assert done.said == (
        "no Rust toolchain could be installed: expected rustup or apt-get on PATH, found neither",
        "Install rustup (rustup.rs), then run: akatsuki toolchain install",
    )


def test_install_without_network(no_rust: Shell) -> None:
    """rustup as it fails offline."""
    rustup = no_rust.folder / "bin" / "rustup"
    rustup.write_text(
        "#!/bin/sh\necho 'info: syncing channel updates' >&2\necho 'error: could not download' >&2\nexit 1\n"
    )
    rustup.chmod(0o755)
    command = "rustup toolchain install stable --profile minimal --target wasm32-unknown-unknown --no-self-update"
    done = no_rust("toolchain", "install")
    assert (done.code, done.out) == (4, "")
    assert done.said == (
        f"no Rust toolchain could be installed: '{command}' failed: error: could not download",
        f"Check the network, then run: {command}",
    )


@pytest.mark.toolchain
def test_design_without_network(designed: Path, material: Path, tmp_path: Path) -> None:
    """The whole path from a sentence to a picture in a network namespace that has not even a loopback device up."""
    unshare = ("unshare", "-n")
    probe = subprocess.run([*unshare, "true"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"a network namespace cannot be made: {probe.stderr.strip()}")
    shell = Shell(material, tmp_path / "data")
    done = shell("design", "wasm", "invert", "--name", "offline", before=unshare)
    assert (done.code, done.out.splitlines()[0]) == (0, "module    offline@1.0.0")
    done = shell("run", "offline", "photo.jpg", "-o", tmp_path / "out.png", before=unshare)
    assert (done.code, done.err) == (0, "")
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (60, 40)
