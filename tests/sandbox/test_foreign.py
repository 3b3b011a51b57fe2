"""Modules that were not built here are compiled in a child that cannot take more than it may."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from wat_guests import function, guest

from akatsuki_wasm.contracts import Call, Limits
from akatsuki_wasm.errors import ExecuteError, InvalidModuleError
from akatsuki_wasm.sandbox import foreign
from akatsuki_wasm.sandbox.base import SandboxConfig
from akatsuki_wasm.sandbox.sandbox import Sandbox
from akatsuki_wasm.testing.hostile_bombs import many_functions, nested_loops

SEVEN = guest('(func (export "f") (result i32) (i32.const 7))', function("f", "", "s32"), built_here=False)


def children() -> set[str]:
    """Process ids of our child processes, as Linux has them for each thread."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {pid for task in tasks for pid in task.read_text().split()}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One second of processor time, whatever the size."""
    monkeypatch.setattr(foreign, "BASE_CPU_S", 1)
    monkeypatch.setattr(foreign, "CPU_S_PER_MB", 0)


def test_it_executes_as_any_other() -> None:
    with Sandbox() as sandbox:
        first, second = (sandbox.execute(SEVEN, Call("f")) for _ in range(2))
        assert (first.value, first.cache_hit, second.cache_hit) == (7, False, True)
        assert sandbox.execute(SEVEN, Call("f"), Limits(fuel=1000)).value == 7


def test_a_bomb_is_refused_and_nothing_is_left(small: None, tmp_path: Path) -> None:
    others = children()
    bomb = guest(nested_loops(), function("f"), built_here=False)
    config = SandboxConfig(aot_dir=tmp_path / "compiled", aot_key=tmp_path / "key")
    with Sandbox(config) as sandbox:
        with pytest.raises(InvalidModuleError) as caught:
            sandbox.execute(bomb, Call("f"))
        assert str(caught.value) == (
            "compiling the module takes more than 1 s of processor time or "
            f"{(foreign.BASE_BYTES + foreign.BYTES_PER_BYTE * len(bomb.read())) // 2**20:,} MiB of memory"
        )
        assert sandbox.execute(SEVEN, Call("f")).value == 7
    assert children() <= others
    assert len(list((tmp_path / "compiled").iterdir())) == 1  # of the good one


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million functions took 5 GB."""
    monkeypatch.setattr(foreign, "BYTES_PER_BYTE", 0)
    monkeypatch.setattr(foreign, "BASE_BYTES", 500 * 2**20)
    with Sandbox() as sandbox, pytest.raises(InvalidModuleError, match=r"^compiling the module takes more than "):
        sandbox.execute(guest(many_functions(100_000), function("f"), built_here=False), Call("f"))


def test_invalid_bytes_say_the_same_as_in_process() -> None:
    wasm = b"\0asm\1\0\0\0\xff\xff"
    texts = []
    for built_here in (False, True):
        with Sandbox() as sandbox, pytest.raises(InvalidModuleError) as caught:
            sandbox.execute(guest(wasm, function("f"), built_here=built_here), Call("f"))
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


def test_an_interpreter_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign.sys, "executable", "/nowhere/python")
    with Sandbox() as sandbox, pytest.raises(ExecuteError) as caught:
        sandbox.execute(SEVEN, Call("f"))
    assert str(caught.value).endswith("the child process that compiles such could not start: No such file or directory")
    assert caught.value.hint == "see that /nowhere/python can be run"


def test_a_caller_that_is_interrupted_takes_the_child_along() -> None:
    others = children()

    class AlarmError(Exception):
        pass

    def ring(number: int, frame: object) -> None:
        raise AlarmError

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with Sandbox() as sandbox, pytest.raises(AlarmError):
            sandbox.execute(guest(nested_loops(), function("f"), built_here=False), Call("f"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert children() <= others


def test_many_threads_wait_for_one_child() -> None:
    started = []
    original = foreign.subprocess.Popen

    class Counting(original):  # type: ignore[misc,valid-type]
        def __init__(self, *args: object, **kwargs: object) -> None:
            started.append(time.monotonic())
            super().__init__(*args, **kwargs)

    with Sandbox() as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign.subprocess, "Popen", Counting)
        values: list[int] = []
        threads = [
            threading.Thread(target=lambda: values.append(sandbox.execute(SEVEN, Call("f")).value)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert values == [7] * 8
    assert len(started) == 1


def test_an_interrupt_while_the_child_starts_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    original = subprocess.Popen._execute_child  # type: ignore[attr-defined]

    def interrupted(self: subprocess.Popen[bytes], *args: object) -> None:
        original(self, *args)
        started.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "_execute_child", interrupted)
    with tempfile.TemporaryFile() as given, pytest.raises(KeyboardInterrupt):
        foreign._start([sys.executable, "-c", "import time; time.sleep(60)"], given)
    (child,) = started
    assert child.returncode == -signal.SIGKILL
