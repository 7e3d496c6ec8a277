//! Finds images, lists them and opens their bytes.
//!
//! The journal knows more than the database about an image that something is owed for, so it is asked first.

use std::fs::File;
use std::sync::Arc;

use super::Images;
use crate::db::{DbError, ListFilter};
use crate::domain::{Checksum, FileName, Image, ImageId, MediaType, Storage, StorageState};
use crate::storage::{Entry, Known, Step, StorageKey};

/// An image and where its copies stand.
#[derive(Clone, Debug)]
pub struct Found {
    /// The image.
    pub image: Image,
    /// Where its copies and its record stand.
    pub storage: Storage,
}

/// Why an image could not be found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none with this id.
    #[error("there is no such image")]
    NotFound,
    /// There was one, and it has been deleted.
    #[error("the image has been deleted")]
    Deleted,
    /// It is neither here nor in S3 yet: the host that took it in has it.
    #[error("the image is not in S3 yet")]
    Pending,
    /// Only the database can tell, and it is away.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The journal has promised something for it, but what that was cannot be read.
    #[error("the image's journal entry cannot be read")]
    Unreadable,
    /// The local copy is there but cannot be read.
    #[error("the local copy cannot be read")]
    Disk(#[source] std::io::Error),
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct ListPage {
    /// The images, newest first.
    pub items: Vec<Found>,
    /// Where the next page begins. `None`: this is the last one.
    pub next: Option<ImageId>,
}

/// Where the bytes of an image are.
#[derive(Debug)]
pub enum Content {
    /// On this host.
    Local {
        /// The open file.
        file: File,
        /// Its length in bytes.
        size_bytes: u64,
        /// SHA-256 of its bytes.
        sha256: Checksum,
        /// The image's id and type, and the rules that go with them.
        key: StorageKey,
        /// The id, which says when the image was made.
        id: ImageId,
        /// What the uploader's file was called, if that is known.
        file_name: Option<FileName>,
    },
    /// In S3 only: another host took the upload in.
    Object {
        /// The public URL.
        url: String,
    },
}

impl Content {
    fn local(image: &Image, (file, size_bytes): (File, u64)) -> Self {
        Self::Local {
            file,
            size_bytes,
            sha256: image.sha256,
            key: StorageKey::original(image),
            id: image.id,
            file_name: image.file_name.clone(),
        }
    }
}

impl Images {
    /// Finds an image.
    ///
    /// # Errors
    /// [`FindError`].
    pub async fn find(self: &Arc<Self>, id: ImageId) -> Result<Found, FindError> {
        self.detached(move |images| async move { images.find_here(id).await })
            .await
    }

    pub(super) async fn find_here(&self, id: ImageId) -> Result<Found, FindError> {
        match self.parts.journal.find(id) {
            Some(Known::Published(entry)) => Ok(self.found_in_journal(&entry).await),
            Some(Known::Removed) => Err(FindError::Deleted),
            Some(Known::Unreadable) => Err(FindError::Unreadable),
            None => {
                let image = self.recorded(id).await?;
                Ok(self.found_in_database(image).await)
            }
        }
    }

    /// An image, and whether it has been deleted.
    pub(super) async fn find_with_deleted(&self, id: ImageId) -> Result<(Image, bool), FindError> {
        if let Some(Known::Published(entry)) = self.parts.journal.find(id) {
            return Ok((entry.image.clone(), false));
        }
        // A removal that is still owed knows the image too, but its record is there or on its way.
        self.admit_read()?;
        let record = self.parts.db.find(id, self.parts.patience.read).await?;
        let record = record.ok_or(FindError::NotFound)?;
        Ok((record.image, record.deleted))
    }

    /// One page of images, newest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn list(
        self: &Arc<Self>,
        filter: ListFilter,
        limit: u32,
    ) -> Result<ListPage, DbError> {
        self.detached(move |images| async move {
            images.admit_read()?;
            // One more than asked for tells whether there is a next page.
            let mut found = images
                .parts
                .db
                .list(&filter, limit + 1, images.parts.patience.read)
                .await?;
            let more = found.len() > limit as usize;
            found.truncate(limit as usize);
            let next = found.last().filter(|_| more).map(|image| image.id);
            let mut known = Vec::with_capacity(found.len());
            for image in found {
                match images.parts.journal.find(image.id) {
                    // Deleted here, and the tombstone is still owed; or nobody knows whether it is.
                    Some(Known::Removed | Known::Unreadable) => {}
                    Some(Known::Published(entry)) => {
                        known.push((entry.image.clone(), record_of(&entry)));
                    }
                    None => known.push((image, StorageState::Stored)),
                }
            }
            let keys = known.iter().map(|(image, _)| StorageKey::original(image));
            let here = images.parts.local.has_each(keys).await;
            let items = known
                .into_iter()
                .zip(here)
                .map(|((image, record), here)| with_storage(image, here, record))
                .collect();
            Ok(ListPage { items, next })
        })
        .await
    }

    /// Opens the bytes of an image under the type that its link names.
    ///
    /// # Errors
    /// [`FindError`]. A link with another type than the image has is not found.
    pub async fn content(
        self: &Arc<Self>,
        id: ImageId,
        media_type: MediaType,
    ) -> Result<Content, FindError> {
        if let Some(content) = self.content_at_once(id, media_type) {
            return Ok(content);
        }
        self.detached(move |images| async move { images.content_here(id, media_type).await })
            .await
    }

    /// The content, if nothing has to be waited for: neither the database nor the disk.
    fn content_at_once(&self, id: ImageId, media_type: MediaType) -> Option<Content> {
        let image = self.known_at_once(id, media_type)?;
        let key = StorageKey::original(&image);
        let copy = self.parts.local.open_copy_at_once(key)?;
        Some(Content::local(&image, copy))
    }

    /// An image of this type, if nothing has to be waited for to know it.
    #[must_use]
    pub fn known_at_once(&self, id: ImageId, media_type: MediaType) -> Option<Arc<Image>> {
        self.readable_at_once(id)
            .filter(|image| image.media_type == media_type)
    }

    /// An image whose bytes may be served, if the journal knows it or it was looked up a moment ago.
    pub(super) fn readable_at_once(&self, id: ImageId) -> Option<Arc<Image>> {
        match self.parts.journal.find(id) {
            Some(Known::Published(entry)) => Some(Arc::new(entry.image.clone())),
            Some(Known::Removed | Known::Unreadable) => None,
            None => self.recent.image(id),
        }
    }

    /// An image whose bytes may be served.
    pub(super) async fn readable(&self, id: ImageId) -> Result<Arc<Image>, FindError> {
        let look = self.recent.look();
        match self.parts.journal.find(id) {
            Some(Known::Published(entry)) => Ok(Arc::new(entry.image.clone())),
            Some(Known::Removed) => Err(FindError::Deleted),
            Some(Known::Unreadable) => Err(FindError::Unreadable),
            None => {
                if let Some(image) = self.recent.image(id) {
                    return Ok(image);
                }
                let image = Arc::new(self.recorded(id).await?);
                self.recent.remember(look, &image);
                Ok(image)
            }
        }
    }

    async fn content_here(&self, id: ImageId, media_type: MediaType) -> Result<Content, FindError> {
        let image = match self.readable(id).await {
            Err(FindError::Database(error @ DbError::Away(_))) => {
                return self.unrecorded_copy(id, media_type, error).await;
            }
            readable => readable?,
        };
        if image.media_type != media_type {
            return Err(FindError::NotFound);
        }
        let key = StorageKey::original(&image);
        let copy = self
            .parts
            .local
            .open_copy(key)
            .await
            .map_err(FindError::Disk)?;
        Ok(match copy {
            Some(copy) => Content::local(&image, copy),
            None if image.stored_at.is_none() => return Err(FindError::Pending),
            // Not the URL of the record: what strangers may read by may have changed since.
            None => Content::Object {
                url: self.parts.objects.url_of(&image.object_key),
            },
        })
    }

    /// While the database is away, a local copy is served without its record. Its checksum is computed,
    /// so that clients see the same `ETag` as ever.
    async fn unrecorded_copy(
        &self,
        id: ImageId,
        media_type: MediaType,
        away: DbError,
    ) -> Result<Content, FindError> {
        let key = StorageKey::Original { id, media_type };
        let bytes = self.parts.local.read(key).await.map_err(FindError::Disk)?;
        let copy = self
            .parts
            .local
            .open_copy(key)
            .await
            .map_err(FindError::Disk)?;
        match (bytes, copy) {
            (Some(bytes), Some((file, size_bytes))) => Ok(Content::Local {
                file,
                size_bytes,
                sha256: Checksum::of(&bytes),
                key,
                id,
                file_name: None,
            }),
            _ => Err(FindError::Database(away)),
        }
    }

    /// The image as the journal or else the database has it at this moment.
    pub(super) async fn image_now(&self, id: ImageId) -> Result<Image, FindError> {
        match self.parts.journal.find(id) {
            Some(Known::Published(entry)) => Ok(entry.image.clone()),
            Some(Known::Removed) => Err(FindError::Deleted),
            Some(Known::Unreadable) => Err(FindError::Unreadable),
            None => self.recorded(id).await,
        }
    }

    /// The image as the database has it.
    async fn recorded(&self, id: ImageId) -> Result<Image, FindError> {
        self.admit_read()?;
        match self.parts.db.find(id, self.parts.patience.read).await? {
            None => Err(FindError::NotFound),
            Some(record) if record.deleted => Err(FindError::Deleted),
            Some(record) => Ok(record.image),
        }
    }

    /// A database that is away is not waited for by every read: one a second looks whether it is back.
    fn admit_read(&self) -> Result<(), DbError> {
        if self.parts.db.availability().admit() {
            Ok(())
        } else {
            Err(DbError::Away("it did not answer a moment ago".to_owned()))
        }
    }

    pub(super) async fn found_in_journal(&self, entry: &Entry) -> Found {
        self.found(entry.image.clone(), record_of(entry)).await
    }

    /// An image whose local copy was made a moment ago: the disk need not be asked.
    pub(super) fn just_taken_in(entry: Entry) -> Found {
        let record = record_of(&entry);
        with_storage(entry.image, true, record)
    }

    pub(super) async fn found_in_database(&self, image: Image) -> Found {
        self.found(image, StorageState::Stored).await
    }

    async fn found(&self, image: Image, record: StorageState) -> Found {
        let here = self.parts.local.has(StorageKey::original(&image)).await;
        with_storage(image, here, record)
    }
}

/// Where the record of an image with this entry stands.
fn record_of(entry: &Entry) -> StorageState {
    if entry.owes(Step::WriteRecord) {
        StorageState::Pending
    } else {
        StorageState::Stored
    }
}

fn with_storage(image: Image, here: bool, record: StorageState) -> Found {
    let local = if here {
        StorageState::Stored
    } else {
        StorageState::Absent
    };
    let s3 = if image.stored_at.is_some() {
        StorageState::Stored
    } else {
        StorageState::Pending
    };
    Found {
        image,
        storage: Storage { local, s3, record },
    }
}
