"""The WebAssembly proposals that modules may not use: one list for what is stored and for what is executed."""

from __future__ import annotations

PROPOSALS_OFF = (
    "wasm_threads",
    "shared_memory",
    "wasm_memory64",
    "wasm_multi_memory",
    "wasm_tail_call",
    "wasm_gc",
    "gc_support",
    "wasm_exceptions",
    "wasm_function_references",
    "wasm_wide_arithmetic",
    "wasm_stack_switching",
    "wasm_custom_page_sizes",
    "wasm_relaxed_simd",
)
"""As wasmtime's configuration names them. No module of ours needs one, each is attack surface, and waits on a shared
memory outlast a deadline."""
