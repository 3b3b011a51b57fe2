"""The execution plugin: thin, light to import, and set up from the settings."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from wat_guests import function, guest

from akatsuki_wasm.config import Settings
from akatsuki_wasm.contracts import Call, Control, Limits
from akatsuki_wasm_plugins.wasmtime_exec import WasmtimePlugin

if TYPE_CHECKING:
    from pathlib import Path

SEVEN = guest('(func (export "f") (result i32) (i32.const 7))', function("f", "", "s32"))


def test_it_executes_and_keeps_compiled_files_where_the_settings_say(tmp_path: Path) -> None:
    plugin = WasmtimePlugin()
    plugin.akatsuki_configure(Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache"))
    assert plugin.akatsuki_execute(SEVEN, Call("f"), Limits(), Control()).value == 7
    assert (tmp_path / "data" / "compiled.key").stat().st_size == 32
    (path,) = (tmp_path / "cache" / "compiled").iterdir()
    assert path.name.startswith(SEVEN.digest)


def test_importing_it_loads_nothing_heavy() -> None:
    program = (
        "import sys, akatsuki_wasm_plugins.wasmtime_exec, akatsuki_wasm.sandbox; "
        "print([name for name in ('wasmtime', 'numpy', 'cachetools') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"
