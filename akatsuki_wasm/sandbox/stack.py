"""Compiles, and calls guests directly, only where the native stack is large enough for it.

Guests run on stacks of their own, so for them the caller's does not count. It does in two places: the compiler
recurses, and on a thread of 32 KiB crashes the process; and a session calls its guest directly on the caller's stack,
of which wasmtime counts `engine.MAX_WASM_STACK` bytes from where the call happens without knowing where the stack ends.
So a thread with a small stack (``threading.stack_size``, or a platform's default) is found out once.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SAFE_STACK = 4 * 1024 * 1024
"""Threads with this much do both themselves: 1 MiB for the guest, host functions on top of it, and Python's own
recursion below, whose limit of 1,000 frames takes under 1 MiB."""
_state = threading.local()
_start_lock = threading.Lock()


def large_here() -> bool:
    """Whether this thread's stack is large enough; decided once for each thread."""
    try:
        large: bool = _state.large
    except AttributeError:
        large = _state.large = own_stack_bytes() >= SAFE_STACK
    return large


def own_stack_bytes() -> int:
    """Size of the calling thread's native stack in bytes, or 0 where it cannot be known."""
    libc = ctypes.CDLL(None)
    if sys.platform == "linux":
        attributes = (ctypes.c_uint64 * 16)()  # pthread_attr_t has 56 bytes on x86-64, 64 on aarch64
        libc.pthread_self.restype = ctypes.c_void_p
        lowest, size = ctypes.c_void_p(), ctypes.c_size_t()
        if libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes):
            return 0
        try:
            if libc.pthread_attr_getstack(attributes, ctypes.byref(lowest), ctypes.byref(size)):
                return 0
            return size.value
        finally:
            libc.pthread_attr_destroy(attributes)
    if sys.platform == "darwin":
        libc.pthread_self.restype = ctypes.c_void_p
        libc.pthread_get_stacksize_np.restype = ctypes.c_size_t
        return int(libc.pthread_get_stacksize_np(ctypes.c_void_p(libc.pthread_self())))
    return 0


def _after_fork_in_child() -> None:
    """Another thread of the parent may have held the lock, and is not here to give it back."""
    global _start_lock  # noqa: PLW0603 - it guards a setting of the process
    _start_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def start_large(work: Callable[[], None], name: str) -> threading.Thread:
    """Starts a thread that may run guests, whatever stack size new threads have in this process."""

    def run() -> None:
        _state.large = True
        work()

    with _start_lock:
        before = threading.stack_size(2 * SAFE_STACK)
        try:
            thread = threading.Thread(target=run, name=name, daemon=True)
            thread.start()
        finally:
            threading.stack_size(before)
    return thread


def with_large_stack(work: Callable[[], T]) -> T:
    """Calls `work` where the stack is large: on this thread, or on a helper thread that is waited for.

    A new thread for each: rare enough that a pool, with its life time, is not worth having.
    """
    if large_here():
        return work()
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as exc:  # noqa: BLE001 - handed to the caller, which raises it
            done.set_exception(exc)

    start_large(run, "akatsuki-guest")
    return done.result()
