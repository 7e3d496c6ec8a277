//! What browsers are told about every answer. `Answer` checks what holds for all of them.

use reqwest::Method;

use crate::helpers::answer::Answer;
use crate::helpers::app::{TestApp, path};
use crate::helpers::database::Engine;

const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";
const IMAGE: &str = "default-src 'none'; sandbox";
const PAGE: &str = "default-src 'self'; img-src 'self' blob: ";
const DOCS: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-";

fn assert_policies(answer: &Answer, what: &str, policy: &str, is_image: bool) {
    let found = answer.header("content-security-policy");
    assert!(found.starts_with(policy), "{what}: {found}");
    let (resource, frame, origin) = if is_image {
        ("cross-origin", "", "*")
    } else {
        ("same-origin", "DENY", "")
    };
    let header = |name: &str| answer.header(name).to_owned();
    assert_eq!(header("cross-origin-resource-policy"), resource, "{what}");
    assert_eq!(header("x-frame-options"), frame, "{what}");
    assert_eq!(header("access-control-allow-origin"), origin, "{what}");
    assert_eq!(header("access-control-allow-credentials"), "", "{what}");
    assert_eq!(header("strict-transport-security"), "", "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_and_method_says_what_browsers_may_do_with_its_answer() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let link = path(&image["link"]);
    let thumb = path(&image["variants"]["thumb"]);
    let find = format!("/api/v1/images/{}", image["id"].as_str().unwrap());
    let rows = [
        ("/", 200, 405, PAGE),
        ("/main.js", 200, 405, PAGE),
        ("/nothing.html", 404, 405, NO_PAGE),
        ("/api", 404, 404, NO_PAGE),
        ("/api/v1/images", 200, 411, NO_PAGE),
        ("/api/v1/images?limit=0", 400, 411, NO_PAGE),
        (&find, 200, 405, NO_PAGE),
        ("/api/v1/images/x", 404, 405, NO_PAGE),
        ("/api/v1/limits", 200, 405, NO_PAGE),
        ("/api/v1/openapi.json", 200, 405, NO_PAGE),
        ("/livez", 200, 405, NO_PAGE),
        ("/readyz", 200, 405, NO_PAGE),
        ("/docs", 308, 405, NO_PAGE),
        ("/docs/", 200, 405, DOCS),
        ("/docs/swagger-ui-bundle.js", 200, 405, DOCS),
        ("/docs/nothing.js", 404, 405, NO_PAGE),
        (&link, 200, 405, IMAGE),
        ("/i/nothing.jpg", 404, 405, NO_PAGE),
        (&thumb, 200, 405, IMAGE),
        ("/i/nothing/thumb", 404, 405, NO_PAGE),
        ("/i/nothing/nothing", 404, 405, NO_PAGE),
        ("/i/", 404, 404, NO_PAGE),
    ];
    for (path, read, written, policy) in rows {
        for method in [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::OPTIONS,
        ] {
            let is_read = matches!(method, Method::GET | Method::HEAD);
            let answer = app.send(app.request(method.clone(), path)).await;
            let what = format!("{method} {path}: {}", answer.status);
            match (is_read, method) {
                (true, _) => assert_eq!(answer.status, read, "{what}"),
                (false, Method::POST) => assert_eq!(answer.status, written, "{what}"),
                _ => assert!(answer.status.is_client_error(), "{what}"),
            }
            let policy = if is_read { policy } else { NO_PAGE };
            assert_policies(&answer, &what, policy, path.starts_with("/i/"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_locked_in_whatever_part_of_it_is_sent() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let link = path(&image["link"]);
    for address in [&link, &path(&image["variants"]["thumb"])] {
        let etag = app.get(address).await.header("etag").to_owned();
        for (name, value, status, policy) in [
            ("range", "bytes=0-9", 206, IMAGE),
            ("if-none-match", etag.as_str(), 304, IMAGE),
            ("range", "bytes=99999999-", 416, NO_PAGE),
        ] {
            let request = app.request(Method::GET, address).header(name, value);
            let answer = app.send(request).await.expect(status);
            assert_policies(&answer, value, policy, true);
        }
    }
    // By way of another host: a redirect to S3.
    let other = app.another_host().await;
    let answer = other.get(&link).await.expect(302);
    assert_policies(&answer, "a redirect", NO_PAGE, true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_are_told_to_stay_with_tls_where_there_is_tls() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.server.public_url = Some("https://images.example.org".to_owned());
    })
    .await;
    for path in ["/", "/api/v1/limits", "/nothing", "/livez"] {
        let answer = app.get(path).await;
        assert_eq!(
            answer.header("strict-transport-security"),
            "max-age=63072000",
            "{path}"
        );
    }
}
