"""Columns of numbers that are converted part by part, whatever holds them: numpy, pandas' nullable arrays, Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import Column
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.bind import describe_type, range_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from akatsuki_wasm.contracts import Parameter

    Array = npt.NDArray[Any]
    Read = Callable[[int, int], tuple[Array, Array | None]]
    """Gives the rows from a first to before another as the caller holds them: values, and which are no nulls."""

WINDOW = 64 * 1024
"""Rows that are looked at together: what is made of them stays in the processor's cache. A column that is no longer is
converted at once."""
DTYPES: dict[str, Any] = {
    "bool": np.dtype(np.bool_),
    **{f"u{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"s{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    "f32": np.dtype("float32"),
    "f64": np.dtype("float64"),
}


_CLIP = "Clip the column to that range first, or leave such rows out."
F32_MAX = float(np.finfo(np.float32).max)


def windows(rows: int) -> Iterator[tuple[int, int]]:
    """First row and end of each window."""
    return ((start, min(start + WINDOW, rows)) for start in range(0, rows, WINDOW))


class NumberSource:
    """A column of numbers or bools for one parameter.

    Args:
        param: Its documented range holds for every row.
        type_: What a row is.
        read: Gives the caller's values.
        dtype: What they are, or None where it is only known by reading.
        rows: How many.
    """

    def __init__(
        self, param: Parameter, type_: wit.Primitive, read: Read, dtype: np.dtype[Any] | None, rows: int
    ) -> None:
        self._param, self._type, self._read, self._rows = param, type_, read, rows
        self._dtype = DTYPES[type_.name]
        self._ranged = type_.name != "bool" and (param.minimum is not None or param.maximum is not None)
        self._plain = dtype is not None and (dtype == self._dtype or _widens(dtype, self._dtype))

    def __len__(self) -> int:
        return self._rows

    def column(self) -> Column:
        """The column, after every row was checked: converted where it is short, else converted while it is read.

        Raises:
            ArgumentError: A row does not fit; the error names the first.
        """
        if self._rows <= WINDOW:
            return self._checked(0, self._rows)
        if self._ranged or not self._plain:
            for start, stop in windows(self._rows):
                self._checked(start, stop)
        return Column(self)

    def part(self, start: int, stop: int) -> Column:
        """Rows, converted; they were checked before."""
        values, valid = self._read(start, stop)
        return Column(self._convert(values), valid)

    def _convert(self, values: Array) -> Array:
        if values.dtype == self._dtype:
            return values
        with np.errstate(invalid="ignore", over="ignore"):  # where there is no value, there is anything
            return values.astype(self._dtype)

    def _checked(self, start: int, stop: int) -> Column:
        values, valid = self._read(start, stop)
        if not self._plain:
            self._check_exact(values, valid, start)
        converted = self._convert(values)
        if self._ranged and len(converted):
            self._check_range(converted, valid, start)
        return Column(converted, valid)

    def _check_exact(self, raw: Array, valid: Array | None, start: int) -> None:
        """Refuses what would be wrapped or cut; a float parameter takes any number."""
        kind = raw.dtype.kind
        if kind not in "biuf" or (self._type.name == "bool") != (kind == "b"):
            raise wrong_kind(self._param, self._type, str(raw.dtype))
        if not raw.size:
            return
        if self._type.is_float:
            if self._type.name == "f32" and kind == "f" and _exceeds(raw, -F32_MAX, F32_MAX):
                bad = np.isfinite(raw) & (np.abs(raw) > F32_MAX)
                self._refuse(raw, bad, valid, start, f"at most {F32_MAX} (f32)", hint="Scale the column first.")
            return
        low, high = wit.INTEGER_RANGES[self._type.name]
        if kind == "f":
            self._refuse(
                raw, raw != np.floor(raw), valid, start, describe_type(self._type), hint="Convert the column first."
            )
        if _exceeds(raw, low, high):
            self._refuse(raw, (raw < low) | (raw > high), valid, start, f"{low} to {high} ({self._type})", hint=_CLIP)

    def _check_range(self, values: Array, valid: Array | None, start: int) -> None:
        low, high = self._param.minimum, self._param.maximum
        # fmin and fmax pass over NaN, which is outside of nothing.
        if (low is None or np.fmin.reduce(values) >= low) and (high is None or np.fmax.reduce(values) <= high):
            return
        bad = np.zeros(values.shape, np.bool_)
        if low is not None:
            bad |= values < low
        if high is not None:
            bad |= values > high
        self._refuse(values, bad, valid, start, range_text(self._param), hint=_CLIP)

    def _refuse(self, values: Array, bad: Array, valid: Array | None, start: int, expected: str, *, hint: str) -> None:
        """Raises for the first of the bad rows, if there is one."""
        rows = np.flatnonzero(bad if valid is None else bad & valid)
        if rows.size:
            row = int(rows[0])
            raise ArgumentError(
                f"{self._param.name} in row {start + row} is {values[row]}: expected {expected}", hint=hint
            )


def wrong_kind(
    param: Parameter, type_: wit.Primitive, kind: str, hint: str = "Convert the column first."
) -> ArgumentError:
    """The error for a column of another kind of values."""
    return ArgumentError(f"{param.name} is a column of {kind}: expected {describe_type(type_)} in each row", hint=hint)


def _widens(from_: np.dtype[Any], to: np.dtype[Any]) -> bool:
    """Whether any value of the one is a value of the other, or near enough in a float."""
    if from_.kind not in "iuf":
        return False
    if to.kind == "f":
        return from_.kind in "iu" or from_.itemsize <= to.itemsize
    return to.kind in "iu" and from_.kind in "iu" and np.can_cast(from_, to, "safe")


def _exceeds(raw: Array, low: float, high: float) -> bool:
    if raw.dtype.kind in "iu":
        info = np.iinfo(raw.dtype)
        if info.min >= low and info.max <= high:
            return False
    smallest, largest = raw.min(), raw.max()
    return not (smallest >= low and largest <= high)  # not a NaN either
