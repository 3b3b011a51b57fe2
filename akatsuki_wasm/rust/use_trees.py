"""Reads ``use`` declarations as tokens: every path that one names, and what it is called in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from akatsuki_wasm.rust.syntax import Token

MAX_USE_DEPTH = 16


@dataclass(frozen=True, slots=True)
class UsePath:
    """One path of a ``use`` declaration.

    Attributes:
        token: Where it begins.
        parts: Its names, ``*`` for a glob; empty where the braces are nested too deeply to be read.
        name: What it is called here; empty for a glob and where it has no name.
    """

    token: Token
    parts: tuple[str, ...]
    name: str


def bare(token: Token) -> str:
    """An identifier without the mark of a raw one."""
    return token.text.removeprefix("r#")


def is_name(token: Token) -> bool:
    """Whether a token reads as an identifier, whatever the parser took it for."""
    return bare(token).isidentifier() and "string" not in token.kind


def use_end(tokens: Sequence[Token], index: int) -> int:
    """The index of the semicolon of the ``use`` at `index`, or of the end of the file."""
    end = index + 1
    while tokens[end].text not in {";", ""}:
        end += 1
    return end


def use_paths(tree: Sequence[Token], prefix: tuple[str, ...] = (), depth: int = 0) -> Iterator[UsePath]:
    """All paths of a use tree, in order.

    Args:
        tree: The tokens between ``use`` and the semicolon.
        prefix: The parts before the braces that the tree stood in.
        depth: How many braces that were.
    """
    if depth > MAX_USE_DEPTH:
        yield UsePath(tree[0], (), "")
        return
    for branch in _branches(tree):
        position, parts = 0, list(prefix)
        while position < len(branch) and branch[position].text not in {"{", "as"}:
            if is_name(branch[position]) or branch[position].text == "*":
                parts.append(bare(branch[position]))
            position += 1
        if position < len(branch) and branch[position].text == "{":
            yield from use_paths(branch[position + 1 : -1], tuple(parts), depth + 1)
        elif parts:
            renamed = bare(branch[position + 1]) if position + 1 < len(branch) else ""
            own = parts[-2] if parts[-1] == "self" and len(parts) > 1 else parts[-1]
            name = renamed or ("" if own == "*" else own)
            yield UsePath(branch[0], tuple(parts), "" if name == "_" else name)


def _branches(tree: Sequence[Token]) -> list[Sequence[Token]]:
    """The parts of a use tree between its outermost commas."""
    found: list[Sequence[Token]] = []
    depth = start = 0
    for position, token in enumerate(tree):
        depth += (token.text == "{") - (token.text == "}")
        if token.text == "," and depth == 0:
            found.append(tree[start:position])
            start = position + 1
    found.append(tree[start:])
    return [each for each in found if each]
