"""The Rust side of the host: toolchain, signatures, lint, glue and the build of a guest crate."""
