//! `GET /metrics`

use reqwest::Method;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::helpers::app::{ADMIN_KEY, Host, TestApp, form};
use crate::helpers::database::{Engine, TestDatabase};
use crate::helpers::exposition::Exposition;
use crate::helpers::fixtures::photo;
use crate::helpers::{on_both_engines, raw, until};

async fn scrape(host: &Host) -> Exposition {
    let answer = host.get("/metrics").await.expect(200);
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    Exposition::read(&answer.text())
}

/// The counter has this value, which is whole.
#[track_caller]
fn expect(scraped: &Exposition, series: &str, value: u32) {
    let found = scraped.value(series);
    assert!(
        (found - f64::from(value)).abs() < f64::EPSILON,
        "{series} is {found}, not {value}"
    );
}

fn uploads(outcome: &str) -> String {
    format!("image_handler_uploads_total{{outcome=\"{outcome}\"}}")
}

on_both_engines! {
    async fn uploads_and_deletes_are_counted_by_what_became_of_them(app: TestApp) {
        let before = scrape(&app).await;
        for outcome in ["created", "accepted", "replayed"] {
            expect(&before, &uploads(outcome), 0);
        }
        let key = "0192f1a0-6d5e-7c3b-9a4f-2b1c0d9e8f70";
        let image = app.upload_with_key(key, form("Ada", photo())).await.expect(201).json();
        app.upload_with_key(key, form("Ada", photo())).await.expect(201);
        app.upload(form("Ada", b"no image".to_vec())).await.expect_error(415, "media-type-unsupported");
        let other = app.upload_photo().await;
        let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
        app.delete(id, token).await.expect(204);
        app.delete(id, token).await.expect_error(410, "image-deleted");
        app.delete(&format!("{}?purge=true", other["id"].as_str().unwrap()), ADMIN_KEY).await.expect(204);

        let after = scrape(&app).await;
        expect(&after, &uploads("created"), 2);
        expect(&after, &uploads("replayed"), 1);
        expect(&after, &uploads("media-type-unsupported"), 1);
        expect(&after, "image_handler_deletes_total", 2);
        expect(&after, "image_handler_purges_total", 1);
        expect(&after, "image_handler_upload_duration_seconds_count", 3);
        let bytes = u32::try_from(photo().len()).unwrap();
        expect(&after, "image_handler_upload_received_bytes_total", 3 * bytes);
        let published = u32::try_from(image["size_bytes"].as_u64().unwrap()).unwrap();
        expect(&after, "image_handler_upload_published_bytes_total", 2 * published);

        let posts = "route=\"/api/v1/images\",status=";
        expect(&after, &format!("image_handler_http_requests_total{{method=\"POST\",{posts}\"201\"}}"), 3);
        expect(&after, &format!("image_handler_http_requests_total{{method=\"POST\",{posts}\"415\"}}"), 1);
        let deletes = "method=\"DELETE\",route=\"/api/v1/images/{id}\"";
        expect(&after, &format!("image_handler_http_requests_total{{{deletes},status=\"204\"}}"), 2);
        expect(&after, &format!("image_handler_http_request_duration_seconds_count{{{deletes}}}"), 3);
        expect(&after, "image_handler_http_requests_in_flight", 1);
        expect(&after, "image_handler_s3_requests_total{operation=\"PutObject\",outcome=\"ok\"}", 2);
        expect(&after, "image_handler_database_queries_total{operation=\"write_record\",outcome=\"ok\"}", 2);
        assert!(after.value("image_handler_database_query_duration_seconds_count{operation=\"find_blocked\"}") >= 2.0);
        for gauge in ["image_handler_s3_available", "image_handler_database_available"] {
            expect(&after, gauge, 1);
        }
        for series in after.series() {
            for private in ["Ada", "127.0.0.1", id, token, key] {
                assert!(!series.contains(private), "{series}");
            }
        }
    }

    async fn what_is_owed_shows_while_s3_is_away_and_what_was_replayed_when_it_is_back(app: TestApp) {
        let mut app = app;
        app.s3.stop().await;
        app.upload_photo().await;
        let away = scrape(&app).await;
        expect(&away, &uploads("created"), 1);
        expect(&away, "image_handler_pending_images", 1);
        expect(&away, "image_handler_pending_owed{owed=\"object\"}", 1);
        expect(&away, "image_handler_pending_owed{owed=\"record\"}", 0);
        expect(&away, "image_handler_s3_available", 0);
        expect(&away, "image_handler_database_available", 1);
        assert!(away.value("image_handler_pending_oldest_age_seconds") > 0.0);
        assert!(away.value("image_handler_s3_requests_total{operation=\"PutObject\",outcome=\"error\"}") >= 1.0);
        let host = &app.host;
        until("the replayer has failed", || async {
            scrape(host).await.value("image_handler_replay_steps_total{outcome=\"failed\",step=\"store_object\"}") > 0.0
        }).await;

        app.s3.start_again().await;
        let host = &app.host;
        until("nothing is owed", || async { scrape(host).await.value("image_handler_pending_images") < 1.0 }).await;
        let back = scrape(&app).await;
        expect(&back, "image_handler_s3_available", 1);
        expect(&back, "image_handler_pending_oldest_age_seconds", 0);
        expect(&back, "image_handler_pending_owed{owed=\"object\"}", 0);
        expect(&back, "image_handler_replay_steps_total{outcome=\"done\",step=\"store_object\"}", 1);
    }

    async fn an_upload_without_the_database_is_counted_as_accepted_and_its_record_as_owed(app: TestApp) {
        let mut app = app;
        let away = app.database.go_away().await;
        app.upload(form("Ada", photo())).await.expect(202);
        let without = scrape(&app).await;
        expect(&without, &uploads("accepted"), 1);
        expect(&without, "image_handler_pending_owed{owed=\"record\"}", 1);
        expect(&without, "image_handler_pending_owed{owed=\"object\"}", 0);
        let host = &app.host;
        // A lock on SQLite's file keeps writers out, not readers, and each of them finds it there.
        if !away.is_sqlite() {
            until("it counts as away", || async { scrape(host).await.value("image_handler_database_available") < 1.0 }).await;
        }
        until("the replayer has failed", || async {
            scrape(host).await.value("image_handler_replay_steps_total{outcome=\"failed\",step=\"write_record\"}") > 0.0
        }).await;
        let failed = scrape(host).await;
        let first_query = if away.is_sqlite() { "write_record" } else { "find_blocked" };
        let failures = format!("image_handler_database_queries_total{{operation=\"{first_query}\",outcome=\"error\"}}");
        assert!(failed.value(&failures) >= 1.0, "{failures}");
        app.database.come_back(away).await;
        let host = &app.host;
        until("nothing is owed", || async { scrape(host).await.value("image_handler_pending_images") < 1.0 }).await;
        let back = scrape(host).await;
        expect(&back, "image_handler_replay_steps_total{outcome=\"done\",step=\"write_record\"}", 1);
        expect(&back, "image_handler_database_available", 1);
    }

    async fn a_removal_that_s3_is_owed_shows_as_one(app: TestApp) {
        let mut app = app;
        let image = app.upload_photo().await;
        app.s3.stop().await;
        let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
        app.delete(id, token).await.expect(204);
        let away = scrape(&app).await;
        expect(&away, "image_handler_pending_owed{owed=\"removal\"}", 1);
        expect(&away, "image_handler_pending_owed{owed=\"object\"}", 0);
        app.s3.start_again().await;
        let host = &app.host;
        until("nothing is owed", || async { scrape(host).await.value("image_handler_pending_images") < 1.0 }).await;
        let back = scrape(host).await;
        for step in ["delete_object", "delete_local_copy", "mark_purged"] {
            expect(&back, &format!("image_handler_replay_steps_total{{outcome=\"done\",step=\"{step}\"}}"), 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_asks_neither_the_database_nor_s3_and_needs_no_folder() {
    let (app, s3) = TestApp::start_behind_gate(Engine::Mariadb).await;
    let image = app.upload_photo().await;
    let until_now = s3.sent();
    let TestDatabase::Mariadb { gate, .. } = &app.database else {
        unreachable!("this is MariaDB")
    };
    gate.hold();
    s3.hold();
    std::fs::remove_dir_all(app.uploads.path()).unwrap();
    // It is known to be away when somebody has waited for it in vain.
    app.get(&format!(
        "/api/v1/images/{}?wait",
        image["id"].as_str().unwrap()
    ))
    .await
    .expect(503);
    let without = scrape(&app).await;
    expect(&without, "image_handler_database_available", 0);
    let find = "image_handler_database_queries_total{operation=\"find\",outcome=\"timeout\"}";
    expect(&without, find, 1);
    assert!(without.value("image_handler_uploads_free_bytes").is_nan());
    for _ in 0..20 {
        scrape(&app).await;
    }
    expect(&scrape(&app).await, find, 1);
    assert!(s3.sent() == until_now, "S3 was asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_s3_does_not_answer_is_counted_as_such() {
    let (app, s3) = TestApp::start_behind_gate(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    s3.hold();
    let (id, token) = (
        image["id"].as_str().unwrap(),
        image["delete_token"].as_str().unwrap(),
    );
    app.delete(id, token).await.expect(204);
    let scraped = scrape(&app).await;
    expect(
        &scraped,
        "image_handler_s3_requests_total{operation=\"DeleteObject\",outcome=\"timeout\"}",
        1,
    );
    expect(&scraped, "image_handler_s3_available", 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_strangers_ask_for_the_series_stay_few() {
    let app = TestApp::start(Engine::Sqlite).await;
    let odd = |number: u32| {
        let method = Method::from_bytes(format!("METHOD{number}").as_bytes()).unwrap();
        app.request(method, &format!("/nowhere/{number}"))
    };
    app.send(odd(0)).await.expect(405);
    app.get("/i/none.jpg").await.expect(404);
    let first = scrape(&app).await;
    for number in 1..20 {
        app.send(odd(number)).await.expect(405);
        app.get(&format!("/i/none{number}.jpg")).await.expect(404);
    }
    let later = scrape(&app).await;
    let seen =
        "image_handler_http_requests_total{method=\"other\",route=\"client\",status=\"405\"}";
    expect(&later, seen, 20);
    let images =
        "image_handler_http_requests_total{method=\"GET\",route=\"/i/{name}\",status=\"404\"}";
    expect(&later, images, 20);
    // The first scrape has ended and is counted by the second.
    let of_scrapes = |series: &&str| series.contains("/metrics");
    let first: Vec<&str> = first.series().filter(|each| !of_scrapes(each)).collect();
    let later: Vec<&str> = later.series().filter(|each| !of_scrapes(each)).collect();
    assert_eq!(first, later);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_are_refused_at_the_door_or_given_up_are_counted_too() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        let rate = config.protection.upload_rate.as_mut().unwrap();
        rate.requests = 2.try_into().unwrap();
        config.protection.read_rate = None;
    })
    .await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let head = raw::head("Content-Length: 1000\r\n");
    stream.write_all(&head).await.unwrap();
    let host = &app.host;
    until("it is being received", || async {
        scrape(host)
            .await
            .value("image_handler_http_requests_in_flight")
            > 1.0
    })
    .await;
    drop(stream);
    until("it is given up", || async {
        let scraped = scrape(host).await;
        ["aborted", "multipart-malformed"]
            .iter()
            .any(|outcome| scraped.value(&uploads(outcome)) > 0.0)
    })
    .await;
    app.upload_photo().await;
    app.upload(form("Ada", photo()))
        .await
        .expect_error(429, "rate-limited");
    let foreign = app.upload_request(form("Ada", photo()));
    let foreign = foreign.header("Origin", "https://elsewhere.example");
    app.send(foreign).await.expect_error(429, "rate-limited");
    expect(&scrape(&app).await, &uploads("rate-limited"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_its_version_and_its_disk_are_described() {
    let mut app = TestApp::start(Engine::Sqlite).await;
    app.host.stop().await;
    std::fs::write(app.uploads.path().join("journal/stray.json"), "{").unwrap();
    app.host.restart().await;
    let scraped = scrape(&app).await;
    for name in [
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
        "process_threads",
    ] {
        assert!(scraped.value(name) > 0.0, "{name}");
    }
    assert!(scraped.has("process_cpu_seconds_total"));
    let version = env!("CARGO_PKG_VERSION");
    expect(
        &scraped,
        &format!("image_handler_build_info{{version=\"{version}\"}}"),
        1,
    );
    expect(&scraped, "image_handler_journal_unreadable_files", 1);
    let free = scraped.value("image_handler_uploads_free_bytes");
    assert!(free > 0.0 && free <= scraped.value("image_handler_uploads_size_bytes"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_services_in_one_process_count_apart() {
    let app = TestApp::start(Engine::Sqlite).await;
    let other = app.another_host().await;
    app.upload_photo().await;
    expect(&scrape(&app).await, &uploads("created"), 1);
    expect(&scrape(&other).await, &uploads("created"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_scrapes_nor_probes_count_against_the_rate_of_reads() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        let rate = config.protection.read_rate.as_mut().unwrap();
        rate.requests = 1.try_into().unwrap();
    })
    .await;
    app.get("/api/v1/limits").await.expect(200);
    app.get("/api/v1/limits")
        .await
        .expect_error(429, "rate-limited");
    for path in ["/metrics", "/livez", "/readyz"] {
        app.get(path).await.expect(200);
        app.send(app.request(Method::HEAD, path)).await.expect(200);
    }
}
