"""What a module is: its kind, its functions with their signatures, its manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from akatsuki_wasm import wit

if TYPE_CHECKING:
    from collections.abc import Mapping

ModuleKind = Literal["akatsuki", "core", "component", "command"]
"""``akatsuki``: has an ``akatsuki.module`` section; ``core``: a plain module, known by its numeric exports alone;
``component``: a WebAssembly component; ``command``: a WASI preview 1 command, which reads stdin and writes stdout."""

ABI_VERSION = 1
MIB = 1024 * 1024
WASM_PAGE = 65536
"""Bytes in a page of linear memory."""


class Missing:
    """The type of `MISSING`: a parameter without a default, as None may be one."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"


MISSING = Missing()


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function.

    Attributes:
        name: snake_case.
        type: Its WIT type.
        doc: What the author's documentation says of it, one line.
        minimum: Smallest allowed value, inclusive, or None.
        maximum: Largest allowed value, inclusive, or None.
        default: A JSON-able value, or `MISSING`.
    """

    name: str
    type: wit.Type
    doc: str = ""
    minimum: float | None = None
    maximum: float | None = None
    default: Any = MISSING

    @property
    def required(self) -> bool:
        """Whether a caller must give it: it has no default and is no ``option``."""
        return self.default is MISSING and not isinstance(self.type, wit.Option)


@dataclass(frozen=True)
class Function:
    """One exported function of a module.

    Attributes:
        name: snake_case.
        params: In order.
        result: WIT type of the result, or None for no result.
        doc: First line (or lines) of the author's documentation.
        export: The core export's name.
        batch: The batch lane's core export, or None where the function has none.
    """

    name: str
    params: tuple[Parameter, ...]
    result: wit.Type | None
    doc: str = ""
    export: str = ""
    batch: str | None = None

    @property
    def signature(self) -> str:
        """WIT text, such as ``margin: func(price: f64, cost: f64) -> f64``."""
        params = ", ".join(f"{wit.kebab(param.name)}: {param.type}" for param in self.params)
        result = "" if self.result is None else f" -> {self.result}"
        return f"{wit.kebab(self.name)}: func({params}){result}"


@dataclass(frozen=True)
class Manifest:
    """What a module says of itself in its ``akatsuki.module`` section, or what its plain exports say.

    Attributes:
        functions: By declaration order.
        description: One line.
        kind: Where the facts come from.
        abi: `ABI_VERSION` of the host that built it, 0 for a plain module.
        build: Reproducible facts of the build (source sha256, prelude hash, rustc version, flags); no clock, path or
            name.
    """

    functions: tuple[Function, ...]
    description: str = ""
    kind: ModuleKind = "akatsuki"
    abi: int = ABI_VERSION
    build: Mapping[str, Any] = field(default_factory=dict)

    def function(self, name: str) -> Function | None:
        """The function of that name, snake_case or kebab-case, or None."""
        wanted = wit.snake(name)
        return next((each for each in self.functions if wit.snake(each.name) == wanted or each.export == name), None)

    @property
    def records(self) -> dict[str, wit.Record]:
        """All records that the functions use, by snake_case name."""
        return {name: each for name, each in self.named_types.items() if isinstance(each, wit.Record)}

    @property
    def named_types(self) -> dict[str, wit.Named]:
        """All records, and of a component all variants, enums and flags, that the functions use."""
        types = [each for function in self.functions for each in (*(p.type for p in function.params), function.result)]
        return wit.named(*types)
