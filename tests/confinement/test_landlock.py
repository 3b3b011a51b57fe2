"""What is left of the file system, for each version of the kernel's interface up to the one that is here."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from akatsuki_wasm.confinement import landlock

if TYPE_CHECKING:
    from pathlib import Path

ABI = landlock.abi() if sys.platform == "linux" else 0
pytestmark = pytest.mark.skipif(not ABI, reason="this kernel has no Landlock")


def confined(script: str, folder: Path, abi: int = ABI, **options: Any) -> Any:
    """What a script prints as JSON that may write in one folder, read another, and run what the system has."""
    start = f"""
import errno, json, os, subprocess, sys
from akatsuki_wasm.confinement import landlock
newest = landlock.abi
landlock.abi = lambda: {abi}
used = landlock.restrict(["{folder}/read"], {[sys.prefix, sys.base_prefix, "/usr", "/bin", "/lib", "/lib64"]!r},
                         ["{folder}/write"], **{options!r})
os.chdir("{folder}")
def tried(action, *arguments):
    try:
        action(*arguments)
    except OSError as exc:
        return errno.errorcode[exc.errno]
    return ""
"""
    done = subprocess.run([sys.executable, "-c", start + script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("read", "write", "write/deep", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    return tmp_path


@pytest.mark.parametrize("abi", range(1, ABI + 1))
def test_files_outside_are_gone_with_every_version_of_the_interface(folder: Path, abi: int) -> None:
    found = confined(
        """
os.symlink("../other/file", "write/link")
print(json.dumps({
    "used": used,
    "outside": [tried(open, name) for name in ("other/file", "/etc/passwd", "write/link", "read/../other/file")],
    "list": [tried(os.listdir, name) for name in ("other", "/", "read", "write")],
    "write": [tried(open, name, "w") for name in ("other/new", "other/file", "read/new", "read/file", "write/new")],
    "remove": [tried(os.unlink, name) for name in ("other/file", "read/file", "write/new")],
    "link out": tried(os.link, "other/file", "write/stolen"),
    "move out": tried(os.rename, "write/file", "other/moved"),
    "device": tried(os.mknod, "write/device", 0o600 | 0o020000, os.makedev(1, 3)),
}))""",
        folder,
        abi,
    )
    denied = "EACCES"
    assert found["used"] == abi
    assert found["outside"] == [denied] * 4
    assert found["list"] == [denied, denied, "", ""]
    assert found["write"] == [denied, denied, denied, denied, ""]
    assert found["remove"] == [denied, denied, ""]
    assert found["link out"] in {denied, "EXDEV"}
    assert found["move out"] in {denied, "EXDEV"}
    assert found["device"] in {denied, "EPERM"}


@pytest.mark.skipif(ABI < 2, reason="before its second version, Landlock allows no link into another folder")
def test_files_may_be_linked_and_moved_inside(folder: Path) -> None:
    script = """
linked = tried(os.link, "write/file", "write/deep/linked")
print(json.dumps([linked, tried(os.rename, "write/file", "write/deep/moved")]))
"""
    assert confined(script, folder) == ["", ""]


@pytest.mark.skipif(ABI < 3, reason="Landlock governs truncation since its third version")
def test_a_file_outside_cannot_be_emptied(folder: Path) -> None:
    script = 'print(json.dumps([tried(os.truncate, name, 0) for name in ("other/file", "write/file")]))'
    assert confined(script, folder) == ["EACCES", ""]
    assert (folder / "other" / "file").read_text() == "x"


@pytest.mark.parametrize("run_written", [False, True])
def test_what_was_written_runs_only_where_that_is_asked_for(folder: Path, run_written: bool) -> None:
    script = """
with open("write/program", "w") as file:
    file.write("#!/bin/sh\\n")
os.chmod("write/program", 0o755)
print(json.dumps([tried(subprocess.run, [f"{os.getcwd()}/write/program"]), tried(subprocess.run, ["/bin/true"])]))
"""
    assert confined(script, folder, run_written=run_written) == ["" if run_written else "EACCES", ""]


@pytest.mark.skipif(ABI < 6, reason="Landlock governs signals and abstract sockets since its sixth version")
def test_other_processes_are_out_of_reach_without_seccomp_too(folder: Path) -> None:
    script = "print(json.dumps([tried(os.kill, os.getppid(), 0), tried(os.kill, os.getpid(), 0)]))"
    assert confined(script, folder) == ["EPERM", ""]


def test_a_folder_to_write_must_be_there(folder: Path) -> None:
    (folder / "write" / "deep" / "file").unlink()
    (folder / "read" / "file").unlink()
    (folder / "read").rmdir()  # one to read need not
    assert confined("print(json.dumps(used))", folder) == ABI
    with pytest.raises(FileNotFoundError):
        landlock.restrict(write=[str(folder / "nowhere")])


def test_a_kernel_without_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    with pytest.raises(OSError, match="this kernel has no Landlock"):
        landlock.restrict()
