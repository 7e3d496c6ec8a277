//! The service as a process that can be killed, between a database, an S3 endpoint behind a gate, and a disk
//! whose power can be cut. The ledger lies beside all of it.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use reqwest::Client;
use tempfile::TempDir;

use super::disk::{AfterPowerCut, Disk};
use super::ledger::Ledger;
use super::load::LedgerClient;
use crate::helpers::app::files_below;
use crate::helpers::database::{Engine, TestDatabase};
use crate::helpers::gate::Gate;
use crate::helpers::process::command;
use crate::helpers::s3::{BUCKET, TestS3, credentials};
use crate::helpers::{journal, ports};

/// How long a sound service may take to carry out what it owes, on a very busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long one is waited for whose promises are broken: it may never come to that.
const PATIENCE_WITH_THE_BROKEN: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(5);

/// In the order in which it is taken apart: the process ends before its disk goes.
pub(super) struct World {
    process: Option<Process>,
    pub(super) disk: Option<Disk>,
    pub(super) after_power_cut: Option<AfterPowerCut>,
    pub(super) database: TestDatabase,
    pub(super) s3: TestS3,
    pub(super) s3_gate: Gate,
    pub(super) uploads: PathBuf,
    pub(super) ledger: Arc<Ledger>,
    pub(super) patience: Duration,
    /// Whether the service has neither bucket nor database named: both are in its uploads folder then.
    alone: bool,
    listen: SocketAddr,
    http: Client,
    broken: Option<&'static str>,
    /// Of the ledger, the log, and, with MariaDB, the uploads.
    folder: TempDir,
}

impl World {
    /// Prepares everything and starts nothing.
    pub(super) async fn prepare(engine: Engine, broken: Option<&'static str>) -> Self {
        let database = TestDatabase::new(engine).await;
        let folder = tempfile::tempdir().unwrap();
        let uploads = match &database {
            TestDatabase::Sqlite { folder } => folder.path().to_owned(),
            TestDatabase::Mariadb { .. } => folder.path().join("uploads"),
        };
        let s3 = TestS3::start().await;
        let s3_gate = Gate::to(s3.address()).await;
        let patience = if broken.is_some() {
            PATIENCE_WITH_THE_BROKEN
        } else {
            PATIENCE
        };
        Self {
            process: None,
            disk: None,
            after_power_cut: None,
            database,
            s3,
            s3_gate,
            uploads,
            ledger: Arc::new(Ledger::new(folder.path())),
            patience,
            alone: false,
            listen: ports::reserve(),
            http: Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            broken,
            folder,
        }
    }

    /// Prepares everything and starts the service.
    pub(super) async fn start(engine: Engine, broken: Option<&'static str>) -> Self {
        let mut world = Self::prepare(engine, broken).await;
        world.spawn();
        world.ready().await.unwrap();
        world
    }

    /// Starts a service that is told of no bucket and of no database: it brings its own.
    pub(super) async fn start_alone() -> Self {
        let mut world = Self::prepare(Engine::Sqlite, None).await;
        world.alone = true;
        // A port that no other test takes in between two starts.
        std::fs::create_dir(world.uploads.join("s3")).unwrap();
        std::fs::write(
            world.uploads.join("s3/.address"),
            ports::reserve().to_string(),
        )
        .unwrap();
        world.spawn();
        world.ready().await.unwrap();
        world
    }

    /// The objects, as the endpoint keeps them.
    pub(super) fn objects(&self) -> Vec<PathBuf> {
        if self.alone {
            files_below(&self.uploads.join("s3/local"))
        } else {
            self.s3.objects()
        }
    }

    /// Puts the uploads folder, and the SQLite file in it, on a disk of its own, before anything is started.
    pub(super) fn mount(&mut self) -> Result<(), String> {
        self.disk = Some(Disk::mount_new(&self.uploads)?);
        Ok(())
    }

