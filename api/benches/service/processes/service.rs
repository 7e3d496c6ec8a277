//! The service: the release binary, with a folder of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::{BUCKET, Objects, Process, bare, credentials};

/// What stands behind a service.
pub(crate) struct Behind<'parts> {
    pub(crate) database_url: &'parts str,
    pub(crate) objects: &'parts Objects,
}

/// A running service.
pub(crate) struct Service {
    process: Process,
    pub(crate) address: SocketAddr,
    folder: PathBuf,
}

impl Service {
    /// Starts it on `folder` with MySQL and S3. Rates are off, as all clients are one here; all else is as it comes.
    pub(crate) fn start(
        program: &Path,
        folder: &Path,
        behind: &Behind<'_>,
        further: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let mut command = Self::command(program, folder);
        let credentials = credentials();
        command
            .env("DATABASE_URL", behind.database_url)
            .env("S3_BUCKET", BUCKET)
            .env("S3_ENDPOINT", behind.objects.endpoint())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", credentials.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key)
            .envs(further.iter().map(|(name, value)| (name, value)));
        Self::run(&mut command, folder)
    }

    /// Starts it with nothing but SQLite and the S3 endpoint inside it, or a database of its own.
    pub(crate) fn start_alone(
        program: &Path,
        folder: &Path,
        further: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let mut command = Self::command(program, folder);
        command.envs(further.iter().map(|(name, value)| (name, value)));
        Self::run(&mut command, folder)
    }

    /// The program with settings that keep it to this folder.
    pub(crate) fn command(program: &Path, folder: &Path) -> Command {
        let mut command = bare(program);
        command
            .env("LISTEN", "127.0.0.1:0")
            .env("UPLOADS_DIR", folder.join("uploads"))
            .env("WEB_DIR", "none")
            .env("UPLOAD_RATE", "off")
            .env("READ_RATE", "off");
        command
    }

    fn run(command: &mut Command, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut process = Process::start("service", command, folder)?;
        let line = process.first_line()?;
        let address = line
            .split_once("listening on ")
            .and_then(|(_, rest)| rest.trim_end().trim_end_matches(')').parse().ok())
            .with_context(|| format!("no address in {line:?}"))?;
        Ok(Self {
            process,
            address,
            folder: folder.to_owned(),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.folder.join("uploads")
    }
}
