//! `Lanes`: several `f64` at once, for the batch loop of the glue.

// A SIMD intrinsic needs a closure around it: it is no `Fn` outside functions that enable its target feature.
#![allow(clippy::redundant_closure)]

use super::real::Bits;
use std::ops::{Add, AddAssign, BitAnd, BitOr, Div, DivAssign, Mul, MulAssign, Neg, Not, Sub, SubAssign};

/// How many `f64` a `Lanes` holds.
pub const LANES: usize = 2 * PAIRS;

/// SIMD registers per `Lanes`.
const PAIRS: usize = 2;

/// One SIMD register of two `f64`, with the operations that `Lanes` needs.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod pair {
    use core::arch::wasm32::*;

    pub type Pair = v128;

    #[inline(always)]
    pub fn splat(v: f64) -> Pair {
        f64x2_splat(v)
    }
    #[inline(always)]
    pub fn make(a: f64, b: f64) -> Pair {
        f64x2(a, b)
    }
    #[inline(always)]
    pub fn parts(p: Pair) -> [f64; 2] {
        [f64x2_extract_lane::<0>(p), f64x2_extract_lane::<1>(p)]
    }
    #[inline(always)]
    pub fn bits(v: u64) -> Pair {
        u64x2_splat(v)
    }
    #[inline(always)]
    pub fn pick(m: Pair, a: Pair, b: Pair) -> Pair {
        v128_bitselect(a, b, m)
    }
    #[inline(always)]
    pub fn any(m: Pair) -> bool {
        v128_any_true(m)
    }
    #[inline(always)]
    pub fn min_or_first(a: Pair, b: Pair) -> Pair {
        f64x2_pmin(a, b)
    }
    #[inline(always)]
    pub fn max_or_first(a: Pair, b: Pair) -> Pair {
        f64x2_pmax(a, b)
    }
    #[inline(always)]
    pub fn shl(a: Pair, n: u32) -> Pair {
        u64x2_shl(a, n)
    }
    #[inline(always)]
    pub fn shr(a: Pair, n: u32) -> Pair {
        u64x2_shr(a, n)
    }
    pub use core::arch::wasm32::{
        f64x2_add as add, f64x2_div as div, f64x2_eq as equal, f64x2_floor as floor, f64x2_le as less_equal,
        f64x2_lt as less, f64x2_mul as mul, f64x2_neg as neg, f64x2_sqrt as sqrt, f64x2_sub as sub,
        i64x2_add as int_add, v128_and as and, v128_not as not, v128_or as or, v128_xor as xor,
    };
}

/// The same on any other target, so that the prelude's tests run natively.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod pair {
    pub type Pair = [f64; 2];

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
    pub fn splat(v: f64) -> Pair {
        [v; 2]
    }
    #[inline(always)]
    pub fn make(a: f64, b: f64) -> Pair {
        [a, b]
    }
    #[inline(always)]
    pub fn parts(p: Pair) -> [f64; 2] {
        p
    }
    #[inline(always)]
    pub fn bits(v: u64) -> Pair {
        [f64::from_bits(v); 2]
    }
    #[inline(always)]
    pub fn pick(m: Pair, a: Pair, b: Pair) -> Pair {
        or(and(a, m), and(b, not(m)))
    }
    #[inline(always)]
    pub fn any(m: Pair) -> bool {
        m[0].to_bits() | m[1].to_bits() != 0
    }
    #[inline(always)]
    pub fn min_or_first(a: Pair, b: Pair) -> Pair {
        both(a, b, |x, y| if y < x { y } else { x })
    }
    #[inline(always)]
    pub fn max_or_first(a: Pair, b: Pair) -> Pair {
        both(a, b, |x, y| if x < y { y } else { x })
    }
    #[inline(always)]
    pub fn shl(a: Pair, n: u32) -> Pair {
        ints(a, a, |x, _| x << n)
    }
    #[inline(always)]
    pub fn shr(a: Pair, n: u32) -> Pair {
        ints(a, a, |x, _| x >> n)
    }
    #[inline(always)]
    pub fn add(a: Pair, b: Pair) -> Pair {
        both(a, b, |x, y| x + y)
    }
    #[inline(always)]
    pub fn sub(a: Pair, b: Pair) -> Pair {
        both(a, b, |x, y| x - y)
    }
    #[inline(always)]
    pub fn mul(a: Pair, b: Pair) -> Pair {
        both(a, b, |x, y| x * y)
    }
    #[inline(always)]
    pub fn div(a: Pair, b: Pair) -> Pair {
        both(a, b, |x, y| x / y)
    }
    #[inline(always)]
    pub fn neg(a: Pair) -> Pair {
        a.map(|x| -x)
    }
    #[inline(always)]
    pub fn sqrt(a: Pair) -> Pair {
        a.map(f64::sqrt)
    }
    #[inline(always)]
    pub fn floor(a: Pair) -> Pair {
        a.map(f64::floor)
    }
    #[inline(always)]
    pub fn equal(a: Pair, b: Pair) -> Pair {
        test(a, b, |x, y| x == y)
    }
    #[inline(always)]
    pub fn less(a: Pair, b: Pair) -> Pair {
        test(a, b, |x, y| x < y)
    }
    #[inline(always)]
    pub fn less_equal(a: Pair, b: Pair) -> Pair {
        test(a, b, |x, y| x <= y)
    }
    #[inline(always)]
    pub fn and(a: Pair, b: Pair) -> Pair {
        ints(a, b, |x, y| x & y)
    }
    #[inline(always)]
    pub fn or(a: Pair, b: Pair) -> Pair {
        ints(a, b, |x, y| x | y)
    }
    #[inline(always)]
    pub fn xor(a: Pair, b: Pair) -> Pair {
        ints(a, b, |x, y| x ^ y)
    }
    #[inline(always)]
    pub fn not(a: Pair) -> Pair {
        ints(a, a, |x, _| !x)
    }
    #[inline(always)]
    pub fn int_add(a: Pair, b: Pair) -> Pair {
        ints(a, b, u64::wrapping_add)
    }
}

