"""Advice for the mistakes that models make most, where rustc's own does not know the prelude or leads away from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Diagnostic


@dataclass(frozen=True)
class _Rule:
    """What to say to some errors.

    Attributes:
        codes: Of rustc.
        message: Found in the message.
        advice: What to write.
        misleading: Whether rustc's own suggestions are left out.
    """

    codes: frozenset[str]
    message: re.Pattern[str]
    advice: str
    misleading: bool = True


_RULES = (
    _Rule(
        frozenset({"E0369", "E0277", "E0308"}),
        re.compile(r"type `R`|type parameter `R`|PartialOrd|PartialEq"),
        "numbers over R have no `<`, no `==` and no `if`: write R::select(x.lt(y), yes, no); R::c(2.0) makes one",
    ),
    _Rule(
        frozenset({"E0308", "E0277"}),
        re.compile(r"`f32`.*`f64`|`f64`.*`f32`"),
        "colours and pixels are f32, statistics f64: write literals without a suffix, convert with `as f32`, `as f64`",
    ),
    _Rule(
        frozenset({"E0507"}),
        re.compile(r"cannot move out of `\*\w+`.*behind a shared reference"),
        "take `image: Image` in place of `&Image`, use mapped_rgb or mapped_rgba, or clone() it before the method",
    ),
    _Rule(
        frozenset({"E0425"}),
        re.compile(r"cannot find function"),
        "the prelude has no such function: use one that was listed, or write it in the file",
        misleading=False,
    ),
    _Rule(
        frozenset({"E0599"}),
        re.compile(r"for (?:struct|reference) `&?(?:image::)?Image`"),
        "images have only the methods that were listed",
        misleading=False,
    ),
)


def advice_for(diagnostic: Diagnostic) -> str:
    """What to write instead, or empty where nobody knows."""
    rule = _rule_of(diagnostic)
    if rule is None:
        return diagnostic.help
    own = "" if rule.misleading else diagnostic.help
    return f"{own}; or else: {rule.advice}" if own else rule.advice


def rendered_of(diagnostic: Diagnostic) -> str:
    """The compiler's own text, without its suggestions where they lead away."""
    text = diagnostic.rendered.strip()
    rule = _rule_of(diagnostic)
    if rule is None or not rule.misleading:
        return text
    return re.split(r"\n(?:help|note): ", text, maxsplit=1)[0].rstrip("\n |")


def _rule_of(diagnostic: Diagnostic) -> _Rule | None:
    said = diagnostic.message[:2_000]
    return next((rule for rule in _RULES if diagnostic.code in rule.codes and rule.message.search(said)), None)
