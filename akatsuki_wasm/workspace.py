"""The workspace: the one object that a user holds. Designs, builds, deploys, loads and executes modules."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from akatsuki_wasm.contracts import (
    Artifact,
    BuildOptions,
    Control,
    Example,
    GuestProject,
    GuestSource,
    OwnerType,
    StoredModule,
    UploadTarget,
    User,
)
from akatsuki_wasm.errors import (
    ArgumentError,
    InvalidModuleError,
    PermissionDeniedError,
)
from akatsuki_wasm.files import check_module_name, read_file, read_source, source_file, to_module_name
from akatsuki_wasm.manager import AkatsukiPluginManager, create_plugin_manager
from akatsuki_wasm.module import Module
from akatsuki_wasm.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from akatsuki_wasm.checks import CheckReport, OracleLike
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import BaseSource, ExecutableModule, Manifest, Message, ModuleStore
    from akatsuki_wasm.designing import BaseLike
    from akatsuki_wasm.module_home import ModuleExecutor
    from akatsuki_wasm.pipeline import Listener
    from akatsuki_wasm.registry.models import Generation, GenerationStatus, WasmModule
    from akatsuki_wasm.registry.registry import Registry
    from akatsuki_wasm.verifying import Verification


def _unlimited(owner_type: OwnerType) -> None:
    """The limit of stored bytes of a registry of one's own."""


