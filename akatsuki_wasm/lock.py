"""``akatsuki.lock``: what each prompt of a project became, to be committed.

The file is TOML with one ``[[design]]`` for each request, in the order of module names: a merge of two branches that
each added one conflicts no more than two added lines of code do. An entry is found by its id, a hash over all that was
asked: another word in the prompt, another model or another example is another request. Which rustc and which prelude
built the module is kept beside its digest, so that another digest can be explained.
"""

from __future__ import annotations

import difflib
import fcntl
import json
import os
import re
import tomllib
from contextlib import contextmanager, suppress
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.errors import LockError
from akatsuki_wasm.files import write_atomically
from akatsuki_wasm.lock_entry import LockEntry, difference, request_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from akatsuki_wasm.contracts import GenerationRequest

_VERSION = 1
"""Of the file; an id has a version of its own in its hash."""
_HEAD = """\
# What each prompt became: `akatsuki design … --locked` makes these very modules, and asks no language model.
# Commit this file, and the folder akatsuki.replies beside it. `akatsuki design … --lock` writes both.
version = 1
"""
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class LockFile:
    """A lock file's entries; it is not changed, `with_entry` gives another one.

    Attributes:
        entries: By name, then prompt.
        changed: Ids of the entries that were added since it was loaded.
    """

    entries: tuple[LockEntry, ...] = ()
    changed: frozenset[str] = field(default=frozenset(), compare=False)

    @classmethod
    def load(cls, path: Path) -> LockFile | None:
        """Reads a lock file; None where there is none.

        Raises:
            LockError: It cannot be read, is damaged, or of a newer version.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
            raise LockError(f"{path} cannot be read: {reason}", hint=_MEND) from exc
        try:
            document = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as exc:
            conflict = re.search(r"^(<{7}|={7}|>{7})", text, flags=re.MULTILINE)
            reason = "it has the marks of a merge conflict" if conflict else f"it is not TOML: {exc}"
            raise LockError(f"{path} cannot be read: {reason}", hint=_MEND) from exc
        version = document.get("version")
        if version != _VERSION:
            raise LockError(
                f"{path} has the version {version!r}: expected {_VERSION}",
                hint="Upgrade akatsuki-wasm." if isinstance(version, int) and version > _VERSION else _MEND,
            )
        found = document.get("design", [])
        if not isinstance(found, list):
            raise LockError(f"{path} has a design that is not a table", hint=_MEND)
        return cls(_in_order([_entry(each, number, path) for number, each in enumerate(found, 1)]))

    def find(self, request: GenerationRequest) -> LockEntry | None:
        """The entry of a request, or None; see `request_id` for how requests are compared."""
        wanted = request_id(request)
        return next((each for each in self.entries if each.id == wanted), None)

    def get(self, request: GenerationRequest, path: Path) -> LockEntry:
        """The entry of a request.

        Raises:
            LockError: There is none; the message names the nearest one and what is different.
        """
        found = self.find(request)
        if found is None:
            raise no_entry(request, path, self)
        return found

    def close_to(self, request: GenerationRequest) -> str:
        """What comes nearest to a request, in words, or empty: the same prompt asked differently, or a close one."""
        same = [each for each in self.entries if each.prompt == request.prompt]
        if same:
            return f"the same prompt is there with {difference(same[0], request)}"
        prompts = [each.prompt for each in self.entries]
        near = difflib.get_close_matches(request.prompt, prompts, n=1, cutoff=0.5)
        return f"nearest: {_quoted(near[0])}" if near else ""

    def with_entry(self, entry: LockEntry) -> LockFile:
        """The same with one more entry; one of the same request is replaced."""
        others = [each for each in self.entries if each.id != entry.id]
        return LockFile(_in_order([*others, entry]), self.changed | {entry.id})

    def save(self, path: Path) -> None:
        """Writes the entries that were added since this was loaded; what others added meanwhile stays.

        Raises:
            LockError: The file cannot be written, or was damaged meanwhile.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _alone(path):
                there = LockFile.load(path) or LockFile()
                kept = [each for each in there.entries if each.id not in self.changed]
                entries = _in_order([*kept, *(each for each in self.entries if each.id in self.changed)])
                if there.entries != entries or not path.exists():
                    write_atomically(path, _text(entries).encode())
        except OSError as exc:
            raise LockError(
                f"{path} cannot be written: {exc.strerror or exc}", hint="Set lock_file to a file that you can write."
            ) from exc


_MEND = "Mend it, or restore it from version control."


def no_entry(request: GenerationRequest, path: Path, lock: LockFile | None) -> LockError:
    """The error of a request that a lock file does not have.

    Args:
        request: As for `request_id`.
        path: Of the lock file.
        lock: What is in it, or None where there is no such file.
    """
    hint = "Design it once without --locked, with --lock, and commit what that writes."
    if lock is None:
        return LockError(f"there is no lock file {path}", hint=hint)
    near = lock.close_to(request)
    return LockError(f"{path} has no entry for this prompt{near and f'; {near}'}", hint=hint)


def _quoted(prompt: str) -> str:
    line = " ".join(prompt.split())
    return json.dumps(line if len(line) <= 80 else f"{line[:79]}…", ensure_ascii=False)


def _in_order(entries: Iterable[LockEntry]) -> tuple[LockEntry, ...]:
    return tuple(sorted(entries, key=lambda each: (each.name, each.prompt, each.id)))


# ---------------------------------------------------------------- the file


def _entry(table: Any, number: int, path: Path) -> LockEntry:
    known = {each.name: str(each.type).startswith("tuple") for each in fields(LockEntry)}
    try:
        # What a newer program of the same version may have added is left out.
        values = {name: table[name] for name in known if name in table}
        for name, value in values.items():
            texts = value if known[name] else [value]
            if not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
                raise TypeError(f"{name} is {value!r}")
            values[name] = tuple(texts) if known[name] else value
        if not _HEX.fullmatch(values["digest"]):
            raise TypeError(f"digest is {values['digest']!r}")
        return LockEntry(**values)
    except (TypeError, KeyError) as exc:
        raise LockError(f"{path} is damaged: design number {number} is incomplete ({exc})", hint=_MEND) from exc


def _text(entries: Iterable[LockEntry]) -> str:
    blocks = [_HEAD]
    for entry in entries:
        lines = ["[[design]]"]
        for each in fields(LockEntry):
            value = getattr(entry, each.name)
            if isinstance(value, str) and (value or each.default is MISSING):
                lines.append(f"{each.name} = {_string(value)}")
            elif value:
                lines += [f"{each.name} = [", *(f"  {_string(text)}," for text in value), "]"]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _string(text: str) -> str:
    """A TOML basic string (toml.io, v1.0.0, "String"): JSON's escapes are its own too, and DEL must be one."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keeps other processes that save a lock file in the same folder out; the folder itself is what is locked."""
    handle = os.open(path.absolute().parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Some network file systems lock no folders. The file is whole even so; the later of two writers wins.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
