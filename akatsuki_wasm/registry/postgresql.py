"""What the registry does differently on PostgreSQL: the driver, the pool, how a transaction begins, who may log in."""

from __future__ import annotations

import select
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, text
from sqlalchemy.exc import DisconnectionError

from akatsuki_wasm.errors import ConfigError
from akatsuki_wasm.registry.acting import ROLE, begin_as

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

    from akatsuki_wasm.contracts import User

APP_ROLE = "akatsuki_app"
"""The role that `akatsuki db push` makes for the service; any other that may take `ROLE` and bypass nothing will do."""

_DRIVER = "postgresql+psycopg"
_ACTING = "akatsuki_begin"

# A transaction is short, so twenty connections are enough for the forty threads that a server works with, and four
# processes fit a server with the usual hundred connections.
_POOL: dict[str, Any] = {
    "pool_size": 5,
    "max_overflow": 15,
    "pool_timeout": 15.0,
    # The one used last: the others may close, and the server keeps fewer of them warm.
    "pool_use_lifo": True,
}
_CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "fallback_application_name": "akatsuki_wasm",
    # A server that vanished without a word is noticed in about 20 s, also in the middle of a statement.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
_SETTINGS = (
    "SET statement_timeout = '30s'; "
    "SET lock_timeout = '15s'; "  # as long as a writer waits for another one on SQLite
    "SET idle_in_transaction_session_timeout = '5min'"
)


def with_driver(url: URL) -> URL:
    """A URL of PostgreSQL with the one driver that is used, psycopg 3.

    Raises:
        ConfigError: It names another driver.
    """
    if url.drivername not in {"postgresql", "postgres", _DRIVER}:
        raise ConfigError(
            f"the database URL names the driver {url.drivername.partition('+')[2]!r}, and psycopg 3 is the one in use",
            hint="Write it as postgresql://user:password@host/database.",
        )
    return url.set(drivername=_DRIVER)


def engine_arguments() -> dict[str, Any]:
    """Keyword arguments for `create_engine`."""
    return {**_POOL, "connect_args": dict(_CONNECT), "use_native_hstore": False}


def listen(engine: Engine) -> None:
    """Makes an engine's connections ours."""
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "checkout", _check_alive)
    event.listen(engine, "begin", _begin)


def _prepare_connection(connection: Any, record: Any) -> None:
    # The driver would send BEGIN by itself, in a round trip of its own; `_begin` sends it with what belongs to it.
    connection.autocommit = True
    connection.execute(_SETTINGS)


def _check_alive(connection: Any, record: Any, proxy: Any) -> None:
    """Has a connection replaced that the server closed meanwhile. It costs no round trip.

    A server that closes a connection says so; nothing else is there to be read while no statement runs, but for the
    rare notice of a changed setting.
    """
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN | select.POLLERR | select.POLLHUP)
    if poll.poll(0):
        raise DisconnectionError("the server closed the connection")


def acting(user: User, *, read_only: bool = False) -> dict[str, Any]:
    """The execution options of a connection whose transaction is a user's.

    A read-only transaction has one consistent view. A writing one sees what others committed meanwhile, since it may
    have waited for them.
    """
    mode = " ISOLATION LEVEL REPEATABLE READ READ ONLY" if read_only else ""
    return {_ACTING: f"BEGIN{mode}; {begin_as(user)}"}


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_ACTING, "BEGIN"))


# ------------------------------------------------------------ who logs in


@dataclass(frozen=True)
class Login:
    """The role that a connection logged in as.

    Attributes:
        role: Its name.
        bypass: Why row-level security cannot hold it, in words, or None.
        may_act: Whether it may take the role `authenticated`; False where there is none yet.
    """

    role: str
    bypass: str | None
    may_act: bool


_LOGIN = text("""
SELECT session_user AS role, login.rolsuper AS superuser, login.rolbypassrls AS bypass,
  (SELECT min(other.rolname) FROM pg_roles AS other
    WHERE (other.rolsuper OR other.rolbypassrls) AND pg_has_role(session_user, other.oid, 'member')) AS other,
  (SELECT min(owned.relname) FROM pg_class AS owned
    WHERE owned.oid = ANY (ARRAY(SELECT to_regclass(each) FROM unnest(CAST(:tables AS text[])) AS each))
      AND pg_has_role(session_user, owned.relowner, 'member')) AS owned,
  (SELECT min(open.relname) FROM pg_class AS open
    WHERE open.oid = ANY (ARRAY(SELECT to_regclass(each) FROM unnest(CAST(:tables AS text[])) AS each))
      AND NOT open.relrowsecurity) AS open,
  EXISTS (SELECT FROM pg_roles AS acting WHERE acting.rolname = :acting AND pg_has_role(session_user, acting.oid,
    CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'set' ELSE 'member' END)) AS may_act
FROM pg_roles AS login WHERE login.rolname = session_user
""")


def login_of(connection: Connection) -> Login:
    """Who the connection logged in as, and whether row-level security holds for it."""
    from akatsuki_wasm.registry.row_security import TABLES

    found = connection.execute(_LOGIN, {"tables": list(TABLES), "acting": ROLE}).one()
    bypass = None
    if found.superuser:
        bypass = "is a superuser"
    elif found.bypass:
        bypass = "has BYPASSRLS"
    elif found.other is not None:
        bypass = f"may become {found.other}, which can bypass it"
    elif found.owned is not None:
        bypass = f"owns the table {found.owned}"
    elif found.open is not None:
        bypass = f"finds it switched off for the table {found.open}"
    return Login(found.role, bypass, found.may_act)


def refuse_bypass(login: Login) -> None:
    """Refuses a login that permissions would not hold for.

    Raises:
        ConfigError: It can bypass row-level security, or may not act for users.
    """
    if login.bypass is not None:
        raise ConfigError(
            f"the database role {login.role} can bypass row-level security: it {login.bypass}",
            hint=f"Log in as {APP_ROLE}, which `akatsuki db push` made: give it a password with "
            f"ALTER ROLE {APP_ROLE} PASSWORD '…', and put both into AKATSUKI_DATABASE_URL.",
        )
    if not login.may_act:
        raise ConfigError(
            f"the database role {login.role} may not act for users",
            hint=f"Run GRANT {ROLE} TO {login.role} as the database's owner, or log in as {APP_ROLE}.",
        )


_READ_REVISION = text("""
SELECT set_config('role', rolname, true) FROM pg_roles
WHERE rolname = :role AND pg_has_role(session_user, oid, 'member')
  AND NOT has_table_privilege(CAST(:table AS text), 'select')
""")


def may_read(connection: Connection, table: str) -> None:
    """Takes the role `authenticated` where the login itself may not read a table."""
    connection.execute(_READ_REVISION, {"role": ROLE, "table": table})
