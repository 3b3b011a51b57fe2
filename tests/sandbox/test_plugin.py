"""The execution plugin: thin, light to import, and set up from the settings."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import wasmtime
from component_guests import component as make_component
from component_guests import guest as component_guest
from wat_guests import function, guest

from akatsuki_wasm.config import Settings
from akatsuki_wasm.contracts import Call, Control, Limits
from akatsuki_wasm_plugins.component_exec import ComponentPlugin
from akatsuki_wasm_plugins.wasi_command import WasiPlugin
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
        "import akatsuki_wasm_plugins.component_exec, akatsuki_wasm_plugins.wasi_command; "
        "print([name for name in ('wasmtime', 'numpy', 'cachetools') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


def test_each_plugin_serves_its_own_kind_alone(tmp_path: Path) -> None:
    plugins = {"core": WasmtimePlugin(), "component": ComponentPlugin(), "command": WasiPlugin()}
    component = component_guest(make_component('(func (export "f") (result i32) (i32.const 7))', "f (result u32)"))
    command = wasmtime.wat2wasm(
        """(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
           (memory (export "memory") 1) (func (export "_start")))"""
    )
    guests = {
        "core": (SEVEN, Call("f"), 7),
        "component": (component, Call("f"), 7),
        "command": (component_guest(bytes(command)), Call("run", ([], b"")), b""),
    }
    for plugin_kind, plugin in plugins.items():
        plugin.akatsuki_configure(Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache"))
        for kind, (module, call, value) in guests.items():
            result = plugin.akatsuki_execute(module, call, Limits(), Control())
            assert (result is None) == (kind != plugin_kind)
            assert result is None or result.value == value
    assert len(list((tmp_path / "cache" / "compiled").iterdir())) == 3


def test_commands_get_what_the_settings_grant(tmp_path: Path) -> None:
    clock = wasmtime.wat2wasm(
        """(module
          (import "wasi_snapshot_preview1" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "_start")
            (drop (call $now (i32.const 0) (i64.const 0) (i32.const 64)))
            (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 8))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""
    )
    plugin = WasiPlugin()
    for grants, granted in (((), False), (("clock",), True), (("random",), False)):
        plugin.akatsuki_configure(Settings(data_dir=tmp_path, cache_dir=tmp_path / "cache", wasi_grants=grants))
        result = plugin.akatsuki_execute(component_guest(bytes(clock)), Call("run", ([], b"")), Limits(), Control())
        assert result is not None
        assert (result.value != bytes(8)) == granted


FIRST = """
import hashlib, sys, threading, wasmtime
from akatsuki_wasm import manifest
from akatsuki_wasm.contracts import Call, Control, ExecutableModule, Limits
from akatsuki_wasm_plugins.component_exec import ComponentPlugin
from akatsuki_wasm_plugins.wasi_command import WasiPlugin
from akatsuki_wasm_plugins.wasmtime_exec import WasmtimePlugin
plugin, call, text = {
    "module": (WasmtimePlugin, Call("f"), '(module (func (export "f") (result i32) (i32.const 7)))'),
    "component": (ComponentPlugin, Call("f"), '''(component
      (core module $m (func (export "f") (result i32) (i32.const 7)))
      (core instance $i (instantiate $m))
      (func (export "f") (result s32) (canon lift (core func $i "f"))))'''),
    "command": (WasiPlugin, Call("run", ([], b"")), '''(module
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const 0))))'''),
}[sys.argv[1]]
wasm = bytes(wasmtime.wat2wasm(text))
module = ExecutableModule(hashlib.sha256(wasm).hexdigest(), manifest.for_binary(wasm), lambda: wasm)
threading.stack_size(32 * 1024)
thread = threading.Thread(target=lambda: print(plugin().akatsuki_execute(module, call, Limits(), Control()).value))
thread.start()
thread.join()
"""


@pytest.mark.parametrize(("kind", "value"), [("module", "7"), ("component", "7"), ("command", "b''")])
def test_the_first_execution_of_a_process_may_be_on_the_smallest_thread(kind: str, value: str) -> None:
    """Importing the libraries there would crash the process."""
    run = subprocess.run([sys.executable, "-c", FIRST, kind], capture_output=True, text=True, check=False, timeout=60)
    assert (run.returncode, run.stdout.strip()) == (0, value), run.stderr
