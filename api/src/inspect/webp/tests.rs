use proptest::prelude::*;

use super::*;
use crate::inspect::{Metadata, fixtures};

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
        ("a frame of version 4", with(vp8(40, 24), 20, 0x18), frame),
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

fn chunk(name: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut chunk = [name, &size_field(payload.len())[..], payload].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

/// A file of these chunks.
fn riff(chunks: &[&[u8]]) -> Vec<u8> {
    let chunks = chunks.concat();
    [b"RIFF", &size_field(4 + chunks.len())[..], b"WEBP", &chunks].concat()
}

/// The first chunk of this name in a fixture, with its header and padding.
fn real(file: &str, name: &[u8]) -> Vec<u8> {
    let file = fixtures::WEBP
        .iter()
        .find(|fixture| fixture.name == file)
        .unwrap()
        .bytes;
    let chunks = Chunks {
        within: file,
        begin: CHUNKS,
    };
    let mut chunks = chunks.map(Result::unwrap);
    file[chunks.find(|chunk| chunk.name == name).unwrap().range].to_vec()
}

/// 66 × 51 pixels.
fn lossy() -> Vec<u8> {
    real("cwebp-lossy-alpha.webp", b"VP8 ")
}

/// The transparency of [`lossy`].
fn alpha() -> Vec<u8> {
    real("cwebp-lossy-alpha.webp", b"ALPH")
}

/// 66 × 51 pixels, as far as its header says.
fn lossless() -> Vec<u8> {
    chunk(
        b"VP8L",
        &[&[0x2f], &(0x41_u32 | 0x32 << 14).to_le_bytes()[..]].concat(),
    )
}

/// The header of a file of 66 × 51 pixels.
fn header(flags: u8) -> Vec<u8> {
    chunk(b"VP8X", &[flags, 0, 0, 0, 65, 0, 0, 50, 0, 0])
}

/// A frame of this size at (2, 4), with these parts.
fn frame_of(width: u8, height: u8, parts: &[&[u8]]) -> Vec<u8> {
    let fields = [
        1,
        0,
        0,
        2,
        0,
        0,
        width - 1,
        0,
        0,
        height - 1,
        0,
        0,
        100,
        0,
        0,
        1,
    ];
    chunk(b"ANMF", &[&fields, &parts.concat()[..]].concat())
}

/// A lossless picture of this size, as far as its header says.
fn small(width: u8, height: u8) -> Vec<u8> {
    let bits = u32::from(width - 1) | u32::from(height - 1) << 14;
    chunk(b"VP8L", &[&[0x2f], &bits.to_le_bytes()[..]].concat())
}

fn profile() -> Vec<u8> {
    chunk(b"ICCP", &crate::inspect::icc::tests::profile(1))
}

/// An EXIF chunk with an orientation, and before it whatever is given.
fn exif(prefix: &[u8], orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
    tiff[18] = orientation;
    chunk(b"EXIF", &[prefix, &tiff].concat())
}

/// An EXIF chunk with a camera's name besides the orientation, which turns the picture.
fn exif_with_camera(prefix: &[u8]) -> Vec<u8> {
    let tiff = b"MM\0*\0\0\0\x08\0\x02\
        \x01\x0f\0\x02\0\0\0\x04Ada\0\
        \x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    chunk(b"EXIF", &[prefix, tiff].concat())
}

/// How many frames there are, and what is published.
fn publish(file: &[u8]) -> Result<(u32, Vec<u8>), Reason> {
    let walked = walk(file)?;
    for pair in walked.edits.windows(2) {
        assert!(
            pair[0].range.end < pair[1].range.start,
            "in order and apart: {pair:?}"
        );
    }
    let published = walked.publishable(file, Metadata::Remove).into_owned();
    Ok((walked.frames, published))
}

#[test]
fn chunks_that_show_the_picture_stay_and_all_others_go() {
    let (lossy, alpha, lossless, profile) = (&*lossy(), &*alpha(), &*lossless(), &*profile());
    let unknown = &*chunk(b"abcd", b"secret");
    let no_profile = &*chunk(b"ICCP", &[7; 129]);
    let rows: [(&str, Vec<u8>, Vec<u8>); 14] = [
        ("a lossy picture", riff(&[lossy]), riff(&[lossy])),
        ("a lossless picture", riff(&[lossless]), riff(&[lossless])),
        (
            "what follows a single bitstream",
            riff(&[lossy, unknown, &exif_with_camera(b""), lossy, b"abc"]),
            riff(&[lossy]),
        ),
        (
            "a header without need",
            riff(&[&header(0), lossy]),
            riff(&[&header(0), lossy]),
        ),
        (
            "transparency",
            riff(&[&header(0x10), alpha, lossy]),
            riff(&[&header(0x10), alpha, lossy]),
        ),
        (
            "transparency that no flag announces, so that viewers ignore it",
            riff(&[&header(0), alpha, lossy]),
            riff(&[&header(0), alpha, lossy]),
        ),
        (
            "a colour profile",
            riff(&[&header(0x20), profile, lossy]),
            riff(&[&header(0x20), profile, lossy]),
        ),
        (
            "a colour profile that no flag announces, so that viewers ignore it",
            riff(&[&header(0), profile, lossy]),
            riff(&[&header(0), lossy]),
        ),
        (
            "a second colour profile",
            riff(&[&header(0x20), profile, profile, lossy]),
            riff(&[&header(0x20), profile, lossy]),
        ),
        (
            "something else for a colour profile, and a second one that viewers do not reach",
            riff(&[&header(0x20), no_profile, profile, lossy]),
            riff(&[&header(0), lossy]),
        ),
        (
            "a flag without a profile",
            riff(&[&header(0x20), lossy]),
            riff(&[&header(0), lossy]),
        ),
        (
            "reserved flags, which browsers refuse",
            riff(&[&chunk(b"VP8X", &[0xd1, 1, 2, 3, 65, 0, 0, 50, 0, 0]), lossy]),
            riff(&[&header(0x10), lossy]),
        ),
        (
            "parts of an animation in a still image",
            riff(&[
                &header(0),
                &chunk(b"ANIM", &[0; 6]),
                lossy,
                &frame_of(8, 8, &[&small(8, 8)]),
                &chunk(b"ANMF", &[]),
            ]),
            riff(&[&header(0), lossy]),
        ),
        (
            "padding that is not zero",
            riff(&[&lossless[..13], b"!"]),
            riff(&[lossless]),
        ),
    ];
    for (why, file, expected) in rows {
        assert_eq!(publish(&file), Ok((1, expected)), "{why}");
    }
}

#[test]
fn metadata_goes_but_for_the_orientation() {
    let (lossy, alpha) = (&*lossy(), &*alpha());
    let (xmp, unknown) = (
        &*chunk(b"XMP ", b"<x:xmpmeta/>"),
        &*chunk(b"abcd", b"secret"),
    );
    let turned = exif(b"", 6);
    let prefixed = exif(b"Exif\0\0", 6);
    let rows: [(&str, Vec<u8>, Vec<u8>); 7] = [
        (
            "metadata at the end",
            riff(&[&header(0x0c), lossy, &exif(b"", 1), xmp]),
            riff(&[&header(0), lossy]),
        ),
        (
            "metadata at the beginning and in between",
            riff(&[&header(0x1c), xmp, alpha, unknown, lossy, &exif(b"", 1)]),
            riff(&[&header(0x10), alpha, lossy]),
        ),
        (
            "an orientation",
            riff(&[&header(0x0c), lossy, &exif_with_camera(b""), xmp]),
            riff(&[&header(0x08), lossy, &turned]),
        ),
        (
            "an orientation behind a prefix, which not every viewer reads",
            riff(&[&header(0x08), lossy, &exif_with_camera(b"Exif\0\0")]),
            riff(&[&header(0x08), lossy, &prefixed]),
        ),
        (
            "an orientation that no flag announces, so that viewers ignore it",
            riff(&[&header(0), lossy, &exif_with_camera(b"")]),
            riff(&[&header(0), lossy, &turned]),
        ),
        (
            "two orientations, of which viewers take the first",
            riff(&[&header(0x08), lossy, &exif_with_camera(b""), &exif(b"", 3)]),
            riff(&[&header(0x08), lossy, &turned]),
        ),
        (
            "damaged EXIF before an orientation that viewers do not reach",
            riff(&[&header(0x08), lossy, &chunk(b"EXIF", b"II"), &exif(b"", 3)]),
            riff(&[&header(0), lossy]),
        ),
    ];
    for (why, file, expected) in rows {
        assert_eq!(publish(&file), Ok((1, expected)), "{why}");
    }
}

#[test]
fn frames_stay_without_what_is_unknown_in_them() {
    let (lossy, alpha, small) = (&*lossy(), &*alpha(), &*small(8, 9));
    let unknown = &*chunk(b"abcd", b"secret");
    let start = chunk(b"ANIM", &[1, 2, 3, 4, 5, 0]);
    let whole = |fields_and_parts: &[&[u8]]| chunk(b"ANMF", &fields_and_parts.concat());
    let at_origin = &[0, 0, 0, 0, 0, 0, 65, 0, 0, 50, 0, 0, 100, 0, 0, 2];
    let first = &*whole(&[at_origin, alpha, lossy]);
    let second = &*frame_of(8, 9, &[small]);
    let third = &*frame_of(64, 47, &[&super::tests::small(64, 47)]);
    // The padding of the picture is that of the frame.
    let odd = [&second[..4], &size_field(16 + 13), &second[8..]].concat();
    let rows: [(&str, Vec<u8>, u32, Vec<u8>); 8] = [
        (
            "nothing but frames",
            riff(&[&header(0x12), &start, first, second, third]),
            3,
            riff(&[&header(0x12), &start, first, second, third]),
        ),
        (
            "unknown parts of frames",
            riff(&[
                &header(0x12),
                &start,
                &whole(&[at_origin, unknown, alpha, unknown, unknown, lossy, unknown]),
                &frame_of(8, 9, &[small, &chunk(b"EXIF", b"x")]),
            ]),
            2,
            riff(&[&header(0x12), &start, first, second]),
        ),
        (
            "metadata between frames",
            riff(&[
                &header(0x3e),
                unknown,
                &profile(),
                &start,
                unknown,
                second,
                unknown,
                second,
                &exif(b"", 1),
                &chunk(b"XMP ", b"x"),
            ]),
            2,
            riff(&[&header(0x32), &profile(), &start, second, second]),
        ),
        (
            "a second animation header, which viewers ignore",
            riff(&[&header(2), &start, second, &chunk(b"ANIM", &[9; 6])]),
            1,
            riff(&[&header(2), &start, second]),
        ),
        (
            "more than the fields in the animation header",
            riff(&[
                &header(2),
                &chunk(b"ANIM", &[1, 2, 3, 4, 5, 0, 9, 9]),
                second,
            ]),
            1,
            riff(&[&header(2), &start, second]),
        ),
        (
            "a padding that the frame has for its part",
            riff(&[&header(2), &start, &odd]),
            1,
            riff(&[&header(2), &start, second]),
        ),
        (
            "no padding at the end of the file",
            riff(&[&header(2), &start, &odd[..odd.len() - 1]]),
            1,
            riff(&[&header(2), &start, second]),
        ),
        (
            "a frame that touches the edges",
            riff(&[&header(2), &start, third]),
            1,
            riff(&[&header(2), &start, third]),
        ),
    ];
    for (why, file, frames, expected) in rows {
        assert_eq!(publish(&file), Ok((frames, expected)), "{why}");
    }
}

#[test]
fn a_last_padding_that_is_missing_is_added() {
    let odd = lossless();
    let unpadded = &odd[..odd.len() - 1];
    assert_eq!(publish(&riff(&[unpadded])), Ok((1, riff(&[&odd]))));
    let extended = riff(&[&header(0), unpadded]);
    assert_eq!(publish(&extended), Ok((1, riff(&[&header(0), &odd]))));
    // Of a chunk that goes, nothing is left to add it to.
    let removed = chunk(b"XMP ", b"x");
    let extended = riff(&[&header(4), &odd, &removed[..removed.len() - 1]]);
    assert_eq!(publish(&extended), Ok((1, riff(&[&header(0), &odd]))));
    // The size counts it, but it is not there.
    let whole = riff(&[&odd]);
    assert_eq!(
        publish(&whole[..whole.len() - 1]),
        Err("ends before its picture does")
    );
}

/// A still image of 66 × 51 pixels with these chunks behind its header.
fn still(chunks: &[&[u8]]) -> Vec<u8> {
    riff(&[&header(0x10), &chunks.concat()])
}

/// An animation of 66 × 51 pixels with these chunks behind its headers.
fn animation(chunks: &[&[u8]]) -> Vec<u8> {
    riff(&[&header(0x12), &chunk(b"ANIM", &[0; 6]), &chunks.concat()])
}

const HEADER_CUT: Reason = "ends within the header of a chunk";
const TOO_LARGE: Reason = "has a chunk that is larger than what holds it";

#[test]
fn containers_that_are_cut_or_put_together_wrongly_are_refused() {
    let (lossy, alpha, lossless) = (&*lossy(), &*alpha(), &*lossless());
    let small = &*small(8, 9);
    let cut_lossy = chunk(b"VP8 ", &lossy[8..40]);
    let cut = "ends before its picture does";
    let larger_size = |file: Vec<u8>| {
        let mut file = file;
        file[4] += 2;
        file
    };
    let rows: [(&str, Vec<u8>, Reason); 17] = [
        ("a size beyond the file", larger_size(riff(&[lossy])), cut),
        (
            "a bitstream that is cut",
            riff(&[&cut_lossy]),
            "has a lossy picture that is cut short",
        ),
        (
            "the same in a header",
            still(&[&cut_lossy]),
            "has a lossy picture that is cut short",
        ),
        (
            "a size that leaves out the end of the picture",
            [b"RIFF", &size_field(lossy.len() - 90)[..], b"WEBP", lossy].concat(),
            "has a first chunk that is larger than the file",
        ),
        ("no picture", still(&[]), "has no picture"),
        ("only a transparency", still(&[alpha]), "has no picture"),
        ("stray bytes", still(&[lossy, b"abc"]), HEADER_CUT),
        (
            "a header of a chunk that is cut",
            still(&[lossy, b"EXIF\0\0\0"]),
            HEADER_CUT,
        ),
        (
            "a chunk that is cut",
            still(&[lossy, b"EXIF\x03\0\0\0ab"]),
            TOO_LARGE,
        ),
        (
            "a chunk of 4 GB",
            still(&[b"EXIF\xff\xff\xff\xff", lossy]),
            TOO_LARGE,
        ),
        (
            "a second header",
            still(&[&header(0), lossy]),
            "has a second header",
        ),
        ("two pictures", still(&[lossy, lossy]), TWO_PICTURES),
        (
            "two kinds of pictures",
            still(&[lossy, lossless]),
            TWO_PICTURES,
        ),
        (
            "two transparencies",
            still(&[alpha, alpha, lossy]),
            TWO_PICTURES,
        ),
        (
            "a transparency after the picture",
            still(&[lossy, alpha]),
            TWO_PICTURES,
        ),
        (
            "a transparency beside a lossless picture",
            still(&[alpha, lossless]),
            "has a transparency beside a lossless picture",
        ),
        (
            "another size",
            still(&[small]),
            "has a picture of another size than it says",
        ),
    ];
    for (why, file, reason) in rows {
        assert_eq!(publish(&file).unwrap_err(), reason, "{why}");
    }
}

#[test]
fn damaged_bitstreams_are_refused() {
    let lossy = &*lossy();
    let with_alpha = |payload: &[u8]| still(&[&chunk(b"ALPH", payload), lossy]);
    let rows: [(&str, Vec<u8>, Reason); 9] = [
        ("an empty transparency", with_alpha(&[]), DAMAGED_ALPHA),
        (
            "a transparency without a plane",
            with_alpha(&[1]),
            DAMAGED_ALPHA,
        ),
        (
            "a transparency of unknown compression",
            with_alpha(&[2, 0]),
            DAMAGED_ALPHA,
        ),
        (
            "a transparency of unknown preprocessing",
            with_alpha(&[0x21, 0]),
            DAMAGED_ALPHA,
        ),
        (
            "a transparency with reserved bits",
            with_alpha(&[0x41, 0]),
            DAMAGED_ALPHA,
        ),
        (
            "an uncompressed transparency without its last pixel",
            with_alpha(&[0; 66 * 51]),
            "has a transparency that is cut short",
        ),
        (
            "damaged lossless",
            still(&[&chunk(b"VP8L", &[0x2e, 0, 0, 0, 0])]),
            DAMAGED_LOSSLESS,
        ),
        (
            "short lossless",
            still(&[&chunk(b"VP8L", &[0x2f, 0, 0, 0])]),
            DAMAGED_LOSSLESS,
        ),
        (
            "damaged lossy",
            still(&[&chunk(b"VP8 ", &[0; 20])]),
            "does not begin with a frame that can be shown",
        ),
    ];
    for (why, file, reason) in rows {
        assert_eq!(publish(&file).unwrap_err(), reason, "{why}");
    }
    let uncompressed = with_alpha(&[0; 66 * 51 + 1]);
    assert_eq!(publish(&uncompressed), Ok((1, uncompressed)));
}

#[test]
fn animations_that_are_put_together_wrongly_are_refused() {
    let (lossy, alpha, small) = (&*lossy(), &*alpha(), &*small(8, 9));
    let start = &*chunk(b"ANIM", &[0; 6]);
    let another = "has a frame whose picture is of another size than it says";
    let beyond = "has a frame that reaches beyond its edge";
    let outside = "is animated and has a picture outside of its frames";
    let rows: [(&str, Vec<u8>, Reason); 15] = [
        ("no frame", animation(&[]), "is animated and has no frame"),
        (
            "an animated picture without frames",
            riff(&[&header(2), lossy]),
            outside,
        ),
        (
            "a picture beside the frames",
            animation(&[&frame_of(8, 9, &[small]), lossy]),
            outside,
        ),
        (
            "a transparency beside the frames",
            animation(&[alpha]),
            outside,
        ),
        (
            "frames before the animation header",
            riff(&[&header(2), &frame_of(8, 9, &[small]), start]),
            "has a frame before its animation header",
        ),
        (
            "a short animation header",
            riff(&[&header(2), &chunk(b"ANIM", &[0; 5])]),
            "has an animation header that is too short",
        ),
        (
            "a short frame",
            animation(&[&chunk(b"ANMF", &[0; 15])]),
            "has a frame that ends before its picture",
        ),
        (
            "an empty frame",
            animation(&[&frame_of(8, 9, &[])]),
            "has a frame without a picture",
        ),
        (
            "stray bytes in a frame",
            animation(&[&frame_of(8, 9, &[small, b"ab"])]),
            HEADER_CUT,
        ),
        (
            "a part that is larger than its frame",
            animation(&[&frame_of(8, 9, &[&small[..8]]), small]),
            TOO_LARGE,
        ),
        (
            "two pictures in a frame",
            animation(&[&frame_of(8, 9, &[small, small])]),
            TWO_PICTURES,
        ),
        (
            "a frame of another width",
            animation(&[&frame_of(9, 9, &[small])]),
            another,
        ),
        (
            "a frame of another height",
            animation(&[&frame_of(8, 8, &[small])]),
            another,
        ),
        (
            "a frame that is too wide",
            animation(&[&frame_of(65, 9, &[small])]),
            beyond,
        ),
        (
            "a frame that is too high",
            animation(&[&frame_of(8, 48, &[small])]),
            beyond,
        ),
    ];
    for (why, file, reason) in rows {
        assert_eq!(publish(&file).unwrap_err(), reason, "{why}");
    }
}

#[test]
fn real_files_keep_what_shows_them_and_nothing_else() {
    let rows: [(&str, u32, &[&[u8; 4]]); 9] = [
        ("chromium-canvas.webp", 1, &[b"VP8X", b"ICCP", b"VP8 "]),
        ("cwebp-lossy-alpha.webp", 1, &[b"VP8X", b"ALPH", b"VP8 "]),
        ("exiftool-exif-gps.webp", 1, &[b"VP8X", b"VP8 ", b"EXIF"]),
        (
            "gif2webp-animated.webp",
            3,
            &[b"VP8X", b"ANIM", b"ANMF", b"ANMF", b"ANMF"],
        ),
        ("gimp.webp", 1, &[b"VP8X", b"ICCP", b"VP8 "]),
        (
            "img2webp-animated-mixed.webp",
            3,
            &[b"VP8X", b"ANIM", b"ANMF", b"ANMF", b"ANMF"],
        ),
        (
            "pillow-animated.webp",
            2,
            &[b"VP8X", b"ANIM", b"ANMF", b"ANMF"],
        ),
        ("vips.webp", 1, &[b"VP8X", b"VP8L", b"EXIF"]),
        (
            "webpmux-metadata.webp",
            1,
            &[b"VP8X", b"ICCP", b"VP8 ", b"EXIF"],
        ),
    ];
    for file in fixtures::WEBP {
        let (frames, published) = publish(file.bytes).unwrap();
        let chunks = Chunks {
            within: &published,
            begin: CHUNKS,
        }
        .map(Result::unwrap);
        let names: Vec<_> = chunks.map(|chunk| chunk.name).collect();
        if let Some((_, expected, chunks)) = rows.iter().find(|(name, ..)| *name == file.name) {
            assert_eq!(frames, *expected, "{}", file.name);
            assert!(
                names.iter().eq(chunks.iter().copied()),
                "{}: {names:?}",
                file.name
            );
        } else {
            assert_eq!(frames, 1, "{}", file.name);
            assert!(
                matches!(names[..], [[b'V', b'P', b'8', b' ' | b'L']]),
                "{}: {names:?}",
                file.name
            );
        }
        if names.contains(b"EXIF") {
            let at = published
                .windows(4)
                .rposition(|name| name == b"EXIF")
                .unwrap();
            let payload = &published[at + CHUNK_HEADER..];
            let tiff = payload.strip_prefix(b"Exif\0\0").unwrap_or(payload);
            assert_eq!(tiff, Exif::read(tiff).tiff(), "{}", file.name);
        }
    }
}

#[test]
fn an_orientation_does_not_change_the_size_since_browsers_ignore_it() {
    let turned = riff(&[&header(0x08), &lossy(), &exif(b"", 6)]);
    assert_eq!(walk(&turned).unwrap().orientation, Orientation::AS_STORED);
}

#[test]
fn a_great_many_chunks_that_go_are_one_edit() {
    let many = chunk(b"abcd", b"").repeat(100_000);
    let file = riff(&[&header(0), &many, &lossy(), &many]);
    let edits = walk(&file).unwrap().edits;
    assert_eq!(
        edits.len(),
        3,
        "the size, and what is before and after the picture"
    );
}

/// Chunks in any order: those that belong into an animation, those that do not, and broken ones.
fn any_chunks() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(small(8, 9)),
        Just(lossy()),
        Just(alpha()),
        Just(chunk(b"abcd", b"12345")),
        Just(small(8, 9)[..13].to_vec()),
    ];
    let frame = prop::collection::vec(part, 0..3).prop_map(|parts| {
        let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
        frame_of(8, 9, &parts)
    });
    let any_chunk = prop_oneof![
        Just(lossy()),
        Just(lossless()),
        Just(alpha()),
        Just(profile()),
        Just(exif_with_camera(b"")),
        Just(exif_with_camera(b"Exif\0\0")),
        Just(chunk(b"ANIM", &[0; 7])),
        Just(chunk(b"ANIM", &[0; 6])),
        Just(frame_of(8, 9, &[&small(8, 9)])),
        frame,
        prop::collection::vec(any::<u8>(), 0..9).prop_map(|payload| chunk(b"XMP ", &payload)),
    ];
    let chunks = prop::collection::vec(any_chunk, 0..6);
    (any::<u8>(), any::<bool>(), chunks, 0..2_usize).prop_map(|(flags, start, chunks, cut)| {
        let mut parts = vec![header(flags)];
        if start {
            parts.push(chunk(b"ANIM", &[0; 6]));
        }
        parts.extend(chunks);
        let mut body = parts.concat();
        body.truncate(body.len() - cut);
        riff(&[&body])
    })
}

proptest! {
    #[test]
    fn what_is_published_has_nothing_left_to_change(file in any_chunks()) {
        if let Ok((frames, published)) = publish(&file) {
            let walked = walk(&published).unwrap();
            prop_assert_eq!(walked.edits, vec![]);
            prop_assert_eq!((walked.frames, walked.end), (frames, published.len()));
            for chunk in (Chunks { within: &published, begin: CHUNKS }) {
                let chunk = chunk.unwrap();
                let stays = [b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"];
                let minimal = &chunk.name == b"EXIF" && chunk.payload.len() <= 32;
                prop_assert!(minimal || stays.contains(&&chunk.name));
            }
        }
    }
}
