//! Deletes an image: an upload in reverse, and journaled like one.

use std::sync::Arc;

use super::Images;
use super::publish::now;
use super::read::FindError;
use crate::domain::ImageId;
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

impl Images {
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
        let admin = self
            .parts
            .admin_key
            .as_ref()
            .is_some_and(|key| key.matches(token));
        if !admin && !self.parts.secret.accepts(id, token) {
            return Err(RemoveError::WrongToken);
        }
        let tombstone = image.clone();
        match self.parts.journal.remove(Entry::remove(image)).await? {
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
        log::info!("image {id} deleted");
        Ok(())
    }
}
