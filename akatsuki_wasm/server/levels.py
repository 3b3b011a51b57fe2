"""Levels of a process that metrics tell when they are asked: its queues, and its caches of compiled modules."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.sandbox.base import open_sandboxes

if TYPE_CHECKING:
    from akatsuki_wasm.server.service import Service

_CACHE = ("hits", "misses", "evictions", "modules", "capacity", "bytes")


def cache_document() -> dict[str, Any]:
    """Figures of all caches of compiled modules in this process, summed up."""
    figures = [each.statistics for each in open_sandboxes()]
    found = {name: sum(getattr(each, name) for each in figures) for name in _CACHE}
    asked = found["hits"] + found["misses"]
    return {"process": os.getpid(), **found, "hitRate": found["hits"] / asked if asked else None}


def watch_levels(service: Service) -> None:
    """Adds the levels of a started service to its metrics."""
    slots, journal = service.admission.slots, service.executions.journal
    level = service.metrics.level
    level("akatsuki_executions_running", "Executions under way.", lambda: slots.slots - slots.free)
    level("akatsuki_executions_waiting", "Executions that wait for a slot.", lambda: slots.waiting)
    level("akatsuki_journal_waiting", "Executions whose record is not written yet.", lambda: journal.waiting)
    for name in _CACHE:
        text = f"Caches of compiled modules: {name}."
        level(f"akatsuki_module_cache_{name}", text, partial(_cache_level, name))


def _cache_level(name: str) -> float:
    return float(cache_document()[name])
