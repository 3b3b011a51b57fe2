"""The repair loop: asks a generator, builds, checks, and asks again with what was wrong, until one attempt is right.

It stops when the repairs are used up, when the generator makes no progress, or when the answers took more tokens than a
design may use. Every attempt is kept, and the best one says what it lacked.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import (
    Artifact,
    Diagnostic,
    Exchange,
    Feedback,
    GenerationContext,
    GenerationRequest,
    GuestProject,
    GuestSource,
    Stage,
)
from akatsuki_wasm.errors import (
    AkatsukiError,
    BuildTimeoutError,
    CheckError,
    CompileError,
    DesignCancelled,
    GenerateError,
    ModelError,
    RepairError,
    SourceRejectedError,
    UnusableReplyError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from akatsuki_wasm.checks import CheckReport
    from akatsuki_wasm.checks.oracle import Oracle
    from akatsuki_wasm.pipeline import Pipeline

_OF_THE_SOURCE = (SourceRejectedError, CompileError, BuildTimeoutError, CheckError)
"""What another source can mend."""
_SAME_FAILURE = 3
"""So many times the same failure in a row is no progress."""


@dataclass(frozen=True)
class RepairLimits:
    """When the loop gives up.

    Attributes:
        max_repairs: Times the generator is asked again after an attempt that failed.
        token_budget: Tokens, in and out, after which it is not asked again; None for no limit. Answers from memory
            count as they did when they were new, so that a design ends alike both times.
    """

    max_repairs: int = 3
    token_budget: int | None = None


@dataclass(frozen=True)
class Attempt:
    """One turn of the loop.

    Attributes:
        number: From 1.
        source: What the generator wrote, or None where its answer held no usable source.
        failed_stage: Where it failed, or None where it passed.
        message: Why, or empty.
        diagnostics: On the author's own lines.
        seconds: Of the whole turn.
        exchange: The question and answer of the language model, or None where none was asked.
        error: What it failed with, or None where it passed.
        report: What was checked, or None where it did not come to that.
    """

    number: int
    source: GuestSource | None
    failed_stage: Stage | None
    message: str
    diagnostics: tuple[Diagnostic, ...]
    seconds: float
    exchange: Exchange | None = None
    error: AkatsukiError | None = None
    report: CheckReport | None = None

    @property
    def tokens(self) -> int:
        """In and out, as far as the server told."""
        if self.exchange is None:
            return 0
        return (self.exchange.tokens_in or 0) + (self.exchange.tokens_out or 0)

    @property
    def merit(self) -> tuple[int, ...]:
        """How far it came; the larger is the better."""
        match self.error:
            case None:
                return (5,)
            case CheckError(passed=passed):
                return 4, passed
            case CompileError(diagnostics=found):
                return 3, -sum(each.level == "error" for each in found)
            case BuildTimeoutError():
                return (2,)
            case SourceRejectedError(problems=found):
                return 1, -len(found)
            case _:
                return (0,)


@dataclass(frozen=True)
class Design:
    """What a successful design made.

    Attributes:
        artifact: Built and checked; its provenance says how it came to be.
        source: The generator's answer that passed.
        report: What was checked.
        attempts: All turns, the passing one last.
    """

    artifact: Artifact
    source: GuestSource
    report: CheckReport
    attempts: tuple[Attempt, ...]


class _Turn:
    """One attempt while it is made.

    Args:
        attempts: Where it is kept when it ends.
    """

    def __init__(self, attempts: list[Attempt]) -> None:
        self.number = len(attempts) + 1
        self._attempts = attempts
        self._started = time.perf_counter()

    def keep(self, failed: Feedback | None, *, warnings: tuple[Diagnostic, ...] = (), **facts: Any) -> None:
        """Ends the attempt: with what was wrong, or with the build's warnings where it passed."""
        self._attempts.append(
            Attempt(
                number=self.number,
                failed_stage=None if failed is None else failed.stage,
                message="" if failed is None else failed.message,
                diagnostics=warnings if failed is None else failed.diagnostics,
                seconds=time.perf_counter() - self._started,
                **facts,
            )
        )


