"""The repository of generations: every prompt, its attempts, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, select, true

from akatsuki_wasm.errors import NotFoundError
from akatsuki_wasm.registry.models import Generation, GenerationStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.registry.registry import Registry


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
        model: str | None = None,
        source_name: str | None = None,
        attempts: Sequence[Mapping[str, Any]] = (),
        usage: Mapping[str, Any] | None = None,
        error_message: str | None = None,
    ) -> Generation:
        """Writes one generation of the user's.

        Args:
            prompt: As it was given.
            generator: Who answered, or was asked last.
            status: ``success`` or ``error``.
            seconds: Wall clock of the whole, repairs included.
            model: The language model, or None.
            source_name: The module name that came of it, or None.
            attempts: One JSON object per attempt: messages, reply, diagnostics, tokens, seconds.
            usage: Tokens and the like over all attempts.
            error_message: Of a failure.
        """
        row = Generation(
            owner_id=self.user.id,
            prompt=prompt,
            generator=generator,
            model=model,
            source_name=source_name,
            attempts=[dict(each) for each in attempts],
            usage=dict(usage or {}),
            status=status,
            error_message=error_message,
            seconds=seconds,
        )
        with self._database.write_light() as session:
            session.add(row)
        return row

    def get(self, generation_id: UUID) -> Generation:
        """One generation.

        Raises:
            NotFoundError: There is none, or it is another user's.
        """
        with self._database.read() as session:
            found = session.scalars(
                select(Generation).where(Generation.id == generation_id, self._visible())
            ).one_or_none()
        if found is None:
            raise NotFoundError(
                f"there is no generation with the id {generation_id}", hint="`akatsuki generations list` shows them."
            )
        return found

    def list(self, *, limit: int = 50) -> list[Generation]:
        """Generations that the user may see, newest first."""
        query = (
            select(Generation).where(self._visible()).order_by(Generation.created_at.desc(), Generation.id).limit(limit)
        )
        with self._database.read() as session:
            return [*session.scalars(query).all()]

    def _visible(self) -> ColumnElement[bool]:
        return true() if self.user.is_admin else Generation.owner_id == self.user.id
