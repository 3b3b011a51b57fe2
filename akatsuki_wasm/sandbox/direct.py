"""Direct calls: functions of plain numbers on one instance, at the price of the native call alone.

An execution's cost is its store and instance, 20 us; a call itself takes half of one. Where one caller calls a function
very often, as a batch of a plain module does row by row, one instance serves all its calls, and each is written out as
a small Python function of its own: values are put into the slots by memoryviews, whose formats check type and range in
C, and the native call has its addresses bound beforehand.

Such a call runs on the caller's own stack and cannot give control back in between. So an instance that is called
directly traps `SLICE` epochs after the epoch in which the call began; the call that this ends is made once more on a
fresh instance, in slices that a signal or a cancellation can end, and then direct calls go on with another instance.
That is sound because a module must not rely on what it keeps between calls.
"""

from __future__ import annotations

import struct
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from akatsuki_wasm import wit
from akatsuki_wasm.errors import ArgumentError, ExecuteError, GuestTrap
from akatsuki_wasm.sandbox import ffi
from akatsuki_wasm.sandbox.instance import Instance
from akatsuki_wasm.sandbox.lift import unflattener
from akatsuki_wasm.sandbox.lower import converter
from akatsuki_wasm.sandbox.scalars import Mismatch, double, f32_bits, f32_value, integer
from akatsuki_wasm.sandbox.stack import large_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.errors import AkatsukiError
    from akatsuki_wasm.sandbox.plans import CallPlan

SLICE = 10
"""Epochs after which a direct call traps: what a signal waits for at most."""
_VIEWS = {"s32": "i", "u32": "I", "s64": "q", "u64": "Q", "f64": "d"}
"""Types whose range and kind a memoryview of this format checks by itself."""
_CORE_VIEWS = {"i32": "I", "i64": "Q", "f32": "I", "f64": "d"}
_FORMATS: tuple[Literal["i", "I", "q", "Q", "d"], ...] = ("i", "I", "q", "Q", "d")


def _nobody() -> int | None:
    """Stands for the native call where there is no instance."""
    return None


class _NoClock:
    """Stands for the clock where there is no instance."""

    epoch = 0


class DirectInstance(Instance):
    """An instance that traps when its slice is over, instead of giving control back."""

    __slots__ = ()

    def _instantiate(self, scratch: ffi.Scratch) -> None:
        self._set_limits()
        self.wind_up()
        scratch.error_cell.value = ffi.instantiate(
            self.compiled.pre_address, self._context, scratch.instance, scratch.trap
        )
        self._take_instance()

    def wind_up(self) -> None:
        """Begins a new slice."""
        ffi.set_epoch_deadline(self._context, SLICE + 1)

    def bind(self, slots: int) -> tuple[Callable[[], int | None], memoryview, memoryview]:
        """What calls the function that was found: the call, its slots' bytes and the cell of its trap.

        The two views keep nothing alive: they must not be used after `close`.

        Args:
            slots: As many as the function has parameters, or results.
        """
        scratch = self._scratch
        if slots * ffi.RAW_SIZE > scratch.capacity * ffi.SLOT_SIZE:
            scratch.reserve(slots)
        invoke = partial(ffi.call_unchecked, self._context, scratch.func.of, scratch.slots, slots, scratch.trap)
        return invoke, ffi.view(scratch.slots, slots * ffi.RAW_SIZE), ffi.view(scratch.trap, ffi.POINTER_SIZE)

    def failure(self, error: int | None) -> AkatsukiError | None:
        """The error of a call that failed, or None for one that was ended because its slice was over."""
        if error:
            return GuestTrap(f"{self.function} failed: {ffi.take_error(error)}", kind="error")
        facts = self._take_facts()
        return None if facts.kind == "interrupt" else self._error_of(facts, allocating=False)


