//! `POST /api/v1/images`: what is refused, and that nothing is left of it.

use std::time::Duration;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::helpers::app::{TestApp, file, form};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::{fixture, gif_of, photo, png_of};
use crate::helpers::{on_both_engines, raw};

fn ada() -> Form {
    Form::new().text("uploader", "Ada")
}

on_both_engines! {
    async fn bad_forms_are_refused_and_leave_nothing(app: TestApp) {
        let rows: Vec<(&str, Form, u16, &str)> = vec![
            ("no file part", ada(), 400, "file-missing"),
            ("no part at all", Form::new(), 400, "multipart-malformed"),
            ("two file parts", form("Ada", photo()).part("file", file(photo(), "b.jpg")), 400, "field-duplicate"),
            ("two names", form("Ada", photo()).text("uploader", "Eve"), 400, "field-duplicate"),
            ("an empty file", ada().part("file", file(Vec::new(), "a.jpg")), 400, "file-empty"),
            ("an unknown field", form("Ada", photo()).text("url", "http://x"), 400, "field-unknown"),
            ("a file under another name", ada().part("image", file(photo(), "a.jpg")), 400, "field-unknown"),
            ("no name", Form::new().part("file", file(photo(), "a.jpg")), 400, "validation-failed"),
            ("a blank name", form(" \t ", photo()), 400, "validation-failed"),
            ("a name over its length", form(&"ü".repeat(101), photo()), 400, "validation-failed"),
            ("a name of control characters", form("A\u{7}da", photo()), 400, "validation-failed"),
            ("a name without end", form(&"x".repeat(20_000), photo()), 400, "validation-failed"),
            ("a name that is not UTF-8",
                Form::new().part("uploader", Part::bytes(vec![0xff, 0xfe])).part("file", file(photo(), "a.jpg")),
                400, "validation-failed"),
            ("a description over its length", form("Ada", photo()).text("alt", "x".repeat(501)), 400, "validation-failed"),
            ("one byte over the limit", form("Ada", png_of(1_048_577)), 413, "file-too-large"),
            ("far over the limit", form("Ada", png_of(5_000_000)), 413, "file-too-large"),
            ("a text file named .png", form("Ada", fixture("text-named.png")), 415, "media-type-unsupported"),
            ("an SVG", form("Ada", fixture("drawing.svg")), 415, "media-type-unsupported"),
            ("a HEIC photo", form("Ada", fixture("heif-enc.heic")), 415, "media-type-unsupported"),
            ("a PDF", form("Ada", fixture("ghostscript.pdf")), 415, "media-type-unsupported"),
            ("a JPEG cut short", form("Ada", photo()[..40].to_vec()), 422, "image-malformed"),
            ("a JPEG without its end", form("Ada", without_the_last_byte(photo())), 422, "image-malformed"),
            ("a PNG without its end", form("Ada", without_the_last_byte(fixture("pillow-rgb.png"))), 422, "image-malformed"),
            ("a WebP without its end", form("Ada", without_the_last_byte(fixture("pillow.webp"))), 422, "image-malformed"),
            ("a PNG with a changed pixel", form("Ada", with_a_changed_byte(png_of(2_000), 1_000)), 422, "image-malformed"),
            ("too many frames", form("Ada", gif_of(1_001, 1, 1)), 422, "image-animation-exceeded"),
            ("too many pixels in all frames", form("Ada", gif_of(101, 2_000, 2_000)), 422, "image-animation-exceeded"),
            ("too long a side", form("Ada", png_with_size(20_000, 10)), 422, "image-dimensions-exceeded"),
            ("too many pixels", form("Ada", png_with_size(16_000, 16_000)), 422, "image-dimensions-exceeded"),
        ];
        for (what, form, status, code) in rows {
            let answer = app.upload(form).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{what}: {}", answer.text());
            app.assert_empty(what).await;
        }
        app.upload_photo().await;
    }
}

fn without_the_last_byte(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.pop();
    bytes
}

fn with_a_changed_byte(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 1;
    bytes
}

/// A PNG whose header claims this size.
fn png_with_size(width: u32, height: u32) -> Vec<u8> {
    let mut png = fixture("pillow-rgb.png");
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    png
}

