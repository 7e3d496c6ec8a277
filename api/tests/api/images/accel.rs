//! Images whose bytes nginx sends. What nginx makes of it is tested with the real one, in `deploy/tests/nginx/`.

use reqwest::Method;

use crate::helpers::app::{TestApp, path};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;

async fn start_with_accel() -> TestApp {
    TestApp::start_with(Engine::Sqlite, |config| {
        config.server.accel_prefix = Some("/_uploads/".to_owned());
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_is_led_to_the_local_copy_and_told_what_to_say_of_it() {
    let app = start_with_accel().await;
    let image = app.upload_photo().await;
    let link = path(&image["link"]);
    for method in [Method::GET, Method::HEAD] {
        let answer = app.send(app.request(method, &link)).await.expect(200);
        assert!(answer.bytes.is_empty());
        let address = answer.header("x-accel-redirect");
        let file = address.strip_prefix("/_uploads/").unwrap();
        assert!(file.starts_with("originals/"), "{file}");
        assert!(std::fs::read(app.host.uploads.path().join(file)).unwrap() == photo());
        let sha256 = image["sha256"].as_str().unwrap();
        assert_eq!(answer.header("etag"), format!("\"{sha256}\""));
        assert_eq!(answer.header("content-type"), "image/jpeg");
        assert_eq!(
            answer.header("x-copy-cache-control"),
            "public, max-age=3600"
        );
        assert!(!answer.header("last-modified").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_image_is_answered_without_nginx() {
    let app = start_with_accel().await;
    let image = app.upload_photo().await;
    let link = path(&image["link"]);
    let etag = app.get(&link).await.header("etag").to_owned();
    for (name, value, status) in [
        ("if-none-match", etag.as_str(), 304),
        ("range", "bytes=99999999-", 416),
        ("range", "bytes=0-1,3-4", 200),
        ("x-accel-redirect", "off", 200),
    ] {
        let request = app.request(Method::GET, &link).header(name, value);
        let answer = app.send(request).await.expect(status);
        assert_eq!(answer.header("x-accel-redirect"), "", "{name}: {value}");
        assert!(status != 200 || answer.bytes == photo(), "{name}: {value}");
    }
    let other = app.another_host().await;
    let answer = other.get(&link).await.expect(302);
    assert_eq!(answer.header("x-accel-redirect"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_setting_nobody_hears_of_nginx() {
    let app = TestApp::start(Engine::Sqlite).await;
    let link = path(&app.upload_photo().await["link"]);
    let answer = app.get(&link).await.expect(200);
    assert_eq!(answer.header("x-accel-redirect"), "");
    assert!(answer.bytes == photo());
}
