//! Reads the first chunk of a WebP: RFC 9649, sections 2.3 to 2.7, and RFC 6386 for the frames of a
//! lossy one.

use super::{NO_DIMENSIONS, Reason, Size, read};

/// Where the payload of the first chunk begins: after `RIFF`, the file's size, `WEBP`, the chunk's
/// name and its size.
const PAYLOAD: usize = 20;

/// Takes width and height from the first chunk, which tells the three kinds of WebP apart.
pub(super) fn size(bytes: &[u8]) -> Result<Size, Reason> {
    let riff_size = read::u32_le(bytes, 4).ok_or(NO_DIMENSIONS)?;
    let kind: [u8; 4] = read::array(bytes, 12).ok_or(NO_DIMENSIONS)?;
    let chunk_size = read::u32_le(bytes, 16).ok_or(NO_DIMENSIONS)?;

    // The RIFF size also counts WEBP, the chunk's name and the chunk's size.
    if chunk_size > riff_size.saturating_sub(12) {
        return Err("has a first chunk that is larger than the file");
    }
    match &kind {
        b"VP8 " => lossy(bytes, chunk_size),
        b"VP8L" => lossless(bytes, chunk_size),
        b"VP8X" => extended(bytes, chunk_size),
        _ => Err("does not begin with a picture"),
    }
}

/// `VP8 `, the lossy kind: the frame header of RFC 6386, section 9.1.
fn lossy(bytes: &[u8], chunk_size: u32) -> Result<Size, Reason> {
    let header: [u8; 10] = read::array(bytes, PAYLOAD).ok_or(NO_DIMENSIONS)?;
    let [tag, _, _, s0, s1, s2, w0, w1, h0, h1] = header;
    let key_frame = tag & 1 == 0;
    let shown = tag & 0x10 != 0;
    if chunk_size < 10 || !key_frame || !shown || [s0, s1, s2] != [0x9d, 0x01, 0x2a] {
        return Err("does not begin with a frame that can be shown");
    }
    // The upper two bits ask for upscaling, which decoders ignore.
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Size::new(side(w0, w1), side(h0, h1))
}

