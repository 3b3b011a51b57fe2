"""Python objects to contract values and back: one call of one function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.bind import bind, check_range, describe_type
from akatsuki_wasm.values.choices import is_doubled, lift_choice, lower_choice
from akatsuki_wasm.values.images import is_image, to_array, to_pil, to_record

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Function, Parameter


def lower_arguments(function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Binds and converts the arguments of one call.

    Args:
        function: The signature.
        args: Positional Python values.
        kwargs: Named Python values.

    Returns:
        One contract value for each parameter, in order.

    Raises:
        ArgumentError: An argument is missing, unknown, of the wrong type or out of its range.
    """
    values = bind(function, args, kwargs)
    return tuple(lower(param, value) for param, value in zip(function.params, values, strict=True))


def lower(param: Parameter, value: Any) -> Any:
    """Converts one Python value to the parameter's contract value and checks its documented range."""
    lowered = _lower(param.type, value, param.name)
    check_range(param, lowered)
    return lowered


def _lower(type_: wit.Type, value: Any, name: str) -> Any:
    if isinstance(type_, wit.Primitive):  # the usual case, and the quickest
        return _lower_primitive(type_, value, name)
    if type_ == wit.IMAGE:
        return to_record(value, name)
    match type_:
        case wit.Option(inner):
            if value is not None and is_doubled(type_):
                return lower_choice(type_, value, name, _lower)
            return None if value is None else _lower(inner, value, name)
        case wit.List(element):
            if type_.is_numeric or isinstance(value, str | bytes) or not _is_iterable(value):
                return value
            return [_lower(element, item, f"{name}[{index}]") for index, item in enumerate(value)]
        case wit.Tuple(items):
            if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != len(items):
                raise ArgumentError(
                    f"{name} is {value!r}: expected a tuple of {len(items)} values ({type_})",
                    hint="Give a tuple or list of that length.",
                )
            return tuple(
                _lower(item, each, f"{name}[{i}]") for i, (item, each) in enumerate(zip(items, value, strict=True))
            )
        case wit.Record():
            return _lower_record(type_, value, name)
        case _:
            return lower_choice(type_, value, name, _lower)


def _is_iterable(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) or hasattr(value, "__iter__")


def _lower_primitive(type_: wit.Primitive, value: Any, name: str) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if type_.name == "bool":
        good = isinstance(value, bool)
    elif type_.name == "string":
        good = isinstance(value, str)
    elif type_.name == "char":
        good = isinstance(value, str) and len(value) == 1
    else:
        if isinstance(value, float) and type_.is_integer and value.is_integer():
            value = int(value)
        good = not isinstance(value, bool) and isinstance(value, int | float if type_.is_float else int)
    if not good:
        raise ArgumentError(
            f"{name} is {_short(value)}: expected {describe_type(type_)}", hint="Convert the value before the call."
        )
    return value


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}... ({type(value).__name__})"


def _lower_record(record: wit.Record, value: Any, name: str) -> Any:
    def take(field: str) -> Any:
        try:
            return value[field] if isinstance(value, Mapping) else getattr(value, python_field(field))
        except (KeyError, AttributeError):
            wanted = ", ".join(each for each, _ in record.fields)
            raise ArgumentError(
                f"{name} lacks the field {field!r}: expected {record} with {wanted}",
                hint="Give a dict, or an object with these fields.",
            ) from None

    if isinstance(value, Mapping):
        extra = sorted(set(value) - {field for field, _ in record.fields})
        if extra:
            raise ArgumentError(f"{name} has no field {extra[0]!r}: expected {record}", hint="Leave that field out.")
    made = wit.record_class(record)
    return made(*(_lower(type_, take(field), f"{name}.{field}") for field, type_ in record.fields))


def python_field(field: str) -> str:
    """The attribute that a record's field is in Python."""
    import keyword

    return f"{field}_" if keyword.iskeyword(field) else field


def lift(type_: wit.Type | None, value: Any, *, arrays: bool = False) -> Any:
    """Converts a contract value to what a Python user holds.

    Args:
        type_: The function's result type; None gives None.
        value: The contract value; ``result`` types arrive unwrapped.
        arrays: Whether images become uint8 arrays of shape (H, W, 4) instead of PIL images.
    """
    # A result that is the function's own arrives unwrapped; inside other types it is a case.
    payload = type_.ok if isinstance(type_, wit.Result) else type_
    return _lift(payload, value, arrays=arrays)


def _lift(type_: wit.Type | None, value: Any, *, arrays: bool) -> Any:
    if type_ == wit.IMAGE:
        return to_array(value) if arrays else to_pil(value)
    match type_:
        case None:
            return None
        case wit.Option(inner) if not is_doubled(type_):
            return None if value is None else _lift(inner, value, arrays=arrays)
        case wit.List(element) if not type_.is_numeric:
            return [_lift(element, item, arrays=arrays) for item in value]
        case wit.Tuple(items):
            return tuple(_lift(item, each, arrays=arrays) for item, each in zip(items, value, strict=True))
        case wit.Record(_, fields):
            lifted = (_lift(field, each, arrays=arrays) for (_, field), each in zip(fields, value, strict=True))
            return wit.record_class(type_)(*lifted)
        case _:
            return lift_choice(type_, value, lambda each, inner: _lift(each, inner, arrays=arrays))


def wants_arrays(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether the caller gave images as arrays and so expects arrays back."""
    return any(isinstance(value, np.ndarray) and is_image(value) for value in (*args, *kwargs.values()))
