"""Asks references: binds the module's parameters to theirs, and says what an exception of theirs means."""

from __future__ import annotations

import inspect
import traceback
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.checks.words import describe_call, show
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.python import lift
from akatsuki_wasm.values.sources import DTYPES

if TYPE_CHECKING:
    from akatsuki_wasm.checks.oracle import Reference
    from akatsuki_wasm.contracts import Function

AnswerKind = Literal["value", "error", "undefined", "unfit"]
_MATH_DOMAIN = ("math domain error", "math range error", "expected a ")
"""What Python's `math` says where IEEE 754 has NaN or infinity; from 3.14 on with the argument."""
_RAISE = (
    "Raise ValueError where the module must answer with an error, or define inputs(rng, rows) for meaningful inputs."
)


@dataclass(frozen=True)
class Answer:
    """What a reference says of one row.

    Attributes:
        kind: ``value``; ``error`` where it raised ValueError; ``undefined`` where Python's arithmetic has none (the
            module's may be NaN, infinite or an error); ``unfit`` where the answer is no value of the result's type.
        value: The value, or the exception's text.
    """

    kind: AnswerKind
    value: Any = None


class MismatchError(Exception):
    """The function's parameters are not those that the reference takes. It is the function that is wrong."""


def bound_names(function: Function, reference: Reference) -> tuple[str, ...] | None:
    """The parameters that a reference is given, by name; None where it takes them by position.

    Parameters that it does not know may be left at their default.

    Raises:
        MismatchError: It needs one that the function has not, or does not know one that has no default.
    """
    names = [param.name for param in function.params]
    try:
        params = list(inspect.signature(reference.call).parameters.values())
    except (TypeError, ValueError):  # a builtin or a ufunc without a signature
        return None
    if any(each.kind is each.VAR_POSITIONAL for each in params):
        return None
    unnamed = [each for each in params if each.kind is each.POSITIONAL_ONLY]
    if unnamed:
        needed = sum(each.default is each.empty for each in params)
        if not needed <= len(names) <= len(params):
            raise MismatchError(f"takes {needed} parameters")
        return None
    if any(each.kind is each.VAR_KEYWORD for each in params):
        return tuple(names)
    known = {each.name for each in params}
    lacking = [each.name for each in params if each.default is each.empty and each.name not in names]
    unknown = [param.name for param in function.params if param.required and param.name not in known]
    if lacking or unknown:
        raise MismatchError(f"takes ({', '.join(each.name for each in params)})")
    return tuple(name for name in names if name in known)


def ask(function: Function, reference: Reference, names: tuple[str, ...] | None, case: tuple[Any, ...]) -> Answer:
    """The reference's answer for one row of contract values.

    Raises:
        ArgumentError: It raised something else than ValueError or an arithmetic error.
    """
    values = [_to_python(param.type, value) for param, value in zip(function.params, case, strict=True)]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            if names is None:
                value = reference.call(*values)
            else:
                given = dict(zip((param.name for param in function.params), values, strict=True))
                value = reference.call(**{name: given[name] for name in names})
    except ValueError as exc:
        text = str(exc) or type(exc).__name__
        return Answer("undefined" if text.startswith(_MATH_DOMAIN) else "error", text)
    except ArithmeticError as exc:
        return Answer("undefined", f"{type(exc).__name__}: {exc}")
    except Exception as exc:
        raise _broken(reference, describe_call(function.name, case), exc) from exc
    return fit(function.result, value)


def ask_frame(function: Function, reference: Reference, cases: Sequence[tuple[Any, ...]]) -> list[Answer]:
    """The answers of a reference that takes all rows as a DataFrame.

    Raises:
        MismatchError: It reads a column that is no parameter of the function.
        ArgumentError: It raised something else, or its answer is no column of as many rows.
    """
    import pandas as pd  # half a second, and few oracles take a DataFrame

    frame = pd.DataFrame(
        {
            param.name: _series(param.type, [case[index] for case in cases])
            for index, param in enumerate(function.params)
        }
    )
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            column = reference.call(frame.copy())
    except Exception as exc:
        if isinstance(exc, KeyError) and exc.args and isinstance(exc.args[0], str) and exc.args[0] not in frame:
            raise MismatchError(f"reads the column {exc.args[0]!r}") from exc
        if isinstance(exc, AttributeError) and isinstance(exc.obj, pd.DataFrame):
            raise MismatchError(f"reads the column {exc.name!r}") from exc
        raise _broken(reference, f"a DataFrame of {len(cases)} rows", exc) from exc
    rows = column.tolist() if isinstance(column, pd.Series | np.ndarray) else column
    if not isinstance(rows, list) or len(rows) != len(cases):
        got = f"{len(rows)} rows" if isinstance(rows, list) else type(column).__name__
        raise ArgumentError(
            f"{_where(reference)} gave {got}: expected a Series of {len(cases)} rows",
            hint="Return a Series with a value for each row of the DataFrame.",
        )
    return [fit(function.result, None if value is pd.NA else value) for value in rows]


