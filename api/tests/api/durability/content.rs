//! Images from a seeded generator: valid, each unlike all others, and published byte for byte as they are sent.

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};

use crate::helpers::fixtures::{photo, png_chunk};

/// An image of one of three types, of a few hundred bytes up to 40 kB.
pub(super) fn generate(random: &mut StdRng) -> Vec<u8> {
    match random.random_range(0..3) {
        0 => jpeg(random),
        1 => gif(random),
        _ => png(random),
    }
}

/// A photo with a quantisation table of its own.
fn jpeg(random: &mut StdRng) -> Vec<u8> {
    const TABLE: [u8; 4] = [0xff, 0xdb, 0, 67];
    let mut bytes = photo();
    let at = bytes.windows(4).position(|window| window == TABLE).unwrap();
    for value in &mut bytes[at + 5..at + 5 + 64] {
        *value = random.random_range(1..=255);
    }
    bytes
}

/// A single pixel with a table of 256 colours of its own.
fn gif(random: &mut StdRng) -> Vec<u8> {
    let mut colours = [0; 768];
    random.fill_bytes(&mut colours);
    let frame = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    [&b"GIF89a\x01\0\x01\0\xf7\0\0"[..], &colours, frame, b";"].concat()
}

/// A container in good order with random bytes for its pixels: nothing is decoded by the service.
fn png(random: &mut StdRng) -> Vec<u8> {
    let mut pixels = vec![0; random.random_range(300..40_000)];
    random.fill_bytes(&mut pixels);
    let header = [0, 0, 0, 64, 0, 0, 0, 49, 8, 2, 0, 0, 0];
    [
        &b"\x89PNG\r\n\x1a\n"[..],
        &png_chunk(*b"IHDR", &header),
        &png_chunk(*b"IDAT", &pixels),
        &png_chunk(*b"IEND", b""),
    ]
    .concat()
}
