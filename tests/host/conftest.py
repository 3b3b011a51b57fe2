"""A manager without the built-in plugins: what is seen is the host's own doing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from akatsuki_wasm.manager import BUILTIN_PLUGINS, AkatsukiPluginManager, create_plugin_manager

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def bare_manager() -> Callable[..., AkatsukiPluginManager]:
    """`create_plugin_manager` with the built-in plugins blocked."""

    def create(*, block: tuple[str, ...] = (), **arguments: Any) -> AkatsukiPluginManager:
        return create_plugin_manager(block=(*BUILTIN_PLUGINS, *block), **arguments)

    return create


@pytest.fixture
def plugin_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a local plugin and returns its path."""

    def write(text: str, name: str = "local.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"from akatsuki_wasm import hookimpl\n{text}", encoding="utf-8")
        return path

    return write
