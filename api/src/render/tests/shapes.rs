//! Sizes, ways up, transparency, and the choice of a format.

use image::{GrayImage, Luma, LumaA, Rgb, RgbImage, Rgba};
use thumbhash::{thumb_hash_to_approximate_aspect_ratio, thumb_hash_to_average_rgba};

use super::*;
use crate::render::picture::{ColourSpace, Layout, Picture};

const RED: [u8; 3] = [220, 40, 40];
const GREEN: [u8; 3] = [40, 200, 60];
const BLUE: [u8; 3] = [40, 60, 210];
const WHITE: [u8; 3] = [240, 240, 240];

/// Red and green above blue and white.
fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => RED,
            (false, true) => GREEN,
            (true, false) => BLUE,
            (false, false) => WHITE,
        })
    })
}

/// A JPEG of the quarters, with this EXIF orientation.
fn turned_jpeg(orientation: u8) -> Vec<u8> {
    let tiff = [
        &b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..],
        &[orientation, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 95);
    encoder.add_exif_metadata(&tiff).unwrap();
    encoder
        .encode(&quarters(160, 80), 160, 80, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}

#[test]
fn pictures_are_the_right_way_up() {
    // Where the quarters are seen: above left and right, below left and right (EXIF 3.0, 4.6.5.1.6).
    let rows: [(u8, [[u8; 3]; 4]); 8] = [
        (1, [RED, GREEN, BLUE, WHITE]),
        (2, [GREEN, RED, WHITE, BLUE]),
        (3, [WHITE, BLUE, GREEN, RED]),
        (4, [BLUE, WHITE, RED, GREEN]),
        (5, [RED, BLUE, GREEN, WHITE]),
        (6, [BLUE, RED, WHITE, GREEN]),
        (7, [WHITE, GREEN, BLUE, RED]),
        (8, [GREEN, WHITE, RED, BLUE]),
    ];
    for (orientation, colours) in rows {
        for longer_side in [40, OWN_SIZE] {
            let original = turned_jpeg(orientation);
            let rendered = rendered(&original, MediaType::Jpeg, longer_side);
            let (long, short) = (longer_side.min(160), longer_side.min(160) / 2);
            let size = if orientation < 5 {
                (long, short)
            } else {
                (short, long)
            };
            assert_eq!((rendered.width, rendered.height), size, "{orientation}");
            let shown = shown(&rendered);
            let quarters = [(1, 1), (3, 1), (1, 3), (3, 3)];
            for ((x, y), [r, g, b]) in quarters.into_iter().zip(colours) {
                let pixel = shown.get_pixel(size.0 * x / 4, size.1 * y / 4).0;
                assert!(
                    is_close(pixel, [r, g, b, 255], 12),
                    "{orientation}, {x}, {y}: {pixel:?}"
                );
            }
        }
    }
}

#[test]
fn every_layout_is_turned_alike() {
    let orientation = {
        let original = turned_jpeg(7);
        let inspected = inspect(&original, &NO_LIMITS, Metadata::Keep).unwrap();
        inspected.orientation
    };
    for layout in [Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba] {
        let samples = layout.samples();
        // Pixels 0 to 5 in two rows.
        let picture = Picture {
            width: 3,
            height: 2,
            layout,
            colour_space: ColourSpace::Srgb,
            samples: (0..6).flat_map(|pixel| vec![pixel; samples]).collect(),
        };
        let turned = turn::turn(picture, orientation);
        assert_eq!((turned.width, turned.height), (2, 3));
        let pixels: Vec<u8> = turned
            .samples
            .chunks(samples)
            .map(|pixel| pixel[0])
            .collect();
        assert_eq!(pixels, [5, 2, 4, 1, 3, 0]);
    }
}

#[test]
fn the_longer_side_fits_and_the_other_follows() {
    let rows = [
        ((2000, 1500), 320, (320, 240)),
        ((1500, 2000), 320, (240, 320)),
        ((16_384, 1), 320, (320, 1)),
        ((1, 16_384), 320, (1, 320)),
        ((320, 320), 320, (320, 320)),
        ((321, 320), 320, (320, 319)),
        ((1, 1), 320, (1, 1)),
        ((65_535, 65_535), 4096, (4096, 4096)),
    ];
    for ((width, height), longer_side, size) in rows {
        assert_eq!(fitting(width, height, longer_side), size);
    }
}

#[test]
fn very_long_pictures_keep_a_row_and_a_column() {
    for (size, expected) in [((16_384, 1), (320, 1)), ((1, 16_384), (1, 320))] {
        let original = png(GrayImage::from_pixel(size.0, size.1, Luma([128])));
        for accepts_webp in [false, true] {
            let recipe = Recipe {
                thumb_hash: true,
                ..recipe(320, accepts_webp)
            };
            let rendered = render(&original, MediaType::Png, &recipe, &LIMITS).unwrap();
            assert_eq!((rendered.width, rendered.height), expected);
            let pixel = shown(&rendered).get_pixel(0, 0).0;
            assert!(is_close(pixel, [128, 128, 128, 255], 3), "{pixel:?}");
        }
    }
}

#[test]
fn small_pictures_are_not_enlarged() {
    let rendered = rendered(&png(quarters(20, 10)), MediaType::Png, 320);
    assert_eq!((rendered.width, rendered.height), (20, 10));
}

#[test]
fn what_shines_through_leaves_no_fringe() {
    // A red disc; what is around it is black, should anyone see it.
    let disc = RgbaImage::from_fn(301, 301, |x, y| {
        let inside = x.abs_diff(150).pow(2) + y.abs_diff(150).pow(2) < 120 * 120;
        Rgba(if inside { [220, 40, 40, 255] } else { [0; 4] })
    });
    for accepts_webp in [false, true] {
        let recipe = recipe(50, accepts_webp);
        let rendered = render(&png(disc.clone()), MediaType::Png, &recipe, &LIMITS).unwrap();
        let shown = shown(&rendered);
        assert!(is_close(shown.get_pixel(25, 25).0, [220, 40, 40, 255], 6));
        assert_eq!(shown.get_pixel(0, 0).0[3], 0);
        let edges: Vec<_> = shown
            .pixels()
            .filter(|pixel| (64..=250).contains(&pixel[3]))
            .collect();
        assert!(edges.len() > 30, "{}", edges.len());
        // The chroma of a WebP has half the resolution.
        let darkest = if accepts_webp { 160 } else { 205 };
        for pixel in edges {
            assert!(pixel[0] > darkest, "{pixel:?}");
        }
    }
}

#[test]
fn grey_that_shines_through_leaves_no_fringe_either() {
    let half = image::ImageBuffer::from_fn(100, 40, |x, _| {
        LumaA(if x < 45 { [200_u8, 255] } else { [0, 0] })
    });
    let rendered = rendered(&png(DynamicImage::ImageLumaA8(half)), MediaType::Png, 10);
    assert_eq!(rendered.media_type, MediaType::Png);
    let shown = shown(&rendered);
    let [grey, .., opacity] = shown.get_pixel(4, 2).0;
    assert!((100..=160).contains(&opacity), "{opacity}");
    assert!(grey.abs_diff(200) < 4, "{grey}");
}

#[test]
fn what_is_not_opaque_is_a_png_and_everything_else_a_jpeg() {
    let picture = |opacity| {
        let noise = |x: u32, y: u32| u8::try_from((x * 7 + y * 13 + x * y) % 256).unwrap();
        RgbaImage::from_fn(400, 300, |x, y| {
            Rgba([noise(x, y), noise(y, x), noise(x + 9, y), opacity])
        })
    };
    for (opacity, expected) in [
        (255, MediaType::Jpeg),
        (254, MediaType::Png),
        (0, MediaType::Png),
    ] {
        let original = png(picture(opacity));
        let rendered = rendered(&original, MediaType::Png, 320);
        assert_eq!(rendered.media_type, expected, "{opacity}");
        assert_eq!(shown(&rendered).get_pixel(100, 100).0[3], opacity);
    }
}

#[test]
fn a_webp_is_only_chosen_when_it_is_smaller() {
    let mut chosen = Vec::new();
    for (media_type, file) in crate::inspect::fixtures::images() {
        for longer_side in [16, 48, OWN_SIZE] {
            let both = [false, true].map(|accepts_webp| {
                render(
                    file.bytes,
                    media_type,
                    &recipe(longer_side, accepts_webp),
                    &LIMITS,
                )
            });
            let [Ok(without), Ok(with)] = both else {
                continue;
            };
            assert_ne!(without.media_type, MediaType::Webp, "{}", file.name);
            if with.media_type == MediaType::Webp {
                assert!(with.bytes.len() <= without.bytes.len(), "{}", file.name);
            } else {
                assert_eq!(with.bytes.len(), without.bytes.len(), "{}", file.name);
            }
            chosen.push(with.media_type);
        }
    }
    for media_type in [MediaType::Webp, MediaType::Png] {
        assert!(chosen.contains(&media_type), "{media_type:?}");
    }
}

#[test]
fn a_small_original_stays_as_it_is_where_nothing_is_smaller() {
    let original = png(RgbImage::from_pixel(8, 8, Rgb(RED)));
    let same = rendered(&original, MediaType::Png, 320);
    assert_eq!(same.media_type, MediaType::Png);
    assert!(same.bytes == original);

    // Of all fixtures, some are the smallest file for what they show.
    let stays = |accepts_webp| {
        let mut stay = Vec::new();
        for (media_type, file) in crate::inspect::fixtures::images() {
            let rendered = render(
                file.bytes,
                media_type,
                &recipe(OWN_SIZE, accepts_webp),
                &LIMITS,
            );
            if rendered.is_ok_and(|rendered| rendered.bytes == file.bytes) {
                stay.push(media_type);
            }
        }
        stay
    };
    assert!(stays(true).contains(&MediaType::Webp));
    assert!(!stays(false).contains(&MediaType::Webp));
}

#[test]
fn an_original_that_is_not_shown_as_it_is_stored_does_not_stay() {
    let turned = rendered(&turned_jpeg(3), MediaType::Jpeg, 160);
    let pixel = shown(&turned).get_pixel(10, 10).0;
    assert!(is_close(pixel, [240, 240, 240, 255], 12), "{pixel:?}");
}

#[test]
fn the_placeholder_has_the_colours_and_the_ratio_of_the_picture() {
    let rows = [
        (
            RgbaImage::from_pixel(300, 200, Rgba([220, 40, 40, 255])),
            1.5,
        ),
        (
            RgbaImage::from_pixel(100, 200, Rgba([40, 60, 210, 255])),
            0.5,
        ),
        (RgbaImage::from_pixel(20, 20, Rgba([40, 200, 60, 128])), 1.0),
    ];
    for (picture, ratio) in rows {
        let colour = picture.get_pixel(0, 0).0;
        let wanted = Recipe {
            thumb_hash: true,
            ..recipe(64, true)
        };
        let rendered = render(&png(picture), MediaType::Png, &wanted, &LIMITS).unwrap();
        let hash = rendered.thumb_hash.unwrap();
        let [r, g, b, a] = colour.map(|sample| f32::from(sample) / 255.0);
        let (red, green, blue, alpha) = thumb_hash_to_average_rgba(hash.as_bytes()).unwrap();
        for (one, two) in [(r, red), (g, green), (b, blue), (a, alpha)] {
            assert!((one - two).abs() < 0.05, "{colour:?}: {one} {two}");
        }
        let about = thumb_hash_to_approximate_aspect_ratio(hash.as_bytes()).unwrap();
        assert!((about - ratio).abs() < 0.25, "{colour:?}: {about}");
    }
}

#[test]
fn a_placeholder_is_only_made_when_it_is_wanted() {
    let rendered = rendered(&png(quarters(20, 10)), MediaType::Png, 320);
    assert_eq!(rendered.thumb_hash, None);
}