def fit(type_: wit.Type | None, value: Any) -> Answer:
    """A reference's answer as a value of the result's type, where it is one."""
    payload = type_.ok if isinstance(type_, wit.Result) else type_
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim):
        value = value.item()
    if isinstance(value, complex):
        # Python's (-8.0) ** 0.5 is complex; IEEE 754 has NaN.
        return Answer("undefined", str(value)) if value.imag else fit(type_, value.real)
    if isinstance(payload, wit.List) and not isinstance(value, list | tuple | np.ndarray | str | Mapping):
        value = list(value) if isinstance(value, Iterable) else value
    return Answer("value", value) if _fits(payload, value) else Answer("unfit", value)


def insist_on_values(function: Function, reference: Reference, answers: Sequence[Answer]) -> None:
    """Refuses a reference that answers nothing: anything would agree with it.

    Raises:
        ArgumentError: It has a value for no input.
    """
    first, values = answers[0], [answer.value for answer in answers if answer.kind == "value"]
    why = ""
    if not values and first.kind == "unfit":
        why = f"has no answer that is a {function.result}, but such as {show(first.value)}"
    elif not values:
        why = f"has no answer for any of {len(answers)} inputs: {first.value}"
    elif _wants_value(function.result) and all(value is None for value in values):
        why = "returns nothing"
    if why:
        raise ArgumentError(
            f"{_where(reference)} {why}", hint="Correct it, or define inputs(rng, rows) that it has answers for."
        )


def _wants_value(type_: wit.Type | None) -> bool:
    payload = type_.ok if isinstance(type_, wit.Result) else type_
    return payload is not None and not isinstance(payload, wit.Option)


def _fits(type_: wit.Type | None, value: Any) -> bool:
    """Whether whole numbers are in their types' ranges. Other mismatches are differences, which comparing finds."""
    match type_:
        case wit.Primitive(name) if type_.is_integer:
            low, high = wit.INTEGER_RANGES[name]
            return not isinstance(value, int | float | np.integer) or bool(low <= value <= high)
        case wit.Option(inner):
            return value is None or _fits(inner, value)
        case wit.List(element) if _is_sequence(value):
            return all(_fits(element, item) for item in value)
        case wit.Tuple(items) if _is_sequence(value) and len(value) == len(items):
            return all(map(_fits, items, value))
        case wit.Record(_, fields):
            return all(_fits(field, found) for (_, field), found in zip(fields, _fields(type_, value), strict=False))
        case _:
            return True


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def _fields(record: wit.Record, value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [value.get(name) for name, _ in record.fields]
    return list(value) if isinstance(value, tuple) else []


def _to_python(type_: wit.Type, value: Any) -> Any:
    """A contract value as a reference gets it: arrays are its own to change."""
    found = lift(type_, value, arrays=True)
    return found.copy() if isinstance(found, np.ndarray) else found


def _series(type_: wit.Type, values: list[Any]) -> Any:
    """A column as people have it in pandas: NaN where a float is null, a nullable dtype for whole numbers and bools."""
    import pandas as pd

    optional = isinstance(type_, wit.Option)
    inner = type_.inner if isinstance(type_, wit.Option) else type_
    if not isinstance(inner, wit.Primitive) or inner.name not in DTYPES:
        return pd.Series(values, dtype=object)
    if not optional:
        return pd.Series(np.array(values, DTYPES[inner.name]))
    if inner.is_float:
        return pd.Series(np.array([np.nan if value is None else value for value in values], DTYPES[inner.name]))
    dtype = "boolean" if inner.name == "bool" else DTYPES[inner.name].name.replace("int", "Int").replace("uI", "UI")
    return pd.Series(values, dtype=dtype)


def _broken(reference: Reference, case: str, error: Exception) -> ArgumentError:
    """The user's own reference failed: its file, line and input, and what to do."""
    code = getattr(reference.call, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if code is not None and frame.filename == code.co_filename] or frames[-1:]
    place = f"{own[-1].filename}, line {own[-1].lineno}" if own else "unknown place"
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return ArgumentError(f"the reference {reference.name} raised {said} for {case} ({place})", hint=_RAISE)


def _where(reference: Reference) -> str:
    code = getattr(reference.call, "__code__", None)
    place = f" ({code.co_filename}, line {code.co_firstlineno})" if code is not None else ""
    return f"the reference {reference.name}{place}"
