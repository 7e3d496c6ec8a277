//! The objects in S3, or in anything that speaks its protocol.
//!
//! Every operation has a deadline, can be repeated without harm, and never overwrites other bytes.

mod delete;
mod fetch;
mod inventory;
mod probe;
mod put;

use std::time::{Duration, Instant};

use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

pub use fetch::Fetched;
pub use inventory::{ListedObject, ObjectHead, ObjectPage};
pub use probe::{BucketProbe, CredentialsFound, Refusal, Versioning};

use super::StorageKey;
use crate::aws;
use crate::domain::Availability;
use crate::metrics::{CallOutcome, Calls};

/// Why an object could not be stored or removed.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// S3 did not answer, or answered with an error that a person or time can mend
    /// (an outage, a missing permission, a missing bucket). Worth trying again.
    #[error("S3 did not take the {operation}: {reason}")]
    Away {
        /// The S3 operation.
        operation: &'static str,
        /// What the SDK says, for operators.
        reason: String,
    },
    /// S3 has looked at this object and does not take it. Trying again changes nothing, and S3 is not away.
    #[error("S3 refuses the object: {code}")]
    Refused {
        /// S3's error code.
        code: String,
    },
    /// S3 is there and does not give this object: its permissions, its storage class or its key forbid it.
    #[error("S3 does not give the object: {reason}")]
    Withheld {
        /// S3's error code, or the status.
        reason: String,
    },
    /// Other bytes lie under the key. They are left alone.
    #[error("the bucket holds other bytes under {object_key}")]
    Conflict {
        /// The key.
        object_key: String,
    },
    /// The object is not visible any more, but the bucket keeps its versions, and they may not be removed.
    /// S3 is not away.
    #[error(
        "deleted objects stay in the bucket as old versions: allow s3:ListBucketVersions on the bucket \
         and s3:DeleteObjectVersion on its objects"
    )]
    VersionsDenied,
}

/// The canned ACL that is sent with each object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObjectAcl {
    /// None: for buckets with ACLs disabled, the default since April 2023, where a bucket policy grants reading.
    #[default]
    None,
    /// `public-read`, for buckets that still use ACLs. Buckets with ACLs disabled refuse it.
    PublicRead,
}

/// Credentials that do not come from the SDK's own chain: those of the embedded endpoint.
#[derive(Clone)]
pub struct StaticCredentials {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
}

impl std::fmt::Debug for StaticCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StaticCredentials(…)")
    }
}

/// Which bucket, and how to reach it.
#[derive(Clone, Debug)]
pub struct ObjectStoreConfig {
    /// The bucket's name.
    pub bucket: String,
    /// What all keys begin with, ending in a slash.
    pub prefix: String,
    /// The address of an S3-compatible endpoint. `None`: Amazon's, for the region.
    pub endpoint: Option<String>,
    /// The region. `None`: what the SDK finds in the environment, the profile or the instance.
    pub region: Option<String>,
    /// What public URLs begin with, without a slash at the end. `None`: the bucket's own address.
    pub public_url: Option<String>,
    /// The ACL that is sent with objects.
    pub acl: ObjectAcl,
    /// `None`: the SDK's own chain, instance role included.
    pub credentials: Option<StaticCredentials>,
}

/// No region is configured and the SDK finds none.
#[derive(Debug, thiserror::Error)]
#[error("no AWS region is known")]
pub struct RegionMissing;

/// The bucket that images are published to.
#[derive(Debug)]
pub struct ObjectStore {
    client: Client,
    bucket: String,
    prefix: String,
    public_url: String,
    acl: ObjectAcl,
    availability: Availability,
    tells_old_checksums: bool,
    /// Later answers do not count as prompt.
    prompt: Duration,
    /// Whether versions may be listed and removed, where the bucket keeps them.
    versions: Availability,
    /// `None`: nobody asks how many requests there were.
    calls: Option<Calls>,
}

impl ObjectStore {
    /// Prepares the client. Makes no request to S3: the service starts while S3 is away.
    ///
    /// # Errors
    /// [`RegionMissing`].
    pub async fn connect(config: ObjectStoreConfig) -> Result<Self, RegionMissing> {
        let shared = shared_settings(&config).await;
        let region = shared.region().ok_or(RegionMissing)?.to_string();
        let client = Client::from_conf(client_settings(&shared, &config).build());
        Ok(Self {
            client,
            public_url: public_url(&config, &region),
            // The embedded endpoint, which alone has credentials of its own.
            tells_old_checksums: config.credentials.is_some(),
            bucket: config.bucket,
            prefix: config.prefix,
            acl: config.acl,
            availability: Availability::default(),
            prompt: Duration::MAX,
            versions: Availability::default(),
            calls: None,
        })
    }

    /// Has its requests counted.
    #[must_use]
    pub fn counted_by(mut self, calls: Calls) -> Self {
        self.calls = Some(calls);
        self
    }

    /// Says for how long uploads wait for S3: an answer that comes later does not make S3 count as prompt.
    pub fn expect_answers_within(&mut self, prompt: Duration) {
        self.prompt = prompt;
    }

    /// Whether S3 answered the last call, and in time.
    #[must_use]
    pub fn availability(&self) -> &Availability {
        &self.availability
    }

    /// Whether the checksum of an object is the one that was kept when it was stored, whatever became of its bytes.
    #[must_use]
    pub fn tells_old_checksums(&self) -> bool {
        self.tells_old_checksums
    }

