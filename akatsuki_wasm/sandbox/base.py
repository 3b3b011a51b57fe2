"""What the sandboxes for modules, components and commands share: set-up, compiled code, closing, one for a process."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from akatsuki_wasm.errors import ExecuteError
from akatsuki_wasm.sandbox.aot import CompiledFiles
from akatsuki_wasm.sandbox.cache import Cache, CacheStatistics, Sized

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


@dataclass(frozen=True)
class SandboxConfig:
    """How a sandbox is set up.

    Attributes:
        cache_size: Compiled modules kept in memory.
        aot_dir: Folder for modules compiled ahead of time, or None to compile in each process.
        aot_key: The file of the key that they are authenticated with; outside `aot_dir`, and given with it.
    """

    cache_size: int = 20
    aot_dir: Path | None = None
    aot_key: Path | None = None

    def compiled_files(self) -> CompiledFiles | None:
        """Where modules compiled ahead of time are kept."""
        return None if self.aot_dir is None or self.aot_key is None else CompiledFiles(self.aot_dir, self.aot_key)


T = TypeVar("T", bound=Sized)
S = TypeVar("S", bound="BaseSandbox[Any]")


class BaseSandbox(Generic[T]):
    """A sandbox's compiled code and its end. Threads may use it at once.

    A context manager: `close` forgets what was compiled, and using it afterwards raises. The engines belong to the
    process and stay. After a fork, the child compiles anew.

    Args:
        config: Sizes and folders.
    """

    def __init__(self, config: SandboxConfig) -> None:
        self._files = config.compiled_files()
        self._cache: Cache[T] = Cache(config.cache_size)
        self._closed = False

    def __enter__(self: S) -> S:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forgets what was compiled. Executions under way finish."""
        self._closed = True
        self._cache.clear()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def statistics(self) -> CacheStatistics:
        """What the cache of compiled code did so far."""
        return self._cache.statistics

    def clear(self, digest: str | None = None) -> None:
        """Forgets one compiled module, or all, in memory and in the files of later processes."""
        self._cache.clear(digest)
        if self._files is not None:
            self._files.clear(digest)

    def _check_open(self) -> None:
        if self._closed:
            raise ExecuteError("the sandbox is closed", hint="open a new one")


_lock = threading.Lock()
_shared: dict[tuple[type[BaseSandbox[Any]], SandboxConfig], BaseSandbox[Any]] = {}


def _after_fork_in_child() -> None:
    """Another thread of the parent may have held the lock, and is not here to give it back."""
    global _lock  # noqa: PLW0603 - it guards the process's own sandboxes
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def shared(kind: type[S], config: SandboxConfig) -> S:
    """The process's sandbox of a kind for a configuration, made at first use and shared by all who ask."""
    with _lock:
        found = _shared.get((kind, config))
        if found is None or found.closed:
            found = _shared[kind, config] = kind(config)
        return found  # type: ignore[return-value]  # the key says so


def open_sandboxes() -> tuple[BaseSandbox[Any], ...]:
    """The process's sandboxes that were made so far and are open."""
    with _lock:
        return tuple(each for each in _shared.values() if not each.closed)
