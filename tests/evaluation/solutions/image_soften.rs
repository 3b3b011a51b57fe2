/// Blurs a picture with a square box.
///
/// * `radius`: 0..=20, default 3. Half the side of the square.
pub fn soften(image: &Image, radius: u32) -> Image {
    image.box_blur(radius)
}
