"""From what the engine says of a trap, an instance or a module to the error that says what the guest did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.errors import AkatsukiError, GuestTrap, InvalidModuleError
from akatsuki_wasm.sandbox.limits import out_of_fuel, out_of_memory

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Limits
    from akatsuki_wasm.sandbox.ffi import TrapFacts

_WORDS = {
    "stack_overflow": "its recursion is too deep for the call stack",
    "memory_out_of_bounds": "it accessed memory out of bounds",
    "heap_misaligned": "it accessed memory at a misaligned address",
    "table_out_of_bounds": "it accessed a table out of bounds",
    "indirect_call_to_null": "it called a function through an empty table element",
    "bad_signature": "it called a function through a table element of another type",
    "integer_overflow": "integer overflow",
    "integer_division_by_zero": "integer division by zero",
    "bad_conversion_to_integer": "it converted a float that fits no integer",
    "unreachable": "it reached code that should be unreachable",
}
_HINTS = {
    "stack_overflow": "use a loop, or recurse less deeply",
    "integer_division_by_zero": "test the divisor before dividing",
}
_OWN_FAULT = "give other arguments, or correct the module's source: its own code failed"
_ALLOCATION_TEXTS = ("out of memory: ", "memory allocation of ")
"""How the guest's allocator (rust_templates/guest/src/heap.rs), or Rust's own, says that it was refused memory."""
_ALLOCATION_NAMES = ("alloc_error", "rust_oom", "rg_oom")
"""Parts of the names of the functions in which Rust gives up after a refused allocation."""


def error_of_trap(
    facts: TrapFacts, function: str, limits: Limits, panic: str | None, memory_bytes: int, *, allocating: bool
) -> AkatsukiError:
    """The typed error for a trap.

    A refused ``memory.grow`` is not itself a trap: the guest is told -1 and usually gives up with ``unreachable``. That
    it did so for want of memory is taken as known when its allocator says so, when it happens in ``cabi_realloc``
    without a panic, or, in a module that leaves no texts, with the memory seven eighths full.

    Args:
        facts: Kind, text and frames.
        function: For the message.
        limits: Of the execution.
        panic: The guest's panic text, ``""`` for none left, None where the module has no panic hook.
        memory_bytes: Size of the memory when it trapped.
        allocating: Whether it happened in ``cabi_realloc``.
    """
    if facts.kind == "out_of_fuel":
        return out_of_fuel(function, limits)
    if facts.kind == "unreachable":
        said = (panic or "").startswith(_ALLOCATION_TEXTS)
        named = any(part in frame for frame in facts.frames for part in _ALLOCATION_NAMES)
        full = panic is None and memory_bytes >= limits.memory_bytes // 8 * 7
        if said or named or full or (allocating and not panic):
            return out_of_memory(function, limits)
        if panic:
            return GuestTrap(f"{function} panicked: {panic}", kind=facts.kind, hint=_OWN_FAULT)
    words = _WORDS.get(facts.kind, facts.kind.replace("_", " "))
    frame = next((name for name in facts.frames if name != function), "")
    where = f" (in {frame})" if frame else ""
    return GuestTrap(f"{function} trapped: {words}{where}", kind=facts.kind, hint=_HINTS.get(facts.kind, _OWN_FAULT))


def error_of_instantiation(message: str, function: str, limits: Limits) -> AkatsukiError:
    """The typed error for an instance that could not be made; the C API tells the reasons apart by text alone."""
    if "memory minimum size" in message or "memory limit" in message:
        return out_of_memory(function, limits)
    return InvalidModuleError(
        f"the module cannot be instantiated: {' '.join(message.split())}", hint="correct its source, and build it again"
    )


def error_of_validation(message: str) -> InvalidModuleError:
    """The typed error for bytes that the engine does not take."""
    return InvalidModuleError(
        f"not a valid module: {' '.join(message.split())}",
        hint="the file is damaged, or uses a WebAssembly feature that is turned off",
    )
