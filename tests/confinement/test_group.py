"""What a confined program starts ends with it, also where it tries to leave the group that is killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.confinement.ladder import Access
from akatsuki_wasm.rust.build_process import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.confinement.ladder import Confinement

SYSTEM = Access(run=(Path("/usr"), Path("/bin")))


@pytest.fixture
def seconds() -> Iterator[str]:
    """An argument of sleep that no other program has; whatever still sleeps so is ended with the test."""
    found = f"3600.{time.monotonic_ns()}"
    yield found
    for pid in sleeping(found):
        os.kill(pid, signal.SIGKILL)


def sleeping(seconds: str) -> list[int]:
    """Processes of that command line, wherever they are."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes() == f"sleep\0{seconds}\0".encode():
                found.append(int(entry.parent.name))
        except OSError:  # it ended
            continue
    return found


def ended(seconds: str) -> bool:
    deadline = time.monotonic() + 5
    while sleeping(seconds) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not sleeping(seconds)


def confined(script: str, confinement: Confinement, *, timeout_s: float = 20.0) -> tuple[list[bytes], bool]:
    lines: list[bytes] = []
    finished = run(
        ["/bin/sh", "-c", script],
        environment={"PATH": "/usr/bin:/bin"},
        timeout_s=timeout_s,
        on_line=lines.append,
        confinement=confinement,
        access=SYSTEM,
    )
    return lines, finished.timed_out


def test_a_child_that_outlives_its_program_is_ended(confinement: Confinement, seconds: str) -> None:
    lines, _ = confined(f"sleep {seconds} >/dev/null 2>&1 & echo started", confinement)
    assert lines == [b"started"]
    assert ended(seconds)


def test_the_wall_clock_ends_all_of_them(confinement: Confinement, seconds: str) -> None:
    _, timed_out = confined(f"sleep {seconds} & wait", confinement, timeout_s=2.0)
    assert timed_out
    assert ended(seconds)


def test_nobody_leaves_the_group(confinement: Confinement, seconds: str) -> None:
    """At basic they can, which is one reason why nothing that was built may run there."""
    confined(f"setsid sleep {seconds} >/dev/null 2>&1 & sleep 0.5", confinement)
    assert ended(seconds) == (confinement.level != "basic")
