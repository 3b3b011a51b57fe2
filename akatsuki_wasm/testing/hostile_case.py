"""One hostile case: what is executed, what may come of it, and the check that exactly that did."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm.contracts import (
    MIB,
    MISSING,
    BatchCall,
    Call,
    Control,
    ExecutableModule,
    ExecutionResult,
    Function,
    Limits,
    Manifest,
    ModuleKind,
)
from akatsuki_wasm.errors import AkatsukiError, GuestTrap
from akatsuki_wasm.testing.hostile_wasm import function, wat

if TYPE_CHECKING:
    from collections.abc import Callable

    Execute = Callable[[ExecutableModule, Call | BatchCall, Limits, Control], ExecutionResult | None]
    """An execution plugin's hook: ``plugin.akatsuki_execute``, called with positional arguments."""

QUICK = Limits(timeout_ms=2_000, memory_bytes=64 * MIB, result_bytes=16 * MIB)
"""For what should end by itself at once."""
SHORT = Limits(timeout_ms=100, memory_bytes=64 * MIB, result_bytes=16 * MIB)
"""For what only a deadline ends."""
_CALL = Call("f")
PATIENCE_S = 2.0
"""How late an answer may be on a machine that others use too. `benchmarks/hostile.py` measures the lateness itself."""


@dataclass(frozen=True)
class Case:
    """One hostile module and one call of it.

    Attributes:
        name: kebab-case, unique.
        group: Cases of a group run in one process.
        about: One line: what is hostile about it.
        make: Makes the module's bytes, which need not be a module.
        functions: What its manifest says.
        call: The call.
        errors: Classes of the errors that are right answers; empty where only a value is.
        kinds: For a `GuestTrap`, the kinds that are right; empty for any.
        value: The value that is a right answer, or `MISSING` where only an error is; may also be an object whose
            ``accepts(value)`` decides.
        limits: Of the execution. An executor may not be later than its time.
        kind: What the manifest says.
        times: How often it is called; each time the answer must be right.
        thread_kib: Executed on a thread with a stack of so many KiB, or where None on the caller's.
        within_s: Time for all of an execution, compiling included, where the time limit is not the measure.
        built_here: What the executor is told of it. A module that was not built here may be compiled with more care.
        own_texts: Whether the error's text is all ours, or has the engine's words in it.
    """

    name: str
    group: str
    about: str
    make: Callable[[], bytes] = field(repr=False)
    functions: tuple[Function, ...] = (function(),)
    call: Call | BatchCall = _CALL
    errors: tuple[type[AkatsukiError], ...] = ()
    kinds: tuple[str, ...] = ()
    value: Any = MISSING
    limits: Limits = QUICK
    kind: ModuleKind = "akatsuki"
    times: int = 1
    thread_kib: int | None = None
    within_s: float | None = None
    built_here: bool = True
    own_texts: bool = True

    @cached_property
    def module(self) -> ExecutableModule:
        """The module as an executor gets it."""
        wasm = self.make()
        manifest = Manifest(self.functions, kind=self.kind, abi=int(self.kind == "akatsuki"))
        return ExecutableModule(hashlib.sha256(wasm).hexdigest(), manifest, lambda: wasm, self.name, self.built_here)

    @property
    def longest_s(self) -> float:
        """When an answer is too late, in seconds."""
        return (self.limits.timeout_ms / 1000 if self.within_s is None else self.within_s) + PATIENCE_S


GOOD = Case(
    "good",
    "good",
    "an honest module, called after every hostile one",
    lambda: wat('(func (export "f") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))'),
    (function("f", "a: s32", "s32"),),
    Call("f", (21,)),
    value=42,
)


@dataclass(frozen=True)
class Outcome:
    """What an executor answered.

    Attributes:
        case: What was executed.
        error: What it raised, or None.
        value: What it gave, or None.
        seconds: The slowest execution.
        problem: Why the answer is wrong, or empty.
    """

    case: Case
    error: BaseException | None
    value: Any
    seconds: float
    problem: str = ""

    @property
    def late_ms(self) -> float:
        """Milliseconds past the time limit; negative where there was time left."""
        return self.seconds * 1000 - self.case.limits.timeout_ms

    @property
    def answer(self) -> str:
        """The error's class, code and kind, or the value: ``GuestTrap unreachable``, ``42``."""
        if self.error is None:
            return shown(self.value)
        kind = f" {self.error.kind}" if isinstance(self.error, GuestTrap) else ""
        return type(self.error).__name__ + kind

    @property
    def text(self) -> str:
        """The error's text; without the engine's words, which change with its version."""
        if self.error is None:
            return ""
        text = str(self.error)
        ours, colon, _ = text.partition(": ")
        return text if self.case.own_texts or not colon else f"{ours}: …"