use pair::Pair;

/// `LANES` numbers at once; implements `Real`.
#[derive(Clone, Copy)]
pub struct Lanes([Pair; PAIRS]);

/// One yes or no per lane: the answer of a comparison of `Lanes`.
#[derive(Clone, Copy)]
pub struct LaneMask([Pair; PAIRS]);

#[inline(always)]
fn map1(a: [Pair; PAIRS], f: impl Fn(Pair) -> Pair) -> [Pair; PAIRS] {
    let mut out = a;
    for (slot, x) in out.iter_mut().zip(a) {
        *slot = f(x);
    }
    out
}

#[inline(always)]
fn map2(a: [Pair; PAIRS], b: [Pair; PAIRS], f: impl Fn(Pair, Pair) -> Pair) -> [Pair; PAIRS] {
    let mut out = a;
    for i in 0..PAIRS {
        out[i] = f(a[i], b[i]);
    }
    out
}

impl Lanes {
    /// The same number in every lane.
    #[inline(always)]
    pub fn splat(v: f64) -> Lanes {
        Lanes([pair::splat(v); PAIRS])
    }

    /// The first `LANES` numbers of `values`. Panics if there are fewer.
    #[inline(always)]
    pub fn load(values: &[f64]) -> Lanes {
        let values = &values[..LANES];
        let mut out = [pair::splat(0.0); PAIRS];
        for (i, slot) in out.iter_mut().enumerate() {
            *slot = pair::make(values[2 * i], values[2 * i + 1]);
        }
        Lanes(out)
    }

    /// Writes the lanes to the first `LANES` places of `out`. Panics if there are fewer.
    #[inline(always)]
    pub fn store(self, out: &mut [f64]) {
        out[..LANES].copy_from_slice(&self.to_array());
    }

    /// The lanes as an array.
    #[inline(always)]
    pub fn to_array(self) -> [f64; LANES] {
        let mut out = [0.0; LANES];
        for i in 0..PAIRS {
            [out[2 * i], out[2 * i + 1]] = pair::parts(self.0[i]);
        }
        out
    }
}

impl From<f64> for Lanes {
    #[inline(always)]
    fn from(v: f64) -> Lanes {
        Lanes::splat(v)
    }
}

/// `+ - * /` between lanes, and between lanes and an `f64` on either side.
macro_rules! arithmetic {
    ($Op:ident $op:ident, $Assign:ident $assign:ident, $pair:path) => {
        impl $Op for Lanes {
            type Output = Lanes;
            #[inline(always)]
            fn $op(self, other: Lanes) -> Lanes {
                Lanes(map2(self.0, other.0, |a, b| $pair(a, b)))
            }
        }
        impl $Op<f64> for Lanes {
            type Output = Lanes;
            #[inline(always)]
            fn $op(self, other: f64) -> Lanes {
                $Op::$op(self, Lanes::splat(other))
            }
        }
        impl $Op<Lanes> for f64 {
            type Output = Lanes;
            #[inline(always)]
            fn $op(self, other: Lanes) -> Lanes {
                $Op::$op(Lanes::splat(self), other)
            }
        }
        impl $Assign for Lanes {
            #[inline(always)]
            fn $assign(&mut self, other: Lanes) {
                *self = $Op::$op(*self, other);
            }
        }
        impl $Assign<f64> for Lanes {
            #[inline(always)]
            fn $assign(&mut self, other: f64) {
                *self = $Op::$op(*self, other);
            }
        }
    };
}
arithmetic!(Add add, AddAssign add_assign, pair::add);
arithmetic!(Sub sub, SubAssign sub_assign, pair::sub);
arithmetic!(Mul mul, MulAssign mul_assign, pair::mul);
arithmetic!(Div div, DivAssign div_assign, pair::div);

