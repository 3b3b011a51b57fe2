"""From a source to built bytes: what the build stage gets and gives, and what all stages say of a source."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from akatsuki_wasm.contracts.executing import Control
from akatsuki_wasm.contracts.modules import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from akatsuki_wasm.contracts.generating import GuestSource
    from akatsuki_wasm.contracts.modules import Manifest

Stage = Literal["generate", "build", "check", "upload", "execute"]


@dataclass(frozen=True)
class Diagnostic:
    """One message about the author's source.

    Attributes:
        level: ``error``, ``warning`` or ``note``.
        message: One line.
        line: Line of the author's file from 1, or None where there is no place.
        column: Column from 1, in characters.
        code: Such as ``E0308`` or a lint's name.
        help: What to write instead, or empty.
        rendered: The whole message as the compiler prints it, or empty.
    """

    level: str
    message: str
    line: int | None = None
    column: int | None = None
    code: str = ""
    help: str = ""
    rendered: str = ""

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}: "
        return f"{place}{self.message}"


@dataclass(frozen=True)
class GuestProject:
    """What the build stage gets: a source and the name of the module to be."""

    name: str
    source: GuestSource


@dataclass(frozen=True)
class BuildOptions:
    """Limits and wishes of one build.

    Attributes:
        timeout_s: Wall clock for the whole build, in seconds.
        memory_bytes: Address space of the compiler.
        report: Called with one line when something worth showing happens.
        control: Says when the result is not wanted any more; the build then ends with an
            `akatsuki_wasm.errors.DesignCancelled`.
    """

    timeout_s: float = 60.0
    memory_bytes: int = 4096 * MIB
    report: Callable[[str], None] = field(default=lambda line: None, compare=False, repr=False)
    control: Control = field(default_factory=Control, compare=False, repr=False)


@dataclass(frozen=True)
class Artifact:
    """Built bytes with what is known of them.

    Attributes:
        wasm: The module, custom section included.
        manifest: What the section says, or what plain exports say.
        source: The author's file, or None for a foreign module.
        provenance: How it came to be (JSON-able): build facts, prompt, generator, sandbox level, checks.
        warnings: Of the build, on the author's own lines.
    """

    wasm: bytes = field(repr=False)
    manifest: Manifest
    source: str | None = field(default=None, repr=False)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def digest(self) -> str:
        """Hex sha256 of the bytes: the module's true name."""
        return hashlib.sha256(self.wasm).hexdigest()


def first_error(diagnostics: Sequence[Diagnostic]) -> Diagnostic | None:
    """The first diagnostic that is an error, or None."""
    return next((each for each in diagnostics if each.level == "error"), None)
