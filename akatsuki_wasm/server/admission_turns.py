"""Work that is expensive beside executions (uploads, designs): how much of it goes on at once. For threads.

Nobody waits here: who is too many is told so. An upload costs its validation and a durable write, a design a compiler;
both are repeated by their clients, and safely so with an ``Idempotency-Key``.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import OverloadedError, QuotaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.contracts import User

UPLOADS_AT_ONCE = 8
USER_UPLOADS_AT_ONCE = 2
"""Uploads of all users, and of one. Each takes one of the framework's 40 threads and holds its body in memory."""


class Turns:
    """So many at once, and so many of one user; thread-safe.

    Args:
        what: Of what, in the plural, such as ``uploads``.
        at_once: Of all users, in this process.
        user_at_once: Of one user.
        retry_after: Seconds that one of them takes, about.
    """

    def __init__(self, what: str, at_once: int, user_at_once: int, retry_after: float = 1.0) -> None:
        self._what = what
        self._at_once, self._user_at_once = at_once, user_at_once
        self._retry_after = retry_after
        self._lock = threading.Lock()
        self._held: dict[int, int] = {}
        self._all = 0

    @contextmanager
    def of(self, user: User) -> Iterator[None]:
        """Frames one of them.

        Raises:
            QuotaError: The user has as many as one may have.
            OverloadedError: So many go on already.
        """
        self.take(user)
        try:
            yield
        finally:
            self.give_back(user)

    def take(self, user: User) -> None:
        """Begins one; raises as `of`. Who returns from here must `give_back`, from whatever thread."""
        with self._lock:
            held = self._held.get(user.id.int, 0)
            if held >= self._user_at_once:
                raise QuotaError(
                    f"{held} {self._what} of yours are under way, which is all that one user may have",
                    hint="Wait for them.",
                    retry_after=self._retry_after,
                )
            if self._all >= self._at_once:
                raise OverloadedError(
                    f"{self._all} {self._what} are under way, which is all that go on at once",
                    hint="Ask again later.",
                    retry_after=self._retry_after,
                )
            self._held[user.id.int] = held + 1
            self._all += 1

    def give_back(self, user: User) -> None:
        """Ends one."""
        with self._lock:
            self._all -= 1
            self._held[user.id.int] -= 1
            if not self._held[user.id.int]:
                del self._held[user.id.int]
