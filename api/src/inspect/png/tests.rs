use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::{AnimationDecoder, DynamicImage, ImageDecoder};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::inspect::Metadata;
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

/// The type and the data of a chunk.
type Part<'a> = (&'a [u8; 4], &'a [u8]);

/// The chunks behind the signature, of a truecolour PNG unless they bring their own IHDR.
fn file(chunks: &[Part]) -> Vec<u8> {
    let header = header(2);
    let mut file = SIGNATURE.to_vec();
    if chunks.first().is_none_or(|(kind, _)| *kind != b"IHDR") {
        file.extend(chunk(*b"IHDR", &header));
    }
    for (kind, data) in chunks {
        file.extend(chunk(**kind, data));
    }
    file
}

/// An IHDR of 4 × 3 pixels.
fn header(colour_type: u8) -> Vec<u8> {
    vec![0, 0, 0, 4, 0, 0, 0, 3, 8, colour_type, 0, 0, 0]
}

/// What is published of a file, and what was found in it.
fn published(file: &[u8]) -> (Walked, Vec<u8>) {
    let walked = walk(file).unwrap();
    let bytes = walked.publishable(file, Metadata::Remove).into_owned();
    (walked, bytes)
}

const IDAT: Part = (b"IDAT", b"pixels");
const IEND: Part = (b"IEND", b"");
const PLTE: Part = (b"PLTE", b"\0\0\0\xff\xff\xff");

fn frame_control(
    sequence: u8,
    [width, height, left, top]: [u8; 4],
    [dispose, blend]: [u8; 2],
) -> Vec<u8> {
    let mut data = vec![0; 26];
    for (at, value) in [
        (3, sequence),
        (7, width),
        (11, height),
        (15, left),
        (19, top),
    ] {
        data[at] = value;
    }
    data[24] = dispose;
    data[25] = blend;
    data
}

fn whole_frame(sequence: u8) -> Vec<u8> {
    frame_control(sequence, [4, 3, 0, 0], [0, 0])
}

fn frame_data(sequence: u8) -> Vec<u8> {
    [&[0, 0, 0, sequence][..], b"pixels"].concat()
}

fn animation_control(frames: u8) -> Vec<u8> {
    vec![0, 0, 0, frames, 0, 0, 0, 0]
}

#[test]
fn files_that_are_damaged_are_refused() {
    let whole = file(&[IDAT, IEND]);
    assert!(walk(&whole).is_ok());
    for end in 33..whole.len() {
        assert_eq!(walk(&whole[..end]), Err(CUT_SHORT), "{end}");
    }
    let with = |at: usize, value: u8| {
        let mut file = whole.clone();
        file[at] = value;
        file
    };
    let checksum = "is damaged: a checksum in it is wrong";
    let not_a_chunk = "is damaged: something in it is not a chunk";
    let rows = [
        ("a byte of IHDR", with(19, 5), checksum),
        ("a byte of the pixels", with(42, 0), checksum),
        (
            "a byte of a checksum",
            with(48, with(48, 0)[48] ^ 1),
            checksum,
        ),
        ("a digit in a type", with(38, b'7'), not_a_chunk),
        (
            "a length of 2\u{b3}\u{b9}",
            with(33, 0x80),
            "has a chunk of a length that cannot be",
        ),
        ("a length beyond the file", with(33, 0x7f), CUT_SHORT),
    ];
    for (why, file, reason) in rows {
        assert_eq!(walk(&file), Err(reason), "{why}");
    }
    // A chunk that would be removed is held against its checksum too.
    let mut comment = file(&[(b"tEXt", b"Comment\0hi"), IDAT, IEND]);
    comment[45] ^= 1;
    assert_eq!(walk(&comment), Err(checksum));
}