class Workspace:
    """Settings, plugins and a registry, and the user who acts.

    Nothing is opened before it is needed. A context manager; `close` releases the registry, which is opened again on
    the next use.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        acting_as: str | None = None,
        plugin_files: Iterable[Path | str] = (),
        block_plugins: Iterable[str] = (),
        plugins: Iterable[object] = (),
    ) -> None:
        self.settings = settings
        self._acting_as = acting_as
        self._plugin_files = tuple(Path(path) for path in plugin_files)
        self._block = tuple(block_plugins)
        self._extra_plugins = tuple(plugins)
        # What a service sets for all who use it: bytes that an owner's modules of one type may have; None for no limit.
        self.stored_bytes_limit: Callable[[OwnerType], int | None] = _unlimited

    # ------------------------------------------------------------ parts

    @cached_property
    def user(self) -> User:
        """Who acts."""
        if self._acting_as in (None, self.settings.user):
            return User.local(self.settings.user, is_admin=self.settings.user_is_admin)
        return User.local(str(self._acting_as))

    @cached_property
    def plugins(self) -> AkatsukiPluginManager:
        """The plugin manager, made on first use."""
        return create_plugin_manager(
            self.settings, plugin_files=self._plugin_files, block=self._block, plugins=self._extra_plugins
        )

    @cached_property
    def registry(self) -> Registry:
        """The registry, opened on first use; an empty one is made where there is none."""
        from akatsuki_wasm.registry.registry import Registry

        return Registry.open(self.settings.resolved_database_url, self.settings.resolved_blob_url)

    @property
    def store(self) -> ModuleStore:
        """Where modules are deployed to."""
        return self.registry

    @cached_property
    def pipeline(self) -> Pipeline:
        """The pipeline over this workspace's plugins."""
        return Pipeline(self.plugins, BuildOptions(timeout_s=self.settings.build_timeout_s))

    def acting(self, user: User, listener: Listener | None = None) -> Workspace:
        """This workspace for another user: settings, plugins and the registry are shared, and closed here alone.

        Args:
            user: Who acts.
            listener: Hears of the stages of the other workspace alone; see `akatsuki_wasm.pipeline.Pipeline`.
        """
        _ = self.plugins, self.registry, self.pipeline
        other = copy(self)
        other.user = user
        other.__dict__.pop("executor", None)
        if listener is not None:
            other.pipeline = Pipeline(self.plugins, self.pipeline.build_options, listener)
        return other

    def close(self) -> None:
        """Closes the registry."""
        registry = self.__dict__.pop("registry", None)
        if registry is not None:
            registry.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        role = "admin" if self.user.is_admin else "user"
        return f"<Workspace of {self.user.name} ({role}) at {self.settings.data_dir}>"

    # ------------------------------------------------------------ design

    def design(
        self,
        prompt: str,
        *,
        name: str | None = None,
        generator: str | None = None,
        model: str | None = None,
        examples: Sequence[str | Example] = (),
        oracle: OracleLike | None = None,
        like: str | Callable[..., Any] | None = None,
        show_oracle: bool = True,
        base: BaseLike | None = None,
        owner_type: OwnerType = "user",
        public: bool = False,
        version: str | None = None,
        max_repairs: int | None = None,
        deploy: bool = True,
        fresh: bool = False,
        lock: bool | None = False,
        locked: bool | None = None,
        bring: Callable[[Sequence[Message]], str] | None = None,
        control: Control | None = None,
        generation_id: UUID | None = None,
    ) -> Module:
        """Turns a sentence into a module: generates, builds, checks and stores it.

        Args:
            prompt: What the module should do, in words or as a formula; with a `base`, what to change in it.
            name: Module name; the generator chooses one where None.
            generator: Which generator; the settings' one where None.
            model: Which language model, for generators that have one.
            examples: Calls that must hold, such as ``"f(2, 3) == 5"``.
            oracle: What the functions are compared with on random inputs: a path of a Python file, a function, or
                functions by name.
            like: A slow Python function that says what is wanted and is compared with, or its dotted name.
            show_oracle: Whether a language model is shown the Python of `oracle` or `like`.
            base: Rust to start from: a path of a ``.rs`` file, or (as a str with a line break) the source itself.
            owner_type: Of the module. ``system`` and ``admin`` need an admin.
            public: Whether every user may execute it.
            version: semver; the next one where None.
            max_repairs: Times the generator is asked again; the settings' number where None.
            deploy: Whether to store it.
            fresh: Ask a language model although its answer is known.
            lock: Pin the prompt to its result in the lock file; one that exists is kept up without being asked. None
                looks at no lock file.
            locked: Make what the lock file pins, from memory alone, or fail; the settings' choice where None.
            bring: Brings the answer to a conversation, for the generator ``manual``.
            control: Cancels it, from any thread: within about a second, but for what is being stored. What it got so
                far is recorded.
            generation_id: Of the record; a new one where None.

        Raises:
            ArgumentError: The prompt is empty, or a name or example is malformed.
            LockError: It is not in the lock file, or what came out is not what is pinned there.
            RepairError: No attempt was right.
            StageError: A stage failed.
            DesignCancelled: It was cancelled.
        """
        from akatsuki_wasm import designing

        return designing.design(
            self,
            prompt,
            designing.DesignOptions(
                name=name,
                generator=generator,
                model=model,
                examples=examples,
                oracle=oracle,
                like=like,
                show_oracle=show_oracle,
                base=base,
                owner_type=owner_type,
                public=public,
                version=version,
                max_repairs=max_repairs,
                deploy=deploy,
                fresh=fresh,
                lock=lock,
                locked=locked,
                bring=bring,
                control=control,
                generation_id=generation_id,
            ),
        )

    def refine(self, module: str | UUID | Module, change: str, **options: Any) -> Module:
        """Makes the next version of a module from its current source.

        Args:
            module: The module, or a reference as for `load`.
            change: What is to be different.
            options: As for `design`.

        Raises:
            ArgumentError: The module has no source: it was not built here.
            StageError: A stage failed.
        """
        base = self.base(module)
        return self.design(change, **{"base": base, "name": base.name, **options})

    def base(self, module: str | UUID | Module) -> BaseSource:
        """The current source of a module, to start from.

        Raises:
            ArgumentError: It was not built here.
        """
        from akatsuki_wasm.designing import base_of

        return base_of(module if isinstance(module, Module) else self.load(module))

    def prompt_of(self, prompt: str, **options: Any) -> tuple[Message, ...]:
        """What a language model would be asked first for a design; nothing is sent.

        Args:
            prompt: As for `design`.
            options: As for `design`.

        Raises:
            StageUnhandledError: The generator asks no language model.
        """
        from akatsuki_wasm import designing

        return designing.rendered_prompt(self, prompt, designing.DesignOptions(**options))

    def build(self, source: Path | str, *, name: str | None = None) -> Artifact:
        """Builds a Rust file to a module, without storing it.

        Args:
            source: A path of a ``.rs`` file or of a folder with one, or (as a str with a line break) the source itself.
            name: Module name; the file's stem where None.

        Raises:
            BuildError: The source is outside the guest contract or does not compile, or there is no toolchain.
            NotFoundError: There is no such file.
        """
        if isinstance(source, str) and "\n" in source:
            text, stem = source, "module"
        else:
            path = source_file(Path(source))
            text, stem = read_source(path), path.stem
        final = name or to_module_name(stem)
        check_module_name(final)
        return self.pipeline.build(GuestProject(final, GuestSource(text, final, "", "file")))

    def check(
        self,
        module: Module | Artifact | str,
        examples: Sequence[str | Example] = (),
        *,
        oracle: OracleLike | None = None,
        name: str = "module",
    ) -> CheckReport:
        """Tries every function of a module on small inputs, the examples, and random inputs against references.

        Args:
            module: A built artifact, a module, or the name of a stored one. Its history does not grow.
            examples: Calls that must hold, such as ``"f(2, 3) == 5"``.
            oracle: References in Python: an `akatsuki_wasm.checks.Oracle`, the path of an oracle file, a function, or
                functions by name.
            name: Of an artifact, for messages.

        Raises:
            CheckError: A case failed.
            ArgumentError: An example or the oracle is malformed, or a reference itself failed.
            PermissionDeniedError: The acting user may not execute the module.
        """
        from akatsuki_wasm.checks import Checks, parse_example, to_oracle

        module = self.load(module) if isinstance(module, str) else module
        parsed = tuple(parse_example(each) if isinstance(each, str) else each for each in examples)
        checks = Checks(parsed, oracle=None if oracle is None else to_oracle(oracle))
        if isinstance(module, Artifact):
            return self.pipeline.check(module, checks, name)
        self.executor.check_permission(module)
        artifact = Artifact(module.wasm, module.manifest, module.source, module.provenance)
        return self.pipeline.check(artifact, checks, module.name)

    def verify(self, module: Module | str) -> Verification:
        """Rebuilds a module from its stored source and compares the bytes.

        Args:
            module: A module, or the name of a stored one.

        Returns:
            Whether the bytes are the same; where not, why.

        Raises:
            NotFoundError: There is none that the acting user may read.
            ToolchainError: There is no toolchain to rebuild it with.
        """
        from akatsuki_wasm.rust.crates import permitted
        from akatsuki_wasm.verifying import verify

        found = self.load(module) if isinstance(module, str) else module
        return verify(found, self.pipeline, permitted(self.settings.crates))

    def deploy(
        self,
        wasm: Path | bytes | Artifact,
        *,
        name: str | None = None,
        version: str | None = None,
        owner_type: OwnerType = "user",
        public: bool = False,
        description: str = "",
    ) -> Module:
        """Stores a module: a whole one or none.

        Args:
            wasm: A built artifact, a path of a ``.wasm`` file, or its bytes.
            name: Module name; the file's stem where None.
            version: semver; the next one where None.
            owner_type: Of the module. ``system`` and ``admin`` need an admin.
            public: Whether every user may execute it.
            description: One line; the module's own where empty.

        Raises:
            InvalidModuleError: The bytes are no module, or it imports what is not provided.
            ConflictError: The name or version is taken.
            PermissionDeniedError: The acting user may not store such a module.
            QuotaError: The acting user has no room for it, where a service limits that.
        """
        if isinstance(wasm, Path | str):
            path = Path(wasm)
            name = name or to_module_name(path.stem)
            wasm = read_file(path, "a .wasm file")
        if name is None:
            raise ArgumentError("the module has no name", hint="Give one: --name NAME")
        check_module_name(name)
        if isinstance(wasm, bytes):
            wasm = Artifact(wasm, self._recognise(wasm))
        target = UploadTarget(
            name=name,
            registry=self.store,
            user=self.user,
            version=version,
            owner_type=owner_type,
            is_public=public,
            description=description,
            max_stored_bytes=self.stored_bytes_limit(owner_type),
        )
        stored = self.pipeline.upload(wasm, target)
        return Module(self, name=stored.name, stored=stored)

    def _recognise(self, wasm: bytes) -> Manifest:
        """What foreign bytes can do; where they are of another kind, who was there to execute it is named."""
        from akatsuki_wasm import manifest

        try:
            return manifest.for_binary(wasm)
        except InvalidModuleError as exc:
            if str(exc).startswith("this is "):
                asked = ", ".join(self.plugins.implementers("akatsuki_execute")) or "nobody"
                raise InvalidModuleError(f"{exc}; no plugin executes it (asked: {asked})", hint=exc.hint) from exc
            raise

    # ------------------------------------------------------------ modules

    def load(self, reference: str | UUID) -> Module:
        """Loads a stored module.

        Args:
            reference: ``name`` (its newest version that may be executed, or else read), ``name@version``, or an id.

        Raises:
            NotFoundError: There is none that the acting user may read; the hint names close ones.
        """
        modules = self.registry.modules(self.user)
        try:
            row = modules.find(str(reference), operation="execute")
        except PermissionDeniedError:
            row = modules.find(str(reference))
        return Module(self, name=row.module_name, stored=row.to_stored())

    def list_modules(self, owner_type: OwnerType | None = None) -> list[StoredModule]:
        """All modules that the acting user may read, by name and version.

        Args:
            owner_type: Only these.
        """
        modules = self.registry.modules(self.user)
        rows = modules.list_all() if owner_type is None else modules.list_by_owner_type(owner_type)
        return [row.to_stored() for row in rows]

    def enable(self, module: str | UUID | Module) -> Module:
        """Lets a disabled module be executed again.

        Args:
            module: The module, or a reference as for `load`.

        Returns:
            The module as it is now.

        Raises:
            NotFoundError: There is none that the acting user may read.
            PermissionDeniedError: He may not change it.
        """
        return self._changed(self.registry.modules(self.user).enable(self._id_of(module)))

    def disable(self, module: str | UUID | Module) -> Module:
        """Keeps a module from being executed; as `enable`."""
        return self._changed(self.registry.modules(self.user).disable(self._id_of(module)))

    def share(
        self,
        module: str | UUID | Module,
        users: Iterable[str | UUID] = (),
        *,
        remove: Iterable[str | UUID] = (),
        public: bool | None = None,
    ) -> Module:
        """Says who else may read and execute a module; as `enable`.

        Args:
            module: The module, or a reference as for `load`.
            users: Who may from now on: ids, or names of users of this machine's registry.
            remove: Who may no longer.
            public: Whether everybody may; as it is where None.
        """
        id_, repository = self._id_of(module), self.registry.modules(self.user)
        added, removed = [_user_id(each) for each in users], [_user_id(each) for each in remove]
        row = repository.share(id_, added) if added else repository.get(id_)
        if removed:
            row = repository.unshare(id_, removed)
        return self._changed(row if public is None else repository.set_public(id_, public))

    def delete(self, module: str | UUID | Module) -> None:
        """Deletes one version of a module; its executions stay in the history. Raises as `enable`."""
        self.registry.modules(self.user).delete(self._id_of(module))

    def _id_of(self, module: str | UUID | Module) -> UUID:
        found = module if isinstance(module, Module) else self.load(module)
        if found.id is None:
            raise ArgumentError(f"{found.name} is not deployed", hint="Deploy it first.")
        return found.id

    def _changed(self, row: WasmModule) -> Module:
        return Module(self, name=row.module_name, stored=row.to_stored())

    def history(self, module: str | UUID | Module | None = None, limit: int = 50) -> list[Any]:
        """Executions, the newest first.

        Args:
            module: Only this module's; the acting user's own executions where None.
            limit: At most so many.

        Returns:
            `akatsuki_wasm.registry.models.WasmExecution` rows.
        """
        executions = self.registry.executions(self.user)
        if module is None:
            return list(executions.list_own(limit=limit))
        found = module if isinstance(module, Module) else self.load(module)
        if found.id is None:
            return []
        return list(executions.list_by_module(found.id, limit=limit))

    def generations(
        self, text: str = "", limit: int = 50, *, status: GenerationStatus | None = None
    ) -> list[Generation]:
        """What became of prompts, the newest first; for an admin everybody's.

        Args:
            text: Only those that have it somewhere: prompt, module, model, error, answers and sources are searched.
            limit: At most so many.
            status: Only these.
        """
        found = self.registry.generations(self.user)
        return found.search(text, limit=limit, status=status) if text else found.list(limit=limit, status=status)

    def generation(self, generation_id: str | UUID) -> Generation:
        """One generation with all that was asked and answered.

        Args:
            generation_id: Its id, or the first characters of it.

        Raises:
            NotFoundError: There is none, or it is another user's.
        """
        return self.registry.generations(self.user).get(generation_id)

    # ------------------------------------------------------------ what modules need (akatsuki_wasm.module_home)

    @cached_property
    def executor(self) -> ModuleExecutor:
        """Executes for this workspace's user."""
        from akatsuki_wasm.execution import Executor  # it brings numpy, which a list of modules does not need

        return Executor(self.settings, self.user, lambda: self.registry, lambda: self.pipeline)

    def read_wasm(self, stored: StoredModule) -> bytes:
        """The bytes of a stored module, verified against their digest.

        Raises:
            DigestMismatchError: The stored bytes were altered.
            StorageError: They are missing, or cannot be read.
        """
        return self.registry.read_wasm(stored.digest)

    def read_source(self, stored: StoredModule) -> str | None:
        """The author's Rust of a stored module, or None for one that was not built.

        Raises:
            DigestMismatchError: The stored text was altered.
            StorageError: It is missing, or cannot be read.
        """
        return self.registry.source(stored)

    def executable(self, stored: StoredModule) -> ExecutableModule:
        """A stored module as execution plugins get it; its bytes are read when they are needed."""
        return self.registry.executable(stored)

    def open_parts(self, stored: StoredModule | None) -> None:
        """Opens what an execution needs before threads want it, each of which would open its own."""
        _ = self.pipeline, self.executor
        if stored is not None:
            _ = self.registry


def _user_id(user: str | UUID) -> UUID:
    """The id of a user who is named by it, or by the name that this machine's registry knows."""
    if isinstance(user, UUID):
        return user
    try:
        return UUID(user)
    except ValueError:
        return User.local(user).id
