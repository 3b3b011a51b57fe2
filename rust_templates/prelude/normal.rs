//! The normal distribution and the error function, for `f64` and `Lanes` alike; see `elementary`.

use super::elementary::{exact_product, exp_any, exp_normal, poly};
use super::real::{Kernel, Real};
use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

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

/// exp(-a^2), or exp(-a^2 / 2), with the rounding error of the square put back: at a = 35 it would cost 1e-13.
struct Bell<const HALF: bool>;
impl<const HALF: bool> Bell<HALF> {
    #[inline(always)]
    fn exponent<R: Real>(a: R) -> (R, Option<R>) {
        let scale = if HALF { -0.5 } else { -1.0 };
        let (square, low) = exact_product(a, a);
        (square * scale, Some(low * scale))
    }
}
impl<const HALF: bool> Kernel<1> for Bell<HALF> {
    #[inline(always)]
    fn plain<R: Real>([a]: [R; 1]) -> Option<R::Mask> {
        // The squares of the limits are 706.9 and 1413.8.
        Some(a.less_equal(R::c(if HALF { 37.6 } else { 26.6 })))
    }
    #[inline(always)]
    fn run<R: Real>([a]: [R; 1]) -> [R; 1] {
        let (x, tail) = Self::exponent(a);
        [exp_normal(x, tail)]
    }
    #[inline(always)]
    fn full<R: Real>([a]: [R; 1]) -> [R; 1] {
        let (x, tail) = Self::exponent(a);
        [exp_any(x, tail)]
    }
}

#[inline(always)]
fn bell<R: Real, const HALF: bool>(a: R) -> R {
    let [y] = R::through::<Bell<HALF>, 1>([a]);
    y
}

/// See TAIL_OVER.
struct TailRatio;
impl Kernel<1> for TailRatio {
    #[inline(always)]
    fn run<R: Real>([a]: [R; 1]) -> [R; 1] {
        [poly(a, &TAIL_OVER) / poly(a, &TAIL_UNDER)]
    }
}

#[inline(always)]
fn tail_ratio<R: Real>(a: R) -> R {
    let [y] = R::through::<TailRatio, 1>([a]);
    y
}

#[inline(always)]
pub(super) fn normal_cdf<R: Real>(x: R) -> R {
    // Beyond 40 the tail is 0.
    let a = Real::abs(x).min_or_self(R::c(40.0));
    let tail = bell::<R, true>(a) * tail_ratio(a);
    R::pick(x.less(R::c(0.0)), tail, 1.0 - tail)
}

#[inline(always)]
pub(super) fn normal_pdf<R: Real>(x: R) -> R {
    let a = Real::abs(x).min_or_self(R::c(40.0));
    bell::<R, true>(a) * 0.398_942_280_401_432_7
}

#[inline(always)]
fn erfc_of_size<R: Real>(a: R) -> R {
    let a = a.min_or_self(R::c(28.0));
    2.0 * bell::<R, false>(a) * tail_ratio(a * SQRT_2)
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
