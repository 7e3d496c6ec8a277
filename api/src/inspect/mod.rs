//! Says what an upload is from its content alone: the media type from the magic bytes, width and
//! height from the header.
//!
//! Pure: no I/O, nothing decoded, nothing allocated, so that it can be run on any bytes before
//! anything else is. May import only [`crate::domain`].
//!
//! Only the header is read. A file that passes can still be cut short or damaged after it.
//!
//! One module per format, which gives the size or the reason why there is none; `recognise` tells
//! the formats apart and names the foreign ones.

mod gif;
mod jpeg;
mod png;
mod read;
mod recognise;
mod webp;

#[cfg(test)]
mod fixtures;

use crate::domain::MediaType;

/// What the header of an image says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// The type that the content has, whatever the file is called.
    pub media_type: MediaType,
    /// Columns of pixels as stored: an EXIF orientation is not applied. Never 0.
    pub width: u32,
    /// Rows of pixels as stored: an EXIF orientation is not applied. Never 0.
    pub height: u32,
}

/// The largest image that is accepted. A value at the limit passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelLimits {
    /// Width times height. 40,000,000 by default, which decodes to 160 MB of RGBA.
    pub max_pixels: u64,
    /// The longer of width and height, in pixels. 16,384 by default.
    pub max_side: u32,
}

impl Default for PixelLimits {
    fn default() -> Self {
        Self {
            max_pixels: 40_000_000,
            max_side: 16_384,
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
    /// The type is accepted, but the header cannot be read: it is cut short or says what cannot be.
    #[error("the {} {reason}", format_name(*.media_type))]
    Malformed {
        /// The type that the magic bytes announce.
        media_type: MediaType,
        /// What is wrong, as the end of a sentence that begins with "the JPEG" ("ends before its
        /// dimensions").
        reason: &'static str,
    },
    /// Width times height is over [`PixelLimits::max_pixels`].
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
    /// Width or height is over [`PixelLimits::max_side`].
    #[error("the image is {width} × {height} pixels; the limit for a side is {max_side}")]
    SideTooLong {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The limit that applied.
        max_side: u32,
    },
}

/// Tells the type and size of an image and holds the size against the limits.
///
/// # Errors
///
/// Every [`InspectError`]. An image that breaks both limits is reported for its side.
pub fn inspect(bytes: &[u8], limits: &PixelLimits) -> Result<Inspected, InspectError> {
    let Some(media_type) = recognise::media_type(bytes) else {
        let found = recognise::foreign(bytes);
        return Err(InspectError::Unsupported { found });
    };
    let size = match media_type {
        MediaType::Jpeg => jpeg::size(bytes),
        MediaType::Png => png::size(bytes),
        MediaType::Gif => gif::size(bytes),
        MediaType::Webp => webp::size(bytes),
    };
    let Size { width, height } =
        size.map_err(|reason| InspectError::Malformed { media_type, reason })?;

    let PixelLimits {
        max_pixels,
        max_side,
    } = *limits;
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
    Ok(Inspected {
        media_type,
        width,
        height,
    })
}

/// What is wrong with a header: the `reason` of [`InspectError::Malformed`].
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

    fn gif(width: u16, height: u16) -> Vec<u8> {
        let [w0, w1] = width.to_le_bytes();
        let [h0, h1] = height.to_le_bytes();
        [&b"GIF89a"[..], &[w0, w1, h0, h1, 0, 0, 0]].concat()
    }

    #[test]
    fn real_images_are_recognised_and_measured() {
        for (media_type, file) in fixtures::images() {
            let (width, height) = (file.width, file.height);
            let inspected = inspect(file.bytes, &PixelLimits::default());
            assert_eq!(
                inspected,
                Ok(Inspected {
                    media_type,
                    width,
                    height
                }),
                "{}",
                file.name
            );
        }
    }

    #[test]
    fn the_limits_are_the_largest_values_that_pass() {
        let limits = PixelLimits {
            max_pixels: 10_000,
            max_side: 200,
        };
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
            let inspected = inspect(&gif(side(width), side(height)), &limits);
            assert_eq!(inspected.map(|_| ()), expected, "{why}");
        }
    }

    #[test]
    fn the_default_limits_are_those_of_the_design() {
        let limits = PixelLimits::default();
        assert_eq!((limits.max_pixels, limits.max_side), (40_000_000, 16_384));
    }

    #[test]
    fn the_largest_png_does_not_overflow() {
        let limits = PixelLimits {
            max_pixels: u64::MAX,
            max_side: u32::MAX,
        };
        let file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x06\0\0\0";
        let inspected = inspect(file, &limits).unwrap();
        assert_eq!(
            (inspected.width, inspected.height),
            (0x7fff_ffff, 0x7fff_ffff)
        );
    }

    #[test]
    fn errors_are_sentences_for_whoever_sent_the_file() {
        let limits = PixelLimits {
            max_pixels: 10_000,
            max_side: 200,
        };
        let rows: [(&[u8], &str); 7] = [
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
        ];
        for (bytes, sentence) in rows {
            let error = inspect(bytes, &limits).unwrap_err();
            assert_eq!(error.to_string(), sentence);
        }
    }

    #[test]
    fn a_file_cut_anywhere_has_the_same_size_or_none() {
        for (media_type, file) in fixtures::images() {
            let mut measured = false;
            for end in 0..file.bytes.len() {
                match inspect(&file.bytes[..end], &PixelLimits::default()) {
                    Ok(inspected) => {
                        measured = true;
                        let size = (inspected.width, inspected.height);
                        assert_eq!(
                            inspected.media_type, media_type,
                            "{}, {end} bytes",
                            file.name
                        );
                        assert_eq!(
                            size,
                            (file.width, file.height),
                            "{}, {end} bytes",
                            file.name
                        );
                    }
                    Err(error) => {
                        assert!(!measured, "{}, {end} bytes: {error}", file.name);
                        let expected = match error {
                            InspectError::Unsupported { .. } => end < 12,
                            InspectError::Malformed {
                                media_type: named, ..
                            } => named == media_type,
                            _ => false,
                        };
                        assert!(expected, "{}, {end} bytes: {error}", file.name);
                    }
                }
            }
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
        let limits = PixelLimits::default();
        if let Ok(Inspected { width, height, .. }) = inspect(bytes, &limits) {
            prop_assert!(width > 0 && height > 0);
            prop_assert!(width <= limits.max_side && height <= limits.max_side);
            prop_assert!(u64::from(width) * u64::from(height) <= limits.max_pixels);
        }
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
