//! A MariaDB, a bucket behind a gate, and hosts that are processes of their own.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;

use crate::helpers::app::form;
use crate::helpers::database::{Engine, TestDatabase};
use crate::helpers::exposition::Exposition;
use crate::helpers::gate::Gate;
use crate::helpers::process::{Running, command};
use crate::helpers::s3::{BUCKET, TestS3, credentials};
use crate::helpers::{journal, ports};

/// How long a sound host may take for anything, on a very busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the hosts share.
pub(super) struct Stack {
    pub(super) database: TestDatabase,
    pub(super) s3: TestS3,
    pub(super) s3_gate: Gate,
    http: Client,
}

impl Stack {
    pub(super) async fn prepare() -> Self {
        let s3 = TestS3::start().await;
        let s3_gate = Gate::to(s3.address()).await;
        Self {
            database: TestDatabase::new(Engine::Mariadb).await,
            s3,
            s3_gate,
            http: Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
        }
    }

    /// A host that has not been started, with an empty uploads folder.
    pub(super) async fn new_host(&self) -> HostProcess {
        let image_handler::db::DbConfig::Mysql { url, .. } = self.database.direct_config().await
        else {
            panic!("hosts share a server")
        };
        let credentials = credentials();
        let folder = tempfile::tempdir().unwrap();
        HostProcess {
            uploads: folder.path().join("uploads"),
            log: folder.path().join("log"),
            folder,
            listen: ports::reserve(),
            running: None,
            http: self.http.clone(),
            environment: vec![
                ("DATABASE_URL", url),
                ("S3_BUCKET", BUCKET.to_owned()),
                ("S3_ENDPOINT", format!("http://{}", self.s3_gate.address())),
                (
                    "S3_PUBLIC_URL",
                    format!("http://{}/{BUCKET}", self.s3.address()),
                ),
                ("AWS_REGION", "us-east-1".to_owned()),
                ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
                ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
                ("SECRET", "the secret that all the hosts share".to_owned()),
                ("UPLOAD_RATE", "off".to_owned()),
                ("READ_RATE", "off".to_owned()),
            ],
        }
    }

    /// Fetches a URL without following it: the status, where it leads, and the bytes. `None` without an answer.
    pub(super) async fn fetch(&self, url: &str) -> Option<(u16, Option<String>, Vec<u8>)> {
        let answer = self.http.get(url).send().await.ok()?;
        let status = answer.status().as_u16();
        let location = answer.headers().get("location");
        let location = location.map(|value| value.to_str().unwrap().to_owned());
        Some((status, location, answer.bytes().await.ok()?.to_vec()))
    }
}

/// A host of the stack as a process, and its folder.
pub(super) struct HostProcess {
    running: Option<Running>,
    pub(super) uploads: PathBuf,
    log: PathBuf,
    listen: SocketAddr,
    environment: Vec<(&'static str, String)>,
    http: Client,
    folder: TempDir,
}

impl HostProcess {
    pub(super) fn base(&self) -> String {
        format!("http://{}", self.listen)
    }

    fn command(&self) -> Command {
        let mut command = command(&self.uploads);
        command
            .env("LISTEN", self.listen.to_string())
            .envs(self.environment.iter().cloned());
        command
    }

    /// Starts the process and waits for nothing.
    pub(super) fn spawn(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let mut command = self.command();
        command.stdout(Stdio::null()).stderr(log.unwrap());
        self.running = Some(Running::begin(command));
    }

    /// Waits until it answers.
    pub(super) async fn ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let address = format!("{}/livez", self.base());
        while !self
            .http
            .get(&address)
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 200)
        {
            let ended = self.running.as_mut().unwrap().ended();
            assert!(ended.is_none(), "it ended: {}", self.logged());
            assert!(Instant::now() < deadline, "it does not answer");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn start(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// `kill -9`. When this returns, the process is gone.
    pub(super) fn kill(&mut self) {
        self.running = None;
    }

    /// SIGTERM, without waiting for the end.
    pub(super) fn signal_term(&self) {
        self.running.as_ref().unwrap().signal_term();
    }

    /// Waits until it takes no connections any more.
    pub(super) async fn has_heard(&self) {
        let deadline = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(self.listen).await.is_ok() {
            assert!(Instant::now() < deadline, "it goes on accepting");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for the end of a process that was told to end.
    pub(super) async fn end(&mut self) -> ExitStatus {
        let running = self.running.take().unwrap();
        let ended = tokio::task::spawn_blocking(move || running.end().0);
        ended.await.unwrap()
    }

    /// `kill -9` of the machine with its disk: nothing of this host is left.
    pub(super) fn terminate_for_good(self) {
        let Self {
            running, folder, ..
        } = self;
        drop(running);
        folder.close().unwrap();
    }

    /// Uploads, and gives the image.
    pub(super) async fn upload(&self, bytes: Vec<u8>) -> Value {
        let request = self.http.post(format!("{}/api/v1/images", self.base()));
        let answer = request.multipart(form("Ada", bytes)).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json().await.unwrap()
    }

    /// The ids of all images that it lists, in its order.
    pub(super) async fn listed(&self) -> Vec<String> {
        let mut ids = Vec::new();
        let mut cursor = String::new();
        loop {
            let address = format!("{}/api/v1/images?limit=100{cursor}", self.base());
            let answer = self.http.get(address).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let page: Value = answer.json().await.unwrap();
            let items = page["items"].as_array().unwrap().iter();
            ids.extend(items.map(|item| item["id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return ids,
            }
        }
    }

    /// How many images its metrics call pending, as whoever drains the host sees it.
    pub(super) async fn pending(&self) -> f64 {
        let address = format!("{}/metrics", self.base());
        let text = self.http.get(address).send().await.unwrap().text().await;
        let read = Exposition::read(&text.unwrap());
        assert!(read.has("image_handler_pending_images"));
        read.value("image_handler_pending_images")
    }

    /// How many images its journal owes something for.
    pub(super) fn owes(&self) -> usize {
        journal::owed(&self.uploads).len()
    }

    /// Runs `reconcile` beside it, as on one of several hosts, and gives what it finds: nothing, if all is well.
    pub(super) async fn reconcile(&self) -> Vec<String> {
        let mut command = self.command();
        command.args(["reconcile", "--several-hosts", "--json"]);
        let ended = tokio::task::spawn_blocking(move || command.output());
        let ended = ended.await.unwrap().unwrap();
        let told = String::from_utf8(ended.stdout).unwrap();
        // The last line is the summary; each before it is a finding.
        let mut lines: Vec<String> = told.lines().map(str::to_owned).collect();
        assert!(
            lines.pop().is_some(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        assert_eq!(ended.status.success(), lines.is_empty(), "{told}");
        lines
    }

    pub(super) fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Its log has neither a panic nor an error.
    pub(super) fn assert_quiet(&self) {
        let log = self.logged();
        assert!(!log.contains("panicked at"), "{log}");
        assert!(!log.contains(" ERROR "), "{log}");
    }

    /// Its local copies.
    pub(super) fn copies(&self) -> Vec<PathBuf> {
        crate::helpers::app::files_below(&self.originals())
    }

    fn originals(&self) -> PathBuf {
        Path::new(&self.uploads).join("originals")
    }
}
