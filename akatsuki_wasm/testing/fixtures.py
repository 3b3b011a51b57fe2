"""pytest fixtures for plugin authors: ``pytest_plugins = ["akatsuki_wasm.testing.fixtures"]`` in a conftest."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from akatsuki_wasm.workspace import Workspace

KEPT = ("AKATSUKI_CACHE_DIR", "AKATSUKI_TEST_")
"""Beginnings of variables that a test keeps: the cache holds the toolchain, which takes most of a minute to make."""


@pytest.fixture
def akatsuki_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own for registry and settings; the user's environment is out of sight."""
    for name in list(os.environ):
        if name.startswith("AKATSUKI_") and not name.startswith(KEPT):
            monkeypatch.delenv(name)
    home = tmp_path / "akatsuki"
    monkeypatch.setenv("AKATSUKI_DATA_DIR", str(home / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    return home


@pytest.fixture
def akatsuki_workspace(akatsuki_home: Path) -> Iterator[Callable[..., Workspace]]:
    """Opens workspaces over `akatsuki_home`: ``akatsuki_workspace(*plugins, **settings)``, closed after the test."""
    import akatsuki_wasm

    with contextlib.ExitStack() as opened:

        def make(*plugins: object, **settings: Any) -> Workspace:
            return opened.enter_context(akatsuki_wasm.open(plugins=plugins, **settings))

        yield make
