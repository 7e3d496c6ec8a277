//! What lies in the bucket, read for `reconcile`: lists, single objects, and the replacement of a damaged one.
//!
//! Beside this, nothing here ever overwrites an object, and this only the one that was looked at.

use std::time::Duration;

use aws_sdk_s3::config::ResponseChecksumValidation;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::{ByteStream, DateTime as SmithyDateTime};
use aws_sdk_s3::types::ChecksumMode;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::{ObjectError, ObjectStore, is_withheld, status, translated, withheld};
use crate::domain::{Checksum, Image, ImageId, MediaType};
use crate::storage::ObjectMetadata;

/// An object as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key, prefix included.
    pub object_key: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// The image and the type that the key names. `None`: the service did not write it.
    pub named: Option<(ImageId, MediaType)>,
}

/// A part of the list of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPage {
    /// The objects, by their keys.
    pub objects: Vec<ListedObject>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// What S3 says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// Length in bytes.
    pub size_bytes: u64,
    /// When it was stored.
    pub last_modified: DateTime<Utc>,
    /// Names these bytes, for a replacement.
    pub e_tag: Option<String>,
    /// What it says of its record, if it does.
    pub record: Option<String>,
    sha256: Option<String>,
}

impl ObjectHead {
    /// Whether S3 holds bytes with this checksum. `None`: S3 knows no SHA-256 of the object.
    #[must_use]
    pub fn is(&self, checksum: Checksum) -> Option<bool> {
        let known = self.sha256.as_deref()?;
        Some(known == checksum.to_base64())
    }
}

impl ObjectStore {
    /// The objects below the prefix that come after this key, at most a thousand.
    ///
    /// # Errors
    /// [`ObjectError::Away`].
    pub async fn list_after(
        &self,
        after: Option<&str>,
        deadline: Duration,
    ) -> Result<ObjectPage, ObjectError> {
        let request = Box::pin(async {
            let sent = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(&self.prefix)
                .set_start_after(after.map(ToOwned::to_owned))
                .send()
                .await;
            let page = translated("ListObjectsV2", sent)?;
            let listed = page.contents().iter().filter_map(|object| {
                let object_key = object.key()?.to_owned();
                Some(ListedObject {
                    named: self.named(&object_key),
                    size_bytes: length(object.size()),
                    object_key,
                })
            });
            Ok(ObjectPage {
                objects: listed.collect(),
                more: page.is_truncated().unwrap_or(false),
            })
        });
        self.within("ListObjectsV2", deadline, request).await
    }

    /// What S3 says of an object. `None` when it is not there.
    ///
    /// # Errors
    /// [`ObjectError::Away`].
    pub async fn head(
        &self,
        object_key: &str,
        deadline: Duration,
    ) -> Result<Option<ObjectHead>, ObjectError> {
        let request = Box::pin(async {
            let sent = self
                .client
                .head_object()
                .bucket(&self.bucket)
                .key(object_key)
                .checksum_mode(ChecksumMode::Enabled)
                .send()
                .await;
            match sent {
                // The answer to HEAD has no body that could say more.
                Err(error) if status(&error) == Some(404) => Ok(None),
                Err(error) if is_withheld(&error) => {
                    self.missing_or(object_key, withheld(&error)).await
                }
                sent => {
                    let head = translated("HeadObject", sent)?;
                    Ok(Some(ObjectHead {
                        size_bytes: length(head.content_length()),
                        last_modified: time(head.last_modified()),
                        e_tag: head.e_tag().map(ToOwned::to_owned),
                        record: head
                            .metadata()
                            .and_then(|metadata| metadata.get(ObjectMetadata::NAME))
                            .cloned(),
                        sha256: head.checksum_sha256().map(ToOwned::to_owned),
                    }))
                }
            }
        });
        self.within("HeadObject", deadline, request).await
    }

