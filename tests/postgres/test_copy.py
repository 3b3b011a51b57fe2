"""`akatsuki db`: a populated SQLite registry moves to PostgreSQL and back, whole or not at all; push and status."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select
from wasmtime import wat2wasm

from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.cli.root import cli
from akatsuki_wasm.contracts import Artifact, UploadTarget, User
from akatsuki_wasm.errors import ConflictError, DigestMismatchError, NotFoundError, StorageError
from akatsuki_wasm.registry import Registry, copying, schema
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.blobs import key_of
from akatsuki_wasm.registry.copying import Copied, Place, copy_registry
from akatsuki_wasm.registry.designs import DesignRepository
from akatsuki_wasm.registry.models import Base, Generation, WasmExecution
from akatsuki_wasm.registry.service_models import IdempotencyKey

from .pg_kit import OWNER, TestDatabase, emptied_database, fresh_database

if TYPE_CHECKING:
    from pathlib import Path

ADA = User.local("ada", is_admin=True)
BOB = User.local("bob")
EVE = User.local("eve")
KINDS = ("modules", "generations", "executions", "designs", "design events", "idempotency keys")


@cache
def wasm(number: int) -> bytes:
    """A module whose `f` answers a number."""
    return bytes(wat2wasm(f'(module (memory (export "memory") 1) (func (export "f") (result i32) i32.const {number}))'))


def store(registry: Registry, user: User, name: str, number: int, **target: Any) -> Any:
    data = wasm(number)
    made = Artifact(data, manifests.for_binary(data), f"// source {number}", {})
    return registry.store(made, UploadTarget(name, registry, user, **target))


def place(folder: Path) -> Place:
    return Place(f"sqlite:///{folder / 'registry.db'}", (folder / "blobs").as_uri())


@pytest.fixture
def source(tmp_path: Path) -> Place:
    """A registry with something of every kind and owner."""
    found = place(tmp_path / "source")
    with found.opened() as registry:
        tool = store(registry, BOB, "tool", 1)
        store(registry, BOB, "tool", 2)
        store(registry, EVE, "other", 1, is_public=True)
        system = store(registry, ADA, "everyones", 3, owner_type="system")
        store(registry, ADA, "admins", 4, owner_type="admin")
        registry.modules(ADA).disable(tool.id)
        registry.modules(BOB).share(tool.id, [EVE.id])
        generations = registry.generations(BOB)
        last = None
        for number in range(4):
            last = generations.record(
                f"prompt {number}\0",
                generator="offline",
                status="success",
                seconds=0.5,
                attempts=[{"reply": "a\0b"}],
                parent_id=None if last is None else last.id,
                module=tool,
            )
        assert last is not None
        registry.generations(EVE).record("p", generator="offline", status="error", seconds=0.1, parent_id=last.id)
        for user in (ADA, BOB, EVE):
            for number in range(7):
                registry.executions(user).record(
                    system, "f", status="success", execution_time_ms=number, input_summary={"n": [number, "x\0"]}
                )
        registry.modules(EVE).list_all()
        DesignRepository(registry, BOB).create("a design", {"name": "x"}, most=9)
        with registry.database.write(BOB) as session:
            session.add(IdempotencyKey(owner_id=BOB.id, key="k", request_sha256="0" * 64, status=201, answer={"a": 1}))
    return found


def contents(registry: Registry) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, NUL characters as they are stored in PostgreSQL."""
    with registry.database.read(UPKEEP) as session:
        return {
            name: sorted(
                (json.loads(json.dumps(dict(row), default=str).replace("\\u0000", "\\ufffd"))
                 for row in session.execute(select(table)).mappings()),
                key=repr,
            )
            for name, table in Base.metadata.tables.items()
        }  # fmt: skip


