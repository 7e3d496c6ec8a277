//! Every way in which the database can be away, or half away.

use std::time::{Duration, Instant};

use image_handler::config::Config;
use image_handler::images::Patience;
use serde_json::{Value, json};

use super::{assert_recorded_as_made, find};
use crate::helpers::app::{Host, TestApp, form, path};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;
use crate::helpers::{report, until};

/// What waits for a database that does not answer is over soon.
fn impatient(config: &mut Config) {
    config.patience.upload_record = Duration::from_millis(500);
    config.patience.read = Duration::from_millis(500);
    config.patience.replay_record = Duration::from_secs(1);
}

/// Uploads an image whose record is there: a busy machine may be slower than an impatient host waits.
async fn upload_known(host: &Host) -> Value {
    let image = host.upload(form("Ada", photo())).await;
    assert!(
        [201, 202].contains(&image.status.as_u16()),
        "{}",
        image.text()
    );
    let image = image.json();
    until("it is known", || async {
        let found = host.get(&format!("/api/v1/images/{}", id(&image))).await;
        found.status == 200
            && found.json()["storage"]
                == json!({"local": "stored", "s3": "stored", "record": "stored"})
    })
    .await;
    image
}

/// Uploads while no record can be written.
async fn upload_pending(host: &Host) -> Value {
    let image = host.upload(form("Ada", photo())).await.expect(202).json();
    let pending = json!({"local": "stored", "s3": "stored", "record": "pending"});
    assert_eq!(image["storage"], pending);
    let found = host.get(&format!("/api/v1/images/{}", id(&image))).await;
    assert_eq!(found.expect(200).json()["created_at"], image["created_at"]);
    assert_eq!(
        host.get(&path(&image["link"])).await.expect(200).bytes,
        photo()
    );
    image
}

fn id(image: &Value) -> &str {
    image["id"].as_str().unwrap()
}

async fn delete(host: &Host, image: &Value) -> crate::helpers::answer::Answer {
    host.delete(id(image), image["delete_token"].as_str().unwrap())
        .await
}

/// Deletes an image, and sees that it is gone at once.
async fn assert_deleted(host: &Host, image: &Value) {
    delete(host, image).await.expect(204);
    host.get(&format!("/api/v1/images/{}", id(image)))
        .await
        .expect_error(410, "image-deleted");
    host.get(&path(&image["link"]))
        .await
        .expect_error(410, "image-deleted");
}

/// What can be done without any answer of the database: `(kept, deleted)` were uploaded meanwhile.
async fn assert_nothing_answers_but_copies(app: &TestApp, known: &Value) -> (Value, Value) {
    let (kept, deleted) = (upload_pending(app).await, upload_pending(app).await);
    app.get("/api/v1/images")
        .await
        .expect_error(503, "database-unavailable");
    delete(app, known)
        .await
        .expect_error(503, "database-unavailable");
    let served = app.get(&path(&known["link"])).await.expect(200);
    assert_eq!(served.bytes, photo());
    assert_deleted(app, &deleted).await;
    (kept, deleted)
}

