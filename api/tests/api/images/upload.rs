//! `POST /api/v1/images`: what is taken.

use insta::{allow_duplicates, assert_json_snapshot};
use reqwest::multipart::Form;

use crate::helpers::app::{TestApp, file, form, path};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::{self, fixture, photo, png_of};
use crate::helpers::on_both_engines;

on_both_engines! {
    async fn an_upload_lies_on_disk_in_s3_and_in_the_database(app: TestApp) {
        let answer = app.upload(form("Ada", photo())).await.expect(201);
        let image = answer.json();
        assert_eq!(answer.header("location"), format!("/api/v1/images/{}", image["id"].as_str().unwrap()));

        assert_eq!(std::fs::read(app.local_copy(&image)).unwrap(), photo());
        assert_eq!(app.fetch(image["url"].as_str().unwrap()).await, (200, photo()), "to anyone, from S3");
        assert_eq!(app.get(&path(&image["link"])).await.expect(200).bytes, photo());

        let rows = app.database.rows().await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].uploader, "Ada");
        assert_eq!(rows[0].sha256, image["sha256"]);
        assert_eq!(rows[0].url, image["url"].as_str().unwrap());
        assert_eq!(rows[0].stored, 1);
        let created_at = image["created_at"].as_str().unwrap().replace('T', " ").replace('Z', "");
        assert!(rows[0].created_at.starts_with(&created_at), "{} {created_at}", rows[0].created_at);
        assert_eq!(app.files(), [app.local_copy(&image)], "the journal owes nothing");
    }

    async fn the_answer_describes_the_image(app: TestApp) {
        let form = Form::new()
            .text("alt", "Ein Kätzchen\nauf dem Dach")
            .text("uploader", "  Jose\u{301} 🦀 ")
            .part("file", file(photo(), "C:\\fakepath\\photo.jpg"));
        let image = app.upload(form).await.expect(201).json();
        allow_duplicates! { assert_json_snapshot!(image, {
            ".id" => "[id]",
            ".created_at" => "[time]",
            ".url" => "[url]",
            ".link" => "[link]",
            ".variants.thumb" => "[link]",
            ".variants.small" => "[link]",
            ".variants.medium" => "[link]",
            ".delete_token" => "[token]",
            ".delete_url" => "[url]",
        }, @r#"
            {
              "alt": "Ein Kätzchen auf dem Dach",
              "content_type": "image/jpeg",
              "created_at": "[time]",
              "delete_token": "[token]",
              "delete_url": "[url]",
              "file_name": "photo.jpg",
              "height": 48,
              "id": "[id]",
              "link": "[link]",
              "received_sha256": "7db6a5dedfad7184ac90c116764b7badd04c5e254deaedb0ab3a9b9ea09d977a",
              "sha256": "7db6a5dedfad7184ac90c116764b7badd04c5e254deaedb0ab3a9b9ea09d977a",
              "size_bytes": 1532,
              "storage": {
                "local": "stored",
                "record": "stored",
                "s3": "stored"
              },
              "thumbhash": null,
              "uploader": "José 🦀",
              "url": "[url]",
              "variants": {
                "medium": "[link]",
                "small": "[link]",
                "thumb": "[link]"
              },
              "width": 64
            }
            "#) };
        let id = image["id"].as_str().unwrap();
        assert_eq!(image["link"], app.url(&format!("/i/{id}.jpg")));
        for name in ["thumb", "small", "medium"] {
            assert_eq!(image["variants"][name], app.url(&format!("/i/{id}/{name}")));
        }
        assert!(image["url"].as_str().unwrap().ends_with(&format!("/pictures/images/{id}.jpg")));
        let token = image["delete_token"].as_str().unwrap();
        assert_eq!(image["delete_url"], app.url(&format!("/#/delete/{id}/{token}")));
        let found = app.get(&format!("/api/v1/images/{id}")).await.expect(200).json();
        assert_eq!(found["uploader"], "José 🦀");
        assert_eq!(found.get("delete_token"), None, "only the uploader gets it");
    }

    async fn a_file_of_exactly_the_limit_is_taken(app: TestApp) {
        let bytes = png_of(1_048_576);
        let image = app.upload(form("Ada", bytes.clone())).await.expect(201).json();
        assert_eq!(app.get(&path(&image["link"])).await.expect(200).bytes, bytes);
        assert_eq!(app.fetch(image["url"].as_str().unwrap()).await, (200, bytes));
    }

    async fn names_and_descriptions_of_the_greatest_length_are_taken(app: TestApp) {
        let (uploader, alt) = ("🦀".repeat(100), "ü".repeat(500));
        let form = form(&uploader, photo()).text("alt", alt.clone());
        let image = app.upload(form).await.expect(201).json();
        assert_eq!((image["uploader"].as_str(), image["alt"].as_str()), (Some(&*uploader), Some(&*alt)));
    }

    async fn the_same_bytes_twice_are_two_images(app: TestApp) {
        let (first, second) = (app.upload_photo().await, app.upload_photo().await);
        assert_ne!(first["id"], second["id"]);
        assert_eq!(app.database.rows().await.len(), 2);
        assert_eq!(app.s3.objects().len(), 2);
    }

    async fn many_uploads_at_once_are_all_stored(app: TestApp) {
        let uploads = (0..40).map(|_| app.upload(form("Ada", png_of(50_000))));
        for answer in futures_util::future::join_all(uploads).await {
            let image = answer.expect(201).json();
            assert_eq!(image["storage"]["s3"], "stored");
        }
        assert_eq!(app.database.rows().await.len(), 40);
        assert_eq!(app.s3.objects().len(), 40);
        assert_eq!(app.files().len(), 40);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_of_cameras_editors_and_browsers_are_all_taken() {
    let app = TestApp::start(Engine::Sqlite).await;
    for name in fixtures::images() {
        let expected = fixtures::media_type(&name);
        let bytes = fixture(&name);
        // The name and the type that the client gives play no part.
        let part = file(bytes.clone(), "upload.bin")
            .mime_str("application/octet-stream")
            .unwrap();
        let answer = app
            .upload(Form::new().text("uploader", "Ada").part("file", part))
            .await;
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        let image = answer.json();
        assert_eq!(image["content_type"].as_str(), expected, "{name}");
        let served = app.get(&path(&image["link"])).await.expect(200);
        assert_eq!(Some(served.header("content-type")), expected, "{name}");
        // What was uploaded may have had metadata; what is published is no longer than it by more than an
        // orientation.
        assert!(served.bytes.len() <= bytes.len() + 64, "{name}");
    }
}
