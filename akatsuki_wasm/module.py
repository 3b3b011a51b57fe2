"""A module as a Python user holds it: its functions are Python functions with signatures and docstrings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import Artifact, Control, ExecutableModule, ExecutionResult
from akatsuki_wasm.errors import FunctionNotFoundError, NotFoundError
from akatsuki_wasm.module_functions import (
    ModuleFunction,
    describe_parameter,
    function_facts,
    python_function,
    signature,
)
from akatsuki_wasm.values.bind import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from akatsuki_wasm.background import Execution
    from akatsuki_wasm.contracts import Manifest, StoredModule
    from akatsuki_wasm.execution import OnError
    from akatsuki_wasm.module_home import ModuleHome
    from akatsuki_wasm.registry.models import Generation
    from akatsuki_wasm.timeline import Timeline


class Module:
    """One version of one module, ready to execute.

    Its functions are attributes: ``m.vintage(photo, strength=0.7)``. Where a function's name is also an attribute of
    this class, ``m.functions["name"]`` and ``m.call("name", …)`` reach it.

    Args:
        workspace: The workspace that it belongs to, which executes it.
        artifact: Bytes, manifest and provenance of a module that is not deployed, or None.
        stored: The registry's row of a deployed one, or None.
        name: The module's name.
        timeline: Of the design of a module that is not deployed, or None.
    """

    def __init__(
        self,
        workspace: ModuleHome,
        *,
        name: str,
        artifact: Artifact | None = None,
        stored: StoredModule | None = None,
        timeline: Timeline | None = None,
    ) -> None:
        if (artifact is None) == (stored is None):
            raise ValueError("a module is made of an artifact or of a stored row")
        self._workspace = workspace
        self._artifact = artifact
        self._timeline = timeline
        self.name = name
        self.stored = stored
        """The registry's row, or None while the module is not deployed."""
        self.functions = {each.name: python_function(self, each) for each in self.manifest.functions}
        """All functions by name."""

    @property
    def _facts(self) -> StoredModule | Artifact:
        facts = self.stored if self.stored is not None else self._artifact
        assert facts is not None  # noqa: S101 - __init__ makes sure of one of the two
        return facts

    @property
    def manifest(self) -> Manifest:
        """Functions with their signatures."""
        return self._facts.manifest

    @property
    def digest(self) -> str:
        """Hex sha256 of the bytes."""
        return self._facts.digest

    @property
    def provenance(self) -> Mapping[str, Any]:
        """How the module came to be."""
        return self._facts.provenance

    @property
    def generation(self) -> Generation | None:
        """The generation that the module came from; None where it was not designed, or the record is another user's."""
        try:
            found = self._workspace.generation(UUID(str(self.provenance.get("generation"))))
        except (ValueError, NotFoundError):
            return None
        # Provenance is what somebody wrote down: a generation of other bytes is not this module's.
        return found if found.digest == self.digest else None

    @property
    def timeline(self) -> Timeline | None:
        """How the module was made, attempt by attempt; None where that is not known."""
        from akatsuki_wasm.timeline import Timeline

        if self._timeline is not None:
            return self._timeline
        generation = self.generation
        return None if generation is None else Timeline.of(generation)

    @property
    def id(self) -> UUID | None:
        """The registry's identity, or None while the module is not deployed."""
        return None if self.stored is None else self.stored.id

    @property
    def version(self) -> str | None:
        """semver, or None while the module is not deployed."""
        return None if self.stored is None else self.stored.version

    @property
    def description(self) -> str:
        """One line."""
        return (self.stored.description if self.stored is not None else "") or self.manifest.description

    @property
    def source(self) -> str | None:
        """The author's Rust, or None for a module that was not built here."""
        if self.stored is not None:
            return self._workspace.read_source(self.stored)
        return None if self._artifact is None else self._artifact.source

    @property
    def wasm(self) -> bytes:
        """The module's bytes."""
        if self.stored is not None:
            return self._workspace.read_wasm(self.stored)
        assert self._artifact is not None  # noqa: S101 - __init__ makes sure of one of the two
        return self._artifact.wasm

    @property
    def executable(self) -> ExecutableModule:
        """What execution plugins get."""
        if self.stored is not None:
            return replace(self._workspace.executable(self.stored), name=self.name)
        # Only a build leaves its facts; what was uploaded has none.
        return ExecutableModule(
            self.digest, self.manifest, lambda: self.wasm, self.name, built_here="build" in self.provenance
        )

    def function(self, name: str) -> ModuleFunction:
        """The function of that name, snake_case or kebab-case.

        Raises:
            FunctionNotFoundError: There is none; the error names the close ones.
        """
        found = self.manifest.function(name)
        if found is None:
            names = list(self.functions)
            raise FunctionNotFoundError(
                f"{self.name} has no function {name!r}{did_you_mean(name, names)}",
                hint=f"It has {', '.join(names) or 'no functions'}.",
            )
        return self.functions[found.name]

    def call(self, function: str, /, *args: Any, timeout_ms: int | None = None, **kwargs: Any) -> Any:
        """Executes a function and returns its value.

        Args:
            function: Its name.
            args: Values of the parameters in order. Images are PIL images or uint8 arrays of shape (H, W), (H, W, 3) or
                (H, W, 4); columns are pandas Series or 1-D arrays.
            timeout_ms: Time limit in milliseconds, 100 to the module's maximum; the module's default where None.
            kwargs: Values by parameter name.

        Raises:
            ExecuteError: The call is wrong, the guest failed or a limit was met.
        """
        return self.execute(function, *args, timeout_ms=timeout_ms, **kwargs).value

    def batch(
        self,
        function: str,
        /,
        *columns: Any,
        on_error: OnError = "raise",
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        timeout_ms: int | None = None,
        **named: Any,
    ) -> Any:
        """Applies a function to whole columns, on all processor cores where they are long.

        Args:
            function: Its name.
            columns: Values of the parameters in order, at least one of them a column: a pandas Series, a 1-D numpy
                array, a pyarrow Array or ChunkedArray, a polars Series. A single value holds for every row.
            on_error: What becomes of rows that the function answers with an error: ``raise`` raises a `GuestError` that
                names the first, ``null`` makes them null, ``collect`` too and gives the errors back.
            threads: Most threads that compute; all cores where None.
            progress: Called with (rows done, rows in all) now and then, on this thread. What it raises ends the batch.
            timeout_ms: As in `call`; for the whole batch.
            named: Values by parameter name; a parameter that is called as one of these options is given by position.

        Returns:
            A column of the kind of the first column that is no numpy array, else a numpy array; with ``collect`` a
            `akatsuki_wasm.execution.BatchResult` of it and the errors.

        Raises:
            ExecuteError: The call is wrong, the guest failed or a limit was met.
        """
        options: dict[str, Any] = {"on_error": on_error, "threads": threads, "progress": progress}
        return self.execute_batch(function, columns, named, timeout_ms=timeout_ms, **options).value

    def execute_batch(
        self, function: str, columns: Sequence[Any], named: Mapping[str, Any], **options: Any
    ) -> ExecutionResult:
        """As `batch`, with the columns in a sequence and a mapping; returns the value together with what it cost."""
        bound = self.function(function).function
        result, value = self._workspace.executor.execute_batch(self, bound, columns, named, **options)
        return replace(result, value=value)

    def execute(self, function: str, /, *args: Any, timeout_ms: int | None = None, **kwargs: Any) -> ExecutionResult:
        """As `call`, but returns the value together with what the execution cost."""
        return self._execute(function, args, kwargs, timeout_ms, None)

    def _execute(
        self,
        function: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        timeout_ms: int | None,
        control: Control | None,
    ) -> ExecutionResult:
        bound = self.function(function).function
        executor = self._workspace.executor
        result, value = executor.execute(self, bound, args, kwargs, timeout_ms=timeout_ms, control=control)
        return replace(result, value=value)

    def start(self, function: str, /, *args: Any, timeout_ms: int | None = None, **kwargs: Any) -> Execution:
        """As `execute`, but returns at once: the execution goes on on a thread of its own and can be cancelled.

        Returns:
            `akatsuki_wasm.background.Execution`, with ``cancel()``, ``done()``, ``result()`` and ``value()``.

        Raises:
            FunctionNotFoundError: There is no such function.
        """
        from akatsuki_wasm.background import Execution

        name = self.function(function).function.name
        self._workspace.open_parts(self.stored)
        control = Control()
        return Execution(f"{self.name}.{name}", lambda: self._execute(name, args, kwargs, timeout_ms, control), control)

    def map(
        self,
        values: Iterable[Any],
        /,
        *args: Any,
        function: str | None = None,
        threads: int | None = None,
        timeout_ms: int | None = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Applies a function to each of many images (or other values), on several threads.

        Args:
            values: What the function's first parameter is, one for each execution: PIL images, uint8 arrays, or paths
                of image files. They are taken a few at a time.
            args: Values of the parameters after the first, the same for all.
            function: Its name; where None, the module's only function, or its only one whose first parameter is an
                image.
            threads: Most executions at once; one for each processor core where None.
            timeout_ms: As in `call`, for each execution.
            kwargs: Values by parameter name, the same for all.

        Returns:
            An iterator of the results, in order, each as soon as it is there. Closing it cancels what is under way.

        Raises:
            ArgumentError: Several functions could be meant, or `threads` is not above 0.
            ExecuteError: As `call`, from the iterator, for the first value that fails.
        """
        from akatsuki_wasm.background import map_values, mapped_function

        bound = mapped_function(self, function).function
        self._workspace.open_parts(self.stored)

        def one(value: Any, control: Control) -> Any:
            return self._execute(bound.name, (value, *args), kwargs, timeout_ms, control).value

        return map_values(one, values, threads=threads, is_image=bound.params[0].type == wit.IMAGE)

    def __getattr__(self, name: str) -> ModuleFunction:
        functions = self.__dict__.get("functions", {})
        if name in functions:
            return functions[name]  # type: ignore[no-any-return]  # __dict__ has no types
        raise AttributeError(f"{self.__dict__.get('name', 'module')!r} has no function or attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.functions})

    def __repr__(self) -> str:
        version = f"@{self.version}" if self.version else " (not deployed)"
        return f"<Module {self.name}{version}: {', '.join(self.functions)}>"

    def _repr_html_(self) -> str:
        from akatsuki_wasm.html import render  # jinja2, for notebooks alone

        functions = [
            {
                "signature": f"{each.name}{signature(each)}",
                "doc": each.doc,
                "params": [(param.name, describe_parameter(param)) for param in each.params],
            }
            for each in self.manifest.functions
        ]
        return render("module.html.j2", module=self, functions=functions)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able facts: id, name, version, digest, functions and description."""
        return {
            "id": str(self.id) if self.id else None,
            "name": self.name,
            "version": self.version,
            "digest": self.digest,
            "description": self.description,
            "functions": [function_facts(each) for each in self.manifest.functions],
        }