    /// The bytes of an object, whatever they are: they are not compared with any checksum of S3's, as the
    /// caller has its own. `None` when it is not there.
    ///
    /// # Errors
    /// [`ObjectError::Away`].
    pub async fn get(
        &self,
        object_key: &str,
        deadline: Duration,
    ) -> Result<Option<Bytes>, ObjectError> {
        let request = Box::pin(self.read(object_key));
        self.within("GetObject", deadline, request).await
    }

    /// The same within an operation that has a deadline of its own.
    pub(super) async fn read(&self, object_key: &str) -> Result<Option<Bytes>, ObjectError> {
        let read = self.read_at_most(object_key, u64::MAX).await?;
        Ok(read.flatten())
    }

    /// The same for an object that is no longer than this. `Some(None)`: it is longer, and is not read.
    pub(super) async fn read_at_most(
        &self,
        object_key: &str,
        most_bytes: u64,
    ) -> Result<Option<Option<Bytes>>, ObjectError> {
        let as_it_is = aws_sdk_s3::Config::builder()
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        let sent = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(object_key)
            .customize()
            .config_override(as_it_is)
            .send()
            .await;
        let object = match sent {
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) if is_withheld(&error) => {
                return self.missing_or(object_key, withheld(&error)).await;
            }
            sent => translated("GetObject", sent)?,
        };
        if length(object.content_length()) > most_bytes {
            return Ok(Some(None));
        }
        match object.body.collect().await {
            Ok(body) => Ok(Some(Some(body.into_bytes()))),
            Err(error) => Err(ObjectError::Away {
                operation: "GetObject",
                reason: error.to_string(),
            }),
        }
    }

    /// What a request for an object comes to that S3 refused. `None` when the list says that there is no such
    /// object; else the refusal.
    async fn missing_or<T>(
        &self,
        object_key: &str,
        refusal: ObjectError,
    ) -> Result<Option<T>, ObjectError> {
        match self.lists(object_key).await {
            Some(false) => Ok(None),
            Some(true) | None => Err(refusal),
        }
    }

    /// Whether the bucket's list has this object. `None`: S3 does not tell.
    ///
    /// Who may list the bucket below a prefix only is answered 403, not 404, when asking for an object that is not
    /// there, as that request names no prefix.
    pub(super) async fn lists(&self, object_key: &str) -> Option<bool> {
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(object_key)
            .max_keys(1);
        // Of the keys that begin with it, it is the first.
        let page = request.send().await.ok()?;
        let mut listed = page.contents().iter();
        Some(listed.any(|object| object.key() == Some(object_key)))
    }

    /// Puts the image in the place of the object with this `e_tag`.
    ///
    /// # Errors
    /// [`ObjectError::Conflict`] when that object is not there any more.
    pub async fn replace(
        &self,
        image: &Image,
        e_tag: &str,
        bytes: Bytes,
        deadline: Duration,
    ) -> Result<(), ObjectError> {
        let request = Box::pin(async {
            let sent = self
                .put_request(image)
                .if_match(e_tag)
                .body(ByteStream::from(bytes))
                .send()
                .await;
            match sent {
                // Changed, being changed at this moment, or removed.
                Err(error)
                    if matches!(status(&error), Some(409 | 412))
                        || error.code() == Some("NoSuchKey") =>
                {
                    Err(ObjectError::Conflict {
                        object_key: image.object_key.clone(),
                    })
                }
                sent => translated("PutObject", sent).map(|_| ()),
            }
        });
        self.within("PutObject", deadline, request).await
    }

    /// The image and the type that a key names, if the service wrote it.
    fn named(&self, object_key: &str) -> Option<(ImageId, MediaType)> {
        let (id, extension) = object_key.strip_prefix(&self.prefix)?.split_once('.')?;
        Some((id.parse().ok()?, MediaType::from_extension(extension)?))
    }
}

fn length(bytes: Option<i64>) -> u64 {
    bytes
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or_default()
}

/// To the millisecond, like every time in records.
fn time(time: Option<&SmithyDateTime>) -> DateTime<Utc> {
    let milliseconds = time.and_then(|time| time.to_millis().ok());
    milliseconds
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or_default()
}
