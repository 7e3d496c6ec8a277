//! The database answers, but not as it should: it refuses a record, calls it a duplicate, or takes its time.

use std::fs::File;
use std::time::Duration;

use chrono::Utc;
use image_handler::db::{Db, DbError, WriteOutcome};
use image_handler::domain::{Checksum, Image, ImageId, MediaType, Uploader};
use serde_json::Value;
use tempfile::TempDir;

use super::find;
use crate::helpers::app::form;
use crate::helpers::database::{Engine, TestDatabase};
use crate::helpers::exposition::Exposition;
use crate::helpers::fixtures::photo;
use crate::helpers::process::{Running, command};
use crate::helpers::{on_both_engines, until};

on_both_engines! {
    async fn a_duplicate_that_is_no_key_of_another_image_is_recorded_once_it_passes(app: TestApp) {
        app.upload_photo().await;
        app.database.execute("CREATE UNIQUE INDEX no_content_twice ON images (sha256)").await;
        let key = "0192f1a0-6d5e-7c3b-9a4f-2b1c0d9e8f70";
        let without = app.upload(form("Ada", photo())).await.expect(202).json();
        let with = app.upload_with_key(key, form("Ada", photo())).await.expect(202).json();
        let is_whole = || app.entries().iter().any(|entry| entry["image"]["idempotency_key"].is_string());
        assert!(is_whole(), "it keeps its key");
        let drop = if app.database.url().starts_with("sqlite") {
            "DROP INDEX no_content_twice"
        } else {
            "DROP INDEX no_content_twice ON images"
        };
        app.database.execute(drop).await;
        for image in [&without, &with] {
            until("it is recorded", || async { find(&app, image).await["storage"]["record"] == "stored" }).await;
        }
        assert_eq!(app.database.rows().await.len(), 3);
        let retry = app.upload_with_key(key, form("Ada", photo())).await.expect(201).json();
        assert_eq!(retry["id"], with["id"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_the_database_refuses_a_record_for_ever_is_said_once() {
    let uploads = TempDir::new().unwrap();
    let log = uploads.path().join("log");
    let mut command = command(uploads.path());
    command.stderr(File::create(&log).unwrap());
    let running = Running::spawn(command);
    let database = TestDatabase::Sqlite { folder: uploads };
    database
        .execute("ALTER TABLE images ADD COLUMN note TEXT CHECK (uploader <> 'Eve')")
        .await;
    let request = reqwest::Client::new().post(format!("{}/api/v1/images", running.address));
    let answer = request
        .multipart(form("Eve", photo()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    let image: Value = answer.json().await.unwrap();
    until("the replayer has tried it several times", || async {
        let answer = reqwest::get(format!("{}/metrics", running.address)).await;
        let scraped = Exposition::read(&answer.unwrap().text().await.unwrap());
        let failed = "image_handler_replay_steps_total{outcome=\"failed\",step=\"write_record\"}";
        scraped.value(failed) >= 2.0
    })
    .await;
    let text = std::fs::read_to_string(&log).unwrap();
    let said = format!(
        "image {}: the database refused",
        image["id"].as_str().unwrap()
    );
    assert_eq!(text.matches(&said).count(), 1, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_is_that_of_all_queries_of_a_call() {
    const DEADLINE: Duration = Duration::from_secs(1);
    let database = TestDatabase::new(Engine::Mariadb).await;
    let db = Db::prepare(&database.direct_config().await).unwrap();
    db.migrate().await.unwrap();
    let id = ImageId::generate();
    let mut image = Image {
        id,
        uploader: Uploader::parse("Ada").unwrap(),
        alt: None,
        file_name: None,
        media_type: MediaType::Jpeg,
        size_bytes: 3,
        width: 1,
        height: 1,
        sha256: Checksum::of(b"abc"),
        received_sha256: None,
        object_key: format!("images/{id}.jpg"),
        url: format!("http://localhost/images/{id}.jpg"),
        idempotency_key: None,
        stored_at: None,
        thumbhash: None,
    };
    let written = db.write_record(&image, Duration::from_secs(20)).await;
    assert_eq!(written.unwrap(), WriteOutcome::Written);
    // Each takes less than the deadline, both together more.
    for query in ["INSERT", "UPDATE"] {
        database
            .execute(&format!(
                "CREATE TRIGGER slow_{query} BEFORE {query} ON images FOR EACH ROW SET @slept = SLEEP(0.7)"
            ))
            .await;
    }
    image.stored_at = Some(Utc::now());
    let written = db.write_record(&image, DEADLINE).await;
    assert!(matches!(written, Err(DbError::Away(_))), "{written:?}");
    let written = db.write_tombstone(&image, Utc::now(), DEADLINE).await;
    assert!(matches!(written, Err(DbError::Away(_))), "{written:?}");
}
