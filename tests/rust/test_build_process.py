"""The runner: lines, budgets, wall clock, exit codes, and processes that go along with their parent or do not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from akatsuki_wasm.errors import BuildError
from akatsuki_wasm.rust.build_process import Finished, run

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def shell(
    script: str, *, timeout_s: float = 20.0, tied: bool = True, output_bytes: int = 1 << 20
) -> tuple[Finished, list[bytes]]:
    lines: list[bytes] = []
    finished = run(
        ["/bin/sh", "-c", script],
        environment=ENVIRONMENT,
        timeout_s=timeout_s,
        on_line=lines.append,
        tied=tied,
        output_bytes=output_bytes,
    )
    return finished, lines


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


@pytest.mark.parametrize("tied", [True, False])
def test_lines_come_whole_and_the_last_may_lack_its_end(tied: bool) -> None:
    finished, lines = shell(
        "printf 'one\\ntwo '; sleep 0.1; printf 'and more\\n\\nthree'; echo wrong >&2; exit 7", tied=tied
    )
    assert lines == [b"one", b"two and more", b"", b"three"]
    assert (finished.code, finished.tail, finished.timed_out, finished.overflowed) == (7, ("wrong",), False, False)


def test_the_environment_is_only_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKATSUKI_SECRET", "hunter2")
    _, lines = shell("env")
    names = {line.split(b"=")[0] for line in lines}
    assert b"AKATSUKI_SECRET" not in names
    assert b"HOME" not in names


def test_there_is_no_terminal_and_nothing_to_read() -> None:
    _, lines = shell("[ -t 0 ] || [ -t 1 ] || [ -t 2 ] && echo tty; cat; echo end")
    assert lines == [b"end"]


def test_a_signal_is_told_as_a_shell_does() -> None:
    assert shell("kill -SEGV $$")[0].code == 128 + signal.SIGSEGV


def test_too_much_output_ends_it() -> None:
    finished, lines = shell("while :; do echo 0123456789; done", output_bytes=10_000)
    assert finished.overflowed
    assert sum(map(len, lines)) <= 10_000 + 2 * 65_536


def test_an_endless_line_does_not_fill_the_memory() -> None:
    finished, lines = shell("head -c 5000000 /dev/zero; echo; echo after", output_bytes=10_000_000)
    assert finished.code == 0
    assert len(lines[0]) <= (1 << 20) + 65_536
    assert lines[1:] == [b"after"]


def test_the_wall_clock_ends_grandchildren_too() -> None:
    started = time.monotonic()
    finished, lines = shell("sleep 60 & echo $!; wait", timeout_s=0.5)
    assert finished.timed_out
    assert time.monotonic() - started < 5
    assert gone(int(lines[0])) if lines else True


def test_a_child_that_outlives_the_program_is_ended() -> None:
    finished, lines = shell("sleep 60 >/dev/null 2>&1 & echo $!")
    assert finished.code == 0
    assert gone(int(lines[0]))


def test_an_exception_of_the_callback_ends_the_program() -> None:
    pids: list[int] = []

    def stop(line: bytes) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(["/bin/sh", "-c", "echo $$; sleep 60"], environment=ENVIRONMENT, timeout_s=20, on_line=stop)
    assert gone(pids[0])


def test_limits_hold() -> None:
    lines: list[bytes] = []
    run(
        ["/bin/sh", "-c", "ulimit -n; ulimit -c"],
        environment=ENVIRONMENT,
        timeout_s=20,
        on_line=lines.append,
        rlimits={"NOFILE": 99, "CORE": 0},
    )
    assert lines == [b"99", b"0"]


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    finished = run([tmp_path / "nothing"], environment=ENVIRONMENT, timeout_s=20)
    assert finished.code == 127
    assert finished.tail[0].startswith(f"{tmp_path}/nothing could not be started: ")
    with pytest.raises(BuildError, match="cannot be started"):
        run([tmp_path / "nothing"], environment=ENVIRONMENT, timeout_s=20, tied=False)


@pytest.mark.parametrize("tied", [True, False])
def test_only_a_tied_program_dies_with_its_host(tmp_path: Path, tied: bool) -> None:
    script = f"""
from akatsuki_wasm.rust.build_process import run
run(["/bin/sh", "-c", "sleep 30 >/dev/null 2>&1 & echo $! $$; exec sleep 30 >/dev/null 2>&1"],
    environment={ENVIRONMENT!r}, timeout_s=60, tied={tied},
    on_line=lambda line: print(line.decode(), flush=True))
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=root) as host:
        assert host.stdout is not None
        pids = [int(pid) for pid in host.stdout.readline().split()]
        assert all(map(alive, pids))
        host.send_signal(signal.SIGKILL)
    if tied:
        assert all(map(gone, pids))
        return
    time.sleep(0.3)
    assert all(map(alive, pids))
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
