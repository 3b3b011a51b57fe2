"""What every test gets: a home, data and cache folder of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import platformdirs
import pytest

if TYPE_CHECKING:
    from pathlib import Path

TEST_CACHE = os.environ.get("AKATSUKI_TEST_TOOLCHAIN_CACHE") or str(platformdirs.user_cache_path("akatsuki_wasm"))
"""The user's real cache by default: it holds the compiled standard library, which takes most of a minute to make."""


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keeps tests away from the user's registry and settings, and from a language model's key."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith(("AKATSUKI_", "OPENAI_"))]:
        if not name.startswith("AKATSUKI_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AKATSUKI_DATA_DIR", str(home / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("AKATSUKI_CACHE_DIR", TEST_CACHE)
    return home