/// `VP8L`, the lossless kind: the header in RFC 9649, section 3.
fn lossless(bytes: &[u8], chunk_size: u32) -> Result<Size, Reason> {
    let [signature, bits @ ..]: [u8; 5] = read::array(bytes, PAYLOAD).ok_or(NO_DIMENSIONS)?;
    let bits = u32::from_le_bytes(bits);
    let version = bits >> 29;
    if chunk_size < 5 || signature != 0x2f || version != 0 {
        return Err("has a lossless picture that is damaged at its beginning");
    }
    Size::new((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1)
}

/// `VP8X`, the container for animation, alpha and metadata: RFC 9649, section 2.7.
fn extended(bytes: &[u8], chunk_size: u32) -> Result<Size, Reason> {
    let header: [u8; 10] = read::array(bytes, PAYLOAD).ok_or(NO_DIMENSIONS)?;
    let [_flags, _, _, _, w0, w1, w2, h0, h1, h2] = header;
    if chunk_size != 10 {
        return Err("has a header of the wrong length");
    }
    let width = u32::from_le_bytes([w0, w1, w2, 0]) + 1;
    let height = u32::from_le_bytes([h0, h1, h2, 0]) + 1;
    // The limit of the specification: 2³² - 1 pixels.
    if width.checked_mul(height).is_none() {
        return Err("claims a size that no WebP can have");
    }
    Size::new(width, height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::fixtures;

    /// A container whose first chunk has this name and payload; an odd payload is padded.
    fn webp(name: &[u8], payload: &[u8]) -> Vec<u8> {
        let chunk_size = u32::try_from(payload.len()).unwrap();
        let padding = if payload.len().is_multiple_of(2) {
            &[][..]
        } else {
            &[0]
        };
        let riff_size = 12 + chunk_size + u32::try_from(padding.len()).unwrap();
        [
            b"RIFF",
            &riff_size.to_le_bytes()[..],
            b"WEBP",
            name,
            &chunk_size.to_le_bytes(),
            payload,
            padding,
        ]
        .concat()
    }

    /// A key frame that is shown, with the 16-bit fields in which width and height stand.
    fn vp8(width: u16, height: u16) -> Vec<u8> {
        let [w0, w1] = width.to_le_bytes();
        let [h0, h1] = height.to_le_bytes();
        webp(b"VP8 ", &[0x10, 0, 0, 0x9d, 0x01, 0x2a, w0, w1, h0, h1])
    }

    fn vp8l(bits: u32) -> Vec<u8> {
        webp(b"VP8L", &[&[0x2f], &bits.to_le_bytes()[..]].concat())
    }

    fn vp8x(less_one: [u8; 6]) -> Vec<u8> {
        webp(b"VP8X", &[&[0x10, 0, 0, 0], &less_one[..]].concat())
    }

    #[test]
    fn real_files_have_the_size_that_their_encoder_wrote() {
        for file in fixtures::WEBP {
            assert_eq!(
                size(file.bytes),
                Size::new(file.width, file.height),
                "{}",
                file.name
            );
        }
    }

    #[test]
    fn each_kind_is_read_to_its_largest_size() {
        let rows = [
            ("lossy", vp8(40, 24), (40, 24)),
            ("lossy, largest", vp8(0x3fff, 0x3fff), (16_383, 16_383)),
            (
                "lossy, with upscaling that decoders ignore",
                vp8(0xc028, 0x4018),
                (40, 24),
            ),
            ("lossless", vp8l(0x27 | 0x17 << 14), (40, 24)),
            ("lossless, smallest", vp8l(0), (1, 1)),
            ("lossless, largest", vp8l(0x0fff_ffff), (16_384, 16_384)),
            (
                "lossless, with the bit for alpha",
                vp8l(0x27 | 0x17 << 14 | 1 << 28),
                (40, 24),
            ),
            ("extended", vp8x([39, 0, 0, 23, 0, 0]), (40, 24)),
            ("extended, smallest", vp8x([0; 6]), (1, 1)),
            (
                "extended, widest",
                vp8x([0xff, 0xff, 0xff, 0, 0, 0]),
                (1 << 24, 1),
            ),
            (
                "extended, largest area",
                vp8x([0xff, 0xff, 0, 0xfe, 0xff, 0]),
                (0x1_0000, 0xffff),
            ),
            (
                "extended, with reserved bits, which readers must ignore",
                webp(b"VP8X", &[0xff, 1, 2, 3, 39, 0, 0, 23, 0, 0]),
                (40, 24),
            ),
        ];
        for (why, file, (width, height)) in rows {
            assert_eq!(size(&file), Size::new(width, height), "{why}");
        }
    }

    #[test]
    fn headers_that_viewers_refuse_are_refused() {
        let with = |file: Vec<u8>, at: usize, value: u8| {
            let mut file = file;
            file[at] = value;
            file
        };
        let frame = "does not begin with a frame that can be shown";
        let lossless = "has a lossless picture that is damaged at its beginning";
        let too_large = "has a first chunk that is larger than the file";
        let rows = [
            ("an inter frame", with(vp8(40, 24), 20, 0x11), frame),
            ("a frame that is not shown", with(vp8(40, 24), 20, 0), frame),
            ("another start code", with(vp8(40, 24), 25, 0x2b), frame),
            ("a frame of 9 bytes", with(vp8(40, 24), 16, 9), frame),
            ("no width", vp8(0, 24), "has a width of zero"),
            (
                "no height, only upscaling",
                vp8(40, 0xc000),
                "has a height of zero",
            ),
            ("another signature", with(vp8l(0), 20, 0x2e), lossless),
            ("lossless of version 1", vp8l(1 << 29), lossless),
            ("lossless of 4 bytes", with(vp8l(0), 16, 4), lossless),
            (
                "an extended header of 12 bytes",
                webp(b"VP8X", &[0; 12]),
                "has a header of the wrong length",
            ),
            (
                "an area of 2\u{b3}\u{b2}",
                vp8x([0xff, 0xff, 0, 0xff, 0xff, 0]),
                "claims a size that no WebP can have",
            ),
            (
                "another chunk first",
                webp(b"EXIF", &[0; 10]),
                "does not begin with a picture",
            ),
            ("a RIFF size of zero", with(vp8(40, 24), 4, 0), too_large),
            (
                "a RIFF size that is too small",
                with(vp8(40, 24), 4, 21),
                too_large,
            ),
            ("a chunk of 4 GB", with(vp8(40, 24), 19, 0xff), too_large),
        ];
        for (why, file, reason) in rows {
            assert_eq!(size(&file), Err(reason), "{why}");
        }
    }

    #[test]
    fn a_header_that_is_cut_short_is_refused() {
        for file in [vp8(40, 24), vp8l(39), vp8x([39, 0, 0, 23, 0, 0])] {
            let needed = if file[15] == b'L' { 25 } else { 30 };
            for end in 12..needed {
                assert_eq!(size(&file[..end]), Err(NO_DIMENSIONS), "{end} bytes");
            }
            assert!(size(&file[..needed]).is_ok());
        }
    }
}
