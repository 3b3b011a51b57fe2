/// Puts a photo into the white frame of an instant picture.
///
/// * `border`: 0..=100, default 20. White pixels on three sides; three times as many at the bottom.
pub fn polaroid_frame(image: &Image, border: u32) -> Image {
    let (width, height) = image.dimensions();
    let mut framed = Image::filled(width + 2 * border, height + 4 * border, [255; 4]);
    let (start, length) = (4 * border as usize, 4 * width as usize);
    for y in 0..height {
        framed.row_mut(y + border)[start..start + length].copy_from_slice(image.row(y));
    }
    framed
}
