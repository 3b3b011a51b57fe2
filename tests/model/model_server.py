"""A language model that is played: an HTTP server that speaks the Responses API and chat completions by a script.

Run as a program; prints its port. What it answers without delay is made by `model_wire`, streamed or not, as asked.

``POST /script`` takes a list of turns and forgets what was before; ``GET /requests`` gives what was asked since. A turn
is an object with:

* ``content``, or ``answer`` (an object, said as JSON where a schema was asked for), and perhaps ``refusal``,
  ``finish_reason`` (``length``, ``content_filter``), ``usage``, ``reasoning``, ``model``, ``pieces`` (their size, or a
  list of them), ``failed`` (a code and a message in the middle of a stream);
* or ``status``, ``headers`` and the raw ``body``; or ``raw``: the stream's own text, whatever it is;
* ``stall``: seconds to wait before the answer, or after the piece that ``stall_at`` numbers; ``drip``: seconds between
  the pieces; ``drop``: the number of the event in whose middle the connection breaks; ``stream``: false for one body.

``POST /serves`` says what this server is: ``responses`` and ``chat`` (true, or the name of a server whose words say
that it has none: ``ollama``, ``llama.cpp``, ``vllm``, ``lmstudio``, ``nginx``, ``405``, ``501``), ``schema``,
``stream``, ``stream_options``, ``store`` (false: rejected or not known), ``models`` (a list), ``rejects`` (parameters),
``key``, and ``always`` (the turn that answers whatever the script does not).

By hand: ``python tests/model/model_server.py --port 8080 --answer FILE`` answers every question with a file's text.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from model_wire import Chat, Responses

LOCK = threading.Lock()
SCRIPT: list[dict[str, Any]] = []
REQUESTS: list[dict[str, Any]] = []
SERVES: dict[str, Any] = {}
ALWAYS: dict[str, Any] = {}
OVER = {"status": 400, "body": '{"error": {"message": "the script is over"}}'}
WAYS = {"/responses": ("responses", Responses), "/chat/completions": ("chat", Chat)}
MISSING: dict[str, tuple[int, str, str]] = {
    "ollama": (404, "text/plain", "404 page not found"),
    "llama.cpp": (404, "application/json", '{"error":{"code":404,"message":"File Not Found","type":"not_found"}}'),
    "vllm": (404, "application/json", '{"detail":"Not Found"}'),
    "lmstudio": (200, "application/json", '{"error":"Unexpected endpoint or method. (POST /v1/responses)"}'),
    "nginx": (404, "text/html", "<html><head><title>404 Not Found</title></head></html>"),
    "405": (405, "application/json", '{"detail":"Method Not Allowed"}'),
    "501": (501, "application/json", '{"error":{"message":"Not Implemented"}}'),
}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        with LOCK:
            self.answer(200, json.dumps(REQUESTS) if self.path == "/requests" else "{}")

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path in {"/script", "/serves"}:
            with LOCK:
                if self.path == "/script":
                    SCRIPT[:] = json.loads(text)
                    REQUESTS.clear()
                else:
                    SERVES.clear()
                    SERVES.update(json.loads(text))
            self.answer(200, "{}")
            return
        asked = json.loads(text)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.request_seen = {"path": self.path, "headers": headers, "body": asked, "left": False}
        with LOCK:
            REQUESTS.append(self.request_seen)
            refused = self.refused(asked, headers)
            turn = refused or (SCRIPT.pop(0) if SCRIPT else SERVES.get("always") or ALWAYS or OVER)
        try:
            self.follow(turn, asked)
        except (BrokenPipeError, ConnectionResetError):
            self.left()

    def refused(self, asked: dict[str, Any], headers: dict[str, str]) -> dict[str, Any] | None:
        """What a server of this kind says before any model sees the question, or None."""
        way = next((name for end, (name, _) in WAYS.items() if self.path.endswith(f"/v1{end}")), "")
        has = SERVES.get(way, True) if way else "openai"
        if has is not True:
            status, kind, body = MISSING.get(str(has), (404, "application/json", error("Invalid URL")))
            return {"status": status, "body": body, "headers": {"content-type": kind}}
        if "key" in SERVES and headers.get("authorization") != f"Bearer {SERVES['key']}":
            return {"status": 401, "body": error("Incorrect API key provided", code="invalid_api_key")}
        if asked["model"] not in SERVES.get("models", [asked["model"]]):
            return {
                "status": 404,
                "body": error(f"The model `{asked['model']}` does not exist", code="model_not_found"),
            }
        for name in ("schema", "stream_options", "store"):
            given = self.schema_of(asked) if name == "schema" else asked.get(name)
            if given is not None and SERVES.get(name) is False:
                shown = {"schema": "text.format" if way == "responses" else "response_format"}.get(name, name)
                return {"status": 400, "body": error(f"'{shown}' of this kind is not supported", param=shown)}
        for name in SERVES.get("rejects", ()):
            if name in asked:
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                return {"status": 400, "body": error(message, param=name, code="unsupported_parameter")}
        return wrong_schema(self.schema_of(asked))

    def schema_of(self, asked: dict[str, Any]) -> Any:
        return asked.get("text", {}).get("format") or asked.get("response_format")

    def follow(self, turn: dict[str, Any], asked: dict[str, Any]) -> None:
        """Answers as the turn says."""
        stalls_at = turn.get("stall_at", 0)
        if not stalls_at and self.waits(turn.get("stall", 0)):
            return
        if "body" in turn or "status" in turn:
            self.answer(turn.get("status", 200), turn.get("body", ""), turn.get("headers", {}))
            return
        spoken = next(kind for end, (_, kind) in WAYS.items() if self.path.endswith(end))(turn, asked)
        if "raw" in turn:
            self.start_stream()
            self.chunk(turn["raw"])
            self.chunk("")
            return
        streams = asked.get("stream") is True and SERVES.get("stream", True) and turn.get("stream", True)
        if not streams:
            self.answer(200, spoken.body(), turn.get("headers", {}))
            return
        self.start_stream()
        steps = {"drop", "drip", "stall_at"} & turn.keys()
        if not steps:
            self.chunk("".join(spoken.events()))
        for number, event in enumerate(spoken.events() if steps else (), 1):
            if number == turn.get("drop"):
                self.chunk(event[: len(event) // 2])
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.chunk(event)
            if self.waits(turn.get("stall", 0) if number == stalls_at else turn.get("drip", 0)):
                return
        self.chunk("")

    def start_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def chunk(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def waits(self, seconds: float) -> bool:
        """Waits, unless the client goes away meanwhile: says whether it did."""
        if seconds and select.select([self.connection], [], [], seconds)[0]:
            self.left()
            return True
        return False

    def left(self) -> None:
        with LOCK:
            self.request_seen["left"] = True
        self.close_connection = True

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


def error(message: str, *, param: str | None = None, code: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})


def wrong_schema(given: Any) -> dict[str, Any] | None:
    """Says what is wrong with a strict schema, as OpenAI does: every object is closed and requires all it has."""
    if given is None:
        return None
    held = given.get("json_schema", given)
    problems = [*objects_problems(held["schema"])] if held.get("strict") else ["strict is not true"]
    if given["type"] != "json_schema" or not held.get("name", "").replace("_", "").isalnum():
        problems.append("type and name")
    if not problems:
        return None
    return {"status": 400, "body": error(f"Invalid schema for response_format: {problems[0]}", code="invalid_schema")}


def objects_problems(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [problem for each in schema for problem in objects_problems(each)]
    if not isinstance(schema, dict):
        return []
    found = [problem for each in schema.values() for problem in objects_problems(each)]
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            found.append("'additionalProperties' is required to be supplied and to be false")
        if sorted(schema.get("required", [])) != sorted(schema.get("properties", {})):
            found.append("'required' is required to include every key in properties")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="A language model that is played.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--answer", type=Path, help="answers every question with this file's text")
    parser.add_argument("--script", type=Path, help="a JSON file with a list of turns")
    options = parser.parse_args()
    if options.answer:
        ALWAYS["content"] = options.answer.read_text("utf-8")
    if options.script:
        SCRIPT.extend(json.loads(options.script.read_text("utf-8")))
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    print(server.server_address[1], flush=True)  # noqa: T201 - how the parent learns the port
    if sys.stdout.isatty():
        print(f"export OPENAI_BASE_URL=http://127.0.0.1:{server.server_address[1]}/v1")  # noqa: T201 - for people
    server.serve_forever()


if __name__ == "__main__":
    main()
