//! Reads the header chunk of a PNG: PNG (third edition), sections 5.2 (signature) and 11.2.1
//! (IHDR).

use super::{NO_DIMENSIONS, Reason, Size, read};

/// The signature: it holds both kinds of line end, so that a transfer which rewrites them shows.
const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// The greatest length, width or height: four-byte integers stop short of the sign bit (section
/// 7.1).
const MAX: u32 = 0x7fff_ffff;

/// Takes width and height from the IHDR chunk, which must come first and be one that decoders
/// accept.
pub(super) fn size(bytes: &[u8]) -> Result<Size, Reason> {
    let signature: [u8; 8] = read::array(bytes, 0).ok_or(NO_DIMENSIONS)?;
    if &signature != SIGNATURE {
        return Err("was damaged on its way: its signature is wrong");
    }
    let length = read::u32_be(bytes, 8).ok_or(NO_DIMENSIONS)?;
    let kind: [u8; 4] = read::array(bytes, 12).ok_or(NO_DIMENSIONS)?;
    if &kind != b"IHDR" {
        return Err("does not begin with its header");
    }
    let header: [u8; 13] = read::array(bytes, 16).ok_or(NO_DIMENSIONS)?;
    if length != 13 {
        return Err("has a header of the wrong length");
    }

    let [
        w0,
        w1,
        w2,
        w3,
        h0,
        h1,
        h2,
        h3,
        bit_depth,
        colour_type,
        compression,
        filter,
        interlace,
    ] = header;
    let width = u32::from_be_bytes([w0, w1, w2, w3]);
    let height = u32::from_be_bytes([h0, h1, h2, h3]);
    if width > MAX || height > MAX {
        return Err("claims a size that no PNG can have");
    }
    if !is_colour(colour_type, bit_depth) {
        return Err("has a colour type and bit depth that do not go together");
    }
    if compression != 0 || filter != 0 || interlace > 1 {
        return Err("uses a compression, filter or interlace method that does not exist");
    }
    Size::new(width, height)
}

/// The allowed pairs (section 11.2.1).
fn is_colour(colour_type: u8, bit_depth: u8) -> bool {
    match colour_type {
        // Greyscale.
        0 => matches!(bit_depth, 1 | 2 | 4 | 8 | 16),
        // Palette.
        3 => matches!(bit_depth, 1 | 2 | 4 | 8),
        // Truecolour; greyscale with alpha; truecolour with alpha.
        2 | 4 | 6 => matches!(bit_depth, 8 | 16),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::fixtures;

    /// The beginning of a PNG up to and including IHDR; the checksum does not matter here.
    fn png(width: u32, height: u32, rest: [u8; 5]) -> Vec<u8> {
        [
            SIGNATURE,
            &b"\0\0\0\x0dIHDR"[..],
            &width.to_be_bytes(),
            &height.to_be_bytes(),
            &rest,
            b"\0\0\0\0",
        ]
        .concat()
    }

    const TRUECOLOUR: [u8; 5] = [8, 2, 0, 0, 0];

    #[test]
    fn real_files_have_the_size_that_their_encoder_wrote() {
        for file in fixtures::PNG {
            assert_eq!(
                size(file.bytes),
                Size::new(file.width, file.height),
                "{}",
                file.name
            );
        }
    }

    #[test]
    fn sizes_reach_up_to_the_sign_bit() {
        assert_eq!(size(&png(1, 1, TRUECOLOUR)), Size::new(1, 1));
        assert_eq!(size(&png(MAX, MAX, TRUECOLOUR)), Size::new(MAX, MAX));
        let impossible = Err("claims a size that no PNG can have");
        assert_eq!(size(&png(MAX + 1, 1, TRUECOLOUR)), impossible);
        assert_eq!(size(&png(1, u32::MAX, TRUECOLOUR)), impossible);
        assert_eq!(size(&png(0, 1, TRUECOLOUR)), Err("has a width of zero"));
        assert_eq!(size(&png(1, 0, TRUECOLOUR)), Err("has a height of zero"));
    }

    #[test]
    fn exactly_the_pairs_of_the_specification_are_accepted() {
        let allowed = [
            (0, &[1, 2, 4, 8, 16][..]),
            (2, &[8, 16]),
            (3, &[1, 2, 4, 8]),
            (4, &[8, 16]),
            (6, &[8, 16]),
        ];
        for colour_type in 0..=u8::MAX {
            for bit_depth in 0..=u8::MAX {
                let pair = |(colour, depths): &(u8, &[u8])| {
                    *colour == colour_type && depths.contains(&bit_depth)
                };
                let accepted = size(&png(4, 3, [bit_depth, colour_type, 0, 0, 0])).is_ok();
                assert_eq!(
                    accepted,
                    allowed.iter().any(pair),
                    "{colour_type}, {bit_depth}"
                );
            }
        }
    }

    #[test]
    fn headers_that_viewers_refuse_are_refused() {
        let with = |at: usize, value: u8| {
            let mut file = png(4, 3, TRUECOLOUR);
            file[at] = value;
            file
        };
        let damaged = "was damaged on its way: its signature is wrong";
        let method = "uses a compression, filter or interlace method that does not exist";
        let rows = [
            ("CR LF became LF LF", with(4, b'\n'), damaged),
            ("the last line end is gone", with(7, b'\r'), damaged),
            (
                "IHDR of 14 bytes",
                with(11, 14),
                "has a header of the wrong length",
            ),
            (
                "IHDR of 2\u{b3}\u{b2} bytes",
                with(8, 0xff),
                "has a header of the wrong length",
            ),
            (
                "another chunk first",
                with(12, b'i'),
                "does not begin with its header",
            ),
            ("compression method 1", with(26, 1), method),
            ("filter method 64, of MNG", with(27, 64), method),
            ("interlace method 2", with(28, 2), method),
            ("only the signature", SIGNATURE.to_vec(), NO_DIMENSIONS),
            ("half a signature", SIGNATURE[..4].to_vec(), NO_DIMENSIONS),
            (
                "IHDR without its last byte",
                png(4, 3, TRUECOLOUR)[..28].to_vec(),
                NO_DIMENSIONS,
            ),
        ];
        for (why, file, reason) in rows {
            assert_eq!(size(&file), Err(reason), "{why}");
        }
    }

    #[test]
    fn both_interlace_methods_are_accepted() {
        for interlace in [0, 1] {
            let file = png(4, 3, [8, 2, 0, 0, interlace]);
            assert_eq!(size(&file), Size::new(4, 3));
        }
    }
}
