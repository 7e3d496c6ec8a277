//! Files that are not what they pose as. The content alone decides, and nothing is ever served as anything else.

use super::{Error, Expected, Taken, Target, attack, body, join, part, post, text_part};
use crate::helpers::app::path;
use crate::helpers::fixtures::{fixture, photo};

fn request(name: &str, content_type: &str, content: &[u8]) -> Vec<u8> {
    let headers = format!(
        "Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {content_type}"
    );
    post(
        "",
        &body(&[
            text_part("uploader", b"Eve"),
            part(headers.as_bytes(), content),
        ]),
    )
}

/// What is no image, under the name and the type of one.
#[rustfmt::skip]
fn posing() -> Vec<(&'static str, Vec<u8>, Expected)> {
    const OTHER: Expected = Error(415, "media-type-unsupported");
    const DAMAGED: Expected = Error(422, "image-malformed");
    let row = |name, content: &[u8], expected| (name, content.to_vec(), expected);
    vec![
        row("HTML", b"<!DOCTYPE html><script>alert(1)</script>", OTHER),
        row("HTML behind spaces", b"   \r\n\t<html><body onload=alert(1)>", OTHER),
        row("HTML before a JPEG", &join(&[b"<script>alert(1)</script>", &photo()]), OTHER),
        row("a script", b"alert(document.cookie)//", OTHER),
        row("PHP", b"<?php system($_GET['c']); ?>", OTHER),
        row("a shell script", b"#!/bin/sh\nreboot\n", OTHER),
        row("SVG", &fixture("drawing.svg"), OTHER),
        row("SVG with a script", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", OTHER),
        row("XML with an entity", b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>", OTHER),
        row("JSON", br#"{"a":1}"#, OTHER),
        row("PDF", &fixture("ghostscript.pdf"), OTHER),
        row("PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n", OTHER),
        row("a coder of ImageMagick", b"push graphic-context\nimage over 0,0 0,0 'https://evil.example/x'\n", OTHER),
        row("ZIP", b"PK\x03\x04\x14\0\0\0\0\0", OTHER),
        row("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", OTHER),
        row("a program of Linux", b"\x7fELF\x02\x01\x01\0", OTHER),
        row("a program of Windows", b"MZ\x90\0\x03\0\0\0", OTHER),
        row("a class of Java", b"\xca\xfe\xba\xbe\0\0\0\x34", OTHER),
        row("WebAssembly", b"\0asm\x01\0\0\0", OTHER),
        row("HEIC", &fixture("heif-enc.heic"), OTHER),
        row("AVIF", &fixture("avifenc.avif"), OTHER),
        row("TIFF", &fixture("pillow.tiff"), OTHER),
        row("BMP", &fixture("pillow.bmp"), OTHER),
        row("an icon", &fixture("pillow.ico"), OTHER),
        row("JPEG 2000", &fixture("pillow.jp2"), OTHER),
        row("JPEG XL", &fixture("cjxl.jxl"), OTHER),
        row("MP4", &fixture("ffmpeg.mp4"), OTHER),
        row("a sound", b"RIFF\x24\0\0\0WAVEfmt ", OTHER),
        row("a GIF of another version", b"GIF90a\x01\0\x01\0\0\0\0", OTHER),
        row("a GIF behind a space", &join(&[b" ", &fixture("gifenc.gif")]), OTHER),
        row("a PNG behind a byte order mark", &join(&[b"\xef\xbb\xbf", &fixture("pngjs.png")]), OTHER),
        row("a JPEG as Base64", b"/9j/4AAQSkZJRgABAQAAAQABAAD/2wBD", OTHER),
        row("one byte", b"\xff", OTHER),
        row("zeros", &[0; 5000], OTHER),
        row("a PNG that was sent as text", &join(&[b"\x89PNG\n\x1a\n", &fixture("pngjs.png")[8..]]), DAMAGED),
        row("the first bytes of a JPEG", b"\xff\xd8\xff", DAMAGED),
        row("the first bytes of a PNG", b"\x89PNG\r\n\x1a\n", DAMAGED),
        row("the first bytes of a GIF", b"GIF89a", DAMAGED),
        row("the first bytes of a WebP", b"RIFF\x04\0\0\0WEBP", DAMAGED),
        row("HTML behind the first bytes of a JPEG", b"\xff\xd8\xff<script>alert(1)</script>", DAMAGED),
        row("PHP behind the first bytes of a PNG", b"\x89PNG\r\n\x1a\n<?php system($_GET['c']); ?>", DAMAGED),
        row("a GIF without a size", b"GIF89a\0\0\0\0\0\0\0;", DAMAGED),
    ]
}

/// Images that are something else as well, or are called something else: their name, their announced type, their
/// content, the type that they have.
#[rustfmt::skip]
fn images() -> Vec<(&'static str, &'static str, &'static str, Vec<u8>, &'static str)> {
    let (gif, png, webp) = (fixture("gifenc.gif"), fixture("pngjs.png"), fixture("cwebp-lossy.webp"));
    let mut comment = photo();
    comment.splice(2..2, *b"\xff\xfe\x00\x1e<?php system($_GET['c']); ?>");
    let zip = b"PK\x03\x04\x14\0\0\0\0\0PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    vec![
        ("a PNG that is called a JPEG", "a.jpg", "image/jpeg", png.clone(), "image/png"),
        ("a JPEG that is called a PNG", "a.png", "image/png", photo(), "image/jpeg"),
        ("a GIF that is called HTML", "a.html", "text/html", gif.clone(), "image/gif"),
        ("a WebP that is called a script", "a.js", "application/javascript", webp.clone(), "image/webp"),
        ("a JPEG that is called SVG", "a.svg", "image/svg+xml", photo(), "image/jpeg"),
        ("a JPEG with two extensions", "a.jpg.php", "image/jpeg", photo(), "image/jpeg"),
        ("a JPEG with a name that ends in a NUL's code", "a.php%00.jpg", "application/x-php", photo(), "image/jpeg"),
        ("a JPEG of an unknown type", "a", "application/octet-stream", photo(), "image/jpeg"),
        ("a type with markup", "a.jpg", "image/<script>", photo(), "image/jpeg"),
        ("a JPEG with PHP in a comment", "a.jpg", "image/jpeg", comment, "image/jpeg"),
        ("a JPEG that is a ZIP too", "a.jpg", "image/jpeg", join(&[&photo(), zip]), "image/jpeg"),
        ("a GIF that is a JAR too", "a.gif", "image/gif", join(&[&gif, zip]), "image/gif"),
        ("a GIF that is a script too", "a.gif", "image/gif", join(&[&gif, b"*/=1;alert(1)//"]), "image/gif"),
        ("a PNG that is HTML too", "a.png", "image/png", join(&[&png, b"<html><script>alert(1)</script></html>"]), "image/png"),
        ("a WebP that is PDF too", "a.webp", "image/webp", join(&[&webp, b"%PDF-1.7\n1 0 obj"]), "image/webp"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_poses_as_an_image_is_refused() {
    let mut target = Target::start("posing as images").await;
    for (name, content, expected) in posing() {
        let request = request("cat.jpg", "image/jpeg", &content);
        target.attack(attack(name, request, expected)).await;
    }
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_served_as_what_it_is_whatever_it_is_called() {
    let mut target = Target::start("images under false names").await;
    for (name, file_name, content_type, content, expected) in images() {
        let request = request(file_name, content_type, &content);
        let answer = target.attack(attack(name, request, Taken)).await;
        let Some(answer) = answer.filter(|answer| answer.status == 201) else {
            continue;
        };
        let image = answer.json();
        let link = path(&image["link"]);
        let served = target.get(&link).await;
        let is_safe = served.header("content-type") == expected
            && served.header("content-security-policy") == "default-src 'none'; sandbox"
            && !link.contains("php");
        if image["content_type"] != expected || !is_safe {
            target.fail(&format!("served as {:?}", served.headers));
        }
        // Nor can its address be made to end in something else.
        let (id, extension) = link.rsplit_once('.').unwrap();
        let others = ["html", "js", "svg", "php", "jpg", "png", "gif", "webp"];
        for other in others.iter().filter(|other| **other != extension) {
            let answer = target.get(&format!("{id}.{other}")).await;
            if answer.status != 404 {
                target.fail(&format!(".{other} is answered too"));
            }
        }
    }
    target.finish().await;
}
