//! `Idempotency-Key`: a retry makes no second image.

use std::time::Duration;

use image_handler::config::ObjectsConfig;
use uuid::Uuid;

use crate::helpers::app::{TestApp, form};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::{photo, png_of};
use crate::helpers::{on_both_engines, until};

fn new_key() -> String {
    Uuid::now_v7().to_string()
}

on_both_engines! {
    async fn a_retry_gets_the_same_answer_also_after_a_restart(app: TestApp) {
        let mut app = app;
        let key = new_key();
        let first = app.upload_with_key(&key, form("Ada", photo())).await.expect(201);
        assert_eq!(first.header("idempotency-replayed"), "");
        let retry = app.upload_with_key(&key, form("Ada", photo())).await.expect(201);
        assert_eq!(retry.header("idempotency-replayed"), "true");
        assert_eq!(retry.json(), first.json(), "the same image, the same token");
        app.host.restart().await;
        let later = app.upload_with_key(&key, form("Ada", photo())).await.expect(201);
        assert_eq!(later.header("idempotency-replayed"), "true");
        assert_eq!(later.json()["id"], first.json()["id"]);
        assert_eq!(later.json()["delete_token"], first.json()["delete_token"]);
        assert_eq!(app.database.rows().await.len(), 1);
        assert_eq!(app.s3.objects().len(), 1);
        assert_eq!(app.files().len(), 1);
    }

    async fn a_key_with_other_content_is_refused(app: TestApp) {
        let key = new_key();
        app.upload_with_key(&key, form("Ada", photo())).await.expect(201);
        let others = [form("Ada", png_of(5000)), form("Eve", photo()), form("Ada", photo()).text("alt", "x")];
        for other in others {
            app.upload_with_key(&key, other).await.expect_error(422, "idempotency-key-mismatch");
        }
        assert_eq!(app.database.rows().await.len(), 1);
    }

    async fn twins_at_the_same_moment_make_one_image(app: TestApp) {
        let key = new_key();
        let bytes = png_of(200_000);
        let twins = (0..8).map(|_| app.upload_with_key(&key, form("Ada", bytes.clone())));
        let answers = futures_util::future::join_all(twins).await;
        let ids: std::collections::HashSet<String> =
            answers.into_iter().map(|answer| answer.expect(201).json()["id"].to_string()).collect();
        assert_eq!(ids.len(), 1);
        assert_eq!(app.database.rows().await.len(), 1);
        assert_eq!(app.s3.objects().len(), 1);
        assert_eq!(app.files().len(), 1);
    }

    async fn a_key_is_spent_when_its_image_has_been_deleted(app: TestApp) {
        let key = new_key();
        let image = app.upload_with_key(&key, form("Ada", photo())).await.expect(201).json();
        app.delete(image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap()).await.expect(204);
        app.upload_with_key(&key, form("Ada", photo())).await.expect_error(409, "idempotency-key-spent");
        assert!(app.s3.objects().is_empty());
    }

    async fn a_key_is_remembered_while_the_record_is_only_in_the_journal(app: TestApp) {
        let mut app = app;
        let key = new_key();
        let away = app.database.go_away().await;
        let first = app.upload_with_key(&key, form("Ada", photo())).await.expect(202);
        let retry = app.upload_with_key(&key, form("Ada", photo())).await.expect(202);
        assert_eq!(retry.header("idempotency-replayed"), "true");
        assert_eq!(retry.json()["id"], first.json()["id"]);
        app.upload_with_key(&key, form("Eve", photo())).await.expect_error(422, "idempotency-key-mismatch");
        app.database.come_back(away).await;
        let app = &app;
        until("the record is written", || async { app.database.rows().await.len() == 1 }).await;
        let later = app.upload_with_key(&key, form("Ada", photo())).await;
        assert_eq!(later.json()["id"], first.json()["id"]);
        assert_eq!(app.s3.objects().len(), 1);
    }

    async fn a_key_of_a_settled_upload_is_remembered_while_the_database_is_away(app: TestApp) {
        let mut app = app;
        let key = new_key();
        let first = app.upload_with_key(&key, form("Ada", photo())).await.expect(201);
        let away = app.database.go_away().await;
        // The service learns that the database is away, where reading it still works too.
        app.upload(form("Ada", photo())).await.expect(202);
        for _ in 0..2 {
            let retry = app.upload_with_key(&key, form("Ada", photo())).await.expect(201);
            assert_eq!(retry.header("idempotency-replayed"), "true");
            for same in ["id", "delete_token", "storage", "sha256", "created_at"] {
                assert_eq!(retry.json()[same], first.json()[same]);
            }
            app.upload_with_key(&key, form("Eve", photo())).await.expect_error(422, "idempotency-key-mismatch");
            app.host.restart().await;
        }
        app.database.come_back(away).await;
        let app = &app;
        until("the journal is empty", || async { app.files().len() == 2 }).await;
        assert_eq!(app.database.rows().await.len(), 2);
    }

    async fn hosts_that_get_the_same_key_at_once_make_one_image(app: TestApp) {
        let other = app.another_host().await;
        for _ in 0..5 {
            let (key, before) = (new_key(), app.database.rows().await.len());
            let (one, two) = tokio::join!(
                app.upload_with_key(&key, form("Ada", photo())),
                other.upload_with_key(&key, form("Ada", photo())),
            );
            assert_eq!(one.expect(201).json()["id"], two.expect(201).json()["id"]);
            // The one that gave way took its own back, and left a tombstone at most.
            let rows = app.database.rows().await;
            let alive = rows[before..].iter().filter(|row| row.deleted == 0).count();
            assert_eq!(alive, 1, "{rows:?}");
        }
        until("both journals are empty", || async {
            app.s3.objects().len() == 5 && app.files().len() + other.files().len() == 5
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_no_uuid_is_refused() {
    let app = TestApp::start(Engine::Sqlite).await;
    for key in ["", "1", "not-a-uuid", "0192f1a06d5e7c3b9a4f2b1c0d9e8f70"] {
        app.upload_with_key(key, form("Ada", photo()))
            .await
            .expect_error(400, "idempotency-key-invalid");
    }
    let twice = app
        .upload_request(form("Ada", photo()))
        .header("Idempotency-Key", new_key())
        .header("Idempotency-Key", new_key());
    app.send(twice)
        .await
        .expect_error(400, "idempotency-key-invalid");
    app.assert_empty("keys that are no UUIDs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_twin_of_an_upload_that_takes_too_long_is_asked_to_come_again() {
    // An S3 endpoint that takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        if let ObjectsConfig::Bucket(bucket) = &mut config.objects {
            bucket.endpoint = Some(endpoint);
        }
        config.patience.upload_object = Duration::from_secs(5);
        config.patience.twin = Duration::from_millis(50);
    })
    .await;
    let key = new_key();
    let first = app.upload_with_key(&key, form("Ada", photo()));
    let second = async {
        until("the first is in the journal", || async {
            app.files().len() == 2
        })
        .await;
        app.upload_with_key(&key, form("Ada", photo())).await
    };
    let (first, second) = tokio::join!(first, second);
    let second = second.expect_error(409, "idempotency-key-in-use");
    assert_eq!(second.header("retry-after"), "1");
    let first = first.expect(201).json();
    assert_eq!(first["storage"]["s3"], "pending");
    let third = app
        .upload_with_key(&key, form("Ada", photo()))
        .await
        .expect(201);
    assert_eq!(third.json()["id"], first["id"]);
}
