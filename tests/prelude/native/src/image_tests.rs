//! Pictures: sizes, every-pixel functions, neighbourhoods, resampling, colours. NumPy comparisons run on wasm.

use crate::prelude::*;

fn noisy(width: u32, height: u32) -> Image {
    Image::from_fn(width, height, |x, y| hash2(x, y, 3).to_le_bytes())
}

fn opaque(width: u32, height: u32) -> Image {
    noisy(width, height).map_rgba(|_, _, [r, g, b, _]| [r, g, b, 255.0])
}

#[test]
fn every_method_accepts_an_empty_picture() {
    for empty in [Image::new(0, 0), Image::new(0, 5), Image::new(5, 0)] {
        let size = empty.dimensions();
        let turned = (size.1, size.0);
        let own = || empty.clone();
        for same in [
            own().map_rgb(|_, _, c| c),
            own().map_rgba(|_, _, c| c),
            own().map_luma(|_, _, l| l),
            own().map_rgb_uv(|_, _, c| c),
            own().map_lut(&table_of(|v| v)),
            own().blend(&empty, 1.0, screen),
            empty.map_3x3(|n| n[0]),
            empty.convolve3([1.0; 9], 0.0),
            empty.convolve(&[1.0; 25], 0.0),
            empty.gaussian_blur(2.0),
            empty.gaussian_blur(50.0),
            empty.box_blur(3),
            empty.sobel(),
            empty.unsharp(1.0, 1.0),
            empty.rotate180(),
            own().flip_horizontal(),
            own().flip_vertical(),
            empty.pixelate(4),
            empty.rotate(10.0, [0; 4]).unwrap(),
        ] {
            assert_eq!(same.dimensions(), size);
        }
        assert_eq!((empty.rotate90().dimensions(), empty.rotate270().dimensions()), (turned, turned));
        assert_eq!(empty.sample_bilinear(1.0, 1.0), [0.0; 4]);
        assert_eq!(empty.get_clamped(0, 0), [0; 4]);
        assert!(empty.resize(3, 3).is_err() && empty.crop(0, 0, 1, 1).is_err() && empty.resize_to_fit(2, 2).is_err());
    }
}

#[test]
fn sizes_follow_the_rule() {
    let image = noisy(7, 5);
    assert_eq!(image.resize(0, 3).unwrap_err(), "an image of 0x3 pixels is empty: both sides must be at least 1");
    assert_eq!(
        image.resize_nearest(20_000, 20_000).unwrap_err(),
        "an image of 20000x20000 pixels is too large: at most 100000000 pixels are allowed"
    );
    assert_eq!(image.crop(7, 0, 1, 1).unwrap_err(), "the crop at (7, 0) leaves nothing of an image of 7x5 pixels");
    assert_eq!(image.crop(5, 3, 10, u32::MAX).unwrap().dimensions(), (2, 2));
    assert_eq!(image.resize_to_fit(100, 10).unwrap().dimensions(), (14, 10));
    assert!(image.rotate(f32::NAN, [0; 4]).is_err());
    assert!(check_size(u32::MAX, u32::MAX).is_err() && check_size(1, 1).is_ok());
}

#[test]
#[should_panic(expected = "pixel (7, 0) is outside an image of 7x5")]
fn a_pixel_outside_panics() {
    noisy(7, 5).pixel(7, 0);
}

#[test]
fn every_pixel_sees_its_own_coordinates() {
    for (w, h) in [(1, 1), (7, 5), (8, 3), (9, 2), (33, 4)] {
        let got = noisy(w, h).map_rgb(|x, y, [r, _, _]| {
            assert!(x < w && y < h);
            [x as f32, y as f32, r]
        });
        let expected = Image::from_fn(w, h, |x, y| {
            let [r, _, _, a] = noisy(w, h).pixel(x, y);
            [x as u8, y as u8, r, a]
        });
        assert_eq!(got, expected);
        let corner = Image::new(w, h).map_rgb_uv(|u, v, _| [127.5 + 127.5 * u, 127.5 + 127.5 * v, u * u + v * v]);
        let [left, top, _, _] = corner.pixel(0, 0);
        assert!((f32::from(left) - 127.5 / w as f32).abs() < 0.51 && (f32::from(top) - 127.5 / h as f32).abs() < 0.51);
    }
}

#[test]
fn levels_are_clamped_and_rounded() {
    let values = [-1e9, -0.5, 0.49, 0.51, 1.5, 254.4, 255.0, 300.0, 1e30, f32::INFINITY, f32::NEG_INFINITY];
    let got = values.map(|v| Image::new(1, 1).map_rgb(|_, _, _| [v; 3]).pixel(0, 0)[0]);
    assert_eq!(got, [0, 0, 0, 1, 2, 254, 255, 255, 255, 255, 0]);
    assert_eq!(table_of(|v| 300.0 - v)[..3], [255, 255, 255]);
}

#[test]
fn blend_weighs_by_alpha_and_stops_at_the_edge() {
    let below = Image::filled(4, 4, [100, 100, 100, 200]);
    let top = Image::filled(2, 2, [200, 200, 200, 255]);
    let out = below.blend(&top, 0.5, |_, above| above);
    assert_eq!((out.pixel(0, 0), out.pixel(3, 3)), ([150, 150, 150, 200], [100, 100, 100, 200]));
}

