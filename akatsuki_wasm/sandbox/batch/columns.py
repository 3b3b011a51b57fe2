"""Columns on the host's side of the batch lane: checked once, then given out chunk by chunk as the guest wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import Texts
from akatsuki_wasm.sandbox.batch import texts
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
    from collections.abc import Callable

    from akatsuki_wasm.contracts import Column

    Part = tuple[npt.NDArray[Any] | Texts, npt.NDArray[Any] | None]
    """Values of some rows (of a text, `Texts`) and which of them are valid, None for all."""

Array = npt.NDArray[Any]


class HostColumn:
    """One parameter's values for a batch.

    Args:
        read: Gives the rows from a first to before another: their values, and which are valid (None for all).
        optional: Whether a null is a value, None, to the parameter.
        broadcast: Whether there is one value for all rows.
    """

    __slots__ = ("broadcast", "optional", "part")

    def __init__(self, read: Callable[[int, int], Part], *, optional: bool, broadcast: bool = False) -> None:
        self.part, self.optional, self.broadcast = read, optional, broadcast


def host_column(type_: wit.Type, column: Column, rows: int) -> HostColumn:
    """Checks a column against its parameter's type; a source's parts are checked as they are read.

    Args:
        type_: A primitive, or an option of one.
        column: Values, nulls, or one value for all rows.
        rows: Of the batch.

    Raises:
        Mismatch: It does not fit.
    """
    inner = type_.inner if isinstance(type_, wit.Option) else type_
    optional = isinstance(type_, wit.Option)
    if not isinstance(inner, wit.Primitive):
        raise Mismatch(str(type_), "a column", "call the function once for each row")
    if column.broadcast:
        part = _one(inner, column)
        return HostColumn(lambda start, stop: part, optional=optional, broadcast=True)
    values = column.values
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise Mismatch(f"a column of {inner}", describe(values))
    if len(values) != rows:
        raise Mismatch(f"a column of {rows:,} rows", f"{len(values):,}")
    if hasattr(values, "part"):
        return HostColumn(_from_source(type_, values), optional=optional)
    read = (_texts if inner in (wit.STRING, wit.CHAR) else _numbers)(inner, values, _validity(column.valid, rows))
    return HostColumn(read, optional=optional)


def _from_source(type_: wit.Type, source: Any) -> Callable[[int, int], Part]:
    def read(start: int, stop: int) -> Part:
        try:
            return host_column(type_, source.part(start, stop), stop - start).part(0, stop - start)
        except Mismatch as mismatch:
            mismatch.path = ""  # it counts from the part's first row
            raise

    return read


def _numbers(inner: wit.Primitive, values: Any, valid: Array | None) -> Callable[[int, int], Part]:
    checked, dtype = array(inner.name, values, f"a column of {inner}", valid), DTYPES[inner.name]

    def read(start: int, stop: int) -> Part:
        part = checked[start:stop]
        if part.dtype != dtype:  # checked for range already; places without a value may hold anything
            with np.errstate(invalid="ignore", over="ignore"):
                part = part.astype(dtype)
        return part, None if valid is None else valid[start:stop]

    return read


def _texts(inner: wit.Primitive, values: Any, valid: Array | None) -> Callable[[int, int], Part]:
    arrow, char = isinstance(values, Texts), inner == wit.CHAR

    def read(start: int, stop: int) -> Part:
        part = None if valid is None else valid[start:stop]
        try:
            if arrow:
                found = texts.slice_of(values, start, stop)
                return texts.codes_of(found, part) if char else found, part
            listed = list(values[start:stop])
            return texts.codes_of_list(listed, part) if char else texts.encode(listed, part), part
        except Mismatch as mismatch:
            mismatch.path = f"[{start + int(mismatch.path[1:-1])}]"
            raise

    if char:  # all of them, before anything is executed: a code point takes less than the text
        codes, _ = read(0, len(values))
        return _numbers(inner, codes, valid)
    return read


def _validity(valid: Any, rows: int) -> Array | None:
    if valid is None:
        return None
    found = np.asarray(valid)
    if found.dtype != np.bool_ or found.shape != (rows,):
        raise Mismatch(f"a bool mask of {rows:,} rows", describe(found))
    return None if found.all() else found


def _one(inner: wit.Primitive, column: Column) -> Part:
    """A single value as a column of one row."""
    value, valid = column.values, None
    if value is None or (column.valid is not None and not np.asarray(column.valid).all()):
        value, valid = None, np.zeros(1, np.bool_)
    if inner == wit.STRING:
        try:
            return texts.encode([value], valid), valid
        except Mismatch as mismatch:
            mismatch.path = ""
            raise
    return _scalar(inner, value), valid


def _scalar(inner: wit.Primitive, value: Any) -> Array:
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
