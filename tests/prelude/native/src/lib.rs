//! Native tests of the guest prelude: what does not need WebAssembly to be tried.

#[path = "../../../../rust_templates/prelude/mod.rs"]
pub mod prelude;

#[cfg(test)]
mod image_tests;
#[cfg(test)]
mod number_tests;
#[cfg(test)]
mod quick_tests;
#[cfg(test)]
mod real_tests;
