//! Where objects go.

use super::{ConfigError, web_address};
use crate::storage::{ObjectAcl, ObjectStoreConfig};

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

/// What is said of it, as it was given.
pub(super) struct ObjectOptions {
    pub(super) bucket: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) public_url: Option<String>,
    pub(super) acl: Option<String>,
    pub(super) region: Option<String>,
}

pub(super) fn objects(options: ObjectOptions) -> Result<ObjectsConfig, ConfigError> {
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
