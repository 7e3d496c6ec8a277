//! What holds for `walk` whatever the bytes.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use marker::{RST7, TEM};

/// Some bytes that a JPEG may be made of, rightly or wrongly.
fn any_part() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::collection::vec(any::<u8>(), 0..24);
    let markers = vec![
        DQT, DHT, DRI, DAC, DNL, APP0, APP1, APP2, APP14, COM, SOS, SOF0, 0xd8,
    ];
    let right = vec![
        scan(),
        frame(SOF0, 40, 24),
        part(APP0, JFIF),
        part(APP14, ADOBE),
        exif(ORIENTATION_6),
        chunk(1, 1, &profile()),
        chunk(1, 2, &profile()),
        chunk(2, 2, b"x"),
        part(COM, b"Ada"),
        part(DHT, &huffman_table()),
        part(DNL, b"\0\x18"),
        vec![0xff],
        vec![0xff, 0xff, RST7],
        vec![0xff, TEM],
        vec![0xff, 0],
        END.to_vec(),
    ];
    prop_oneof![
        4 => select(right),
        1 => (select(markers), payload.clone()).prop_map(|(marker, payload)| part(marker, &payload)),
        1 => payload,
    ]
}

/// A file of such parts that has at least a frame and a scan.
fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let parts = || prop::collection::vec(any_part(), 0..6).prop_map(|parts| parts.concat());
    (parts(), parts(), parts()).prop_map(|(before, between, after)| {
        jpeg(&[&before, &frame(SOF0, 40, 24), &between, &scan(), &after])
    })
}

/// A real file with some of its bytes changed.
fn spoilt_file() -> impl Strategy<Value = Vec<u8>> {
    let files: Vec<_> = fixtures::JPEG.iter().map(|file| file.bytes).collect();
    let telling = select(b"\xff\xc0\xd0\xd8\xd9\xda\xdc\xe1\xfe\0\x01\x02".to_vec());
    let changes = prop::collection::vec((any::<Index>(), telling), 0..6);
    (select(files), changes).prop_map(|(file, changes)| {
        let mut file = file.to_vec();
        for (at, value) in changes {
            let at = at.index(file.len() - 2) + 2;
            file[at] = value;
        }
        file
    })
}

/// Whatever the bytes: no panic, edits that are in order and apart, and a result that is its own result.
fn check(file: &[u8]) -> Result<(), TestCaseError> {
    let Ok(walked) = walk(file) else {
        return Ok(());
    };
    prop_assert_eq!(size(file), size(&published(file)));
    let mut end = 0;
    for edit in &walked.edits {
        prop_assert!(end <= edit.range.start && edit.range.start <= edit.range.end);
        end = edit.range.end;
    }
    prop_assert!(end <= walked.end && walked.end <= file.len());
    prop_assert!(file[..walked.end].ends_with(END));
    Ok(())
}

proptest! {
    #[test]
    fn arbitrary_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        check(&[SOI, &bytes].concat())?;
    }

    #[test]
    fn files_of_arbitrary_parts_have_an_answer(file in any_file()) {
        check(&file)?;
    }

    #[test]
    fn spoilt_files_have_an_answer(file in spoilt_file()) {
        check(&file)?;
    }
}
