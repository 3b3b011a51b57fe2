"""Copies one registry into another: modules with their blobs, executions, generations and designs, whole or not at all.

Blobs come first, each verified against its digest on both sides; they hurt nobody where the copy fails afterwards. Then
all rows go in one transaction. A row that is there under its id is left as it is there, so a copy may be made again: it
takes what is missing. Everybody's rows are written in their own name, as row-level security wants it.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, literal, select, tuple_
from sqlalchemy.exc import IntegrityError

from akatsuki_wasm.contracts import User
from akatsuki_wasm.errors import ConflictError, NotFoundError
from akatsuki_wasm.registry import failures
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.blobs import BlobStore
from akatsuki_wasm.registry.database import Database, parse_url
from akatsuki_wasm.registry.models import Generation, WasmExecution, WasmModule
from akatsuki_wasm.registry.registry import BLOBS_LOCK, Registry
from akatsuki_wasm.registry.service_models import DesignEvent, DesignJob, IdempotencyKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy import Column, Table
    from sqlalchemy.orm import Session

BATCH = 500
"""Rows in one statement."""

Row = dict[str, Any]
"""A row by its columns' names."""


@dataclass(frozen=True)
class Copied:
    """How many of one kind were copied, or would be, and how many were there already."""

    copied: int = 0
    present: int = 0

    def __add__(self, other: Copied) -> Copied:
        return Copied(self.copied + other.copied, self.present + other.present)


@dataclass(frozen=True)
class CopyReport:
    """What a copy did, or would do.

    Attributes:
        rows: By table.
        blobs: Wasm bytes and sources.
        blob_bytes: Bytes of the blobs that were copied.
    """

    rows: Mapping[str, Copied]
    blobs: Copied
    blob_bytes: int


@dataclass(frozen=True)
class Place:
    """Where a registry is: URLs as for `Registry.open`."""

    database_url: str
    blob_url: str

    def opened(self) -> Registry:
        """The registry, made where SQLite's is missing."""
        return Registry.open(self.database_url, self.blob_url)

    def exists(self) -> bool:
        """False for a SQLite file that is not there; a server is asked when it is opened."""
        database = Database(parse_url(self.database_url))
        database.close()
        return database.file is None or database.file.exists()


def copy_registry(
    source: Place, target: Place, *, dry_run: bool = False, progress: Callable[[str], None] = lambda line: None
) -> CopyReport:
    """Copies what `target` lacks.

    Args:
        source: It is not changed, but that an older SQLite file is brought up to date.
        target: A server's database has its tables already (`akatsuki db push`).
        dry_run: Only counts.
        progress: Told what is being done.

    Raises:
        NotFoundError: There is no registry to copy from.
        ConflictError: Both are the same, or the target has another module of the same owner, name and version.
        StorageError: A database or a storage failed, or a blob is missing.
        DigestMismatchError: A blob was altered.
    """
    if not source.exists():
        raise NotFoundError(
            f"there is no registry at {source.database_url}", hint="Name it: --from sqlite:////folder/registry.db."
        )
    if parse_url(source.database_url) == parse_url(target.database_url):
        raise ConflictError("both registries are the same", hint="Name another one with --to.")
    with ExitStack() as stack:
        copy = _Copy(stack.enter_context(source.opened()), progress=progress)
        if dry_run and not target.exists():
            return copy.into_nothing(BlobStore(target.blob_url))
        registry = stack.enter_context(target.opened())
        return copy.look(registry) if dry_run else copy.into(registry)


