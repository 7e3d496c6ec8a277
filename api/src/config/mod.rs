//! The configuration: environment variables and flags of the same name, checked at start.
//!
//! One struct for each concern; its defaults stand in the comments of [`Options`], which `--help` prints.
//! Read by `main` and `server`, which hand the parts on. May import what it configures.

mod access;
mod options;
mod protection;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use options::Options;
pub use protection::{Protection, Rate, UploadPace, UploadRoom};
use url::Url;

use crate::db::DbConfig;
use crate::domain::{Access, Secret};
use crate::images::Patience;
use crate::inspect::{ImageLimits, Metadata};
use crate::storage::{ObjectAcl, ObjectStoreConfig};

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
}

/// Where objects go.
#[derive(Clone, Debug)]
pub enum ObjectsConfig {
    /// To the endpoint inside the process.
    Embedded {
        /// What keys begin with.
        prefix: String,
        /// What public URLs begin with. `None`: the endpoint's address.
        public_url: Option<String>,
    },
    /// To a bucket.
    Bucket(ObjectStoreConfig),
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
    pub fn database_from(options: Options) -> Result<DbConfig, ConfigError> {
        let uploads_dir = uploads_dir(set(options.uploads_dir));
        database(
            set(options.database_url),
            set(options.database_ca),
            &uploads_dir,
        )
    }

