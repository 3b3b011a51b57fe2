"""Runs a program of the toolchain: its own session, lines as they come, a wall clock, and an end to the whole group."""

from __future__ import annotations

import json
import os
import queue
import shutil
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sh

from akatsuki_wasm.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LAUNCHER = Path(__file__).with_name("build_launcher.py")
_LONGEST_LINE = 1 << 20
_TAIL_LINES = 40
_POLL_S = 0.01


@dataclass(frozen=True)
class Finished:
    """How a program ended.

    Attributes:
        code: Exit code; 128 + signal where a signal ended it.
        timed_out: Whether the wall clock ended it.
        overflowed: Whether it was ended because it printed too much.
        tail: The last lines of standard error.
        seconds: Wall clock.
    """

    code: int
    timed_out: bool
    overflowed: bool
    tail: tuple[str, ...]
    seconds: float


@dataclass
class _Lines:
    """Cuts a stream into lines for a queue; one budget of bytes for both streams, and no line grows without bound."""

    sink: queue.SimpleQueue[tuple[str, bytes]]
    stream: str
    budget: list[int]
    _open: bytearray = field(default_factory=bytearray)

    def write(self, chunk: bytes) -> None:
        """Called by sh in its own thread; must not raise, as that would stall the reading."""
        self.budget[0] -= len(chunk)
        if self.budget[0] < 0:
            return
        first, *others = chunk.split(b"\n")
        if len(self._open) < _LONGEST_LINE:  # the rest of an endless line is dropped
            self._open += first
        for other in others:
            self.sink.put((self.stream, bytes(self._open)))
            self._open = bytearray(other)

    def flush(self) -> None:
        """Called by sh after each chunk; the open line waits for its end."""

    def close(self) -> None:
        """Hands on a last line without a line end."""
        if self._open:
            self.sink.put((self.stream, bytes(self._open)))
            self._open = bytearray()


def run(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    timeout_s: float,
    on_line: Callable[[bytes], None] = lambda line: None,
    on_error_line: Callable[[str], None] = lambda line: None,
    folder: Path = Path("/"),
    output_bytes: int = 64 << 20,
    rlimits: Mapping[str, int] | None = None,
    tied: bool = True,
) -> Finished:
    """Runs a program to its end and gives its lines to the callbacks, in the calling thread.

    Args:
        arguments: The program's absolute path and its arguments.
        environment: The whole environment of the program.
        timeout_s: Wall clock, after which the whole process group is killed.
        on_line: Called with each line of standard output.
        on_error_line: Called with each line of standard error.
        folder: Working folder.
        output_bytes: Most that it may print before it is killed.
        rlimits: Limits for `build_launcher`.
        tied: Whether the program dies with this process, however that dies. A package manager must not: to be
            killed in the middle breaks it.

    Raises:
        BuildError: The program cannot be started.
    """
    command = [str(argument) for argument in arguments]
    if tied:
        config = json.dumps({"parent": os.getpid(), "rlimits": dict(rlimits or {})})
        python = sys.executable or shutil.which("python3") or "python3"
        command = [python, "-I", "-S", "-B", str(_LAUNCHER), config, "--", *command]
    lines: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
    budget = [output_bytes]
    sinks = _Lines(lines, "out", budget), _Lines(lines, "err", budget)
    tail: deque[str] = deque(maxlen=_TAIL_LINES)

    def deliver(stream: str, line: bytes) -> None:
        if stream == "out":
            on_line(line)
        else:
            text = line.decode("utf-8", "replace").rstrip()
            tail.append(text[:2000])
            on_error_line(text)

    started = time.monotonic()
    deadline = started + timeout_s
    running = _start(command, environment, folder, sinks)
    timed_out = False
    try:
        while True:
            try:
                deliver(*lines.get(timeout=_POLL_S))
            except queue.Empty:
                if not running.is_alive():
                    break
            timed_out = time.monotonic() > deadline
            if timed_out or budget[0] < 0:
                break
    except BaseException:
        if tied:
            _end(running)
        raise
    code = _end(running) if tied or timed_out or budget[0] < 0 else running.process.wait()
    for sink in sinks:
        sink.close()
    while not lines.empty() and not timed_out:
        deliver(*lines.get())
    return Finished(
        code=code if code >= 0 else 128 - code,
        timed_out=timed_out,
        overflowed=budget[0] < 0,
        tail=tuple(tail),
        seconds=time.monotonic() - started,
    )


def _end(running: sh.RunningCommand) -> int:
    with suppress(ProcessLookupError):  # it ended by itself
        running.process.kill_group()
    code: int = running.process.wait()
    return code


def _start(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, sinks: tuple[_Lines, _Lines]
) -> sh.RunningCommand:
    try:
        program: Any = sh.Command(command[0])  # its stubs do not know a plain object with write() as a sink
        running: sh.RunningCommand = program(
            *command[1:],
            _bg=True,  # we wait ourselves: sh's own timeout kills only the direct child
            _bg_exc=False,
            _new_session=True,  # without it, killing the group would kill this process
            _tty_out=False,
            _in=b"",  # nothing to read: a question is answered by the end of the file
            _out=sinks[0],
            _err=sinks[1],
            _out_bufsize=0,
            _err_bufsize=0,
            _no_out=True,
            _no_err=True,
            _env=dict(environment),
            _cwd=str(folder),
        )
        return running
    except (sh.CommandNotFound, sh.ForkException, OSError) as exc:
        raise BuildError(f"{command[0]} cannot be started: {exc}") from exc
