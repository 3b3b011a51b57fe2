"""``python -m akatsuki_wasm.cli`` is ``akatsuki``."""

from __future__ import annotations

from akatsuki_wasm.cli import main

main()
