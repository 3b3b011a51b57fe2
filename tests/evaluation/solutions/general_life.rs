/// Conway's Game of Life on a torus.
///
/// * `width`: Cells in a row.
/// * `steps`: 0..=100, default 1. Generations.
pub fn life(cells: &[u8], width: u32, steps: u32) -> Result<Vec<u8>, String> {
    let width = width as usize;
    if width == 0 || cells.len() % width != 0 {
        return Err(format!("{} cells are no rows of {width}", cells.len()));
    }
    let height = cells.len() / width;
    let mut now = cells.to_vec();
    for _ in 0..steps {
        let mut next = vec![0; now.len()];
        for y in 0..height {
            let lines = [(y + height - 1) % height, y, (y + 1) % height].map(|line| &now[line * width..][..width]);
            for x in 0..width {
                let places = [(x + width - 1) % width, x, (x + 1) % width];
                let all: u32 = lines.iter().flat_map(|line| places.map(|place| line[place] as u32)).sum();
                let alive = now[y * width + x];
                let around = all - alive as u32;
                next[y * width + x] = u8::from(around == 3 || (alive == 1 && around == 2));
            }
        }
        now = next;
    }
    Ok(now)
}
