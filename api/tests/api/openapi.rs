//! The API's description of itself.

use reqwest::Method;

use crate::helpers::app::TestApp;
use crate::helpers::database::Engine;
use crate::helpers::root;

#[test]
fn the_committed_document_is_the_one_that_the_code_makes() {
    let committed = std::fs::read_to_string(root().join("openapi/openapi.json")).unwrap();
    let made = image_handler::routes::openapi::document_json().unwrap();
    assert!(
        committed == made,
        "openapi/openapi.json is out of date: run make openapi"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_served_and_every_operation_in_it_is_routed() {
    let app = TestApp::start(Engine::Sqlite).await;
    let document = app.get("/api/v1/openapi.json").await.expect(200).json();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let path = path
                .replace("{id}", "x")
                .replace("{name}", "x.jpg")
                .replace("{variant}", "thumb");
            let code = app.send(app.request(method.clone(), &path)).await.code();
            assert!(
                !["route-not-found", "method-not-allowed"].contains(&&*code),
                "{method} {path}: {code}"
            );
            operations += 1;
            if method == Method::GET {
                let head = app.send(app.request(Method::HEAD, &path)).await;
                assert_ne!(head.status, 405, "HEAD {path}");
            }
        }
    }
    assert_eq!(operations, 11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_docs_page_is_served_whole() {
    let app = TestApp::start(Engine::Sqlite).await;
    let redirect = app.get("/docs").await.expect(308);
    assert_eq!(redirect.header("location"), "/docs/");
    app.send(app.request(Method::HEAD, "/docs"))
        .await
        .expect(308);
    let page = app.get("/docs/").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let page = page.text();
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "it needs nothing from elsewhere"
    );
    for file in [
        "swagger-ui.css",
        "swagger-ui-bundle.js",
        "swagger-initializer.js",
    ] {
        app.get(&format!("/docs/{file}")).await.expect(200);
        app.send(app.request(Method::HEAD, &format!("/docs/{file}")))
            .await
            .expect(200);
    }
    assert!(
        app.get("/docs/swagger-initializer.js")
            .await
            .text()
            .contains("/api/v1/openapi.json")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_is_served_with_a_policy_that_allows_the_bucket() {
    let app = TestApp::start(Engine::Sqlite).await;
    let page = app.get("/").await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains(&format!("http://{}", app.s3.address())),
        "{policy}"
    );
    assert!(
        policy.starts_with("default-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
}
