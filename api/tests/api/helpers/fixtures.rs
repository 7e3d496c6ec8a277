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

/// A small JPEG.
pub(crate) fn photo() -> Vec<u8> {
    fixture("pillow-baseline.jpg")
}

/// A PNG of exactly this many bytes, and no two of them the same: a real header and random pixels' worth of
/// bytes behind it. Nothing is decoded by the service, so the size is what matters.
pub(crate) fn png_of(bytes: usize) -> Vec<u8> {
    let mut png = fixture("pillow-rgb.png");
    assert!(bytes >= png.len(), "a PNG has at least {} bytes", png.len());
    while png.len() < bytes {
        png.extend_from_slice(&rand::random::<[u8; 32]>());
    }
    png.truncate(bytes);
    png
}
