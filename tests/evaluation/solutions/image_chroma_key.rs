/// Cuts out a green screen.
///
/// * `margin`: 0..=255, default 40. How far green must be above red and blue.
pub fn chroma_key(mut image: Image, margin: u32) -> Image {
    let margin = margin as i32;
    for pixel in image.pixels.chunks_exact_mut(4) {
        let (red, green, blue) = (pixel[0] as i32, pixel[1] as i32, pixel[2] as i32);
        if green - red > margin && green - blue > margin {
            pixel.fill(0);
        }
    }
    image
}
