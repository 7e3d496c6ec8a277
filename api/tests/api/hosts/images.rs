//! An image of one host, as the other hosts see it.

use std::fs::File;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::helpers::app::{Host, form, path};
use crate::helpers::fixtures::photo;
use crate::helpers::{on_both_engines, until};

fn ids_in(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The images that a host lists.
async fn listed(host: &Host) -> Vec<String> {
    ids_in(&host.get("/api/v1/images").await.expect(200).json())
}

on_both_engines! {
    async fn an_image_of_one_host_is_found_served_listed_and_deleted_through_the_other(app: TestApp) {
        let other = app.another_host().await;
        let image = app.upload_photo().await;
        let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
        let found = other.get(&format!("/api/v1/images/{id}")).await.expect(200).json();
        assert_eq!(found["sha256"], image["sha256"]);
        assert_eq!(found["storage"], serde_json::json!({"local": "absent", "s3": "stored", "record": "stored"}));
        let link = path(&image["link"]);
        app.get(&link).await.expect(200);
        let redirect = other.get(&link).await.expect(302);
        assert_eq!(redirect.header("location"), image["url"]);
        assert_eq!(other.fetch(redirect.header("location")).await, (200, photo()));
        for host in [&app.host, &other] {
            assert_eq!(listed(host).await, [id]);
        }
        assert!(other.files().is_empty(), "reading makes no copy");

        other.delete(id, token).await.expect(204);
        for host in [&app.host, &other] {
            host.get(&format!("/api/v1/images/{id}")).await.expect_error(410, "image-deleted");
            host.delete(id, token).await.expect_error(410, "image-deleted");
            assert!(listed(host).await.is_empty());
        }
        other.get(&link).await.expect_error(410, "image-deleted");
        // It was served a moment ago, so its record is not looked at anew for a second.
        until("the host that did not delete it sees that", || async { app.host.get(&link).await.status != 200 }).await;
        app.host.get(&link).await.expect_error(410, "image-deleted");
        assert!(app.s3.objects().is_empty());
        let app = &app;
        until("the host that took it in has removed its copy", || async { app.files().is_empty() }).await;
    }

    async fn lists_are_the_same_on_all_hosts_page_by_page(app: TestApp) {
        let other = app.another_host().await;
        let mut ids = Vec::new();
        for number in 0..5 {
            let host = if number % 2 == 0 { &app.host } else { &other };
            ids.insert(0, host.upload_photo().await["id"].as_str().unwrap().to_owned());
        }
        // Each page from another host than the one before.
        let mut address = "/api/v1/images?limit=2".to_owned();
        let mut seen = Vec::new();
        for host in [&app.host, &other, &app.host] {
            let page = host.get(&address).await.expect(200).json();
            seen.extend(ids_in(&page));
            address = format!("/api/v1/images?limit=2&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
        }
        assert_eq!(seen, ids);
    }

    async fn an_image_that_only_another_host_has_yet_is_on_its_way(app: TestApp) {
        let mut app = app;
        let other = app.another_host().await;
        app.s3.stop().await;
        let image = app.upload_photo().await;
        other.get(&path(&image["link"])).await.expect_error(503, "image-pending");
        app.s3.start_again().await;
        let app = &app;
        until("it leads to S3", || async { other.get(&path(&image["link"])).await.status == 302 }).await;
        assert_eq!(app.fetch(image["url"].as_str().unwrap()).await, (200, photo()));
    }

    async fn a_key_that_two_hosts_took_while_the_database_was_away_keeps_both_images(app: TestApp) {
        let mut app = app;
        let other = app.another_host().await;
        let key = "0192f1a0-6d5e-7c3b-9a4f-2b1c0d9e8f70";
        let away = app.database.go_away().await;
        let one = app.upload_with_key(key, form("Ada", photo())).await.expect(202).json();
        let two = other.upload_with_key(key, form("Ada", photo())).await.expect(202).json();
        assert_ne!(one["id"], two["id"], "nobody could know");
        app.database.come_back(away).await;
        let app = &app;
        until("both are recorded", || async { app.database.rows().await.len() == 2 }).await;
        for image in [&one, &two] {
            app.get(&format!("/api/v1/images/{}", image["id"].as_str().unwrap())).await.expect(200);
            let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
            app.delete(id, token).await.expect(204);
            app.get(&format!("/api/v1/images/{id}")).await.expect_error(410, "image-deleted");
        }
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
    }

    async fn images_deleted_elsewhere_are_gone_here_while_s3_is_away(app: TestApp) {
        let mut app = app;
        let other = app.another_host().await;
        app.s3.stop().await;
        let mut images = Vec::new();
        for _ in 0..20 {
            images.push(app.upload_photo().await);
        }
        let id = |image: &Value| image["id"].as_str().unwrap().to_owned();
        for image in &images {
            other.delete(&id(image), image["delete_token"].as_str().unwrap()).await.expect(204);
        }
        let host = &app;
        for image in &images {
            let address = format!("/api/v1/images/{}", id(image));
            until("it is gone", || async { host.get(&address).await.status == 410 }).await;
            host.get(&path(&image["link"])).await.expect_error(410, "image-deleted");
        }
        app.s3.start_again().await;
        let app = &app;
        until("nothing is left", || async { app.files().is_empty() && other.files().is_empty() }).await;
        assert!(app.s3.objects().is_empty());
    }

    async fn tombstones_are_followed_from_the_beginning_when_nobody_knows_how_far_they_were(app: TestApp) {
        let mut app = app;
        let other = app.another_host().await;
        let mark = app.uploads.path().join("last-tombstones");
        for in_the_future in [false, true] {
            let image = app.upload_photo().await;
            let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
            app.host.stop().await;
            other.delete(id, token).await.expect(204);
            app.database.execute("UPDATE images SET deleted_at = '2026-01-02 03:04:05'").await;
            if in_the_future {
                let tomorrow = SystemTime::now() + Duration::from_hours(24);
                File::create(&mark).unwrap().set_modified(tomorrow).unwrap();
            } else {
                std::fs::remove_file(&mark).unwrap();
            }
            app.host.restart().await;
            let app = &app;
            until("its copy is gone", || async { app.files().is_empty() }).await;
        }
    }

    async fn more_tombstones_of_one_moment_than_are_read_at_once_are_all_followed(app: TestApp) {
        let mut app = app;
        let other = app.another_host().await;
        let image = app.upload_photo().await;
        let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
        app.host.stop().await;
        other.delete(id, token).await.expect(204);
        // They come before it.
        for number in 0..600 {
            let values = format!("'00000000-0000-7000-8000-{number:012}', object_key, url");
            app.database.execute(&format!(
                "INSERT INTO images (id, object_key, url, uploader, content_type, size_bytes, width, height, sha256, created_at) \
                SELECT {values}, uploader, content_type, size_bytes, width, height, sha256, created_at FROM images WHERE id = '{id}'"
            )).await;
        }
        let now = chrono::Utc::now().format("%F %T");
        app.database.execute(&format!("UPDATE images SET deleted_at = '{now}'")).await;
        app.host.restart().await;
        let app = &app;
        until("its copy is gone", || async { app.files().is_empty() }).await;
    }
}
