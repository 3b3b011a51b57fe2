"""A module that is compiled and linked for an engine, ready to be instantiated any number of times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import wasmtime

from akatsuki_wasm.errors import InvalidModuleError, one_line
from akatsuki_wasm.sandbox import ffi
from akatsuki_wasm.sandbox.plans import Plans

if TYPE_CHECKING:
    from akatsuki_wasm.sandbox.engine import ProcessEngine


class CompiledModule:
    """A module compiled for the process's engine, ready to be instantiated.

    Shared between threads; lives as long as the cache or an execution holds it.

    Args:
        engine: That compiled it.
        module: wasmtime's.

    Raises:
        InvalidModuleError: It imports something.

    Attributes:
        pre_address: Native address of the pre-linked instance.
        has_memory: Whether it exports a memory named ``memory``.
        size: Bytes of its compiled code.
        plans: How its functions are called.
        realloc_checked: Whether the type of its ``cabi_realloc`` was compared.
    """

    def __init__(self, engine: ProcessEngine, module: wasmtime.Module) -> None:
        imports = [f"{each.module}.{each.name}" for each in module.imports]
        if imports:
            shown = ", ".join(imports[:8]) + (f" and {len(imports) - 8} more" if len(imports) > 8 else "")
            raise InvalidModuleError(
                f"the module imports {one_line(shown)}: nothing is provided to a module",
                hint="build it for wasm32-unknown-unknown, without files, network, clocks or host functions",
            )
        self.engine = engine
        self._pre = engine.linker.instantiate_pre(module)
        self.pre_address = ffi.address(self._pre)
        self.has_memory = any(
            each.name == "memory" and isinstance(each.type, wasmtime.MemoryType) for each in module.exports
        )
        self.size = ffi.image_bytes(ffi.address(module))
        self.plans = Plans()
        self.realloc_checked = False
