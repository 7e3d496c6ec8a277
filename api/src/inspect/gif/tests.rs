use std::io::Cursor;
use std::time::Duration;

use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, ImageDecoder};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::inspect::icc::tests::profile_of;
use crate::inspect::{Metadata, fixtures};

const NO_TABLE: u8 = 0;

/// A header and a logical screen descriptor.
fn screen(width: u16, height: u16, packed: u8) -> Vec<u8> {
    let [w0, w1] = width.to_le_bytes();
    let [h0, h1] = height.to_le_bytes();
    [&b"GIF89a"[..], &[w0, w1, h0, h1, packed, 0, 0]].concat()
}

/// An image descriptor and the beginning of the frame's data.
fn frame(left: u8, top: u8, width: u8, height: u8) -> Vec<u8> {
    vec![IMAGE, left, 0, top, 0, width, 0, height, 0, 0, 2, 1, 0]
}

#[test]
fn both_versions_are_read_alike() {
    let newer = [screen(40, 24, NO_TABLE), frame(0, 0, 40, 24)].concat();
    let older = [b"GIF87a", &newer[6..]].concat();
    assert_eq!(size(&newer), Size::new(40, 24));
    assert_eq!(size(&older), Size::new(40, 24));
}

#[test]
fn sizes_reach_up_to_sixteen_bits_and_a_frame_beyond() {
    let largest = screen(u16::MAX, u16::MAX, NO_TABLE);
    let file = [&largest[..], &frame(0, 0, 1, 1)].concat();
    assert_eq!(size(&file), Size::new(65_535, 65_535));
    let file = [&largest[..], b",\xff\xff\xff\xff\xff\xff\xff\xff\0"].concat();
    assert_eq!(size(&file), Size::new(131_070, 131_070));
}

#[test]
fn the_first_frame_enlarges_the_screen() {
    let rows = [
        (frame(0, 0, 10, 9), (10, 9)),
        (frame(0, 0, 40, 24), (40, 24)),
        (frame(0, 0, 40, 2), (40, 9)),
        (frame(0, 0, 2, 24), (10, 24)),
        (frame(5, 3, 10, 9), (15, 12)),
    ];
    for (frame, (width, height)) in rows {
        let file = [screen(10, 9, NO_TABLE), frame].concat();
        assert_eq!(size(&file), Size::new(width, height));
    }
}

#[test]
fn a_screen_of_zero_takes_its_size_from_the_first_frame() {
    let zero = |packed| screen(0, 0, packed);
    let palette = |colours: usize| vec![0; 3 * colours];
    let delay = b"!\xf9\x04\0\x0a\0\0\0".to_vec();
    let comment = b"!\xfe\x05,,,,,\x02!;\0".to_vec();
    let rows = [
        (
            "no colour table",
            vec![zero(NO_TABLE), frame(0, 0, 40, 24)],
            (40, 24),
        ),
        (
            "two colours",
            vec![zero(0x80), palette(2), frame(0, 0, 40, 24)],
            (40, 24),
        ),
        (
            "256 colours",
            vec![zero(0x87), palette(256), frame(0, 0, 40, 24)],
            (40, 24),
        ),
        (
            "a table's size without a table",
            vec![zero(0x07), frame(0, 0, 40, 24)],
            (40, 24),
        ),
        (
            "extensions, one of which looks like a frame",
            vec![zero(NO_TABLE), delay, comment, frame(0, 0, 40, 24)],
            (40, 24),
        ),
        (
            "a frame that is set in",
            vec![zero(NO_TABLE), frame(5, 3, 40, 24)],
            (45, 27),
        ),
        (
            "a larger second frame",
            vec![zero(NO_TABLE), frame(0, 0, 40, 24), frame(0, 0, 80, 80)],
            (40, 24),
        ),
        (
            "only no width",
            vec![screen(0, 99, NO_TABLE), frame(0, 0, 40, 24)],
            (40, 99),
        ),
        (
            "only no height",
            vec![screen(99, 0, NO_TABLE), frame(0, 0, 40, 24)],
            (99, 24),
        ),
    ];
    for (why, parts, (width, height)) in rows {
        assert_eq!(size(&parts.concat()), Size::new(width, height), "{why}");
    }
}

