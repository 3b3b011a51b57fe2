"""Brings a prompt's text into one form: width, case, quotes, operators; and words to their stems."""

from __future__ import annotations

import re
import unicodedata

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SUPERSCRIPT = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+")
_OPERATORS = str.maketrans(
    {
        "×": "*", "✕": "*", "✖": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "∕": "/", "⁄": "/",
        "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "→": " -> ", "⇒": " -> ",
        "“": '"', "”": '"', "‘": "'", "’": "'", "〜": "~", "≦": "≤", "≧": "≥",
    }
)  # fmt: skip
# "800×600" is a size, and the same sign is a multiplication elsewhere.
_SIZE = re.compile(r"(?<![\w.])(\d{1,5})\s*[×✕✖]\s*(\d{1,5})(?![\w.])")
_ENDINGS = ("ing", "ed", "er", "es", "s", "y")
_VOWEL = re.compile(r"[aeiou]")


def normalise(text: str) -> str:
    """Compatibility forms (NFKC), lower case, plain operators; superscripts become powers.

    The length may change; places in the result are places of the normalised text.
    """
    return fold(text).lower()


def fold(text: str) -> str:
    """As `normalise`, with upper and lower case kept."""
    text = _SIZE.sub(r"\1x\2", text)
    text = _SUPERSCRIPT.sub(lambda match: "^" + _exponent(match[0].translate(_SUPERSCRIPTS)), text)
    return unicodedata.normalize("NFKC", text.translate(_OPERATORS)).translate(_OPERATORS)


def _exponent(digits: str) -> str:
    return f"({digits})" if digits.startswith(("-", "+")) else digits


def stem(word: str) -> str:
    """A word without its common endings, so that blur, blurs, blurred, blurring and blurry are one.

    Not a dictionary form: "resize" and "resizing" both become "resiz". A stem keeps a vowel and three letters.
    """
    word = word.removesuffix("'s")
    for ending in _ENDINGS:
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3 and _VOWEL.search(rest) and not word.endswith("ss"):
            return _without_doubling(rest)
    return _without_doubling(word)


def _without_doubling(word: str) -> str:
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        return word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word
