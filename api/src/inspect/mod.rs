//! Says what an upload is from its content alone, and gives it without what is nobody's business.
//!
//! The media type comes from the magic bytes, width and height from the header. Then the container is walked
//! to its end: a file that is cut short or put together wrongly is refused, what trails the image is cut off,
//! and metadata is taken out. The coded pixels are neither decoded nor changed.
//!
//! Pure: no I/O, nothing decoded, memory in proportion to the file, so that it can be run on any bytes before
//! anything else is. May import only [`crate::domain`].
//!
//! One module per format, which gives the size, and the walk or the reason why there is none; `recognise`
//! tells the formats apart and names the foreign ones; `exif` and `icc` know what pictures need of metadata.

mod edits;
mod exif;
mod gif;
mod icc;
mod jpeg;
mod png;
mod read;
mod recognise;
mod webp;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod pixels;

use std::borrow::Cow;
use std::ops::Range;

use crate::domain::MediaType;
pub use exif::Orientation;

/// An image that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected<'a> {
    /// The type that the content has, whatever the file is called.
    pub media_type: MediaType,
    /// Columns of pixels as shown: an EXIF orientation is applied. Never 0.
    pub width: u32,
    /// Rows of pixels as shown: an EXIF orientation is applied. Never 0.
    pub height: u32,
    /// Pictures that are shown one after the other: 1 for a still image.
    pub frames: u32,
    /// Which way up the picture is shown.
    pub orientation: Orientation,
    /// The image as it may be published: without what trailed it, and without metadata.
    pub bytes: Cow<'a, [u8]>,
}

/// What becomes of metadata: camera and place, descriptions, thumbnails, everything that is not needed to
/// show the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metadata {
    /// It is removed. Orientation, colour profile, animation and density stay.
    #[default]
    Remove,
    /// It stays, for archives. What trails the image is cut off all the same.
    Keep,
}

/// The largest image that is accepted. A value at the limit passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageLimits {
    /// Width times height. 40,000,000 by default, which decodes to 160 MB of RGBA.
    pub max_pixels: u64,
    /// The longer of width and height, in pixels. 16,384 by default.
    pub max_side: u32,
    /// Frames of an animation. 1,000 by default.
    pub max_frames: u32,
    /// Width times height times frames of an animation. 400,000,000 by default.
    pub max_animation_pixels: u64,
}

impl Default for ImageLimits {
    fn default() -> Self {
        Self {
            max_pixels: 40_000_000,
            max_side: 16_384,
            max_frames: 1_000,
            max_animation_pixels: 400_000_000,
        }
    }
}

/// Why a file is refused. The texts are meant for whoever sent the file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InspectError {
    /// The magic bytes are those of no accepted type.
    #[error("this is {}", .found.unwrap_or("not a kind of image that is known here"))]
    Unsupported {
        /// What the file is instead, with its article ("an SVG drawing"), when it was recognised.
        found: Option<&'static str>,
    },
    /// The type is accepted, but the file is cut short, damaged, or says what cannot be.
    #[error("the {} {reason}", format_name(*.media_type))]
    Malformed {
        /// The type that the magic bytes announce.
        media_type: MediaType,
        /// What is wrong, as the end of a sentence that begins with "the JPEG" ("ends before its
        /// dimensions").
        reason: &'static str,
    },
    /// Width times height is over [`ImageLimits::max_pixels`].
    #[error(
        "the image is {width} × {height} pixels, {} in all; the limit is {max_pixels}",
        u64::from(*.width) * u64::from(*.height)
    )]
    TooManyPixels {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The limit that applied.
        max_pixels: u64,
    },
    /// Width or height is over [`ImageLimits::max_side`].
    #[error("the image is {width} × {height} pixels; the limit for a side is {max_side}")]
    SideTooLong {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The limit that applied.
        max_side: u32,
    },
    /// The animation has more frames than [`ImageLimits::max_frames`].
    #[error("the animation has {frames} frames; the limit is {max_frames}")]
    TooManyFrames {
        /// How many there are.
        frames: u32,
        /// The limit that applied.
        max_frames: u32,
    },
    /// Width times height times frames is over [`ImageLimits::max_animation_pixels`].
    #[error(
        "the animation has {frames} frames of {width} × {height} pixels, {} in all; the limit is \
         {max_animation_pixels}",
        animation_pixels(*.width, *.height, *.frames)
    )]
    TooManyAnimationPixels {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// How many there are.
        frames: u32,
        /// The limit that applied.
        max_animation_pixels: u64,
    },
}

