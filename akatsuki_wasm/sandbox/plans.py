"""Call plans: everything about calling one function that does not depend on the values, worked out once."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import canonical, wit
from akatsuki_wasm.errors import ArgumentError, FunctionNotFoundError
from akatsuki_wasm.sandbox.lift import lifter, unflattener
from akatsuki_wasm.sandbox.lower import flattener, storer
from akatsuki_wasm.sandbox.scalars import Mismatch
from akatsuki_wasm.sandbox.slots import slot_layout

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Function, Manifest
    from akatsuki_wasm.sandbox.instance import Instance


class CallPlan:
    """How one function is called.

    Args:
        function: Its signature.
        core: Whether it belongs to a plain module, where several results are several core results and nothing spills.

    Attributes:
        checked: Whether its core type was compared with the export's.
        batch_checked: The same for the batch lane's export.
    """

    __slots__ = (
        "_flatten",
        "_lift",
        "_params",
        "_results",
        "_spill",
        "_unflatten",
        "batch_checked",
        "checked",
        "core",
        "export",
        "function",
        "name",
        "signature",
    )

    def __init__(self, function: Function, *, core: bool) -> None:
        self.function, self.name = function, wit.snake(function.name)
        self.export = (function.export or wit.kebab(function.name)).encode()
        self.checked = self.batch_checked = False
        self.core = core
        types = tuple(param.type for param in function.params)
        if core:
            results = () if function.result is None else canonical.flatten(function.result)
            self.signature = (tuple(each for type_ in types for each in canonical.flatten(type_)), results)
        else:
            self.signature = canonical.core_signature(types, function.result)
        self._flatten = tuple(map(flattener, types))
        self._spill = None
        if not core and canonical.spills_params(types):
            together = wit.Tuple(types)
            places = tuple(zip(map(storer, types), canonical.offsets(types), strict=True))
            self._spill = (places, canonical.size(together), canonical.alignment(together))
        self._params, self._results = slot_layout(self.signature[0]), slot_layout(self.signature[1])
        pointer = not core and canonical.returns_pointer(function.result)
        self._lift = lifter(function.result) if pointer else None
        self._unflatten = None if pointer else unflattener(function.result)

    def run(self, instance: Instance, args: tuple[Any, ...]) -> Any:
        """Finds the function, then calls it once.

        Raises:
            ArgumentError: Too many arguments, too few, or one of the wrong type.
            ExecuteError: The guest failed, or met a limit.
        """
        if len(args) != len(self._flatten):
            raise self.wrong_count(len(args))
        self.find(instance)
        return self.call(instance, args)

    def find(self, instance: Instance) -> None:
        """Makes the function the one that the instance calls."""
        instance.find_function(self.export, self.signature, known=self.checked)
        self.checked = True

    def call(self, instance: Instance, args: tuple[Any, ...]) -> Any:
        """Lowers, calls and lifts; as many arguments as there are parameters, after `find`."""
        results = instance.call(self._params, self._results, self._lower(instance, args))
        if self._lift is not None:
            return self._lift(instance.reader(), results[0])
        if self._unflatten is None or not results:
            return None
        return self._unflatten(self.name, list(reversed(results)))

    def _lower(self, instance: Instance, args: tuple[Any, ...]) -> list[Any]:
        flat: list[Any] = []
        index = 0
        try:
            if self._spill is None:
                for flatten in self._flatten:
                    flatten(instance, args[index], flat)
                    index += 1
            else:
                places, size, alignment = self._spill
                address = instance.allocate(size, alignment)
                for store, offset in places:
                    store(instance, args[index], address + offset)
                    index += 1
                flat.append(address)
        except Mismatch as mismatch:
            raise self.refuse(index, mismatch) from mismatch
        return flat

    def refuse(self, index: int, mismatch: Mismatch) -> ArgumentError:
        """The error for an argument that does not fit its parameter."""
        param = self.function.params[index]
        return ArgumentError(
            f"argument {param.name}{mismatch.path} of {self.name}: expected {mismatch.expected}, got {mismatch.got}",
            hint=mismatch.hint or f"the signature is {self.function.signature}",
        )

    def wrong_count(self, got: int) -> ArgumentError:
        """The error for a call with too few or too many arguments."""
        params = self.function.params
        plural = "argument" if len(params) == 1 else "arguments"
        listed = f" ({', '.join(f'{param.name}: {param.type}' for param in params)})" if params else ""
        return ArgumentError(
            f"{self.name} takes {len(params)} {plural}{listed}, got {got}",
            hint=f"the signature is {self.function.signature}",
        )


class Plans:
    """The call plans of one compiled module, made when a function is first called."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[Manifest, CallPlan]] = {}

    def get(self, manifest: Manifest, name: str) -> CallPlan:
        """The plan for a function, named in snake_case or kebab-case.

        Raises:
            FunctionNotFoundError: The manifest has none of that name.
        """
        key = (name, id(manifest))  # the manifest is kept beside the plan, so that its id stays its own
        found = self._known.get(key)
        if found is not None:
            return found[1]
        function = manifest.function(name)
        if function is None:
            raise function_not_found(manifest, name)
        core = manifest.kind == "core"
        same = (each for _, each in list(self._known.values()) if each.function == function and each.core == core)
        plan = next(same, None) or CallPlan(function, core=core)
        if len(self._known) >= _MAX_PLANS:
            self._known.clear()
        self._known[key] = (manifest, plan)
        return plan


_MAX_PLANS = 1000


def function_not_found(manifest: Manifest, name: str) -> FunctionNotFoundError:
    """The error for a name that no function has: it lists what there is, and says what is close."""
    names = [wit.snake(function.name) for function in manifest.functions]
    if not names:
        return FunctionNotFoundError(f"there is no function {name!r}: the module exports no function")
    close = difflib.get_close_matches(wit.snake(name), names, n=3)
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return FunctionNotFoundError(
        f"there is no function {name!r}; the module has {shown}",
        hint=f"did you mean {' or '.join(close)}?" if close else "use one of these names",
    )
