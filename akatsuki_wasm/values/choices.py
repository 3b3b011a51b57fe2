"""Values of the types that components have beyond the guest contract: variants, enums, flags, results, byte streams.

In Python a variant's value is a `wit.Case`, such as ``Case("circle", 2.5)``; given, it may also be written as JSON has
it: ``{"circle": 2.5}``, or ``"empty"`` for a case without payload. A result inside another type is the same with the
names ``ok`` and ``err``. An enum's value is its name, flags are a set of names. Names are snake_case; kebab-case is
understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from akatsuki_wasm import wit
from akatsuki_wasm.errors import ArgumentError

_SHOWN = 60
_BYTES_LIKE = (bytes, bytearray, memoryview)


def cases(type_: wit.Type) -> dict[str, wit.Type | None]:
    """Payload types by case name of a variant, a result or a doubled option."""
    match type_:
        case wit.Variant(_, items):
            return dict(items)
        case wit.Result(ok, err):
            return {"ok": ok, "err": err}
        case wit.Option(inner):
            return {"some": inner}
        case _:
            return {}


def lower_choice(type_: wit.Type, value: Any, name: str, lower: Callable[[wit.Type, Any, str], Any]) -> Any:
    """Converts one Python value to the contract value of such a type; a value of another type is left as it is.

    Args:
        type_: Its type.
        value: What was given.
        name: For messages.
        lower: Converts a payload.

    Raises:
        ArgumentError: It is no value of the type.
    """
    match type_:
        case wit.Enum(_, names):
            return _label(value, names, name, str(type_))
        case wit.Flags(_, names):
            if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
                raise _wrong(name, value, f"a set of {_words(names)} ({type_})")
            return frozenset(_label(each, names, name, str(type_)) for each in value)
        case wit.Variant() | wit.Result() | wit.Option():
            return _lower_case(type_, value, name, lower)
        case wit.Bytes():
            return _stream(value, name)
        case _:
            return value


def _lower_case(type_: wit.Type, value: Any, name: str, lower: Callable[[wit.Type, Any, str], Any]) -> wit.Case:
    payloads = cases(type_)
    expected = f"one of {_words(tuple(payloads))} ({type_})"
    match value:
        case wit.Case(label, payload):
            given = payload is not None
        case str(label):
            payload, given = None, False
        case Mapping() if len(value) == 1:
            label, payload = next(iter(value.items()))
            given = True
        case _:
            raise _wrong(name, value, expected)
    spelled = wit.snake(label) if isinstance(label, str) else ""
    if spelled not in payloads:
        raise _wrong(name, value, expected)
    inner = payloads[spelled]
    if inner is None:
        if given and payload is not None:
            raise _wrong(name, value, f"{spelled} without a value ({type_})")
        return wit.Case(spelled)
    if not given and not isinstance(inner, wit.Option):
        raise _wrong(name, value, f"{spelled} with a value, {inner} ({type_})")
    return wit.Case(spelled, lower(inner, payload, f"{name}.{spelled}"))


def lift_choice(type_: wit.Type, value: Any, lift: Callable[[wit.Type, Any], Any]) -> Any:
    """Converts the payload of a case with `lift`; None and values without a payload stay."""
    inner = cases(type_).get(value.name) if isinstance(value, wit.Case) else None
    return value if inner is None else wit.Case(value.name, lift(inner, value.value))


def choice_to_json(type_: wit.Type, value: Any, convert: Callable[[wit.Type, Any], Any]) -> Any:
    """A contract value of such a type as JSON-able data, payloads converted by `convert`."""
    if isinstance(type_, wit.Flags):
        return [each for each in type_.names if each in value]
    if isinstance(type_, wit.Bytes):
        return bytes_to_json(value)
    if not isinstance(value, wit.Case):
        return value
    inner = cases(type_).get(value.name)
    return value.name if inner is None else {value.name: convert(inner, value.value)}


def bytes_to_json(value: bytes) -> Any:
    """Bytes as text where they are UTF-8, else as ``{"base64": …}``."""
    import base64

    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}


def is_doubled(type_: wit.Type) -> bool:
    """Whether it is an option directly inside an option, whose values are cases."""
    return isinstance(type_, wit.Option) and isinstance(type_.inner, wit.Option)


def _label(value: Any, names: tuple[str, ...], name: str, type_: str) -> str:
    spelled = wit.snake(value) if isinstance(value, str) else ""
    if spelled not in names:
        raise _wrong(name, value, f"one of {_words(names)} ({type_})")
    return spelled


def _stream(value: Any, name: str) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as exc:
            raise _wrong(name, value, "bytes, or text that UTF-8 can hold") from exc
    if isinstance(value, _BYTES_LIKE):
        return bytes(value)
    if getattr(value, "dtype", None) == "uint8" and getattr(value, "ndim", 0) == 1:
        return bytes(value.tobytes())
    raise _wrong(name, value, "bytes, or text")


def _words(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 12 else ", ".join((*names[:12], "…"))


def _wrong(name: str, value: Any, expected: str) -> ArgumentError:
    text = " ".join(repr(value).split())  # a Series has several lines
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    return ArgumentError(f"{name} is {shown}: expected {expected}", hint="Convert the value before the call.")
