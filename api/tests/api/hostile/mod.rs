//! What strangers send who mean no good, written byte by byte to the executable's socket.
//!
//! One module for each concern, one table in it, one row for each attack: its name, the request, what has to
//! come of it. After every attack an upload still has to work. At the end of a table the process has to stop
//! cleanly, without a panic or an error in its log, and there have to be as many files, objects and rows as
//! images were taken. All that went wrong is collected and said at once.

mod bombs;
mod content;
mod file_names;
mod framing;
mod headers;
mod inspection;
mod load;
mod multipart;
mod ownership;
mod paths;
mod texts;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::helpers::answer::Answer;
use crate::helpers::app::{files_below, form};
use crate::helpers::database::{Engine, TestDatabase};
use crate::helpers::fixtures::photo;
use crate::helpers::process::{Running, command};
use crate::helpers::{report, until};

/// Who waits longer than this for an answer waits for ever. It says nothing about speed.
const HANG: Duration = Duration::from_secs(5);
/// What attacks name as a host, so that it can be looked for in answers.
const EVIL: &str = "evil.example";

/// What has to come of an attack.
#[derive(Clone, Debug)]
enum Expected {
    /// A status from 400 to 499, or, for what is no HTTP, a closed connection.
    Refused,
    /// This error.
    Error(u16, &'static str),
    /// An image is taken: what is odd but valid.
    Taken,
    /// Either of these: the image is there as a whole, the request is not.
    Either,
    /// An answer with this status that takes no image.
    Status(u16),
}
use Expected::{Either, Error, Refused, Status, Taken};

/// One attack.
struct Attack {
    name: String,
    request: Vec<u8>,
    expected: Expected,
    /// The client says that nothing more comes, and all is read that the service says until it closes too.
    ends: bool,
}

fn attack(name: impl Into<String>, request: impl Into<Vec<u8>>, expected: Expected) -> Attack {
    Attack {
        name: name.into(),
        request: request.into(),
        expected,
        ends: false,
    }
}

impl Attack {
    /// The request is less than it says to be: without an end the service would be right to wait.
    fn cut(self) -> Self {
        Self { ends: true, ..self }
    }
}

/// The executable under attack, on SQLite and the S3 endpoint inside it.
struct Target {
    group: &'static str,
    /// The folder of the uploads, with the SQLite file in it.
    database: TestDatabase,
    uploads: PathBuf,
    /// Written to a file, as nobody empties a pipe meanwhile.
    log: tempfile::NamedTempFile,
    running: Running,
    address: SocketAddr,
    client: reqwest::Client,
    attacks: usize,
    taken: usize,
    deleted: usize,
    server_errors: usize,
    hangs: usize,
    failures: Vec<String>,
    current: Current,
}

impl Target {
    async fn start(group: &'static str) -> Self {
        Self::start_with(group, &[("UPLOAD_RATE", "off"), ("READ_RATE", "off")]).await
    }

    /// Starts with these environment variables.
    async fn start_with(group: &'static str, variables: &[(&str, &str)]) -> Self {
        let database = TestDatabase::new(Engine::Sqlite).await;
        let TestDatabase::Sqlite { folder } = &database else {
            unreachable!("it was asked for SQLite")
        };
        let uploads = folder.path().to_owned();
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = command(&uploads);
        command
            .envs(variables.iter().copied())
            .stderr(Stdio::from(File::create(log.path()).unwrap()));
        let running = Running::spawn(command);
        let address = running.address.trim_start_matches("http://");
        Self {
            group,
            database,
            uploads,
            log,
            address: address.parse().unwrap(),
            running,
            client: reqwest::Client::new(),
            attacks: 0,
            taken: 0,
            deleted: 0,
            server_errors: 0,
            hangs: 0,
            failures: Vec::new(),
            current: Current::default(),
        }
    }

    /// Carries out the attacks one after the other.
    async fn attack_all(&mut self, attacks: Vec<Attack>) {
        for attack in attacks {
            self.attack(attack).await;
        }
    }

    /// Carries out one attack, checks what came of it, and that uploads still work. The first answer is given,
    /// unless the connection was closed without one.
    async fn attack(&mut self, attack: Attack) -> Option<Answer> {
        let Attack {
            name,
            request,
            expected,
            ends,
        } = attack;
        self.attacks += 1;
        self.current.0 = name;
        let Some(received) = exchange(self.address, &request, ends).await else {
            self.hangs += 1;
            self.fail(&format!("no answer within {HANG:?}"));
            return None;
        };
        let mut answers = answers(&received).into_iter();
        let answer = answers.next();
        self.check(answer.as_ref(), &expected);
        // What follows a request may be refused as no HTTP. It may not be carried out.
        let others: Vec<u16> = answers
            .filter(|answer| answer.status != 400 || answer.headers.contains_key("x-request-id"))
            .map(|answer| answer.status.as_u16())
            .collect();
        if !others.is_empty() {
            self.fail(&format!("more answers than one: {others:?}"));
        }
        if String::from_utf8_lossy(&received)
            .to_lowercase()
            .contains(EVIL)
        {
            self.fail("the answer repeats what the attack named as host");
        }
        self.upload_photo().await;
        answer
    }

