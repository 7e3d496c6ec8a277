//! One idempotency key, two hosts: the one whose record comes later gives way, unless it has promised.

use std::time::Duration;

use image_handler::config::{Config, ObjectsConfig};
use uuid::Uuid;

use crate::helpers::app::{Host, TestApp, form};
use crate::helpers::fixtures::photo;
use crate::helpers::gate::Gate;
use crate::helpers::s3::BUCKET;
use crate::helpers::{on_both_engines, until};

fn new_key() -> String {
    Uuid::now_v7().to_string()
}

/// Another host, with a gate between it and S3.
async fn host_behind_gate(app: &TestApp, change: impl FnOnce(&mut Config)) -> (Host, Gate) {
    let gate = Gate::to(app.s3.address()).await;
    let mut objects = app.s3.config();
    objects.public_url = Some(format!("http://{}/{BUCKET}", app.s3.address()));
    objects.endpoint = Some(format!("http://{}", gate.address()));
    let host = app
        .another_host_with(|config| {
            config.objects = ObjectsConfig::Bucket(objects);
            change(config);
        })
        .await;
    (host, gate)
}

/// One image is left of the two: a record, an object, and a copy on the host that won.
async fn assert_one_is_left(app: &TestApp, loser: &Host) {
    until("the loser has taken its own back", || async {
        loser.files().is_empty() && app.s3.objects().len() == 1
    })
    .await;
    let rows = app.database.rows().await;
    assert_eq!(rows.iter().filter(|row| row.deleted == 0).count(), 1);
    assert_eq!(app.files().len(), 1);
}

on_both_engines! {
    async fn who_loses_hears_of_the_winner_while_s3_is_still_at_work(app: TestApp) {
        let (loser, gate) = host_behind_gate(&app, |config| {
            config.patience.upload_object = Duration::from_secs(3);
        })
        .await;
        gate.hold();
        let key = new_key();
        let lost = loser.upload_with_key(&key, form("Ada", photo()));
        let won = async {
            until("the other has journaled its own", || async { loser.entries().len() == 1 }).await;
            app.upload_with_key(&key, form("Ada", photo())).await.expect(201).json()
        };
        let (lost, won) = tokio::join!(lost, won);
        assert_eq!(lost.expect(201).json()["id"], won["id"]);
        // The request to S3 is not given up, and nothing is taken back before it has ended.
        assert_eq!(loser.entries()[0]["intent"], "publish");
        gate.let_go();
        assert_one_is_left(&app, &loser).await;
    }

    async fn who_cannot_journal_that_it_gives_way_does_so_later(app: TestApp) {
        let (loser, gate) = host_behind_gate(&app, |_| {}).await;
        gate.hold();
        let key = new_key();
        let tmp = loser.uploads.path().join("tmp");
        let lost = loser.upload_with_key(&key, form("Ada", photo()));
        let won = async {
            until("the other has journaled its own", || async { loser.entries().len() == 1 }).await;
            std::fs::remove_dir(&tmp).unwrap();
            let won = app.upload_with_key(&key, form("Ada", photo())).await.expect(201).json();
            gate.let_go();
            won
        };
        let (lost, won) = tokio::join!(lost, won);
        assert_eq!(lost.expect(201).json()["id"], won["id"]);
        // The entry is still there, and its key leads to the winner all the same.
        assert_eq!(loser.entries()[0]["intent"], "publish");
        let retry = loser.upload_with_key(&key, form("Ada", photo())).await.expect(201).json();
        assert_eq!(retry["id"], won["id"]);
        std::fs::create_dir(&tmp).unwrap();
        assert_one_is_left(&app, &loser).await;
    }
}

/// The host that loses ends between its journal entry and its answer.
#[cfg(feature = "failpoints")]
mod crashes {
    use std::path::Path;
    use std::process::Command;

    use reqwest::Client;
    use serde_json::Value;
    use tempfile::TempDir;

    use super::*;
    use crate::helpers::app::files_below;
    use crate::helpers::database::Engine;
    use crate::helpers::process::{Running, command};
    use crate::helpers::s3::credentials;

    fn service(app: &TestApp, uploads: &Path) -> Command {
        let mut command = command(uploads);
        let url = app.database.url();
        let credentials = credentials();
        command
            .env("DATABASE_URL", url)
            .env("S3_BUCKET", BUCKET)
            .env("S3_ENDPOINT", format!("http://{}", app.s3.address()))
            .env("AWS_ACCESS_KEY_ID", credentials.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key)
            .stderr(std::process::Stdio::null());
        command
    }

    async fn upload(to: &Running, key: &str) -> reqwest::Result<reqwest::Response> {
        let request = Client::new().post(format!("{}/api/v1/images", to.address));
        let request = request.header("Idempotency-Key", key);
        request.multipart(form("Ada", photo())).send().await
    }

    /// Uploads, and has the process end right after the journal entry.
    async fn crash_in_upload(app: &TestApp, uploads: &Path, key: &str) {
        let mut command = service(app, uploads);
        command.env("FAILPOINTS", "ingest.after-entry=return");
        let mut crashing = Running::spawn(command);
        assert!(upload(&crashing, key).await.is_err(), "nobody answers");
        until("it has ended", || {
            std::future::ready(crashing.ended().is_some())
        })
        .await;
        assert_eq!(pending(uploads), 1);
    }

    fn pending(uploads: &Path) -> usize {
        let files = files_below(&uploads.join("journal"));
        let settled = uploads.join("journal/settled");
        files
            .iter()
            .filter(|path| !path.starts_with(&settled))
            .count()
    }

    on_both_engines! {
        async fn an_upload_that_was_never_answered_gives_way_to_its_retry(app: TestApp) {
            let (uploads, key) = (TempDir::new().unwrap(), new_key());
            crash_in_upload(&app, uploads.path(), &key).await;
            let image = app.upload_with_key(&key, form("Ada", photo())).await.expect(201).json();
            let again = Running::spawn(service(&app, uploads.path()));
            until("nothing but the removal is owed", || async {
                let alive = app.database.rows().await.iter().filter(|row| row.deleted == 0).count();
                alive == 1 && app.s3.objects().len() == 1 && files_below(&uploads.path().join("originals")).is_empty()
            })
            .await;
            let answer = upload(&again, &key).await.unwrap();
            assert_eq!(answer.json::<Value>().await.unwrap()["id"], image["id"]);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_upload_that_a_retry_was_told_of_stays() {
        let mut app = TestApp::start(Engine::Mariadb).await;
        let direct = app.database.direct_config().await;
        let other = app
            .another_host_with(|config| config.database = direct)
            .await;
        let (uploads, key) = (TempDir::new().unwrap(), new_key());
        crash_in_upload(&app, uploads.path(), &key).await;
        let away = app.database.go_away().await;
        let again = Running::spawn(service(&app, uploads.path()));
        let told = upload(&again, &key).await.unwrap();
        assert_eq!(told.status(), 202);
        let told: Value = told.json().await.unwrap();
        let won = other
            .upload_with_key(&key, form("Ada", photo()))
            .await
            .expect(201)
            .json();
        assert_ne!(told["id"], won["id"], "nobody could know");
        app.database.come_back(away).await;
        until("nothing is owed", || async { pending(uploads.path()) == 0 }).await;
        for image in [&told, &won] {
            let id = image["id"].as_str().unwrap();
            other.get(&format!("/api/v1/images/{id}")).await.expect(200);
        }
    }
}
