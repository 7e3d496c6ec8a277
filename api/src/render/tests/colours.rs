//! Colour spaces, depths, palettes and canvases.

use image::{ImageBuffer, Luma, Rgb, RgbImage, Rgba};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use moxcms::ColorProfile;

use super::*;

/// A picture of one colour with this profile, as JPEG or PNG.
fn with_profile(media_type: MediaType, colour: &[u8], profile: &[u8]) -> Vec<u8> {
    let samples = colour.repeat(64 * 48);
    let mut bytes = Vec::new();
    if media_type == MediaType::Jpeg {
        let mut encoder = Encoder::new(&mut bytes, 98);
        encoder.add_icc_profile(profile).unwrap();
        let colour_type = match colour.len() {
            1 => ColorType::Luma,
            3 => ColorType::Rgb,
            _ => ColorType::Cmyk,
        };
        encoder.encode(&samples, 64, 48, colour_type).unwrap();
        return bytes;
    }
    let mut info = png::Info::with_size(64, 48);
    info.icc_profile = Some(profile.to_vec().into());
    info.bit_depth = png::BitDepth::Eight;
    info.color_type = match colour.len() {
        1 => png::ColorType::Grayscale,
        2 => png::ColorType::GrayscaleAlpha,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    };
    let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&samples).unwrap();
    writer.finish().unwrap();
    bytes
}

/// From 0 to 255 in sRGB to light from 0 to 1 (IEC 61966-2-1), and back.
fn to_light(sample: u8) -> f64 {
    let value = f64::from(sample) / 255.0;
    if value <= 0.040_45 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is clamped"
)]
fn to_sample(light: f64) -> u8 {
    let value = if light <= 0.003_130_8 {
        light * 12.92
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    };
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

/// Display P3 to sRGB, by the matrix of the two spaces' primaries.
fn from_p3(colour: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = colour.map(to_light);
    [
        1.224_94 * r - 0.224_94 * g,
        -0.042_06 * r + 1.042_06 * g,
        -0.019_64 * r - 0.078_64 * g + 1.098_27 * b,
    ]
    .map(to_sample)
}

fn middle(rendered: &Rendered) -> [u8; 4] {
    let shown = shown(rendered);
    shown.get_pixel(shown.width() / 2, shown.height() / 2).0
}

#[test]
fn display_p3_becomes_srgb() {
    let profile = ColorProfile::new_display_p3().encode().unwrap();
    // The first is the red of sRGB.
    for colour in [[234, 51, 35], [200, 90, 80], [80, 180, 90], [60, 70, 190]] {
        let [r, g, b] = from_p3(colour);
        assert_ne!([r, g, b], colour, "another colour in sRGB");
        for media_type in [MediaType::Jpeg, MediaType::Png] {
            for longer_side in [16, OWN_SIZE] {
                let original = with_profile(media_type, &colour, &profile);
                let pixel = middle(&rendered(&original, media_type, longer_side));
                assert!(
                    is_close(pixel, [r, g, b, 255], 5),
                    "{media_type:?} {colour:?}: {pixel:?}, not {:?}",
                    [r, g, b]
                );
            }
        }
    }
}

#[test]
fn a_profile_that_would_take_too_much_memory_is_as_good_as_none() {
    let colour = [200, 90, 80];
    let mut profile = ColorProfile::new_display_p3().encode().unwrap();
    for (bytes, expected) in [(2 << 20, from_p3(colour)), ((2 << 20) + 1, colour)] {
        profile.resize(bytes, 0);
        let original = with_profile(MediaType::Png, &colour, &profile);
        let [r, g, b] = expected;
        let pixel = middle(&rendered(&original, MediaType::Png, 16));
        assert!(is_close(pixel, [r, g, b, 255], 5), "{bytes}: {pixel:?}");
    }
}

#[test]
fn a_profile_leaves_transparency_alone() {
    let profile = ColorProfile::new_display_p3().encode().unwrap();
    let original = with_profile(MediaType::Png, &[200, 90, 80, 100], &profile);
    let [r, g, b] = from_p3([200, 90, 80]);
    let pixel = middle(&rendered(&original, MediaType::Png, 16));
    assert!(is_close(pixel, [r, g, b, 100], 4), "{pixel:?}");
}

#[test]
fn grey_of_another_gamma_becomes_srgb() {
    let profile = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let expected = to_sample(64.0 / 255.0);
    for (media_type, colour, opacity) in [
        (MediaType::Jpeg, &[64][..], 255),
        (MediaType::Png, &[64], 255),
        (MediaType::Png, &[64, 90], 90),
    ] {
        let original = with_profile(media_type, colour, &profile);
        let pixel = middle(&rendered(&original, media_type, 16));
        let grey = [expected, expected, expected, opacity];
        assert!(
            is_close(pixel, grey, 3),
            "{media_type:?} {pixel:?}, not {grey:?}"
        );
    }
}

#[test]
fn a_profile_that_is_no_use_changes_nothing() {
    let rgb = ColorProfile::new_display_p3().encode().unwrap();
    let grey = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let mut damaged = rgb.clone();
    damaged.truncate(200);
    damaged[..4].copy_from_slice(&200_u32.to_be_bytes());
    let rows: [(&[u8], &[u8], [u8; 4]); 3] = [
        (&[200, 90, 80], &grey, [200, 90, 80, 255]),
        (&[64], &rgb, [64, 64, 64, 255]),
        (&[200, 90, 80], &damaged, [200, 90, 80, 255]),
    ];
    for (colour, profile, expected) in rows {
        let original = with_profile(MediaType::Png, colour, profile);
        let pixel = middle(&rendered(&original, MediaType::Png, 16));
        assert!(is_close(pixel, expected, 3), "{pixel:?}, not {expected:?}");
    }
}

/// A JPEG of one colour of ink, 255 being all of it.
fn ink(colour: [u8; 4], colour_type: ColorType, apart: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 98);
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    encoder.set_optimized_huffman_tables(apart);
    encoder
        .encode(&colour.repeat(64 * 48), 64, 48, colour_type)
        .unwrap();
    bytes
}

