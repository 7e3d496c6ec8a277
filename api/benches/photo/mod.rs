//! Pictures that cost a codec what photos cost: the same bytes every time, without a photo in the repository.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "sides have 16 bits, and samples 8"
)]

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// What cameras and phones use.
const QUALITY: u8 = 88;
/// How far the file may be from the size that was asked for, in thousandths.
const TOLERANCE: usize = 10;

/// A JPEG of so many pixels, and of about so many bytes, as a phone takes it: 4:2:0, with EXIF and a place.
///
/// # Panics
///
/// When no such picture is that small or that large: a pixel takes from a twentieth of a byte to one byte.
pub(crate) fn photo(width: u16, height: u16, bytes: usize) -> Vec<u8> {
    let scene = Scene::new(width, height);
    let (mut smooth, mut rough) = (0, 1024);
    loop {
        assert!(
            smooth <= rough,
            "no picture of {width} × {height} pixels takes {bytes} bytes"
        );
        let detail = i32::midpoint(smooth, rough);
        let file = encode(&scene.pixels(detail), width, height);
        if file.len().abs_diff(bytes) * 1000 <= bytes * TOLERANCE {
            return file;
        }
        if file.len() < bytes {
            smooth = detail + 1;
        } else {
            rough = detail - 1;
        }
    }
}

fn encode(pixels: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.add_exif_metadata(&exif()).expect("EXIF fits");
    encoder
        .encode(pixels, width, height, ColorType::Rgb)
        .expect("a picture of at least a pixel");
    file
}

/// What the camera is called, when it was, and where: a TIFF file in small.
fn exif() -> Vec<u8> {
    const ASCII: u16 = 2;
    const LONG: u16 = 4;
    const RATIONAL: u16 = 5;
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        let mut entry = tag.to_le_bytes().to_vec();
        entry.extend(kind.to_le_bytes());
        entry.extend(count.to_le_bytes());
        entry.extend(value);
        entry
    };
    // Directories at 8 and 50, values behind them.
    let (place, values) = (50_u32, 104_u32);
    let mut tiff = b"II*\0\x08\0\0\0\x03\0".to_vec();
    tiff.extend(entry(0x010f, ASCII, 4, *b"Ada\0"));
    tiff.extend(entry(0x0132, ASCII, 20, (values + 48).to_le_bytes()));
    tiff.extend(entry(0x8825, LONG, 1, place.to_le_bytes()));
    tiff.extend([0; 4]);
    tiff.extend(4_u16.to_le_bytes());
    tiff.extend(entry(1, ASCII, 2, *b"N\0\0\0"));
    tiff.extend(entry(2, RATIONAL, 3, values.to_le_bytes()));
    tiff.extend(entry(3, ASCII, 2, *b"E\0\0\0"));
    tiff.extend(entry(4, RATIONAL, 3, (values + 24).to_le_bytes()));
    tiff.extend([0; 4]);
    for degrees_minutes_seconds in [[51_u32, 28, 38], [0, 0, 5]] {
        for value in degrees_minutes_seconds {
            tiff.extend(value.to_le_bytes());
            tiff.extend(1_u32.to_le_bytes());
        }
    }
    tiff.extend(b"2026:11:22 10:00:00\0");
    tiff
}

/// What is in the picture: surfaces with soft and hard edges, and texture on them, finer and finer.
struct Scene {
    width: usize,
    height: usize,
    /// Light and colours without fine texture, from 0 to 255.
    surfaces: Vec<[i32; 3]>,
    /// Fine texture, about 0.
    texture: Vec<i32>,
}

impl Scene {
    fn new(width: u16, height: u16) -> Self {
        let (width, height) = (usize::from(width), usize::from(height));
        let mut surfaces = Vec::with_capacity(width * height);
        let mut texture = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                // Hills before a sky, each lighter than the one before it.
                let ridges = [3, 4, 5].map(|octave| {
                    let ridge = noise(x, 0, octave + 2, 7 * octave) * 3 + noise(x, 0, 4, octave);
                    octave * height as i32 * 48 + ridge * height as i32 / 8
                });
                let depth = ridges
                    .iter()
                    .filter(|ridge| **ridge < y as i32 * 256)
                    .count() as i32;
                let base = [[120, 160, 215], [95, 120, 110], [80, 105, 60], [70, 75, 40]];
                let base = base[depth as usize];
                let light = noise(x, y, 8, 1) / 4 + noise(x, y, 6, 2) / 5 - 56;
                let tint = noise(x, y, 7, 3) / 8 - 16;
                surfaces.push([
                    base[0] + light + tint,
                    base[1] + light,
                    base[2] + light - tint,
                ]);
                // Grass has more of it than the sky.
                let strength = [10, 60, 90, 120][depth as usize];
                let fine = (noise(x, y, 4, 4) - 128)
                    + (noise(x, y, 3, 5) - 128)
                    + (noise(x, y, 2, 6) - 128) * 3 / 4
                    + (noise(x, y, 1, 7) - 128) / 2;
                let sensor = (noise(x, y, 0, 8) - 128) / 8;
                texture.push(fine * strength / 100 + sensor);
            }
        }
        Self {
            width,
            height,
            surfaces,
            texture,
        }
    }

    /// Red, green and blue with so much of the texture, in 256ths.
    fn pixels(&self, detail: i32) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(self.width * self.height * 3);
        for (surface, texture) in self.surfaces.iter().zip(&self.texture) {
            let texture = texture * detail / 256;
            pixels.extend(surface.map(|light| (light + texture).clamp(0, 255) as u8));
        }
        pixels
    }
}

/// Smooth noise from 0 to 255, with a value of its own every `2^octave` pixels.
fn noise(x: usize, y: usize, octave: i32, seed: i32) -> i32 {
    let step = 1 << octave;
    let (column, row) = (x / step, y / step);
    let (right, down) = ((x % step) as i32, (y % step) as i32);
    let step = step as i32;
    let value = |column, row| random(column, row, seed);
    let top = value(column, row) * (step - right) + value(column + 1, row) * right;
    let bottom = value(column, row + 1) * (step - right) + value(column + 1, row + 1) * right;
    (top / step * (step - down) + bottom / step * down) / step
}

/// From 0 to 255, the same for the same place.
fn random(column: usize, row: usize, seed: i32) -> i32 {
    let mut hash = (column as u32).wrapping_mul(0x9e37_79b1)
        ^ (row as u32).wrapping_mul(0x85eb_ca77)
        ^ (seed as u32).wrapping_mul(0xc2b2_ae3d);
    hash ^= hash >> 15;
    hash = hash.wrapping_mul(0x2c1b_3c6d);
    hash ^= hash >> 12;
    hash = hash.wrapping_mul(0x297a_2d39);
    hash ^= hash >> 15;
    (hash & 255) as i32
}
