//! Builds the application from its configuration, binds it and runs it until it is stopped.
//!
//! May import everything but `main`.

mod database;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{HttpServer, web};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use database::{not_migrated, prepare_database};

use crate::config::{Config, ConfigError, ObjectsConfig};
use crate::domain::Secret;
use crate::images::{Images, Parts};
use crate::metrics::Metrics;
use crate::routes::{self, Api, Guards};
#[cfg(feature = "embedded-s3")]
use crate::storage::embedded_s3::{EmbeddedS3, Reachable};
use crate::storage::{Journal, LocalStore, ObjectStore, ObjectStoreConfig, Space};
use database::{Migrated, migrate, migrate_later};

/// How long publications whose uploads have been answered may take when the last request has ended.
const LAST_PUBLICATIONS: Duration = Duration::from_secs(2);
/// How long the replayer rests after a panic.
const REPLAYER_PAUSE: Duration = Duration::from_secs(1);

/// The service, bound and ready to run.
pub struct Application {
    server: Server,
    address: SocketAddr,
    public_url: String,
    background: Background,
}

/// What runs beside the server and ends with it.
struct Background {
    images: Arc<Images>,
    stop: CancellationToken,
    replayer: JoinHandle<()>,
    migrations: Option<JoinHandle<()>>,
    #[cfg(feature = "embedded-s3")]
    embedded_s3: Option<EmbeddedS3>,
}

impl Application {
    /// Opens everything, brings the tables up to date, reads the journal and binds the address.
    /// Has to be called on a multi-threaded tokio runtime, which the use cases then run on.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting that the start fails for.
    pub async fn build(config: Config) -> Result<Self, ConfigError> {
        let listener = std::net::TcpListener::bind(config.server.listen).map_err(|error| {
            ConfigError::new(
                "LISTEN",
                format!("{} cannot be listened on: {error}", config.server.listen),
            )
        })?;
        let listening = |error: io::Error| ConfigError::new("LISTEN", error.to_string());
        let local = open_uploads(&config.uploads_dir)?;
        let secret = match config.secret {
            Some(secret) => secret,
            None => kept_secret(local.root()).map_err(|error| {
                ConfigError::new(
                    "SECRET",
                    format!("it cannot be kept in the uploads folder: {error}"),
                )
            })?,
        };
        let journal =
            Journal::load(local.journal_folder(), local.tmp_folder()).map_err(|error| {
                ConfigError::new("UPLOADS_DIR", format!("{:#}", anyhow::Error::from(error)))
            })?;

        let metrics = Metrics::new();
        let db = prepare_database(&config.database)?.counted_by(metrics.database());

        #[cfg(feature = "embedded-s3")]
        let (objects, embedded_s3) = open_objects(config.objects, local.root()).await?;
        #[cfg(not(feature = "embedded-s3"))]
        let objects = open_objects(config.objects).await?;
        let objects = objects.counted_by(metrics.s3());
        let objects_origin = routes::origin(objects.public_url());

        let images = Images::new(Parts {
            space: Space::new(local.root().to_owned(), config.limits.min_free_bytes),
            local,
            journal,
            objects,
            db,
            secret,
            access: config.access,
            image_limits: config.limits.image,
            metadata: config.metadata,
            variants: config.variants,
            patience: config.patience,
            metrics,
        });
        let migrated = migrate(&images, &config.database).await?;

        let address = listener.local_addr().map_err(listening)?;
        let public_url = config
            .server
            .public_url
            .unwrap_or_else(|| format!("http://{}", reachable(address)));
        let request_head_timeout = config.protection.request_head_timeout;
        let api = web::Data::new(Api {
            images: Arc::clone(&images),
            public_url: public_url.clone(),
            objects_origin,
            limits: config.limits,
            guards: Guards::new(config.protection, config.limits, &public_url),
            web_dir: config.server.web_dir,
            accel_prefix: config.server.accel_prefix,
        });
        let server = HttpServer::new(move || routes::app(api.clone()))
            .client_request_timeout(request_head_timeout)
            .shutdown_timeout(config.server.shutdown.as_secs())
            .disable_signals()
            .listen(listener)
            .map_err(listening)?
            .run();

        let stop = CancellationToken::new();
        Ok(Self {
            server,
            address,
            public_url,
            background: Background {
                replayer: tokio::spawn(replay(Arc::clone(&images), stop.clone())),
                migrations: match migrated {
                    Migrated::Done => None,
                    Migrated::NotYet(attempt) => Some(tokio::spawn(migrate_later(
                        Arc::clone(&images),
                        stop.clone(),
                        attempt,
                    ))),
                },
                images,
                stop,
                #[cfg(feature = "embedded-s3")]
                embedded_s3,
            },
        })
    }

