"""From a request to built bytes: what the stages generate and build get and give."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from akatsuki_wasm.contracts.modules import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
class Example:
    """A call with its expected value, such as ``f(2, 3) == 5``.

    Attributes:
        text: As it was given.
        function: snake_case.
        args: Positional literals.
        kwargs: Named literals.
        expected: The literal on the right.
        tolerance: Relative tolerance for floats; 0 means 1e-9, or 1e-5 where the result is f32.
    """

    text: str
    function: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    expected: Any
    tolerance: float = 0.0


@dataclass(frozen=True)
class GenerationRequest:
    """What a generator is asked for.

    Attributes:
        prompt: The user's sentence, not empty.
        name: The module name the user wants, or None for the generator to choose.
        generator: The generator that must answer, or None for the default.
        model: A language model's name, or None for the generator's default.
        examples: Calls that the result must satisfy.
    """

    prompt: str
    name: str | None = None
    generator: str | None = None
    model: str | None = None
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Feedback:
    """What went wrong with the attempt before, for a generator that can do better.

    Attributes:
        attempt: Number of the failed attempt, from 1.
        stage: The stage that failed.
        message: One line.
        diagnostics: On the author's own lines, errors first.
        source: What failed.
    """

    attempt: int
    stage: Stage
    message: str
    diagnostics: tuple[Diagnostic, ...]
    source: GuestSource


@dataclass(frozen=True)
class GuestSource:
    """A generator's answer: one file of plain Rust.

    Attributes:
        rust: The author's file.
        name: Suggested module name, kebab-case, such as ``vintage-filter``.
        description: One line for people.
        generator: Name of the generator that wrote it.
        examples: Calls the generator itself expects to hold.
        notes: What a reader should know, such as which words were understood and which were not.
        usage: Model, tokens and the like, for the record; empty for the offline catalogue.
    """

    rust: str
    name: str
    description: str
    generator: str
    examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Hex sha256 of the UTF-8 text."""
        return hashlib.sha256(self.rust.encode()).hexdigest()


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
    """

    timeout_s: float = 60.0
    memory_bytes: int = 4096 * MIB
    report: Callable[[str], None] = field(default=lambda line: None, compare=False, repr=False)


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
