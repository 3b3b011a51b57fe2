"""The registry as one object: opening, storing a module whole or not at all, reading it back."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from akatsuki_wasm.contracts import Artifact, ExecutableModule, OwnerType, StoredModule, UploadTarget, User
from akatsuki_wasm.errors import ConflictError, UploadError
from akatsuki_wasm.registry import naming, stored_bytes, validation
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.blobs import DEFAULT_GARBAGE_AGE, BlobStore, digest_of
from akatsuki_wasm.registry.database import Database, parse_url
from akatsuki_wasm.registry.designs import DesignRepository
from akatsuki_wasm.registry.executions import WasmExecutionRepository
from akatsuki_wasm.registry.generations import GenerationRepository
from akatsuki_wasm.registry.models import DEFAULT_MAX_MEMORY_PAGES, WasmModule, now
from akatsuki_wasm.registry.modules import WasmModuleRepository
from akatsuki_wasm.registry.status import RegistryStatus, status_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from types import TracebackType

log = logging.getLogger(__name__)

_ATTEMPTS = 5
"""Tries to insert a row while others store the same name at the same time, where the database lets them."""

BLOBS_LOCK = "akatsuki:blobs"


class Registry:
    """Modules, executions and generations on a database and a blob storage; a context manager, thread-safe.

    Make it with `open`.

    Args:
        database: Up to date.
        blobs: Beside it.
    """

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self.database = database
        self.blobs = blobs

    @classmethod
    def open(cls, database_url: str, blob_url: str) -> Self:
        """Opens a registry. A SQLite one is made, or brought up to date, where needed.

        Args:
            database_url: SQLAlchemy's, such as ``sqlite:////folder/registry.db``.
            blob_url: obstore's, such as ``file:///folder/blobs``.

        Raises:
            ConfigError: A URL is wrong.
            StorageError: The database is newer than this program, damaged, or cannot be written.
        """
        blobs = BlobStore(blob_url)
        database = Database(parse_url(database_url))
        try:
            database.prepare()
        except BaseException:
            database.close()
            raise
        return cls(database, blobs)

    def modules(self, user: User) -> WasmModuleRepository:
        """The modules as `user` may see and change them."""
        return WasmModuleRepository(self, user)

    def executions(self, user: User) -> WasmExecutionRepository:
        """The history as `user` may see it."""
        return WasmExecutionRepository(self, user)

    def generations(self, user: User) -> GenerationRepository:
        """The generations as `user` may see them."""
        return GenerationRepository(self, user)

    def designs(self, user: User) -> DesignRepository:
        """The designs that the service was asked for, as `user` may see them."""
        return DesignRepository(self, user)

    # ------------------------------------------------------------ storing

    def store(self, artifact: Artifact, target: UploadTarget) -> StoredModule:
        """Stores a module: its bytes and source as blobs, then one active row. A whole module or none.

        Blobs are durable before the row that names them is inserted, in one transaction that also looks that they are
        still there. Killed between any two steps, this leaves blobs that no row names; `collect_garbage` removes them.

        Args:
            artifact: The bytes are believed, and what they say of themselves; provenance is kept as given.
            target: Name, version, owner. Without a version: 1.0.0, then the next minor one of that name.

        Raises:
            UploadError: The name, version, provenance or metadata cannot be stored.
            InvalidModuleError: The bytes are no module that can be executed here.
            PermissionDeniedError: The user may not create modules of that owner type.
            ConflictError: The name or the version is taken.
            QuotaError: The owner's modules would have more bytes than `UploadTarget.max_stored_bytes`.
            StorageError: The database or the disk failed.
        """
        name = naming.check_name(target.name)
        version = None if target.version is None else naming.check_version(target.version)
        modules = self.modules(target.user)
        modules.check_create(target.owner_type)
        facts = validation.examine(artifact.wasm)
        provenance = _plain_json(artifact.provenance, "provenance")
        metadata = _plain_json(target.metadata, "metadata")
        # Only a source that is given here counts: a digest from outside could name another user's private source.
        provenance.pop("source_digest", None)
        blobs = [artifact.wasm]
        if artifact.source is not None:
            blobs.append(_utf8(artifact.source))
            provenance["source_digest"] = digest_of(blobs[1])
        with self.database.read(target.user) as session:  # before anything is written; asked again when the row is
            naming.next_place(session, target.user, name, target.owner_type, version)
            stored_bytes.check(session, target, len(artifact.wasm))

        digests = [self.blobs.put(each) for each in blobs]
        for _ in range(_ATTEMPTS):
            row = WasmModule(
                owner_id=target.user.id,
                owner_type=target.owner_type,
                module_name=name,
                description=target.description or facts.manifest.description,
                digest=digests[0],
                wasm_size_bytes=len(artifact.wasm),
                exported_functions=[function.name for function in facts.manifest.functions],
                manifest=facts.document,
                provenance=provenance,
                memory_pages=facts.memory_pages,
                max_memory_pages=max(facts.memory_pages, min(facts.max_memory_pages, DEFAULT_MAX_MEMORY_PAGES)),
                is_public=target.is_public,
                status="active",
                extra=metadata,
            )
            try:
                with self.database.write(target.user) as session:
                    self.database.serialize(session, BLOBS_LOCK, *stored_bytes.lock_of(target))
                    stored_bytes.check(session, target, len(artifact.wasm))
                    for digest, data in zip(digests, blobs, strict=True):
                        if not self.blobs.exists(digest):  # collected as garbage since, and not again under this lock
                            self.blobs.put(data)
                    modules.insert(session, row, version)
            except IntegrityError as exc:
                log.debug("storing %s met another writer: %s", name, exc)
                continue
            log.info("stored %s@%s as %s", row.module_name, row.version, row.digest)
            return row.to_stored()
        raise ConflictError(
            f"the module {name!r} could not be stored: others keep storing the same name", hint="Try again."
        )

    def check_target(self, name: str, user: User, owner_type: OwnerType = "user", version: str | None = None) -> None:
        """Fails as `store` would for the name and version, before the work of a build.

        Raises:
            UploadError: The name or version is malformed.
            PermissionDeniedError: The user may not create modules of that owner type.
            ConflictError: The name or the version is taken.
        """
        checked = None if version is None else naming.check_version(version)
        self.modules(user).check_create(owner_type)
        with self.database.read(user) as session:
            naming.next_place(session, user, naming.check_name(name), owner_type, checked)

    # ------------------------------------------------------------ reading

    def read_wasm(self, digest: str) -> bytes:
        """A module's bytes, verified against their digest.

        Raises:
            DigestMismatchError: The stored bytes were altered.
            StorageError: They are missing, or cannot be read.
        """
        return self.blobs.read(digest)

    def source(self, stored: StoredModule | WasmModule) -> str | None:
        """The author's file, or None for a foreign module.

        Raises:
            DigestMismatchError: The stored text was altered.
            StorageError: It is missing, or cannot be read.
        """
        digest = stored.provenance.get("source_digest")
        return None if digest is None else self.blobs.read(str(digest)).decode()

    def executable(self, stored: StoredModule) -> ExecutableModule:
        """The module as execution plugins want it; its bytes are read only when they are needed."""
        return ExecutableModule(
            digest=stored.digest,
            manifest=stored.manifest,
            read=lambda: self.read_wasm(stored.digest),
            name=f"{stored.name}@{stored.version}",
            # A database that is shared may be written by other programs, which may claim what they like.
            built_here=self.database.is_sqlite and "build" in stored.provenance,
        )

    # ------------------------------------------------------------ upkeep

    def status(self) -> RegistryStatus:
        """Revision, counts, sizes and places."""
        return status_of(self.database, self.blobs)

    def migrate(self) -> tuple[str, ...]:
        """Applies the migrations that are missing and names them."""
        return self.database.migrate()

    def collect_garbage(self, older_than: timedelta = DEFAULT_GARBAGE_AGE) -> int:
        """Removes blobs that no row names, and what killed writers left half-written.

        Safe beside uploads: it removes in a write transaction, and an upload looks in one that its blobs are there.

        Args:
            older_than: Blobs younger than this are left alone.

        Returns:
            How many were removed.
        """
        before = now() - older_than
        old = {each.digest for each in self.blobs.list() if each.modified < before}
        with self.database.write(UPKEEP) as session:
            self.database.serialize(session, BLOBS_LOCK)
            source = WasmModule.provenance["source_digest"].as_string()
            for digest, source_digest in session.execute(select(WasmModule.digest, source)):
                old -= {digest, source_digest}
            for digest in old:
                self.blobs.remove(digest)
        return len(old) + self.blobs.remove_staged(before)

    def close(self) -> None:
        """Closes the database; using the registry afterwards raises."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _utf8(source: str) -> bytes:
    try:
        return source.encode()
    except UnicodeEncodeError as exc:
        raise UploadError("the source is not valid Unicode text", hint="Save the file as UTF-8.") from exc


def _plain_json(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """A copy that is JSON through and through.

    Raises:
        UploadError: It is not JSON-able.
    """
    try:
        copied: dict[str, Any] = json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as exc:
        raise UploadError(f"the {what} cannot be stored as JSON: {exc}", hint="Use plain JSON values.") from exc
    return copied
