"""Cursors of lists: where the next page begins, as an opaque text that only its own list accepts.

A cursor is base64url of a JSON array: a check, then the values by which the last row of the page stands in the list's
order. The check is a digest over the list's name, its filters, the user and the values: a cursor that was altered, or
that is of another list or user, is refused, and nothing has to be kept. It is no secret and no permission: every page
is filtered by what its reader may see.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from akatsuki_wasm.documents import moment, parse_moment
from akatsuki_wasm.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from akatsuki_wasm.contracts import User

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_CURSOR = 1_000
"""Characters of a cursor that are looked at."""

_WRITE: dict[str, Callable[[Any], str]] = {"text": str, "time": lambda value: moment(value, exact=True), "id": str}
_READ: dict[str, Callable[[str], Any]] = {"text": str, "time": parse_moment, "id": UUID}


class Cursors:
    """The cursors of one list as one user asks for it.

    Args:
        name: Of the list.
        user: Who reads it.
        filters: What was asked for beside the cursor and the limit.
        kinds: Of the values that order the list: ``text``, ``time`` or ``id``.
    """

    def __init__(self, name: str, user: User, filters: Mapping[str, Any], kinds: Sequence[str]) -> None:
        self._kinds = tuple(kinds)
        self._about = json.dumps([name, str(user.id), user.is_admin, dict(filters)], sort_keys=True, default=str)

    def write(self, *values: str | datetime | UUID) -> str:
        """The cursor behind a row that has these values."""
        texts = [_WRITE[kind](value) for kind, value in zip(self._kinds, values, strict=True)]
        return base64.urlsafe_b64encode(json.dumps([self._check(texts), *texts]).encode()).decode().rstrip("=")

    def read(self, cursor: str | None) -> tuple[Any, ...] | None:
        """The values of a cursor, None for none.

        Raises:
            RequestError: It is none of this list, or was altered.
        """
        if not cursor:
            return None
        try:
            if len(cursor) > MAX_CURSOR:
                raise ValueError
            padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
            check, *texts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            if check != self._check(texts):
                raise ValueError
            return tuple(_READ[kind](text) for kind, text in zip(self._kinds, texts, strict=True))
        except (ValueError, TypeError, RecursionError, binascii.Error) as exc:
            raise RequestError(
                "the cursor is not one of this list with these filters",
                hint="Take nextCursor of the page before and keep the other parameters, or begin without a cursor.",
            ) from exc

    def _check(self, texts: Sequence[str]) -> str:
        return hashlib.sha256(json.dumps([self._about, *texts]).encode()).hexdigest()[:16]


def page_document(
    rows: Sequence[Any],
    limit: int,
    document: Callable[[Any], dict[str, Any]],
    cursor: Callable[[Any], str],
) -> dict[str, Any]:
    """A list's answer.

    Args:
        rows: At most one more than `limit`, which tells that there is a next page.
        limit: Rows of a page.
        document: Of a row.
        cursor: Behind a row.
    """
    shown = rows[:limit]
    return {
        "items": [document(row) for row in shown],
        "nextCursor": cursor(shown[-1]) if len(rows) > limit and shown else None,
    }
