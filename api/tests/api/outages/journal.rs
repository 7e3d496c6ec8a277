//! How far the work on an image has come: what the disk says of it at every moment, and what is not done again
//! although the disk says nothing.

use std::time::Duration;

use serde_json::json;

use super::find;
use crate::helpers::app::{ADMIN_KEY, Host, TestApp, form, path};
use crate::helpers::database::Engine;
use crate::helpers::exposition::Exposition;
use crate::helpers::fault_proxy::Fault;
use crate::helpers::fixtures::{photo, png_of};
use crate::helpers::until;

async fn count(host: &Host, series: &str) -> f64 {
    let text = host.get("/metrics").await.expect(200).text();
    Exposition::read(&text).value(series)
}

const RECORDS_NOT_WRITTEN: &str =
    "image_handler_replay_steps_total{outcome=\"failed\",step=\"write_record\"}";
const CONTENTS_CHECKED: &str =
    "image_handler_database_queries_total{operation=\"find_blocked\",outcome=\"ok\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_does_not_wait_for_s3_is_given_when_the_disk_knows_of_the_record() {
    let (app, gate) = TestApp::start_behind_gate(Engine::Sqlite).await;
    gate.hold();
    let image = app.upload_photo().await;
    assert_eq!(image["storage"]["record"], "stored");
    // A process that ends now begins here: with the record owed, it would put the image into S3 also after
    // somebody else has deleted it.
    assert_eq!(app.entries()[0]["owed"], json!(["store_object"]));
    gate.let_go();
    let app = &app;
    until("nothing is owed", || async { app.entries().is_empty() }).await;
    assert_eq!(find(app, &image).await["storage"]["s3"], "stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_is_stored_once_although_the_disk_does_not_take_that_it_is() {
    let (mut app, mut proxy) = TestApp::start_behind_faults(Engine::Mariadb, |_| {}).await;
    proxy.fail(Fault::Refused).await;
    let away = app.database.go_away().await;
    let image = app.upload(form("Ada", photo())).await.expect(202).json();
    let tmp = app.uploads.path().join("tmp");
    std::fs::remove_dir(&tmp).unwrap();
    proxy.forget_requests();
    proxy.heal().await;
    let running = &app;
    until("the object is stored", || async {
        find(running, &image).await["storage"]["s3"] == "stored"
    })
    .await;
    let before = count(&app, RECORDS_NOT_WRITTEN).await;
    until("the replayer has looked at it again", || async {
        count(running, RECORDS_NOT_WRITTEN).await >= before + 3.0
    })
    .await;
    let requests = proxy.requests();
    let puts = requests.iter().filter(|line| line.starts_with("PUT"));
    assert_eq!(puts.count(), 1, "{requests:?}");
    assert!(
        app.entries()[0]["owed"]
            .as_array()
            .unwrap()
            .contains(&json!("store_object")),
        "the disk says more"
    );
    std::fs::create_dir(&tmp).unwrap();
    app.database.come_back(away).await;
    let app = &app;
    until("nothing is owed", || async {
        app.files() == [app.local_copy(&image)]
    })
    .await;
    assert_eq!(app.database.rows().await[0].stored, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_the_disk_does_not_let_go_of_ends_later() {
    let app = TestApp::start(Engine::Sqlite).await;
    let settled = app.uploads.path().join("journal/settled");
    std::fs::remove_dir_all(&settled).unwrap();
    std::fs::write(&settled, "in the way of the folder").unwrap();
    let key = "0192f1a0-6d5e-7c3b-9a4f-2b1c0d9e8f70";
    let image = app
        .upload_with_key(key, form("Ada", photo()))
        .await
        .expect(201)
        .json();
    let stored = json!({"local": "stored", "s3": "stored", "record": "stored"});
    assert_eq!(image["storage"], stored);
    assert_eq!(app.entries().len(), 1);
    std::fs::remove_file(&settled).unwrap();
    std::fs::create_dir(&settled).unwrap();
    let app = &app;
    until("it has ended", || async { app.entries().is_empty() }).await;
    assert_eq!(find(app, &image).await["storage"], stored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_taken_back_before_that_is_journaled() {
    let mut app = TestApp::start(Engine::Mariadb).await;
    let image = app.upload_photo().await;
    let purge = format!(
        "/api/v1/images/{}?purge=true",
        image["id"].as_str().unwrap()
    );
    let purge = app.request(reqwest::Method::DELETE, &purge);
    app.send(purge.bearer_auth(ADMIN_KEY)).await.expect(204);
    let away = app.database.go_away().await;
    let waiting = app.upload(form("Ada", photo())).await.expect(202).json();
    let tmp = app.uploads.path().join("tmp");
    std::fs::remove_dir(&tmp).unwrap();
    app.database.come_back(away).await;
    let before = count(&app, CONTENTS_CHECKED).await;
    let running = &app;
    until("the replayer knows that it is blocked", || async {
        count(running, CONTENTS_CHECKED).await >= before + 3.0
    })
    .await;
    let served = app.get(&path(&waiting["link"])).await.expect(200);
    assert!(served.bytes == photo(), "its copy is whole");
    let rows = app.database.rows().await;
    assert_eq!(rows.iter().filter(|row| row.id == waiting["id"]).count(), 0);
    std::fs::create_dir(&tmp).unwrap();
    until("it is taken back", || async {
        running.files().is_empty() && running.s3.objects().is_empty()
    })
    .await;
    app.get(&path(&waiting["link"]))
        .await
        .expect_error(410, "image-deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_whose_copies_are_lost_do_not_keep_s3_from_being_asked_for_others() {
    const LOST: usize = 60;
    // Few rounds, so that luck does not help.
    let mut app = TestApp::start_with(Engine::Sqlite, |config| {
        config.patience.replay_pause = Duration::from_secs(10);
    })
    .await;
    app.s3.stop().await;
    for _ in 0..LOST {
        let image = app.upload_photo().await;
        std::fs::remove_file(app.local_copy(&image)).unwrap();
    }
    let whole = app.upload_photo().await;
    app.s3.start_again().await;
    let app = &app;
    until("it is stored", || async {
        find(app, &whole).await["storage"]["s3"] == "stored"
    })
    .await;
    assert_eq!(app.s3.objects().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_image_gets_its_turn_in_a_steady_stream_of_uploads() {
    const MIB: usize = 1024 * 1024;
    let (app, mut proxy) = TestApp::start_behind_faults(Engine::Sqlite, |config| {
        config.limits.max_upload_bytes = 16 * MIB as u64;
    })
    .await;
    proxy.fail(Fault::Refused).await;
    // It needs all the room that there is for objects on their way to S3.
    let large = app.upload(form("Ada", png_of(13 * MIB))).await;
    let large = large.expect(201).json();
    for _ in 0..20 {
        app.upload_photo().await;
    }
    proxy.heal().await;
    proxy.fail(Fault::Slow(Duration::from_millis(100))).await;
    let app = &app;
    let stream = async || loop {
        app.upload_photo().await;
    };
    tokio::select! {
        () = until("it is stored", || async { find(app, &large).await["storage"]["s3"] == "stored" }) => {}
        ((), (), (), ()) = async { tokio::join!(stream(), stream(), stream(), stream()) } => {}
    }
}
