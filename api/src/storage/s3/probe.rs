//! What can be told of a bucket by asking it, one request at a time: for operators.
//!
//! The client is made like the service's, but gives up sooner and never tries again: what goes wrong is to be
//! seen. What travels beside the answers (the time, the region) is kept as well.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::credential_feature::AwsCredentialFeature as Feature;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents, SharedCredentialsProvider};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, DateTime as SdkDateTime, DateTimeFormat};
use aws_sdk_s3::types::{BucketVersioningStatus, ChecksumMode, ObjectOwnership};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use super::delete::{delete_versions, keeps_versions};
use super::put::put_request;
use super::{
    ObjectAcl, ObjectError, ObjectStoreConfig, RegionMissing, client_settings, public_url,
    shared_settings,
};
use crate::domain::{Checksum, Image, ImageId, MediaType, Uploader};

/// A bucket, and the object that is put into it and taken out again.
#[derive(Debug)]
pub struct BucketProbe {
    client: Client,
    credentials: Option<SharedCredentialsProvider>,
    witness: Witness,
    region: String,
    bucket: String,
    prefix: String,
    object_key: String,
    public_url: String,
    acl: ObjectAcl,
    patience: Duration,
}

/// What a request was refused with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the answer. `None`: there was none.
    pub status: Option<u16>,
    /// S3's error code. Answers to HEAD have none.
    pub code: Option<String>,
    /// What the SDK says.
    pub reason: String,
}

/// Where the credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsFound {
    /// The source, in words.
    pub source: String,
    /// The beginning and the end of the access key id.
    pub access_key_id: String,
    /// Until when they are valid. `None`: for ever.
    pub expires: Option<DateTime<Utc>>,
}

/// Whether the bucket keeps versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    /// It never did.
    Never,
    /// It does.
    Enabled,
    /// It did.
    Suspended,
}

impl BucketProbe {
    /// Prepares the client. Makes no request to S3.
    ///
    /// # Errors
    /// [`RegionMissing`].
    pub async fn prepare(
        config: &ObjectStoreConfig,
        patience: Duration,
    ) -> Result<Self, RegionMissing> {
        let shared = shared_settings(config).await;
        let region = shared.region().ok_or(RegionMissing)?.to_string();
        let witness = Witness::default();
        let settings = client_settings(&shared, config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(patience)
                    .operation_timeout(patience)
                    .build(),
            )
            .interceptor(witness.clone());
        let object_key = format!("{}doctor-{}.png", config.prefix, uuid::Uuid::now_v7());
        Ok(Self {
            client: Client::from_conf(settings.build()),
            credentials: shared.credentials_provider(),
            witness,
            public_url: format!("{}/{object_key}", public_url(config, &region)),
            region,
            bucket: config.bucket.clone(),
            prefix: config.prefix.clone(),
            object_key,
            acl: config.acl,
            patience,
        })
    }

    /// The region that requests are signed for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The key of the object that is put.
    #[must_use]
    pub fn object_key(&self) -> &str {
        &self.object_key
    }

    /// Where anybody can fetch that object.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The region that S3 says the bucket is in, if it said so.
    #[must_use]
    pub fn region_by_s3(&self) -> Option<String> {
        self.witness.seen().region.clone()
    }

    /// How far the clock of S3 is ahead of ours. `None`: no answer has told yet.
    #[must_use]
    pub fn clock_ahead(&self) -> Option<TimeDelta> {
        self.witness.seen().clock_ahead
    }