#[test]
fn chunks_that_contradict_each_other_are_refused() {
    let palette = header(PALETTE);
    let palette = (b"IHDR", &palette[..]);
    let text: Part = (b"tEXt", b"Comment\0hi");
    let empty: Part = (b"IDAT", b"");
    let other_header = header(2);
    let no_palette = "has no palette before its picture";
    let length = "has a palette of the wrong length";
    let unknown = "needs a chunk that no viewer knows";
    let end = "has an end of the wrong length";
    let colours = [0; 3 * 257];
    let rows: Vec<(&str, Vec<Part>, Reason)> = vec![
        ("no picture", vec![IEND], NO_PICTURE),
        ("only empty data", vec![empty, empty, IEND], NO_PICTURE),
        (
            "empty data, and some elsewhere",
            vec![empty, text, IDAT, IEND],
            NO_PICTURE,
        ),
        (
            "data in two places",
            vec![IDAT, text, IDAT, IEND],
            OUT_OF_PLACE,
        ),
        (
            "a second header",
            vec![
                (b"IHDR", &other_header),
                (b"IHDR", &other_header),
                IDAT,
                IEND,
            ],
            "has two headers",
        ),
        (
            "a header behind",
            vec![IDAT, (b"IHDR", &other_header), IEND],
            "has two headers",
        ),
        ("an end with data", vec![IDAT, (b"IEND", b"x")], end),
        (
            "an unknown critical chunk",
            vec![(b"ABCD", b""), IDAT, IEND],
            unknown,
        ),
        (
            "a private one, behind",
            vec![IDAT, (b"AbCD", b""), IEND],
            unknown,
        ),
        ("no palette", vec![palette, IDAT, IEND], no_palette),
        (
            "a palette behind",
            vec![palette, IDAT, PLTE, IEND],
            no_palette,
        ),
        (
            "two palettes",
            vec![palette, PLTE, PLTE, IDAT, IEND],
            "has two palettes",
        ),
        (
            "an empty palette",
            vec![palette, (b"PLTE", b""), IDAT, IEND],
            length,
        ),
        (
            "a third of a colour",
            vec![palette, (b"PLTE", b"abcd"), IDAT, IEND],
            length,
        ),
        (
            "257 colours",
            vec![palette, (b"PLTE", &colours), IDAT, IEND],
            length,
        ),
    ];
    for (why, chunks, reason) in rows {
        assert_eq!(walk(&file(&chunks)), Err(reason), "{why}");
    }
}

#[test]
fn data_may_be_cut_into_chunks_of_which_some_are_empty() {
    for chunks in [
        [(b"IDAT", &b""[..]), IDAT, IDAT, IEND],
        [IDAT, (b"IDAT", b""), IDAT, IEND],
    ] {
        let file = file(&chunks);
        assert_eq!(published(&file).1, file);
    }
}

#[test]
fn what_the_picture_needs_stays_as_it_is() {
    let profile: Part = (b"iCCP", b"ICC profile\0\0deflated");
    let colour: [Part; 9] = [
        (b"gAMA", &[0, 0, 0xb1, 0x8f]),
        (b"cHRM", &[1; 32]),
        (b"sRGB", &[0]),
        profile,
        (b"cICP", &[9, 16, 0, 1]),
        (b"mDCV", &[1; 24]),
        (b"cLLI", &[1; 8]),
        (b"pHYs", &[1; 9]),
        (b"sBIT", &[8; 3]),
    ];
    let truecolour: [Part; 4] = [(b"bKGD", &[0; 6]), (b"tRNS", &[0; 6]), IDAT, IEND];
    let all = [&colour[..], &truecolour].concat();
    let whole = file(&all);
    assert_eq!(published(&whole).1, whole);

    let per_colour_type: [(u8, &[Part]); 4] = [
        (
            0,
            &[(b"sBIT", &[8]), (b"bKGD", &[0; 2]), (b"tRNS", &[0; 2])],
        ),
        (
            PALETTE,
            &[
                (b"sBIT", &[8; 3]),
                PLTE,
                (b"bKGD", &[1]),
                (b"tRNS", &[0, 9]),
            ],
        ),
        (4, &[(b"sBIT", &[8; 2]), (b"bKGD", &[0; 2])]),
        (6, &[(b"sBIT", &[8; 4]), (b"bKGD", &[0; 6])]),
    ];
    for (colour_type, chunks) in per_colour_type {
        let header = header(colour_type);
        let whole = file(&[&[(b"IHDR", &header[..])], chunks, &[IDAT, IEND]].concat());
        assert_eq!(published(&whole).1, whole, "{colour_type}");
    }
}

