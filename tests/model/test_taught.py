"""The prompt teaches what is true: every signature in it compiles against the prelude, every worked example works."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import akatsuki_wasm as ak
from akatsuki_wasm.contracts import GenerationRequest
from akatsuki_wasm.model.kinds import KINDS, worked_examples
from akatsuki_wasm.model.prompts import messages
from akatsuki_wasm.model.reply import read_reply
from akatsuki_wasm.resources import data_folder

if TYPE_CHECKING:
    from pathlib import Path

PRELUDE = data_folder("rust_templates") / "prelude"
PROMPTS = data_folder("templates") / "prompts"
NOT_TAUGHT = {"is_opaque", "hash2", "hue_matrix", "apply_matrix", "clone", "ne", "copysign", "erfc", "c"}
"""What a model can do without; anything else of the prelude must be in the prompt. (`c` is there as `R::c`.)"""


def contract() -> str:
    return messages(GenerationRequest("x"), None)[0].content.partition("# Your answer")[0]


def section(begin: str) -> str:
    """The paragraph that begins so, without its first line."""
    paragraph = next(each for each in contract().split("\n\n") if begin in each)
    return paragraph.partition(begin)[2].partition("\n")[2]


@dataclass(frozen=True)
class Taught:
    """A function as the prompt has it: ``name(a, b: u32) -> Image``."""

    name: str
    params: tuple[str, ...]
    result: str


def split(text: str) -> list[str]:
    """At the commas that are outside of all brackets and bars."""
    parts, depth, bars = [""], 0, 0
    for letter in text:
        depth += letter in "([<{"
        depth -= letter in ")]}" or (letter == ">" and not parts[-1].endswith("-"))
        bars ^= letter == "|"
        if letter == "," and depth == 0 and not bars:
            parts.append("")
        else:
            parts[-1] += letter
    return [each.strip() for each in parts if each.strip()]


def taught(text: str, result: str) -> list[Taught]:
    """The functions of a section: ``a(x), b, c (y) -> T``, with the section's result where they show none."""
    found = []
    at = 0
    while start := re.compile(r"(?<![\w.|(\[:])((?:[a-zA-Z][\w.:]*, )*[a-zA-Z][\w.:]*)( ?)\(").search(text, at):
        depth, end = 1, start.end()
        while depth:
            depth += (text[end] == "(") - (text[end] == ")")
            end += 1
        params = tuple(split(text[start.end() : end - 1]))
        own = re.compile(r" -> ((?:[^,;:(\[<]|\([^)]*\)|\[[^\]]*\]|<(?:[^<>]|\(\))*>)+)").match(text, end)
        names = start[1].split(", ")
        assert len(names) == 1 or start[2], start[0]
        found += [Taught(name, params, own[1].strip() if own else result) for name in names]
        at = own.end() if own else end
    return found


def default_types() -> dict[str, str]:
    """By parameter: the sentence of the prompt that says what is meant where no type is shown."""
    sentence = re.search(r"Where no type is shown: (.*?); all others: (\w+)\.", contract())
    assert sentence is not None
    types = {"": sentence[2]}
    for group in re.split(r"; (?!\d+\])", sentence[1]):
        names, _, type_ = group.partition(": ")
        types |= dict.fromkeys(names.split(", "), type_)
    return types


def rust_type(param: str, types: dict[str, str]) -> str:
    closure = re.fullmatch(r"\|(.*)\| -> (.*)", param)
    if closure:
        params = ", ".join(rust_type(each, types) for each in split(closure[1]))
        return f"fn({params}) -> {rust_type(closure[2], types)}"
    name, _, shown = param.partition(": ")
    return shown or types.get(name, types[""])


def coercion(function: Taught, receiver: str, types: dict[str, str]) -> str:
    """A line of Rust that compiles only if the prelude's function has the taught types."""
    params = [rust_type(each, types) for each in function.params]
    if function.name.startswith("image."):
        mutable = {"image.set": "&mut Image", "image.row_mut": "&mut Image"}
        path, params = function.name.replace("image.", "Image::"), [mutable.get(function.name, "&Image"), *params]
    elif receiver:
        path, params = f"Image::{function.name}", [receiver, *params]
    else:
        path = function.name
    return f"    let _: fn({', '.join(params)}) -> {function.result} = {path};"


SECTIONS = [
    ("In place, of `self`", "Image", "Image", 10),
    ("New, of `&self` -> Image:", "&Image", "Image", 13),
    ("New, of `&self` -> Result<Image, String>:", "&Image", "Result<Image, String>", 5),
    ("Pixels:", "", "()", 13),
    ("Colours -> [f32; 3]:", "", "[f32; 3]", 24),
    ("Levels -> f32:", "", "f32", 19),
    ("Statistics -> f64", "", "f64", 15),
    ("Text -> String:", "", "String", 7),
]


