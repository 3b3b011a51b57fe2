//! The functions behind `Real`: one branch-free algorithm each, for `f64` and `Lanes` alike.
//!
//! Polynomials and the rational function of the normal distribution were fitted for this file (interpolation at
//! Chebyshev nodes in 60-digit arithmetic, rounded to f64); their own error is below 2e-16. Measured errors of the
//! functions stand in docs/reference/prelude.md and are held by tests/prelude.

use super::real::Real;
use std::f64::consts::{FRAC_1_PI, FRAC_2_SQRT_PI, FRAC_PI_2, FRAC_PI_4, LOG2_E, LOG10_E, PI, SQRT_2};

/// 1.5 * 2^52: added to a small number, the sum's low bits are the nearest whole number, in two's complement.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// ln 2 in two parts; the first has 33 bits, so that its product with an exponent is exact.
const LN2_HIGH: f64 = 0.693_147_180_485_539_1;
const LN2_LOW: f64 = 7.440_617_110_012_397e-11;

/// pi / 2 in three parts; the first two have 33 bits.
const HALF_PI: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_6e-21];

/// What the nearest f64 to pi, pi / 2 and pi / 4 leave out.
const PI_LOW: f64 = 1.224_646_799_147_353_2e-16;
const HALF_PI_LOW: f64 = 0.5 * PI_LOW;
const QUARTER_PI_LOW: f64 = 0.25 * PI_LOW;

/// What the nearest f64 to log10(e) and log2(e) leave out.
const LOG10_E_LOW: f64 = 1.098_319_650_216_765e-17;
const LOG2_E_LOW: f64 = 2.035_527_374_093_103_3e-17;

/// `sin` and `cos` of larger arguments come from the standard library, which uses as many digits of pi as it takes.
/// Up to here the products with the first two parts of HALF_PI are exact.
const SIN_LIMIT: f64 = 1.0e6;

/// `exp` of more is infinite; `exp` of less is below the smallest normal number and becomes 0.
const EXP_MAX: f64 = 709.782_712_893_384;
const EXP_MIN: f64 = -708.396_418_532_264_1;

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

/// (sin(r) - r) / r^3 in z = r^2, for |r| <= pi / 2.
const SIN: [f64; 9] = [
    -0.166_666_666_666_666_66,
    0.008_333_333_333_333_333,
    -0.000_198_412_698_412_698_06,
    2.755_731_922_397_124_7e-6,
    -2.505_210_838_238_836_8e-8,
    1.605_904_347_913_443_7e-10,
    -7.647_139_107_307_692e-13,
    2.810_468_385_617_107_3e-15,
    -8.006_027_518_524_349e-18,
];

/// (atan(t) - t) / t^3 in z = t^2, for |t| <= tan(pi / 8).
const ATAN: [f64; 11] = [
    -0.333_333_333_333_333_3,
    0.199_999_999_999_955_13,
    -0.142_857_142_846_648_2,
    0.111_111_110_151_176_26,
    -0.090_909_045_724_873_47,
    0.076_921_830_598_941_14,
    -0.066_645_096_032_553_86,
    0.058_581_328_944_279_22,
    -0.050_853_659_223_442_48,
    0.039_229_237_138_359_43,
    -0.019_173_922_285_547_93,
];

/// (asin(s) - s) / s^3 in z = s^2, for |s| <= 1/2.
const ASIN: [f64; 13] = [
    0.166_666_666_666_666_69,
    0.074_999_999_999_984_25,
    0.044_642_857_146_373_38,
    0.030_381_944_137_085_216,
    0.022_372_173_002_005_596,
    0.017_352_391_265_909_227,
    0.013_971_235_301_124_539,
    0.011_478_952_690_257_387,
    0.010_324_318_288_744_113,
    0.005_450_878_187_720_55,
    0.017_419_357_964_884_856,
    -0.014_881_409_392_818_066,
    0.028_778_442_612_593_04,
];

/// erf(x) / x in z = x^2, for |x| <= 1/2.
const ERF: [f64; 9] = [
    FRAC_2_SQRT_PI,
    -0.376_126_389_031_834_7,
    0.112_837_916_709_252_71,
    -0.026_866_170_632_859,
    0.005_223_977_372_525_996_5,
    -0.000_854_829_770_790_689_7,
    0.000_120_533_327_959_668_65,
    -1.484_578_789_042_172_4e-5,
    1.472_521_125_226_673_8e-6,
];

