//! `GET /api/v1/images`

use reqwest::Method;
use serde_json::Value;

use crate::helpers::app::{TestApp, form};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;
use crate::helpers::on_both_engines;

fn ids(page: &Value) -> Vec<String> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn upload_as(app: &TestApp, uploader: &str) -> String {
    let image = app.upload(form(uploader, photo())).await.expect(201).json();
    image["id"].as_str().unwrap().to_owned()
}

on_both_engines! {
    async fn pages_are_newest_first_and_stay_stable_while_images_are_added(app: TestApp) {
        let mut all = Vec::new();
        for _ in 0..5 {
            all.insert(0, upload_as(&app, "Ada").await);
        }
        let first = app.get("/api/v1/images?limit=2").await.expect(200);
        assert_eq!(ids(&first.json()), all[..2]);
        upload_as(&app, "Ada").await;

        // As the Link header leads, and as the cursor does.
        let link = first.header("link");
        let next = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        let second = app.get(next).await.expect(200).json();
        assert_eq!(ids(&second), all[2..4]);
        let cursor = second["next_cursor"].as_str().unwrap();
        let last = app.get(&format!("/api/v1/images?limit=2&cursor={cursor}")).await.expect(200);
        assert_eq!(ids(&last.json()), all[4..]);
        assert_eq!(last.json()["next_cursor"], Value::Null);
        assert_eq!(last.header("link"), "");
    }

    async fn a_list_can_be_of_one_uploader(app: TestApp) {
        let (ada, eve) = (upload_as(&app, "Ada & Co 🦀").await, upload_as(&app, "ada & co 🦀").await);
        let second = upload_as(&app, "Ada & Co 🦀").await;
        let page = app.get("/api/v1/images?uploader=Ada+%26+Co+%F0%9F%A6%80&limit=1").await.expect(200);
        assert_eq!(ids(&page.json()), [second]);
        let next = page.header("link").strip_prefix('<').unwrap().split('>').next().unwrap();
        assert_eq!(ids(&app.get(next).await.expect(200).json()), [ada], "names are told apart to the letter");
        assert!(ids(&app.get("/api/v1/images?uploader=Nobody").await.expect(200).json()).is_empty());
        assert_eq!(ids(&app.get("/api/v1/images?uploader=ada+%26+co+%F0%9F%A6%80").await.json()), [eve]);
    }

    async fn deleted_images_are_not_listed(app: TestApp) {
        let image = app.upload_photo().await;
        let kept = upload_as(&app, "Ada").await;
        app.delete(image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap()).await.expect(204);
        assert_eq!(ids(&app.get("/api/v1/images").await.expect(200).json()), [kept]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_is_a_page_too_and_strange_parameters_are_ignored() {
    let app = TestApp::start(Engine::Sqlite).await;
    let page = app.get("/api/v1/images?utm_source=x").await.expect(200);
    assert_eq!(
        page.json(),
        serde_json::json!({"items": [], "next_cursor": null})
    );
    app.send(app.request(Method::HEAD, "/api/v1/images"))
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_parameters_are_named() {
    let app = TestApp::start(Engine::Sqlite).await;
    let rows = [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=' OR 1=1", "cursor"),
        ("uploader=", "uploader"),
        ("uploader=%00", "uploader"),
        ("limit=1&limit=2", "limit"),
    ];
    for (query, field) in rows {
        let problem = app
            .get(&format!("/api/v1/images?{query}"))
            .await
            .expect_error(400, "query-invalid")
            .json();
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
}