impl Neg for Lanes {
    type Output = Lanes;
    #[inline(always)]
    fn neg(self) -> Lanes {
        Lanes(map1(self.0, |a| pair::neg(a)))
    }
}

impl BitAnd for LaneMask {
    type Output = LaneMask;
    #[inline(always)]
    fn bitand(self, other: LaneMask) -> LaneMask {
        LaneMask(map2(self.0, other.0, |a, b| pair::and(a, b)))
    }
}

impl BitOr for LaneMask {
    type Output = LaneMask;
    #[inline(always)]
    fn bitor(self, other: LaneMask) -> LaneMask {
        LaneMask(map2(self.0, other.0, |a, b| pair::or(a, b)))
    }
}

impl Not for LaneMask {
    type Output = LaneMask;
    #[inline(always)]
    fn not(self) -> LaneMask {
        LaneMask(map1(self.0, |a| pair::not(a)))
    }
}

impl Bits for Lanes {
    type Mask = LaneMask;

    #[inline(always)]
    fn pick(mask: LaneMask, yes: Lanes, no: Lanes) -> Lanes {
        let mut out = no.0;
        for (i, slot) in out.iter_mut().enumerate() {
            *slot = pair::pick(mask.0[i], yes.0[i], *slot);
        }
        Lanes(out)
    }
    #[inline(always)]
    fn any(mask: LaneMask) -> bool {
        let mut all = mask.0[0];
        for &m in &mask.0[1..] {
            all = pair::or(all, m);
        }
        pair::any(all)
    }
    #[inline(always)]
    fn each(self, f: impl Fn(f64) -> f64) -> Lanes {
        Lanes::load(&self.to_array().map(f))
    }
    #[inline(always)]
    fn less(self, other: Lanes) -> LaneMask {
        LaneMask(map2(self.0, other.0, |a, b| pair::less(a, b)))
    }
    #[inline(always)]
    fn less_equal(self, other: Lanes) -> LaneMask {
        LaneMask(map2(self.0, other.0, |a, b| pair::less_equal(a, b)))
    }
    #[inline(always)]
    fn equal(self, other: Lanes) -> LaneMask {
        LaneMask(map2(self.0, other.0, |a, b| pair::equal(a, b)))
    }
    #[inline(always)]
    fn min_or_self(self, other: Lanes) -> Lanes {
        Lanes(map2(self.0, other.0, pair::min_or_first))
    }
    #[inline(always)]
    fn max_or_self(self, other: Lanes) -> Lanes {
        Lanes(map2(self.0, other.0, pair::max_or_first))
    }
    #[inline(always)]
    fn root(self) -> Lanes {
        Lanes(map1(self.0, |a| pair::sqrt(a)))
    }
    #[inline(always)]
    fn round_down(self) -> Lanes {
        Lanes(map1(self.0, |a| pair::floor(a)))
    }
    #[inline(always)]
    fn bits_and(self, mask: u64) -> Lanes {
        Lanes(map1(self.0, |a| pair::and(a, pair::bits(mask))))
    }
    #[inline(always)]
    fn bits_or(self, other: Lanes) -> Lanes {
        Lanes(map2(self.0, other.0, |a, b| pair::or(a, b)))
    }
    #[inline(always)]
    fn bits_xor(self, other: Lanes) -> Lanes {
        Lanes(map2(self.0, other.0, |a, b| pair::xor(a, b)))
    }
    #[inline(always)]
    fn bits_add(self, n: u64) -> Lanes {
        Lanes(map1(self.0, |a| pair::int_add(a, pair::bits(n))))
    }
    #[inline(always)]
    fn bits_shl(self, n: u32) -> Lanes {
        Lanes(map1(self.0, |a| pair::shl(a, n)))
    }
    #[inline(always)]
    fn bits_shr(self, n: u32) -> Lanes {
        Lanes(map1(self.0, |a| pair::shr(a, n)))
    }
    #[inline(always)]
    fn bits_sum(self, other: Lanes) -> Lanes {
        Lanes(map2(self.0, other.0, |a, b| pair::int_add(a, b)))
    }
}
