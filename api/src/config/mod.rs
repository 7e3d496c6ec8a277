//! The configuration: environment variables and flags of the same name, checked at start.
//!
//! One struct for each concern; its defaults stand in the comments of [`Options`], which `--help` prints.
//! Read by `main` and `server`, which hand the parts on. May import what it configures.

mod accel;
mod access;
mod database;
mod objects;
mod options;
mod protection;
mod variants;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use database::{database_variable, refusing_variable};
pub use objects::ObjectsConfig;
use objects::{ObjectOptions, objects};
pub use options::Options;
pub use protection::{Protection, Rate, UploadPace, UploadRoom};
use url::Url;

use crate::db::DbConfig;
use crate::domain::{Access, Secret};
use crate::images::{Patience, VariantRules};
use crate::inspect::{ImageLimits, Metadata};
use crate::storage::ObjectStoreConfig;

/// The largest upload limit: an upload is held in memory while it is taken in.
const MAX_UPLOAD_BYTES_CEILING: u64 = 100 * 1024 * 1024;

/// A setting that cannot be used. Its message is one line, names the variable and says what would be right.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The environment variable.
    pub variable: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl ConfigError {
    /// An error of this variable.
    pub fn new(variable: &'static str, problem: impl Into<String>) -> Self {
        Self {
            variable,
            problem: problem.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the service listens and what it serves.
    pub server: ServerConfig,
    /// The folder of the local copies and the journal.
    pub uploads_dir: PathBuf,
    /// The database.
    pub database: DbConfig,
    /// The bucket.
    pub objects: ObjectsConfig,
    /// What an upload may be.
    pub limits: Limits,
    /// Bounds on what clients may ask of the service.
    pub protection: Protection,
    /// The secret. `None`: it is made and kept in the uploads folder.
    pub secret: Option<Secret>,
    /// Who may do what.
    pub access: Access,
    /// What becomes of metadata.
    pub metadata: Metadata,
    /// How long to wait for S3 and the database.
    pub patience: Patience,
    /// The variants of images.
    pub variants: VariantRules,
}

/// Where images lie: the part of the configuration that commands beside the service need.
#[derive(Clone, Debug)]
pub struct StoresConfig {
    /// The folder of the local copies and the journal.
    pub uploads_dir: PathBuf,
    /// The database.
    pub database: DbConfig,
    /// The bucket.
    pub objects: ObjectsConfig,
}

/// Where the service listens and what it serves.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The address.
    pub listen: SocketAddr,
    /// What links begin with, without a slash at the end. `None`: derived from the address.
    pub public_url: Option<String>,
    /// The folder of the web client. `None`: the API alone.
    pub web_dir: Option<PathBuf>,
    /// How long requests in flight may take after the service was told to stop.
    pub shutdown: Duration,
    /// Below which internal address nginx serves the folder of the local copies, with a slash at both ends.
    /// `None`: the service sends the bytes itself.
    pub accel_prefix: Option<String>,
}

/// What nginx before the service has to know: the part of the configuration that its settings follow from.
#[derive(Clone, Debug)]
pub struct ProxiedConfig {
    /// Where the service listens and what nginx serves.
    pub server: ServerConfig,
    /// The folder of the local copies and the journal.
    pub uploads_dir: PathBuf,
    /// The bucket. `None`: none is named yet, or it is the endpoint inside the process.
    pub bucket: Option<ObjectStoreConfig>,
    /// What public object URLs begin with, if that is set.
    pub objects_url: Option<String>,
    /// What an upload may be.
    pub limits: Limits,
    /// Bounds on what clients may ask of the service.
    pub protection: Protection,
}

/// What an upload may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Length of the file in bytes. A file of exactly this length is taken.
    pub max_upload_bytes: u64,
    /// What uploads leave free on the disk of the uploads folder. 0: nothing.
    pub min_free_bytes: u64,
    /// Pixels, sides and frames.
    pub image: ImageLimits,
}

impl Default for Limits {
    /// 1 MiB, 256 MiB left free, and the default limits of pixels, sides and frames.
    fn default() -> Self {
        Self {
            max_upload_bytes: 1_048_576,
            min_free_bytes: 256 * 1024 * 1024,
            image: ImageLimits::default(),
        }
    }
}

