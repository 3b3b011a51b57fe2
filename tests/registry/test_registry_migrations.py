"""Migrations: from nothing, from the oldest revision with rows in it, against the models, and a newer one refused."""

from __future__ import annotations

import hashlib
import io
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from registry_kit import ADMIN, BOB, EVE, urls
from sqlalchemy import create_engine, inspect

from akatsuki_wasm.errors import ConfigError, StorageError
from akatsuki_wasm.registry import (
    Registry,
    registry_status,
    schema,
    service_models,  # noqa: F401 - its tables belong to the metadata
)
from akatsuki_wasm.registry.database import Database, make_private_folder, parse_url
from akatsuki_wasm.registry.models import Base

if TYPE_CHECKING:
    from pathlib import Path

    from registry_kit import Bench


def test_the_list_of_revisions_is_the_one_of_the_scripts() -> None:
    scripts = ScriptDirectory(str(schema.MIGRATIONS))
    assert tuple(reversed([each.revision for each in scripts.walk_revisions()])) == schema.REVISIONS
    assert scripts.get_heads() == [schema.REVISIONS[-1]]


def test_migrations_make_what_the_models_say(bench: Bench, tmp_path: Path) -> None:
    with bench.registry.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
        assert compare_metadata(context, Base.metadata) == []
    plain = create_engine(f"sqlite:///{tmp_path / 'models.db'}")
    Base.metadata.create_all(plain)
    by_models, by_migrations = inspect(plain), inspect(bench.registry.database.engine)
    for table in Base.metadata.tables:
        for facts in (
            "get_check_constraints",
            "get_unique_constraints",
            "get_foreign_keys",
            "get_indexes",
            "get_columns",
        ):
            wanted, found = (sorted(map(repr, getattr(each, facts)(table))) for each in (by_models, by_migrations))
            assert found == wanted, (table, facts)
    plain.dispose()


def old_database(folder: Path, revision: str) -> Path:
    make_private_folder(folder)
    database = Database(parse_url(urls(folder)[0]))
    with database.engine.execution_options(akatsuki_write="FULL").begin() as connection:
        schema.upgrade(connection, revision)
    database.close()
    return folder / "registry.db"


def test_the_oldest_revision_is_brought_up_to_date_with_its_rows(tmp_path: Path) -> None:
    file = old_database(tmp_path / "data", schema.REVISIONS[0])
    module, execution, digest = uuid4(), uuid4(), hashlib.sha256(b"").hexdigest()
    manifest = '{"abi":0,"build":{},"description":"","functions":[],"kind":"core","records":[]}'
    with sqlite3.connect(file) as connection:
        connection.execute(
            "INSERT INTO wasm_modules (id, owner_id, module_name, digest, wasm_size_bytes, manifest, allowed_users)"
            " VALUES (?, ?, 'old', ?, 8, ?, ?)",
            (module.hex, BOB.id.hex, digest, manifest, f'["{EVE.id}"]'),
        )
        connection.execute(
            "INSERT INTO wasm_executions (id, module_id, executor_id, function_name, status)"
            " VALUES (?, ?, ?, 'f', 'success')",
            (execution.hex, module.hex, BOB.id.hex),
        )
    connection.close()
    before = registry_status(*urls(tmp_path / "data"))
    assert (before.revision, before.pending) == (schema.REVISIONS[0], schema.REVISIONS[1:])
    with Registry.open(*urls(tmp_path / "data")) as registry:
        assert registry.status().pending == ()
        row = registry.modules(BOB).get(module)
        # The table's own defaults, which DESIGN section 7 names.
        assert (row.owner_type, row.version, row.status, row.is_public) == ("user", "1.0.0", "uploading", False)
        assert (row.timeout_ms, row.max_execution_time_ms, row.max_memory_pages) == (5000, 30_000, 16_384)
        assert row.can_read(EVE)
        assert row.created_at.utcoffset() is not None
        assert [each.id for each in registry.executions(BOB).list_by_module(module)] == [execution]
        registry.generations(ADMIN).record("p", generator="offline", status="success", seconds=0)


