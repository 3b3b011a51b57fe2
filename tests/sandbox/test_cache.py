"""The module cache: an LRU by the model of an ordered dictionary, one compile for each key, statistics."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wat_guests import compiled

from akatsuki_wasm.errors import InvalidModuleError
from akatsuki_wasm.sandbox.cache import ModuleCache, compile_bytes
from akatsuki_wasm.sandbox.engine import process_engine

WASM = compiled('(func (export "f"))')
READY = compile_bytes(process_engine().engine, WASM)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 7), max_size=60))
def test_it_is_an_lru(keys: list[int]) -> None:
    cache = ModuleCache(process_engine(), 3, lambda engine, wasm: READY)
    model: OrderedDict[str, None] = OrderedDict()
    hits = evictions = 0
    for key in map(str, keys):
        expected = key in model
        hits += expected
        model[key] = None
        model.move_to_end(key)
        if len(model) > 3:
            model.popitem(last=False)
            evictions += 1
        assert cache.get(key, lambda: WASM)[1] is expected
    found = cache.statistics
    assert (found.hits, found.misses, found.evictions) == (hits, len(keys) - hits, evictions)
    assert (found.modules, found.capacity) == (len(model), 3)


def test_one_compile_however_many_ask() -> None:
    reads = []
    barrier = threading.Barrier(8)

    def read() -> bytes:
        reads.append(1)
        time.sleep(0.05)
        return WASM

    cache = ModuleCache(process_engine(), 3)
    found = []

    def ask() -> None:
        barrier.wait()
        found.append(cache.get("a", read)[0])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1
    assert len(found) == 8
    assert all(each is found[0] for each in found)


def test_a_failed_compile_is_not_kept() -> None:
    cache = ModuleCache(process_engine(), 3)
    for _ in range(2):
        with pytest.raises(InvalidModuleError):
            cache.get("a", lambda: b"\0asm junk")
    assert cache.get("a", lambda: WASM)[1] is False
    assert cache.get("a", lambda: WASM)[1] is True
    assert cache.statistics.misses == 3


def test_clear_forgets_one_or_all() -> None:
    cache = ModuleCache(process_engine(), 3)
    for key in "ab":
        cache.get(key, lambda: WASM)
    cache.clear("a")
    assert [cache.get(key, lambda: WASM)[1] for key in "ab"] == [False, True]
    cache.clear()
    assert cache.statistics.modules == 0
