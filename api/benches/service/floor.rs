//! The floor: what a promise like the service's costs at the least. For each image the same two durable writes, the
//! same PUT and one INSERT, by as many workers as there are clients; no HTTP, no form, no look at the bytes.
//!
//! A process of its own, as the service is, so that its time on the processors can be compared. It reads jobs from its
//! standard input, a line of JSON each, and answers each with a line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use image_handler::db::{Db, DbConfig};
use image_handler::domain::{Checksum, Image, ImageId, MediaType};
use image_handler::storage::{ObjectStore, ObjectStoreConfig, StorageKey};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Params, PoolConstraints, PoolOpts, Value, params};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::load::Done;
use crate::processes::{Objects, Process, bare, credentials};

/// What this program is called with to be the floor.
pub(crate) const MODE: &str = "floor";

/// Nothing here is to be given up.
const DEADLINE: Duration = Duration::from_secs(30);
/// As many as the service has.
const CONNECTIONS: usize = 16;

const INSERT: &str = "INSERT INTO images (id, uploader, content_type, size_bytes, width, height, sha256, \
    received_sha256, object_key, url, created_at, stored_at) VALUES (:id, :uploader, :content_type, :size_bytes, \
    :width, :height, :sha256, :sha256, :object_key, :url, :created_at, :created_at)";

/// What it works on.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    folder: PathBuf,
    photo: PathBuf,
    database_url: String,
    bucket: String,
    endpoint: String,
}

/// What it is told to do.
#[derive(Debug, Serialize, Deserialize)]
struct Job {
    workers: usize,
    milliseconds: u64,
}

/// What it did.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    took: Duration,
    latencies: Vec<Duration>,
}

/// The floor, as whoever measures it sees it.
pub(crate) struct Floor {
    process: Process,
    jobs: ChildStdin,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Floor {
    pub(crate) fn start(
        folder: &Path,
        photo: &[u8],
        database_url: &str,
        objects: &Objects,
    ) -> anyhow::Result<Self> {
        let folder = folder.join("floor");
        std::fs::create_dir_all(&folder)?;
        let file = folder.join("photo.jpg");
        std::fs::write(&file, photo)?;
        let config = objects.config();
        let place = Place {
            folder: folder.clone(),
            photo: file,
            database_url: database_url.to_owned(),
            bucket: config.bucket,
            endpoint: objects.endpoint(),
        };
        let mut command: Command = bare(std::env::current_exe()?);
        command.arg(MODE).stdin(Stdio::piped());
        let mut process = Process::start("floor", &mut command, &folder)?;
        let (jobs, answers) = process.talk()?;
        let mut floor = Self {
            process,
            jobs,
            answers: BufReader::new(answers),
            folder,
        };
        floor.say(&place)?;
        floor.hear::<()>()?;
        Ok(floor)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn run(&mut self, workers: usize, length: Duration) -> anyhow::Result<Done> {
        let milliseconds = u64::try_from(length.as_millis())?;
        self.say(&Job {
            workers,
            milliseconds,
        })?;
        let Report { took, latencies } = self.hear()?;
        Ok(Done { took, latencies })
    }

    /// Takes the files away that it wrote, so that rounds do not fill the disk.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        for name in FOLDERS {
            let folder = self.folder.join(name);
            std::fs::remove_dir_all(&folder)?;
            std::fs::create_dir(&folder)?;
        }
        Ok(())
    }

    fn say(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        writeln!(self.jobs, "{}", serde_json::to_string(line)?).context("the floor has ended")
    }

    fn hear<T: for<'line> Deserialize<'line>>(&mut self) -> anyhow::Result<T> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let heard = serde_json::from_str(&line);
        heard.with_context(|| format!("the floor has ended; see {}", self.folder.display()))
    }
}

const FOLDERS: [&str; 3] = ["tmp", "originals", "journal"];

/// Is the floor, until the standard input ends: then whoever began it is gone.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let mut lines = std::io::stdin().lines();
    let place = lines.next().context("no place was named")??;
    let work = Arc::new(Work::at(serde_json::from_str(&place)?).await?);
    let mut out = std::io::stdout();
    writeln!(out, "null")?;
    for line in lines {
        let job: Job = serde_json::from_str(&line?)?;
        let report = Arc::clone(&work).carry_out(&job).await?;
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    }
    Ok(())
}

struct Work {
    folder: PathBuf,
    photo: Bytes,
    checksum: Checksum,
    objects: ObjectStore,
    records: mysql_async::Pool,
}

