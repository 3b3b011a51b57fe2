//! One SIMD register of two `f64`, with the operations that `lanes` needs.

use core::arch::wasm32::*;

pub(super) type Pair = v128;

#[inline(always)]
pub(super) fn splat(v: f64) -> Pair {
    f64x2_splat(v)
}
#[inline(always)]
pub(super) fn make(a: f64, b: f64) -> Pair {
    f64x2(a, b)
}
#[inline(always)]
pub(super) fn parts(p: Pair) -> [f64; 2] {
    [f64x2_extract_lane::<0>(p), f64x2_extract_lane::<1>(p)]
}
#[inline(always)]
pub(super) fn bits(v: u64) -> Pair {
    u64x2_splat(v)
}
#[inline(always)]
pub(super) fn pick(m: Pair, a: Pair, b: Pair) -> Pair {
    v128_bitselect(a, b, m)
}
#[inline(always)]
pub(super) fn any(m: Pair) -> bool {
    v128_any_true(m)
}
#[inline(always)]
pub(super) fn min_or_first(a: Pair, b: Pair) -> Pair {
    f64x2_pmin(a, b)
}
#[inline(always)]
pub(super) fn max_or_first(a: Pair, b: Pair) -> Pair {
    f64x2_pmax(a, b)
}
#[inline(always)]
pub(super) fn shl(a: Pair, n: u32) -> Pair {
    u64x2_shl(a, n)
}
#[inline(always)]
pub(super) fn shr(a: Pair, n: u32) -> Pair {
    u64x2_shr(a, n)
}
pub(super) use core::arch::wasm32::{
    f64x2_add as add, f64x2_div as div, f64x2_eq as equal, f64x2_floor as floor, f64x2_le as less_equal,
    f64x2_lt as less, f64x2_mul as mul, f64x2_neg as neg, f64x2_sqrt as sqrt, f64x2_sub as sub, i64x2_add as int_add,
    v128_and as and, v128_not as not, v128_or as or, v128_xor as xor,
};
