//! Pages of other sites.

use image_handler::config::Config;
use reqwest::{Method, RequestBuilder};

use crate::helpers::app::{Host, TestApp, form, path};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;

const ALLOWED: &str = "https://app.example.org";
const FOREIGN: &str = "https://evil.example";

async fn app() -> TestApp {
    let change = |config: &mut Config| {
        config.server.public_url = Some("https://images.example.org".to_owned());
        config.protection.allowed_origins = vec![ALLOWED.to_owned()];
    };
    TestApp::start_with(Engine::Sqlite, change).await
}

fn upload(host: &Host) -> RequestBuilder {
    host.upload_request(form("Ada", photo()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_pages_of_known_origins_may_write() {
    let app = app().await;
    let here = format!("http://{}", app.address);
    let rows: &[(&[(&str, &str)], bool)] = &[
        (&[], true),
        (&[("Origin", &here)], true),
        (&[("Origin", "https://images.example.org")], true),
        (
            &[("Origin", ALLOWED), ("Sec-Fetch-Site", "cross-site")],
            true,
        ),
        (
            &[("Origin", "null"), ("Sec-Fetch-Site", "same-origin")],
            true,
        ),
        (&[("Sec-Fetch-Site", "same-origin")], true),
        (&[("Sec-Fetch-Site", "none")], true),
        // A proxy that names itself as the host, and a browser that says that the page is from there.
        (
            &[
                ("Origin", "https://other.example.org"),
                ("Sec-Fetch-Site", "same-origin"),
            ],
            true,
        ),
        // A page whose own name leads here.
        (
            &[
                ("Origin", FOREIGN),
                ("Host", "evil.example"),
                ("Sec-Fetch-Site", "same-origin"),
            ],
            false,
        ),
        (
            &[("Origin", "http://evil.example"), ("Host", "evil.example")],
            false,
        ),
        (&[("Origin", FOREIGN)], false),
        (&[("Origin", "http://images.example.org")], false),
        (
            &[("Origin", "https://images.example.org.evil.example")],
            false,
        ),
        (&[("Origin", "https://app.example.org:8443")], false),
        (&[("Origin", "null")], false),
        (
            &[("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
            false,
        ),
        (&[("Sec-Fetch-Site", "cross-site")], false),
        (&[("Sec-Fetch-Site", "same-site")], false),
    ];
    let mut images = 0;
    for (headers, allowed) in rows {
        let id = app.upload_photo().await["id"].as_str().unwrap().to_owned();
        let delete = app
            .request(Method::DELETE, &format!("/api/v1/images/{id}"))
            .bearer_auth(crate::helpers::app::ADMIN_KEY);
        let (mut post, mut delete) = (upload(&app), delete);
        for (name, value) in *headers {
            post = post.header(*name, *value);
            delete = delete.header(*name, *value);
        }
        let (posted, deleted) = (app.send(post).await, app.send(delete).await);
        if *allowed {
            assert_eq!(
                (posted.status.as_u16(), deleted.status.as_u16()),
                (201, 204),
                "{headers:?}"
            );
        } else {
            posted.expect_error(403, "origin-not-allowed");
            deleted.expect_error(403, "origin-not-allowed");
        }
        images += 1;
    }
    assert_eq!(app.database.rows().await.len(), images + 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preflight_is_answered_for_allowed_origins_alone() {
    let app = app().await;
    let ask = |origin: &'static str, path: &str| {
        app.request(Method::OPTIONS, path)
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "DELETE")
            .header("Access-Control-Request-Headers", "authorization")
    };
    for path in ["/api/v1/images", "/api/v1/images/x"] {
        let answer = app.send(ask(ALLOWED, path)).await.expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), ALLOWED);
        let methods = answer.header("access-control-allow-methods");
        assert!(methods.contains("POST") && methods.contains("DELETE"));
        let headers = answer.header("access-control-allow-headers");
        assert!(headers.contains("Authorization") && headers.contains("Idempotency-Key"));
        assert_eq!(answer.header("vary"), "Origin");

        let refused = app.send(ask(FOREIGN, path)).await;
        let refused = refused.expect_error(403, "origin-not-allowed");
        assert_eq!(refused.header("access-control-allow-origin"), "");
        assert_eq!(refused.header("vary"), "Origin");
    }
    // Without the header it is no preflight, and OPTIONS is a method like others.
    app.send(app.request(Method::OPTIONS, "/api/v1/images"))
        .await
        .expect_error(405, "method-not-allowed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_of_allowed_origins_read_answers_and_errors_and_others_none() {
    let app = app().await;
    let get = |origin: &str, path: &str| {
        app.request(Method::GET, path)
            .header("Origin", origin.to_owned())
    };
    for (address, status) in [("/api/v1/images", 200), ("/api/v1/images/x", 404)] {
        let answer = app.send(get(ALLOWED, address)).await.expect(status);
        assert_eq!(answer.header("access-control-allow-origin"), ALLOWED);
        assert!(
            answer
                .header("access-control-expose-headers")
                .contains("Retry-After")
        );
        let answer = app.send(get(FOREIGN, address)).await.expect(status);
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    let posted = app
        .send(upload(&app).header("Origin", ALLOWED))
        .await
        .expect(201);
    assert_eq!(posted.header("access-control-allow-origin"), ALLOWED);
    assert!(
        posted
            .header("access-control-expose-headers")
            .contains("Location")
    );
    assert_eq!(posted.header("access-control-allow-credentials"), "");
    // Images are for everybody, with ranges.
    let link = path(&posted.json()["link"]);
    let answer = app.send(get(FOREIGN, &link)).await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let preflight = app
        .request(Method::OPTIONS, &link)
        .header("Origin", FOREIGN)
        .header("Access-Control-Request-Method", "GET");
    let answer = app.send(preflight).await.expect(204);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nothing_set_no_other_origin_may_write() {
    let app = TestApp::start(Engine::Sqlite).await;
    app.send(upload(&app).header("Origin", ALLOWED))
        .await
        .expect_error(403, "origin-not-allowed");
    let here = format!("http://{}", app.address);
    let posted = app
        .send(upload(&app).header("Origin", here))
        .await
        .expect(201);
    assert_eq!(posted.header("vary"), "Accept", "and not by origin");
    assert_eq!(app.database.rows().await.len(), 1);
}
