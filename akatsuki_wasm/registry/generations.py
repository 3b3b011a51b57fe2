"""The repository of generations: every prompt, its attempts, and what came of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.exc import IntegrityError

from akatsuki_wasm.errors import NotFoundError
from akatsuki_wasm.registry import failures, keyset
from akatsuki_wasm.registry.models import Generation, GenerationStatus
from akatsuki_wasm.registry.types import says

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from akatsuki_wasm.contracts import StoredModule, User
    from akatsuki_wasm.registry.registry import Registry

SHORTEST_PREFIX = 4
"""Characters of an id that are enough to name a generation, where no other one begins so."""

_SEARCHED = ("reply", "source", "message")
"""Keys of the texts in attempts that are searched. Not what was asked: every prompt teaches the same contract."""
_ORDER: tuple[keyset.Key, ...] = ((Generation.created_at, True), (Generation.id, False))
_HINT = "`akatsuki generations list` shows them."


class GenerationRepository:
    """Generations as `user` may see them: his own, all of them for an admin.

    Args:
        registry: An open one.
        user: Who acts.
    """

    def __init__(self, registry: Registry, user: User) -> None:
        self._database = registry.database
        self.user = user

    def record(
        self,
        prompt: str,
        *,
        generator: str,
        status: GenerationStatus,
        seconds: float,
        generation_id: UUID | None = None,
        model: str | None = None,
        source_name: str | None = None,
        attempts: Sequence[Mapping[str, Any]] = (),
        usage: Mapping[str, Any] | None = None,
        error_message: str | None = None,
        module: StoredModule | None = None,
        digest: str | None = None,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
        price: float | None = None,
        replayed: bool = False,
        parent_id: UUID | None = None,
        request: Mapping[str, Any] | None = None,
    ) -> Generation:
        """Writes one generation of the user's.

        Args:
            prompt: As it was given.
            generator: Who answered, or was asked last.
            status: ``success`` or ``error``.
            seconds: Wall clock of the whole, repairs included.
            generation_id: The row's id, which its module's provenance may name already; a new one where None.
            model: The language model, or None.
            source_name: The module name that came of it, or None.
            attempts: One JSON object per attempt; see `akatsuki_wasm.generation_facts`.
            usage: Tokens and the like over all attempts.
            error_message: Of a failure.
            module: What was stored, or None; when it was deleted meanwhile, the row is kept without its id.
            digest: Of the module; the stored one's where None.
            tokens_in: Over all answers.
            tokens_out: Over all answers.
            price: Of all answers.
            replayed: Whether every answer came from memory.
            parent_id: The generation whose source this one started from; left out where it is gone.
            request: What was asked for beside the prompt, JSON-able.
        """
        values: dict[str, Any] = {
            "id": generation_id or uuid4(),
            "owner_id": self.user.id,
            "prompt": prompt,
            "generator": generator,
            "model": model,
            "source_name": source_name if module is None else module.name,
            "attempts": [dict(each) for each in attempts],
            "usage": dict(usage or {}),
            "status": status,
            "error_message": error_message,
            "seconds": seconds,
            "module_id": None if module is None else module.id,
            "module_version": None if module is None else module.version,
            "digest": digest if module is None else module.digest,
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "price": price,
            "replayed": replayed,
            "parent_id": parent_id,
            "request": dict(request or {}),
        }
        # Most likely what it names was deleted meanwhile.
        for missing in ((), ("parent_id",), ("module_id",), ("parent_id", "module_id")):
            try:
                return self._insert({**values, **dict.fromkeys(missing)})
            except IntegrityError as exc:
                failure = exc
        raise failures.from_database(failure, self._database.place) from failure

    def _insert(self, values: Mapping[str, Any]) -> Generation:
        row = Generation(**values)
        with self._database.write_light(self.user) as session:
            session.add(row)
        return row

    def get(self, generation_id: UUID | str) -> Generation:
        """One generation.

        Args:
            generation_id: Its id, or the first characters of it, where no other generation's begins so.

        Raises:
            NotFoundError: There is none, several begin so, or it is another user's.
        """
        low, high = _range(generation_id)
        query = select(Generation).where(Generation.id >= low, Generation.id <= high, self._visible()).limit(2)
        with self._database.read(self.user) as session:
            found = session.scalars(query).all()
        if not found:
            raise NotFoundError(f"there is no generation with the id {generation_id}", hint=_HINT)
        if len(found) > 1:
            raise NotFoundError(
                f"several generations have an id that begins with {generation_id}", hint="Give more of the id."
            )
        return found[0]

    def search(
        self,
        text: str,
        *,
        limit: int = 50,
        status: GenerationStatus | None = None,
        after: tuple[datetime, UUID] | None = None,
    ) -> list[Generation]:
        """Generations that have a text somewhere, newest first.

        Prompts, module names, models, error messages, answers, sources and diagnostics are searched; Latin letters
        count the same in upper and lower case.

        Args:
            text: As it is written there; ``%`` and ``_`` mean themselves.
            limit: At most so many.
            status: Only these.
            after: `created_at` and id of the last generation of the page before.
        """
        columns = (Generation.prompt, Generation.source_name, Generation.model, Generation.error_message)
        found = or_(
            *(column.icontains(text, autoescape=True) for column in columns),
            says(Generation.attempts, _SEARCHED, text),
        )
        return self._list(found if status is None else found & (Generation.status == status), limit, after)

    def _list(
        self, condition: ColumnElement[bool], limit: int, after: tuple[datetime, UUID] | None
    ) -> list[Generation]:
        query = select(Generation).where(condition, self._visible()).order_by(*keyset.ordering(_ORDER)).limit(limit)
        if after is not None:
            query = query.where(keyset.beyond(_ORDER, after))
        with self._database.read(self.user) as session:
            return [*session.scalars(query).all()]

    def _visible(self) -> ColumnElement[bool]:
        return true() if self.user.is_admin else Generation.owner_id == self.user.id

    def list(
        self,
        *,
        limit: int = 50,
        status: GenerationStatus | None = None,
        after: tuple[datetime, UUID] | None = None,
    ) -> list[Generation]:
        """Generations that the user may see, newest first.

        Args:
            limit: At most so many.
            status: Only these.
            after: `created_at` and id of the last generation of the page before.
        """
        return self._list(true() if status is None else Generation.status == status, limit, after)


def _range(wanted: UUID | str) -> tuple[UUID, UUID]:
    """The ids that begin with a text.

    Raises:
        NotFoundError: It is no beginning of an id.
    """
    digits = str(wanted).lower().replace("-", "")
    if not (SHORTEST_PREFIX <= len(digits) <= 32 and re.fullmatch("[0-9a-f]+", digits)):
        raise NotFoundError(
            f"{str(wanted)[:80]!r} is not the id of a generation: expected {SHORTEST_PREFIX} of its hex digits or more",
            hint=_HINT,
        )
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