@pytest.mark.parametrize("batch", [2, 500])
def test_everything_goes_there_and_back(
    source: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(copying, "BATCH", batch)
    server = Place(emptied_database().url(), (tmp_path / "server blobs").as_uri())
    back = place(tmp_path / "back")
    counted = copy_registry(source, server, dry_run=True)
    done = copy_registry(source, server)
    assert counted == done
    assert [done.rows[kind].copied for kind in KINDS] == [5, 5, 21, 1, 1, 1]
    assert done.blobs == Copied(copied=8)
    assert copy_registry(server, back, dry_run=True).rows == done.rows
    assert not (tmp_path / "back").exists(), "a dry run makes nothing"
    assert copy_registry(server, back).rows == done.rows
    with source.opened() as first, server.opened() as second, back.opened() as third:
        assert contents(first) == contents(second) == contents(third)
        for registry in (second, third):
            bob = registry.modules(BOB)
            assert {registry.read_wasm(row.digest) for row in bob.list_all()} == {wasm(1), wasm(2), wasm(3)}
            assert registry.source(bob.find("tool")) == "// source 2"
            assert registry.modules(EVE).find("tool@1.0.0").status == "disabled"


def test_again_takes_what_is_missing_and_leaves_what_is_there(source: Place, tmp_path: Path) -> None:
    target = Place(emptied_database().url(), (tmp_path / "blobs").as_uri())
    first = copy_registry(source, target)
    again = copy_registry(source, target)
    assert again.blob_bytes == 0
    assert {name: each.present for name, each in again.rows.items()} == {
        name: each.copied for name, each in first.rows.items()
    }
    with target.opened() as registry:
        kept = registry.modules(BOB).find("tool")
        registry.modules(BOB).update(kept.id, description="changed here")
        gone = registry.modules(EVE).find("other")
        registry.modules(EVE).delete(gone.id)
    with source.opened() as registry:
        store(registry, BOB, "new", 5)
    third = copy_registry(source, target)
    assert third.rows["modules"] == Copied(copied=2, present=4)
    with target.opened() as registry:
        assert registry.modules(BOB).get(kept.id).description == "changed here"
        assert registry.modules(EVE).find("other").id == gone.id
        assert registry.modules(BOB).find("new").version == "1.0.0"


def test_a_taken_place_is_named_and_nothing_is_copied(source: Place, tmp_path: Path) -> None:
    target = Place(emptied_database().url(), (tmp_path / "blobs").as_uri())
    with target.opened() as registry:
        taken = store(registry, BOB, "tool", 9)
        before = contents(registry)
    for dry_run in (True, False):
        with pytest.raises(ConflictError) as caught:
            copy_registry(source, target, dry_run=dry_run)
        assert f"has another module tool@1.0.0 of the user {BOB.id}, with the id {taken.id}" in str(caught.value)
    with target.opened() as registry:
        assert contents(registry) == before


def test_a_failure_in_the_middle_leaves_no_row(source: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Place(emptied_database().url(), (tmp_path / "blobs").as_uri())

    def told(line: str) -> None:
        if "designs" in line:
            with emptied_in_the_way.connect() as connection:
                kill = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'akatsuki_app'"
                connection.execute(kill)

    emptied_in_the_way = TestDatabase(emptied_database().server, "postgres")
    with pytest.raises(StorageError):
        copy_registry(source, target, progress=told)
    with target.opened() as registry:
        assert not any(contents(registry).values())
    assert copy_registry(source, target).rows["modules"] == Copied(copied=5)


def test_altered_and_missing_blobs_are_named_before_any_row(source: Place, tmp_path: Path) -> None:
    target = Place(emptied_database().url(), (tmp_path / "blobs").as_uri())
    with source.opened() as registry:
        digest = registry.modules(BOB).find("tool").digest
    blob = tmp_path / "source" / "blobs" / key_of(digest)
    data = blob.read_bytes()
    blob.write_bytes(data + b"x")
    with pytest.raises(DigestMismatchError, match=digest):
        copy_registry(source, target)
    blob.unlink()
    for dry_run in (True, False):
        with pytest.raises(StorageError, match=f"{digest} is missing"):
            copy_registry(source, target, dry_run=dry_run)
    with target.opened() as registry:
        assert not any(contents(registry).values())
    blob.write_bytes(data)
    copy_registry(source, target)
    (tmp_path / "blobs" / key_of(digest)).write_bytes(b"altered")
    with pytest.raises(DigestMismatchError, match=digest):
        copy_registry(source, target)


def test_many_rows_are_copied_in_batches_with_parents_in_any_order(tmp_path: Path) -> None:
    source, target = place(tmp_path / "source"), place(tmp_path / "target")
    ids = [uuid4() for _ in range(1_200)]
    with source.opened() as registry, registry.database.write(UPKEEP) as session:
        rows = [
            {"id": each, "owner_id": uuid4(), "prompt": "p", "generator": "g", "status": "success", "parent_id": parent}
            for each, parent in zip(ids, [None, *ids], strict=False)  # one long line, its ids in no order
        ]
        session.execute(insert(Generation), rows)
        history = {"executor_id": BOB.id, "function_name": "f", "status": "success"}
        session.execute(insert(WasmExecution), [{"id": uuid4(), **history} for _ in range(1_000)])
    report = copy_registry(source, target)
    assert (report.rows["generations"], report.rows["executions"]) == (Copied(1_200), Copied(1_000))
    with source.opened() as first, target.opened() as second:
        assert contents(first) == contents(second)


def test_what_is_no_registry_is_not_copied(source: Place, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        copy_registry(place(tmp_path / "nowhere"), source)
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(ConflictError, match="the same"):
        copy_registry(source, source)
    with fresh_database(migrated=False) as empty, pytest.raises(StorageError, match="lacks"):
        copy_registry(source, Place(empty.url(OWNER), (tmp_path / "blobs").as_uri()))


# ------------------------------------------------------------ the commands


def run(*words: str, code: int = 0, **environment: str) -> str:
    done = CliRunner().invoke(cli, list(words), prog_name="akatsuki", env=environment)
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.output


def test_the_command_copies(source: Place, tmp_path: Path) -> None:
    url, blobs = emptied_database().url(), (tmp_path / "blobs").as_uri()
    words = ("db", "copy", "--from", source.database_url, "--to", url, "--to-blobs", blobs)
    assert "modules           5 would be copied, 0 there already\n" in run(*words, "--dry-run")
    done = json.loads(run(*words, "--json"))
    counts = {"modules": 5, "generations": 5, "executions": 21, "designs": 1, "designEvents": 1, "idempotencyKeys": 1}
    assert done["copied"] == {**counts, "blobs": 8}
    assert done["present"] == dict.fromkeys(done["copied"], 0)
    assert "executions        0 copied, 21 there already\n" in run(*words)
    usage = run("db", "copy", "--to", url, code=2)
    assert "the blobs of a database on a server are named with --to-blobs URL" in usage


def test_the_registry_of_the_settings_is_copied_by_default(tmp_path: Path, private_home: Path) -> None:
    with place(private_home / "data").opened() as registry:
        store(registry, BOB, "tool", 1)
    run("db", "copy", "--to", f"sqlite:///{tmp_path / 'x' / 'registry.db'}")
    with place(tmp_path / "x").opened() as registry:
        assert registry.read_wasm(registry.modules(BOB).find("tool").digest) == wasm(1)


def test_push_and_status_on_a_server() -> None:
    with fresh_database(migrated=False) as database:
        owner = {"AKATSUKI_DATABASE_URL": database.url(OWNER)}
        dry = json.loads(run("db", "push", "--dry-run", "--json", **owner))
        assert dry["pending"] == list(schema.REVISIONS)
        assert json.loads(run("db", "status", "--json", **owner))["revision"] is None, "a dry run changes nothing"
        assert sorted(run("db", "push", "--dry-run", **owner).splitlines()) == sorted(dry["sql"].splitlines())
        assert run("db", "push", **owner) == "".join(f"applied {each}\n" for each in schema.REVISIONS)
        assert run("db", "push", **owner) == "up to date\n"
        assert run("db", "push", "--dry-run", **owner) == ""
        assert "it can bypass row-level security, so nothing is served as it" in run("db", "status", **owner)
        app = {"AKATSUKI_DATABASE_URL": database.url()}
        assert "role        akatsuki_app (row-level security holds for it)\n" in run("db", "status", **app)
        status = json.loads(run("db", "status", "--json", **app))
        assert (status["role"], status["bypass"], status["modules"]) == ("akatsuki_app", None, 0)
        assert run("db", "push", **app) == "up to date\n"
        refused = run("modules", "list", code=1, **owner)
        assert "the database role postgres can bypass row-level security: it is a superuser" in refused
        assert run("modules", "list", **app) == ""


def test_who_may_not_change_the_schema_is_told(tmp_path: Path) -> None:
    with fresh_database(migrated=False) as database:
        emptied_database()  # makes the role
        app = {"AKATSUKI_DATABASE_URL": database.url()}
        refused = run("db", "push", code=1, **app)
        assert "permission denied for schema public" in refused
        assert "as the database's owner" in refused
        with psycopg.connect(database.url(OWNER)) as connection:
            tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            assert connection.execute(tables).fetchone() == (0,)
