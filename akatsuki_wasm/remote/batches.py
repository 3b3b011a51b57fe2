"""A batch as a few requests: columns as Arrow streams, in parts that a server takes, and their results put together.

The server answers each part with a column ``result`` and, where errors of rows are wanted, a column ``error``.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import BatchCall, BatchValue, Column, ExecutionResult, RowError, Texts
from akatsuki_wasm.errors import ExecutionCancelled, RequestTooLargeError, ServerUnreachableError
from akatsuki_wasm.remote.calls import MAX_QUERY, cost_headers, plain_result, with_cost
from akatsuki_wasm.remote.wire import argument_to_json
from akatsuki_wasm.values.arrow import arrow_column, arrow_result, load_pyarrow
from akatsuki_wasm.values.sources import DTYPES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import httpx

    from akatsuki_wasm.contracts import Control, Function

STREAM = "application/vnd.apache.arrow.stream"
PART_BYTES = 8 << 20
"""Of one request, about: what all servers take, and large enough for the way there not to count."""
MAX_ROWS = 1 << 20
"""Of one request."""


class Post(Protocol):
    """Sends a request to the executor; see `akatsuki_wasm.remote.client.Client.send`."""

    def __call__(self, control: Control | None, **request: Any) -> httpx.Response: ...


def send_batch(
    post: Post, module_id: UUID, function: Function, call: BatchCall, *, timeout_ms: int, control: Control | None
) -> ExecutionResult:
    """Applies a function to columns on a server.

    Args:
        post: Sends a request.
        module_id: Of the function's module.
        function: What to apply.
        call: Its columns.
        timeout_ms: Time limit of each request.
        control: Cancels it, and hears how far it is.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ExecuteError: As for a batch on this machine.
    """
    load_pyarrow()
    batch = _Batch(module_id, function, call, timeout_ms)
    began = time.perf_counter()
    parts: list[_Part] = []
    start, rows = 0, batch.rows_of_a_part()
    while start < call.rows or not parts:
        if control is not None and control.cancelled:
            raise ExecutionCancelled(f"{function.name} was cancelled")
        stop = min(start + rows, call.rows)
        try:
            parts.append(batch.result(post(control, **batch.request(start, stop)), stop - start))
        except RequestTooLargeError:
            if stop - start <= 1:
                raise
            rows = max((stop - start) // 2, 1)  # texts may be longer here than at the beginning
            continue
        start = stop
        if control is not None and control.progress is not None and call.rows:
            control.progress(start, call.rows)
    return _joined(parts, call.max_errors, began)


class _Part:
    """What came of some rows."""

    def __init__(self, value: BatchValue, cost: ExecutionResult) -> None:
        self.value = value
        self.cost = cost


class _Batch:
    """A batch on its way."""

    def __init__(self, module_id: UUID, function: Function, call: BatchCall, timeout_ms: int) -> None:
        self._function, self._call = function, call
        self._wants_errors = call.max_errors != 0
        self._columns: dict[str, Column] = {}
        constants: dict[str, Any] = {}
        for param, column in zip(function.params, call.columns, strict=True):
            if column.broadcast:
                constants[param.name] = argument_to_json(function, param, column.values)
            else:
                self._columns[param.name] = column
        self._head = {
            "moduleId": str(module_id),
            "functionName": function.name,
            "timeoutMs": timeout_ms,
            "onError": "collect" if self._wants_errors else "null",
        }
        self._repeated: dict[str, Any] = {}
        query = json.dumps(constants, ensure_ascii=False)
        if len(query) > MAX_QUERY:  # long texts: they go along with the rows, one for all of them
            self._repeated = {name: value for name, value in constants.items() if isinstance(value, str)}
            query = json.dumps({name: constants[name] for name in constants if name not in self._repeated})
        self._head["args"] = query

    def rows_of_a_part(self) -> int:
        """How many rows are sent at once, by the size of the first ones."""
        sample = min(self._call.rows, 4096)
        if not sample:
            return 1
        size = sum(each.nbytes for each in self._arrays(0, sample).values())
        return int(min(max(PART_BYTES * sample // max(size, 1), 1), MAX_ROWS))

    def request(self, start: int, stop: int) -> dict[str, Any]:
        """What `httpx.Client.request` needs for some rows."""
        pa = load_pyarrow()
        table = pa.table(self._arrays(start, stop))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return {
            "params": self._head,
            "content": sink.getvalue().to_pybytes(),
            "headers": {"Content-Type": STREAM, "Accept": STREAM},
        }

    def _arrays(self, start: int, stop: int) -> dict[str, Any]:
        pa = load_pyarrow()
        found = {name: _array(column, start, stop) for name, column in self._columns.items()}
        for name, text in self._repeated.items():
            indices = pa.array(np.zeros(stop - start, np.int32))
            found[name] = pa.DictionaryArray.from_arrays(indices, pa.array([text], pa.large_string()))
        return found

    def result(self, response: httpx.Response, rows: int) -> _Part:
        """What a server answered for some rows.

        Raises:
            ServerUnreachableError: It is no such answer.
        """
        pa = load_pyarrow()
        try:
            table = pa.ipc.open_stream(pa.BufferReader(response.content)).read_all()
            column = table.column("result")
            if len(column) != rows:
                raise ValueError(f"{len(column)} rows for {rows}")
            errors = _errors(table.column("error")) if self._wants_errors else ()
            value = _value(self._function, column, errors)
        except (pa.ArrowException, KeyError, ValueError, TypeError, OSError) as exc:
            raise ServerUnreachableError(
                f"the server's answer to a batch is not usable: {' '.join(str(exc).split())[:120]}",
                hint="Is the URL that of an akatsuki server, and of a version that fits?",
            ) from exc
        return _Part(value, with_cost(None, cost_headers(response), time.perf_counter()))


def _array(column: Column, start: int, stop: int) -> Any:
    """Rows of a column as an Arrow array."""
    pa = load_pyarrow()
    values, valid = column.values, column.valid
    if hasattr(values, "part"):
        part = values.part(start, stop)
        values, valid = part.values, part.valid
    elif isinstance(values, Texts):
        values, valid = (
            Texts(values.offsets[start : stop + 1], values.data),
            None if valid is None else valid[start:stop],
        )
    else:
        values, valid = values[start:stop], None if valid is None else valid[start:stop]
    if isinstance(values, Texts):
        first, last = int(values.offsets[0]), int(values.offsets[-1])
        # From 0, as offsets of 32 bits may not reach where a long column's rows are.
        values = (Texts(values.offsets - first, np.ascontiguousarray(values.data[first:last])),)
    elif not isinstance(values, np.ndarray):
        return pa.array(values, pa.large_string(), mask=None if valid is None else ~valid)
    else:
        values = np.ascontiguousarray(values)
    return arrow_result(BatchValue(values, valid)).combine_chunks()


def _errors(column: Any) -> tuple[RowError, ...]:
    return tuple(RowError(row, str(text)) for row, text in enumerate(column.to_pylist()) if text is not None)


def _value(function: Function, column: Any, errors: Sequence[RowError]) -> BatchValue:
    """A column of results as the batch lane gives it."""
    from akatsuki_wasm.contracts import Parameter

    kind = plain_result(function)
    kind = kind.inner if isinstance(kind, wit.Option) else kind
    assert isinstance(kind, wit.Primitive)  # noqa: S101 - others have no batch lane
    found = arrow_column(Parameter("result", kind), kind, column).whole()
    values = found.values
    if isinstance(values, Texts):
        return BatchValue((values,), found.valid, tuple(errors))
    return BatchValue(np.asarray(values, DTYPES[kind.name]), found.valid, tuple(errors))


def _joined(parts: Sequence[_Part], max_errors: int | None, began: float) -> ExecutionResult:
    """The parts as one result."""
    values = [part.value for part in parts]
    starts = np.cumsum([0, *(value.rows for value in values)]).tolist()
    errors = [
        RowError(start + row, message)
        for start, value in zip(starts, values, strict=False)
        for row, message in value.errors
    ]
    listed = tuple(errors if max_errors is None else errors[:max_errors])
    valid = None
    if any(value.valid is not None for value in values):
        valid = np.concatenate([np.ones(each.rows, np.bool_) if each.valid is None else each.valid for each in values])
    joined: Any
    if isinstance(values[0].values, tuple):
        joined = tuple(texts for value in values for texts in value.values)
    else:
        joined = values[0].values if len(values) == 1 else np.concatenate([value.values for value in values])
    return ExecutionResult(
        BatchValue(joined, valid, listed, len(errors) - len(listed)),
        execution_time_ms=sum(part.cost.execution_time_ms for part in parts),
        memory_used_bytes=max(part.cost.memory_used_bytes for part in parts),
        cache_hit=all(part.cost.cache_hit for part in parts),
        total_time_ms=(time.perf_counter() - began) * 1e3,
    )