#[test]
fn a_screen_of_zero_without_a_usable_frame_is_refused() {
    let rows: [(&str, &[u8], Reason); 8] = [
        ("nothing behind", b"", NO_DIMENSIONS),
        ("half an extension", b"!", NO_DIMENSIONS),
        (
            "an extension without an end",
            b"!\xfe\x05abcde",
            NO_DIMENSIONS,
        ),
        (
            "a sub-block that is too long",
            b"!\xfe\xffabc\0",
            NO_DIMENSIONS,
        ),
        ("half a descriptor", b",\0\0\0\0\x28", NO_DIMENSIONS),
        ("the end", b";", "has no picture"),
        (
            "garbage, where browsers stop as well",
            b"\0\0,\0\0\0\0\x28\0\x18\0\0",
            "is damaged before its first picture",
        ),
        (
            "a frame without an area",
            b",\x05\0\x03\0\0\0\x18\0\0",
            "has a width of zero",
        ),
    ];
    for (why, blocks, reason) in rows {
        let file = [&screen(0, 0, NO_TABLE)[..], blocks].concat();
        assert_eq!(size(&file), Err(reason), "{why}");
    }
    assert_eq!(
        size(&screen(0, 0, 0x87)),
        Err(NO_DIMENSIONS),
        "no room for the colour table"
    );
    assert_eq!(
        size(b"GIF89a\x28\0\x18"),
        Err(NO_DIMENSIONS),
        "half a screen descriptor"
    );
}

const COLOURS: &[u8] = b"\0\0\0\xff\0\0\0\xff\0\0\0\xff";

/// A picture of 4 × 3 pixels with these blocks.
fn file(blocks: &[&[u8]]) -> Vec<u8> {
    [&screen(4, 3, 0x81)[..], COLOURS, &blocks.concat()].concat()
}

/// What is published of a file, and what was found in it.
fn published(file: &[u8]) -> (Walked, Vec<u8>) {
    let walked = walk(file).unwrap();
    let bytes = walked.publishable(file, Metadata::Remove).into_owned();
    (walked, bytes)
}

const FRAME: &[u8] = b",\0\0\0\0\x04\0\x03\0\0\x02\x02\x4c\x01\0";
const CONTROL: &[u8] = b"!\xf9\x04\0\x0a\0\0\0";
const REPETITION: &[u8] = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0";
const COMMENT: &[u8] = b"!\xfe\x05,,;!\0\x02hi\0";
const END: &[u8] = b";";

/// A profile in two sub-blocks, that ends in this byte.
fn profile_block(last: u8) -> Vec<u8> {
    let mut profile = profile_of(128);
    profile[127] = last;
    let (one, two) = profile.split_at(100);
    [&b"!\xff\x0bICCRGBG1012\x64"[..], one, b"\x1c", two, b"\0"].concat()
}

#[test]
fn what_the_picture_needs_stays_as_it_is() {
    let profile = &profile_block(b'a');
    let other_repetition = b"!\xff\x0bANIMEXTS1.0\x03\x01\x05\0\0";
    let local_colours = [
        &b",\x01\0\x01\0\x02\0\x01\0\x80"[..],
        &[9; 6],
        b"\x02\x01\x4c\0",
    ]
    .concat();
    let rows: [&[&[u8]]; 6] = [
        &[FRAME, END],
        &[REPETITION, CONTROL, FRAME, CONTROL, FRAME, END],
        &[other_repetition, FRAME, REPETITION, END],
        &[profile, FRAME, END],
        &[CONTROL, FRAME, CONTROL, &local_colours, END],
        // A graphic control too many changes nothing.
        &[CONTROL, CONTROL, FRAME, CONTROL, END],
    ];
    for blocks in rows {
        let whole = file(blocks);
        let (walked, bytes) = published(&whole);
        assert_eq!(bytes, whole);
        let frames = blocks.iter().filter(|block| block[0] == IMAGE).count();
        assert_eq!(usize::try_from(walked.frames), Ok(frames));
    }
}

