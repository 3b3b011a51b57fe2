"""The tables of the registry as SQLAlchemy models: `wasm_modules`, `wasm_executions`, `generations`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.contracts import (
    DEFAULT_MEMORY_BYTES,
    DEFAULT_TIMEOUT_MS,
    MAX_TIMEOUT_MS,
    WASM_PAGE,
    OwnerType,
    Status,
    StoredModule,
    User,
)
from akatsuki_wasm.registry import policy
from akatsuki_wasm.registry.types import Json, UtcDateTime, UuidList

ExecutionStatus = Literal["success", "error", "timeout"]
GenerationStatus = Literal["success", "error"]

DEFAULT_MAX_MEMORY_PAGES = DEFAULT_MEMORY_BYTES // WASM_PAGE
"""Most pages of linear memory (64 KiB each) that a module gets unless its row says otherwise."""

_BADGE_COLORS: dict[str, str] = {"system": "blue", "admin": "red", "user": "green"}
_DISPLAY_NAMES: dict[str, str] = {"system": "System", "admin": "Admin only", "user": "User"}


def now() -> datetime:
    """The time in UTC, aware."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Root of the models; constraints get names by one rule, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class WasmModule(Base):
    """One version of one module."""

    __tablename__ = "wasm_modules"
    __table_args__ = (
        UniqueConstraint("owner_id", "module_name", "version"),
        CheckConstraint("owner_type IN ('system', 'admin', 'user')", name="owner_type"),
        CheckConstraint("status IN ('uploading', 'active', 'disabled', 'error')", name="status"),
        CheckConstraint("length(digest) = 64", name="digest"),
        CheckConstraint("wasm_size_bytes > 0", name="wasm_size_bytes"),
        CheckConstraint("memory_pages >= 0 AND memory_pages <= max_memory_pages", name="memory_pages"),
        CheckConstraint("max_memory_pages <= 65536", name="max_memory_pages"),
        CheckConstraint("timeout_ms >= 100 AND timeout_ms <= max_execution_time_ms", name="timeout_ms"),
        CheckConstraint("max_execution_time_ms <= 30000", name="max_execution_time_ms"),
        Index(None, "owner_type"),
        Index(None, "owner_type", "status"),
        Index(None, "module_name"),
        Index(None, "digest"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid4)
    owner_id: Mapped[UUID] = mapped_column(Uuid)
    owner_type: Mapped[OwnerType] = mapped_column(String(16), default="user", server_default="user")
    module_name: Mapped[str] = mapped_column(String(63))
    version: Mapped[str] = mapped_column(String(64), default="1.0.0", server_default="1.0.0")
    description: Mapped[str] = mapped_column(Text, default="", server_default="")
    digest: Mapped[str] = mapped_column(String(64))
    wasm_size_bytes: Mapped[int] = mapped_column(BigInteger)
    exported_functions: Mapped[list[str]] = mapped_column(Json, default=list, server_default=text("'[]'"))
    manifest: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))
    provenance: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))
    memory_pages: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    max_memory_pages: Mapped[int] = mapped_column(
        Integer, default=DEFAULT_MAX_MEMORY_PAGES, server_default=str(DEFAULT_MAX_MEMORY_PAGES)
    )
    timeout_ms: Mapped[int] = mapped_column(Integer, default=DEFAULT_TIMEOUT_MS, server_default=str(DEFAULT_TIMEOUT_MS))
    max_execution_time_ms: Mapped[int] = mapped_column(
        Integer, default=MAX_TIMEOUT_MS, server_default=str(MAX_TIMEOUT_MS)
    )
    is_public: Mapped[bool] = mapped_column(default=False, server_default=false())
    allowed_users: Mapped[tuple[UUID, ...]] = mapped_column(UuidList, default=tuple, server_default=text("'[]'"))
    status: Mapped[Status] = mapped_column(String(16), default="active", server_default="uploading")
    extra: Mapped[dict[str, Any]] = mapped_column("metadata", Json, default=dict, server_default=text("'{}'"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, server_default=text("CURRENT_TIMESTAMP"))
    updated_at: Mapped[datetime] = mapped_column(
        UtcDateTime, default=now, onupdate=now, server_default=text("CURRENT_TIMESTAMP")
    )

    def __repr__(self) -> str:
        return f"<WasmModule {self.module_name}@{self.version} {self.owner_type} {self.status} {self.id}>"

    @property
    def is_system(self) -> bool:
        return self.owner_type == "system"

    @property
    def is_admin_only(self) -> bool:
        return self.owner_type == "admin"

    @property
    def is_user_module(self) -> bool:
        return self.owner_type == "user"

    @property
    def owner_type_badge_color(self) -> str:
        """A colour's name for the owner type, as CSS and terminals know it."""
        return _BADGE_COLORS[self.owner_type]

    @property
    def owner_type_display_name(self) -> str:
        """The owner type for people."""
        return _DISPLAY_NAMES[self.owner_type]

    def can_read(self, user: User) -> bool:
        """Whether `user` may know that this module exists and what it is."""
        return policy.allows(user, "read", self)

    def can_execute(self, user: User) -> bool:
        """Whether `user` may execute it; only active modules execute."""
        return policy.allows(user, "execute", self)

    def can_update(self, user: User) -> bool:
        """Whether `user` may change it, share it or make it public."""
        return policy.allows(user, "update", self)

    def can_delete(self, user: User) -> bool:
        """Whether `user` may delete it."""
        return policy.allows(user, "delete", self)

    def can_disable(self, user: User) -> bool:
        """Whether `user` may disable and enable it."""
        return policy.allows(user, "disable", self)

    def to_stored(self) -> StoredModule:
        """The row as the contract that crosses the hooks."""
        return StoredModule(
            id=self.id,
            name=self.module_name,
            version=self.version,
            digest=self.digest,
            owner_id=self.owner_id,
            owner_type=self.owner_type,
            status=self.status,
            description=self.description,
            manifest=manifests.load(json.dumps(self.manifest).encode()),
            provenance=self.provenance,
            size=self.wasm_size_bytes,
            is_public=self.is_public,
            allowed_users=self.allowed_users,
            timeout_ms=self.timeout_ms,
            max_execution_time_ms=self.max_execution_time_ms,
            max_memory_pages=self.max_memory_pages,
            created_at=self.created_at,
            updated_at=self.updated_at,
            metadata=self.extra,
        )


class WasmExecution(Base):
    """One execution of one function, a failed one too."""

    __tablename__ = "wasm_executions"
    __table_args__ = (
        CheckConstraint("status IN ('success', 'error', 'timeout')", name="status"),
        Index(None, "module_id", "executed_at"),
        Index(None, "executor_id", "executed_at"),
        Index(None, "executed_at"),
        # Figures of a module are read from this alone, with a million executions too; and it grows at few places only.
        Index(
            "ix_wasm_executions_figures",
            "module_id",
            "status",
            "executed_at",
            "executor_id",
            "error_code",
            "execution_time_ms",
        ),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid4)
    # History outlives its module: what was executed stays recorded when the module is deleted.
    module_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("wasm_modules.id", ondelete="SET NULL"))
    executor_id: Mapped[UUID] = mapped_column(Uuid)
    function_name: Mapped[str] = mapped_column(Text)
    input_summary: Mapped[Any] = mapped_column(Json, nullable=True)
    output_summary: Mapped[Any] = mapped_column(Json, nullable=True)
    execution_time_ms: Mapped[float] = mapped_column(Float(53), default=0.0, server_default="0")
    memory_used_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    cache_hit: Mapped[bool] = mapped_column(default=False, server_default=false())
    status: Mapped[ExecutionStatus] = mapped_column(String(16))
    error_message: Mapped[str | None] = mapped_column(Text)
    # The error's stable code, such as "guest-trap"; None for a success.
    error_code: Mapped[str | None] = mapped_column(String(64))
    executed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, server_default=text("CURRENT_TIMESTAMP"))

    module: Mapped[WasmModule | None] = relationship(lazy="raise", passive_deletes=True)

    def __repr__(self) -> str:
        return f"<WasmExecution {self.function_name} {self.status} {self.executed_at:%Y-%m-%d %H:%M:%S} {self.id}>"

    @property
    def module_name(self) -> str | None:
        """The module's name, or None when it was deleted since."""
        return None if self.module is None else self.module.module_name

    @property
    def module_version(self) -> str | None:
        """The module's version, or None when it was deleted since."""
        return None if self.module is None else self.module.version


