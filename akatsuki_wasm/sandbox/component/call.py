"""A compiled component, a fresh instance of it, and the call of one function."""

from __future__ import annotations

import ctypes
import time
from ctypes import c_void_p
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wasmtime import _ffi, component

from akatsuki_wasm import wit
from akatsuki_wasm.component_binary import MAX_INSTANCES
from akatsuki_wasm.contracts import WASM_PAGE
from akatsuki_wasm.errors import (
    AkatsukiError,
    ArgumentError,
    FunctionNotFoundError,
    GuestError,
    GuestTrap,
    InvalidModuleError,
    ResultTooLargeError,
)
from akatsuki_wasm.sandbox import ffi
from akatsuki_wasm.sandbox.component import ffi as component_ffi
from akatsuki_wasm.sandbox.component.values import Budget, Codec, codec
from akatsuki_wasm.sandbox.limits import MAX_TABLE_ELEMENTS
from akatsuki_wasm.sandbox.scalars import Mismatch
from akatsuki_wasm.sandbox.traps import error_of_instantiation, error_of_trap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from akatsuki_wasm.component_binary import ComponentOutline
    from akatsuki_wasm.contracts import Function, Limits, Manifest
    from akatsuki_wasm.sandbox.component.engine import ComponentEngine
    from akatsuki_wasm.sandbox.watch import Watch

MAX_TABLES = 64
"""Tables of one execution: one or two for each core instance."""
_HOSTCALL_LIMIT = "fuel allocated for hostcalls"
"""Part of wasmtime's words when a value that leaves the guest would take more than it gives away."""


class BoundFunction:
    """One function of a compiled component, with its types compared and its codecs made.

    Args:
        owner: The component.
        function: What the manifest says of it.

    Raises:
        InvalidModuleError: The component has no such function, or one of another type.
    """

    def __init__(self, owner: component.Component, engine: ComponentEngine, function: Function) -> None:
        self.function, self.name = function, function.name
        interface, _, name = function.export.rpartition("#")
        exports = owner.type.exports(engine.engine)
        if interface:
            outer = exports.get(interface)
            outer_type = None if outer is None else outer.ty
            exports = (
                outer_type.exports(engine.engine) if isinstance(outer_type, component.ComponentInstanceType) else {}
            )
        found = exports.get(name)
        type_ = None if found is None else found.ty
        index = component_ffi.export_index(owner, interface, name)
        if not isinstance(type_, component.FuncType) or index is None:
            raise InvalidModuleError(
                f"the component has no function {function.export!r}, which its manifest names",
                hint="deploy the component again",
            )
        self.index = index
        engine_params = [each for _, each in type_.params]
        if len(engine_params) != len(function.params) or (type_.result is None) != (function.result is None):
            raise InvalidModuleError(
                f"{function.export} has another type than its manifest says", hint="deploy the component again"
            )
        self.params: list[Codec] = [
            codec(param.type, each) for param, each in zip(function.params, engine_params, strict=True)
        ]
        self.result = None if function.result is None else codec(function.result, type_.result)

    def refuse(self, index: int, mismatch: Mismatch) -> ArgumentError:
        """The error for an argument that does not fit its parameter."""
        param = self.function.params[index]
        return ArgumentError(
            f"argument {param.name}{mismatch.path} of {self.name}: expected {mismatch.expected}, got {mismatch.got}",
            hint=mismatch.hint or f"the signature is {self.function.signature}",
        )


class CompiledComponent:
    """A component compiled for an engine. Shared between threads; lives as long as a cache or an execution holds it.

    Args:
        engine: That compiled it.
        made: wasmtime's.
        outline: What its bytes say of it.

    Attributes:
        memories: Linear memories of an instance.
        memory_bytes: What they begin with together.
    """

    def __init__(self, engine: ComponentEngine, made: component.Component, outline: ComponentOutline) -> None:
        self.engine, self.component = engine, made
        self.address = ffi.address(made)
        self.memories = outline.memories
        self.memory_bytes = outline.minimum_pages * WASM_PAGE
        self._bound: dict[str, BoundFunction] = {}

    @cached_property
    def size(self) -> int:
        """Bytes of its compiled code, as it is written to files."""
        return len(self.component.serialize())

    def function(self, manifest: Manifest, name: str) -> BoundFunction:
        """The function of that name.

        Raises:
            FunctionNotFoundError: The manifest has none.
            InvalidModuleError: The component's own is another one.
        """
        found = manifest.function(name)
        if found is None:
            names = ", ".join(each.name for each in manifest.functions)
            raise FunctionNotFoundError(f"the component has no function {name!r}", hint=f"It has {names}.")
        key = f"{found.export} {found.signature}"
        bound = self._bound.get(key)
        if bound is None:
            bound = self._bound[key] = BoundFunction(self.component, self.engine, found)
        return bound


