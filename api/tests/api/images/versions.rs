//! A bucket that keeps versions keeps none of a deleted image.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use image_handler::config::ObjectsConfig;
use image_handler::domain::ImageId;
use image_handler::storage::ObjectStore;
use serde_json::Value;

use crate::helpers::app::{TestApp, form};
use crate::helpers::database::Engine;
use crate::helpers::fault_proxy::{Fault, FaultProxy};
use crate::helpers::fixtures::photo;
use crate::helpers::moto::Moto;
use crate::helpers::process::{Running, command};
use crate::helpers::s3::{BUCKET, environment_of, image_of};
use crate::helpers::until;

const DEADLINE: Duration = Duration::from_mins(1);
/// More than two pages of them.
const MANY: usize = 230;

async fn overwrite(moto: &Moto, object_key: &str) {
    let request = moto.client().put_object().bucket(BUCKET).key(object_key);
    request
        .body(ByteStream::from_static(b"older"))
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_and_marker_of_an_object_goes_and_no_other_object() {
    let moto = Moto::start().await;
    let store = ObjectStore::connect(moto.config()).await.unwrap();
    let image = image_of(&store, ImageId::generate(), b"bytes");
    store
        .put(&image, Bytes::from_static(b"bytes"), DEADLINE)
        .await
        .unwrap();
    for _ in 0..MANY {
        overwrite(&moto, &image.object_key).await;
    }
    let neighbour = format!("{}.bak", image.object_key);
    overwrite(&moto, &neighbour).await;
    assert_eq!(moto.versions().await.len(), MANY + 2);

    store.delete(&image.object_key, DEADLINE).await.unwrap();
    assert_eq!(moto.versions().await, std::slice::from_ref(&neighbour));
    // As after a crash that came before the journal could note it.
    store.delete(&image.object_key, DEADLINE).await.unwrap();
    assert_eq!(moto.versions().await, [neighbour]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_that_may_not_be_removed_stay_owed_and_do_not_make_s3_look_away() {
    let moto = Moto::start().await;
    let mut proxy = FaultProxy::to(moto.address()).await;
    let mut objects = moto.config();
    objects.endpoint = Some(format!("http://{}", proxy.address()));
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.objects = ObjectsConfig::Bucket(objects);
    })
    .await;
    let image = app.upload_photo().await;
    let (id, token) = (
        image["id"].as_str().unwrap(),
        image["delete_token"].as_str().unwrap(),
    );
    proxy.fail(Fault::VersionsDenied).await;
    app.delete(id, token).await.expect(204);
    until("it is tried again", || async { listings(&proxy) >= 2 }).await;
    assert_eq!(moto.versions().await.len(), 2, "the object and one marker");
    let head = moto.client().head_object().bucket(BUCKET);
    let head = head.key(format!("images/{id}.jpg")).send().await;
    assert!(head.is_err(), "nobody sees it");
    let other = app.upload_photo().await;
    assert_eq!(other["storage"]["s3"], "stored");

    proxy.heal().await;
    until("nothing is owed", || async {
        app.files() == [app.local_copy(&other)]
    })
    .await;
    assert_eq!(moto.versions().await.len(), 1, "the other image's");
    assert_eq!(app.database.rows().await[0].purged, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_is_told_once_which_permissions_are_missing() {
    let moto = Moto::start().await;
    let mut proxy = FaultProxy::to(moto.address()).await;
    proxy.fail(Fault::VersionsDenied).await;
    let uploads = tempfile::tempdir().unwrap();
    let mut command = command(uploads.path());
    command.envs(environment_of(proxy.address()));
    let service = Running::spawn(command);
    let client = reqwest::Client::new();
    for _ in 0..2 {
        let upload = client.post(format!("{}/api/v1/images", service.address));
        let upload = upload.multipart(form("Ada", photo())).send();
        let image: Value = upload.await.unwrap().json().await.unwrap();
        let id = image["id"].as_str().unwrap();
        let delete = client.delete(format!("{}/api/v1/images/{id}", service.address));
        let delete = delete.bearer_auth(image["delete_token"].as_str().unwrap());
        assert_eq!(delete.send().await.unwrap().status(), 204);
    }
    until("it is tried again", || async { listings(&proxy) >= 3 }).await;
    let (status, log) = service.terminate();
    assert!(status.success(), "{log}");
    for permission in ["s3:ListBucketVersions", "s3:DeleteObjectVersion"] {
        assert_eq!(log.matches(permission).count(), 1, "{log}");
    }
    assert!(!log.contains("S3 is away"), "{log}");
}

fn listings(proxy: &FaultProxy) -> usize {
    let requests = proxy.requests();
    let listings = requests.iter().filter(|line| line.contains("versions"));
    listings.count()
}
