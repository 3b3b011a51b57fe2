//! A guest module: the author's file, the prelude that it has in scope, and the glue between them and the host.

mod abi;
mod author;
mod batch;
mod panics;
mod prelude;