impl Config {
    /// Checks the settings of the database alone, for commands that need nothing else.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn database_from(options: &Options) -> Result<DbConfig, ConfigError> {
        let uploads_dir = uploads_dir(set(options.uploads_dir.clone()));
        database::database(options, &uploads_dir)
    }

    /// Checks the settings that say where images lie, for commands that need nothing else.
    ///
    /// # Errors
    /// [`ConfigError`] for the first one that cannot be used.
    pub fn stores_from(options: Options) -> Result<StoresConfig, ConfigError> {
        let uploads_dir = uploads_dir(set(options.uploads_dir.clone()));
        Ok(StoresConfig {
            database: database::database(&options, &uploads_dir)?,
            objects: objects(ObjectOptions {
                bucket: set(options.s3_bucket),
                prefix: set(options.s3_prefix),
                endpoint: set(options.s3_endpoint),
                public_url: set(options.s3_public_url),
                acl: set(options.s3_acl),
                region: set(options.aws_region),
            })?,
            uploads_dir,
        })
    }

    /// Checks the settings that nginx before the service depends on. A bucket may be missing: nginx is set up
    /// before the service is configured.
    ///
    /// # Errors
    /// [`ConfigError`] for the first one that cannot be used.
    pub fn proxied_from(options: &Options) -> Result<ProxiedConfig, ConfigError> {
        let bucket = match set(options.s3_bucket.clone()) {
            None => None,
            Some(_) => match Self::stores_from(options.clone())?.objects {
                ObjectsConfig::Bucket(bucket) => Some(bucket),
                ObjectsConfig::Embedded { .. } => None,
            },
        };
        Ok(ProxiedConfig {
            server: server(options)?,
            uploads_dir: uploads_dir(set(options.uploads_dir.clone())),
            objects_url: web_address("S3_PUBLIC_URL", set(options.s3_public_url.clone()))?,
            bucket,
            limits: limits(options)?,
            protection: Protection::from_options(options)?,
        })
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first one that cannot be used.
    pub fn from_options(options: Options) -> Result<Self, ConfigError> {
        let access = access::access(&options)?;
        let keep_metadata = access::switch(
            "KEEP_METADATA",
            set(options.keep_metadata.clone()).as_deref(),
            false,
        )?;
        let protection = Protection::from_options(&options)?;
        let variants = variants::variants(&options)?;
        let StoresConfig {
            uploads_dir,
            database,
            objects,
        } = Self::stores_from(options.clone())?;
        Ok(Self {
            protection,
            server: server(&options)?,
            database,
            objects,
            limits: limits(&options)?,
            secret: set(options.secret)
                .map(|text| Secret::new(&text))
                .transpose()
                .map_err(|error| {
                    ConfigError::new(
                        "SECRET",
                        format!("{error}; make one with: openssl rand -hex 32"),
                    )
                })?,
            access,
            metadata: if keep_metadata {
                Metadata::Keep
            } else {
                Metadata::Remove
            },
            patience: Patience::default(),
            variants,
            uploads_dir,
        })
    }
}

/// An empty variable counts as unset: environment files and shells make them.
fn set(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.trim().is_empty())
}

fn server(options: &Options) -> Result<ServerConfig, ConfigError> {
    Ok(ServerConfig {
        listen: listen(set(options.listen.clone()))?,
        public_url: public_url(set(options.public_url.clone()))?,
        web_dir: web_dir(set(options.web_dir.clone()))?,
        shutdown: shutdown(set(options.shutdown_seconds.clone()))?,
        accel_prefix: accel::accel_prefix(set(options.accel_prefix.clone()))?,
    })
}

fn limits(options: &Options) -> Result<Limits, ConfigError> {
    Ok(Limits {
        max_upload_bytes: max_upload_bytes(set(options.max_upload_bytes.clone()))?,
        min_free_bytes: min_free_bytes(set(options.min_free_bytes.clone()))?,
        image: ImageLimits::default(),
    })
}

fn uploads_dir(value: Option<String>) -> PathBuf {
    PathBuf::from(value.unwrap_or_else(|| "uploads".to_owned()))
}

