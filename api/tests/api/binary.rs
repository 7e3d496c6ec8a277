//! The executable itself, as a person starts it.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::helpers::app::{files_below, form};
use crate::helpers::fixtures::{photo, png_of};
use crate::helpers::process::{Running, command};
use crate::helpers::{ports, raw, report};

async fn upload(running: &Running) -> Value {
    let request =
        reqwest::Client::new().post(format!("{}/api/v1/images?who=query-text", running.address));
    let answer = request
        .multipart(form("Ada Lovelace", photo()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

async fn fetch(url: &Value) -> (u16, Vec<u8>) {
    let answer = reqwest::Client::new()
        .get(url.as_str().unwrap())
        .send()
        .await
        .unwrap();
    (
        answer.status().as_u16(),
        answer.bytes().await.unwrap().to_vec(),
    )
}

/// Notes a port of the embedded S3 endpoint that no other test takes in between two starts.
fn keep_s3_port(uploads: &Path) {
    std::fs::create_dir(uploads.join("s3")).unwrap();
    std::fs::write(uploads.join("s3/.address"), ports::reserve().to_string()).unwrap();
}

#[tokio::test]
async fn with_nothing_configured_it_stores_images_and_keeps_them_over_a_restart() {
    let uploads = TempDir::new().unwrap();
    keep_s3_port(uploads.path());
    let running = Running::start(uploads.path());
    let image = upload(&running).await;
    assert_eq!(fetch(&image["url"]).await, (200, photo()));
    assert_eq!(fetch(&image["link"]).await, (200, photo()));
    assert_eq!(files_below(&uploads.path().join("originals")).len(), 1);
    assert!(uploads.path().join("metadata.db").is_file());
    let (status, _) = running.terminate();
    assert_eq!(status.code(), Some(0));

    let running = Running::start(uploads.path());
    assert_eq!(
        fetch(&image["url"]).await,
        (200, photo()),
        "the same public URL"
    );
    let id = image["id"].as_str().unwrap();
    let request = reqwest::Client::new().delete(format!("{}/api/v1/images/{id}", running.address));
    let deleted = request
        .bearer_auth(image["delete_token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(
        deleted.status(),
        204,
        "the secret was kept, so the token still fits"
    );
    assert_eq!(running.terminate().0.code(), Some(0));
}

#[tokio::test]
async fn the_log_has_a_line_for_each_request_and_nothing_that_is_not_its_business() {
    let uploads = TempDir::new().unwrap();
    let running = Running::start(uploads.path());
    let image = upload(&running).await;
    let id = image["id"].as_str().unwrap();
    let url = format!("{}/api/v1/images/{id}?token=query-text", running.address);
    let token = image["delete_token"].as_str().unwrap();
    let request = reqwest::Client::new()
        .delete(url)
        .bearer_auth(token)
        .header("X-Request-Id", "my-delete");
    assert_eq!(request.send().await.unwrap().status(), 204);
    let (_, log) = running.terminate();

    let line = log
        .lines()
        .find(|line| line.contains("POST /api/v1/images "))
        .unwrap_or_else(|| panic!("{log}"));
    for part in ["status=201", "duration_ms=", "bytes=", "request_id="] {
        assert!(line.contains(part), "{line}");
    }
    assert!(
        log.contains(&format!("DELETE /api/v1/images/{id} status=204")),
        "{log}"
    );
    assert!(log.contains("request_id=my-delete"), "{log}");
    for private in [
        "query-text",
        token,
        "Lovelace",
        "photo.jpg",
        "Authorization",
    ] {
        assert!(!log.contains(private), "{private} in {log}");
    }
    for bad in ["WARN", "ERROR", "panicked"] {
        assert!(!log.contains(bad), "{log}");
    }
}

#[test]
fn a_wrong_configuration_stops_the_start_with_one_line_that_names_the_variable() {
    let uploads = TempDir::new().unwrap();
    let file = uploads.path().join("file");
    std::fs::write(&file, "").unwrap();
    let rows = [
        ("LISTEN", "here", "127.0.0.1:8080"),
        ("LISTEN", "192.0.2.1:1", "cannot be listened on"),
        ("UPLOADS_DIR", file.to_str().unwrap(), "name a folder"),
        ("WEB_DIR", "/nowhere", "index.html"),
        ("DATABASE_URL", "oracle://x", "mysql://"),
        (
            "DATABASE_URL",
            "sqlite:///nowhere/at/all.db",
            "cannot be opened",
        ),
        ("DATABASE_URL", "sqlite:///etc/passwd", "cannot be opened"),
        (
            "DATABASE_URL",
            "mysql://u:hunter2@127.0.0.1/d?ssl-mode=x",
            "ssl-mode",
        ),
        ("S3_ENDPOINT", "http://127.0.0.1:1", "S3_BUCKET"),
        ("S3_ACL", "everyone", "public-read"),
        ("MAX_UPLOAD_BYTES", "lots", "number of bytes"),
        ("MIN_FREE_BYTES", "lots", "number of bytes"),
        ("SECRET", "short", "openssl rand"),
        ("ADMIN_KEY", "short", "openssl rand"),
        ("PUBLIC_URL", "nowhere", "web address"),
        ("SHUTDOWN_SECONDS", "0", "from 1 to 3600"),
        ("SHUTDOWN_SECONDS", "soon", "number of seconds"),
    ];
    for (variable, value, expected) in rows {
        let output = command(&uploads.path().join("uploads"))
            .env(variable, value)
            .output()
            .unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            output.status.code(),
            Some(1),
            "{variable}={value}: {message}"
        );
        let last = message.trim_end();
        assert_eq!(last.lines().count(), 1, "{message}");
        assert!(last.starts_with("image-handler: "), "{message}");
        assert!(
            last.contains(variable) && last.contains(expected),
            "{message}"
        );
        assert!(!last.contains("hunter2"), "{message}");
    }
}

#[test]
fn a_second_process_on_the_same_folder_is_told_so() {
    let uploads = TempDir::new().unwrap();
    let running = Running::start(uploads.path());
    let output = command(uploads.path()).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message.contains("UPLOADS_DIR") && message.contains("another image-handler"),
        "{message}"
    );
    assert_eq!(running.terminate().0.code(), Some(0));
}

#[test]
fn an_upload_in_flight_is_finished_before_it_stops() {
    use std::io::Write as _;
    let uploads = TempDir::new().unwrap();
    let running = Running::start(uploads.path());
    let address = running.address.strip_prefix("http://").unwrap().to_owned();
    let body = raw::form(&photo(), true);
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    let headers = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", body.len());
    stream.write_all(&raw::head(&headers)).unwrap();
    // It asks for the body: by then the request has been taken up.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&body[..body.len() / 2]).unwrap();

    running.signal_term();
    running.has_heard();
    stream.write_all(&body[body.len() / 2..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(running.end().0.code(), Some(0));
    assert_eq!(files_below(&uploads.path().join("originals")).len(), 1);
}

/// Uploads with the last byte held back until `finish` says so. Gives the answer, whenever it comes.
async fn upload_held_back(
    address: String,
    request: Arc<Vec<u8>>,
    mut finish: watch::Receiver<bool>,
) -> String {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut receive, mut send) = stream.into_split();
    let sending = async {
        let (last, rest) = request.split_last().unwrap();
        // The service may stop reading before all is sent.
        let _ = send.write_all(rest).await;
        finish.wait_for(|finish| *finish).await.unwrap();
        let _ = send.write_all(&[*last]).await;
        std::future::pending::<()>().await;
    };
    let mut answer = vec![0; 64 * 1024];
    let length = tokio::select! {
        length = receive.read(&mut answer) => length.unwrap(),
        () = sending => 0,
    };
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_bounded_while_256_clients_send_a_megabyte_each() {
    const CLIENTS: usize = 256;
    /// What the default bound on uploads in flight allows.
    const PLACES: usize = 25;
    let uploads = TempDir::new().unwrap();
    let running = Running::start(uploads.path());
    let address = running.address.strip_prefix("http://").unwrap();
    let body = raw::form(&png_of(1_000_000), true);
    // From one address alone they would not get all the places.
    let request = |client: usize| {
        let headers = format!(
            "X-Forwarded-For: 192.0.2.{client}\r\nContent-Length: {}\r\n",
            body.len()
        );
        Arc::new([raw::head(&headers), body.clone()].concat())
    };

    let (finish, wait) = watch::channel(false);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(upload_held_back(
            address.to_owned(),
            request(client),
            wait.clone(),
        ));
    }
    for _ in PLACES..CLIENTS {
        let answer = clients.join_next().await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(
            answer.contains("uploads-busy") && answer.contains("retry-after: "),
            "{answer}"
        );
    }
    // All places are taken by clients that hold back; these are taken in at the same time.
    finish.send(true).unwrap();
    while let Some(answer) = clients.join_next().await {
        let answer = answer.unwrap();
        // With or without its record: so many at once can take the database longer than an answer waits.
        let is_taken = ["HTTP/1.1 201", "HTTP/1.1 202"]
            .iter()
            .any(|line| answer.starts_with(line));
        assert!(is_taken, "{answer}");
    }
    let peak = running.peak_memory();
    report(&format!(
        "memory: {peak} kB at most, {CLIENTS} clients of 1 MB, {PLACES} taken in at the same time"
    ));
    assert!(peak < 128 * 1024, "{peak} kB");
}

#[test]
fn it_stops_also_while_a_database_that_never_answers_is_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uploads = TempDir::new().unwrap();
    let mut command = command(uploads.path());
    command.env(
        "DATABASE_URL",
        format!("mysql://u@{}/d", silent.local_addr().unwrap()),
    );
    let running = Running::spawn(command);
    let (status, log) = running.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("migrations follow"), "{log}");
}

#[test]
fn migrate_makes_the_tables_and_ends() {
    let uploads = TempDir::new().unwrap();
    let folder = uploads.path().join("new");
    for expected in ["migrations run: 5\n", "migrations run: 0\n"] {
        // From a folder without a client, as on a host that only migrates.
        let migrate = command(&folder)
            .arg("migrate")
            .env_remove("WEB_DIR")
            .current_dir(uploads.path())
            .output();
        let output = migrate.unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
    assert!(folder.join("metadata.db").is_file());
}

#[test]
fn openapi_prints_the_document_and_help_names_every_variable() {
    let uploads = TempDir::new().unwrap();
    let output = command(uploads.path()).arg("openapi").output().unwrap();
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["info"]["title"], "image-handler");
    let help = command(uploads.path()).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for variable in [
        "LISTEN",
        "PUBLIC_URL",
        "UPLOADS_DIR",
        "WEB_DIR",
        "DATABASE_URL",
        "S3_BUCKET",
        "SECRET",
    ] {
        assert!(help.contains(variable), "{variable}");
    }
}

#[test]
fn a_flag_wins_over_its_variable() {
    let uploads = TempDir::new().unwrap();
    let output = command(uploads.path())
        .args(["--listen", "nowhere"])
        .output()
        .unwrap();
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("LISTEN: \"nowhere\"")
    );
}
