"""Rust types as an author writes them, read into WIT types, and how the glue passes a value to each of them.

`TypeReader` knows the structs and aliases of one file. What is outside the contract is an `UnsupportedType` that says
what to write instead; `akatsuki_wasm.rust.signatures` turns it into a diagnostic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from akatsuki_wasm import wit
from akatsuki_wasm.manifest_reader import MAX_TYPE_WEIGHT, RESERVED_RECORDS, weight
from akatsuki_wasm.rust.interface import GuestRecord
from akatsuki_wasm.rust.syntax import node_text

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_DEPTH = 16
"""Deepest nesting of a type, aliases and structs included."""
MAX_TUPLE = 12

PRIMITIVES: dict[str, wit.Primitive] = {
    **{name: wit.Primitive(name) for name in ("bool", "u8", "u16", "u32", "u64", "f32", "f64", "char")},
    **{f"i{bits}": wit.Primitive(f"s{bits}") for bits in (8, 16, 32, 64)},
}
CONTRACT_NAMES = frozenset((*PRIMITIVES, "str", "String", "Vec", "Option", "Result", "Image", "Real"))
"""Names that an author's own items may not take, because the glue relies on their meaning."""

_INSTEAD = {
    "usize": "write u32 (or u64)",
    "isize": "write i32 (or i64)",
    "u128": "write u64, or a String of digits",
    "i128": "write i64, or a String of digits",
    "Box": "write the type itself without Box",
    "Rc": "write the type itself without Rc",
    "Arc": "write the type itself without Arc",
    "Cow": "write String",
    "OsString": "write String",
    "PathBuf": "write String",
    "Path": "write &str",
    "VecDeque": "write Vec<T>",
    "Self": "write the type's name",
    **dict.fromkeys(("HashMap", "BTreeMap"), "write Vec<(K, V)>"),
    **dict.fromkeys(("HashSet", "BTreeSet"), "write Vec<T>"),
}
_STANDARD = re.compile(
    r"(?:::)?(?:(?:std|core|alloc)::(?:string::(String)|vec::(Vec)|option::(Option)|result::(Result))"
    r"|crate::prelude::(Image|Real))"
)
_KINDS = {
    "abstract_type": ("impl Trait", "write a concrete type; a numeric function may be `fn f<R: Real>(x: R) -> R`"),
    "dynamic_type": ("a trait object", "write a concrete type"),
    "pointer_type": ("a raw pointer", "write the value, or a reference such as &[T]"),
    "function_type": ("a function type", "write a value: functions cannot cross into the module"),
    "never_type": ("the never type", "write the type that the function returns"),
    "qualified_type": ("a qualified type", "write a concrete type"),
    "macro_invocation": ("a macro", "write the type itself"),
}
_CONTRACT = "write bool, u8 to u64, i8 to i64, f32, f64, char, String, Image, Vec, Option, a tuple or a struct of these"


class UnsupportedType(Exception):  # noqa: N818 - it is caught by the signature reader and never leaves this package
    """A type outside the contract."""

    def __init__(self, node: Node, message: str, advice: str) -> None:
        super().__init__(message)
        self.node, self.message, self.advice = node, message, advice


@dataclass(frozen=True)
class Typed:
    """A type as it was read: `passing` is the Rust expression that passes an owned value, with ``{}`` for the value."""

    type: wit.Type
    passing: str = "{}"
    generic: bool = False


def _refuse(node: Node, what: str, advice: str) -> NoReturn:
    raise UnsupportedType(node, f"{what} is outside the contract", advice)


def public_name(ident: str) -> str:
    """The name that people see for a Rust identifier: ``r#type`` is ``type``, ``_x`` is ``x``, ``a__b`` is ``a_b``."""
    return re.sub(r"_+", "_", ident.removeprefix("r#")).strip("_")


