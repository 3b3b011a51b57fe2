"""Compiled things of any kind, kept by digest: the least recently used goes first, and one thread makes each."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from cachetools import LRUCache

if TYPE_CHECKING:
    from collections.abc import Callable


class Sized(Protocol):
    """What knows how large its compiled code is."""

    @property
    def size(self) -> int:
        """In bytes."""
        ...


T = TypeVar("T", bound=Sized)
Key = tuple[str, int]


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


class _Counting(LRUCache[Key, T]):
    evictions = 0

    def popitem(self) -> tuple[Key, T]:
        self.evictions += 1
        return super().popitem()


class Cache(Generic[T]):
    """What was compiled, by digest and engine.

    Args:
        capacity: Kept at most.
    """

    def __init__(self, capacity: int) -> None:
        self._lock = threading.Lock()
        self._kept: _Counting[T] = _Counting(capacity)
        self._coming: dict[Key, Future[T]] = {}
        self._hits = self._misses = 0

    def get(self, digest: str, engine: object, make: Callable[[], T]) -> tuple[T, bool]:
        """What is kept, and whether it was there already.

        Args:
            digest: Hex sha256.
            engine: That it is compiled for; a process has several, and a forked one has its own.
            make: Makes it; called by one thread, and what it raises is raised in all that wait. One that is interrupted
                on its way leaves the work to the next that waits.
        """
        key = digest, id(engine)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._hits += 1
                return found, True
            self._misses += 1
        while True:
            with self._lock:
                coming = self._coming.get(key)
                mine = coming is None
                if coming is None:
                    coming = self._coming[key] = Future()
            if mine:
                return self._make(key, make, coming), False
            try:
                return coming.result(), False
            except CancelledError:
                continue

    def _make(self, key: Key, make: Callable[[], T], coming: Future[T]) -> T:
        try:
            made = make()
        except BaseException as exc:
            with self._lock:
                self._coming.pop(key, None)
            if isinstance(exc, Exception):
                coming.set_exception(exc)
            else:  # a signal's exception is this thread's own
                coming.cancel()
            raise
        with self._lock:
            self._kept[key] = made
            self._coming.pop(key, None)
        coming.set_result(made)
        return made

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
            for key in [key for key in self._kept if digest in (None, key[0])]:
                del self._kept[key]
