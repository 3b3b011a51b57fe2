"""The pipeline: generate, build, check, upload, with hooks around each stage and the repair loop.

The pipeline knows hooks and contracts only; what a stage does is a plugin's business.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from akatsuki_wasm.contracts import (
    Artifact,
    BatchCall,
    BuildOptions,
    Call,
    Control,
    Diagnostic,
    Exchange,
    ExecutableModule,
    ExecutionResult,
    Feedback,
    GenerationContext,
    GenerationRequest,
    GuestProject,
    GuestSource,
    Limits,
    Stage,
    StoredModule,
    UploadTarget,
)
from akatsuki_wasm.errors import (
    AkatsukiError,
    CheckError,
    CompileError,
    GenerateError,
    PluginError,
    SourceRejectedError,
    StageUnhandledError,
)
from akatsuki_wasm.values.bind import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.checks import CheckReport, Checks
    from akatsuki_wasm.manager import AkatsukiPluginManager

T = TypeVar("T")

_KINDS = {
    "akatsuki": "a module that was built here",
    "core": "a plain wasm module",
    "component": "a WebAssembly component",
    "command": "a WASI preview 1 command",
}
_REPAIRABLE = (SourceRejectedError, CompileError, CheckError)


@dataclass(frozen=True)
class Attempt:
    """One turn of the repair loop.

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


