//! Reads the markers of a JPEG up to its first scan: ITU T.81, annex B.
//!
//! As lenient as libjpeg, which is what most viewers use: stray bytes before a marker are skipped.

use super::{NO_DIMENSIONS, Reason, Size};

// Marker codes, ITU T.81 table B.1. The byte 0xff comes before each.
const TEM: u8 = 0x01;
const SOF0: u8 = 0xc0;
const DHT: u8 = 0xc4;
const JPG: u8 = 0xc8;
const DAC: u8 = 0xcc;
const SOF15: u8 = 0xcf;
const RST0: u8 = 0xd0;
const RST7: u8 = 0xd7;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const DQT: u8 = 0xdb;
const DNL: u8 = 0xdc;
const DRI: u8 = 0xdd;
const APP0: u8 = 0xe0;
const APP15: u8 = 0xef;
const COM: u8 = 0xfe;

/// Takes width and height from the frame header (B.2.2).
///
/// Reads on to the first scan, because a second frame header would leave it to each decoder which
/// size is meant. A thumbnail inside EXIF has a frame header of its own, but within the payload of
/// a segment, which is not looked into.
pub(super) fn size(bytes: &[u8]) -> Result<Size, Reason> {
    // The magic bytes end with the 0xff of the first marker.
    let mut rest = bytes.get(2..).ok_or(NO_DIMENSIONS)?;
    let mut frame = None;
    loop {
        let cut_short = if frame.is_none() {
            NO_DIMENSIONS
        } else {
            "ends before its picture"
        };
        let (marker, after) = next_marker(rest).ok_or(cut_short)?;
        match marker {
            TEM | RST0..=RST7 => {
                rest = after;
                continue;
            }
            EOI => return Err("has no picture in it"),
            _ if is_segment(marker) => {}
            _ => return Err("has a marker that few viewers accept"),
        }
        let (payload, after) = segment(after, cut_short)?;
        if is_frame(marker) {
            if frame.is_some() {
                return Err("gives its dimensions twice");
            }
            frame = Some(frame_header(payload)?);
        } else if marker == SOS {
            let (width, height) = frame.ok_or("has a picture before its dimensions")?;
            let height = if height == 0 { lines(after)? } else { height };
            return Size::new(width.into(), height.into());
        }
        rest = after;
    }
}

/// Markers of frame headers, one per coding: baseline, progressive, lossless, arithmetic and so on
/// (table B.1). Three codes in their range mean something else.
fn is_frame(marker: u8) -> bool {
    matches!(marker, SOF0..=SOF15) && !matches!(marker, DHT | JPG | DAC)
}

/// Markers that a length follows, as far as a decoder has to know them.
///
/// Left out, as libjpeg does: those of hierarchical files (DHP, EXP), whose frames have sizes of
/// their own; a second SOI; and the reserved codes, one of which makes JPEG-LS.
fn is_segment(marker: u8) -> bool {
    matches!(
        marker,
        SOS | DQT | DNL | DRI | DHT | DAC | APP0..=APP15 | COM
    ) || is_frame(marker)
}

/// Splits what follows a marker into the segment's payload and the rest. The length counts itself
/// (B.1.1.4).
fn segment(after_marker: &[u8], cut_short: Reason) -> Result<(&[u8], &[u8]), Reason> {
    let (length, rest) = after_marker.split_first_chunk().ok_or(cut_short)?;
    let length = usize::from(u16::from_be_bytes(*length))
        .checked_sub(2)
        .ok_or("has a segment of an impossible length")?;
    rest.split_at_checked(length).ok_or(cut_short)
}

/// Width and height; a height of 0 says that it comes after the first scan.
fn frame_header(payload: &[u8]) -> Result<(u16, u16), Reason> {
    match *payload {
        [_precision, h0, h1, w0, w1, components, ref rest @ ..]
            if components > 0 && rest.len() == 3 * usize::from(components) =>
        {
            Ok((u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1])))
        }
        _ => Err("has a frame header of the wrong length"),
    }
}

/// The height from the DNL segment (B.2.5), which stands behind the first scan.
fn lines(mut rest: &[u8]) -> Result<u16, Reason> {
    let cut_short = "ends before its height";
    loop {
        let (marker, after) = next_marker(rest).ok_or(cut_short)?;
        match marker {
            RST0..=RST7 => rest = after,
            DNL => {
                let (payload, _) = segment(after, cut_short)?;
                return match *payload {
                    [high, low] => Ok(u16::from_be_bytes([high, low])),
                    _ => Err("has a segment of an impossible length"),
                };
            }
            _ => return Err("has a height of zero"),
        }
    }
}