    /// What public URLs begin with.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The key and the public URL that an object has, or will have.
    #[must_use]
    pub fn address(&self, key: StorageKey) -> (String, String) {
        let object_key = key.object_key(&self.prefix);
        let url = self.url_of(&object_key);
        (object_key, url)
    }

    /// The public URL of the object under a key, by the settings of today.
    #[must_use]
    pub fn url_of(&self, object_key: &str) -> String {
        // Prefix and file names consist of characters that need no escaping (see `config`).
        format!("{}/{object_key}", self.public_url)
    }

    /// Carries out an operation and learns from it whether S3 is there.
    async fn within<T>(
        &self,
        operation: &'static str,
        deadline: Duration,
        request: impl Future<Output = Result<T, ObjectError>>,
    ) -> Result<T, ObjectError> {
        let began = Instant::now();
        let (result, outcome) = match tokio::time::timeout(deadline, request).await {
            Ok(Ok(done)) => (Ok(done), CallOutcome::Ok),
            Ok(Err(error)) => (Err(error), CallOutcome::Error),
            Err(_) => {
                let reason = format!("no answer within {deadline:?}");
                (
                    Err(ObjectError::Away { operation, reason }),
                    CallOutcome::Timeout,
                )
            }
        };
        if let Some(calls) = &self.calls {
            calls.ended(operation, outcome, began.elapsed());
        }
        match &result {
            Err(error @ ObjectError::Away { .. }) => {
                if self.availability.failed() {
                    log::warn!("S3 is away, uploads go on: {error}");
                }
            }
            _ if began.elapsed() > self.prompt => {
                if self.availability.answered_late() {
                    log::warn!("S3 answers late, uploads go on without waiting for it");
                }
            }
            _ => {
                if self.availability.answered() {
                    log::info!("S3 answers again");
                }
            }
        }
        result
    }
}

/// An SDK's answer in the words of this module.
fn translated<T, E>(operation: &'static str, sent: Result<T, SdkError<E>>) -> Result<T, ObjectError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    sent.map_err(|error| match error.code() {
        Some(code) if is_about_the_object(code) => ObjectError::Refused {
            code: code.to_owned(),
        },
        Some(code) => ObjectError::Away {
            operation,
            reason: code.to_owned(),
        },
        None => ObjectError::Away {
            operation,
            reason: format!("{:#}", anyhow::Error::from(error)),
        },
    })
}

/// What the SDK finds in the environment, and what is configured.
async fn shared_settings(config: &ObjectStoreConfig) -> SdkConfig {
    let mut loader = aws::settings();
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &config.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(credentials) = &config.credentials {
        loader = loader.credentials_provider(aws_credential_types::Credentials::from_keys(
            &credentials.access_key_id,
            &credentials.secret_access_key,
            None,
        ));
    }
    loader.load().await
}

/// The settings of a client of the bucket.
fn client_settings(shared: &SdkConfig, config: &ObjectStoreConfig) -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::config::Builder::from(shared)
        // Endpoints other than Amazon's rarely resolve a host name for each bucket.
        .force_path_style(config.endpoint.is_some())
}

/// What the public URLs of the bucket's objects begin with.
fn public_url(config: &ObjectStoreConfig, region: &str) -> String {
    config
        .public_url
        .clone()
        .unwrap_or_else(|| bucket_url(&config.bucket, region, config.endpoint.as_deref()))
}

/// Error codes that tell of the object and not of S3 or the bucket
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>).
fn is_about_the_object(code: &str) -> bool {
    matches!(
        code,
        "BadDigest"
            | "InvalidDigest"
            | "XAmzContentSHA256Mismatch"
            | "EntityTooLarge"
            | "EntityTooSmall"
            | "KeyTooLongError"
    )
}

/// Whether S3 looked at a request to read an object and did not give it, be it for this object or for all.
fn is_withheld<E>(error: &SdkError<E>) -> bool {
    status(error).is_some_and(|status| (400..500).contains(&status) && !matches!(status, 408 | 429))
}

fn withheld<E: ProvideErrorMetadata>(error: &SdkError<E>) -> ObjectError {
    let status = status(error).map(|status| format!("status {status}"));
    let code = error.code().map(ToOwned::to_owned);
    ObjectError::Withheld {
        reason: code.or(status).unwrap_or_default(),
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

/// The address under which Amazon serves a bucket's objects to anyone
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>), or the endpoint's own.
fn bucket_url(bucket: &str, region: &str, endpoint: Option<&str>) -> String {
    match endpoint {
        Some(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
        // The certificate of virtual-hosted addresses does not cover names with dots.
        None if bucket.contains('.') => format!("https://s3.{region}.amazonaws.com/{bucket}"),
        None => format!("https://{bucket}.s3.{region}.amazonaws.com"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls_follow_the_bucket_the_region_and_the_endpoint() {
        let rows = [
            (
                ("pictures", None),
                "https://pictures.s3.eu-west-1.amazonaws.com",
            ),
            (
                ("my.pictures", None),
                "https://s3.eu-west-1.amazonaws.com/my.pictures",
            ),
            (
                ("pictures", Some("http://127.0.0.1:9000/")),
                "http://127.0.0.1:9000/pictures",
            ),
        ];
        for ((bucket, endpoint), expected) in rows {
            assert_eq!(bucket_url(bucket, "eu-west-1", endpoint), expected);
        }
    }
}
