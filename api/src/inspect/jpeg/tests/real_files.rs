//! What `walk` makes of files by real encoders.

use image::codecs::jpeg::JpegDecoder;
use image::{DynamicImage, ImageDecoder};

use crate::inspect::exif::Exif;

use super::*;

/// What `image` cannot decode: arithmetic coding, and more than 8 bits a sample or no loss at all.
const UNDECODABLE: [&str; 5] = [
    "cjpeg-arithmetic-progressive.jpg",
    "cjpeg-arithmetic.jpg",
    "ffmpeg-lossless.jpg",
    "libjpeg-turbo-12-bit.jpg",
    "libjpeg-turbo-lossless-16-bit.jpg",
];

#[test]
fn real_files_keep_their_pixels_profile_and_orientation() {
    let decode = |bytes: &[u8]| {
        let mut decoder = JpegDecoder::new(std::io::Cursor::new(bytes)).ok()?;
        let profile = decoder.icc_profile().unwrap();
        let orientation = decoder.orientation().unwrap();
        let pixels = DynamicImage::from_decoder(decoder).ok()?;
        Some((pixels, profile, orientation))
    };
    for file in fixtures::JPEG {
        let before = decode(file.bytes);
        assert_eq!(
            before.is_none(),
            UNDECODABLE.contains(&file.name),
            "{}",
            file.name
        );
        assert!(before == decode(&published(file.bytes)), "{}", file.name);
    }
}

#[test]
fn real_files_keep_their_coded_data() {
    /// Every segment that is no application's and no comment, with the data of its scan.
    fn coded(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut reader = Reader::new(bytes);
        let mut coded = Vec::new();
        loop {
            let mut segment = reader.segment("ends").unwrap();
            if segment.marker == SOS {
                segment.range.end = reader.skip_picture_data("ends").unwrap();
            }
            if segment.marker < APP0 {
                coded.push(bytes[segment.range].to_vec());
            }
            if segment.marker == EOI {
                return coded;
            }
        }
    }
    for file in fixtures::JPEG {
        assert!(
            coded(file.bytes) == coded(&published(file.bytes)),
            "{}",
            file.name
        );
    }
}

#[test]
fn nothing_private_is_left_in_real_files() {
    let names: [&[u8]; 15] = [
        b"GPS",
        b"http",
        b"xmp",
        b"Photoshop",
        b"8BIM",
        b"MPF\0",
        b"JFXX",
        b"CREATOR",
        b"Lavc",
        b"GIMP",
        b"Created",
        b"Ducky",
        b"MM\0*",
        b"JUMB",
        b"quality",
    ];
    for file in fixtures::JPEG {
        let published = published(file.bytes);
        for name in names {
            let found = published.windows(name.len()).any(|window| window == name);
            assert!(!found, "{} has {}", file.name, name.escape_ascii());
        }
        let mut reader = Reader::new(&published);
        let scan = std::iter::from_fn(|| reader.segment("ends").ok());
        for segment in scan.take_while(|segment| segment.marker != SOS) {
            let known: &[&[u8]] = match segment.marker {
                APP0 => &[b"JFIF\0"],
                APP1 => {
                    let tiff = segment.payload.strip_prefix(b"Exif\0\0").unwrap();
                    assert_eq!(tiff, Exif::read(tiff).tiff(), "{}", file.name);
                    continue;
                }
                APP2 => &[b"ICC_PROFILE\0"],
                APP14 => &[b"Adobe"],
                marker => {
                    assert!(marker < APP0, "{} has {marker:#x}", file.name);
                    continue;
                }
            };
            assert!(
                known.iter().any(|name| segment.payload.starts_with(name)),
                "{}",
                file.name
            );
        }
    }
}
