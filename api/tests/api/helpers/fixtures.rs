//! Images to upload.

use std::path::PathBuf;

use crate::helpers::root;

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn folder() -> PathBuf {
    root().join("api/tests/fixtures")
}

/// The names of all images of an accepted type.
pub(crate) fn images() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut images: Vec<String> = names.filter(|name| media_type(name).is_some()).collect();
    images.sort();
    assert!(images.len() >= 100, "only {} images", images.len());
    images
}

/// The type of a fixture, by its name. `None`: it is of no accepted type.
pub(crate) fn media_type(name: &str) -> Option<&'static str> {
    match name.rsplit('.').next()? {
        "jpg" => Some("image/jpeg"),
        "png" if name != "text-named.png" => Some("image/png"),
        "gif" => Some("image/gif"),
        "webp" => Some("image/webp"),
        _ => None,
    }
}

/// A small JPEG.
pub(crate) fn photo() -> Vec<u8> {
    fixture("pillow-baseline.jpg")
}

/// A PNG of exactly this many bytes, and no two of them the same: a container in good order with random bytes
/// for its pixels. Nothing is decoded by the service, so the size is what matters.
pub(crate) fn png_of(bytes: usize) -> Vec<u8> {
    const BESIDE_THE_PIXELS: usize = 8 + 25 + 12 + 12;
    let mut pixels = vec![0; bytes - BESIDE_THE_PIXELS];
    for part in pixels.chunks_mut(32) {
        part.copy_from_slice(&rand::random::<[u8; 32]>()[..part.len()]);
    }
    let header = [0, 0, 0, 64, 0, 0, 0, 49, 8, 2, 0, 0, 0];
    let png = [
        &b"\x89PNG\r\n\x1a\n"[..],
        &png_chunk(*b"IHDR", &header),
        &png_chunk(*b"IDAT", &pixels),
        &png_chunk(*b"IEND", b""),
    ]
    .concat();
    assert_eq!(png.len(), bytes);
    png
}

/// A GIF of so many frames, each a single pixel, on a screen of this size.
pub(crate) fn gif_of(frames: usize, width: u16, height: u16) -> Vec<u8> {
    let [w0, w1] = width.to_le_bytes();
    let [h0, h1] = height.to_le_bytes();
    let frame = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    let black_and_white = b"\0\0\0\xff\xff\xff";
    [
        &b"GIF89a"[..],
        &[w0, w1, h0, h1, 0x80, 0, 0],
        black_and_white,
        &frame.repeat(frames),
        b";",
    ]
    .concat()
}

/// A chunk with its length and checksum.
pub(crate) fn png_chunk(kind: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let checksum = crc32fast::hash(&[&kind[..], payload].concat());
    [
        &length.to_be_bytes()[..],
        &kind,
        payload,
        &checksum.to_be_bytes(),
    ]
    .concat()
}
