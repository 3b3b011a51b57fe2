"""The functions that a formula may call: how many arguments, how they are written in Rust, what they mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FormulaFunction:
    """A function of formulas.

    Attributes:
        rust: A method of `Real`, or a form with ``{0}``, ``{1}`` for the arguments; the first argument is then written
            so that a method can be called on it.
        arguments: Fewest and most arguments; most is None for any number.
        help: For the documentation.
        helper: Name of the private function in `HELPERS` that `rust` calls.
    """

    rust: str
    arguments: tuple[int, int | None] = (1, 1)
    help: str = ""
    helper: str = ""


FUNCTIONS: dict[str, FormulaFunction] = {
    "abs": FormulaFunction("abs", help="absolute value"),
    "sqrt": FormulaFunction("sqrt", help="square root"),
    "exp": FormulaFunction("exp", help="e to the power"),
    "expm1": FormulaFunction("exp_m1", help="exp(x) - 1, accurate near 0"),
    "ln": FormulaFunction("ln", help="natural logarithm"),
    "log": FormulaFunction("ln", (1, 2), "natural logarithm; log(x, base) is ln(x) / ln(base)"),
    "log1p": FormulaFunction("ln_1p", help="ln(1 + x), accurate near 0"),
    "log10": FormulaFunction("log10", help="logarithm to base 10"),
    "log2": FormulaFunction("log2", help="logarithm to base 2"),
    "sin": FormulaFunction("sin", help="sine of radians"),
    "cos": FormulaFunction("cos", help="cosine of radians"),
    "tan": FormulaFunction("tan", help="tangent of radians"),
    "asin": FormulaFunction("asin", help="arc sine in radians"),
    "acos": FormulaFunction("acos", help="arc cosine in radians"),
    "atan": FormulaFunction("atan", help="arc tangent in radians"),
    "atan2": FormulaFunction("{0}.atan2({1})", (2, 2), "angle of the point (x, y): atan2(y, x)"),
    "sinh": FormulaFunction("sinh", help="hyperbolic sine"),
    "cosh": FormulaFunction("cosh", help="hyperbolic cosine"),
    "tanh": FormulaFunction("tanh", help="hyperbolic tangent"),
    "floor": FormulaFunction("floor", help="largest whole number not above"),
    "ceil": FormulaFunction("ceil", help="smallest whole number not below"),
    "round": FormulaFunction("round", help="nearest whole number, halves away from 0"),
    "trunc": FormulaFunction("trunc", help="whole part, towards 0"),
    "sign": FormulaFunction("sign({0})", help="-1, 0 or 1", helper="sign"),
    "sigmoid": FormulaFunction("sigmoid", help="1 / (1 + exp(-x))"),
    "normcdf": FormulaFunction("normal_cdf", help="normal distribution function"),
    "normpdf": FormulaFunction("normal_pdf", help="normal density"),
    "erf": FormulaFunction("erf", help="error function"),
    "radians": FormulaFunction("to_radians", help="degrees to radians"),
    "degrees": FormulaFunction("to_degrees", help="radians to degrees"),
    "hypot": FormulaFunction("{0}.hypot({1})", (2, 2), "sqrt(a^2 + b^2)"),
    "pow": FormulaFunction("{0}.powf({1})", (2, 2), "pow(a, b) is a^b"),
    "mod": FormulaFunction("{0}.wrap({1})", (2, 2), "mod(a, b) is a - b * floor(a / b)"),
    "min": FormulaFunction("{0}.min({1})", (2, None), "smallest of two or more"),
    "max": FormulaFunction("{0}.max({1})", (2, None), "largest of two or more"),
    "clamp": FormulaFunction("{0}.clamp({1}, {2})", (3, 3), "clamp(x, low, high) is min(max(x, low), high)"),
    "where": FormulaFunction("", (3, 3), "where(condition, yes, no)"),
}
"""By name, in the order of the documentation. ``where`` becomes a `Choose` in the parser."""

ALIASES = {
    "sgn": "sign", "signum": "sign", "ceiling": "ceil", "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "arctan2": "atan2", "logistic": "sigmoid", "expit": "sigmoid", "norm_cdf": "normcdf", "normal_cdf": "normcdf",
    "norm_pdf": "normpdf", "normal_pdf": "normpdf", "power": "pow", "clip": "clamp", "minimum": "min",
    "maximum": "max", "iif": "where", "ifelse": "where", "ln1p": "log1p", "deg2rad": "radians", "rad2deg": "degrees",
    "√": "sqrt",
}  # fmt: skip

CONSTANTS = {"pi": "std::f64::consts::PI", "e": "std::f64::consts::E"}
CONSTANT_ALIASES = {"π": "pi", "Π": "pi"}

HELPERS = {
    "sign": """\
/// -1, 0 or 1: the sign of a number.
fn sign<R: Real>(x: R) -> R {
    R::select(x.eq(0.0), x, x.signum())
}""",
}
