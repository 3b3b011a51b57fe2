"""Formulas: what is read, what is written as Rust, what is computed, and what is said where one is wrong."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from akatsuki_wasm.contracts import GenerationRequest, GuestSource
from akatsuki_wasm.errors import GenerateError
from akatsuki_wasm.offline.evaluation import evaluate
from akatsuki_wasm.offline.expression import Expression, show
from akatsuki_wasm.offline.generator import generate
from akatsuki_wasm.offline.names import rust_names
from akatsuki_wasm.offline.parser import parse
from akatsuki_wasm.rust.signatures import parse_source

from .expressions import expressions


def made(prompt: str) -> GuestSource:
    return generate(GenerationRequest(prompt))


MARGIN = """\
/// `margin(price, cost) = (price - cost) / price`
///
/// * `price`: A number.
/// * `cost`: A number.
pub fn margin<R: Real>(price: R, cost: R) -> R {
    (price - cost) / price
}
"""


@pytest.mark.parametrize(
    "prompt",
    [
        "a function margin(price, cost) = (price - cost) / price",
        "margin = (price - cost)/price",
        "「関数 margin(price, cost) = (price - cost) / price を作って」",
        "関数margin（price，cost）＝（price－cost）÷price を作ってください",
        "Please make the formula margin(price: f64, cost: f64) := (price − cost) / price.",
        "margin(price, cost) = (price - cost) / price for each row of the table",
    ],
)
def test_becomes_exactly_that_function(prompt: str) -> None:
    source = made(prompt)
    assert source.rust == MARGIN
    assert source.name == "margin"
    assert source.description == "margin(price, cost) = (price - cost) / price"


@pytest.mark.parametrize(
    ("formula", "body"),
    [
        ("f(x) = -x^2", "-x.powi(2)"),
        ("f(x) = 2^-x", "R::c(2.0).powf(-x)"),
        ("f(x) = e^(-x)", "(-x).exp()"),
        ("f(x) = x² + √x × π", "x.powi(2) + x.sqrt() * std::f64::consts::PI"),
        ("f(a, b, c) = a - (b - c)", "a - (b - c)"),
        ("f(a, b, c) = a - b - c", "a - b - c"),
        ("f(a, b, c) = (a / b) / c * (a * b)", "a / b / c * (a * b)"),
        ("f(x) = x % 3 + 10%", "x.wrap(3.0) + 0.1"),
        ("f(x, k) = if x < k then 1 else x", "R::select(x.lt(k), 1.0, x)"),
        ("f(x) = x > 0 ? x : 0", "R::select(x.gt(0.0), x, 0.0)"),
        ("f(x) = x if x > 0 and not x > 9 else -x", "R::select(x.gt(0.0) & !x.gt(9.0), x, -x)"),
        ("f(x) = where(0 <= x < 1, x, 1)", "R::select(R::c(0.0).le(x) & x.lt(1.0), x, 1.0)"),
        ("f(x, y) = max(x, y, 3) - clamp(x, 0, 1)", "x.max(y).max(3.0) - x.clamp(0.0, 1.0)"),
        ("f(x) = log(x, 2)", "x.ln() / R::c(2.0).ln()"),
        ("f(x) = x > 3", "R::select(x.gt(3.0), 1.0, 0.0)"),
        ("f(x) = 1e-3 * x + 1e22", "0.001 * x + 1e+22"),
        ("f(x) = 42", "R::c(42.0)"),
    ],
)
def test_writes_rust(formula: str, body: str) -> None:
    assert made(formula).rust.splitlines()[-2].strip() == body


def test_several_formulas_may_call_those_before() -> None:
    source = made("area(r) = pi*r^2 and volume(r, h) = area(r) * h; half(x) = x/2")
    assert source.name == "area-volume-half"
    assert "    area(r) * h\n" in source.rust
    assert [function.name for function in parse_source(source.rust).functions] == ["area", "volume", "half"]


def test_where_names_are_computed_in_order() -> None:
    rust = made("f(x, k=2) = if x > k then a else b where a = b + 1, b = x*x").rust
    assert "    let b = x * x;\n    let a = b + 1.0;\n    R::select(x.gt(k), a, b)\n" in rust
    assert parse_source(rust).functions[0].params[1].default == 2.0


def test_notes_say_what_was_assumed() -> None:
    source = made("grossMargin(p, type, n) = log(p) % type")
    assert source.notes == (
        "From the offline catalogue, which is not a language model.",
        "Understood as formulas: grossMargin(p, type, n) = log(p) % type.",
        "`grossMargin` is called `gross_margin`.",
        "`type` is called `type_value`.",
        "`grossMargin` does not use its parameter `n`.",
        "`log` is the natural logarithm; `log10` and `log2` are there too.",
        "`a % b` is `a - b * floor(a / b)`: the result has the sign of `b`.",
    )
    (function,) = parse_source(source.rust).functions
    assert [param.name for param in function.params] == ["p", "type_value", "n"]


def test_names_become_valid_and_stay_different() -> None:
    assert rust_names(["価格", "謎", "λ", "x_1", "X1", "HTTPCode", "fn"], spare="value") == {
        "価格": "price",
        "謎": "value",
        "λ": "lambda",
        "x_1": "x1",
        "X1": "x12",
        "HTTPCode": "http_code",
        "fn": "fn_value",
    }


@pytest.mark.parametrize("prompt", ["vintage with strength = 0.5", "resize width=800", "name=foo sepia"])
def test_an_equals_sign_alone_is_no_formula(prompt: str) -> None:
    assert "Image" in made(prompt).rust


@pytest.mark.parametrize(
    ("prompt", "message", "hint"),
    [
        (
            "f(x) = 2x",
            "the formula `2x` cannot be read: `x` follows without an operator at column 2",
            "Multiplication is not implied: write `2 * x`.",
        ),
        (
            "関数 f(x) = (x + 1 を作って",
            "the formula `(x + 1 を作って` cannot be read: `)` is missing to close the bracket, got `を` at column 8",
            "Write `)` here.",
        ),
        (
            "f(x) = x + * 2",
            "the formula `x + * 2` cannot be read: a value is missing, got `*` at column 5",
            "A number, a name or a bracket fits here.",
        ),
        (
            "f(x, cost) = x + cots",
            "the formula f uses `cots`, which is neither a parameter (x, cost) nor a constant (pi, e)",
            "Did you mean `cost`?",
        ),
        ("f(x) = sqr(x)", "the formula f calls `sqr`, which is no function that formulas have", "Did you mean `sqrt`?"),
        (
            "f(x) = x(x + 1)",
            "the formula f calls `x`, which is no function that formulas have",
            "Multiplication is not implied: write `x * (`.",
        ),
        ("f(x) = sqrt(x, 2)", "`sqrt` takes 1 argument, got 2 in the formula f", "`sqrt`: square root."),
        (
            "f(x) = f(x - 1)",
            "the formula f calls itself",
            "A formula is computed in one go; recursion is not possible.",
        ),
        (
            "f() = 2",
            "the formula f has no parameter",
            "Name at least one, such as area(radius) = pi * radius^2.",
        ),
        ("f(x, x) = x", "the parameter `x` of f is there twice", "Give each parameter its own name."),
        (
            "f(x) = if x then 1 else 2",
            "the formula `if x then 1 else 2` cannot be read: a condition is missing at column 3",
            "Compare two values, such as `x > 0`.",
        ),
        (
            "f(x) = a where a = b, b = a",
            "the names after `where` need each other in a circle: a, b",
            "Each name may use the parameters and names that do not use it.",
        ),
        (
            "f(x) = x % + 1",
            "the formula `x % + 1` cannot be read: `%` has no value behind it at column 3",
            "Write `a % b`, or `5%` for 5 in a hundred.",
        ),
    ],
)
def test_says_what_is_wrong(prompt: str, message: str, hint: str) -> None:
    with pytest.raises(GenerateError) as caught:
        made(prompt)
    assert str(caught.value) == message
    assert caught.value.hint == hint


@given(expressions())
def test_text_and_tree_are_one(tree: Expression) -> None:
    assert parse(show(tree)) == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-2^2", -4.0),
        ("2^3^2", 512.0),
        ("7 % 3", 1.0),
        ("-7 % 3", 2.0),
        ("7 % -3", -2.0),
        ("7%-3", -2.93),
        ("1 / 0", math.inf),
        ("-1 / 0", -math.inf),
        ("round(2.5) + round(-2.5)", 0.0),
        ("round(0.49999999999999994)", 0.0),
        ("1 < 2 < 3", 1.0),
        ("sign(-3) * min(4, 5, 3)", -3.0),
        ("20%", 0.2),
    ],
)
def test_computes(text: str, value: float) -> None:
    tree = parse(text)
    assert evaluate(tree, {}) == value


def test_computes_nan() -> None:
    assert math.isnan(evaluate(parse("0 / 0"), {}))
    assert math.isnan(evaluate(parse("sqrt(x)"), {"x": -1.0}))
