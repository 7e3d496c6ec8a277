//! An uploads folder, its database, its S3 endpoint, and the process that runs on them. Looks into all four
//! directly and compares.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use reqwest::{Client, Method};
use serde_json::Value;
use tempfile::TempDir;

use crate::helpers::answer::Answer;
use crate::helpers::app::{files_below, form};
use crate::helpers::database::TestDatabase;
use crate::helpers::process::{Running, command};
use crate::helpers::s3::{BUCKET, TestS3, credentials};
use crate::helpers::until;

/// An image that was acknowledged, and the bytes that were sent.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) image: Value,
    pub(super) bytes: Vec<u8>,
}

impl Sent {
    pub(super) fn id(&self) -> String {
        self.image["id"].as_str().unwrap().to_owned()
    }

    pub(super) fn token(&self) -> &str {
        self.image["delete_token"].as_str().unwrap()
    }
}

pub(super) struct World {
    database: TestDatabase,
    pub(super) uploads: PathBuf,
    pub(super) s3: TestS3,
    /// Outside the uploads folder: its disk may be full.
    log: TempDir,
    client: Client,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::on(tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()).await
    }

    /// With what is in these folders.
    pub(super) async fn on(uploads: TempDir, objects: TempDir) -> Self {
        Self {
            uploads: uploads.path().to_owned(),
            // The file lies in the uploads folder, where the service puts it by default.
            database: TestDatabase::Sqlite { folder: uploads },
            s3: TestS3::start_on(objects).await,
            log: tempfile::tempdir().unwrap(),
            client: Client::new(),
        }
    }

    fn command(&self, settings: &[(&str, &str)]) -> Command {
        let mut command = command(&self.uploads);
        let log = self.log.path().join("log");
        let log = File::options().create(true).append(true).open(log).unwrap();
        let credentials = credentials();
        command
            .env("S3_BUCKET", BUCKET)
            .env("S3_ENDPOINT", format!("http://{}", self.s3.address()))
            .env("AWS_ACCESS_KEY_ID", credentials.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key)
            .env("MIN_FREE_BYTES", "0")
            .env("UPLOAD_RATE", "off")
            .envs(settings.iter().copied())
            .stderr(log);
        command
    }

    pub(super) fn start(&self) -> Running {
        self.start_with(&[])
    }

    pub(super) fn start_with(&self, settings: &[(&str, &str)]) -> Running {
        self.try_start(settings)
            .unwrap_or_else(|status| panic!("it did not start, {status}: {}", self.log()))
    }

    pub(super) fn try_start(&self, settings: &[(&str, &str)]) -> Result<Running, ExitStatus> {
        let command = self.command(settings);
        tokio::task::block_in_place(|| Running::try_spawn(command))
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path().join("log")).unwrap_or_default()
    }

    /// Sends an upload. `Err`: the connection was cut, and nobody knows what became of it.
    pub(super) async fn upload(
        &self,
        to: &Running,
        bytes: &[u8],
        key: &str,
    ) -> reqwest::Result<Answer> {
        let request = self.client.post(format!("{}/api/v1/images", to.address));
        let request = request
            .multipart(form("Ada", bytes.to_vec()))
            .header("Idempotency-Key", key);
        Ok(Answer::read(request.send().await?).await)
    }

    /// Uploads what has to be taken.
    pub(super) async fn upload_well(&self, to: &Running, bytes: &[u8], key: &str) -> Sent {
        let answer = self.upload(to, bytes, key).await.unwrap();
        assert!(
            matches!(answer.status.as_u16(), 201 | 202),
            "{}: {}",
            answer.status,
            answer.text()
        );
        Sent {
            image: answer.json(),
            bytes: bytes.to_vec(),
        }
    }

    pub(super) async fn delete(&self, at: &Running, sent: &Sent) -> reqwest::Result<Answer> {
        let url = format!("{}/api/v1/images/{}", at.address, sent.id());
        let request = self.client.delete(url).bearer_auth(sent.token());
        Ok(Answer::read(request.send().await?).await)
    }

    pub(super) async fn get(&self, at: &Running, path: &str) -> Answer {
        let request = self
            .client
            .request(Method::GET, format!("{}{path}", at.address));
        Answer::read(request.send().await.unwrap()).await
    }

    /// Waits until nothing is owed, but for the removals of `gone`, and nothing of `alive` waits for S3 or
    /// its record.
    pub(super) async fn settle(&self, alive: &[Sent], gone: &[Sent]) {
        let gone: BTreeSet<String> = gone.iter().map(Sent::id).collect();
        let alive: BTreeSet<String> = alive.iter().map(Sent::id).collect();
        until("nothing is owed any more", || async {
            let owed = ids(self.entries());
            let rows = self.database.rows().await;
            owed.is_subset(&gone)
                && gone.iter().all(|id| self.is_removed(id))
                && rows
                    .iter()
                    .filter(|row| alive.contains(&row.id))
                    .all(|row| row.stored == 1)
        })
        .await;
    }

    fn is_removed(&self, id: &str) -> bool {
        !ids(self.objects()).contains(id) && !ids(self.copies()).contains(id)
    }

    /// Looks into everything: these images are there, each once and whole, and nothing else is, except for
    /// `orphans` local copies that the sweep will take away.
    pub(super) async fn check(&self, at: &Running, alive: &[Sent], gone: &[Sent], orphans: usize) {
        let removed: BTreeSet<String> = gone.iter().map(Sent::id).collect();
        let entries = ids(self.entries());
        assert!(entries.is_subset(&removed), "entries: {entries:?}");
        self.look(at, alive, gone, orphans).await;
    }

    async fn look(&self, at: &Running, alive: &[Sent], gone: &[Sent], orphans: usize) {
        let expected: BTreeSet<String> = alive.iter().map(Sent::id).collect();
        let removed: BTreeSet<String> = gone.iter().map(Sent::id).collect();
        let rows = self.database.rows().await;
        let (dead, living): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.deleted == 1);
        let living: Vec<&str> = living.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(
            living,
            expected.iter().map(String::as_str).collect::<Vec<_>>(),
            "records"
        );
        for row in &dead {
            assert!(removed.contains(&row.id), "an unexpected tombstone");
        }
        for row in rows.iter().filter(|row| row.deleted == 0) {
            assert_eq!((row.uploader.as_str(), row.stored), ("Ada", 1));
        }
        assert_eq!(ids(self.objects()), expected, "objects");
        assert_eq!(self.objects().len(), expected.len(), "objects");
        let copies = ids(self.copies());
        assert!(copies.is_superset(&expected), "local copies: {copies:?}");
        assert!(
            self.copies().len() <= expected.len() + orphans,
            "local copies: {copies:?}"
        );
        assert!(copies.is_disjoint(&removed), "local copies: {copies:?}");
        for sent in alive {
            let id = sent.id();
            for file in self.copies().into_iter().chain(self.objects()) {
                if ids(vec![file.clone()]).contains(&id) {
                    let same = std::fs::read(&file).unwrap() == sent.bytes;
                    assert!(same, "other bytes in {}", file.display());
                }
            }
            self.get(at, &format!("/api/v1/images/{id}"))
                .await
                .expect(200);
            let link = crate::helpers::app::path(&sent.image["link"]);
            let content = self.get(at, &link).await.expect(200);
            assert!(content.bytes == sent.bytes, "other bytes at {link}");
        }
        for sent in gone {
            self.get(at, &format!("/api/v1/images/{}", sent.id()))
                .await
                .expect(410);
        }
        let list = self
            .get(at, "/api/v1/images?limit=100")
            .await
            .expect(200)
            .json();
        let mut listed: Vec<&str> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|image| image["id"].as_str().unwrap())
            .collect();
        listed.sort_unstable();
        assert_eq!(
            listed,
            expected.iter().map(String::as_str).collect::<Vec<_>>(),
            "list"
        );
    }

    /// The same while something may be owed: the journal is not looked at.
    #[cfg(feature = "failpoints")]
    pub(super) async fn check_but_entries(&self, at: &Running, alive: &[Sent], orphans: usize) {
        self.look(at, alive, &[], orphans).await;
    }

    pub(super) fn assert_no_temporary_files(&self) {
        let left = files_below(&self.uploads.join("tmp"));
        assert!(left.is_empty(), "{left:?}");
    }

    /// The journal's entries, without what it remembers of settled uploads.
    pub(super) fn entries(&self) -> Vec<PathBuf> {
        let settled = self.uploads.join("journal/settled");
        let mut files = files_below(&self.uploads.join("journal"));
        files.retain(|path| !path.starts_with(&settled));
        files
    }

    pub(super) fn copies(&self) -> Vec<PathBuf> {
        files_below(&self.uploads.join("originals"))
    }

    fn objects(&self) -> Vec<PathBuf> {
        self.s3.objects()
    }

    #[cfg(feature = "failpoints")]
    pub(super) async fn execute(&self, sql: &str) {
        self.database.execute(sql).await;
    }
}

pub(super) fn new_key() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// The ids that files are named by.
pub(super) fn ids(files: Vec<PathBuf>) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    files.into_iter().map(stem).collect()
}

/// Copies a folder with all that is in it, into a new one.
#[cfg(feature = "failpoints")]
pub(super) fn copy_of(folder: &std::path::Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .args(["-a", "--"])
        .arg(folder.join("."))
        .arg(copy.path())
        .status()
        .unwrap();
    assert!(copied.success());
    copy
}
