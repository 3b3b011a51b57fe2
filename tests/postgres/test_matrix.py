"""The permission matrix in raw SQL: as the user's role one sees and changes what the policy says, row by row."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from psycopg import sql

from akatsuki_wasm.contracts import OWNER_TYPES, OwnerType, Status, User
from akatsuki_wasm.registry import WasmModule, policy
from akatsuki_wasm.registry.row_security import TABLES

from .acting_kit import acting, insertion, plain
from .pg_kit import TestDatabase, emptied_database

STATUSES: tuple[Status, ...] = get_args(Status)
BOTH = (False, True)
MAY_CHANGE = {
    "description": "changed",
    "metadata": {"changed": 1},
    "timeout_ms": 101,
    "max_execution_time_ms": 29_999,
    "max_memory_pages": 77,
    "is_public": None,  # the other one
    "allowed_users": [str(uuid4())],
}
NEVER_CHANGE = {
    "id": uuid4(),
    "owner_id": uuid4(),
    "owner_type": "system",
    "module_name": "another",
    "version": "9.9.9",
    "digest": "f" * 64,
    "wasm_size_bytes": 1,
    "exported_functions": ["f"],
    "manifest": {"changed": 1},
    "provenance": {"changed": 1},
    "memory_pages": 1,
    "created_at": "2000-01-01T00:00:00Z",
}


def module(user: User, owner_type: OwnerType, own: bool, public: bool, shared: bool, status: Status) -> WasmModule:
    return WasmModule(
        id=uuid4(),
        owner_id=user.id if own else uuid4(),
        owner_type=owner_type,
        module_name=f"m-{uuid4().hex[:12]}",
        version="1.0.0",
        digest="0" * 64,
        wasm_size_bytes=8,
        is_public=public,
        allowed_users=(user.id, uuid4()) if shared else (uuid4(),),
        status=status,
    )


def columns(row: WasmModule) -> dict[str, Any]:
    names = ("id", "owner_id", "owner_type", "module_name", "version", "digest", "wasm_size_bytes", "is_public")
    values = {name: getattr(row, name) for name in (*names, "status")}
    return {**values, "allowed_users": [str(each) for each in row.allowed_users]}


@pytest.fixture(params=BOTH, ids=["member", "admin"])
def user(request: pytest.FixtureRequest) -> User:
    return User.local("somebody", is_admin=request.param)


@pytest.fixture
def modules(user: User) -> tuple[TestDatabase, list[WasmModule]]:
    """One row for each combination."""
    database = emptied_database()
    rows = [module(user, *facts) for facts in product(OWNER_TYPES, BOTH, BOTH, BOTH, STATUSES)]
    assert len(rows) == 96
    with database.connect() as connection:
        for row in rows:
            values = columns(row)
            connection.execute(insertion("wasm_modules", values), [plain(each) for each in values.values()])
    return database, rows


def test_one_sees_what_the_policy_says(user: User, modules: tuple[TestDatabase, list[WasmModule]]) -> None:
    database, rows = modules
    with acting(database, user) as he:
        seen = set(he.column("SELECT id FROM wasm_modules"))
        lockable = set(he.column("SELECT id FROM wasm_modules FOR UPDATE"))
        assert he.column("SELECT count(*) FROM wasm_modules") == [len(seen)]
    assert seen == {row.id for row in rows if policy.allows(user, "read", row)}
    assert lockable == {
        row.id for row in rows if policy.allows(user, "update", row) or policy.allows(user, "disable", row)
    }


def test_one_creates_and_deletes_what_the_policy_says(
    user: User, modules: tuple[TestDatabase, list[WasmModule]]
) -> None:
    database, rows = modules
    with acting(database, user) as he:
        for row in rows:
            made = he.insert("wasm_modules", columns(row) | {"id": uuid4(), "version": "2.0.0"})
            assert made == ("done" if policy.allows(user, "create", row) else "refused"), columns(row)
        for row in rows:
            gone = he.attempt("DELETE FROM wasm_modules WHERE id = %s", row.id)
            assert gone == ("done" if policy.allows(user, "delete", row) else "nothing"), columns(row)
        gone_at_once = set(he.column("DELETE FROM wasm_modules RETURNING id"))
    assert gone_at_once == {row.id for row in rows if policy.allows(user, "delete", row)}


def test_one_changes_what_the_policy_says(user: User, modules: tuple[TestDatabase, list[WasmModule]]) -> None:
    database, rows = modules
    change = sql.SQL("UPDATE wasm_modules SET {} = %s WHERE id = %s")
    with acting(database, user) as he:
        met: Counter[str] = Counter()
        for row, (column, value) in product(rows, MAY_CHANGE.items()):
            new = (not row.is_public) if value is None else plain(value)
            done = he.attempt(change.format(sql.Identifier(column)), new, row.id)
            met[done] += 1
            assert (done == "done") is policy.allows(user, "update", row), (column, columns(row))
            if not policy.allows(user, "read", row):
                assert done == "nothing", "a refusal would tell that it exists"
        assert met["done"]
        assert bool(met["nothing"]) is not user.is_admin, "an admin may disable whatever there is"
        assert bool(met["refused"]) is user.is_admin, "who may disable and not rewrite is told so"
        for row, (column, value) in product(rows[::7], NEVER_CHANGE.items()):
            assert he.attempt(change.format(sql.Identifier(column)), plain(value), row.id) == "refused", column


def test_one_disables_and_enables_what_the_policy_says(
    user: User, modules: tuple[TestDatabase, list[WasmModule]]
) -> None:
    database, rows = modules
    with acting(database, user) as he:
        for row, status in product(rows, STATUSES):
            if status == row.status:
                continue
            done = he.attempt("UPDATE wasm_modules SET status = %s, updated_at = now() WHERE id = %s", status, row.id)
            may = policy.allows(user, "disable", row) and {row.status, status} == {"active", "disabled"}
            assert (done == "done") is may, (status, columns(row))
            both = he.attempt("UPDATE wasm_modules SET status = %s, description = 'x' WHERE id = %s", status, row.id)
            assert (both == "done") is (may and policy.allows(user, "update", row)), (status, columns(row))


def test_many_rows_change_together_or_not_at_all(user: User, modules: tuple[TestDatabase, list[WasmModule]]) -> None:
    database, rows = modules
    with acting(database, user) as he:
        everything = he.attempt("UPDATE wasm_modules SET description = 'taken'")
        own = he.attempt("UPDATE wasm_modules SET description = 'mine' WHERE owner_id = %s", user.id)
    assert (everything, own) == (("refused" if user.is_admin else "done"), "done")
    with database.connect() as connection:
        found = connection.execute("SELECT DISTINCT description FROM wasm_modules").fetchall()
    assert found == [("",)], len(rows)


# ------------------------------------------------------------ the other tables

OTHER = User.local("other")
RECORDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "wasm_executions": ({"function_name": "f", "status": "success"}, {"error_message": "x"}),
    "generations": ({"prompt": "p", "generator": "offline", "status": "success"}, {"prompt": "x"}),
    "idempotency_keys": ({"request_sha256": "0" * 64}, {"status": 201, "answer": {}}),
    "designs": ({"prompt": "p"}, {"cancel_requested": True, "status": "cancelled", "error": {}}),
}
"""Columns of a row, and what is tried to be changed."""


def test_every_table_is_thought_of() -> None:
    assert set(RECORDS) == set(policy.RECORDS)
    assert {*RECORDS, "wasm_modules", "design_events"} == set(TABLES)


def record(table: str, owner: UUID) -> dict[str, Any]:
    key = {"key": uuid4().hex} if table == "idempotency_keys" else {"id": uuid4()}
    return {**key, policy.RECORDS[table].owner: owner, **RECORDS[table][0]}


@pytest.mark.parametrize("table", RECORDS)
def test_the_other_tables_hold_to_their_rules(user: User, table: str) -> None:
    database = emptied_database()
    rule = policy.RECORDS[table]
    rows = [record(table, owner) for owner in (user.id, OTHER.id) for _ in range(3)]
    name = next(iter(rows[0]))
    with database.connect() as connection:
        for row in rows:
            connection.execute(insertion(table, row), [plain(each) for each in row.values()])

    def may(command: str, row: dict[str, Any]) -> bool:
        grounds = rule.grounds.get(command, frozenset())
        return ("owner" in grounds and row[rule.owner] == user.id) or ("admin" in grounds and user.is_admin)

    with acting(database, user) as he:
        assert set(he.column(f"SELECT {name} FROM {table}")) == {row[name] for row in rows if may("select", row)}
        for row in rows:
            assert he.insert(table, record(table, row[rule.owner])) == ("done" if may("insert", row) else "refused")
            gone = he.attempt(f"DELETE FROM {table} WHERE {name} = %s", row[name])
            assert (gone == "done") is may("delete", row)
            for column, value in RECORDS[table][1].items():
                change = he.attempt(f"UPDATE {table} SET {column} = %s WHERE {name} = %s", plain(value), row[name])
                assert (change == "done") is may("update", row), column
            for column in (name, rule.owner):
                change = he.attempt(f"UPDATE {table} SET {column} = %s WHERE {name} = %s", row[column], row[name])
                assert change == "refused", column


def test_events_are_seen_and_written_with_their_design(user: User) -> None:
    database = emptied_database()
    own, others = (record("designs", owner) for owner in (user.id, OTHER.id))
    with database.connect() as connection:
        for row in (own, others):
            connection.execute(insertion("designs", row), [plain(each) for each in row.values()])
            event = {"design_id": row["id"], "number": 1, "kind": "queued"}
            connection.execute(insertion("design_events", event), list(event.values()))
    with acting(database, user) as he:
        wanted = {own["id"], others["id"]} if user.is_admin else {own["id"]}
        assert set(he.column("SELECT design_id FROM design_events")) == wanted
        for row in (own, others):
            made = he.insert("design_events", {"design_id": row["id"], "number": 2, "kind": "note"})
            assert made == ("done" if row["id"] in wanted else "refused")
        assert he.attempt("UPDATE design_events SET kind = 'x'") == "refused"
        assert he.attempt("DELETE FROM design_events") == "refused"