def test_a_newer_database_is_refused_and_not_touched(bench: Bench) -> None:
    bench.registry.close()
    file = bench.folder / "registry.db"
    with sqlite3.connect(file) as connection:
        connection.execute(f"UPDATE {schema.VERSION_TABLE} SET version_num = 'akatsuki_0999'")
    connection.close()
    before = file.read_bytes()
    for act in (lambda: Registry.open(*urls(bench.folder)), lambda: registry_status(*urls(bench.folder))):
        with pytest.raises(StorageError) as caught:
            act()
        assert str(caught.value) == (
            f"the registry's database {file} is of a newer version: its schema is akatsuki_0999, "
            f"this program knows {schema.REVISIONS[-1]} and older"
        )
        assert caught.value.hint == "Upgrade akatsuki-wasm, or choose another AKATSUKI_DATA_DIR."
    assert file.read_bytes() == before


def test_a_failed_migration_leaves_the_old_schema(tmp_path: Path) -> None:
    file = old_database(tmp_path / "data", schema.REVISIONS[0])
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE generations (mine TEXT)")
    connection.close()
    with pytest.raises(StorageError) as caught:
        Registry.open(*urls(tmp_path / "data"))
    assert str(caught.value) == f"the registry's database {file} failed: table generations already exists"
    assert registry_status(*urls(tmp_path / "data")).revision == schema.REVISIONS[0]


def test_asking_for_the_status_makes_nothing(tmp_path: Path) -> None:
    status = registry_status(*urls(tmp_path / "nowhere"))
    assert (status.revision, status.pending, status.blobs, status.database_bytes) == (None, schema.REVISIONS, 0, 0)
    assert not (tmp_path / "nowhere").exists()


def test_a_registry_lives_beside_other_tables(tmp_path: Path) -> None:
    file = tmp_path / "shared.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('somebody elses')")
    connection.close()
    with Registry.open(f"sqlite:///{file}", (tmp_path / "blobs").as_uri()) as registry:
        assert registry.status().pending == ()


@pytest.mark.parametrize("name", ["with space", "日本", "per%20cent", "hash#x", "quest?x=1", "plus+", "a@b:c"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    with Registry.open(*urls(tmp_path / name)) as registry:
        registry.blobs.put(b"x")
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["blobs", "registry.db"]


def test_folders_are_for_their_owner_alone(bench: Bench) -> None:
    bench.store(BOB, "tool")
    assert bench.folder.stat().st_mode & 0o777 == 0o700
    assert (bench.folder / "blobs").stat().st_mode & 0o777 == 0o700


def test_opening_a_registry_that_is_up_to_date_imports_no_alembic(bench: Bench) -> None:
    code = (
        "import sys; from akatsuki_wasm.registry import Registry; Registry.open(*sys.argv[1:]).close();"
        "sys.exit('alembic' in sys.modules or 'wasmtime' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, *urls(bench.folder)], check=True)


def test_the_same_migrations_are_valid_for_postgresql() -> None:
    text = io.StringIO()
    config = Config(output_buffer=text)
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["dialect_name"] = "postgresql"
    command.upgrade(config, "head", sql=True)
    sql = text.getvalue()
    assert "manifest JSONB DEFAULT '{}' NOT NULL" in sql
    assert "id UUID NOT NULL" in sql
    assert "created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL" in sql


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("nonsense", "the setting database_url is not a database URL"),
        ("sqlite://", "the database URL sqlite:// names no file, and the registry needs one"),
        ("sqlite:///:memory:", "the database URL sqlite:///:memory: names no file, and the registry needs one"),
        ("oracle9://me:secret@host/db", "the database URL oracle9://me:***@host/db is of a kind that is not known"),
    ],
)
def test_wrong_database_urls_are_one_line_without_password(tmp_path: Path, url: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Registry.open(url, tmp_path.as_uri())
    assert str(caught.value) == text
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("blobs", "the blob URL ://blobs cannot be used"),
        ("file://host/blobs", "the blob URL file://host/blobs is no absolute path"),
        ("gopher://me:secret@host/x", "the blob URL gopher://host/x cannot be used"),
    ],
)
def test_wrong_blob_urls_are_one_line_without_password(tmp_path: Path, url: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Registry.open(urls(tmp_path)[0], url)
    assert str(caught.value) == text
    assert caught.value.hint
