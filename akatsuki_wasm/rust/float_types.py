"""What can be told of an expression's type by looking: whether it is a float, and whether it changes between pixels.

A small and cautious reading, for warnings: anything that is not plain has no type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from akatsuki_wasm.rust.syntax import node_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tree_sitter import Node

FLOAT, FLOATS, NESTED, INTEGER, IMAGE = "f", "f[]", "f[][]", "i", "image"
LITERAL = "literal"
"""A number with a point: of an `R: Real` as well as of a float."""

PER_PIXEL: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("map_rgb", "mapped_rgb", "map_rgba", "mapped_rgba"), (INTEGER, INTEGER, FLOATS)),
    "map_luma": (INTEGER, INTEGER, FLOAT),
    "map_rgb_uv": (FLOAT, FLOAT, FLOATS),
    "map_rgb_place": (INTEGER, INTEGER, FLOAT, FLOAT, FLOATS),
    "blend": (FLOATS, FLOATS),
    "map_3x3": (NESTED,),
    "from_fn": (INTEGER, INTEGER),
}
"""What the closures of the prelude's pixel methods are given."""

MAX_STEPS = 100_000
"""Nodes that are looked at, over a whole file; the whole catalogue in one file needs 4,000."""
_MAX_DEPTH = 60
_INTEGERS = frozenset(f"{sign}{bits}" for sign in "ui" for bits in (8, 16, 32, 64, 128, "size"))
_SAME = frozenset(
    (
        *("abs", "sqrt", "floor", "ceil", "trunc", "round", "round_ties_even", "fract", "signum", "copysign", "recip"),
        *("min", "max", "clamp", "mul_add", "powi", "powf", "exp", "exp2", "ln", "log2", "log10", "log", "cbrt"),
        *("hypot", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "rem_euclid"),
        *("to_radians", "to_degrees", "clone"),
    )
)
_SCALARS = frozenset(
    (
        *("low", "high", "clamp01", "mix", "smoothstep", "luma", "gamma", "s_curve", "srgb_to_linear"),
        *("linear_to_srgb", "noise01", "grain", "value_noise", "fractal_noise"),
        *("fast_exp", "fast_ln", "fast_pow", "fast_sin", "fast_cos"),
    )
)
_COLOURS = frozenset(
    (
        *("mix_rgb", "each", "clamp_rgb", "grayscale", "invert", "sepia", "brightness", "contrast", "saturate"),
        *("temperature", "tint", "duotone", "hue_rotate", "apply_matrix", "rgb_to_hsl", "hsl_to_rgb", "rgb_to_hsv"),
        *("hsv_to_rgb", "posterize", "threshold", "solarize", "multiply", "screen", "overlay", "soft_light"),
    )
)
_IMAGES = frozenset((*PER_PIXEL, "clone", "map_lut", "map_luts", "gaussian_blur", "box_blur", "sobel", "unsharp"))
_PIXELS = frozenset(("pixels", "pixel", "set", "get_clamped", "sample_bilinear"))
_ARRAY = re.compile(r"\[(.*);[^;\]]*\]|&?(?:mut )?\[([^;\]]*)\]")


@dataclass(frozen=True)
class Value:
    """A type, or None where it is not plain, and whether the value changes from pixel to pixel."""

    type: str | None
    varying: bool = False


UNKNOWN = Value(None)


@dataclass
class Scope:
    """Names and their values, in nested blocks. In a function that is generic, arithmetic with unknowns is unknown."""

    outer: Scope | None = None
    generic: bool = False
    names: dict[str, Value] = field(default_factory=dict)

    def inner(self) -> Scope:
        return Scope(self, self.generic)

    def get(self, name: str) -> Value:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return UNKNOWN


