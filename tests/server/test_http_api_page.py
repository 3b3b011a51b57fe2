"""The commands of the page on the HTTP API, as they stand there, against a service; but for those of the executor."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import missing

from .api_kit import SOURCE, adding, store
from .server_kit import BOB, EVE, token_of

if TYPE_CHECKING:
    from .server_kit import Running

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "http-api.md"
FAIL = 'curl() { command curl --silent --show-error --fail-with-body "$@"; }\n'


def test_the_commands_of_the_page_do(service: Running, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("there is no curl")
    text = re.sub(r"^## Executor\n.*?(?=^## )", "", PAGE.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    (tmp_path / "pricing.wasm").write_bytes(adding())
    (tmp_path / "pricing.rs").write_text(SOURCE, encoding="utf-8")
    module = store(service, BOB, "priced", 2)
    environment = {**os.environ, "URL": service.url, "TOKEN": token_of(BOB), "ID": str(module.id)}
    for block in sorted(blocks, key=lambda block: "pricing.wasm" not in block):  # what others name comes first
        arguments = ["bash", "-euo", "pipefail", "-c", FAIL + block]
        done = subprocess.run(arguments, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
    modules = service.service.registry.modules(BOB)
    uploaded = modules.find("pricing")
    assert uploaded.is_public
    assert uploaded.extra == {"team": "sales"}
    assert service.service.registry.source(uploaded) == SOURCE
    changed = modules.get(module.id)
    assert (changed.description, changed.timeout_ms, changed.status) == ("Prices and margins.", 2000, "disabled")
    assert len(changed.allowed_users) == 1
    assert (tmp_path / "pricing.wasm").read_bytes() == adding(2)
    assert EVE.id not in changed.allowed_users
