//! How often one client may ask.

use std::num::NonZeroU32;
use std::time::Duration;

use image_handler::config::{Config, Rate};
use reqwest::Method;

use crate::helpers::answer::Answer;
use crate::helpers::app::{TestApp, form};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;
use crate::helpers::raw;

fn an_hour(requests: u32) -> Rate {
    Rate {
        requests: NonZeroU32::new(requests).unwrap(),
        period: Duration::from_hours(1),
    }
}

async fn with_rates(uploads: Option<Rate>, reads: Option<Rate>) -> TestApp {
    TestApp::start_with(Engine::Sqlite, |config| {
        config.protection.upload_rate = uploads;
        config.protection.read_rate = reads;
    })
    .await
}

async fn get_as(app: &TestApp, forwarded_for: &str) -> Answer {
    let request = app
        .request(Method::GET, "/api/v1/limits")
        .header("X-Forwarded-For", forwarded_for);
    app.send(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_beyond_the_rate_are_refused_and_say_when_to_come_back() {
    let app = with_rates(Some(an_hour(2)), None).await;
    for remaining in ["r=1", "r=0"] {
        let answer = app.upload(form("Ada", photo())).await.expect(201);
        assert_eq!(answer.header("ratelimit-policy"), "\"uploads\";q=2;w=3600");
        assert!(answer.header("ratelimit").contains(remaining));
    }
    let refused = app
        .upload(form("Ada", photo()))
        .await
        .expect_error(429, "rate-limited");
    let seconds: u32 = refused.header("retry-after").parse().unwrap();
    assert!((1..=1800).contains(&seconds), "{seconds}");
    assert_eq!(
        refused.header("ratelimit"),
        format!("\"uploads\";r=0;t={seconds}")
    );
    assert_eq!(refused.header("ratelimit-policy"), "\"uploads\";q=2;w=3600");
    assert_eq!(app.database.rows().await.len(), 2);
    // Reads have a limit of their own, which is off here.
    let read = app.get("/api/v1/images").await.expect(200);
    assert_eq!(read.header("ratelimit"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upload_is_answered_before_its_body_comes() {
    let app = with_rates(Some(an_hour(1)), None).await;
    // An upload that fails has used up its token too, and says so.
    let answer = app.upload(form("", photo())).await.expect(400);
    assert!(answer.header("ratelimit").contains("r=0"));
    let head = raw::head("Content-Length: 100000\r\n");
    let answer = raw::send(app.address, &head, false).await;
    assert!(
        answer.starts_with("HTTP/1.1 429") && answer.contains("rate-limited"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_address_but_the_health_checks_counts_as_a_read() {
    let app = with_rates(None, Some(an_hour(4))).await;
    let image = app.upload_photo().await;
    app.get("/").await.expect(200);
    app.get("/nothing").await.expect(404);
    app.get("/i/nothing.jpg").await.expect(404);
    // Guessing tokens counts.
    app.delete(image["id"].as_str().unwrap(), "guess")
        .await
        .expect(403);
    for path in ["/", "/docs/", "/api/v1/images", "/i/nothing.jpg"] {
        app.get(path).await.expect_error(429, "rate-limited");
    }
    let id = image["id"].as_str().unwrap();
    app.delete(id, "guess").await.expect(429);
    for path in ["/livez", "/readyz"] {
        assert_eq!(app.get(path).await.expect(200).header("ratelimit"), "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_behind_a_trusted_proxy_are_told_apart() {
    let app = with_rates(None, Some(an_hour(1))).await;
    get_as(&app, "198.51.100.1").await.expect(200);
    get_as(&app, "198.51.100.1").await.expect(429);
    get_as(&app, "198.51.100.2:4711").await.expect(200);
    // What a client writes before the proxy's own entry makes nobody else of them.
    get_as(&app, "203.0.113.9, 198.51.100.2").await.expect(429);
    // One subscriber has a /64.
    get_as(&app, "2001:db8::1").await.expect(200);
    get_as(&app, "2001:db8::2").await.expect(429);
    get_as(&app, "2001:db8:0:1::1").await.expect(200);
    // In several headers.
    let lines = app
        .request(Method::GET, "/api/v1/limits")
        .header("X-Forwarded-For", "203.0.113.10")
        .header("X-Forwarded-For", "198.51.100.1");
    app.send(lines).await.expect(429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_that_calls_itself_a_proxy_is_not_believed() {
    let no_proxy = |config: &mut Config| {
        config.protection.read_rate = Some(an_hour(1));
        config.protection.trusted_proxies = Vec::new();
    };
    let app = TestApp::start_with(Engine::Sqlite, no_proxy).await;
    get_as(&app, "198.51.100.1").await.expect(200);
    get_as(&app, "198.51.100.2").await.expect(429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_defaults_do_not_disturb_a_gallery() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let link = crate::helpers::app::path(&image["link"]);
    for _ in 0..200 {
        app.get(&link).await.expect(200);
    }
}
