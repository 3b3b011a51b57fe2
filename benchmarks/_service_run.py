"""A service in a process of its own for benchmarks, with an endpoint that answers a constant after the same check.

Prints ``{"port": …}`` as JSON when it answers; ends with its standard input.

usage: _service_run.py DATABASE_URL BLOB_URL DATA_DIR
"""

from __future__ import annotations

import json
import socket
import sys
import threading

from fastapi import Response

from akatsuki_wasm.config import load_settings
from akatsuki_wasm.server.app import create_app
from akatsuki_wasm.server.dependencies import Caller  # noqa: TC001 - FastAPI reads the annotation
from akatsuki_wasm.server.options import Options
from akatsuki_wasm.server.service import Service
from akatsuki_wasm.server.serving import StoppingServer, serve_app

SECRET = "a secret of benchmarks, which is long enough"
CONSTANT = b'{"result":5,"executionTimeMs":0.01,"memoryUsedBytes":65536,"cacheHit":true,"module":{"id":"x"}}'


def main() -> None:
    """Serves until standard input ends."""
    database, blobs, folder = sys.argv[1:4]
    settings = load_settings(
        database_url=database,
        blob_url=blobs,
        data_dir=folder,
        jwt_secret=SECRET,
        user_rate=1e9,
        user_slots=64,
        execution_slots=64,
        queue_size=10_000,
        quotas={"user": {"cpu_seconds_per_day": None}},
    )
    service = Service.open(settings)
    app = create_app(lambda: service)

    @app.post("/constant")
    async def constant(caller: Caller) -> Response:
        return Response(CONSTANT, media_type="application/json")

    app.router.routes.insert(0, app.router.routes.pop())  # found at once, like the one that it is compared with

    def started() -> None:
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)

    def end_with_input(server: StoppingServer) -> None:
        def wait() -> None:
            sys.stdin.read()
            server.should_exit = True

        threading.Thread(target=wait, daemon=True).start()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        serve_app(app, service, listener, Options(), started, watch=end_with_input)


if __name__ == "__main__":
    main()
