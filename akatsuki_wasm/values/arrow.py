"""Arrow columns in and out, pyarrow's, polars' and of whatever speaks the Arrow C interface: no object for a row.

pyarrow is loaded when a column comes that needs it; it is an extra of this package.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm.contracts import BatchValue, Column, Texts
from akatsuki_wasm.errors import ArgumentError, MissingExtraError
from akatsuki_wasm.values.bind import describe_type
from akatsuki_wasm.values.sources import DTYPES, WINDOW, NumberSource, windows, wrong_kind

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from akatsuki_wasm import wit
    from akatsuki_wasm.contracts import Parameter

    Array = npt.NDArray[Any]

_CASTS = {
    "decimal": "Cast the column to float64 first.",
    "timestamp": "Cast the column to int64 first.",
    "date": "Cast the column to int32 or int64 first.",
    "time": "Cast the column to int64 first.",
    "duration": "Cast the column to int64 first.",
    "binary": "Cast the column to string first.",
    "large_binary": "Cast the column to string first.",
    "struct": "Give one column of it.",
}


def is_arrow(value: Any) -> bool:
    """Whether a value speaks the Arrow C interface as a column may; an image of PIL does too, and is none."""
    kind = type(value)
    return (hasattr(kind, "__arrow_c_stream__") or hasattr(kind, "__arrow_c_array__")) and not hasattr(kind, "getbands")


def load_pyarrow() -> Any:
    """The package pyarrow.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import pyarrow
    except ImportError as exc:
        raise MissingExtraError(
            "Arrow columns need pyarrow, which is not installed", hint="pip install 'akatsuki-wasm[arrow]'"
        ) from exc
    return pyarrow


def chunks_of(value: Any) -> list[pa.Array]:
    """The Arrow arrays of a column, one after the other, without copying them.

    Args:
        value: A pyarrow Array or ChunkedArray, or anything that `is_arrow`.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ArgumentError: It is no column.
    """
    pa = load_pyarrow()
    if isinstance(value, pa.Array):
        return [value]
    try:
        chunked = value if isinstance(value, pa.ChunkedArray) else pa.chunked_array(value)
    except (TypeError, ValueError, NotImplementedError) as exc:  # pyarrow's own errors are of these
        raise ArgumentError(
            f"a {type(value).__name__} is no column: {' '.join(str(exc).split())}", hint="Give one column of it."
        ) from exc
    return chunked.chunks or [pa.array([], chunked.type)]


def _with_offsets(pa: Any, chunk: pa.Array) -> pa.Array:
    """A dictionary of text views, which pyarrow cannot decode, as one of texts with offsets; others unchanged."""
    if not (pa.types.is_dictionary(chunk.type) and pa.types.is_string_view(chunk.type.value_type)):
        return chunk
    return pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.large_string()))


class _Chunks:
    """Rows of one column over its chunks."""

    def __init__(self, chunks: list[pa.Array]) -> None:
        self._chunks = chunks
        self._starts = [0, *accumulate(map(len, chunks))]

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def type(self) -> pa.DataType:
        return self._chunks[0].type

    def cut(self, start: int, stop: int) -> list[pa.Array]:
        """The chunks' parts in these rows; at least one."""
        index = max(0, bisect_right(self._starts, start) - 1)
        parts = []
        while True:
            index = min(index, len(self._chunks) - 1)
            first = start - self._starts[index]
            part = self._chunks[index].slice(first, min(stop - start, len(self._chunks[index]) - first))
            parts.append(part)
            start += len(part)
            index += 1
            if start >= stop:
                return parts


