//! S3 or the database is away: uploads go on, and what is owed follows when it is back.

mod database;
mod figures;
mod journal;
mod refused_records;
mod s3;

use serde_json::Value;

use crate::helpers::app::{TestApp, form, path};
use crate::helpers::fixtures::photo;
use crate::helpers::{on_both_engines, until};

async fn find(app: &TestApp, image: &Value) -> Value {
    app.get(&format!("/api/v1/images/{}", image["id"].as_str().unwrap()))
        .await
        .expect(200)
        .json()
}

on_both_engines! {
    async fn an_upload_while_s3_is_away_is_stored_when_it_is_back(app: TestApp) {
        let mut app = app;
        app.s3.stop().await;
        let image = app.upload_photo().await;
        assert_eq!(image["storage"], serde_json::json!({"local": "stored", "s3": "pending", "record": "stored"}));
        assert_eq!(app.get(&path(&image["link"])).await.expect(200).bytes, photo());
        assert_eq!(find(&app, &image).await["storage"]["s3"], "pending");
        let listed = app.get("/api/v1/images").await.expect(200).json();
        assert_eq!(listed["items"][0]["storage"]["s3"], "pending");
        assert_eq!(app.database.rows().await[0].stored, 0);

        app.s3.start_again().await;
        let app = &app;
        until("it is stored", || async { find(app, &image).await["storage"]["s3"] == "stored" }).await;
        assert_eq!(app.fetch(image["url"].as_str().unwrap()).await, (200, photo()));
        until("the journal is empty", || async { app.files() == [app.local_copy(&image)] }).await;
        assert_eq!(app.database.rows().await[0].stored, 1);
    }

    async fn an_upload_while_s3_is_away_is_stored_also_after_a_restart(app: TestApp) {
        let mut app = app;
        app.s3.stop().await;
        let images = [app.upload_photo().await, app.upload_photo().await];
        app.host.restart().await;
        for image in &images {
            assert_eq!(find(&app, image).await["storage"]["s3"], "pending");
            assert_eq!(app.get(&path(&image["link"])).await.expect(200).bytes, photo());
        }
        app.s3.start_again().await;
        let app = &app;
        for image in &images {
            until("it is stored", || async { find(app, image).await["storage"]["s3"] == "stored" }).await;
            assert_eq!(app.fetch(image["url"].as_str().unwrap()).await, (200, photo()));
        }
        assert_eq!(app.database.rows().await.len(), 2);
    }

    async fn an_upload_while_the_database_is_away_is_recorded_when_it_is_back(app: TestApp) {
        let mut app = app;
        let before = app.upload_photo().await;
        let away = app.database.go_away().await;
        let image = app.upload(form("Ada", photo())).await.expect(202).json();
        assert_eq!(image["storage"], serde_json::json!({"local": "stored", "s3": "stored", "record": "pending"}));
        assert_eq!(find(&app, &image).await["created_at"], image["created_at"], "from the journal");
        assert_eq!(app.get(&path(&image["link"])).await.expect(200).bytes, photo());
        assert!(find_row(&app, &image, away.is_sqlite()).await.is_none());

        app.database.come_back(away).await;
        let app = &app;
        until("it is recorded", || async { find_row(app, &image, false).await.is_some() }).await;
        assert_recorded_as_made(app, &image).await;
        until("the journal is empty", || async { app.files().len() == 2 }).await;
        // A moment after its file the entry leaves memory.
        until("it is known", || async { find(app, &image).await["storage"]["record"] == "stored" }).await;
        assert_eq!(app.database.rows().await.len(), 2, "each once");
        find(app, &before).await;
    }

    async fn with_both_away_uploads_survive_a_restart(app: TestApp) {
        let mut app = app;
        app.s3.stop().await;
        let away = app.database.go_away().await;
        let image = app.upload(form("Ada", photo())).await.expect(202).json();
        assert_eq!(image["storage"], serde_json::json!({"local": "stored", "s3": "pending", "record": "pending"}));
        app.host.restart().await;
        assert_eq!(find(&app, &image).await["sha256"], image["sha256"]);
        assert_eq!(app.get(&path(&image["link"])).await.expect(200).bytes, photo());
        app.database.come_back(away).await;
        app.s3.start_again().await;
        let app = &app;
        until("nothing is pending", || async {
            find(app, &image).await["storage"] == serde_json::json!({"local": "stored", "s3": "stored", "record": "stored"})
        })
        .await;
        assert_eq!(app.fetch(image["url"].as_str().unwrap()).await, (200, photo()));
    }

    async fn an_entry_that_could_not_be_updated_is_carried_out_all_the_same(app: TestApp) {
        let mut app = app;
        app.s3.stop().await;
        let away = app.database.go_away().await;
        let image = app.upload(form("Ada", photo())).await.expect(202).json();
        let tmp = app.uploads.path().join("tmp");
        std::fs::remove_dir(&tmp).unwrap();
        app.s3.start_again().await;
        let stored = &app;
        until("the object is stored", || async { stored.s3.objects().len() == 1 }).await;
        std::fs::create_dir(&tmp).unwrap();
        app.database.come_back(away).await;
        let app = &app;
        until("nothing is owed", || async { app.files() == [app.local_copy(&image)] }).await;
        assert_eq!(app.fetch(image["url"].as_str().unwrap()).await, (200, photo()));
        assert_eq!(app.database.rows().await[0].stored, 1);
    }

    async fn what_was_deleted_while_pending_never_comes_back(app: TestApp) {
        let mut app = app;
        app.s3.stop().await;
        let away = app.database.go_away().await;
        let image = app.upload(form("Ada", photo())).await.expect(202).json();
        let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
        app.delete(id, token).await.expect(204);
        app.get(&format!("/api/v1/images/{id}")).await.expect_error(410, "image-deleted");
        app.host.restart().await;
        app.database.come_back(away).await;
        app.s3.start_again().await;
        let app = &app;
        until("the journal is empty", || async { app.files().is_empty() }).await;
        assert!(app.s3.objects().is_empty());
        let rows = app.database.rows().await;
        assert_eq!((rows.len(), rows[0].deleted), (1, 1));
        app.get(&format!("/api/v1/images/{id}")).await.expect_error(410, "image-deleted");
    }
}

