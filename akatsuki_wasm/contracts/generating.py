"""What the generate stage gets and gives: a wish, what was wrong with the attempt before, and a source."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from akatsuki_wasm.contracts.executing import Control

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from akatsuki_wasm.contracts.making import Diagnostic, Stage

Role = Literal["system", "user", "assistant"]


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
class Crate:
    """A crate that modules may use, because the settings permit it.

    Attributes:
        name: As in ``Cargo.toml``, such as ``serde_json``.
        version: The exact version, such as ``1.0.145``.
        features: Cargo features beside the default ones.
        default_features: Whether the crate's default features are on.
    """

    name: str
    version: str
    features: tuple[str, ...] = ()
    default_features: bool = True

    @property
    def ident(self) -> str:
        """The crate's name in Rust code."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class BaseSource:
    """A source that the wish starts from: the user's own file, or the current version of a module.

    Attributes:
        rust: The file.
        name: Of the module, kebab-case.
        prompt: What it was made for, or empty.
        generation: Id of the generation that wrote it, or empty.
    """

    rust: str
    name: str
    prompt: str = ""
    generation: str = ""

    @property
    def sha256(self) -> str:
        """Hex sha256 of the UTF-8 text."""
        return hashlib.sha256(self.rust.encode()).hexdigest()


@dataclass(frozen=True)
class Message:
    """One turn of a conversation with a language model."""

    role: Role
    content: str


@dataclass(frozen=True)
class Exchange:
    """One question to a language model and its answer, as it was.

    Attributes:
        messages: What was asked.
        reply: The answer's text; what had come of it where it broke off.
        model: The model that answered, as the server calls it.
        api: ``responses``, ``chat``, or ``manual`` for an answer that a person brought.
        parameters: What was asked for beside the messages, such as a temperature.
        key: The answer's key in the memory of replies, or empty.
        tokens_in: Of the question, or None where the server does not say.
        tokens_out: Of the answer, thinking included, or None.
        seconds: Until the answer was there.
        replayed: Whether it came from memory: no request was made, and it cost nothing.
        templates: Hex sha256 of each prompt template that was used, by its name.
    """

    messages: tuple[Message, ...]
    reply: str
    model: str
    api: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float = 0.0
    replayed: bool = False
    templates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RememberedReply:
    """A language model's answer that is kept, so that the same question need not be paid for twice.

    Attributes:
        text: As it came.
        model: The model that answered.
        tokens_in: Of the question, or None.
        tokens_out: Of the answer, or None.
    """

    text: str
    model: str
    tokens_in: int | None = None
    tokens_out: int | None = None


class ReplyMemory(Protocol):
    """Where answers of language models are kept, by the key of their question."""

    def get(self, key: str) -> RememberedReply | None:
        """The answer to the question with this key, or None."""
        ...

    def put(self, key: str, reply: RememberedReply) -> None:
        """Keeps an answer."""
        ...


def _nobody_listens(text: str) -> None:
    """The live text of an answer goes nowhere."""


@dataclass(frozen=True)
class GenerationContext:
    """What a generator may use while it works.

    Attributes:
        on_text: Hears an answer piece by piece while it comes.
        replies: Where answers are kept, or None where nothing is remembered.
        fresh: Ask again although the answer is known; the new one replaces it.
        replay_only: Answer from memory, or fail: nothing may be asked.
        bring: Asks a person to bring the answer to a conversation from wherever, or None where there is nobody.
        control: Says when the answer is not wanted any more; the generator then raises an
            `akatsuki_wasm.errors.DesignCancelled`.
    """

    on_text: Callable[[str], None] = field(default=_nobody_listens, compare=False, repr=False)
    replies: ReplyMemory | None = None
    fresh: bool = False
    replay_only: bool = False
    bring: Callable[[Sequence[Message]], str] | None = field(default=None, compare=False, repr=False)
    control: Control = field(default_factory=Control, compare=False, repr=False)


@dataclass(frozen=True)
class GenerationRequest:
    """What a generator is asked for.

    Attributes:
        prompt: The user's sentence, not empty. Where there is a `base`, what to change in it.
        name: The module name the user wants, or None for the generator to choose.
        generator: The generator that must answer, or None for the default.
        model: A language model's name, or None for the generator's default.
        examples: Calls that the result must satisfy.
        base: The source to start from, or None.
        specification: Python that says what is wanted, such as the slow function that the module replaces; or empty.
        crates: Crates that the source may use.
    """

    prompt: str
    name: str | None = None
    generator: str | None = None
    model: str | None = None
    examples: tuple[Example, ...] = ()
    base: BaseSource | None = None
    specification: str = ""
    crates: tuple[Crate, ...] = ()


@dataclass(frozen=True)
class Feedback:
    """What went wrong with the attempt before, for a generator that can do better.

    Attributes:
        attempt: Number of the failed attempt, from 1.
        stage: The stage that failed; ``generate`` where the answer held no usable source.
        message: One line.
        diagnostics: On the author's own lines, errors first.
        source: What failed; where the answer held no usable source, the last source before it, or None.
        reply: The answer that held no usable source, or empty.
    """

    attempt: int
    stage: Stage
    message: str
    diagnostics: tuple[Diagnostic, ...]
    source: GuestSource | None
    reply: str = ""


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
        exchange: The question and answer that it was read from, or None where no language model was asked.
        crates: Crates that it may use: those of the request.
    """

    rust: str
    name: str
    description: str
    generator: str
    examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)
    exchange: Exchange | None = None
    crates: tuple[Crate, ...] = ()

    @property
    def sha256(self) -> str:
        """Hex sha256 of the UTF-8 text."""
        return hashlib.sha256(self.rust.encode()).hexdigest()
