/// Gives a photo a sepia tone.
pub fn sepia_tone(image: Image) -> Image {
    image.map_rgb(|_, _, [r, g, b]| {
        [0.393 * r + 0.769 * g + 0.189 * b, 0.349 * r + 0.686 * g + 0.168 * b, 0.272 * r + 0.534 * g + 0.131 * b]
    })
}
