//! Clients that take their time, and that hold places for uploads.

use std::time::Duration;

use image_handler::config::UploadPace;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::helpers::app::{Host, TestApp, form};
use crate::helpers::database::{Engine, TestDatabase};
use crate::helpers::fixtures::{fixture, photo};
use crate::helpers::{raw, until};

async fn with_pace(deadline: Duration, window: Duration, min_bytes_per_second: u64) -> TestApp {
    TestApp::start_with(Engine::Sqlite, |config| {
        config.protection.upload_pace = UploadPace {
            deadline,
            min_bytes_per_second,
            window,
        };
    })
    .await
}

const NEVER: Duration = Duration::from_hours(1);

/// An upload whose last byte is held back.
struct HeldUpload {
    stream: TcpStream,
    last: u8,
}

impl HeldUpload {
    async fn start(host: &Host) -> Self {
        let body = raw::form(&photo(), true);
        let mut stream = TcpStream::connect(host.address).await.unwrap();
        let head = raw::head(&format!("Content-Length: {}\r\n", body.len()));
        stream.write_all(&head).await.unwrap();
        let (last, rest) = body.split_last().unwrap();
        stream.write_all(rest).await.unwrap();
        Self {
            stream,
            last: *last,
        }
    }

    async fn finish(mut self) -> String {
        self.stream.write_all(&[self.last]).await.unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// Sends the body byte by byte until the service has had enough, and gives its answer.
async fn dribble(host: &Host, framing: &str, body: &[u8]) -> String {
    let stream = TcpStream::connect(host.address).await.unwrap();
    let (mut receive, mut send) = stream.into_split();
    send.write_all(&raw::head(framing)).await.unwrap();
    let body = body.to_vec();
    let sending = tokio::spawn(async move {
        for byte in body {
            if send.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The connection is the service's to close.
        std::future::pending::<()>().await;
    });
    let mut answer = Vec::new();
    let read =
        tokio::time::timeout(Duration::from_secs(30), receive.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection stays open");
    sending.abort();
    String::from_utf8_lossy(&answer).into_owned()
}

fn assert_too_slow(answer: &str) {
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("upload-too-slow"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_dribbles_is_too_slow_however_it_is_framed() {
    let app = with_pace(NEVER, Duration::from_millis(200), 1_000_000).await;
    let body = vec![b'x'; 100_000];
    let form = [raw::form(b"", false), body].concat();
    let framing = format!("Content-Length: {}\r\n", form.len());
    assert_too_slow(&dribble(&app, &framing, &form).await);
    // A chunk that never ends.
    let chunk = [b"20000\r\n".to_vec(), form].concat();
    assert_too_slow(&dribble(&app, "Transfer-Encoding: chunked\r\n", &chunk).await);
    // Nothing at all, in the body or in the middle of it.
    assert_too_slow(&dribble(&app, "Content-Length: 1000\r\n", b"").await);
    app.assert_empty("slow bodies").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_never_ends_meets_the_deadline() {
    let app = with_pace(Duration::from_millis(300), NEVER, 0).await;
    let form = raw::form(&vec![b'x'; 100_000], false);
    let framing = format!("Content-Length: {}\r\n", form.len());
    assert_too_slow(&dribble(&app, &framing, &form).await);
    app.assert_empty("a body without end").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_steady_client_is_taken_over_many_windows() {
    let app = with_pace(NEVER, Duration::from_millis(20), 0).await;
    // No speed is asked for, so a pause over many windows is forgiven.
    let upload = HeldUpload::start(&app).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = upload.finish().await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_never_ends_is_given_up() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.protection.request_head_timeout = Duration::from_millis(200);
    })
    .await;
    let answer = raw::send(
        app.address,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-",
        false,
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_beyond_the_bound_are_refused_at_once_and_places_come_back() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        // One of them is kept for other clients.
        config.protection.max_uploads_in_flight = Some(3);
    })
    .await;
    let first = HeldUpload::start(&app).await;
    let second = HeldUpload::start(&app).await;
    // Nothing of the body is needed for the answer.
    let head = raw::head("Content-Length: 100000\r\n");
    let is_busy = || async {
        let answer = raw::send(app.address, &head, true).await;
        answer.starts_with("HTTP/1.1 503") && answer.contains("uploads-busy")
    };
    until("both places are taken", is_busy).await;
    let refused = app.upload(form("Ada", photo())).await;
    let refused = refused.expect_error(503, "uploads-busy");
    assert_eq!(refused.header("retry-after"), "2");
    // Reads go on.
    app.get("/api/v1/images").await.expect(200);

    let answer = first.finish().await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    // A client that goes away leaves its place too.
    drop(second);
    let both_free = || async {
        let one = HeldUpload::start(&app).await;
        let other = app.upload(form("Ada", photo())).await;
        drop(one);
        other.status == 201
    };
    until("both places are free", both_free).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_form_leaves_its_place() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.protection.max_uploads_in_flight = Some(1);
    })
    .await;
    for _ in 0..3 {
        app.upload(form("", photo()))
            .await
            .expect_error(400, "validation-failed");
        app.upload_photo().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_there_is_no_memory_for_is_refused() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.limits.max_upload_bytes = u64::MAX / 2;
    })
    .await;
    let refused = app.upload(form("Ada", photo())).await;
    refused.expect_error(503, "uploads-busy");
    app.assert_empty("no memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_is_taken_until_the_image_is_on_disk_also_when_metadata_was_removed() {
    let app = TestApp::start_with(Engine::Mariadb, |config| {
        config.protection.max_uploads_in_flight = Some(1);
    })
    .await;
    let TestDatabase::Mariadb { gate, .. } = &app.database else {
        unreachable!("it was asked for MariaDB")
    };
    gate.hold();
    let key = uuid::Uuid::now_v7().to_string();
    let photo = fixture("exiftool-orientation-6-gps.jpg");
    let upload = async {
        loop {
            let upload = form("Ada", photo.clone());
            let answer = app.upload_with_key(&key, upload).await;
            // A probe was faster and had the place.
            if answer.status != 503 {
                return answer;
            }
        }
    };
    let meanwhile = async {
        let is_busy = async || {
            let answer = raw::send(app.address, &raw::head("Content-Length: 10\r\n"), true).await;
            answer.starts_with("HTTP/1.1 503")
        };
        until("the place is taken", is_busy).await;
        // The database is asked for the key and does not answer. By the first of these the file has been read,
        // inspected and stripped, and what is left of it is still in memory.
        for probe in 0..50 {
            assert!(is_busy().await, "the place is free again at probe {probe}");
        }
        gate.let_go();
    };
    let (first, ()) = futures_util::future::join(upload, meanwhile).await;
    first.expect(201);
}