class Pipeline:
    """Drives the stages through the plugins.

    Args:
        plugins: Who answers.
        build_options: Limits of each build.
    """

    def __init__(self, plugins: AkatsukiPluginManager, build_options: BuildOptions | None = None) -> None:
        self.plugins = plugins
        self.build_options = build_options or BuildOptions()

    def design(self, request: GenerationRequest, *, max_repairs: int, attempts: list[Attempt] | None = None) -> Design:
        """From a prompt to a built and checked module.

        Args:
            request: What is wanted.
            max_repairs: Times the generator is asked again after a source that failed.
            attempts: Receives every turn as it ends, so that a caller has them after a failure too.

        Raises:
            StageError: The last turn's failure.
        """
        from akatsuki_wasm.checks import Checks

        turns = [] if attempts is None else attempts
        feedback: Feedback | None = None
        failure: AkatsukiError | None = None
        for number in range(1, max_repairs + 2):
            started = time.perf_counter()
            try:
                source = self.generate(request, feedback, number, GenerationContext())
            except GenerateError:
                # A generator that cannot do better leaves the failure of its own source as the thing to report.
                if failure is not None:
                    raise failure from None
                raise
            try:
                artifact = self.build(GuestProject(request.name or source.name, source), number)
                report = self.check(artifact, Checks(request.examples, source.examples), source.name, number)
            except _REPAIRABLE as exc:
                failure = exc
                feedback = _feedback(exc, number, source)
                seconds = time.perf_counter() - started
                turns.append(
                    Attempt(
                        number, source, feedback.stage, str(exc), feedback.diagnostics, seconds, source.exchange, exc
                    )
                )
                continue
            turns.append(
                Attempt(
                    number,
                    source,
                    None,
                    "",
                    artifact.warnings,
                    time.perf_counter() - started,
                    source.exchange,
                    None,
                    report,
                )
            )
            return Design(_with_provenance(artifact, request, source, report, turns), source, report, tuple(turns))
        raise failure if failure is not None else AssertionError("a design has at least one turn")

    def generate(
        self, request: GenerationRequest, feedback: Feedback | None, attempt: int, context: GenerationContext
    ) -> GuestSource:
        """Asks the generators."""

        def ask() -> GuestSource:
            try:
                return self._ask("akatsuki_generate", GuestSource, request=request, feedback=feedback, context=context)
            except StageUnhandledError as exc:
                if request.generator is None:
                    raise
                names = self.plugins.implementers("akatsuki_generate")
                raise StageUnhandledError(
                    f"there is no generator {request.generator!r}{did_you_mean(request.generator, names)}",
                    hint=f"The generators are: {', '.join(names) or 'none'}.",
                ) from exc

        return self._stage(
            "generate",
            request.name or request.prompt,
            attempt,
            ask,
            lambda source: f"{source.name} by {source.generator}, {len(source.rust.splitlines())} lines of Rust",
        )

    def build(self, project: GuestProject, attempt: int = 1) -> Artifact:
        """Asks the builders."""
        return self._stage(
            "build",
            project.name,
            attempt,
            lambda: self._ask("akatsuki_build", Artifact, project=project, options=self.build_options),
            lambda artifact: f"{len(artifact.wasm):,} bytes, sha256 {artifact.digest[:12]}",
        )

    def check(self, artifact: Artifact, checks: Checks, name: str, attempt: int = 1) -> CheckReport:
        """Tries every function on small inputs, every example, and the references."""
        from akatsuki_wasm.checks import check_module

        module = ExecutableModule(
            artifact.digest, artifact.manifest, lambda: artifact.wasm, name, built_here=artifact.source is not None
        )

        def execute(call: Call | BatchCall, limits: Limits) -> ExecutionResult:
            return self.execute(module, call, limits)

        return self._stage(
            "check",
            name,
            attempt,
            lambda: check_module(artifact.manifest, checks, execute),
            lambda report: report.summary,
        )

    def upload(self, artifact: Artifact, target: UploadTarget) -> StoredModule:
        """Asks the uploaders."""
        return self._stage(
            "upload",
            target.name,
            1,
            lambda: self._ask("akatsuki_upload", StoredModule, artifact=artifact, target=target),
            lambda stored: f"{stored.name}@{stored.version}",
        )

    def execute(
        self, module: ExecutableModule, call: Call | BatchCall, limits: Limits, control: Control | None = None
    ) -> ExecutionResult:
        """Asks the executors. No stage hooks: an execution may take microseconds."""
        try:
            return self._ask(
                "akatsuki_execute",
                ExecutionResult,
                module=module,
                call=call,
                limits=limits,
                control=Control() if control is None else control,
            )
        except StageUnhandledError as exc:
            asked = ", ".join(self.plugins.implementers("akatsuki_execute")) or "nobody"
            raise StageUnhandledError(
                f"{module.name or 'the module'} is {_KINDS[module.manifest.kind]}, and no plugin executes it "
                f"(asked: {asked})",
                hint=exc.hint,
            ) from exc

    def _ask(self, hook: str, kind: type[T], **arguments: Any) -> T:
        """Asks for one answer and holds the plugin to the hook's documented type."""
        answer = self.plugins.ask(hook, **arguments)
        if not isinstance(answer, kind):
            raise PluginError(
                f"a plugin answered {hook} with {type(answer).__name__}: expected {kind.__name__}",
                hint="See the hook's documentation; block the plugin with --block NAME.",
            )
        return answer

    def _stage(self, stage: Stage, name: str, attempt: int, work: Callable[[], T], summarise: Callable[[T], str]) -> T:
        self.plugins.tell("akatsuki_before_stage", stage=stage, name=name, attempt=attempt)
        started = time.perf_counter()
        try:
            answer = work()
        except AkatsukiError as exc:
            self.plugins.tell(
                "akatsuki_stage_failed",
                stage=stage,
                name=name,
                attempt=attempt,
                seconds=time.perf_counter() - started,
                error=exc,
            )
            raise
        self.plugins.tell(
            "akatsuki_after_stage",
            stage=stage,
            name=name,
            attempt=attempt,
            seconds=time.perf_counter() - started,
            summary=summarise(answer),
        )
        return answer


def _feedback(error: AkatsukiError, attempt: int, source: GuestSource) -> Feedback:
    if isinstance(error, CheckError):
        return Feedback(attempt, "check", str(error), error.diagnostics, source)
    found = error.problems if isinstance(error, SourceRejectedError) else getattr(error, "diagnostics", ())
    return Feedback(attempt, "build", str(error), tuple(found), source)


def _with_provenance(
    artifact: Artifact, request: GenerationRequest, source: GuestSource, report: CheckReport, turns: list[Attempt]
) -> Artifact:
    """Adds the design's facts to the build's. They live in the registry, not in the bytes."""
    design: dict[str, Any] = {
        "prompt": request.prompt,
        "generator": source.generator,
        "notes": list(source.notes),
        "usage": dict(source.usage),
        "attempts": len(turns),
        "checks": report.facts(),
    }
    return replace(artifact, provenance={**artifact.provenance, **design})
