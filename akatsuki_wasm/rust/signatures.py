"""Reads what an author's file offers: its ``pub fn`` items with their types, documentation and parameter metadata.

`parse_source` is the one door: it applies the caps, the lint and the contract's rules, and either returns the interface
or raises one error with every problem, by line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from akatsuki_wasm import wit
from akatsuki_wasm.rust import lint
from akatsuki_wasm.rust.docs import Docs, first_paragraph, read_docs
from akatsuki_wasm.rust.interface import GuestFunction, GuestInterface, GuestParameter
from akatsuki_wasm.rust.syntax import Source, node_text, problem, reject, unmatched_bracket
from akatsuki_wasm.rust.types import CONTRACT_NAMES, Typed, TypeReader, UnsupportedType, public_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node

    from akatsuki_wasm.contracts import Crate, Diagnostic

MAX_FUNCTIONS = 200
MAX_PARAMETERS = 64
RESERVED_NAMES = frozenset(("memory", "cabi_realloc"))
"""Names of core exports that every module has."""
GLUE_MODULE = "akatsuki_glue"
"""The module that the glue writer adds to the author's file."""

_ITEMS_WITH_NAMES = frozenset(
    ("struct_item", "enum_item", "union_item", "type_item", "trait_item", "mod_item", "const_item", "static_item")
)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def parse_source(text: str, crates: Sequence[Crate] = ()) -> GuestInterface:
    """Reads an author's file.

    Args:
        text: One file of plain Rust, at most 64 KiB.
        crates: Crates that it may use.

    Returns:
        Its functions, records and description.

    Raises:
        SourceRejectedError: With every problem: where it is, why, and what to write instead. A file whose signatures
            can be read but whose bodies have syntax errors passes, because the compiler explains those better.
    """
    source = Source(text)
    problems = lint.problems(source, crates)
    reader = _Reader(source)
    interface = reader.read()
    problems += reader.problems
    if problems:
        raise reject(problems)
    return interface


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Diagnostic] = []
        named: dict[str, dict[str, Node]] = {"struct_item": {}, "type_item": {}, "enum_item": {}, "union_item": {}}
        for node in source.root.children:
            name = node.child_by_field_name("name")
            if name is not None and node.type in named:
                named[node.type].setdefault(node_text(name), node)
        enums = {*named["enum_item"], *named["union_item"]}
        self.types = TypeReader(named["struct_item"], named["type_item"], enums)

    def read(self) -> GuestInterface:
        functions: list[GuestFunction] = []
        for node, docs in self._documented():
            name = node.child_by_field_name("name")
            if name is not None and node.type in _ITEMS_WITH_NAMES:
                self._check_item_name(name)
            if node.type == "function_item" and _is_public(node):
                function = self._function(node, docs)
                if function is not None:
                    functions.append(function)
        self._check_functions(functions)
        self._check_drops()
        description = first_paragraph(self._inner_docs()) or next((each.doc for each in functions if each.doc), "")
        return GuestInterface(tuple(functions), tuple(self.types.records.values()), description)

    # ------------------------------------------------------------ documentation

    def _documented(self) -> Iterator[tuple[Node, list[tuple[int, str]]]]:
        """Top-level items with the doc comment before each."""
        docs: list[tuple[int, str]] = []
        for node in self.source.root.children:
            if node.type in {"line_comment", "block_comment"}:
                docs += _doc_lines(node, "outer")
            elif node.type != "attribute_item":
                yield node, docs
                docs = []

    def _inner_docs(self) -> list[str]:
        found: list[str] = []
        for node in self.source.root.children:
            if node.type not in {"line_comment", "block_comment"}:
                break
            found += [text for _, text in _doc_lines(node, "inner")]
        return found

    # ------------------------------------------------------------ functions

    def _fail(self, node: Node, message: str, advice: str) -> None:
        self.problems.append(problem(node, message, advice))

    def _function(self, node: Node, docs: list[tuple[int, str]]) -> GuestFunction | None:
        """One ``pub fn``; None where it has a problem."""
        before = len(self.problems)
        name_node = node.child_by_field_name("name")
        if name_node is None:
            return None
        ident = node_text(name_node)
        name = public_name(ident)
        self._check_name(name_node, name, "function")
        self._check_modifiers(node, ident)
        generic = self._generic(node, ident)
        params, broken = self._parameters(node, generic)
        result, generic_result = None, False
        try:
            result, generic_result = self.types.result(node.child_by_field_name("return_type"), generic)
        except UnsupportedType as exc:
            self._fail(exc.node, f"the result of `{ident}`: {exc.message}", exc.advice)
        read = read_docs(docs, {each: typed.type for each, typed in params}, broken)
        self.problems += read.problems
        if len(self.problems) > before:
            return None
        return GuestFunction(
            ident,
            name,
            tuple(_parameter(each, typed, read) for each, typed in params),
            result,
            read.description,
            node.start_point.row + 1,
            generic is not None,
            generic_result,
        )

    def _check_name(self, node: Node, name: str, what: str) -> None:
        if not _NAME.fullmatch(name):
            self._fail(
                node,
                f"the {what} name `{node_text(node)}` is not snake_case",
                "use lower-case ASCII letters, digits and underscores, and begin with a letter",
            )
        elif what == "function" and (name in RESERVED_NAMES or name.startswith(("cabi_", "akatsuki_"))):
            self._fail(node, f"the function name `{name}` is reserved", "give the function another name")

    def _check_modifiers(self, node: Node, ident: str) -> None:
        for child in node.children:
            if child.type == "function_modifiers":
                for modifier in child.children:
                    word = node_text(modifier).split()[0]
                    if word in {"async", "const"}:  # the lint speaks of unsafe and extern
                        self._fail(
                            modifier,
                            f"`{ident}` is `{word}`, and exported functions are plain",
                            f"write pub fn {ident}",
                        )
            if child.type == "where_clause":
                self._fail(child, f"`{ident}` has a where clause", f"write the bound in place: fn {ident}<R: Real>(…)")

    def _generic(self, node: Node, ident: str) -> str | None:
        """The name of the function's ``R: Real``, or None."""
        parameters = node.child_by_field_name("type_parameters")
        if parameters is None:
            return None
        listed = [each for each in parameters.named_children if "comment" not in each.type]
        if any(each.type in {"lifetime_parameter", "lifetime"} for each in listed):
            self._fail(
                parameters, f"`{ident}` has lifetimes", "write references without lifetimes, and return owned values"
            )
            return None
        name = listed[0].child_by_field_name("name") if len(listed) == 1 else None
        bounds = listed[0].child_by_field_name("bounds") if len(listed) == 1 else None
        found = [] if bounds is None else [node_text(each).rpartition("::")[2] for each in bounds.named_children]
        if (
            name is None
            or listed[0].type != "type_parameter"
            or "Real" not in found
            or not {*found} <= {"Real", "Copy", "Clone"}
        ):
            self._fail(
                parameters,
                f"`{ident}` is generic, and its caller cannot choose types",
                f"write concrete types, or one parameter for numbers: fn {ident}<R: Real>(…) -> R",
            )
            return None
        return node_text(name)

    def _parameters(self, node: Node, generic: str | None) -> tuple[list[tuple[str, Typed]], list[str]]:
        """The parameters with their types, and the names of those whose types are outside the contract."""
        listed = node.child_by_field_name("parameters")
        found: list[tuple[str, Typed]] = []
        broken: list[str] = []
        if listed is None:
            return found, broken
        for each in listed.named_children:
            if "comment" in each.type:
                continue
            if each.type != "parameter":
                what = {"self_parameter": "`self`", "variadic_parameter": "`...`"}.get(
                    each.type, f"`{node_text(each)}`"
                )
                self._fail(each, f"the parameter {what} is outside the contract", "write plain parameters: name: Type")
                continue
            pattern, type_ = each.child_by_field_name("pattern"), each.child_by_field_name("type")
            if pattern is None or type_ is None:
                continue
            if pattern.type != "identifier":
                self._fail(
                    pattern,
                    f"the parameter `{node_text(pattern)}` has no name",
                    "write a name here and take it apart inside the function",
                )
                continue
            name = public_name(node_text(pattern))
            self._check_name(pattern, name, "parameter")
            if any(wit.kebab(name) == wit.kebab(other) for other, _ in found):
                self._fail(pattern, f"two parameters are named `{wit.kebab(name)}` in WIT", "rename one of them")
                continue
            try:
                found.append((name, self.types.parameter(type_, generic)))
            except UnsupportedType as exc:
                broken.append(name)
                self._fail(exc.node, f"the parameter `{name}`: {exc.message}", exc.advice)
        if len(found) > MAX_PARAMETERS:
            self._fail(listed, f"{len(found)} parameters, at most {MAX_PARAMETERS} are allowed", "take a struct")
        return found, broken

    # ------------------------------------------------------------ the file as a whole

    def _check_item_name(self, node: Node) -> None:
        name = node_text(node)
        if name in CONTRACT_NAMES:
            self._fail(node, f"`{name}` is a name of the contract", f"rename your own `{name}`")
        elif name == GLUE_MODULE or name in {"std", "core", "alloc"}:
            self._fail(node, f"the name `{name}` is reserved", f"rename your own `{name}`")

    def _check_functions(self, functions: list[GuestFunction]) -> None:
        root = self.source.root
        if not any(node.type == "function_item" and _is_public(node) for node in root.children):
            self.problems.append(self._why_no_function())
        if len(functions) > MAX_FUNCTIONS:
            self._fail(
                root, f"{len(functions)} public functions, at most {MAX_FUNCTIONS} are allowed", "make some private"
            )
        lines: dict[str, GuestFunction] = {}
        for each in functions:
            other = lines.setdefault(each.export, each)
            if other is not each:
                node = root.descendant_for_point_range((each.line - 1, 0), (each.line - 1, 0)) or root
                self._fail(
                    node,
                    f"`{each.name}` and `{other.name}` (line {other.line}) have the same name in WIT: {each.export}",
                    "rename one of them",
                )

    def _why_no_function(self) -> Diagnostic:
        """One reason: a file that does not parse has functions which are not seen, so that is told instead."""
        error = self.source.first_error()
        if error is None:
            advice = "write at least one `pub fn name(…) -> …` at the top level, not in a module or impl"
            return problem(self.source.root, "the file has no public function", advice)
        bracket = unmatched_bracket(self.source.tokens())
        if bracket is not None:
            return bracket
        near = " ".join(node_text(error).split())[:40]
        advice = "write one file of plain Rust, with at least one `pub fn name(…) -> …`"
        return problem(error, f"this is not Rust: near `{near}`", advice)

    def _check_drops(self) -> None:
        """Refuses ``impl Drop`` for a record: the glue takes records apart, which Rust forbids for such types."""
        for node in self.source.root.children:
            trait, type_ = node.child_by_field_name("trait"), node.child_by_field_name("type")
            if node.type != "impl_item" or trait is None or type_ is None:
                continue
            if node_text(trait).rpartition("::")[2] == "Drop" and node_text(type_) in self.types.records:
                self._fail(node, f"`{node_text(type_)}` crosses into the module and has `Drop`", "remove the impl")


def _is_public(node: Node) -> bool:
    return any(each.type == "visibility_modifier" and node_text(each) == "pub" for each in node.children)


def _parameter(name: str, typed: Typed, docs: Docs) -> GuestParameter:
    told = docs.parameters.get(name)
    if told is None:
        return GuestParameter(name, typed.type, typed.passing, typed.generic)
    return GuestParameter(
        name, typed.type, typed.passing, typed.generic, told.help, told.minimum, told.maximum, told.default
    )


def _doc_lines(node: Node, kind: str) -> list[tuple[int, str]]:
    """(line, text) of a doc comment of that kind (``outer`` or ``inner``); nothing where the comment is another."""
    doc = node.child_by_field_name("doc")
    if doc is None or node.child_by_field_name(kind) is None:
        return []
    first = doc.start_point.row + 1
    lines = node_text(doc).removesuffix("\n").split("\n")
    if node.type == "line_comment":
        return [(first, lines[0].rstrip("\r"))]
    starred = all(line.lstrip().startswith("*") for line in lines[1:] if line.strip())
    if starred:
        lines = [lines[0], *(line.lstrip().removeprefix("*") for line in lines[1:])]
    return [(first + index, line.rstrip("\r")) for index, line in enumerate(lines)]