class Generation(Base):
    """One prompt and what came of it, also where nothing did."""

    __tablename__ = "generations"
    __table_args__ = (
        CheckConstraint("status IN ('success', 'error')", name="status"),
        Index(None, "owner_id", "created_at"),
        Index(None, "module_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid4)
    owner_id: Mapped[UUID] = mapped_column(Uuid)
    prompt: Mapped[str] = mapped_column(Text)
    generator: Mapped[str] = mapped_column(String(63))
    # The one that answered, or else the one that was asked for.
    model: Mapped[str | None] = mapped_column(Text)
    # The module's name; where none came of it, what the last source would have been called.
    source_name: Mapped[str | None] = mapped_column(String(63))
    # One object per attempt; `akatsuki_wasm.generation_facts` says what is in it.
    attempts: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list, server_default=text("'[]'"))
    usage: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))
    status: Mapped[GenerationStatus] = mapped_column(String(16))
    error_message: Mapped[str | None] = mapped_column(Text)
    seconds: Mapped[float] = mapped_column(Float(53), default=0.0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, server_default=text("CURRENT_TIMESTAMP"))
    # What was asked outlives what came of it.
    module_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("wasm_modules.id", ondelete="SET NULL"))
    module_version: Mapped[str | None] = mapped_column(String(64))
    digest: Mapped[str | None] = mapped_column(String(64))
    # Over all answers, the remembered ones too; None where no language model was asked or the server told none.
    tokens_in: Mapped[int | None] = mapped_column(BigInteger)
    tokens_out: Mapped[int | None] = mapped_column(BigInteger)
    # In the currency of the price table; remembered answers cost nothing. None where a price is not known.
    price: Mapped[float | None] = mapped_column(Float(53))
    # Whether every answer came from memory.
    replayed: Mapped[bool] = mapped_column(default=False, server_default=false())
    # The generation that made the source which this one started from.
    parent_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("generations.id", ondelete="SET NULL"))
    # What was asked for beside the prompt: examples, parameters, crates and the like.
    request: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))

    def __repr__(self) -> str:
        return f"<Generation {self.id} {self.status} {self.prompt[:60]!r}>"
