"""A service in a process of its own for benchmarks, with an endpoint that answers a constant after the same check.

Prints ``{"port": …}`` as JSON when it answers; ends with its standard input.

usage: _service_run.py DATABASE_URL BLOB_URL DATA_DIR
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading

import uvicorn
from fastapi import Response

from akatsuki_wasm.config import load_settings
from akatsuki_wasm.server.app import create_app
from akatsuki_wasm.server.dependencies import Caller  # noqa: TC001 - FastAPI reads the annotation
from akatsuki_wasm.server.service import Service

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
    app = create_app(lambda: Service.open(settings))

    @app.post("/constant")
    async def constant(caller: Caller) -> Response:
        return Response(CONSTANT, media_type="application/json")

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))

        async def serve() -> None:
            task = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started:
                await asyncio.sleep(0.005)
            print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
            await task

        def wait() -> None:
            sys.stdin.read()
            server.should_exit = True

        threading.Thread(target=wait, daemon=True).start()
        uvloop = server.config.get_loop_factory()
        with asyncio.Runner(loop_factory=uvloop) as runner:
            runner.run(serve())


if __name__ == "__main__":
    main()
