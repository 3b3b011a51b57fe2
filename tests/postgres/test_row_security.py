"""The migration of row-level security: it says what the policy says, and works where Supabase was before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from alembic import command

from akatsuki_wasm.contracts import User
from akatsuki_wasm.registry import Registry, policy, row_security, schema
from akatsuki_wasm.registry.database import Database, parse_url
from akatsuki_wasm.registry.status import registry_status

from .acting_kit import acting, insertion
from .pg_kit import APP, Server, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .pg_kit import TestDatabase

BOB = User.local("bob")
# As https://supabase.com/docs/guides/database/postgres/row-level-security describes them.
SUPABASE = """
CREATE ROLE anon NOLOGIN NOINHERIT;
CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT;
CREATE ROLE supabase_auth_admin NOLOGIN NOINHERIT CREATEROLE;
CREATE ROLE supa LOGIN CREATEROLE CREATEDB BYPASSRLS;
GRANT anon, authenticated, service_role TO authenticator;
GRANT anon, authenticated, service_role TO supa WITH ADMIN OPTION;
"""
SUPABASE_DATABASE = """
CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, supa;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
GRANT ALL ON SCHEMA public TO supa;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT coalesce(
  nullif(current_setting('request.jwt.claim.sub', true), ''),
  (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid $$;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT coalesce(
  nullif(current_setting('request.jwt.claim', true), ''),
  nullif(current_setting('request.jwt.claims', true), ''))::jsonb $$;
ALTER DEFAULT PRIVILEGES FOR ROLE supa IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Roles belong to all databases of a server, and this one has none yet."""
    found = Server()
    yield found
    found.remove()


@pytest.fixture
def empty(server: Server) -> Iterator[TestDatabase]:
    with fresh_database(migrated=False, server=server) as database:
        yield database


def push(url: str) -> tuple[str, ...]:
    database = Database(parse_url(url))
    try:
        return database.migrate()
    finally:
        database.close()


def catalogue(connection: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    """All that decides who may do what with the tables."""
    queries = {
        "policies": "SELECT tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies"
        " WHERE schemaname = 'public'",
        "switches": "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = ANY(%(tables)s)",
        "grants": "SELECT table_name, grantee, privilege_type FROM information_schema.table_privileges"
        " WHERE table_schema = 'public' AND grantee <> current_user",
        "columns": "SELECT table_name, column_name, grantee, privilege_type FROM information_schema.column_privileges"
        " WHERE table_schema = 'public' AND privilege_type = 'UPDATE' AND grantee <> current_user",
        "functions": "SELECT proname, prosrc, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
        "triggers": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    }
    return {
        name: sorted(connection.execute(query, {"tables": list(row_security.TABLES)}).fetchall(), key=repr)
        for name, query in queries.items()
    }


def test_the_migrations_say_what_the_policy_says(postgres: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    def rendered() -> dict[str, list[Any]]:
        for statement in row_security.statements():
            connection.execute(statement.encode())
        return catalogue(connection)

    with postgres.connect() as connection:
        migrated = catalogue(connection)
        assert [len(migrated[name]) for name in ("policies", "switches", "triggers")] == [19, 6, 1]
        hint = "the permissions changed: a new migration has to run what row_security.statements() says now"
        assert rendered() == migrated, hint
        # The comparison notices a changed cell of the table.
        rules = {**policy.RULES, "user": {**policy.RULES["user"], "delete": frozenset({"owner"})}}
        monkeypatch.setattr(policy, "RULES", rules)
        changed = rendered()
        assert {name for name in changed if changed[name] != migrated[name]} == {"policies"}
        monkeypatch.setattr(policy, "RULES", {**rules, "user": {**rules["user"], "disable": frozenset({"owner"})}})
        assert rendered()["functions"] != migrated["functions"]


def test_the_written_sql_does_what_the_command_does(empty: TestDatabase, postgres: TestDatabase) -> None:
    with empty.connect() as connection, postgres.connect() as other:
        connection.execute(schema.sql("postgresql", None).encode())
        assert catalogue(connection) == catalogue(other)
        tables = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema='public'"
        assert sorted(connection.execute(tables).fetchall()) == sorted(other.execute(tables).fetchall())


def test_an_owner_who_is_no_superuser_pushes(empty: TestDatabase, tmp_path: Path) -> None:
    with empty.connect() as connection:
        connection.execute("DROP ROLE IF EXISTS akatsuki_app, authenticated")
        connection.execute("CREATE ROLE carol LOGIN CREATEROLE")
        connection.execute(f"ALTER DATABASE {empty.name} OWNER TO carol")
    assert push(empty.url("carol")) == schema.REVISIONS
    assert push(empty.url("carol")) == ()
    blobs = (tmp_path / "blobs").as_uri()
    owner = registry_status(empty.url("carol"), blobs)
    assert (owner.role, owner.bypass, owner.modules) == ("carol", "owns the table design_events", 0)
    with Registry.open(empty.url(), blobs) as registry:
        status = registry.status()
    assert (status.role, status.bypass, status.pending) == (APP, None, ())
    with empty.connect() as connection:
        for role, facts in (("akatsuki_app", (True, False)), ("authenticated", (False, False))):
            query = "SELECT rolcanlogin, rolinherit, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
            found = connection.execute(f"{query} WHERE rolname = %s", [role]).fetchone()
            assert found == (*facts, False, False, False, False)


def test_a_supabase_project_is_a_database(empty: TestDatabase, tmp_path: Path) -> None:
    with empty.connect() as connection:
        connection.execute(
            "DO $$ BEGIN IF to_regrole('authenticated') IS NULL THEN CREATE ROLE authenticated NOLOGIN; END IF; END $$"
        )
        connection.execute(SUPABASE.encode())
        connection.execute(SUPABASE_DATABASE.encode())
        functions = (
            "SELECT proname, prosrc, proowner::regrole::text FROM pg_proc WHERE pronamespace = 'auth'::regnamespace"
        )
        before = sorted(connection.execute(functions).fetchall())
    assert push(empty.url("supa")) == schema.REVISIONS
    with empty.connect() as connection:
        assert sorted(connection.execute(functions).fetchall()) == before, "Supabase's own functions stay"
        foreign = "SELECT count(*) FROM pg_constraint WHERE confrelid = 'auth.users'::regclass"
        assert connection.execute(foreign).fetchone() == (0,)
        everything = "SELECT count(*) FROM information_schema.table_privileges WHERE table_schema = 'public'"
        assert connection.execute(f"{everything} AND grantee IN ('anon', 'PUBLIC')").fetchone() == (0,)
        wide = f"{everything} AND grantee = 'authenticated' AND privilege_type IN ('TRUNCATE', 'UPDATE', 'TRIGGER')"
        assert connection.execute(wide).fetchone() == (0,)
    with psycopg.connect(empty.url("authenticator"), autocommit=True) as connection:
        connection.execute("SET ROLE anon")
        for table in (*row_security.TABLES, schema.VERSION_TABLE):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {table}")
    row = {"id": uuid4(), "owner_id": BOB.id, "module_name": "m", "digest": "0" * 64, "wasm_size_bytes": 8}
    with psycopg.connect(empty.url("supa"), autocommit=True) as connection:
        connection.execute(insertion("wasm_modules", row), list(row.values()))
    for role in (APP, "authenticator"):  # the service, and PostgREST with the same user's token
        with acting(empty, BOB, role) as bob, acting(empty, User.local("eve"), role) as eve:
            assert bob.column("SELECT id FROM wasm_modules") == [row["id"]]
            assert eve.column("SELECT id FROM wasm_modules") == []
    with Registry.open(empty.url(), (tmp_path / "blobs").as_uri()) as registry:
        assert [each.id for each in registry.modules(BOB).list_all()] == [row["id"]]


def test_the_migration_is_taken_back(empty: TestDatabase) -> None:
    push(empty.url("postgres"))
    with empty.connect() as connection:
        before = catalogue(connection)
    database = Database(parse_url(empty.url("postgres")))
    with database.engine.begin() as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "akatsuki_0004")
    with empty.connect() as plain:
        assert catalogue(plain)["policies"] == []
    database.migrate()
    database.close()
    with empty.connect() as plain:
        assert catalogue(plain) == before
