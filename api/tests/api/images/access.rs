//! Uploads and lists that are closed to strangers: `UPLOAD_KEYS` and `PUBLIC_LISTING`.

use image_handler::domain::UploadKeys;
use reqwest::{Method, RequestBuilder};

use crate::helpers::answer::Answer;
use crate::helpers::app::{ADMIN_KEY, TestApp, form};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;

/// A service that takes uploads with a key only, and one that fits.
async fn closed_to_uploads() -> (TestApp, String) {
    let (key, item) = UploadKeys::generate("phone").unwrap();
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.access.upload_keys = Some(UploadKeys::parse(&item).unwrap());
    })
    .await;
    (app, key)
}

async fn upload_as(app: &TestApp, key: &str) -> Answer {
    let request = app.upload_request(form("Ada", photo()));
    app.send(request.bearer_auth(key)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_need_a_key_where_they_are_closed_to_strangers() {
    let (app, key) = closed_to_uploads().await;
    assert_eq!(
        app.get("/api/v1/limits").await.json()["upload_key_required"],
        true
    );

    let refused = app
        .upload(form("Ada", photo()))
        .await
        .expect_error(401, "upload-key-missing");
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    for wrong in [&key[1..], &key.to_uppercase(), "phone", "Bearer"] {
        upload_as(&app, wrong)
            .await
            .expect_error(403, "upload-key-wrong");
    }
    app.assert_empty("uploads without a key").await;

    let image = upload_as(&app, &key).await.expect(201).json();
    upload_as(&app, ADMIN_KEY).await.expect(201);
    assert_eq!(app.database.rows().await.len(), 2);
    // An upload key is none for anything else.
    app.delete(image["id"].as_str().unwrap(), &key)
        .await
        .expect_error(403, "token-wrong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_with_two_keys_has_none() {
    let (app, key) = closed_to_uploads().await;
    let request = app.upload_request(form("Ada", photo()));
    let both = request.bearer_auth("another").bearer_auth(&key);
    app.send(both).await.expect_error(401, "upload-key-missing");
    app.assert_empty("an upload with two keys").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_key_is_refused_before_the_body_is_looked_at() {
    let (app, _) = closed_to_uploads().await;
    let request = app
        .request(Method::POST, "/api/v1/images")
        .bearer_auth("wrong")
        .body("no form");
    app.send(request)
        .await
        .expect_error(403, "upload-key-wrong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_not_public_is_for_the_operator() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.access.public_listing = false;
    })
    .await;
    let image = app.upload_photo().await;
    let id = image["id"].as_str().unwrap();
    assert_eq!(
        app.get("/api/v1/limits").await.json()["public_listing"],
        false
    );

    let list = |path: &str| -> RequestBuilder { app.request(Method::GET, path) };
    for path in [
        "/api/v1/images",
        "/api/v1/images?uploader=Ada",
        "/api/v1/images?limit=nonsense",
    ] {
        let refused = app.get(path).await.expect_error(401, "admin-key-missing");
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        assert!(!refused.text().contains(id));
    }
    let token = image["delete_token"].as_str().unwrap();
    for wrong in [token, &ADMIN_KEY[1..]] {
        app.send(list("/api/v1/images").bearer_auth(wrong))
            .await
            .expect_error(403, "admin-key-wrong");
    }
    let shown = app
        .send(list("/api/v1/images").bearer_auth(ADMIN_KEY))
        .await;
    assert_eq!(shown.expect(200).json()["items"][0]["id"], id);
    // Whoever knows its address may see an image.
    app.get(&format!("/api/v1/images/{id}")).await.expect(200);
    app.get(&format!("/i/{id}.jpg")).await.expect(200);
}
