//! Exponentials, logarithms, powers and hyperbolic functions of `Real`, and what `angles` and `normal` share with them:
//! one algorithm each, for `f64` and `Lanes` alike.
//!
//! Polynomials and the rational function of the normal distribution were fitted for these files (interpolation at
//! Chebyshev nodes in 60-digit arithmetic, rounded to f64); their own error is below 2e-16. Measured errors of the
//! functions stand in docs/reference/prelude.md and are held by tests/prelude.

use super::real::{Kernel, Real};
use std::f64::consts::{LOG2_E, LOG10_E};

/// 1.5 * 2^52: added to a small number, the sum's low bits are the nearest whole number, in two's complement.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// ln 2 in two parts; the first has 33 bits, so that its product with an exponent is exact.
const LN2_HIGH: f64 = 0.693_147_180_485_539_1;
const LN2_LOW: f64 = 7.440_617_110_012_397e-11;

/// What the nearest f64 to log10(e) and log2(e) leave out.
const LOG10_E_LOW: f64 = 1.098_319_650_216_765e-17;
const LOG2_E_LOW: f64 = 2.035_527_374_093_103_3e-17;

/// `exp` of more is infinite.
const EXP_MAX: f64 = 709.782_712_893_384;
/// `exp` of less rounds to 0.
const EXP_MIN: f64 = -745.133_219_101_941_2;
/// `exp` of sizes up to here is a normal number.
pub(super) const EXP_NORMAL: f64 = 708.0;

/// Logarithms of these and all between take no care.
const LN_PLAIN: [f64; 2] = [1.0e-300, 1.0e300];

/// (exp(r) - 1 - r) / r^2 on -ln(2)/2..=ln(2)/2.
const EXP: [f64; 10] = [
    0.500_000_000_000_000_1,
    0.166_666_666_666_666_69,
    0.041_666_666_666_624_13,
    0.008_333_333_333_330_062,
    0.001_388_888_891_721_371_7,
    0.000_198_412_698_630_536_18,
    2.480_152_129_595_437_6e-5,
    2.755_726_845_999_706_4e-6,
    2.762_008_844_540_974_6e-7,
    2.510_038_549_551_032e-8,
];

/// (2 atanh(s) - 2s) / s^3 in z = s^2, for |s| <= 0.1716.
const LN: [f64; 7] = [
    0.666_666_666_666_667,
    0.399_999_999_998_993_8,
    0.285_714_286_260_310_65,
    0.222_222_111_257_228_1,
    0.181_828_897_861_910_42,
    0.153_316_996_335_438_58,
    0.146_167_211_798_618_16,
];

/// c[0] + c[1] x + c[2] x^2 + …, by halves (Estrin 1960), so that the steps that wait for each other are few.
#[inline(always)]
pub(super) fn poly<R: Real, const N: usize>(x: R, c: &[f64; N]) -> R {
    let mut terms = [R::c(0.0); N];
    let mut count = N.div_ceil(2);
    for i in 0..count {
        terms[i] = if 2 * i + 1 < N { x * c[2 * i + 1] + c[2 * i] } else { R::c(c[2 * i]) };
    }
    let mut power = x * x;
    while count > 1 {
        let rest = count;
        count = count.div_ceil(2);
        for i in 0..count {
            terms[i] = if 2 * i + 1 < rest { terms[2 * i] + terms[2 * i + 1] * power } else { terms[2 * i] };
        }
        power = power * power;
    }
    terms[0]
}

/// The whole number nearest to `x`, and the sum with ROUNDER that holds it in its low bits.
#[inline(always)]
pub(super) fn nearest<R: Real>(x: R) -> (R, R) {
    let held = x + ROUNDER;
    (held - ROUNDER, held)
}

/// 2^n, where `held` has n + (a multiple of 2^12) in its low bits and n is in -1022..=1023.
#[inline(always)]
fn power_of_two<R: Real>(held: R) -> R {
    held.bits_add(1023).bits_shl(52)
}

/// `x - n ln 2` for the nearest whole n; n as a number and held.
#[inline(always)]
fn reduce_by_ln2<R: Real>(x: R) -> (R, R, R) {
    let (n, held) = nearest(x * LOG2_E);
    (x - n * LN2_HIGH - n * LN2_LOW, n, held)
}

/// e^r and n, held, with 2^n e^r = exp(x + tail), for a tail far below 1.
#[inline(always)]
fn exp_parts<R: Real>(x: R, tail: Option<R>) -> (R, R) {
    let (r, _, held) = reduce_by_ln2(x);
    let r = match tail {
        Some(tail) => r + tail,
        None => r,
    };
    (1.0 + (r + r * r * poly(r, &EXP)), held)
}

