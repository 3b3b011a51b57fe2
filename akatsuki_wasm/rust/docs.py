"""Reads doc comments: what a function does, and for its parameters the range, the default and a line of help.

A parameter's line is a list item that begins with its name in backticks::

    /// * `strength`: 0.0..=1.0, default 0.6. How strong the effect is.

Range and default may be left out, and stand in either order. A range is inclusive: ``1..=10``, ``0..`` or ``..=5``. A
default is a number, ``true``, ``false``, ``"text"`` or ``none``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import MISSING, Diagnostic
from akatsuki_wasm.manifest_reader import fits, in_range

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_DOC = 2_000
"""Longest description or help that is kept, in characters."""

_ITEM = re.compile(r"\s*[*+-]\s+`(?:r#)?([^`]*)`(.*)", re.DOTALL)
_NUMBER = r"-?\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"`?(?P<low>{_NUMBER})?\s*\.\.(?P<equal>=)?\s*(?P<high>{_NUMBER})?`?")
_DEFAULT = re.compile(r"defaults?(?:\s+to|\s+is)?(?:\s*[:=]\s*|\s+)", re.IGNORECASE)
_LITERAL = re.compile(
    rf"""`?(?P<literal>{_NUMBER}|true\b|false\b|[Nn]one\b|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)+')(?:`|(?![\w"']))"""
)
_SEPARATOR = re.compile(r"\s*(?::|[–—-](?=\s))?\s*")
_HELP_START = re.compile(r"(?:[\s.,;:]|[–—-](?=\s))*")


@dataclass(frozen=True)
class ParameterDoc:
    """What the documentation says of one parameter."""

    line: int
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    default: Any = MISSING


@dataclass(frozen=True)
class Docs:
    """A function's documentation: its first paragraph in one line, and its parameters by public name."""

    description: str
    parameters: dict[str, ParameterDoc]
    problems: tuple[Diagnostic, ...]


def first_paragraph(lines: Sequence[str]) -> str:
    """The first paragraph, in one line; headings and list items end it."""
    found: list[str] = []
    for line in map(str.strip, lines):
        if found and (not line or line.startswith(("#", "* ", "- ", "+ ", "```"))):
            break
        if _ITEM.match(line) or line.startswith("```"):
            break
        if line:
            found.append(line.lstrip("# ") if not found else line)
    return " ".join(found)[:MAX_DOC]


def read_docs(lines: Sequence[tuple[int, str]], types: dict[str, wit.Type], broken: Sequence[str] = ()) -> Docs:
    """Reads a doc comment.

    Args:
        lines: (line of the file from 1, text without the comment's marks).
        types: The function's parameters by public name.
        broken: Parameters whose types have problems of their own; what is said of them is not judged.
    """
    parameters: dict[str, ParameterDoc] = {}
    problems: list[Diagnostic] = []
    for line, text in _items(lines):
        match = _ITEM.match(text)
        if match is None:
            continue
        name, rest = match[1].strip().strip("_"), match[2]
        stated = rest.lstrip().startswith(":")
        if name in broken:
            continue
        if name not in types:
            if stated and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                known = ", ".join(f"`{each}`" for each in types) or "none"
                problems.append(
                    _problem(
                        line,
                        f"the documentation speaks of a parameter `{name}`, which the function does not have",
                        f"name one of its parameters ({known}) or remove the line",
                    )
                )
            continue
        if name in parameters:
            problems.append(_problem(line, f"the parameter `{name}` is documented twice", "keep one of the lines"))
            continue
        reader = _Reader(name, types[name], line)
        parameters[name] = reader.read(_SEPARATOR.sub("", rest, count=1))
        problems += reader.problems
    return Docs(first_paragraph([text for _, text in lines]), parameters, tuple(problems))


def _items(lines: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """List items with the indented lines that continue them, each with the line that it begins on."""
    found: list[tuple[int, str]] = []
    open_ = False
    for line, text in lines:
        if _ITEM.match(text):
            found.append((line, text.strip()))
            open_ = True
        elif open_ and text.startswith("  ") and text.strip() and not re.match(r"\s*[*+-]\s", text):
            found[-1] = (found[-1][0], f"{found[-1][1]} {text.strip()}")
        else:
            open_ = False
    return found


def _problem(line: int, message: str, advice: str) -> Diagnostic:
    return Diagnostic("error", message, line, code="docs", help=advice)


class _Reader:
    """Reads one parameter's line: clauses first, then help."""

    def __init__(self, name: str, type_: wit.Type, line: int) -> None:
        self.name, self.type, self.line = name, type_, line
        self.inner = type_.inner if isinstance(type_, wit.Option) else type_
        self.problems: list[Diagnostic] = []
        self.minimum: float | None = None
        self.maximum: float | None = None
        self.default: Any = MISSING

    def fail(self, message: str, advice: str) -> None:
        self.problems.append(_problem(self.line, message, advice))

    def read(self, text: str) -> ParameterDoc:
        seen: set[str] = set()
        while True:
            if "range" not in seen and (match := _RANGE.match(text)) and match[0].strip("`") not in {"..", "..."}:
                self.range(match)
                seen.add("range")
            elif "default" not in seen and (start := _DEFAULT.match(text)):
                match = _LITERAL.match(text, start.end())
                if match is None:
                    got = text[start.end() :].split()
                    self.fail(
                        f"the default of `{self.name}` is no literal: {(got or ['nothing'])[0]}",
                        'write a number, true, false, "text" or none, as in: default 0.5',
                    )
                    break
                self.literal(match["literal"])
                seen.add("default")
            else:
                break
            text = text[match.end() :].lstrip(" \t,;")
        if self.default is not MISSING and not self.problems:
            self.check_default()
        return ParameterDoc(
            self.line, _HELP_START.sub("", text, count=1).strip()[:MAX_DOC], self.minimum, self.maximum, self.default
        )

    def range(self, match: re.Match[str]) -> None:
        shown = match[0].strip("`")
        if not (isinstance(self.inner, wit.Primitive) and self.inner.is_number):
            self.fail(f"`{self.name}` has a range, but its type {self.type} is no number", "remove the range")
            return
        if match["high"] is not None and match["equal"] is None:
            fixed = f"{match['low'] or ''}..={match['high']}"
            self.fail(f"the range {shown} of `{self.name}` excludes its end", f"write an inclusive range: {fixed}")
            return
        if match["equal"] is not None and match["high"] is None:
            self.fail(f"the range {shown} of `{self.name}` has no end", "write it as 0.. or 0..=10")
            return
        bounds = [None if each is None else self.number(each) for each in (match["low"], match["high"])]
        if self.problems:
            return
        self.minimum, self.maximum = bounds
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            self.fail(f"the range {shown} of `{self.name}` is empty", "write the smaller number first")

    def number(self, text: str) -> float | None:
        """A number in the parameter's own type."""
        digits = text.replace("_", "")
        name = str(self.inner)
        if isinstance(self.inner, wit.Primitive) and self.inner.is_integer:
            low, high = wit.INTEGER_RANGES[name]
            if not re.fullmatch(r"-?\d{1,40}", digits):
                self.fail(f"`{self.name}` is {name}, and {text} is no whole number", "write a whole number")
                return None
            if not low <= int(digits) <= high:
                self.fail(f"`{self.name}` is {name}, and {text} is outside {low}..={high}", "write a number inside")
                return None
            return int(digits)
        value = float(digits)
        if value in {float("inf"), float("-inf")}:
            self.fail(f"the number {text} of `{self.name}` is too large", "write a finite number")
            return None
        return value

    def literal(self, text: str) -> None:
        if text in {"true", "false"}:
            self.default = text == "true"
        elif text.lower() == "none":
            self.default = None
        elif text[0] in "\"'":
            self.default = _unquoted(text)
            if self.default is None:
                self.fail(
                    f"the default {text} of `{self.name}` is no text", 'write it with plain escapes, as in "a\\n"'
                )
        elif isinstance(self.inner, wit.Primitive) and self.inner.is_number:
            self.default = self.number(text)
        else:
            self.default = float(text.replace("_", ""))

    def check_default(self) -> None:
        default = self.default
        shown = "none" if default is None else json.dumps(default, ensure_ascii=False)
        if not fits(default, self.type):
            self.fail(
                f"the default {shown} of `{self.name}` is no value of {self.type}",
                f"write a value of {self.type}" if isinstance(self.inner, wit.Primitive) else "remove the default",
            )
        elif type(default) in {int, float} and not in_range(default, self.minimum, self.maximum):
            low = "" if self.minimum is None else self.minimum
            high = "" if self.maximum is None else f"={self.maximum}"
            self.fail(
                f"the default {shown} of `{self.name}` is outside its range {low}..{high}",
                "write a default inside the range",
            )


def _unquoted(text: str) -> str | None:
    """The text of a quoted literal, or None where its escapes are not JSON's."""
    body = text[1:-1]
    if text[0] == "'":
        body = body.replace("\\'", "'").replace('"', '\\"')
    try:
        value = json.loads(f'"{body}"', strict=False)
    except ValueError:
        return None
    return value if isinstance(value, str) and not any("\ud800" <= each <= "\udfff" for each in value) else None
