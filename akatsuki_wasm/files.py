"""Module names, and files that a user names: found, read, or refused with one clear line."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import MODULE_NAME
from akatsuki_wasm.errors import ArgumentError, NotFoundError, SourceRejectedError

if TYPE_CHECKING:
    from pathlib import Path


def check_module_name(name: str) -> None:
    """Checks a module name.

    Raises:
        ArgumentError: It is not lower-case letters, digits and hyphens.
    """
    if not MODULE_NAME.fullmatch(name):
        raise ArgumentError(
            f"{name!r} is not a module name: expected lower-case letters, digits and hyphens, at most 63",
            hint=f"Try {to_module_name(name)!r}.",
        )


def to_module_name(text: str) -> str:
    """The nearest module name, such as ``my-filter`` for ``My Filter.v2``."""
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in text.lower())
    return "-".join(part for part in kept.split("-") if part)[:63].strip("-") or "module"


def source_file(path: Path) -> Path:
    """The author's file: the path itself, or the only ``.rs`` file of a folder or of its ``src``.

    Raises:
        NotFoundError: The folder has none or several.
    """
    if not path.is_dir():
        return path
    found = sorted(path.glob("*.rs")) or sorted((path / "src").glob("*.rs"))
    if len(found) != 1:
        what = "no .rs file" if not found else f"{len(found)} .rs files"
        raise NotFoundError(f"{path} has {what}: expected one", hint="Name the file: akatsuki build FILE.rs")
    return found[0]


def read_source(path: Path) -> str:
    """Reads an author's Rust file.

    Raises:
        NotFoundError: There is none, or it cannot be read.
        SourceRejectedError: It is not UTF-8.
    """
    try:
        return read_file(path, "a Rust file").decode()
    except UnicodeDecodeError as exc:
        raise SourceRejectedError(
            f"{path} is not UTF-8 text: byte {exc.start} cannot be read", hint="Save the file as UTF-8."
        ) from exc


def read_file(path: Path, what: str) -> bytes:
    """Reads a file that the user named.

    Raises:
        NotFoundError: There is none, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"{path} does not exist", hint=f"Give the path of {what}.") from None
    except IsADirectoryError:
        raise NotFoundError(f"{path} is a folder", hint=f"Give the path of {what}.") from None
    except OSError as exc:
        raise NotFoundError(f"{path} cannot be read: {exc.strerror or exc}", hint=f"Give the path of {what}.") from exc


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Writes a file so that a reader sees the old one or the new one, never half of it.

    A symbolic link stays one: the file that it names is written. A device or pipe, such as ``/dev/null`` or
    ``/dev/stdout``, is written to as it is, since putting a file in its place would destroy it.

    Args:
        path: Of the file.
        data: All that is to be in it.
        mode: Of the new file, before the user's umask.

    Raises:
        OSError: The folder cannot be written, or the disk is full; nothing is left behind.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb", buffering=0) as stream:
            view = memoryview(data)
            while view:
                view = view[stream.write(view) or 0 :]
        return
    path = path.resolve()
    handle, temporary = new_file_beside(path, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def new_file_beside(path: Path, mode: int = 0o666) -> tuple[int, Path]:
    """Opens a hidden new file in the folder of `path`, with its suffix and `mode` before the user's umask.

    Returns:
        The descriptor, open for writing, and the file's path; the caller moves it to `path` or removes it.

    Raises:
        OSError: The folder cannot be written.
    """
    temporary = path.with_name(f".{path.stem[:40]}-{secrets.token_hex(6)}{path.suffix}")
    return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), temporary
