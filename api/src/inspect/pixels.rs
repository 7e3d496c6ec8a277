//! Judges what is published by a decoder that is not ours: it shows the same before and after.

use std::io::Cursor;
use std::num::NonZeroU32;

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::{LoopCount, Orientation};
use image::{AnimationDecoder, ColorType, Delay, ImageDecoder, ImageResult, RgbaImage};

use super::{ImageLimits, Metadata, fixtures, inspect};
use crate::domain::MediaType;

/// Fixtures that this decoder does not decode, and why.
const UNDECODABLE: &[(&str, &str)] = &[
    ("cjpeg-arithmetic-progressive.jpg", "no arithmetic coding"),
    ("cjpeg-arithmetic.jpg", "no arithmetic coding"),
    ("ffmpeg-lossless.jpg", "no lossless JPEG"),
    ("libjpeg-turbo-12-bit.jpg", "no more than 8 bits in a JPEG"),
    ("libjpeg-turbo-lossless-16-bit.jpg", "no lossless JPEG"),
];

/// What a viewer shows of a file.
struct Shown {
    still: Still,
    animation: Option<Animation>,
}

struct Still {
    size: (u32, u32),
    colour_type: ColorType,
    pixels: Vec<u8>,
    colour_profile: Option<Vec<u8>>,
    orientation: Orientation,
}

struct Animation {
    /// Each with what it is drawn over.
    frames: Vec<RgbaImage>,
    delays: Vec<Delay>,
    /// How often they are shown, `None` being for ever.
    loops: Option<NonZeroU32>,
}

impl Shown {
    fn decode(media_type: MediaType, bytes: &[u8]) -> ImageResult<Self> {
        let file = || Cursor::new(bytes);
        let (still, animation) = match media_type {
            MediaType::Jpeg => (Still::decode(JpegDecoder::new(file())?)?, None),
            MediaType::Png => {
                let decoder = PngDecoder::new(file())?;
                let animated = decoder.is_apng()?;
                let animation = animated.then(|| Animation::decode(decoder.apng()?));
                (Still::decode(PngDecoder::new(file())?)?, animation)
            }
            MediaType::Gif => {
                let animation = Animation::decode(GifDecoder::new(file())?);
                (Still::decode(GifDecoder::new(file())?)?, Some(animation))
            }
            MediaType::Webp => {
                let decoder = WebPDecoder::new(file())?;
                let animated = decoder.has_animation();
                let animation = animated.then(|| Animation::decode(decoder));
                (Still::decode(WebPDecoder::new(file())?)?, animation)
            }
        };
        let animation = animation.transpose()?;
        Ok(Self { still, animation })
    }

    /// The first thing in which two files differ for whoever looks at them.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let (one, two) = (&self.still, &other.still);
        let still = [
            ("size", one.size == two.size),
            ("colour type", one.colour_type == two.colour_type),
            ("pixels", one.pixels == two.pixels),
            ("colour profile", one.colour_profile == two.colour_profile),
            ("orientation", one.orientation == two.orientation),
        ];
        let animation = match (&self.animation, &other.animation) {
            (None, None) => vec![],
            (Some(one), Some(two)) => vec![
                ("number of frames", one.frames.len() == two.frames.len()),
                ("frames", one.frames == two.frames),
                ("delays", one.delays == two.delays),
                ("loops", one.loops == two.loops),
            ],
            _ => vec![("animation", false)],
        };
        let mut all = still.into_iter().chain(animation);
        all.find_map(|(what, same)| (!same).then_some(what))
    }
}

impl Still {
    fn decode(mut decoder: impl ImageDecoder) -> ImageResult<Self> {
        let size = decoder.dimensions();
        let colour_type = decoder.color_type();
        let colour_profile = decoder.icc_profile()?;
        let orientation = decoder.orientation()?;
        let mut pixels = vec![0; usize::try_from(decoder.total_bytes()).unwrap()];
        decoder.read_image(&mut pixels)?;
        Ok(Self {
            size,
            colour_type,
            pixels,
            colour_profile,
            orientation,
        })
    }
}

