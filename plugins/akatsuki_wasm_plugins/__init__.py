"""The built-in plugins: one stage each, thin over the libraries of akatsuki_wasm."""
