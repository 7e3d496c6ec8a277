//! What is too large, takes too long, or is no picture.

use image::{GrayImage, Luma, RgbImage};

use super::*;

#[test]
fn a_picture_may_have_as_many_pixels_as_the_limit() {
    let original = png(GrayImage::new(100, 50));
    for (max_pixels, fits) in [(5_000, true), (4_999, false)] {
        let limits = RenderLimits {
            max_pixels,
            ..LIMITS
        };
        let rendered = render(&original, MediaType::Png, &recipe(16, false), &limits);
        let too_large = matches!(
            rendered,
            Err(RenderError::TooLarge {
                width: 100,
                height: 50,
                ..
            })
        );
        assert_eq!(too_large, !fits);
        assert_eq!(rendered.is_ok(), fits);
    }
}

#[test]
fn a_render_may_take_as_much_memory_as_the_limit() {
    let original = png(GrayImage::new(100, 50));
    let memory_bytes = memory_bytes(MediaType::Png, 100, 50, 16);
    for (max_memory_bytes, fits) in [(memory_bytes, true), (memory_bytes - 1, false)] {
        let limits = RenderLimits {
            max_memory_bytes,
            ..LIMITS
        };
        let rendered = render(&original, MediaType::Png, &recipe(16, false), &limits);
        assert_eq!(rendered.is_ok(), fits);
        if let Err(error) = rendered {
            assert_eq!(
                error,
                RenderError::TooLarge {
                    width: 100,
                    height: 50,
                    memory_bytes
                }
            );
        }
    }
}

#[test]
fn memory_grows_with_the_picture_and_never_overflows() {
    for media_type in MediaType::ALL {
        let sizes = [(1, 1), (100, 100), (2000, 1500), (16_384, 2441)];
        let needed = sizes.map(|(width, height)| memory_bytes(media_type, width, height, 320));
        assert!(needed.is_sorted(), "{needed:?}");
        assert!(
            needed[2] < 64 << 20,
            "four photos in the default budget: {needed:?}"
        );
        let most = memory_bytes(media_type, u32::MAX, u32::MAX, u32::MAX);
        assert_eq!(most, u64::MAX);
    }
}

#[test]
fn large_variants_take_more_memory() {
    for media_type in MediaType::ALL {
        let needed = [320, 4096].map(|side| memory_bytes(media_type, 5_000, 4_000, side));
        assert!(needed[0] < needed[1], "{media_type:?}: {needed:?}");
    }
}

#[test]
fn there_is_no_picture_without_time() {
    for (media_type, file) in crate::inspect::fixtures::images() {
        if render(file.bytes, media_type, &recipe(16, false), &LIMITS).is_err() {
            continue;
        }
        let limits = RenderLimits {
            cpu_time: Duration::ZERO,
            ..LIMITS
        };
        let rendered = render(file.bytes, media_type, &recipe(16, false), &limits);
        let error = rendered.unwrap_err();
        let expected = RenderError::TooSlow {
            cpu_time: Duration::ZERO,
        };
        assert_eq!(error, expected, "{}", file.name);
    }
}

