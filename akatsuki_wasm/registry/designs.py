"""The repository of designs that the service was asked for, and of what happened in them, event by event.

The process that accepted a design works on it. It says with every event, and at least every few seconds, that it is
alive; a design of which nothing was heard for a while is taken for dead by whoever looks next. Everything is in the
database: other processes follow a design by reading its events, and cancel it by a mark on its row.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, DateTime, delete, func, select, true, update

from akatsuki_wasm.errors import NotFoundError, QuotaError
from akatsuki_wasm.registry import keyset
from akatsuki_wasm.registry.models import now
from akatsuki_wasm.registry.service_models import DesignEvent, DesignJob, DesignStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.registry.registry import Registry

UNFINISHED: tuple[DesignStatus, ...] = ("queued", "running")
FINAL_EVENTS: dict[DesignStatus, str] = {"success": "done", "error": "failed", "cancelled": "cancelled"}
"""The kind of the last event of a design, by the status that it ends with."""

Event = tuple[str, "Mapping[str, Any]"]
"""Kind and data."""

_ORDER: tuple[keyset.Key, ...] = ((DesignJob.created_at, True), (DesignJob.id, False))
_PLAIN = {"synchronize_session": False}
"""Of statements in sessions that hold no rows."""


class DesignRepository:
    """Designs as `user` may see them: his own, all of them for an admin.

    Args:
        registry: An open one.
        user: Who acts.
    """

    def __init__(self, registry: Registry, user: User) -> None:
        self._database = registry.database
        self.user = user

    # ------------------------------------------------------------ who asks

    def create(self, prompt: str, request: Mapping[str, Any], *, most: int) -> DesignJob:
        """Writes a design of the user's that is to be worked on.

        Args:
            prompt: As it was given.
            request: What was asked for beside it, JSON-able.
            most: Designs of this user that may be unfinished, in all processes together.

        Raises:
            QuotaError: So many are.
        """
        row = DesignJob(owner_id=self.user.id, prompt=prompt, request=dict(request), status="queued")
        unfinished = select(func.count()).where(DesignJob.owner_id == self.user.id, DesignJob.status.in_(UNFINISHED))
        with self._database.write_light(self.user) as session:
            self._database.serialize(session, f"designs:{self.user.id}")
            count = session.scalar(unfinished) or 0
            if count >= most:
                raise QuotaError(
                    f"{count} of your designs are not finished: at most {most} may be at once",
                    hint="Wait for one of them, or cancel one.",
                    retry_after=10.0,
                )
            row.updated_at = self._clock()
            session.add(row)
            session.flush()
            session.refresh(row)
            session.add(DesignEvent(design_id=row.id, number=1, kind="queued", data={}))
        return row

    def get(self, design_id: UUID) -> DesignJob:
        """One design.

        Raises:
            NotFoundError: There is none, or it is another user's.
        """
        with self._database.read(self.user) as session:
            found = session.scalars(select(DesignJob).where(DesignJob.id == design_id, self._visible())).one_or_none()
        if found is None:
            raise NotFoundError(f"there is no design with the id {design_id}", hint="GET /api/designs lists them.")
        return found

    def list(
        self, *, limit: int, after: tuple[datetime, UUID] | None = None, status: DesignStatus | None = None
    ) -> Sequence[DesignJob]:
        """Designs that the user may see, newest first.

        Args:
            limit: At most so many.
            after: `created_at` and id of the row behind which they begin.
            status: Only these.
        """
        query = select(DesignJob).where(self._visible()).order_by(*keyset.ordering(_ORDER)).limit(limit)
        if status is not None:
            query = query.where(DesignJob.status == status)
        if after is not None:
            query = query.where(keyset.beyond(_ORDER, after))
        with self._database.read(self.user) as session:
            return session.scalars(query).all()

    def request_cancel(self, design_id: UUID) -> DesignJob:
        """Marks an unfinished design as not wanted any more; the process that works on it looks for the mark.

        Returns:
            The design as it is now; a finished one is left as it is.

        Raises:
            NotFoundError: There is none, or it is another user's.
        """
        change = (
            update(DesignJob)
            .where(DesignJob.id == design_id, self._visible(), DesignJob.status.in_(UNFINISHED))
            .values(cancel_requested=True)
        )
        with self._database.write_light(self.user) as session:
            session.execute(change, execution_options=_PLAIN)
        return self.get(design_id)

    def events(self, design_id: UUID, *, after: int = 0, limit: int = 200) -> Sequence[DesignEvent]:
        """What happened in a design, in order; nothing of one that the user may not see.

        Args:
            design_id: Of the design.
            after: Number of the event behind which they begin.
            limit: At most so many.
        """
        query = (
            select(DesignEvent)
            .join(DesignJob, DesignJob.id == DesignEvent.design_id)
            .where(DesignEvent.design_id == design_id, DesignEvent.number > after, self._visible())
            .order_by(DesignEvent.number)
            .limit(limit)
        )
        with self._database.read(self.user) as session:
            return session.scalars(query).all()

    def latest(self, design_ids: Collection[UUID]) -> dict[UUID, int]:
        """The number of the newest event of each of these designs."""
        newest = select(func.max(DesignEvent.number)).where(DesignEvent.design_id == DesignJob.id).scalar_subquery()
        query = select(DesignJob.id, func.coalesce(newest, 0)).where(DesignJob.id.in_(design_ids), self._visible())
        with self._database.read(self.user) as session:
            return {row[0]: row[1] for row in session.execute(query)}

    # ------------------------------------------------------------ who works on it

    def write(self, design_id: UUID, events: Sequence[Event] = (), **changes: Any) -> bool | None:
        """Appends events to an unfinished design, changes its row, and says that its process is alive; all or nothing.

        Args:
            design_id: Of the design.
            events: Kind and data, in order.
            changes: Columns of the row.

        Returns:
            Whether it is to be cancelled; None where it is finished already, and nothing was written: another process
            took this one for dead.
        """
        return self._write(design_id, events, true(), changes)

    def _write(
        self, design_id: UUID, events: Sequence[Event], condition: ColumnElement[bool], changes: Mapping[str, Any]
    ) -> bool | None:
        with self._database.write_light(self.user) as session:
            # The row is held from here on, so that no other process can give the same numbers.
            change = (
                update(DesignJob)
                .where(DesignJob.id == design_id, self._visible(), DesignJob.status.in_(UNFINISHED), condition)
                .values(updated_at=self._clock(), **changes)
                .returning(DesignJob.cancel_requested)
            )
            found = session.scalars(change, execution_options=_PLAIN).one_or_none()
            if found is None:
                return None
            if events:
                newest = select(func.max(DesignEvent.number)).where(DesignEvent.design_id == design_id)
                first = (session.scalar(newest) or 0) + 1
                session.add_all(
                    DesignEvent(design_id=design_id, number=number, kind=kind, data=dict(data))
                    for number, (kind, data) in enumerate(events, first)
                )
        return found

    def to_cancel(self, design_ids: Collection[UUID]) -> set[UUID]:
        """Those of these designs that are not wanted any more."""
        query = select(DesignJob.id).where(DesignJob.id.in_(design_ids), DesignJob.cancel_requested)
        with self._database.read(self.user) as session:
            return set(session.scalars(query))

    # ------------------------------------------------------------ upkeep

    def lost(self, seconds: float) -> Sequence[UUID]:
        """Unfinished designs whose process was not heard of for so long."""
        query = select(DesignJob.id).where(
            DesignJob.status.in_(UNFINISHED), DesignJob.updated_at < self._ago(seconds), self._visible()
        )
        with self._database.read(self.user) as session:
            return session.scalars(query).all()

    def fail_lost(self, design_id: UUID, seconds: float, error: Mapping[str, Any]) -> bool:
        """Ends a design whose process was not heard of for so long; says whether it was so still.

        Args:
            design_id: One of `lost`.
            seconds: As for `lost`.
            error: A problem document.
        """
        event = (FINAL_EVENTS["error"], {"error": dict(error), "generationId": None})
        still = DesignJob.updated_at < self._ago(seconds)
        return self._write(design_id, [event], still, {"status": "error", "error": dict(error)}) is not None

    def forget(self, days: float) -> int:
        """Removes finished designs that are older, with their events; returns how many. Only an admin may."""
        old = delete(DesignJob).where(
            DesignJob.status.not_in(UNFINISHED), DesignJob.updated_at < self._ago(days * 86_400)
        )
        with self._database.write_light(self.user) as session:
            return len(session.scalars(old.returning(DesignJob.id), execution_options=_PLAIN).all())

    # ------------------------------------------------------------ parts

    def _clock(self) -> Any:
        """The time that all processes compare: the database server's, as machines' clocks differ."""
        return now() if self._database.is_sqlite else func.clock_timestamp(type_=DateTime(timezone=True))

    def _ago(self, seconds: float) -> Any:
        return self._clock() - timedelta(seconds=seconds)

    def _visible(self) -> ColumnElement[bool]:
        return true() if self.user.is_admin else DesignJob.owner_id == self.user.id
