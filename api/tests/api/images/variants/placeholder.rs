//! The placeholder that the first variant gives an image.

use serde_json::Value;

use super::{NAMES, id, variant, variant_files};
use crate::helpers::app::{TestApp, form};
use crate::helpers::fixtures::{photo, png_of};
use crate::helpers::{on_both_engines, until};

async fn placeholder(app: &TestApp, image: &Value) -> Value {
    let found = app.get(&format!("/api/v1/images/{}", id(image))).await;
    found.expect(200).json()["thumbhash"].clone()
}

/// How many records have one.
async fn noted(app: &TestApp) -> usize {
    let marked = "UPDATE images SET purged_at = '2000-01-01 00:00:00' WHERE thumbhash IS NOT NULL";
    app.database.execute(marked).await;
    let rows = app.database.rows().await;
    rows.iter().filter(|row| row.purged == 1).count()
}

on_both_engines! {
    async fn the_first_variant_gives_an_image_its_placeholder(app: TestApp) {
        let image = app.upload_photo().await;
        let broken = app.upload(form("Ada", png_of(900))).await.expect(201).json();
        assert_eq!(image["thumbhash"], Value::Null);
        variant(&app, &image, "small").await.expect(200);
        variant(&app, &broken, "small").await.expect_error(422, "image-undecodable");
        let app = &app;
        until("it is noted", || async { placeholder(app, &image).await != Value::Null }).await;
        let first = placeholder(app, &image).await;
        assert!(first.as_str().unwrap().len() >= 8, "{first}");
        for name in NAMES {
            variant(app, &image, name).await.expect(200);
        }
        assert_eq!(placeholder(app, &image).await, first);
        let listed = app.get("/api/v1/images").await.expect(200).json();
        assert_eq!(listed["items"][1]["thumbhash"], first);
        assert_eq!(listed["items"][0]["thumbhash"], Value::Null, "it cannot be decoded");
    }

    async fn a_deleted_image_has_none_any_more(app: TestApp) {
        let image = app.upload_photo().await;
        variant(&app, &image, "thumb").await.expect(200);
        let app = &app;
        until("it is noted", || async { placeholder(app, &image).await != Value::Null }).await;
        let token = image["delete_token"].as_str().unwrap();
        app.delete(id(&image), token).await.expect(204);
        until("nothing is owed", || async { app.database.rows().await[0].purged == 1 }).await;
        app.database.execute("UPDATE images SET purged_at = NULL").await;
        assert_eq!(noted(app).await, 0);
    }

    async fn a_placeholder_that_could_not_be_noted_is_noted_later(app: TestApp) {
        let mut app = app;
        let away = app.database.go_away().await;
        let image = app.upload(form("Ada", photo())).await.expect(202).json();
        variant(&app, &image, "thumb").await.expect(200);
        app.database.come_back(away).await;
        let app = &app;
        until("it is noted", || async {
            variant(app, &image, "thumb").await.expect(200);
            placeholder(app, &image).await != Value::Null
        })
        .await;
    }

    async fn a_placeholder_that_was_lost_is_made_again(app: TestApp) {
        let mut app = app;
        let image = app.upload_photo().await;
        variant(&app, &image, "thumb").await.expect(200);
        {
            let app = &app;
            until("it is noted", || async { placeholder(app, &image).await != Value::Null }).await;
        }
        let before = placeholder(&app, &image).await;
        // As when the process had ended before it was noted.
        app.host.stop().await;
        app.database.execute("UPDATE images SET thumbhash = NULL").await;
        app.host.restart().await;
        let app = &app;
        until("it is noted", || async {
            variant(app, &image, "thumb").await.expect(200);
            placeholder(app, &image).await != Value::Null
        })
        .await;
        assert_eq!(placeholder(app, &image).await, before);
        assert_eq!(variant_files(app).len(), 1, "no other variant was made");
    }
}