#[test]
fn more_colours_than_the_bit_depth_reaches_are_accepted() {
    let header = [0, 0, 0, 4, 0, 0, 0, 3, 1, PALETTE, 0, 0, 0];
    let whole = file(&[(b"IHDR", &header), (b"PLTE", &[7; 12]), IDAT, IEND]);
    assert_eq!(published(&whole).1, whole);
}

#[test]
fn everything_else_goes() {
    let text: [Part; 16] = [
        (b"tEXt", b"Author\0Ada"),
        (b"zTXt", b"Raw profile type exif\0\0deflated"),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta/>"),
        (b"tIME", &[7; 7]),
        (b"caBX", b"c2pa"),
        (b"dSIG", b"signed"),
        (b"sPLT", b"name\0\x08abcdef"),
        (b"hIST", &[0; 4]),
        (b"vpAg", &[0; 9]),
        (b"deBG", b"private"),
        (b"abcd", b"the reserved bit is set"),
        // A palette for truecolour is a suggestion.
        PLTE,
        // Transparency and a gamma of the wrong length.
        (b"tRNS", &[0; 5]),
        (b"gAMA", &[0; 3]),
        // Without an acTL.
        (b"fcTL", b"anything"),
        (b"fdAT", b"anything"),
    ];
    let bare = file(&[IDAT, IEND]);
    let before = file(&[&text[..], &[IDAT, IEND]].concat());
    let behind = file(&[&[IDAT], &text[..], &[IEND]].concat());
    for file in [before, behind] {
        let (walked, bytes) = published(&file);
        assert_eq!(bytes, bare);
        assert_eq!(walked.edits.len(), 1, "what touches is one edit");
    }

    let greyscale_alpha = header(4);
    let header: Part = (b"IHDR", &greyscale_alpha);
    let transparency: Part = (b"tRNS", &[0; 2]);
    let (_, bytes) = published(&file(&[header, PLTE, transparency, IDAT, IEND]));
    assert_eq!(bytes, file(&[header, IDAT, IEND]), "viewers skip both");
}

#[test]
fn chunks_that_viewers_skip_for_their_place_go() {
    let gamma: Part = (b"gAMA", &[0, 0, 0xb1, 0x8f]);
    let (_, bytes) = published(&file(&[IDAT, gamma, IEND]));
    assert_eq!(bytes, file(&[IDAT, IEND]));

    let palette = header(PALETTE);
    let palette = (b"IHDR", &palette[..]);
    let transparency: Part = (b"tRNS", &[0]);
    let (_, bytes) = published(&file(&[
        palette,
        transparency,
        PLTE,
        IDAT,
        transparency,
        IEND,
    ]));
    assert_eq!(bytes, file(&[palette, PLTE, IDAT, IEND]));
}

#[test]
fn of_several_the_first_that_can_be_used_stays() {
    let rows: [[Part; 3]; 4] = [
        [(b"gAMA", b"a"), (b"gAMA", &[9; 4]), (b"gAMA", &[8; 4])],
        [(b"tRNS", b"a"), (b"tRNS", &[9; 6]), (b"tRNS", &[8; 6])],
        [
            (b"iCCP", b"\0\0x"),
            (b"iCCP", b"ICC profile\0\0x"),
            (b"iCCP", b"ICC profile\0\0y"),
        ],
        [(b"pHYs", b""), (b"pHYs", &[9; 9]), (b"pHYs", &[8; 9])],
    ];
    for [unusable, first, second] in rows {
        let (_, bytes) = published(&file(&[unusable, first, second, IDAT, IEND]));
        assert_eq!(bytes, file(&[first, IDAT, IEND]));
    }
}

