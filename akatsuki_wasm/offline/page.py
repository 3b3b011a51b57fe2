"""The catalogue as a page of the documentation: ``docs/reference/catalogue.md``, held in step by a test."""

from __future__ import annotations

from akatsuki_wasm.offline.functions import CONSTANTS, FUNCTIONS
from akatsuki_wasm.offline.operations import KINDS, Kind, Knob, Operation, load_catalogue
from akatsuki_wasm.offline.rendering import number

_TITLES: dict[Kind, str] = {"image": "Images", "column": "Numbers and columns", "text": "Texts"}
_INTRODUCTION = """\
# The offline catalogue

The generator that works without a key and without a network. It is a catalogue of fixed operations with a reader of
words in front of it, **not a language model**: it picks, parametrises and orders operations, and writes readable Rust
for them. What it understood and what it did not is in the notes of every answer. It refuses what it cannot serve.

* Operations on images are composed into one function: `akatsuki design wasm "a strong vintage look with a frame"`.
  Without a word on it the order is geometry, tone, colour, texture, finish; *then*, *after*, それから, してから win.
* Operations on numbers and texts become one function each, in one module: `"word count and slug"`.
* Words say how strong (*slightly*, *very*, *strong*, 少し, 強めに), numbers with or without units set parameters
  (`sepia 0.4`, `50%`, `3px`, `45 degrees`, `800x600`, 90度), and *without grain*, 粒状なし leave out.
* Words that mean other things as often (*turn*, *square*, *negative*) give way to clear ones: "turn titles into slugs"
  rotates nothing. Fractions and shapes are read too: *half the saturation*, *16:9*, *25% smaller*, 彩度を半分に.
* Neighbouring operations on single pixels become one pass over the picture. It computes with floating-point numbers and
  clips to 0..255 once, at its end: brightening and darkening again loses nothing within a pass.
* A sentence in which the catalogue knows no operation, or that asks for what it cannot do (parts of a picture,
  recognition, translation), is refused with those words named.
* A formula becomes exactly that function; see the end of this page.
"""
_FORMULAS = """\
## Formulas

    margin(price, cost) = (price - cost) / price
    y = a * x + b
    f(x, k=2) = if x > k then a else -a where a = sqrt(x)
    関数 margin(price, cost) = (price - cost) / price を作って

Several are separated by `;` or a new line, and may call those before them. From loosest to tightest:
`if … then … else`, `c ? a : b` and `a if c else b`; `or`; `and`; `not`; `< <= > >= == !=` (chains as in
`0 <= x < 1`); `+ -`; `* / %`; unary minus; `^` or `**`, from the right.
`× ÷ − √ ² π` are read too. So `-x^2` is `-(x^2)`.
`a % b` is `a - b * floor(a / b)`, so that the result has the sign of `b`; `5%` is 0.05. A comparison that stands for a
number is 1 or 0. Multiplication is not implied: `2x` is an error that says so. Numbers are doubles: division by zero
gives an infinity, and what has no value is NaN.
"""


def catalogue_page() -> str:
    """The page as Markdown."""
    parts = [_INTRODUCTION]
    parts += [f"## {_TITLES[kind]}\n\n{_table(load_catalogue().of_kind(kind))}" for kind in KINDS]
    functions = "\n".join(f"| `{name}` | {each.help} |" for name, each in FUNCTIONS.items())
    constants = " and ".join(f"`{name}`" for name in CONSTANTS)
    parts.append(f"{_FORMULAS}\nConstants: {constants}.\n\n| function | what it is |\n| --- | --- |\n{functions}\n")
    return "\n".join(parts)


def _table(operations: list[Operation]) -> str:
    rows = ["| operation | what it does | words | parameters |", "| --- | --- | --- | --- |"]
    rows += [f"| `{each.id}` | {each.help} | {_words(each)} | {_parameters(each)} |" for each in operations]
    return "\n".join(rows) + "\n"


def _words(operation: Operation) -> str:
    english = [phrase.text for phrase in operation.phrases if phrase.text.isascii()]
    japanese = [phrase.text for phrase in operation.phrases if not phrase.text.isascii()]
    return ", ".join((*english[:4], *japanese[:3])).replace("|", "\\|")


def _parameters(operation: Operation) -> str:
    shown = [f"`{each.name}`" for each in operation.inputs]
    shown += [_knob(knob) for knob in operation.knobs]
    return "; ".join(shown)


def _knob(knob: Knob) -> str:
    limits = ""
    if knob.minimum is not None and knob.maximum is not None:
        limits = f" {number(knob.minimum, knob.type)} to {number(knob.maximum, knob.type)},"
    default = "" if knob.default is None else f" default {number(knob.default, knob.type)}"
    return f"`{knob.name}`{limits}{default}"
