"""The child process of `akatsuki_wasm.sandbox.foreign`: limits itself, reads a module, writes the compiled code.

Arguments: processor seconds, bytes of address space, 1 to count fuel, 1 for memories without a reservation, process id
of the parent.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

INVALID, NOT_STARTED = 3, 4
"""Exit codes: the engine refuses the module, with the reason on standard error; the child itself failed."""
_PR_SET_PDEATHSIG = 1
_NO_CORE, _FILE_BYTES, _FILES = 0, 0, 64


def main() -> None:
    """Does its work and ends the process."""
    cpu_s, memory, fuel, grown, parent = map(int, sys.argv[1:6])
    try:
        _confine(cpu_s, memory, parent)
        wasm = sys.stdin.buffer.read()
        image = _compile(wasm, fuel=bool(fuel), grown=bool(grown))
    except ValueError as exc:
        _end(INVALID, str(exc))
    except MemoryError:
        os.kill(os.getpid(), signal.SIGKILL)  # as a limit that was met in native code ends it
    except BaseException as exc:  # noqa: BLE001 - the parent gets one line of it
        _end(NOT_STARTED, f"{type(exc).__name__}: {exc}")
    with os.fdopen(1, "wb") as out:
        out.write(image)
    _end(0)


def _confine(cpu_s: int, memory: int, parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(NOT_STARTED)
    limits = {"CPU": cpu_s, "CORE": _NO_CORE, "FSIZE": _FILE_BYTES, "NOFILE": _FILES}
    if sys.platform != "darwin":  # the kernel there refuses every value
        limits["AS"] = memory
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))


def _compile(wasm: bytes, *, fuel: bool, grown: bool) -> bytes:
    """The serialised code.

    Raises:
        ValueError: The engine refuses the bytes.
    """
    import wasmtime.component

    from akatsuki_wasm import component_binary
    from akatsuki_wasm.sandbox.engine import configuration

    if wasm[:4] != b"\0asm":  # wasmtime-py would take WebAssembly text here
        raise ValueError(f"expected to begin with \\0asm, got {wasm[:4]!r}")
    try:
        if component_binary.is_component(wasm):
            from akatsuki_wasm.sandbox.component.engine import component_configuration

            engine = wasmtime.Engine(component_configuration("grown" if grown else "reserved", fuel=fuel))
            return bytes(wasmtime.component.Component(engine, wasm).serialize())
        engine = wasmtime.Engine(configuration("grown" if grown else "reserved", fuel=fuel))
        return bytes(wasmtime.Module(engine, wasm).serialize())
    except wasmtime.WasmtimeError as exc:
        raise ValueError(str(exc)) from exc


def _end(code: int, said: str = "") -> None:
    if said:
        os.write(2, " ".join(said.split()).encode()[-4000:])
    os._exit(code)  # without waiting for the compiler's threads
