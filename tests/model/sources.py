"""Files of Rust as language models write them: good ones of every kind, and the mistakes that models make.

Each broken file says what stops it (``lint`` and ``compile`` are the build stage) and the line that a repair must name.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Good:
    """A file that builds and passes its checks."""

    kind: Literal["image", "column", "text", "general"]
    prompt: str
    name: str
    rust: str
    examples: tuple[str, ...] = ()

    @property
    def reply(self) -> str:
        """As a model answers that is not held to a schema."""
        return f"name: {self.name}\n```rust\n{self.rust}```"

    @property
    def structured(self) -> str:
        """As a model answers that is held to one."""
        answer = {"name": self.name, "description": self.prompt, "rust": self.rust, "examples": [], "notes": []}
        return json.dumps(answer)


@dataclass(frozen=True)
class Broken:
    """A mistake in a good file: `wrong` stands where `right` should."""

    what: str
    of: Good
    right: str
    wrong: str
    stops: Literal["lint", "compile", "check"]
    says: str
    advice: str = ""

    @property
    def rust(self) -> str:
        """The file with the mistake."""
        assert self.of.rust.count(self.right) == 1, self.what
        return self.of.rust.replace(self.right, self.wrong)

    @property
    def name(self) -> str:
        return self.of.name

    @property
    def reply(self) -> str:
        """As a model answers that is not held to a schema."""
        return f"name: {self.of.name}\n```rust\n{self.rust}```"

    @property
    def mend(self) -> str:
        """Search/replace blocks that make the good file of it."""
        return "\n".join(
            f"<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE" for search, replace in self._edits()
        )

    @property
    def structured_mend(self) -> str:
        """The same under the schema of a repair."""
        edits = [{"search": search, "replace": replace} for search, replace in self._edits()]
        return json.dumps({"edits": edits, "rust": None, "notes": []})

    def _edits(self) -> list[tuple[str, str]]:
        """Runs of whole lines that differ, each with as many lines above it as make it unique."""
        broken, good = (text.splitlines(keepends=True) for text in (self.rust, self.of.rust))
        found = []
        for tag, first, last, start, end in difflib.SequenceMatcher(None, broken, good, autojunk=False).get_opcodes():
            if tag == "equal":
                continue
            above = 0
            while first == last or self.rust.count("".join(broken[first - above : last])) != 1:
                above += 1
                if self.rust.count("".join(broken[first - above : last])) == 1:
                    break
            kept = broken[first - above : first]
            found.append(("".join([*kept, *broken[first:last]]), "".join([*kept, *good[start:end]])))
        return found


VINTAGE = Good(
    "image",
    "create a vintage filter",
    "vintage-filter",
    """//! The look of an old album.

/// Gives a picture warm, faded colours, film grain and darker corners.
///
/// * `strength`: 0.0..=1.0, default 0.7. How strong the look is.
/// * `film_grain`: 0.0..=20.0, default 6.0. Deviation of the grain, in levels.
pub fn vintage(image: Image, strength: f32, film_grain: f32) -> Image {
    image.map_rgb_place(|x, y, u, v, rgb| {
        let warm = mix_rgb(rgb, sepia(rgb), 0.6);
        let faded = each(contrast(warm, 0.9), |c| c + 10.0);
        let shade = 1.0 - 0.4 * smoothstep(0.5, 2.0, u * u + v * v);
        let noise = film_grain * grain(x, y, 7);
        mix_rgb(rgb, each(faded, |c| c * shade + noise), strength)
    })
}
""",
)

AUTO_LEVELS = Good(
    "image",
    "spread the brightness of a photo over the whole range",
    "auto-levels",
    """/// Spreads the levels of a picture over the whole range, its darkest to 0 and its brightest to 255.
pub fn auto_levels(image: Image) -> Image {
    let (mut least, mut most) = (255u8, 0u8);
    for pixel in image.pixels.chunks_exact(4) {
        for &channel in &pixel[..3] {
            least = least.min(channel);
            most = most.max(channel);
        }
    }
    if most <= least {
        return image;
    }
    let (low_level, scale) = (least as f32, 255.0 / (most - least) as f32);
    image.map_lut(&table_of(|v| (v - low_level) * scale))
}
""",
)

POLAROID = Good(
    "image",
    "put a white frame around a photo like a polaroid",
    "polaroid",
    """/// Lays a picture on white paper, with more room below it.
