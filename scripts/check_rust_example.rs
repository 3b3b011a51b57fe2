//! An author's file with each kind of type, so that each part of the glue is rendered and looked at.

/// A point on the plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

/// Whether a number lies between two others.
pub fn between(value: f64, low: f64, high: f64) -> bool {
    low <= value && value <= high
}

/// The share of a price that is left after its cost.
pub fn margin(price: f64, cost: f64) -> Result<f64, String> {
    if price == 0.0 {
        return Err("the price is zero".to_string());
    }
    Ok((price - cost) / price)
}

/// A text's first letter, if it has one.
pub fn initial(text: &str) -> Option<String> {
    text.chars().next().map(String::from)
}

/// Moves points.
pub fn shift(points: Vec<Point>, by: Point) -> Vec<Point> {
    points.into_iter().map(|point| Point { x: point.x + by.x, y: point.y + by.y }).collect()
}

/// Sums and counts.
pub fn totals(values: &[f64], scale: Option<f64>) -> (f64, u32) {
    let sum: f64 = values.iter().sum();
    (sum * scale.unwrap_or(1.0), values.len() as u32)
}

/// Darkens an image.
///
/// * `amount`: 0.0..=1.0, default 0.5. How much.
pub fn darken(image: Image, amount: f32) -> Image {
    image.map_rgb(|_, _, [r, g, b]| [r * (1.0 - amount), g * (1.0 - amount), b * (1.0 - amount)])
}
