//! The object in S3: what is sent, what is never overwritten, and what becomes of slow requests.

use bytes::Bytes;
use image_handler::domain::{Checksum, ImageId, Uploader};
use image_handler::storage::{ObjectAcl, ObjectError, ObjectMetadata, ObjectStore};
use std::time::Duration;

use crate::helpers::app::{TestApp, form, path};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;
use crate::helpers::gate::Gate;
use crate::helpers::s3::{TestS3, image_of};
use crate::helpers::scripted::{Scripted, answer};
use crate::helpers::{on_both_engines, until};

const DEADLINE: Duration = Duration::from_secs(20);

async fn put(store: &ObjectStore, id: ImageId, bytes: &'static [u8]) -> Result<(), ObjectError> {
    let image = image_of(store, id, bytes);
    store.put(&image, Bytes::from_static(bytes), DEADLINE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_is_sent_with_its_type_its_checksum_and_no_acl_unless_configured() {
    for acl in [ObjectAcl::None, ObjectAcl::PublicRead] {
        let s3 = TestS3::start().await;
        let gate = Gate::to(s3.address()).await;
        let mut config = s3.config();
        config.endpoint = Some(format!("http://{}", gate.address()));
        config.acl = acl;
        put(
            &ObjectStore::connect(config).await.unwrap(),
            ImageId::generate(),
            b"bytes",
        )
        .await
        .unwrap();
        let sent = gate.sent().to_lowercase();
        let checksum = Checksum::of(b"bytes").to_base64().to_lowercase();
        let signed = Checksum::of(b"bytes");
        for header in [
            "content-type: image/jpeg",
            "cache-control: public, max-age=3600",
            "if-none-match: *",
            &format!("x-amz-checksum-sha256: {checksum}"),
            &format!("x-amz-content-sha256: {signed}"),
        ] {
            assert!(sent.contains(header), "{header} in {sent}");
        }
        assert_eq!(
            sent.contains("x-amz-acl: public-read"),
            acl == ObjectAcl::PublicRead,
            "{sent}"
        );
        assert_eq!(sent.contains("acl"), acl == ObjectAcl::PublicRead, "{sent}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_bytes_than_those_of_the_checksum_are_not_stored() {
    let s3 = TestS3::start().await;
    let store = ObjectStore::connect(s3.config()).await.unwrap();
    let image = image_of(&store, ImageId::generate(), b"bytes");
    let damaged = Bytes::from_static(b"bytez");
    store.put(&image, damaged, DEADLINE).await.unwrap_err();
    assert!(s3.objects().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_is_there_is_success_only_if_it_is_ours() {
    let s3 = TestS3::start().await;
    let store = ObjectStore::connect(s3.config()).await.unwrap();
    let id = ImageId::generate();
    put(&store, id, b"ours").await.unwrap();
    put(&store, id, b"ours").await.unwrap();
    let other = put(&store, id, b"other").await;
    assert!(
        matches!(other, Err(ObjectError::Conflict { .. })),
        "{other:?}"
    );
    assert!(store.availability().is_available(), "S3 has answered");
    let image = image_of(&store, id, b"ours");
    assert_eq!(
        reqwest::get(image.url)
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap(),
        "ours"
    );
    store.delete(&image.object_key, DEADLINE).await.unwrap();
    store.delete(&image.object_key, DEADLINE).await.unwrap();
    assert!(s3.objects().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_whose_checksum_s3_does_not_know_is_compared() {
    let s3 = TestS3::start().await;
    let store = ObjectStore::connect(s3.config()).await.unwrap();
    let id = ImageId::generate();
    put(&store, id, b"ours").await.unwrap();
    s3.forget_checksums();
    put(&store, id, b"ours").await.unwrap();
    for other in [&b"more than ours"[..], b"oars"] {
        let conflict = put(&store, id, other).await;
        assert!(
            matches!(conflict, Err(ObjectError::Conflict { .. })),
            "{conflict:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_s3_refuses_does_not_make_s3_look_away() {
    // The endpoint of the tests calls a body that was damaged on the way an internal error.
    for code in ["BadDigest", "XAmzContentSHA256Mismatch", "EntityTooLarge"] {
        let refusing = Scripted::start(move |_| {
            let body = format!("<Error><Code>{code}</Code></Error>");
            answer("400 Bad Request", "", body.as_bytes())
        })
        .await;
        let mut config = TestS3::start().await.config();
        config.endpoint = Some(refusing.url());
        let store = ObjectStore::connect(config).await.unwrap();
        let refused = put(&store, ImageId::generate(), b"bytes").await;
        assert!(
            matches!(refused, Err(ObjectError::Refused { .. })),
            "{refused:?}"
        );
        assert!(store.availability().is_available(), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_tells_what_rebuilds_its_record() {
    let app = TestApp::start(Engine::Sqlite).await;
    let form = form("Ada ✏️", photo()).text("alt", "A tree");
    let image = app.upload(form).await.expect(201).json();
    let url = image["url"].as_str().unwrap();
    let head = reqwest::Client::new().head(url).send().await.unwrap();
    let record = head.headers()["x-amz-meta-record"].to_str().unwrap();
    let record = ObjectMetadata::decode(record).unwrap();
    assert_eq!(record.uploader, Uploader::parse("Ada ✏️").unwrap());
    assert_eq!(record.alt.unwrap().as_str(), "A tree");
    assert_eq!(record.file_name.unwrap().as_str(), "photo.jpg");
    assert_eq!(record.sha256.to_string(), image["sha256"]);
    assert_eq!(record.received_sha256, Some(Checksum::of(&photo())));
    assert_eq!(serde_json::json!(record.width), image["width"]);
    assert_eq!(serde_json::json!(record.height), image["height"]);
}

on_both_engines! {
    async fn a_damaged_local_copy_is_not_given_to_s3(app: TestApp) {
        let mut app = app;
        app.s3.stop().await;
        let (damaged, good) = (app.upload_photo().await, app.upload_photo().await);
        app.host.stop().await;
        std::fs::write(app.local_copy(&damaged), "damaged").unwrap();
        app.s3.start_again().await;
        app.host.restart().await;
        let app = &app;
        until("the good one is stored", || async { app.fetch(good["url"].as_str().unwrap()).await.0 == 200 }).await;
        assert_eq!(app.fetch(damaged["url"].as_str().unwrap()).await.0, 404);
        until("only the damaged one is owed", || async {
            let report = app.get("/readyz").await.expect(200).json();
            report["parts"]["s3"] == "ok" && report["pending"] == 1
        })
        .await;
    }

    async fn other_bytes_under_an_images_key_are_left_alone(app: TestApp) {
        let mut app = app;
        app.s3.stop().await;
        let (image, later) = (app.upload_photo().await, app.upload_photo().await);
        // The host is down while somebody else writes there: of two writers at the same time either may win.
        app.host.stop().await;
        app.s3.start_again().await;
        let store = ObjectStore::connect(app.s3.config()).await.unwrap();
        let id = image["id"].as_str().unwrap().parse().unwrap();
        put(&store, id, b"other").await.unwrap();
        app.host.restart().await;
        let app = &app;
        until("the later one is stored", || async { app.fetch(later["url"].as_str().unwrap()).await.0 == 200 }).await;
        until("only the other one is owed", || async { app.get("/readyz").await.expect(200).json()["pending"] == 1 }).await;
        assert_eq!(app.fetch(image["url"].as_str().unwrap()).await, (200, b"other".to_vec()));
        assert_eq!(app.get(&path(&image["link"])).await.expect(200).bytes, photo());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_answered_while_a_slow_s3_takes_its_time() {
    let (app, gate) = TestApp::start_behind_gate(Engine::Sqlite).await;
    gate.hold();
    let image = app.upload(form("Ada", photo())).await.expect(201).json();
    assert_eq!(
        image["storage"],
        serde_json::json!({"local": "stored", "s3": "pending", "record": "stored"})
    );
    assert_eq!(gate.sent().matches("PUT /").count(), 1);
    gate.let_go();
    let app = &app;
    let find = format!("/api/v1/images/{}", image["id"].as_str().unwrap());
    until("it is stored", || async {
        app.get(&find).await.json()["storage"]["s3"] == "stored"
    })
    .await;
    assert_eq!(
        gate.sent().matches("PUT /").count(),
        1,
        "the request was not given up"
    );
    assert_eq!(
        app.fetch(image["url"].as_str().unwrap()).await,
        (200, photo())
    );
    until("the journal is empty", || async { app.files().len() == 1 }).await;
    assert_eq!(app.database.rows().await[0].stored, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_deleted_while_its_object_is_on_the_way_does_not_stay_in_s3() {
    let (app, gate) = TestApp::start_behind_gate(Engine::Sqlite).await;
    gate.hold();
    let image = app.upload(form("Ada", photo())).await.expect(201).json();
    let (id, token) = (
        image["id"].as_str().unwrap(),
        image["delete_token"].as_str().unwrap(),
    );
    // The delete does not wait for the upload's request to S3, which is still under way.
    app.delete(id, token).await.expect(204);
    app.get(&format!("/api/v1/images/{id}"))
        .await
        .expect_error(410, "image-deleted");
    assert_eq!(
        app.database.rows().await[0].deleted,
        1,
        "for other hosts too"
    );
    gate.let_go();
    let app = &app;
    until("the journal is empty", || async { app.files().is_empty() }).await;
    assert!(app.s3.objects().is_empty());
    assert_eq!(app.database.rows().await[0].purged, 1);
}
