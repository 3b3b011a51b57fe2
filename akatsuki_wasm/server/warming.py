"""What a process does before its first execution, so that the first client does not wait for it."""

from __future__ import annotations

import gc
import importlib
import logging
from typing import TYPE_CHECKING
from uuid import UUID

from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.contracts import Call, ExecutableModule, Limits
from akatsuki_wasm.errors import AkatsukiError
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.blobs import digest_of
from akatsuki_wasm.registry.models import now

if TYPE_CHECKING:
    from akatsuki_wasm.registry.registry import Registry
    from akatsuki_wasm.server.quotas import Quotas

log = logging.getLogger(__name__)

# (module (memory (export "memory") 1) (func (export "f") (result i32) i32.const 1))
_TINY = bytes.fromhex(
    "0061736d01000000"  # magic and version
    "0105016000017f"  # one type: () -> i32
    "03020100"  # one function of it
    "0503010001"  # one memory of one page
    "070e02066d656d6f7279020001660000"  # exports: memory, f
    "0a0601040041010b"  # i32.const 1
)
NEW_OBJECTS = 10_000
"""After so many, of what holds others, the collector looks for cycles among them: errors leave some."""
_LATER = ("pandas", "pyarrow", "PIL.Image", "akatsuki_wasm.values.columns", "akatsuki_wasm.values.image_files")
"""What only columns and images need; it takes most of a second to import."""


def warm_up(registry: Registry, quotas: Quotas) -> None:
    """Asks the database what every execution asks, and executes something in a sandbox that goes away again.

    The first question to a database makes a connection and SQLAlchemy's statements; the first execution makes the
    engine and its pool of instances.
    """
    from akatsuki_wasm.sandbox.base import SandboxConfig
    from akatsuki_wasm.sandbox.sandbox import Sandbox

    try:
        quotas.spent(UPKEEP, "user", now())
        registry.modules(UPKEEP).get(UUID(int=0))
    except AkatsukiError as exc:  # there is no such module; or the database is away just now, which readiness tells
        log.debug("warming up: %s", exc)
    tiny = ExecutableModule(digest_of(_TINY), manifests.for_binary(_TINY), lambda: _TINY, "tiny", built_here=True)
    with Sandbox(SandboxConfig(cache_size=1)) as sandbox:
        sandbox.execute(tiny, Call("f"), Limits())


def settle_process() -> None:
    """Gets a process that does nothing but serve ready for much of the same; called once it answers, on a thread.

    Loads what columns and images need, and has Python's collector of cycles leave alone what is there by then. A
    request that succeeds leaves no cycles; looking for them among all that the libraries have loaded, whenever some
    hundred objects are new, takes up to a quarter of the time of a small execution.
    """
    for name in _LATER:
        try:
            importlib.import_module(name)
        except ImportError:
            log.debug("%s is not installed", name)
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
