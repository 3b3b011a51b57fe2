"""Examples as people write them: ``f(2, 3) == 5``, a call with literals and the literal that must come of it."""

from __future__ import annotations

import ast
import math
from typing import Any

from akatsuki_wasm.contracts import Example
from akatsuki_wasm.errors import ArgumentError


def parse_example(text: str) -> Example:
    """Reads ``f(2, 3) == 5``: a call with literals, and the expected literal.

    Python's literals are understood, and ``true``, ``false`` and ``none`` as well.

    Raises:
        ArgumentError: The text is not of that form.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or not isinstance(tree.ops[0], ast.Eq):
            raise ValueError("it is not a comparison with ==")
        call, expected = tree.left, tree.comparators[0]
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError("its left side is not a call such as f(2, 3)")
        kwargs = {str(keyword.arg): _literal(keyword.value) for keyword in call.keywords}
        args = tuple(_literal(arg) for arg in call.args)
        return Example(text.strip(), call.func.id, args, kwargs, _literal(expected))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        reason = "it cannot be read" if isinstance(exc, SyntaxError) else str(exc)
        raise ArgumentError(
            f"the example {text!r} is not of the form f(2, 3) == 5: {reason}",
            hint='Write literals only, such as: --example \'slug("Hello World") == "hello-world"\'',
        ) from exc


_WORDS = {"true": True, "false": False, "none": None, "nan": math.nan, "inf": math.inf}


def _literal(node: ast.AST) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(word) if word in _WORDS:
            return _WORDS[word]
        case ast.UnaryOp(ast.USub(), operand):
            return -_number(operand)
        case ast.UnaryOp(ast.UAdd(), operand):
            return _number(operand)
        case ast.List(items):
            return [_literal(item) for item in items]
        case ast.Tuple(items):
            return tuple(_literal(item) for item in items)
        case ast.Dict(keys, values) if None not in keys:
            pairs = zip(keys, values, strict=True)
            return {_literal(key): _literal(value) for key, value in pairs if key is not None}
        case _:
            raise ValueError(f"{ast.unparse(node)[:40]} is not a literal")


def _number(node: ast.AST) -> Any:
    value = _literal(node)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return value
