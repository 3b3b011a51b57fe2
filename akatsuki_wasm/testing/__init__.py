"""For plugin authors: what a plugin of each kind must do, as a check, and pytest fixtures in `.fixtures`."""

from __future__ import annotations

from akatsuki_wasm.testing.conformance import check_generator

__all__ = ["check_generator"]
