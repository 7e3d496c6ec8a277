//! What `walk` keeps and removes.

use super::*;
use crate::inspect::Edit;
use crate::inspect::exif::Exif;
use crate::inspect::icc::tests::profile_of;
use marker::TEM;

#[test]
fn what_a_decoder_reads_stays() {
    let sixteen_bit_table = [&[0x10][..], &[9; 128]].concat();
    let rows: [(&str, Vec<u8>); 11] = [
        ("nothing else", vec![]),
        ("DQT", part(DQT, &quantisation_table())),
        ("DQT of 16 bits", part(DQT, &sixteen_bit_table)),
        (
            "DQT with two tables",
            part(
                DQT,
                &[quantisation_table(), sixteen_bit_table.clone()].concat(),
            ),
        ),
        ("DHT", part(DHT, &huffman_table())),
        (
            "DHT with two tables",
            part(DHT, &[huffman_table(), huffman_table()].concat()),
        ),
        ("DAC", part(DAC, b"\x00\x10\x1f\x05")),
        ("DRI", part(DRI, b"\0\x04")),
        ("DNL that agrees", part(DNL, b"\0\x18")),
        ("JFIF", part(APP0, JFIF)),
        ("Adobe", part(APP14, ADOBE)),
    ];
    for (why, bytes) in rows {
        let file = everywhere(&bytes);
        assert_eq!(published(&file), file, "{why}");
    }
}