/// exp(x + tail) for a tail far below 1 and |x| up to EXP_NORMAL.
#[inline(always)]
pub(super) fn exp_normal<R: Real>(x: R, tail: Option<R>) -> R {
    let (p, held) = exp_parts(x, tail);
    // Adding to the exponent field replaces a multiplication.
    p.bits_sum(held.bits_shl(52))
}

/// exp(x + tail) for a tail far below 1 and any `x`.
#[inline(always)]
pub(super) fn exp_any<R: Real>(x: R, tail: Option<R>) -> R {
    const LIFT: u64 = 970;
    const TINY: f64 = f64::MIN_POSITIVE * 4_503_599_627_370_496.0;
    let low = x.less(R::c(-EXP_NORMAL));
    let (p, held) = exp_parts(x.max_or_self(R::c(EXP_MIN)).min_or_self(R::c(EXP_MAX)), tail);
    // Near the smallest normal number 2^n is taken in two steps, so that only the last one rounds.
    let held = R::pick(low, held.bits_add(LIFT), held);
    // Where the result is 0, so is the factor: a product that underflows takes the processor long.
    let factor = R::pick(x.less(R::c(EXP_MIN)), R::c(0.0), R::pick(low, R::c(TINY), R::c(1.0)));
    let y = p.bits_sum(held.bits_shl(52)) * factor;
    // `x + inf` is infinite above the limit and keeps a NaN.
    R::pick(x.less_equal(R::c(EXP_MAX)), y, x + f64::INFINITY)
}

struct Exp;
impl Kernel<1> for Exp {
    #[inline(always)]
    fn plain<R: Real>([x]: [R; 1]) -> Option<R::Mask> {
        Some(Real::abs(x).less_equal(R::c(EXP_NORMAL)))
    }
    #[inline(always)]
    fn run<R: Real>([x]: [R; 1]) -> [R; 1] {
        [exp_normal(x, None)]
    }
    #[inline(always)]
    fn full<R: Real>([x]: [R; 1]) -> [R; 1] {
        [exp_any(x, None)]
    }
}

#[inline(always)]
pub(super) fn exp<R: Real>(x: R) -> R {
    let [y] = R::through::<Exp, 1>([x]);
    y
}

struct ExpM1;
impl Kernel<1> for ExpM1 {
    #[inline(always)]
    fn run<R: Real>([x]: [R; 1]) -> [R; 1] {
        // Below -50 the result is -1; above 710 it is infinite, through 2^1024 in two steps.
        let limited = x.min_or_self(R::c(710.0)).max_or_self(R::c(-50.0));
        let (r, _, held) = reduce_by_ln2(limited);
        let q = r + r * r * poly(r, &EXP);
        let half = held.bits_add(1022).bits_shl(52);
        // A zero keeps its sign.
        [R::pick(x.equal(R::c(0.0)), x, 2.0 * (half * q + (half - 0.5)))]
    }
}

#[inline(always)]
pub(super) fn exp_m1<R: Real>(x: R) -> R {
    let [y] = R::through::<ExpM1, 1>([x]);
    y
}

/// Exponent and `f` with `x = 2^exponent (1 + f)` and 1 + f in sqrt(1/2)..sqrt(2), for positive normal `x`.
#[inline(always)]
fn split_normal<R: Real>(x: R) -> (R, R) {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    const TWO_52: f64 = 4_503_599_627_370_496.0;
    let shifted = x.bits_add(ONE - SQRT_HALF);
    let exponent = shifted.bits_shr(52).bits_or(R::c(TWO_52)) - (TWO_52 + 1023.0);
    (exponent, shifted.bits_and((1 << 52) - 1).bits_add(SQRT_HALF) - 1.0)
}

/// The same for any positive finite `x`.
#[inline(always)]
fn split_any<R: Real>(x: R) -> (R, R) {
    let subnormal = x.less(R::c(f64::MIN_POSITIVE));
    let (exponent, f) = split_normal(R::pick(subnormal, x * 18_014_398_509_481_984.0, x));
    (exponent - R::pick(subnormal, R::c(54.0), R::c(0.0)), f)
}

/// Whether a logarithm of `x` takes no care.
#[inline(always)]
fn ln_is_plain<R: Real>(x: R) -> R::Mask {
    R::c(LN_PLAIN[0]).less_equal(x) & x.less_equal(R::c(LN_PLAIN[1]))
}