    /// Looks for credentials as the SDK does for each request.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn credentials(&self) -> Result<CredentialsFound, String> {
        let Some(provider) = &self.credentials else {
            return Err("the SDK looks nowhere for them".to_owned());
        };
        let found = match tokio::time::timeout(self.patience, provider.provide_credentials()).await
        {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Err(format!("{:#}", anyhow::Error::from(error))),
            Err(_) => return Err(format!("no source answered within {:?}", self.patience)),
        };
        let features = found.get_property::<Vec<Feature>>();
        Ok(CredentialsFound {
            source: source(features.map_or(&[][..], Vec::as_slice)),
            access_key_id: shortened(found.access_key_id()),
            expires: found.expiry().map(DateTime::from),
        })
    }

    /// Whether the bucket is there and may be listed, at least below the prefix.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn reach_bucket(&self) -> Result<(), Refusal> {
        let request = self.client.head_bucket().bucket(&self.bucket).send();
        let Err(refusal) = self.answered(request).await else {
            return Ok(());
        };
        if !refusal.is_forbidden() {
            return Err(refusal);
        }
        // A role that may list below the prefix alone may not ask for the bucket as such.
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(&self.prefix)
            .max_keys(1)
            .send();
        // The first refusal says more: an answer to HEAD tells the region.
        self.answered(request)
            .await
            .map_or(Err(refusal), |_| Ok(()))
    }

    /// Stores the object with exactly what uploads are stored with.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn put(&self, bytes: Bytes) -> Result<(), Refusal> {
        let uploader = Uploader::parse("image-handler doctor")
            .map_err(|error| Refusal::unanswered(error.to_string()))?;
        let sha256 = Checksum::of(&bytes);
        let image = Image {
            // Not used for anything: the key of the object is its own.
            id: ImageId::generate(),
            uploader,
            alt: None,
            file_name: None,
            media_type: MediaType::Png,
            size_bytes: bytes.len() as u64,
            width: 1,
            height: 1,
            sha256,
            received_sha256: Some(sha256),
            object_key: self.object_key.clone(),
            url: self.public_url.clone(),
            idempotency_key: None,
            stored_at: None,
            thumbhash: None,
        };
        let request = put_request(&self.client, &self.bucket, &image, self.acl);
        let request = request
            .if_none_match("*")
            .body(ByteStream::from(bytes))
            .send();
        self.answered(request).await.map(|_| ())
    }

    /// Reads the object as the service does, checksum included. Gives its bytes, and whether the checksum is
    /// kept with it.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn get(&self) -> Result<(Bytes, bool), Refusal> {
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&self.object_key)
            .checksum_mode(ChecksumMode::Enabled)
            .send();
        let answer = self.answered(request).await?;
        let has_checksum = answer.checksum_sha256().is_some();
        match tokio::time::timeout(self.patience, answer.body.collect()).await {
            Ok(Ok(body)) => Ok((body.into_bytes(), has_checksum)),
            Ok(Err(error)) => Err(Refusal::unanswered(error.to_string())),
            Err(_) => Err(Refusal::unanswered("the answer does not end".to_owned())),
        }
    }

    /// Removes the object. Says whether the bucket keeps versions of it.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn delete(&self) -> Result<bool, Refusal> {
        let request = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(&self.object_key)
            .send();
        let deleted = self.answered(request).await?;
        Ok(keeps_versions(&deleted))
    }

    /// Removes what the bucket keeps of the object after [`Self::delete`].
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn delete_versions(&self) -> Result<(), Refusal> {
        // Boxed: the SDK's futures are large.
        let request = Box::pin(delete_versions(
            &self.client,
            &self.bucket,
            &self.object_key,
        ));
        match tokio::time::timeout(self.patience, request).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error @ ObjectError::VersionsDenied)) => Err(Refusal {
                status: Some(403),
                code: Some("AccessDenied".to_owned()),
                reason: error.to_string(),
            }),
            Ok(Err(error)) => Err(Refusal::unanswered(format!(
                "{:#}",
                anyhow::Error::from(error)
            ))),
            Err(_) => Err(self.too_late()),
        }
    }

    /// Whether the bucket takes ACLs. `None`: it has no rule, so it does.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn takes_acls(&self) -> Result<bool, Refusal> {
        let request = self
            .client
            .get_bucket_ownership_controls()
            .bucket(&self.bucket)
            .send();
        match self.answered(request).await {
            Ok(answer) => {
                let rules = answer.ownership_controls.map(|controls| controls.rules);
                let enforced = rules.is_some_and(|rules| {
                    let mut rules = rules.iter();
                    rules.any(|rule| {
                        *rule.object_ownership() == ObjectOwnership::BucketOwnerEnforced
                    })
                });
                Ok(!enforced)
            }
            // A bucket from before there were such rules.
            Err(refusal) if refusal.code.as_deref() == Some("OwnershipControlsNotFoundError") => {
                Ok(true)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Whether the bucket keeps versions.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn versioning(&self) -> Result<Versioning, Refusal> {
        let request = self
            .client
            .get_bucket_versioning()
            .bucket(&self.bucket)
            .send();
        Ok(match self.answered(request).await?.status() {
            Some(BucketVersioningStatus::Enabled) => Versioning::Enabled,
            Some(BucketVersioningStatus::Suspended) => Versioning::Suspended,
            _ => Versioning::Never,
        })
    }

    /// Waits for the answer. The SDK has its own bounds; this one holds also while it looks for credentials.
    async fn answered<T, E>(
        &self,
        request: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, Refusal>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        // Boxed: the SDK's futures are large.
        match tokio::time::timeout(self.patience, Box::pin(request)).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(Refusal {
                status: super::status(&error),
                code: error.code().map(str::to_owned),
                reason: match (error.code(), error.message()) {
                    (Some(code), Some(message)) => format!("{code}: {message}"),
                    (Some(code), None) => code.to_owned(),
                    (None, _) => format!("{:#}", anyhow::Error::from(error)),
                },
            }),
            Err(_) => Err(self.too_late()),
        }
    }

    fn too_late(&self) -> Refusal {
        Refusal::unanswered(format!("no answer within {:?}", self.patience))
    }
}

