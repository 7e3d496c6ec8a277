//! Files that begin like an image and go on otherwise: damaged, cut short, or with something behind them.

use super::{Error, Target, attack, body, file_part, join, post, text_part};
use crate::helpers::app::path;
use crate::helpers::fixtures::{fixture, photo};

fn request(content: &[u8]) -> Vec<u8> {
    post(
        "",
        &body(&[text_part("uploader", b"Eve"), file_part("a.jpg", content)]),
    )
}

/// One file of each type.
fn whole() -> [(&'static str, Vec<u8>); 4] {
    [
        ("JPEG", photo()),
        ("PNG", fixture("pngjs.png")),
        ("GIF", fixture("gifenc.gif")),
        ("WebP", fixture("cwebp-lossy.webp")),
    ]
}

/// `content` with this byte changed.
fn with_byte(content: &[u8], at: usize, byte: u8) -> Vec<u8> {
    let mut changed = content.to_vec();
    changed[at] = byte;
    changed
}

fn damaged() -> Vec<(String, Vec<u8>)> {
    let mut rows: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, content) in whole() {
        for percent in [30, 60, 90, 99] {
            let cut = content[..content.len() * percent / 100].to_vec();
            rows.push((format!("a {name} of which {percent} % are there"), cut));
        }
        // A GIF may lack its last byte: browsers show it all the same.
        let cut = content[..content.len() - 2].to_vec();
        rows.push((format!("a {name} without its last two bytes"), cut));
    }
    let png = fixture("pngjs.png");
    let gif = fixture("gifenc.gif");
    let script = b"GIF89a=/*\0\0\0*/1;alert(document.domain)//";
    let more = [
        (
            "a PNG with a checksum that does not fit",
            with_byte(&png, 29, !png[29]),
        ),
        (
            "a PNG with a chunk that is longer than the file",
            with_byte(&png, 33, 0x7f),
        ),
        (
            "a PNG without its last chunk",
            png[..png.len() - 12].to_vec(),
        ),
        (
            "a JPEG with a segment that is longer than the file",
            join(&[b"\xff\xd8\xff\xe0\xff\xff", &photo()[20..]]),
        ),
        (
            "a GIF with an unknown block",
            with_byte(&gif, gif.len() - 1, b'!'),
        ),
        ("a GIF that is a script", script.to_vec()),
        (
            "a WebP that is longer than it says",
            with_byte(&fixture("cwebp-lossy.webp"), 4, 0),
        ),
    ];
    rows.extend(
        more.into_iter()
            .map(|(name, content)| (name.to_owned(), content)),
    );
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_files_are_refused() {
    let mut target = Target::start("damaged files").await;
    for (name, content) in damaged() {
        let expected = Error(422, "image-malformed");
        target
            .attack(attack(name, request(&content), expected))
            .await;
    }
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_trails_an_image_is_cut_off() {
    let mut target = Target::start("trailing content").await;
    let trails: [(&str, &[u8]); 4] = [
        ("a ZIP", b"PK\x03\x04\x14\0\0\0\0\0"),
        ("markup", b"<html><script>alert(1)</script></html>"),
        ("PHP", b"<?php system($_GET['c']); ?>"),
        ("zeros", &[0; 1000]),
    ];
    for (format, content) in whole() {
        for (name, trail) in trails {
            let name = format!("{name} behind a {format}");
            let request = request(&join(&[&content, trail]));
            let answer = target.attack(attack(name, request, super::Taken)).await;
            let image = answer.unwrap().json();
            let served = target.get(&path(&image["link"])).await;
            let is_there = served.bytes.windows(trail.len()).any(|some| some == trail);
            if is_there || served.bytes.len() > content.len() {
                target.fail("the trail is served");
            }
        }
    }
    target.finish().await;
}