impl Animation {
    fn decode<'a>(decoder: impl AnimationDecoder<'a>) -> ImageResult<Self> {
        let loops = match decoder.loop_count() {
            LoopCount::Finite(times) => Some(times),
            LoopCount::Infinite => None,
        };
        let frames = decoder.into_frames().collect_frames()?;
        let delays = frames.iter().map(image::Frame::delay).collect();
        let frames = frames.into_iter().map(image::Frame::into_buffer).collect();
        Ok(Self {
            frames,
            delays,
            loops,
        })
    }
}

#[test]
fn every_fixture_shows_the_same_before_and_after() {
    for (media_type, file) in fixtures::images() {
        let decoded = Shown::decode(media_type, file.bytes);
        let listed = UNDECODABLE.iter().find(|(name, _)| *name == file.name);
        let before = match (decoded, listed) {
            (Ok(before), None) => before,
            (Err(_), Some(_)) => continue,
            (Ok(_), Some((name, _))) => panic!("{name} is decodable and need not be listed"),
            (Err(error), None) => panic!("{} has to be listed: {error}", file.name),
        };
        let inspected = inspect(file.bytes, &ImageLimits::default(), Metadata::Remove);
        let published = inspected.unwrap().bytes;
        let after = Shown::decode(media_type, &published);
        let after = after.unwrap_or_else(|error| panic!("{}: {error}", file.name));
        assert_eq!(before.difference(&after), None, "{}", file.name);
    }
}

#[test]
fn files_that_this_decoder_does_not_decode_are_fixtures() {
    for (name, reason) in UNDECODABLE {
        let listed = fixtures::images().any(|(_, file)| file.name == *name);
        assert!(listed, "{name}: {reason}");
    }
}

/// Without this the comparison above could be one that sees nothing.
#[test]
fn what_changes_the_picture_is_noticed() {
    // The byte that is so far behind the beginning of the marker gets this value.
    let rows: [(&str, &[u8], usize, u8, &str); 15] = [
        ("pillow-baseline.jpg", b"\xff\xdb", 5, 99, "pixels"),
        (
            "pillow-icc.jpg",
            b"ICC_PROFILE\0",
            0,
            b'?',
            "colour profile",
        ),
        (
            "exiftool-orientation-6-gps.jpg",
            b"\x01\x12\0\x03\0\0\0\x01",
            9,
            3,
            "orientation",
        ),
        (
            "exiftool-exif-gps-icc.png",
            b"iCCP",
            3,
            b'?',
            "colour profile",
        ),
        ("exiftool-exif-gps-icc.png", b"eXIf", 3, b'?', "orientation"),
        ("pillow-animated.png", b"acTL", 3, b'?', "animation"),
        ("pillow-87a.gif", b"GIF87a", 13, 99, "pixels"),
        ("pillow-animated.gif", b"\x21\xf9\x04", 4, 99, "delays"),
        ("pillow-animated.gif", b"NETSCAPE2.0", 13, 99, "loops"),
        ("gimp.webp", b"ICCP", 3, b'?', "colour profile"),
        ("cwebp-lossy-alpha.webp", b"VP8X", 8, 0, "colour type"),
        ("cwebp-lossy-alpha.webp", b"ALPH", 8, 9, "pixels"),
        (
            "webpmux-metadata.webp",
            b"\x01\x12\0\x03\0\0\0\x01",
            9,
            3,
            "orientation",
        ),
        ("pillow-animated.webp", b"ANMF", 20, 99, "delays"),
        ("pillow-animated.webp", b"ANIM", 12, 99, "loops"),
    ];
    for (name, marker, distance, value, what) in rows {
        let (media_type, file) = fixtures::images()
            .find(|(_, file)| file.name == name)
            .unwrap();
        let mut changed = file.bytes.to_vec();
        let at = changed
            .windows(marker.len())
            .position(|window| window == marker);
        changed[at.unwrap() + distance] = value;
        let before = Shown::decode(media_type, file.bytes).unwrap();
        let after = Shown::decode(media_type, &changed);
        let after = after.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(before.difference(&after), Some(what), "{name}");
    }
}
