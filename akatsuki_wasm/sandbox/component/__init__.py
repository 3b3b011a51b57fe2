"""WebAssembly components: `sandbox` executes their functions."""
