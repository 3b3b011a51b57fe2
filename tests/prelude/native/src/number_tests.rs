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

/// Texts of up to 40 characters, of ASCII alone or of several scripts.
fn texts() -> impl Iterator<Item = String> {
    let scripts: Vec<char> = "aB z-Z' \t\n09_.ÀéßİΣςж東한ⅣǅﬁñЖ\u{a0}\u{2003}\u{85}\u{301}²\0\u{7f}".chars().collect();
    (0..6000_u32).map(move |seed| {
        let ascii = seed % 2 == 0;
        (0..hash2(seed, 0, 1) % 41)
            .map(|i| match hash2(seed, i, 2) {
                // Letters and gaps more often than what is rare.
                h if ascii => char::from(if h & 256 == 0 { (h & 127) as u8 } else { b"aZ' \n"[h as usize % 5] }),
                h => scripts[h as usize % scripts.len()],
            })
            .collect()
    })
}

#[test]
fn fast_paths_of_text_agree_with_plain_code() {
    for text in texts() {
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let small: String = words.join("-").chars().flat_map(char::to_lowercase).collect();
        assert_eq!(slugify(&text), small, "{text:?}");
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(collapse_whitespace(&text), words.join(" "), "{text:?}");
        assert_eq!(word_count(&text), words.len() as u32, "{text:?}");
        let mut inside = false;
        let titled: String = text
            .chars()
            .flat_map(|c| {
                let cased: String = if inside { c.to_lowercase().collect() } else { c.to_uppercase().collect() };
                inside = c.is_alphanumeric() || inside && c == '\'';
                cased.chars().collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(title_case(&text), titled, "{text:?}");
        assert_eq!((lowercase(&text), uppercase(&text)), (text.to_lowercase(), text.to_uppercase()));
    }
}

/// The whole table of Levenshtein distances.
fn distance(a: &str, b: &str) -> u32 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = match (i, j) {
                (0, other) | (other, 0) => other as u32,
                _ => {
                    let changed = table[i - 1][j - 1] + u32::from(a[i - 1] != b[j - 1]);
                    changed.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1)
                }
            };
        }
    }
    table[a.len()][b.len()]
}

#[test]
fn edit_distances_agree_with_the_whole_table() {
    let texts: Vec<String> = texts().take(600).collect();
    for pair in texts.windows(2) {
        assert_eq!(edit_distance(&pair[0], &pair[1]), distance(&pair[0], &pair[1]), "{pair:?}");
        let (long, longer) = (pair[0].repeat(3), pair.concat().repeat(3));
        assert_eq!(edit_distance(&long, &longer), distance(&long, &longer), "{pair:?}");
    }
    let sixty_four = "ab".repeat(32);
    assert_eq!(edit_distance(&sixty_four, &"ba".repeat(40)), distance(&sixty_four, &"ba".repeat(40)));
    assert_eq!((edit_distance("", ""), edit_distance(&sixty_four, "")), (0, 64));
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
