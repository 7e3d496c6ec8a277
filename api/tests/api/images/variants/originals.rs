//! Where the original comes from: this host, or S3.

use super::{made, variant, variant_files};
use crate::helpers::app::{TestApp, form};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::{fixture, photo, png_of};
use crate::helpers::on_both_engines;

on_both_engines! {
    async fn a_host_without_the_original_fetches_it_and_keeps_the_variant_alone(app: TestApp) {
        let other = app.another_host().await;
        let image = app.upload_photo().await;
        let here = variant(&app, &image, "thumb").await.expect(200).bytes;
        let there = variant(&other, &image, "thumb").await.expect(200).bytes;
        assert!(here == there);
        assert_eq!(other.files(), variant_files(&other), "no copy of the original");
        assert_eq!(variant_files(&other).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_original_that_s3_does_not_give_is_not_taken_for_undecodable() {
    let mut app = TestApp::start(Engine::Sqlite).await;
    let other = app.another_host().await;
    let image = app.upload_photo().await;
    app.s3.stop().await;
    for _ in 0..2 {
        let refused = variant(&other, &image, "thumb").await;
        let refused = refused.expect_error(503, "image-pending");
        assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    }
    assert!(other.files().is_empty(), "nothing is remembered");
    // Neither is what lies under its key, if it is something else.
    app.s3.start_again().await;
    let object = app.s3.objects().pop().unwrap();
    let good = std::fs::read(&object).unwrap();
    for bad in [
        b"short".to_vec(),
        png_of(good.len()),
        vec![0; good.len() + 1],
    ] {
        std::fs::write(&object, bad).unwrap();
        let refused = variant(&other, &image, "thumb").await;
        refused.expect_error(503, "image-pending");
        assert!(other.files().is_empty(), "nothing is remembered");
    }
    std::fs::remove_file(&object).unwrap();
    let refused = variant(&other, &image, "thumb").await;
    refused.expect_error(503, "image-pending");
    std::fs::write(&object, good).unwrap();
    crate::helpers::until("it is made", || async {
        variant(&other, &image, "thumb").await.status == 200
    })
    .await;
    assert_eq!(made(&other, "thumb", "undecodable").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_is_not_in_s3_yet_is_pending_elsewhere() {
    let mut app = TestApp::start(Engine::Sqlite).await;
    let other = app.another_host().await;
    app.s3.stop().await;
    let image = app.upload_photo().await;
    let pending = variant(&other, &image, "thumb").await;
    pending.expect_error(503, "image-pending");
    variant(&app, &image, "thumb").await.expect(200);
    app.s3.start_again().await;
    crate::helpers::until("it is made", || async {
        variant(&other, &image, "thumb").await.status == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_copy_is_not_taken_for_an_undecodable_image() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    // One that could be decoded, too.
    for damaged in [png_of(900), fixture("pillow-rgb.png"), Vec::new()] {
        std::fs::write(app.local_copy(&image), damaged).unwrap();
        let refused = variant(&app, &image, "thumb").await;
        refused.expect_error(503, "disk-unavailable");
        assert!(variant_files(&app).is_empty(), "nothing is remembered");
    }
    std::fs::write(app.local_copy(&image), photo()).unwrap();
    variant(&app, &image, "thumb").await.expect(200);
    let broken = app
        .upload(form("Ada", png_of(900)))
        .await
        .expect(201)
        .json();
    let refused = variant(&app, &broken, "thumb").await;
    refused.expect_error(422, "image-undecodable");
}