/// Tells what an image is, holds it against the limits, and gives it as it may be published.
///
/// # Errors
///
/// Every [`InspectError`]. The size comes first: an image that is too large is not walked. An image that
/// breaks several limits is reported for its side.
pub fn inspect<'a>(
    bytes: &'a [u8],
    limits: &ImageLimits,
    metadata: Metadata,
) -> Result<Inspected<'a>, InspectError> {
    let Some(media_type) = recognise::media_type(bytes) else {
        let found = recognise::foreign(bytes);
        return Err(InspectError::Unsupported { found });
    };
    let malformed = |reason| InspectError::Malformed { media_type, reason };
    let (size, walk): (_, Walk) = match media_type {
        MediaType::Jpeg => (jpeg::size(bytes), jpeg::walk),
        MediaType::Png => (png::size(bytes), png::walk),
        MediaType::Gif => (gif::size(bytes), gif::walk),
        MediaType::Webp => (webp::size(bytes), webp::walk),
    };
    let size = size.map_err(malformed)?;
    check_size(size, limits)?;
    let walked = walk(bytes).map_err(malformed)?;
    check_animation(size, walked.frames, limits)?;
    let Size { width, height } = size;
    let (width, height) = if walked.orientation.swaps_sides() {
        (height, width)
    } else {
        (width, height)
    };
    Ok(Inspected {
        media_type,
        width,
        height,
        frames: walked.frames,
        orientation: walked.orientation,
        bytes: walked.publishable(bytes, metadata),
    })
}

fn check_size(Size { width, height }: Size, limits: &ImageLimits) -> Result<(), InspectError> {
    let (max_side, max_pixels) = (limits.max_side, limits.max_pixels);
    if width.max(height) > max_side {
        return Err(InspectError::SideTooLong {
            width,
            height,
            max_side,
        });
    }
    // Two u32 always fit: (2³² - 1)² < 2⁶⁴.
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(InspectError::TooManyPixels {
            width,
            height,
            max_pixels,
        });
    }
    Ok(())
}

fn check_animation(
    Size { width, height }: Size,
    frames: u32,
    limits: &ImageLimits,
) -> Result<(), InspectError> {
    let (max_frames, max_animation_pixels) = (limits.max_frames, limits.max_animation_pixels);
    if frames > max_frames {
        return Err(InspectError::TooManyFrames { frames, max_frames });
    }
    if frames > 1 && animation_pixels(width, height, frames) > max_animation_pixels {
        return Err(InspectError::TooManyAnimationPixels {
            width,
            height,
            frames,
            max_animation_pixels,
        });
    }
    Ok(())
}

fn animation_pixels(width: u32, height: u32, frames: u32) -> u64 {
    (u64::from(width) * u64::from(height)).saturating_mul(frames.into())
}

/// Walks through a container to its end.
type Walk = fn(&[u8]) -> Result<Walked, Reason>;

/// What a walk through a container to its end found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Walked {
    /// Pictures that are shown one after the other: 1 for a still image.
    frames: u32,
    /// Which way up the picture is shown.
    orientation: Orientation,
    /// Where the image ends. What comes after it is cut off.
    end: usize,
    /// What has to change so that no metadata is left: in order, apart from each other, before `end`.
    edits: Vec<Edit>,
}

/// Bytes that are replaced by others, or by nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    range: Range<usize>,
    replacement: Vec<u8>,
}

impl Walked {
    /// The bytes as they may be published.
    fn publishable<'a>(&self, bytes: &'a [u8], metadata: Metadata) -> Cow<'a, [u8]> {
        let whole = bytes.get(..self.end).unwrap_or(bytes);
        if self.edits.is_empty() || metadata == Metadata::Keep {
            return Cow::Borrowed(whole);
        }
        let mut published = Vec::with_capacity(whole.len());
        let mut begin = 0;
        for Edit { range, replacement } in &self.edits {
            published.extend_from_slice(whole.get(begin..range.start).unwrap_or_default());
            published.extend_from_slice(replacement);
            begin = range.end;
        }
        published.extend_from_slice(whole.get(begin..).unwrap_or_default());
        Cow::Owned(published)
    }
}

