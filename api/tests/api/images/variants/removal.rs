//! What is removed takes its variants along.

use image_handler::images::reconcile::{Action, Kind, Outcome};
use reqwest::Method;
use serde_json::Value;

use super::{id, variant, variant_files, webp_variant};
use crate::helpers::app::{ADMIN_KEY, Host, form};
use crate::helpers::fixtures::png_of;
use crate::helpers::{on_both_engines, until};
use crate::reconcile::{PLAN, REPAIR, run};

async fn delete(host: &Host, image: &Value) {
    let token = image["delete_token"].as_str().unwrap();
    host.delete(id(image), token).await.expect(204);
}

on_both_engines! {
    async fn a_delete_and_a_purge_remove_the_variants(app: TestApp) {
        let stays = app.upload_photo().await;
        variant(&app, &stays, "thumb").await.expect(200);
        let image = app.upload_photo().await;
        variant(&app, &image, "thumb").await.expect(200);
        webp_variant(&app, &image, "medium").await.expect(200);
        let broken = app.upload(form("Ada", png_of(900))).await.expect(201).json();
        variant(&app, &broken, "thumb").await.expect_error(422, "image-undecodable");
        assert_eq!(variant_files(&app).len(), 4);
        delete(&app, &image).await;
        let purge = format!("/api/v1/images/{}?purge=true&reason=gone", id(&broken));
        app.send(app.request(Method::DELETE, &purge).bearer_auth(ADMIN_KEY)).await.expect(204);
        let app = &app;
        until("only the other's are left", || async { variant_files(app).len() == 1 }).await;
        for gone in [&image, &broken] {
            variant(app, gone, "thumb").await.expect_error(410, "image-deleted");
        }
        let folder = variant_files(app)[0].parent().unwrap().to_owned();
        assert!(folder.ends_with(id(&stays)));
        let folders = std::fs::read_dir(folder.parent().unwrap()).unwrap().count();
        assert_eq!(folders, 1, "no empty folders stay");
        variant(app, &stays, "thumb").await.expect(200);
    }

    async fn a_delete_through_another_host_removes_them_also_where_there_is_no_original(app: TestApp) {
        let other = app.another_host().await;
        let image = app.upload_photo().await;
        variant(&other, &image, "thumb").await.expect(200);
        assert_eq!(other.files().len(), 1);
        delete(&app, &image).await;
        until("they are gone", || async { other.files().is_empty() }).await;
        variant(&other, &image, "thumb").await.expect_error(410, "image-deleted");
        until("all are gone", || async { app.files().is_empty() }).await;
    }

    async fn a_delete_while_a_host_is_down_is_followed_when_it_is_back(app: TestApp) {
        let mut app = app;
        let other = app.another_host().await;
        let image = app.upload_photo().await;
        variant(&app, &image, "thumb").await.expect(200);
        app.host.stop().await;
        delete(&other, &image).await;
        assert_eq!(variant_files(&app).len(), 1);
        app.host.restart().await;
        let app = &app;
        until("they are gone", || async { app.files().is_empty() }).await;
    }

    async fn reconcile_removes_what_belongs_to_no_image(app: TestApp) {
        let mut app = app;
        let (stays, deleted, unknown) =
            (app.upload_photo().await, app.upload_photo().await, app.upload_photo().await);
        for image in [&stays, &deleted, &unknown] {
            variant(&app, image, "thumb").await.expect(200);
        }
        let folder = |image: &Value| {
            let mut files = variant_files(&app).into_iter();
            let file = files.find(|file| file.parent().unwrap().ends_with(id(image))).unwrap();
            file.parent().unwrap().to_owned()
        };
        let (deleted_folder, unknown_folder) = (folder(&deleted), folder(&unknown));
        let kept = [deleted_folder, unknown_folder].map(|folder| {
            let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
            let bytes = std::fs::read(&file).unwrap();
            (folder, file, bytes)
        });
        delete(&app, &deleted).await;
        delete(&app, &unknown).await;
        {
            let app = &app;
            until("nothing is owed", || async {
                app.files().len() == 2 && app.database.rows().await.iter().filter(|row| row.purged == 1).count() == 2
            })
            .await;
        }
        app.host.stop().await;
        app.database.execute(&format!("DELETE FROM images WHERE id = '{}'", id(&unknown))).await;
        for (folder, file, bytes) in &kept {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(file, bytes).unwrap();
        }
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(2);
        std::fs::File::open(&kept[1].0).unwrap().set_modified(long_ago).unwrap();
        let told = |outcome| {
            vec![
                (Kind::DeletedVariants, Action::RemoveVariants, outcome),
                (Kind::OrphanVariants, Action::RemoveVariants, outcome),
            ]
        };
        assert_eq!(run(&app, PLAN).await.told(), told(Outcome::Planned));
        assert_eq!(variant_files(&app).len(), 3, "a plan changes nothing");
        assert_eq!(run(&app, REPAIR).await.told(), told(Outcome::Repaired));
        assert_eq!(variant_files(&app).len(), 1);
        run(&app, REPAIR).await.expect_nothing();
        app.host.restart().await;
        variant(&app, &stays, "thumb").await.expect(200);
    }
}