#[test]
fn everything_else_goes() {
    // The packet is no chain of sub-blocks, but its last 258 bytes lead every reader to its end.
    let magic_trailer: Vec<u8> = (0..=255).rev().collect();
    let xmp = [
        b"!\xff\x0bXMP DataXMP<x:xmpmeta/>\x01",
        &magic_trailer[..],
        b"\0",
    ]
    .concat();
    let rows: [(&str, &[u8]); 12] = [
        ("a comment", COMMENT),
        ("an empty comment", b"!\xfe\0"),
        ("XMP", &xmp),
        (
            "plain text",
            b"!\x01\x0c\0\0\0\0\x04\0\x03\0\x01\x01\0\x01\x02hi\0",
        ),
        ("an unknown extension", b"!\x77\x03abc\0"),
        ("an application", b"!\xff\x0bMGKIPTC0000\x03abc\0"),
        ("repetitions without a number", b"!\xff\x0bNETSCAPE2.0\0"),
        (
            "another sub-block of Netscape's",
            b"!\xff\x0bNETSCAPE2.0\x03\x02\0\0\0",
        ),
        ("an empty profile", b"!\xff\x0bICCRGBG1012\0"),
        ("no profile", b"!\xff\x0bICCRGBG1012\x03Ada\0"),
        ("a long identifier", b"!\xff\x0cNETSCAPE2.0x\x03\x01\0\0\0"),
        ("no identifier", b"!\xff\0"),
    ];
    for (why, block) in rows {
        let given = file(&[block, CONTROL, block, FRAME, block, block, END]);
        let (walked, bytes) = published(&given);
        assert_eq!(bytes, file(&[CONTROL, FRAME, END]), "{why}");
        assert_eq!(walked.frames, 1, "{why}");
        assert_eq!(
            walked.edits.len(),
            1,
            "{why}: what is near becomes one edit"
        );
    }
}

#[test]
fn of_the_repetitions_only_the_number_stays() {
    let rows: [&[u8]; 3] = [
        b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\x05\x02\0\0\x01\0\x06secret\0",
        // The size of a buffer before them, and a byte too many.
        b"!\xff\x0bNETSCAPE2.0\x05\x02\0\0\x01\0\x03\x01\0\0\0",
        b"!\xff\x0bNETSCAPE2.0\x04\x01\0\0\0\0",
    ];
    for longer in rows {
        let (_, bytes) = published(&file(&[longer, CONTROL, FRAME, END]));
        assert_eq!(bytes, file(&[REPETITION, CONTROL, FRAME, END]));
    }
}

#[test]
fn of_several_profiles_the_first_stays() {
    let none = b"!\xff\x0bICCRGBG1012\x03Ada\0";
    let (first, second) = (&profile_block(b'a'), &profile_block(b'b'));
    let (_, bytes) = published(&file(&[none, first, second, FRAME, second, END]));
    assert_eq!(bytes, file(&[first, FRAME, END]));
}

#[test]
fn a_file_that_ends_between_two_blocks_gets_its_trailer() {
    let whole = file(&[CONTROL, FRAME, CONTROL, FRAME, END]);
    let rows: [(&str, &[&[u8]]); 4] = [
        ("no trailer", &[]),
        ("a comment last", &[COMMENT]),
        ("zeros", &[b"\0\0\0"]),
        ("zeros before the trailer", &[COMMENT, b"\0\0\0", END]),
    ];
    for (why, blocks) in rows {
        let given = file(&[&[CONTROL, FRAME, CONTROL, FRAME], blocks].concat());
        let (walked, bytes) = published(&given);
        assert_eq!((walked.frames, bytes), (2, whole.clone()), "{why}");
        assert_eq!(walked.edits.len(), 1, "{why}");
        let kept = walked.publishable(&given, Metadata::Keep);
        assert_eq!(kept, given, "{why}: what is kept is as it was");
    }
}

