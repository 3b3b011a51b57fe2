"""How a process meets the world: signals, closed and odd streams, devices, locales, narrow terminals, two at once."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bad_input.conftest import Shell, files_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def belonging_to(mark: str) -> Iterator[str]:
    """Command lines of running processes that were started with `mark` in their environment or arguments."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            if mark.encode() in command + (process / "environ").read_bytes():
                yield command.replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile, or is not ours


def wait_for(mark: str, word: str, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not any(word in command for command in belonging_to(mark)):
        assert time.monotonic() < end, f"no {word} was started"
        time.sleep(0.02)


@pytest.mark.toolchain
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name)
def test_stopped_while_building(designed: Path, tmp_path: Path, number: signal.Signals) -> None:
    mark = tmp_path / "scratch"
    mark.mkdir()
    (tmp_path / "work").mkdir()
    shell = Shell(tmp_path / "work", tmp_path / "data", TMPDIR=str(mark))
    with shell.start("design", "wasm", "Create a vintage photo filter") as process:
        wait_for(str(mark), "rustc")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    if number is signal.SIGINT:
        assert (process.returncode, out) == (130, "")
        assert err.endswith("\ninterrupted\n")
        assert "Traceback" not in err
        assert files_of(mark) == set()
    else:
        assert process.returncode == -number
    end = time.monotonic() + 5.0
    while left := list(belonging_to(str(mark))):
        assert time.monotonic() < end, left
        time.sleep(0.05)
    assert files_of(tmp_path / "work") == set()
    assert shell("modules", "list", "--json").json == []


@pytest.mark.toolchain
@pytest.mark.usefixtures("designed")
def test_two_designs_at_once(alone: Shell) -> None:
    both = [alone.start("design", "wasm", "invert", "--name", "same") for _ in range(2)]
    for process in both:
        with process:
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
    found = alone("modules", "list", "--json").json
    assert sorted(each["version"] for each in found) == ["1.0.0", "1.1.0"]
    assert len({each["digest"] for each in found}) == 1


@pytest.mark.parametrize(
    ("closing", "code", "out", "err"),
    [
        ("<&-", 0, "3\n", ""),
        (">&-", 0, "", ""),
        ("2>&-", 0, "3\n", ""),
        ("<&- >&- 2>&-", 0, "", ""),
    ],
)
def test_closed_streams(shell: Shell, closing: str, code: int, out: str, err: str) -> None:
    command = f'exec "$@" {closing}'
    done = shell("run", "plain", "add", "1", "2", before=("sh", "-c", command, "-"))
    assert (done.code, done.out, done.err) == (code, out, err)


def test_closed_stderr_of_a_refusal(shell: Shell) -> None:
    done = shell("run", "plain", "add", "1", before=("sh", "-c", 'exec "$@" 2>&-', "-"))
    assert (done.code, done.out, done.err) == (1, "", "")


def test_devices_and_links_stay_what_they_are(shell: Shell, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link.txt").symlink_to("real.txt")
    assert shell("run", "plain", "add", "1", "2", "-o", tmp_path / "link.txt").code == 0
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "3\n"
    with shell.start("run", "plain", "add", "1", "2", "-o", tmp_path / "pipe") as process:
        assert (tmp_path / "pipe").read_text() == "3\n"
        assert process.wait(30) == 0
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    done = shell("run", "plain", "add", "1", "2", "-o", "/dev/stdout")
    assert (done.code, done.out) == (0, "3\n")


@pytest.mark.parametrize(
    ("words", "out"),
    [
        ("add -1 -2", "-3"),
        ("add -- -1 -2", "-3"),
        ("add --a -1 --b=-2", "-3"),
        ("add 1 1e3", "1001"),
        ("half nan", "NaN"),
        ("half inf", "Infinity"),
        ("half -1e400", "-Infinity"),
    ],
)
def test_odd_numbers(shell: Shell, words: str, out: str) -> None:
    done = shell("run", "plain", *words.split())
    assert (done.code, done.out, done.err) == (0, f"{out}\n", "")


@pytest.mark.toolchain
@pytest.mark.usefixtures("designed")
def test_japanese_in_a_plain_locale(alone: Shell) -> None:
    plain_c = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = ("design", "wasm", "ビンテージ風フィルターを作って", "--name", "vintage", "--no-deploy", "--json")
    done = alone(*words, environment=plain_c)
    assert (done.code, done.json["name"]) == (0, "vintage")


def test_history_of_odd_characters(alone: Shell, material: Path) -> None:
    assert alone("deploy", material / "plain.wasm").code == 0
    assert alone("run", "plain", "add", "1", "\x1b[31m").code == 1
    assert alone("run", "plain", "add", "1", "2").code == 0
    done = alone("history", environment={"PYTHONIOENCODING": "ascii"})
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    assert "a=1, b=2" in done.out


def test_narrow_terminal(shell: Shell) -> None:
    import pty

    leader, follower = pty.openpty()
    environment = {"COLUMNS": "40", "TERM": "dumb"}
    with shell.start("modules", "list", environment=environment, stdout=follower, stderr=follower) as process:
        os.close(follower)
        seen = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:  # how Linux tells that the other end was closed
                break
            if not part:
                break
            seen += part
        assert process.wait(30) == 0
    os.close(leader)
    lines = seen.decode().splitlines()
    assert "name       sleeping" in lines
    assert "status     disabled" in lines
    assert all(len(line) <= 60 for line in lines)
    assert "\x1b" not in seen.decode()


def test_a_reader_that_goes_away(shell: Shell) -> None:
    with shell.start("modules", "list", "--json") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr is not None
        assert process.stderr.read() == ""
