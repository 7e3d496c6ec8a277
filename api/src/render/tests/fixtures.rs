//! Every file that is taken.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::metadata::Orientation as Turn;
use image::{AnimationDecoder, ImageDecoder, ImageReader};

use super::*;
use crate::inspect::fixtures;

/// Files that cannot be decoded, and why.
const UNDECODABLE: &[(&str, &str)] = &[
    ("cjpeg-arithmetic-progressive.jpg", "arithmetic"),
    ("cjpeg-arithmetic.jpg", "arithmetic"),
    ("ffmpeg-lossless.jpg", "lossless"),
    ("libjpeg-turbo-12-bit.jpg", "more than 8 bits"),
    ("libjpeg-turbo-lossless-16-bit.jpg", "lossless"),
];

#[test]
fn every_fixture_is_rendered_or_listed() {
    for (media_type, file) in fixtures::images() {
        for accepts_webp in [false, true] {
            let recipe = Recipe {
                thumb_hash: true,
                ..recipe(32, accepts_webp)
            };
            let rendered = render(file.bytes, media_type, &recipe, &LIMITS);
            let listed = UNDECODABLE.iter().find(|(name, _)| *name == file.name);
            match (rendered, listed) {
                (Ok(rendered), None) => {
                    let (width, height) = file.shown();
                    let size = (rendered.width, rendered.height);
                    assert_eq!(size, fitting(width, height, 32), "{}", file.name);
                    assert!(rendered.thumb_hash.is_some(), "{}", file.name);
                    shown(&rendered);
                }
                (Err(RenderError::Undecodable(reason)), Some((name, says))) => {
                    assert!(reason.contains(says), "{name}: {reason}");
                }
                (rendered, _) => panic!("{}: {:?}", file.name, rendered.map(|_| ())),
            }
        }
    }
}

#[test]
fn files_that_cannot_be_decoded_are_fixtures() {
    let names: Vec<_> = fixtures::images().map(|(_, file)| file.name).collect();
    for (name, _) in UNDECODABLE {
        assert!(names.contains(name), "{name}");
    }
}

/// What `image` shows, which converts no colours: the first frame of an animation, the right way up.
fn reference(media_type: MediaType, bytes: &[u8]) -> RgbaImage {
    if media_type == MediaType::Gif {
        let decoder = GifDecoder::new(Cursor::new(bytes)).unwrap();
        let frame = decoder.into_frames().next().unwrap().unwrap();
        return frame.into_buffer();
    }
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut decoder = reader.unwrap().into_decoder().unwrap();
    // Browsers turn no WebP.
    let turn = match media_type {
        MediaType::Webp => Turn::NoTransforms,
        _ => decoder.orientation().unwrap(),
    };
    let mut picture = DynamicImage::from_decoder(decoder).unwrap();
    picture.apply_orientation(turn);
    picture.into_rgba8()
}

#[test]
fn every_fixture_looks_like_its_original() {
    for (media_type, file) in fixtures::images() {
        if UNDECODABLE.iter().any(|(name, _)| *name == file.name) {
            continue;
        }
        for accepts_webp in [false, true] {
            let recipe = recipe(OWN_SIZE, accepts_webp);
            let rendered = render(file.bytes, media_type, &recipe, &LIMITS).unwrap();
            let difference = difference(&shown(&rendered), &reference(media_type, file.bytes));
            assert!(difference < 10.0, "{}: {difference}", file.name);
            let is_exact = rendered.media_type == MediaType::Png;
            assert!(!is_exact || difference < 0.6, "{}: {difference}", file.name);
        }
    }
}

#[test]
fn what_is_rendered_has_no_metadata() {
    for (media_type, file) in fixtures::images() {
        for (longer_side, accepts_webp) in
            [(32, false), (32, true), (OWN_SIZE, false), (OWN_SIZE, true)]
        {
            let recipe = recipe(longer_side, accepts_webp);
            let Ok(rendered) = render(file.bytes, media_type, &recipe, &LIMITS) else {
                continue;
            };
            let inspected = inspect(&rendered.bytes, &NO_LIMITS, Metadata::Remove).unwrap();
            let name = file.name;
            assert_eq!(inspected.media_type, rendered.media_type, "{name}");
            assert_eq!(inspected.bytes.len(), rendered.bytes.len(), "{name}");
            assert_eq!(inspected.orientation, Orientation::AS_STORED, "{name}");
            assert_eq!(inspected.frames, 1, "{name}");
            let reader = ImageReader::new(Cursor::new(&rendered.bytes)).with_guessed_format();
            let mut decoder = reader.unwrap().into_decoder().unwrap();
            assert_eq!(decoder.icc_profile().unwrap(), None, "{name}");
        }
    }
}