async fn assert_all_is_well(app: &TestApp, known: &Value, kept: &Value, deleted: &Value) {
    for image in [known, kept] {
        until("it is recorded", || async {
            let found = app.get(&format!("/api/v1/images/{}", id(image))).await;
            found.status == 200 && found.json()["storage"]["record"] == "stored"
        })
        .await;
        assert_recorded_as_made(app, image).await;
    }
    until("the journal is empty", || async { app.files().len() == 2 }).await;
    assert_recorded_as_made(app, deleted).await;
    let rows = app.database.rows().await;
    let purged: Vec<_> = rows.iter().filter(|row| row.purged == 1).collect();
    assert_eq!((rows.len(), purged.len()), (3, 1));
    assert_eq!(purged[0].id, id(deleted));
    assert_eq!(app.s3.objects().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_known_to_hang_is_not_asked_for_the_next_uploads() {
    let app = TestApp::start_with(Engine::Mariadb, impatient).await;
    upload_known(&app).await;
    // Logins go well and every question arrives, so that what is asked can be read at the gate.
    let lock = app
        .database
        .lock("LOCK TABLES images WRITE, blocked_contents WRITE")
        .await;
    let mut asked = 0;
    for _ in 0..8 {
        let image = upload_pending(&app).await;
        asked += usize::from(app.database.sent().contains(id(&image)));
    }
    // The first upload finds out, and the replayer may have asked for another one.
    assert!(asked <= 2, "{asked} of 8");
    lock.disconnect().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_database_keeps_uploads_no_longer_than_they_wait() {
    let app = TestApp::start_with(Engine::Mariadb, impatient).await;
    let known = upload_known(&app).await;
    app.database.hold();
    let (kept, deleted) = assert_nothing_answers_but_copies(&app, &known).await;
    app.database.let_go();
    assert_all_is_well(&app, &known, &kept, &deleted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_default_an_upload_waits_less_than_two_seconds_for_all_parts() {
    let Patience {
        upload_object,
        upload_record,
        ..
    } = Patience::default();
    assert!(upload_object + upload_record < Duration::from_secs(2));
    let mut figures = Vec::new();
    for (name, key) in [
        ("", None),
        (", with a key", Some("0192f1a0-6d5e-7c3b-9a4f-2b1c0d9e8f70")),
    ] {
        let app = TestApp::start_with(Engine::Mariadb, |config| {
            config.patience.upload_object = upload_object;
            config.patience.upload_record = upload_record;
        })
        .await;
        app.database.hold();
        for upload in ["the first", "the next"] {
            let mut request = app.upload_request(form("Ada", photo()));
            if let (Some(key), "the first") = (key, upload) {
                request = request.header("Idempotency-Key", key);
            }
            let began = Instant::now();
            let answer = app.send(request).await.expect(202).json();
            figures.push(format!(
                "{upload} upload{name} after {} ms",
                began.elapsed().as_millis()
            ));
            assert_eq!(answer["storage"]["record"], "pending");
        }
    }
    report(&format!("outage: database hanging: {}", figures.join(", ")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_locked_by_somebody_keep_uploads_no_longer_than_they_wait() {
    let app = TestApp::start_with(Engine::Mariadb, impatient).await;
    let known = upload_known(&app).await;
    let lock = app
        .database
        .lock("LOCK TABLES images WRITE, blocked_contents WRITE")
        .await;
    let (kept, deleted) = assert_nothing_answers_but_copies(&app, &known).await;
    lock.disconnect().await.unwrap();
    assert_all_is_well(&app, &known, &kept, &deleted).await;
}

/// While nothing can be written, all that needs no writing goes on, and deletes are promises.
async fn assert_reads_go_on(host: &Host, known: &Value, deleted: &Value) -> (Value, Value) {
    let (kept, withdrawn) = (upload_pending(host).await, upload_pending(host).await);
    for _ in 0..3 {
        upload_pending_and_withdraw(host).await;
        let listed = host.get("/api/v1/images").await.expect(200).json();
        assert!(
            listed["items"]
                .as_array()
                .unwrap()
                .iter()
                .any(|item| item["id"] == known["id"])
        );
        let found = host.get(&format!("/api/v1/images/{}", id(known))).await;
        assert_eq!(found.expect(200).json()["storage"]["record"], "stored");
    }
    let ready = host.get("/readyz").await.expect(200).json();
    assert_eq!(ready["parts"]["database"], "degraded", "{ready}");
    assert_deleted(host, deleted).await;
    assert_deleted(host, &withdrawn).await;
    let listed = host.get("/api/v1/images").await.expect(200).json();
    assert!(
        listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|item| item["id"] != deleted["id"])
    );
    (kept, withdrawn)
}

async fn upload_pending_and_withdraw(host: &Host) {
    let image = upload_pending(host).await;
    assert_deleted(host, &image).await;
}

/// Records are as they would be had there been no outage.
async fn assert_written_later(app: &TestApp, host: &Host, live: [&Value; 2], dead: [&Value; 2]) {
    for image in live {
        until("it is recorded", || async {
            find_on(host, image).await["storage"]["record"] == "stored"
        })
        .await;
        assert_recorded_as_made(app, image).await;
    }
    until("the journal is empty", || async {
        host.files().len() == live.len()
    })
    .await;
    for image in dead {
        assert_recorded_as_made(app, image).await;
    }
    let rows = app.database.rows().await;
    let purged = rows.iter().filter(|row| row.purged == 1).count();
    assert_eq!(
        (rows.len(), purged),
        (7, 5),
        "those that were withdrawn too"
    );
    assert_eq!(app.s3.objects().len(), live.len());
    until("records are taken", || async {
        host.get("/readyz").await.json()["parts"]["database"] == "ok"
    })
    .await;
}

async fn find_on(host: &Host, image: &Value) -> Value {
    host.get(&format!("/api/v1/images/{}", id(image)))
        .await
        .expect(200)
        .json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_server_is_read_from() {
    let app = TestApp::start(Engine::Mariadb).await;
    // Whoever may administrate the server may also write to it, and so may every other test.
    let config = app.database.unprivileged_config().await;
    let host = app.another_host_with(|host| host.database = config).await;
    let (known, deleted) = (upload_known(&host).await, upload_known(&host).await);
    app.database.execute("SET GLOBAL read_only = 1").await;
    let (kept, withdrawn) = assert_reads_go_on(&host, &known, &deleted).await;
    app.database.execute("SET GLOBAL read_only = 0").await;
    assert_written_later(&app, &host, [&known, &kept], [&deleted, &withdrawn]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_takes_no_writes_is_read_from() {
    let app = TestApp::start(Engine::Sqlite).await;
    let (known, deleted) = (upload_known(&app).await, upload_known(&app).await);
    // A file that is open for writing cannot be made read-only from outside, least of all by root. So the
    // database refuses by itself, with the words that SQLite has for it.
    for event in ["INSERT", "UPDATE"] {
        let refuse = format!(
            "CREATE TRIGGER refuse_{event} BEFORE {event} ON images BEGIN \
             SELECT RAISE(ABORT, 'attempt to write a readonly database'); END"
        );
        app.database.execute(&refuse).await;
    }
    let (kept, withdrawn) = assert_reads_go_on(&app, &known, &deleted).await;
    for event in ["INSERT", "UPDATE"] {
        app.database
            .execute(&format!("DROP TRIGGER refuse_{event}"))
            .await;
    }
    assert_written_later(&app, &app, [&known, &kept], [&deleted, &withdrawn]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_others_only_read_is_read_from() {
    let app = TestApp::start_with(Engine::Mariadb, |config| {
        config.patience.upload_record = Duration::from_secs(2);
    })
    .await;
    let (known, deleted) = (upload_known(&app).await, upload_known(&app).await);
    let lock = app.database.lock("LOCK TABLES images READ").await;
    let (kept, withdrawn) = assert_reads_go_on(&app, &known, &deleted).await;
    lock.disconnect().await.unwrap();
    assert_written_later(&app, &app, [&known, &kept], [&deleted, &withdrawn]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_locked_is_read_from() {
    let mut app = TestApp::start(Engine::Sqlite).await;
    let (known, deleted) = (upload_known(&app).await, upload_known(&app).await);
    let lock = app.database.go_away().await;
    let (kept, withdrawn) = assert_reads_go_on(&app, &known, &deleted).await;
    app.database.come_back(lock).await;
    assert_written_later(&app, &app, [&known, &kept], [&deleted, &withdrawn]).await;
    assert_eq!(find(&app, &kept).await["created_at"], kept["created_at"]);
}
