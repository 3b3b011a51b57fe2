"""The catalogue's operations: what each is called, which parameters it has, and its Rust.

They are data: ``rust_templates/catalogue/operations/*.toml``, one file per family. See `load_catalogue`.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from akatsuki_wasm.contracts import Example
from akatsuki_wasm.resources import data_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Kind = Literal["image", "column", "text"]
Form = Literal["pixel", "whole", "function"]
"""``pixel``: an expression over ``rgb`` inside a pass over the picture; ``whole``: an expression over ``image``;
``function``: the body of a function of numbers or strings."""

KINDS: tuple[Kind, ...] = ("image", "column", "text")
STAGES = ("geometry", "tone", "colour", "texture", "finish")
"""The order in which image operations are applied where the prompt says nothing about it."""

Unit = Literal["amount", "factor", "pixels", "degrees", "number", "width", "height", "color", "ratio", "rate", "named"]


@dataclass(frozen=True)
class Knob:
    """One parameter of an operation that the prompt's words can set.

    Attributes:
        name: snake_case, as it is called when the operation stands alone.
        type: Rust type; ``R`` for a generic number.
        default: A number or text, or None where a caller must give it.
        minimum: Smallest allowed value, or None.
        maximum: Largest allowed value, or None.
        help: One line.
        neutral: The value that changes nothing, which intensity words scale away from; None where they mean nothing.
        unit: Which numbers of a prompt fit it.
        words: Stems and Japanese words that name this parameter in a prompt, beside its own name.
    """

    name: str
    type: str
    default: float | str | None = None
    minimum: float | None = None
    maximum: float | None = None
    help: str = ""
    neutral: float | None = None
    unit: Unit = "number"
    words: tuple[str, ...] = ()

    @property
    def is_signed(self) -> bool:
        """Whether both directions make sense, so that "less contrast" is a negative amount."""
        return self.neutral is not None and self.minimum is not None and self.minimum < self.neutral

    @property
    def is_integer(self) -> bool:
        return self.type in ("u8", "u32", "i32")


@dataclass(frozen=True)
class Phrase:
    """Words that name an operation, and what they set beside naming it.

    Attributes:
        text: In lower case, English or Japanese.
        values: Parameters that the words set, such as a negative amount for "darken".
        label: What the operation is called in a function's name when these words were used, or empty for its id.
        is_weak: Whether the words mean other things as often ("turn", "negative"): they give way to what is clear.
        is_exact: Whether no other form of the word counts: "lighter" brightens, "light" says how strong.
    """

    text: str
    values: Mapping[str, float | str] = field(default_factory=dict)
    label: str = ""
    is_weak: bool = False
    is_exact: bool = False


@dataclass(frozen=True)
class Operation:
    """One entry of the catalogue.

    Attributes:
        id: snake_case, unique over all kinds; the function's name when the operation stands alone.
        kind: What it works on.
        stage: One of `STAGES` for an image operation, else empty.
        family: The data file's stem, for grouping in the documentation.
        help: One line.
        does: For an image operation: what it does, as part of a sentence, with ``{it}`` for the picture.
        does_less: The same where the main parameter is below its neutral value; empty where it has one direction.
        form: What `rust` is.
        rust: A jinja2 template of Rust; each knob is a variable that holds the parameter's name.
        phrases: What names it.
        knobs: Parameters in order.
        inputs: Parameters before the knobs that a caller must give, for a function (``text: &str``).
        result: Rust result type, for a function.
        place: Which coordinates a pixel expression uses: empty, ``xy``, ``uv``, or ``xyuv``.
        inside: Whether a pixel expression needs channels within 0..=255, which an operation before it may have left.
        setup: Lines before the pass over the picture.
        helpers: Private functions that the expression calls.
        fallible: Whether the expression is a ``Result``.
        includes: Other operations that are part of this one: id -> the knob that takes their amount.
        percent: The operation that is meant instead when a percentage or a factor is given (resize -> scale).
        sized: The operation that is meant instead when pixels are given (scale -> resize).
        ratio: The operation that is meant instead when a shape such as 16:9 is given (crop -> crop_ratio).
        replaces: Operations that this one stands for where both are named without numbers ("crop a square").
        blocks: Operations whose weak words directly before this one do not count ("red frame" tints nothing).
        settings: Words that set parameters and name nothing by themselves (to the left, monthly).
        weak_needs: A unit that a number beside a weak word must have.
        shape: Operations of one shape that are named as "from this to that" mean the second only.
        absorbs: Operations whose words, after this one in a clause, only say what this one does (色相を45度回転).
        examples: Calls that hold.
    """

    id: str
    kind: Kind
    family: str
    help: str
    form: Form
    rust: str
    phrases: tuple[Phrase, ...]
    knobs: tuple[Knob, ...] = ()
    inputs: tuple[Knob, ...] = ()
    result: str = ""
    stage: str = ""
    place: str = ""
    inside: bool = False
    setup: tuple[str, ...] = ()
    helpers: str = ""
    fallible: bool = False
    includes: Mapping[str, str] = field(default_factory=dict)
    percent: str = ""
    sized: str = ""
    ratio: str = ""
    replaces: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    settings: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict)
    weak_needs: str = ""
    shape: str = ""
    does: str = ""
    does_less: str = ""
    absorbs: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    def knob(self, name: str) -> Knob:
        """The parameter of that name."""
        return next(knob for knob in self.knobs if knob.name == name)

    @property
    def main_knob(self) -> Knob | None:
        """The parameter that intensity words act on: the first with a neutral value."""
        return next((knob for knob in self.knobs if knob.neutral is not None), None)


@dataclass(frozen=True)
class Catalogue:
    """All operations, by id, in the order of the data files."""

    operations: Mapping[str, Operation]

    def of_kind(self, kind: Kind) -> list[Operation]:
        """The operations that work on `kind`."""
        return [operation for operation in self.operations.values() if operation.kind == kind]


@cache
def load_catalogue() -> Catalogue:
    """Reads the data files once.

    Raises:
        ValueError: A data file is inconsistent; a test reads them all.
    """
    operations: dict[str, Operation] = {}
    for path in sorted((data_folder("rust_templates") / "catalogue" / "operations").glob("*.toml")):
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        for entry in document["operation"]:
            operation = _operation(entry, document, path.stem)
            if operation.id in operations:
                raise ValueError(f"{path.name}: the operation {operation.id} is there twice")
            operations[operation.id] = operation
    return Catalogue(operations)


def _operation(entry: dict[str, Any], document: dict[str, Any], family: str) -> Operation:
    kind = document["kind"]
    form = entry.get("form", "pixel" if kind == "image" else "function")
    return Operation(
        id=entry["id"],
        kind=kind,
        family=family,
        help=entry["help"],
        form=form,
        rust=entry["rust"].strip("\n"),
        phrases=tuple(_phrases(entry, document.get("units", {}))),
        knobs=tuple(_knob(each) for each in entry.get("knob", ())),
        inputs=tuple(_knob(each) for each in entry.get("input", ())),
        result=entry.get("result", "Image" if kind == "image" else ""),
        stage=entry.get("stage", document.get("stage", "")),
        place=entry.get("place", ""),
        inside=entry.get("inside", False),
        setup=tuple(entry.get("setup", ())),
        helpers=entry.get("helpers", "").strip("\n"),
        fallible=entry.get("fallible", False),
        includes=entry.get("includes", {}),
        **{
            name: entry.get(name, "")
            for name in ("percent", "sized", "ratio", "weak_needs", "shape", "does", "does_less")
        },
        replaces=tuple(entry.get("replaces", ())),
        blocks=tuple(entry.get("blocks", ())),
        settings=entry.get("settings", {}),
        absorbs=tuple(entry.get("absorbs", ())),
        examples=tuple(_example(entry["id"], each) for each in entry.get("example", ())),
    )


def _phrases(entry: dict[str, Any], units: Mapping[str, list[str]]) -> Iterable[Phrase]:
    weak, exact = frozenset(entry.get("weak", ())), frozenset(entry.get("exact", ()))
    for text in dict.fromkeys((*entry.get("english", ()), *entry.get("japanese", ()))):
        yield Phrase(text, is_weak=text in weak, is_exact=text in exact)
    for text, values in entry.get("phrases", {}).items():
        numbers = {name: value for name, value in values.items() if name != "label"}
        yield Phrase(text, numbers, values.get("label", ""), text in weak, text in exact)
    if "convert" in entry:
        known = {*entry.get("english", ()), *entry.get("japanese", ())}
        names = dict.fromkeys(_conversions(*(units[name] for name in entry["convert"])))
        yield from (Phrase(text) for text in names if text not in known)


def _conversions(sources: list[str], targets: list[str]) -> Iterable[str]:
    """How people ask for one unit in another."""
    for source in sources:
        for target in targets:
            if max(source + target) < "\u0100":
                yield from (f"{source} {word} {target}" for word in ("to", "in", "into", "->", "as", "2"))
                yield f"{target} from {source}"
            yield from (f"{source}{word}{target}" for word in ("から", "を"))
            if not (source.isascii() and target.isascii()):
                yield f"{source} -> {target}"


def _knob(entry: dict[str, Any]) -> Knob:
    return Knob(**{**entry, "words": tuple(entry.get("words", ()))})


def _example(function: str, entry: dict[str, Any]) -> Example:
    args = tuple(entry["args"])
    text = f"{function}({', '.join(map(literal, args))}) == {literal(entry['expected'])}"
    return Example(text, function, args, {}, entry["expected"], entry.get("tolerance", 0.0))


def literal(value: Any) -> str:
    """A value as an example writes it: strings in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)