/// Puts the special cases of a logarithm into `y`: -inf at 0, NaN below, +inf and NaN themselves.
#[inline(always)]
fn logarithm_cases<R: Real>(x: R, y: R) -> R {
    let y = R::pick(x.less(R::c(f64::INFINITY)), y, x);
    let edge = R::pick(x.equal(R::c(0.0)), R::c(f64::NEG_INFINITY), R::c(f64::NAN));
    R::pick(R::c(0.0).less(x), y, edge)
}

/// ln(2^k (1 + f)).
#[inline(always)]
fn ln_of_parts<R: Real>((k, f): (R, R)) -> R {
    let s = f / (f + 2.0);
    let z = s * s;
    k * LN2_HIGH + (f - (s * (f - z * poly(z, &LN)) - k * LN2_LOW))
}

struct Ln;
impl Kernel<1> for Ln {
    #[inline(always)]
    fn plain<R: Real>([x]: [R; 1]) -> Option<R::Mask> {
        Some(ln_is_plain(x))
    }
    #[inline(always)]
    fn run<R: Real>([x]: [R; 1]) -> [R; 1] {
        [ln_of_parts(split_normal(x))]
    }
    #[inline(always)]
    fn full<R: Real>([x]: [R; 1]) -> [R; 1] {
        [logarithm_cases(x, ln_of_parts(split_any(x)))]
    }
}

#[inline(always)]
pub(super) fn ln<R: Real>(x: R) -> R {
    let [y] = R::through::<Ln, 1>([x]);
    y
}

/// The product and its rounding error, which add up to `a * b` exactly (Dekker 1971).
#[inline(always)]
pub(super) fn exact_product<R: Real>(a: R, b: R) -> (R, R) {
    let (a1, b1) = (a.bits_and(!0x7ff_ffff), b.bits_and(!0x7ff_ffff));
    let (a2, b2) = (a - a1, b - b1);
    let p = a * b;
    (p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2)
}

/// ln(2^k (1 + f)) as a sum of two numbers with about 64 correct bits.
#[inline(always)]
fn long_ln<R: Real>((k, f): (R, R)) -> [R; 2] {
    let d = f + 2.0;
    let d_low = f - (d - 2.0);
    let s = f / d;
    let (p, p_low) = exact_product(s, d);
    let s_low = (((f - p) - p_low) - s * d_low) / d;
    let z = s * s;
    let series = s * (z * poly(z, &LN)) + 2.0 * (s_low * (1.0 + z));
    let (a, b) = (k * LN2_HIGH, 2.0 * s);
    let high = a + b;
    let part = high - a;
    let low = ((a - (high - part)) + (b - part)) + (series + k * LN2_LOW);
    let sum = high + low;
    [sum, low - (sum - high)]
}

/// The logarithm to base 10 (or 2).
struct Logarithm<const BASE: u32>;
impl<const BASE: u32> Logarithm<BASE> {
    #[inline(always)]
    fn scaled<R: Real>([high, low]: [R; 2]) -> R {
        let (scale, scale_low) = if BASE == 10 { (LOG10_E, LOG10_E_LOW) } else { (LOG2_E, LOG2_E_LOW) };
        let (p, p_low) = exact_product(high, R::c(scale));
        p + (p_low + (low * scale + high * scale_low))
    }
}
impl<const BASE: u32> Kernel<1> for Logarithm<BASE> {
    #[inline(always)]
    fn plain<R: Real>([x]: [R; 1]) -> Option<R::Mask> {
        Some(ln_is_plain(x))
    }
    #[inline(always)]
    fn run<R: Real>([x]: [R; 1]) -> [R; 1] {
        [Self::scaled(long_ln(split_normal(x)))]
    }
    #[inline(always)]
    fn full<R: Real>([x]: [R; 1]) -> [R; 1] {
        [logarithm_cases(x, Self::scaled(long_ln(split_any(x))))]
    }
}

#[inline(always)]
pub(super) fn log10<R: Real>(x: R) -> R {
    let [y] = R::through::<Logarithm<10>, 1>([x]);
    y
}

#[inline(always)]
pub(super) fn log2<R: Real>(x: R) -> R {
    let [y] = R::through::<Logarithm<2>, 1>([x]);
    y
}

#[inline(always)]
pub(super) fn ln_1p<R: Real>(x: R) -> R {
    let u = x + 1.0;
    let lost = x - (u - 1.0);
    let inside = R::c(0.0).less(u) & u.less(R::c(f64::INFINITY));
    // A zero keeps its sign this way, and a tiny number itself.
    R::pick(u.equal(R::c(1.0)), x, ln(u) + R::pick(inside, lost / u, R::c(0.0)))
}