fn listen(value: Option<String>) -> Result<SocketAddr, ConfigError> {
    let text = value.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    text.parse().map_err(|_| {
        ConfigError::new(
            "LISTEN",
            format!("{text:?} is not an IP address and a port, such as 127.0.0.1:8080 or [::]:80"),
        )
    })
}

/// Longer than any upload may take.
const MAX_SHUTDOWN_SECONDS: u64 = 3600;

fn shutdown(value: Option<String>) -> Result<Duration, ConfigError> {
    let text = value.unwrap_or_else(|| "25".to_owned());
    let seconds = text.parse().ok();
    let seconds = seconds.filter(|seconds| (1..=MAX_SHUTDOWN_SECONDS).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        ConfigError::new(
            "SHUTDOWN_SECONDS",
            format!("{text:?} is not a number of seconds from 1 to {MAX_SHUTDOWN_SECONDS}"),
        )
    })
}

/// Longer addresses would not fit into the records.
const MAX_ADDRESS_CHARACTERS: usize = 500;

/// An http or https address without a slash at the end. One with a login in it is refused, and not repeated.
fn web_address(
    variable: &'static str,
    value: Option<String>,
) -> Result<Option<String>, ConfigError> {
    let Some(text) = value else { return Ok(None) };
    let wrong = |problem: &str| {
        ConfigError::new(
            variable,
            format!("{problem}; write an address such as https://images.example.org"),
        )
    };
    if text.contains('@') {
        return Err(wrong("it must not hold a user or a password"));
    }
    let url = Url::parse(&text).map_err(|_| wrong(&format!("{text:?} is not a web address")))?;
    let plain = url.has_host() && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !plain {
        return Err(wrong(&format!("{text:?} is not a web address")));
    }
    let address = url.as_str().trim_end_matches('/');
    if address.len() > MAX_ADDRESS_CHARACTERS {
        return Err(wrong(&format!(
            "it is longer than {MAX_ADDRESS_CHARACTERS} characters"
        )));
    }
    Ok(Some(address.to_owned()))
}

/// The address of the service itself: the client and the API stand at its root.
fn public_url(value: Option<String>) -> Result<Option<String>, ConfigError> {
    let address = web_address("PUBLIC_URL", value)?;
    let at_root = |address: &str| Url::parse(address).is_ok_and(|url| url.path() == "/");
    match address {
        Some(address) if !at_root(&address) => Err(ConfigError::new(
            "PUBLIC_URL",
            format!("{address:?} has a path; the service stands at the root of its host"),
        )),
        address => Ok(address),
    }
}

fn web_dir(value: Option<String>) -> Result<Option<PathBuf>, ConfigError> {
    if value.as_deref() == Some("none") {
        return Ok(None);
    }
    let folder = PathBuf::from(value.unwrap_or_else(|| "web/public".to_owned()));
    if folder.join("index.html").is_file() {
        return Ok(Some(folder));
    }
    Err(ConfigError::new(
        "WEB_DIR",
        format!(
            "there is no index.html in {}; name the client's folder, or none to serve the API alone",
            folder.display()
        ),
    ))
}

fn max_upload_bytes(value: Option<String>) -> Result<u64, ConfigError> {
    let Some(text) = value else {
        return Ok(Limits::default().max_upload_bytes);
    };
    text.parse()
        .ok()
        .filter(|bytes| (1..=MAX_UPLOAD_BYTES_CEILING).contains(bytes))
        .ok_or_else(|| {
            ConfigError::new(
                "MAX_UPLOAD_BYTES",
                format!("{text:?} is not a number of bytes from 1 to {MAX_UPLOAD_BYTES_CEILING}"),
            )
        })
}

fn min_free_bytes(value: Option<String>) -> Result<u64, ConfigError> {
    let Some(text) = value else {
        return Ok(Limits::default().min_free_bytes);
    };
    text.parse().map_err(|_| {
        ConfigError::new(
            "MIN_FREE_BYTES",
            format!("{text:?} is not a number of bytes, such as 268435456, or 0 for none"),
        )
    })
}

#[cfg(test)]
mod tests;
