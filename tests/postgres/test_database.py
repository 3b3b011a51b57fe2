"""The registry on PostgreSQL: who may log in, transactions, the pool, and a server that goes and comes back."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import select, text

from akatsuki_wasm.contracts import User
from akatsuki_wasm.errors import AkatsukiError, ConfigError, StorageError
from akatsuki_wasm.registry import Registry, WasmModule, postgresql, schema
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.database import Database, parse_url, shown
from akatsuki_wasm.registry.models import Generation

from .pg_kit import APP, OWNER, TestDatabase, emptied_database, fresh_database, operators_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

BOB = User.local("bob")
EVE = User.local("eve")


@pytest.fixture
def blobs(tmp_path: Path) -> str:
    return (tmp_path / "blobs").as_uri()


@pytest.fixture
def database() -> TestDatabase:
    return emptied_database()


@pytest.fixture
def registry(database: TestDatabase, blobs: str) -> Iterator[Registry]:
    with Registry.open(database.url(), blobs) as found:
        yield found


def record(registry: Registry, user: User = BOB, prompt: str = "p") -> Generation:
    return registry.generations(user).record(prompt, generator="offline", status="success", seconds=0.0)


# ------------------------------------------------------------ who logs in


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        (["CREATE ROLE {role} LOGIN SUPERUSER"], "is a superuser"),
        (["CREATE ROLE {role} LOGIN BYPASSRLS", "GRANT authenticated TO {role}"], "has BYPASSRLS"),
        (["CREATE ROLE {role} LOGIN", "GRANT postgres TO {role}"], "may become postgres, which can bypass it"),
        (
            ["CREATE ROLE {role} LOGIN", "GRANT authenticated TO {role}", "ALTER TABLE generations OWNER TO {role}"],
            "owns the table generations",
        ),
        (
            [
                "CREATE ROLE {role} LOGIN NOINHERIT",
                "GRANT authenticated TO {role}",
                "ALTER TABLE designs OWNER TO {role}",
                "ALTER TABLE designs NO FORCE ROW LEVEL SECURITY",
            ],
            "owns the table designs",
        ),
        (
            [
                "CREATE ROLE {role} LOGIN",
                "GRANT authenticated TO {role}",
                "ALTER TABLE wasm_modules DISABLE ROW LEVEL SECURITY",
            ],
            "finds it switched off for the table wasm_modules",
        ),
    ],
)
def test_a_login_that_permissions_do_not_hold_for_is_refused(
    postgres: TestDatabase, blobs: str, statements: list[str], why: str
) -> None:
    role = f"role_{uuid4().hex[:8]}"
    with postgres.connect() as connection:
        for statement in statements:
            connection.execute(statement.format(role=role).encode())
    with pytest.raises(ConfigError) as caught:
        Registry.open(postgres.url(role), blobs)
    assert str(caught.value) == f"the database role {role} can bypass row-level security: it {why}"
    assert "ALTER ROLE akatsuki_app PASSWORD" in caught.value.hint


def test_a_login_that_may_not_act_is_told_how(postgres: TestDatabase, blobs: str) -> None:
    role = f"role_{uuid4().hex[:8]}"
    with postgres.connect() as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
    with pytest.raises(StorageError) as unread:
        Registry.open(postgres.url(role), blobs)
    assert "permission denied for table akatsuki_schema_version" in str(unread.value)
    with postgres.connect() as connection:
        connection.execute(f"GRANT SELECT ON akatsuki_schema_version TO {role}".encode())
    with pytest.raises(ConfigError) as caught:
        Registry.open(postgres.url(role), blobs)
    assert str(caught.value) == f"the database role {role} may not act for users"
    assert caught.value.hint.startswith(f"Run GRANT authenticated TO {role} as the database's owner")
    with postgres.connect() as connection:
        connection.execute(f"GRANT authenticated TO {role}".encode())
    Registry.open(postgres.url(role), blobs).close()


def test_a_database_that_was_not_pushed_waits_for_it(blobs: str) -> None:
    with fresh_database(migrated=False) as database, pytest.raises(StorageError) as caught:
        Registry.open(database.url(OWNER), blobs)
    assert str(caught.value).endswith(f" lacks {len(schema.REVISIONS)} migrations")
    assert caught.value.hint == "Run `akatsuki db push` as the database's owner."


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_way_to_write_the_url_means_psycopg(scheme: str) -> None:
    url = parse_url(f"{scheme}://u:secret@/d?host=/tmp/x&password=geheim")
    assert url.drivername == "postgresql+psycopg"
    assert shown(url) == "postgresql://u:***@/d?host=/tmp/x&password=***"


def test_another_driver_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_url("postgresql+asyncpg://u:secret@h/d")
    assert str(caught.value) == "the database URL names the driver 'asyncpg', and psycopg 3 is the one in use"


# ------------------------------------------------------------ transactions


def test_a_transaction_is_its_users_and_leaves_nothing_behind(registry: Registry) -> None:
    asked = text("SELECT auth.uid()")
    role = text("SELECT current_user::text, current_setting('request.jwt.claims', true)")
    with registry.database.read(BOB) as session:
        assert session.scalar(asked) == BOB.id
        assert session.execute(role).one()[0] == "authenticated"
    with registry.database.write(EVE) as session:
        assert session.scalar(asked) == EVE.id
        registry.database.act(session, BOB)
        assert session.scalar(asked) == BOB.id
    with registry.database.engine.connect() as connection:
        assert tuple(connection.execute(role).one()) == (APP, "")


def test_a_read_has_one_view_and_writes_nothing(registry: Registry) -> None:
    query = select(Generation.id)
    with registry.database.read(BOB) as session:
        assert session.scalars(query).all() == []
        record(registry)
        assert session.scalars(query).all() == []
    with registry.database.read(BOB) as session:
        assert len(session.scalars(query).all()) == 1

    def write() -> None:
        with registry.database.read(BOB) as session:
            session.add(Generation(owner_id=BOB.id, prompt="p", generator="g", status="success"))
            session.flush()

    with pytest.raises(StorageError, match="cannot execute INSERT in a read-only transaction"):
        write()


def test_a_failed_write_leaves_nothing_and_the_connection_usable(registry: Registry) -> None:
    def fail() -> None:
        with registry.database.write(BOB) as session:
            session.add(Generation(owner_id=BOB.id, prompt="p", generator="g", status="success"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert registry.generations(BOB).list() == []
    record(registry)
    assert len(registry.generations(BOB).list()) == 1


def test_what_the_policy_refuses_is_an_error_of_the_storage(registry: Registry) -> None:
    with pytest.raises(StorageError) as caught, registry.database.write(EVE) as session:
        session.add(WasmModule(owner_id=BOB.id, module_name="m", digest="0" * 64, wasm_size_bytes=8))
    assert 'new row violates row-level security policy for table "wasm_modules"' in str(caught.value)
    assert "db push" in caught.value.hint


def test_texts_without_a_place_in_postgresql_are_kept_readable(registry: Registry) -> None:
    for number, value in enumerate(("a\0b", "\\u0000", "\\\0", "\\\\u0000\0")):
        row = WasmModule(
            owner_type="user",
            module_name=f"m{number}",
            version="1.0.0",
            digest="0" * 64,
            wasm_size_bytes=8,
            extra={"x": value},
        )
        made = registry.modules(BOB).create(row)
        assert registry.modules(BOB).get(made.id).extra == {"x": value.replace("\0", "\N{REPLACEMENT CHARACTER}")}


def test_writers_of_one_name_wait_for_each_other(registry: Registry) -> None:
    order: list[str] = []
    inside = threading.Event()

    def first() -> None:
        with registry.database.write(BOB) as session:
            registry.database.serialize(session, "b", "a")
            inside.set()
            time.sleep(0.2)
            order.append("first")

    def second() -> None:
        inside.wait(10)
        with registry.database.write(EVE) as session:
            registry.database.serialize(session, "a", "c")
            order.append("second")

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(first), pool.submit(second)]:
            done.result()
    assert order == ["first", "second"]


# ------------------------------------------------------------ the pool, and a server that goes


def test_forty_threads_share_the_pool(registry: Registry) -> None:
    def work(number: int) -> int:
        user = User.local(f"user {number}")
        for _ in range(5):
            record(registry, user, str(number))
            assert {row.prompt for row in registry.generations(user).list()} == {str(number)}
        return number

    with ThreadPoolExecutor(40) as pool:
        assert sorted(pool.map(work, range(40))) == list(range(40))
    with registry.database.read(UPKEEP) as session:
        assert len(session.scalars(select(Generation.id)).all()) == 200
        active = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = :role"
        assert session.scalar(text(active), {"role": APP}) <= 20


def test_limits_of_a_session(registry: Registry) -> None:
    with registry.database.read(BOB) as session:
        limits = [
            session.scalar(text(f"SHOW {name}"))
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        ]
    assert limits == ["30s", "15s", "5min"]


def test_a_statement_that_takes_too_long_or_is_locked_out_is_an_error(registry: Registry) -> None:
    def late(limit: str, act: Callable[[Session], object]) -> StorageError:
        def run() -> None:
            with registry.database.write(EVE) as session:
                session.execute(text(f"SET LOCAL {limit} = '50ms'"))
                act(session)

        with pytest.raises(StorageError) as caught:
            run()
        return caught.value

    slow = late("statement_timeout", lambda session: session.execute(text("SELECT pg_sleep(5)")))
    assert "canceling statement due to statement timeout" in str(slow)
    assert slow.hint == "It took longer than a statement may; try again."
    with registry.database.write(BOB) as holder:
        registry.database.serialize(holder, "name")
        locked = late("lock_timeout", lambda session: registry.database.serialize(session, "name"))
    assert locked.hint == "Another transaction keeps it locked; try again."


def test_killed_backends_are_replaced_unnoticed(registry: Registry, database: TestDatabase) -> None:
    with ThreadPoolExecutor(8) as pool:  # several connections in the pool
        list(pool.map(lambda number: record(registry, prompt=str(number)), range(32)))
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s AND pid <> pg_backend_pid()"
    )
    for _ in range(3):
        with database.connect() as connection:
            assert connection.execute(kill, [APP]).fetchone() != (0,)
        assert len(registry.generations(BOB).list()) == 32
        record(registry, EVE)


def test_a_backend_killed_in_the_middle_is_an_error_and_nothing_is_kept(
    registry: Registry, database: TestDatabase
) -> None:
    def work() -> None:
        with registry.database.write(BOB) as session:
            session.add(Generation(owner_id=BOB.id, prompt="p", generator="g", status="success"))
            session.flush()
            pid = session.scalar(text("SELECT pg_backend_pid()"))
            with database.connect() as connection:
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            session.scalar(text("SELECT 1"))

    with pytest.raises(StorageError) as caught:
        work()
    assert "terminating connection due to administrator command" in str(caught.value)
    assert caught.value.hint == "The server stops, starts or restarts; try again."
    assert registry.generations(BOB).list() == []


def test_a_server_that_stops_is_an_error_at_once_and_comes_back_by_itself(blobs: str) -> None:
    server = operators_server()
    with fresh_database(server=server) as database, Registry.open(database.url(), blobs) as registry:
        record(registry)
        for end in (server.stop, server.kill):
            end()
            try:
                for _ in range(2):
                    assert_lost(lambda: registry.generations(BOB).list())
                    assert_lost(lambda: record(registry))
            finally:
                server.start()
            record(registry)
        assert len(registry.generations(BOB).list()) == 3


def assert_lost(act: Callable[[], object]) -> None:
    with pytest.raises(StorageError) as caught:
        act()
    assert "\n" not in str(caught.value)
    assert caught.value.hint.startswith(("Check that the server runs", "The server stops"))


def test_work_goes_on_after_a_restart_in_the_middle_of_it(blobs: str) -> None:
    server = operators_server()
    with fresh_database(server=server) as database, Registry.open(database.url(), blobs) as registry:
        kept: list[str] = []
        stop = threading.Event()

        def work(name: int) -> int:
            failures = 0
            for number in range(1_000_000):
                if stop.is_set():
                    break
                prompt = f"{name}-{number}"
                try:
                    record(registry, prompt=prompt)
                    kept.append(prompt)
                except StorageError:
                    failures += 1
                    time.sleep(0.01)
            return failures

        with ThreadPoolExecutor(6) as pool:
            running = [pool.submit(work, number) for number in range(6)]
            for end in (server.kill, server.stop):
                before = len(kept)
                wait_until(lambda before=before: len(kept) > before + 20)
                end()
                server.start()
            before = len(kept)
            wait_until(lambda: len(kept) > before + 20)
            stop.set()
            assert sum(each.result() for each in running)
        with registry.database.read(BOB) as session:
            stored = set(session.scalars(select(Generation.prompt)))
        assert set(kept) <= stored, "what was acknowledged is there"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_server_that_does_not_answer_is_given_up(blobs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgresql._CONNECT, "connect_timeout", 2)  # psycopg's least
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(StorageError) as caught:
        Registry.open(f"postgresql://u:secret@127.0.0.1:{silent.getsockname()[1]}/d", blobs)
    assert "secret" not in f"{caught.value} {caught.value.hint}"
    assert "timeout" in str(caught.value)


def test_a_refused_login_is_one_line_without_the_password(database: TestDatabase, blobs: str) -> None:
    for url in (database.url("nobody"), "postgresql://u:secret@127.0.0.1:1/d"):
        with pytest.raises(AkatsukiError) as caught:
            Registry.open(url, blobs)
        assert "\n" not in str(caught.value)
        assert "secret" not in str(caught.value)
        assert caught.value.hint.startswith("Check that the server runs")


def test_a_closed_database_keeps_no_connection(database: TestDatabase, blobs: str) -> None:
    with Registry.open(database.url(), blobs) as registry:
        record(registry)
    with pytest.raises(StorageError, match="the registry is closed"):
        record(registry)
    with psycopg.connect(database.url(OWNER), autocommit=True) as connection:
        count = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND datname = current_database()"
        wait_until(lambda: connection.execute(count, [APP]).fetchone() == (0,))


def test_two_pushes_at_once_are_one(blobs: str) -> None:
    with fresh_database(migrated=False) as database:

        def push(_: int) -> tuple[str, ...]:
            found = Database(parse_url(database.url(OWNER)))
            try:
                return found.migrate()
            finally:
                found.close()

        with ThreadPoolExecutor(3) as pool:
            applied = list(pool.map(push, range(3)))
    assert sorted(map(len, applied)) == [0, 0, len(schema.REVISIONS)]