def all_taught() -> list[tuple[Taught, str]]:
    found = []
    for begin, receiver, result, least in SECTIONS:
        functions = taught(section(begin), result)
        assert len(functions) >= least, begin
        found += [(each, receiver) for each in functions]
    return found


def methods_of_real() -> list[str]:
    """Calls of all methods that numbers have."""
    line = contract().partition("Methods of R: ")[2].split("\n")[0]
    bare, _, others = line.partition(", with arguments ")
    return [*(f"{each}()" for each in bare.split()), *re.findall(r"\w+\([^)]+\)", others)]


def masks_of_real() -> list[str]:
    found = re.search(r"masks x\.(\w+)\(y\)((?: \w+)+), x\.(\w+)\(\)", contract())
    assert found is not None
    return [f"x.{found[1]}(y)", *(f"x.{each}(y)" for each in found[2].split()), f"x.{found[3]}()"]


@pytest.mark.toolchain
def test_every_signature_that_is_taught_compiles_against_the_prelude(tmp_path: Path) -> None:
    types = default_types()
    lines = [coercion(each, receiver, types) for each, receiver in all_taught()]
    calls = [re.sub(r"n: i32", "3", each) for each in methods_of_real()]
    assert len(calls) > 35
    masks = masks_of_real()
    assert len(masks) == 6
    real = [
        *(f"    let _: R = x.{call};" for call in calls),
        *(f"    let _: R::Mask = {mask};" for mask in masks),
        "    let _: R = R::select(x.lt(y) & !x.is_nan() | x.gt(0.5), 2.0, R::c(3.0) * x + 1.0);",
    ]
    source = "\n".join(
        ["/// Names all that is taught.", "pub fn taught() -> bool {", *lines, "    true", "}", "",
         "/// Calls what numbers have.", "pub fn numbers<R: Real>(x: R, y: R, low: R, high: R, period: R) -> R {",
         *real, "    x", "}", ""]
    )  # fmt: skip
    with ak.open(data_dir=tmp_path) as ws:
        assert ws.build(source).manifest.functions


def test_the_prelude_is_taught() -> None:
    files = [path for path in PRELUDE.glob("*.rs") if path.stem in
             {"image", "map", "rows", "blur", "sample", "color", "quick", "noise", "stats", "text"}]  # fmt: skip
    assert len(files) == 10
    there = {name for path in files for name in re.findall(r"^ *pub fn (\w+)", path.read_text("utf-8"), re.MULTILINE)}
    said = {each.name.rpartition(":")[2].rpartition(".")[2] for each, _ in all_taught()}
    assert there - said == {each for each in NOT_TAUGHT if each in there}
    trait = (PRELUDE / "real.rs").read_text("utf-8").partition("pub trait Real")[2].partition("\n}")[0]
    numbers = {*re.findall(r"^    fn (\w+)", trait, re.MULTILINE)}
    said = {*re.findall(r"\w+(?=\()", " ".join([*methods_of_real(), *masks_of_real()]))} | {"select"}
    assert numbers - said == {each for each in NOT_TAUGHT if each in numbers} - said


def test_what_is_forbidden_is_what_the_lint_forbids() -> None:
    from akatsuki_wasm.rust.lint_rules import ALLOWED_MACROS, FORBIDDEN_MACROS, FORBIDDEN_WORDS

    said = contract().partition("# Not allowed")[2].partition("\n\n")[0]
    refused, _, allowed = said.partition("Macros: only ")
    words = {"unsafe", "extern"}
    assert words <= {*FORBIDDEN_WORDS}
    assert {*re.findall(r"`(\w+)!`", refused)} - {"macro_rules"} <= {*FORBIDDEN_MACROS}
    assert all(f"`{word}`" in refused for word in words)
    assert {*re.findall(r"(\w+)!", allowed)} <= {*ALLOWED_MACROS}
    assert {*ALLOWED_MACROS} - {*re.findall(r"(\w+)!", allowed)} <= {
        "assert_eq", "assert_ne", "debug_assert_eq", "debug_assert_ne"
    }  # fmt: skip


def test_every_kind_has_two_worked_examples_and_there_are_no_others() -> None:
    named = [name for kind in KINDS for name in worked_examples(kind)]
    assert sorted(named) == sorted(f"examples/{path.name}" for path in (PROMPTS / "examples").iterdir())
    assert len({*named}) == 8


@pytest.mark.toolchain
@pytest.mark.parametrize("kind", KINDS)
def test_the_worked_examples_work(kind: str, tmp_path: Path) -> None:
    with ak.open(data_dir=tmp_path) as ws:
        for number in (1, 2):
            reply = read_reply((PROMPTS / "examples" / f"{kind}_{number}.j2").read_text("utf-8"))
            artifact = ws.build(reply.rust)
            assert not artifact.warnings
            ws.check(artifact, reply.examples)
            assert reply.examples or "Image" in reply.rust or "Run" in reply.rust
            assert reply.description
            assert not reply.notes
