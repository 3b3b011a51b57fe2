"""What is read from an author's file, and what is refused: with the line, the reason and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akatsuki_wasm.contracts import MISSING
from akatsuki_wasm.errors import SourceRejectedError
from akatsuki_wasm.rust.interface import GuestInterface
from akatsuki_wasm.rust.signatures import parse_source

EVERY_TYPE = Path(__file__).with_name("every_type.rs")


def signatures(text: str) -> list[str]:
    return [each.signature for each in parse_source(text).to_manifest().functions]


def refused(text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(SourceRejectedError) as caught:
        parse_source(text)
    return [(each.line, each.message, each.help) for each in caught.value.problems]


def test_documentation_gives_ranges_defaults_and_help() -> None:
    interface = parse_source(
        """//! Looks of the past.
//!
//! More.

/// Makes a picture
/// look old.
///
/// Long story.
/// * `strength`: 0.0..=1.0, default 0.6. How strong
///   it is.
/// - `n`: default 3, 1..=10
/// * `tone`: default "warm \\"x\\"".
/// * `seed`: 0..
/// * `on`: default true. Or not.
/// * `size`: ..=5, default none
/// * `letter` - default 'x'
/// * `angle`: -1.5e2..=180, default -0.5
/// * `offset`: -5 is left.
/// * `Err` when it fails.
pub fn vintage(
    image: &Image, strength: f32, n: u8, tone: &str, seed: u64, on: bool,
    size: Option<i16>, letter: char, angle: f64, offset: i32,
) -> Image { image.clone() }
"""
    )
    assert interface.description == "Looks of the past."
    function = interface.functions[0]
    assert function.doc == "Makes a picture look old."
    assert [(each.name, each.doc, each.minimum, each.maximum, each.default) for each in function.params] == [
        ("image", "", None, None, MISSING),
        ("strength", "How strong it is.", 0.0, 1.0, 0.6),
        ("n", "", 1, 10, 3),
        ("tone", "", None, None, 'warm "x"'),
        ("seed", "", 0, None, MISSING),
        ("on", "Or not.", None, None, True),
        ("size", "", None, 5, None),
        ("letter", "", None, None, "x"),
        ("angle", "", -150.0, 180.0, -0.5),
        ("offset", "-5 is left.", None, None, MISSING),
    ]


def test_every_type_of_the_contract() -> None:
    found = dict(each.split(":", 1) for each in signatures(EVERY_TYPE.read_text("utf-8")))
    assert found["same-nested"] == " func(x: list<shape>) -> list<shape>"
    assert found["borrowed-lists"] == " func(x: list<list<f64>>) -> list<f64>"
    assert found["mixed"] == (
        " func(a: list<u8>, match: string, b: tuple<s8, option<f64>>, c: point2-d) -> tuple<string, list<u8>, f64>"
    )
    assert found["spilled"] == (
        " func(a: f64, b: string, c: list<u32>, d: point2-d, e: option<tuple<string, u64>>, f: list<string>, g: bool, "
        "h: s64, i: option<f32>) -> string"
    )
    assert found["rotate90"] == " func(x1: u8, x2: u8) -> u8"
    assert found["labelled"] == " func(n: option<u32>, c: char, text: string) -> result<option<string>, string>"
    assert found["checked-none"] == " func(x: s32) -> result<_, string>"
    assert found["nothing"] == " func(x: u8)"


def test_only_public_functions_at_the_top_are_exported() -> None:
    assert signatures("fn a() {} pub(crate) fn b() {} mod m { pub fn c() {} } pub fn d() {}") == ["d: func()"]


def test_real_functions() -> None:
    interface = parse_source(
        "pub fn f<R: Real>(x: R, y: R) -> R { x + y }\npub fn g<T: Real + Copy>(x: T, n: u32) -> T { x }"
    )
    assert [(each.generic, each.lanes, each.batch) for each in interface.functions] == [
        (True, True, "akatsuki:batch/f"),
        (True, False, "akatsuki:batch/g"),
    ]


CONTRACT = "write bool, u8 to u64, i8 to i64, f32, f64, char, String, Image, Vec, Option, a tuple or a struct of these"


@pytest.mark.parametrize(
    ("text", "line", "message", "advice"),
    [
        (
            "pub fn f(x: usize) {}",
            1,
            "the parameter `x`: the type `usize` is outside the contract",
            "write u32 (or u64)",
        ),
        (
            "\npub fn f() -> isize { 0 }",
            2,
            "the result of `f`: the type `isize` is outside the contract",
            "write i32 (or i64)",
        ),
        (
            "pub fn f(x: &mut [u8]) {}",
            1,
            "the parameter `x`: the mutable reference `&mut [u8]` is outside the contract",
            "write Vec<u8> and return it",
        ),
        (
            "pub fn f(x: &str) -> &str { x }",
            1,
            "the result of `f`: the reference `&str` here is outside the contract",
            "write String",
        ),
        (
            "pub fn f(x: &[u8]) -> &[u8] { x }",
            1,
            "the result of `f`: the reference `&[u8]` here is outside the contract",
            "write Vec<u8>",
        ),
        (
            "pub fn f(x: [u8; 3]) {}",
            1,
            "the parameter `x`: the array `[u8; 3]` is outside the contract",
            "write Vec<T>, or a tuple for a few values",
        ),
        (
            "pub fn f(x: HashMap<u8, u8>) {}",
            1,
            "the parameter `x`: the type `HashMap<u8, u8>` is outside the contract",
            "write Vec<(K, V)>",
        ),
        (
            "pub fn f(x: std::collections::HashSet<u8>) {}",
            1,
            "the parameter `x`: the type `std::collections::HashSet<u8>` is outside the contract",
            "write Vec<T>",
        ),
        ("pub fn f(x: Box<f64>) {}", 1, "the parameter `x`: `Box<f64>` is outside the contract", "write f64"),
        (
            "pub fn f(x: impl Real) {}",
            1,
            "the parameter `x`: impl Trait is outside the contract",
            "write a concrete type; a numeric function may be `fn f<R: Real>(x: R) -> R`",
        ),
        (
            "pub fn f(x: Foo) {}",
            1,
            "the parameter `x`: the type `Foo` is outside the contract",
            f"declare `struct Foo` in this file, or {CONTRACT}",
        ),
        (
            "enum E { A }\npub fn f(x: E) {}",
            2,
            "the parameter `x`: the enum `E` in a signature is outside the contract",
            "write String or u32 in the signature and match on it",
        ),
        (
            "struct S;\npub fn f(x: S) {}",
            2,
            "the parameter `x`: the struct `S`, which has no fields, is outside the contract",
            "give it a field, or leave it out",
        ),
        (
            "struct S(u8);\npub fn f(x: S) {}",
            2,
            "the parameter `x`: the tuple struct `S` in a signature is outside the contract",
            "name its fields, or write a tuple",
        ),
        (
            "struct S<T> { x: T }\npub fn f(x: S<u8>) {}",
            2,
            "the parameter `x`: the generic type `S<u8>` is outside the contract",
            "write a struct without type parameters",
        ),
        (
            "struct S { x: Vec<S> }\npub fn f(x: S) {}",
            1,
            "the parameter `x`: the struct `S`, which contains itself, is outside the contract",
            "write a Vec of flat structs with indexes",
        ),
        (
            "struct S { x: &'static str }\npub fn f(x: S) {}",
            1,
            "the parameter `x`: the reference `&'static str` here is outside the contract",
            "write String",
        ),
        (
            "struct S { x: u8 }\nimpl Drop for S { fn drop(&mut self) {} }\npub fn f(x: S) {}",
            2,
            "`S` crosses into the module and has `Drop`",
            "remove the impl",
        ),
        (
            "pub fn f(x: Option<Option<u8>>) {}",
            1,
            "the parameter `x`: an Option directly inside an Option is outside the contract",
            "write a single Option",
        ),
        (
            "pub fn f(x: Result<u8, String>) {}",
            1,
            "the parameter `x`: a Result that is not what a function returns is outside the contract",
            "return Result<T, String> from the function",
        ),
        (
            "pub fn f() -> Result<u8, u8> { Ok(1) }",
            1,
            "the result of `f`: the result `Result<u8, u8>` is outside the contract",
            "write Result<T, String>, with the message as the error",
        ),
        (
            "pub fn f<'a>(x: u8) {}",
            1,
            "`f` has lifetimes",
            "write references without lifetimes, and return owned values",
        ),
        (
            "pub fn f<T>(x: u8) {}",
            1,
            "`f` is generic, and its caller cannot choose types",
            "write concrete types, or one parameter for numbers: fn f<R: Real>(…) -> R",
        ),
        (
            "pub fn f<R: Real>(x: &[R]) -> R { x[0] }",
            1,
            "the parameter `x`: the type `R` is outside the contract",
            f"declare `struct R` in this file, or {CONTRACT}",
        ),
        ("pub async fn f() {}", 1, "`f` is `async`, and exported functions are plain", "write pub fn f"),
        ("pub const fn f() {}", 1, "`f` is `const`, and exported functions are plain", "write pub fn f"),
        (
            "pub fn f((a, b): (u8, u8)) {}",
            1,
            "the parameter `(a, b)` has no name",
            "write a name here and take it apart inside the function",
        ),
        (
            "pub fn doIt() {}",
            1,
            "the function name `doIt` is not snake_case",
            "use lower-case ASCII letters, digits and underscores, and begin with a letter",
        ),
        ("pub fn memory() {}", 1, "the function name `memory` is reserved", "give the function another name"),
        (
            "pub fn a_b() {}\npub fn a__b() {}",
            2,
            "`a_b` and `a_b` (line 1) have the same name in WIT: a-b",
            "rename one of them",
        ),
        ("struct Image { x: u8 }\npub fn f() {}", 1, "`Image` is a name of the contract", "rename your own `Image`"),
        (
            "fn f() {}",
            1,
            "the file has no public function",
            "write at least one `pub fn name(…) -> …` at the top level, not in a module or impl",
        ),
        (
            "/// * `y`: 0..=1\npub fn f(x: u8) {}",
            1,
            "the documentation speaks of a parameter `y`, which the function does not have",
            "name one of its parameters (`x`) or remove the line",
        ),
        (
            "/// * `x`: 0.0..1.0\npub fn f(x: f64) {}",
            1,
            "the range 0.0..1.0 of `x` excludes its end",
            "write an inclusive range: 0.0..=1.0",
        ),
        (
            "/// Doc.\n/// * `x`: 0..=1, default 2\npub fn f(x: u8) {}",
            2,
            "the default 2 of `x` is outside its range 0..=1",
            "write a default inside the range",
        ),
        ("/// * `x`: 0..=300\npub fn f(x: u8) {}", 1, "`x` is u8, and 300 is outside 0..=255", "write a number inside"),
        (
            "/// * `x`: default 1.5\npub fn f(x: u8) {}",
            1,
            "`x` is u8, and 1.5 is no whole number",
            "write a whole number",
        ),
        (
            '/// * `x`: default "a"\npub fn f(x: u8) {}',
            1,
            'the default "a" of `x` is no value of u8',
            "write a value of u8",
        ),
        (
            "/// * `x`: default red\npub fn f(x: &str) {}",
            1,
            "the default of `x` is no literal: red",
            'write a number, true, false, "text" or none, as in: default 0.5',
        ),
        (
            "/// * `x`: 0..=1\npub fn f(x: &str) {}",
            1,
            "`x` has a range, but its type string is no number",
            "remove the range",
        ),
    ],
)
def test_what_is_refused(text: str, line: int, message: str, advice: str) -> None:
    assert refused(text) == [(line, message, advice)]


def test_text_that_is_no_rust() -> None:
    advice = "write one file of plain Rust, with at least one `pub fn name(…) -> …`"
    assert refused("Here is your function:\n\n1 + 1") == [
        (1, "this is not Rust: near `Here is your function: 1 + 1`", advice)
    ]
    assert refused("")[0][1] == "the file has no public function"


@pytest.mark.parametrize(
    ("text", "line", "message", "advice"),
    [
        ("pub fn f(a: u8) -> u8 {\n    a\n", 1, "the `{` is never closed", "write the `}` that is missing"),
        ("fn f(a: u8 -> u8 { a }", 1, "the `(` is never closed", "write the `)` that is missing"),
        ("fn f() {\n    (1 + 2]\n}", 2, "`]` does not close the `(` of line 2", "write `)` before it"),
        ("fn f() {}\n}", 2, "the `}` closes nothing", "remove it, or open it before"),
    ],
)
def test_brackets(text: str, line: int, message: str, advice: str) -> None:
    assert refused(text) == [(line, message, advice)]


def test_a_syntax_error_in_a_body_is_left_to_the_compiler() -> None:
    assert signatures("pub fn f() -> u8 { 1 + }") == ["f: func() -> u8"]


def test_all_problems_come_together_by_line() -> None:
    problems = refused("pub fn a(x: usize) {}\nuse std::fs;\npub fn b() -> &str { println!() }")
    assert [line for line, _, _ in problems] == [1, 2, 3, 3]


def test_doubling_structs_are_refused_at_once() -> None:
    text = "struct Leaf0 { x: u8 }\n" + "".join(
        f"struct Leaf{index} {{ a: Leaf{index - 1}, b: Leaf{index - 1} }}\n" for index in range(1, 15)
    )
    assert "a type of more than 1000 parts" in refused(f"{text}pub fn f(x: Leaf14) {{}}")[0][1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * 70_000, "the source has 70000 bytes, at most 65536 are allowed"),
        ("\n" + "(" * 200, "line 2: brackets are nested deeper than 128"),
        ('"' * 60_000, "the source has more than 10000 quotes or 500 raw strings"),
        ('r#"' * 20_000, "the source has more than 10000 quotes or 500 raw strings"),
        ("\ud800", "the source is not Unicode text: it has half a surrogate pair"),
        ("\n\0", "line 2: the source has a NUL character"),
    ],
)
def test_caps_come_before_the_parser(text: str, message: str) -> None:
    with pytest.raises(SourceRejectedError) as caught:
        parse_source(text)
    assert str(caught.value) == message


PIECES = (
    *(
        "pub fn f(",
        "x: u8",
        ")",
        "{",
        "}",
        "->",
        "R",
        "<R: Real>",
        "///",
        " * `x`: 0..=",
        "default",
        "\n",
        "&",
        "[",
        "]",
    ),
    *("Vec<", "Option<", ">", "struct S", ";", "use ", "std::", "{", "as", "#[", "!", "(", "'a", '"', "//", "/*"),
    *("type T =", "impl Drop for", "é", "1.5"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join) | st.text(max_size=60))
def test_any_text_gives_an_interface_or_one_error(text: str) -> None:
    try:
        assert isinstance(parse_source(text), GuestInterface)
    except SourceRejectedError as error:
        assert "\n" not in str(error)  # noqa: PT017 - both ways out are right, and this one has a law too
