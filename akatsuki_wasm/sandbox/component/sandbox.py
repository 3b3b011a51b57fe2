"""Executes functions of WebAssembly components, each in a fresh instance, under the limits of every execution.

The isolation is that of `akatsuki_wasm.sandbox.sandbox`: a store for each execution, a deadline from before
instantiation on, limits on each object and on how many there are, no imports, proposals off. Three things differ:

* A component may have several memories; each gets an equal share of the memory limit.
* What a function returns passes through the engine's own values, of which it makes at most 128 MiB (at 32 bytes each,
  about four million numbers); more is a `ResultTooLargeError` whatever the limit for results is.
* The engine does not tell how much memory a component took; what is reported is what its memories begin with.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import Call, Control, ExecutionResult, Limits
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.sandbox.base import BaseSandbox, SandboxConfig, shared
from akatsuki_wasm.sandbox.component.call import CompiledComponent, ComponentInstance
from akatsuki_wasm.sandbox.component.engine import component_engine
from akatsuki_wasm.sandbox.component.loading import load_component
from akatsuki_wasm.sandbox.limits import check
from akatsuki_wasm.sandbox.watch import Watch

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import BatchCall, ExecutableModule

DEFAULT_LIMITS = Limits()


class ComponentSandbox(BaseSandbox[CompiledComponent]):
    """Executes functions of components. Threads may use it at once.

    Args:
        config: Sizes and folders.
    """

    def __init__(self, config: SandboxConfig | None = None) -> None:
        super().__init__(config or SandboxConfig())

    def execute(
        self,
        module: ExecutableModule,
        call: Call | BatchCall,
        limits: Limits = DEFAULT_LIMITS,
        control: Control | None = None,
    ) -> ExecutionResult:
        """Executes one function in a fresh instance.

        Args:
            module: Digest, manifest and the way to the bytes.
            call: Function (snake_case or kebab-case, or its whole export name) and contract values.
            limits: Time (instantiation included), memory, result size and, where asked for, fuel.
            control: Says when to stop.

        Returns:
            Value and cost.

        Raises:
            InvalidModuleError: The bytes are no component, it imports something, or its manifest is not true of it.
            FunctionNotFoundError: There is no such function.
            ArgumentError: The arguments do not fit the function, or are columns.
            GuestError: The function answered with an error.
            GuestTrap: It trapped.
            ExecutionTimeout: It ran past its time.
            ExecutionCancelled: It was cancelled.
            FuelLimitError: It used up its fuel.
            MemoryLimitError: It needs more memory than its limit.
            ResultTooLargeError: The result is larger than its limit.
            ExecuteError: The sandbox is closed.
        """
        started = time.perf_counter()
        check(limits)
        self._check_open()
        if not isinstance(call, Call):
            raise ArgumentError(
                f"{call.function} is a component's function: it cannot be applied to columns",
                hint="Call it once for each row.",
            )
        engine = component_engine(fuel=limits.fuel is not None)
        compiled, hit = self._cache.get(
            module.digest, engine, lambda: CompiledComponent(engine, *load_component(engine, module, self._files))
        )
        function = compiled.function(module.manifest, call.function)
        watch = Watch(limits, control)
        with ComponentInstance(compiled, limits, watch, function.name) as instance:
            value = instance.call(function, call.args)
            fuel = instance.fuel_used
        total = time.perf_counter() - started
        return ExecutionResult(
            value,
            instance.guest_s * 1e3,
            compiled.memory_bytes,
            hit,
            total * 1e3,
            instance.instantiation_s * 1e3,
            fuel,
        )


def process_component_sandbox(config: SandboxConfig | None = None) -> ComponentSandbox:
    """The process's sandbox for components of a configuration, made at first use and shared by all who ask."""
    return shared(ComponentSandbox, config or SandboxConfig())
