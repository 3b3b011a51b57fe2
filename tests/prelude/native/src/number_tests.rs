//! Statistics, text and noise.

use crate::prelude::*;

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

#[test]
fn statistics_of_a_known_sample() {
    let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0, 11.0];
    assert!(near(sum(&values), 51.0) && near(mean(&values), 51.0 / 9.0));
    assert!(near(variance(&values), 64.0 / 9.0) && near(std_dev(&values), 8.0 / 3.0));
    assert!(near(sample_variance(&values), 8.0));
    assert_eq!((minimum(&values), maximum(&values), median(&values)), (2.0, 11.0, 5.0));
    assert_eq!(quantiles(&values, &[0.0, 0.25, 0.9, 1.0, 7.0]), [2.0, 4.0, 9.4, 11.0, 11.0]);
    assert_eq!(histogram(&values, 2.0, 10.0, 4), [1, 5, 1, 1]);
    assert_eq!(cumulative_sum(&[1.0, 2.0, 3.0]), [1.0, 3.0, 6.0]);
    assert_eq!(moving_average(&[1.0, 3.0, 5.0, 7.0], 2), [1.0, 2.0, 4.0, 6.0]);
    assert_eq!(moving_average(&[1.0, 3.0], 0), [1.0, 3.0]);
    let (slope, intercept) = linear_regression(&[0.0, 1.0, 2.0, 3.0], &[1.0, 3.0, 5.0, 7.0]);
    assert!(near(slope, 2.0) && near(intercept, 1.0));
    assert!(near(correlation(&[1.0, 2.0, 3.0], &[6.0, 4.0, 2.0]), -1.0));
}

#[test]
fn moving_average_forgets_what_left_the_window() {
    let values: Vec<f64> = (0..2000).map(|i| if i == 3 { f64::INFINITY } else { f64::from(i % 17) }).collect();
    let means = moving_average(&values, 5);
    assert!(means[3].is_infinite() && means[7].is_infinite());
    assert!(near(means[8], (4.0 + 5.0 + 6.0 + 7.0 + 8.0) / 5.0));
}

#[test]
fn empty_and_nan_follow_the_policy() {
    assert!(mean(&[]).is_nan() && minimum(&[]).is_nan() && median(&[]).is_nan() && sample_variance(&[1.0]).is_nan());
    assert!(minimum(&[1.0, f64::NAN]).is_nan() && maximum(&[f64::NAN; 9]).is_nan() && median(&[f64::NAN]).is_nan());
    assert_eq!(histogram(&[f64::NAN, 0.5], 0.0, 1.0, 1), [1]);
    assert!(histogram(&[1.0], 0.0, 1.0, 0).is_empty() && cumulative_sum(&[]).is_empty());
    assert!(correlation(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
}

#[test]
fn text_in_several_scripts() {
    assert_eq!(slugify("  Hello,  World! 2x "), "hello-world-2x");
    assert_eq!(slugify("Äpfel & Öl – 東京"), "äpfel-öl-東京");
    assert_eq!(slugify("!?"), "");
    assert_eq!((lowercase("ÀB"), uppercase("straße")), ("àb".into(), "STRASSE".into()));
    assert_eq!(collapse_whitespace(" a\t b\n\nc "), "a b c");
    assert_eq!(word_count(" one two  three "), 3);
    assert_eq!(title_case("ada LOVELACE o'neil"), "Ada Lovelace O'neil");
    assert_eq!(edit_distance("kitten", "sitting"), 3);
    assert_eq!((edit_distance("", "abc"), edit_distance("日本", "日")), (3, 1));
}

#[test]
fn noise_is_even_and_repeats() {
    let draws: Vec<f64> = (0..40_000).map(|i| f64::from(noise01(i % 200, i / 200, 9))).collect();
    assert!((mean(&draws) - 0.5).abs() < 0.01 && (variance(&draws) - 1.0 / 12.0).abs() < 0.003);
    let grains: Vec<f64> = (0..40_000).map(|i| f64::from(grain(i % 200, i / 200, 9))).collect();
    assert!(mean(&grains).abs() < 0.02 && (std_dev(&grains) - 1.0).abs() < 0.02);
    assert_eq!(hash2(3, 4, 5), hash2(3, 4, 5));
    assert_ne!(hash2(3, 4, 5), hash2(4, 3, 5));
    for i in 0..1000 {
        let (x, y) = (i as f32 * 0.37 - 100.0, i as f32 * 0.11);
        assert!((0.0..=1.0).contains(&value_noise(x, y, 1)) && (0.0..=1.0).contains(&fractal_noise(x, y, 5, 1)));
    }
    let step = (value_noise(5.0, 2.0, 1) - value_noise(4.9999, 2.0, 1)).abs();
    assert!(step < 1e-3, "value noise jumps by {step} at a whole number");
}
