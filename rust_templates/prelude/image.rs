//! `Image`: an RGBA picture in memory, with sizes, single pixels and the rule for sizes.

/// The largest picture that the prelude makes: 100 million pixels, 400 MB.
pub const MAX_PIXELS: u64 = 100_000_000;

/// A picture of 8-bit RGBA pixels, row by row from the top left: 4 bytes per pixel, alpha last and not premultiplied.
///
/// **Sizes.** A picture may be empty (a width or height of 0), and every method accepts one. Methods that compute a new
/// size from their arguments (`resize`, `resize_nearest`, `resize_to_fit`, `crop`, `rotate`) return `Result`, with an
/// error when the size has a zero side or more than `MAX_PIXELS` pixels. `new`, `filled` and `from_fn` take 0 and panic
/// above `MAX_PIXELS`, as `Vec` does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height * 4` bytes.
    pub pixels: Vec<u8>,
}

/// Says whether `width` x `height` is a size that the prelude makes: no zero side, at most `MAX_PIXELS` pixels.
pub fn check_size(width: u32, height: u32) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err(format!("an image of {width}x{height} pixels is empty: both sides must be at least 1"));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(format!(
            "an image of {width}x{height} pixels is too large: at most {MAX_PIXELS} pixels are allowed"
        ));
    }
    Ok(())
}

impl Image {
    /// A transparent black picture.
    pub fn new(width: u32, height: u32) -> Image {
        Image { width, height, pixels: vec![0; byte_count(width, height)] }
    }

    /// A picture of one colour.
    pub fn filled(width: u32, height: u32, rgba: [u8; 4]) -> Image {
        Image { width, height, pixels: rgba.repeat(byte_count(width, height) / 4) }
    }

    /// A picture whose pixel at column `x`, row `y` is `pixel(x, y)`.
    #[inline]
    pub fn from_fn(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Image {
        let mut image = Image::new(width, height);
        if width > 0 {
            for (y, row) in image.pixels.chunks_exact_mut(width as usize * 4).enumerate() {
                for (x, out) in row.chunks_exact_mut(4).enumerate() {
                    out.copy_from_slice(&pixel(x as u32, y as u32));
                }
            }
        }
        image
    }

    /// `(width, height)`.
    #[inline]
    pub fn dimensions(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// True when there is no pixel.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// True when every alpha is 255.
    pub fn is_opaque(&self) -> bool {
        self.pixels.chunks(4096).all(|part| part.chunks_exact(4).fold(255, |alpha, p| alpha & p[3]) == 255)
    }

    /// The RGBA bytes at column `x`, row `y`. Panics outside the picture.
    #[inline]
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        let i = self.offset(x, y);
        [self.pixels[i], self.pixels[i + 1], self.pixels[i + 2], self.pixels[i + 3]]
    }

    /// The RGBA bytes at column `x`, row `y`, or those of the nearest edge outside the picture (zeros if it is empty).
    #[inline]
    pub fn get_clamped(&self, x: i32, y: i32) -> [u8; 4] {
        if self.is_empty() {
            return [0; 4];
        }
        let last = |n: u32| i32::try_from(n - 1).unwrap_or(i32::MAX);
        self.pixel(x.clamp(0, last(self.width)) as u32, y.clamp(0, last(self.height)) as u32)
    }

    /// Writes the RGBA bytes at column `x`, row `y`. Panics outside the picture.
    #[inline]
    pub fn set(&mut self, x: u32, y: u32, rgba: [u8; 4]) {
        let i = self.offset(x, y);
        self.pixels[i..i + 4].copy_from_slice(&rgba);
    }

    #[inline]
    fn offset(&self, x: u32, y: u32) -> usize {
        assert!(
            x < self.width && y < self.height,
            "pixel ({x}, {y}) is outside an image of {}x{}",
            self.width,
            self.height
        );
        (y as usize * self.width as usize + x as usize) * 4
    }
}

fn byte_count(width: u32, height: u32) -> usize {
    let count = u64::from(width) * u64::from(height);
    assert!(
        count <= MAX_PIXELS,
        "an image of {width}x{height} pixels is too large: at most {MAX_PIXELS} pixels are allowed"
    );
    count as usize * 4
}
