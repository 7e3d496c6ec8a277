//! Files in the journal that hold no entry.

use reqwest::Method;

use crate::helpers::app::{ADMIN_KEY, path};
use crate::helpers::on_both_engines;

on_both_engines! {
    async fn an_image_whose_entry_is_damaged_is_not_shown_until_the_operator_removes_it(app: TestApp) {
        let mut app = app;
        let image = app.upload_photo().await;
        let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
        let address = format!("/api/v1/images/{id}");
        app.host.stop().await;
        // It may have been a removal.
        let file = app.uploads.path().join(format!("journal/{id}.json"));
        std::fs::write(&file, "{").unwrap();
        app.host.restart().await;
        app.get(&address).await.expect_error(503, "disk-unavailable");
        app.get(&path(&image["link"])).await.expect_error(503, "disk-unavailable");
        app.delete(id, token).await.expect_error(503, "disk-unavailable");
        let listed = app.get("/api/v1/images").await.expect(200).json();
        assert!(listed["items"].as_array().unwrap().is_empty());
        assert!(file.exists());

        let purge = app.request(Method::DELETE, &format!("{address}?purge=true"));
        app.send(purge.bearer_auth(ADMIN_KEY)).await.expect(204);
        app.get(&address).await.expect_error(410, "image-deleted");
        assert!(app.s3.objects().is_empty());
        app.host.restart().await;
        app.get(&address).await.expect_error(410, "image-deleted");
        assert!(!file.exists());
    }
}
