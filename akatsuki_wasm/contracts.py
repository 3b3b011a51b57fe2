"""The frozen dataclasses that cross the hooks: what one stage hands to the next.

Requests and answers of the five stages (generate, build, check, upload, execute), and the facts that they share:
signatures, manifests, diagnostics, users.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol
from uuid import UUID, uuid5

from akatsuki_wasm import wit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

OwnerType = Literal["system", "admin", "user"]
Status = Literal["uploading", "active", "disabled", "error"]
Stage = Literal["generate", "build", "check", "upload", "execute"]
ModuleKind = Literal["akatsuki", "core", "component", "command"]
"""``akatsuki``: has an ``akatsuki.module`` section; ``core``: a plain module, known by its numeric exports alone;
``component``: a WebAssembly component; ``command``: a WASI preview 1 command, which reads stdin and writes stdout."""

OWNER_TYPES: tuple[OwnerType, ...] = ("system", "admin", "user")
ABI_VERSION = 1
MIB = 1024 * 1024
WASM_PAGE = 65536
"""Bytes in a page of linear memory."""


class Missing:
    """The type of `MISSING`: a parameter without a default, as None may be one."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"


MISSING = Missing()


# ---------------------------------------------------------------- signatures


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function.

    Attributes:
        name: snake_case.
        type: Its WIT type.
        doc: What the author's documentation says of it, one line.
        minimum: Smallest allowed value, inclusive, or None.
        maximum: Largest allowed value, inclusive, or None.
        default: A JSON-able value, or `MISSING`.
    """

    name: str
    type: wit.Type
    doc: str = ""
    minimum: float | None = None
    maximum: float | None = None
    default: Any = MISSING

    @property
    def required(self) -> bool:
        """Whether a caller must give it: it has no default and is no ``option``."""
        return self.default is MISSING and not isinstance(self.type, wit.Option)


@dataclass(frozen=True)
class Function:
    """One exported function of a module.

    Attributes:
        name: snake_case.
        params: In order.
        result: WIT type of the result, or None for no result.
        doc: First line (or lines) of the author's documentation.
        export: The core export's name.
        batch: The batch lane's core export, or None where the function has none.
    """

    name: str
    params: tuple[Parameter, ...]
    result: wit.Type | None
    doc: str = ""
    export: str = ""
    batch: str | None = None

    @property
    def signature(self) -> str:
        """WIT text, such as ``margin: func(price: f64, cost: f64) -> f64``."""
        params = ", ".join(f"{wit.kebab(param.name)}: {param.type}" for param in self.params)
        result = "" if self.result is None else f" -> {self.result}"
        return f"{wit.kebab(self.name)}: func({params}){result}"


@dataclass(frozen=True)
class Manifest:
    """What a module says of itself in its ``akatsuki.module`` section, or what its plain exports say.

    Attributes:
        functions: By declaration order.
        description: One line.
        kind: Where the facts come from.
        abi: `ABI_VERSION` of the host that built it, 0 for a plain module.
        build: Reproducible facts of the build (source sha256, prelude hash, rustc version, flags); no clock, path or
            name.
    """

    functions: tuple[Function, ...]
    description: str = ""
    kind: ModuleKind = "akatsuki"
    abi: int = ABI_VERSION
    build: Mapping[str, Any] = field(default_factory=dict)

    def function(self, name: str) -> Function | None:
        """The function of that name, snake_case or kebab-case, or None."""
        wanted = wit.snake(name)
        return next((each for each in self.functions if wit.snake(each.name) == wanted or each.export == name), None)

    @property
    def records(self) -> dict[str, wit.Record]:
        """All records that the functions use, by snake_case name."""
        return {name: each for name, each in self.named_types.items() if isinstance(each, wit.Record)}

    @property
    def named_types(self) -> dict[str, wit.Named]:
        """All records, and of a component all variants, enums and flags, that the functions use."""
        types = [each for function in self.functions for each in (*(p.type for p in function.params), function.result)]
        return wit.named(*types)


# ---------------------------------------------------------------- generate


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


# ---------------------------------------------------------------- build


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


# ---------------------------------------------------------------- upload


@dataclass(frozen=True)
class User:
    """Who acts.

    Attributes:
        id: Stable identity.
        name: For people.
        is_admin: Decided by the host or by ``app_metadata``, never by the user.
    """

    id: UUID
    name: str
    is_admin: bool = False

    NAMESPACE = UUID("5ad1d1c1-6f1f-5c52-9a55-0a6b7f6a1f0e")

    @classmethod
    def local(cls, name: str, *, is_admin: bool = False) -> User:
        """A user of the embedded registry, known by name."""
        return cls(uuid5(cls.NAMESPACE, name), name, is_admin)


@dataclass(frozen=True)
class UploadTarget:
    """Where and as what a module is to be stored.

    Attributes:
        name: Module name, kebab-case.
        registry: The registry that the workspace stands on.
        user: Who stores it.
        version: semver, or None for the next one (1.0.0, then the next minor).
        owner_type: Of the module.
        is_public: Whether every user may read and execute it.
        description: One line; the manifest's where empty.
        metadata: Free JSON of the user's.
    """

    name: str
    registry: ModuleStore
    user: User
    version: str | None = None
    owner_type: OwnerType = "user"
    is_public: bool = False
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


class ModuleStore(Protocol):
    """What an upload plugin may ask of the workspace's registry."""

    def store(self, artifact: Artifact, target: UploadTarget) -> StoredModule:
        """Writes the blobs, then the row: a whole module or none."""
        ...


