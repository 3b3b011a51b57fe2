//! A module with every type of the contract.

use std::collections::BTreeMap;

/// A point with everything in it.
#[derive(Clone, Debug, PartialEq)]
struct Point2D {
    x: f64,
    r#type: Option<String>,
    tag: (u8, char),
}

pub struct Shape {
    pub name: String,
    points: Vec<Point2D>,
    closed: bool,
}

struct Single {
    value: f32,
}

type Numbers = Vec<f64>;

pub fn same_bool(x: bool) -> bool { x }
pub fn same_u8(x: u8) -> u8 { x }
pub fn same_u16(x: u16) -> u16 { x }
pub fn same_u32(x: u32) -> u32 { x }
pub fn same_u64(x: u64) -> u64 { x }
pub fn same_i8(x: i8) -> i8 { x }
pub fn same_i16(x: i16) -> i16 { x }
pub fn same_i32(x: i32) -> i32 { x }
pub fn same_i64(x: i64) -> i64 { x }
pub fn same_f32(x: f32) -> f32 { x }
pub fn same_f64(x: f64) -> f64 { x }
pub fn same_char(x: char) -> char { x }
pub fn same_text(x: String) -> String { x }
pub fn same_image(x: Image) -> Image { x }
pub fn same_numbers(x: Numbers) -> Vec<f64> { x }
pub fn same_bytes(x: Vec<u8>) -> Vec<u8> { x }
pub fn same_shorts(x: Vec<i16>) -> Vec<i16> { x }
pub fn same_bools(x: Vec<bool>) -> Vec<bool> { x }
pub fn same_chars(x: Vec<char>) -> Vec<char> { x }
pub fn same_texts(x: Vec<String>) -> Vec<String> { x }
pub fn same_option(x: Option<f32>) -> Option<f32> { x }
pub fn same_option_text(x: Option<String>) -> Option<String> { x }
pub fn same_tuple(x: (u8, f64, String)) -> (u8, f64, String) { x }
pub fn same_single(x: Single) -> Single { x }
pub fn same_record(x: Point2D) -> Point2D { x }
pub fn same_nested(x: Vec<Shape>) -> Vec<Shape> { x }
pub fn same_images(x: Vec<Image>) -> Vec<Image> { x }
pub fn same_table(x: Vec<(String, Vec<u64>)>) -> Vec<(String, Vec<u64>)> { x }
pub fn same_options(x: Vec<Option<i64>>) -> Vec<Option<i64>> { x }
pub fn checked(x: i32) -> Result<i32, String> { if x < 0 { Err(format!("negative: {x}")) } else { Ok(x) } }
pub fn checked_none(x: i32) -> Result<(), String> { checked(x).map(|_| ()) }
pub fn checked_shape(x: Shape) -> Result<Shape, String> { if x.name.is_empty() { Err("no name".into()) } else { Ok(x) } }
pub fn nothing(_x: u8) {}
pub fn no_parameters() -> u32 { 42 }
pub fn borrowed_text(x: &str) -> u32 { x.chars().count() as u32 }
pub fn borrowed_numbers(x: &[f64]) -> f64 { x.iter().sum() }
pub fn borrowed_texts(x: &[&str]) -> String { x.join("|") }
pub fn borrowed_strings(x: &[String]) -> String { x.join("|") }
pub fn vec_of_str(x: Vec<&str>) -> String { x.join("|") }
pub fn borrowed_lists(x: &[&[f64]]) -> Vec<f64> { x.iter().map(|row| row.iter().sum()).collect() }
pub fn borrowed_image(x: &Image) -> u64 { x.pixels.iter().map(|&v| u64::from(v)).sum() }
pub fn borrowed_images(x: &[&Image]) -> Vec<u32> { x.iter().map(|image| image.width).collect() }
pub fn borrowed_shape(x: &Shape) -> String {
    let mut kinds = BTreeMap::new();
    for point in &x.points {
        *kinds.entry(point.r#type.clone().unwrap_or_default()).or_insert(0) += 1;
    }
    format!("{} {} {kinds:?}", x.name, x.closed)
}
pub fn optional_text(x: Option<&str>) -> String { x.unwrap_or("none").to_uppercase() }
pub fn optional_numbers(x: Option<&[u16]>) -> u32 { x.map_or(0, |list| list.iter().map(|&v| u32::from(v)).sum()) }
pub fn optional_image(x: Option<&Image>) -> Option<u32> { x.map(|image| image.height) }
pub fn mixed(mut a: Vec<u8>, r#match: &str, b: (i8, Option<f64>), c: &Point2D) -> (String, Vec<u8>, f64) {
    a.reverse();
    (format!("{match}{}{}", c.tag.1, b.0, match = r#match), a, b.1.unwrap_or(c.x))
}
pub fn spilled(a: f64, b: &str, c: Vec<u32>, d: Point2D, e: Option<(String, u64)>, f: &[String], g: bool, h: i64, i: Option<f32>) -> String {
    format!("{a} {b} {c:?} {d:?} {e:?} {f:?} {g} {h} {i:?}")
}
pub fn exp(x: f64) -> f64 { x.exp() }
pub fn memcpy(x: u32) -> u32 { x + 1 }
pub fn main(x: i8) -> i8 { x }
pub fn rotate_90(x_1: u8, x_2: u8) -> u8 { x_1 - x_2 }
pub fn lanes<R: Real>(a: R, b: R) -> R { R::select(a.lt(b), a * 2.0, b) }
pub fn labelled(n: Option<u32>, c: char, text: &str) -> Result<Option<String>, String> {
    match n {
        None => Ok(None),
        Some(0) => Err(format!("zero of {text}")),
        Some(n) => Ok(Some(format!("{text}{c}").repeat(n as usize))),
    }
}