/// What is wrong with a file: the `reason` of [`InspectError::Malformed`].
type Reason = &'static str;

const NO_DIMENSIONS: Reason = "ends before its dimensions";

/// Width and height in pixels, neither of them zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    width: u32,
    height: u32,
}

impl Size {
    fn new(width: u32, height: u32) -> Result<Self, Reason> {
        match (width, height) {
            (0, _) => Err("has a width of zero"),
            (_, 0) => Err("has a height of zero"),
            _ => Ok(Self { width, height }),
        }
    }
}

/// The format's name in a sentence.
fn format_name(media_type: MediaType) -> &'static str {
    match media_type {
        MediaType::Jpeg => "JPEG",
        MediaType::Png => "PNG",
        MediaType::Gif => "GIF",
        MediaType::Webp => "WebP",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;

    /// A still GIF of this size, whose one frame is a single pixel.
    fn gif(width: u16, height: u16) -> Vec<u8> {
        animation(width, height, 1)
    }

    fn animation(width: u16, height: u16, frames: usize) -> Vec<u8> {
        let [w0, w1] = width.to_le_bytes();
        let [h0, h1] = height.to_le_bytes();
        let frame = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
        let screen = [w0, w1, h0, h1, 0x80, 0, 0];
        let black_and_white = b"\0\0\0\xff\xff\xff";
        [
            &b"GIF89a"[..],
            &screen,
            black_and_white,
            &frame.repeat(frames),
            b";",
        ]
        .concat()
    }

    const LIMITS: ImageLimits = ImageLimits {
        max_pixels: 10_000,
        max_side: 200,
        max_frames: 10,
        max_animation_pixels: 20_000,
    };

    fn remove<'a>(bytes: &'a [u8], limits: &ImageLimits) -> Result<Inspected<'a>, InspectError> {
        inspect(bytes, limits, Metadata::Remove)
    }

    #[test]
    fn real_images_are_recognised_and_measured() {
        for (media_type, file) in fixtures::images() {
            let inspected = remove(file.bytes, &ImageLimits::default());
            let inspected = inspected.unwrap_or_else(|error| panic!("{}: {error}", file.name));
            assert_eq!(inspected.media_type, media_type, "{}", file.name);
            let size = (inspected.width, inspected.height);
            assert_eq!(size, file.shown(), "{}", file.name);
            let animated = file.name.contains("animated") || file.name == "apngasm.png";
            assert_eq!(inspected.frames > 1, animated, "{}", file.name);
        }
    }

    #[test]
    fn real_files_have_the_size_that_their_encoder_wrote() {
        for (media_type, file) in fixtures::images() {
            let size = match media_type {
                MediaType::Jpeg => jpeg::size(file.bytes),
                MediaType::Png => png::size(file.bytes),
                MediaType::Gif => gif::size(file.bytes),
                MediaType::Webp => webp::size(file.bytes),
            };
            assert_eq!(size, Size::new(file.width, file.height), "{}", file.name);
        }
    }

    #[test]
    fn the_limits_are_the_largest_values_that_pass() {
        let too_many = |width, height| {
            Err(InspectError::TooManyPixels {
                width,
                height,
                max_pixels: 10_000,
            })
        };
        let too_long = |width, height| {
            Err(InspectError::SideTooLong {
                width,
                height,
                max_side: 200,
            })
        };
        let rows = [
            ("both at the limit", (200, 50), Ok(())),
            ("a row too many", (200, 51), too_many(200, 51)),
            ("a column too many", (51, 200), too_many(51, 200)),
            ("too wide", (201, 1), too_long(201, 1)),
            ("too high", (1, 201), too_long(1, 201)),
            (
                "both, and the side is told",
                (65_535, 65_535),
                too_long(65_535, 65_535),
            ),
        ];
        for (why, (width, height), expected) in rows {
            let side = |length| u16::try_from(length).unwrap();
            let file = gif(side(width), side(height));
            assert_eq!(remove(&file, &LIMITS).map(|_| ()), expected, "{why}");
        }
    }

    #[test]
    fn animations_have_limits_of_their_own() {
        let too_many_frames = |frames| {
            Err(InspectError::TooManyFrames {
                frames,
                max_frames: 10,
            })
        };
        let too_many_pixels = |frames| {
            Err(InspectError::TooManyAnimationPixels {
                width: 100,
                height: 100,
                frames,
                max_animation_pixels: 20_000,
            })
        };
        let rows = [
            ("frames at the limit", animation(1, 1, 10), Ok(())),
            ("a frame too many", animation(1, 1, 11), too_many_frames(11)),
            ("pixels at the limit", animation(100, 100, 2), Ok(())),
            ("pixels over it", animation(100, 100, 3), too_many_pixels(3)),
        ];
        for (why, file, expected) in rows {
            assert_eq!(remove(&file, &LIMITS).map(|_| ()), expected, "{why}");
        }
    }

    #[test]
    fn a_still_image_is_not_held_against_the_limits_of_animations() {
        let limits = ImageLimits {
            max_animation_pixels: 1,
            ..LIMITS
        };
        assert!(remove(&gif(100, 100), &limits).is_ok());
    }

    #[test]
    fn the_default_limits_are_those_of_the_design() {
        let limits = ImageLimits::default();
        assert_eq!((limits.max_pixels, limits.max_side), (40_000_000, 16_384));
    }

    #[test]
    fn the_largest_png_is_refused_without_overflow() {
        let limits = ImageLimits {
            max_side: u32::MAX,
            ..ImageLimits::default()
        };
        let file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x06\0\0\0";
        let too_many = InspectError::TooManyPixels {
            width: 0x7fff_ffff,
            height: 0x7fff_ffff,
            max_pixels: 40_000_000,
        };
        assert_eq!(remove(file, &limits), Err(too_many));
    }

    #[test]
    fn errors_are_sentences_for_whoever_sent_the_file() {
        let rows: [(&[u8], &str); 9] = [
            (b"<svg/>", "this is an SVG drawing"),
            (b"\0\0\0\x0cftypheic", "this is a HEIC photo"),
            (
                b"\x7fELF\x02",
                "this is not a kind of image that is known here",
            ),
            (b"\xff\xd8\xff\xe0", "the JPEG ends before its dimensions"),
            (b"RIFF\0\0\0\0WEBP", "the WebP ends before its dimensions"),
            (
                &gif(200, 100),
                "the image is 200 × 100 pixels, 20000 in all; the limit is 10000",
            ),
            (
                &gif(201, 100),
                "the image is 201 × 100 pixels; the limit for a side is 200",
            ),
            (
                &animation(1, 1, 11),
                "the animation has 11 frames; the limit is 10",
            ),
            (
                &animation(100, 100, 3),
                "the animation has 3 frames of 100 × 100 pixels, 30000 in all; the limit is 20000",
            ),
        ];
        for (bytes, sentence) in rows {
            let error = remove(bytes, &LIMITS).unwrap_err();
            assert_eq!(error.to_string(), sentence);
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        for (media_type, file) in fixtures::images() {
            let whole = remove(file.bytes, &ImageLimits::default()).unwrap();
            let end = whole_image(file.bytes);
            for cut in 0..end {
                match remove(&file.bytes[..cut], &ImageLimits::default()) {
                    // Between two blocks, a GIF may end without its trailer. It gets one.
                    Ok(image) if media_type == MediaType::Gif => {
                        let trailer = [&file.bytes[..cut], b";"].concat();
                        assert_eq!(remove(&trailer, &ImageLimits::default()), Ok(image));
                    }
                    Err(InspectError::Unsupported { .. }) => assert!(cut < 12, "{cut}"),
                    Err(InspectError::Malformed {
                        media_type: named, ..
                    }) => assert_eq!(named, media_type),
                    other => panic!("{}, {cut} of {end} bytes: {other:?}", file.name),
                }
            }
            let cut = remove(&file.bytes[..end], &ImageLimits::default()).unwrap();
            assert_eq!(cut, whole, "{}", file.name);
        }
    }

    /// How many bytes the image in a file has, without what trails it.
    fn whole_image(bytes: &[u8]) -> usize {
        inspect(bytes, &ImageLimits::default(), Metadata::Keep)
            .unwrap()
            .bytes
            .len()
    }

    #[test]
    fn what_trails_an_image_is_cut_off_and_metadata_stays_if_wanted() {
        for (_, file) in fixtures::images() {
            let end = whole_image(file.bytes);
            let image = &file.bytes[..end];
            let page = [image, b"<html><script>alert(1)</script>"].concat();
            let archive = [image, b"PK\x03\x04"].concat();
            for polyglot in [page, archive] {
                let kept = inspect(&polyglot, &ImageLimits::default(), Metadata::Keep).unwrap();
                assert_eq!(kept.bytes, image, "{}", file.name);
            }
        }
    }

    #[test]
    fn what_is_published_is_taken_again_and_does_not_change() {
        for (_, file) in fixtures::images() {
            let once = remove(file.bytes, &ImageLimits::default()).unwrap();
            let twice = remove(&once.bytes, &ImageLimits::default()).unwrap();
            assert_eq!(once, twice, "{}", file.name);
        }
    }

    #[test]
    fn the_folder_of_fixtures_its_readme_and_the_list_agree() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        let described: BTreeSet<_> = readme
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(name, _)| name.to_owned())
            .collect();
        let present: BTreeSet<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "README.md")
            .collect();
        assert_eq!(described, present);

        let images = fixtures::images().map(|(_, file)| file.name);
        let foreign = fixtures::FOREIGN.iter().map(|file| file.name);
        let listed: BTreeSet<_> = images
            .chain(foreign)
            .chain(["charls-jpeg-ls.jls"])
            .map(str::to_owned)
            .collect();
        assert_eq!(listed, present);
    }

    /// A real file with up to eight bytes changed, perhaps cut short. Half of the changes fall in
    /// the first bytes, where the headers are.
    fn spoilt_file() -> impl Strategy<Value = Vec<u8>> {
        let files: Vec<_> = fixtures::images().map(|(_, file)| file.bytes).collect();
        let change = (any::<bool>(), any::<Index>(), any::<u8>());
        let changes = prop::collection::vec(change, 0..=8);
        let cut = prop::option::of(any::<Index>());
        (select(files), changes, cut).prop_map(|(file, changes, cut)| {
            let mut file = file.to_vec();
            for (in_header, at, value) in changes {
                let range = if in_header {
                    file.len().min(48)
                } else {
                    file.len()
                };
                file[at.index(range)] = value;
            }
            if let Some(cut) = cut {
                file.truncate(cut.index(file.len()));
            }
            file
        })
    }

    /// Anything behind the magic bytes of an accepted type.
    fn anything_with_magic() -> impl Strategy<Value = Vec<u8>> {
        let magic: [&[u8]; 8] = [
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
            b"GIF87a",
            b"GIF89a\0\0\0\0",
            b"RIFF\xff\xff\xff\xffWEBPVP8 ",
            b"RIFF\xff\xff\xff\xffWEBPVP8L",
            b"RIFF\xff\xff\xff\xffWEBPVP8X",
            b"\0\0\0\x40ftyp",
        ];
        // Markers of JPEG and separators of GIF are rare among arbitrary bytes.
        let telling = select(b"\xff\xc0\xd8\xda\xdc\x00\x02\x21\x2c\x3b\x2f".to_vec());
        let byte = prop_oneof![any::<u8>(), telling];
        (select(magic.to_vec()), prop::collection::vec(byte, 0..256))
            .prop_map(|(magic, rest)| [magic, &rest].concat())
    }

    /// Whatever the bytes: an answer, and one that keeps the promises of [`Inspected`].
    fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
        let limits = ImageLimits::default();
        let Ok(inspected) = remove(bytes, &limits) else {
            prop_assert!(inspect(bytes, &limits, Metadata::Keep).is_err());
            return Ok(());
        };
        let Inspected { width, height, .. } = inspected;
        prop_assert!(width > 0 && height > 0);
        prop_assert!(width <= limits.max_side && height <= limits.max_side);
        prop_assert!(u64::from(width) * u64::from(height) <= limits.max_pixels);
        prop_assert!((1..=limits.max_frames).contains(&inspected.frames));
        // Room for an orientation, which may have been said in fewer bytes.
        prop_assert!(inspected.bytes.len() <= bytes.len() + 64);
        let again = remove(&inspected.bytes, &limits);
        prop_assert_eq!(
            again.as_ref(),
            Ok(&inspected),
            "what is published is taken again"
        );
        Ok(())
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            check(&bytes)?;
        }

        #[test]
        fn arbitrary_bytes_behind_magic_bytes_never_panic(bytes in anything_with_magic()) {
            check(&bytes)?;
        }

        #[test]
        fn spoilt_files_never_panic(bytes in spoilt_file()) {
            check(&bytes)?;
        }
    }
}
