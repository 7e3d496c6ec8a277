//! Removes an object from the bucket, and every version of it where the bucket keeps versions.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::delete_object::DeleteObjectOutput;

use super::{ObjectError, ObjectStore, status, translated};

/// How many versions are asked for at once.
const VERSIONS_PAGE: i32 = 100;

impl ObjectStore {
    /// Removes the object, with all its versions. One that is not there is fine.
    ///
    /// # Errors
    /// [`ObjectError::Away`], [`ObjectError::VersionsDenied`].
    pub async fn delete(&self, object_key: &str, deadline: Duration) -> Result<(), ObjectError> {
        // Boxed: the SDK's futures are large, and every caller's would be as large.
        let request = Box::pin(self.delete_whole(object_key));
        self.within("DeleteObject", deadline, request).await
    }

    async fn delete_whole(&self, object_key: &str) -> Result<(), ObjectError> {
        // Where versions are kept, each DeleteObject adds a marker. One that is repeated while these may not be
        // removed would add them without end.
        let hidden_before = !self.versions.is_available() && self.is_gone(object_key).await;
        let keeps_versions = hidden_before || self.delete_current(object_key).await?;
        if !keeps_versions {
            return Ok(());
        }
        if !self.versions.admit() {
            return Err(ObjectError::VersionsDenied);
        }
        let deleted = delete_versions(&self.client, &self.bucket, object_key).await;
        match &deleted {
            Err(error @ ObjectError::VersionsDenied) => {
                if self.versions.failed() {
                    log::error!("{error}");
                }
            }
            Err(_) => {}
            Ok(()) => {
                if self.versions.answered() {
                    log::info!("versions of deleted objects can be removed again");
                }
            }
        }
        deleted
    }

    /// Makes the object invisible. Says whether the bucket keeps versions, so that it may still be there.
    async fn delete_current(&self, object_key: &str) -> Result<bool, ObjectError> {
        let request = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(object_key);
        match request.send().await {
            // S3 answers 204 for a key that is not there; others answer 404.
            Err(error) if error.code() == Some("NoSuchKey") => Ok(false),
            sent => {
                let deleted = translated("DeleteObject", sent)?;
                Ok(keeps_versions(&deleted))
            }
        }
    }

    async fn is_gone(&self, object_key: &str) -> bool {
        let request = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(object_key);
        match request.send().await {
            Ok(_) => false,
            Err(error) => match status(&error) {
                Some(404) => true,
                Some(403) => self.lists(object_key).await == Some(false),
                _ => false,
            },
        }
    }
}

/// Whether the bucket keeps versions of what was deleted with this answer.
pub(super) fn keeps_versions(deleted: &DeleteObjectOutput) -> bool {
    deleted.delete_marker() == Some(true) || deleted.version_id().is_some()
}

/// Deletes every version under exactly this key, delete markers included.
pub(super) async fn delete_versions(
    client: &Client,
    bucket: &str,
    object_key: &str,
) -> Result<(), ObjectError> {
    loop {
        let sent = client
            .list_object_versions()
            .bucket(bucket)
            .prefix(object_key)
            .max_keys(VERSIONS_PAGE)
            .send()
            .await;
        let page = permitted("ListObjectVersions", sent)?;
        let versions = page
            .versions()
            .iter()
            .map(|version| (version.key(), version.version_id()));
        let markers = page
            .delete_markers()
            .iter()
            .map(|marker| (marker.key(), marker.version_id()));
        // Other keys may begin with this one. They come after it.
        let ours: Vec<&str> = versions
            .chain(markers)
            .filter(|(key, _)| *key == Some(object_key))
            .filter_map(|(_, version)| version)
            .collect();
        for version in &ours {
            let sent = client
                .delete_object()
                .bucket(bucket)
                .key(object_key)
                .version_id(*version)
                .send()
                .await;
            permitted("DeleteObject", sent)?;
        }
        // What was listed is gone, so the next page begins where this one did.
        if ours.is_empty() || page.is_truncated() != Some(true) {
            return Ok(());
        }
    }
}
/// Tells a permission that is missing for versions alone from S3 being away: uploads need none of these.
fn permitted<T, E>(operation: &'static str, sent: Result<T, SdkError<E>>) -> Result<T, ObjectError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match sent {
        Err(error) if error.code() == Some("AccessDenied") => Err(ObjectError::VersionsDenied),
        sent => translated(operation, sent),
    }
}
