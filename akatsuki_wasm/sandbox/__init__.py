"""The sandbox: engine, module cache, Canonical ABI, calls and limits.

Light on purpose: import the parts from their modules (`akatsuki_wasm.sandbox.sandbox` has `Sandbox`), which load
wasmtime and numpy.
"""
