"""A language model that is played: an HTTP server that speaks chat completions and follows a script.

Run as a program; prints its port. ``POST /script`` takes a list of turns and forgets what was before; ``GET /requests``
gives what was asked since. A turn is an object with the message's ``content`` (and ``refusal``, ``finish_reason``,
``usage``), or with a ``status``, ``headers`` and the raw ``body``; ``stall`` waits so many seconds before the answer.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOCK = threading.Lock()
SCRIPT: list[dict[str, Any]] = []
REQUESTS: list[dict[str, Any]] = []
OVER = {"status": 400, "body": '{"error": {"message": "the script is over"}}'}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with LOCK:
            self.answer(200, json.dumps(REQUESTS) if self.path == "/requests" else "{}")

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/script":
            with LOCK:
                SCRIPT[:] = json.loads(text)
                REQUESTS.clear()
            self.answer(200, "{}")
            return
        with LOCK:
            REQUESTS.append(
                {
                    "path": self.path,
                    "headers": {name.lower(): value for name, value in self.headers.items()},
                    "body": json.loads(text),
                }
            )
            turn = SCRIPT.pop(0) if SCRIPT else OVER
        time.sleep(turn.get("stall", 0))
        body = turn["body"] if "body" in turn else completion(turn, json.loads(text)["model"])
        self.answer(turn.get("status", 200), body, turn.get("headers", {}))

    def answer(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
        data = body.encode("utf-8", "surrogatepass")
        try:
            self.send_response(status)
            for name, value in {"content-type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Is quiet."""


def completion(turn: dict[str, Any], model: str) -> str:
    message = {"role": "assistant", "content": turn.get("content"), "refusal": turn.get("refusal")}
    choice = {"index": 0, "message": message, "finish_reason": turn.get("finish_reason", "stop"), "logprobs": None}
    usage = turn.get("usage", {"prompt_tokens": 1200, "completion_tokens": 80, "total_tokens": 1280})
    facts = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": f"{model}-played"}
    return json.dumps({**facts, "choices": [choice], "usage": usage})


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)  # noqa: T201 - how the parent learns the port
    server.serve_forever()
