//! Renders whole files and judges what comes out by a decoder that is not ours.

mod colours;
mod damage;
mod fixtures;
mod limits;
mod shapes;

use image::{DynamicImage, ImageFormat, RgbaImage};

use super::*;

/// What the service would allow.
const LIMITS: RenderLimits = RenderLimits {
    max_pixels: 40_000_000,
    max_memory_bytes: 1 << 30,
    cpu_time: Duration::from_mins(1),
};

/// Larger than any picture here.
const OWN_SIZE: u32 = 4096;

fn recipe(longer_side: u32, accepts_webp: bool) -> Recipe {
    Recipe {
        longer_side,
        accepts_webp,
        thumb_hash: false,
    }
}

/// As clients without WebP get it.
fn rendered(bytes: &[u8], media_type: MediaType, longer_side: u32) -> Rendered {
    render(bytes, media_type, &recipe(longer_side, false), &LIMITS).unwrap()
}

/// What a viewer shows of it.
fn shown(rendered: &Rendered) -> RgbaImage {
    let format = match rendered.media_type {
        MediaType::Jpeg => ImageFormat::Jpeg,
        MediaType::Png => ImageFormat::Png,
        MediaType::Gif => ImageFormat::Gif,
        MediaType::Webp => ImageFormat::WebP,
    };
    let shown = image::load_from_memory_with_format(&rendered.bytes, format).unwrap();
    let size = (shown.width(), shown.height());
    assert_eq!(size, (rendered.width, rendered.height));
    shown.into_rgba8()
}

/// A PNG of this picture.
fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = picture.into();
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Whether two colours look the same, but for what JPEG and WebP take away.
fn is_close(one: [u8; 4], two: [u8; 4], tolerance: u8) -> bool {
    let mut samples = one.iter().zip(&two);
    samples.all(|(one, two)| one.abs_diff(*two) <= tolerance)
}

/// How far two pictures are apart, in the mean of their samples. What shines through is compared on black, and squares
/// of 8 × 8 pixels by their mean: lossy files keep no pattern of single pixels.
fn difference(one: &RgbaImage, two: &RgbaImage) -> f64 {
    assert_eq!(one.dimensions(), two.dimensions());
    let (columns, rows) = (one.width().div_ceil(8), one.height().div_ceil(8));
    let mut squares = vec![[0; 4]; usize::try_from(columns * rows).unwrap()];
    for ((x, y, one), two) in one.enumerate_pixels().zip(two.pixels()) {
        let on_black = |pixel: &image::Rgba<u8>| {
            let [r, g, b, a] = pixel.0.map(i32::from);
            [r * a / 255, g * a / 255, b * a / 255, a]
        };
        let (one, two) = (on_black(one), on_black(two));
        let square = &mut squares[usize::try_from(y / 8 * columns + x / 8).unwrap()];
        for (sum, (one, two)) in square.iter_mut().zip(one.into_iter().zip(two)) {
            *sum += one - two;
        }
    }
    let sum: i32 = squares.as_flattened().iter().map(|sum| sum.abs()).sum();
    f64::from(sum) / f64::from(one.width() * one.height() * 4)
}
