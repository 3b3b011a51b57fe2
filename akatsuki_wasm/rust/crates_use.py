"""What an author's file takes from the permitted crates: which of them it names, and the names that it imports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from akatsuki_wasm.rust.syntax import Source, Token
from akatsuki_wasm.rust.use_trees import bare, is_name, use_end, use_paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from akatsuki_wasm.contracts import Crate

_DERIVE_FEATURE = {"serde": "derive"}
"""Crates whose derived traits need a feature that is off by default."""
_HELPERS = {"thiserror": ("error", "from", "source", "backtrace"), "serde_with": ("serde_as",)}
"""Attributes of a crate's derived traits that do not have the crate's own name."""
_BUILT_IN = frozenset(
    (
        *("path", "cfg", "cfg_attr", "link", "link_name", "link_section", "no_mangle", "export_name", "used", "test"),
        *("repr", "target_feature", "macro_use", "macro_export", "global_allocator", "feature", "no_link", "ignore"),
        *("deprecated", "inline", "cold", "allow", "warn", "deny", "forbid", "expect", "derive", "must_use"),
    )
)
"""Attributes of the language: a crate of such a name does not permit them."""


@dataclass(frozen=True)
class CrateUse:
    """What a file takes from permitted crates.

    Attributes:
        permitted: The permitted crates, by their name in Rust.
        used: Those that the file names, in order of their names.
        names: The crate of each name that a ``use`` brings in.
        globs: Crates of which a ``use`` brings in everything.
    """

    permitted: Mapping[str, Crate] = field(default_factory=dict)
    used: tuple[Crate, ...] = ()
    names: Mapping[str, Crate] = field(default_factory=dict)
    globs: tuple[Crate, ...] = ()

    def gives(self, parts: Sequence[str]) -> bool:
        """Whether a path, such as a macro's or a derived trait's, may lead into a permitted crate."""
        return parts[0] in self.permitted or parts[0] in self.names or (len(parts) == 1 and bool(self.globs))

    def missing_feature(self, trait: Sequence[str]) -> tuple[str, str] | None:
        """The crate and the feature of it that deriving a trait needs, or None where nothing is known to be missing."""
        crate = self.permitted.get(trait[0]) or self.names.get(trait[0])
        needed = _DERIVE_FEATURE.get(crate.name) if crate is not None else None
        return None if crate is None or needed is None or needed in crate.features else (crate.name, needed)

    def has_attribute(self, name: str) -> bool:
        """Whether an attribute is one that a permitted crate's derived traits read."""
        if name in _BUILT_IN:
            return False
        return name in self.permitted or any(name in _HELPERS.get(each.name, ()) for each in self.used)


def used_crates(text: str, crates: Sequence[Crate]) -> tuple[Crate, ...]:
    """The permitted crates that a file names.

    Args:
        text: An author's file.
        crates: The permitted crates.

    Raises:
        SourceRejectedError: The file is too large, or made to be slow to parse.
    """
    return read_use(list(Source(text).tokens()), crates).used if crates else ()


def read_use(tokens: Sequence[Token], crates: Sequence[Crate]) -> CrateUse:
    """Reads the tokens of a file. A local module of a crate's name counts as the crate: rustc decides."""
    if not crates:
        return CrateUse()
    permitted = {each.ident: each for each in crates}
    used: dict[str, Crate] = {}
    names: dict[str, Crate] = {}
    globs: dict[str, Crate] = {}
    # Two ends of file, so that looking ahead needs no care.
    ends = [Token("end", "", 1, 1, True)] * 2
    tokens = [*tokens, *ends]
    for index, token in enumerate(tokens[:-2]):
        if token.text == "use" and token.kind == "use":
            for path in use_paths(tokens[index + 1 : use_end(tokens, index)]):
                crate = permitted.get(path.parts[0]) if path.parts else None
                if crate is None:
                    continue
                used[crate.ident] = crate
                if path.name:
                    names[path.name] = crate
                elif path.parts[-1] == "*":
                    globs[crate.ident] = crate
        elif bare(token) in permitted and _is_root(tokens, index):
            used[bare(token)] = permitted[bare(token)]
    return CrateUse(permitted, tuple(used[each] for each in sorted(used)), names, tuple(globs.values()))


def _is_root(tokens: Sequence[Token], index: int) -> bool:
    """Whether a path begins at a name."""
    continues = index > 1 and tokens[index - 1].text == "::" and is_name(tokens[index - 2])
    return is_name(tokens[index]) and tokens[index + 1].text == "::" and not continues
