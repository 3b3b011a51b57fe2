"""The registry: modules, executions and generations in a database, wasm bytes and sources in a blob storage.

`Registry.open` is the way in. It stands on SQLAlchemy, so import it where it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akatsuki_wasm.registry.executions import ExecutionStats, WasmExecutionRepository
    from akatsuki_wasm.registry.generations import GenerationRepository
    from akatsuki_wasm.registry.models import Generation, WasmExecution, WasmModule
    from akatsuki_wasm.registry.modules import WasmModuleRepository
    from akatsuki_wasm.registry.registry import Registry
    from akatsuki_wasm.registry.status import RegistryStatus, registry_status

_HOMES = {
    "ExecutionStats": "executions",
    "Generation": "models",
    "GenerationRepository": "generations",
    "Registry": "registry",
    "RegistryStatus": "status",
    "WasmExecution": "models",
    "WasmExecutionRepository": "executions",
    "WasmModule": "models",
    "WasmModuleRepository": "modules",
    "registry_status": "status",
}
__all__ = [
    "ExecutionStats",
    "Generation",
    "GenerationRepository",
    "Registry",
    "RegistryStatus",
    "WasmExecution",
    "WasmExecutionRepository",
    "WasmModule",
    "WasmModuleRepository",
    "registry_status",
]


def __getattr__(name: str) -> Any:
    """Imports a public name's file when it is first used: `policy` and `versions` need no database."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
