"""What an execution gets, takes and gives: limits, control, calls, columns, results."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from akatsuki_wasm.contracts.modules import MIB

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.contracts.modules import Manifest

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
    """What passes between work under way and who waits for it: cancellation inwards, progress outwards.

    The work is an execution, or a whole design with all that it starts. Safe to use from any thread. One control may
    serve several executions; `cancel` ends them all.

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
        """Asks the work to stop, and returns at once.

        An execution ends with an `akatsuki_wasm.errors.ExecutionCancelled`, a design with an
        `akatsuki_wasm.errors.DesignCancelled`.
        """
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
