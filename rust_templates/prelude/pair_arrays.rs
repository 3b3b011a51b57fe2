//! `pair_simd` for targets without SIMD of WebAssembly, so that the prelude's tests run natively.

pub(super) type Pair = [f64; 2];

#[inline(always)]
fn both(a: Pair, b: Pair, f: impl Fn(f64, f64) -> f64) -> Pair {
    [f(a[0], b[0]), f(a[1], b[1])]
}
#[inline(always)]
fn ints(a: Pair, b: Pair, f: impl Fn(u64, u64) -> u64) -> Pair {
    both(a, b, |x, y| f64::from_bits(f(x.to_bits(), y.to_bits())))
}
#[inline(always)]
fn test(a: Pair, b: Pair, f: impl Fn(f64, f64) -> bool) -> Pair {
    both(a, b, |x, y| f64::from_bits(if f(x, y) { u64::MAX } else { 0 }))
}
#[inline(always)]
pub(super) fn splat(v: f64) -> Pair {
    [v; 2]
}
#[inline(always)]
pub(super) fn make(a: f64, b: f64) -> Pair {
    [a, b]
}
#[inline(always)]
pub(super) fn parts(p: Pair) -> [f64; 2] {
    p
}
#[inline(always)]
pub(super) fn bits(v: u64) -> Pair {
    [f64::from_bits(v); 2]
}
#[inline(always)]
pub(super) fn pick(m: Pair, a: Pair, b: Pair) -> Pair {
    or(and(a, m), and(b, not(m)))
}
#[inline(always)]
pub(super) fn any(m: Pair) -> bool {
    m[0].to_bits() | m[1].to_bits() != 0
}
#[inline(always)]
pub(super) fn min_or_first(a: Pair, b: Pair) -> Pair {
    both(a, b, |x, y| if y < x { y } else { x })
}
#[inline(always)]
pub(super) fn max_or_first(a: Pair, b: Pair) -> Pair {
    both(a, b, |x, y| if x < y { y } else { x })
}
#[inline(always)]
pub(super) fn shl(a: Pair, n: u32) -> Pair {
    ints(a, a, |x, _| x << n)
}
#[inline(always)]
pub(super) fn shr(a: Pair, n: u32) -> Pair {
    ints(a, a, |x, _| x >> n)
}
#[inline(always)]
pub(super) fn add(a: Pair, b: Pair) -> Pair {
    both(a, b, |x, y| x + y)
}
#[inline(always)]
pub(super) fn sub(a: Pair, b: Pair) -> Pair {
    both(a, b, |x, y| x - y)
}
#[inline(always)]
pub(super) fn mul(a: Pair, b: Pair) -> Pair {
    both(a, b, |x, y| x * y)
}
#[inline(always)]
pub(super) fn div(a: Pair, b: Pair) -> Pair {
    both(a, b, |x, y| x / y)
}
#[inline(always)]
pub(super) fn neg(a: Pair) -> Pair {
    a.map(|x| -x)
}
#[inline(always)]
pub(super) fn sqrt(a: Pair) -> Pair {
    a.map(f64::sqrt)
}
#[inline(always)]
pub(super) fn floor(a: Pair) -> Pair {
    a.map(f64::floor)
}
#[inline(always)]
pub(super) fn equal(a: Pair, b: Pair) -> Pair {
    test(a, b, |x, y| x == y)
}
#[inline(always)]
pub(super) fn less(a: Pair, b: Pair) -> Pair {
    test(a, b, |x, y| x < y)
}
#[inline(always)]
pub(super) fn less_equal(a: Pair, b: Pair) -> Pair {
    test(a, b, |x, y| x <= y)
}
#[inline(always)]
pub(super) fn and(a: Pair, b: Pair) -> Pair {
    ints(a, b, |x, y| x & y)
}
#[inline(always)]
pub(super) fn or(a: Pair, b: Pair) -> Pair {
    ints(a, b, |x, y| x | y)
}
#[inline(always)]
pub(super) fn xor(a: Pair, b: Pair) -> Pair {
    ints(a, b, |x, y| x ^ y)
}
#[inline(always)]
pub(super) fn not(a: Pair) -> Pair {
    ints(a, a, |x, _| !x)
}
#[inline(always)]
pub(super) fn int_add(a: Pair, b: Pair) -> Pair {
    ints(a, b, u64::wrapping_add)
}
