//! `Real`: operators, special cases, and that lanes and numbers agree bit for bit.

use crate::prelude::*;

const SPECIAL: [f64; 24] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    3.0,
    -3.0,
    1e-320,
    -1e-320,
    2.3e-308,
    1e-10,
    0.49999999999999994,
    2.5,
    -2.5,
    711.0,
    -711.0,
    1e19,
    -1e300,
    f64::MAX,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

type Unary = (fn(f64) -> f64, fn(Lanes) -> Lanes, fn(f64) -> f64);
type Binary = (fn(f64, f64) -> f64, fn(Lanes, Lanes) -> Lanes, fn(f64, f64) -> f64);

/// Through `Real` at f64 (an inherent method of the same name would win), at Lanes, and what `std` says.
macro_rules! all {
    ($name:ident, $std:expr) => {
        entry(stringify!($name), Real::$name, Real::$name, $std)
    };
}

fn entry(
    name: &'static str,
    f: fn(f64) -> f64,
    lanes: fn(Lanes) -> Lanes,
    std: fn(f64) -> f64,
) -> (&'static str, Unary) {
    (name, (f, lanes, std))
}

fn unary() -> Vec<(&'static str, Unary)> {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    vec![
        all!(exp, f64::exp),
        all!(exp_m1, f64::exp_m1),
        all!(ln, f64::ln),
        all!(ln_1p, f64::ln_1p),
        all!(log10, f64::log10),
        all!(log2, f64::log2),
        all!(sin, f64::sin),
        all!(cos, f64::cos),
        all!(tan, f64::tan),
        all!(asin, f64::asin),
        all!(acos, f64::acos),
        all!(atan, f64::atan),
        all!(sinh, f64::sinh),
        all!(cosh, f64::cosh),
        all!(tanh, f64::tanh),
        all!(sqrt, f64::sqrt),
        all!(abs, f64::abs),
        all!(floor, f64::floor),
        all!(ceil, f64::ceil),
        all!(trunc, f64::trunc),
        all!(round, f64::round),
        all!(fract, f64::fract),
        all!(signum, f64::signum),
        all!(recip, f64::recip),
        all!(sigmoid, sigmoid),
    ]
}

fn powf<R: Real>(x: R, y: R) -> R {
    x.powf(y)
}
fn atan2<R: Real>(y: R, x: R) -> R {
    y.atan2(x)
}
fn hypot<R: Real>(x: R, y: R) -> R {
    x.hypot(y)
}
fn smaller<R: Real>(x: R, y: R) -> R {
    x.min(y)
}
fn larger<R: Real>(x: R, y: R) -> R {
    x.max(y)
}

fn binary() -> Vec<(&'static str, Binary)> {
    let or_nan = |f: fn(f64, f64) -> f64| f;
    let lowest: fn(f64, f64) -> f64 = |x, y| if x.is_nan() || y.is_nan() { f64::NAN } else { x.min(y) };
    let highest: fn(f64, f64) -> f64 = |x, y| if x.is_nan() || y.is_nan() { f64::NAN } else { x.max(y) };
    vec![
        ("powf", (powf, powf, or_nan(f64::powf))),
        ("atan2", (atan2, atan2, or_nan(f64::atan2))),
        ("hypot", (hypot, hypot, |x, y| (x * x + y * y).sqrt())),
        ("min", (smaller, smaller, lowest)),
        ("max", (larger, larger, highest)),
    ]
}

/// Equal, both NaN, or within 1e-14; results below the smallest normal number may be 0.
fn close(got: f64, expected: f64) -> bool {
    got == expected
        || got.is_nan() && expected.is_nan()
        || (got - expected).abs() <= 1e-14 * expected.abs()
        || (got - expected).abs() < f64::MIN_POSITIVE
}

