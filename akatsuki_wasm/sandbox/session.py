"""A session: one caller's own instances of a module, for very many short calls of functions of plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akatsuki_wasm.sandbox.direct import DirectFunction, DirectInstance
from akatsuki_wasm.sandbox.instance import Instance
from akatsuki_wasm.sandbox.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from akatsuki_wasm.contracts import Control, Limits, Manifest
    from akatsuki_wasm.sandbox.compiled import CompiledModule


class Session:
    """Functions that are called on an instance that stays, at about a microsecond a call.

    For one caller, on the thread that opened it, and for bulk work: what a module keeps in its memory between two calls
    can be seen by the second, or be gone, as a call that takes long is made on an instance of its own. Time and memory
    limits hold for each call. A context manager; each function takes one of the process's instance slots until `close`.

    Args:
        compiled: The module.
        manifest: Its functions.
        limits: Of each call.
        control: Who may cancel; a call that is under way ends, and so does every later one that takes long.
    """

    def __init__(self, compiled: CompiledModule, manifest: Manifest, limits: Limits, control: Control | None) -> None:
        self._compiled, self._manifest, self._limits, self._control = compiled, manifest, limits, control
        self._functions: dict[str, DirectFunction] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees the instances; a call afterwards raises."""
        functions, self._functions = self._functions, {}
        for each in functions.values():
            each.close()

    def function(self, name: str) -> Callable[..., Any]:
        """A function of the module, to be called with its arguments in order.

        Args:
            name: snake_case or kebab-case.

        Raises:
            FunctionNotFoundError: There is no such function.
            ArgumentError: It takes or gives more than numbers, bools and chars.
        """
        plan = self._compiled.plans.get(self._manifest, name)
        found = self._functions.get(plan.name)
        if found is None:
            found = self._functions[plan.name] = DirectFunction(
                plan,
                lambda: DirectInstance(self._compiled, self._limits, self._watch(), plan.name),
                lambda: Instance(self._compiled, self._limits, self._watch(), plan.name),
            )
        return found.call

    def _watch(self) -> Watch:
        return Watch(self._limits, self._control)
