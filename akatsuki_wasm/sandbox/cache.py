"""Compiled modules, kept by digest: an LRU with one compile for each key, however many threads ask."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

import wasmtime
from cachetools import LRUCache

from akatsuki_wasm.errors import InvalidModuleError
from akatsuki_wasm.sandbox import ffi
from akatsuki_wasm.sandbox.plans import Plans
from akatsuki_wasm.sandbox.stack import with_large_stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.sandbox.engine import ProcessEngine

log = logging.getLogger(__name__)


class CompiledModule:
    """A module compiled for the process's engine, ready to be instantiated.

    Shared between threads; lives as long as the cache or an execution holds it.

    Args:
        engine: That compiled it.
        module: wasmtime's.

    Raises:
        InvalidModuleError: It imports something.

    Attributes:
        pre_address: Native address of the pre-linked instance.
        has_memory: Whether it exports a memory named ``memory``.
        plans: How its functions are called.
        realloc_checked: Whether the type of its ``cabi_realloc`` was compared.
    """

    def __init__(self, engine: ProcessEngine, module: wasmtime.Module) -> None:
        imports = [f"{each.module}.{each.name}" for each in module.imports]
        if imports:
            shown = ", ".join(imports[:8]) + (f" and {len(imports) - 8} more" if len(imports) > 8 else "")
            raise InvalidModuleError(
                f"the module imports {shown}: nothing is provided to a module",
                hint="build it for wasm32-unknown-unknown, without files, network, clocks or host functions",
            )
        self.engine = engine
        self._pre = engine.linker.instantiate_pre(module)
        self.pre_address = ffi.address(self._pre)
        self.has_memory = any(
            each.name == "memory" and isinstance(each.type, wasmtime.MemoryType) for each in module.exports
        )
        self.plans = Plans()
        self.realloc_checked = False


@dataclass(frozen=True)
class CacheStatistics:
    """What a cache did since it was made.

    Attributes:
        hits: Answers from memory.
        misses: Compiles, failed ones included, and waits for another thread's compile.
        evictions: Modules that made room for others.
        modules: Kept now.
        capacity: Kept at most.
    """

    hits: int
    misses: int
    evictions: int
    modules: int
    capacity: int


class _Counting(LRUCache[str, CompiledModule]):
    evictions = 0

    def popitem(self) -> tuple[str, CompiledModule]:
        self.evictions += 1
        return super().popitem()


class ModuleCache:
    """The compiled modules of one sandbox.

    Args:
        engine: Of this process.
        capacity: Modules kept at most; the least recently used goes first.
        compile_module: From bytes to wasmtime's module: the seam for files compiled ahead of time.
    """

    def __init__(
        self,
        engine: ProcessEngine,
        capacity: int,
        compile_module: Callable[[wasmtime.Engine, bytes], wasmtime.Module] | None = None,
    ) -> None:
        self.engine = engine
        self._compile = compile_module or compile_bytes
        self._lock = threading.Lock()
        self._kept = _Counting(capacity)
        self._coming: dict[str, Future[CompiledModule]] = {}
        self._hits = self._misses = 0

    def get(self, digest: str, read: Callable[[], bytes]) -> tuple[CompiledModule, bool]:
        """The compiled module and whether it was in memory already.

        Args:
            digest: Hex sha256.
            read: Gives the bytes; called once for each compile.

        Raises:
            InvalidModuleError: The bytes are no valid module, or it imports something.
        """
        with self._lock:
            found = self._kept.get(digest)
            if found is not None:
                self._hits += 1
                return found, True
            self._misses += 1
            coming = self._coming.get(digest)
            mine = coming is None
            if coming is None:
                coming = self._coming[digest] = Future()
        if mine:
            self._make(digest, read, coming)
        return coming.result(), False

    def _make(self, digest: str, read: Callable[[], bytes], coming: Future[CompiledModule]) -> None:
        started = time.perf_counter()
        try:
            wasm = read()
            made = CompiledModule(self.engine, with_large_stack(lambda: self._compile(self.engine.engine, wasm)))
        except BaseException as exc:  # noqa: BLE001 - handed to every thread that waits, which raises it
            with self._lock:
                self._coming.pop(digest, None)
            coming.set_exception(exc)
            return
        log.debug("compiled %s, %d bytes, in %.1f ms", digest[:12], len(wasm), (time.perf_counter() - started) * 1e3)
        with self._lock:
            self._kept[digest] = made
            self._coming.pop(digest, None)
        coming.set_result(made)

    @property
    def statistics(self) -> CacheStatistics:
        """Counts since the cache was made."""
        with self._lock:
            return CacheStatistics(
                self._hits, self._misses, self._kept.evictions, len(self._kept), int(self._kept.maxsize)
            )

    def clear(self, digest: str | None = None) -> None:
        """Forgets one module, or all of them; executions that hold one finish undisturbed."""
        with self._lock:
            if digest is None:
                self._kept.clear()
            else:
                self._kept.pop(digest, None)


def compile_bytes(engine: wasmtime.Engine, wasm: bytes) -> wasmtime.Module:
    """Validates and compiles.

    Raises:
        InvalidModuleError: The bytes are no module that the engine takes.
    """
    if wasm[:4] != b"\0asm":  # wasmtime-py would take WebAssembly text here
        raise InvalidModuleError(
            f"not a WebAssembly module: expected to begin with \\0asm, got {bytes(wasm[:4])!r}",
            hint="give the .wasm file that a build made",
        )
    try:
        return wasmtime.Module(engine, wasm)
    except wasmtime.WasmtimeError as exc:
        reason = " ".join(str(exc).split())
        raise InvalidModuleError(
            f"not a valid module: {reason}",
            hint="the file is damaged, or uses a WebAssembly feature that is turned off",
        ) from exc
