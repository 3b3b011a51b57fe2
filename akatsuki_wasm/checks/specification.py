"""The source of references, as a language model is shown what is wanted."""

from __future__ import annotations

import inspect
import textwrap
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.checks.oracle import Oracle

MAX_SPECIFICATION = 8_000
"""Characters: a long reference is mostly helpers, and a prompt is paid for."""
_CUT = "\n# … the rest is left out"
_PLAIN = (bool, int, float, str, bytes, list, tuple, dict, set, frozenset, type(None))


def specification_text(oracle: Oracle) -> str:
    """The Python source of an oracle's references, then of what they use of their own file.

    Args:
        oracle: Its required references are shown: not what an oracle file merely imports.

    Returns:
        At most 8,000 characters; of a function without source, its signature and the first line of its documentation.
    """
    calls = [each.call for each in oracle.references if each.required]
    parts: dict[str, None] = {}  # a set in order
    for call in calls:
        parts.setdefault(_source(call))
    seen = {id(call) for call in calls}
    for call in calls:
        for part in _used(inspect.unwrap(call), seen):
            parts.setdefault(part)
    text = "\n\n".join(parts).strip()
    return text if len(text) <= MAX_SPECIFICATION else text[: MAX_SPECIFICATION - len(_CUT)] + _CUT


def _source(call: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(inspect.unwrap(call))).rstrip()
    except (OSError, TypeError):
        name = getattr(call, "__name__", type(call).__name__)
        try:
            signature = str(inspect.signature(call))
        except (TypeError, ValueError):
            signature = "(…)"
        doc = (inspect.getdoc(call) or "").strip().splitlines()
        return f"# {getattr(call, '__module__', None) or 'python'}.{name}{signature}" + (f": {doc[0]}" if doc else "")


def _used(call: Any, seen: set[int]) -> Iterator[str]:
    """Imports, constants and functions of its own file that a function uses, and those that they use."""
    if not isinstance(call, FunctionType):
        return
    for name in _names(call.__code__):
        value = call.__globals__.get(name)
        if isinstance(value, ModuleType):
            yield f"import {value.__name__}" + (f" as {name}" if name != value.__name__ else "")
        elif isinstance(value, FunctionType | type) and value.__module__ == call.__module__:
            if id(value) not in seen:
                seen.add(id(value))
                yield _source(value)
                yield from _used(inspect.unwrap(value), seen)
        elif callable(value) and getattr(value, "__module__", None) and hasattr(value, "__name__"):
            yield f"from {value.__module__} import {value.__name__}" + (f" as {name}" if name != value.__name__ else "")
        elif name in call.__globals__ and isinstance(value, _PLAIN):
            yield f"{name} = {value!r}"


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)
