"""Runs a program of the toolchain: its own session, lines as they come, a wall clock, and an end to the whole group."""

from __future__ import annotations

import os
import selectors
import time
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sh

from akatsuki_wasm.confinement.ladder import BASIC, NOTHING, Access, Confinement
from akatsuki_wasm.errors import BuildError, DesignCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_CHUNK = 1 << 16
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


class _Lines:
    """Cuts one stream into lines; no line grows without bound.

    sh could read the streams itself, but then unbuffered means one byte at a time, and line-buffered means that a line
    without an end fills the memory.
    """

    def __init__(self, descriptor: int, deliver: Callable[[bytes], None]) -> None:
        self.descriptor = descriptor
        self._deliver = deliver
        self._open = bytearray()

    def read(self) -> int:
        """Delivers the lines that are there; gives the number of bytes, 0 at the end of the stream.

        Raises:
            BlockingIOError: There is nothing to read now.
        """
        chunk = os.read(self.descriptor, _CHUNK)
        first, *others = chunk.split(b"\n")
        if len(self._open) < _LONGEST_LINE:  # the rest of an endless line is dropped
            self._open += first
        for other in others:
            self._deliver(bytes(self._open))
            self._open = bytearray(other)
        return len(chunk)

    def close(self) -> None:
        """Delivers a last line without a line end."""
        if self._open:
            self._deliver(bytes(self._open))
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
    confinement: Confinement = BASIC,
    access: Access = NOTHING,
    tied: bool = True,
    cancelled: Callable[[], bool] = lambda: False,
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
        rlimits: Limits of each process, by names of `resource` without ``RLIMIT_``.
        confinement: What else holds it.
        access: The files that it then reaches.
        tied: Whether the program dies with this process, however that dies. A package manager must not: to be
            killed in the middle breaks it. Such a program is not confined.
        cancelled: Asked a hundred times a second; once it says so, a tied program is killed with its whole group.

    Raises:
        BuildError: The program cannot be started.
        DesignCancelled: Its result is not wanted any more.
    """
    command = [str(argument) for argument in arguments]
    if tied:
        command = confinement.command(command, access=access, environment=environment, rlimits=rlimits)
    tail: deque[str] = deque(maxlen=_TAIL_LINES)

    def deliver_error(line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip()
        tail.append(text[:2000])
        on_error_line(text)

    started = time.monotonic()
    with ExitStack() as stack:
        (out, out_end), (err, err_end) = _pipe(stack), _pipe(stack)
        with ExitStack() as ends:  # the program alone must hold them, or the streams never end
            ends.callback(os.close, out_end)
            ends.callback(os.close, err_end)
            running = _start(command, environment, folder, out_end, err_end)
        streams = _Lines(out, on_line), _Lines(err, deliver_error)
        try:
            timed_out, left = _follow(running, streams, started + timeout_s, output_bytes, cancelled)
        except BaseException:
            if tied:
                _end(running)
            raise
        code = _end(running) if tied or timed_out or left < 0 else running.process.wait()
        if not timed_out and left >= 0:
            _drain(streams, left)
    return Finished(
        code=code if code >= 0 else 128 - code,
        timed_out=timed_out,
        overflowed=left < 0,
        tail=tuple(tail),
        seconds=time.monotonic() - started,
    )


def _pipe(stack: ExitStack) -> tuple[int, int]:
    """A pipe whose reading end does not block and is closed with `stack`."""
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    os.set_blocking(reading, False)
    return reading, writing


def _follow(
    running: sh.RunningCommand,
    streams: Sequence[_Lines],
    deadline: float,
    budget: int,
    cancelled: Callable[[], bool],
) -> tuple[bool, int]:
    """Delivers lines until the program ends; gives whether the time was up, and what is left of the budget of bytes."""
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream.descriptor, selectors.EVENT_READ, stream)
        while True:
            ready = selector.select(_POLL_S)
            for key, _ in ready:
                size = key.data.read()
                budget -= size
                if size == 0:
                    selector.unregister(key.fd)
            if cancelled():
                raise DesignCancelled
            if time.monotonic() > deadline:
                return True, budget
            if budget < 0 or (not ready and not running.is_alive()):
                return False, budget


def _drain(streams: Sequence[_Lines], budget: int) -> None:
    """Delivers what the program left in the pipes, without waiting for a child of it that still holds them."""
    for stream in streams:
        with suppress(BlockingIOError):
            while budget > 0 and (size := stream.read()):
                budget -= size
        stream.close()


def _end(running: sh.RunningCommand) -> int:
    with suppress(ProcessLookupError):  # it ended by itself
        running.process.kill_group()
    code: int = running.process.wait()
    return code


def _start(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, out: int, err: int
) -> sh.RunningCommand:
    try:
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a question of the program gets the end of a file
            return sh.Command(command[0])(
                *command[1:],
                _bg=True,  # we wait ourselves: sh's own timeout kills only the direct child
                _bg_exc=False,
                _new_session=True,  # without it, killing the group would kill this process
                _tty_out=False,
                _in=nothing,
                _out=out,
                _err=err,
                _env=dict(environment),
                _cwd=str(folder),
            )
    except (sh.CommandNotFound, sh.ForkException, OSError) as exc:
        raise BuildError(f"{command[0]} cannot be started: {exc}") from exc
