"""Several processes of the service on one socket: started, watched, started again when one dies, stopped together.

Each worker is a new process: threads and native libraries of this one are not copied into it. It says through a pipe
that it answers, and goes on saying so; one that is silent for `Settings.hang_seconds` is killed. And it stops by itself
when another pipe ends, which happens when this process dies in whatever way.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from types import FrameType

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.server.options import Options

log = logging.getLogger(__name__)

KILL_SECONDS = 15.0
"""How much longer than `Settings.stop_seconds` workers have to stop before they are killed."""
BEAT_SECONDS = 0.5
"""How often a worker says that it is alive."""
LONGEST_PAUSE = 5.0
"""Before a worker that keeps dying is started again, seconds."""
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""As `akatsuki_wasm.server.metrics` has it, which this process need not load."""
_STABLE_SECONDS = 10.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class _Worker:
    """One worker's place.

    Attributes:
        process: The process, or None between two.
        ready: The pipe that it says it answers through.
        answers: Whether it did.
        heard: When it said so last, monotonic seconds.
        began: When it was started, monotonic seconds.
        deaths: In a row, none of which lived long.
        again_at: When to start it again.
    """

    process: subprocess.Popen[bytes] | None = None
    ready: int = -1
    answers: bool = False
    heard: float = 0.0
    began: float = 0.0
    deaths: int = 0
    again_at: float = 0.0


class Supervisor:
    """Starts and watches the workers.

    Args:
        settings: Of the service.
        listener: A bound socket that all accept on.
        options: How each serves.
        count: Of workers.
        command: That runs a worker; descriptors and options follow it.
        started: Called once all answer for the first time.
    """

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        options: Options,
        *,
        count: int,
        command: Sequence[str],
        started: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._options = options
        self._workers = [_Worker() for _ in range(count)]
        self._command = command
        self._started = started
        self._environment: dict[str, str] = {}
        self._signal: int = 0
        self._one_answered = self._all_answered = False
        self._looked = time.monotonic()
        self._alive, self._alive_here = os.pipe()
        self._wake, self._wake_here = os.pipe()

    def run(self) -> int:
        """Runs until a signal, or until the first worker cannot start.

        Returns:
            The exit code: 0, or the first worker's where it could not start; that has said why.
        """
        os.set_blocking(self._wake, False)
        os.set_blocking(self._wake_here, False)
        before = {each: signal.signal(each, self._told) for each in (*_SIGNALS, signal.SIGCHLD)}
        wakeup = signal.set_wakeup_fd(self._wake_here, warn_on_full_buffer=False)
        try:
            # Where all workers write their figures, so that whichever is asked for metrics tells those of all.
            with tempfile.TemporaryDirectory(prefix="akatsuki-metrics-") as folder:
                self._environment = {METRICS_FOLDER: folder, **os.environ, **self._settings.environment()}
                code = self._watch()
                return self._stop() or code
        finally:
            signal.set_wakeup_fd(wakeup)
            for each, handler in before.items():
                signal.signal(each, handler)
            for pipe in (self._alive, self._alive_here, self._wake, self._wake_here):
                os.close(pipe)

    def _told(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGCHLD:
            return  # it only wakes
        if self._signal:
            self._kill()
            os._exit(128 + number)
        self._signal = number

    def _watch(self) -> int:
        # One alone at first: it migrates the registry, and says what is wrong once.
        self._start(self._workers[0])
        while not self._signal:
            self._wait()
            self._kill_silent()
            for worker in self._workers:
                code = None if worker.process is None else worker.process.poll()
                if code is not None:
                    self._ended(worker)
                    if not self._one_answered:
                        return code if code > 0 else 1
                    log.warning("a worker ended with code %d; another is started in its place", code)
                if worker.process is None and self._one_answered and time.monotonic() >= worker.again_at:
                    self._start(worker)
            if not self._all_answered and all(worker.answers for worker in self._workers):
                self._all_answered = True
                self._started()
        return 0

    def _wait(self) -> None:
        """Until a worker says something, one ends, a signal comes, or it is time to start one again."""
        pipes = [worker.ready for worker in self._workers if worker.ready >= 0]
        readable, _, _ = select.select([self._wake, *pipes], [], [], BEAT_SECONDS)
        now, before = time.monotonic(), self._looked
        self._looked = now
        for worker in self._workers:
            if worker.ready in readable:
                if os.read(worker.ready, 1024):
                    worker.answers, worker.heard = True, now
                    self._one_answered = True
                else:
                    self._close(worker)
            elif now - before > 4 * BEAT_SECONDS:  # this process itself was held up, and maybe all were
                worker.heard = now
        if self._wake in readable:
            os.read(self._wake, 4096)

    def _kill_silent(self) -> None:
        """Kills workers that hang; like any other that ends, each is started again."""
        longest = self._settings.hang_seconds
        for worker in self._workers:
            if worker.process is not None and worker.answers and time.monotonic() - worker.heard > longest:
                log.error(
                    "worker %d has not said for %g s that it is alive, and is killed", worker.process.pid, longest
                )
                worker.process.kill()
                worker.answers = False

    def _start(self, worker: _Worker) -> None:
        worker.ready, theirs = os.pipe()
        worker.answers = False
        worker.began = time.monotonic()
        handles = (self._listener.fileno(), theirs, self._alive)
        try:
            worker.process = subprocess.Popen(
                [*self._command, *map(str, handles), json.dumps(asdict(self._options))],
                env=self._environment,
                pass_fds=handles,
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C in a terminal goes to this process alone, which hands it on once
            )
        finally:
            os.close(theirs)

    def _ended(self, worker: _Worker) -> None:
        lived = time.monotonic() - worker.began
        worker.deaths = 0 if lived > _STABLE_SECONDS else worker.deaths + 1
        worker.again_at = time.monotonic() + min(0.1 * 2**worker.deaths, LONGEST_PAUSE)
        worker.process = None
        self._close(worker)

    @staticmethod
    def _close(worker: _Worker) -> None:
        if worker.ready >= 0:
            os.close(worker.ready)
            worker.ready = -1

    def _stop(self) -> int:
        running = [worker.process for worker in self._workers if worker.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + self._settings.stop_seconds + KILL_SECONDS
        killed = False
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("worker %d did not stop in time and is killed", process.pid)
                killed = True
                process.kill()
                process.wait()
        for worker in self._workers:
            self._close(worker)
        return 1 if killed else 0

    def _kill(self) -> None:
        for worker in self._workers:
            if worker.process is not None and worker.process.returncode is None:
                worker.process.kill()