fn same_bits(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

#[test]
fn special_cases_are_those_of_std() {
    for (name, (f, lanes, std)) in unary() {
        for x in SPECIAL {
            assert!(close(f(x), std(x)), "{name}({x}) = {} and not {}", f(x), std(x));
            assert!(same_bits(lanes(Lanes::splat(x)).to_array()[LANES - 1], f(x)), "lanes differ in {name}({x})");
        }
    }
    for (name, (f, lanes, std)) in binary() {
        for (x, y) in SPECIAL.iter().flat_map(|&x| SPECIAL.map(|y| (x, y))) {
            assert!(close(f(x, y), std(x, y)), "{name}({x}, {y}) = {} and not {}", f(x, y), std(x, y));
            let got = lanes(Lanes::splat(x), Lanes::splat(y)).to_array()[0];
            assert!(same_bits(got, f(x, y)), "lanes differ in {name}({x}, {y})");
        }
    }
}

#[test]
fn lanes_equal_numbers_bit_for_bit() {
    for (name, (f, lanes, std)) in unary() {
        let mut values = [0.0; 4096];
        for (i, v) in values.iter_mut().enumerate() {
            let unit = f64::from(noise01(i as u32, 1, 7)) * 2.0 - 1.0;
            *v = unit * [1.0, 40.0, 1e5, 1e17][i % 4];
        }
        for block in values.chunks_exact(LANES) {
            let mut out = [0.0; LANES];
            lanes(Lanes::load(block)).store(&mut out);
            for (&x, y) in block.iter().zip(out) {
                assert!(same_bits(f(x), y), "{name}({x}): {} as a number, {y} in lanes", f(x));
                let loose = matches!(name, "tan" | "sin" | "cos" | "fract");
                assert!(close(y, std(x)) || loose && (y - std(x)).abs() < 1e-9, "{name}({x}) = {y}, {}", std(x));
            }
        }
    }
}

#[test]
fn whole_results_are_exact() {
    for base in 2..30_i32 {
        for power in 0..12 {
            let exact = f64::from(base).powi(power);
            if exact < 2f64.powi(53) {
                assert_eq!(Real::powf(f64::from(base), f64::from(power)), exact, "{base}^{power}");
                assert_eq!(Real::powi(f64::from(base), power), exact);
            }
        }
    }
    for power in -300..=300 {
        let ten: f64 = format!("1e{power}").parse().unwrap();
        assert_eq!(Real::log10(ten), f64::from(power));
        assert_eq!(Real::log2(2f64.powi(power)), f64::from(power));
    }
    assert_eq!(Real::powi(2.0, -2), 0.25);
    assert_eq!(0.0.normal_cdf(), 0.5);
    assert_eq!(0.0.sigmoid(), 0.5);
}

/// Every kind of operator and constant, as an author writes it.
fn everything<R: Real>(x: R, y: R) -> R {
    const RATE: f64 = 0.25;
    let plain = 2.0 * 3.0 + RATE * 2.0;
    let mut total = 0.5 * x + x * 2.0 - 1.0 / y + (1.0 - x) / 2.0 + plain * (y - 1.0) - -x;
    for step in 0..3 {
        total += x * f64::from(step);
        total -= 0.25;
        total *= 1.5;
    }
    let inside = x.gt(0.0) & y.le(2.0) | !x.ne(y) | total.is_nan();
    R::select(inside, total.clamp(-5.0, y * 100.0), R::c(1.0) + R::from(RATE)).wrap(360.0)
}

#[test]
fn one_special_lane_leaves_the_others_as_they_are() {
    for (name, (f, lanes, _)) in unary() {
        for special in SPECIAL {
            for place in 0..LANES {
                let mut values: [f64; LANES] = std::array::from_fn(|i| 0.1 + 0.2 * i as f64);
                values[place] = special;
                let got = lanes(Lanes::load(&values)).to_array();
                for (x, y) in values.into_iter().zip(got) {
                    assert!(same_bits(f(x), y), "{name}({x}) beside {special}: {} and not {y}", f(x));
                }
            }
        }
    }
    for (name, (f, lanes, _)) in binary() {
        for (a, b) in SPECIAL.iter().flat_map(|&a| SPECIAL.map(|b| (a, b))) {
            let (mut x, mut y) = ([0.75; LANES], [1.5; LANES]);
            (x[1], y[1]) = (a, b);
            let got = lanes(Lanes::load(&x), Lanes::load(&y)).to_array();
            assert!(same_bits(got[0], f(0.75, 1.5)), "{name} beside {name}({a}, {b})");
            assert!(same_bits(got[1], f(a, b)), "{name}({a}, {b}) beside others");
        }
    }
}

#[test]
fn zeros_keep_their_sign() {
    for f in
        [Real::sin, Real::tan, Real::asin, Real::atan, Real::sinh, Real::tanh, Real::exp_m1, Real::ln_1p, Real::erf]
    {
        let f: fn(f64) -> f64 = f;
        assert_eq!((f(0.0).to_bits(), f(-0.0).to_bits()), (0, 1 << 63));
    }
}

#[test]
fn exp_runs_out_gradually() {
    for i in 0..4000 {
        let x = -f64::from(i) * 0.01 - 708.0;
        let (got, exact) = (Real::exp(x), f64::exp(x));
        assert!((got - exact).abs() <= f64::from_bits(1) + 1e-15 * exact, "exp({x}) = {got:e} and not {exact:e}");
        let power = Real::powf(2.0, -f64::from(i) * 0.01 - 1022.0);
        let exact = f64::powf(2.0, -f64::from(i) * 0.01 - 1022.0);
        assert!((power - exact).abs() <= f64::from_bits(1) + 3e-15 * exact, "{power:e} and not {exact:e}");
    }
}

#[test]
fn generic_code_reads_like_plain_code() {
    for (x, y) in [(1.0, 1.5), (-1.0, 3.0), (2.0, 2.0), (0.1, 9.0)] {
        let one = everything(x, y);
        assert!(one.is_finite());
        assert_eq!(everything(Lanes::splat(x), Lanes::splat(y)).to_array(), [one; LANES]);
    }
}

#[test]
fn a_nan_with_a_payload_stays_nan() {
    let payload = f64::from_bits(0x7ff8_0000_0000_07a2);
    for (name, (f, lanes, _)) in unary() {
        assert!(f(payload).is_nan() && lanes(Lanes::splat(payload)).to_array()[1].is_nan(), "{name}");
    }
    assert!(payload.normal_cdf().is_nan() && Real::erf(payload).is_nan() && Real::erfc(payload).is_nan());
}
