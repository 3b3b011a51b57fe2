"""The lint: what an author's file may not contain, told with the line, the reason and what to write instead.

It walks tokens, not the tree, so that it also sees into macro arguments and into text that does not parse. It gives
good messages; it is no boundary: the build's own limits are (`akatsuki_wasm.rust.build`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import Diagnostic
from akatsuki_wasm.rust.lint_rules import (
    ALLOWED_MACROS,
    ATTRIBUTES_ADVICE,
    DERIVES,
    FORBIDDEN_MACROS,
    FORBIDDEN_WORDS,
    LINT_FAMILIES,
    RUST_KEYWORDS,
    STD_MODULES,
    STD_REASONS,
)
from akatsuki_wasm.rust.syntax import Source, Token, reject

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOTS = frozenset(("std", "core", "alloc"))
_MAX_USE_DEPTH = 16


def lint(text: str) -> None:
    """Checks a file.

    Args:
        text: The author's file.

    Raises:
        SourceRejectedError: With all problems.
    """
    found = problems(Source(text))
    if found:
        raise reject(found)


def problems(source: Source) -> list[Diagnostic]:
    """All problems of a file, in order of the tokens."""
    return _Lint(list(source.tokens())).run()


def _bare(token: Token) -> str:
    return token.text.removeprefix("r#")


def _is_name(token: Token) -> bool:
    """Whether a token reads as an identifier, whatever the parser took it for."""
    return token.text.removeprefix("r#").isidentifier() and "string" not in token.kind


class _Lint:
    def __init__(self, tokens: Sequence[Token]) -> None:
        # Two ends of file, so that looking ahead needs no care.
        line = tokens[-1].line if tokens else 1
        self.tokens = [*tokens, *(Token("end", "", line, 1, True) for _ in range(4))]
        self.found: list[Diagnostic] = []
        self.seen: set[tuple[int, str]] = set()
        self.declared = {
            _bare(tokens[index + 1])
            for index in range(len(tokens) - 1)
            if tokens[index].text in {"mod", "enum", "struct", "trait", "type", "union"}
        }

    def fail(self, token: Token, message: str, advice: str, code: str) -> None:
        if (token.line, message) not in self.seen:
            self.seen.add((token.line, message))
            self.found.append(Diagnostic("error", message, token.line, token.column, code=code, help=advice))

    def run(self) -> list[Diagnostic]:
        index = 0
        while index < len(self.tokens) - 4:
            token = self.tokens[index]
            if token.text == "use" and token.kind == "use":
                index = self.use(index)
                continue
            if token.text == "macro_rules!":
                self.fail(token, "`macro_rules!` is not allowed", FORBIDDEN_WORDS["macro_rules"], "word")
            elif token.text == "#":
                self.attribute(index)
            elif _is_name(token):
                self.word(index)
            index += 1
        return self.found

    def word(self, index: int) -> None:
        """An identifier or keyword: a forbidden word, a macro's name or the root of a path."""
        token, after = self.tokens[index], self.tokens[index + 1]
        name = _bare(token)
        if token.text in FORBIDDEN_WORDS:
            self.fail(token, f"`{token.text}` is not allowed", FORBIDDEN_WORDS[token.text], "word")
        elif token.text == "static" and after.text == "mut":
            self.fail(
                token, "`static mut` is not allowed", "pass the state as a parameter, or use a local variable", "word"
            )
        elif token.text == "mod" and _is_name(after) and self.tokens[index + 2].text == ";":
            self.fail(token, f"`mod {after.text};` needs a second file", "write everything in this file", "mod")
        elif after.text == "!" and self.tokens[index + 2].text in {"(", "[", "{"} and name not in RUST_KEYWORDS:
            self.macro(token, name)
        elif after.text == "::" and not self._continues_a_path(index):
            self.path(index, name)

    def _continues_a_path(self, index: int) -> bool:
        """Whether something other than the root of all paths stands before ``::name``."""
        return index > 1 and self.tokens[index - 1].text == "::" and _is_name(self.tokens[index - 2])

    def macro(self, token: Token, name: str) -> None:
        if name in FORBIDDEN_MACROS:
            reason, advice = FORBIDDEN_MACROS[name]
            self.fail(token, f"the macro `{name}!` is not allowed: {reason}", advice, "macro")
        elif name not in ALLOWED_MACROS:
            self.fail(
                token,
                f"the macro `{name}!` is not allowed",
                f"write plain code; allowed are {', '.join(f'{each}!' for each in sorted(ALLOWED_MACROS))}",
                "macro",
            )

    # ------------------------------------------------------------ paths

    def path(self, index: int, root: str) -> None:
        """A path in an expression or type: only its first two parts matter."""
        after = self.tokens[index + 2]
        self.check_path(self.tokens[index], [root, _bare(after)] if _is_name(after) else [root], in_use=False)

    def check_path(self, token: Token, parts: Sequence[str], *, in_use: bool) -> None:
        root, rest = parts[0], parts[1:]
        if root == "alloc" and (in_use or rest):
            self.fail(token, "the crate `alloc` is not available", "write std instead", "path")
        elif root in _ROOTS:
            module = rest[0] if rest else ""
            if module in STD_REASONS:
                reason, advice = STD_REASONS[module]
                self.fail(token, f"`{root}::{module}` is not allowed: {reason}", advice, "path")
            elif in_use and module in {"", "self", "*"}:
                self.fail(
                    token, f"`use {root}` as a whole is not allowed", f"name the module: use {root}::cmp;", "path"
                )
            elif module in FORBIDDEN_MACROS:
                self.macro(token, module)
            elif module and module not in STD_MODULES and module not in ALLOWED_MACROS:
                self.fail(token, f"`{root}::{module}` is not allowed", "use the parts of std that only compute", "path")
        elif root == "crate" and (not rest or rest[0] != "prelude"):
            self.fail(token, "only `crate::prelude` is there", "use crate::prelude, or nothing: it is in scope", "path")
        elif in_use and root == "prelude" and "prelude" not in self.declared:
            self.fail(
                token, "`use prelude` is not a path", "write use crate::prelude::*, or nothing: it is in scope", "path"
            )
        elif in_use and root not in {"self", "super", "crate", "Self", *self.declared}:
            self.fail(token, f"the crate `{root}` is not available", "use std and the prelude", "path")

    def use(self, index: int) -> int:
        """A ``use`` declaration; returns the index after it."""
        end = index + 1
        while self.tokens[end].text not in {";", ""}:
            end += 1
        tree = [each for each in self.tokens[index + 1 : end] if each.kind != "end"]
        self.use_tree(tree, [], 0)
        for position, token in enumerate(tree):
            name = _bare(token)
            renamed = position and tree[position - 1].text == "as"
            if renamed and name in ALLOWED_MACROS:
                self.fail(token, f"`use … as {name}` hides a macro", "use another name", "path")
            in_path = position and tree[position - 1].text in {"::", "{", ","}
            # `env` is a module too, of which the path's check speaks.
            if in_path and name in FORBIDDEN_MACROS and name not in STD_REASONS:
                self.macro(token, name)
        return end + 1

    def use_tree(self, tree: Sequence[Token], prefix: list[str], depth: int) -> None:
        """Checks every path of a use tree by its first two parts."""
        if depth > _MAX_USE_DEPTH:
            self.fail(tree[0], "a use declaration is nested too deeply", "write separate use declarations", "path")
            return
        for branch in _branches(tree):
            parts, first, position = list(prefix), branch[0], 0
            while position < len(branch) and branch[position].text not in {"{", "as"}:
                if _is_name(branch[position]) or branch[position].text == "*":
                    parts.append(_bare(branch[position]))
                position += 1
            if position < len(branch) and branch[position].text == "{":
                self.use_tree(branch[position + 1 : -1], parts, depth + 1)
            elif parts:
                self.check_path(first, parts, in_use=True)

    # ------------------------------------------------------------ attributes

    def attribute(self, index: int) -> None:
        token, position = self.tokens[index], index + 1
        if self.tokens[position].text == "!":
            if self.tokens[position + 1].text == "[":
                self.fail(token, "inner attributes (`#![…]`) are not allowed", "remove the line", "attribute")
            return
        if self.tokens[position].text != "[":
            return
        inside: list[Token] = []
        depth = 0
        for each in self.tokens[position:]:
            depth += (each.text in {"[", "(", "{"}) - (each.text in {"]", ")", "}"})
            if depth == 0 or each.kind == "end":
                break
            inside.append(each)
        words = [each.text for each in inside[1:]]
        name = words[0] if words else ""
        names = [each for each in words[1:] if each not in {"(", ")", ",", "::"}]
        if name == "derive":
            for trait in names:
                if trait not in DERIVES:
                    advice = f"derive only {', '.join(DERIVES)}"
                    self.fail(token, f"`#[derive({trait})]` is not allowed", advice, "attribute")
        elif not _is_harmless(name, names, "".join(words[2:-1]).split(",")):
            shown = "".join(words)[:40]
            self.fail(token, f"the attribute `#[{shown}]` is not allowed", ATTRIBUTES_ADVICE, "attribute")


def _is_harmless(name: str, names: Sequence[str], lints: Sequence[str]) -> bool:
    """Whether an attribute only guides the optimiser or silences a lint of style."""
    if name == "inline":
        return list(names) in ([], ["always"], ["never"])
    if name == "allow":
        return all(each.startswith(LINT_FAMILIES) for each in lints if each)
    return name in {"must_use", "default"} and not names


def _branches(tree: Sequence[Token]) -> list[Sequence[Token]]:
    """The parts of a use tree between its outermost commas."""
    found: list[Sequence[Token]] = []
    depth = start = 0
    for position, token in enumerate(tree):
        depth += (token.text == "{") - (token.text == "}")
        if token.text == "," and depth == 0:
            found.append(tree[start:position])
            start = position + 1
    found.append(tree[start:])
    return [each for each in found if each]