impl Refusal {
    fn unanswered(reason: String) -> Self {
        Self {
            status: None,
            code: None,
            reason,
        }
    }

    /// Whether S3 says that we may not.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.status == Some(403)
    }
}

/// The most telling of the sources that the SDK names.
fn source(features: &[Feature]) -> String {
    let words = |feature: &Feature| {
        Some(match feature {
            Feature::CredentialsEnvVars => "the environment (AWS_ACCESS_KEY_ID)",
            Feature::CredentialsImds => "the role of this instance",
            Feature::CredentialsHttp => "the role of this container",
            Feature::CredentialsEnvVarsStsWebIdToken
            | Feature::CredentialsProfileStsWebIdToken
            | Feature::CredentialsStsAssumeRoleWebId => "a web identity token",
            Feature::CredentialsStsAssumeRole => "a role that a profile assumes",
            Feature::CredentialsSso | Feature::CredentialsProfileSso => "single sign-on",
            Feature::CredentialsProcess | Feature::CredentialsProfileProcess => {
                "a process that a profile names"
            }
            Feature::CredentialsProfile => "a profile (~/.aws, AWS_PROFILE)",
            Feature::CredentialsCode => "this program",
            _ => return None,
        })
    };
    // The later ones build upon the earlier; that a profile names the source says least.
    let mut features = features.to_vec();
    features.sort_by_key(|feature| *feature != Feature::CredentialsProfile);
    let named = features.iter().rev().find_map(words);
    named.unwrap_or("the configuration").to_owned()
}

/// Enough of it to tell it from others, and no more.
fn shortened(access_key_id: &str) -> String {
    let characters: Vec<char> = access_key_id.chars().collect();
    match characters.as_slice() {
        [head @ .., a, b, c, d] if head.len() >= 12 => {
            let head: String = head.iter().take(4).collect();
            format!("{head}…{a}{b}{c}{d}")
        }
        _ => format!("{}…", characters.iter().take(2).collect::<String>()),
    }
}

/// Keeps what travels beside the answers.
#[derive(Clone, Debug, Default)]
struct Witness(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    clock_ahead: Option<TimeDelta>,
    region: Option<String>,
}

impl Witness {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Witness {
    fn name(&self) -> &'static str {
        "Witness"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.response().headers();
        let mut seen = self.seen();
        let date = headers
            .get("date")
            .and_then(|text| SdkDateTime::from_str(text, DateTimeFormat::HttpDate).ok())
            .and_then(|date| DateTime::from_timestamp(date.secs(), 0));
        if let Some(date) = date {
            seen.clock_ahead = Some(date - Utc::now());
        }
        if let Some(region) = headers.get("x-amz-bucket-region") {
            seen.region = Some(region.to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_key_ids_are_shortened() {
        assert_eq!(shortened("AKIAIOSFODNN7EXAMPLE"), "AKIA…MPLE");
        assert_eq!(shortened("test"), "te…");
        assert_eq!(shortened(""), "…");
    }

    #[test]
    fn the_source_is_the_last_that_has_a_name() {
        assert_eq!(
            source(&[Feature::CredentialsImds]),
            "the role of this instance"
        );
        let assumed = [
            Feature::CredentialsProfile,
            Feature::CredentialsStsAssumeRole,
        ];
        assert_eq!(source(&assumed), "a role that a profile assumes");
        let single_sign_on = [Feature::CredentialsSso, Feature::CredentialsProfile];
        assert_eq!(source(&single_sign_on), "single sign-on");
        assert_eq!(source(&[]), "the configuration");
    }
}
