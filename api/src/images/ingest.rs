//! Takes an upload in: inspects it, makes it durable, publishes it as far as that goes at once.

use std::any::Any;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::Images;
use super::publish::{Settled, Waiting, original};
use super::read::Found;
use crate::db::{Blocked, DbError};
use crate::domain::{
    AltText, Checksum, FileName, IdempotencyKey, IdempotencyKeyHash, Image, ImageId, Uploader,
};
use crate::inspect::{InspectError, Inspected, inspect};
use crate::storage::{Claim, Entry, Intent, StorageKey, WriteError};

/// Inspecting and hashing more bytes than this takes more than a few milliseconds.
const LONG_TO_INSPECT: usize = 2 * 1024 * 1024;

/// What a client sent, read and parsed.
#[derive(Debug)]
pub struct Upload {
    /// Who uploads.
    pub uploader: Uploader,
    /// What the image shows.
    pub alt: Option<AltText>,
    /// What the file was called.
    pub file_name: Option<FileName>,
    /// The file's bytes, not empty and within the byte limit.
    pub bytes: Bytes,
    /// The key that makes a retry safe.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Whatever the upload takes up while its bytes are in memory. Dropped as soon as they are not.
    pub place: Box<dyn Any + Send>,
}

/// An upload that was taken in.
#[derive(Debug)]
pub enum Ingested {
    /// It made this image.
    Created(Found),
    /// It is a retry: an earlier one made this image.
    Replayed(Found),
}

