"""What a module is checked against, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import Call, Example, ExecutionResult, Failure, Limits

if TYPE_CHECKING:
    from akatsuki_wasm.checks.oracle import Oracle
    from akatsuki_wasm.contracts import BatchCall

Execute = Callable[["Call | BatchCall", Limits], ExecutionResult]
Say = Callable[[str], None]

CASE_LIMITS = Limits(timeout_ms=2_000)


@dataclass(frozen=True)
class Checks:
    """What a module must do beside passing the automatic cases.

    Attributes:
        examples: The user's calls with expected values: each must hold.
        own: The generator's own examples. They are tried and reported, and fail nothing: a model may be wrong about
            what its own source gives.
        oracle: References in Python that the module must agree with, or None.
    """

    examples: tuple[Example, ...] = ()
    own: tuple[Example, ...] = ()
    oracle: Oracle | None = None


@dataclass(frozen=True)
class OwnExample:
    """One of the generator's own examples.

    Attributes:
        text: As the generator wrote it.
        held: Whether the module gave what the generator expected.
        got: What the module gave, as text.
    """

    text: str
    held: bool
    got: str


@dataclass(frozen=True)
class OracleResult:
    """How one function agreed with its reference.

    Attributes:
        function: Its name.
        rows: Random inputs that were compared.
        errors: Those of them where both answered with an error.
        skipped: Inputs that were left out because the reference's answer is no value of the function's result type.
        largest_absolute: Largest difference of a number; of an image, of a colour channel in levels.
        largest_relative: Largest difference of a number, relative to the reference's.
        tolerance: What was allowed, as text, such as ``rtol 1e-09`` or ``2 levels``.
        reference_seconds: Time that the reference took for all rows.
        module_seconds: Time that the module took for them.
        seed: Of the random inputs.
    """

    function: str
    rows: int
    errors: int = 0
    skipped: int = 0
    largest_absolute: float = 0.0
    largest_relative: float = 0.0
    tolerance: str = ""
    reference_seconds: float = 0.0
    module_seconds: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class CheckReport:
    """What was tried.

    Attributes:
        automatic: Automatic cases that were executed.
        examples: The user's examples, all of which held, as text.
        own: The generator's own examples, apart: they may not have held.
        oracle: How each function agreed with its reference.
    """

    automatic: int
    examples: tuple[str, ...] = ()
    own: tuple[OwnExample, ...] = ()
    oracle: tuple[OracleResult, ...] = ()

    @property
    def doubts(self) -> tuple[OwnExample, ...]:
        """The generator's own examples that did not hold."""
        return tuple(each for each in self.own if not each.held)

    @property
    def summary(self) -> str:
        """One line for people."""
        parts = [_count(self.automatic, "case")]
        if self.examples:
            parts.append(f"{_count(len(self.examples), 'example')} held")
        if self.own:
            held = len(self.own) - len(self.doubts)
            parts.append(f"{held} of {_count(len(self.own), 'example')} of the generator's own held")
        parts += [f"{each.function} agrees with its reference on {_count(each.rows, 'row')}" for each in self.oracle]
        if self.doubts:
            first = self.doubts[0]
            parts.append(f"in doubt: {first.text} gave {first.got}")
        return ", ".join(parts)

    def facts(self) -> dict[str, Any]:
        """JSON-able, for the provenance."""
        return {
            "automatic": self.automatic,
            "examples": list(self.examples),
            "own": [asdict(each) for each in self.own],
            "oracle": [asdict(each) for each in self.oracle],
        }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


@dataclass
class Findings:
    """What a check found so far: it goes on after a failure, so that all failures are told at once."""

    passed: int = 0
    tried: int = 0
    failures: list[Failure] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)
    """Functions that ran past the time limit: each further call could take as long."""

    def hold(self, number: int = 1) -> None:
        """So many cases held."""
        self.passed += number
        self.tried += number

    def fail(self, failure: Failure, hint: str = "") -> None:
        """One case did not hold."""
        self.tried += 1
        self.failures.append(failure)
        self.hints.append(hint or failure.help)