/// exp(a^2 / 2) times the normal tail above a, for a in 0..=40: numerator and denominator. All coefficients are
/// positive, so that nothing cancels.
const TAIL_OVER: [f64; 10] = [
    0.5,
    0.776_564_139_790_781_5,
    0.596_470_819_337_872_7,
    0.291_047_870_381_317_9,
    0.098_461_315_190_838_71,
    0.023_852_521_829_217_956,
    0.004_137_521_148_722_65,
    0.000_497_273_066_083_156_7,
    3.786_351_803_240_895e-5,
    1.412_006_087_028_076e-6,
];
const TAIL_UNDER: [f64; 11] = [
    1.0,
    2.351_012_840_384_421_5,
    2.568_778_486_268_008_5,
    1.722_139_535_150_615_5,
    0.786_880_883_112_307_9,
    0.256_987_314_259_022_5,
    0.061_028_805_982_576_3,
    0.010_466_137_253_814_498,
    0.001_250_018_102_199_354_5,
    9.490_976_487_536_711e-5,
    3.539_374_381_703_445_7e-6,
];

/// c[0] + c[1] x + c[2] x^2 + …, as an even and an odd half whose chains run side by side.
#[inline(always)]
fn poly<R: Real, const N: usize>(x: R, c: &[f64; N]) -> R {
    let square = x * x;
    let (mut top, mut next) = (R::c(c[N - 1]), R::c(c[N - 2]));
    let mut i = N - 2;
    while i >= 2 {
        top = top * square + c[i - 1];
        next = next * square + c[i - 2];
        i -= 2;
    }
    if i == 1 {
        // One coefficient is left: the two halves change places.
        top = top * square + c[0];
        return top + next * x;
    }
    next + top * x
}