def arrow_column(param: Parameter, type_: wit.Primitive, value: Any) -> Column:
    """A column of an Arrow array for a parameter; every row was checked.

    Args:
        param: Which.
        type_: What a row is.
        value: See `chunks_of`.

    Raises:
        ArgumentError: The type does not fit, or a row does not; the error names it.
        MissingExtraError: pyarrow is not installed.
    """
    pa = load_pyarrow()
    chunks = _Chunks([_with_offsets(pa, chunk) for chunk in chunks_of(value)])
    is_text = type_.name in ("string", "char")
    kind = chunks.type
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_null(inner):
        return _Nulls(type_, len(chunks)).column()
    if is_text and (pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner)):
        return _TextSource(param, type_, chunks).column()
    if not is_text and inner == kind and (pa.types.is_boolean(kind) or pa.types.is_primitive(kind)):
        dtype = _number_dtype(pa, kind)
        if dtype is not None and (dtype.kind == "b") == (type_.name == "bool"):
            return NumberSource(
                param, type_, lambda a, b: _numbers(chunks.cut(a, b), dtype), dtype, len(chunks)
            ).column()
    hint = next((hint for start, hint in _CASTS.items() if str(kind).startswith(start)), "Cast the column first.")
    raise wrong_kind(param, type_, str(kind), hint)


def _number_dtype(pa: Any, kind: pa.DataType) -> np.dtype[Any] | None:
    types = pa.types
    if types.is_boolean(kind):
        return np.dtype(np.bool_)
    if types.is_integer(kind) or types.is_floating(kind):
        found: np.dtype[Any] = np.dtype(kind.to_pandas_dtype())
        return found
    return None


def _numbers(parts: list[pa.Array], dtype: np.dtype[Any]) -> tuple[Array, Array | None]:
    found = [_number_part(part, dtype) for part in parts]
    return (found[0] if len(found) == 1 else np.concatenate(found)), _validity(parts)


def _number_part(part: pa.Array, dtype: np.dtype[Any]) -> Array:
    data = part.buffers()[1]
    if dtype.kind == "b":
        return _bits(data, part.offset, len(part))
    if not len(part) or data is None:
        return np.zeros(len(part), dtype)
    return np.frombuffer(data, dtype, len(part), part.offset * dtype.itemsize)


def _bits(data: pa.Buffer | None, offset: int, count: int) -> Array:
    """Bits, the lowest of each byte first, as bools."""
    if not count or data is None:
        return np.zeros(count, np.bool_)
    first, end = offset // 8, (offset + count + 7) // 8
    packed = np.frombuffer(data, np.uint8, end - first, first)
    skipped = offset - first * 8
    return np.unpackbits(packed, count=skipped + count, bitorder="little")[skipped:].view(np.bool_)


def _validity(parts: list[pa.Array]) -> Array | None:
    """Which rows are no nulls; None where there are none."""
    if not any(part.null_count for part in parts):
        return None
    found = [
        _bits(part.buffers()[0], part.offset, len(part)) if part.null_count else np.ones(len(part), np.bool_)
        for part in parts
    ]
    return found[0] if len(found) == 1 else np.concatenate(found)


class _Nulls:
    """A column of the null type: nothing but nulls, for any parameter."""

    def __init__(self, type_: wit.Primitive, rows: int) -> None:
        self._type, self._rows = type_, rows

    def __len__(self) -> int:
        return self._rows

    def column(self) -> Column:
        return Column(self) if self._rows > WINDOW else self.part(0, self._rows)

    def part(self, start: int, stop: int) -> Column:
        rows = stop - start
        dtype = DTYPES.get(self._type.name)
        empty = Texts(np.zeros(rows + 1, np.int32), np.zeros(0, np.uint8)) if dtype is None else np.zeros(rows, dtype)
        return Column(empty, np.zeros(rows, np.bool_))


