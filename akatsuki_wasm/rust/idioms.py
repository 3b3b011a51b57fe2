"""Warns about idioms that measured slow over pixels and columns, with the line and what to write instead.

Nothing is refused. For columns: a public function of f64 alone that calls what `R: Real` computes for several rows at
once. For pixels a warning needs to be sure of three things: that the code runs for every pixel (a closure given to
`map_rgb` and its kin or to `Image::from_fn`, a loop over pixels, or a function that one of these calls), that the value
is a float, and that it changes from pixel to pixel (what does not, the compiler computes once). Where the types are not
plain to see, nothing is said. The figures are those of ``docs/reference/prelude.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import Diagnostic
from akatsuki_wasm.rust.float_types import FLOAT, FLOATS, IMAGE, NESTED, PER_PIXEL, Scope, Typing, Value
from akatsuki_wasm.rust.syntax import Source, node_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tree_sitter import Node

CODE = "slow-idiom"
MAX_WARNINGS = 20
_MAX_DEPTH = 150
"""Deepest tree that is walked: hand-written code stays far below."""

_LOOPS = frozenset(("for_expression", "while_expression", "loop_expression"))
_FAST = "write {} (f32)"
METHODS: dict[str, tuple[int, str]] = {
    "min": (6, "write low(a, b), or v.clamp(least, most): map_rgb limits its result to 0..=255 by itself"),
    "max": (6, "write high(a, b), or v.clamp(least, most): map_rgb limits its result to 0..=255 by itself"),
    "round": (12, "leave it out where map_rgb rounds its result, or write (v + 0.5).floor()"),
    "mul_add": (11, "write a * b + c"),
    "rem_euclid": (18, "write v - m * (v / m).floor()"),
    "hypot": (11, "write (a * a + b * b).sqrt()"),
    "powf": (11, _FAST.format("fast_pow(v, power), v.powi(2) for whole powers, or table_of and map_lut")),
    "exp": (7, _FAST.format("fast_exp(v)")),
    "exp2": (2, _FAST.format("fast_exp(v * 0.693147)")),
    "ln": (3, _FAST.format("fast_ln(v)")),
    "log2": (3, _FAST.format("fast_ln(v) * 1.442695")),
    "log10": (3, _FAST.format("fast_ln(v) * 0.434294")),
    "sin": (16, _FAST.format("fast_sin(v)")),
    "cos": (15, _FAST.format("fast_cos(v)")),
    "sin_cos": (20, _FAST.format("fast_sin(v) and fast_cos(v)")),
    "tan": (9, _FAST.format("fast_sin(v) / fast_cos(v)")),
    "tanh": (7, _FAST.format("1.0 - 2.0 / (fast_exp(2.0 * v) + 1.0)")),
}
"""Methods of floats: how many times slower they measured than what to write instead."""
CASTS = frozenset(("u8", "i8", "u16", "i16", "u64"))
"""Targets of `as` that take a float one at a time; i32, u32 and usize are vector instructions."""
COLUMN_METHODS: dict[str, int] = {
    **{"exp": 2, "ln": 2, "sin": 4, "cos": 4, "tan": 3, "tanh": 2, "powf": 4, "atan2": 3, "asin": 2, "acos": 2},
    **{"hypot": 3, "min": 2, "max": 2, "round": 2},
}
"""Methods of f64 that `R: Real` computes for several rows at once: how many times slower a column is without it."""
_FUSED = (4, "write a * b + c")
_BRANCHES = frozenset(("if_expression", "match_expression", "type_cast_expression", "closure_expression", *_LOOPS))
_CAST = (6, "return f32 from map_rgb or map_rgba, which round by themselves, or write `as i32`")
_REMAINDER = (18, "write v - m * (v / m).floor()")
_ACCESS = (7, "write image.map_rgb(|x, y, rgb| …), which hands out every pixel")

_ELEMENTWISE = frozenset(("each", "map"))


def slow_idioms(text: str) -> tuple[Diagnostic, ...]:
    """Warnings of level ``warning`` and code `CODE`, by line, at most `MAX_WARNINGS`.

    Args:
        text: An author's file that `signatures.parse_source` accepts.
    """
    walk = _Walk(Source(text))
    walk.run()
    found = sorted(walk.found.values(), key=lambda each: (each.line or 0, each.column or 0))
    return tuple(found[:MAX_WARNINGS])


class _Walk:
    """Goes through every function, and again through those that pixel code calls, with what is known of arguments."""

    def __init__(self, source: Source) -> None:
        self.functions = {
            node_text(name): node
            for node in _items(source.root)
            if node.type == "function_item" and (name := node.child_by_field_name("name")) is not None
        }
        self.typing = Typing(self.functions)
        self.found: dict[tuple[int, int], Diagnostic] = {}
        self.queue: list[tuple[str, tuple[bool, ...]]] = []
        self.seen: set[tuple[str, tuple[bool, ...]]] = set()

    def run(self) -> None:
        for name, node in self.functions.items():
            self._function(node, None)
            self._column(name, node)
        while self.queue:
            name, varying = self.queue.pop()
            self._function(self.functions[name], varying)

    def _function(self, node: Node, varying: tuple[bool, ...] | None) -> None:
        """One function; with `varying` it is called for every pixel, and that says which arguments change."""
        body = node.child_by_field_name("body")
        if body is not None:
            scope = self.typing.parameters(node, varying)
            self._walk(body, scope, pixel=varying is not None, loops=0, depth=0)

    def _column(self, name: str, node: Node) -> None:
        """A public function of f64 alone, which columns run row by row: what `R: Real` would do for several rows."""
        listed, body = node.child_by_field_name("parameters"), node.child_by_field_name("body")
        types = [each.child_by_field_name("type") for each in listed.named_children] if listed is not None else []
        types.append(node.child_by_field_name("return_type"))
        public = any(each.type == "visibility_modifier" for each in node.children)
        plain = len(types) > 1 and all(each is not None and node_text(each) == "f64" for each in types)
        if not public or not plain or body is None or node.child_by_field_name("type_parameters") is not None:
            return
        scope, called, simple = self.typing.parameters(node, None), [], True
        for each in _within(body):
            simple = simple and each.type not in _BRANCHES and self.typing.spend()
            if each.type == "let_declaration":
                self.typing.bind_let(each, scope)
            function = each.child_by_field_name("function") if each.type == "call_expression" else None
            if function is not None and function.type == "field_expression":
                called.append((*_callee(function), each))
        for method, receiver, call in called:
            if receiver is None or self.typing.value(receiver, scope).type != FLOAT:
                continue
            if method == "mul_add":
                self._warn(call, "`mul_add` of floats for every row", *_FUSED, at=call.child_by_field_name("function"))
            elif simple and method in COLUMN_METHODS:
                advice = f"write pub fn {name}<R: Real>(…) with R for f64: it is called as before"
                what = f"`{method}` of f64 for every row of a column"
                self._warn(call, what, COLUMN_METHODS[method], advice, at=call.child_by_field_name("function"))
                return

    # ------------------------------------------------------------ the walk

    def _walk(self, node: Node, scope: Scope, *, pixel: bool, loops: int, depth: int) -> None:
        if depth > _MAX_DEPTH or not self.typing.spend():
            return
        if node.type == "block":
            scope = scope.inner()
        elif node.type in _LOOPS:
            loops += 1
            scope = scope.inner()
            pixel = self._loop(node, scope, loops) or pixel
        elif node.type == "closure_expression":
            scope = scope.inner()
            self.typing.bind_closure(node, (), scope)
        elif node.type in {"function_item", "macro_invocation"}:
            return
        if node.type == "call_expression":
            self._call(node, scope, pixel=pixel, loops=loops, depth=depth)
            return
        for child in node.named_children:
            self._walk(child, scope, pixel=pixel, loops=loops, depth=depth + 1)
        if node.type == "let_declaration":
            self.typing.bind_let(node, scope)
        elif pixel and node.type == "type_cast_expression":
            self._cast(node, scope)
        elif pixel and node.type in {"binary_expression", "compound_assignment_expr"}:
            self._remainder(node, scope)

    def _loop(self, node: Node, scope: Scope, loops: int) -> bool:
        """Binds a loop's variables; whether it goes over pixels: two deep, or over a picture's bytes."""
        over, pattern = node.child_by_field_name("value"), node.child_by_field_name("pattern")
        if over is not None and pattern is not None:
            self.typing.bind(pattern, Value(None, varying=True), scope)
            if self.typing.reaches_pixels(over, scope):
                return True
        body = node.child_by_field_name("body")
        return loops > 1 and body is not None and self.typing.reaches_pixels(body, scope)

    def _call(self, node: Node, scope: Scope, *, pixel: bool, loops: int, depth: int) -> None:
        function = node.child_by_field_name("function")
        arguments = _arguments(node)
        if function is None:
            return
        name, receiver = _callee(function)
        if receiver is not None:
            self._walk(receiver, scope, pixel=pixel, loops=loops, depth=depth + 1)
        if name == "table_of":  # 256 calls, whatever the picture's size
            return
        own = receiver is None and name in self.functions
        given = self._closure_parameters(name, receiver, arguments, scope)
        for argument in arguments:
            if argument.type == "closure_expression" and given is not None:
                inner = scope.inner()
                parameters, per_pixel = given
                self.typing.bind_closure(argument, parameters, inner)
                body = argument.child_by_field_name("body")
                if body is not None:
                    self._walk(body, inner, pixel=pixel or per_pixel, loops=2 if per_pixel else loops, depth=depth + 1)
            else:
                self._walk(argument, scope, pixel=pixel, loops=loops, depth=depth + 1)
        if own and pixel:
            key = (name, tuple(self.typing.varies(each, scope) for each in arguments))
            if key not in self.seen:
                self.seen.add(key)
                self.queue.append(key)
        elif pixel and not own:
            self._method(node, name, receiver, arguments, scope)
        if receiver is not None and loops > 1:
            self._access(node, name, receiver, arguments, scope)

    def _closure_parameters(
        self, name: str, receiver: Node | None, arguments: Sequence[Node], scope: Scope
    ) -> tuple[tuple[Value, ...], bool] | None:
        """What a closure among the arguments is given, and whether for every pixel; None where nothing is known."""
        if name in PER_PIXEL and (receiver is not None or name == "from_fn"):
            return tuple(Value(each, varying=True) for each in PER_PIXEL[name]), True
        if name not in _ELEMENTWISE:
            return None
        source = receiver if receiver is not None else (arguments[0] if arguments else None)
        if source is None:
            return None
        of = self.typing.value(source, scope)
        element = {FLOATS: FLOAT, NESTED: FLOATS}.get(of.type or "")
        return (Value(element, of.varying),), False

    # ------------------------------------------------------------ the idioms

    def _method(self, node: Node, name: str, receiver: Node | None, arguments: Sequence[Node], scope: Scope) -> None:
        """`v.min(…)`, or `f32::min(v, …)`."""
        if name not in METHODS:
            return
        function = node.child_by_field_name("function")
        by_path = receiver is None and function is not None and node_text(function) in {f"f32::{name}", f"f64::{name}"}
        if receiver is None and not by_path:
            return
        operands = [*([] if receiver is None else [receiver]), *arguments]
        typed = by_path or self.typing.value(operands[0], scope).type == FLOAT
        if typed and any(self.typing.varies(each, scope) for each in operands):
            self._warn(node, f"`{name}` of floats for every pixel", *METHODS[name], at=function)

    def _cast(self, node: Node, scope: Scope) -> None:
        value, target = node.child_by_field_name("value"), node.child_by_field_name("type")
        if value is None or target is None or node_text(target) not in CASTS:
            return
        found = self.typing.value(value, scope)
        if found.type == FLOAT and found.varying:
            self._warn(node, f"`as {node_text(target)}` of a float for every pixel", *_CAST)

    def _remainder(self, node: Node, scope: Scope) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None or node_text(operator) not in {"%", "%="}:
            return
        values = [self.typing.value(each, scope) for each in (left, right)]
        if FLOAT in {each.type for each in values} and any(each.varying for each in values):
            self._warn(node, "`%` of floats for every pixel", *_REMAINDER)

    def _access(self, node: Node, name: str, receiver: Node, arguments: Sequence[Node], scope: Scope) -> None:
        """`image.pixel(x, y)` and `image.set(x, y, …)` at the place that the loops or the closure are at."""
        if name not in {"pixel", "set"} or self.typing.value(receiver, scope).type != IMAGE:
            return
        place = arguments[:2]
        if len(place) == 2 and all(each.type == "identifier" and self.typing.varies(each, scope) for each in place):
            self._warn(node, f"`{name}(x, y)` for every pixel", *_ACCESS, at=node.child_by_field_name("function"))

    def _warn(self, node: Node, what: str, times: int, advice: str, at: Node | None = None) -> None:
        field = at.child_by_field_name("field") if at is not None else None
        row, column = (field or node).start_point
        place = (row + 1, column + 1)
        message = f"{what} is about {times} times slower than it need be"
        self.found.setdefault(place, Diagnostic("warning", message, *place, code=CODE, help=advice))


def _items(root: Node) -> Iterable[Node]:
    """The items of a file and of its inline modules."""
    for node in root.children:
        yield node
        body = node.child_by_field_name("body") if node.type == "mod_item" else None
        if body is not None:
            yield from body.children


def _within(node: Node) -> Iterator[Node]:
    """All nodes below one, in the order of the text."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting.extend(reversed(each.named_children))


def _arguments(node: Node) -> list[Node]:
    listed = node.child_by_field_name("arguments")
    return [] if listed is None else [each for each in listed.named_children if "comment" not in each.type]


def _callee(function: Node) -> tuple[str, Node | None]:
    """The last part of a called name, and what a method is called on."""
    if function.type == "field_expression":
        field, value = function.child_by_field_name("field"), function.child_by_field_name("value")
        return ("" if field is None else node_text(field)), value
    if function.type == "generic_function":
        inner = function.child_by_field_name("function")
        return ("", None) if inner is None else _callee(inner)
    return node_text(function).rpartition("::")[2], None
