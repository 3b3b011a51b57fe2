"""The limits of one execution: what each object kind may take, and the words for what was met."""

from __future__ import annotations

from akatsuki_wasm.contracts import MAX_TIMEOUT_MS, MIB, Limits
from akatsuki_wasm.errors import (
    ArgumentError,
    ExecutionCancelled,
    ExecutionTimeout,
    FuelLimitError,
    MemoryLimitError,
    ResultTooLargeError,
)

MAX_TABLE_ELEMENTS = 10_000
MAX_INSTANCES = 1
MAX_TABLES = 1
MAX_MEMORIES = 1
"""The store's limits are per object, so the objects are counted too: ninety memories are ninety times the size."""
MAX_ADDRESSABLE = 1 << 32


def check(limits: Limits) -> None:
    """Refuses limits that no execution can have.

    Raises:
        ArgumentError: A limit is not positive.
    """
    fuel = limits.fuel
    if limits.timeout_ms > 0 and limits.memory_bytes > 0 and limits.result_bytes > 0 and (fuel is None or fuel > 0):
        return
    for name in ("timeout_ms", "memory_bytes", "result_bytes", "fuel"):
        value = getattr(limits, name)
        if value is not None and value <= 0:
            raise ArgumentError(f"the limit {name} must be above 0, got {value}")


def amount(size: int) -> str:
    """A number of bytes for people: ``1,024 MiB``, ``1.5 MiB``, ``300 bytes``."""
    if size >= MIB:
        mib = size / MIB
        return f"{mib:,.0f} MiB" if mib == int(mib) else f"{mib:,.1f} MiB"
    return f"{size:,} bytes"


def timed_out(function: str, limits: Limits) -> ExecutionTimeout:
    """The error for an execution that met its deadline."""
    return ExecutionTimeout(
        f"{function} ran past its limit of {limits.timeout_ms:,} ms",
        hint=f"give it less work, or a longer time limit (at most {MAX_TIMEOUT_MS:,} ms)",
    )


def cancelled(function: str) -> ExecutionCancelled:
    """The error for an execution that was told to stop."""
    return ExecutionCancelled(f"{function} was cancelled", hint="start it again if you still want its result")


def out_of_fuel(function: str, limits: Limits) -> FuelLimitError:
    """The error for a guest that has done all the work it may."""
    return FuelLimitError(
        f"{function} used up its fuel of {limits.fuel or 0:,}", hint="give it less work, or more fuel"
    )


def out_of_memory(function: str, limits: Limits) -> MemoryLimitError:
    """The error for a guest that was refused memory."""
    return MemoryLimitError(
        f"{function} needs more memory than its limit of {amount(limits.memory_bytes)}",
        hint="give it smaller input, or raise the memory limit",
    )


def result_too_large(function: str, limits: Limits) -> ResultTooLargeError:
    """The error for a result past the limit; raised before it is copied."""
    return ResultTooLargeError(
        f"the result of {function} is larger than its limit of {amount(limits.result_bytes)}",
        hint="ask for a smaller result, or raise the result limit",
    )
