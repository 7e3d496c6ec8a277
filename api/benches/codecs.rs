//! What an upload's bytes cost: telling what they are, taking metadata out, and making smaller versions.
//!
//! `cargo bench --bench codecs`. The pictures are made here, the same every time (`photo`).

mod photo;

use std::hint::black_box;
use std::io::Write as _;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use image_handler::domain::MediaType;
use image_handler::inspect::{ImageLimits, Metadata, inspect};
use image_handler::render::{Recipe, RenderLimits, render};

/// The photos of `make bench`: name, width, height, and size in bytes.
const PHOTOS: [(&str, u16, u16, usize); 2] = [
    ("235 kB", 1200, 900, 235_000),
    ("0.9 MB", 2000, 1500, 900_000),
];

const LIMITS: RenderLimits = RenderLimits {
    max_pixels: 40_000_000,
    max_memory_bytes: 1 << 30,
    cpu_time: Duration::from_secs(30),
};

/// The variants that are asked for most: name, longer side, and whether it may be a WebP.
const RECIPES: [(&str, u32, bool); 4] = [
    ("320 JPEG", 320, false),
    ("320 WebP", 320, true),
    ("1280 JPEG", 1280, false),
    ("1280 WebP", 1280, true),
];

fn photos() -> Vec<(&'static str, Vec<u8>)> {
    let photos = PHOTOS.iter();
    let photos =
        photos.map(|(name, width, height, bytes)| (*name, photo::photo(*width, *height, *bytes)));
    photos.collect()
}

fn inspecting(criterion: &mut Criterion) {
    for (group, metadata) in [("inspect", Metadata::Keep), ("strip", Metadata::Remove)] {
        let mut group = criterion.benchmark_group(group);
        for (name, bytes) in photos() {
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(name, |bencher| {
                bencher.iter(|| inspect(black_box(&bytes), &ImageLimits::default(), metadata));
            });
        }
        group.finish();
    }
}

fn thumbnails(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("thumbnail");
    group.sample_size(30);
    let mut originals: Vec<_> = photos()
        .into_iter()
        .map(|(name, bytes)| (name, MediaType::Jpeg, bytes))
        .collect();
    originals.push(("PNG with alpha", MediaType::Png, drawing(1000, 750)));
    for (name, media_type, bytes) in &originals {
        for (recipe_name, longer_side, accepts_webp) in RECIPES {
            let recipe = Recipe {
                longer_side,
                accepts_webp,
                thumb_hash: false,
            };
            group.bench_function(format!("{name} to {recipe_name}"), |bencher| {
                bencher.iter(|| {
                    render(black_box(bytes), *media_type, &recipe, &LIMITS)
                        .expect("a whole picture")
                });
            });
        }
    }
    group.finish();
}

/// A PNG of soft discs over nothing.
fn drawing(width: u32, height: u32) -> Vec<u8> {
    let mut samples = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (across, down) = (x % 200, y % 200);
            let distance = across.abs_diff(100).pow(2) + down.abs_diff(100).pow(2);
            let opacity = 255_u32.saturating_sub(distance.saturating_sub(6_000) / 8);
            let pixel = [x * 255 / width, y * 255 / height, (x / 200) * 50, opacity];
            samples.extend(pixel.map(|sample| sample.min(255) as u8));
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().expect("a header");
    let mut stream = writer.stream_writer().expect("a stream");
    stream.write_all(&samples).expect("the samples");
    stream.finish().expect("the end");
    drop(writer);
    file
}

criterion_group!(benches, inspecting, thumbnails);
criterion_main!(benches);
