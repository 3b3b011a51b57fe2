"""The pipeline: generate, build, check, upload and execute through the plugins, with hooks around each stage.

The pipeline knows hooks and contracts only; what a stage does is a plugin's business.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from akatsuki_wasm.contracts import (
    Artifact,
    BatchCall,
    BuildOptions,
    Call,
    Control,
    ExecutableModule,
    ExecutionResult,
    Feedback,
    GenerationContext,
    GenerationRequest,
    GuestProject,
    GuestSource,
    Limits,
    Message,
    Stage,
    StoredModule,
    UploadTarget,
)
from akatsuki_wasm.errors import AkatsukiError, DesignCancelled, ExecutionCancelled, PluginError, StageUnhandledError
from akatsuki_wasm.values.bind import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from akatsuki_wasm.checks import CheckReport, Checks
    from akatsuki_wasm.manager import AkatsukiPluginManager

    Listener = Callable[[str, Mapping[str, Any]], None]

T = TypeVar("T")

_KINDS = {
    "akatsuki": "a module that was built here",
    "core": "a plain wasm module",
    "component": "a WebAssembly component",
    "command": "a WASI preview 1 command",
}


class Pipeline:
    """Drives the stages through the plugins.

    Args:
        plugins: Who answers.
        build_options: Limits of each build.
        listener: Hears, after all plugins, what they are told of the stages of this pipeline alone: the name of each
            hook that all are called on, and its arguments. Pipelines of several designs share their plugins.
    """

    def __init__(
        self,
        plugins: AkatsukiPluginManager,
        build_options: BuildOptions | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.plugins = plugins
        self.build_options = build_options or BuildOptions()
        self._listener = listener

    def generate(
        self, request: GenerationRequest, feedback: Feedback | None, attempt: int, context: GenerationContext
    ) -> GuestSource:
        """Asks the generators; all plugins hear a language model's answer while it comes."""

        def hear(text: str) -> None:
            context.on_text(text)
            self._tell("akatsuki_reply_text", text=text, attempt=attempt)

        heard = replace(context, on_text=hear)

        def ask() -> GuestSource:
            try:
                return self._ask("akatsuki_generate", GuestSource, request=request, feedback=feedback, context=heard)
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
            control=context.control,
        )

    def render_prompt(self, request: GenerationRequest, feedback: Feedback | None = None) -> tuple[Message, ...]:
        """What the generator would ask a language model; nothing is sent.

        Raises:
            StageUnhandledError: The generator asks none.
        """
        try:
            return tuple(self.plugins.ask("akatsuki_render_prompt", request=request, feedback=feedback))
        except StageUnhandledError as exc:
            names = ", ".join(self.plugins.implementers("akatsuki_render_prompt")) or "none"
            meant = f"the generator {request.generator!r}" if request.generator else "the generator"
            raise StageUnhandledError(
                f"{meant} asks no language model, so there is no prompt to show",
                hint=f"Generators that ask one: {names}; name one with --generator NAME",
            ) from exc

    def build(self, project: GuestProject, attempt: int = 1, control: Control | None = None) -> Artifact:
        """Asks the builders."""
        options = self.build_options if control is None else replace(self.build_options, control=control)
        return self._stage(
            "build",
            project.name,
            attempt,
            lambda: self._ask("akatsuki_build", Artifact, project=project, options=options),
            lambda artifact: f"{len(artifact.wasm):,} bytes, sha256 {artifact.digest[:12]}",
            control=control,
        )

    def check(
        self, artifact: Artifact, checks: Checks, name: str, attempt: int = 1, control: Control | None = None
    ) -> CheckReport:
        """Tries every function on small inputs, every example, and the references."""
        from akatsuki_wasm.checks import check_module

        module = ExecutableModule(
            artifact.digest, artifact.manifest, lambda: artifact.wasm, name, built_here="build" in artifact.provenance
        )

        def execute(call: Call | BatchCall, limits: Limits) -> ExecutionResult:
            _insist_wanted(control)
            try:
                return self.execute(module, call, limits, control)
            except ExecutionCancelled:
                # Not a fault of the module, which the checks would take it for.
                _insist_wanted(control)
                raise

        def say(text: str) -> None:
            _insist_wanted(control)
            self._tell("akatsuki_stage_note", stage="check", name=name, attempt=attempt, text=text)

        return self._stage(
            "check",
            name,
            attempt,
            lambda: check_module(artifact.manifest, checks, execute, say),
            lambda report: report.summary,
            control=control,
        )

    def upload(self, artifact: Artifact, target: UploadTarget) -> StoredModule:
        """Asks the uploaders. Once it has begun it is not cancelled: a whole module is stored or none."""
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

    def _stage(
        self,
        stage: Stage,
        name: str,
        attempt: int,
        work: Callable[[], T],
        summarise: Callable[[T], str],
        *,
        control: Control | None = None,
    ) -> T:
        _insist_wanted(control)
        self._tell("akatsuki_before_stage", stage=stage, name=name, attempt=attempt)
        started = time.perf_counter()
        try:
            answer = work()
        except AkatsukiError as exc:
            self._tell(
                "akatsuki_stage_failed",
                stage=stage,
                name=name,
                attempt=attempt,
                seconds=time.perf_counter() - started,
                error=exc,
            )
            raise
        self._tell(
            "akatsuki_after_stage",
            stage=stage,
            name=name,
            attempt=attempt,
            seconds=time.perf_counter() - started,
            summary=summarise(answer),
        )
        return answer

    def _tell(self, hook: str, **arguments: Any) -> None:
        self.plugins.tell(hook, **arguments)
        if self._listener is not None:
            self._listener(hook, arguments)


def _insist_wanted(control: Control | None) -> None:
    """Raises where the work is not wanted any more."""
    if control is not None and control.cancelled:
        raise DesignCancelled