#[inline(always)]
pub(super) fn powi<R: Real>(x: R, n: i32) -> R {
    let (mut left, mut square, mut y) = (n.unsigned_abs(), x, R::c(1.0));
    while left > 0 {
        if left & 1 == 1 {
            y *= square;
        }
        left >>= 1;
        if left > 0 {
            square *= square;
        }
    }
    if n < 0 { 1.0 / y } else { y }
}

/// From the base's size and anything, the two parts of its logarithm.
struct LongLn;
impl Kernel<2> for LongLn {
    #[inline(always)]
    fn plain<R: Real>([base, _]: [R; 2]) -> Option<R::Mask> {
        Some(ln_is_plain(base))
    }
    #[inline(always)]
    fn run<R: Real>([base, _]: [R; 2]) -> [R; 2] {
        long_ln(split_normal(base))
    }
    #[inline(always)]
    fn full<R: Real>([base, _]: [R; 2]) -> [R; 2] {
        long_ln(split_any(base))
    }
}

/// From base, exponent and the two parts of the logarithm of the base's size, the power.
struct Power;
impl Power {
    /// y ln |x| in two parts.
    #[inline(always)]
    fn scaled<R: Real>(y: R, high: R, low: R) -> (R, Option<R>) {
        let (p, p_low) = exact_product(y, high);
        (p, Some(p_low + y * low))
    }
}
impl Kernel<4> for Power {
    #[inline(always)]
    fn plain<R: Real>([x, y, high, _]: [R; 4]) -> Option<R::Mask> {
        let base = R::c(0.0).less(x) & x.less(R::c(f64::INFINITY));
        Some(base & Real::abs(y).less(R::c(1.0e19)) & Real::abs(y * high).less_equal(R::c(EXP_NORMAL)))
    }
    #[inline(always)]
    fn run<R: Real>([_, y, high, low]: [R; 4]) -> [R; 4] {
        let (p, tail) = Self::scaled(y, high, low);
        [exp_normal(p, tail), y, high, low]
    }
    #[inline(always)]
    fn full<R: Real>([x, y, high, low]: [R; 4]) -> [R; 4] {
        let (zero, one, infinity) = (R::c(0.0), R::c(1.0), R::c(f64::INFINITY));
        let base = Real::abs(x);
        // Larger exponents give the same results (0, 1 or infinity) but would overflow on the way.
        let (p, tail) = Self::scaled(y.min_or_self(R::c(1.0e19)).max_or_self(R::c(-1.0e19)), high, low);
        let size = exp_any(p, tail);
        let upward = zero.less(y);
        let size = R::pick(base.equal(zero), R::pick(upward, zero, infinity), size);
        let size = R::pick(base.equal(infinity), R::pick(upward, infinity, zero), size);
        let whole = y.round_down().equal(y);
        let half = y * 0.5;
        let odd = whole & !half.round_down().equal(half);
        let signed = R::pick(odd, size.copysign(x), size);
        let refused = x.less(zero) & !whole & base.less(infinity);
        let result = R::pick(refused, R::c(f64::NAN), signed);
        let result = R::pick(base.equal(base) & y.equal(y), result, x + y);
        [R::pick(x.equal(one) | y.equal(zero), one, result), y, high, low]
    }
}

#[inline(always)]
pub(super) fn powf<R: Real>(x: R, y: R) -> R {
    let [high, low] = R::through::<LongLn, 2>([Real::abs(x), y]);
    let [power, ..] = R::through::<Power, 4>([x, y, high, low]);
    power
}

#[inline(always)]
pub(super) fn sinh<R: Real>(x: R) -> R {
    let e = exp_m1(Real::abs(x));
    let finite = e.less(R::c(f64::INFINITY));
    R::pick(finite, 0.5 * (e + e / (e + 1.0)), e).copysign(x)
}

#[inline(always)]
pub(super) fn cosh<R: Real>(x: R) -> R {
    let e = exp(Real::abs(x));
    0.5 * e + 0.5 / e
}

#[inline(always)]
pub(super) fn tanh<R: Real>(x: R) -> R {
    // From 22 on the result is 1.
    let e = exp_m1(2.0 * Real::abs(x).min_or_self(R::c(22.0)));
    (e / (e + 2.0)).copysign(x)
}

#[inline(always)]
pub(super) fn sigmoid<R: Real>(x: R) -> R {
    let e = exp(-Real::abs(x));
    R::pick(x.less(R::c(0.0)), e, R::c(1.0)) / (e + 1.0)
}