@dataclass
class RepairLoop:
    """One design on its way.

    Attributes:
        pipeline: Runs the stages.
        request: What is wanted.
        oracle: References to compare with, or None.
        context: What the generator may use. Its control cancels the whole loop.
        limits: When to give up.
        attempts: Every turn as it ends: a caller has them after a failure too.
    """

    pipeline: Pipeline
    request: GenerationRequest
    oracle: Oracle | None = None
    context: GenerationContext = field(default_factory=GenerationContext)
    limits: RepairLimits = field(default_factory=RepairLimits)
    attempts: list[Attempt] = field(default_factory=list)

    def run(self) -> Design:
        """From the request to a built and checked module.

        Raises:
            RepairError: No attempt was right.
            StageError: The only attempt's failure, or one that no other source could mend.
            DesignCancelled: It is not wanted any more.
        """
        feedback: Feedback | None = None
        while True:
            made = self._turn(feedback)
            if isinstance(made, Design):
                return made
            feedback = made
            if len(self.attempts) > self.limits.max_repairs:
                raise self._failure("", own=True)
            stuck = self._stuck()
            if stuck:
                raise self._failure(stuck)

    def _turn(self, feedback: Feedback | None) -> Design | Feedback:
        """One attempt: a design, or what was wrong with it."""
        turn = _Turn(self.attempts)
        answer = self._ask(feedback, turn)
        return answer if isinstance(answer, Feedback) else self._try(answer, turn)

    def _ask(self, feedback: Feedback | None, turn: _Turn) -> GuestSource | Feedback:
        """The generator's source, or that its answer held none."""
        try:
            return self.pipeline.generate(self.request, feedback, turn.number, self.context)
        except DesignCancelled as exc:
            if exc.exchange is not None:
                failed = Feedback(turn.number, "generate", str(exc), (), None, exc.exchange.reply)
                turn.keep(failed, source=None, exchange=exc.exchange, error=exc)
            raise
        except GenerateError as exc:
            last = None if feedback is None else feedback.source
            reply = "" if exc.exchange is None else exc.exchange.reply
            failed = Feedback(turn.number, "generate", str(exc), (), last, reply)
            if feedback is None or exc.exchange is not None:
                turn.keep(failed, source=None, exchange=exc.exchange, error=exc)
            if isinstance(exc, UnusableReplyError) and not exc.final:
                # What was wrong with the last source still is.
                return failed if feedback is None else replace(failed, diagnostics=feedback.diagnostics)
            if feedback is None:
                raise
            if isinstance(exc, ModelError | UnusableReplyError):
                raise self._failure(f"then {exc}") from exc
            # A generator that cannot do better leaves the failure of its own source as the thing to report.
            raise self._failure("", own=True) from None

    def _try(self, source: GuestSource, turn: _Turn) -> Design | Feedback:
        """Builds and checks a source."""
        from akatsuki_wasm.checks import Checks  # it brings numpy, which a refusal does not need

        control = self.context.control
        stage: Stage = "build"
        try:
            project = GuestProject(self.request.name or source.name, source)
            artifact = self.pipeline.build(project, turn.number, control)
            stage = "check"
            checks = Checks(self.request.examples, source.examples, self.oracle)
            report = self.pipeline.check(artifact, checks, source.name, turn.number, control)
        except DesignCancelled as exc:
            failed = Feedback(turn.number, stage, str(exc), (), source)
            turn.keep(failed, source=source, exchange=source.exchange, error=exc)
            raise
        except _OF_THE_SOURCE as exc:
            failed = _feedback(exc, turn.number, source)
            turn.keep(failed, source=source, exchange=source.exchange, error=exc)
            return failed
        turn.keep(None, source=source, exchange=source.exchange, report=report, warnings=artifact.warnings)
        provenance = {**artifact.provenance, **provenance_of(self.request, source, report, self.attempts)}
        return Design(replace(artifact, provenance=provenance), source, report, tuple(self.attempts))

    def _stuck(self) -> str:
        """Why it is of no use to ask again, or empty."""
        last, before = self.attempts[-1], self.attempts[:-1]
        if last.source is not None:
            same = next((each for each in before if each.source and each.source.rust == last.source.rust), None)
            if same is not None:
                return f"attempt {last.number} is the same source as attempt {same.number}"
        recent = self.attempts[-_SAME_FAILURE:]
        if len(recent) == _SAME_FAILURE and len({(each.failed_stage, each.message) for each in recent}) == 1:
            return f"the last {_SAME_FAILURE} failed alike"
        used = sum(each.tokens for each in self.attempts)
        if self.limits.token_budget is not None and used >= self.limits.token_budget:
            return f"{used:,} tokens use up the budget of {self.limits.token_budget:,}"
        return ""

    def _failure(self, reason: str, *, own: bool = False) -> AkatsukiError:
        """What to raise when it is over.

        Args:
            reason: Why there is no other attempt, where that is not plain.
            own: Whether the failure of an only attempt says it all.
        """
        best = max(self.attempts, key=lambda each: (each.merit, each.number))
        assert best.error is not None  # noqa: S101 - a design that passed does not come here
        count = len(self.attempts)
        if count == 1 and own:
            return best.error
        begin = f"none of {count} attempts is right; the best, attempt {best.number}," if count > 1 else "the attempt"
        error = RepairError(
            f"{begin} {_lacks(best)}{f' ({reason})' if reason else ''}",
            attempts=self.attempts,
            hint=best.error.hint or "Say in the prompt what you mean, or try another model: --model NAME",
        )
        error.__cause__ = best.error
        return error


