//! Every way in which S3 can be away.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use image_handler::domain::ImageId;
use image_handler::storage::ObjectStore;
use serde_json::{Value, json};

use super::find;
use crate::helpers::app::{TestApp, form, path};
use crate::helpers::database::Engine;
use crate::helpers::fault_proxy::{Fault, FaultProxy};
use crate::helpers::fixtures::png_of;
use crate::helpers::s3::{TestS3, image_of};
use crate::helpers::until;

const DEADLINE: Duration = Duration::from_secs(20);
/// Until the test is over, as far as it is concerned.
const FOR_EVER: Duration = Duration::from_mins(10);
/// How many entries the replayer works on at once.
const REPLAYED_AT_ONCE: usize = 4;

/// The images that S3 was asked about.
fn asked(proxy: &FaultProxy) -> BTreeSet<String> {
    let requests = proxy.requests();
    let targets = requests.iter().filter_map(|line| line.split('/').nth(3));
    targets
        .filter_map(|name| name.get(..36).map(str::to_owned))
        .collect()
}

/// Uploads that are answered although S3 is not there, with the bytes of each.
async fn upload_pending(app: &TestApp, count: usize) -> Vec<(Value, Vec<u8>)> {
    let mut images = Vec::new();
    for _ in 0..count {
        let bytes = png_of(200_000);
        let image = app
            .upload(form("Ada", bytes.clone()))
            .await
            .expect(201)
            .json();
        assert_eq!(
            image["storage"],
            json!({"local": "stored", "s3": "pending", "record": "stored"})
        );
        let served = app.get(&path(&image["link"])).await.expect(200).bytes;
        assert!(served == bytes, "the link works from the local copy");
        images.push((image, bytes));
    }
    images
}

/// Whatever was owed is in S3, in the journal nothing is left but `owed` entries.
async fn assert_stored(app: &TestApp, images: &[(Value, Vec<u8>)], owed: usize) {
    for (image, bytes) in images {
        until("it is stored", || async {
            find(app, image).await["storage"]["s3"] == "stored"
        })
        .await;
        let (status, object) = app.fetch(image["url"].as_str().unwrap()).await;
        assert!(status == 200 && object == *bytes, "the same bytes");
    }
    until("nothing else is owed", || async {
        app.get("/readyz").await.json()["pending"] == owed
    })
    .await;
    let rows = app.database.rows().await;
    let stored = rows.iter().filter(|row| row.stored == 1).count();
    assert_eq!(stored, rows.len() - owed);
    assert_eq!(app.s3.objects().len(), rows.len(), "one object each");
    assert_eq!(
        app.files().len(),
        rows.len() + owed,
        "copies, and what is owed"
    );
}

