//! A variant is made once, and kept.

use image_handler::domain::VariantSizes;

use super::{NAMES, id, made, variant, variant_files, webp_variant};
use crate::helpers::app::{TestApp, form};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::png_of;
use crate::helpers::{on_both_engines, until};

on_both_engines! {
    async fn fifty_who_ask_at_the_same_time_have_it_made_once(app: TestApp) {
        let image = app.upload_photo().await;
        let asked = (0..50).map(|_| variant(&app, &image, "thumb"));
        let answers = futures_util::future::join_all(asked).await;
        let first = answers[0].bytes.clone();
        for answer in answers {
            assert!(answer.expect(200).bytes == first);
        }
        assert_eq!(made(&app, "thumb", "made").await, 1);
        assert_eq!(variant_files(&app).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_size_and_each_choice_of_types_is_kept_by_itself_and_over_a_restart() {
    let mut app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let mut before = Vec::new();
    for name in NAMES {
        before.push(variant(&app, &image, name).await.expect(200).bytes);
        before.push(webp_variant(&app, &image, name).await.expect(200).bytes);
    }
    let files = variant_files(&app);
    assert_eq!(files.len(), 6);
    for file in &files {
        assert!(file.parent().unwrap().ends_with(id(&image)), "{file:?}");
    }
    app.host.restart().await;
    let mut after = Vec::new();
    for name in NAMES {
        after.push(variant(&app, &image, name).await.expect(200).bytes);
        after.push(webp_variant(&app, &image, name).await.expect(200).bytes);
        assert_eq!(made(&app, name, "made").await, 0, "{name} was kept");
    }
    assert!(after == before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_sizes_make_other_variants() {
    let mut app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let sides = async |app: &TestApp| {
        let mut sides = Vec::new();
        for name in NAMES {
            let bytes = variant(app, &image, name).await.expect(200).bytes;
            let picture = image::load_from_memory(&bytes).unwrap();
            sides.push(picture.width().max(picture.height()));
        }
        sides
    };
    assert_eq!(sides(&app).await, [64, 64, 64], "never enlarged");
    app.host
        .restart_with(|config| {
            config.variants.sizes = VariantSizes::new([16, 32, 48]).unwrap();
        })
        .await;
    assert_eq!(sides(&app).await, [16, 32, 48]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_an_image_cannot_be_decoded_is_remembered_over_a_restart() {
    let mut app = TestApp::start(Engine::Sqlite).await;
    let image = app
        .upload(form("Ada", png_of(900)))
        .await
        .expect(201)
        .json();
    for name in NAMES {
        let refused = variant(&app, &image, name).await;
        refused.expect_error(422, "image-undecodable");
    }
    assert_eq!(made(&app, "thumb", "undecodable").await, 1);
    assert_eq!(made(&app, "small", "undecodable").await, 0, "it was known");
    app.host.restart().await;
    for name in NAMES {
        let refused = webp_variant(&app, &image, name).await;
        refused.expect_error(422, "image-undecodable");
        assert_eq!(made(&app, name, "undecodable").await, 0, "{name}");
    }
    assert_eq!(variant_files(&app).len(), 1, "the mark alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_variants_are_served_and_not_kept() {
    let mut app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let broken = app
        .upload(form("Ada", png_of(900)))
        .await
        .expect(201)
        .json();
    let kept = variant(&app, &image, "thumb").await.expect(200).bytes;
    for restrict in [
        |config: &mut image_handler::config::Config| config.limits.min_free_bytes = u64::MAX,
        |config: &mut image_handler::config::Config| {
            config.limits.min_free_bytes = 0;
            config.variants.max_bytes = 0;
        },
    ] {
        app.host.restart_with(restrict).await;
        for _ in 0..2 {
            let small = variant(&app, &image, "small").await.expect(200);
            assert!(image::load_from_memory(&small.bytes).is_ok());
            let refused = variant(&app, &broken, "thumb").await;
            refused.expect_error(422, "image-undecodable");
        }
        assert_eq!(made(&app, "small", "made").await, 2, "it is not kept");
        let files = app.files().len();
        assert!(files <= 2 + 1, "nothing is left of it: {:?}", app.files());
    }
    app.host
        .restart_with(|config| config.variants.max_bytes = 1 << 30)
        .await;
    assert!(variant(&app, &image, "thumb").await.expect(200).bytes == kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variants_that_are_there_are_served_while_the_database_is_away() {
    let mut app = TestApp::start(Engine::Mariadb).await;
    let image = app.upload_photo().await;
    let before = variant(&app, &image, "thumb").await.expect(200).bytes;
    // What was found a moment ago is still remembered.
    app.host.restart().await;
    let away = app.database.go_away().await;
    let during = variant(&app, &image, "thumb").await.expect(200).bytes;
    assert!(before == during);
    let unmade = variant(&app, &image, "small").await;
    unmade.expect_error(503, "database-unavailable");
    app.database.come_back(away).await;
    let app = &app;
    until("it is made", || async {
        variant(app, &image, "small").await.status == 200
    })
    .await;
}