    /// Whether one of its promises is broken on purpose.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}", self.listen)
    }

    pub(super) fn client(&self) -> LedgerClient {
        LedgerClient::new(self.base(), Arc::clone(&self.ledger))
    }

    /// Fetches a URL: the status and the bytes. `None` without an answer.
    pub(super) async fn fetch(&self, url: &str) -> Option<(u16, Vec<u8>)> {
        let answer = self.http.get(url).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.bytes().await.ok()?.to_vec()))
    }

    /// Starts the process and does not wait for it.
    pub(super) fn spawn(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        let mut command = self.command();
        command.stdout(Stdio::null()).stderr(Stdio::from(log));
        self.process = Some(Process(command.spawn().unwrap()));
    }

    /// The executable, with all that is around it.
    fn command(&self) -> Command {
        let mut command = command(&self.uploads);
        command
            .env("LISTEN", self.listen.to_string())
            .env("UPLOAD_RATE", "off")
            .env("READ_RATE", "off")
            // The disks whose power is cut are small.
            .env("MIN_FREE_BYTES", "0");
        if !self.alone {
            let credentials = credentials();
            command
                .env("S3_BUCKET", BUCKET)
                .env("S3_ENDPOINT", format!("http://{}", self.s3_gate.address()))
                .env(
                    "S3_PUBLIC_URL",
                    format!("http://{}/{BUCKET}", self.s3.address()),
                )
                .env("AWS_REGION", "us-east-1")
                .env("AWS_ACCESS_KEY_ID", credentials.access_key_id)
                .env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key);
        }
        if let TestDatabase::Mariadb { name, gate } = &self.database {
            let url = format!("mysql://root@127.0.0.1:{}/{name}", gate.address().port());
            command.env("DATABASE_URL", url);
        }
        if let Some(broken) = self.broken {
            command.env("FAILPOINTS", format!("{broken}=return"));
        }
        command
    }

    /// Runs `reconcile --repair` beside the service, which has to find nothing.
    pub(super) async fn reconcile(&self) -> Result<(), String> {
        let mut command = self.command();
        command.args(["reconcile", "--repair", "--json"]);
        let ended = tokio::task::spawn_blocking(move || command.output());
        let ended = ended.await.unwrap().unwrap();
        let told = String::from_utf8_lossy(&ended.stdout);
        // The last line is the summary; each before it is a finding.
        if ended.status.success() && told.lines().count() == 1 {
            return Ok(());
        }
        let first = told.lines().next().unwrap_or_default();
        Err(format!(
            "reconcile ends with {} and finds: {first}",
            ended.status
        ))
    }

    /// Waits until it answers. The error is the end of its log, should it have ended instead.
    pub(super) async fn ready(&mut self) -> Result<(), String> {
        let url = format!("{}/livez", self.base());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self
                .fetch(&url)
                .await
                .is_some_and(|(status, _)| status == 200)
            {
                return Ok(());
            }
            if let Some(Process(child)) = &mut self.process
                && let Some(status) = child.try_wait().unwrap()
            {
                self.process = None;
                let log = self.logged();
                let last = log.lines().last().unwrap_or_default();
                return Err(format!("the service does not start ({status}): {last}"));
            }
            tokio::time::sleep(LOOK).await;
        }
        Err("the service does not answer".to_owned())
    }

    /// `kill -9`. When this returns, the process is gone.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    /// Kills it, starts it again and waits until nothing is owed any more that could be carried out now.
    pub(super) async fn recover(&mut self) -> Result<(), String> {
        self.kill();
        self.spawn();
        self.ready().await?;
        self.settle().await
    }

    /// Waits until nothing is owed any more that could be carried out now.
    pub(super) async fn settle(&self) -> Result<(), String> {
        let deadline = Instant::now() + self.patience;
        loop {
            let owed = self.owed();
            if owed.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("{} entries are owed for ever", owed.len()));
            }
            tokio::time::sleep(4 * LOOK).await;
        }
    }

    /// The images that something is owed for. The second look for an object two minutes after its deletion does
    /// not count.
    pub(super) fn owed(&self) -> BTreeSet<String> {
        journal::owed(&self.uploads)
    }

    /// Whether the journal holds no entry at all.
    pub(super) fn journal_is_empty(&self) -> bool {
        let files = std::fs::read_dir(self.uploads.join("journal")).unwrap();
        files.flatten().all(|file| file.path().is_dir())
    }

    /// Makes every local copy old enough for the sweep, starts the service again, and waits until it has swept:
    /// what no entry and no record names is set aside then.
    pub(super) async fn sweep(&mut self) -> Result<(), String> {
        const HOUR: Duration = Duration::from_hours(1);
        self.kill();
        let now = SystemTime::now();
        for copy in files_below(&self.uploads.join("originals")) {
            backdate(&copy, now - 2 * HOUR);
        }
        let mark = self.uploads.join("last-sweep");
        let last = File::create(&mark).unwrap();
        last.set_modified(now - 3 * HOUR).unwrap();
        self.spawn();
        self.ready().await?;
        let deadline = Instant::now() + self.patience;
        while std::fs::metadata(&mark).unwrap().modified().unwrap() < now - HOUR {
            if Instant::now() > deadline {
                return Err("the sweep does not come to its end".to_owned());
            }
            tokio::time::sleep(4 * LOOK).await;
        }
        self.settle().await
    }

    pub(super) fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// A process of the service. Killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn backdate(path: &Path, to: SystemTime) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_modified(to).unwrap();
}
