"""Runs a suite: designs each prompt as a user would, without storing the module, and counts what came of it.

The references are never shown to a language model: it gets the prompt, and the examples that the case gives with it.
Answers are remembered as those of any design are, so that a suite that is run again costs nothing. A project's lock
file is left alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from akatsuki_wasm import __version__
from akatsuki_wasm.contracts import GenerationContext, GenerationRequest
from akatsuki_wasm.errors import (
    AkatsukiError,
    ArgumentError,
    BuildTimeoutError,
    CheckError,
    CompileError,
    GenerateError,
    MissingKeyError,
    ModelError,
    NoMatchError,
    RepairError,
    SourceRejectedError,
    UnusableReplyError,
)
from akatsuki_wasm.evaluation.results import CaseResult, Evaluation, Outcome, ResultStore, Turn
from akatsuki_wasm.generation_facts import storable
from akatsuki_wasm.repair_loop import Attempt, RepairLimits, RepairLoop
from akatsuki_wasm.replies import FolderReplies

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.evaluation.suite import Case, Suite
    from akatsuki_wasm.workspace import Workspace

_LASTING = {401, 402, 403, 404, 405}
"""HTTP statuses with which every other question would fail as well."""


_OF_THE_CASE = (GenerateError, SourceRejectedError, CompileError, BuildTimeoutError, CheckError, ArgumentError)


@dataclass(frozen=True)
class RunOptions:
    """How a suite is run.

    Attributes:
        generator: Which generator; the settings' one where None.
        model: Which language model, for generators that have one.
        max_repairs: Times the generator is asked again for a case; the settings' number where None.
        fresh: Ask a language model although its answer is known.
    """

    generator: str | None = None
    model: str | None = None
    max_repairs: int | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Run:
    """A run with what ended it, where something did.

    Attributes:
        evaluation: As far as it came.
        error: What would have failed for every other case too, or None. A `KeyboardInterrupt` is the user's.
    """

    evaluation: Evaluation
    error: BaseException | None = None


def _nobody_listens(*_: object) -> None:
    """Nobody wants to know how far it is."""


def run_suite(
    workspace: Workspace,
    suite: Suite,
    options: RunOptions | None = None,
    *,
    store: ResultStore | None = None,
    begin: Callable[[int, Case], None] = _nobody_listens,
    done: Callable[[CaseResult], None] = _nobody_listens,
) -> Run:
    """Runs all cases of a suite, one after the other.

    Args:
        workspace: Whose plugins, settings and remembered answers are used.
        suite: Or a part of one.
        options: How.
        store: Keeps the evaluation after each case, so that even a run that is killed is not lost; or None.
        begin: Hears the number of each case, from 1, and the case before it is run.
        done: Hears what came of each case.

    Raises:
        StorageError: The evaluation cannot be stored.

    Returns:
        The evaluation. It ends early where the user interrupts it and where a failure would meet every case, such as a
        key that is missing; what was done until then is kept.
    """
    options = options or RunOptions()
    repairs = workspace.settings.max_repairs if options.max_repairs is None else options.max_repairs
    evaluation = Evaluation(
        id="",
        suite=suite.name,
        generator=options.generator or workspace.settings.default_generator,
        model=options.model or "",
        started=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        version=__version__,
        max_repairs=repairs,
        selected=len(suite.cases),
        results=(),
    )
    before: AkatsukiError | None = None
    for number, case in enumerate(suite.cases, 1):
        begin(number, case)
        attempts: list[Attempt] = []
        started = time.perf_counter()
        failure: AkatsukiError | None = None
        try:
            _loop(workspace, case, options, repairs, attempts).run()
        except KeyboardInterrupt as exc:
            return Run(_kept(store, replace(evaluation, ended="interrupted")), exc)
        except AkatsukiError as exc:
            failure = exc
            if _is_lasting(exc, before):
                return Run(_kept(store, replace(evaluation, ended=str(exc))), exc)
        before = failure
        result = _result(case, attempts, failure, time.perf_counter() - started)
        model = next((each.exchange.model for each in attempts if each.exchange is not None), "")
        evaluation = replace(evaluation, results=(*evaluation.results, result), model=model or evaluation.model)
        evaluation = _kept(store, evaluation)
        done(result)
    return Run(evaluation)


def _kept(store: ResultStore | None, evaluation: Evaluation) -> Evaluation:
    return evaluation if store is None or not evaluation.results else store.save(evaluation)


def _loop(workspace: Workspace, case: Case, options: RunOptions, repairs: int, attempts: list[Attempt]) -> RepairLoop:
    from akatsuki_wasm.rust.crates import permitted

    settings = workspace.settings
    request = GenerationRequest(
        case.prompt,
        generator=options.generator,
        model=options.model,
        examples=case.oracle.examples,
        crates=permitted(settings.crates),
    )
    context = GenerationContext(replies=FolderReplies(settings.resolved_replies_dir), fresh=options.fresh)
    limits = RepairLimits(repairs, settings.token_budget)
    return RepairLoop(workspace.pipeline, request, case.oracle, context, limits, attempts)


def _is_lasting(error: AkatsukiError, before: AkatsukiError | None) -> bool:
    """Whether the next case would fail alike, whatever its prompt is."""
    reason = _reason(error)
    if isinstance(reason, ModelError):
        # A server that is busy may be free again; what it says twice in a row it will say again.
        status = getattr(reason.__cause__, "status_code", None)
        return status in _LASTING or (before is not None and str(_reason(before)) == str(reason))
    if isinstance(reason, MissingKeyError):
        return True
    return not isinstance(reason, _OF_THE_CASE)


def _reason(error: AkatsukiError) -> AkatsukiError:
    """What was wrong with the best attempt, or why the generator could not be asked again."""
    cause = error.__cause__
    return cause if isinstance(error, RepairError) and isinstance(cause, AkatsukiError) else error


def failure_kind(error: AkatsukiError) -> str:
    """What an attempt failed with, one of `akatsuki_wasm.evaluation.results.FAILURES`."""
    match error:
        case NoMatchError():
            return "no-match"
        case UnusableReplyError(final=final):
            return "refused" if final else "unusable"
        case ModelError():
            return "model"
        case SourceRejectedError():
            return "lint"
        case CompileError():
            return "compile"
        case BuildTimeoutError():
            return "timeout"
        case CheckError(kind=kind):
            return kind
        case ArgumentError():
            return "case"
        case _:
            return "generate"


def _result(case: Case, attempts: list[Attempt], failure: AkatsukiError | None, seconds: float) -> CaseResult:
    turns = tuple(_turn(each) for each in attempts)
    outcome: Outcome = "failed" if failure is not None else "first" if len(turns) == 1 else "repaired"
    reason = None if failure is None else _reason(failure)
    return CaseResult(
        case.name,
        case.kind,
        case.level,
        outcome,
        None if reason is None else failure_kind(reason),
        "" if failure is None else storable(str(failure)),
        round(seconds, 3),
        turns,
    )


def _turn(attempt: Attempt) -> Turn:
    exchange = attempt.exchange
    return Turn(
        None if attempt.error is None else failure_kind(attempt.error),
        storable(attempt.message),
        round(attempt.seconds, 3),
        None if exchange is None else exchange.tokens_in,
        None if exchange is None else exchange.tokens_out,
        exchange is not None and exchange.replayed,
        "" if attempt.source is None else storable(attempt.source.rust),
    )