///
/// * `border`: 0..=500, default 20. Width of the frame in pixels.
pub fn polaroid(image: &Image, border: u32) -> Result<Image, String> {
    let below = border.saturating_mul(3);
    let width = image.width.saturating_add(border.saturating_mul(2));
    let height = image.height.saturating_add(border).saturating_add(below);
    check_size(width, height)?;
    let mut paper = Image::filled(width, height, [250, 248, 242, 255]);
    for y in 0..image.height {
        let start = 4 * border as usize;
        let row = &mut paper.row_mut(y + border)[start..start + 4 * image.width as usize];
        row.copy_from_slice(image.row(y));
    }
    Ok(paper)
}
""",
)

SAVINGS = Good(
    "column",
    "what a monthly deposit grows to",
    "savings",
    """/// What a deposit at the end of every month grows to.
///
/// * `deposit`: Paid in every month.
/// * `rate`: 0.0..=1.0, default 0.03. Interest per year.
/// * `months`: 0.0..=1200.0. Number of deposits.
pub fn savings<R: Real>(deposit: R, rate: R, months: R) -> R {
    let step = rate / 12.0;
    let growth = (months * step.ln_1p()).exp_m1();
    R::select(step.abs().lt(1e-12), deposit * months, deposit * growth / step)
}
""",
    ("savings(100, 0.12, 12) == 1268.2503013196978", "savings(50, 0, 24) == 1200"),
)

LEAP_YEARS = Good(
    "column",
    "number of days of a month, with leap years",
    "days-of-month",
    """/// Days of a month in the Gregorian calendar.
///
/// * `month`: 1..=12. January is 1.
pub fn days_of_month(year: i32, month: u32) -> Result<u32, String> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => Ok(if leap { 29 } else { 28 }),
        4 | 6 | 9 | 11 => Ok(30),
        1..=12 => Ok(31),
        _ => Err(format!("there is no month {month}")),
    }
}
""",
    ("days_of_month(2023, 2) == 28", "days_of_month(1900, 2) == 28", "days_of_month(2000, 2) == 29"),
)

INITIALS = Good(
    "text",
    "the initials of a name",
    "initials",
    """/// First letters of the words of a name, as capitals.
pub fn initials(name: &str) -> String {
    name.split_whitespace()
        .filter_map(|word| word.chars().next())
        .flat_map(|letter| letter.to_uppercase())
        .collect()
}
""",
    ('initials("ada  king lovelace") == "AKL"', 'initials("") == ""'),
)

CAESAR = Good(
    "text",
    "caesar cipher",
    "caesar",
    """/// Moves every letter of the Latin alphabet on by some places, and leaves the rest.
///
/// * `shift`: default 3. Places to move, backwards where negative.
pub fn caesar(text: &str, shift: i32) -> String {
    text.chars().map(|c| moved(c, shift)).collect()
}

fn moved(c: char, shift: i32) -> char {
    let base = match c {
        'a'..='z' => 'a' as i32,
        'A'..='Z' => 'A' as i32,
        _ => return c,
    };
    let place = (c as i32 - base + shift.rem_euclid(26)) % 26;
    char::from((base + place) as u8)
}
""",
    ('caesar("Zebra!", 1) == "Afcsb!"', 'caesar("abc", -1) == "zab"', 'caesar("abc", 2147483647) == "xyz"'),
)

WORDS = Good(
    "text",
    "how often each word occurs in a text",
    "word-frequencies",
    """use std::collections::BTreeMap;

/// A word and how often it occurs.
#[derive(Clone, Debug)]
pub struct Entry {
    pub word: String,
    pub count: u32,
}