    /// Checks the settings that say where images lie, for commands that need nothing else.
    ///
    /// # Errors
    /// [`ConfigError`] for the first one that cannot be used.
    pub fn stores_from(options: Options) -> Result<StoresConfig, ConfigError> {
        let uploads_dir = uploads_dir(set(options.uploads_dir));
        Ok(StoresConfig {
            database: database(
                set(options.database_url),
                set(options.database_ca),
                &uploads_dir,
            )?,
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
        let StoresConfig {
            uploads_dir,
            database,
            objects,
        } = Self::stores_from(options.clone())?;
        Ok(Self {
            protection,
            server: ServerConfig {
                listen: listen(set(options.listen))?,
                public_url: public_url(set(options.public_url))?,
                web_dir: web_dir(set(options.web_dir))?,
                shutdown: shutdown(set(options.shutdown_seconds))?,
            },
            database,
            objects,
            limits: Limits {
                max_upload_bytes: max_upload_bytes(set(options.max_upload_bytes))?,
                min_free_bytes: min_free_bytes(set(options.min_free_bytes))?,
                image: ImageLimits::default(),
            },
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
            uploads_dir,
        })
    }
}

/// An empty variable counts as unset: environment files and shells make them.
fn set(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.trim().is_empty())
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

fn database(
    url: Option<String>,
    ca: Option<String>,
    uploads_dir: &std::path::Path,
) -> Result<DbConfig, ConfigError> {
    // The URL may hold a password, so no message repeats it.
    let wrong = |problem: &str| {
        ConfigError::new(
            "DATABASE_URL",
            format!("{problem}; write sqlite://PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE"),
        )
    };
    let Some(url) = url else {
        return Ok(DbConfig::Sqlite {
            path: uploads_dir.join("metadata.db"),
        });
    };
    match url.split_once("://") {
        Some(("sqlite", "")) => Err(wrong("the path of the file is missing")),
        Some(("sqlite", path)) => Ok(DbConfig::Sqlite {
            path: PathBuf::from(path),
        }),
        Some(("mysql", _)) => {
            let parsed = Url::parse(&url).map_err(|_| wrong("it is not a URL"))?;
            if parsed.host_str().is_none_or(str::is_empty)
                || parsed.path().trim_matches('/').is_empty()
            {
                return Err(wrong("the host or the database is missing"));
            }
            let ca = ca.map(PathBuf::from);
            if let Some(path) = ca.as_deref().filter(|path| !holds_certificates(path)) {
                return Err(ConfigError::new(
                    "DATABASE_CA",
                    format!(
                        "{} holds no certificates; name a PEM file of CA certificates",
                        path.display()
                    ),
                ));
            }
            Ok(DbConfig::Mysql { url, ca })
        }
        _ => Err(wrong("only sqlite and mysql are supported")),
    }
}

fn holds_certificates(path: &std::path::Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.contains("-----BEGIN CERTIFICATE-----"))
}

struct ObjectOptions {
    bucket: Option<String>,
    prefix: Option<String>,
    endpoint: Option<String>,
    public_url: Option<String>,
    acl: Option<String>,
    region: Option<String>,
}

fn objects(options: ObjectOptions) -> Result<ObjectsConfig, ConfigError> {
    let prefix = prefix(options.prefix)?;
    let public_url = web_address("S3_PUBLIC_URL", options.public_url)?;
    let endpoint = web_address("S3_ENDPOINT", options.endpoint)?;
    let acl = match options.acl.as_deref() {
        None | Some("none") => ObjectAcl::None,
        Some("public-read") => ObjectAcl::PublicRead,
        Some(other) => {
            return Err(ConfigError::new(
                "S3_ACL",
                format!("{other:?} is neither none nor public-read"),
            ));
        }
    };
    let Some(bucket) = options.bucket else {
        if endpoint.is_some() {
            return Err(ConfigError::new(
                "S3_BUCKET",
                "S3_ENDPOINT is set, so the name of a bucket there is needed",
            ));
        }
        if cfg!(not(feature = "embedded-s3")) {
            return Err(ConfigError::new(
                "S3_BUCKET",
                "this build has no embedded S3 endpoint, so the name of a bucket is needed",
            ));
        }
        return Ok(ObjectsConfig::Embedded { prefix, public_url });
    };
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    let fits = (3..=63).contains(&bucket.len())
        && bucket
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
    if !fits {
        return Err(ConfigError::new(
            "S3_BUCKET",
            format!(
                "{bucket:?} is no bucket name: 3 to 63 lower-case letters, digits, dots and hyphens"
            ),
        ));
    }
    Ok(ObjectsConfig::Bucket(ObjectStoreConfig {
        bucket,
        prefix,
        // Endpoints other than Amazon's rarely care, but requests are signed for one.
        region: options
            .region
            .or_else(|| endpoint.is_some().then(|| "us-east-1".to_owned())),
        endpoint,
        public_url,
        acl,
        credentials: None,
    }))
}

/// Keys go into URLs as they are, so the prefix may hold only what needs no escaping there.
fn prefix(value: Option<String>) -> Result<String, ConfigError> {
    let text = value.unwrap_or_else(|| "images/".to_owned());
    let parts = text.trim_end_matches('/').split('/');
    let fits = text.len() <= 200
        && parts.into_iter().all(|part| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        });
    if !fits {
        return Err(ConfigError::new(
            "S3_PREFIX",
            format!(
                "{text:?} cannot begin object keys; use letters, digits, '-', '.', '_' and single slashes, such as images/"
            ),
        ));
    }
    Ok(format!("{}/", text.trim_end_matches('/')))
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
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            web_dir: Some("none".to_owned()),
            ..Options::default()
        }
    }

    /// Sets one option by the name of its variable.
    fn with(variable: &str, value: &str) -> Options {
        let mut options = options();
        let value = Some(value.to_owned());
        match variable {
            "LISTEN" => options.listen = value,
            "PUBLIC_URL" => options.public_url = value,
            "WEB_DIR" => options.web_dir = value,
            "DATABASE_URL" => options.database_url = value,
            "S3_BUCKET" => options.s3_bucket = value,
            "S3_PREFIX" => options.s3_prefix = value,
            "S3_ENDPOINT" => options.s3_endpoint = value,
            "S3_PUBLIC_URL" => options.s3_public_url = value,
            "S3_ACL" => options.s3_acl = value,
            "MAX_UPLOAD_BYTES" => options.max_upload_bytes = value,
            "MIN_FREE_BYTES" => options.min_free_bytes = value,
            "ADMIN_KEY" => options.admin_key = value,
            "SECRET" => options.secret = value,
            "UPLOAD_KEYS" => options.upload_keys = value,
            "PUBLIC_LISTING" => options.public_listing = value,
            "KEEP_METADATA" => options.keep_metadata = value,
            "TRUSTED_PROXIES" => options.trusted_proxies = value,
            "UPLOAD_RATE" => options.upload_rate = value,
            "READ_RATE" => options.read_rate = value,
            "MAX_UPLOADS_IN_FLIGHT" => options.max_uploads_in_flight = value,
            "UPLOAD_DEADLINE" => options.upload_deadline = value,
            "UPLOAD_MIN_SPEED" => options.upload_min_speed = value,
            "ALLOWED_ORIGINS" => options.allowed_origins = value,
            other => panic!("no option {other}"),
        }
        options
    }

    #[test]
    fn nothing_set_means_the_documented_defaults() {
        let config = Config::from_options(options()).unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.uploads_dir, PathBuf::from("uploads"));
        assert_eq!(
            config.database,
            DbConfig::Sqlite {
                path: "uploads/metadata.db".into()
            }
        );
        assert_eq!(config.limits.max_upload_bytes, 1_048_576);
        assert_eq!(config.limits.min_free_bytes, 268_435_456);
        assert!(config.access.admin_key.is_none());
        assert!(config.access.upload_keys.is_none());
        assert!(config.access.public_listing);
        assert_eq!(config.metadata, Metadata::Remove);
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(
            Config::from_options(with("LISTEN", " "))
                .unwrap()
                .server
                .listen
                .port(),
            8080
        );
    }

    #[test]
    fn every_wrong_setting_is_named_with_what_would_be_right() {
        let rows = [
            ("LISTEN", "8080", "127.0.0.1:8080"),
            ("LISTEN", "localhost:8080", "IP address"),
            (
                "PUBLIC_URL",
                "images.example.org",
                "https://images.example.org",
            ),
            ("PUBLIC_URL", "ftp://images.example.org", "web address"),
            (
                "PUBLIC_URL",
                "https://images.example.org/?a=b",
                "web address",
            ),
            ("WEB_DIR", "/nowhere", "index.html"),
            ("DATABASE_URL", "postgres://u:hunter2@h/d", "mysql://"),
            ("DATABASE_URL", "sqlite://", "path"),
            ("DATABASE_URL", "mysql://u:hunter2@h", "database is missing"),
            ("S3_BUCKET", "No_Bucket", "lower-case"),
            ("S3_BUCKET", "ab", "3 to 63"),
            ("S3_PREFIX", "../images", "single slashes"),
            ("S3_PREFIX", "/images", "single slashes"),
            ("S3_PREFIX", "a b", "letters"),
            ("S3_PUBLIC_URL", "cdn", "web address"),
            ("S3_ACL", "private", "public-read"),
            ("MAX_UPLOAD_BYTES", "1MB", "number of bytes"),
            ("MAX_UPLOAD_BYTES", "0", "from 1"),
            ("MAX_UPLOAD_BYTES", "999999999999", "104857600"),
            ("MIN_FREE_BYTES", "1GB", "number of bytes"),
            ("MIN_FREE_BYTES", "-1", "0 for none"),
            ("ADMIN_KEY", "hunter2", "20 characters"),
            ("SECRET", "hunter2", "32 characters"),
            ("UPLOAD_KEYS", "hunter2", "NAME:SHA256"),
            ("UPLOAD_KEYS", "phone:hunter2", "upload-key NAME"),
            ("PUBLIC_LISTING", "no", "true nor false"),
            ("PUBLIC_LISTING", "false", "set ADMIN_KEY"),
            ("KEEP_METADATA", "1", "true nor false"),
            ("TRUSTED_PROXIES", "nginx", "10.0.0.0/16"),
            ("TRUSTED_PROXIES", "10.0.0.1,10.0.0.0/33", "10.0.0.0/33"),
            ("TRUSTED_PROXIES", "::ffff:10.0.0.1", "neither"),
            ("UPLOAD_RATE", "60", "60/minute"),
            ("UPLOAD_RATE", "0/minute", "60/minute"),
            ("UPLOAD_RATE", "60/day", "second, minute or hour"),
            ("READ_RATE", "none", "off"),
            ("READ_RATE", "1000001/second", "1000000"),
            ("MAX_UPLOADS_IN_FLIGHT", "0", "from 1"),
            ("UPLOAD_DEADLINE", "5m", "from 1 to 86400"),
            ("UPLOAD_MIN_SPEED", "-1", "from 0"),
            ("ALLOWED_ORIGINS", "*", "web address"),
            ("ALLOWED_ORIGINS", "null", "web address"),
            (
                "ALLOWED_ORIGINS",
                "https://a.example,https://b.example/path",
                "scheme, host and port",
            ),
        ];
        for (variable, value, expected) in rows {
            let error = Config::from_options(with(variable, value)).unwrap_err();
            assert_eq!(error.variable, variable, "{value}");
            let message = error.to_string();
            assert!(message.contains(expected), "{message}");
            assert!(
                !message.contains('\n') && !message.contains("hunter2"),
                "{message}"
            );
        }
    }

    #[test]
    fn an_endpoint_needs_a_bucket() {
        let error = Config::from_options(with("S3_ENDPOINT", "http://127.0.0.1:9000")).unwrap_err();
        assert_eq!(error.variable, "S3_BUCKET");
    }

    #[test]
    fn a_ca_file_without_certificates_is_named() {
        let mut options = with("DATABASE_URL", "mysql://u@h/d");
        for no_ca in ["/nowhere/ca.pem", "/etc/passwd"] {
            options.database_ca = Some(no_ca.to_owned());
            let error = Config::from_options(options.clone()).unwrap_err();
            assert_eq!(error.variable, "DATABASE_CA");
        }
    }

    #[test]
    fn prefixes_end_in_one_slash() {
        let config = Config::from_options(with("S3_PREFIX", "a/b")).unwrap();
        assert!(
            matches!(config.objects, ObjectsConfig::Embedded { prefix, .. } if prefix == "a/b/")
        );
    }
}