#[test]
fn files_that_are_cut_short_or_damaged_are_refused() {
    let damaged_before = "is damaged before its first picture";
    let control = "has a graphic control of the wrong length";
    let code_size = "has a frame with a code size that cannot be";
    let rows: [(&str, &[&[u8]], Reason); 22] = [
        ("no frame", &[CONTROL, END], "has no picture"),
        ("nothing", &[], NO_DIMENSIONS),
        ("a frame is announced", &[FRAME, CONTROL], CUT_SHORT),
        ("and zeros are there", &[FRAME, CONTROL, b"\0"], CUT_SHORT),
        ("and then the trailer", &[FRAME, CONTROL, b"\0;"], DAMAGED),
        ("half an extension", &[FRAME, b"!"], CUT_SHORT),
        (
            "a comment without an end",
            &[FRAME, b"!\xfe\x02hi"],
            CUT_SHORT,
        ),
        ("half a descriptor", &[FRAME, &FRAME[..9]], CUT_SHORT),
        ("no code size", &[FRAME, &FRAME[..10]], CUT_SHORT),
        ("no data", &[FRAME, &FRAME[..11]], CUT_SHORT),
        ("half of the data", &[FRAME, &FRAME[..13]], CUT_SHORT),
        ("data without an end", &[FRAME, &FRAME[..14]], CUT_SHORT),
        (
            "half a colour table",
            &[FRAME, b",\0\0\0\0\x04\0\x03\0\x87\0\0\0"],
            CUT_SHORT,
        ),
        (
            "no data in the data",
            &[FRAME, &FRAME[..11], b"\0", END],
            "has a frame without picture data",
        ),
        (
            "zeros before the first frame",
            &[b"\0", FRAME, END],
            damaged_before,
        ),
        ("zeros between frames", &[FRAME, b"\0", FRAME, END], DAMAGED),
        (
            "anything between frames",
            &[FRAME, b"x", FRAME, END],
            DAMAGED,
        ),
        (
            "a short graphic control",
            &[b"!\xf9\x03\0\0\0\0", FRAME, END],
            control,
        ),
        (
            "a long one",
            &[b"!\xf9\x05\0\0\0\0\0\0", FRAME, END],
            control,
        ),
        (
            "one with a second sub-block",
            &[b"!\xf9\x04\0\0\0\0\x01x\0", FRAME, END],
            control,
        ),
        (
            "a code size of 0",
            &[&FRAME[..10], b"\0", &FRAME[11..], END],
            code_size,
        ),
        (
            "a code size of 9",
            &[&FRAME[..10], b"\x09", &FRAME[11..], END],
            code_size,
        ),
    ];
    for (why, blocks, reason) in rows {
        assert_eq!(walk(&file(blocks)), Err(reason), "{why}");
    }
}

#[test]
fn every_code_size_of_up_to_eight_bits_is_accepted() {
    for code_size in 1..=8 {
        assert!(
            walk(&file(&[&FRAME[..10], &[code_size], &FRAME[11..], END])).is_ok(),
            "{code_size}"
        );
    }
}

