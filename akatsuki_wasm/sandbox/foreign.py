"""Compiles modules that were not built here in a child process, under limits of time and memory.

Compiling is the worst that a hostile module can do: 45 KB of nested loops keep Cranelift busy for half a minute and a
million empty functions take gigabytes, and neither can be interrupted in the process itself. The child is a new
interpreter with next to no environment that limits itself before it reads the module, is killed when the time is over
or the caller gives up, and answers with the compiled code on its standard output. Where the machine can, it is confined
as a build is (`akatsuki_wasm.confinement`): before it reads the module it gives up sockets and all files but the
system's libraries. It costs about 0.1 s, once for each module: the result is kept as any compiled module is.

Its answer is native code that the engine will run. So the confinement protects what is here while it compiles; a module
that could take over the compiler itself would choose that code.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import wasmtime

from akatsuki_wasm.confinement.ladder import NOTHING, Access, Confinement, interpreter
from akatsuki_wasm.confinement.probe import find_confinement
from akatsuki_wasm.contracts import MIB
from akatsuki_wasm.errors import ExecuteError, InvalidModuleError
from akatsuki_wasm.sandbox import foreign_child
from akatsuki_wasm.sandbox.traps import error_of_validation

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.sandbox.component.engine import ComponentEngine
    from akatsuki_wasm.sandbox.engine import ProcessEngine

T = TypeVar("T")

BASE_CPU_S, CPU_S_PER_MB = 5, 6
"""Processor time that a module may take: Cranelift takes about 2.5 s for each megabyte of ordinary code."""
BASE_BYTES, BYTES_PER_BYTE = 2048 * MIB, 256
"""Address space that the child may take. Interpreter and engine take 0.5 GiB of it; ordinary code takes about 100 times
its own size."""
_STARTING_S = 30.0
"""Wall clock that the child may take besides four times its processor time, on a machine that is busy."""
_ENVIRONMENT = {"RAYON_NUM_THREADS": "4", "MALLOC_ARENA_MAX": "2"}
"""Each thread of the compiler and each arena of the C library reserves address space, of which the child has little."""
_PATIENCE_S = 0.05
_NO_CORE, _FILE_BYTES, _FILES = 0, 0, 64
_START = "import sys; sys.path[:] = {path!r}; from akatsuki_wasm.sandbox import foreign_child; foreign_child.main()"


def compile_foreign(engine: ProcessEngine, wasm: bytes, *, cache_dir: Path | None = None) -> wasmtime.Module:
    """Validates and compiles a module in a child; see `compile_foreign_as`."""
    return compile_foreign_as(wasmtime.Module.deserialize, engine, wasm, cache_dir=cache_dir)


def compile_foreign_as(
    deserialize: Callable[[wasmtime.Engine, bytes], T],
    engine: ProcessEngine | ComponentEngine,
    wasm: bytes,
    *,
    cache_dir: Path | None = None,
) -> T:
    """Validates and compiles in a child.

    Args:
        deserialize: Makes a module or a component of the compiled code.
        engine: That will execute it.
        wasm: Any bytes; the child tells modules and components apart by their header.
        cache_dir: Where it is remembered how the child can be confined here; None to find out in each process.

    Raises:
        InvalidModuleError: The bytes are no module that the engine takes, or compiling them takes more than it may.
        ExecuteError: The child could not be started.
    """
    megabytes = len(wasm) / MIB
    cpu_s = int(BASE_CPU_S + CPU_S_PER_MB * megabytes)
    memory = BASE_BYTES + BYTES_PER_BYTE * len(wasm)
    work = {"fuel": engine.fuel, "grown": engine.memory == "grown"}
    code, image, said = _run(work, _limits(cpu_s, memory), wasm, _STARTING_S + 4 * cpu_s, cache_dir)
    if code == 0:
        try:
            return deserialize(engine.engine, image)
        except wasmtime.WasmtimeError as exc:
            if "exceeds" in str(exc):  # what a pool has no room for is only found here: the child has none
                raise error_of_validation(str(exc)) from exc
            raise ExecuteError(
                f"what the compiling child process answered does not fit: {' '.join(str(exc).split())}",
                hint="this is a defect: please report it",
            ) from exc
    if code == foreign_child.INVALID:
        raise error_of_validation(said)
    if said.startswith("bwrap: "):
        raise ExecuteError(
            f"the sandbox of the compiling child process could not be set up: {said}", hint="run: akatsuki doctor"
        )
    if code == foreign_child.NOT_STARTED:
        raise ExecuteError(f"the compiling child process failed: {said}", hint="this is a defect: please report it")
    raise InvalidModuleError(
        f"compiling the module takes more than {cpu_s} s of processor time or {memory // MIB:,} MiB of memory",
        hint="a module of this size should take far less: it is made to keep the compiler busy, or needs splitting up",
    )


def _limits(cpu_s: int, memory: int) -> dict[str, int]:
    """As the launcher takes them: the child writes to its standard output alone, which is no file."""
    return {"CPU": cpu_s, "AS": memory, "CORE": _NO_CORE, "FSIZE": _FILE_BYTES, "NOFILE": _FILES}


def child_command(
    confinement: Confinement, work: dict[str, Any], rlimits: dict[str, int], *, start: str = _START
) -> list[str]:
    """The command line of a child that may import this package, and once it is confined may read nothing more.

    Args:
        confinement: That it puts on; bubblewrap is around it from its start.
        work: What `foreign_child.main` takes.
        rlimits: Its limits.
        start: The program, with ``{path!r}`` for where it imports from.
    """
    path = [os.path.abspath(each) for each in sys.path]  # noqa: PTH100 - links stay: "" is the working folder
    config: dict[str, Any] = work | {"confine": confinement.own_config(NOTHING, rlimits)}
    if confinement.bubblewrap is None:
        config["parent"] = os.getpid()
    access = Access(read=tuple(map(Path, path)))
    program = [str(interpreter()), "-I", "-S", "-c", start.format(path=path), json.dumps(config)]
    return [*confinement.wrapping(access, _ENVIRONMENT), *program]


def _run(
    work: dict[str, Any], rlimits: dict[str, int], wasm: bytes, wall_s: float, cache_dir: Path | None
) -> tuple[int, bytes, str]:
    """Exit code (negative for a signal), standard output, last line of standard error."""
    try:
        Path(sys.executable).stat()  # before it is asked how it can be confined
        command = child_command(find_confinement(cache_dir), work, rlimits)
        # A file without a name, not a pipe: `communicate` stops writing when its time is over, and does not go on.
        with tempfile.TemporaryFile() as given:
            given.write(wasm)
            given.seek(0)
            child = _start(command, given)
    except OSError as exc:
        raise ExecuteError(
            f"the module was not built here, and the child process that compiles such could not start: {exc.strerror}",
            hint=f"see that {sys.executable or 'the Python interpreter'} can be run",
        ) from exc
    deadline = time.monotonic() + wall_s
    with child:  # its end closes the pipes, also where a signal's exception comes out of the waiting
        try:
            while True:
                try:
                    image, said = child.communicate(timeout=_PATIENCE_S)
                    break
                except subprocess.TimeoutExpired:
                    if time.monotonic() >= deadline:
                        _kill(child)
        finally:
            _kill(child)
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return child.returncode, image, lines[-1] if lines else ""


def _start(command: list[str], given: IO[bytes]) -> subprocess.Popen[bytes]:
    """Starts the child; a signal's exception in the middle of it leaves none behind."""
    child = subprocess.Popen.__new__(subprocess.Popen)
    try:
        child.__init__(  # type: ignore[misc]  # the object must be in hand before its process is there
            command,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
    except BaseException:
        if getattr(child, "pid", None):
            with child:
                _kill(child)
        raise
    return child


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
