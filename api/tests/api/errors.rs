//! What every route has in common: problem details, methods, request ids.

use reqwest::Method;

use crate::helpers::app::{TestApp, files_below};
use crate::helpers::database::Engine;
use crate::helpers::root;
use image_handler::routes::ErrorCode;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_addresses_are_not_found() {
    let app = TestApp::start(Engine::Sqlite).await;
    for path in [
        "/api",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v2/images",
        "/nothing.html",
        "/i",
        "/i/",
        "/i/019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70/large",
        "/metrics/",
        "/docs/nothing.js",
        "/api/v1/images/",
    ] {
        app.get(path).await.expect_error(404, "route-not-found");
    }
    for path in ["/api/v1/nothing", "/i/"] {
        app.send(app.request(Method::POST, path))
            .await
            .expect_error(404, "route-not-found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_method_is_told_the_right_ones() {
    let app = TestApp::start(Engine::Sqlite).await;
    let rows = [
        (Method::PUT, "/api/v1/images", "GET, HEAD, POST"),
        (Method::POST, "/api/v1/images/x", "GET, HEAD, DELETE"),
        (Method::POST, "/i/x.jpg", "GET, HEAD"),
        (Method::POST, "/i/x/thumb", "GET, HEAD"),
        (Method::DELETE, "/api/v1/limits", "GET, HEAD"),
        (Method::PATCH, "/api/v1/openapi.json", "GET, HEAD"),
        (Method::POST, "/livez", "GET, HEAD"),
        (Method::POST, "/readyz", "GET, HEAD"),
        (Method::POST, "/", "GET, HEAD"),
    ];
    for (method, path, allow) in rows {
        let answer = app
            .send(app.request(method.clone(), path))
            .await
            .expect_error(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_outside_the_client_is_malformed() {
    let app = TestApp::start(Engine::Sqlite).await;
    app.get("/..%2f..%2fetc/passwd")
        .await
        .expect_error(400, "request-malformed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_keeps_its_id_and_a_strange_one_is_replaced() {
    let app = TestApp::start(Engine::Sqlite).await;
    let with = |id: &str| {
        app.request(Method::GET, "/api/v1/nothing")
            .header("X-Request-Id", id.to_owned())
    };
    let kept = app.send(with("my-request.1")).await.expect(404);
    assert_eq!(kept.header("x-request-id"), "my-request.1");
    assert_eq!(kept.json()["request_id"], "my-request.1");
    for strange in ["a b", "<script>", &"x".repeat(100)] {
        let answer = app.send(with(strange)).await.expect(404);
        assert_ne!(answer.header("x-request-id"), strange);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_a_client_file_that_is_not_there_cannot_be_fetched() {
    let app = TestApp::start(Engine::Sqlite).await;
    let request = app
        .request(Method::GET, "/index.html")
        .header("range", "bytes=99999999-");
    app.send(request)
        .await
        .expect_error(416, "range-not-satisfiable");
}

#[test]
fn every_code_is_expected_by_a_test() {
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let mut tests: String = files_below(&root().join("api/tests/api"))
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| read(path))
        .collect();
    let table = read(&root().join("api/src/routes/error.rs"));
    tests += table.split_once("#[cfg(test)]").unwrap().1;
    for code in ErrorCode::ALL {
        let named = tests.contains(&format!("\"{}\"", code.as_str()))
            || tests.contains(&format!("ErrorCode::{code:?}"));
        assert!(named, "no test expects {}", code.as_str());
    }
}
