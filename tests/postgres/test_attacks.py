"""Somebody who runs SQL as the service's login, or as a user, gets no further than the policy."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from akatsuki_wasm.contracts import User
from akatsuki_wasm.registry.row_security import TABLES

from .acting_kit import acting, insertion, plain
from .pg_kit import APP, TestDatabase, emptied_database

ADA = User.local("ada", is_admin=True)
BOB = User.local("bob")
EVE = User.local("eve")

MODULE: dict[str, Any] = {"digest": "0" * 64, "wasm_size_bytes": 8, "module_name": "secret", "status": "active"}


@pytest.fixture
def database() -> TestDatabase:
    """One row of Bob's in each table, an admin module of Ada's."""
    found = emptied_database()
    module, design = uuid4(), uuid4()
    rows = (
        ("wasm_modules", {**MODULE, "id": module, "owner_id": BOB.id}),
        ("wasm_modules", {**MODULE, "id": uuid4(), "owner_id": ADA.id, "owner_type": "admin"}),
        (
            "wasm_executions",
            {
                "id": uuid4(),
                "executor_id": BOB.id,
                "module_id": module,
                "function_name": "f",
                "status": "success",
                "input_summary": {"salary": 1},
            },
        ),
        (
            "generations",
            {"id": uuid4(), "owner_id": BOB.id, "prompt": "private", "generator": "offline", "status": "success"},
        ),
        ("idempotency_keys", {"owner_id": BOB.id, "key": "k", "request_sha256": "0" * 64}),
        ("designs", {"id": design, "owner_id": BOB.id, "prompt": "private"}),
        ("design_events", {"design_id": design, "number": 1, "kind": "queued"}),
    )
    with found.connect() as connection:
        for table, row in rows:
            connection.execute(insertion(table, row), [plain(each) for each in row.values()])
    return found


def test_another_user_sees_nothing_at_all(database: TestDatabase) -> None:
    with acting(database, EVE) as eve, acting(database, BOB) as bob, acting(database, ADA) as ada:
        counts = [[each.column(f"SELECT count(*) FROM {table}")[0] for table in TABLES] for each in (eve, bob, ada)]
    assert counts == [[0] * 6, [1] * 6, [2, 1, 1, 1, 1, 1]]


@pytest.mark.parametrize("table", TABLES)
def test_the_login_itself_may_do_nothing(database: TestDatabase, table: str) -> None:
    with database.connect(APP) as login:
        for statement in (f"SELECT * FROM {table}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(errors.InsufficientPrivilege, match="permission denied"):
                login.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "ALTER ROLE akatsuki_app BYPASSRLS",
        "ALTER ROLE akatsuki_app SUPERUSER",
        "GRANT postgres TO akatsuki_app",
        "ALTER TABLE wasm_modules NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE wasm_modules DISABLE ROW LEVEL SECURITY",
        "DROP POLICY akatsuki_select ON wasm_modules",
        "CREATE POLICY mine ON wasm_modules USING (true)",
        "ALTER TABLE wasm_modules DISABLE TRIGGER akatsuki_guard_module",
        "DROP TRIGGER akatsuki_guard_module ON wasm_modules",
        "CREATE OR REPLACE FUNCTION akatsuki_guard_module() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS 'SELECT null::uuid'",
        "SET session_replication_role = replica",
        "TRUNCATE wasm_executions",
        "UPDATE akatsuki_schema_version SET version_num = 'x'",
        "COPY wasm_modules TO PROGRAM 'cat'",
        "CREATE TABLE mine (x int)",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_what_would_switch_it_off_is_refused(database: TestDatabase, statement: str) -> None:
    with acting(database, EVE) as eve, pytest.raises(errors.InsufficientPrivilege):
        eve.connection.execute(statement)
    with database.connect(APP) as login, pytest.raises(errors.InsufficientPrivilege):
        login.execute(statement)


def test_row_security_cannot_be_looked_past_with_its_setting(database: TestDatabase) -> None:
    with acting(database, EVE) as eve:
        eve.connection.execute("SET LOCAL row_security = off")
        with pytest.raises(errors.InsufficientPrivilege, match="would be affected by row-level security"):
            eve.connection.execute("SELECT * FROM wasm_modules")


def test_resetting_the_role_ends_at_a_login_without_rights(database: TestDatabase) -> None:
    with acting(database, EVE) as eve:
        eve.connection.execute("RESET ROLE")
        assert eve.column("SELECT current_user::text") == [APP]
        with pytest.raises(errors.InsufficientPrivilege):
            eve.connection.execute("SELECT * FROM wasm_modules")


@pytest.mark.parametrize(
    "facts",
    [
        {"user_metadata": {"role": "admin"}},
        {"role": "admin"},
        {"is_admin": True},
        {"app_metadata": "admin"},
        {"app_metadata": ["role", "admin"]},
        {"app_metadata": {"role": ["admin"]}},
        {"app_metadata": {"role": "Admin"}},
        {"app_metadata": {"role": "admin "}},
        {"app_metadata": {"roles": ["admin"]}},
        {"app_metadata": {"role": None}},
        {"app_metadata": None},
    ],
)
def test_only_app_metadata_makes_an_admin(database: TestDatabase, facts: dict[str, Any]) -> None:
    with acting(database, json.dumps({"sub": str(EVE.id), "role": "authenticated", **facts})) as eve:
        assert eve.column("SELECT id FROM wasm_modules") == []
        assert eve.insert("wasm_modules", {**MODULE, "id": uuid4(), "owner_id": EVE.id, "owner_type": "system"}) == (
            "refused"
        )


@pytest.mark.parametrize("facts", ["", "{}", "null", '{"sub": ""}', '{"sub": null}', '{"role": "authenticated"}'])
def test_without_claims_one_is_nobody(database: TestDatabase, facts: str) -> None:
    with database.connect() as connection:
        row = {**MODULE, "id": uuid4(), "owner_id": uuid4(), "owner_type": "system", "is_public": True}
        connection.execute(insertion("wasm_modules", row), list(row.values()))
    with acting(database, facts) as nobody:
        for table in TABLES:
            assert nobody.column(f"SELECT 1 FROM {table}") == []
        assert nobody.insert("wasm_modules", {**MODULE, "id": uuid4(), "owner_id": EVE.id}) == "refused"


@pytest.mark.parametrize("facts", ['{"sub": "eve"}', "{", "admin"])
def test_claims_that_are_none_are_an_error(database: TestDatabase, facts: str) -> None:
    with acting(database, facts) as nobody, pytest.raises(psycopg.errors.DataError):
        nobody.connection.execute("SELECT * FROM wasm_modules")


def test_a_module_is_not_stolen_given_away_or_moved(database: TestDatabase) -> None:
    for user in (EVE, BOB, ADA):
        with acting(database, user) as he:
            for change in (
                f"owner_id = '{user.id}'",
                f"owner_id = '{uuid4()}'",
                "owner_type = 'system'",
                "owner_type = 'user'",
                "digest = repeat('f', 64)",
                """provenance = '{"build": {}}'""",
                "created_at = now()",
                "id = gen_random_uuid()",
            ):
                assert he.attempt(f"UPDATE wasm_modules SET {change}") == "refused", (user, change)
            assert he.attempt(f"UPDATE wasm_modules SET description = 'x', owner_id = '{user.id}'") == "refused"


def test_an_admin_disables_and_rewrites_nothing(database: TestDatabase) -> None:
    of_bob = f"owner_id = '{BOB.id}'"
    with acting(database, ADA) as ada:
        assert ada.attempt(f"UPDATE wasm_modules SET status = 'disabled' WHERE {of_bob}") == "done"
        assert ada.attempt(f"UPDATE wasm_modules SET is_public = true WHERE {of_bob}") == "refused"
        assert ada.attempt(f"UPDATE wasm_modules SET status = 'disabled', is_public = true WHERE {of_bob}") == "refused"
        assert ada.attempt(f"UPDATE wasm_modules SET status = 'error' WHERE {of_bob}") == "refused"
        upsert = (
            "INSERT INTO wasm_modules (id, owner_id, module_name, version, digest, wasm_size_bytes) "
            f"SELECT id, owner_id, module_name, version, digest, 8 FROM wasm_modules WHERE {of_bob} "
            "ON CONFLICT (id) DO UPDATE SET is_public = true"
        )
        assert ada.attempt(upsert) == "refused"


def test_others_history_and_prompts_are_not_read_through_the_back_door(database: TestDatabase) -> None:
    with acting(database, EVE) as eve:
        for query in (
            "SELECT e.input_summary FROM wasm_executions e LEFT JOIN wasm_modules m ON m.id = e.module_id",
            "SELECT prompt FROM generations UNION SELECT prompt FROM designs",
            "WITH gone AS (DELETE FROM wasm_modules RETURNING *) SELECT * FROM gone",
            "SELECT * FROM wasm_modules TABLESAMPLE SYSTEM (100)",
            "MERGE INTO wasm_modules m USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE RETURNING m.*",
        ):
            assert eve.column(query) == [], query
        # A function that fails for a row must not be asked of one that is not seen.
        leak = "SELECT * FROM generations WHERE (1 / (length(prompt) - length('private'))) > 0"
        assert eve.column(leak) == []
        with pytest.raises(errors.InsufficientPrivilege):
            eve.connection.execute("SELECT * FROM pg_stats_ext, pg_statistic")


def test_the_history_is_not_forged_or_rewritten(database: TestDatabase) -> None:
    row = {"id": uuid4(), "executor_id": BOB.id, "function_name": "f", "status": "success"}
    with acting(database, EVE) as eve:
        assert eve.insert("wasm_executions", row) == "refused"
        assert eve.insert("wasm_executions", {**row, "executor_id": EVE.id}) == "done"
    with acting(database, BOB) as bob:
        assert bob.attempt("UPDATE wasm_executions SET error_message = 'x'") == "refused"
        assert bob.attempt("DELETE FROM wasm_executions") == "nothing"
        assert bob.attempt("UPDATE generations SET prompt = 'x'") == "refused"
        assert bob.attempt("DELETE FROM generations") == "refused"


def test_what_refers_to_a_deleted_module_stays_without_it(database: TestDatabase) -> None:
    with acting(database, BOB) as bob:
        bob.connection.execute("UPDATE designs SET module_id = (SELECT id FROM wasm_modules)")
        assert bob.column("DELETE FROM wasm_modules RETURNING module_name") == ["secret"]
        assert bob.column("SELECT module_id FROM wasm_executions") == [None]
        assert bob.column("SELECT module_id FROM designs") == [None]


def test_an_owner_deletes_a_module_that_others_executed(database: TestDatabase) -> None:
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO wasm_executions (id, module_id, executor_id, function_name, status) "
            "SELECT gen_random_uuid(), id, %s, 'f', 'success' FROM wasm_modules WHERE owner_id = %s",
            [EVE.id, BOB.id],
        )
    with psycopg.connect(database.url(APP)) as connection:
        connection.execute("SET ROLE authenticated")
        connection.execute("SELECT set_config('request.jwt.claims', %s, false)", [json.dumps({"sub": str(BOB.id)})])
        connection.execute("DELETE FROM wasm_modules")
    with database.connect() as connection:
        left = connection.execute("SELECT executor_id, module_id FROM wasm_executions").fetchall()
    assert sorted(left) == sorted([(BOB.id, None), (EVE.id, None)])
