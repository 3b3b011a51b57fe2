"""Which level there is: found by trying, remembered until something changes, and lower where a part does not hold."""

from __future__ import annotations

import json
import logging
import os
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from akatsuki_wasm.confinement import bubblewrap, landlock, probe
from akatsuki_wasm.confinement.ladder import BASIC, LEVELS, Confinement
from akatsuki_wasm.errors import ToolchainError

from .conftest import at_level

REFUSING_BWRAP = """\
#!/bin/sh
echo "bwrap: setting up uid map: Permission denied" >&2
exit 1
"""
EMPTY_BWRAP = """\
#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""
"""Says that it is bubblewrap, and does nothing."""


@pytest.fixture(autouse=True)
def anew() -> None:
    probe.forget()


def program(folder: Path, text: str) -> Path:
    path = folder / "bwrap"
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_level_that_is_found_holds_what_it_says(best: Confinement) -> None:
    assert best.landlock_abi == (landlock.abi() if best.level != "basic" else 0)
    assert (best.bubblewrap is not None) == (best.level == "full")
    higher = LEVELS[LEVELS.index(best.level) + 1 :]
    assert {*best.lacking} == {*best.hints} == {*higher}


def test_without_bubblewrap_it_is_strong(best: Confinement, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    at_level(best, "strong")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = probe.find_confinement()
    assert found.level == "strong"
    assert found.lacking == {"full": "bubblewrap is not installed"}
    assert str(found) == f"strong: Landlock (ABI {landlock.abi()}), seccomp, limits"
    with pytest.raises(ToolchainError) as caught:
        found.require("full")
    assert str(caught.value) == (
        "the build sandbox is strong on this machine, but the setting require_sandbox asks for full: "
        "bubblewrap is not installed"
    )
    assert caught.value.hint == "install bubblewrap, such as with: apt-get install bubblewrap"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (REFUSING_BWRAP, "it does not start: bwrap: setting up uid map: Permission denied"),
        (EMPTY_BWRAP, "a program in it can see that a file outside exists"),
    ],
    ids=["it is not allowed to", "it does nothing"],
)
def test_a_bubblewrap_that_does_not_confine_counts_as_none(
    best: Confinement, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, problem: str
) -> None:
    at_level(best, "strong")
    program(tmp_path, text)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    found = probe.find_confinement()
    assert (found.level, dict(found.lacking)) == ("strong", {"full": problem})
    assert found.hints["full"].startswith("allow user namespaces for bwrap")


def test_without_landlock_it_is_basic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    found, certain = probe.probe()
    assert (found.level, certain) == ("basic", True)
    assert found.lacking["strong"].endswith(") has no Landlock")
    assert str(found) == "basic: limits"
    with pytest.raises(
        ToolchainError, match="is basic on this machine, but the setting require_sandbox asks for strong"
    ):
        found.require("strong")


def test_a_landlock_that_the_kernel_does_not_have_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a seccomp filter around us refuses the calls only when they are used: the launcher says so."""
    monkeypatch.setattr(
        probe, "_outcomes", lambda tried: ({}, "python could not be confined: Function not implemented")
    )
    found, certain = probe.probe()
    assert (found.level, certain) == ("basic", False)


def test_the_answer_is_kept_for_the_next_process_and_costs_it_no_program(
    best: Confinement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = probe.find_confinement(tmp_path)
    assert first == best
    probe.forget()
    monkeypatch.setattr(probe.subprocess, "run", None)
    assert probe.find_confinement(tmp_path) == best
    assert probe.find_confinement() == best
    probe.forget(tmp_path)
    assert not (tmp_path / probe.FILE).exists()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"key": 1, "found": {}}', "\0", "null"])
def test_a_file_that_is_damaged_is_made_anew(content: str, best: Confinement, tmp_path: Path) -> None:
    (tmp_path / probe.FILE).write_text(content)
    assert probe.find_confinement(tmp_path) == best
    assert json.loads((tmp_path / probe.FILE).read_text())["found"]["level"] == best.level


@pytest.mark.parametrize(
    "change",
    [{"level": "perfect"}, {"level": "full", "bubblewrap": None}, {"bubblewrap": "/tmp/bwrap"}, {"landlock_abi": None}],
)
def test_a_file_that_makes_no_sense_is_made_anew(change: dict[str, object], best: Confinement, tmp_path: Path) -> None:
    probe.find_confinement(tmp_path)
    probe.forget()
    kept = json.loads((tmp_path / probe.FILE).read_text())
    kept["found"] |= change
    (tmp_path / probe.FILE).write_text(json.dumps(kept))
    assert probe.find_confinement(tmp_path) == best


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_file_of_somebody_else_is_not_believed(best: Confinement, tmp_path: Path) -> None:
    at_level(best, "strong")
    probe.find_confinement(tmp_path)
    probe.forget()
    file = tmp_path / probe.FILE
    kept = json.loads(file.read_text())
    kept["found"] |= {"level": "basic", "bubblewrap": None, "landlock_abi": 0}
    file.write_text(json.dumps(kept))
    assert probe.find_confinement(tmp_path).level == "basic"  # whoever may write as this user may do anything
    probe.forget()
    os.chown(file, 65534, 65534)
    assert probe.find_confinement(tmp_path) == best


def test_another_bubblewrap_is_tried_again(best: Confinement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_level(best, "strong")
    assert probe.find_confinement(tmp_path) == best
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(program(tmp_path / "bin", REFUSING_BWRAP).parent))
    assert probe.find_confinement(tmp_path).level == "strong"
    monkeypatch.undo()
    assert probe.find_confinement(tmp_path) == best


def test_a_folder_that_cannot_be_written_only_costs_time(best: Confinement, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert probe.find_confinement(tmp_path / "file" / "cache") == best


def test_nothing_is_kept_where_no_program_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert probe.find_confinement(tmp_path).level == "basic"
    assert list(tmp_path.iterdir()) == []


def test_what_was_tried_is_logged(best: Confinement, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "akatsuki_wasm.confinement"):
        probe.probe()
    assert f"probed {best.level}: " in caplog.text


def test_a_lowered_level_has_only_its_own_parts(best: Confinement) -> None:
    assert best.lowered("basic") == BASIC
    if best.level == "basic":
        with pytest.raises(ToolchainError, match="there was asked for"):
            best.lowered("full")
        return
    strong = best.lowered("strong")
    assert strong.as_json() == {
        "level": "strong",
        "bubblewrap": False,
        "landlock": landlock.abi(),
        "seccomp": True,
        "limits": True,
    }


def test_a_folder_comes_before_what_lies_in_it() -> None:
    line = bubblewrap.arguments(
        Path("/usr/bin/bwrap"),
        read=[Path("/usr/lib"), Path("/w/crate/vendored"), Path("/usr")],
        write=[Path("/w")],
        environment={"A": "b"},
    )
    for option in ("--unshare-all", "--die-with-parent", "--new-session", "--clearenv"):
        assert option in line
    assert line[line.index("--cap-drop") + 1] == "ALL"
    assert line[line.index("--setenv") :][:3] == ["--setenv", "A", "b"]
    assert "/proc" not in line
    places = [(option, place) for option, place in pairwise(line) if "bind" in option]
    assert places == [
        ("--ro-bind-try", "/usr"), ("--ro-bind-try", "/usr/lib"), ("--bind", "/w"),
        ("--ro-bind-try", "/w/crate/vendored"),
    ]  # fmt: skip
    assert line[-5:] == ["--remount-ro", "/", "--chdir", "/", "--"]
