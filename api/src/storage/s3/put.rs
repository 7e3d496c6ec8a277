//! Puts an object into the bucket, once, and never over other bytes.

use std::time::Duration;

use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, ObjectCannedAcl};
use bytes::Bytes;

use super::{ObjectAcl, ObjectError, ObjectStore, status, translated};
use crate::domain::{Checksum, Image};
use crate::storage::{ObjectMetadata, StorageKey};

impl ObjectStore {
    /// Stores the object of an image, unless it is there already, together with what rebuilds its record.
    ///
    /// The checksum travels along, so S3 refuses bytes that were damaged on the way. An object that is
    /// there already is success only if its checksum is ours: then a retry found the work done; one without a
    /// checksum is read and compared. Should the answer tell of another checksum, S3 is asked what it has.
    /// A request that is given up after `deadline` may still take effect; doing it again is safe.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub async fn put(
        &self,
        image: &Image,
        bytes: Bytes,
        deadline: Duration,
    ) -> Result<(), ObjectError> {
        // Boxed: the SDK's futures are large, and every caller's would be as large.
        let request = Box::pin(self.put_or_verify(image, bytes));
        self.within("PutObject", deadline, request).await
    }

    async fn put_or_verify(&self, image: &Image, bytes: Bytes) -> Result<(), ObjectError> {
        let sent = self
            .put_request(image)
            .if_none_match("*")
            .body(ByteStream::from(bytes))
            .customize()
            .interceptor(KnownChecksum(image.sha256))
            .send()
            .await;
        match sent {
            Err(error) if status(&error) == Some(412) => self.verify(image).await,
            sent => {
                let stored = translated("PutObject", sent)?;
                match stored.checksum_sha256() {
                    Some(checksum) if checksum != image.sha256.to_base64() => {
                        log::warn!(
                            "image {}: S3 answers with another checksum than was sent",
                            image.id
                        );
                        self.verify(image).await
                    }
                    // S3 has compared what it received, or refused it. Not every endpoint repeats it.
                    _ => Ok(()),
                }
            }
        }
    }

    /// The request that stores the object of an image. Its condition and the bytes are still to come.
    pub(super) fn put_request(&self, image: &Image) -> PutObjectFluentBuilder {
        put_request(&self.client, &self.bucket, image, self.acl)
    }

    /// Whether the object under the image's key is the one with its checksum.
    async fn verify(&self, image: &Image) -> Result<(), ObjectError> {
        let sent = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(&image.object_key)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await;
        let head = translated("HeadObject", sent)?;
        let is_ours = match head.checksum_sha256() {
            Some(checksum) => checksum == image.sha256.to_base64(),
            None => self.holds_unlabelled(image, &head).await?,
        };
        if is_ours {
            Ok(())
        } else {
            Err(ObjectError::Conflict {
                object_key: image.object_key.clone(),
            })
        }
    }

    /// Whether an object without a checksum holds the bytes of the image: an endpoint that keeps it beside the
    /// object was stopped between the two, or the object was put there without one.
    async fn holds_unlabelled(
        &self,
        image: &Image,
        head: &HeadObjectOutput,
    ) -> Result<bool, ObjectError> {
        let length = head
            .content_length()
            .and_then(|length| length.try_into().ok());
        if length != Some(image.size_bytes) {
            return Ok(false);
        }
        let object = self.read(&image.object_key).await?;
        Ok(object.is_some_and(|bytes| Checksum::of(&bytes) == image.sha256))
    }
}

/// Signs a request by the checksum of its body that is known already. The SDK would go over the body once more.
/// S3 compares what it receives with the signature, so a body that is not the one with this checksum is refused.
#[derive(Debug)]
struct KnownChecksum(Checksum);

impl Intercept for KnownChecksum {
    fn name(&self) -> &'static str {
        "KnownChecksum"
    }

    fn modify_before_signing(
        &self,
        _context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let checksum = PayloadSigningOverride::Precomputed(self.0.to_string());
        settings.interceptor_state().store_put(checksum);
        Ok(())
    }
}

/// What every request to store an object has in common.
pub(super) fn put_request(
    client: &Client,
    bucket: &str,
    image: &Image,
    acl: ObjectAcl,
) -> PutObjectFluentBuilder {
    let key = StorageKey::original(image);
    let acl = match acl {
        ObjectAcl::None => None,
        ObjectAcl::PublicRead => Some(ObjectCannedAcl::PublicRead),
    };
    client
        .put_object()
        .bucket(bucket)
        .key(&image.object_key)
        .content_type(key.content_type())
        .cache_control(key.cache_control())
        .checksum_sha256(image.sha256.to_base64())
        .metadata(ObjectMetadata::NAME, ObjectMetadata::of(image).encode())
        .set_acl(acl)
}
