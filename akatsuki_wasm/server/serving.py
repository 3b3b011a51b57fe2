"""One process of the service: uvicorn with this service's limits, and how it stops.

At the first SIGTERM or SIGINT no connection is taken any more and nothing new is begun; what is under way has
`Settings.stop_seconds`, is cancelled then and has a moment to be answered and recorded; the history is written; the
exit code is 0. At a second signal the process ends at once, with 128 and the signal's number as a shell would say it;
every execution that was answered is in the history by then anyway.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from akatsuki_wasm.server.app import create_app
from akatsuki_wasm.server.hosts import HostCheck
from akatsuki_wasm.server.protocol import GuardedProtocol
from akatsuki_wasm.server.service import Service
from akatsuki_wasm.server.warming import settle_process

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from types import FrameType

    from starlette.types import ASGIApp

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.server.options import Options

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open: longer than the 60 s of nginx, which would otherwise use one as it closes."""
ANSWER_SECONDS = 3.0
"""How long what was cancelled has to answer."""
MOST_FILES = 65_536
"""Files that a process opens at once, where it may."""
END_SECONDS = 5.0
"""How long threads that do not end hold the process up after all is written."""


class StoppingServer(uvicorn.Server):
    """uvicorn's server that stops as the module says.

    Args:
        config: Of uvicorn.
        service: Whose requests they are.
        started: Called once it answers.
    """

    def __init__(self, config: uvicorn.Config, service: Service, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._service = service
        self._on_start = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()
        threading.Thread(target=settle_process, name="akatsuki-settling", daemon=True).start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Takes the signals over; unlike uvicorn's own, it does not die of them in the end."""
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        self._service.begin_stop()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if not await self._all_answered(self._service.settings.stop_seconds):
            self._service.cancel_running()
            await self._all_answered(ANSWER_SECONDS)
        left = list(self.server_state.tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1)
        await self.lifespan.shutdown()
        # A thread that does not end would hold the process up for good; nothing is lost with it any more.
        last = threading.Timer(END_SECONDS, os._exit, (0,))
        last.daemon = True
        last.start()

    async def _all_answered(self, seconds: float) -> bool:
        deadline = asyncio.get_running_loop().time() + seconds
        while self.server_state.tasks:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            await asyncio.wait(list(self.server_state.tasks), timeout=left)
            await asyncio.sleep(0)  # a pipelined request begins in the last one's end
        return True


def serve(
    settings: Settings,
    listener: socket.socket,
    options: Options,
    started: Callable[[], None],
    *,
    watch: Callable[[StoppingServer], None] | None = None,
) -> None:
    """Serves until the process is told to stop.

    Args:
        settings: Of the service.
        listener: A bound socket; it is closed at the end.
        options: How it serves.
        started: Called once it answers.
        watch: Given the server before it runs, so that it may be stopped otherwise than by a signal.

    Raises:
        StorageError: The registry cannot be opened.
        ConfigError: A setting is wrong.
    """
    service = Service.open(settings)
    serve_app(create_app(lambda: service), service, listener, options, started, watch=watch)


def serve_app(
    app: ASGIApp,
    service: Service,
    listener: socket.socket,
    options: Options,
    started: Callable[[], None],
    *,
    watch: Callable[[StoppingServer], None] | None = None,
) -> None:
    """As `serve`, with an application that was made of a service."""
    _allow_many_files()
    if options.hosts:
        app = HostCheck(app, options.hosts)
    config = uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        workers=1,
        log_config=None,
        access_log=options.access_log,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        forwarded_allow_ips="*" if options.trust_all_proxies else None,
    )
    server = StoppingServer(config, service, started)
    if watch is not None:
        watch(server)
    server.run([listener])


def _allow_many_files() -> None:
    """Raises the limit of open files, of which each connection is one, to what the process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