#[test]
fn later_frames_may_lie_anywhere_but_not_be_larger_than_the_screen() {
    let second = |left: u8, top: u8, width: u8, height: u8| {
        let descriptor = [IMAGE, left, 0, top, 0, width, 0, height, 0, 0];
        file(&[FRAME, &descriptor, &FRAME[10..], END])
    };
    for inside in [second(0, 0, 4, 3), second(9, 9, 4, 3), second(3, 2, 1, 1)] {
        assert_eq!(walk(&inside).map(|walked| walked.frames), Ok(2));
    }
    let larger = Err("has a frame that is larger than its screen");
    assert_eq!(walk(&second(0, 0, 5, 3)), larger);
    assert_eq!(walk(&second(0, 0, 4, 4)), larger);
    assert_eq!(walk(&second(0, 0, 0, 3)), Err("has a width of zero"));
    assert_eq!(walk(&second(0, 0, 4, 0)), Err("has a height of zero"));
}

#[test]
fn a_screen_of_one_pixel_hides_no_large_frame() {
    let huge = b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0;";
    let tiny = screen(1, 1, NO_TABLE);
    assert_eq!(size(&[&tiny[..], huge].concat()), Size::new(65_535, 65_535));
    let behind = [&tiny[..], &frame(0, 0, 1, 1)[..], b"\0", huge].concat();
    assert_eq!(
        walk(&behind),
        Err("has a frame that is larger than its screen")
    );
}

#[test]
fn a_million_blocks_and_sub_blocks_are_one_edit() {
    let bare = file(&[FRAME, END]);
    let comments = b"!\xfe\0".repeat(1_000_000);
    let comment = [&b"!\xfe"[..], &b"\x01x".repeat(1_000_000), b"\0"].concat();
    for metadata in [comments, comment] {
        let (walked, bytes) = published(&file(&[&metadata, FRAME, &metadata[..], END]));
        assert!(walked.edits.len() <= 2);
        assert!(bytes == bare);
    }
}

/// Colour profile, and delay and pixels of every frame.
type Decoded = (Option<Vec<u8>>, Vec<(Duration, Vec<u8>)>);

fn decoded(bytes: &[u8]) -> Decoded {
    let mut decoder = GifDecoder::new(Cursor::new(bytes)).unwrap();
    let profile = decoder.icc_profile().unwrap();
    let frames = decoder.into_frames().map(|frame| {
        let frame = frame.unwrap();
        (frame.delay().into(), frame.into_buffer().into_raw())
    });
    (profile, frames.collect())
}

#[test]
fn real_files_keep_their_pixels_and_lose_the_rest() {
    for file in fixtures::GIF {
        let (walked, bytes) = published(file.bytes);
        let frames = decoded(&bytes);
        assert_eq!(frames, decoded(file.bytes), "{}", file.name);
        assert_eq!(
            usize::try_from(walked.frames),
            Ok(frames.1.len()),
            "{}",
            file.name
        );
        assert_eq!(walked.end, file.bytes.len(), "{}", file.name);
        for private in [
            &b"!\xfe"[..],
            b"XMP DataXMP",
            b"xmpmeta",
            b"ImageMagick",
            b"gamma",
        ] {
            let found = bytes.windows(private.len()).any(|window| window == private);
            assert!(!found, "{}: {private:?}", file.name);
        }
    }
}

/// Blocks in any order.
fn blocks() -> impl Strategy<Value = Vec<u8>> {
    let profile = profile_block(b'a');
    let longer = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\x01x\0";
    let block = select(
        [
            FRAME, CONTROL, REPETITION, COMMENT, &profile, longer, b"\0", b"x", END,
        ]
        .map(<[u8]>::to_vec)
        .to_vec(),
    );
    let blocks = prop::collection::vec(block, 0..12);
    blocks.prop_map(|blocks| file(&[FRAME, &blocks.concat()]))
}

proptest! {
    #[test]
    fn what_is_published_walks_again_and_stays(bytes in blocks()) {
        if let Ok(walked) = walk(&bytes) {
            let published = walked.publishable(&bytes, Metadata::Remove);
            let again = walk(&published);
            prop_assert_eq!(again.as_ref().map(|again| again.frames), Ok(walked.frames));
            prop_assert_eq!(again.map(|again| (again.edits, again.end)), Ok((Vec::new(), published.len())));
        }
    }
}
