/// Shows the edges in a picture.
pub fn edges(image: &Image) -> Image {
    let mut drawn = image.map_3x3(|n| {
        let at = |place: usize| 0.299 * n[place][0] + 0.587 * n[place][1] + 0.114 * n[place][2];
        let across = at(2) + 2.0 * at(5) + at(8) - at(0) - 2.0 * at(3) - at(6);
        let down = at(6) + 2.0 * at(7) + at(8) - at(0) - 2.0 * at(1) - at(2);
        [(across * across + down * down).sqrt(); 3]
    });
    for pixel in drawn.pixels.chunks_exact_mut(4) {
        pixel[3] = 255;
    }
    drawn
}