async fn app() -> TestApp {
    TestApp::start(Engine::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_wrong_with_a_form_is_said_at_once() {
    let app = app().await;
    let problem = app
        .upload(form("", Vec::new()).text("alt", "x".repeat(501)))
        .await
        .expect(400)
        .json();
    let fields: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["file", "uploader", "alt"]);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("at most 500 characters"),
        "{problem}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_size_states_the_limit_and_a_refused_type_what_is_taken() {
    let app = app().await;
    let too_large = app
        .upload(form("Ada", png_of(1_048_577)))
        .await
        .expect(413)
        .json();
    assert_eq!(too_large["max_upload_bytes"], 1_048_576);
    let svg = app
        .upload(form("Ada", fixture("drawing.svg")))
        .await
        .expect(415)
        .json();
    assert_eq!(
        svg["accepted_media_types"],
        serde_json::json!(["image/jpeg", "image/png", "image/gif", "image/webp"])
    );
    assert!(
        svg["detail"]
            .as_str()
            .unwrap()
            .starts_with("This is an SVG drawing."),
        "{svg}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_no_forms_are_refused() {
    let app = app().await;
    let post = || app.request(Method::POST, "/api/v1/images");
    app.send(post().body("hello"))
        .await
        .expect_error(415, "request-not-multipart");
    app.send(post().json(&1))
        .await
        .expect_error(415, "request-not-multipart");
    let form = "multipart/form-data";
    app.send(post().header("content-type", form).body("x"))
        .await
        .expect_error(400, "multipart-malformed");
    let bounded = "multipart/form-data; boundary=b";
    for body in [
        "x",
        "",
        "--b\r\n",
        "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
    ] {
        let answer = app
            .send(
                post()
                    .header("content-type", bounded)
                    .header("content-length", body.len())
                    .body(body),
            )
            .await;
        answer.expect_error(400, "multipart-malformed");
    }
    app.assert_empty("requests that are no forms").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_a_body_needs_a_length() {
    let app = app().await;
    let answer = raw::send(app.address, &raw::head(""), false).await;
    assert!(answer.starts_with("HTTP/1.1 411"), "{answer}");
    assert!(answer.contains("length-required"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_in_chunks_is_taken_and_one_over_the_limit_is_not() {
    let app = app().await;
    for (bytes, status, code) in [
        (photo(), 201, ""),
        (png_of(1_048_577), 413, "file-too-large"),
    ] {
        let body = raw::form(&bytes, true);
        let chunks: Vec<Result<Vec<u8>, std::io::Error>> = body
            .chunks(10_000)
            .map(|chunk| Ok(chunk.to_vec()))
            .collect();
        let request = app
            .request(Method::POST, "/api/v1/images")
            .header("content-type", "multipart/form-data; boundary=b")
            .body(reqwest::Body::wrap_stream(futures_util::stream::iter(
                chunks,
            )));
        let answer = app.send(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code)
        );
    }
    assert_eq!(app.database.rows().await.len(), 1);
    assert_eq!(app.files().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lying_content_length_is_refused() {
    let app = app().await;
    // Longer than the body: the rest never comes, and the form's end with it.
    let unclosed = raw::form(&photo(), false);
    let mut longer = raw::head(&format!("Content-Length: {}\r\n", unclosed.len() + 100));
    longer.extend_from_slice(&unclosed);
    let answer = raw::send(app.address, &longer, true).await;
    assert!(!answer.contains("HTTP/1.1 201"), "{answer}");
    // Shorter: the form is cut off in the middle.
    let body = raw::form(&photo(), true);
    let mut shorter = raw::head(&format!("Content-Length: {}\r\n", body.len() - 100));
    shorter.extend_from_slice(&body);
    let answer = raw::send(app.address, &shorter, true).await;
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("multipart-malformed"),
        "{answer}"
    );
    app.assert_empty("a lying Content-Length").await;
    app.upload_photo().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_body_is_refused_before_it_has_been_read() {
    let app = app().await;
    // By its announced length: not a byte is needed.
    let announced = raw::head("Content-Length: 1000000000\r\n");
    let answer = raw::send(app.address, &announced, false).await;
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("file-too-large"),
        "{answer}"
    );

    // In chunks without end: the service stops reading, so the client cannot send it all.
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let mut head = raw::head("Transfer-Encoding: chunked\r\n");
    let form = raw::form(&png_of(60_000), false);
    head.extend_from_slice(format!("{:x}\r\n", form.len()).as_bytes());
    head.extend_from_slice(&form);
    head.extend_from_slice(b"\r\n");
    stream.write_all(&head).await.unwrap();
    let chunk = [
        format!("{:x}\r\n", 65_536).into_bytes(),
        vec![b'x'; 65_536],
        b"\r\n".to_vec(),
    ]
    .concat();
    // The service answers, reads no further and closes the connection: only then does this loop end.
    let sending = async { while stream.write_all(&chunk).await.is_ok() {} };
    assert!(
        tokio::time::timeout(Duration::from_mins(1), sending)
            .await
            .is_ok(),
        "it goes on reading"
    );
    app.assert_empty("huge bodies").await;
    app.upload_photo().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_in_the_middle_leaves_nothing() {
    let app = app().await;
    let body = raw::form(&png_of(500_000), true);
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream
        .write_all(&raw::head(&format!("Content-Length: {}\r\n", body.len())))
        .await
        .unwrap();
    stream.write_all(&body[..body.len() / 2]).await.unwrap();
    drop(stream);
    // The next request is answered after that one was given up or beside it; both are fine.
    app.upload(ada()).await.expect(400);
    app.assert_empty("a client that went away").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_can_be_set() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.limits.max_upload_bytes = 10_000;
    })
    .await;
    app.upload(form("Ada", png_of(10_000))).await.expect(201);
    app.upload(form("Ada", png_of(10_001)))
        .await
        .expect_error(413, "file-too-large");
    assert_eq!(
        app.get("/api/v1/limits").await.json()["max_upload_bytes"],
        10_000
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_cannot_be_written_answers_503_and_acknowledges_nothing() {
    let app = app().await;
    std::fs::remove_dir_all(app.uploads.path().join("tmp")).unwrap();
    app.upload(form("Ada", photo()))
        .await
        .expect_error(503, "disk-unavailable");
    app.assert_empty("a failed write").await;
    std::fs::create_dir(app.uploads.path().join("tmp")).unwrap();
    // The local copy can be written, the journal entry cannot.
    std::fs::remove_dir_all(app.uploads.path().join("journal")).unwrap();
    app.upload(form("Ada", photo()))
        .await
        .expect_error(503, "disk-unavailable");
    app.assert_empty("a failed journal entry").await;
    std::fs::create_dir(app.uploads.path().join("journal")).unwrap();
    app.upload_photo().await;
}