/// The whole number nearest to `x`, and the sum with ROUNDER that holds it in its low bits.
#[inline(always)]
fn nearest<R: Real>(x: R) -> (R, R) {
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

/// exp(x + tail) for a tail far below 1.
#[inline(always)]
fn exp_of_sum<R: Real>(x: R, tail: Option<R>) -> R {
    let (r, _, held) = reduce_by_ln2(x);
    let r = match tail {
        Some(tail) => r + tail,
        None => r,
    };
    let p = 1.0 + (r + r * r * poly(r, &EXP));
    // Adding to the exponent field replaces a multiplication; it is right for normal results, the others are picked.
    let y = p.bits_sum(held.bits_shl(52));
    // `x + inf` is infinite above the limit and keeps a NaN.
    let y = R::pick(x.less_equal(R::c(EXP_MAX)), y, x + f64::INFINITY);
    R::pick(x.less(R::c(EXP_MIN)), R::c(0.0), y)
}

#[inline(always)]
pub(super) fn exp<R: Real>(x: R) -> R {
    exp_of_sum(x, None)
}

#[inline(always)]
pub(super) fn exp_m1<R: Real>(x: R) -> R {
    // Below -50 the result is -1; above 710 it is infinite, through 2^1024 in two steps.
    let x = x.min_or_self(R::c(710.0)).max_or_self(R::c(-50.0));
    let (r, _, held) = reduce_by_ln2(x);
    let q = r + r * r * poly(r, &EXP);
    let half = held.bits_add(1022).bits_shl(52);
    2.0 * (half * q + (half - 0.5))
}

/// Exponent and `f` with `x = 2^exponent (1 + f)` and 1 + f in sqrt(1/2)..sqrt(2), for positive finite `x`.
#[inline(always)]
fn split_exponent<R: Real>(x: R) -> (R, R) {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    const TWO_52: f64 = 4_503_599_627_370_496.0;
    let subnormal = x.less(R::c(f64::MIN_POSITIVE));
    let scaled = R::pick(subnormal, x * 18_014_398_509_481_984.0, x);
    let shifted = scaled.bits_add(ONE - SQRT_HALF);
    let exponent = shifted.bits_shr(52).bits_or(R::c(TWO_52)) - (TWO_52 + 1023.0);
    let exponent = exponent - R::pick(subnormal, R::c(54.0), R::c(0.0));
    (exponent, shifted.bits_and((1 << 52) - 1).bits_add(SQRT_HALF) - 1.0)
}

/// Puts the special cases of a logarithm into `y`: -inf at 0, NaN below, +inf and NaN themselves.
#[inline(always)]
fn logarithm_cases<R: Real>(x: R, y: R) -> R {
    let y = R::pick(x.less(R::c(f64::INFINITY)), y, x);
    let edge = R::pick(x.equal(R::c(0.0)), R::c(f64::NEG_INFINITY), R::c(f64::NAN));
    R::pick(R::c(0.0).less(x), y, edge)
}

#[inline(always)]
pub(super) fn ln<R: Real>(x: R) -> R {
    let (k, f) = split_exponent(x);
    let s = f / (f + 2.0);
    let z = s * s;
    let y = k * LN2_HIGH + (f - (s * (f - z * poly(z, &LN)) - k * LN2_LOW));
    logarithm_cases(x, y)
}

/// The product and its rounding error, which add up to `a * b` exactly (Dekker 1971).
#[inline(always)]
fn exact_product<R: Real>(a: R, b: R) -> (R, R) {
    let (a1, b1) = (a.bits_and(!0x7ff_ffff), b.bits_and(!0x7ff_ffff));
    let (a2, b2) = (a - a1, b - b1);
    let p = a * b;
    (p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2)
}

/// ln(x) as a sum of two numbers with about 64 correct bits, for positive finite `x`.
#[inline(always)]
fn long_ln<R: Real>(x: R) -> (R, R) {
    let (k, f) = split_exponent(x);
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
    (sum, low - (sum - high))
}

#[inline(always)]
fn logarithm<R: Real>(x: R, scale: f64, scale_low: f64) -> R {
    let (high, low) = long_ln(x);
    let (p, p_low) = exact_product(high, R::c(scale));
    logarithm_cases(x, p + (p_low + (low * scale + high * scale_low)))
}

#[inline(always)]
pub(super) fn log10<R: Real>(x: R) -> R {
    logarithm(x, LOG10_E, LOG10_E_LOW)
}

#[inline(always)]
pub(super) fn log2<R: Real>(x: R) -> R {
    logarithm(x, LOG2_E, LOG2_E_LOW)
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

#[inline(always)]
pub(super) fn powf<R: Real>(x: R, y: R) -> R {
    let (zero, one, infinity) = (R::c(0.0), R::c(1.0), R::c(f64::INFINITY));
    let base = Real::abs(x);
    // Larger exponents give the same results (0, 1 or infinity) but would overflow on the way.
    let power = y.min_or_self(R::c(1.0e19)).max_or_self(R::c(-1.0e19));
    let (high, low) = long_ln(base);
    let (p, p_low) = exact_product(power, high);
    let size = exp_of_sum(p, Some(p_low + power * low));
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
    R::pick(x.equal(one) | y.equal(zero), one, result)
}

/// `x - quarters * pi / 2`.
#[inline(always)]
fn reduce_by_half_pi<R: Real>(x: R, quarters: R) -> R {
    x - quarters * HALF_PI[0] - quarters * HALF_PI[1] - quarters * HALF_PI[2]
}

/// sin(r) for |r| <= pi / 2, negated where the lowest bit of `flip` is set.
#[inline(always)]
fn sin_reduced<R: Real>(r: R, flip: R) -> R {
    let z = r * r;
    (r + r * z * poly(z, &SIN)).bits_xor(flip.bits_shl(63))
}

/// Replaces the elements of `y` whose `x` is beyond SIN_LIMIT by `exact`.
#[inline(always)]
fn beyond_limit<R: Real>(x: R, y: R, exact: impl Fn(f64) -> f64) -> R {
    let far = R::c(SIN_LIMIT).less(Real::abs(x));
    if R::any(far) { R::pick(far, x.each(exact), y) } else { y }
}

#[inline(always)]
pub(super) fn sin<R: Real>(x: R) -> R {
    let (half_turns, held) = nearest(x * FRAC_1_PI);
    let y = sin_reduced(reduce_by_half_pi(x, half_turns * 2.0), held);
    beyond_limit(x, y, f64::sin)
}

#[inline(always)]
pub(super) fn cos<R: Real>(x: R) -> R {
    // cos(x) = -sin(r) for x = r + (4k + 1) pi / 2, and sin(r) for (4k + 3) pi / 2.
    let (half_turns, held) = nearest(x * FRAC_1_PI - 0.5);
    let y = sin_reduced(reduce_by_half_pi(x, half_turns * 2.0 + 1.0), held.bits_add(1));
    beyond_limit(x, y, f64::cos)
}

/// For |x| up to 1: asin of `s` (|x|, or sqrt((1 - |x|) / 2) above 1/2), and whether the second holds.
#[inline(always)]
fn asin_core<R: Real>(size: R) -> (R, R::Mask) {
    let large = R::c(0.5).less(size);
    let z = R::pick(large, (1.0 - size) * 0.5, size * size);
    let s = R::pick(large, z.root(), size);
    (s + s * z * poly(z, &ASIN), large)
}

#[inline(always)]
pub(super) fn asin<R: Real>(x: R) -> R {
    let (a, large) = asin_core(Real::abs(x));
    R::pick(large, FRAC_PI_2 - (2.0 * a - HALF_PI_LOW), a).copysign(x)
}

#[inline(always)]
pub(super) fn acos<R: Real>(x: R) -> R {
    let (a, large) = asin_core(Real::abs(x));
    let negative = x.less(R::c(0.0));
    let near_end = R::pick(negative, PI - (2.0 * a - PI_LOW), 2.0 * a);
    R::pick(large, near_end, FRAC_PI_2 - (a.copysign(x) - HALF_PI_LOW))
}

/// The angle 0..=pi/2 of the point (x, y) with x, y >= 0.
#[inline(always)]
fn first_quadrant<R: Real>(y: R, x: R) -> R {
    // tan(pi / 8): within an eighth of a half turn of 0, of pi / 4 or of pi / 2 the remaining angle is small.
    const EIGHTH: f64 = SQRT_2 - 1.0;
    let flat = y.less_equal(x * EIGHTH);
    let steep = x.less(y * EIGHTH);
    let over = R::pick(flat, y, R::pick(steep, -x, y - x));
    let under = R::pick(flat, x, R::pick(steep, y, x + y));
    let t = over / under;
    let z = t * t;
    let base = R::pick(flat, R::c(0.0), R::pick(steep, R::c(FRAC_PI_2), R::c(FRAC_PI_4)));
    let base_low = R::pick(flat, R::c(0.0), R::pick(steep, R::c(HALF_PI_LOW), R::c(QUARTER_PI_LOW)));
    base + (t + (t * z * poly(z, &ATAN) + base_low))
}

#[inline(always)]
pub(super) fn atan<R: Real>(x: R) -> R {
    first_quadrant(Real::abs(x), R::c(1.0)).copysign(x)
}

#[inline(always)]
pub(super) fn atan2<R: Real>(y: R, x: R) -> R {
    let (zero, one, infinity) = (R::c(0.0), R::c(1.0), R::c(f64::INFINITY));
    let (size_x, size_y) = (Real::abs(x), Real::abs(y));
    // inf / inf is the diagonal, 0 / 0 the axis.
    let diagonal = size_x.equal(infinity) & size_y.equal(infinity);
    let origin = size_x.equal(zero) & size_y.equal(zero);
    let size_y = R::pick(diagonal, one, size_y);
    let size_x = R::pick(diagonal | origin, one, size_x);
    let angle = first_quadrant(size_y, size_x);
    let left = one.copysign(x).less(zero);
    R::pick(left, PI - (angle - PI_LOW), angle).copysign(y)
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

/// exp(scale * a^2), with the rounding error of the square put back: at a = 35 it would cost 1e-13.
#[inline(always)]
fn exp_of_square<R: Real>(a: R, scale: f64) -> R {
    let (square, low) = exact_product(a, a);
    exp_of_sum(square * scale, Some(low * scale))
}

#[inline(always)]
fn tail_ratio<R: Real>(a: R) -> R {
    poly(a, &TAIL_OVER) / poly(a, &TAIL_UNDER)
}

#[inline(always)]
pub(super) fn normal_cdf<R: Real>(x: R) -> R {
    // Beyond 40 the tail is 0.
    let a = Real::abs(x).min_or_self(R::c(40.0));
    let tail = exp_of_square(a, -0.5) * tail_ratio(a);
    R::pick(x.less(R::c(0.0)), tail, 1.0 - tail)
}

#[inline(always)]
pub(super) fn normal_pdf<R: Real>(x: R) -> R {
    let a = Real::abs(x).min_or_self(R::c(40.0));
    exp_of_square(a, -0.5) * 0.398_942_280_401_432_7
}

#[inline(always)]
fn erfc_of_size<R: Real>(a: R) -> R {
    let a = a.min_or_self(R::c(28.0));
    2.0 * exp_of_square(a, -1.0) * tail_ratio(a * SQRT_2)
}

#[inline(always)]
pub(super) fn erfc<R: Real>(x: R) -> R {
    let tail = erfc_of_size(Real::abs(x));
    R::pick(x.less(R::c(0.0)), 2.0 - tail, tail)
}

#[inline(always)]
pub(super) fn erf<R: Real>(x: R) -> R {
    let a = Real::abs(x);
    let near = x * poly(a * a, &ERF);
    let far = (1.0 - erfc_of_size(a)).copysign(x);
    R::pick(a.less_equal(R::c(0.5)), near, far)
}
