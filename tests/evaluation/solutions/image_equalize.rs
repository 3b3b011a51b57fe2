/// Equalises the histogram of each colour channel.
pub fn equalize(image: Image) -> Image {
    let tables: Vec<[u8; 256]> = (0..3).map(|channel| equalizing_table(&image, channel)).collect();
    image.map_luts(&tables[0], &tables[1], &tables[2])
}

fn equalizing_table(image: &Image, channel: usize) -> [u8; 256] {
    let mut counts = [0u32; 256];
    for pixel in image.pixels.chunks_exact(4) {
        counts[pixel[channel] as usize] += 1;
    }
    let total: u32 = counts.iter().sum();
    let least = counts.iter().copied().find(|&count| count > 0).unwrap_or(0);
    let mut table = [0u8; 256];
    let mut sum = 0;
    for (value, entry) in table.iter_mut().enumerate() {
        sum += counts[value];
        *entry = if total == least {
            value as u8
        } else if sum < least {
            0
        } else {
            (255.0 * (sum - least) as f64 / (total - least) as f64 + 0.5) as u8
        };
    }
    table
}
