/// Turns a picture into black and white by Floyd-Steinberg dithering.
pub fn dither(mut image: Image) -> Image {
    let width = image.width as usize;
    if width == 0 {
        return image;
    }
    // Two rows of error, with a place to spare on either side.
    let mut here = vec![0i32; width + 2];
    let mut below = vec![0i32; width + 2];
    for y in 0..image.height {
        for (x, pixel) in image.row_mut(y).chunks_exact_mut(4).enumerate() {
            let (red, green, blue) = (pixel[0] as i32, pixel[1] as i32, pixel[2] as i32);
            let level = (299 * red + 587 * green + 114 * blue) / 1000 + here[x + 1];
            let white = if level >= 128 { 255 } else { 0 };
            let error = level - white;
            here[x + 2] += (error * 7) >> 4;
            below[x] += (error * 3) >> 4;
            below[x + 1] += (error * 5) >> 4;
            below[x + 2] += error >> 4;
            pixel[..3].fill(white as u8);
        }
        std::mem::swap(&mut here, &mut below);
        below.fill(0);
    }
    image
}
