"""Parses an author's file with tree-sitter, under caps that keep hostile text from being slow, and walks its tokens.

The caps come before the parser: 64 KiB of source parse in some 20 ms, but text made to be hard is quadratic (64 KiB of
``r#"`` took 5.6 s on 2 shared x86-64 cores, 64 KiB of ``"`` 1.3 s).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tree_sitter
import tree_sitter_rust

from akatsuki_wasm.contracts import Diagnostic
from akatsuki_wasm.errors import SourceRejectedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_SOURCE_BYTES = 64 * 1024
MAX_NESTING = 128
"""Deepest nesting of brackets; hand-written code stays below 20."""
MAX_QUOTES = 10_000
MAX_RAW_STRINGS = 500
MAX_PROBLEMS = 100

_RAW_STRING = re.compile(rb'r#+"')
_BRACKETS = re.compile(rb"[\[\](){}]")
_LANGUAGE = tree_sitter.Language(tree_sitter_rust.language())


@dataclass(frozen=True, slots=True)
class Token:
    """One leaf of the tree that is no comment: `kind` is tree-sitter's, `line` counts from 1."""

    kind: str
    text: str
    line: int
    column: int
    spaced: bool
    """Whether something stands between it and the token before it."""


class Source:
    """An author's file, parsed.

    Args:
        text: The file.

    Raises:
        SourceRejectedError: It is too large, nested too deeply, made to be slow to parse, or not UTF-8 text.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.data = _checked(text)
        self.root = tree_sitter.Parser(_LANGUAGE).parse(self.data).root_node

    def tokens(self) -> Iterator[Token]:
        """All tokens but comments, in order; a string literal's text is not among them."""
        end = 0
        for node in leaves(self.root):
            if node.start_byte == node.end_byte or node.type in _NOT_TOKENS:
                continue
            row, column = node.start_point
            text = self.data[node.start_byte : node.end_byte].decode(errors="replace")
            yield Token(node.type, text, row + 1, column + 1, node.start_byte != end)
            end = node.end_byte

    def first_error(self) -> tree_sitter.Node | None:
        """The first place that is not Rust as the parser knows it, or None."""
        if not self.root.has_error:
            return None
        for node in _preorder(self.root):
            if node.is_error or node.is_missing:
                return node
        return None


_NOT_TOKENS = frozenset(("string_content", "escape_sequence", "doc_comment"))


def _checked(text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError as exc:
        raise SourceRejectedError(
            "the source is not Unicode text: it has half a surrogate pair", hint="save the file as UTF-8"
        ) from exc
    if len(data) > MAX_SOURCE_BYTES:
        raise SourceRejectedError(
            f"the source has {len(data)} bytes, at most {MAX_SOURCE_BYTES} are allowed",
            hint="write less code: large tables can be parameters",
        )
    if "\0" in text:
        raise SourceRejectedError(f"line {line_of(data, data.index(0))}: the source has a NUL character")
    depth = 0
    for match in _BRACKETS.finditer(data):
        depth += 1 if match[0] in b"([{" else -1
        if depth > MAX_NESTING:
            raise SourceRejectedError(
                f"line {line_of(data, match.start())}: brackets are nested deeper than {MAX_NESTING}",
                hint="split the code into functions",
            )
    if data.count(b'"') > MAX_QUOTES or len(_RAW_STRING.findall(data)) > MAX_RAW_STRINGS:
        raise SourceRejectedError(
            f"the source has more than {MAX_QUOTES} quotes or {MAX_RAW_STRINGS} raw strings",
            hint="write fewer string literals: join them into one and split it",
        )
    return data


def line_of(data: bytes, position: int) -> int:
    """The line, from 1, of a byte position."""
    return data.count(b"\n", 0, position) + 1


def _preorder(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """All nodes; by a cursor, as a tree may be deeper than Python's stack."""
    cursor = root.walk()
    while True:
        if cursor.node is not None:
            yield cursor.node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def leaves(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """All nodes without children, in order; of a comment nothing."""
    cursor = root.walk()
    while True:
        node = cursor.node
        if node is not None and node.type not in {"line_comment", "block_comment"}:
            if cursor.goto_first_child():
                continue
            yield node
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def node_text(node: tree_sitter.Node) -> str:
    """The source of a node."""
    return (node.text or b"").decode(errors="replace")


def problem(node: tree_sitter.Node, message: str, advice: str, code: str = "contract") -> Diagnostic:
    """A diagnostic at a node; the column counts characters."""
    row, column = node.start_point
    return Diagnostic("error", message, row + 1, column + 1, code=code, help=advice)


_CLOSING = {"(": ")", "[": "]", "{": "}"}


def unmatched_bracket(tokens: Iterable[Token]) -> Diagnostic | None:
    """The first bracket that is closed wrongly or, where there is none, the innermost that is never closed."""
    open_: list[Token] = []
    for token in tokens:
        if token.text in _CLOSING:
            open_.append(token)
        elif token.text in _CLOSING.values():
            if not open_:
                return _bracket(token, f"the `{token.text}` closes nothing", "remove it, or open it before")
            opened = open_.pop()
            wanted = _CLOSING[opened.text]
            if token.text != wanted:
                where = f"the `{opened.text}` of line {opened.line}"
                return _bracket(token, f"`{token.text}` does not close {where}", f"write `{wanted}` before it")
    if not open_:
        return None
    wanted = _CLOSING[open_[-1].text]
    return _bracket(open_[-1], f"the `{open_[-1].text}` is never closed", f"write the `{wanted}` that is missing")


def _bracket(token: Token, message: str, advice: str) -> Diagnostic:
    return Diagnostic("error", message, token.line, token.column, code="contract", help=advice)


def reject(problems: Sequence[Diagnostic]) -> SourceRejectedError:
    """The error for all problems, by line; the first one speaks.

    Args:
        problems: At least one.
    """
    ordered = sorted(problems, key=lambda each: (each.line or 0, each.column or 0))
    more = f" (and {len(ordered) - 1} more)" if len(ordered) > 1 else ""
    return SourceRejectedError(f"{ordered[0]}{more}", problems=ordered[:MAX_PROBLEMS], hint=ordered[0].help)
