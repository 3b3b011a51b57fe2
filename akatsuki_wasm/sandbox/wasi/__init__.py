"""WASI preview 1 commands: `sandbox` executes them, `host` is what they get."""