#[test]
fn ink_becomes_light() {
    let rows = [
        ([0, 0, 0, 0], [255, 255, 255, 255]),
        ([255, 0, 0, 0], [0, 255, 255, 255]),
        ([0, 200, 100, 0], [255, 55, 155, 255]),
        ([0, 200, 100, 128], [127, 27, 77, 255]),
        ([0, 0, 0, 255], [0, 0, 0, 255]),
    ];
    for (colour, expected) in rows {
        for colour_type in [ColorType::Cmyk, ColorType::CmykAsYcck] {
            for apart in [false, true] {
                let original = ink(colour, colour_type, apart);
                for longer_side in [16, OWN_SIZE] {
                    let pixel = middle(&rendered(&original, MediaType::Jpeg, longer_side));
                    assert!(
                        is_close(pixel, expected, 4),
                        "{colour:?} {colour_type:?} {apart}: {pixel:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn ink_is_inverted_only_in_files_by_adobe() {
    for apart in [false, true] {
        let by_adobe = ink([0, 200, 100, 0], ColorType::Cmyk, apart);
        let at = by_adobe
            .windows(5)
            .position(|bytes| bytes == b"Adobe")
            .unwrap();
        // Without the segment: marker, length, and payload.
        let other = [&by_adobe[..at - 4], &by_adobe[at + 12..]].concat();
        let pixel = middle(&rendered(&other, MediaType::Jpeg, 16));
        // The ink is 255, 55, 155 and 255: all of the black.
        assert!(is_close(pixel, [0, 0, 0, 255], 4), "{apart}: {pixel:?}");
    }
}

/// `zune-jpeg` alone gets these wrong, without an error.
#[test]
fn components_that_come_one_after_the_other_are_put_together() {
    let picture = RgbImage::from_fn(200, 150, |x, y| {
        Rgb([u8::try_from(x).unwrap(), u8::try_from(y).unwrap(), 128])
    });
    for sampling in [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_2_2,
    ] {
        let mut original = Vec::new();
        let mut encoder = Encoder::new(&mut original, 90);
        encoder.set_sampling_factor(sampling);
        // It writes them so when it makes tables of its own.
        encoder.set_optimized_huffman_tables(true);
        encoder.encode(&picture, 200, 150, ColorType::Rgb).unwrap();
        let rendered = rendered(&original, MediaType::Jpeg, 100);
        let shown = shown(&rendered);
        for (x, y) in [(10, 10), (90, 10), (10, 60), (90, 60)] {
            let expected = picture.get_pixel(x * 2, y * 2).0;
            let [r, g, b] = expected;
            let pixel = shown.get_pixel(x, y).0;
            assert!(
                is_close(pixel, [r, g, b, 255], 8),
                "{sampling:?}: {pixel:?}"
            );
        }
    }
}

#[test]
fn sixteen_bits_become_eight() {
    let grey = ImageBuffer::from_pixel(40, 30, Luma([0x8040_u16]));
    let colour = ImageBuffer::from_pixel(40, 30, Rgb([0xff00_u16, 0x4000, 0x10ff]));
    let through = ImageBuffer::from_pixel(40, 30, Rgba([0xff00_u16, 0x4000, 0x10ff, 0x7f00]));
    let rows = [
        (
            png(DynamicImage::ImageLuma16(grey)),
            [0x80, 0x80, 0x80, 255],
        ),
        (
            png(DynamicImage::ImageRgb16(colour)),
            [0xff, 0x40, 0x10, 255],
        ),
        (
            png(DynamicImage::ImageRgba16(through)),
            [0xff, 0x40, 0x10, 0x7f],
        ),
    ];
    for (original, expected) in rows {
        let pixel = middle(&rendered(&original, MediaType::Png, 16));
        assert!(is_close(pixel, expected, 3), "{pixel:?}, not {expected:?}");
    }
}

/// A GIF whose first frame covers a part of the screen, and has a transparent colour.
fn gif_of_a_part(screen: (u16, u16)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let palette = [220, 40, 40, 0, 0, 0];
    let mut encoder = gif::Encoder::new(&mut bytes, screen.0, screen.1, &palette).unwrap();
    // Its right half is transparent.
    let indices: Vec<u8> = (0..20 * 10).map(|at| u8::from(at % 20 >= 10)).collect();
    let frame = gif::Frame {
        left: 10,
        top: 5,
        width: 20,
        height: 10,
        transparent: Some(1),
        buffer: indices.into(),
        ..gif::Frame::default()
    };
    encoder.write_frame(&frame).unwrap();
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    bytes
}

#[test]
fn the_first_frame_of_a_gif_is_on_its_screen() {
    // The second screen is too small for the frame, and is enlarged for it.
    for (screen, size) in [((40, 20), (40, 20)), ((12, 6), (30, 15))] {
        let rendered = rendered(&gif_of_a_part(screen), MediaType::Gif, OWN_SIZE);
        assert_eq!(rendered.media_type, MediaType::Png);
        assert_eq!((rendered.width, rendered.height), size);
        let shown = shown(&rendered);
        let red = [220, 40, 40, 255];
        for (x, y, expected) in [
            (9, 5, [0; 4]),
            (10, 4, [0; 4]),
            (10, 5, red),
            (19, 14, red),
            (20, 14, [0; 4]),
        ] {
            assert_eq!(shown.get_pixel(x, y).0, expected, "{screen:?}, {x}, {y}");
        }
    }
}

#[test]
fn a_gif_without_colours_cannot_be_decoded() {
    let mut original = gif_of_a_part((40, 20));
    // The screen descriptor's flag of a colour table, and the table of four colours at least.
    let table = 3 << ((original[10] & 7) + 1);
    original[10] &= 0x7f;
    original.drain(13..13 + table);
    let error = render(&original, MediaType::Gif, &recipe(16, true), &LIMITS).unwrap_err();
    assert!(matches!(&error, RenderError::Undecodable(_)), "{error:?}");
}
