//! Deleted and purged through one host while the host that has the image is down.

use reqwest::Method;
use serde_json::Value;

use crate::helpers::app::{ADMIN_KEY, Host, TestApp, form, path};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;
use crate::helpers::{on_both_engines, until};

/// How an image is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Delete,
    Purge,
}

const WAYS: [Way; 2] = [Way::Delete, Way::Purge];

fn id(image: &Value) -> &str {
    image["id"].as_str().unwrap()
}

async fn take_away(way: Way, host: &Host, image: &Value) {
    match way {
        Way::Delete => {
            let token = image["delete_token"].as_str().unwrap();
            host.delete(id(image), token).await.expect(204);
        }
        Way::Purge => {
            let path = format!("/api/v1/images/{}?purge=true&reason=taken+down", id(image));
            let request = host.request(Method::DELETE, &path);
            host.send(request.bearer_auth(ADMIN_KEY)).await.expect(204);
        }
    }
}

/// It is gone from here, and may or may not come again.
async fn assert_gone(way: Way, host: &Host, image: &Value) {
    let found = host.get(&format!("/api/v1/images/{}", id(image))).await;
    found.expect_error(410, "image-deleted");
    let bytes = host.get(&path(&image["link"])).await;
    bytes.expect_error(410, "image-deleted");
    let listed = host.get("/api/v1/images").await.expect(200).json();
    let items = listed["items"].as_array().unwrap().iter();
    assert!(items.into_iter().all(|item| item["id"] != image["id"]));
    let again = host.upload(form("Ada", photo())).await;
    match way {
        Way::Purge => drop(again.expect_error(451, "content-blocked")),
        Way::Delete => {
            let again = again.expect(201).json();
            take_away(way, host, &again).await;
        }
    }
}

on_both_engines! {
    async fn an_image_taken_away_while_its_host_is_down_is_gone_when_that_is_back(app: TestApp) {
        let mut app = app;
        let other = app.another_host().await;
        for way in WAYS {
            let image = app.upload_photo().await;
            assert_eq!(app.files().len(), 1);
            app.host.stop().await;
            take_away(way, &other, &image).await;
            assert!(app.s3.objects().is_empty(), "nobody can fetch it from S3 any more");
            app.host.restart().await;
            // Before its copy is removed, the record says that it must not be served.
            let bytes = app.get(&path(&image["link"])).await;
            bytes.expect_error(410, "image-deleted");
            let host = &app.host;
            until("its copy is gone", || async { host.files().is_empty() }).await;
            for host in [&app.host, &other] {
                assert_gone(way, host, &image).await;
            }
            let app = &app;
            until("all is gone", || async { app.files().is_empty() && other.files().is_empty() }).await;
            assert!(app.s3.objects().is_empty());
        }
    }

    async fn an_image_deleted_through_a_host_that_ends_at_once_is_gone_everywhere(app: TestApp) {
        let mut app = app;
        let mut other = app.another_host().await;
        let image = app.upload_photo().await;
        // The object is still owed its deletion when the host that promised it ends.
        app.s3.stop().await;
        take_away(Way::Delete, &other, &image).await;
        other.stop().await;
        app.s3.start_again().await;
        assert_eq!(app.s3.objects().len(), 1);
        app.get(&path(&image["link"])).await.expect_error(410, "image-deleted");
        other.restart().await;
        let (app, other) = (&app, &other);
        until("all is gone", || async { app.s3.objects().is_empty() && other.files().is_empty() && app.files().is_empty() }).await;
    }
}

/// Where S3 is still owed the image by the host that is down, it must not become public when that is back.
async fn is_not_published_any_more(engine: Engine, way: Way) {
    let (mut app, mut gate) = TestApp::start_behind_gate(engine).await;
    let other = app.another_host().await;
    gate.close().await;
    let image = app.upload_photo().await;
    assert_eq!(image["storage"]["s3"], "pending");
    app.host.stop().await;
    take_away(way, &other, &image).await;
    gate.open().await;
    let sent_before = gate.sent().len();
    app.host.restart().await;
    let host = &app.host;
    until("its entry and its copy are gone", || async {
        host.files().is_empty()
    })
    .await;
    let sent = gate.sent();
    assert!(
        !sent[sent_before..].contains("PUT /pictures/images/"),
        "{way:?}: the object was put although the image was taken away"
    );
    for host in [&app.host, &other] {
        assert_gone(way, host, &image).await;
    }
    until("no object is left", || async {
        app.s3.objects().is_empty()
    })
    .await;
}

mod owed_on_sqlite {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_image_that_s3_is_owed_is_not_published_when_its_host_is_back() {
        for way in WAYS {
            is_not_published_any_more(Engine::Sqlite, way).await;
        }
    }
}

mod owed_on_mariadb {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_image_that_s3_is_owed_is_not_published_when_its_host_is_back() {
        for way in WAYS {
            is_not_published_any_more(Engine::Mariadb, way).await;
        }
    }

    /// What only a journal knows, other hosts cannot know: it is theirs to delete once its host has recorded it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_image_that_only_a_host_that_is_down_knows_is_not_found_until_that_is_back() {
        let mut app = TestApp::start(Engine::Mariadb).await;
        let direct = app.database.direct_config().await;
        let other = app
            .another_host_with(|config| config.database = direct)
            .await;
        let away = app.database.go_away().await;
        let image = app.upload(form("Ada", photo())).await.expect(202).json();
        app.host.stop().await;
        app.database.come_back(away).await;
        let address = format!("/api/v1/images/{}", id(&image));
        other
            .get(&address)
            .await
            .expect_error(404, "image-not-found");
        let token = image["delete_token"].as_str().unwrap();
        let refused = other.delete(id(&image), token).await;
        refused.expect_error(404, "image-not-found");
        app.host.restart().await;
        until("the other host finds it", || async {
            other.get(&address).await.status == 200
        })
        .await;
        take_away(Way::Delete, &other, &image).await;
        let app = &app;
        until("all is gone", || async {
            app.files().is_empty() && other.files().is_empty()
        })
        .await;
        assert!(app.s3.objects().is_empty());
    }
}
