//! Several hosts beside each other on one database and one bucket.

use crate::helpers::app::path;
use crate::helpers::fixtures::photo;
use crate::helpers::{on_both_engines, until};

on_both_engines! {
    async fn an_image_of_one_host_is_found_listed_and_deleted_through_the_other(app: TestApp) {
        let other = app.another_host().await;
        let image = app.upload_photo().await;
        let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
        let found = other.get(&format!("/api/v1/images/{id}")).await.expect(200).json();
        assert_eq!(found["sha256"], image["sha256"]);
        let listed = other.get("/api/v1/images").await.expect(200).json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        other.delete(id, token).await.expect(204);
        app.get(&format!("/api/v1/images/{id}")).await.expect_error(410, "image-deleted");
        app.get(&path(&image["link"])).await.expect_error(410, "image-deleted");
        assert!(app.s3.objects().is_empty());
    }

    async fn an_image_deleted_elsewhere_while_s3_is_owed_does_not_come_back(app: TestApp) {
        let mut app = app;
        let other = app.another_host().await;
        app.s3.stop().await;
        let image = app.upload_photo().await;
        assert_eq!(image["storage"]["s3"], "pending");
        let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
        other.delete(id, token).await.expect(204);
        app.s3.start_again().await;
        let app = &app;
        until("both journals are empty", || async { app.files().is_empty() && other.files().is_empty() }).await;
        assert!(app.s3.objects().is_empty());
        app.get(&format!("/api/v1/images/{id}")).await.expect_error(410, "image-deleted");
        assert_ne!(photo(), Vec::<u8>::new());
    }
}