/// Why an upload was not taken in. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// It is no image that the service takes.
    #[error(transparent)]
    NotTaken(#[from] InspectError),
    /// The local copy or the journal entry could not be made durable.
    #[error(transparent)]
    NotDurable(#[from] WriteError),
    /// An upload with the same key has been running for too long to wait for it.
    #[error("an upload with the same idempotency key is still running")]
    KeyInUse,
    /// The key came with other content before.
    #[error("the idempotency key was used for another upload")]
    KeyMismatch,
    /// The image that the key made has been deleted.
    #[error("the image that the idempotency key made has been deleted")]
    KeySpent,
    /// The operator has blocked the content.
    #[error("the content is blocked")]
    Blocked(Blocked),
    /// The database answered something that this version cannot work with.
    #[error(transparent)]
    Database(DbError),
}

impl Images {
    /// Takes an upload in. When this returns an image, the image survives crashes, power cuts and
    /// outages of S3 and the database.
    ///
    /// # Errors
    /// [`IngestError`]; nothing is left behind.
    pub async fn ingest(self: &Arc<Self>, upload: Upload) -> Result<Ingested, IngestError> {
        self.detached(|images| async move { images.take_in(upload).await })
            .await
    }

    async fn take_in(self: Arc<Self>, upload: Upload) -> Result<Ingested, IngestError> {
        let (image, bytes, place) = if upload.bytes.len() > LONG_TO_INSPECT {
            // Other work of this thread moves to another one meanwhile.
            tokio::task::block_in_place(|| self.to_publish(upload))
        } else {
            self.to_publish(upload)
        }?;
        let id = image.id;

        // Held until the answer is known: a twin waits here and then finds what this one made.
        let _running = match &image.idempotency_key {
            None => None,
            Some(key) => {
                let running =
                    tokio::time::timeout(self.parts.patience.twin, self.running_keys.enter(key));
                let running = running.await.map_err(|_| IngestError::KeyInUse)?;
                if let Some(replayed) = self.earlier_upload(key, &image).await? {
                    return Ok(Ingested::Replayed(replayed));
                }
                Some(running)
            }
        };

        let entry = if self.check_content(&image).await? {
            Entry::publish(image.clone())
        } else {
            Entry::publish_unchecked(image.clone())
        };
        let claim = self.make_durable(entry, bytes).await?;
        drop(place);
        match self.publish_and_answer(claim).await {
            Settled::Entry(entry) => {
                log::info!(
                    "image {id} taken in, size_bytes={}, owed={:?}",
                    image.size_bytes,
                    entry.owed
                );
                Ok(Ingested::Created(self.found_in_journal(&entry).await))
            }
            Settled::Blocked(blocked) => Err(IngestError::Blocked(blocked)),
            // Nobody knows the id of this image yet, so nobody can have deleted it.
            Settled::Deleted => Err(IngestError::KeySpent),
            Settled::KeyTaken(claim, entry) => self.give_way(claim, entry).await,
        }
    }

    /// The image as it will be known, its bytes as they will be published, and the place that they take.
    fn to_publish(
        &self,
        upload: Upload,
    ) -> Result<(Image, Bytes, Box<dyn Any + Send>), IngestError> {
        let Inspected {
            media_type,
            width,
            height,
            bytes,
            ..
        } = inspect(&upload.bytes, &self.parts.image_limits, self.parts.metadata)?;
        let bytes = match bytes {
            // Refers to the same memory, but for what trailed the image.
            Cow::Borrowed(whole) => upload.bytes.slice_ref(whole),
            Cow::Owned(stripped) => Bytes::from(stripped),
        };
        let id = ImageId::generate();
        let (object_key, url) = self
            .parts
            .objects
            .address(StorageKey::Original { id, media_type });
        let image = Image {
            id,
            media_type,
            size_bytes: bytes.len() as u64,
            width,
            height,
            sha256: Checksum::of(&bytes),
            received_sha256: Some(Checksum::of(&upload.bytes)),
            object_key,
            url,
            uploader: upload.uploader,
            alt: upload.alt,
            file_name: upload.file_name,
            idempotency_key: upload.idempotency_key.map(IdempotencyKey::hash),
            stored_at: None,
        };
        Ok((image, bytes, upload.place))
    }

    /// Publishes on a task of its own, and answers when that has ended or when an answer has waited long
    /// enough. The publication goes on, and what it finds then is the replayer's business.
    async fn publish_and_answer(self: &Arc<Self>, claim: Claim) -> Settled {
        let (answer, early) = oneshot::channel();
        let waiting = Waiting {
            patience: self.parts.patience.upload_object,
            answer,
        };
        let publication = self.detached(move |images| async move {
            images
                .settle(claim, images.upload_effort(), Some(waiting))
                .await
        });
        tokio::select! {
            settled = publication => settled,
            Ok(entry) = early => Settled::Entry(entry),
        }
    }

    /// Local copy first, then the journal entry: the entry is the commit point.
    async fn make_durable(&self, entry: Entry, bytes: Bytes) -> Result<Claim, IngestError> {
        let (id, key) = (entry.image.id, original(&entry.image));
        self.parts.local.write(key, bytes).await?;
        match self.parts.journal.create(entry).await {
            Ok(Some(claim)) => Ok(claim),
            Ok(None) => unreachable!("a new id has no entry yet"),
            Err(error) => {
                if let Err(error) = self.parts.local.remove(key).await {
                    log::warn!(
                        "image {id}: its unused local copy stays until it is swept: {error}"
                    );
                }
                Err(error.into())
            }
        }
    }

    /// Refuses content that the operator has blocked. Says whether the database could tell.
    async fn check_content(&self, image: &Image) -> Result<bool, IngestError> {
        if !self.parts.db.availability().is_available() {
            return Ok(false);
        }
        let blocked = self
            .parts
            .db
            .find_blocked(&contents(image), self.parts.patience.upload_record)
            .await;
        match blocked {
            Ok(None) => Ok(true),
            Ok(Some(blocked)) => Err(IngestError::Blocked(blocked)),
            Err(DbError::Away(_)) => Ok(false),
            Err(error @ (DbError::Unreadable(_) | DbError::Refused(_))) => {
                Err(IngestError::Database(error))
            }
        }
    }

    /// The image that an earlier upload with this key made, if there was one.
    async fn earlier_upload(
        &self,
        key: &IdempotencyKeyHash,
        now: &Image,
    ) -> Result<Option<Found>, IngestError> {
        if let Some(entry) = self.parts.journal.find_by_key(key) {
            if entry.intent == Intent::Remove {
                return Err(IngestError::KeySpent);
            }
            same_upload(&entry.image, now)?;
            return Ok(Some(self.found_in_journal(&entry).await));
        }
        if !self.parts.db.availability().is_available()
            && let Some(replayed) = self.settled_upload(key, now).await?
        {
            return Ok(Some(replayed));
        }
        // Asked even of a database that was away a moment ago: a key that is not looked up may become a
        // second image.
        let recorded = self
            .parts
            .db
            .find_by_key(key, self.parts.patience.upload_record)
            .await;
        match recorded {
            Ok(None) => Ok(None),
            Ok(Some(record)) if record.deleted => Err(IngestError::KeySpent),
            Ok(Some(record)) => {
                same_upload(&record.image, now)?;
                Ok(Some(self.found_in_database(record.image).await))
            }
            // Uploads go on without the database. Should another host know the key, that shows when the
            // record is written.
            Err(DbError::Away(_)) => self.settled_upload(key, now).await,
            Err(error @ (DbError::Unreadable(_) | DbError::Refused(_))) => {
                Err(IngestError::Database(error))
            }
        }
    }

    /// The image that one of the last uploads with a key made on this host.
    async fn settled_upload(
        &self,
        key: &IdempotencyKeyHash,
        now: &Image,
    ) -> Result<Option<Found>, IngestError> {
        let Some(entry) = self.parts.journal.find_settled(key) else {
            return Ok(None);
        };
        same_upload(&entry.image, now)?;
        Ok(Some(self.found_in_journal(&entry).await))
    }

    /// Another host was faster with the same key: its image is the answer, this one is taken back.
    async fn give_way(&self, mut claim: Claim, entry: Entry) -> Result<Ingested, IngestError> {
        let key = entry.image.idempotency_key.clone();
        let mut image = entry.image;
        let winner = match &key {
            Some(key) => self.earlier_in_database(key, &image).await,
            None => unreachable!("only a key can be taken"),
        };
        // Without the key, so that its tombstone does not collide with the winner's record.
        image.idempotency_key = None;
        let removal = Entry::remove(image.clone());
        match claim.write(removal.clone()).await {
            Ok(()) => {
                self.settle(claim, self.remove_effort(), None).await;
            }
            Err(error) => {
                // Nobody was told of this image: without its entry and its copy it is no more.
                log::error!(
                    "image {}: its removal cannot be journaled: {error}",
                    image.id
                );
                if let Err(error) = claim.finish(removal).await {
                    log::error!("image {}: its journal entry stays: {error}", image.id);
                }
                if let Err(error) = self.parts.local.remove(original(&image)).await {
                    log::error!("image {}: its local copy stays: {error}", image.id);
                }
            }
        }
        winner
    }

    async fn earlier_in_database(
        &self,
        key: &IdempotencyKeyHash,
        now: &Image,
    ) -> Result<Ingested, IngestError> {
        let found = self
            .parts
            .db
            .find_by_key(key, self.parts.patience.upload_record)
            .await;
        match found {
            Ok(Some(record)) if record.deleted => Err(IngestError::KeySpent),
            Ok(Some(record)) => {
                same_upload(&record.image, now)?;
                Ok(Ingested::Replayed(
                    self.found_in_database(record.image).await,
                ))
            }
            // It was there a moment ago. The client's retry will find it.
            Ok(None) | Err(DbError::Away(_)) => Err(IngestError::KeyInUse),
            Err(error @ (DbError::Unreadable(_) | DbError::Refused(_))) => {
                Err(IngestError::Database(error))
            }
        }
    }
}

/// What a block has to name to keep an image out: the file as it was received and as it is published.
pub(super) fn contents(image: &Image) -> [Checksum; 2] {
    [image.sha256, image.received_sha256()]
}

/// A retry sends the same again; anything else under the same key is a mistake of the client.
fn same_upload(earlier: &Image, now: &Image) -> Result<(), IngestError> {
    let same = earlier.received_sha256() == now.received_sha256()
        && earlier.uploader == now.uploader
        && earlier.alt == now.alt;
    if same {
        Ok(())
    } else {
        Err(IngestError::KeyMismatch)
    }
}

/// The idempotency keys of the uploads that run at this moment.
#[derive(Default)]
pub(super) struct RunningKeys {
    keys: Mutex<HashSet<IdempotencyKeyHash>>,
    left: Notify,
}

impl RunningKeys {
    /// Waits until no other upload with this key runs, and enters it.
    async fn enter(&self, key: &IdempotencyKeyHash) -> RunningKey<'_> {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            // Registered before looking, so that a leave in between is not missed.
            left.as_mut().enable();
            if self.lock().insert(key.clone()) {
                return RunningKey {
                    keys: self,
                    key: key.clone(),
                };
            }
            left.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<IdempotencyKeyHash>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entered key. It leaves when dropped.
struct RunningKey<'a> {
    keys: &'a RunningKeys,
    key: IdempotencyKeyHash,
}

impl Drop for RunningKey<'_> {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.key);
        self.keys.left.notify_waiters();
    }
}
