"""Turns a sentence into a deployed, sandboxed, vectorised WebAssembly function."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akatsuki_wasm.hookspecs import hookimpl, hookspec
    from akatsuki_wasm.module import Module
    from akatsuki_wasm.opening import open  # noqa: A004 - reads as akatsuki_wasm.open()
    from akatsuki_wasm.workspace import Workspace

__version__ = "0.1.0"
__all__ = ["Module", "Workspace", "__version__", "hookimpl", "hookspec", "open"]

_LAZY = {
    "Module": "akatsuki_wasm.module",
    "Workspace": "akatsuki_wasm.workspace",
    "hookimpl": "akatsuki_wasm.hookspecs",
    "hookspec": "akatsuki_wasm.hookspecs",
    "open": "akatsuki_wasm.opening",
}


def __getattr__(name: str) -> Any:
    """Imports the heavy public names when they are first used, so that importing the package stays cheap."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