    /// The address that is listened on, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What links begin with.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Stops the server when told to.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Serves until [`Self::handle`] stops it. Requests in flight are finished, those that take too long are cut
    /// off; what is owed then stays in the journal for the next start.
    ///
    /// # Errors
    /// When the server fails as a whole.
    pub async fn run_until_stopped(self) -> io::Result<()> {
        let served = self.server.await;
        self.background.stop.cancel();
        let tasks = [Some(self.background.replayer), self.background.migrations];
        for task in tasks.into_iter().flatten() {
            if let Err(error) = task.await {
                log::error!("a background task failed: {error}");
            }
        }
        self.background.images.finish(LAST_PUBLICATIONS).await;
        // Last, as publications go there.
        #[cfg(feature = "embedded-s3")]
        if let Some(embedded_s3) = self.background.embedded_s3 {
            embedded_s3.stop().await;
        }
        served
    }
}

fn open_uploads(folder: &Path) -> Result<LocalStore, ConfigError> {
    let opened = LocalStore::open(folder).map_err(|error| {
        let problem = if error.kind() == io::ErrorKind::WouldBlock {
            format!(
                "another image-handler uses {}; give each its own folder",
                folder.display()
            )
        } else {
            format!(
                "{} cannot be used: {error}; name a folder that this user may write",
                folder.display()
            )
        };
        ConfigError::new("UPLOADS_DIR", problem)
    })?;
    // Not refused: a folder that is shared by a group, or mounted into a container, may well be another user's.
    if let Ok(Some(owner)) = opened.foreign_owner() {
        log::warn!(
            "{} belongs to user {owner}, and this service runs as another: if that user runs it later, what is made \
             now cannot be written then",
            folder.display()
        );
    }
    Ok(opened)
}

/// The secret that an earlier start made, or a new one.
fn kept_secret(folder: &Path) -> io::Result<Secret> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let path = folder.join("secret");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = hex::encode(rand::random::<[u8; 32]>());
            // Written whole before it gets its name: half a secret would void every token later.
            let tmp = folder.join("tmp").join("secret");
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&tmp)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&tmp, &path)?;
            std::fs::File::open(folder)?.sync_all()?;
            text
        }
        Err(error) => return Err(error),
    };
    Secret::new(text.trim()).map_err(io::Error::other)
}

/// Keeps the replayer running: what is owed must not depend on no entry ever making it panic.
async fn replay(images: Arc<Images>, stop: CancellationToken) {
    while let Err(stopped) = tokio::spawn(Arc::clone(&images).replay(stop.clone())).await {
        log::error!("the replayer stopped and is started again: {stopped}");
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(REPLAYER_PAUSE) => {}
        }
    }
}

/// The bucket of the embedded endpoint.
#[cfg(feature = "embedded-s3")]
const EMBEDDED_BUCKET: &str = "local";