class DirectFunction:
    """A function of plain numbers, called as ``call(1, 2)`` on the thread that made it.

    Args:
        plan: Of the function.
        make_direct: Gives a fresh `DirectInstance`.
        make_sliced: Gives a fresh `Instance`, for a call that outlasts a slice.

    Raises:
        ArgumentError: The function takes or gives more than numbers, bools and chars.

    Attributes:
        call: The function; raises what `CallPlan.run` raises. It is another object after `close`.
    """

    def __init__(
        self,
        plan: CallPlan,
        make_direct: Callable[[], DirectInstance],
        make_sliced: Callable[[], Instance],
    ) -> None:
        types = [param.type for param in plan.function.params] + [plan.function.result]
        if not all(each is None or (isinstance(each, wit.Primitive) and each != wit.STRING) for each in types):
            raise ArgumentError(
                f"{plan.name} takes or gives more than numbers, bools and chars",
                hint="execute it for each call, or apply it to columns",
            )
        self._plan, self._make_direct, self._make_sliced = plan, make_direct, make_sliced
        self._slots = max(1, *map(len, plan.signature))
        self._instance: DirectInstance | None = None
        self._names: dict[str, Any] = {
            "get_ident": threading.get_ident,
            "owner": threading.get_ident(),
            "Mismatch": Mismatch,
            "elsewhere": self._elsewhere,
            "refuse": self._refuse,
            "recover": self._recover,
            "wind_up": self._wind_up,
            "clock": _NoClock,
            "epoch": 0,
        }
        exec(compile(self._source(), f"<direct call of {plan.name}>", "exec"), self._names)  # noqa: S102 - our own text
        self.call: Callable[..., Any] = self._names["call"]
        self._bind()

    def close(self) -> None:
        """Frees the instance; a call afterwards raises."""
        self._unbind(self._closed)

    # ---------------------------------------------------------------- the written function

    def _source(self) -> str:
        """The function's text: one statement for each parameter, the call, the result."""
        plan = self._plan
        names = [f"a{index}" for index in range(len(plan.function.params))]
        lines = [
            f"def call({', '.join(names)}):",
            "    if get_ident() != owner: elsewhere()",
            "    if clock.epoch != epoch: wind_up()",
            "    try:",
        ]
        for index, (name, param) in enumerate(zip(names, plan.function.params, strict=True)):
            lines.append(f"        {self._put(index, name, str(param.type))}")
        given = "".join(f"{name}, " for name in names)
        lines += [
            "        pass",
            f"    except (ValueError, TypeError, Mismatch) as exc: refuse(({given}), exc)",
            f"    if (error := invoke()) or trap[0]: return recover(error, ({given}))",
            f"    return {self._result()}",
        ]
        return "\n".join(lines)

    def _put(self, index: int, name: str, type_: str) -> str:
        """Writes one argument; a view's own errors stand for a value that does not fit."""
        view = _VIEWS.get(type_, "I")
        place = f"view_{view}[{index * ffi.RAW_SIZE // struct.calcsize(view)}]"
        match type_:
            case "f64":
                self._names["double"] = partial(double, "f64")
                return f"{place} = {name} if type({name}) is float else double({name})"
            case "s32" | "u32" | "s64" | "u64":
                self._names[f"integer_{type_}"] = partial(integer, type_)
                return f"{place} = {name} if type({name}) is int else integer_{type_}({name})"
            case "f32":
                self._names["f32_bits"] = f32_bits
                return f"{place} = f32_bits({name})"
            case _:
                self._names[f"convert_{type_}"] = converter(type_)
                return f"{place} = convert_{type_}({name}) & 0xFFFFFFFF"

    def _result(self) -> str:
        result = self._plan.function.result
        if result is None:
            return "None"
        name = str(result)
        if name in _VIEWS:
            return f"view_{_VIEWS[name]}[0]"
        if name == "f32":
            self._names["f32_value"] = f32_value
            return "f32_value(view_I[0])"
        if name == "bool":
            return "view_I[0] != 0"
        self._names["lift"] = partial(unflattener(result), self._plan.name)
        return f"lift([view_{_CORE_VIEWS[self._plan.signature[1][0]]}[0]])"

    # ---------------------------------------------------------------- instances

    def _bind(self) -> None:
        """Makes a fresh instance, and has the written function call it; in slices where direct calls cannot be."""
        if not large_here():
            self._unbind(_nobody)
            return
        self._instance = self._make_direct()
        self._plan.find(self._instance)
        invoke, slots, trap = self._instance.bind(self._slots)
        self._names["clock"] = self._instance.compiled.engine.clock
        self._use(invoke, slots, trap.cast("Q"))

    def _wind_up(self) -> None:
        """The epoch has gone on since a slice began: this call is to have a whole one."""
        if self._instance is not None:
            self._instance.wind_up()
            self._names["epoch"] = self._names["clock"].epoch

    def _unbind(self, invoke: Callable[[], int | None]) -> None:
        """Frees the instance; the written function's values go nowhere from here on, and it calls `invoke`."""
        self._use(invoke, memoryview(bytearray(self._slots * ffi.RAW_SIZE)), (1,))
        instance, self._instance = self._instance, None
        if instance is not None:
            instance.close()

    def _use(self, invoke: Callable[[], int | None], slots: memoryview, trap: Any) -> None:
        self._names.update(invoke=invoke, trap=trap, **{f"view_{each}": slots.cast(each) for each in _FORMATS})

    def _recover(self, error: int | None, args: tuple[Any, ...]) -> Any:
        """After a call that did not end well: it failed, or its slice was over and it is made again."""
        if self._instance is not None:
            failure = self._instance.failure(error)
            self._unbind(_nobody)
            if failure is not None:
                self._bind()
                raise failure
        with self._make_sliced() as sliced:
            value = self._plan.run(sliced, args)
        self._bind()
        return value

    def _refuse(self, args: tuple[Any, ...], exc: Exception) -> None:
        for index, (param, value) in enumerate(zip(self._plan.function.params, args, strict=True)):
            try:
                converter(str(param.type))(value)
            except Mismatch as mismatch:
                raise self._plan.refuse(index, mismatch) from exc
        raise exc  # a defect: every value fits

    def _elsewhere(self) -> None:
        raise ExecuteError(
            f"{self._plan.name} is called on another thread than the one that its session was opened on",
            hint="open a session on each thread",
        )

    def _closed(self) -> int:
        raise ExecuteError(f"the session of {self._plan.name} is closed", hint="open a new one")
