"""The tables that processes of the service share: `idempotency_keys`, `designs`, `design_events`."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, Uuid, false, text
from sqlalchemy.orm import Mapped, mapped_column

from akatsuki_wasm.registry.models import Base, now
from akatsuki_wasm.registry.types import Json, UtcDateTime

DesignStatus = Literal["queued", "running", "success", "error", "cancelled"]


class IdempotencyKey(Base):
    """A request that may be sent again: what it was, and what it was answered with; None while it is worked on."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "created_at"),)

    owner_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    # Over method, path and body: the same key with another request is a mistake of the client.
    request_sha256: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[Any] = mapped_column(Json, nullable=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, server_default=text("CURRENT_TIMESTAMP"))


class DesignJob(Base):
    """A design that the service was asked for, whichever process works on it."""

    __tablename__ = "designs"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'running', 'success', 'error', 'cancelled')", name="status"),
        Index(None, "owner_id", "created_at"),
        Index(None, "module_id"),
        Index(None, "status", "updated_at"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid4)
    owner_id: Mapped[UUID] = mapped_column(Uuid)
    prompt: Mapped[str] = mapped_column(Text)
    request: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))
    status: Mapped[DesignStatus] = mapped_column(String(16), default="queued", server_default="queued")
    cancel_requested: Mapped[bool] = mapped_column(default=False, server_default=false())
    # As in a problem document.
    error: Mapped[dict[str, Any] | None] = mapped_column(Json, nullable=True)
    module_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("wasm_modules.id", ondelete="SET NULL"))
    generation_id: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, server_default=text("CURRENT_TIMESTAMP"))
    # While a process works on it, the time it was last seen alive.
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, server_default=text("CURRENT_TIMESTAMP"))


class DesignEvent(Base):
    """One thing that happened in a design, in order."""

    __tablename__ = "design_events"

    design_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("designs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(32))
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, server_default=text("CURRENT_TIMESTAMP"))
