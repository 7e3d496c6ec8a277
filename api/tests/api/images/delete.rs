//! `DELETE /api/v1/images/{id}`

use reqwest::Method;

use crate::helpers::app::{ADMIN_KEY, TestApp};
use crate::helpers::database::Engine;
use crate::helpers::{on_both_engines, until};

on_both_engines! {
    async fn a_deleted_image_is_gone_from_everywhere_but_for_its_tombstone(app: TestApp) {
        let image = app.upload_photo().await;
        let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
        app.delete(id, token).await.expect(204);

        app.assert_no_files("after a delete");
        assert!(app.s3.objects().is_empty());
        assert_eq!(app.fetch(image["url"].as_str().unwrap()).await.0, 404);
        let rows = app.database.rows().await;
        assert_eq!((rows.len(), rows[0].deleted, rows[0].purged), (1, 1, 1));
        app.delete(id, token).await.expect_error(410, "image-deleted");
    }

    async fn only_its_own_token_or_the_admin_key_deletes_an_image(app: TestApp) {
        let (image, other) = (app.upload_photo().await, app.upload_photo().await);
        let id = image["id"].as_str().unwrap();
        let own = image["delete_token"].as_str().unwrap();
        let wrong = [
            other["delete_token"].as_str().unwrap().to_owned(),
            own[1..].to_owned(),
            format!("{own}A"),
            own.to_uppercase(),
            "x".to_owned(),
            format!("{ADMIN_KEY}x"),
            id.to_owned(),
        ];
        for token in wrong {
            app.delete(id, &token).await.expect_error(403, "token-wrong");
        }
        assert_eq!(app.s3.objects().len(), 2);
        app.delete(id, ADMIN_KEY).await.expect(204);
        app.delete(other["id"].as_str().unwrap(), other["delete_token"].as_str().unwrap()).await.expect(204);
        assert!(app.s3.objects().is_empty());
    }

    async fn two_deletes_at_once_delete_once(app: TestApp) {
        let image = app.upload_photo().await;
        let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
        let answers = futures_util::future::join_all((0..6).map(|_| app.delete(id, token))).await;
        let deleted = answers.iter().filter(|answer| answer.status == 204).count();
        let gone = answers.iter().filter(|answer| answer.status == 410).count();
        assert_eq!((deleted >= 1, deleted + gone), (true, 6));
        app.assert_no_files("after the deletes");
    }

    async fn a_delete_while_s3_is_away_is_carried_out_when_it_is_back(app: TestApp) {
        let mut app = app;
        let image = app.upload_photo().await;
        let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
        app.s3.stop().await;
        app.delete(id, token).await.expect(204);
        app.get(&format!("/api/v1/images/{id}")).await.expect_error(410, "image-deleted");
        app.host.restart().await;
        app.get(&format!("/api/v1/images/{id}")).await.expect_error(410, "image-deleted");
        app.s3.start_again().await;
        let app = &app;
        until("the object is gone", || async { app.s3.objects().is_empty() && app.files().is_empty() }).await;
        let row = &app.database.rows().await[0];
        assert_eq!((row.deleted, row.purged), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_without_a_token_is_refused() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let path = format!("/api/v1/images/{}", image["id"].as_str().unwrap());
    let token = image["delete_token"].as_str().unwrap();
    let plain = app
        .send(app.request(Method::DELETE, &path))
        .await
        .expect_error(401, "token-missing");
    assert_eq!(plain.header("www-authenticate"), "Bearer");
    for header in ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", token] {
        let request = app
            .request(Method::DELETE, &path)
            .header("authorization", header);
        app.send(request).await.expect_error(401, "token-missing");
    }
    let in_query = app.request(Method::DELETE, &format!("{path}?token={token}"));
    app.send(in_query).await.expect_error(401, "token-missing");
    app.get(&path).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_nobody_has_cannot_be_deleted() {
    let app = TestApp::start(Engine::Sqlite).await;
    for id in ["019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70", "x"] {
        app.delete(id, ADMIN_KEY)
            .await
            .expect_error(404, "image-not-found");
    }
}