    fn check(&mut self, answer: Option<&Answer>, expected: &Expected) {
        let Some(answer) = answer else {
            if !matches!(expected, Refused | Either) {
                self.fail(&format!("the connection was closed, expected {expected:?}"));
            }
            return;
        };
        let status = answer.status.as_u16();
        // Requests that are no HTTP are answered by the HTTP server with a bare status.
        if answer.headers.contains_key("x-request-id") {
            answer.check();
        } else if !(matches!(status, 400 | 408 | 414 | 431) && answer.bytes.is_empty()) {
            self.fail(&format!("status {status} without a request id"));
        }
        self.server_errors += usize::from(status >= 500);
        self.taken += usize::from(status == 201);
        self.deleted += usize::from(status == 204);
        let as_expected = match expected {
            Refused => (400..500).contains(&status),
            Error(expected, code) => status == *expected && answer.code() == *code,
            Taken => status == 201,
            Either => status == 201 || (400..500).contains(&status),
            Status(expected) => status == *expected && status != 201,
        };
        if !as_expected {
            let text: String = answer.text().chars().take(300).collect();
            self.fail(&format!("{status}, expected {expected:?}: {text}"));
        }
    }

    fn fail(&mut self, what: &str) {
        self.failures.push(format!("{}: {what}", self.current.0));
    }

    /// An upload as anybody may send it, on another connection.
    async fn upload_photo(&mut self) -> Value {
        let request = self
            .client
            .post(format!("{}/api/v1/images", self.running.address));
        let answer = request.multipart(form("Ada", photo())).send().await;
        let answer = Answer::read(answer.unwrap()).await.expect(201);
        self.taken += 1;
        answer.json()
    }

    async fn get(&self, path: &str) -> Answer {
        let request = self.client.get(format!("{}{path}", self.running.address));
        Answer::read(request.send().await.unwrap()).await
    }

    /// Stops the process and looks what is left: in the uploads folder, in the bucket, in the database, in the
    /// log.
    async fn finish(mut self) {
        self.current.0 = String::from("at the end");
        let left = self.taken - self.deleted;
        // S3 may answer later than an upload does. A delete is kept in mind until no upload can be under way.
        let is_settled = || async {
            let entries = self.below("journal");
            let settled = self.uploads.join("journal/settled");
            let owed = entries.iter().filter(|path| !path.starts_with(&settled));
            owed.count() <= self.deleted
        };
        until("nothing is owed", is_settled).await;
        let rows = self.database.rows().await;
        let rows = rows.iter().filter(|row| row.deleted == 0).count();
        let counts = [
            ("local copies", self.below("originals").len()),
            ("objects", self.below("s3/local/images").len()),
            ("rows", rows),
        ];
        for (what, count) in counts {
            if count != left {
                self.fail(&format!("{count} {what} for {left} images"));
            }
        }
        self.look_for_strange_files();
        let Self {
            group,
            attacks,
            taken,
            deleted,
            server_errors,
            hangs,
            mut failures,
            running,
            log,
            ..
        } = self;
        let (status, _) = running.terminate();
        if status.code() != Some(0) {
            failures.push(format!("at the end: the process ended with {status}"));
        }
        let log = std::fs::read_to_string(log.path()).unwrap();
        let panics = log.matches("panicked").count();
        for line in log.lines() {
            // Whatever begins otherwise has been written by an attack.
            if !line.starts_with("[20") || line.contains(" ERROR ") {
                failures.push(format!("a line in the log: {line:?}"));
            }
        }
        report(&format!(
            "hostile: {group}: {attacks} requests, {server_errors} server errors, {panics} panics, {hangs} hangs, \
             {taken} images taken, {deleted} deleted"
        ));
        let report = failures.iter().fold(String::new(), |mut report, failure| {
            let _ = writeln!(report, "- {failure}");
            report
        });
        assert!(
            failures.is_empty() && server_errors + panics + hangs == 0,
            "{group}:\n{report}"
        );
    }

    fn below(&self, folder: &str) -> Vec<PathBuf> {
        files_below(&self.uploads.join(folder))
    }

