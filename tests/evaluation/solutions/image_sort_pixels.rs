/// Sorts the pixels of each row by brightness, within runs of a range of brightness.
///
/// * `low`: 0..=765, default 100. Darkest brightness that moves.
/// * `high`: 0..=765, default 600. Brightest brightness that moves.
pub fn sort_pixels(mut image: Image, low: u32, high: u32) -> Image {
    for y in 0..image.height {
        let row = image.row_mut(y);
        let mut pixels: Vec<[u8; 4]> = row.chunks_exact(4).map(|p| [p[0], p[1], p[2], p[3]]).collect();
        let inside = |pixel: &[u8; 4]| (low..=high).contains(&pixel_brightness(pixel));
        let mut start = 0;
        while start < pixels.len() {
            let run = pixels[start..].iter().take_while(|pixel| inside(pixel)).count();
            pixels[start..start + run].sort_by_key(pixel_brightness);
            start += run + 1;
        }
        for (old, new) in row.chunks_exact_mut(4).zip(&pixels) {
            old.copy_from_slice(new);
        }
    }
    image
}

fn pixel_brightness(pixel: &[u8; 4]) -> u32 {
    pixel[..3].iter().map(|&each| each as u32).sum()
}