class _TextSource:
    """A column of texts: its buffers, cut to the rows that are asked for."""

    def __init__(self, param: Parameter, type_: wit.Primitive, chunks: _Chunks) -> None:
        self._param, self._type, self._chunks = param, type_, chunks

    def __len__(self) -> int:
        return len(self._chunks)

    def column(self) -> Column:
        rows = len(self)
        if self._type.name == "char":
            for start, stop in windows(rows):
                self._check_characters(self.part(start, stop), start)
        return Column(self) if rows > WINDOW else self.part(0, rows)

    def part(self, start: int, stop: int) -> Column:
        parts = [_plain_text(part) for part in self._chunks.cut(start, stop)]
        found = [_text_part(part) for part in parts]
        return Column(found[0] if len(found) == 1 else _joined(found), _validity(parts))

    def _check_characters(self, column: Column, start: int) -> None:
        texts: Texts = column.values
        # Bytes that begin a character, counted up to each text's ends.
        begins = (texts.data[texts.offsets[0] : texts.offsets[-1]] & 0xC0) != 0x80
        counts = np.concatenate(([0], np.cumsum(begins)))[texts.offsets - texts.offsets[0]]
        bad = np.diff(counts) != 1
        rows = np.flatnonzero(bad if column.valid is None else bad & column.valid)
        if rows.size:
            row = int(rows[0])
            text = Texts(texts.offsets[row : row + 2], texts.data).tolist()[0]
            raise ArgumentError(
                f"{self._param.name} in row {start + row} is {text!r}: expected {describe_type(self._type)}",
                hint="Convert the column first.",
            )


def _plain_text(part: pa.Array) -> pa.Array:
    """Texts with offsets, decoded from a dictionary or copied out of views where they come so."""
    pa = load_pyarrow()
    if pa.types.is_dictionary(part.type):
        part = part.dictionary_decode()
    return part.cast(pa.large_string()) if pa.types.is_string_view(part.type) else part


def _text_part(part: pa.Array) -> Texts:
    pa = load_pyarrow()
    _, offsets, data = part.buffers()
    dtype = np.dtype(np.int64 if pa.types.is_large_string(part.type) else np.int32)
    nothing = np.zeros(0, np.uint8)
    if not len(part) or offsets is None:
        return Texts(np.zeros(len(part) + 1, dtype), nothing)
    ends = np.frombuffer(offsets, dtype, len(part) + 1, part.offset * dtype.itemsize)
    return Texts(ends, nothing if data is None or not data.size else np.frombuffer(data, np.uint8))


def _joined(parts: list[Texts]) -> Texts:
    """Several texts as one; only ever of as many rows as are computed at once."""
    offsets, data, at = [np.zeros(1, np.int64)], [], 0
    for part in parts:
        first, last = int(part.offsets[0]), int(part.offsets[-1])
        offsets.append(part.offsets[1:].astype(np.int64) + (at - first))
        data.append(part.data[first:last])
        at += last - first
    return Texts(np.concatenate(offsets), np.concatenate(data))


# ---------------------------------------------------------------- results


def arrow_result(result: BatchValue) -> pa.ChunkedArray:
    """A batch's result as Arrow: of the result's memory, but for bools and validity, which become bits."""
    pa = load_pyarrow()
    values, valid = result.values, result.valid
    if isinstance(values, tuple):
        arrays, start = [], 0
        for texts in values:
            stop = start + len(texts)
            arrays.append(_text_array(pa, texts, None if valid is None else valid[start:stop]))
            start = stop
        return pa.chunked_array(arrays, pa.string())
    kind = pa.from_numpy_dtype(values.dtype)
    data = _packed(values) if values.dtype.kind == "b" else values
    return pa.chunked_array([_array(pa, kind, len(values), valid, [data])], kind)


def _text_array(pa: Any, texts: Texts, valid: Array | None) -> pa.Array:
    return _array(pa, pa.string(), len(texts), valid, [texts.offsets.astype(np.int32, copy=False), texts.data])


def _array(pa: Any, kind: pa.DataType, rows: int, valid: Array | None, data: list[Array]) -> pa.Array:
    bits = None if valid is None or valid.all() else pa.py_buffer(_packed(valid))
    return pa.Array.from_buffers(kind, rows, [bits, *(pa.py_buffer(each) for each in data)])


def _packed(bools: Array) -> Array:
    return np.packbits(bools, bitorder="little")