#[test]
fn what_no_decoder_reads_goes_wherever_it_is() {
    let largest = part(COM, &vec![0xff; 0xfffd]);
    let thumbnail = jpeg(&[&frame(SOF0, 16, 12), &scan()]);
    let rows: [(&str, Vec<u8>); 26] = [
        ("a comment", part(COM, b"Ada")),
        ("an empty comment", part(COM, b"")),
        ("the largest comment", largest),
        ("XMP", part(APP1, b"http://ns.adobe.com/xap/1.0/\0<x/>")),
        (
            "extended XMP",
            part(APP1, b"http://ns.adobe.com/xmp/extension/\0"),
        ),
        (
            "EXIF with nothing in it",
            exif(b"II*\0\x08\0\0\0\0\0\0\0\0\0"),
        ),
        ("EXIF that is damaged", part(APP1, b"Exif\0")),
        ("a thumbnail in EXIF", exif(&thumbnail)),
        ("IPTC", part(APP0 + 13, b"Photoshop 3.0\x008BIM\x04\x04")),
        ("Ducky", part(APP0 + 12, b"Ducky\0\x01\0\x04\0\0\0\x3c")),
        ("FLIR", part(APP1, b"FLIR\0\x01\0\0")),
        ("MPF", part(APP2, b"MPF\0II*\0")),
        (
            "a gain map",
            part(APP2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"),
        ),
        ("C2PA", part(APP0 + 11, b"JP\0\x01\0\0\0\x01\0\0\0\x08jumb")),
        (
            "a JFXX thumbnail",
            part(APP0, &[b"JFXX\0\x10", &thumbnail[..]].concat()),
        ),
        ("AVI1", part(APP0, b"AVI1\0\0\0\0")),
        ("an empty application segment", part(APP0, b"")),
        ("SPIFF", part(APP0 + 8, b"SPIFF\0")),
        ("another maker's", part(APP0 + 15, b"Ada")),
        (
            "Adobe's colour management",
            part(APP0 + 13, b"Adobe_CM\0\x02"),
        ),
        (
            "an Adobe segment that is too short",
            part(APP14, &ADOBE[..11]),
        ),
        ("an empty DQT", part(DQT, b"")),
        ("an empty DHT", part(DHT, b"")),
        ("a comment with an end in it", part(COM, END)),
        (
            "stray bytes",
            [&part(COM, b"")[..], b"Ada\xff\0", &[0xff, TEM]].concat(),
        ),
        (
            "stray picture data",
            [&part(COM, b"")[..], b"\x12\xff\xd0\x34"].concat(),
        ),
    ];
    for (why, bytes) in rows {
        assert_eq!(published(&everywhere(&bytes)), everywhere(b""), "{why}");
        assert_eq!(
            published(&everywhere(&bytes.repeat(3))),
            everywhere(b""),
            "{why}"
        );
    }
}

#[test]
fn bytes_that_belong_to_no_segment_go() {
    let (frame, scan) = (frame(SOF0, 40, 24), scan());
    let table = part(DRI, b"\0\x04");
    let plain = jpeg(&[&frame, &scan, &table, &scan]);
    let rows: [(&str, &[u8]); 5] = [
        ("fill bytes", b"\xff\xff\xff"),
        ("stray bytes", b"Ada Lovelace"),
        ("a stuffed byte", b"\xff\0\xff\0"),
        ("markers that stand alone", b"\xff\x01\xff\xd0\xff\xd7"),
        ("picture data after a table", b"\x12\xff\xd0\x34\xff\xff"),
    ];
    for (why, stray) in rows {
        let file = jpeg(&[stray, &frame, stray, &scan, &table, stray, &scan]);
        assert_eq!(published(&file), plain, "{why}");
    }
}

#[test]
fn picture_data_stays_to_the_last_byte() {
    let rows: [(&str, &[u8]); 6] = [
        ("none", b""),
        ("stuffed bytes", b"\xff\0\xff\0\0"),
        (
            "restart markers in any order",
            b"\x01\xff\xd7\x02\xff\xd0\x03\xff\xd0",
        ),
        (
            "fill bytes before a restart marker",
            b"\x01\xff\xff\xff\xd0\x02",
        ),
        ("fill bytes before a stuffed byte", b"\x01\xff\xff\0\x02"),
        ("fill bytes at the end", b"\x01\xff\xff"),
    ];
    let frame = frame(SOF0, 40, 24);
    let scan = part(SOS, &[1, 1, 0, 0, 63, 0]);
    for (why, data) in rows {
        let plain = jpeg(&[&frame, &scan, data, &scan, data]);
        assert_eq!(published(&plain), plain, "{why}");
        let comment = part(COM, b"\xff\xd9");
        let file = jpeg(&[&frame, &scan, data, &comment, &scan, data, &comment]);
        assert_eq!(published(&file), plain, "{why}");
    }
}

#[test]
fn a_jfif_thumbnail_goes_and_the_density_stays() {
    let thumbnail = [&JFIF[..12], &[1, 2], b"rgbRGB"].concat();
    let rows: [(&str, &[u8], &[u8]); 4] = [
        ("a thumbnail", &thumbnail, JFIF),
        ("a byte too many", &[JFIF, b"\0"].concat(), JFIF),
        (
            "half the size of a thumbnail",
            &thumbnail[..13],
            &JFIF[..13],
        ),
        ("no density", b"JFIF\0", b"JFIF\0"),
    ];
    for (why, before, after) in rows {
        let file = everywhere(&part(APP0, before));
        assert_eq!(published(&file), everywhere(&part(APP0, after)), "{why}");
    }
}

#[test]
fn an_adobe_segment_is_cut_to_its_fields() {
    let file = everywhere(&part(APP14, &[ADOBE, b"Ada"].concat()));
    assert_eq!(published(&file), everywhere(&part(APP14, ADOBE)));
}

#[test]
fn an_exif_segment_is_reduced_to_the_orientation() {
    let (frame, scan) = (frame(SOF0, 40, 24), scan());
    let jfif = part(APP0, JFIF);
    let upright = exif(&Exif::EMPTY.tiff());
    let turned = exif(&[ORIENTATION_6, b"Ada"].concat());
    let minimal = minimal_exif(ORIENTATION_6);
    let padded = part(APP1, &[b"Exif\0\x20", ORIENTATION_6].concat());
    let xmp = part(APP1, b"http://ns.adobe.com/xap/1.0/\0<x/>");
    let damaged = exif(b"MM\0\x2b\0\0\0\x08");
    let blank = exif(b"");
    let elsewhere = part(APP2, &[b"Exif\0\0", ORIENTATION_6].concat());
    let none: &[u8] = b"";
    let rows: [(&str, Parts, Parts, bool); 12] = [
        (
            "turned",
            &[&jfif, &turned, &frame, &scan],
            &[&jfif, &minimal, &frame, &scan],
            true,
        ),
        (
            "as stored",
            &[&jfif, &upright, &frame, &scan],
            &[&jfif, &frame, &scan],
            false,
        ),
        (
            "before JFIF",
            &[&turned, &jfif, &frame, &scan],
            &[&minimal, &jfif, &frame, &scan],
            true,
        ),
        (
            "behind XMP",
            &[&xmp, &turned, &frame, &scan],
            &[&minimal, &frame, &scan],
            true,
        ),
        (
            "after the frame",
            &[&frame, &turned, &scan],
            &[&frame, &minimal, &scan],
            true,
        ),
        (
            "other padding",
            &[&padded, &frame, &scan],
            &[&minimal, &frame, &scan],
            true,
        ),
        (
            "the first counts",
            &[&turned, &upright, &frame, &scan],
            &[&minimal, &frame, &scan],
            true,
        ),
        (
            "even as stored",
            &[&upright, &turned, &frame, &scan],
            &[&frame, &scan],
            false,
        ),
        (
            "even damaged",
            &[&damaged, &turned, &frame, &scan],
            &[&frame, &scan],
            false,
        ),
        (
            "but not without a block",
            &[&blank, &turned, &frame, &scan],
            &[&minimal, &frame, &scan],
            true,
        ),
        (
            "in APP2",
            &[&elsewhere, &frame, &scan],
            &[none, &frame, &scan],
            false,
        ),
        (
            "after the scan",
            &[&frame, &scan, &turned, &scan],
            &[&frame, &scan, &scan],
            false,
        ),
    ];
    for (why, before, after, swaps_sides) in rows {
        let file = jpeg(before);
        assert_eq!(published(&file), jpeg(after), "{why}");
        assert_eq!(
            walk(&file).unwrap().orientation.swaps_sides(),
            swaps_sides,
            "{why}"
        );
    }
}

#[test]
fn a_whole_colour_profile_stays_and_what_is_none_goes() {
    let whole = profile();
    let (first, second) = whole.split_at(38);
    let (one, two) = (chunk(1, 2, first), chunk(2, 2, second));
    let short = part(APP2, b"ICC_PROFILE\0\x01");
    let elsewhere = part(APP1, &[b"ICC_PROFILE\0\x01\x01", &whole[..]].concat());
    let rows: [(&str, &[&[u8]], bool); 19] = [
        ("one chunk", &[&chunk(1, 1, &whole)], true),
        ("two chunks", &[&one, &two], true),
        ("in the other order", &[&two, &one], true),
        ("the second alone", &[&two], false),
        ("the first alone", &[&one], false),
        (
            "the first alone, with the signature",
            &[&chunk(1, 2, &whole)],
            false,
        ),
        ("in another segment", &[&elsewhere], false),
        ("the first twice", &[&one, &one], false),
        (
            "the first twice, and the second",
            &[&one, &two, &one],
            false,
        ),
        (
            "two profiles",
            &[&chunk(1, 1, &whole), &chunk(1, 1, &whole)],
            false,
        ),
        ("different counts", &[&one, &chunk(2, 3, second)], false),
        (
            "the last of three",
            &[&chunk(3, 2, second), &one, &two],
            false,
        ),
        ("number 0", &[&chunk(0, 1, &whole)], false),
        ("none of none", &[&chunk(0, 0, &whole)], false),
        ("no signature", &[&chunk(1, 1, &[b'a'; 200])], false),
        (
            "chunks the wrong way round",
            &[&chunk(2, 2, first), &chunk(1, 2, second)],
            false,
        ),
        (
            "cut within the signature",
            &[&chunk(1, 1, &whole[..39])],
            false,
        ),
        ("empty", &[&chunk(1, 1, b"")], false),
        ("half a chunk's header", &[&short], false),
    ];
    let frame = frame(SOF0, 40, 24);
    for (why, chunks, stays) in rows {
        let chunks = chunks.concat();
        let file = jpeg(&[&chunks, &frame, &scan()]);
        let plain = jpeg(&[&frame, &scan()]);
        assert_eq!(
            published(&file),
            if stays { &file } else { &plain }.as_slice(),
            "{why}"
        );
        let late = jpeg(&[&frame, &scan(), &chunks]);
        assert_eq!(published(&late), plain, "{why}, after the scan");
    }
    let with_rest = jpeg(&[&one, &short, &frame, &two, &scan()]);
    let without = jpeg(&[&one, &frame, &two, &scan()]);
    assert_eq!(
        published(&with_rest),
        without,
        "half a header among chunks, one after the frame"
    );
    let long = profile_of(255 * 100);
    let many: Vec<_> = (1..=255)
        .zip(long.chunks(100))
        .flat_map(|(number, part)| chunk(number, 255, part))
        .collect();
    let largest = jpeg(&[&many, &frame, &scan()]);
    assert_eq!(published(&largest), largest, "255 chunks");
}

#[test]
fn scans_of_some_of_the_components_are_accepted() {
    let same_identifiers = part(SOF0, b"\x08\0\x18\0\x28\x03\0\x11\0\0\x11\0\0\x11\0");
    let colour = part(SOF0, b"\x08\0\x18\0\x28\x03\x01\x11\0\x02\x11\0\x03\x11\0");
    let all = part(SOS, b"\x03\x01\0\x02\0\x03\0\0\x3f\0");
    let backwards = part(SOS, b"\x02\x03\0\x01\0\0\x3f\0");
    let second = part(SOS, b"\x01\x02\0\0\x3f\0");
    let three_alike = part(SOS, b"\x03\0\0\0\0\0\0\0\x3f\0");
    let rows: [(&str, &[&[u8]]); 3] = [
        ("all at once", &[&colour, &all, b"\x12"]),
        (
            "one by one",
            &[&colour, &backwards, b"\x12", &second, b"\x34"],
        ),
        (
            "all with the same identifier",
            &[&same_identifiers, &three_alike, b"\x12"],
        ),
    ];
    for (why, parts) in rows {
        let file = jpeg(parts);
        assert_eq!(published(&file), file, "{why}");
    }
}

#[test]
fn a_height_after_the_first_scan_stays_there() {
    let file = jpeg(&[&frame(SOF0, 40, 0), &scan(), &part(DNL, b"\0\x18"), &scan()]);
    assert_eq!(published(&file), file);
}

#[test]
fn the_picture_ends_with_its_own_end() {
    let thumbnail = exif(&jpeg(&[&frame(SOF0, 16, 12), &scan()]));
    let picture = jpeg(&[
        &thumbnail,
        &frame(SOF0, 40, 24),
        &scan(),
        &part(COM, END),
        &scan(),
    ]);
    for behind in [&b""[..], END, b"\0\0\0\x18ftypmp42", &picture, b"<script>"] {
        let walked = walk(&[&picture, behind].concat()).unwrap();
        assert_eq!(walked.end, picture.len(), "{behind:x?}");
    }
}

#[test]
fn edits_take_less_memory_than_the_file() {
    let dense = part(COM, b"").repeat(50_000);
    let alternating = [part(DRI, b"\0\x04"), b"\0".to_vec()]
        .concat()
        .repeat(50_000);
    let rewritten = part(APP0, &[JFIF, b"\0"].concat()).repeat(20_000);
    let apart = [&part(DQT, &quantisation_table())[..], b"\0"]
        .concat()
        .repeat(10_000);
    for (segments, most) in [
        (dense, 1),
        (alternating, 1),
        (rewritten, 1),
        (apart, 10_000),
    ] {
        let file = jpeg(&[&segments, &frame(SOF0, 40, 24), &scan()]);
        let edits = walk(&file).unwrap().edits;
        let in_edits = edits
            .iter()
            .map(|edit| size_of::<Edit>() + edit.replacement.len());
        assert!(edits.len() <= most, "{} edits", edits.len());
        assert!(in_edits.sum::<usize>() <= file.len());
        published(&file);
    }
}
