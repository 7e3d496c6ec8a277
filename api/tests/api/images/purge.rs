//! `DELETE /api/v1/images/{id}?purge=true`: the operator takes a content down for good.

use reqwest::Method;

use crate::helpers::answer::Answer;
use crate::helpers::app::{ADMIN_KEY, TestApp, form};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::{fixture, photo};
use crate::helpers::{on_both_engines, until};

/// A photo that is published with other bytes than it is sent with.
const WITH_PLACE: &str = "exiftool-orientation-6-gps.jpg";

async fn purge(app: &TestApp, id: &str, key: &str, reason: &str) -> Answer {
    let path = format!("/api/v1/images/{id}?purge=true&reason={reason}");
    let request = app.request(Method::DELETE, &path);
    app.send(request.bearer_auth(key)).await
}

on_both_engines! {
    async fn purged_content_is_gone_and_cannot_be_uploaded_again(app: TestApp) {
        let image = app.upload(form("Ada", fixture(WITH_PLACE))).await.expect(201).json();
        let (id, link) = (image["id"].as_str().unwrap(), image["link"].as_str().unwrap());
        let (_, published) = app.fetch(link).await;
        purge(&app, id, ADMIN_KEY, "Court%20order%2012").await.expect(204);

        app.get(&format!("/api/v1/images/{id}")).await.expect_error(410, "image-deleted");
        assert!(app.s3.objects().is_empty());
        // As it was sent and as it was published, by whomever.
        for bytes in [fixture(WITH_PLACE), published] {
            let refused = app.upload(form("Eve", bytes)).await.expect_error(451, "content-blocked");
            assert!(refused.text().contains("Court order 12"), "{}", refused.text());
        }
        app.assert_no_files("after the purge");
        app.upload(form("Ada", photo())).await.expect(201);
    }

    async fn an_image_that_is_deleted_already_can_be_blocked_and_the_reason_changed(app: TestApp) {
        let image = app.upload_photo().await;
        let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
        app.delete(id, token).await.expect(204);
        app.upload_photo().await;
        purge(&app, id, ADMIN_KEY, "first").await.expect(204);
        purge(&app, id, ADMIN_KEY, "").await.expect(204);
        let refused = app.upload(form("Ada", photo())).await.expect_error(451, "content-blocked");
        assert!(refused.text().contains("first"), "no reason does not take one away");
        purge(&app, id, ADMIN_KEY, "second").await.expect(204);
        let refused = app.upload(form("Ada", photo())).await.expect_error(451, "content-blocked");
        assert!(refused.text().contains("second"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_was_blocked_while_the_database_was_away_is_taken_back() {
    let mut app = TestApp::start(Engine::Mariadb).await;
    let image = app.upload_photo().await;
    purge(&app, image["id"].as_str().unwrap(), ADMIN_KEY, "")
        .await
        .expect(204);
    let away = app.database.go_away().await;
    // The first one finds out; nobody can tell what is blocked.
    let waiting = app.upload(form("Ada", photo())).await.expect(202).json();
    app.database.come_back(away).await;
    let find = format!("/api/v1/images/{}", waiting["id"].as_str().unwrap());
    until("the image is taken back", async || {
        app.get(&find).await.status == 410
    })
    .await;
    until("its object is gone", async || app.s3.objects().is_empty()).await;
    until("its copy is gone", async || app.files().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_operator_purges() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let id = image["id"].as_str().unwrap();
    let token = image["delete_token"].as_str().unwrap();
    purge(&app, id, token, "mine")
        .await
        .expect_error(403, "admin-key-wrong");
    let path = format!("/api/v1/images/{id}?purge=true");
    app.send(app.request(Method::DELETE, &path))
        .await
        .expect_error(401, "admin-key-missing");
    app.get(&format!("/api/v1/images/{id}")).await.expect(200);
    app.upload_photo().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_that_cannot_be_understood_deletes_nothing() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let id = image["id"].as_str().unwrap();
    let long = "x".repeat(501);
    for query in [
        "purge=yes",
        "purge=",
        "purge=true&purge=false",
        "purge=true&reason=a&reason=b",
        "purge=true&reason=%00",
        &format!("purge=true&reason={long}"),
    ] {
        let path = format!("/api/v1/images/{id}?{query}");
        let request = app.request(Method::DELETE, &path).bearer_auth(ADMIN_KEY);
        app.send(request).await.expect_error(400, "query-invalid");
    }
    let nobody = "019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70";
    purge(&app, nobody, ADMIN_KEY, "")
        .await
        .expect_error(404, "image-not-found");
    app.get(&format!("/api/v1/images/{id}")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_while_the_database_is_away_changes_nothing() {
    let mut app = TestApp::start(Engine::Mariadb).await;
    let image = app.upload_photo().await;
    let id = image["id"].as_str().unwrap();
    let away = app.database.go_away().await;
    purge(&app, id, ADMIN_KEY, "")
        .await
        .expect_error(503, "database-unavailable");
    app.database.come_back(away).await;
    until("the image is found", async || {
        app.get(&format!("/api/v1/images/{id}")).await.status == 200
    })
    .await;
    app.upload_photo().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_admin_key_nobody_purges() {
    let app = TestApp::start_with(Engine::Sqlite, |config| config.access.admin_key = None).await;
    let image = app.upload_photo().await;
    for key in [ADMIN_KEY, "x"] {
        purge(&app, image["id"].as_str().unwrap(), key, "")
            .await
            .expect_error(403, "admin-key-wrong");
    }
}