/// The next marker, and what follows it.
///
/// Any number of 0xff may come before a marker (B.1.1.2), and 0xff 0x00 is a byte of picture data
/// (B.1.1.5), so this reads across a scan as well as between segments.
fn next_marker(mut rest: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let ff = rest.iter().position(|&byte| byte == 0xff)?;
        rest = rest.get(ff..)?;
        let code = rest.iter().position(|&byte| byte != 0xff)?;
        let (&marker, after) = rest.get(code..)?.split_first()?;
        if marker != 0 {
            return Some((marker, after));
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::fixtures;

    const SOI: &[u8] = b"\xff\xd8";
    const END: &[u8] = b"\xff\xd9";
    const DHP: u8 = 0xde;
    const EXP: u8 = 0xdf;
    const JPEG_LS: u8 = 0xf7;

    fn part(marker: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker], &length[..], payload].concat()
    }

    /// Why a row is there, its parts, and what they give.
    type Row<'a> = (&'a str, &'a [&'a [u8]], Result<Size, Reason>);

    /// A frame header with one component.
    fn frame(marker: u8, width: u16, height: u16) -> Vec<u8> {
        let [h0, h1] = height.to_be_bytes();
        let [w0, w1] = width.to_be_bytes();
        part(marker, &[8, h0, h1, w0, w1, 1, 1, 0x11, 0])
    }

    /// A scan header and picture data, in which there are stuffed bytes and restart markers.
    fn scan() -> Vec<u8> {
        let data = b"\x12\xff\x00\x34\xff\xd0\x56\xff\xff\xd1\x78";
        [&part(SOS, &[1, 1, 0, 0, 63, 0])[..], data].concat()
    }

    /// A JPEG of these parts.
    fn jpeg(parts: &[&[u8]]) -> Vec<u8> {
        [SOI, &parts.concat(), END].concat()
    }

    #[test]
    fn real_files_have_the_size_that_their_encoder_wrote() {
        for file in fixtures::JPEG {
            assert_eq!(
                size(file.bytes),
                Size::new(file.width, file.height),
                "{}",
                file.name
            );
        }
    }

    #[test]
    fn every_kind_of_frame_is_read() {
        for marker in SOF0..=SOF15 {
            let read = size(&jpeg(&[&frame(marker, 40, 24), &scan()]));
            let is_frame = ![DHT, JPG, DAC].contains(&marker);
            assert_eq!(read.is_ok(), is_frame, "{marker:#x}: {read:?}");
        }
        let largest = jpeg(&[&frame(SOF0, u16::MAX, u16::MAX), &scan()]);
        assert_eq!(size(&largest), Size::new(65_535, 65_535));
    }

    #[test]
    fn quirks_that_viewers_accept_are_accepted() {
        let main = frame(SOF0, 40, 24);
        let thumbnail = jpeg(&[&frame(SOF0, 16, 12), &scan()]);
        let largest_segment = part(APP0 + 2, &vec![0xc0; 0xfffd]);
        let cmyk = part(
            SOF0,
            b"\x08\0\x18\0\x28\x04\x01\x11\0\x02\x11\0\x03\x11\0\x04\x11\0",
        );
        let rows: [(&str, &[&[u8]]); 10] = [
            ("nothing but a frame", &[&main, &scan()]),
            (
                "fill bytes before a marker",
                &[b"\xff\xff\xff", &main, b"\xff\xff", &scan()],
            ),
            (
                "stray bytes between segments",
                &[&part(COM, b"x"), b"\0\0\x12", &main, &scan()],
            ),
            (
                "a stuffed byte between segments",
                &[&part(COM, b"x"), b"\xff\0", &main, &scan()],
            ),
            (
                "markers that stand alone",
                &[b"\xff\x01\xff\xd0\xff\xd7", &main, &scan()],
            ),
            ("an empty segment", &[&part(COM, b""), &main, &scan()]),
            (
                "150 kB of ICC profile before the frame",
                &[
                    &largest_segment,
                    &largest_segment,
                    &part(APP0 + 2, &vec![0; 20_000]),
                    &main,
                    &scan(),
                ],
            ),
            (
                "a thumbnail in EXIF",
                &[&part(APP0 + 1, &thumbnail), &main, &scan()],
            ),
            (
                "a comment between frame and scan",
                &[&main, &part(COM, b"\xff\xc0"), &scan()],
            ),
            ("four components", &[&cmyk, &scan()]),
        ];
        for (why, parts) in rows {
            assert_eq!(size(&jpeg(parts)), Size::new(40, 24), "{why}");
        }
    }

    #[test]
    fn what_follows_the_first_scan_does_not_count() {
        let second = jpeg(&[&frame(SOF0, 160, 100), &scan()]);
        let file = [jpeg(&[&frame(SOF0, 40, 24), &scan()]), second].concat();
        assert_eq!(size(&file), Size::new(40, 24));
    }

    #[test]
    fn headers_that_cannot_be_relied_on_are_refused() {
        let main = frame(SOF0, 40, 24);
        let marker = "has a marker that few viewers accept";
        let frame_length = "has a frame header of the wrong length";
        let length = "has a segment of an impossible length";
        let rows: [(&str, &[&[u8]], Reason); 16] = [
            ("a second start", &[SOI, &main, &scan()], marker),
            (
                "a hierarchical file",
                &[&frame(DHP, 80, 48), &main, &scan()],
                marker,
            ),
            (
                "an expansion",
                &[&part(EXP, &[0x11]), &main, &scan()],
                marker,
            ),
            ("JPEG-LS", &[&frame(JPEG_LS, 40, 24), &scan()], marker),
            (
                "a reserved marker",
                &[&part(0x02, b"ab"), &main, &scan()],
                marker,
            ),
            (
                "a segment of length 0",
                &[b"\xff\xe5\0\0", &main, &scan()],
                length,
            ),
            (
                "a segment of length 1",
                &[b"\xff\xe5\0\x01", &main, &scan()],
                length,
            ),
            (
                "a second frame",
                &[&main, &main, &scan()],
                "gives its dimensions twice",
            ),
            (
                "a scan before the frame",
                &[&scan(), &main],
                "has a picture before its dimensions",
            ),
            ("an end before the frame", &[], "has no picture in it"),
            ("an end before the scan", &[&main], "has no picture in it"),
            (
                "no components",
                &[&part(SOF0, b"\x08\0\x18\0\x28\0"), &scan()],
                frame_length,
            ),
            (
                "a frame header with a byte too many",
                &[&part(SOF0, b"\x08\0\x18\0\x28\x01\x01\x11\0\0"), &scan()],
                frame_length,
            ),
            (
                "an empty frame header",
                &[&part(SOF0, b""), &scan()],
                frame_length,
            ),
            (
                "no width",
                &[&frame(SOF0, 0, 24), &scan()],
                "has a width of zero",
            ),
            (
                "no height",
                &[&frame(SOF0, 40, 0), &scan()],
                "has a height of zero",
            ),
        ];
        for (why, parts, reason) in rows {
            assert_eq!(size(&jpeg(parts)), Err(reason), "{why}");
        }
    }

    #[test]
    fn jpeg_ls_is_refused() {
        let reason = "has a marker that few viewers accept";
        assert_eq!(size(fixtures::JPEG_LS), Err(reason));
    }

    #[test]
    fn a_header_that_is_cut_short_is_refused() {
        let file = jpeg(&[&part(COM, b"abc"), &frame(SOF0, 40, 24), &scan()]);
        let after_frame = 2 + 7 + 13;
        let after_scan_header = after_frame + 10;
        for end in 2..file.len() {
            let expected = if end < after_frame {
                Err(NO_DIMENSIONS)
            } else if end < after_scan_header {
                Err("ends before its picture")
            } else {
                Size::new(40, 24)
            };
            assert_eq!(size(&file[..end]), expected, "{end} bytes");
        }
    }

    #[test]
    fn a_height_after_the_first_scan_is_found() {
        let main = frame(SOF0, 40, 0);
        let lines = |payload| part(DNL, payload);
        let rows: [Row; 6] = [
            (
                "DNL after the scan",
                &[&lines(b"\0\x18")],
                Size::new(40, 24),
            ),
            (
                "and again, which no longer counts",
                &[&lines(b"\0\x18"), &scan(), &lines(b"\0\x63")],
                Size::new(40, 24),
            ),
            (
                "zero again",
                &[&lines(b"\0\0")],
                Err("has a height of zero"),
            ),
            (
                "too short",
                &[&lines(b"\x18")],
                Err("has a segment of an impossible length"),
            ),
            (
                "after a second scan",
                &[&scan(), &lines(b"\0\x18")],
                Err("has a height of zero"),
            ),
            ("not at all", &[], Err("has a height of zero")),
        ];
        for (why, behind, expected) in rows {
            let file = jpeg(&[&main, &scan(), &behind.concat()]);
            assert_eq!(size(&file), expected, "{why}");
        }
        let early = jpeg(&[&main, &lines(b"\0\x18"), &scan()]);
        assert_eq!(size(&early), Err("has a height of zero"), "before the scan");
        let cut_short = [SOI, &main, &scan()].concat();
        assert_eq!(size(&cut_short), Err("ends before its height"));
    }
}
