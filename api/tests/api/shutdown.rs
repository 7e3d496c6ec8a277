//! How the executable ends.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::helpers::app::{files_below, form};
use crate::helpers::fixtures::photo;
use crate::helpers::gate::Gate;
use crate::helpers::process::{Running, command};
use crate::helpers::raw;
use crate::helpers::s3::{BUCKET, TestS3};

/// An upload that is being received and stays without its end. What is sent later is not answered either.
fn begin_upload(running: &Running) -> TcpStream {
    let body = raw::form(&photo(), true);
    let mut stream = TcpStream::connect(running.address.strip_prefix("http://").unwrap()).unwrap();
    let headers = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", body.len());
    stream.write_all(&raw::head(&headers)).unwrap();
    // It asks for the body: by then the request has been taken up.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&body[..body.len() / 2]).unwrap();
    stream
}

async fn upload(running: &Running) -> Value {
    let request = reqwest::Client::new().post(format!("{}/api/v1/images", running.address));
    let answer = request.multipart(form("Ada", photo())).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

fn stops_within(uploads: &TempDir, seconds: &str) -> Command {
    let mut command = command(uploads.path());
    command.env("SHUTDOWN_SECONDS", seconds);
    command
}

#[tokio::test]
async fn an_upload_that_does_not_end_is_cut_off_and_what_was_acknowledged_stays() {
    let uploads = TempDir::new().unwrap();
    let running = Running::spawn(stops_within(&uploads, "1"));
    let image = upload(&running).await;
    let mut stream = begin_upload(&running);
    let (status, log) = running.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    let mut answer = Vec::new();
    // Cut off: the end of the connection, in one way or the other.
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(files_below(&uploads.path().join("originals")).len(), 1);
    assert!(files_below(&uploads.path().join("tmp")).is_empty());

    let running = Running::start(uploads.path());
    let path = format!("/api/v1/images/{}", image["id"].as_str().unwrap());
    let found = reqwest::get(format!("{}{path}", running.address)).await;
    assert_eq!(found.unwrap().status(), 200);
    assert_eq!(running.terminate().0.code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let uploads = TempDir::new().unwrap();
    let running = Running::spawn(stops_within(&uploads, "3600"));
    let _stream = begin_upload(&running);
    running.signal_term();
    running.has_heard();
    let (status, log) = running.terminate();
    assert_eq!(status.code(), Some(128 + 15), "{log}");
    assert!(log.contains("a second signal stops at once"), "{log}");
    assert!(log.contains("stopped at once"), "{log}");
    assert!(files_below(&uploads.path().join("originals")).is_empty());
}

#[test]
fn a_signal_while_it_starts_ends_it_in_good_order() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let uploads = TempDir::new().unwrap();
    let mut command = command(uploads.path());
    let database = format!("mysql://u@{}/d", silent.local_addr().unwrap());
    command.env("DATABASE_URL", database);
    let mut starting = Running::begin(command);
    // It has come to the database, and waits for that.
    silent.set_nonblocking(true).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let connection = loop {
        match silent.accept() {
            Ok(connection) => break connection,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        assert!(starting.ended().is_none() && Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    };
    let (status, log) = starting.terminate();
    assert_eq!(status.code(), Some(0), "{status}: {log}");
    drop(connection);
}

/// Asks for a small answer on a connection that stays open.
fn ask(stream: &mut TcpStream) {
    let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\nok") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
}

#[test]
fn connections_that_clients_keep_open_do_not_hold_it_up() {
    let uploads = TempDir::new().unwrap();
    let running = Running::spawn(stops_within(&uploads, "3600"));
    let address = running.address.strip_prefix("http://").unwrap().to_owned();
    let mut kept = TcpStream::connect(&address).unwrap();
    ask(&mut kept);
    let silent = TcpStream::connect(&address).unwrap();
    let upload = begin_upload(&running);

    running.signal_term();
    running.has_heard();
    kept.set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    assert_eq!(kept.read(&mut [0]).unwrap(), 0, "it is closed");
    // The upload is given up by its client; the other connection stays open on that side.
    drop(upload);
    let (status, log) = running.end();
    assert_eq!(status.code(), Some(0), "{log}");
    drop(silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publication_that_goes_on_after_its_answer_gets_to_its_end() {
    let s3 = TestS3::start().await;
    let gate = Gate::to(s3.address()).await;
    let uploads = TempDir::new().unwrap();
    let mut command = command(uploads.path());
    command
        .env("S3_ENDPOINT", format!("http://{}", gate.address()))
        .env("S3_BUCKET", BUCKET)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test-secret");
    let running = Running::spawn(command);
    gate.hold();
    let image = upload(&running).await;
    assert_eq!(image["storage"]["s3"], "pending");
    running.signal_term();
    running.has_heard();
    gate.let_go();
    let (status, log) = running.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(s3.objects().len(), 1);
    let journal = uploads.path().join("journal");
    assert!(files_below(&journal).is_empty(), "nothing is owed any more");
}
