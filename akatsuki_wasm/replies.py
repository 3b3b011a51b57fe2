"""Remembered answers of language models: one file for each question, so that nothing is paid for twice.

A file is named by the key of its question, a sha256 over all that was asked, and is written whole or not at all. Two
processes may write the same one at once: the last wins, and both hold an answer to the same question. A damaged file
counts as not there. Beside a project's ``akatsuki.lock`` stands a folder of the same kind, ``akatsuki.replies``, to be
committed: with it a notebook or a CI job needs no key.
"""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import RememberedReply
from akatsuki_wasm.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from akatsuki_wasm.contracts import ReplyMemory

log = logging.getLogger(__name__)

MAX_REPLY_BYTES = 16 * 1024 * 1024
"""Largest file that is read: a model's answer has some kilobytes, and a folder that is shared may hold anything."""

_KEY = re.compile(r"[0-9a-f]{64}")
_VERSION = 1


def project_replies(lock_file: Path) -> Path:
    """The folder of a project's remembered answers: ``akatsuki.replies`` beside ``akatsuki.lock``."""
    return lock_file.with_name(f"{lock_file.stem}.replies")


class FolderReplies:
    """Answers in a folder; an `akatsuki_wasm.contracts.ReplyMemory`.

    A project's folder is read first, and has in the end every answer that was asked for: also those that only the
    user's own folder had.

    Args:
        folder: The user's own; it and its files are for their owner alone. It is made when something is written.
        project: The project's folder to be committed, or None.
    """

    def __init__(self, folder: Path, project: Path | None = None) -> None:
        self.folder = folder
        self.project = project

    def get(self, key: str) -> RememberedReply | None:
        """The answer to the question with this key, or None where none is known or its file is damaged.

        Raises:
            ValueError: The key is not 64 hex digits.
        """
        _check(key)
        if self.project is not None:
            found = _read(self.project, key)
            if found is not None:
                return found
        found = _read(self.folder, key)
        if found is not None and self.project is not None:
            _write(self.project, key, found, private=False)
        return found

    def put(self, key: str, reply: RememberedReply) -> None:
        """Keeps an answer; where the disk refuses, a warning is logged, since the answer itself is there.

        Raises:
            ValueError: The key is not 64 hex digits.
        """
        _check(key)
        _write(self.folder, key, reply, private=True)
        if self.project is not None:
            _write(self.project, key, reply, private=False)

    def __repr__(self) -> str:
        project = f", {str(self.project)!r}" if self.project is not None else ""
        return f"FolderReplies({str(self.folder)!r}{project})"


class PinnedReplies:
    """The answers of one pinned design, in their order: an `akatsuki_wasm.contracts.ReplyMemory` that is only read.

    A question holds the prompts' wording, and a repair's the compiler's words. Where these are of another version it
    has another key, and its answer is still the one that is pinned: the digest decides whether that is right.

    Args:
        memory: Where the answers are.
        keys: Of the answers, one for each attempt.
    """

    def __init__(self, memory: ReplyMemory, keys: Sequence[str]) -> None:
        self._memory = memory
        self._keys = iter(tuple(keys))

    def get(self, key: str) -> RememberedReply | None:
        """The answer to the question, else the one that is pinned for this attempt, else None."""
        pinned = next(self._keys, None)
        found = self._memory.get(key)
        return found if found is not None or pinned is None else self._memory.get(pinned)

    def put(self, key: str, reply: RememberedReply) -> None:
        """Keeps nothing: a pinned design learns nothing new."""


def _check(key: str) -> None:
    # It becomes a file's name.
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key[:80]!r} is not the key of an answer: expected 64 hex digits in lower case")


def _read(folder: Path, key: str) -> RememberedReply | None:
    path = folder / f"{key}.json"
    try:
        if not path.is_file():  # a pipe of that name would be waited for without end
            if path.exists():
                log.warning("the remembered answer %s is no file and is not used", path)
            return None
        with path.open("rb") as file:
            data = file.read(MAX_REPLY_BYTES + 1)
        if len(data) > MAX_REPLY_BYTES:
            log.warning("the remembered answer %s is larger than %d bytes and is not used", path, MAX_REPLY_BYTES)
            return None
        return _parse(json.loads(data), key)
    except FileNotFoundError:  # removed meanwhile
        return None
    except OSError as exc:
        log.warning("the remembered answer %s cannot be read: %s", path, exc.strerror or exc)
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        log.warning("the remembered answer %s is damaged and is not used: %s", path, exc)
    return None


def _parse(document: Any, key: str) -> RememberedReply:
    """Reads a file's document.

    Raises:
        ValueError: It is not one of ours, or of another question.
        TypeError: It is no object.
        KeyError: Something is missing.
    """
    if not isinstance(document, dict) or document["version"] != _VERSION or document["key"] != key:
        raise ValueError("it is not the answer to this question")
    lines, model = document["text"], document["model"]
    if not (isinstance(lines, list) and all(isinstance(line, str) for line in lines) and isinstance(model, str)):
        raise ValueError("its text is not a list of lines")
    tokens = [document.get(name) for name in ("tokens_in", "tokens_out")]
    if not all(each is None or (type(each) is int and each >= 0) for each in tokens):
        raise ValueError("its tokens are no numbers")
    return RememberedReply("\n".join(lines), model, *tokens)


def _write(folder: Path, key: str, reply: RememberedReply, *, private: bool) -> None:
    document = {
        "version": _VERSION,
        "key": key,
        "model": reply.model,
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
        # Lines, for who reads the difference of two answers.
        "text": reply.text.split("\n"),
    }
    path = folder / f"{key}.json"
    try:
        try:
            data = json.dumps(document, ensure_ascii=False, indent=1).encode()
        except UnicodeEncodeError:  # half a surrogate pair, which a model's JSON may hold
            data = json.dumps(document, indent=1).encode()
        _make_folder(folder, 0o700 if private else 0o777)
        write_atomically(path, data + b"\n", mode=0o600 if private else 0o666)
    except OSError as exc:
        log.warning("the answer cannot be remembered in %s: %s", path, exc.strerror or exc)


def _make_folder(folder: Path, mode: int) -> None:
    # `mkdir(parents=True)` would give its mode to the last one alone.
    for each in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        each.mkdir(mode=mode, exist_ok=True)
