"""The batch lane: one function over whole columns, in chunks through reused buffers of one instance.

The guest's loop is the export ``akatsuki:batch/<name>``, which gets the address of a frame of u32 words::

    [0] rows   [1] mask   [2] output values, or offsets of strings   [3] output validity
    [4] [5] string data and its length, written by the guest   [6] [7] failed rows and their records, likewise
    then for each parameter   [+0] values   [+1] string offsets   [+2] option's validity   [+3] 1 column, 0 broadcast

A function of plain scalars without that export (a plain module) is called row by row on one instance.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import BatchValue, RowError
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.sandbox.columns import HostColumn, host_column
from akatsuki_wasm.sandbox.lift import broken
from akatsuki_wasm.sandbox.scalars import DTYPES, Mismatch

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import BatchCall, Function
    from akatsuki_wasm.sandbox.instance import Instance
    from akatsuki_wasm.sandbox.lift import Reader
    from akatsuki_wasm.sandbox.plans import CallPlan

CHUNK_ROWS = 64 * 1024
"""Between 16K and 128K rows was measured best: below 8K the calls show, above it the caches overflow."""
CHUNK_TEXT = 16 * 1024 * 1024
"""A chunk has fewer rows where its texts are longer than this many characters, so that guest memory stays bounded."""
ROW_ERROR_BYTES = 64
"""What a row's error is charged against the result limit besides its text."""
_HEAD = 8
_PARAM = 4
_BATCH_SIGNATURE = (("i32",), ())
_FRAME_SLOT = struct.Struct("<I")


def run(plan: CallPlan, instance: Instance, call: BatchCall) -> BatchValue:
    """Applies the function to every row.

    Raises:
        ArgumentError: A column does not fit its parameter, or the function has no batch lane.
        ExecuteError: The guest trapped, or met a limit; the deadline is for the whole batch.
    """
    function = plan.function
    if len(call.columns) != len(function.params):
        raise plan.wrong_count(len(call.columns))
    result = _result_type(function)
    if function.batch is None and not _is_scalar(function):
        raise _no_lane(plan)
    columns = []
    for index, (param, column) in enumerate(zip(function.params, call.columns, strict=True)):
        try:
            columns.append(host_column(param.type, column, call.rows))
        except Mismatch as mismatch:
            raise plan.refuse(index, mismatch) from mismatch
    mask = _mask(columns)
    if function.batch is None:
        return _RowByRow(plan, instance, columns, mask, result).run(call.rows)
    if result is None:
        raise _no_lane(plan)
    return _Chunks(plan, instance, columns, mask, result).run(call.rows)


def _no_lane(plan: CallPlan) -> ArgumentError:
    return ArgumentError(
        f"{plan.name} cannot be applied to columns: its types are not all numbers, bools, chars and strings",
        hint="call it once for each row",
    )


def _result_type(function: Function) -> wit.Primitive | None:
    """The primitive that a row's result is, without its option or result; None where it is none."""
    result = function.result
    if isinstance(result, wit.Result):
        result = result.ok
    if isinstance(result, wit.Option):
        result = result.inner
    return result if isinstance(result, wit.Primitive) else None


def _is_scalar(function: Function) -> bool:
    """Whether every row can be called without guest memory."""
    types = [param.type for param in function.params] + [function.result]
    return bool(function.params) and all(isinstance(each, wit.Primitive) and each != wit.STRING for each in types)


def _mask(columns: list[HostColumn]) -> np.ndarray[Any, Any] | None:
    """Which rows are computed: those without a null where a value is due; None for all."""
    mask = None
    for column in columns:
        if column.null_skips is not None:
            mask = column.null_skips if mask is None else mask & column.null_skips
    return mask


class _Output:
    """Results as they come in, chunk by chunk."""

    def __init__(self, type_: wit.Primitive, rows: int) -> None:
        self.type = type_
        self.valid = np.zeros(rows, np.bool_)
        self.listed: list[str | None] = []
        self.array: np.ndarray[Any, Any] | None = None
        if type_.name not in ("string", "char"):
            self.array = np.zeros(rows, DTYPES[type_.name])
        self.errors: list[RowError] = []

    def value(self) -> BatchValue:
        values = self.listed if self.array is None else self.array
        return BatchValue(values, None if self.valid.all() else self.valid, tuple(self.errors))