impl Work {
    async fn at(place: Place) -> anyhow::Result<Self> {
        for name in FOLDERS {
            std::fs::create_dir_all(place.folder.join(name))?;
        }
        let photo = Bytes::from(std::fs::read(&place.photo)?);
        let config = DbConfig::Mysql {
            url: place.database_url.clone(),
            ca: None,
        };
        Db::prepare(&config)?.migrate().await?;
        let connections = PoolConstraints::new(CONNECTIONS, CONNECTIONS).context("a pool")?;
        let options = mysql_async::Opts::from_url(&place.database_url)?;
        let options = mysql_async::OptsBuilder::from_opts(options)
            .prefer_socket(false)
            .pool_opts(
                PoolOpts::new()
                    .with_constraints(connections)
                    .with_reset_connection(false),
            );
        Ok(Self {
            checksum: Checksum::of(&photo),
            objects: ObjectStore::connect(ObjectStoreConfig {
                bucket: place.bucket,
                prefix: "images/".to_owned(),
                endpoint: Some(place.endpoint),
                region: Some("us-east-1".to_owned()),
                public_url: None,
                acl: image_handler::storage::ObjectAcl::None,
                credentials: Some(credentials()),
            })
            .await?,
            records: mysql_async::Pool::new(options),
            folder: place.folder,
            photo,
        })
    }

    async fn carry_out(self: Arc<Self>, job: &Job) -> anyhow::Result<Report> {
        let length = Duration::from_millis(job.milliseconds);
        let began = Instant::now();
        let mut workers = JoinSet::new();
        for _ in 0..job.workers {
            let work = Arc::clone(&self);
            workers.spawn(async move {
                let mut latencies = Vec::new();
                while began.elapsed() < length {
                    let sent = Instant::now();
                    Arc::clone(&work).one().await?;
                    latencies.push(sent.elapsed());
                }
                anyhow::Ok(latencies)
            });
        }
        let mut latencies = Vec::new();
        while let Some(worker) = workers.join_next().await {
            latencies.extend(worker.context("a worker panicked")??);
        }
        Ok(Report {
            took: began.elapsed(),
            latencies,
        })
    }

    /// One image: durable copy, durable entry, object, record.
    async fn one(self: Arc<Self>) -> anyhow::Result<()> {
        let image = self.image()?;
        let entry = serde_json::to_vec(&image)?;
        let (work, id) = (Arc::clone(&self), image.id);
        let written = tokio::task::spawn_blocking(move || {
            work.write_durably("originals", &format!("{id}.jpg"), &work.photo)?;
            work.write_durably("journal", &format!("{id}.json"), &entry)
        });
        written.await.context("writing panicked")??;
        self.objects
            .put(&image, self.photo.clone(), DEADLINE)
            .await?;
        let mut connection = self.records.get_conn().await?;
        connection.exec_drop(INSERT, columns(&image)).await?;
        Ok(())
    }

    fn write_durably(&self, folder: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let tmp = self.folder.join("tmp").join(name);
        let folder = self.folder.join(folder);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&tmp)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&tmp, folder.join(name))?;
        File::open(folder)?.sync_all()
    }

    /// A new image of the photo. Read from JSON, as entries are: fields may be added that have a default.
    fn image(&self) -> anyhow::Result<Image> {
        let id = ImageId::generate();
        let media_type = MediaType::Jpeg;
        let (object_key, url) = self
            .objects
            .address(StorageKey::Original { id, media_type });
        Ok(serde_json::from_value(serde_json::json!({
            "id": id,
            "uploader": "Ada",
            "media_type": media_type,
            "size_bytes": self.photo.len(),
            "width": 2000,
            "height": 1500,
            "sha256": self.checksum,
            "received_sha256": self.checksum,
            "object_key": object_key,
            "url": url,
        }))?)
    }
}

fn columns(image: &Image) -> Params {
    let text = |text: &dyn std::fmt::Display| Value::from(text.to_string());
    params! {
        "id" => text(&image.id),
        "uploader" => image.uploader.as_str(),
        "content_type" => image.media_type.name(),
        "size_bytes" => image.size_bytes,
        "width" => image.width,
        "height" => image.height,
        "sha256" => text(&image.sha256),
        "object_key" => image.object_key.as_str(),
        "url" => image.url.as_str(),
        "created_at" => text(&image.created_at().format("%Y-%m-%d %H:%M:%S%.6f")),
    }
}