/// When the image's row says it was made. `locked`: nobody can look.
async fn find_row(app: &TestApp, image: &Value, locked: bool) -> Option<String> {
    if locked {
        return None;
    }
    let rows = app.database.rows().await;
    rows.into_iter()
        .find(|row| row.id == image["id"])
        .map(|row| row.created_at)
}

/// There is one record of the image, and it says when the image was made, not when it was written.
async fn assert_recorded_as_made(app: &TestApp, image: &Value) {
    let rows = app.database.rows().await;
    let mut times = rows
        .iter()
        .filter(|row| row.id == image["id"])
        .map(|row| row.created_at.clone());
    let made = image["created_at"].as_str().unwrap();
    let made = made.replace('T', " ").replace('Z', "");
    assert!(times.next().unwrap().starts_with(&made), "as it was then");
    assert_eq!(times.next(), None, "once");
}

mod mariadb_away {
    use reqwest::Method;

    use super::*;
    use crate::helpers::app::ADMIN_KEY;
    use crate::helpers::database::Engine;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn lists_and_deletes_answer_503_and_known_images_are_served_from_their_copies() {
        let mut app = TestApp::start(Engine::Mariadb).await;
        let image = app.upload_photo().await;
        let id = image["id"].as_str().unwrap();
        let away = app.database.go_away().await;
        app.get("/api/v1/images")
            .await
            .expect_error(503, "database-unavailable");
        app.delete(id, ADMIN_KEY)
            .await
            .expect_error(503, "database-unavailable");
        app.get(&format!("/api/v1/images/{id}"))
            .await
            .expect_error(503, "database-unavailable");
        let served = app.get(&path(&image["link"])).await.expect(200);
        assert_eq!(served.bytes, photo());
        assert_eq!(
            served.header("etag"),
            format!("\"{}\"", image["sha256"].as_str().unwrap()),
            "the same as ever"
        );
        app.get("/i/019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70.jpg")
            .await
            .expect_error(503, "database-unavailable");
        app.database.come_back(away).await;
        let app = &app;
        until("lists work", || async {
            app.get("/api/v1/images").await.status == 200
        })
        .await;
        app.send(app.request(Method::HEAD, &path(&image["link"])))
            .await
            .expect(200);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_image_that_others_may_have_deleted_is_not_put_into_s3_while_nobody_can_tell() {
        let mut app = TestApp::start(Engine::Mariadb).await;
        // The other host reaches the database by a way of its own.
        let direct = app.database.direct_config().await;
        let other = app
            .another_host_with(|config| config.database = direct)
            .await;
        app.s3.stop().await;
        let image = app.upload_photo().await;
        let away = app.database.go_away().await;
        let (id, token) = (
            image["id"].as_str().unwrap(),
            image["delete_token"].as_str().unwrap(),
        );
        // Of a request that was on its way before, nobody could say when it ends.
        app.host.stop().await;
        other.delete(id, token).await.expect(204);
        app.s3.start_again().await;
        app.host.restart().await;
        // Something that this host alone knows is stored, so the replayer has been at work.
        let own = app.upload(form("Ada", photo())).await.expect(202).json();
        let running = &app;
        until("its own is stored", || async {
            running.fetch(own["url"].as_str().unwrap()).await.0 == 200
        })
        .await;
        assert_eq!(app.fetch(image["url"].as_str().unwrap()).await.0, 404);
        app.database.come_back(away).await;
        let app = &app;
        until("nothing is owed", || async {
            app.files() == [app.local_copy(&own)]
        })
        .await;
        assert_eq!(app.s3.objects().len(), 1);
        app.get(&format!("/api/v1/images/{id}"))
            .await
            .expect_error(410, "image-deleted");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_service_that_starts_while_the_database_is_away_migrates_when_it_is_back() {
        let mut app = TestApp::start(Engine::Mariadb).await;
        for table in ["images", "blocked_contents", "__diesel_schema_migrations"] {
            app.database.execute(&format!("DROP TABLE {table}")).await;
        }
        let away = app.database.go_away().await;
        app.host.restart().await;
        let image = app.upload(form("Ada", photo())).await.expect(202).json();
        app.database.come_back(away).await;
        let app = &app;
        until("it is recorded", || async {
            find(app, &image).await["storage"]["record"] == "stored"
        })
        .await;
        assert_eq!(app.database.rows().await.len(), 1);
    }
}
