"""Reads JSON as language models write it: with commas at the ends of lists, broken off, or followed by chatter.

What is whole is kept: of an object that breaks off, the members before the break. Time is linear in the text.
"""

from __future__ import annotations

import json
import re
from typing import Any

_SPACE = re.compile(r"[ \t\n\r,]*")
_NUMBER = re.compile(r"-?\d{1,100}(?:\.\d{1,100})?(?:[eE][+-]?\d{1,4})?")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ESCAPE = re.compile(r'\\(u[0-9a-fA-F]{4}|["\\/bfnrt]|)')
_WORDS = {"true": True, "false": False, "null": None}
_MAX_DEPTH = 40


class _BrokenOffError(Exception):
    """The text ends, or goes on as no JSON does."""


def read_object(text: str, start: int = 0) -> dict[str, Any] | None:
    """The object that begins at a brace, as far as it is whole, or None where none of it is.

    Args:
        text: Any text.
        start: Where the brace is.
    """
    if not text.startswith("{", start):
        return None
    reader = _Reader(text, start)
    try:
        found = reader.value(0)
    except _BrokenOffError:
        found = reader.outermost
    return found if isinstance(found, dict) and found else None


class _Reader:
    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at
        self.outermost: dict[str, Any] | None = None

    def value(self, depth: int) -> Any:
        letter = self.text[self.at : self.at + 1]
        if letter == '"':
            return self.string()
        if letter in {"{", "["} and depth > _MAX_DEPTH:
            raise _BrokenOffError
        if letter == "{":
            return self.object(depth)
        if letter == "[":
            return self.list(depth)
        for word, meaning in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            raise _BrokenOffError
        self.at = found.end()
        return float(found[0])

    def string(self) -> str:
        whole = _STRING.match(self.text, self.at)
        if whole is None:
            raise _BrokenOffError
        self.at = whole.end()
        # Line breaks inside a text are no JSON, and are what models write. So are escapes that JSON does not have, such
        # as \' and \d: the backslash is meant as one.
        return str(json.loads(_ESCAPE.sub(_as_meant, whole[0]), strict=False))

    def object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if depth == 0:
            self.outermost = found
        self.at += 1
        while not self.closes("}"):
            if not self.text.startswith('"', self.at):
                raise _BrokenOffError
            key = self.string()
            self.space()
            if not self.text.startswith(":", self.at):
                raise _BrokenOffError
            self.at += 1
            self.space()
            found[key] = self.value(depth + 1)
        return found

    def list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self.at += 1
        while not self.closes("]"):
            found.append(self.value(depth + 1))
        return found

    def closes(self, bracket: str) -> bool:
        self.space()
        if self.text.startswith(bracket, self.at):
            self.at += 1
            return True
        if self.at >= len(self.text):
            raise _BrokenOffError
        return False

    def space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at


def _as_meant(escape: re.Match[str]) -> str:
    """An escape of JSON as it is, and any other backslash as one."""
    return escape[0] if escape[1] else r"\\"
