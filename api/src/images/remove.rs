//! Deletes an image: an upload in reverse, and journaled like one.

use std::sync::Arc;

use super::Images;
use super::ingest::contents;
use super::publish::now;
use super::read::FindError;
use crate::db::DbError;
use crate::domain::{BlockReason, Denied, Image, ImageId};
use crate::fault;
use crate::storage::{Entry, Removal, WriteError};

/// Why an image was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// It is not there, or nobody can tell.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The token is not that of this image, nor the admin key.
    #[error("the token does not delete this image")]
    WrongToken,
    /// The delete could not be made durable. The image is still there.
    #[error(transparent)]
    NotDurable(#[from] WriteError),
}

/// Why an image was not purged.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// Only the operator may.
    #[error("only the operator may purge")]
    Denied(Denied),
    /// Its content could not be blocked, so the image is still there.
    #[error(transparent)]
    NotBlocked(#[from] DbError),
    /// Its content is blocked, but it could not be deleted.
    #[error(transparent)]
    NotRemoved(#[from] RemoveError),
}

impl Images {
    /// Deletes an image for the operator and blocks its content: as it was received and as it was published.
    /// An image that was deleted before has its content blocked all the same.
    ///
    /// # Errors
    /// [`PurgeError`]. The block comes first and is in the database when this returns.
    pub async fn purge(
        self: &Arc<Self>,
        id: ImageId,
        key: Option<&str>,
        reason: Option<BlockReason>,
    ) -> Result<(), PurgeError> {
        self.parts.access.operate(key).map_err(PurgeError::Denied)?;
        self.detached(move |images| async move { images.purge_here(id, reason).await })
            .await
    }

    async fn purge_here(&self, id: ImageId, reason: Option<BlockReason>) -> Result<(), PurgeError> {
        let (image, deleted) = self
            .find_with_deleted(id)
            .await
            .map_err(RemoveError::Find)?;
        let deadline = self.parts.patience.read;
        for content in contents(&image) {
            self.parts
                .db
                .block(content, reason.as_ref(), now(), deadline)
                .await?;
        }
        self.metrics().purged();
        log::info!("image {id} purged by the operator, its content is blocked");
        if deleted {
            return Ok(());
        }
        match self.remove_image(image).await {
            // Somebody else was faster.
            Err(RemoveError::Find(FindError::Deleted)) => Ok(()),
            removed => Ok(removed?),
        }
    }

    /// Deletes an image for whoever holds its delete token or the admin key. When this returns, the image
    /// stays deleted; what S3 or the database could not take at once is carried out later.
    ///
    /// # Errors
    /// [`RemoveError`].
    pub async fn remove(self: &Arc<Self>, id: ImageId, token: String) -> Result<(), RemoveError> {
        self.detached(move |images| async move { images.remove_here(id, &token).await })
            .await
    }

    async fn remove_here(&self, id: ImageId, token: &str) -> Result<(), RemoveError> {
        let image = self.find_here(id).await?.image;
        let by = if self.parts.access.is_operator(token) {
            "the operator"
        } else if self.parts.secret.accepts(id, token) {
            "its token"
        } else {
            return Err(RemoveError::WrongToken);
        };
        self.remove_image(image).await?;
        log::info!("image {id} deleted by {by}");
        Ok(())
    }

    async fn remove_image(&self, image: Image) -> Result<(), RemoveError> {
        let id = image.id;
        let tombstone = image.clone();
        let removal = self.parts.journal.remove(Entry::remove(image)).await?;
        if !matches!(removal, Removal::AlreadyRemoved) {
            self.metrics().deleted();
        }
        fault::crash("remove.after-entry");
        match removal {
            Removal::AlreadyRemoved => return Err(FindError::Deleted.into()),
            Removal::Overruled => {
                // The replayer carries out the rest once the publication has ended. That others see the
                // image no more need not wait for it.
                if let Some(deadline) = self.remove_effort().record
                    && let Err(error) = self
                        .parts
                        .db
                        .write_tombstone(&tombstone, now(), deadline)
                        .await
                {
                    log::debug!("image {id}: {error}");
                }
            }
            Removal::Claimed(claim) => {
                self.settle(claim, self.remove_effort(), None).await;
            }
        }
        Ok(())
    }
}
