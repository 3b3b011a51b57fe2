//! A guest module: the author's file, the prelude that it has in scope, and the glue between them and the host.

mod abi;
// The glue is inside, so an author need not make a struct public that a signature names.
#[allow(private_interfaces)]
mod author;
mod batch;
mod heap;
mod panics;
mod prelude;
