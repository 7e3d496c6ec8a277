//! Small files that want to be large ones: huge sizes in headers, compressed emptiness, animations without end. The
//! memory of the process is measured round them.

use super::{
    Attack, Error, Expected, Taken, Target, attack, body, file_part, join, post, text_part,
};
use crate::helpers::fixtures::{fixture, photo};

/// What the bombs may add to the most memory that the process ever had, in kB. Each of them would need twice as
/// much, were it decoded or inflated.
const MEMORY: u64 = 64 * 1024;
/// What the compressed bombs inflate to, in bytes.
const INFLATED: usize = 140_000_000;

/// The checksum of a PNG chunk (W3C PNG, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    })
}

fn chunk(kind: &[u8], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let checked = join(&[kind, content]);
    join(&[&length, &checked, &crc32(&checked).to_be_bytes()])
}

/// A PNG of this size in one colour channel of 8 bits, with these chunks between its header and its end.
fn png(width: u32, height: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    let header = join(&[
        &width.to_be_bytes(),
        &height.to_be_bytes(),
        &[8, 0, 0, 0, 0],
    ]);
    let signature = b"\x89PNG\r\n\x1a\n";
    join(&[
        signature,
        &chunk(b"IHDR", &header),
        &chunks.concat(),
        &chunk(b"IEND", b""),
    ])
}

/// `count` zeros as zlib has them (RFC 1950, RFC 1951): runs of 258 in 13 bits each.
fn compressed_zeros(count: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    // One last block with the fixed codes. Codes go in with their first bit first, numbers with their last.
    bits.push(&[1, 1, 0]);
    bits.push(&[0, 0, 1, 1, 0, 0, 0, 0]);
    for _ in 0..(count - 1) / 258 {
        // Length 258, distance 1.
        bits.push(&[1, 1, 0, 0, 0, 1, 0, 1]);
        bits.push(&[0; 5]);
    }
    for _ in 0..(count - 1) % 258 {
        bits.push(&[0, 0, 1, 1, 0, 0, 0, 0]);
    }
    bits.push(&[0; 7]);
    let adler32 = u32::try_from(count % 65_521).unwrap() << 16 | 1;
    join(&[b"\x78\x01", &bits.bytes, &adler32.to_be_bytes()])
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn push(&mut self, bits: &[u8]) {
        for bit in bits {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= bit << (self.used % 8);
            self.used += 1;
        }
    }
}

/// A GIF of this size with this many frames, each of one pixel.
fn gif(width: u16, height: u16, frames: usize) -> Vec<u8> {
    let frame = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    join(&[
        b"GIF89a",
        &width.to_le_bytes(),
        &height.to_le_bytes(),
        b"\x80\0\0\0\0\0\xff\xff\xff",
        &frame.repeat(frames),
        b";",
    ])
}

/// A JPEG whose frame header claims this size.
fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = photo();
    let frame = jpeg
        .windows(4)
        .position(|four| four == b"\xff\xc0\x00\x11")
        .unwrap();
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

/// A lossy WebP whose frame header claims this size.
fn webp(width: u16, height: u16) -> Vec<u8> {
    let mut webp = fixture("cwebp-lossy.webp");
    assert_eq!(&webp[12..16], b"VP8 ");
    webp[26..28].copy_from_slice(&width.to_le_bytes());
    webp[28..30].copy_from_slice(&height.to_le_bytes());
    webp
}

/// A WebP whose canvas is as large as can be written.
fn webp_canvas() -> Vec<u8> {
    let canvas = b"VP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff";
    let length = u32::try_from(canvas.len() + 4).unwrap();
    join(&[b"RIFF", &length.to_le_bytes(), b"WEBP", canvas])
}

fn upload(name: &str, content: &[u8], expected: Expected) -> Attack {
    let form = body(&[text_part("uploader", b"Eve"), file_part("a.jpg", content)]);
    attack(name, post("", &form), expected)
}

#[rustfmt::skip]
fn bombs() -> Vec<Attack> {
    const TOO_LARGE: Expected = Error(422, "image-dimensions-exceeded");
    const DAMAGED: Expected = Error(422, "image-malformed");
    let zeros = compressed_zeros(INFLATED);
    let pixel = chunk(b"IDAT", &compressed_zeros(2));
    let text = chunk(b"zTXt", &join(&[b"Comment\0\0", &zeros]));
    let profile = chunk(b"iCCP", &join(&[b"profile\0\0", &zeros]));
    let international = chunk(b"iTXt", &join(&[b"Comment\0\x01\0\0\0", &zeros]));
    vec![
        upload("a GIF of 65,535 × 65,535", &gif(65_535, 65_535, 1), TOO_LARGE),
        upload("a JPEG of 65,535 × 65,535", &jpeg(65_535, 65_535), TOO_LARGE),
        upload("a PNG of 65,535 × 65,535", &png(65_535, 65_535, std::slice::from_ref(&pixel)), TOO_LARGE),
        upload("a WebP of 16,383 × 16,383", &webp(16_383, 16_383), TOO_LARGE),
        upload("a WebP canvas of 16,777,216 × 16,777,216", &webp_canvas(), DAMAGED),
        upload("a PNG of the largest size", &png(0x7fff_ffff, 0x7fff_ffff, std::slice::from_ref(&pixel)), TOO_LARGE),
        upload("a PNG of a size that overflows", &png(u32::MAX, u32::MAX, std::slice::from_ref(&pixel)), Expected::Refused),
        upload("a PNG that is wide", &png(16_385, 1, std::slice::from_ref(&pixel)), TOO_LARGE),
        upload("a PNG without a height", &png(1, 0, std::slice::from_ref(&pixel)), DAMAGED),
        upload("a JPEG without a width", &jpeg(0, 100), DAMAGED),
        upload("a PNG with compressed text", &png(1, 1, &[text, pixel.clone()]), Taken),
        upload("a PNG with compressed international text", &png(1, 1, &[international, pixel.clone()]), Taken),
        upload("a PNG with a compressed profile", &png(1, 1, &[profile, pixel.clone()]), Taken),
        upload("a PNG with more pixels than it says", &png(1, 1, &[chunk(b"IDAT", &zeros)]), Taken),
        upload("a PNG of 40,000,000 pixels in 40 kB", &png(8_000, 5_000, &[chunk(b"IDAT", &compressed_zeros(8_001 * 5_000))]), Taken),
        upload("a GIF of 1,000 frames", &gif(1, 1, 1_000), Taken),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_do_not_go_off() {
    let mut target = Target::start("bombs").await;
    for _ in 0..20 {
        target.upload_photo().await;
    }
    let before = target.running.peak_memory();
    target.attack_all(bombs()).await;
    let grown = target.running.peak_memory() - before;
    if grown > MEMORY {
        target.fail(&format!("the bombs took {grown} kB of memory"));
    }
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn animations_have_an_end() {
    let mut target = Target::start("animations").await;
    let before = target.running.peak_memory();
    let too_large = Error(422, "image-animation-exceeded");
    let attacks = vec![
        upload(
            "a GIF of 1,001 frames",
            &gif(1, 1, 1_001),
            too_large.clone(),
        ),
        upload(
            "a GIF of 60,000 frames",
            &gif(1, 1, 60_000),
            too_large.clone(),
        ),
        upload(
            "a GIF of 200 large frames",
            &gif(6_000, 6_000, 200),
            too_large,
        ),
    ];
    target.attack_all(attacks).await;
    let grown = target.running.peak_memory() - before;
    if grown > MEMORY {
        target.fail(&format!("the animations took {grown} kB of memory"));
    }
    target.finish().await;
}