class _Buffer:
    """Guest memory that is used again for every chunk, and grows."""

    def __init__(self, instance: Instance, alignment: int) -> None:
        self._instance, self._alignment = instance, alignment
        self.address = self._size = 0

    def room(self, size: int) -> int:
        if size > self._size:
            self.address = self._instance.reallocate(self.address, self._size, self._alignment, size)
            self._size = size
        return self.address or self._alignment

    def put(self, data: np.ndarray[Any, Any]) -> int:
        """Copies an array in; its address."""
        address = self.room(data.nbytes)
        if data.size:
            np.frombuffer(self._instance.view, data.dtype, len(data), address)[...] = data
        return address


class _Chunks:
    """One batch through the guest's own loop."""

    def __init__(
        self,
        plan: CallPlan,
        instance: Instance,
        columns: list[HostColumn],
        mask: np.ndarray[Any, Any] | None,
        result: wit.Primitive,
    ) -> None:
        self._plan, self._instance, self._columns, self._mask, self._result = plan, instance, columns, mask, result
        self._rows = 0
        self._frame, self._mask_bytes = _Buffer(instance, 4), _Buffer(instance, 1)
        self._output, self._validity = _Buffer(instance, 8), _Buffer(instance, 1)
        self._values = [_Buffer(instance, 8) for _ in columns]
        self._offsets = [_Buffer(instance, 4) for _ in columns]
        self._options = [_Buffer(instance, 1) for _ in columns]

    def run(self, rows: int) -> BatchValue:
        export = (self._plan.function.batch or "").encode()
        output = _Output(self._result, rows)
        self._instance.find_function(export, _BATCH_SIGNATURE, known=self._plan.batch_checked)
        self._plan.batch_checked = True
        left = self._instance.limits.result_bytes
        start = 0
        while start < rows:
            stop = min(start + CHUNK_ROWS, rows)
            while stop - start > 1 and sum(column.characters(start, stop) for column in self._columns) > CHUNK_TEXT:
                stop = start + (stop - start) // 2
            left = self._chunk(start, stop, output, left)
            start = stop
        return output.value()

    def _chunk(self, start: int, stop: int, output: _Output, left: int) -> int:
        """One call; gives what is left of the result limit."""
        rows = self._rows = stop - start
        words = np.zeros(_HEAD + _PARAM * len(self._columns), np.uint32)
        words[0] = rows
        if self._mask is not None:
            words[1] = self._mask_bytes.put(self._mask[start:stop].view(np.uint8))
        text = self._result == wit.STRING
        words[2] = self._output.room((rows + 1) * 4 if text else rows * DTYPES[self._result.name].itemsize)
        words[3] = self._validity.room(rows)
        for index, column in enumerate(self._columns):
            at = _HEAD + _PARAM * index
            try:
                self._put(index, column, start, stop, words[at : at + _PARAM])
            except Mismatch as mismatch:
                raise self._plan.refuse(index, mismatch) from mismatch
        frame = self._frame.put(words)
        self._instance.pack(_FRAME_SLOT, [frame], 1)
        self._instance.call(1)
        reader = self._instance.reader()
        reader.left = left
        self._take(reader, words, start, output)
        return reader.left

    def _put(self, index: int, column: HostColumn, start: int, stop: int, words: np.ndarray[Any, Any]) -> None:
        data, offsets, valid = column.chunk(start, stop)
        words[0] = self._values[index].put(data)
        if offsets is not None:
            words[1] = self._offsets[index].put(offsets)
        if valid is not None:
            words[2] = self._options[index].put(valid)
        words[3] = 0 if column.broadcast else 1

    def _take(self, reader: Reader, words: np.ndarray[Any, Any], start: int, output: _Output) -> None:
        """Takes a chunk's results; where a word was the host's, the host's is used, not what the guest left there."""
        rows, output_at, validity_at = int(words[0]), int(words[2]), int(words[3])
        stop = start + rows
        written = np.frombuffer(reader.view, np.uint32, _HEAD, self._frame.address)[4:].tolist()
        valid = np.frombuffer(reader.view, np.uint8, rows, reader.area(validity_at, rows, 1, "validity")) != 0
        output.valid[start:stop] = valid
        if output.array is not None:
            dtype = output.array.dtype
            at = reader.area(output_at, rows * dtype.itemsize, dtype.alignment, "a column")
            if self._result == wit.BOOL:
                output.array[start:stop] = np.frombuffer(reader.view, np.uint8, rows, at) != 0
            else:
                output.array[start:stop] = np.frombuffer(reader.view, dtype, rows, at)
        elif self._result == wit.STRING:
            output.listed += self._texts(reader, output_at, written[0], written[1], valid)
        else:
            output.listed += self._characters(reader, output_at, valid)
        self._errors(reader, written[2], written[3], start, output)

    def _texts(
        self, reader: Reader, offsets_at: int, data_at: int, size: int, valid: np.ndarray[Any, Any]
    ) -> list[str | None]:
        rows = len(valid)
        at = reader.area(offsets_at, (rows + 1) * 4, 4, "offsets of strings")
        offsets = np.frombuffer(reader.view, np.uint32, rows + 1, at).astype(np.int64)
        if rows and (int(offsets[-1]) > size or bool((np.diff(offsets) < 0).any())):
            raise broken(self._plan.name, "list_out_of_bounds", "offsets of strings are not in order")
        at = reader.area(data_at, size, 1, "strings")
        reader.spend(size)
        data = bytes(reader.view[at : at + size])
        ends = offsets.tolist()
        if data.isascii():  # then bytes are characters, and slicing text is cheaper than decoding each
            text = data.decode("ascii")
            return [text[a:b] if ok else None for a, b, ok in zip(ends[:-1], ends[1:], valid.tolist(), strict=True)]
        try:
            return [
                data[a:b].decode() if ok else None for a, b, ok in zip(ends[:-1], ends[1:], valid.tolist(), strict=True)
            ]
        except UnicodeDecodeError as exc:
            raise broken(self._plan.name, "invalid_utf8", "a string is not UTF-8") from exc

    def _characters(self, reader: Reader, at: int, valid: np.ndarray[Any, Any]) -> list[str | None]:
        rows = len(valid)
        codes = np.frombuffer(reader.view, np.uint32, rows, reader.area(at, rows * 4, 4, "a column")).copy()
        codes[~valid] = 0
        if bool(((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes <= 0xDFFF))).any()):
            raise broken(self._plan.name, "invalid_char", "a column has a number that is no character")
        return [chr(code) if ok else None for code, ok in zip(codes.tolist(), valid.tolist(), strict=True)]

    def _errors(self, reader: Reader, count: int, at: int, start: int, output: _Output) -> None:
        if not count:
            return
        rows = self._rows
        if count > rows:
            raise broken(self._plan.name, "list_out_of_bounds", f"{count:,} failed rows of {rows:,}")
        at = reader.area(at, count * 12, 4, "the failed rows")
        reader.spend(count * ROW_ERROR_BYTES)
        for row, text_at, size in np.frombuffer(reader.view, np.uint32, count * 3, at).reshape(-1, 3).tolist():
            if row >= rows:
                raise broken(self._plan.name, "list_out_of_bounds", f"a failed row {row:,} of {rows:,}")
            output.errors.append(RowError(start + row, reader.text(text_at, size)))


class _RowByRow:
    """One batch as a call for each row, on one instance."""

    def __init__(
        self,
        plan: CallPlan,
        instance: Instance,
        columns: list[HostColumn],
        mask: np.ndarray[Any, Any] | None,
        result: wit.Primitive | None,
    ) -> None:
        self._plan, self._instance, self._columns, self._mask = plan, instance, columns, mask
        assert result is not None  # noqa: S101 - `_is_scalar` has seen to it
        self._result = result

    def run(self, rows: int) -> BatchValue:
        output = _Output(self._result, rows)
        self._plan.find(self._instance)
        for start in range(0, rows, CHUNK_ROWS):
            stop = min(start + CHUNK_ROWS, rows)
            listed = [column.scalars(start, stop) for column in self._columns]
            computed = None if self._mask is None else self._mask[start:stop].tolist()
            for index, values in enumerate(zip(*listed, strict=True)):
                if computed is not None and not computed[index]:
                    if output.array is None:
                        output.listed.append(None)
                    continue
                value = self._plan.call(self._instance, values)
                output.valid[start + index] = True
                if output.array is None:
                    output.listed.append(value)
                else:
                    output.array[start + index] = value
        return output.value()
