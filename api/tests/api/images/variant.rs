//! `GET /i/{id}/{variant}`: how variants are answered. What they show and how they are made and kept is tested in
//! `variants/`.

use image_handler::domain::Checksum;
use reqwest::Method;

use crate::helpers::answer::Answer;
use crate::helpers::app::{TestApp, form, path};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::{photo, png_of};
use crate::helpers::on_both_engines;

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers
        .iter()
        .fold(app.request(Method::GET, path), |request, (name, value)| {
            request.header(*name, *value)
        });
    app.send(request).await
}

/// A photo that is larger than every variant, and soft: lossy WebP makes less of it than JPEG.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the waves stay between 28 and 228"
)]
fn large_photo() -> Vec<u8> {
    let (width, height) = (1600_u16, 1200_u16);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let wave =
                |of: u16, length: f64| ((f64::from(of) / length).sin() * 100.0 + 128.0) as u8;
            pixels.extend([wave(x, 90.0), wave(y, 70.0), wave(x + y, 130.0)]);
        }
    }
    let mut jpeg = Vec::new();
    jpeg_encoder::Encoder::new(&mut jpeg, 90)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    jpeg
}

async fn upload(app: &TestApp, bytes: Vec<u8>) -> serde_json::Value {
    app.upload(form("Ada", bytes)).await.expect(201).json()
}

