"""Who stores a module, where and as what, and what its row in a registry says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from akatsuki_wasm.contracts.making import Artifact
    from akatsuki_wasm.contracts.modules import Manifest

OwnerType = Literal["system", "admin", "user"]
Status = Literal["uploading", "active", "disabled", "error"]
OWNER_TYPES: tuple[OwnerType, ...] = ("system", "admin", "user")
MODULE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Module names: lower-case letters, digits and hyphens, at most 63."""


@dataclass(frozen=True)
class User:
    """Who acts.

    Attributes:
        id: Stable identity.
        name: For people.
        is_admin: Decided by the host or by ``app_metadata``, never by the user.
    """

    id: UUID
    name: str
    is_admin: bool = False

    NAMESPACE = UUID("5ad1d1c1-6f1f-5c52-9a55-0a6b7f6a1f0e")

    @classmethod
    def local(cls, name: str, *, is_admin: bool = False) -> User:
        """A user of the embedded registry, known by name."""
        return cls(uuid5(cls.NAMESPACE, name), name, is_admin)


@dataclass(frozen=True)
class UploadTarget:
    """Where and as what a module is to be stored.

    Attributes:
        name: Module name, kebab-case.
        registry: The registry that the workspace stands on.
        user: Who stores it.
        version: semver, or None for the next one (1.0.0, then the next minor).
        owner_type: Of the module.
        is_public: Whether every user may read and execute it.
        description: One line; the manifest's where empty.
        metadata: Free JSON of the user's.
        max_stored_bytes: Of all modules of this owner and owner type together, with this one; None for no limit, as in
            a registry of one's own.
    """

    name: str
    registry: ModuleStore
    user: User
    version: str | None = None
    owner_type: OwnerType = "user"
    is_public: bool = False
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    max_stored_bytes: int | None = None


class ModuleStore(Protocol):
    """What an upload plugin may ask of the workspace's registry."""

    def store(self, artifact: Artifact, target: UploadTarget) -> StoredModule:
        """Writes the blobs, then the row: a whole module or none."""
        ...


@runtime_checkable
class ServerStore(ModuleStore, Protocol):
    """The modules of a server, for a workspace that is on one."""

    @property
    def url(self) -> str:
        """Of the server."""
        ...


@dataclass(frozen=True)
class StoredModule:
    """A module in a registry, as its row says.

    Attributes:
        id: Row identity.
        name: Module name.
        version: semver.
        digest: Hex sha256 of the bytes.
        owner_id: Who owns it.
        owner_type: ``system``, ``admin`` or ``user``.
        status: Only ``active`` ones execute.
        description: One line.
        manifest: Functions and their signatures.
        provenance: How it came to be; ``source_digest`` names the author's file among the blobs.
        size: Bytes of the wasm.
        is_public: Whether every user may read and execute it.
        allowed_users: Ids of users it is shared with.
        timeout_ms: Default time limit of an execution.
        max_execution_time_ms: Largest time limit that a caller may ask for.
        max_memory_pages: Most pages of linear memory, 64 KiB each.
        created_at: UTC.
        updated_at: UTC.
    """

    id: UUID
    name: str
    version: str
    digest: str
    owner_id: UUID
    owner_type: OwnerType
    status: Status
    description: str
    manifest: Manifest
    provenance: Mapping[str, Any]
    size: int
    is_public: bool
    allowed_users: tuple[UUID, ...]
    timeout_ms: int
    max_execution_time_ms: int
    max_memory_pages: int
    created_at: datetime
    updated_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)
