"""The lint: what an author's file may not contain, told with the line, the reason and what to write instead.

It walks tokens, not the tree, so that it also sees into macro arguments and into text that does not parse. It gives
good messages; it is no boundary: the build's own limits are (`akatsuki_wasm.rust.build`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import Diagnostic
from akatsuki_wasm.rust.crates_use import read_use
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
from akatsuki_wasm.rust.use_trees import bare, is_name, use_end, use_paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.contracts import Crate

_ROOTS = frozenset(("std", "core", "alloc"))


def lint(text: str, crates: Sequence[Crate] = ()) -> None:
    """Checks a file.

    Args:
        text: The author's file.
        crates: Crates that it may use.

    Raises:
        SourceRejectedError: With all problems.
    """
    found = problems(Source(text), crates)
    if found:
        raise reject(found)


def problems(source: Source, crates: Sequence[Crate] = ()) -> list[Diagnostic]:
    """All problems of a file that may use these crates, in order of the tokens."""
    return _Lint(list(source.tokens()), crates).run()


class _Lint:
    def __init__(self, tokens: Sequence[Token], crates: Sequence[Crate]) -> None:
        # Two ends of file, so that looking ahead needs no care.
        line = tokens[-1].line if tokens else 1
        self.tokens = [*tokens, *(Token("end", "", line, 1, True) for _ in range(4))]
        self.crates = read_use(tokens, crates)
        self.found: list[Diagnostic] = []
        self.seen: set[tuple[int, str]] = set()
        self.declared = {
            bare(tokens[index + 1])
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
            elif is_name(token):
                self.word(index)
            index += 1
        return self.found

    def word(self, index: int) -> None:
        """An identifier or keyword: a forbidden word, a macro's name or the root of a path."""
        token, after = self.tokens[index], self.tokens[index + 1]
        name = bare(token)
        if token.text in FORBIDDEN_WORDS:
            self.fail(token, f"`{token.text}` is not allowed", FORBIDDEN_WORDS[token.text], "word")
        elif token.text == "static" and after.text == "mut":
            self.fail(
                token, "`static mut` is not allowed", "pass the state as a parameter, or use a local variable", "word"
            )
        elif token.text == "mod" and is_name(after) and self.tokens[index + 2].text == ";":
            self.fail(token, f"`mod {after.text};` needs a second file", "write everything in this file", "mod")
        elif after.text == "!" and self.tokens[index + 2].text in {"(", "[", "{"} and name not in RUST_KEYWORDS:
            self.macro(token, self._path_before(index))
        elif after.text == "::" and not self._continues_a_path(index):
            self.path(index, name)

    def _continues_a_path(self, index: int) -> bool:
        """Whether something other than the root of all paths stands before ``::name``."""
        return index > 1 and self.tokens[index - 1].text == "::" and is_name(self.tokens[index - 2])

    def _path_before(self, index: int) -> list[str]:
        """The parts of the path that ends at `index`."""
        parts = [bare(self.tokens[index])]
        while self._continues_a_path(index):
            index -= 2
            parts.insert(0, bare(self.tokens[index]))
        return parts

    def macro(self, token: Token, parts: Sequence[str]) -> None:
        name = parts[-1]
        if name in FORBIDDEN_MACROS:
            reason, advice = FORBIDDEN_MACROS[name]
            self.fail(token, f"the macro `{name}!` is not allowed: {reason}", advice, "macro")
        elif name not in ALLOWED_MACROS and not self.crates.gives(parts):
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
        self.check_path(self.tokens[index], [root, bare(after)] if is_name(after) else [root], in_use=False)

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
                self.macro(token, [module])
            elif module and module not in STD_MODULES and module not in ALLOWED_MACROS:
                self.fail(token, f"`{root}::{module}` is not allowed", "use the parts of std that only compute", "path")
        elif root == "crate" and (not rest or rest[0] != "prelude"):
            self.fail(token, "only `crate::prelude` is there", "use crate::prelude, or nothing: it is in scope", "path")
        elif in_use and root == "prelude" and "prelude" not in self.declared:
            self.fail(
                token, "`use prelude` is not a path", "write use crate::prelude::*, or nothing: it is in scope", "path"
            )
        elif in_use and root not in {"self", "super", "crate", "Self", *self.declared, *self.crates.permitted}:
            others = ", ".join(self.crates.permitted)
            advice = f"use std, the prelude and the permitted crates: {others}" if others else "use std and the prelude"
            self.fail(token, f"the crate `{root}` is not available", advice, "path")

    def use(self, index: int) -> int:
        """A ``use`` declaration; returns the index after it."""
        end = use_end(self.tokens, index)
        tree = [each for each in self.tokens[index + 1 : end] if each.kind != "end"]
        for path in use_paths(tree):
            if path.parts:
                self.check_path(path.token, path.parts, in_use=True)
            else:
                advice = "write separate use declarations"
                self.fail(path.token, "a use declaration is nested too deeply", advice, "path")
        for position, token in enumerate(tree):
            name = bare(token)
            renamed = position and tree[position - 1].text == "as"
            if renamed and name in ALLOWED_MACROS:
                self.fail(token, f"`use … as {name}` hides a macro", "use another name", "path")
            in_path = position and tree[position - 1].text in {"::", "{", ","}
            # `env` is a module too, of which the path's check speaks.
            if in_path and name in FORBIDDEN_MACROS and name not in STD_REASONS:
                self.macro(token, [name])
        return end + 1

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
            for trait in "".join(words[2:-1]).split(","):
                self.derive(token, [each.removeprefix("r#") for each in trait.split("::") if each])
        elif self.crates.has_attribute(name):
            return
        elif not _is_harmless(name, names, "".join(words[2:-1]).split(",")):
            shown = "".join(words)[:40]
            self.fail(token, f"the attribute `#[{shown}]` is not allowed", ATTRIBUTES_ADVICE, "attribute")

    def derive(self, token: Token, trait: Sequence[str]) -> None:
        """One trait of a ``derive``, as the parts of its path."""
        if self.crates.permitted and trait and self.crates.gives(trait):
            if (missing := self.crates.missing_feature(trait)) is not None:
                crate, feature = missing
                message = f"`#[derive({trait[-1]})]` needs the feature `{feature}` of the crate `{crate}`, which is off"
                self.fail(token, message, "write the impl by hand", "attribute")
            return
        for each in trait:
            if each not in DERIVES:
                self.fail(
                    token, f"`#[derive({each})]` is not allowed", f"derive only {', '.join(DERIVES)}", "attribute"
                )


def _is_harmless(name: str, names: Sequence[str], lints: Sequence[str]) -> bool:
    """Whether an attribute only guides the optimiser or silences a lint of style."""
    if name == "inline":
        return list(names) in ([], ["always"], ["never"])
    if name == "allow":
        return all(each.startswith(LINT_FAMILIES) for each in lints if each)
    return name in {"must_use", "default"} and not names
