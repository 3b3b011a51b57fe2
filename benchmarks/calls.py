"""What a call costs: with a fresh instance, on one that is kept, with bytes in and out, and the first one of a process.

The bare C API is the least that a call can cost from Python: its functions alone, bound as the sandbox binds them, on
the sandbox's own engine, with limits and a deadline, and no check of anything else. extism has neither limits nor a
deadline unless it is told to; both figures are shown, and ours, which always has them, is judged against the faster.
"""

from __future__ import annotations

import json
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wasmtime
from _extism import ADD, INVERT, Extism
from _guests import VINTAGE, design, executable, from_text, workspace
from _harness import Race, Run, duration, equal, main

from akatsuki_wasm.contracts import Call
from akatsuki_wasm.sandbox import ffi
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
EXPORT = b"add"
TWO = struct.Struct("<I12xI12x")
ONE = struct.Struct("<I")
MEMORY, TICKS = 256 << 20, 1000
FIRST_CALL_MS = 3.0
PROCESSES, QUICK_PROCESSES = 9, 3


def bare_fresh(pre: int) -> Callable[[], int]:
    """A store with limits and a deadline, an instance, the export by name, one unchecked call, the store's end."""
    engine, scratch = process_engine(), ffi.Scratch()

    def call() -> int:
        store = ffi.store_new(engine.address, None, None)
        try:
            context = ffi.store_context(store)
            ffi.store_limiter(store, MEMORY, 10_000, 1, 1, 1)
            ffi.set_epoch_deadline(context, TICKS)
            if ffi.instantiate(pre, context, scratch.instance, scratch.trap) or scratch.trap_cell.value:
                raise RuntimeError("no instance")
            if not ffi.export_get(context, scratch.instance, EXPORT, len(EXPORT), scratch.func.address):
                raise RuntimeError("no export")
            TWO.pack_into(scratch.buffer, 0, 40, 2)
            if ffi.call_unchecked(context, scratch.func.of, scratch.slots, 2, scratch.trap) or scratch.trap_cell.value:
                raise RuntimeError("trap")
            return ONE.unpack_from(scratch.buffer, 0)[0]
        finally:
            ffi.store_delete(store)

    return call


def bare_reused(pre: int) -> Callable[[], int]:
    """One unchecked call on an instance that is there, with a new deadline for each."""
    engine, scratch = process_engine(), ffi.Scratch()
    context = ffi.store_context(ffi.store_new(engine.address, None, None))
    ffi.set_epoch_deadline(context, TICKS)
    ffi.instantiate(pre, context, scratch.instance, scratch.trap)
    ffi.export_get(context, scratch.instance, EXPORT, len(EXPORT), scratch.func.address)
    func, slots, trap, cell, buffer = scratch.func.of, scratch.slots, scratch.trap, scratch.trap_cell, scratch.buffer

    def call(scratch: ffi.Scratch = scratch) -> int:  # keeps what the addresses are of
        ffi.set_epoch_deadline(context, TICKS)
        TWO.pack_into(buffer, 0, 40, 2)
        if ffi.call_unchecked(context, func, slots, 2, trap) or cell.value:
            raise RuntimeError("trap")
        return ONE.unpack_from(buffer, 0)[0]

    return call


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
    compiled = wasmtime.Module(process_engine().engine, artifact.wasm)
    linked = process_engine().linker.instantiate_pre(compiled)
    pre = ffi.address(linked)
    call, data = Call("add", (40, 2)), struct.pack("<ii", 40, 2)
    plain = Extism(extism, ADD, "add", limited=False) if extism else None
    limited = Extism(extism, ADD, "add", limited=True) if extism else None

    def sum_of(get: Callable[[], bytes] | None) -> Callable[[], int] | None:
        return None if get is None else lambda: ONE.unpack(get())[0]

    fresh = run.race(
        "add(i32, i32), a fresh instance for each call",
        {
            "bare C API": bare_fresh(pre),
            "Sandbox.execute": lambda: sandbox.execute(guest, call).value,
            "m.add(40, 2), permission and history": lambda: module.add(40, 2),
            "extism, fresh Plugin": sum_of(plain and plain.fresh(data)),
            "extism, fresh Plugin, time and memory limit": sum_of(limited and limited.fresh(data)),
        },
        same=equal,
    )
    ours = "Sandbox.execute"
    run.target("scalar call, fresh instance", fresh, ours, "bare C API", within=2)
    run.target(
        "scalar call, fresh instance", fresh, ours, [name for name in fresh.seconds if "extism" in name], faster=4
    )
    reused = run.race(
        "add(i32, i32), on an instance that is kept",
        {
            "bare C API": bare_reused(pre),
            "wasmtime.Func.__call__": wasmtime_func(compiled),
            "extism, kept Plugin": sum_of(plain and plain.reused(data)),
            "extism, kept Plugin, time and memory limit": sum_of(limited and limited.reused(data)),
        },
        same=equal,
    )
    ours = "Sandbox.session"
    run.target("scalar call, kept instance", reused, ours, "bare C API", within=2)
    run.target("scalar call, kept instance", reused, ours, "wasmtime.Func.__call__", faster=10)
    run.target(
        "scalar call, kept instance", reused, ours, [name for name in reused.seconds if "extism" in name], faster=10
    )


def byte_calls(run: Run, made: Workspace, sandbox: Sandbox, extism: Any) -> None:
    """Bytes in, as many bytes out; the work between is the same and next to nothing."""
    guest = executable(made.build(INVERT_RUST, name="invert"))
    plain = Extism(extism, INVERT, "invert", limited=False) if extism else None
    for title, size in (("64 KB", 64 << 10), ("1 MB", 1 << 20)):
        data = bytes(range(256)) * (size // 256)
        call = Call("invert", (data,))
        race = run.race(
            f"{title} of bytes to as many bytes",
            {
                "Sandbox.execute, fresh instance": lambda call=call: sandbox.execute(guest, call).value,
                "extism, fresh Plugin": plain and plain.fresh(data),
                "extism, kept Plugin": plain and plain.reused(data),
            },
            same=lambda first, other: equal(bytes(first), other),
        )
        run.target(
            f"bytes, {title}, fresh on both sides",
            race,
            "Sandbox.execute, fresh instance",
            "extism, fresh Plugin",
            faster=5,
        )
        run.target(f"bytes, {title}, kept on both sides", race, "Sandbox.session", "extism, kept Plugin", faster=5)


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
    program = [sys.executable, str(Path(__file__).with_name("_first_call.py")), str(wasm), str(folder / "compiled")]
    times: dict[str, list[float]] = {}
    for turn in range(count + 1):
        done = subprocess.run(program, check=True, capture_output=True, text=True)
        if turn:  # the first process writes the compiled file
            for name, seconds in json.loads(done.stdout).items():
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
