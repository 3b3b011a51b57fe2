"""Requests that may be sent again: the header ``Idempotency-Key``, kept in a table that all processes share.

As https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ says: a client chooses a key for a
request that makes something, and sends the same request with the same key when it does not know whether the first one
arrived. The second is answered with what the first one was answered, and makes nothing.

A key's row is inserted before the work begins, so that of two processes one works. Its answer is written when the work
is done. A request that fails gives its key back: nothing was made, and the client may try again with it. A process that
is killed in the middle leaves a row without an answer; after `CLAIM_SECONDS` the next request with that key takes it
over. Where it was killed between storing what it made and writing the answer, that request makes it a second time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Header, Response
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from akatsuki_wasm.errors import AkatsukiError, ConflictError, RequestError
from akatsuki_wasm.registry.models import now
from akatsuki_wasm.registry.service_models import IdempotencyKey
from akatsuki_wasm.server import problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.registry.database import Database
    from akatsuki_wasm.registry.registry import Registry

log = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replay"
KEPT = timedelta(hours=24)
"""How long a key answers as it did."""
CLAIM_SECONDS = 180.0
"""After which a request that has no answer yet is taken for dead. An upload or the start of a design takes seconds."""
RETRY_AFTER = 1
"""Seconds that a client is asked to wait for the first request with its key."""
_PLAIN = {"synchronize_session": False}
"""Of statements in sessions that hold no rows."""
_KEY = re.compile(r"[!-~]{1,255}")
Key = Annotated[
    str | None,
    Header(
        alias=HEADER,
        description="Of the client's choice, such as a UUID: the same request with the same key is done once, and "
        f"answered alike for 24 hours, with the header {REPLAYED}.",
        examples=["6f1c2f0e-4f52-4d0b-9a55-0a6b7f6a1f0e"],
        json_schema_extra={"pattern": f"^{_KEY.pattern}$"},  # `answer_once` refuses others, with better words
    ),
]
"""The header as a parameter of an endpoint, with None for its default."""


@dataclass(frozen=True)
class Made:
    """What a request made, as it is answered now and again.

    Attributes:
        status: HTTP status, of success.
        document: JSON-able.
        headers: Beside the content's.
    """

    status: int
    document: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self, *, replayed: bool = False) -> Response:
        """The HTTP answer."""
        headers = {**self.headers, REPLAYED: "true"} if replayed else dict(self.headers)
        body = json.dumps(self.document, ensure_ascii=False, allow_nan=False)
        return Response(body.encode(), self.status, headers, "application/json")


def answer_once(
    registry: Registry, user: User, key: str | None, request: Iterable[bytes | str], work: Callable[[], Made]
) -> Response:
    """Does the work of a request, or answers what the same request was answered before.

    It blocks: call it on a thread.

    Args:
        registry: Keeps the keys.
        user: Whose key it is; others' keys are never met.
        key: The header's value; without one the work is just done.
        request: All that makes the request what it is: method, path and contents.
        work: Makes what is asked for. Its errors are raised, and give the key back.

    Returns:
        The answer; 409 with ``Retry-After`` where another request with this key is being worked on.

    Raises:
        RequestError: The key is malformed.
        ConflictError: The key was used for another request.
    """
    if key is None:
        return work().response()
    if not _KEY.fullmatch(key):
        raise RequestError(
            f"{HEADER} is no key: expected 1 to 255 printable ASCII characters without spaces",
            hint="Use a new UUID for each request.",
        )
    keys = _Keys(registry.database, user, key, _fingerprint(request))
    found = keys.claim()
    if isinstance(found, Made):
        return found.response(replayed=True)
    if found is None:
        return _busy()
    try:
        made = work()
    except BaseException:
        keys.release(found)
        raise
    keys.keep(found, made)
    return made.response()


def _busy() -> Response:
    error = ConflictError(
        f"another request with this {HEADER} is being worked on", hint="Send it again in a moment, as it was."
    )
    response = problems.answer(error)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def _fingerprint(request: Iterable[bytes | str]) -> str:
    whole = hashlib.sha256()
    for part in request:
        data = part.encode() if isinstance(part, str) else part
        # Each part by its own digest: "ab", "c" is another request than "a", "bc".
        whole.update(hashlib.sha256(data).digest())
    return whole.hexdigest()


class _Keys:
    """One key of one user in the table."""

    def __init__(self, database: Database, user: User, key: str, sha256: str) -> None:
        self._database = database
        self._user = user
        self._sha256 = sha256
        self._key = key
        self._mine = (IdempotencyKey.owner_id == user.id, IdempotencyKey.key == key)

    def claim(self) -> Made | datetime | None:
        """An answer that is there already; or when this request claimed the key; None where another one has it."""
        began = now()
        try:
            with self._database.write_light(self._user) as session:
                outdated = IdempotencyKey.created_at < began - KEPT
                session.execute(delete(IdempotencyKey).where(IdempotencyKey.owner_id == self._user.id, outdated))
                row = session.scalars(select(IdempotencyKey).where(*self._mine)).one_or_none()
                if row is None:
                    session.add(
                        IdempotencyKey(
                            owner_id=self._user.id, key=self._key, request_sha256=self._sha256, created_at=began
                        )
                    )
                    session.flush()
                    return began
        except IntegrityError:  # another process was faster, between the look and the insert
            return None
        if row.request_sha256 != self._sha256:
            raise ConflictError(f"this {HEADER} was used for another request", hint="Use a new key for a new request.")
        if row.status is not None:
            return Made(row.status, row.answer["document"], row.answer["headers"])
        if row.created_at > began - timedelta(seconds=CLAIM_SECONDS):
            return None
        return began if self._change(row.created_at, created_at=began) else None

    def keep(self, claimed: datetime, made: Made) -> None:
        """Writes the answer. That what was made stands is more important: a failure is a warning."""
        answer = {"document": made.document, "headers": dict(made.headers)}
        try:
            self._change(claimed, status=made.status, answer=answer)
        except AkatsukiError as exc:
            log.warning("the answer to a request with a key is not kept: %s", exc)

    def release(self, claimed: datetime) -> None:
        """Gives the key back after a failure."""
        try:
            with self._database.write_light(self._user) as session:
                session.execute(delete(IdempotencyKey).where(*self._mine, *_claimed(claimed)))
        except AkatsukiError as exc:
            log.warning("the key of a failed request is kept until it is outdated: %s", exc)

    def _change(self, claimed: datetime, **values: Any) -> bool:
        """Changes the row where it is still the claim of that time."""
        with self._database.write_light(self._user) as session:
            change = update(IdempotencyKey).where(*self._mine, *_claimed(claimed)).values(values)
            return bool(session.scalars(change.returning(IdempotencyKey.key), execution_options=_PLAIN).all())


def _claimed(when: datetime) -> tuple[Any, ...]:
    return IdempotencyKey.created_at == when, IdempotencyKey.status.is_(None)


def prune(registry: Registry, user: User) -> int:
    """Removes outdated keys that `user` may remove; returns how many."""
    with registry.database.write_light(user) as session:
        outdated = delete(IdempotencyKey).where(IdempotencyKey.created_at < now() - KEPT)
        return len(session.scalars(outdated.returning(IdempotencyKey.key), execution_options=_PLAIN).all())
