"""A process of the service: ``python -m akatsuki_wasm.cli.worker LISTENER READY ALIVE OPTIONS``, as `serve` starts it.

The first three are open file descriptors; the settings are in the environment.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

from akatsuki_wasm.cli.exits import guard
from akatsuki_wasm.config import load_settings
from akatsuki_wasm.server.options import Options
from akatsuki_wasm.server.service_log import configure
from akatsuki_wasm.server.serving import serve

if TYPE_CHECKING:
    from akatsuki_wasm.server.serving import StoppingServer


def run(listener: int, ready: int, alive: int, options: Options) -> None:
    """Serves on an inherited socket until it is told to stop, or until the process that started it is gone.

    Args:
        listener: Descriptor of the bound socket.
        ready: Of the pipe to say through that it answers.
        alive: Of the pipe that ends with the process that started it.
        options: How it serves.
    """

    def started() -> None:
        os.write(ready, b"1")
        os.close(ready)

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
