"""Columns on the host's side of the batch lane: checked once, then given out chunk by chunk as the guest wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from akatsuki_wasm import wit
from akatsuki_wasm.sandbox.scalars import (
    DTYPES,
    Mismatch,
    array,
    boolean,
    character,
    describe,
    double,
    f32_bits,
    integer,
)

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Column

Array = npt.NDArray[Any]


class HostColumn(Protocol):
    """One parameter's values for a batch.

    Attributes:
        broadcast: Whether there is one value for all rows.
        null_skips: bool array of shape (rows,), False where a null makes the row's result null; None where none does.
    """

    broadcast: bool
    null_skips: Array | None

    def chunk(self, start: int, stop: int) -> tuple[Array, Array | None, Array | None]:
        """For rows from `start` to before `stop`: values (or UTF-8), u32 offsets, an option's validity."""
        ...

    def scalars(self, start: int, stop: int) -> list[Any]:
        """The same rows as contract values, one for each row."""
        ...

    def characters(self, start: int, stop: int) -> int:
        """Characters of text in these rows; 0 for a column of numbers."""
        ...


def host_column(type_: wit.Type, column: Column, rows: int) -> HostColumn:
    """Checks a column against its parameter's type.

    Args:
        type_: A primitive, or an option of one.
        column: Values, nulls, or one value for all rows.
        rows: Of the batch.

    Raises:
        Mismatch: It does not fit.
    """
    inner = type_.inner if isinstance(type_, wit.Option) else type_
    if not isinstance(inner, wit.Primitive):
        raise Mismatch(str(type_), "a column", "call the function once for each row")
    optional = isinstance(type_, wit.Option)
    if column.broadcast:
        return _broadcast(inner, column, rows, optional=optional)
    if isinstance(column.values, str | bytes) or not hasattr(column.values, "__len__"):
        raise Mismatch(f"a column of {inner}", describe(column.values))
    if len(column.values) != rows:
        raise Mismatch(f"a column of {rows:,} rows", f"{len(column.values):,}")
    valid = _validity(column.valid, rows)
    if inner == wit.STRING:
        return _Texts(column.values, valid, optional=optional)
    if inner == wit.CHAR:
        return _Numbers(inner, _codes(column.values, valid), valid, optional=optional)
    return _Numbers(inner, array(inner.name, column.values, f"a column of {inner}", valid), valid, optional=optional)


def _broadcast(inner: wit.Primitive, column: Column, rows: int, *, optional: bool) -> HostColumn:
    valid = None
    value = column.values
    if value is None or (column.valid is not None and not np.asarray(column.valid).all()):
        valid = np.zeros(1, np.bool_)
        value = None
    if inner == wit.STRING:
        return _Texts([value], valid, optional=optional, broadcast=rows)
    return _Numbers(inner, _one(inner, value), valid, optional=optional, broadcast=rows)


def _one(inner: wit.Primitive, value: Any) -> Array:
    """A scalar as an array of one."""
    if value is None:
        return np.zeros(1, DTYPES[inner.name])
    if inner.name == "f32":
        return np.array([f32_bits(value)], np.uint32).view(np.float32)
    if inner.name in wit.INTEGER_RANGES:
        return np.array([integer(inner.name, value)], DTYPES[inner.name])
    if inner.name == "f64":
        return np.array([double("f64", value)])
    if inner.name == "char":
        return np.array([character(value)], np.uint32)
    return np.array([boolean(value)])


def _validity(valid: Any, rows: int) -> Array | None:
    if valid is None:
        return None
    found = np.asarray(valid)
    if found.dtype != np.bool_ or found.shape != (rows,):
        raise Mismatch(f"a bool mask of {rows:,} rows", describe(found))
    return None if found.all() else found


def _codes(values: Any, valid: Array | None) -> Array:
    codes = np.zeros(len(values), np.uint32)
    for index, value in enumerate(values):
        if valid is not None and not valid[index]:
            continue
        try:
            codes[index] = character(value)
        except Mismatch as mismatch:
            raise mismatch.within(f"[{index}]") from None
    return codes


class _Numbers:
    def __init__(
        self, inner: wit.Primitive, values: Array, valid: Array | None, *, optional: bool, broadcast: int = 0
    ) -> None:
        self._values, self._dtype, self._char = values, DTYPES[inner.name], inner == wit.CHAR
        self.broadcast = broadcast > 0
        self._option = valid if optional else None
        self.null_skips = None if optional or valid is None else _spread(valid, broadcast)

    def chunk(self, start: int, stop: int) -> tuple[Array, Array | None, Array | None]:
        part = slice(0, 1) if self.broadcast else slice(start, stop)
        values = self._values[part]
        if values.dtype != self._dtype:  # checked for range already; places without a value may hold anything
            with np.errstate(invalid="ignore", over="ignore"):
                values = values.astype(self._dtype)
        return values, None, None if self._option is None else self._option[part].view(np.uint8)

    def scalars(self, start: int, stop: int) -> list[Any]:
        values, _, _ = self.chunk(start, stop)
        listed = list(map(chr, values)) if self._char else values.tolist()
        return listed * (stop - start) if self.broadcast else listed

    def characters(self, start: int, stop: int) -> int:
        return 0


class _Texts:
    def __init__(self, values: Any, valid: Array | None, *, optional: bool, broadcast: int = 0) -> None:
        self._values, self._valid = values, valid
        self.broadcast = broadcast > 0
        self._option = valid if optional else None
        self.null_skips = None if optional or valid is None else _spread(valid, broadcast)

    def _texts(self, start: int, stop: int) -> list[Any]:
        part = slice(0, 1) if self.broadcast else slice(start, stop)
        texts = list(self._values[part])
        if self._valid is None:
            return texts
        return [text if ok else "" for text, ok in zip(texts, self._valid[part].tolist(), strict=True)]

    def chunk(self, start: int, stop: int) -> tuple[Array, Array | None, Array | None]:
        texts = self._texts(start, stop)
        try:
            joined = "".join(texts)
            if joined.isascii():
                data = joined.encode("ascii")
                sizes = list(map(len, texts))
            else:
                encoded = [text.encode() for text in texts]
                data, sizes = b"".join(encoded), list(map(len, encoded))
        except (TypeError, UnicodeEncodeError) as exc:
            raise self._explain(texts, start) from exc
        offsets = np.zeros(len(texts) + 1, np.uint32)
        np.cumsum(sizes, out=offsets[1:])
        part = slice(0, 1) if self.broadcast else slice(start, stop)
        valid = None if self._option is None else self._option[part].view(np.uint8)
        return np.frombuffer(data, np.uint8), offsets, valid

    def _explain(self, texts: list[Any], start: int) -> Mismatch:
        """Finds the row that is no text."""
        for index, text in enumerate(texts):
            step = "" if self.broadcast else f"[{start + index}]"
            if not isinstance(text, str):
                return Mismatch("string", describe(text)).within(step)
            try:
                text.encode()
            except UnicodeEncodeError as exc:
                got = f"a lone surrogate at position {exc.start}"
                return Mismatch("string (Unicode scalar values)", got).within(step)
        return Mismatch("strings", "something else")

    def scalars(self, start: int, stop: int) -> list[Any]:
        texts = self._texts(start, stop)
        return texts * (stop - start) if self.broadcast else texts

    def characters(self, start: int, stop: int) -> int:
        if self.broadcast:
            return 0
        return sum(len(text) for text in self._values[start:stop] if isinstance(text, str))


def _spread(valid: Array, broadcast: int) -> Array:
    """A broadcast null is a null in every row."""
    return np.broadcast_to(valid, (broadcast,)).copy() if broadcast else valid
