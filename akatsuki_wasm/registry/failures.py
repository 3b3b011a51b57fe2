"""Turns what a database or a disk raises into one `StorageError` that names the place and what to do."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from akatsuki_wasm.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FREE_SPACE = "Free some space, or point AKATSUKI_DATA_DIR at another folder."
_WRITABLE = "Make the folder writable, or point AKATSUKI_DATA_DIR at another one."

_LEAST_FREE_BYTES = 64 * 1024
"""SQLite grows its files by this much at most."""

# SQLite's primary result codes, https://www.sqlite.org/rescode.html
_SQLITE: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: ("the disk is full", _FREE_SPACE),
    sqlite3.SQLITE_READONLY: ("it is read-only, and using it writes beside it", _WRITABLE),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened or created", _WRITABLE),
    sqlite3.SQLITE_PERM: ("access is denied", _WRITABLE),
    sqlite3.SQLITE_NOTADB: (
        "the file is not a SQLite database",
        "Restore it from a backup, or move it away to begin with an empty registry.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "the file is damaged",
        "Restore it from a backup, or move it away to begin with an empty registry.",
    ),
    sqlite3.SQLITE_BUSY: ("another process keeps it locked", "Wait until that process is done, then try again."),
    sqlite3.SQLITE_LOCKED: ("another connection keeps it locked", "Try again."),
    sqlite3.SQLITE_IOERR: ("reading or writing failed", "Check the disk; `df` and `dmesg` say more."),
}

_UNREACHABLE = "Check that the server runs, and that AKATSUKI_DATABASE_URL names it, a user and its password."

# PostgreSQL's codes and their classes, https://www.postgresql.org/docs/current/errcodes-appendix.html
_HINTS: dict[str, str] = {
    "08": _UNREACHABLE,
    "25006": "Connect to the server that takes writes.",
    "28": _UNREACHABLE,
    "3D000": "Create the database, or name another one in AKATSUKI_DATABASE_URL.",
    "40": "Try again.",
    "42501": "Run `akatsuki db push` as the database's owner, and serve as another role; `akatsuki db status` tells.",
    "42P01": "Run `akatsuki db push` as the database's owner.",
    "53100": "Free some space on the server.",
    "53300": "Raise the server's max_connections, or run fewer processes: each takes up to 20.",
    "55P03": "Another transaction keeps it locked; try again.",
    "57014": "It took longer than a statement may; try again.",
    "57": "The server stops, starts or restarts; try again.",
}


def from_os(exc: OSError, place: str, doing: str) -> StorageError:
    """The error for a file that could not be made, written or read.

    Args:
        exc: What the operating system said.
        place: The folder, file or URL.
        doing: Such as ``"write the blob sha256/…"``.
    """
    if exc.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StorageError(f"cannot {doing}: the disk of {place} is full", hint=_FREE_SPACE)
    if exc.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return StorageError(f"cannot {doing}: {place} is not writable", hint=_WRITABLE)
    return StorageError(f"cannot {doing} in {place}: {exc.strerror or exc}", hint=_WRITABLE)


def from_database(exc: SQLAlchemyError, place: str) -> StorageError:
    """The error for a database that failed; `place` is its URL without the password."""
    cause = exc.orig if isinstance(exc, DBAPIError) else None
    code = getattr(cause, "sqlite_errorcode", None)
    if isinstance(code, int) and code & 0xFF in _SQLITE:
        code &= 0xFF
        if code == sqlite3.SQLITE_IOERR and _is_full(Path(place).parent):
            code = sqlite3.SQLITE_FULL  # growing the shared index of the log fails so
        if code == sqlite3.SQLITE_CANTOPEN and _is_read_only(Path(place).parent):
            code = sqlite3.SQLITE_READONLY  # a database in WAL mode cannot even be read without writing beside it
        what, hint = _SQLITE[code]
        return StorageError(f"the registry's database {place} failed: {what}", hint=hint)
    if isinstance(exc, PoolTimeout):
        return StorageError(f"the registry's database {place} is busy: no connection became free", hint="Try again.")
    line = (str(cause or exc).strip().splitlines() or [type(exc).__name__])[0].strip()
    state = getattr(cause, "sqlstate", None) or ""
    hint = _HINTS.get(state) or _HINTS.get(state[:2], "`akatsuki db status` shows its state.")
    if isinstance(exc, OperationalError) and code is None and not state:
        hint = _UNREACHABLE
    return StorageError(f"the registry's database {place} failed: {line}", hint=hint)


def _is_read_only(folder: Path) -> bool:
    return folder.is_dir() and not os.access(folder, os.W_OK)


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _LEAST_FREE_BYTES
    except OSError:
        return False


@contextmanager
def database_failures(place: str) -> Iterator[None]:
    """Turns SQLAlchemy's errors into `StorageError`; a violated constraint is the caller's to explain."""
    try:
        yield
    except IntegrityError:
        raise
    except UnicodeEncodeError as exc:
        raise StorageError(
            "a text to be stored is not valid Unicode: it has half a surrogate pair", hint="Give it as UTF-8."
        ) from exc
    except SQLAlchemyError as exc:
        raise from_database(exc, place) from exc
