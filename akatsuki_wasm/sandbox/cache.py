"""Compiled modules, kept by digest: an LRU with one compile for each key, however many threads ask."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

import wasmtime
from cachetools import LRUCache

from akatsuki_wasm.errors import InvalidModuleError, one_line
from akatsuki_wasm.sandbox import ffi
from akatsuki_wasm.sandbox.plans import Plans

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.sandbox.engine import ProcessEngine


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
        size: Bytes of its compiled code.
        plans: How its functions are called.
        realloc_checked: Whether the type of its ``cabi_realloc`` was compared.
    """

    def __init__(self, engine: ProcessEngine, module: wasmtime.Module) -> None:
        imports = [f"{each.module}.{each.name}" for each in module.imports]
        if imports:
            shown = ", ".join(imports[:8]) + (f" and {len(imports) - 8} more" if len(imports) > 8 else "")
            raise InvalidModuleError(
                f"the module imports {one_line(shown)}: nothing is provided to a module",
                hint="build it for wasm32-unknown-unknown, without files, network, clocks or host functions",
            )
        self.engine = engine
        self._pre = engine.linker.instantiate_pre(module)
        self.pre_address = ffi.address(self._pre)
        self.has_memory = any(
            each.name == "memory" and isinstance(each.type, wasmtime.MemoryType) for each in module.exports
        )
        self.size = ffi.image_bytes(ffi.address(module))
        self.plans = Plans()
        self.realloc_checked = False


@dataclass(frozen=True)
class CacheStatistics:
    """What a cache did since it was made.

    Attributes:
        hits: Answers from memory.
        misses: Loads, failed ones included, and waits for another thread's load.
        evictions: Modules that made room for others.
        modules: Kept now.
        capacity: Kept at most.
        bytes: Compiled code of the modules that are kept now.
    """

    hits: int
    misses: int
    evictions: int
    modules: int
    capacity: int
    bytes: int


class _Counting(LRUCache[str, CompiledModule]):
    evictions = 0

    def popitem(self) -> tuple[str, CompiledModule]:
        self.evictions += 1
        return super().popitem()


class ModuleCache:
    """The compiled modules of one sandbox and engine.

    Args:
        engine: Of this process.
        capacity: Modules kept at most; the least recently used goes first.
    """

    def __init__(self, engine: ProcessEngine, capacity: int) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._kept = _Counting(capacity)
        self._coming: dict[str, Future[CompiledModule]] = {}
        self._hits = self._misses = 0

    def get(self, digest: str, load: Callable[[], wasmtime.Module]) -> tuple[CompiledModule, bool]:
        """The compiled module and whether it was in memory already.

        Args:
            digest: Hex sha256.
            load: Makes it; called by one thread, and what it raises is raised in all that wait. One that was
                interrupted on its way leaves the work to the next that waits.

        Raises:
            InvalidModuleError: It imports something.
        """
        with self._lock:
            found = self._kept.get(digest)
            if found is not None:
                self._hits += 1
                return found, True
            self._misses += 1
        while True:
            with self._lock:
                coming = self._coming.get(digest)
                mine = coming is None
                if coming is None:
                    coming = self._coming[digest] = Future()
            if mine:
                return self._make(digest, load, coming), False
            try:
                return coming.result(), False
            except CancelledError:
                continue

    def _make(self, digest: str, load: Callable[[], wasmtime.Module], coming: Future[CompiledModule]) -> CompiledModule:
        made = error = None
        try:
            made = CompiledModule(self.engine, load())
            return made
        except Exception as exc:
            error = exc
            raise
        finally:
            with self._lock:
                self._coming.pop(digest, None)
                if made is not None:
                    self._kept[digest] = made
            if made is not None:
                coming.set_result(made)
            elif error is not None:
                coming.set_exception(error)
            else:  # a signal's exception is this thread's own
                coming.cancel()

    @property
    def statistics(self) -> CacheStatistics:
        """Counts since the cache was made."""
        with self._lock:
            return CacheStatistics(
                self._hits,
                self._misses,
                self._kept.evictions,
                len(self._kept),
                int(self._kept.maxsize),
                sum(each.size for each in self._kept.values()),
            )

    def clear(self, digest: str | None = None) -> None:
        """Forgets one module, or all of them; executions that hold one finish undisturbed."""
        with self._lock:
            if digest is None:
                self._kept.clear()
            else:
                self._kept.pop(digest, None)