#[cfg(feature = "embedded-s3")]
async fn open_objects(
    config: ObjectsConfig,
    uploads: &Path,
) -> Result<(ObjectStore, Option<EmbeddedS3>), ConfigError> {
    match config {
        ObjectsConfig::Bucket(config) => Ok((connect(config).await?, None)),
        ObjectsConfig::Embedded { prefix, public_url } => {
            let embedded = start_embedded(uploads).await?;
            let config = embedded_config(embedded.reachable(), prefix, public_url);
            Ok((connect(config).await?, Some(embedded)))
        }
    }
}

/// Opens the bucket for a command that may run beside a service: the embedded endpoint is that of the service
/// if there is one.
///
/// # Errors
/// [`ConfigError`].
#[cfg(feature = "embedded-s3")]
pub async fn open_objects_beside_service(
    config: ObjectsConfig,
    uploads: &Path,
) -> Result<(ObjectStore, Option<EmbeddedS3>), ConfigError> {
    if let ObjectsConfig::Embedded { prefix, public_url } = &config
        && let Some(running) = EmbeddedS3::running_on(&uploads.join("s3")).await
    {
        let config = embedded_config(running, prefix.clone(), public_url.clone());
        return Ok((connect(config).await?, None));
    }
    open_objects(config, uploads).await
}

#[cfg(feature = "embedded-s3")]
async fn start_embedded(uploads: &Path) -> Result<EmbeddedS3, ConfigError> {
    let started = EmbeddedS3::start(&uploads.join("s3"), EMBEDDED_BUCKET).await;
    started.map_err(|error| {
        ConfigError::new(
            "S3_BUCKET",
            format!("it is not set, and the embedded endpoint does not start: {error}"),
        )
    })
}

#[cfg(feature = "embedded-s3")]
fn embedded_config(
    endpoint: Reachable,
    prefix: String,
    public_url: Option<String>,
) -> ObjectStoreConfig {
    ObjectStoreConfig {
        bucket: EMBEDDED_BUCKET.to_owned(),
        prefix,
        endpoint: Some(format!("http://{}", endpoint.address)),
        region: Some("us-east-1".to_owned()),
        public_url,
        acl: crate::storage::ObjectAcl::None,
        credentials: Some(endpoint.credentials),
    }
}

#[cfg(not(feature = "embedded-s3"))]
async fn open_objects(config: ObjectsConfig) -> Result<ObjectStore, ConfigError> {
    match config {
        ObjectsConfig::Bucket(config) => connect(config).await,
        ObjectsConfig::Embedded { .. } => Err(ConfigError::new(
            "S3_BUCKET",
            "this build has no embedded S3 endpoint",
        )),
    }
}

/// Opens the bucket for a command that may run beside a service.
///
/// # Errors
/// [`ConfigError`].
#[cfg(not(feature = "embedded-s3"))]
pub async fn open_objects_beside_service(
    config: ObjectsConfig,
    _uploads: &Path,
) -> Result<(ObjectStore, Option<()>), ConfigError> {
    Ok((open_objects(config).await?, None))
}

async fn connect(config: ObjectStoreConfig) -> Result<ObjectStore, ConfigError> {
    ObjectStore::connect(config).await.map_err(|error| {
        ConfigError::new(
            "AWS_REGION",
            format!("{error}; name the region of the bucket, such as eu-west-1"),
        )
    })
}

/// An address that listens on every interface is reached on this host by the loopback's.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_made_once_and_only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        let id = crate::domain::ImageId::generate();
        let first = kept_secret(folder.path()).unwrap().delete_token(id);
        let second = kept_secret(folder.path()).unwrap().delete_token(id);
        assert_eq!(first, second);
        let mode = std::fs::metadata(folder.path().join("secret"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_secret_that_was_damaged_stops_the_start() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "short").unwrap();
        assert!(kept_secret(folder.path()).is_err());
    }

    #[test]
    fn links_never_name_the_address_that_stands_for_all() {
        let rows = [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ];
        for (bound, expected) in rows {
            assert_eq!(reachable(bound.parse().unwrap()).to_string(), expected);
        }
    }
}
