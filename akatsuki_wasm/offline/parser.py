"""Reads a formula: a Pratt parser over a small tokenizer (V. Pratt, Top Down Operator Precedence, 1973).

From loosest to tightest: ``if``/``? :``, ``or``, ``and``, ``not``, comparisons (chained as in mathematics), ``+ -``,
``* / %``, unary minus, ``^``. So ``-x^2`` is ``-(x^2)`` and ``2^3^2`` is ``2^(3^2)``.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

from akatsuki_wasm.offline.expression import (
    Binary,
    Call,
    Choose,
    Compare,
    Comparison,
    Expression,
    Logic,
    Name,
    Negative,
    Number,
    formula_error,
    is_condition,
)
from akatsuki_wasm.offline.functions import ALIASES, CONSTANT_ALIASES

if TYPE_CHECKING:
    from akatsuki_wasm.errors import GenerateError

MAX_DEPTH = 60
"""Brackets and operators inside each other; Python's own recursion ends at some hundreds of them."""

# A Japanese name may have a kana ending inside or behind: 値引き後, 売り上げ.
NAME = (
    r"(?:[A-Za-z_][A-Za-z0-9_]*|[\u0370-\u03ff]"
    r"|[\u4e00-\u9fff々\u30a1-\u30fa\u30fc]+(?:[きりしみげけい][\u4e00-\u9fff々]*)*)"
)
_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>{NAME})
    | (?P<operator>\*\*|<=|>=|==|!=|<>|&&|\|\||≤|≥|≠|[-+*/^%<>=!?:(),√])
    )""",
    re.VERBOSE,
)
_WORDS = frozenset({"if", "then", "else", "and", "or", "not", "where", "mod"})
_COMPARISONS: dict[str, Comparison] = {
    "<": "<", "<=": "<=", "≤": "<=", ">": ">", ">=": ">=", "≥": ">=",
    "==": "==", "=": "==", "!=": "!=", "<>": "!=", "≠": "!=",
}  # fmt: skip
_LEVELS = {"+": 50, "-": 50, "*": 60, "/": 60, "%": 60, "mod": 60, "^": 80, "**": 80}
_UNARY = 70
_COMPARE, _NOT, _AND, _OR, _CHOICE = 40, 30, 20, 10, 5


class _Token(NamedTuple):
    kind: Literal["number", "name", "operator", "word", "end"]
    text: str
    start: int
    end: int


def parse(text: str) -> Expression:
    """Reads a whole text as one formula.

    Raises:
        GenerateError: It is none; the message has the column.
    """
    tree, end = parse_prefix(text)
    if text[end:].strip():
        fail_after(text, end)
    return tree


def parse_prefix(text: str) -> tuple[Expression, int]:
    """Reads the formula at the start of a text.

    Returns:
        The tree, and where the formula ends.

    Raises:
        GenerateError: The text does not begin with a formula.
    """
    parser = _Parser(text)
    tree = parser.expression(0)
    return tree, parser.taken


def fail_after(text: str, end: int) -> NoReturn:
    """Refuses what follows a formula."""
    at = end + len(text[end:]) - len(text[end:].lstrip())
    token = _token(text, at)
    if token.kind in ("number", "name") or token.text in ("(", "√"):
        written = text[:end].rstrip()
        raise formula_error(
            f"`{token.text}` follows without an operator",
            text,
            at,
            f"Multiplication is not implied: write `{written[-12:].strip()} * {token.text}`.",
        )
    raise formula_error(f"`{text[at]}` is not expected", text, at, "An operator, or the end of the formula, fits here.")


def _token(text: str, start: int) -> _Token:
    match = _TOKEN.match(text, start)
    if match is None:
        rest = len(text) - len(text[start:].lstrip())
        return _Token("end", text[rest : rest + 1], rest, rest)
    kind = match.lastgroup or ""
    found = match[kind]
    if kind == "name" and found.lower() in _WORDS:
        return _Token("word", found.lower(), match.start(kind), match.end())
    return _Token(kind, found, match.start(kind), match.end())  # type: ignore[arg-type]  # the groups are the kinds


class _Parser:
    """One text; `taken` is where the last token that was used ends."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.taken = 0
        self.depth = 0

    def peek(self) -> _Token:
        return _token(self.text, self.taken)

    def take(self) -> _Token:
        token = self.peek()
        self.taken = token.end
        return token

    def expect(self, wanted: str, after: str) -> None:
        token = self.peek()
        if token.text.lower() != wanted:
            got = f"`{token.text}`" if token.text else "the end"
            self.fail(f"`{wanted}` is missing {after}, got {got}", token.start, f"Write `{wanted}` here.")
        self.take()

    def error(self, problem: str, at: int, advice: str) -> GenerateError:
        return formula_error(problem, self.text, at, advice)

    def fail(self, problem: str, at: int, advice: str) -> NoReturn:
        raise self.error(problem, at, advice)

    def expression(self, loosest: int) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(
                f"it is nested more than {MAX_DEPTH} deep", self.peek().start, "Give a part of it a name with `where`."
            )
        tree = self.operand()
        while True:
            token = self.peek()
            longer = self.longer(tree, token, loosest)
            if longer is None:
                break
            tree = longer
        self.depth -= 1
        return tree

    def longer(self, left: Expression, token: _Token, loosest: int) -> Expression | None:
        """The tree with the operator at `token` and its right side added, or None where the formula ends here."""
        text = token.text
        if token.kind not in ("operator", "word"):
            return None
        if text == "%" and self.is_percent(left, token):
            self.take()
            assert isinstance(left, Number)  # noqa: S101 - is_percent looked
            return Number(left.value / 100, left.at)
        if text in _LEVELS and _LEVELS[text] >= loosest:
            return self.arithmetic(left, token)
        if text in _COMPARISONS and loosest <= _COMPARE:
            return self.comparison(left, token)
        if text in ("and", "&&") and loosest <= _AND:
            self.take()
            self.condition(left, token.start)
            return Logic("and", left, self.condition(self.expression(_AND + 1), token.end), token.start)
        if text in ("or", "||") and loosest <= _OR:
            self.take()
            self.condition(left, token.start)
            return Logic("or", left, self.condition(self.expression(_OR + 1), token.end), token.start)
        if text == "?" and loosest <= _CHOICE:
            self.take()
            self.condition(left, token.start)
            yes = self.number(self.expression(_CHOICE))
            self.expect(":", "after `?` and a value")
            return Choose(left, yes, self.number(self.expression(_CHOICE)), token.start)
        if text == "if" and loosest <= _CHOICE and self.is_trailing_if():
            self.take()
            condition = self.condition(self.expression(_OR), token.end)
            self.expect("else", "after `if` and a condition")
            return Choose(condition, self.number(left), self.number(self.expression(_CHOICE)), token.start)
        return None

    def arithmetic(self, left: Expression, token: _Token) -> Expression:
        self.take()
        level = _LEVELS[token.text]
        # A power groups from the right, and takes a unary minus: 2^-3.
        right = self.expression(_UNARY if level == _LEVELS["^"] else level + 1)
        operator = {"**": "^", "mod": "%"}.get(token.text, token.text)
        return Binary(operator, self.number(left), self.number(right), token.start)  # type: ignore[arg-type]  # _LEVELS

    def comparison(self, left: Expression, token: _Token) -> Expression:
        self.take()
        operator = _COMPARISONS[token.text]
        right = self.number(self.expression(_COMPARE + 1))
        if isinstance(left, Compare):
            return Logic("and", left, Compare(operator, left.right, right, token.start), token.start)
        if isinstance(left, Logic) and left.operator == "and" and isinstance(left.right, Compare):
            return Logic("and", left, Compare(operator, left.right.right, right, token.start), token.start)
        return Compare(operator, self.number(left), right, token.start)

    def is_percent(self, left: Expression, token: _Token) -> bool:
        """Whether ``%`` is a percentage: it touches a number, and no value follows. ``7 % -3`` is a modulo."""
        after = _token(self.text, token.end)
        if after.kind in ("number", "name") or after.text in ("(", "√"):
            return False
        if isinstance(left, Number) and token.start == self.taken:
            return True
        if after.text == "-":
            return False
        raise self.error("`%` has no value behind it", token.start, "Write `a % b`, or `5%` for 5 in a hundred.")

    def is_trailing_if(self) -> bool:
        """``x if c else y``, and not prose such as "x * 2 if possible"."""
        return re.search(r"\belse\b", self.text[self.taken :], re.IGNORECASE) is not None

    def operand(self) -> Expression:
        token = self.peek()
        match token.kind, token.text:
            case "number", digits:
                self.take()
                return Number(self.value(digits, token.start), token.start)
            case "name", name:
                self.take()
                return (
                    self.call(token) if self.peek().text == "(" else Name(CONSTANT_ALIASES.get(name, name), token.start)
                )
            case "operator", "(":
                self.take()
                tree = self.expression(0)
                self.expect(")", "to close the bracket")
                return tree
            case "operator", "-":
                self.take()
                return Negative(self.number(self.expression(_UNARY)), token.start)
            case "operator", "+":
                self.take()
                return self.number(self.expression(_UNARY))
            case "operator", "√":
                self.take()
                return Call("sqrt", (self.number(self.expression(_LEVELS["^"] + 1)),), token.start)
            case ("word", "not") | ("operator", "!"):
                self.take()
                return Logic("not", self.condition(self.expression(_NOT), token.end), None, token.start)
            case "word", "if" | "where" | "mod" as word:
                self.take()
                if self.peek().text == "(" and (word != "if" or not re.search(r"\bthen\b", self.text[self.taken :])):
                    return self.call(token._replace(text="where" if word == "if" else word))
                if word == "if":
                    return self.choice(token)
        got = f"`{token.text}`" if token.text else "the end"
        raise self.error(f"a value is missing, got {got}", token.start, "A number, a name or a bracket fits here.")

    def choice(self, token: _Token) -> Expression:
        condition = self.condition(self.expression(_OR), token.end)
        self.expect("then", "after `if` and a condition")
        yes = self.number(self.expression(_CHOICE))
        self.expect("else", "after `then` and a value")
        return Choose(condition, yes, self.number(self.expression(_CHOICE)), token.start)

    def call(self, token: _Token) -> Expression:
        self.take()
        arguments: list[Expression] = []
        if self.peek().text != ")":
            arguments.append(self.expression(0))
            while self.peek().text == ",":
                self.take()
                arguments.append(self.expression(0))
        self.expect(")", f"to close the call of `{token.text}`")
        name = ALIASES.get(token.text, token.text)
        if name == "where":
            if len(arguments) != 3:
                self.fail("`where` takes a condition and two values", token.start, "Write where(a < b, x, y).")
            condition = self.condition(arguments[0], token.start)
            return Choose(condition, self.number(arguments[1]), self.number(arguments[2]), token.start)
        return Call(name, tuple(self.number(each) for each in arguments), token.start)

    def value(self, digits: str, at: int) -> float:
        value = float(digits)
        if not math.isfinite(value):
            self.fail(f"`{digits}` is too large a number", at, "The largest number is about 1.8e308.")
        return value

    def number(self, tree: Expression) -> Expression:
        """A condition in the place of a number counts as 1 or 0."""
        return Choose(tree, Number(1.0, tree.at), Number(0.0, tree.at), tree.at) if is_condition(tree) else tree

    def condition(self, tree: Expression, at: int) -> Expression:
        if not is_condition(tree):
            self.fail("a condition is missing", at, "Compare two values, such as `x > 0`.")
        return tree