class TypeReader:
    """Reads the types of one file.

    Args:
        structs: Top-level struct items by name.
        aliases: Top-level, non-generic type items by name.
        enums: Names of top-level enums and unions.
    """

    def __init__(self, structs: dict[str, Node], aliases: dict[str, Node], enums: set[str]) -> None:
        self._structs, self._aliases, self._enums = structs, aliases, enums
        self._open: list[str] = []
        self.records: dict[str, GuestRecord] = {}

    def parameter(self, node: Node, generic: str | None) -> Typed:
        """A parameter's type, owned or borrowed."""
        if generic is not None and node_text(node) == generic:
            return Typed(wit.F64, "{}", generic=True)
        if node.type == "reference_type":
            return self._borrowed(node)
        arguments = self._arguments(node)
        if len(arguments) == 1 and arguments[0].type == "reference_type":
            if self._head(node) == "Option":
                return self._option_of_reference(arguments[0])
            if self._head(node) == "Vec":
                element, passing = self._reference_element(arguments[0])
                return Typed(wit.List(element), passing)
        return Typed(self.owned(node))

    def result(self, node: Node | None, generic: str | None) -> tuple[wit.Type | None, bool]:
        """What a function returns, and whether that is its ``R``."""
        if node is None or node.type == "unit_type":
            return None, False
        if generic is not None and node_text(node) == generic:
            return wit.F64, True
        if self._head(node) == "Result":
            arguments = self._arguments(node)
            if len(arguments) != 2 or self._head(arguments[1]) != "String":
                _refuse(
                    node, f"the result `{node_text(node)}`", "write Result<T, String>, with the message as the error"
                )
            return wit.Result(None if arguments[0].type == "unit_type" else self.owned(arguments[0])), False
        return self.owned(node), False

    # ------------------------------------------------------------ owned types

    def owned(self, node: Node, depth: int = 0) -> wit.Type:
        """A type without references."""
        if depth > MAX_DEPTH:
            _refuse(node, f"a type nested deeper than {MAX_DEPTH}", "write a simpler type")
        text = node_text(node)
        match node.type:
            case "primitive_type" | "type_identifier":
                return self._named(node, text, depth)
            case "scoped_type_identifier":
                return self._scoped(node, text)
            case "generic_type":
                return self._generic(node, depth)
            case "tuple_type":
                items = [each for each in node.named_children if "comment" not in each.type]
                if len(items) > MAX_TUPLE:
                    _refuse(node, f"a tuple of {len(items)} items", "write a struct with named fields")
                return self._weighed(node, wit.Tuple(tuple(self.owned(each, depth + 1) for each in items)))
            case "unit_type":
                _refuse(node, "the unit type `()` as a value", "leave it out")
            case "reference_type":
                _refuse(node, f"the reference `{text}` here", self._owned_instead(node))
            case "array_type" if node.child_by_field_name("length") is not None:
                _refuse(node, f"the array `{text}`", "write Vec<T>, or a tuple for a few values")
            case "array_type":
                _refuse(node, f"the slice `{text}`", f"write &{text} for a parameter, Vec<T> for a result")
            case kind:
                what, advice = _KINDS.get(kind, (f"the type `{text}`", _CONTRACT))
                _refuse(node, what, advice)

    def _named(self, node: Node, name: str, depth: int) -> wit.Type:
        if name in PRIMITIVES:
            return PRIMITIVES[name]
        if name == "str":
            _refuse(node, "the type `str` without a reference", "write &str or String")
        if name == "String":
            return wit.STRING
        if name == "Image":
            return wit.IMAGE
        if name in {"Vec", "Option", "Result"}:
            _refuse(node, f"`{name}` without its type", f"write {name}<T>" + (", String>" if name == "Result" else ""))
        if name in _INSTEAD:
            _refuse(node, f"the type `{name}`", _INSTEAD[name])
        if name in self._enums:
            _refuse(node, f"the enum `{name}` in a signature", "write String or u32 in the signature and match on it")
        if name in self._aliases:
            return self._alias(node, name, depth)
        if name in self._structs:
            return self._record(node, name, depth)
        _refuse(node, f"the type `{name}`", f"declare `struct {name}` in this file, or {_CONTRACT}")

    def _scoped(self, node: Node, text: str) -> wit.Type:
        if self._head(node) == "String":
            return wit.STRING
        if self._head(node) == "Image":
            return wit.IMAGE
        last = text.rpartition("::")[2]
        _refuse(node, f"the type `{text}`", _INSTEAD.get(last, "declare the struct at the top of this file"))

    def _alias(self, node: Node, name: str, depth: int) -> wit.Type:
        item = self._aliases[name]
        target = item.child_by_field_name("type")
        if target is None or item.child_by_field_name("type_parameters") is not None:
            _refuse(node, f"the generic alias `{name}`", "write the type itself")
        try:
            return self.owned(target, depth + 1)
        except UnsupportedType as exc:
            raise UnsupportedType(node, f"`{name}`: {exc.message}", exc.advice) from exc

    def _generic(self, node: Node, depth: int) -> wit.Type:
        head, arguments = self._head(node), self._arguments(node)
        if head in {"Vec", "Option"}:
            if len(arguments) != 1:
                _refuse(node, f"`{node_text(node)}`", f"write {head}<T>")
            inner = self.owned(arguments[0], depth + 1)
            if head == "Vec":
                return self._weighed(node, wit.List(inner))
            if isinstance(inner, wit.Option):
                _refuse(node, "an Option directly inside an Option", "write a single Option")
            return self._weighed(node, wit.Option(inner))
        if head == "Result":
            _refuse(node, "a Result that is not what a function returns", "return Result<T, String> from the function")
        if head in self._structs or head in self._aliases:
            _refuse(node, f"the generic type `{node_text(node)}`", "write a struct without type parameters")
        if head == "Box" and len(arguments) == 1:
            _refuse(node, f"`{node_text(node)}`", f"write {node_text(arguments[0])}")
        last = head.rpartition("::")[2]
        _refuse(node, f"the type `{node_text(node)}`", _INSTEAD.get(last, _CONTRACT))

    def _record(self, node: Node, name: str, depth: int) -> wit.Record:
        if name in self.records:
            return self.records[name].record
        if name in self._open:
            _refuse(node, f"the struct `{name}`, which contains itself,", "write a Vec of flat structs with indexes")
        item = self._structs[name]
        body = item.child_by_field_name("body")
        if item.child_by_field_name("type_parameters") is not None:
            _refuse(node, f"the generic struct `{name}` in a signature", "write a struct without type parameters")
        if body is not None and body.type == "ordered_field_declaration_list":
            _refuse(node, f"the tuple struct `{name}` in a signature", "name its fields, or write a tuple")
        declared = [] if body is None else [each for each in body.named_children if each.type == "field_declaration"]
        if not declared:
            _refuse(node, f"the struct `{name}`, which has no fields,", "give it a field, or leave it out")
        self._open.append(name)
        try:
            idents, fields = [], []
            for each in declared:
                field, type_ = each.child_by_field_name("name"), each.child_by_field_name("type")
                if field is None or type_ is None:
                    continue
                idents.append(node_text(field))
                fields.append((self._field_name(field), self.owned(type_, depth + 1)))
        finally:
            self._open.pop()
        return self._keep(node, name, tuple(idents), tuple(fields))

    def _field_name(self, field: Node) -> str:
        name = public_name(node_text(field))
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            _refuse(field, f"the field name `{node_text(field)}`", "use lower-case letters, digits and underscores")
        return name

    def _keep(
        self, node: Node, name: str, idents: tuple[str, ...], fields: tuple[tuple[str, wit.Type], ...]
    ) -> wit.Record:
        public = wit.kebab(name).replace("-", "_")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", public) or public in RESERVED_RECORDS:
            _refuse(node, f"the struct name `{name}`", "give it another name of ASCII letters and digits")
        if len({wit.kebab(each) for each, _ in fields}) != len(fields):
            _refuse(node, f"the struct `{name}`, two fields of which have the same name in WIT,", "rename one of them")
        if public == wit.IMAGE.name or any(each.record.name == public for each in self.records.values()):
            _refuse(node, f"the struct `{name}`, whose name `{public}` is taken,", "rename it")
        record = wit.Record(public, fields)
        self._weighed(node, record)
        self.records[name] = GuestRecord(name, record, idents)
        return record

    def _weighed(self, node: Node, type_: wit.Type) -> wit.Type:
        """The type, if it is of a size that people write; doubling structs would make its layout endless."""
        if weight(type_) > MAX_TYPE_WEIGHT:
            _refuse(node, f"a type of more than {MAX_TYPE_WEIGHT} parts", "write a Vec of smaller structs")
        return type_

    # ------------------------------------------------------------ borrowed parameters

    def _borrowed(self, node: Node) -> Typed:
        target = self._target(node)
        if node_text(target) == "str":
            return Typed(wit.STRING, "&*{}")
        if target.type == "array_type" and target.child_by_field_name("length") is None:
            element = target.child_by_field_name("element")
            if element is not None and element.type == "reference_type":
                inner, passing = self._reference_element(element)
                return Typed(wit.List(inner), f"&{passing}")
            if element is not None:
                return Typed(self._weighed(node, wit.List(self.owned(element))), "&{}")
        return Typed(self.owned(target), "&{}")

    def _option_of_reference(self, node: Node) -> Typed:
        """``Option<&str>``, ``Option<&[T]>`` or ``Option<&T>``."""
        target = self._target(node)
        if node_text(target) == "str":
            return Typed(wit.Option(wit.STRING), "{}.as_deref()")
        if target.type == "array_type" and target.child_by_field_name("length") is None:
            return Typed(wit.Option(self._borrowed_owned(node)), "{}.as_deref()")
        inner = self.owned(target)
        if isinstance(inner, wit.Option):
            _refuse(node, "an Option directly inside an Option", "write a single Option")
        return Typed(wit.Option(inner), "{}.as_ref()")

    def _borrowed_owned(self, node: Node) -> wit.Type:
        typed = self._borrowed(node)
        if typed.passing not in {"&{}", "&*{}"}:
            _refuse(node, f"the reference `{node_text(node)}` here", "write Option<Vec<T>>")
        return typed.type

    def _reference_element(self, node: Node) -> tuple[wit.Type, str]:
        """The element of a list of references, and the expression that collects the references."""
        target = self._target(node)
        if node_text(target) == "str" or (target.type == "array_type" and not target.child_by_field_name("length")):
            return self._borrowed_owned(node), "{}.iter().map(|each| &**each).collect::<::std::vec::Vec<_>>()"
        return self.owned(target), "{}.iter().collect::<::std::vec::Vec<_>>()"

    def _target(self, node: Node) -> Node:
        """What a shared reference without a lifetime refers to."""
        for child in node.children:
            if child.type == "mutable_specifier":
                _refuse(
                    node, f"the mutable reference `{node_text(node)}`", f"{self._owned_instead(node)} and return it"
                )
            if child.type == "lifetime":
                _refuse(node, f"the lifetime in `{node_text(node)}`", "write the reference without a lifetime")
        target = node.child_by_field_name("type")
        if target is None or target.type == "reference_type":
            _refuse(node, f"the type `{node_text(node)}`", "write a single reference")
        return target

    @staticmethod
    def _owned_instead(node: Node) -> str:
        target = node.child_by_field_name("type")
        text = "T" if target is None else node_text(target)
        if text == "str":
            return "write String"
        element = None if target is None else target.child_by_field_name("element")
        if element is not None:
            return f"write Vec<{node_text(element)}>"
        return f"write {text}"

    # ------------------------------------------------------------ names

    def _head(self, node: Node) -> str:
        """The name of a type without its arguments; of the standard library's own, the last part alone."""
        inner = node.child_by_field_name("type") if node.type == "generic_type" else node
        text = re.sub(r"\s+", "", "" if inner is None else node_text(inner))
        match = _STANDARD.fullmatch(text)
        return next(filter(None, match.groups())) if match else text

    @staticmethod
    def _arguments(node: Node) -> list[Node]:
        """The type arguments of ``Vec<T>`` and the like."""
        found = node.child_by_field_name("type_arguments") if node.type == "generic_type" else None
        return [] if found is None else [each for each in found.named_children if "comment" not in each.type]
