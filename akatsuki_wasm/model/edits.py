"""Changes to a file as search and replace blocks: finds them in an answer, and applies them to the last source.

The form is that of aider and of merge conflicts::

    <<<<<<< SEARCH
    whole lines of the file
    =======
    the lines instead
    >>>>>>> REPLACE

A search must be found once. It may differ from the file in white space at the ends of lines and in how far all of it is
indented, because models copy lines without that care.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import UnusableReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_EDITS = 100
MAX_SOURCE = 256 * 1024
"""Characters of what becomes of a file: far more than may be built."""
_BEGIN = re.compile(r"[ \t]{0,8}<{5,9} {0,3}SEARCH\b.{0,80}", re.IGNORECASE)
_MIDDLE = re.compile(r"[ \t]{0,8}={5,9}[ \t]{0,8}")
_END = re.compile(r"[ \t]{0,8}>{5,9} {0,3}REPLACE\b.{0,80}", re.IGNORECASE)
_FENCE = re.compile(r"[ \t]{0,8}(?:`{3,9}|~{3,9})[\w+-]{0,20}[ \t]{0,8}")
_SHOWN = 60
_HINT = "It is asked for the whole file next; a larger model is better at this: --model NAME"


@dataclass(frozen=True)
class Edit:
    """One change.

    Attributes:
        search: Lines of the file.
        replace: The lines instead; none to remove them.
    """

    search: tuple[str, ...]
    replace: tuple[str, ...]

    @classmethod
    def of(cls, search: str, replace: str) -> Edit:
        """From two texts, whose last line may or may not end in a line break."""
        return cls(_lines(search), _lines(replace))


def has_edits(text: str) -> bool:
    """Whether a text has the beginning of a block."""
    return any(_BEGIN.fullmatch(line) for line in text.split("\n"))


def find_edits(text: str) -> list[Edit]:
    """All blocks of an answer, in its order.

    Raises:
        UnusableReplyError: A block does not end.
    """
    found: list[Edit] = []
    search: list[str] = []
    replace: list[str] = []
    into: list[str] | None = None
    for line in text.split("\n"):
        if _BEGIN.fullmatch(line):
            if into is not None:
                break
            search, replace = [], []
            into = search
        elif into is search and into is not None and _MIDDLE.fullmatch(line):
            into = replace
        elif into is replace and into is not None and _END.fullmatch(line):
            found.append(Edit(_without_fence(search), _without_fence(replace)))
            into = None
        elif into is not None:
            into.append(line)
    if into is not None:
        raise _unusable(f"edit {len(found) + 1} of the answer does not end: there is no line >>>>>>> REPLACE")
    return found


def apply_edits(source: str, edits: Sequence[Edit]) -> str:
    """The source with all changes, one after the other.

    Raises:
        UnusableReplyError: A search is empty, or is not found exactly once; the message says which. Or there are too
            many edits, or the file becomes too long.
    """
    if len(edits) > MAX_EDITS:
        raise _unusable(f"the answer holds {len(edits)} edits: expected at most {MAX_EDITS}")
    for number, edit in enumerate(edits, 1):
        source = _apply(source, edit, number)
        if len(source) > MAX_SOURCE:
            raise _unusable(f"with edit {number} of the answer the file is longer than {MAX_SOURCE:,} characters")
    return source


def _apply(source: str, edit: Edit, number: int) -> str:
    if not any(line.strip() for line in edit.search):
        raise _unusable(f"edit {number} of the answer searches for nothing")
    for edited, alike in ((edit, _exactly), (edit, str.rstrip), (_trimmed(edit), str.strip)):
        lines = source.split("\n")
        places = _places(lines, edited.search, alike)
        if len(places) > 1:
            raise _unusable(
                f"edit {number} of the answer searches for text that is in the file more than once "
                f"(lines {places[0] + 1} and {places[1] + 1}): {_shown(edit)}"
            )
        if places:
            end = places[0] + len(edited.search)
            lines[places[0] : end] = _indented(edited, lines[places[0] : end])
            return "\n".join(lines)
    inside = _inside_a_line(source, edit)
    if inside is None:
        raise _unusable(f"edit {number} of the answer searches for text that is not in the file: {_shown(edit)}")
    return inside


def _exactly(line: str) -> str:
    return line


def _places(lines: Sequence[str], wanted: Sequence[str], alike: Callable[[str], str]) -> list[int]:
    """The first two places, as indices of lines, where some lines stand that are alike."""
    text = "\n".join(["", *map(alike, lines), ""])
    piece = "\n".join(["", *map(alike, wanted), ""])
    found: list[int] = []
    at = text.find(piece)
    while at >= 0 and len(found) < 2:
        found.append(text.count("\n", 0, at))
        at = text.find(piece, at + 1)
    return found


def _indented(edit: Edit, there: Sequence[str]) -> list[str]:
    """The lines instead, indented as those in the file are."""
    pair = next(((a, b) for a, b in zip(edit.search, there, strict=True) if a.strip()), ("", ""))
    written, real = (line[: len(line) - len(line.lstrip())] for line in pair)
    if written == real:
        return list(edit.replace)
    return [
        f"{real}{line.removeprefix(written)}" if line.strip() and line.startswith(written) else line.strip()
        for line in edit.replace
    ]


def _inside_a_line(source: str, edit: Edit) -> str | None:
    """The source where the search is one part of one line, between words, found once."""
    if len(edit.search) != 1 or len(edit.replace) > 1:
        return None
    wanted = edit.search[0].strip()
    at = source.find(wanted)
    if at < 0 or source.find(wanted, at + 1) >= 0:
        return None
    around = source[at - 1 : at + 1] if at else "", source[at + len(wanted) - 1 : at + len(wanted) + 1]
    if any(re.fullmatch(r"\w\w", pair) for pair in around):
        return None
    return source[:at] + "".join(edit.replace).strip() + source[at + len(wanted) :]


def _trimmed(edit: Edit) -> Edit:
    """Without empty lines at the ends of the search, and as many of the replacement's."""
    above, below = _blanks(edit.search), _blanks(edit.search[::-1])
    first = min(above, _blanks(edit.replace))
    replace = edit.replace[first:]
    last = min(below, _blanks(replace[::-1]))
    return Edit(edit.search[above : len(edit.search) - below], replace[: len(replace) - last])


def _blanks(lines: Sequence[str]) -> int:
    """Empty lines at the beginning."""
    return next((at for at, line in enumerate(lines) if line.strip()), len(lines))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.removesuffix("\n").split("\n")) if text else ()


def _without_fence(lines: Sequence[str]) -> tuple[str, ...]:
    """Lines without a fence of backticks around them."""
    if len(lines) >= 2 and _FENCE.fullmatch(lines[0]) and _FENCE.fullmatch(lines[-1]):
        return tuple(lines[1:-1])
    return tuple(lines)


def _shown(edit: Edit) -> str:
    line = next(line.strip() for line in edit.search if line.strip())
    line = "".join(letter if letter.isprintable() else "�" for letter in line[: _SHOWN + 1])
    return f'"{line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"}"'


def _unusable(message: str) -> UnusableReplyError:
    return UnusableReplyError(message, hint=_HINT)
