//! `GET /api/v1/images/{id}`

use reqwest::Method;

use crate::helpers::app::TestApp;
use crate::helpers::database::Engine;
use crate::helpers::on_both_engines;

on_both_engines! {
    async fn an_image_is_found_until_it_is_deleted(app: TestApp) {
        let image = app.upload_photo().await;
        let id = image["id"].as_str().unwrap();
        let path = format!("/api/v1/images/{id}");
        let found = app.get(&path).await.expect(200);
        assert_eq!(found.json()["sha256"], image["sha256"]);
        assert_eq!(found.header("cache-control"), "no-cache");

        let etag = found.header("etag");
        let again = app.send(app.request(Method::GET, &path).header("if-none-match", etag)).await.expect(304);
        assert!(again.bytes.is_empty());
        assert_eq!(again.header("etag"), etag);
        app.send(app.request(Method::GET, &path).header("if-none-match", "\"other\"")).await.expect(200);

        let head = app.send(app.request(Method::HEAD, &path)).await.expect(200);
        assert_eq!(head.header("content-length"), found.bytes.len().to_string());

        app.delete(id, image["delete_token"].as_str().unwrap()).await.expect(204);
        app.get(&path).await.expect_error(410, "image-deleted");
        app.send(app.request(Method::HEAD, &path)).await.expect(410);
    }

    async fn an_id_that_nobody_has_is_not_found(app: TestApp) {
        app.upload_photo().await;
        for id in ["019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70", "1", "x", "%00", "..%2f..", "019AAB3E-7A10-7C3B-9A4F-2B1C0D9E8F70", "' OR 1=1"] {
            app.get(&format!("/api/v1/images/{id}")).await.expect_error(404, "image-not-found");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_cannot_be_read_is_an_internal_error_that_does_not_say_why() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    app.database
        .execute("UPDATE images SET content_type = 'image/hunter2'")
        .await;
    let answer = app
        .get(&format!("/api/v1/images/{}", image["id"].as_str().unwrap()))
        .await;
    let answer = answer.expect_error(500, "internal-error");
    assert!(!answer.text().contains("hunter2"));
}