#[test]
fn turns_and_mirrors_undo_themselves() {
    for (w, h) in [(1, 1), (7, 5), (40, 33), (64, 2)] {
        let image = noisy(w, h);
        assert_eq!(image.rotate90().pixel(h - 1, 0), image.pixel(0, 0));
        assert_eq!(image.rotate90().rotate270(), image);
        assert_eq!(image.rotate90().rotate90(), image.rotate180());
        assert_eq!(image.clone().flip_horizontal().flip_horizontal(), image);
        assert_eq!(image.clone().flip_horizontal().pixel(w - 1, 0), image.pixel(0, 0));
        assert_eq!(image.clone().flip_vertical().pixel(0, h - 1), image.pixel(0, 0));
        assert_eq!(image.rotate(450.0, [0; 4]).unwrap(), image.rotate90());
        assert_eq!(image.resize(w, h).unwrap(), image);
    }
    let turned = Image::filled(100, 50, [10, 20, 30, 255]).rotate(30.0, [1, 2, 3, 4]).unwrap();
    assert_eq!(turned.dimensions(), (112, 94));
    assert_eq!((turned.pixel(0, 0), turned.pixel(56, 47)), ([1, 2, 3, 4], [10, 20, 30, 255]));
    // Clockwise: a mark at the top middle goes to the right.
    let mut marked = Image::filled(101, 101, [0, 0, 0, 255]);
    marked.set(50, 0, [255; 4]);
    let out = marked.rotate(89.9, [0; 4]).unwrap();
    let brightest = (0..out.width * out.height).max_by_key(|i| out.pixel(i % out.width, i / out.width)[0]).unwrap();
    assert!(brightest % out.width > 90);
}

#[test]
fn flat_pictures_stay_flat() {
    for color in [[10, 200, 77, 255], [10, 200, 77, 128], [255, 255, 255, 255], [0, 0, 0, 1]] {
        let flat = Image::filled(41, 23, color);
        for out in [
            flat.gaussian_blur(0.8),
            flat.gaussian_blur(3.0),
            flat.gaussian_blur(30.0),
            flat.box_blur(1),
            flat.box_blur(100),
            flat.unsharp(2.0, 1.0),
            flat.resize(13, 50).unwrap(),
            flat.resize(90, 7).unwrap(),
            flat.pixelate(6),
            flat.convolve(&[1.0 / 25.0; 25], 0.0),
            flat.resize_nearest(3, 3).unwrap(),
        ] {
            let worst = out.pixels.chunks_exact(4).flat_map(|p| (0..4).map(|i| p[i].abs_diff(color[i]))).max();
            assert!(worst <= Some(0), "{color:?} changed by {worst:?}");
        }
    }
}

#[test]
fn transparent_pixels_lend_no_colour() {
    let image = Image::from_fn(40, 40, |x, _| if x < 20 { [200, 100, 50, 255] } else { [0, 255, 0, 0] });
    for out in [
        image.gaussian_blur(2.0),
        image.gaussian_blur(9.0),
        image.box_blur(3),
        image.resize(10, 10).unwrap(),
        image.pixelate(7),
    ] {
        for p in out.pixels.chunks_exact(4).filter(|p| p[3] > 8) {
            let near = |a: u8, b: u8| a.abs_diff(b) <= 1;
            assert!(near(p[0], 200) && near(p[1], 100) && near(p[2], 50), "{p:?}");
        }
    }
}

#[test]
fn convolutions_agree_and_refuse_other_kernels() {
    let image = opaque(17, 9);
    let kernel = [0.1, -0.2, 0.3, 0.0, 0.5, 0.1, 0.05, 0.1, 0.05];
    let (a, b) = (image.convolve3(kernel, 3.0), image.convolve(&kernel, 3.0));
    assert!(a.pixels.iter().zip(&b.pixels).all(|(a, b)| a.abs_diff(*b) <= 1));
    assert_eq!(image.convolve3([0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0], 0.0), image);
    assert!(std::panic::catch_unwind(|| opaque(2, 2).convolve(&[1.0; 16], 0.0)).is_err());
}

#[test]
fn colours_go_there_and_back() {
    for i in 0..5000u32 {
        let [r, g, b, _] = hash2(i, 0, 1).to_le_bytes().map(f32::from);
        let rgb = [r, g, b];
        for back in [hsl_to_rgb(rgb_to_hsl(rgb)), hsv_to_rgb(rgb_to_hsv(rgb)), hue_rotate(rgb, 360.0)] {
            assert!(back.iter().zip(rgb).all(|(a, b)| (a - b).abs() < 0.01), "{rgb:?} became {back:?}");
        }
        assert!((linear_to_srgb(srgb_to_linear(r)) - r).abs() < 0.01);
        assert!((luma(hue_rotate(rgb, 70.0)) - luma(rgb)).abs() < 0.5);
    }
    assert_eq!(rgb_to_hsl([255.0, 0.0, 0.0]), [0.0, 1.0, 0.5]);
    assert_eq!(rgb_to_hsv([0.0, 0.0, 255.0]), [240.0, 1.0, 1.0]);
    let [r, g, b] = hsl_to_rgb([480.0, 1.0, 0.5]);
    assert!(r.abs() < 0.01 && (g - 255.0).abs() < 0.01 && b.abs() < 0.01);
}

#[test]
fn blend_modes_have_their_neutral_colours() {
    let c = [10.0, 128.0, 240.0];
    let near = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.01);
    assert!(near(multiply(c, [255.0; 3]), c) && near(screen(c, [0.0; 3]), c));
    assert!(near(overlay(c, [127.5; 3]), c) && near(soft_light(c, [127.5; 3]), c));
    assert!(near(multiply(c, [0.0; 3]), [0.0; 3]) && near(screen(c, [255.0; 3]), [255.0; 3]));
}
