import re

PROMPT = """
A pocket calculator for formulas in text, as a function `calculate(formula)` that gives a number with fractions. It
knows numbers (digits, with at most one point between digits), + - * / with the usual precedence and from left to
right, round brackets, and a minus before a number, a bracket or another minus; spaces between the parts do not
matter. Whatever is not such a formula is an error, an empty text and unbalanced brackets too, and so is a division by
zero.
"""
KIND = "text"
LEVEL = "hard"
EXAMPLES = ['calculate("2 + 3 * (4 - 1)") == 11', 'calculate("-8 / 4 / 2") == -1']

WRONG = [
    "",
    " ",
    "1 +",
    "* 2",
    "(1",
    "1)",
    "()",
    "2 3",
    "1..2",
    "1.",
    ".5",
    "1 / 0",
    "4 / (2 - 2)",
    "+1",
    "2 ** 3",
    "a",
]


def inputs(rng, rows):
    return {"formula": [*WRONG, *(_random(rng, 3) for _ in range(rows - len(WRONG)))]}


def _random(rng, depth):
    if depth == 0 or rng.random() < 0.2:
        return str(rng.choice(["7", "12", "0.5", "3.25", "100", "-4"]))
    left, right = _random(rng, depth - 1), _random(rng, depth - 1)
    text = f"{left}{rng.choice(['+', ' - ', '*', ' / ', '-'])}{right}"
    return rng.choice([text, f"({text})", f"-({text})"])


def calculate(formula):
    tokens = re.findall(r"[0-9]+(?:\.[0-9]+)?|[-+*/()]|\S", formula)
    value = _sum(tokens)
    if tokens:
        raise ValueError("something is left over")
    return value


def _sum(tokens):
    value = _product(tokens)
    while tokens and tokens[0] in "+-":
        value += _product(tokens) if tokens.pop(0) == "+" else -_product(tokens)
    return value


def _product(tokens):
    value = _factor(tokens)
    while tokens and tokens[0] in "*/":
        if tokens.pop(0) == "*":
            value *= _factor(tokens)
        elif (divisor := _factor(tokens)) == 0:
            raise ValueError("division by zero")
        else:
            value /= divisor
    return value


def _factor(tokens):
    piece = tokens.pop(0) if tokens else ""
    if piece == "-":
        return -_factor(tokens)
    if piece == "(":
        value = _sum(tokens)
        if not tokens or tokens.pop(0) != ")":
            raise ValueError("a bracket is not closed")
        return value
    if not piece[:1].isdigit():
        raise ValueError("a number is missing")
    return float(piece)
