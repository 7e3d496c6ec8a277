//! What `walk` refuses.

use super::*;

fn reason(file: &[u8]) -> Reason {
    walk(file).unwrap_err()
}

#[test]
fn markers_in_the_wrong_place_are_refused() {
    let (main, scan) = (frame(SOF0, 40, 24), scan());
    let marker = "has a marker that few viewers accept";
    let rows: [(&str, Parts, Reason); 8] = [
        (
            "a second frame",
            &[&main, &scan, &main, &scan],
            "gives its dimensions twice",
        ),
        ("an end before the scan", &[&main], "has no picture in it"),
        (
            "a scan before the frame",
            &[&scan, &main, &scan],
            "has a picture before its dimensions",
        ),
        ("a second start", &[&main, &scan, SOI, &scan], marker),
        (
            "a reserved marker in picture data",
            &[&main, &scan, b"\xff\x02\0\x04ab"],
            marker,
        ),
        (
            "a length of 1",
            &[&main, &scan, b"\xff\xfe\0\x01"],
            IMPOSSIBLE_LENGTH,
        ),
        (
            "a length of 0",
            &[&main, &scan, b"\xff\xe1\0\0"],
            IMPOSSIBLE_LENGTH,
        ),
        (
            "a segment over the end",
            &[&main, &scan, b"\xff\xfe\0\x09"],
            NO_END,
        ),
    ];
    for (why, parts, expected) in rows {
        assert_eq!(reason(&jpeg(parts)), expected, "{why}");
    }
}

#[test]
fn more_scans_than_any_picture_needs_are_refused() {
    for (width, height, scans) in [(40, 24, 500), (4_000, 5_000, 100), (6_400, 6_250, 50)] {
        let main = frame(SOF0, width, height);
        let most = [&main[..], &scan().repeat(scans)].concat();
        assert!(walk(&jpeg(&[&most])).is_ok());
        assert_eq!(
            reason(&jpeg(&[&most, &scan()])),
            "has more scans than any picture needs"
        );
    }
}

#[test]
fn scans_that_do_not_fit_their_frame_are_refused() {
    let rows: [(&str, &[u8]); 8] = [
        ("no components", b"\0\0\x3f\0"),
        ("an empty header", b""),
        ("a header of three bytes", b"\x01\0\x3f"),
        ("an unknown component", b"\x01\x03\0\0\x3f\0"),
        ("a component twice", b"\x02\x01\0\x01\0\0\x3f\0"),
        (
            "more components than the frame has",
            b"\x03\x01\0\x02\0\x02\0\0\x3f\0",
        ),
        ("a byte too many", b"\x01\x01\0\0\x3f\0\0"),
        ("a component too few", b"\x02\x01\0\0\x3f\0"),
    ];
    let misfit = "has a scan that does not fit its frame";
    let two = part(SOF0, b"\x08\0\x18\0\x28\x02\x01\x11\0\x02\x11\0");
    let right = part(SOS, b"\x02\x01\0\x02\0\0\x3f\0");
    for (why, header) in rows {
        let wrong = part(SOS, header);
        assert_eq!(reason(&jpeg(&[&two, &wrong])), misfit, "{why}");
        assert_eq!(
            reason(&jpeg(&[&two, &right, &wrong])),
            misfit,
            "{why}, in the second scan"
        );
    }
    let too_many = b"\x08\0\x18\0\x28\x05\x01\x11\0\x02\x11\0\x03\x11\0\x04\x11\0\x05\x11\0";
    let file = jpeg(&[&part(SOF0, too_many), &scan()]);
    assert_eq!(
        reason(&file),
        "has more colour components than viewers can show"
    );
}

#[test]
fn damaged_tables_are_refused_wherever_they_are() {
    let huffman = |class_and_place: u8, count: u8| {
        let codes = vec![7; 16 * usize::from(count)];
        [&[class_and_place][..], &[count; 16], &codes].concat()
    };
    let rows: [(&str, u8, &[u8]); 13] = [
        ("quantisation too short", DQT, &quantisation_table()[..64]),
        ("quantisation too long", DQT, &[0; 66]),
        ("quantisation of 16 bits too short", DQT, &[0x10; 128]),
        ("quantisation for a fifth place", DQT, &[4; 65]),
        ("Huffman codes too short", DHT, &huffman_table()[..19]),
        ("half a Huffman table", DHT, &huffman_table()[..16]),
        ("Huffman codes for a fifth place", DHT, &huffman(4, 1)),
        ("Huffman codes of a third class", DHT, &huffman(0x20, 1)),
        ("272 Huffman codes", DHT, &huffman(0, 17)),
        ("half a conditioning", DAC, b"\0\0\0"),
        ("conditioning of a third class", DAC, b"\x20\0"),
        ("no restart interval", DRI, b""),
        ("a restart interval of four bytes", DRI, b"\0\0\0\x04"),
    ];
    for (why, marker, payload) in rows {
        let damaged = part(marker, payload);
        let first = jpeg(&[&damaged, &frame(SOF0, 40, 24), &scan()]);
        let last = jpeg(&[&frame(SOF0, 40, 24), &scan(), &damaged]);
        assert_eq!(reason(&first), "has a damaged table", "{why}");
        assert_eq!(
            reason(&last),
            "has a damaged table",
            "{why}, after the scan"
        );
    }
}

#[test]
fn a_second_height_is_refused() {
    let rows = [
        ("another", b"\0\x19", "gives its height twice"),
        ("zero", b"\0\0", "gives its height twice"),
    ];
    let main = frame(SOF0, 40, 24);
    for (why, payload, expected) in rows {
        let lines = part(DNL, payload);
        assert_eq!(reason(&jpeg(&[&main, &scan(), &lines])), expected, "{why}");
        assert_eq!(
            reason(&jpeg(&[&lines, &main, &scan()])),
            expected,
            "{why}, before the frame"
        );
    }
    let half = part(DNL, b"\x18");
    assert_eq!(reason(&jpeg(&[&main, &scan(), &half])), IMPOSSIBLE_LENGTH);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = [
        everywhere(&part(COM, b"Ada")),
        everywhere(&part(APP0, JFIF)),
    ];
    let real = fixtures::JPEG.iter().map(|file| file.bytes);
    for file in real.chain(whole.iter().map(Vec::as_slice)) {
        let end = walk(file).unwrap().end;
        for cut in 2..end {
            let reason = reason(&file[..cut]);
            let is_told = reason == NO_END || reason.starts_with("ends before its ");
            assert!(is_told, "{cut} of {end}: {reason}");
        }
    }
}
