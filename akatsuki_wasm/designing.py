"""A design from the user's words to a stored module: request, memory, lock, repair loop, upload and record."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from akatsuki_wasm.contracts import (
    BaseSource,
    Control,
    Example,
    GenerationContext,
    GenerationRequest,
    Message,
    OwnerType,
)
from akatsuki_wasm.errors import ArgumentError, DesignCancelled, RepairError
from akatsuki_wasm.examples import parse_example
from akatsuki_wasm.files import check_module_name, read_source, source_file, to_module_name
from akatsuki_wasm.generation_facts import record_generation
from akatsuki_wasm.lock import LockFile, no_entry
from akatsuki_wasm.lock_entry import LockEntry
from akatsuki_wasm.module import Module
from akatsuki_wasm.repair_loop import Attempt, Design, RepairLimits, RepairLoop
from akatsuki_wasm.replies import FolderReplies, PinnedReplies, project_replies
from akatsuki_wasm.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from akatsuki_wasm.checks import Oracle, OracleLike
    from akatsuki_wasm.workspace import Workspace

BaseLike = BaseSource | Path | str


@dataclass(frozen=True)
class DesignOptions:
    """Everything about a design but its prompt; see `akatsuki_wasm.workspace.Workspace.design`."""

    name: str | None = None
    generator: str | None = None
    model: str | None = None
    examples: Sequence[str | Example] = ()
    oracle: OracleLike | None = None
    like: str | Callable[..., Any] | None = None
    show_oracle: bool = True
    base: BaseLike | None = None
    owner_type: OwnerType = "user"
    public: bool = False
    version: str | None = None
    max_repairs: int | None = None
    deploy: bool = True
    fresh: bool = False
    lock: bool | None = False
    locked: bool | None = None
    bring: Callable[[Sequence[Message]], str] | None = None
    control: Control | None = None
    generation_id: UUID | None = None


def design(workspace: Workspace, prompt: str, options: DesignOptions) -> Module:
    """Makes a module; see `akatsuki_wasm.workspace.Workspace.design`."""
    request, oracle = _request(workspace, prompt, options)
    return _Designer(workspace, options, request, oracle).run()


def rendered_prompt(workspace: Workspace, prompt: str, options: DesignOptions) -> tuple[Message, ...]:
    """What a language model would be asked first; nothing is sent.

    Raises:
        StageUnhandledError: The generator asks no language model.
    """
    request, _ = _request(workspace, prompt, options)
    return workspace.pipeline.render_prompt(request)


def base_of(module: Module) -> BaseSource:
    """The current source of a module, to start from.

    Raises:
        ArgumentError: It was not built here.
    """
    source = module.source
    if source is None:
        raise ArgumentError(
            f"{module.name} has no source to change: it was not built here",
            hint="Design it anew, or start from a file: --from FILE.rs",
        )
    facts = module.provenance
    return BaseSource(source, module.name, str(facts.get("prompt", "")), str(facts.get("generation", "")))


def _request(workspace: Workspace, prompt: str, options: DesignOptions) -> tuple[GenerationRequest, Oracle | None]:
    from akatsuki_wasm.rust.crates import permitted

    prompt = checked_prompt(prompt)
    if options.name is not None:
        check_module_name(options.name)
    oracle = _oracle(options)
    request = GenerationRequest(
        prompt,
        options.name,
        options.generator,
        options.model,
        _examples(options, oracle),
        None if options.base is None else to_base(options.base),
        _specification(oracle) if oracle is not None and options.show_oracle else "",
        permitted(workspace.settings.crates),
    )
    return request, oracle


def _examples(options: DesignOptions, oracle: Oracle | None) -> tuple[Example, ...]:
    """The examples that a generator is told: the user's, and the oracle's where it may be seen."""
    given = [parse_example(each) if isinstance(each, str) else each for each in options.examples]
    told = oracle.examples if oracle is not None and options.show_oracle else ()
    return tuple({each.text: each for each in (*given, *told)}.values())


def checked_prompt(prompt: str) -> str:
    """The prompt without space around it.

    Raises:
        ArgumentError: It is empty, or no text.
    """
    if not prompt.strip():
        raise ArgumentError(
            "the prompt is empty",
            hint='Say what the module should do: akatsuki design wasm "create a vintage filter"',
        )
    try:
        prompt.encode()
    except UnicodeEncodeError as exc:
        raise ArgumentError(
            f"the prompt is not valid text: character {exc.start + 1} is no Unicode", hint="Give it as UTF-8."
        ) from exc
    return prompt.strip()


def _oracle(options: DesignOptions) -> Oracle | None:
    if options.oracle is not None and options.like is not None:
        raise ArgumentError(
            "there are both a test and a function to be like: expected one of them",
            hint="A test may call the function: give the test alone.",
        )
    given = options.oracle if options.like is None else options.like
    if given is None:
        return None
    from akatsuki_wasm.checks import oracle_of, to_oracle

    return oracle_of(given) if isinstance(given, str) and options.like is not None else to_oracle(given)


def _specification(oracle: Oracle) -> str:
    from akatsuki_wasm.checks import specification_text

    return specification_text(oracle)


def to_base(given: BaseLike) -> BaseSource:
    """The source to start from, read where it is a file's.

    Raises:
        NotFoundError: There is no such file.
    """
    if isinstance(given, BaseSource):
        return given
    if isinstance(given, str) and "\n" in given:
        return BaseSource(given, "module")
    path = source_file(Path(given))
    return BaseSource(read_source(path), to_module_name(path.stem))


@dataclass
class _Designer:
    """One design on its way through the workspace."""

    workspace: Workspace
    options: DesignOptions
    request: GenerationRequest
    oracle: Oracle | None
    attempts: list[Attempt] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.id = self.options.generation_id or uuid4()
        self.control = self.options.control or Control()

    def run(self) -> Module:
        lock = self._lock()
        pinned = self._pinned(lock) if self._locked else None
        if self.options.deploy:
            self._check_target()
        started = time.perf_counter()
        module: Module | None = None
        failure: BaseException | None = None
        try:
            made = self._with_provenance(self._loop(lock, pinned).run())
            entry = self._entry(made)
            if pinned is not None:
                pinned.check(entry)
            if self.control.cancelled:
                raise DesignCancelled
            module = self._module(made)
        except BaseException as exc:
            failure = exc
            if isinstance(exc, RepairError) and self._is_recorded:
                exc.hint = f"{exc.hint.rstrip('.')}. All attempts: akatsuki generations show {str(self.id)[:8]}"
                if any(each.exchange and each.exchange.replayed for each in self.attempts):
                    exc.hint += "; its answers were remembered, --fresh asks anew"
            raise
        finally:
            self._record(time.perf_counter() - started, module, failure)
        if lock is not None and not self._locked:
            lock.with_entry(entry).save(self._lock_path)
        return module

    # ------------------------------------------------------------ lock

    @property
    def _locked(self) -> bool:
        return self.workspace.settings.locked if self.options.locked is None else self.options.locked

    @property
    def _lock_path(self) -> Path:
        return self.workspace.settings.lock_file

    def _lock(self) -> LockFile | None:
        """The lock file where the project has one, or is to have one; none where it is not to be looked at."""
        if self.options.lock is None:
            return None
        found = LockFile.load(self._lock_path)
        return LockFile() if found is None and self.options.lock else found

    def _meant(self, generator: str | None = None, model: str | None = None) -> GenerationRequest:
        """The request as it is pinned: with the generator and the model that are meant."""
        settings = self.workspace.settings
        return replace(
            self.request,
            generator=self.request.generator or generator or settings.default_generator,
            model=self.request.model or model or settings.model or None,
        )

    def _pinned(self, lock: LockFile | None) -> LockEntry:
        """The entry of the lock file that must come out; its generator is the one that is asked.

        Raises:
            LockError: There is none.
        """
        if lock is not None:
            # A machine without a key has another default generator than the one that pinned the prompt.
            others = {(each.generator, each.model) for each in lock.entries if each.prompt == self.request.prompt}
            choices = (("", ""), *sorted(others)) if self.workspace.settings.generator == "auto" else (("", ""),)
            for generator, model in choices:
                meant = self._meant(generator or None, model or None)
                found = lock.find(meant)
                if found is not None:
                    self.request = meant
                    return found
        raise no_entry(self._meant(), self._lock_path, lock)

    def _entry(self, made: Design) -> LockEntry:
        return LockEntry.of(
            self._meant(made.source.generator),
            name=self.request.name or made.source.name,
            source_sha256=made.source.sha256,
            digest=made.artifact.digest,
            build=made.artifact.provenance.get("build", {}),
            replies=[each.exchange.key for each in made.attempts if each.exchange is not None],
        )

    # ------------------------------------------------------------ work

    def _check_target(self) -> None:
        """Fails before the work of a build where storing its result could only fail."""
        registry, options = self.workspace.registry, self.options
        registry.modules(self.workspace.user).check_create(options.owner_type)
        if options.name is not None:
            registry.check_target(options.name, self.workspace.user, options.owner_type, options.version)

    def _loop(self, lock: LockFile | None, pinned: LockEntry | None) -> RepairLoop:
        settings, options = self.workspace.settings, self.options
        project = None if lock is None else project_replies(self._lock_path)
        replies = FolderReplies(settings.resolved_replies_dir, project)
        context = GenerationContext(
            replies=replies if pinned is None else PinnedReplies(replies, pinned.replies),
            fresh=options.fresh,
            replay_only=self._locked,
            bring=options.bring,
            control=self.control,
        )
        repairs = settings.max_repairs if options.max_repairs is None else options.max_repairs
        limits = RepairLimits(repairs, settings.token_budget)
        return RepairLoop(self.workspace.pipeline, self.request, self.oracle, context, limits, self.attempts)

    def _with_provenance(self, made: Design) -> Design:
        provenance = {**made.artifact.provenance, "generation": str(self.id)}
        return replace(made, artifact=replace(made.artifact, provenance=provenance))

    def _module(self, made: Design) -> Module:
        options = self.options
        name = options.name or made.source.name
        if not options.deploy:
            prices = self.workspace.settings.prices
            timeline = Timeline.of_attempts(self.request, self.attempts, module=name, prices=prices)
            return Module(self.workspace, name=name, artifact=made.artifact, timeline=timeline)
        return self.workspace.deploy(
            made.artifact,
            name=name,
            version=options.version,
            owner_type=options.owner_type,
            public=options.public,
            description=made.source.description,
        )

    @property
    def _is_recorded(self) -> bool:
        """Whether the generation is kept: not where nothing of it is stored and no language model was asked."""
        return self.options.deploy or any(each.exchange for each in self.attempts)

    def _record(self, seconds: float, module: Module | None, failure: BaseException | None) -> None:
        if not self._is_recorded:
            return
        record_generation(
            lambda: self.workspace.registry.generations(self.workspace.user),
            self.request,
            self.attempts,
            generation_id=self.id,
            seconds=seconds,
            generator=self.workspace.settings.default_generator,
            stored=None if module is None else module.stored,
            digest=None if module is None else module.digest,
            error=failure,
            prices=self.workspace.settings.prices,
            locked=self._locked,
            fresh=self.options.fresh,
        )
