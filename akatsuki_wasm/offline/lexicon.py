"""All words that the reader knows, in English and Japanese, and what each may mean.

A phrase is a sequence of keys: a Latin word is its stem, a number its digits, a character of any other script itself.
So one longest-match search serves both languages without a tokenizer.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from akatsuki_wasm.offline.normalise import normalise, stem
from akatsuki_wasm.offline.operations import Operation, Phrase, load_catalogue
from akatsuki_wasm.resources import data_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

Role = Literal[
    "operation", "knob", "intensity", "up", "down", "weak", "then", "after", "not-before", "not-after",
    "ignored", "image", "column", "text", "out-of-reach", "part", "verb", "setting", "number", "hedge", "hedge-after",
]  # fmt: skip

_RAW = re.compile(
    r"""
    (?P<dots>\.{2,})
    | (?P<number>[+-]?(?:\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?!\d))
    | (?P<word>[a-z_][a-z0-9_]*(?:'[a-z]+)?(?:[&/][a-z](?![a-z]))?)
    | (?P<arrow>->|>>)
    | (?P<break>[,.;:!?、。,;()\[\]{}"「」『』|\n])
    | (?P<sign>\S)
    """,
    re.VERBOSE,
)
_DECADE = re.compile(r"\d{2,4}s(?![a-z])")
_SKIPPED = frozenset("-・'`*~&/+=<>^%#@$")


class Raw(NamedTuple):
    """One word, number, character or break of the normalised text."""

    key: str
    kind: Literal["word", "number", "character", "break"]
    start: int
    end: int


@dataclass(frozen=True)
class Meaning:
    """One thing that a phrase may mean.

    Attributes:
        role: What it does in a sentence.
        operation: For ``operation`` and ``setting``.
        phrase: For ``operation``: the words with what they set.
        value: A factor for ``intensity``, the parameter's word for ``knob``, values for ``setting``, the
            number itself for ``number``.
    """

    role: Role
    operation: Operation | None = None
    phrase: Phrase | None = None
    value: Any = None


@dataclass(frozen=True)
class Lexicon:
    """Phrases, and the lengths that those with a first key have, longest first."""

    lengths: dict[str, tuple[int, ...]]
    meanings: dict[tuple[str, ...], tuple[Meaning, ...]]
    words: tuple[str, ...]
    """Single Latin words of four letters or more that name operations, for finding typing errors."""


def split(text: str) -> list[Raw]:
    """Normalised text as words, numbers, characters and breaks; white space and signs vanish."""
    raws: list[Raw] = []
    place = 0
    while place < len(text):
        match = _DECADE.match(text, place) if text[place].isdigit() else None
        if match:
            raws.append(Raw(match[0], "word", place, match.end()))
            place = match.end()
            continue
        match = _RAW.match(text, place)
        if match is None:
            place += 1
            continue
        _append(raws, match, text)
        place = match.end()
    return raws


def _append(raws: list[Raw], match: re.Match[str], text: str) -> None:
    found, (start, end) = match[0], match.span()
    if match.lastgroup == "number":
        # "min-max 0-1" and "10-20": a hyphen after a word or digit joins, it is no sign.
        if found[0] in "+-" and start and (text[start - 1].isalnum() or text[start - 1] == ")"):
            found, start = found[1:], start + 1
        trimmed = found.rstrip(".")
        raws.append(Raw(trimmed, "number", start, start + len(trimmed)))
    elif match.lastgroup == "word":
        raws.append(Raw(stem(found), "word", start, end))
    elif match.lastgroup == "arrow":
        raws.append(Raw(found, "word", start, end))
    elif match.lastgroup == "break":
        raws.append(Raw(found, "break", start, end))
    elif found not in _SKIPPED:
        raws.append(Raw(found, "character", start, end))


def keys(phrase: str) -> tuple[str, ...]:
    """A phrase of the data files as the search compares it."""
    return tuple(raw.key for raw in split(normalise(phrase)) if raw.kind != "break")


@cache
def load_lexicon() -> Lexicon:
    """Collects the words of the catalogue and of ``words.toml`` once."""
    meanings: dict[tuple[str, ...], list[Meaning]] = {}

    def learn(phrase: str, meaning: Meaning) -> None:
        known = meanings.setdefault(keys(phrase), [])
        if meaning not in known:
            known.append(meaning)

    for operation in load_catalogue().operations.values():
        for phrase in operation.phrases:
            learn(phrase.text, Meaning("operation", operation, phrase))
        own = {keys(phrase.text) for phrase in operation.phrases}
        for text in (operation.id.replace("_", " "), operation.id):
            if keys(text) not in own:
                learn(text, Meaning("operation", operation, Phrase(text)))
        for text, values in operation.settings.items():
            learn(text, Meaning("setting", operation, value=values))
        for knob in operation.knobs:
            for word in (knob.name, *knob.words):
                learn(word, Meaning("knob", value=keys(word)))
    for role, phrases in _general_words():
        for text, value in phrases:
            learn(text, Meaning(role, value=value))
    for phrase_keys, known in meanings.items():
        # The same operation named twice by one stem ("blur", "blurry") is one meaning.
        seen: dict[Any, Meaning] = {}
        for meaning in known:
            word = meaning.phrase.text if meaning.phrase and meaning.phrase.is_exact else ""
            seen.setdefault((meaning.role, meaning.operation.id if meaning.operation else meaning.value, word), meaning)
        meanings[phrase_keys] = list(seen.values())
    lengths: dict[str, set[int]] = {}
    for phrase_keys in meanings:
        lengths.setdefault(phrase_keys[0], set()).add(len(phrase_keys))
    return Lexicon(
        lengths={first: tuple(sorted(each, reverse=True)) for first, each in lengths.items()},
        meanings={phrase_keys: tuple(known) for phrase_keys, known in meanings.items()},
        words=tuple(_single_words()),
    )


def _general_words() -> Iterable[tuple[Role, Iterable[tuple[str, Any]]]]:
    path = data_folder("rust_templates") / "catalogue" / "words.toml"
    words = tomllib.loads(path.read_text(encoding="utf-8"))

    def plain(texts: Iterable[str]) -> list[tuple[str, Any]]:
        return [(text, None) for text in texts]

    yield "intensity", words["intensity"].items()
    yield "up", plain(words["direction"]["up"])
    yield "down", plain(words["direction"]["down"])
    yield "weak", plain(words["weak_is_down"]["words"])
    yield "number", words["numbers"].items()
    yield "hedge", plain(words["hedge"]["before"])
    yield "hedge-after", plain(words["hedge"]["after"])
    yield "then", plain(words["order"]["then"])
    yield "after", plain(words["order"]["after"])
    yield "not-before", plain(words["negation"]["before"])
    yield "not-after", plain(words["negation"]["after"])
    yield "image", plain(words["subject"]["image"])
    yield "column", plain(words["subject"]["column"])
    yield "text", plain(words["subject"]["text"])
    yield "ignored", plain((*words["ignored"]["english"], *words["ignored"]["japanese"]))
    yield "out-of-reach", plain(words["out_of_reach"]["words"])
    yield "part", plain(words["out_of_reach"]["parts"])
    yield "verb", plain(words["out_of_reach"]["verbs"])


def _single_words() -> list[str]:
    words = {
        phrase.text
        for operation in load_catalogue().operations.values()
        for phrase in operation.phrases
        if re.fullmatch(r"[a-z]{4,}", phrase.text)
    }
    return sorted(words)
