"""Hostile cases for the compiler: small modules that take it long, or take much memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import Limits
from akatsuki_wasm.errors import InvalidModuleError, MemoryLimitError
from akatsuki_wasm.testing.hostile_case import Case
from akatsuki_wasm.testing.hostile_wasm import HEADER, leb128, section, vector

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHIN_S = 180.0
"""A compiler may take this long before it is stopped: processor time is what is limited, and others use the machine."""

_TYPES = section(1, vector([b"\x60\0\0"]))
_EXPORT = section(7, vector([b"\1f\0\0"]))


def _module(bodies: list[bytes], extra: bytes = b"") -> bytes:
    """A module of functions without parameters, of which the first is exported; `extra` stands before the exports."""
    code = vector([leb128(len(body)) + body for body in bodies])
    return HEADER + _TYPES + section(3, vector([b"\0"] * len(bodies))) + extra + _EXPORT + section(10, code)


def nested_loops(depth: int = 15_000) -> bytes:
    """Loops in each other: 45 KB, and half a minute of Cranelift."""
    return _module([b"\0" + b"\x03\x40" * depth + b"\x0b" * depth + b"\x0b"])


def many_functions(count: int = 1_000_000) -> bytes:
    """Functions that do nothing: 5 MB, and more memory than a small machine has."""
    return _module([b"\0\x0b"] * count)


def many_locals(functions: int = 2_000) -> bytes:
    """Functions of 50,000 locals each, which are used."""
    body = b"\1" + leb128(50_000) + b"\x7e" + b"\x20\0\x21" + leb128(49_999) + b"\x0b"
    return _module([body] * functions)


def branch_tables(size: int = 60_000, count: int = 60) -> bytes:
    """A function of many large branch tables."""
    table = b"\x02\x40\x41\0\x0e" + leb128(size) + b"\0" * (size + 1) + b"\x0b"
    return _module([b"\0" + table * count + b"\x0b"])


def long_function(size: int = 7_000_000) -> bytes:
    """One function as long as a function may be, of values that stay alive."""
    count = size // 5
    return _module([b"\0" + b"\x41\0\x41\0\x6a" * count + b"\x1a" * count + b"\x0b"])


def many_globals(count: int = 900_000) -> bytes:
    """Globals, which every instance has."""
    return _module([b"\0\x0b"], section(6, vector([b"\x7e\1\x42\0\x0b"] * count)))


def bombs() -> Iterator[Case]:
    """Modules that must not be compiled without limits on time and memory."""
    makers = {
        "nested-loops": nested_loops,
        "many-functions": many_functions,
        "many-locals": many_locals,
        "branch-tables": branch_tables,
        "long-function": long_function,
        "many-globals": many_globals,
    }
    for name, make in makers.items():
        yield Case(
            f"bomb-{name}",
            "bombs",
            (make.__doc__ or "").partition(".")[0].lower(),
            partial(make),
            errors=(InvalidModuleError, MemoryLimitError),
            value=None,
            limits=Limits(timeout_ms=2_000),
            within_s=WITHIN_S,
            built_here=False,
            own_texts=False,
        )