@dataclass(frozen=True)
class StoredModule:
    """A module in a registry, as its row says.

    Attributes:
        id: Row identity.
        name: Module name.
        version: semver.
        digest: Hex sha256 of the bytes.
        owner_id: Who owns it.
        owner_type: ``system``, ``admin`` or ``user``.
        status: Only ``active`` ones execute.
        description: One line.
        manifest: Functions and their signatures.
        provenance: How it came to be; ``source_digest`` names the author's file among the blobs.
        size: Bytes of the wasm.
        is_public: Whether every user may read and execute it.
        allowed_users: Ids of users it is shared with.
        timeout_ms: Default time limit of an execution.
        max_execution_time_ms: Largest time limit that a caller may ask for.
        max_memory_pages: Most pages of linear memory, 64 KiB each.
        created_at: UTC.
        updated_at: UTC.
    """

    id: UUID
    name: str
    version: str
    digest: str
    owner_id: UUID
    owner_type: OwnerType
    status: Status
    description: str
    manifest: Manifest
    provenance: Mapping[str, Any]
    size: int
    is_public: bool
    allowed_users: tuple[UUID, ...]
    timeout_ms: int
    max_execution_time_ms: int
    max_memory_pages: int
    created_at: datetime
    updated_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)


# ---------------------------------------------------------------- execute

DEFAULT_TIMEOUT_MS = 5_000
MIN_TIMEOUT_MS = 100
MAX_TIMEOUT_MS = 30_000
DEFAULT_MEMORY_BYTES = 1024 * MIB


@dataclass(frozen=True)
class Limits:
    """Limits of one execution.

    Attributes:
        timeout_ms: Wall clock of the guest, instantiation included.
        memory_bytes: Most linear memory.
        result_bytes: Largest result that is copied out.
        fuel: Most units of work, about one for each WebAssembly instruction; None for no such limit. The same call
            takes the same fuel on every machine.
    """

    timeout_ms: int = DEFAULT_TIMEOUT_MS
    memory_bytes: int = DEFAULT_MEMORY_BYTES
    result_bytes: int = 512 * MIB
    fuel: int | None = None


