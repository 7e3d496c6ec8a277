//! The S3 endpoint, as a process of its own: what it takes is not counted as the service's.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use image_handler::storage::embedded_s3::EmbeddedS3;
use image_handler::storage::{ObjectAcl, ObjectStoreConfig, StaticCredentials};
use tokio::net::TcpListener;

use super::{Process, bare};

/// The bucket.
pub(crate) const BUCKET: &str = "pictures";
/// What this program is called with to be the endpoint.
pub(crate) const MODE: &str = "s3-endpoint";

/// Of an endpoint that ends with the benchmark and listens on loopback alone.
pub(crate) fn credentials() -> StaticCredentials {
    StaticCredentials {
        access_key_id: "benchmark".to_owned(),
        secret_access_key: "benchmark-secret".to_owned(),
    }
}

/// A running endpoint.
pub(crate) struct Objects {
    /// Ended with it.
    _process: Process,
    address: SocketAddr,
    folder: PathBuf,
}

impl Objects {
    /// Starts this program anew as the endpoint on a folder.
    pub(crate) fn start(folder: &Path, logs: &Path) -> anyhow::Result<Self> {
        let mut command = bare(std::env::current_exe()?);
        command.arg(MODE).arg(folder).stdin(Stdio::piped());
        let mut process = Process::start("s3-endpoint", &mut command, logs)?;
        let address = process.first_line()?.trim().parse()?;
        Ok(Self {
            _process: process,
            address,
            folder: folder.to_owned(),
        })
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn config(&self) -> ObjectStoreConfig {
        ObjectStoreConfig {
            bucket: BUCKET.to_owned(),
            prefix: "images/".to_owned(),
            endpoint: Some(self.endpoint()),
            region: Some("us-east-1".to_owned()),
            public_url: None,
            acl: ObjectAcl::None,
            credentials: Some(credentials()),
        }
    }

    /// Takes all objects away, so that rounds do not fill the disk. Nobody may be writing.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.is_dir() {
                std::fs::remove_dir_all(&path)?;
            } else {
                std::fs::remove_file(&path)?;
            }
        }
        std::fs::create_dir_all(self.folder.join(BUCKET))?;
        Ok(())
    }
}

/// Is the endpoint, until the standard input ends: then whoever began it is gone.
pub(crate) async fn serve_objects(folder: PathBuf) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let endpoint = EmbeddedS3::serve(folder, BUCKET, listener, credentials()).await?;
    writeln!(std::io::stdout(), "{}", endpoint.address())?;
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    ended.await.context("reading panicked")??;
    endpoint.stop().await;
    Ok(())
}
