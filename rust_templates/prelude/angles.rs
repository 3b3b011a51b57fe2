//! Sines, arc sines and their kin, for `f64` and `Lanes` alike; see `elementary` for how the polynomials were made.

use super::elementary::{nearest, poly};
use super::real::{Kernel, Real};
use std::f64::consts::{FRAC_1_PI, FRAC_PI_2, FRAC_PI_4, PI, SQRT_2};

/// pi / 2 in three parts; the first two have 33 bits.
const HALF_PI: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_6e-21];

/// What the nearest f64 to pi, pi / 2 and pi / 4 leave out.
const PI_LOW: f64 = 1.224_646_799_147_353_2e-16;
const HALF_PI_LOW: f64 = 0.5 * PI_LOW;
const QUARTER_PI_LOW: f64 = 0.25 * PI_LOW;

/// `sin` and `cos` of larger arguments come from the standard library, which uses as many digits of pi as it takes.
/// Up to here the products with the first two parts of HALF_PI are exact.
const SIN_LIMIT: f64 = 1.0e6;

/// (sin(r) - r) / r^3 in z = r^2, for |r| <= pi / 2.
const SIN: [f64; 8] = [
    -0.166_666_666_666_666_66,
    0.008_333_333_333_333_316,
    -0.000_198_412_698_412_549_74,
    2.755_731_921_916_323_4e-6,
    -2.505_210_761_699_618_2e-8,
    1.605_897_731_246_408_7e-10,
    -7.643_970_296_798_572e-13,
    2.731_444_766_986_399_5e-15,
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

/// Sine (or cosine).
struct Sine<const COSINE: bool>;
impl<const COSINE: bool> Sine<COSINE> {
    #[inline(always)]
    fn near<R: Real>(x: R) -> R {
        if COSINE {
            // cos(x) = -sin(r) for x = r + (4k + 1) pi / 2, and sin(r) for (4k + 3) pi / 2.
            let (half_turns, held) = nearest(x * FRAC_1_PI - 0.5);
            return sin_reduced(reduce_by_half_pi(x, half_turns * 2.0 + 1.0), held.bits_add(1));
        }
        let (half_turns, held) = nearest(x * FRAC_1_PI);
        // A zero keeps its sign.
        R::pick(x.equal(R::c(0.0)), x, sin_reduced(reduce_by_half_pi(x, half_turns * 2.0), held))
    }
}
impl<const COSINE: bool> Kernel<1> for Sine<COSINE> {
    #[inline(always)]
    fn plain<R: Real>([x]: [R; 1]) -> Option<R::Mask> {
        Some(Real::abs(x).less_equal(R::c(SIN_LIMIT)))
    }
    #[inline(always)]
    fn run<R: Real>([x]: [R; 1]) -> [R; 1] {
        [Self::near(x)]
    }
    #[inline(always)]
    fn full<R: Real>([x]: [R; 1]) -> [R; 1] {
        let (near, far) = (Self::near(x), R::c(SIN_LIMIT).less(Real::abs(x)));
        if !R::any(far) {
            return [near];
        }
        [R::pick(far, x.each(if COSINE { f64::cos } else { f64::sin }), near)]
    }
}

#[inline(always)]
pub(super) fn sin<R: Real>(x: R) -> R {
    let [y] = R::through::<Sine<false>, 1>([x]);
    y
}

#[inline(always)]
pub(super) fn cos<R: Real>(x: R) -> R {
    let [y] = R::through::<Sine<true>, 1>([x]);
    y
}

/// For |x| up to 1: asin of `s` (|x|, or sqrt((1 - |x|) / 2) above 1/2), and whether the second holds.
#[inline(always)]
fn asin_core<R: Real>(size: R) -> (R, R::Mask) {
    let large = R::c(0.5).less(size);
    let z = R::pick(large, (1.0 - size) * 0.5, size * size);
    let s = R::pick(large, z.root(), size);
    (s + s * z * poly(z, &ASIN), large)
}

struct Asin;
impl Kernel<1> for Asin {
    #[inline(always)]
    fn run<R: Real>([x]: [R; 1]) -> [R; 1] {
        let (a, large) = asin_core(Real::abs(x));
        [R::pick(large, FRAC_PI_2 - (2.0 * a - HALF_PI_LOW), a).copysign(x)]
    }
}

struct Acos;
impl Kernel<1> for Acos {
    #[inline(always)]
    fn run<R: Real>([x]: [R; 1]) -> [R; 1] {
        let (a, large) = asin_core(Real::abs(x));
        let negative = x.less(R::c(0.0));
        let near_end = R::pick(negative, PI - (2.0 * a - PI_LOW), 2.0 * a);
        [R::pick(large, near_end, FRAC_PI_2 - (a.copysign(x) - HALF_PI_LOW))]
    }
}

#[inline(always)]
pub(super) fn asin<R: Real>(x: R) -> R {
    let [y] = R::through::<Asin, 1>([x]);
    y
}

#[inline(always)]
pub(super) fn acos<R: Real>(x: R) -> R {
    let [y] = R::through::<Acos, 1>([x]);
    y
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

struct Atan;
impl Kernel<1> for Atan {
    #[inline(always)]
    fn run<R: Real>([x]: [R; 1]) -> [R; 1] {
        [first_quadrant(Real::abs(x), R::c(1.0)).copysign(x)]
    }
}

/// From y and x, the angle and anything.
struct Atan2;
impl Atan2 {
    /// The angle, where that of the first quadrant is known.
    #[inline(always)]
    fn turned<R: Real>(y: R, x: R, angle: R) -> [R; 2] {
        let left = R::c(1.0).copysign(x).less(R::c(0.0));
        [R::pick(left, PI - (angle - PI_LOW), angle).copysign(y), x]
    }
}
impl Kernel<2> for Atan2 {
    #[inline(always)]
    fn plain<R: Real>([y, x]: [R; 2]) -> Option<R::Mask> {
        let size = Real::abs(x) + Real::abs(y);
        Some(R::c(1.0e-300).less_equal(size) & size.less_equal(R::c(1.0e300)))
    }
    #[inline(always)]
    fn run<R: Real>([y, x]: [R; 2]) -> [R; 2] {
        Self::turned(y, x, first_quadrant(Real::abs(y), Real::abs(x)))
    }
    #[inline(always)]
    fn full<R: Real>([y, x]: [R; 2]) -> [R; 2] {
        let (zero, one, infinity) = (R::c(0.0), R::c(1.0), R::c(f64::INFINITY));
        let (size_x, size_y) = (Real::abs(x), Real::abs(y));
        // inf / inf is the diagonal, 0 / 0 the axis.
        let diagonal = size_x.equal(infinity) & size_y.equal(infinity);
        let origin = size_x.equal(zero) & size_y.equal(zero);
        let size_y = R::pick(diagonal, one, size_y);
        let size_x = R::pick(diagonal | origin, one, size_x);
        Self::turned(y, x, first_quadrant(size_y, size_x))
    }
}

#[inline(always)]
pub(super) fn atan<R: Real>(x: R) -> R {
    let [y] = R::through::<Atan, 1>([x]);
    y
}

#[inline(always)]
pub(super) fn atan2<R: Real>(y: R, x: R) -> R {
    let [angle, _] = R::through::<Atan2, 2>([y, x]);
    angle
}