def shown(value: Any) -> str:
    """A value in one short line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}…"


def check_case(execute: Execute, case: Case) -> Outcome:
    """Checks an executor's answer to one case, and that it still answers a good call.

    A hostile module may well crash an executor that is not ready for it. Run the cases in a process of their own where
    that must not end yours: ``python -m akatsuki_wasm.testing.hostile --plugin FILE.py --json``.

    Args:
        execute: The plugin's hook.
        case: One of `akatsuki_wasm.testing.hostile.cases`.

    Raises:
        AssertionError: The answer is wrong or late; the text says what came and what was expected.
    """
    outcome = run_case(execute, case)
    if outcome.problem:
        raise AssertionError(f"{case.name}: {outcome.problem}") from outcome.error
    return outcome


def run_case(execute: Execute, case: Case) -> Outcome:
    """The same without raising: what is wrong is the outcome's `problem`."""
    case.module  # noqa: B018 - made before the time counts
    outcomes = [_once(execute, case) for _ in range(case.times)]
    outcome = next((each for each in outcomes if each.problem), max(outcomes, key=lambda each: each.seconds))
    if outcome.problem or case is GOOD:
        return outcome
    after = _once(execute, GOOD)
    if after.problem:
        problem = f"the good call afterwards failed: {after.problem}"
        return Outcome(case, outcome.error, outcome.value, outcome.seconds, problem)
    return outcome


def _once(execute: Execute, case: Case) -> Outcome:
    error: BaseException | None = None
    value: Any = None

    def run() -> None:
        nonlocal error, value
        try:
            result = execute(case.module, case.call, case.limits, Control())
        except BaseException as exc:  # noqa: BLE001 - an untyped error is a wrong answer like any other
            error = exc
        else:
            value = "nothing: it passed" if result is None else result.value

    started = time.perf_counter()
    if case.thread_kib is None:
        run()
    else:
        _on_thread(run, case.thread_kib)
    seconds = time.perf_counter() - started
    return Outcome(case, error, value, seconds, _problem(case, error, value, seconds))


def _on_thread(work: Callable[[], None], kib: int) -> None:
    before = threading.stack_size(kib * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()


def _problem(case: Case, error: BaseException | None, value: Any, seconds: float) -> str:
    if error is None:
        if case.value is MISSING:
            return f"it gave {shown(value)}, expected {_expected(case)}"
        if not same(value, case.value):
            return f"it gave {shown(value)}, expected {shown(case.value)}"
    else:
        if not isinstance(error, case.errors):
            return f"it raised {type(error).__name__}: {shown(str(error))}, expected {_expected(case)}"
        if isinstance(error, GuestTrap) and case.kinds and error.kind not in case.kinds:
            return f"it trapped with {error.kind!r} ({error}), expected {' or '.join(case.kinds)}"
        if not str(error) or not str(error).isprintable():
            return f"its error is not one printable line: {shown(str(error))}"
    if seconds > case.longest_s:
        return f"it took {seconds:.1f} s, expected at most {case.longest_s:.1f}"
    return ""


def _expected(case: Case) -> str:
    named = [each.__name__ for each in case.errors]
    return " or ".join([*named, *([] if case.value is MISSING else [shown(case.value)])])


def same(got: Any, expected: Any) -> bool:
    """Whether two contract values are equal, arrays and their dtypes included; `expected` may judge by ``accepts``."""
    if hasattr(expected, "accepts"):
        return bool(expected.accepts(got))
    if isinstance(got, np.ndarray) or isinstance(expected, np.ndarray):
        left, right = np.asarray(got), np.asarray(expected)
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=left.dtype.kind == "f")
    if isinstance(got, list | tuple) and isinstance(expected, list | tuple):
        return len(got) == len(expected) and all(map(same, got, expected))
    return type(got) is type(expected) and bool(got == expected)
