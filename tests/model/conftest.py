"""The played language model in a process of its own, and an environment that points to it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akatsuki_wasm.model.learnt import Learnt

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-test-3f9a0c77d1e84b52-never-shown"


@dataclass(frozen=True)
class PlayedModel:
    """The server, seen from a test."""

    address: str

    @property
    def base_url(self) -> str:
        return f"{self.address}/v1"

    def script(self, *turns: dict[str, Any] | str) -> None:
        """What to answer to the next requests; a text is the content of a good answer."""
        each = [{"content": turn} if isinstance(turn, str) else turn for turn in turns]
        self._ask("/script", json.dumps(each).encode())

    def serves(self, **what: Any) -> None:
        """What kind of server it is in this test, such as ``responses="ollama"``: see `model_server`."""
        self._ask("/serves", json.dumps(what).encode())

    def requests(self) -> list[dict[str, Any]]:
        """What was asked since the script was set."""
        found: list[dict[str, Any]] = json.loads(self._ask("/requests"))
        return found

    def said(self, number: int = -1) -> list[dict[str, str]]:
        """The messages of a request, whichever interface it spoke."""
        body = self.requests()[number]["body"]
        if "messages" in body:
            return list(body["messages"])
        first = [{"role": "system", "content": body["instructions"]}] if "instructions" in body else []
        return [*first, *body["input"]]

    def _ask(self, path: str, data: bytes | None = None) -> bytes:
        with urllib.request.urlopen(f"{self.address}{path}", data=data, timeout=10) as answer:
            body: bytes = answer.read()
        return body


@pytest.fixture
def no_key_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever happens, no log of any library has the key."""
    caplog.set_level(logging.DEBUG)
    yield
    assert KEY not in caplog.text


@pytest.fixture(scope="session")
def model_process() -> Iterator[PlayedModel]:
    program = Path(__file__).with_name("model_server.py")
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield PlayedModel(f"http://127.0.0.1:{int(process.stdout.readline())}")
        process.kill()


@pytest.fixture
def model(model_process: PlayedModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedModel]:
    """The played model, which the environment names with a key; what was learnt of it is forgotten afterwards."""
    model_process.script()
    model_process.serves()
    monkeypatch.setenv("OPENAI_BASE_URL", model_process.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    yield model_process
    Learnt(model_process.base_url, Path(os.environ["AKATSUKI_CACHE_DIR"])).forget()