/// Words of a text in lower case with their counts, the most frequent first.
pub fn word_frequencies(text: &str) -> Vec<Entry> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_insert(0) += 1;
    }
    let mut entries: Vec<Entry> = counts.into_iter().map(|(word, count)| Entry { word, count }).collect();
    entries.sort_by(|a, b| b.count.cmp(&a.count));
    entries
}
""",
)

ROMAN = Good(
    "general",
    "write a number in Roman numerals",
    "roman-numerals",
    """const PARTS: [(u32, &str); 13] = [
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
    (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
];

/// A number in Roman numerals.
///
/// * `number`: 1..=3999. What to write.
pub fn to_roman(number: u32) -> Result<String, String> {
    if !(1..=3999).contains(&number) {
        return Err(format!("{number} has no Roman numeral: expected 1 to 3999"));
    }
    let mut rest = number;
    let mut text = String::new();
    for (value, letters) in PARTS {
        while rest >= value {
            text.push_str(letters);
            rest -= value;
        }
    }
    Ok(text)
}
""",
    ('to_roman(1994) == "MCMXCIV"', 'to_roman(4) == "IV"'),
)

COLLATZ = Good(
    "general",
    "steps of the Collatz sequence until 1",
    "collatz",
    """/// Steps of the Collatz sequence from a number to 1.
///
/// * `start`: Where it begins, 1 or more.
pub fn collatz_steps(start: u64) -> Result<u32, String> {
    if start == 0 {
        return Err("the sequence begins at 1 or more".to_string());
    }
    let (mut n, mut steps) = (start, 0u32);
    while n != 1 {
        n = if n % 2 == 0 { n / 2 } else { n.checked_mul(3).and_then(|m| m.checked_add(1)).ok_or("too large")? };
        steps += 1;
    }
    Ok(steps)
}
""",
    ("collatz_steps(27) == 111", "collatz_steps(1) == 0"),
)

SUMMARY = Good(
    "general",
    "the spread and the whole mean of a list of integers",
    "summary",
    """/// What a list of whole numbers looks like.
#[derive(Clone, Debug)]
pub struct Summary {
    pub mean: i64,
    pub spread: i64,
}

/// The mean, rounded towards zero, and the distance from the smallest to the largest number.
pub fn summary(values: &[i32]) -> Option<Summary> {
    let (least, most) = (*values.iter().min()?, *values.iter().max()?);
    let total: i64 = values.iter().map(|&v| i64::from(v)).sum();
    Some(Summary { mean: total / values.len() as i64, spread: i64::from(most) - i64::from(least) })
}
""",
)

GOOD = (
    VINTAGE, AUTO_LEVELS, POLAROID, SAVINGS, LEAP_YEARS, INITIALS, CAESAR, WORDS, ROMAN, COLLATZ, SUMMARY,
)  # fmt: skip

MIXED_FLOATS = Broken(
    "a constant of f64 among f32",
    VINTAGE,
    "let shade = 1.0 - 0.4 * smoothstep",
    "let shade = 1.0 - 0.4f64 * smoothstep",
    "compile",
    "expected `f64`, found `f32`",
    "colours and pixels are f32",
)
MOVED_IMAGE = Broken(
    "a borrowed image is used up",
    VINTAGE,
    "pub fn vintage(image: Image,",
    "pub fn vintage(image: &Image,",
    "compile",
    "cannot move out of `*image` which is behind a shared reference",
    "use mapped_rgb",
)
NO_SUCH_FUNCTION = Broken(
    "a function that the prelude does not have",
    VINTAGE,
    "let noise = film_grain * grain(x, y, 7);",
    "let noise = film_grain * perlin_noise(x as f32, y as f32);",
    "compile",
    "cannot find function `perlin_noise`",
    "the prelude has no such function",
)
NO_SUCH_METHOD = Broken(
    "a method that images do not have",
    AUTO_LEVELS,
    "image.map_lut(&table_of(|v| (v - low_level) * scale))",
    "image.map_pixels(|p| (p - low_level) * scale)",
    "compile",
    "no method named `map_pixels` found",
    "images have only the methods that were listed",
)
NO_PIXEL = Broken(
    "the first pixel of an empty image",
    AUTO_LEVELS,
    "let (mut least, mut most) = (255u8, 0u8);",
    "let (mut least, mut most) = (image.pixels[0], image.pixels[0]);",
    "check",
    "index out of bounds: the len is 0 but the index is 0",
)
IMAGE_CRATE = Broken(
    "the crate that everybody uses for images",
    AUTO_LEVELS,
    "/// Spreads",
    "use image::{Rgba, RgbaImage};\n\n/// Spreads",
    "lint",
    "the crate `image` is not available",
)
OWN_IMAGE = Broken(
    "an image whose pixels do not fit its size",
    POLAROID,
    "let mut paper = Image::filled(width, height, [250, 248, 242, 255]);",
    "let mut paper = Image { width, height, pixels: vec![255; (width * height) as usize] };",
    "check",
    "range end index",
)
BORROWED_TWICE = Broken(
    "a row that is read while the picture is written",
    POLAROID,
    "row.copy_from_slice(image.row(y));",
    "let above = paper.row(y);\n        row.copy_from_slice(&above[start..]);",
    "compile",
    "cannot borrow `paper` as immutable because it is also borrowed as mutable",
)
IF_ON_REAL = Broken(
    "an if on a number that may be SIMD lanes",
    SAVINGS,
    "R::select(step.abs().lt(1e-12), deposit * months, deposit * growth / step)",
    "if step.abs() < 1e-12 { deposit * months } else { deposit * growth / step }",
    "compile",
    "binary operation `<` cannot be applied to type `R`",
    "write R::select(x.lt(y), yes, no)",
)
NO_LIMIT = Broken(
    "the formula without its limit: 0 / 0",
    SAVINGS,
    "R::select(step.abs().lt(1e-12), deposit * months, deposit * growth / step)",
    "deposit * growth / step",
    "check",
    "savings(50, 0, 24) == 1200",
)
NO_CENTURIES = Broken(
    "every fourth year",
    LEAP_YEARS,
    "year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)",
    "year % 4 == 0",
    "check",
    "days_of_month(1900, 2) == 28",
)
A_USIZE = Broken(
    "a type that has no name outside of Rust",
    LEAP_YEARS,
    "pub fn days_of_month(year: i32, month: u32) -> Result<u32, String>",
    "pub fn days_of_month(year: i32, month: usize) -> Result<u32, String>",
    "lint",
    "usize",
    "write u32",
)
NO_LETTER = Broken(
    "unwrapping what an empty text does not have",
    INITIALS,
    """    name.split_whitespace()
        .filter_map""",
    """    let first = name.chars().next().unwrap();
    assert!(!first.is_control());
    name.split_whitespace()
        .filter_map""",
    "check",
    "called `Option::unwrap()` on a `None` value",
)
HALF_A_LETTER = Broken(
    "a text cut between the bytes of a letter",
    INITIALS,
    ".filter_map(|word| word.chars().next())\n        .flat_map(|letter| letter.to_uppercase())",
    ".map(|word| word[..1].to_uppercase())",
    "check",
    "is not a char boundary",
)
OVERFLOW = Broken(
    "a sum that does not fit",
    CAESAR,
    "let place = (c as i32 - base + shift.rem_euclid(26)) % 26;",
    "let place = (c as i32 - base + shift) % 26;",
    "check",
    "caesar(",
)
PRINTED = Broken(
    "a line for debugging",
    CAESAR,
    "    text.chars().map(|c| moved(c, shift)).collect()",
    '    println!("shift = {}", shift);\n    text.chars().map(|c| moved(c, shift)).collect()',
    "lint",
    "`println!` is not allowed",
)
USED_AFTER_MOVE = Broken(
    "a value that is used after it was given away",
    WORDS,
    "    entries.sort_by(",
    "    let total = counts.len();\n    entries.truncate(total);\n    entries.sort_by(",
    "compile",
    "borrow of moved value: `counts`",
)
A_SERDE_DERIVE = Broken(
    "a derive of a crate",
    WORDS,
    "#[derive(Clone, Debug)]",
    "#[derive(Clone, Debug, Serialize)]",
    "lint",
    "`#[derive(Serialize)]` is not allowed",
)
SHORT_TABLE = Broken(
    "a table that is shorter than its type says",
    ROMAN,
    " (4, \"IV\"),",
    "",
    "compile",
    "mismatched types",
)  # fmt: skip
RANDOM = Broken(
    "a crate that is not there",
    ROMAN,
    "/// A number in Roman",
    "use rand::Rng;\n\n/// A number in Roman",
    "lint",
    "the crate `rand` is not available",
)
WRONG_PRELUDE = Broken(
    "the prelude by a path that it does not have",
    COLLATZ,
    "/// Steps of the Collatz sequence from",
    "use akatsuki::prelude::*;\n\n/// Steps of the Collatz sequence from",
    "lint",
    "the crate `akatsuki` is not available",
)
ENDLESS = Broken(
    "a loop that zero does not leave",
    COLLATZ,
    """    if start == 0 {
        return Err("the sequence begins at 1 or more".to_string());
    }
""",
    "",
    "check",
    "collatz_steps(0)",
)
UNCLOSED = Broken(
    "a brace that is missing",
    COLLATZ,
    "        steps += 1;\n    }\n",
    "        steps += 1;\n",
    "lint",
    "",
)
DIVIDED_BY_NOTHING = Broken(
    "the mean of no numbers",
    SUMMARY,
    "let (least, most) = (*values.iter().min()?, *values.iter().max()?);",
    "let (least, most) = (values.iter().copied().min().unwrap_or(0), values.iter().copied().max().unwrap_or(0));",
    "check",
    "attempt to divide by zero",
)
A_MAIN = Broken(
    "a program in place of a module",
    SUMMARY,
    "pub fn summary(values: &[i32])",
    "fn main() {}\n\nfn summary(values: &[i32])",
    "lint",
    "the file has no public function",
)

BROKEN = (
    MIXED_FLOATS, MOVED_IMAGE, NO_SUCH_FUNCTION, NO_SUCH_METHOD, NO_PIXEL, IMAGE_CRATE, OWN_IMAGE, BORROWED_TWICE,
    IF_ON_REAL, NO_LIMIT, NO_CENTURIES, A_USIZE, NO_LETTER, HALF_A_LETTER, OVERFLOW, PRINTED, USED_AFTER_MOVE,
    A_SERDE_DERIVE, SHORT_TABLE, RANDOM, WRONG_PRELUDE, ENDLESS, UNCLOSED, DIVIDED_BY_NOTHING, A_MAIN,
)  # fmt: skip