def _lacks(attempt: Attempt) -> str:
    error = attempt.error
    match error:
        case CheckError():
            return f"builds, but {error}; expected {error.expected}"
        case CompileError():
            return f"does not compile: {error}"
        case SourceRejectedError():
            return f"is outside the guest contract: {error}"
        case BuildTimeoutError():
            return f"does not build: {error}"
        case _:
            return f"held no usable source: {error}"


def _feedback(error: AkatsukiError, attempt: int, source: GuestSource) -> Feedback:
    if isinstance(error, CheckError):
        return Feedback(attempt, "check", str(error), error.diagnostics, source)
    if isinstance(error, SourceRejectedError):
        return Feedback(attempt, "build", str(error), tuple(error.problems), source)
    found = tuple(getattr(error, "diagnostics", ())) or (Diagnostic("error", str(error), help=error.hint),)
    return Feedback(attempt, "build", str(error), found, source)


def provenance_of(
    request: GenerationRequest, source: GuestSource, report: CheckReport, attempts: list[Attempt]
) -> Mapping[str, Any]:
    """The design's facts beside the build's. They live in the registry, not in the bytes."""
    facts: dict[str, Any] = {
        "prompt": request.prompt,
        "generator": source.generator,
        "notes": list(source.notes),
        "usage": usage_of(source, attempts),
        "attempts": len(attempts),
        "checks": report.facts(),
    }
    if source.exchange is not None:
        facts["model"] = source.exchange.model
        facts["templates"] = dict(source.exchange.templates)
        facts["parameters"] = dict(source.exchange.parameters)
    if request.base is not None:
        facts["base"] = {"name": request.base.name, "source_sha256": request.base.sha256}
    return facts


def usage_of(source: GuestSource, attempts: list[Attempt]) -> dict[str, Any]:
    """Tokens and time of all answers; the generator's own facts where no language model was asked."""
    exchanges = [each.exchange for each in attempts if each.exchange is not None]
    if not exchanges:
        return dict(source.usage)
    facts: dict[str, Any] = {"model": exchanges[-1].model, "seconds": round(sum(each.seconds for each in exchanges), 3)}
    for name in ("tokens_in", "tokens_out"):
        counts = [getattr(each, name) for each in exchanges]
        if all(count is not None for count in counts):
            facts[name] = sum(counts)
    if any(each.replayed for each in exchanges):
        facts["replayed"] = sum(each.replayed for each in exchanges)
    return facts