#[test]
fn a_profile_has_a_name_a_method_and_data() {
    let longest = [&[b'a'; 79][..], b"\0\0deflated"].concat();
    assert!(compressed_profile(&longest).is_some());
    let longer = [&[b'a'; 80][..], b"\0\0deflated"].concat();
    let rows: [&[u8]; 6] = [
        b"",
        b"name",
        b"name\0",
        b"name\0\0",
        b"name\0\x01deflated",
        &longer,
    ];
    for data in rows {
        assert_eq!(compressed_profile(data), None, "{data:?}");
    }
}

#[test]
fn the_name_of_a_profile_is_nobodys() {
    let given = file(&[(b"iCCP", b"Ada Lovelace 48.2N\0\0deflated"), IDAT, IEND]);
    let (_, bytes) = published(&given);
    let renamed = file(&[(b"iCCP", b"ICC profile\0\0deflated"), IDAT, IEND]);
    assert_eq!(bytes, renamed);
}

#[test]
fn exif_is_reduced_to_what_is_kept() {
    let exif = Exif::read(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0");
    let turned = exif.orientation;
    assert!(turned.swaps_sides());
    let minimal = exif.tiff();
    let camera = [&minimal[..], b"serial number 1234567"].concat();
    let upright: &[u8] = b"MM\0*\0\0\0\x08\0\0";
    let prefixed = [b"Exif\0\0", &camera[..]].concat();
    let exif = |data| -> Part { (b"eXIf", data) };

    let rows = [
        (
            "a camera's",
            vec![exif(&camera), IDAT, IEND],
            vec![exif(&minimal), IDAT, IEND],
            turned,
        ),
        (
            "minimal",
            vec![exif(&minimal), IDAT, IEND],
            vec![exif(&minimal), IDAT, IEND],
            turned,
        ),
        (
            "as stored",
            vec![exif(upright), IDAT, IEND],
            vec![IDAT, IEND],
            Orientation::AS_STORED,
        ),
        (
            "damaged",
            vec![exif(b"MM"), IDAT, IEND],
            vec![IDAT, IEND],
            Orientation::AS_STORED,
        ),
        (
            "with the prefix of JPEG",
            vec![exif(&prefixed), IDAT, IEND],
            vec![IDAT, IEND],
            Orientation::AS_STORED,
        ),
        (
            "the first counts",
            vec![exif(&camera), exif(upright), IDAT, IEND],
            vec![exif(&minimal), IDAT, IEND],
            turned,
        ),
        (
            "even as stored",
            vec![exif(upright), exif(&camera), IDAT, IEND],
            vec![IDAT, IEND],
            Orientation::AS_STORED,
        ),
        (
            "behind the picture",
            vec![IDAT, exif(&camera), IEND],
            vec![IDAT, exif(&minimal), IEND],
            Orientation::AS_STORED,
        ),
    ];
    for (why, given, expected, orientation) in rows {
        let (walked, bytes) = published(&file(&given));
        assert_eq!(bytes, file(&expected), "{why}");
        assert_eq!(walked.orientation, orientation, "{why}");
    }
}

/// `acTL` and what follows, with its picture as the first frame.
fn animated(frames: u8, rest: &[Part]) -> Vec<u8> {
    let (control, first) = (animation_control(frames), whole_frame(0));
    file(&[&[(b"acTL", &control[..]), (b"fcTL", &first), IDAT], rest].concat())
}

#[test]
fn frames_are_counted() {
    let second = frame_control(1, [2, 1, 2, 2], [2, 1]);
    let (two, three) = (frame_data(2), frame_data(3));
    let whole = animated(
        2,
        &[(b"fcTL", &second), (b"fdAT", &two), (b"fdAT", &three), IEND],
    );
    let (walked, bytes) = published(&whole);
    assert_eq!((walked.frames, bytes), (2, whole));

    let whole = animated(1, &[IEND]);
    assert_eq!(published(&whole).0.frames, 1);

    // The picture is not part of the animation.
    let (control, zero, one) = (animation_control(1), whole_frame(0), frame_data(1));
    let whole = file(&[
        (b"acTL", &control),
        IDAT,
        (b"fcTL", &zero),
        (b"fdAT", &one),
        IEND,
    ]);
    let (walked, bytes) = published(&whole);
    assert_eq!((walked.frames, bytes), (1, whole));
}

#[test]
fn animations_that_browsers_show_as_a_picture_become_one() {
    let (zero, one, two) = (whole_frame(0), whole_frame(1), frame_data(2));
    let frames: [Part; 5] = [
        (b"fcTL", &zero),
        IDAT,
        (b"fcTL", &one),
        (b"fdAT", &two),
        IEND,
    ];
    let control = animation_control(2);
    let none = animation_control(0);
    let behind = [&frames[..2], &[(b"acTL", &control[..])], &frames[2..]].concat();
    let rows: [(&str, Vec<Part>); 4] = [
        ("no acTL", frames.to_vec()),
        ("no frames", [&[(b"acTL", &none[..])], &frames[..]].concat()),
        (
            "half an acTL",
            [&[(b"acTL", &control[..4])], &frames[..]].concat(),
        ),
        ("acTL behind the picture", behind),
    ];
    for (why, chunks) in rows {
        let (walked, bytes) = published(&file(&chunks));
        assert_eq!((walked.frames, bytes), (1, file(&[IDAT, IEND])), "{why}");
    }
}

#[test]
fn of_several_animation_controls_the_first_counts() {
    let other = animation_control(9);
    let (control, zero) = (animation_control(1), whole_frame(0));
    let chunks: [Part; 5] = [
        (b"acTL", &control),
        (b"acTL", &other),
        (b"fcTL", &zero),
        IDAT,
        IEND,
    ];
    assert_eq!(published(&file(&chunks)).1, animated(1, &[IEND]));
}

#[test]
fn animations_that_contradict_themselves_are_refused() {
    let (one, two, three) = (whole_frame(1), frame_data(2), frame_data(3));
    let (control, frame): (_, Part) = ((b"fcTL", &one[..]), (b"fdAT", &two));
    let order = "has frames that are not in order";
    let outside = "has a frame that is empty or reaches out of the picture";
    let way = "has a frame that is shown in a way that does not exist";
    let count = "does not have as many frames as it says";
    let long = [&one[..], b"x"].concat();
    let text: Part = (b"tEXt", b"Comment\0hi");
    let three_controls = whole_frame(3);
    let mut rows: Vec<(&str, Vec<Part>, Reason)> = vec![
        ("a frame too few", vec![IEND], count),
        (
            "a number left out",
            vec![control, (b"fdAT", &three), IEND],
            order,
        ),
        (
            "a number twice",
            vec![control, (b"fdAT", &one[..4]), IEND],
            order,
        ),
        (
            "half a number",
            vec![control, (b"fdAT", b"\0\0"), IEND],
            order,
        ),
        (
            "a header that is too long",
            vec![(b"fcTL", &long), frame, IEND],
            "has a frame header of the wrong length",
        ),
        ("no data", vec![control, IEND], FRAME_WITHOUT_DATA),
        (
            "no data before another frame",
            vec![control, (b"fcTL", &two), IEND],
            "has a frame header of the wrong length",
        ),
        (
            "only empty data",
            vec![control, (b"fdAT", &two[..4]), IEND],
            NO_PICTURE,
        ),
        (
            "data without a header",
            vec![(b"fdAT", b"\0\0\0\x01pixels"), IEND],
            OUT_OF_PLACE,
        ),
        (
            "data in two places",
            vec![control, frame, text, (b"fdAT", &three), IEND],
            OUT_OF_PLACE,
        ),
        (
            "a frame too many",
            vec![
                control,
                frame,
                (b"fcTL", &three_controls),
                (b"fdAT", b"\0\0\0\x04p"),
                IEND,
            ],
            count,
        ),
    ];
    let second = whole_frame(2);
    rows.push((
        "a header behind a header",
        vec![control, (b"fcTL", &second), IEND],
        FRAME_WITHOUT_DATA,
    ));
    for (why, rest, reason) in rows {
        assert_eq!(walk(&animated(2, &rest)), Err(reason), "{why}");
    }

    let rectangles = [
        ("no width", [0, 3, 0, 0], [0, 0], outside),
        ("no height", [4, 0, 0, 0], [0, 0], outside),
        ("too wide", [5, 3, 0, 0], [0, 0], outside),
        ("too high", [4, 4, 0, 0], [0, 0], outside),
        ("too far right", [4, 3, 1, 0], [0, 0], outside),
        ("too far down", [4, 3, 0, 1], [0, 0], outside),
        ("disposal 3", [4, 3, 0, 0], [3, 0], way),
        ("blending 2", [4, 3, 0, 0], [0, 2], way),
    ];
    for (why, rectangle, operations, reason) in rectangles {
        let control = frame_control(1, rectangle, operations);
        let file = animated(2, &[(b"fcTL", &control), frame, IEND]);
        assert_eq!(walk(&file), Err(reason), "{why}");
    }
    let mut overflow = whole_frame(1);
    overflow[12..16].fill(0xff);
    assert_eq!(
        walk(&animated(2, &[(b"fcTL", &overflow), frame, IEND])),
        Err(outside)
    );
}

#[test]
fn the_first_frame_is_the_whole_picture() {
    let (control, small, second) = (
        animation_control(1),
        frame_control(0, [2, 2, 0, 0], [0, 0]),
        whole_frame(1),
    );
    let first = whole_frame(0);
    let data = frame_data(1);
    let control: Part = (b"acTL", &control);
    let rows: [(&str, [Part; 5], Reason); 3] = [
        (
            "smaller",
            [control, (b"fcTL", &small), IDAT, IEND, IEND],
            "has a first frame of another size than its picture",
        ),
        (
            "two headers",
            [control, (b"fcTL", &first), (b"fcTL", &second), IDAT, IEND],
            FRAME_WITHOUT_DATA,
        ),
        (
            "frame data before it",
            [control, (b"fcTL", &first), (b"fdAT", &data), IDAT, IEND],
            OUT_OF_PLACE,
        ),
    ];
    for (why, chunks, reason) in rows {
        assert_eq!(walk(&file(&chunks)), Err(reason), "{why}");
    }
}

#[test]
fn a_million_chunks_of_metadata_are_one_edit() {
    let comments = chunk(*b"tEXt", b"").repeat(1_000_000);
    let bare = file(&[IDAT, IEND]);
    let (header, rest) = bare.split_at(33);
    let (walked, bytes) = published(&[header, &comments, rest].concat());
    assert_eq!((walked.edits.len(), bytes), (1, bare));
}

/// The types of a file's chunks.
fn kinds(bytes: &[u8]) -> Vec<String> {
    let mut kinds = Vec::new();
    let mut at = SIGNATURE.len();
    while at < bytes.len() {
        let chunk = Chunk::read(bytes, at).unwrap();
        kinds.push(str::from_utf8(&chunk.kind).unwrap().to_owned());
        at = chunk.range.end;
    }
    kinds
}

#[test]
fn real_files_keep_their_pixels_and_lose_the_rest() {
    const STAYS: &str =
        "IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT bKGD pHYs acTL fcTL fdAT eXIf";
    for file in fixtures::PNG {
        let (walked, bytes) = published(file.bytes);
        for kind in kinds(&bytes) {
            assert!(STAYS.contains(&kind), "{}: {kind}", file.name);
        }
        assert_eq!(decoded(&bytes), decoded(file.bytes), "{}", file.name);
        assert_eq!(walked.end, file.bytes.len(), "{}", file.name);
        for private in [
            &b"xmpmeta"[..],
            b"Software",
            b"GPS",
            b"Exif\0",
            b"Greenwich",
            b"2026:",
            b"2026-",
        ] {
            let found = bytes.windows(private.len()).any(|window| window == private);
            assert!(!found, "{}: {private:?}", file.name);
        }
    }
}

/// Colour profile, and delay and pixels of every frame.
type Decoded = (Option<Vec<u8>>, Vec<((u32, u32), Vec<u8>)>);

fn decoded(bytes: &[u8]) -> Decoded {
    let mut decoder = PngDecoder::new(Cursor::new(bytes)).unwrap();
    let profile = decoder.icc_profile().unwrap();
    if !decoder.is_apng().unwrap() {
        let image = DynamicImage::from_decoder(decoder).unwrap();
        return (profile, vec![((0, 0), image.as_bytes().to_vec())]);
    }
    let frames = decoder.apng().unwrap().into_frames();
    let frames = frames.map(|frame| {
        let frame = frame.unwrap();
        (
            frame.delay().numer_denom_ms(),
            frame.into_buffer().into_raw(),
        )
    });
    (profile, frames.collect())
}

#[test]
fn real_animations_have_their_frames() {
    for (name, frames) in [
        ("apngasm.png", 3),
        ("pillow-animated.png", 3),
        ("upng-animated.png", 2),
    ] {
        let file = fixtures::PNG.iter().find(|file| file.name == name).unwrap();
        assert_eq!(walk(file.bytes).unwrap().frames, frames, "{name}");
        assert_eq!(
            decoded(file.bytes).1.len(),
            usize::try_from(frames).unwrap(),
            "{name}"
        );
    }
}

/// Chunks with right checksums in any order, so that more than the checksum is put to the test.
fn chunks() -> impl Strategy<Value = Vec<u8>> {
    let kind = select(vec![
        *b"IDAT", *b"fdAT", *b"fcTL", *b"acTL", *b"PLTE", *b"tRNS", *b"gAMA", *b"eXIf", *b"tEXt",
        *b"IEND",
    ]);
    let data = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        (0..8_u8).prop_map(whole_frame),
        (0..8_u8).prop_map(frame_data),
        (0..4_u8).prop_map(animation_control),
        Just(Exif::read(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0").tiff()),
    ];
    let chunks = prop::collection::vec((kind, data), 0..12);
    (select(vec![0, 2, 3, 4, 6]), chunks).prop_map(|(colour_type, chunks)| {
        let mut file = [&SIGNATURE[..], &chunk(*b"IHDR", &header(colour_type))].concat();
        for (kind, data) in chunks {
            file.extend(chunk(kind, &data));
        }
        file.extend(chunk(*b"IEND", b""));
        file
    })
}

proptest! {
    #[test]
    fn what_is_published_walks_again_and_stays(bytes in chunks()) {
        if let Ok(walked) = walk(&bytes) {
            let published = walked.publishable(&bytes, Metadata::Remove);
            let again = walk(&published);
            prop_assert_eq!(again.as_ref().map(|again| again.frames), Ok(walked.frames));
            prop_assert_eq!(again.as_ref().map(|again| again.orientation), Ok(walked.orientation));
            prop_assert_eq!(again.map(|again| (again.edits, again.end)), Ok((Vec::new(), published.len())));
        }
    }
}