class Control:
    """What passes between an execution under way and who waits for it: cancellation inwards, progress outwards.

    Safe to use from any thread. One control may serve several executions; `cancel` ends them all.

    Args:
        progress: Called with (rows done, rows in all) as a batch goes on, one call at a time; by the sandbox on the
            thread that waits for the batch, never on one that computes. An error that it raises ends the execution.
    """

    __slots__ = ("_cancelled", "progress")

    def __init__(self, progress: Callable[[int, int], None] | None = None) -> None:
        self.progress = progress
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Asks the execution to stop; it ends with an `akatsuki_wasm.errors.ExecutionCancelled`. Returns at once."""
        self._cancelled = True


@dataclass(frozen=True)
class ExecutableModule:
    """What an execution plugin gets: a digest and the way to the bytes, which are read only when they are needed.

    Attributes:
        digest: Hex sha256.
        manifest: Functions and their signatures.
        read: Returns the bytes; called at most once per compile.
        name: For messages.
        built_here: Whether this host built the bytes from source. Others may be made to keep a compiler busy.
    """

    digest: str
    manifest: Manifest
    read: Callable[[], bytes] = field(compare=False, repr=False)
    name: str = ""
    built_here: bool = False


@dataclass(frozen=True)
class Call:
    """One call of one function with contract values.

    Contract values, by WIT type: bool; int; float; str for ``char`` (one character) and ``string``; for a list of
    numbers any 1-D numpy array, buffer or sequence (a result is a numpy array); a list or tuple for other lists; a
    tuple; for a record a mapping, its `wit.record_class` or any object with those attributes (a result is the record
    class); None or the value for an ``option``.

    Of components besides: a `wit.Case` for a ``variant``, and for a ``result`` or a doubled ``option`` inside another
    type (a function's own result is unwrapped, its error a `akatsuki_wasm.errors.GuestError`); a str for an ``enum``;
    a frozenset of str for ``flags``. Of commands: bytes for their streams. Names are snake_case.

    Attributes:
        function: snake_case or kebab-case.
        args: One contract value for each parameter, in order.
    """

    function: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts of rows as Arrow lays them out: no Python object for each.

    Row ``i`` is the UTF-8 text ``data[offsets[i]:offsets[i + 1]]``; the first offset need not be 0, so that a slice of
    rows is a slice of the offsets.

    Attributes:
        offsets: 1-D numpy array of shape (rows + 1,) of int32, uint32 or int64, never falling.
        data: 1-D numpy array of uint8.
    """

    offsets: Any
    data: Any

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def tolist(self) -> list[str]:
        """All texts as Python strings."""
        ends = self.offsets.tolist()
        first = ends[0]
        data = bytes(self.data[first : ends[-1]])
        pairs = pairwise(ends)
        if data.isascii():  # then bytes are characters, and slicing text is cheaper than decoding each
            text = data.decode("ascii")
            return [text[a - first : b - first] for a, b in pairs]
        return [data[a - first : b - first].decode() for a, b in pairs]


class ColumnSource(Protocol):
    """A column that is converted while it is read, so that nothing of its whole length is made of it."""

    def __len__(self) -> int:
        """How many rows."""
        ...

    def part(self, start: int, stop: int) -> Column:
        """The rows from `start` to before `stop`, as a column of plain values. Several threads may ask at once."""
        ...


@dataclass(frozen=True, eq=False)
class Column:
    """Values of one parameter for every row of a batch, or one value for all of them.

    Attributes:
        values: A 1-D numpy array of the parameter's dtype (bool, integers, floats); for ``char`` and ``string`` `Texts`
            or a sequence of str; a single contract value where `broadcast`; a `ColumnSource` of any of these, but a
            single value. Places that are not valid hold anything.
        valid: bool array of shape (rows,), False where the row is null; None where every row has a value, and for a
            source, whose parts say it themselves.
        broadcast: Whether `values` is one value for all rows.
    """

    values: Any
    valid: Any = None
    broadcast: bool = False

    def whole(self) -> Column:
        """All rows of a `ColumnSource` as one column of plain values; any other column as it is."""
        return self.values.part(0, len(self.values)) if hasattr(self.values, "part") else self


@dataclass(frozen=True, eq=False)
class BatchCall:
    """One function applied to whole columns, in the guest's batch lane.

    A null in a parameter that is no ``option`` makes that row's result null without computing it.

    Attributes:
        function: snake_case or kebab-case.
        columns: One for each parameter, in order.
        rows: Rows of every column that is not broadcast.
        threads: Most threads that compute at once, each with an instance of its own; None for one for each core. A
            short batch uses one.
        max_errors: Most row errors that are wanted with their texts, the first ones; None for all. Failed rows beyond
            them are counted.
    """

    function: str
    columns: tuple[Column, ...]
    rows: int
    threads: int | None = None
    max_errors: int | None = None


class RowError(NamedTuple):
    """The error text that a function answered for one row, from 0; on one line, and never empty."""

    row: int
    message: str


@dataclass(frozen=True, eq=False)
class BatchValue:
    """A batch's result.

    Attributes:
        values: numpy array of shape (rows,) of the result's dtype; for ``char`` and ``string`` a tuple of `Texts` that
            hold the rows one after the other. Places that are not valid hold anything.
        valid: bool array of shape (rows,), or None where every row has a value.
        errors: One for each failed row, by row; as many as `BatchCall.max_errors` allows.
        unlisted: How many more rows failed.
    """

    values: Any
    valid: Any
    errors: tuple[RowError, ...] = ()
    unlisted: int = 0

    @property
    def rows(self) -> int:
        """How many rows."""
        return sum(map(len, self.values)) if isinstance(self.values, tuple) else len(self.values)

    def tolist(self) -> list[Any]:
        """All rows as Python values, None where null."""
        listed = self.values
        found = [text for texts in listed for text in texts.tolist()] if isinstance(listed, tuple) else listed.tolist()
        if self.valid is None:
            return found
        return [value if ok else None for value, ok in zip(found, self.valid.tolist(), strict=True)]


@dataclass(frozen=True)
class ExecutionResult:
    """What an execution gave and cost.

    Attributes:
        value: A contract value, or a `BatchValue` for a `BatchCall`.
        execution_time_ms: Of the guest's function alone; of a batch on several threads, their sum.
        memory_used_bytes: Linear memory at the end, which is its peak; of a batch on several threads, their sum.
        cache_hit: Whether the compiled module was in memory already.
        total_time_ms: Of the whole execution, compiling and copying included.
        instantiation_time_ms: Of making the store and the instance, start function included.
        fuel_used: Units of work that were done, or None where no fuel limit was asked for.
    """

    value: Any
    execution_time_ms: float
    memory_used_bytes: int
    cache_hit: bool
    total_time_ms: float = 0.0
    instantiation_time_ms: float = 0.0
    fuel_used: int | None = None


MODULE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Module names: lower-case letters, digits and hyphens, at most 63."""


def first_error(diagnostics: Sequence[Diagnostic]) -> Diagnostic | None:
    """The first diagnostic that is an error, or None."""
    return next((each for each in diagnostics if each.level == "error"), None)
