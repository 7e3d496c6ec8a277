//! What `size` reads, and what it refuses.

use super::*;
use crate::inspect::NO_DIMENSIONS;
use marker::{SOF1, SOF2, SOF3, SOF9, SOF10, SOF11, SOF15};

const DHP: u8 = 0xde;
const EXP: u8 = 0xdf;
const JPEG_LS: u8 = 0xf7;

/// Why a row is there, its parts, and what they give.
type Row<'a> = (&'a str, &'a [&'a [u8]], Result<Size, Reason>);

#[test]
fn every_kind_of_frame_is_read() {
    for marker in SOF0..=SOF15 {
        let read = size(&jpeg(&[&frame(marker, 40, 24), &scan()]));
        let is_shown = [SOF0, SOF1, SOF2, SOF3, SOF9, SOF10, SOF11].contains(&marker);
        assert_eq!(read.is_ok(), is_shown, "{marker:#x}: {read:?}");
    }
    let largest = jpeg(&[&frame(SOF0, u16::MAX, u16::MAX), &scan()]);
    assert_eq!(size(&largest), Size::new(65_535, 65_535));
}

#[test]
fn frames_that_no_viewer_shows_are_refused() {
    let coded = Some("is coded in a way that viewers cannot show");
    let header = Some("has a frame header that cannot be");
    // Marker, precision, sampling factors and quantisation table.
    let rows: [(u8, u8, u8, u8, Option<Reason>); 12] = [
        (SOF0, 8, 0x11, 0, None),
        (SOF1, 12, 0x44, 3, None),
        (SOF3, 16, 0x11, 0, None),
        (SOF3, 2, 0x11, 0, None),
        (SOF0, 0, 0x11, 0, coded),
        (SOF0, 255, 0x11, 0, coded),
        (SOF3, 17, 0x11, 0, coded),
        (0xc5, 8, 0x11, 0, coded),
        (SOF15, 8, 0x11, 0, coded),
        (SOF0, 8, 0x01, 0, header),
        (SOF0, 8, 0x15, 0, header),
        (SOF0, 8, 0x11, 4, header),
    ];
    for (marker, precision, sampling, table, expected) in rows {
        let frame = part(marker, &[precision, 0, 24, 0, 40, 1, 1, sampling, table]);
        let read = size(&jpeg(&[&frame, &scan()]));
        assert_eq!(
            read.err(),
            expected,
            "{marker:#x} {precision} {sampling:#x} {table}"
        );
    }
}

#[test]
fn quirks_that_viewers_accept_are_accepted() {
    let main = frame(SOF0, 40, 24);
    let thumbnail = jpeg(&[&frame(SOF0, 16, 12), &scan()]);
    let largest_segment = part(APP2, &vec![0xc0; 0xfffd]);
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
                &part(APP2, &vec![0; 20_000]),
                &main,
                &scan(),
            ],
        ),
        (
            "a thumbnail in EXIF",
            &[&part(APP1, &thumbnail), &main, &scan()],
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
