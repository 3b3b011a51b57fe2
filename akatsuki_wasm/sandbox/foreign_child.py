"""The child process of `akatsuki_wasm.sandbox.foreign`: confines itself, reads a module, writes the compiled code.

Its argument is a JSON object: ``fuel`` and ``grown`` (memories without a reservation) of the engine, ``confine`` for
`akatsuki_wasm.confinement.launcher.confine`, and ``parent``, the process that must outlive it, where nothing else sees
to that.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from typing import Any, Literal

from akatsuki_wasm.confinement import launcher

INVALID, NOT_STARTED, _OUT_OF_MEMORY = 3, 4, 5
"""Exit codes: the engine refuses the module, with the reason on standard error; the child itself failed; its memory was
used up, which the parent takes for what it is as it takes a signal."""

_NEEDED = (
    "wasmtime.component",
    "akatsuki_wasm.component_binary",
    "akatsuki_wasm.sandbox.engine",
    "akatsuki_wasm.sandbox.component.engine",
)
"""What `_compile` imports, which it could not do once there are no files."""


def main() -> None:
    """Does its work and ends the process."""
    config: dict[str, Any] = json.loads(sys.argv[1])
    try:
        prepare(config)
        image = _compile(sys.stdin.buffer.read(), fuel=config["fuel"], grown=config["grown"])
    except ValueError as exc:
        _end(INVALID, str(exc))
    except MemoryError:
        _end(_OUT_OF_MEMORY)
    except BaseException as exc:  # noqa: BLE001 - the parent gets one line of it
        _end(NOT_STARTED, f"{type(exc).__name__}: {exc}")
    with os.fdopen(1, "wb") as out:
        out.write(image)
    _end(0)


def prepare(config: dict[str, Any]) -> None:
    """Ties itself to its parent, loads all that it will need, and gives up everything else.

    Raises:
        OSError: The kernel does not confine it.
    """
    if "parent" in config:
        launcher.die_with_parent(signal.SIGKILL)
        if os.getppid() != config["parent"]:  # it died before the line above
            os._exit(NOT_STARTED)
    for name in _NEEDED:
        import_module(name)
    launcher.confine(config["confine"])


def _compile(wasm: bytes, *, fuel: bool, grown: bool) -> bytes:
    """The serialised code.

    Raises:
        ValueError: The engine refuses the bytes.
    """
    import wasmtime.component

    from akatsuki_wasm import component_binary
    from akatsuki_wasm.sandbox.component.engine import component_configuration
    from akatsuki_wasm.sandbox.engine import configuration

    if wasm[:4] != b"\0asm":  # wasmtime-py would take WebAssembly text here
        raise ValueError(f"expected to begin with \\0asm, got {wasm[:4]!r}")
    memory: Literal["grown", "reserved"] = "grown" if grown else "reserved"
    try:
        if component_binary.is_component(wasm):
            engine = wasmtime.Engine(component_configuration(memory, fuel=fuel))
            return bytes(wasmtime.component.Component(engine, wasm).serialize())
        engine = wasmtime.Engine(configuration(memory, fuel=fuel))
        return bytes(wasmtime.Module(engine, wasm).serialize())
    except wasmtime.WasmtimeError as exc:
        raise ValueError(str(exc)) from exc


def _end(code: int, said: str = "") -> None:
    if said:
        os.write(2, " ".join(said.split()).encode()[-4000:])
    os._exit(code)  # without waiting for the compiler's threads