@dataclass
class _Copy:
    source: Registry
    progress: Callable[[str], None]
    rows: dict[str, Copied] = field(default_factory=dict)
    blobs: Copied = Copied()
    blob_bytes: int = 0
    _seen: set[str] = field(default_factory=set)

    def into(self, target: Registry) -> CopyReport:
        """Copies."""
        with self.source.database.read(UPKEEP) as session:
            digests = _digests(session)
        self._copy_blobs(digests, target.blobs)  # outside of any transaction: it may take long
        try:
            with self.source.database.read(UPKEEP) as session, target.database.write(UPKEEP) as writing:
                self._copy_blobs(_digests(session), target.blobs)  # what was stored since
                target.database.serialize(writing, BLOBS_LOCK)
                self._restore_collected(target.blobs)
                for table in _TABLES:
                    self.progress(f"copying {table.label}")
                    for batch in table.batches(session):
                        self._copy_rows(table, batch, writing, target.database)
        except IntegrityError as exc:  # somebody stored something else there meanwhile
            raise failures.from_database(exc, target.database.place) from exc
        return self._report()

    def look(self, target: Registry) -> CopyReport:
        """Counts what `into` would copy."""
        with self.source.database.read(UPKEEP) as session, target.database.read(UPKEEP) as there:
            for table in _TABLES:
                for batch in table.batches(session):
                    missing = self._missing(table, batch, there, target.database)
                    self._count(table, len(missing), len(batch) - len(missing))
            self._count_blobs(_digests(session), target.blobs)
        return self._report()

    def into_nothing(self, blobs: BlobStore) -> CopyReport:
        """Counts for a target that is not there yet."""
        with self.source.database.read(UPKEEP) as session:
            for table in _TABLES:
                for batch in table.batches(session):
                    self._count(table, len(batch), 0)
            self._count_blobs(_digests(session), blobs)
        return self._report()

    def _report(self) -> CopyReport:
        rows = {table.label: self.rows.get(table.label, Copied()) for table in _TABLES}
        return CopyReport(rows, self.blobs, self.blob_bytes)

    def _count(self, table: _Rows, copied: int, present: int) -> None:
        self.rows[table.label] = self.rows.get(table.label, Copied()) + Copied(copied, present)

    # ------------------------------------------------------------ blobs

    def _copy_blobs(self, digests: set[str], target: BlobStore) -> None:
        for number, digest in enumerate(sorted(digests - self._seen), 1):
            if number % 100 == 1:
                self.progress(f"copying blobs, {number:,} of {len(digests):,}")
            self._seen.add(digest)
            if target.exists(digest):
                target.read(digest)  # verifies it
                self.blobs += Copied(present=1)
                continue
            data = self.source.blobs.read(digest)
            target.put(data)
            self.blobs += Copied(copied=1)
            self.blob_bytes += len(data)

    def _count_blobs(self, digests: set[str], target: BlobStore) -> None:
        sizes = {each.digest: each.size for each in self.source.blobs.list() if each.digest in digests}
        there = {each.digest for each in target.list()}
        for digest in digests:
            if digest in there:
                self.blobs += Copied(present=1)
                continue
            if digest not in sizes:
                self.source.blobs.read(digest)  # says that it is missing
            self.blobs += Copied(copied=1)
            self.blob_bytes += sizes[digest]

    def _restore_collected(self, target: BlobStore) -> None:
        """Puts back what was collected as garbage before its row came; under the lock nobody collects."""
        for digest in self._seen:
            if not target.exists(digest):
                target.put(self.source.blobs.read(digest))

    # ------------------------------------------------------------ rows

    def _copy_rows(self, table: _Rows, batch: Sequence[Row], session: Session, target: Database) -> None:
        missing = self._missing(table, batch, session, target)
        groups: dict[tuple[UUID, bool], list[Row]] = {}
        for row in missing:
            groups.setdefault(table.owner(row), []).append(row if target.is_sqlite else _without_nul(row))
        for (owner, is_admin), rows in groups.items():
            target.act(session, User(owner, "copied", is_admin=is_admin))
            session.execute(insert(table.table), rows)
        target.act(session, UPKEEP)
        self._count(table, len(missing), len(batch) - len(missing))

    def _missing(self, table: _Rows, batch: Sequence[Row], there: Session, target: Database) -> list[Row]:
        if not batch:
            return []
        keys = [table.key(row) for row in batch]
        found = {tuple(row) for row in there.execute(select(*table.columns).where(tuple_(*table.columns).in_(keys)))}
        missing = [row for row, key in zip(batch, keys, strict=True) if key not in found]
        if table.table is WasmModule.__table__:
            _refuse_taken(missing, there, target)
        return missing


