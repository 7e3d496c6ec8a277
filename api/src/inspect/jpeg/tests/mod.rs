//! JPEG files made by hand, for the tests of `size` and `walk`.

mod properties;
mod real_files;
mod refused;
mod size;
mod walk;

use super::*;
use crate::inspect::exif::Exif;
use crate::inspect::{Metadata, fixtures};
use marker::{APP2, COM, IMPOSSIBLE_LENGTH, SOF0};

const SOI: &[u8] = b"\xff\xd8";
const END: &[u8] = b"\xff\xd9";

fn part(marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], &length[..], payload].concat()
}

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

const ORIENTATION_6: &[u8] = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";

/// What is published of a file, which has to be published unchanged the next time.
fn published(file: &[u8]) -> Vec<u8> {
    let walked = walk(file).unwrap();
    let published = walked.publishable(file, Metadata::Remove).into_owned();
    let again = walk(&published).unwrap();
    assert_eq!(again.edits, [], "it is published unchanged the next time");
    assert_eq!(again.end, published.len());
    assert_eq!(again.orientation, walked.orientation);
    published
}

fn exif(tiff: &[u8]) -> Vec<u8> {
    part(APP1, &[b"Exif\0\0", tiff].concat())
}

fn minimal_exif(orientation: &[u8]) -> Vec<u8> {
    exif(&Exif::read(orientation).tiff())
}

fn chunk(number: u8, count: u8, data: &[u8]) -> Vec<u8> {
    part(
        APP2,
        &[b"ICC_PROFILE\0", &[number, count][..], data].concat(),
    )
}

/// The header of an ICC profile, as far as it is looked at.
fn profile() -> Vec<u8> {
    crate::inspect::icc::tests::profile(0)
}

fn huffman_table() -> Vec<u8> {
    let counts = [0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    [&[0x11][..], &counts, b"abc"].concat()
}

fn quantisation_table() -> Vec<u8> {
    [&[0x03][..], &[9; 64]].concat()
}

type Parts<'a> = &'a [&'a [u8]];

const JFIF: &[u8] = b"JFIF\0\x01\x02\x01\0\x48\0\x48\0\0";
const ADOBE: &[u8] = b"Adobe\0\x64\0\0\0\0\x01";

/// A file with these bytes in every place where a segment can be: before the frame, before the scan,
/// between scans, before the end.
fn everywhere(bytes: &[u8]) -> Vec<u8> {
    let frame = frame(SOF0, 40, 24);
    jpeg(&[bytes, &frame, bytes, &scan(), bytes, &scan(), bytes])
}
