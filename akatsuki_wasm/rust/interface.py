"""What an author's file offers, as the glue writer and the manifest need it: functions, parameters, records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import MISSING, Function, Manifest, Parameter
from akatsuki_wasm.manifest import BATCH_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class GuestParameter:
    """One parameter of an author's function.

    Attributes:
        name: Public name, snake_case.
        type: WIT type.
        passing: Rust expression that passes an owned value, with ``{}`` for the value, such as ``&{}``.
        generic: Whether its type is the function's ``R: Real``.
        doc: One line of help.
        minimum: Inclusive, or None.
        maximum: Inclusive, or None.
        default: JSON-able, or `MISSING`.
    """

    name: str
    type: wit.Type
    passing: str = "{}"
    generic: bool = False
    doc: str = ""
    minimum: float | None = None
    maximum: float | None = None
    default: Any = MISSING


@dataclass(frozen=True)
class GuestFunction:
    """One ``pub fn``.

    Attributes:
        ident: As Rust names it, such as ``r#match``.
        name: Public name, snake_case.
        params: In order.
        result: WIT type, or None for no result.
        doc: First paragraph of its documentation, in one line.
        line: Where it begins, from 1.
        generic: Whether it has a type parameter ``R: Real``, which stands for ``f64`` in its export.
        generic_result: Whether it returns ``R``.
    """

    ident: str
    name: str
    params: tuple[GuestParameter, ...]
    result: wit.Type | None
    doc: str = ""
    line: int = 1
    generic: bool = False
    generic_result: bool = False

    @property
    def export(self) -> str:
        """Name of the core export."""
        return wit.kebab(self.name)

    @property
    def lanes(self) -> bool:
        """Whether the batch lane can run it on SIMD lanes."""
        return self.generic_result and bool(self.params) and all(each.generic for each in self.params)

    @property
    def batch(self) -> str | None:
        """Name of the batch lane's core export, or None where a parameter or the result is no scalar."""
        payload = self.result.ok if isinstance(self.result, wit.Result) else self.result
        fits = bool(self.params) and payload is not None
        if fits and all(_is_cell(each) for each in (*(param.type for param in self.params), payload)):
            return f"{BATCH_PREFIX}{self.export}"
        return None


def _is_cell(type_: wit.Type | None) -> bool:
    inner = type_.inner if isinstance(type_, wit.Option) else type_
    return isinstance(inner, wit.Primitive)


@dataclass(frozen=True)
class GuestRecord:
    """A struct of the author's that a signature uses; `fields` are Rust identifiers, in order."""

    ident: str
    record: wit.Record
    fields: tuple[str, ...]


@dataclass(frozen=True)
class GuestInterface:
    """All that an author's file offers.

    Attributes:
        functions: In order; at least one.
        records: Each after the records that it is made of.
        description: One line.
    """

    functions: tuple[GuestFunction, ...]
    records: tuple[GuestRecord, ...] = ()
    description: str = ""

    def to_manifest(self, build: Mapping[str, Any] | None = None) -> Manifest:
        """The manifest of a module with this interface.

        Args:
            build: Reproducible facts of the build: no clock, path or name.
        """
        functions = tuple(
            Function(
                each.name,
                tuple(
                    Parameter(param.name, param.type, param.doc, param.minimum, param.maximum, param.default)
                    for param in each.params
                ),
                each.result,
                each.doc,
                each.export,
                each.batch,
            )
            for each in self.functions
        )
        return Manifest(functions, self.description, build=dict(build or {}))
