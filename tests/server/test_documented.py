"""The documented requests of the executor, run by curl and Python against a service, unchanged but for the host."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.conftest import missing

from .server_kit import BOB, token_of

if TYPE_CHECKING:
    from .server_kit import Running

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "http-api.md"


def blocks(language: str) -> list[str]:
    section = PAGE.read_text("utf-8").split("\n## Executor\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.toolchain
def test_the_documented_requests_of_the_executor(service: Running, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("curl")
    workspace = service.service.workspace_of(BOB)
    margin = workspace.design("a function margin(price, cost) = (price - cost) / price", generator="offline")
    vintage = workspace.design("create a vintage filter", generator="offline")
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "photo.jpg")
    environment = os.environ | {
        "URL": service.url,
        "TOKEN": token_of(BOB),
        "MODULE_ID": str(margin.id),
        "FILTER_ID": str(vintage.id),
    }

    def run(*command: str) -> bytes:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    contract, raw, form = (f"set -e\n{block}" for block in blocks("bash"))
    answer = json.loads(run("bash", "-c", contract))
    documented = json.loads(blocks("json")[0])
    assert answer["result"] == documented["result"]
    assert answer.keys() == documented.keys()
    assert answer["module"].keys() == documented["module"].keys()
    for each in (raw, form):
        run("bash", "-c", each)
        with Image.open(tmp_path / "vintage.png") as picture:
            assert picture.format == "PNG"
        (tmp_path / "vintage.png").unlink()
    (python,) = blocks("python")
    assert run(sys.executable, "-c", python).decode().strip() == "[0.25, 0.6, None]"


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), "https://app.example.com", None),
        (("https://app.example.com",), "https://app.example.com", True),
        (("https://app.example.com",), "https://evil.example.com", None),
    ],
)
def test_pages_of_other_origins(origins: tuple[str, ...], origin: str, allowed: bool | None) -> None:
    from .server_kit import running

    path = "/functions/v1/wasm-executor"
    with running(cors_origins=origins) as service, service.client() as client:
        ask = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, x-client-info, apikey, content-type",
        }
        preflight = client.options(path, headers=ask)
        answer = client.post(path, headers={"Origin": origin})
        for each in (preflight, answer):
            assert each.headers.get("access-control-allow-origin") == (origin if allowed else None)
            assert "access-control-allow-credentials" not in each.headers
        assert (preflight.status_code == 200) is bool(allowed)
        assert answer.status_code == 401