class _Rows:
    """How the rows of one table are read, in an order in which they can be inserted, and whose they are.

    Args:
        label: In reports.
        table: With a primary key.
        owner: Column of the owner's id; None where only an admin may write for everybody.
    """

    def __init__(self, label: str, table: Any, owner: str | None = "owner_id") -> None:
        self.label = label
        self.table: Table = table
        self.columns: tuple[Column[Any], ...] = tuple(self.table.primary_key.columns)
        self._owner = owner

    def key(self, row: Row) -> tuple[Any, ...]:
        """A row's primary key."""
        return tuple(row[column.name] for column in self.columns)

    def owner(self, row: Row) -> tuple[UUID, bool]:
        """Who may write a row: an id, and whether as an admin."""
        if self._owner is None:
            return UPKEEP.id, True
        return row[self._owner], row.get("owner_type", "user") != "user"

    def batches(self, session: Session) -> Iterator[list[Row]]:
        """All rows."""
        query = select(self.table).order_by(*self.columns).limit(BATCH)
        last: tuple[Any, ...] | None = None
        while True:
            after = query
            if last is not None:
                values = (literal(value, column.type) for value, column in zip(last, self.columns, strict=True))
                after = query.where(tuple_(*self.columns) > tuple_(*values))
            batch: list[Row] = [dict(row) for row in session.execute(after).mappings()]
            if batch:
                yield batch
            if len(batch) < BATCH:
                return
            last = self.key(batch[-1])


class _Generations(_Rows):
    """Generations, each after the one that it names as its parent."""

    def batches(self, session: Session) -> Iterator[list[Row]]:
        parents = {row[0]: row[1] for row in session.execute(select(Generation.id, Generation.parent_id))}
        ordered = _parents_first(parents)
        for start in range(0, len(ordered), BATCH):
            wanted = ordered[start : start + BATCH]
            query = select(self.table).where(Generation.id.in_(wanted))
            found = {row["id"]: dict(row) for row in session.execute(query).mappings()}
            yield [found[each] for each in wanted]


_TABLES = (
    _Rows("modules", WasmModule.__table__),
    _Generations("generations", Generation.__table__),
    _Rows("executions", WasmExecution.__table__, "executor_id"),
    _Rows("designs", DesignJob.__table__),
    _Rows("design events", DesignEvent.__table__, None),
    _Rows("idempotency keys", IdempotencyKey.__table__),
)
"""In an order in which foreign keys hold."""


def _parents_first(parents: Mapping[UUID, UUID | None]) -> list[UUID]:
    depths: dict[UUID, int] = {}
    for start in parents:
        line = []
        each: UUID | None = start
        while each is not None and each not in depths and each in parents:
            line.append(each)
            depths[each] = 0  # a ring, which nothing makes, ends here
            each = parents[each]
        depth = depths.get(each, 0) if each is not None else 0
        for child in reversed(line):
            depth += 1
            depths[child] = depth
    return sorted(depths, key=lambda each: depths[each])


def _digests(session: Session) -> set[str]:
    found: set[str] = set()
    source = WasmModule.provenance["source_digest"].as_string()
    for row in session.execute(select(WasmModule.digest, source)):
        found.update(each for each in row if each is not None)
    return found


def _refuse_taken(missing: Sequence[Row], there: Session, target: Database) -> None:
    """Names the module whose place another one has."""
    columns = (WasmModule.owner_id, WasmModule.module_name, WasmModule.version)
    wanted = [tuple(row[column.key] for column in columns) for row in missing]
    found = there.execute(select(*columns, WasmModule.id).where(tuple_(*columns).in_(wanted)).limit(1)).first()
    if found is not None:
        raise ConflictError(
            f"{target.place} has another module {found.module_name}@{found.version} of the user {found.owner_id}, "
            f"with the id {found.id}",
            hint="Delete one of the two; nothing was copied.",
        )


def _without_nul(row: Row) -> Row:
    """PostgreSQL's texts have no NUL character; JSON is taken care of where it is written."""
    return {
        name: value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
        for name, value in row.items()
    }