on_both_engines! {
    async fn each_variant_is_served_at_its_link(app: TestApp) {
        let image = upload(&app, large_photo()).await;
        for name in ["thumb", "small", "medium"] {
            let link = path(&image["variants"][name]);
            let answer = app.get(&link).await.expect(200);
            assert_eq!(answer.header("content-type"), "image/jpeg");
            assert!(answer.bytes.starts_with(b"\xff\xd8\xff"), "{name}");
            let sha256 = Checksum::of(&answer.bytes).to_string();
            assert_eq!(answer.header("etag"), format!("\"{}\"", &sha256[..32]));
            assert_eq!(answer.header("vary"), "Accept");
            assert_eq!(answer.header("cache-control"), "public, max-age=3600");
            assert_eq!(answer.header("content-security-policy"), "default-src 'none'; sandbox");
            assert_eq!(answer.header("accept-ranges"), "bytes");
            assert_eq!(answer.header("content-disposition"), "inline; filename=\"photo.jpg\"");
            let original = app.get(&path(&image["link"])).await;
            assert_eq!(answer.header("last-modified"), "", "several variants share the address");
            assert_eq!(original.header("vary"), "", "an original is the same for everybody");
        }
    }

    async fn the_variants_of_a_deleted_image_are_gone(app: TestApp) {
        let image = app.upload_photo().await;
        let link = path(&image["variants"]["thumb"]);
        app.get(&link).await.expect(200);
        app.delete(image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap()).await.expect(204);
        app.get(&link).await.expect_error(410, "image-deleted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webp_is_sent_to_those_who_name_it() {
    let app = TestApp::start(Engine::Sqlite).await;
    let link = path(&upload(&app, large_photo()).await["variants"]["small"]);
    let rows = [
        ("*/*", "image/jpeg"),
        ("image/*;q=0.8", "image/jpeg"),
        ("image/webp;q=0, */*", "image/jpeg"),
        ("image/webp", "image/webp"),
        ("image/avif,image/webp,image/apng,*/*;q=0.8", "image/webp"),
    ];
    for (accept, expected) in rows {
        for method in [Method::GET, Method::HEAD] {
            let request = app.request(method, &link).header("accept", accept);
            let answer = app.send(request).await.expect(200);
            assert_eq!(answer.header("content-type"), expected, "{accept}");
            assert_eq!(answer.header("vary"), "Accept", "{accept}");
        }
    }
    let webp = get(&app, &link, &[("accept", "image/webp")]).await;
    assert!(webp.bytes.starts_with(b"RIFF"));
    assert_eq!(
        webp.header("content-disposition"),
        "inline; filename=\"photo.jpg.webp\""
    );
    // Who has the one and asks for the other gets the other.
    let etag = webp.header("etag").to_owned();
    let same = [("accept", "image/webp"), ("if-none-match", &*etag)];
    get(&app, &link, &same).await.expect(304);
    get(&app, &link, &same[1..]).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_ranges_and_head_hold_as_for_originals() {
    let app = TestApp::start(Engine::Sqlite).await;
    let link = path(&upload(&app, large_photo()).await["variants"]["medium"]);
    let whole = app.get(&link).await.expect(200);
    let etag = whole.header("etag");
    let size = whole.bytes.len();

    let head = app.send(app.request(Method::HEAD, &link)).await.expect(200);
    assert!(head.bytes.is_empty());
    for name in ["content-length", "content-type", "etag", "vary"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }

    for headers in [("if-none-match", etag), ("if-none-match", "*")] {
        let answer = get(&app, &link, &[headers]).await.expect(304);
        assert!(answer.bytes.is_empty());
        assert_eq!(
            (answer.header("etag"), answer.header("vary")),
            (etag, "Accept")
        );
    }
    get(&app, &link, &[("if-none-match", "\"x\"")])
        .await
        .expect(200);

    let part = get(&app, &link, &[("range", "bytes=10-19"), ("if-range", etag)])
        .await
        .expect(206);
    assert!(part.bytes == whole.bytes[10..20]);
    assert_eq!(part.header("content-range"), format!("bytes 10-19/{size}"));
    let other = get(
        &app,
        &link,
        &[("range", "bytes=10-19"), ("if-range", "\"x\"")],
    )
    .await
    .expect(200);
    assert!(other.bytes == whole.bytes);
    // No time tells one variant from another: what goes by it gets the whole.
    let later = "Fri, 01 Jan 2100 00:00:00 GMT";
    let dated = [("range", "bytes=10-19"), ("if-range", later)];
    for headers in [&dated[..], &[("if-modified-since", later)]] {
        let answer = get(&app, &link, headers).await.expect(200);
        assert!(answer.bytes == whole.bytes, "{headers:?}");
    }
    let outside = get(&app, &link, &[("range", "bytes=99999999-")]).await;
    let outside = outside.expect_error(416, "range-not-satisfiable");
    assert_eq!(outside.header("content-range"), format!("bytes */{size}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_cannot_be_decoded_has_no_variants_and_is_itself_served() {
    let app = TestApp::start(Engine::Sqlite).await;
    // A container in good order, with random bytes for its pixels.
    let image = upload(&app, png_of(2000)).await;
    for _ in 0..2 {
        for name in ["thumb", "small", "medium"] {
            app.get(&path(&image["variants"][name]))
                .await
                .expect_error(422, "image-undecodable");
        }
    }
    app.get(&path(&image["link"])).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_of_no_variant_are_not_found() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let id = image["id"].as_str().unwrap();
    for name in [
        "large",
        "Thumb",
        "thumb.jpg",
        "320",
        "thumb%20",
        "..",
        "thumb%2f",
    ] {
        app.get(&format!("/i/{id}/{name}"))
            .await
            .expect_error(404, "route-not-found");
    }
    for id in [
        format!("{id}.jpg"),
        id.to_uppercase(),
        "019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70".to_owned(),
        "x".to_owned(),
    ] {
        app.get(&format!("/i/{id}/thumb"))
            .await
            .expect_error(404, "image-not-found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_is_led_to_the_variant() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.server.accel_prefix = Some("/_uploads/".to_owned());
    })
    .await;
    let image = upload(&app, large_photo()).await;
    let link = path(&image["variants"]["thumb"]);
    let bytes = get(&app, &link, &[("x-accel-redirect", "off")])
        .await
        .expect(200)
        .bytes;
    for method in [Method::GET, Method::HEAD] {
        let answer = app.send(app.request(method, &link)).await.expect(200);
        assert!(answer.bytes.is_empty());
        let file = answer
            .header("x-accel-redirect")
            .strip_prefix("/_uploads/")
            .unwrap();
        assert!(file.starts_with("variants/"), "{file}");
        assert!(std::fs::read(app.host.uploads.path().join(file)).unwrap() == bytes);
        assert_eq!(answer.header("vary"), "Accept");
        assert_eq!(answer.header("content-type"), "image/jpeg");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variants_are_counted_under_their_route() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    app.get(&path(&image["variants"]["thumb"]))
        .await
        .expect(200);
    let metrics = app.get("/metrics").await.expect(200).text();
    let line = "image_handler_http_requests_total{method=\"GET\",route=\"/i/{id}/{variant}\",status=\"200\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    // What it is a variant of is no part of a label.
    assert!(!metrics.contains(image["id"].as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_image_is_not_enlarged() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let answer = app
        .get(&path(&image["variants"]["medium"]))
        .await
        .expect(200);
    assert!(answer.bytes.len() <= photo().len());
}
