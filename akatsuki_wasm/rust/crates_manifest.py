"""The part of a ``Cargo.toml`` that names the permitted crates, and the package that they are resolved for.

Every permitted crate is an optional dependency, so that one lock fits all modules whatever they use of it: a module's
build turns on the crates that its source names, and cargo compiles no other.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from akatsuki_wasm.rust.glue import PACKAGE, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from akatsuki_wasm.contracts import Crate


def dependencies(crates: Iterable[Crate]) -> str:
    """The table ``[dependencies]``."""
    return "".join(("\n[dependencies]\n", *map(_dependency, crates)))


def _dependency(crate: Crate) -> str:
    # JSON strings are TOML strings.
    parts = [f"version = {json.dumps(f'={crate.version}')}", "optional = true"]
    if crate.features:
        parts.append(f"features = {json.dumps(list(crate.features))}")
    if not crate.default_features:
        parts.append("default-features = false")
    return f"{crate.name} = {{ {', '.join(parts)} }}\n"


def resolving_package(crates: Iterable[Crate]) -> dict[str, str]:
    """The files of an empty package with these crates: its lock is also that of every module."""
    head = f"""\
[workspace]

[package]
name = "{PACKAGE}"
version = "{VERSION}"
edition = "2021"
publish = false
build = false

[lib]
path = "lib.rs"
"""
    return {"Cargo.toml": head + dependencies(crates), "lib.rs": ""}