class ComponentInstance:
    """A fresh instance in a store of its own, used on one thread; a context manager.

    Args:
        compiled: The component.
        limits: Memory, result size and fuel.
        watch: Says whether it may go on.
        function: The function's name, for messages.

    Attributes:
        guest_s: Seconds in the guest's function.
        instantiation_s: Seconds that making the store and the instance took.
        fuel_used: Units of work done, or None where they are not counted.
    """

    def __init__(self, compiled: CompiledComponent, limits: Limits, watch: Watch, function: str) -> None:
        self._store: int | None = None
        self._compiled, self._limits, self._watch, self._function = compiled, limits, watch, function
        self._instance = component_ffi.Instance()
        self._error = c_void_p()
        self.guest_s = self.instantiation_s = 0.0
        self.fuel_used: int | None = None
        clock = compiled.engine.clock
        while not clock.try_enter():
            watch.look(function)
            clock.wait()
        watch.begin()
        started = time.perf_counter()
        self._store = ffi.store_new(ffi.address(compiled.engine.engine), None, None)
        try:
            self._instantiate()
        except BaseException:
            self.close()
            raise
        self.instantiation_s = time.perf_counter() - started

    def _instantiate(self) -> None:
        compiled, limits, slice_ = self._compiled, self._limits, self._watch.slice
        context = self._context = ffi.store_context(self._store)
        share = limits.memory_bytes // max(compiled.memories, 1)
        ffi.store_limiter(self._store, share, MAX_TABLE_ELEMENTS, MAX_INSTANCES, MAX_TABLES, max(compiled.memories, 1))
        # One epoch more for the first slice: the current one has partly passed.
        ffi.set_epoch_deadline(context, slice_ + 1)
        ffi.yield_at_epoch(context, slice_)
        if limits.fuel is not None:
            ffi.set_fuel(context, limits.fuel)
        self._finish(
            component_ffi.instantiate_start(
                ffi.address(compiled.engine.linker),
                context,
                compiled.address,
                ctypes.addressof(self._instance),
                ctypes.addressof(self._error),
            )
        )
        if self._error.value:
            facts = self._take_failure()
            if facts.kind != "error":
                raise self._trapped(facts)
            raise error_of_instantiation(facts.message, self._function, limits)

    def __enter__(self) -> ComponentInstance:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # A signal handler that raised between the making and the `with` would otherwise keep one of the slots for ever.
        self.close()

    def close(self) -> None:
        """Frees the store and all that is in it."""
        store, self._store = self._store, None
        if store is not None:
            ffi.store_delete(store)
            self._compiled.engine.clock.leave()

    def call(self, bound: BoundFunction, args: Sequence[Any]) -> Any:
        """Calls a function.

        Args:
            bound: One of the component's.
            args: Contract values.

        Returns:
            The contract value; of a ``result``, what is in its ``ok``.

        Raises:
            ArgumentError: The arguments do not fit.
            ExecuteError: As `ComponentSandbox.execute` says.
        """
        if len(args) != len(bound.params):
            raise ArgumentError(
                f"{bound.name} takes {len(bound.params)} arguments, got {len(args)}",
                hint=f"the signature is {bound.function.signature}",
            )
        values = (_ffi.wasmtime_component_val_t * (len(args) + 1))()  # zeroed; the result comes last
        try:
            for index, (part, value) in enumerate(zip(bound.params, args, strict=True)):
                try:
                    part.lower(value, values[index])
                except Mismatch as mismatch:
                    raise bound.refuse(index, mismatch) from mismatch
            self._run(bound, values, len(args))
            if bound.result is None:
                return None
            return self._value(
                bound, bound.result.lift(values[len(args)], Budget(bound.name, self._limits, self._watch))
            )
        finally:
            for value in values:
                component_ffi.val_delete(ctypes.addressof(value))

    def _run(self, bound: BoundFunction, values: Any, count: int) -> None:
        func = component_ffi.Function()
        if not component_ffi.get_function(
            ctypes.addressof(self._instance), self._context, bound.index, ctypes.addressof(func)
        ):
            raise InvalidModuleError(f"the component has no function {bound.function.export!r}")
        first = ctypes.addressof(values)
        results = 0 if bound.result is None else 1
        started = time.perf_counter()
        try:
            self._finish(
                component_ffi.call_start(
                    ctypes.addressof(func),
                    self._context,
                    first,
                    count,
                    first + count * component_ffi.VAL_SIZE if results else None,
                    results,
                    ctypes.addressof(self._error),
                )
            )
        finally:
            self.guest_s = time.perf_counter() - started
        if self._error.value:
            raise self._trapped(self._take_failure())
        if self._limits.fuel is not None:
            self.fuel_used = self._limits.fuel - ffi.fuel_left(self._context)

    def _value(self, bound: BoundFunction, value: Any) -> Any:
        if not isinstance(bound.function.result, wit.Result):
            return value
        if value.name == "ok":
            return value.value
        error = value.value
        if isinstance(error, str) and bound.function.result.err == wit.STRING:
            raise GuestError(error)
        said = f": {shown(error)}" if error is not None else ""
        raise GuestError(f"{bound.name} answered with an error{said}", value=error)

    def _finish(self, future: int) -> None:
        """Runs a call to its end, and looks after each slice whether it may go on."""
        try:
            while not ffi.poll(future):
                self._watch.look(self._function)
        finally:
            ffi.future_delete(future)

    def _take_failure(self) -> ffi.TrapFacts:
        error, self._error.value = self._error.value, None
        return component_ffi.take_failure(error or 0)

    def _trapped(self, facts: ffi.TrapFacts) -> AkatsukiError:
        if _HOSTCALL_LIMIT in facts.message:
            return ResultTooLargeError(
                f"the result of {self._function} is larger than a component's may be: 128 MiB of the engine's values, "
                "which are 32 bytes each",
                hint="ask for a smaller result",
            )
        if facts.kind == "error":
            return GuestTrap(
                f"{self._function} failed: {facts.message}",
                kind="error",
                hint="correct the component: what it answered is no value of its type",
            )
        return error_of_trap(facts, self._function, self._limits, "", 0, allocating=False)


def shown(value: Any) -> str:
    """An error's payload as one line: text as it is, a case by its name and payload."""
    if isinstance(value, str):
        return value
    if isinstance(value, wit.Case):
        return value.name if value.value is None else f"{value.name}: {shown(value.value)}"
    return "" if value is None else repr(value)
