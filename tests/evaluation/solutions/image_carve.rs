/// Makes a picture one pixel narrower by removing the seam of least energy.
pub fn carve(image: &Image) -> Result<Image, String> {
    let (width, height) = (image.width as usize, image.height as usize);
    if width < 2 || height == 0 {
        return Err("there is nothing to carve".to_string());
    }
    let mut total = vec![vec![0u32; width]; height];
    for y in 0..height {
        for x in 0..width {
            let above = if y == 0 { 0 } else { total[y - 1][window(x, width)].iter().copied().min().unwrap_or(0) };
            total[y][x] = above + pixel_energy(image, x as i32, y as i32);
        }
    }
    let mut carved = Image::new(image.width - 1, image.height);
    let mut x = leftmost_least(&total[height - 1], 0..width);
    for y in (0..height).rev() {
        let row = image.row(y as u32);
        let kept = carved.row_mut(y as u32);
        kept[..4 * x].copy_from_slice(&row[..4 * x]);
        kept[4 * x..].copy_from_slice(&row[4 * x + 4..]);
        if y > 0 {
            x = leftmost_least(&total[y - 1], window(x, width));
        }
    }
    Ok(carved)
}

fn window(x: usize, width: usize) -> std::ops::Range<usize> {
    x.saturating_sub(1)..(x + 2).min(width)
}

fn leftmost_least(sums: &[u32], places: std::ops::Range<usize>) -> usize {
    places.min_by_key(|&place| sums[place]).unwrap_or(0)
}

fn pixel_energy(image: &Image, x: i32, y: i32) -> u32 {
    let (left, right) = (image.get_clamped(x - 1, y), image.get_clamped(x + 1, y));
    let (above, below) = (image.get_clamped(x, y - 1), image.get_clamped(x, y + 1));
    (0..3).map(|c| right[c].abs_diff(left[c]) as u32 + below[c].abs_diff(above[c]) as u32).sum()
}
