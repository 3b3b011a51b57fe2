//! The guest prelude: everything an author's file has in scope.
//!
//! `image`, `map`, `rows` and `sample` work on RGBA pictures, `color` and `noise` on single colours and coordinates with
//! the elementary functions of `quick`, `stats` on slices of numbers, `text` on strings, `real` and `lanes` let one
//! numeric function run on `f64` and on SIMD lanes. Plain Rust, no crates, no `unsafe` for authors.

// A guest uses a few of these items; the rest is dropped by the compiler, so "never used" says nothing here.
#![allow(dead_code, unused_imports)]

mod angles;
mod blur;
mod color;
mod elementary;
mod image;
mod lanes;
mod map;
mod noise;
mod normal;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[path = "pair_arrays.rs"]
mod pair;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[path = "pair_simd.rs"]
mod pair;
mod quick;
mod real;
mod rows;
mod sample;
mod stats;
mod text;

pub use color::*;
pub use image::{Image, MAX_PIXELS, check_size};
pub use lanes::{LANES, LaneMask, Lanes};
pub use map::table_of;
pub use noise::*;
pub use quick::*;
pub use real::Real;
pub use stats::*;
pub use text::*;
