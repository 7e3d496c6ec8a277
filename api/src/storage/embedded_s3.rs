//! An S3 endpoint inside the process, so that the service runs where there is no bucket: on a laptop and
//! in tests. The service reaches it through the AWS SDK over loopback, like any other.
//!
//! It keeps objects as files and does not sync them: never the only copy of anything.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::StaticCredentials;

/// The port that is tried first, so that public URLs stay the same from start to start.
const PREFERRED_PORT: u16 = 8081;
/// The file beside the objects that says how to reach the endpoint that runs on them.
const RUNNING: &str = ".running";

/// The endpoint. It stops when it is dropped.
#[derive(Debug)]
pub struct EmbeddedS3 {
    address: SocketAddr,
    credentials: StaticCredentials,
    /// Tells other processes of this user how to reach the endpoint: where, and what it says. Removed when it stops.
    note: Option<(PathBuf, String)>,
    task: JoinHandle<()>,
}

impl EmbeddedS3 {
    /// Starts the endpoint on a free port of the loopback interface that stays the same for this folder:
    /// the port is noted beside the objects and taken again at the next start.
    ///
    /// # Errors
    /// When the folder cannot be written or no port is free.
    pub async fn start(root: &Path, bucket: &str) -> io::Result<Self> {
        tokio::fs::create_dir_all(root).await?;
        let note = root.join(".address");
        let noted = tokio::fs::read_to_string(&note).await.ok();
        let noted: Option<SocketAddr> = noted.and_then(|text| text.trim().parse().ok());
        let preferred = noted.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], PREFERRED_PORT)));
        let listener = match TcpListener::bind(preferred).await {
            Ok(listener) => listener,
            Err(error) => {
                if noted.is_some() {
                    log::warn!(
                        "port {} is taken ({error}): S3 URLs given out earlier do not work until it is free again, links do",
                        preferred.port()
                    );
                }
                TcpListener::bind((preferred.ip(), 0)).await?
            }
        };
        // Made anew at each start.
        let credentials = StaticCredentials {
            access_key_id: "embedded".to_owned(),
            secret_access_key: hex::encode(rand::random::<[u8; 16]>()),
        };
        let mut endpoint = Self::serve(root.to_owned(), bucket, listener, credentials).await?;
        if noted.is_none() {
            tokio::fs::write(&note, endpoint.address.to_string()).await?;
        }
        let running = root.join(RUNNING);
        let Reachable {
            address,
            credentials,
        } = endpoint.reachable();
        let lines = [
            address.to_string(),
            credentials.access_key_id,
            credentials.secret_access_key,
        ];
        let text = lines.join("\n");
        write_for_owner(&running, &text)?;
        endpoint.note = Some((running, text));
        Ok(endpoint)
    }

    /// The endpoint that another process runs on this folder. `None` when none answers.
    ///
    /// Two on one folder would use the same names for their temporary files.
    pub async fn running_on(root: &Path) -> Option<Reachable> {
        let note = tokio::fs::read_to_string(root.join(RUNNING)).await.ok()?;
        let mut lines = note.lines();
        let address = lines.next()?.parse().ok()?;
        let credentials = StaticCredentials {
            access_key_id: lines.next()?.to_owned(),
            secret_access_key: lines.next()?.to_owned(),
        };
        TcpStream::connect(address).await.ok()?;
        Some(Reachable {
            address,
            credentials,
        })
    }

    /// How to reach it.
    #[must_use]
    pub fn reachable(&self) -> Reachable {
        Reachable {
            address: self.address,
            credentials: self.credentials.clone(),
        }
    }

    /// Serves the objects below `root` on a listener that the caller has bound, to writers with these
    /// credentials.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub async fn serve(
        root: PathBuf,
        bucket: &str,
        listener: TcpListener,
        credentials: StaticCredentials,
    ) -> io::Result<Self> {
        tokio::fs::create_dir_all(root.join(bucket)).await?;
        let address = listener.local_addr()?;
        let files = s3s_fs::FileSystem::new(root)
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(
            &credentials.access_key_id,
            credentials.secret_access_key.clone(),
        ));
        service.set_access(PublicRead);
        let task = tokio::spawn(accept(listener, service.build()));
        Ok(Self {
            address,
            credentials,
            note: None,
            task,
        })
    }

    /// Stops it. When this returns, the port is free and every connection closed.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// How to reach an embedded endpoint.
#[derive(Clone, Debug)]
pub struct Reachable {
    /// Where it listens.
    pub address: SocketAddr,
    /// The credentials that may write.
    pub credentials: StaticCredentials,
}

/// Writes a file that nobody else may read, whatever was there.
fn write_for_owner(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let new = path.with_extension("new");
    let _ = std::fs::remove_file(&new);
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(new, path)
}

impl Drop for EmbeddedS3 {
    fn drop(&mut self) {
        // Dropping the task drops its connections with it.
        self.task.abort();
        // Another endpoint may have been started on the folder since, and have written its own.
        if let Some((note, text)) = &self.note
            && std::fs::read_to_string(note).is_ok_and(|found| found == *text)
        {
            let _ = std::fs::remove_file(note);
        }
    }
}

async fn accept(listener: TcpListener, service: S3Service) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, service.clone()));
                }
                // Out of descriptors: others will be closed soon.
                Err(error) => {
                    log::warn!("the embedded S3 endpoint cannot accept a connection: {error}");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, service: S3Service) {
    // Small answers must not wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let server = Builder::new(TokioExecutor::new());
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        log::debug!("a connection to the embedded S3 endpoint ended early: {error}");
    }
}

/// Anyone may read an object, as a bucket policy for public images allows; all else needs credentials.
struct PublicRead;

#[async_trait::async_trait]
impl S3Access for PublicRead {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let reads_an_object = matches!(context.s3_op().name(), "GetObject" | "HeadObject");
        if context.credentials().is_some() || reads_an_object {
            Ok(())
        } else {
            Err(s3_error!(AccessDenied))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_endpoint_that_stops_leaves_the_note_of_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let kept = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = kept.local_addr().unwrap().to_string();
        std::fs::write(folder.path().join(".address"), address).unwrap();
        let first = EmbeddedS3::start(folder.path(), "local").await.unwrap();
        let second = EmbeddedS3::start(folder.path(), "local").await.unwrap();
        drop(first);
        let running = EmbeddedS3::running_on(folder.path()).await.unwrap();
        assert_eq!(running.address, second.address());
        drop(second);
        assert!(!folder.path().join(RUNNING).exists());
    }
}
