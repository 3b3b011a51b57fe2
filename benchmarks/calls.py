"""What a call costs: with a fresh instance, on one that is kept, with bytes in and out, and the first one of a process.

The bare C API is what a call costs from Python with nothing around it: its functions alone, on the sandbox's engine,
with limits and a deadline; see `_bare.py`. extism has neither limits nor a deadline unless it is told to; both figures
are shown, and ours, which always has them, is judged against the faster.
"""

from __future__ import annotations

import statistics
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _bare
import wasmtime
from _extism import ADD, INVERT, Extism
from _guests import VINTAGE, design, executable, from_text, workspace
from _harness import Race, Run, duration, equal, main, new_process

from akatsuki_wasm.contracts import Call
from akatsuki_wasm.sandbox.engine import process_engine
from akatsuki_wasm.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.contracts import Artifact
    from akatsuki_wasm.workspace import Workspace

ADD_TEXT = '(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))'
INVERT_RUST = """
/// Inverts every byte.
pub fn invert(data: Vec<u8>) -> Vec<u8> {
    data.iter().map(|byte| !byte).collect()
}
"""
ONE = struct.Struct("<I")
PLAIN, LEAST = "bare C API, wasmtime-py's bindings", "bare C API, bound anew"
EXECUTE, SESSION = "Sandbox.execute", "Sandbox.session, its function"
FUNC = "wasmtime.Func.__call__"
FIRST_CALL_MS = 3.0
PROCESSES, QUICK_PROCESSES = 9, 3


def wasmtime_func(module: wasmtime.Module) -> Callable[[], int]:
    """wasmtime-py's own way to call, on an instance that is kept."""
    store = wasmtime.Store(process_engine().engine)
    store.set_epoch_deadline(1_000_000_000)
    func = wasmtime.Instance(store, module, []).exports(store)["add"]
    assert isinstance(func, wasmtime.Func)
    return lambda: func(store, 40, 2)


def scalar_calls(run: Run, made: Workspace, sandbox: Sandbox, extism: Any) -> None:
    """add(i32, i32)."""
    artifact = from_text(ADD_TEXT)
    guest, module = executable(artifact), made.deploy(artifact, name="add")
    engine = process_engine().engine
    compiled = wasmtime.Module(engine, artifact.wasm)
    linked = process_engine().linker.instantiate_pre(compiled)
    call, data = Call("add", (40, 2)), struct.pack("<ii", 40, 2)
    plain = Extism(extism, ADD, "add", limited=False) if extism else None
    limited = Extism(extism, ADD, "add", limited=True) if extism else None

    def sum_of(get: Callable[[], bytes] | None) -> Callable[[], int] | None:
        return None if get is None else lambda: ONE.unpack(get())[0]

    fresh = run.race(
        "add(i32, i32), a fresh instance for each call",
        {
            PLAIN: _bare.plain(engine, linked),
            LEAST: _bare.fresh(engine, linked),
            EXECUTE: lambda: sandbox.execute(guest, call).value,
            "m.add(40, 2), permission and history": lambda: module.add(40, 2),
            "extism, fresh Plugin": sum_of(plain and plain.fresh(data)),
            "extism, fresh Plugin, time and memory limit": sum_of(limited and limited.fresh(data)),
        },
        same=equal,
    )
    what = "scalar call, fresh instance"
    run.target(what, fresh, EXECUTE, PLAIN, within=2)
    run.target(what, fresh, EXECUTE, [name for name in fresh.seconds if "extism" in name], faster=4)
    with sandbox.session(guest) as session:
        add = session.function("add")
        reused = run.race(
            "add(i32, i32), on an instance that is kept",
            {
                LEAST: _bare.kept(engine, linked),
                SESSION: lambda: add(40, 2),
                FUNC: wasmtime_func(compiled),
                "extism, kept Plugin": sum_of(plain and plain.reused(data)),
                "extism, kept Plugin, time and memory limit": sum_of(limited and limited.reused(data)),
            },
            same=equal,
        )
    what = "scalar call, kept instance"
    run.target(what, reused, SESSION, LEAST, within=2)
    run.target(what, reused, SESSION, FUNC, faster=10)
    run.target(what, reused, SESSION, [name for name in reused.seconds if "extism" in name], faster=10)


def byte_calls(run: Run, made: Workspace, sandbox: Sandbox, extism: Any) -> None:
    """Bytes in, as many bytes out; the work between is next to nothing. Judged with a fresh instance on both sides."""
    guest = executable(made.build(INVERT_RUST, name="invert"))
    plain = Extism(extism, INVERT, "invert", limited=False) if extism else None
    for title, size in (("64 KB", 64 << 10), ("1 MB", 1 << 20)):
        data = bytes(range(256)) * (size // 256)
        call = Call("invert", (data,))
        race = run.race(
            f"{title} of bytes to as many bytes",
            {
                EXECUTE: lambda call=call: sandbox.execute(guest, call).value,
                "extism, fresh Plugin": plain and plain.fresh(data),
                "extism, kept Plugin (no isolation of calls)": plain and plain.reused(data),
            },
            same=lambda first, other: equal(bytes(first), other),
        )
        run.target(f"bytes to bytes, {title}, fresh instances", race, EXECUTE, "extism, fresh Plugin", faster=5)


def first_calls(run: Run, made: Workspace) -> None:
    """The module step of the first call in a new process: from the files to a module that can be instantiated."""
    guests = {
        "small (add)": from_text(ADD_TEXT),
        "the catalogue's vintage": design(made, VINTAGE),
    }
    with tempfile.TemporaryDirectory(prefix="akatsuki-bench-") as name:
        folder = Path(name)
        for title, guest in guests.items():
            times = _processes(guest, folder, QUICK_PROCESSES if run.quick else PROCESSES)
            race = Race(
                f"first call in a new process, {title}, {len(guest.wasm):,} bytes",
                {each: statistics.median(values) for each, values in times.items()},
                {each: (min(values), max(values)) for each, values in times.items()},
            )
            run.add(race)
            ours, theirs = race["from the compiled file"], race["Cranelift compile"]
            run.judge(
                f"first call in a new process, module step, {title}",
                duration(ours),
                f"Cranelift compile {duration(theirs)}",
                f"{ours / theirs:.2f}",
                f"at most {FIRST_CALL_MS:g} ms",
                passed=ours * 1e3 <= FIRST_CALL_MS,
            )


def _processes(guest: Artifact | Any, folder: Path, count: int) -> dict[str, list[float]]:
    wasm = folder / "guest.wasm"
    wasm.write_bytes(guest.wasm)
    times: dict[str, list[float]] = {}
    for turn in range(count + 1):
        found = new_process("_first_call.py", str(wasm), str(folder / "compiled"))
        if turn:  # the first process writes the compiled file
            for name, seconds in found.items():
                times.setdefault(name, []).append(seconds)
    return times


def measure(run: Run) -> None:
    """All four."""
    extism = run.optional("extism")
    with workspace() as made, Sandbox() as sandbox:
        scalar_calls(run, made, sandbox, extism)
        byte_calls(run, made, sandbox, extism)
        first_calls(run, made)


if __name__ == "__main__":
    main(measure)