/// A JPEG with nearly as many scans as `inspect` takes, each of a few bytes and of the whole picture.
fn many_scans() -> Vec<u8> {
    const SIDE: u16 = 4_000;
    let [high, low] = SIDE.to_be_bytes();
    let blocks = usize::from(SIDE / 8) * usize::from(SIDE / 8);
    let segment = |marker: u8, payload: &[u8]| {
        let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker], &length[..], payload].concat()
    };
    let frame = [8, high, low, high, low, 1, 1, 0x11, 0];
    // One code of one bit in each: no difference in brightness, and so many blocks without anything.
    let code = |class: u8, value: u8| [&[class, 1], &[0; 15][..], &[value]].concat();
    let scan = |first: u8, last: u8, bits: u8, data: &[u8]| {
        let header = segment(0xda, &[1, 1, 0, first, last, bits]);
        [&header, data].concat()
    };
    // The code, and 14 bits that say how many more than 2^14 blocks it is: all of them end within eight.
    let mut runs = Vec::new();
    let bits = "011111111111111".repeat(8);
    for byte in bits.as_bytes().chunks(8) {
        let text: String = byte.iter().copied().map(char::from).collect();
        let byte = u8::from_str_radix(&text, 2).unwrap();
        runs.push(byte);
        if byte == 0xff {
            runs.push(0);
        }
    }
    let brightness = scan(0, 0, 0, &vec![0; blocks.div_ceil(8)]);
    let details = scan(1, 63, 0x01, &runs);
    let refined = scan(1, 63, 0x10, &runs);
    [
        &[0xff, 0xd8][..],
        &segment(0xdb, &[&[0][..], &[1; 64]].concat()),
        &segment(0xc2, &frame),
        &segment(0xc4, &code(0x00, 0)),
        &segment(0xc4, &code(0x10, 0xe0)),
        &brightness,
        &details,
        &refined.repeat(100),
        &[0xff, 0xd9],
    ]
    .concat()
}

fn dense_png(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    let row = vec![0; usize::try_from(side).unwrap() * 4];
    for _ in 0..side {
        std::io::Write::write_all(&mut stream, &row).unwrap();
    }
    stream.finish().unwrap();
    drop(writer);
    bytes
}

fn dense_gif(side: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, side, side, &[0; 6]).unwrap();
    let frame = gif::Frame {
        width: side,
        height: side,
        buffer: vec![0; usize::from(side) * usize::from(side)].into(),
        ..gif::Frame::default()
    };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    bytes
}

fn dense_webp(side: u32) -> Vec<u8> {
    let picture = RgbImage::new(side, side);
    let mut bytes = Vec::new();
    let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut bytes);
    let colours = image::ExtendedColorType::Rgb8;
    encoder.encode(&picture, side, side, colours).unwrap();
    bytes
}

/// Each takes more than ten milliseconds, and is over after one.
#[test]
fn small_files_of_large_pictures_end_at_the_deadline() {
    let rows = [
        (MediaType::Jpeg, many_scans()),
        (MediaType::Png, dense_png(3_000)),
        (MediaType::Gif, dense_gif(3_000)),
        (MediaType::Webp, dense_webp(3_000)),
    ];
    for (media_type, original) in rows {
        assert!(
            original.len() < 1 << 20,
            "{media_type:?}: {}",
            original.len()
        );
        let limits = RenderLimits {
            cpu_time: Duration::from_millis(1),
            ..LIMITS
        };
        let rendered = render(&original, media_type, &recipe(16, false), &limits);
        let too_slow = matches!(rendered, Err(RenderError::TooSlow { .. }));
        assert!(too_slow, "{media_type:?}: {:?}", rendered.map(|_| ()));
        let rendered = render(&original, media_type, &recipe(16, false), &LIMITS);
        assert!(
            rendered.is_ok(),
            "{media_type:?}: {:?}",
            rendered.map(|_| ())
        );
    }
}

#[test]
fn what_is_no_image_cannot_be_decoded() {
    let original = png(GrayImage::from_pixel(4, 4, Luma([9])));
    for (bytes, media_type) in [
        (&b"no image"[..], MediaType::Png),
        (&[], MediaType::Jpeg),
        (&original, MediaType::Gif),
    ] {
        let error = render(bytes, media_type, &recipe(16, true), &LIMITS).unwrap_err();
        assert!(matches!(error, RenderError::Undecodable(_)), "{error:?}");
    }
}

#[test]
fn a_panic_is_an_error() {
    let rows = [
        (without_panic(|| panic!("at {}", 7)), "at 7"),
        (without_panic(|| panic!("plainly")), "plainly"),
        (without_panic(|| std::panic::panic_any(7)), "does not say"),
    ];
    for (rendered, reason) in rows {
        let Err(RenderError::Undecodable(text)) = rendered else {
            panic!("{rendered:?}");
        };
        assert!(text.contains(reason), "{text}");
    }
}
