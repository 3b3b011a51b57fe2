"""Reads cargo's JSON messages: rustc's diagnostics on the author's own lines, and where the module was put.

The format is that of ``cargo build --message-format=json`` (The Cargo Book, "External tools") and of rustc's JSON
output (The rustc book, "JSON Output").
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

AUTHOR_FILE = "src/author.rs"

_NO_CRATE = "no such crate or module is here: write std::…, a part of the prelude, or a permitted crate"
"""Instead of the compiler's advice to add a dependency, which an author cannot do."""
_SUMMARY = re.compile(r"aborting due to |\d+ warnings? emitted|For more information about ")
_LONGEST_MESSAGE = 1_000
_LONGEST_HELP = 1_000
_LONGEST_RENDERED = 8_000


class MessageReader:
    """Collects what matters from the lines of one build; the rest of a flood is only counted.

    Args:
        limit: Most errors, and most warnings, that are kept.
    """

    def __init__(self, limit: int = 50) -> None:
        self._limit = limit
        self._kept: dict[str, list[tuple[bool, Diagnostic]]] = {"error": [], "warning": []}
        self.dropped = 0
        self.artifact: str | None = None

    def feed(self, line: bytes) -> None:
        """Takes one line of cargo's standard output."""
        if self._is_surplus(line):
            self.dropped += 1
            return
        try:
            record = json.loads(line)
        except ValueError:  # what a compiler prints past cargo, such as a crash report
            return
        if not isinstance(record, dict):
            return
        if record.get("reason") == "compiler-artifact":
            names = [name for name in record.get("filenames", ()) if name.endswith(".wasm")]
            self.artifact = names[0] if names else self.artifact
        elif record.get("reason") == "compiler-message":
            self._take(record["message"], _foreign_crate(record))

    @property
    def has_enough(self) -> bool:
        """Whether as many errors are kept as are wanted, so that the compiler may as well stop."""
        return len(self._kept["error"]) >= self._limit

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Errors in the compiler's order, those on the author's lines first."""
        return self._sorted("error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """Warnings in the compiler's order, those on the author's lines first."""
        return self._sorted("warning")

    def _sorted(self, level: str) -> tuple[Diagnostic, ...]:
        return tuple(diagnostic for _, diagnostic in sorted(self._kept[level], key=lambda entry: entry[0]))

    def _is_surplus(self, line: bytes) -> bool:
        """Whether it is one more warning than is kept; told without parsing, as there may be tens of thousands."""
        return len(self._kept["warning"]) >= self._limit and b'"level":"error' not in line and b'"spans":' in line

    def _take(self, message: Mapping[str, Any], crate: str) -> None:
        level = "error" if str(message.get("level", "")).startswith("error") else str(message.get("level", ""))
        if level not in self._kept or _SUMMARY.match(message["message"]):
            return
        if len(self._kept[level]) >= self._limit:
            self.dropped += 1
            return
        internal, diagnostic = _diagnostic_of_crate(level, message, crate) if crate else _diagnostic(level, message)
        self._kept[level].append((internal, diagnostic))


def _foreign_crate(record: Mapping[str, Any]) -> str:
    """The name and version of the crate that a message is about, or empty where it is the module's own.

    The format is that of The Cargo Book, "Package ID Specifications".
    """
    place, _, package = str(record.get("package_id", "")).rpartition("#")
    return package.replace("@", " ") if place.startswith("registry+") else ""


def _diagnostic_of_crate(level: str, message: Mapping[str, Any], crate: str) -> tuple[bool, Diagnostic]:
    """A message about the source of a crate that the module uses, which no author can mend."""
    text = _one_line(f"the crate {crate} does not compile for modules: {_with_label(message)}", _LONGEST_MESSAGE)
    advice = f"use another crate than {crate}, or write the code"
    return True, Diagnostic(level, text, code=(message.get("code") or {}).get("code", ""), help=advice)


def _diagnostic(level: str, message: Mapping[str, Any]) -> tuple[bool, Diagnostic]:
    """The diagnostic, and whether its place is in a file that is not the author's."""
    span = _author_span(message)
    elsewhere = None if span is not None else next(iter(message.get("spans", ())), None)
    text = _one_line(_with_label(message), _LONGEST_MESSAGE)
    if elsewhere is not None:
        text = f"internal, in {elsewhere['file_name']} line {elsewhere['line_start']}: {text}"
    return elsewhere is not None, Diagnostic(
        level=level,
        message=text,
        line=None if span is None else span["line_start"],
        column=None if span is None else span["column_start"],
        code=(message.get("code") or {}).get("code", ""),
        help=_help(message),
        rendered=_capped(message.get("rendered") or "", _LONGEST_RENDERED),
    )


def _with_label(message: Mapping[str, Any]) -> str:
    """The message and what rustc writes under the place, which often is the better half of it."""
    text = str(message["message"])
    labels = (span.get("label") for span in message.get("spans", ()) if span.get("is_primary"))
    label = str(next(labels, None) or "")
    return text if not label or label in text else f"{text}: {label}"


def _author_span(message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The place in the author's file that a message is about.

    A primary span wins; then the place where the author called the macro that a primary span is in; then any
    other span; then a note's, such as the function whose instantiation failed.
    """
    spans = list(message.get("spans", ()))
    notes = [span for child in message.get("children", ()) for span in child.get("spans", ())]
    for group in ([span for span in spans if span.get("is_primary")], spans, notes):
        for span in group:
            for place in _expansions(span):
                if place["file_name"] == AUTHOR_FILE:
                    return place
    return None


def _expansions(span: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The span, and the calls of the macros that it comes from, innermost first."""
    place: Mapping[str, Any] | None = span
    while place is not None:
        yield place
        place = (place.get("expansion") or {}).get("span")


def _help(message: Mapping[str, Any]) -> str:
    """The compiler's own advice, with the text that it would put in."""
    parts = []
    for child in message.get("children", ()):
        if child.get("level") != "help":
            continue
        if "cargo add" in child["message"]:
            parts.append(_NO_CRATE)
            continue
        replacements = [span["suggested_replacement"] for span in child["spans"] if span.get("suggested_replacement")]
        shown = ", ".join(f"`{replacement.strip()}`" for replacement in replacements)
        parts.append(f"{child['message']}: {shown}" if shown else child["message"])
    return _one_line("; ".join(parts), _LONGEST_HELP)


def _one_line(text: str, limit: int) -> str:
    return _capped(" ".join(text.split()), limit)


def _capped(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
