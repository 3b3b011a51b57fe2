"""Renders Rust from the jinja2 templates of ``rust_templates/catalogue``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import jinja2

from akatsuki_wasm.resources import data_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from akatsuki_wasm.offline.operations import Knob


@dataclass(frozen=True)
class ShownParameter:
    """A parameter of a generated function: its name there, and the default that the prompt chose."""

    name: str
    knob: Knob
    default: float | str | None

    @property
    def type(self) -> str:
        return self.knob.type

    @property
    def doc(self) -> str:
        """The line of the doc comment from which every face takes range, default and help."""
        facts = []
        if self.knob.minimum is not None and self.knob.maximum is not None:
            facts.append(f"{number(self.knob.minimum, self.type)}..={number(self.knob.maximum, self.type)}")
        if self.default is not None:
            facts.append(f"default {number(self.default, self.type)}")
        described = f"{', '.join(facts)}. {self.knob.help}" if facts else self.knob.help
        return f"* `{self.name}`: {described}"


def number(value: float | str, rust_type: str) -> str:
    """A value as Rust and the doc comment write it: ``4`` for integers, ``4.0`` for floats, text in quotes."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if rust_type[0] in "ui":
        return str(round(value))
    return repr(float(value))


@cache
def environment() -> jinja2.Environment:
    """The jinja2 environment of the catalogue's templates; a missing variable is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(data_folder("rust_templates") / "catalogue"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Rust is not HTML; everything that goes in is the catalogue's own or was checked to be a name or number.
        autoescape=False,  # noqa: S701 - see above
    )


def render(template: str, **values: Any) -> str:
    """The text of a template, ending in one line break."""
    return environment().get_template(template).render(**values).strip("\n") + "\n"


@cache
def _fragment(rust: str) -> jinja2.Template:
    return environment().from_string(rust)


def fragment(rust: str, names: dict[str, str]) -> str:
    """A piece of an operation's Rust with its parameters' names filled in."""
    return _fragment(rust).render(names)


def beside_prelude(rust: str, names: Iterable[str]) -> str:
    """Calls of prelude functions written with their path where the file has a public function of the same name."""
    for name in names:
        rust = re.sub(rf"(?<![\w.:])(?<!fn ){name}(?=\()", f"crate::prelude::{name}", rust)
    return rust
