"""The way to the model: no server, no network, a wrong address, our time limit, Ctrl-C, and a notebook's loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.errors import ModelError

from .asked import GOOD, ask, failed, fails, was_left
from .conftest import KEY, PlayedModel

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.contracts import GuestSource

pytestmark = pytest.mark.usefixtures("no_key_in_logs")
LATER = "Try again later."


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    error = fails(ModelError)
    assert str(error) == f"no connection to the language model at {url}: connection refused"
    assert error.hint == "Start the server (for Ollama: ollama serve), or mend OPENAI_BASE_URL."


def test_an_address_of_the_wrong_scheme(model: PlayedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    url = model.base_url.replace("http:", "https:")
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    error = fails(ModelError)
    assert re.fullmatch(
        rf"no connection to the language model at {re.escape(url)}: TLS failed: "
        r"(wrong version number|record layer failure|packet length too long)",
        str(error),
    )
    assert error.hint == "Look at whether the address is http or https, and at SSL_CERT_FILE."


def test_a_certificate_that_nobody_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        assert os.environ.get("CI") != "true", "CI needs openssl, which makes a certificate"
        pytest.skip("there is no openssl, which makes a certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            for _ in range(3):
                connection, _ = listener.accept()
                with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
                    pass

        thread = threading.Thread(target=refuse)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        error = fails(ModelError)
        thread.join()
    assert str(error) == (f"no connection to the language model at {url}: TLS failed: self-signed certificate")


def test_a_server_that_stalls_meets_our_limit(model: PlayedModel) -> None:
    model.script({"content": GOOD, "stall": 5})
    started = time.perf_counter()
    error = fails(ModelError, model_timeout_s=0.5)
    assert time.perf_counter() - started < 3
    assert str(error) == f"the language model at {model.base_url} did not answer within 0.5 s"
    assert error.hint == "Give it more time with AKATSUKI_MODEL_TIMEOUT_S, or name a faster model: --model NAME"


def test_waiting_between_retries_counts(model: PlayedModel) -> None:
    model.script(*[failed(500, "oops")] * 3)
    error = fails(ModelError, model_timeout_s=0.9)
    assert str(error) == (
        f"the language model at {model.base_url} did not answer within 0.9 s; its last answer was an error 500"
    )
    assert len(model.requests()) == 2


def test_a_pause_longer_than_the_time_is_not_waited_for(model: PlayedModel) -> None:
    model.script(failed(429, "Slow down.", **{"retry-after": "7"}), GOOD)
    error = fails(ModelError, model_timeout_s=6)
    assert str(error) == f"{model.base_url} gets too many requests (429): Slow down; it wants a pause of 7 s"
    assert error.hint == "Try again in 7 s."
    assert len(model.requests()) == 1


def test_a_trickle_of_bytes_meets_our_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
                    for _ in range(100):
                        connection.sendall(b" ")
                        time.sleep(0.1)
                except OSError:
                    return  # the client went away, as it should

        thread = threading.Thread(target=trickle)
        thread.start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        started = time.perf_counter()
        error = fails(ModelError, model_timeout_s=1)
        assert time.perf_counter() - started < 4
        assert str(error).endswith("did not answer within 1 s")
        thread.join()


def test_works_where_a_loop_already_runs_as_in_a_notebook(model: PlayedModel) -> None:
    model.script(GOOD)

    async def cell() -> GuestSource:
        return ask()

    assert asyncio.run(cell()).name == "three"


def test_ctrl_c_ends_the_request(model: PlayedModel) -> None:
    model.script({"content": GOOD, "stall": 5})
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    started = time.perf_counter()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        ask()
    assert time.perf_counter() - started < 3
    assert was_left(model)
    assert [thread.name for thread in threading.enumerate() if thread.name == "akatsuki-model"] == []
