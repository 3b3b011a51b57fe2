"""A process of the service: ``python -m akatsuki_wasm.cli.worker LISTENER READY ALIVE OPTIONS``, as `serve` starts it.

The first three are open file descriptors; the settings are in the environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from akatsuki_wasm.cli.exits import guard
from akatsuki_wasm.config import load_settings
from akatsuki_wasm.server.options import Options
from akatsuki_wasm.server.service_log import configure
from akatsuki_wasm.server.serving import serve
from akatsuki_wasm.server.workers import BEAT_SECONDS

if TYPE_CHECKING:
    from akatsuki_wasm.server.serving import StoppingServer


def run(listener: int, ready: int, alive: int, options: Options) -> None:
    """Serves on an inherited socket until it is told to stop, or until the process that started it is gone.

    Args:
        listener: Descriptor of the bound socket.
        ready: Of the pipe to say through that it answers, again and again.
        alive: Of the pipe that ends with the process that started it.
        options: How it serves.
    """
    os.set_blocking(ready, False)
    os.set_inheritable(ready, False)

    def started() -> None:
        """Says that it answers, and from then on that it is alive: from the event loop, as what hangs is that."""
        with suppress(BlockingIOError, BrokenPipeError):  # nobody reads: the one that started it is busy, or gone
            os.write(ready, b"1")
        asyncio.get_running_loop().call_later(BEAT_SECONDS, started)

    def watch(server: StoppingServer) -> None:
        def wait() -> None:
            os.read(alive, 1)  # nothing is ever written
            server.should_exit = True

        threading.Thread(target=wait, name="alive", daemon=True).start()

    serve(load_settings(), socket.socket(fileno=listener), options, started, watch=watch)


def main() -> None:
    """Reads the arguments and runs."""
    *handles, options = sys.argv[1:]
    listener, ready, alive = map(int, handles)
    found = json.loads(options)
    found["hosts"] = tuple(found["hosts"])
    chosen = Options(**found)
    configure(chosen.log_level, access=chosen.access_log)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.exit(guard(lambda: run(listener, ready, alive, chosen)))


if __name__ == "__main__":
    main()
