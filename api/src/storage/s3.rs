//! The objects in S3, or in anything that speaks its protocol.
//!
//! Every operation has a deadline, can be repeated without harm, and never overwrites other bytes.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, ObjectCannedAcl};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use bytes::Bytes;

use super::StorageKey;
use crate::domain::{Availability, Checksum};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longer than S3 takes for the largest upload, shorter than anybody's patience with a hanging part.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause before the SDK's first own retry. The replayer retries for ever; these are for a hiccup within a request.
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(50);

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
    /// Other bytes lie under the key. They are left alone.
    #[error("the bucket holds other bytes under {object_key}")]
    Conflict {
        /// The key.
        object_key: String,
    },
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
}

impl ObjectStore {
    /// Prepares the client. Makes no request to S3: the service starts while S3 is away.
    ///
    /// # Errors
    /// [`RegionMissing`].
    pub async fn connect(config: ObjectStoreConfig) -> Result<Self, RegionMissing> {
        // One TLS library in the process; two without a chosen default would panic.
        let http_client = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http_client)
            .retry_config(RetryConfig::standard().with_initial_backoff(FIRST_RETRY_AFTER))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_timeout(OPERATION_TIMEOUT)
                    .build(),
            );
        if let Some(region) = config.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(endpoint) = &config.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(credentials) = config.credentials {
            loader = loader.credentials_provider(aws_credential_types::Credentials::from_keys(
                credentials.access_key_id,
                credentials.secret_access_key,
                None,
            ));
        }
        let shared = loader.load().await;
        let region = shared.region().ok_or(RegionMissing)?.to_string();
        let public_url = config
            .public_url
            .unwrap_or_else(|| bucket_url(&config.bucket, &region, config.endpoint.as_deref()));
        let settings = aws_sdk_s3::config::Builder::from(&shared)
            // Endpoints other than Amazon's rarely resolve a host name for each bucket.
            .force_path_style(config.endpoint.is_some())
            .build();
        Ok(Self {
            client: Client::from_conf(settings),
            bucket: config.bucket,
            prefix: config.prefix,
            public_url,
            acl: config.acl,
            availability: Availability::default(),
        })
    }

    /// Whether S3 answered the last call.
    #[must_use]
    pub fn availability(&self) -> &Availability {
        &self.availability
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
        // Prefix and file names consist of characters that need no escaping (see `config`).
        let url = format!("{}/{object_key}", self.public_url);
        (object_key, url)
    }

    /// Stores the object, unless it is there already.
    ///
    /// The checksum travels along, so S3 refuses bytes that were damaged on the way. An object that is
    /// there already is success only if its checksum is ours: then a retry found the work done.
    /// A request that is given up after `deadline` may still take effect; doing it again is safe.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub async fn put(
        &self,
        key: StorageKey,
        object_key: &str,
        bytes: Bytes,
        checksum: Checksum,
        deadline: Duration,
    ) -> Result<(), ObjectError> {
        // Boxed: the SDK's futures are large, and every caller's would be as large.
        let request = Box::pin(self.put_or_verify(key, object_key, bytes, checksum));
        self.within("PutObject", deadline, request).await
    }

    async fn put_or_verify(
        &self,
        key: StorageKey,
        object_key: &str,
        bytes: Bytes,
        checksum: Checksum,
    ) -> Result<(), ObjectError> {
        let acl = match self.acl {
            ObjectAcl::None => None,
            ObjectAcl::PublicRead => Some(ObjectCannedAcl::PublicRead),
        };
        let sent = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(object_key)
            .content_type(key.content_type())
            .cache_control(key.cache_control())
            .checksum_sha256(checksum.to_base64())
            .if_none_match("*")
            .set_acl(acl)
            .body(ByteStream::from(bytes))
            .send()
            .await;
        match sent {
            Err(error) if status(&error) == Some(412) => self.verify(object_key, checksum).await,
            sent => self.noted("PutObject", sent).map(|_| ()),
        }
    }

    /// Removes the object. One that is not there is fine.
    ///
    /// # Errors
    /// [`ObjectError::Away`].
    pub async fn delete(&self, object_key: &str, deadline: Duration) -> Result<(), ObjectError> {
        self.within("DeleteObject", deadline, async {
            let request = self
                .client
                .delete_object()
                .bucket(&self.bucket)
                .key(object_key);
            match request.send().await {
                // S3 answers 204 for a key that is not there; others answer 404.
                Err(error) if error.code() == Some("NoSuchKey") => {
                    self.note_answer();
                    Ok(())
                }
                sent => self.noted("DeleteObject", sent).map(|_| ()),
            }
        })
        .await
    }

    /// Whether the object under the key is the one with this checksum.
    async fn verify(&self, object_key: &str, checksum: Checksum) -> Result<(), ObjectError> {
        let sent = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(object_key)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await;
        let head = self.noted("HeadObject", sent)?;
        if is_ours(&head, checksum) {
            Ok(())
        } else {
            Err(ObjectError::Conflict {
                object_key: object_key.to_owned(),
            })
        }
    }

    async fn within<T>(
        &self,
        operation: &'static str,
        deadline: Duration,
        request: impl Future<Output = Result<T, ObjectError>>,
    ) -> Result<T, ObjectError> {
        match tokio::time::timeout(deadline, request).await {
            Ok(result) => result,
            Err(_) => Err(self.note_failure(operation, format!("no answer within {deadline:?}"))),
        }
    }

    /// Learns from an answer whether S3 is there, and translates its error.
    fn noted<T, E>(
        &self,
        operation: &'static str,
        sent: Result<T, SdkError<E>>,
    ) -> Result<T, ObjectError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match sent {
            Ok(output) => {
                self.note_answer();
                Ok(output)
            }
            Err(error) if error.code().is_some_and(is_about_the_object) => {
                self.note_answer();
                let code = error.code().unwrap_or_default().to_owned();
                Err(ObjectError::Refused { code })
            }
            Err(error) => {
                let reason = match error.code() {
                    Some(code) => code.to_owned(),
                    None => format!("{:#}", anyhow::Error::from(error)),
                };
                Err(self.note_failure(operation, reason))
            }
        }
    }

    fn note_answer(&self) {
        if self.availability.answered() {
            log::info!("S3 answers again");
        }
    }

    fn note_failure(&self, operation: &'static str, reason: String) -> ObjectError {
        if self.availability.failed() {
            log::warn!("S3 is away, uploads go on: {operation} failed: {reason}");
        }
        ObjectError::Away { operation, reason }
    }
}

/// Error codes that tell of the object and not of S3 or the bucket
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>).
fn is_about_the_object(code: &str) -> bool {
    matches!(
        code,
        "BadDigest" | "InvalidDigest" | "EntityTooLarge" | "EntityTooSmall" | "KeyTooLongError"
    )
}

fn is_ours(head: &HeadObjectOutput, checksum: Checksum) -> bool {
    head.checksum_sha256() == Some(checksum.to_base64().as_str())
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
