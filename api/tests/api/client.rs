//! The files of the client, as the service serves them itself.

use std::io::Read as _;

use flate2::read::GzDecoder;
use reqwest::Method;

use crate::helpers::answer::Answer;
use crate::helpers::app::{TestApp, form};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;
use crate::helpers::root;

async fn get_compressed(app: &TestApp, path: &str) -> Answer {
    let request = app.request(Method::GET, path);
    app.send(request.header("accept-encoding", "gzip, br"))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_file_is_told_what_it_is_and_compressed_for_who_takes_that() {
    let app = TestApp::start(Engine::Sqlite).await;
    for (path, content_type) in [
        ("index.html", "text/html; charset=utf-8"),
        ("main.js", "text/javascript; charset=utf-8"),
        ("styles/global.css", "text/css; charset=utf-8"),
        ("locales/de.json", "application/json"),
    ] {
        let written = std::fs::read(root().join("web/public").join(path)).unwrap();
        let plain = app.get(&format!("/{path}")).await.expect(200);
        assert!(plain.bytes == written, "{path}");
        assert_eq!(plain.header("content-type"), content_type, "{path}");
        assert_eq!(plain.header("content-encoding"), "", "{path}");

        let compressed = get_compressed(&app, &format!("/{path}")).await.expect(200);
        assert_eq!(compressed.header("content-encoding"), "gzip", "{path}");
        assert_eq!(compressed.header("content-type"), content_type, "{path}");
        let mut bytes = Vec::new();
        let mut decoder = GzDecoder::new(&compressed.bytes[..]);
        decoder.read_to_end(&mut bytes).unwrap();
        assert!(bytes == written, "{path}");
        assert!(compressed.bytes.len() < written.len(), "{path}");
        let head = app.request(Method::HEAD, &format!("/{path}"));
        let head = app.send(head.header("accept-encoding", "gzip")).await;
        assert_eq!(head.header("content-encoding"), "gzip", "HEAD {path}");
        assert_eq!(head.header("etag"), compressed.header("etag"));
        for answer in [&plain, &compressed] {
            let vary = answer.header("vary").to_ascii_lowercase();
            assert!(vary.contains("accept-encoding"), "{path}: {vary}");
            assert_eq!(answer.header("cache-control"), "no-cache");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_small_is_sent_as_it_is() {
    let app = TestApp::start(Engine::Sqlite).await;
    let icon = get_compressed(&app, "/favicon.svg").await.expect(200);
    assert_eq!(icon.header("content-type"), "image/svg+xml");
    assert!(icon.bytes.len() < 512);
    assert_eq!(icon.header("content-encoding"), "");
    assert!(icon.header("etag").starts_with('"'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_has_not_changed_is_not_sent_again_in_either_form() {
    let app = TestApp::start(Engine::Sqlite).await;
    let plain = app.get("/main.js").await.header("etag").to_owned();
    let compressed = get_compressed(&app, "/main.js").await;
    let compressed = compressed.header("etag").to_owned();
    assert!(plain.starts_with('"'), "{plain}");
    assert_eq!(
        compressed,
        format!("W/{plain}"),
        "other bytes, the same file"
    );
    for encoding in ["identity", "gzip"] {
        for etag in [&plain, &compressed] {
            let request = app.request(Method::GET, "/main.js");
            let request = request.header("accept-encoding", encoding);
            let answer = app.send(request.header("if-none-match", etag)).await;
            assert!(answer.expect(304).bytes.is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_a_file_is_a_part_of_the_plain_one() {
    let app = TestApp::start(Engine::Sqlite).await;
    let whole = app.get("/main.js").await.expect(200).bytes;
    let request = app.request(Method::GET, "/main.js");
    let request = request.header("accept-encoding", "gzip");
    let part = app.send(request.header("range", "bytes=10-19")).await;
    let part = part.expect(206);
    assert_eq!(part.bytes, whole[10..20]);
    assert!(["", "identity"].contains(&part.header("content-encoding")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_take_gzip_is_not_sent_it() {
    let app = TestApp::start(Engine::Sqlite).await;
    for (accepted, coding) in [
        ("gzip", "gzip"),
        ("br, gzip;q=0.5", "gzip"),
        ("*", ""),
        ("br", ""),
        ("identity", ""),
        ("gzip;q=0", ""),
        ("identity, gzip;q=0.5", ""),
        ("?", ""),
    ] {
        let request = app.request(Method::GET, "/main.js");
        let answer = app.send(request.header("accept-encoding", accepted)).await;
        let answer = answer.expect(200);
        assert_eq!(answer.header("content-encoding"), coding, "{accepted}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_description_of_the_api_is_compressed() {
    let app = TestApp::start(Engine::Sqlite).await;
    for path in ["/api/v1/openapi.json", "/docs/", "/docs/swagger-ui.css"] {
        let plain = app.get(path).await.expect(200).bytes;
        let compressed = get_compressed(&app, path).await.expect(200);
        assert_eq!(compressed.header("content-encoding"), "gzip", "{path}");
        assert!(compressed.bytes.len() < plain.len(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_the_client_is_compressed() {
    let app = TestApp::start(Engine::Sqlite).await;
    let upload = app.upload_request(form("Ada", photo()));
    let uploaded = upload.header("accept-encoding", "gzip");
    let uploaded = app.send(uploaded).await.expect(201);
    assert_eq!(uploaded.header("content-encoding"), "", "it holds a token");
    let image = uploaded.json();
    let link = crate::helpers::app::path(&image["link"]);
    for path in [link.as_str(), "/api/v1/images", "/api/v1/nothing"] {
        let answer = get_compressed(&app, path).await;
        assert_eq!(answer.header("content-encoding"), "", "{path}");
    }
}