class Typing:
    """Reads values of expressions.

    Args:
        functions: The file's function items by name.
    """

    def __init__(self, functions: Mapping[str, Node]) -> None:
        self.functions = functions
        self._left = MAX_STEPS

    def spend(self) -> bool:
        """Counts a step; False when none is left, which ends the search: hostile text must not take long."""
        self._left -= 1
        return self._left > 0

    # ------------------------------------------------------------ names

    def parameters(self, function: Node, varying: Sequence[bool] | None) -> Scope:
        """The scope of a function's body; `varying` says which arguments change, None that it is called once."""
        scope = Scope(generic=function.child_by_field_name("type_parameters") is not None)
        listed = function.child_by_field_name("parameters")
        params = [] if listed is None else [each for each in listed.named_children if each.type == "parameter"]
        for index, each in enumerate(params):
            pattern, type_ = each.child_by_field_name("pattern"), each.child_by_field_name("type")
            if pattern is not None and type_ is not None:
                changes = varying is not None and index < len(varying) and varying[index]
                self.bind(pattern, Value(_type(node_text(type_)), changes), scope)
        return scope

    def bind_closure(self, closure: Node, given: Sequence[Value], scope: Scope) -> None:
        """A closure's parameters: by their own types, or by what it is `given`."""
        listed = closure.child_by_field_name("parameters")
        for index, each in enumerate([] if listed is None else _places(listed)):
            value = given[index] if index < len(given) else Value(None, varying=True)
            if each.type == "parameter":
                pattern, type_ = each.child_by_field_name("pattern"), each.child_by_field_name("type")
                if pattern is not None and type_ is not None:
                    self.bind(pattern, Value(_type(node_text(type_)), value.varying), scope)
            else:
                self.bind(each, value, scope)

    def bind_let(self, node: Node, scope: Scope) -> None:
        pattern, type_ = node.child_by_field_name("pattern"), node.child_by_field_name("type")
        value = node.child_by_field_name("value")
        if pattern is None:
            return
        found = UNKNOWN if value is None else self.value(value, scope)
        if type_ is not None:
            found = Value(_type(node_text(type_)), found.varying)
        elif found.type == LITERAL:
            found = Value(None if scope.generic else FLOAT, found.varying)
        if pattern.type == "tuple_pattern" and value is not None and value.type == "tuple_expression":
            # The parts are read before any of the names is bound again: `let (r, g) = (g, r);`.
            parts = [self.value(part, scope) for part in value.named_children]
            for each, of in zip(_places(pattern), parts, strict=False):
                self.bind(each, of, scope)
        else:
            self.bind(pattern, found, scope)

    def bind(self, pattern: Node, value: Value, scope: Scope) -> None:
        """Gives the names of a pattern their values."""
        if pattern.type == "identifier":
            scope.names[node_text(pattern)] = value
        elif pattern.type == "slice_pattern":
            element = {FLOATS: FLOAT, NESTED: FLOATS}.get(value.type or "")
            for each in pattern.named_children:
                self.bind(each, Value(element, value.varying), scope)
        elif pattern.type in {"mut_pattern", "reference_pattern", "ref_pattern"}:
            for each in pattern.named_children:
                self.bind(each, value, scope)
        else:
            for each in pattern.named_children:
                self.bind(each, Value(None, value.varying), scope)

    # ------------------------------------------------------------ expressions

    def varies(self, node: Node, scope: Scope) -> bool:
        """Whether any name in an expression changes from pixel to pixel."""
        waiting = [node]
        while waiting and self.spend():
            each = waiting.pop()
            if each.type == "identifier" and scope.get(node_text(each)).varying:
                return True
            waiting.extend(each.named_children)
        return False

    def value(self, node: Node, scope: Scope) -> Value:
        """The type of an expression as far as it is plain, and whether it varies."""
        return Value(self._type(node, scope, 0), self.varies(node, scope))

    def _type(self, node: Node, scope: Scope, depth: int) -> str | None:
        if depth > _MAX_DEPTH:
            return None
        kind = node.type
        if kind == "identifier":
            return scope.get(node_text(node)).type
        if kind == "float_literal":
            return FLOAT if node_text(node).endswith(("f32", "f64")) else LITERAL
        if kind == "integer_literal":
            return FLOAT if node_text(node).endswith(("f32", "f64")) else INTEGER
        if kind in {"parenthesized_expression", "unary_expression", "reference_expression", "try_expression"}:
            inner = node.named_children[-1] if node.named_children else None
            return None if inner is None else self._type(inner, scope, depth + 1)
        if kind == "type_cast_expression":
            target = node.child_by_field_name("type")
            return None if target is None else _type(node_text(target))
        if kind == "binary_expression":
            return self._arithmetic(node, scope, depth)
        if kind == "index_expression" and node.named_children:
            of = self._type(node.named_children[0], scope, depth + 1)
            return {FLOATS: FLOAT, NESTED: FLOATS}.get(of or "")
        if kind == "array_expression":
            parts = {self._type(each, scope, depth + 1) for each in node.named_children}
            return FLOATS if FLOAT in parts and parts <= {FLOAT, LITERAL} else None
        if kind == "call_expression":
            return self._result(node, scope, depth)
        return None

    def _arithmetic(self, node: Node, scope: Scope, depth: int) -> str | None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None or node_text(operator) not in {"+", "-", "*", "/", "%"}:
            return None
        types = {self._type(left, scope, depth + 1), self._type(right, scope, depth + 1)}
        if types <= {FLOAT, LITERAL}:
            return FLOAT if FLOAT in types else LITERAL
        # A float goes with floats alone, but an f64 with an `R` too.
        return FLOAT if FLOAT in types and None in types and not scope.generic else None

    def _result(self, node: Node, scope: Scope, depth: int) -> str | None:
        function = node.child_by_field_name("function")
        if function is None:
            return None
        if function.type == "field_expression":
            name, receiver = function.child_by_field_name("field"), function.child_by_field_name("value")
            if name is None or receiver is None:
                return None
            of = self._type(receiver, scope, depth + 1)
            method = node_text(name)
            if of == FLOAT and method in _SAME:
                return FLOAT
            if of == FLOATS and method in {"map", "clone"}:
                return FLOATS
            return IMAGE if of == IMAGE and method in _IMAGES else None
        path = node_text(function)
        name_ = path.rpartition("::")[2]
        if path.startswith(("f32::", "f64::")):
            return FLOAT if name_ in _SAME | {"from", "from_bits"} else None
        if path.startswith("Image::"):
            return IMAGE if name_ in {"new", "filled", "from_fn"} else None
        if name_ in self.functions:
            result = self.functions[name_].child_by_field_name("return_type")
            return None if result is None else _type(node_text(result))
        if name_ in _COLOURS:
            return FLOATS
        return FLOAT if name_ in _SCALARS else None

    def reaches_pixels(self, node: Node, scope: Scope) -> bool:
        """Whether single pixels are read or written within: `image.pixels…`, `image.pixel(x, y)` and its like."""
        waiting = [node]
        while waiting and self.spend():
            each = waiting.pop()
            value, name = each.child_by_field_name("value"), each.child_by_field_name("field")
            reached = each.type == "field_expression" and name is not None and node_text(name) in _PIXELS
            if reached and value is not None and self._type(value, scope, 0) == IMAGE:
                return True
            waiting.extend(each.named_children)
        return False


def _places(pattern: Node) -> list[Node]:
    """The parts of a list of patterns; `_` is among them, which the grammar does not name."""
    return [each for each in pattern.children if each.is_named or each.type == "_"]


def _type(text: str) -> str | None:
    """The type that a type expression names."""
    text = re.sub(r"^&\s*(?:'\w+\s+)?(?:mut\s+)?", "", text.strip())
    if text in {"f32", "f64"}:
        return FLOAT
    if text in _INTEGERS:
        return INTEGER
    if text in {"Image", "crate::prelude::Image"}:
        return IMAGE
    array = _ARRAY.fullmatch(text)
    element = _type(array[1] or array[2]) if array else None
    return {FLOAT: FLOATS, FLOATS: NESTED}.get(element or "")
