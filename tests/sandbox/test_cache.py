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
from akatsuki_wasm.sandbox.cache import Cache
from akatsuki_wasm.sandbox.compiled import CompiledModule
from akatsuki_wasm.sandbox.engine import process_engine
from akatsuki_wasm.sandbox.loading import compile_bytes

WASM = compiled('(func (export "f"))')
ENGINE = process_engine()
READY = compile_bytes(ENGINE.engine, WASM)
KEPT = CompiledModule(ENGINE, READY)


def compile_it() -> CompiledModule:
    return CompiledModule(ENGINE, compile_bytes(ENGINE.engine, WASM))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 7), max_size=60))
def test_it_is_an_lru(keys: list[int]) -> None:
    cache = Cache[CompiledModule](3)
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
        assert cache.get(key, ENGINE, lambda: KEPT)[1] is expected
    found = cache.statistics
    assert (found.hits, found.misses, found.evictions) == (hits, len(keys) - hits, evictions)
    assert (found.modules, found.capacity) == (len(model), 3)
    assert found.bytes == len(model) * KEPT.size


def test_one_compile_however_many_ask() -> None:
    reads = []
    barrier = threading.Barrier(8)

    def load() -> CompiledModule:
        reads.append(1)
        time.sleep(0.05)
        return compile_it()

    cache = Cache[CompiledModule](3)
    found = []

    def ask() -> None:
        barrier.wait()
        found.append(cache.get("a", ENGINE, load)[0])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1
    assert len(found) == 8
    assert all(each is found[0] for each in found)


def test_a_failed_compile_is_not_kept() -> None:
    cache = Cache[CompiledModule](3)
    for _ in range(2):
        with pytest.raises(InvalidModuleError):
            cache.get("a", ENGINE, lambda: CompiledModule(ENGINE, compile_bytes(ENGINE.engine, b"\0asm junk")))
    assert cache.get("a", ENGINE, compile_it)[1] is False
    assert cache.get("a", ENGINE, compile_it)[1] is True
    assert cache.statistics.misses == 3


def test_an_interrupted_load_is_done_by_another_that_waits() -> None:
    """Ctrl-C in one thread is that thread's own: who waits for the same module must neither fail nor wait for ever."""
    cache = Cache[CompiledModule](3)
    begun, found = threading.Event(), []

    def interrupted() -> CompiledModule:
        begun.set()
        time.sleep(0.1)
        raise KeyboardInterrupt

    def wait() -> None:
        begun.wait()
        found.append(cache.get("a", ENGINE, compile_it)[0])

    thread = threading.Thread(target=wait)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        cache.get("a", ENGINE, interrupted)
    thread.join()
    assert cache.get("a", ENGINE, compile_it) == (found[0], True)


def test_clear_forgets_one_or_all() -> None:
    cache = Cache[CompiledModule](3)
    for key in "ab":
        cache.get(key, ENGINE, compile_it)
    cache.clear("a")
    assert [cache.get(key, ENGINE, compile_it)[1] for key in "ab"] == [False, True]
    cache.clear()
    assert cache.statistics.modules == 0
