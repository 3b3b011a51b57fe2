"""Compiled things of any kind, kept by digest: the least recently used goes first, and one thread makes each."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Generic, TypeVar

from cachetools import LRUCache

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class Kept(Generic[T]):
    """What was made, by key.

    Args:
        capacity: Kept at most.
    """

    def __init__(self, capacity: int) -> None:
        self._lock = threading.Lock()
        self._kept: LRUCache[Hashable, T] = LRUCache(capacity)
        self._coming: dict[Hashable, Future[T]] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> tuple[T, bool]:
        """What is kept under a key, and whether it was there already.

        Args:
            key: Such as a digest.
            make: Makes it; called by one thread, whatever it raises is raised in all that wait. One that is interrupted
                on its way leaves the work to the next that waits.
        """
        while True:
            with self._lock:
                found = self._kept.get(key)
                if found is not None:
                    return found, True
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

    def _make(self, key: Hashable, make: Callable[[], T], coming: Future[T]) -> T:
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

    def clear(self) -> None:
        """Forgets everything; executions that hold something finish undisturbed."""
        with self._lock:
            self._kept.clear()