/// Uploads while the fault lasts, and looks what has become of that when it is over.
async fn uploads_go_on(fault: Fault, patience: Duration) {
    let (app, mut proxy) = TestApp::start_behind_faults(Engine::Sqlite, |config| {
        config.patience.upload_object = patience;
    })
    .await;
    proxy.fail(fault).await;
    let (mut images, mut waited_for_s3) = (Vec::new(), 0);
    for _ in 0..8 {
        let (image, bytes) = upload_pending(&app, 1).await.remove(0);
        // Until then nobody but the upload itself can have asked for this one.
        if asked(&proxy).contains(image["id"].as_str().unwrap()) {
            waited_for_s3 += 1;
        }
        images.push((image, bytes));
    }
    // The first upload finds out. One more may have met the replayer, which looks again and again, right
    // before it was answered.
    assert!(waited_for_s3 <= 2, "{waited_for_s3} of 8");

    // Somebody else puts other bytes where the last one belongs.
    let (taken, _) = images.pop().unwrap();
    let other = ObjectStore::connect(app.s3.config()).await.unwrap();
    let mut stranger = image_of(&other, ImageId::generate(), b"other");
    stranger.object_key = format!("images/{}.png", taken["id"].as_str().unwrap());
    other
        .put(&stranger, Bytes::from_static(b"other"), DEADLINE)
        .await
        .unwrap();

    proxy.heal().await;
    assert_stored(&app, &images, 1).await;
    let left_alone = app.fetch(taken["url"].as_str().unwrap()).await;
    assert_eq!(left_alone, (200, b"other".to_vec()));
    app.get(&path(&taken["link"])).await.expect(200);
    until("uploads are stored at once again", || async {
        let image = app.upload_photo().await;
        image["storage"]["s3"] == "stored"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_go_on_while_s3_refuses_connections() {
    uploads_go_on(Fault::Refused, DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_go_on_while_s3_never_answers() {
    uploads_go_on(Fault::Blackholed, Duration::from_millis(500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_go_on_while_s3_asks_to_slow_down() {
    uploads_go_on(Fault::SlowDown, DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_go_on_while_s3_denies_access() {
    uploads_go_on(Fault::AccessDenied, DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_go_on_while_connections_to_s3_are_reset() {
    uploads_go_on(Fault::Reset, DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_go_on_while_s3_takes_much_too_long() {
    uploads_go_on(Fault::Slow(FOR_EVER), Duration::from_millis(500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_go_on_while_the_answers_of_s3_are_lost() {
    uploads_go_on(Fault::ReplyLost, DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_late_is_one_but_uploads_do_not_wait_for_the_next() {
    let (app, mut proxy) = TestApp::start_behind_faults(Engine::Sqlite, |config| {
        config.patience.upload_object = Duration::from_millis(500);
    })
    .await;
    proxy.fail(Fault::Slow(Duration::from_millis(800))).await;
    let mut images = upload_pending(&app, 1).await;
    assert_stored(&app, &images, 0).await;
    assert_eq!(app.get("/readyz").await.json()["parts"]["s3"], "degraded");

    // All at the same time: uploads that asked would not yet know of each other.
    proxy.forget_requests();
    proxy.fail(Fault::Slow(FOR_EVER)).await;
    let uploads = join_all((0..4 * REPLAYED_AT_ONCE).map(|_| upload_pending(&app, 1)));
    images.extend(uploads.await.into_iter().flatten());
    let asked = asked(&proxy);
    assert!(
        asked.len() <= REPLAYED_AT_ONCE,
        "only the replayer asks: {asked:?}"
    );
    proxy.heal().await;
    assert_stored(&app, &images, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_counts_as_prompt_again_when_it_answers_in_time() {
    let s3 = TestS3::start().await;
    let mut proxy = FaultProxy::to(s3.address()).await;
    let mut config = s3.config();
    config.endpoint = Some(format!("http://{}", proxy.address()));
    let mut store = ObjectStore::connect(config).await.unwrap();
    store.expect_answers_within(Duration::from_secs(1));
    let image = image_of(&store, ImageId::generate(), b"bytes");
    let put = || store.put(&image, Bytes::from_static(b"bytes"), DEADLINE);
    proxy.fail(Fault::Slow(Duration::from_millis(1200))).await;
    put().await.unwrap();
    assert!(store.availability().is_available() && !store.availability().is_prompt());
    proxy.heal().await;
    until("it is prompt", || async {
        put().await.unwrap();
        store.availability().is_prompt()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_with_another_checksum_is_not_believed_before_s3_was_asked_again() {
    let (app, mut proxy) = TestApp::start_behind_faults(Engine::Sqlite, |_| {}).await;
    proxy.fail(Fault::WrongChecksumInPut).await;
    let image = app.upload_photo().await;
    assert_eq!(image["storage"]["s3"], "stored");
    let requests = proxy.requests();
    let methods: Vec<_> = requests.iter().map(|line| &line[..4]).collect();
    assert_eq!(methods, ["PUT ", "HEAD"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_s3_says_to_have_with_another_checksum_is_not_stored() {
    let (app, mut proxy) = TestApp::start_behind_faults(Engine::Sqlite, |_| {}).await;
    proxy.fail(Fault::WrongChecksum).await;
    let images = upload_pending(&app, 3).await;
    assert_eq!(
        app.get("/readyz").await.json()["parts"]["s3"],
        "ok",
        "it is there"
    );
    proxy.heal().await;
    assert_stored(&app, &images, 0).await;
}