    /// No name that a client sent may have become one on disk.
    fn look_for_strange_files(&mut self) {
        const KNOWN: [&str; 12] = [
            "journal",
            "last-sweep",
            "last-tombstones",
            "lock",
            "metadata.db",
            "metadata.db-shm",
            "metadata.db-wal",
            "originals",
            "s3",
            "secret",
            "swept",
            "tmp",
        ];
        let entries = std::fs::read_dir(&self.uploads).unwrap();
        let mut strange: BTreeSet<PathBuf> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                !KNOWN
                    .iter()
                    .any(|known| path.ends_with(known) || path.ends_with("variants"))
            })
            .collect();
        strange.extend(
            self.below("originals")
                .into_iter()
                .filter(|path| !is_named_by_id(path)),
        );
        strange.extend(self.below("tmp"));
        if !strange.is_empty() {
            self.fail(&format!("strange files: {strange:?}"));
        }
    }
}

/// The name of the attack that is under way, said should a check in between fail.
#[derive(Default)]
struct Current(String);

impl Drop for Current {
    #[expect(clippy::print_stderr, reason = "the test fails, and this says where")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the attack was: {}", self.0);
        }
    }
}

/// A day's folder, an id, the extension of a type.
fn is_named_by_id(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let id = path.file_stem().and_then(|stem| stem.to_str());
    matches!(extension, Some("jpg" | "png" | "gif" | "webp"))
        && id.is_some_and(|id| {
            id.parse::<image_handler::domain::ImageId>().is_ok() && path.parent().is_some()
        })
}

/// Sends a request and receives what comes back: one answer, or with `ends` everything until the service closes
/// the connection. `None` when that takes too long.
async fn exchange(address: SocketAddr, request: &[u8], ends: bool) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let sending = async {
        // The service may stop reading before all is sent.
        let _ = writer.write_all(request).await;
        if ends {
            let _ = writer.shutdown().await;
        }
        std::future::pending::<()>().await;
    };
    let receiving = async {
        let mut received = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        while ends || !is_complete(&received) {
            match reader.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(count) => received.extend_from_slice(&buffer[..count]),
            }
        }
        received
    };
    let both = async {
        tokio::select! {
            () = sending => Vec::new(),
            received = receiving => received,
        }
    };
    tokio::time::timeout(HANG, both).await.ok()
}

/// Whether the first answer is there as a whole.
fn is_complete(received: &[u8]) -> bool {
    take_answer(received).is_some_and(|(answer, _)| !answer.status.is_informational())
}

/// The answers in what was received, without those that only say "go on".
fn answers(mut received: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let Some((answer, rest)) = take_answer(received) {
        if !answer.status.is_informational() {
            answers.push(answer);
        }
        received = rest;
    }
    assert!(
        received.is_empty(),
        "no whole answer: {:?}",
        String::from_utf8_lossy(received)
    );
    answers
}

/// The first answer and what follows it. Answers without a length of their own have no content.
fn take_answer(received: &[u8]) -> Option<(Answer, &[u8])> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&received[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers: HeaderMap = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            let value = HeaderValue::from_str(value.trim()).unwrap();
            (name.parse::<HeaderName>().unwrap(), value)
        })
        .collect();
    assert!(!headers.contains_key("transfer-encoding"), "{head}");
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.to_str().unwrap().parse().unwrap());
    let content = &received[end + 4..];
    let answer = Answer {
        status: StatusCode::from_bytes(status.as_bytes()).unwrap(),
        headers,
        bytes: content.get(..length)?.to_vec(),
    };
    Some((answer, &content[length..]))
}

/// One after the other.
fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A GET request for this target.
fn get(target: &[u8]) -> Vec<u8> {
    join(&[
        b"GET ",
        target,
        b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ])
}

/// An upload request with this body, whose boundary is `b`, and these further header lines.
fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    post_as("multipart/form-data; boundary=b", headers, body)
}

fn post_as(content_type: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /api/v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: {content_type}\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    join(&[head.as_bytes(), body])
}

/// A part of a form: its header lines, without the last line break, and its content.
fn part(headers: &[u8], content: &[u8]) -> Vec<u8> {
    join(&[b"--b\r\n", headers, b"\r\n\r\n", content, b"\r\n"])
}

fn text_part(name: &str, text: &[u8]) -> Vec<u8> {
    part(
        format!("Content-Disposition: form-data; name=\"{name}\"").as_bytes(),
        text,
    )
}

fn file_part(name: &str, content: &[u8]) -> Vec<u8> {
    let disposition = format!(
        "Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: image/jpeg"
    );
    part(disposition.as_bytes(), content)
}

/// A form of these parts, closed.
fn body(parts: &[Vec<u8>]) -> Vec<u8> {
    join(&[&parts.concat(), b"--b--\r\n"])
}

/// The form that is taken, with whatever comes between its parts.
fn good_body() -> Vec<u8> {
    body(&[text_part("uploader", b"Eve"), file_part("a.jpg", &photo())])
}
