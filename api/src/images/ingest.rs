//! Takes an upload in: inspects it, makes it durable, publishes it as far as that goes at once.

use std::any::Any;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::Images;
use super::publish::{AtHand, Settled, Waiting};
use super::read::Found;
use crate::db::{Blocked, DbError, Record};
use crate::domain::{
    AltText, Checksum, FileName, IdempotencyKey, IdempotencyKeyHash, Image, ImageId, Uploader,
};
use crate::fault;
use crate::inspect::{InspectError, Inspected, inspect};
use crate::storage::{Claim, Entry, Intent, Step, StorageKey, WriteError};

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
    /// The disk has less room than uploads have to leave.
    #[error("the disk has no room for uploads")]
    NoRoom,
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
        let (began, received) = (Instant::now(), upload.bytes.len() as u64);
        let ingested = self
            .detached(|images| async move { images.take_in(upload).await })
            .await?;
        let published = match &ingested {
            Ingested::Created(found) => Some(found.image.size_bytes),
            Ingested::Replayed(_) => None,
        };
        self.metrics()
            .upload_taken_in(received, published, began.elapsed());
        Ok(ingested)
    }

    async fn take_in(self: Arc<Self>, upload: Upload) -> Result<Ingested, IngestError> {
        let _waited_for = self.foreground.enter();
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
                Some(running.await.map_err(|_| IngestError::KeyInUse)?)
            }
        };
        // However many questions it is asked, the database makes nobody wait for longer than this.
        let patience = self.parts.patience.upload_record;
        let began = Instant::now();
        let left = || patience.saturating_sub(began.elapsed());
        if let Some(key) = &image.idempotency_key
            && let Some(replayed) = self.earlier_upload(key, &image, left()).await?
        {
            return Ok(Ingested::Replayed(replayed));
        }
        let entry = if self.check_content(&image, left()).await? {
            Entry::publish(image.clone())
        } else {
            Entry::publish_unchecked(image.clone())
        };
        let left_for_record = left();
        let claim = self.make_durable(entry, bytes.clone()).await?;
        if fault::broken("break.local-copy-removed-early") {
            let _ = self.parts.local.remove(StorageKey::original(&image)).await;
        }
        let at_hand = self.keep_at_hand(&image, bytes);
        drop(place);
        match self
            .publish_and_answer(claim, at_hand, left_for_record)
            .await
        {
            Settled::Entry(entry) => {
                log::info!(
                    "image {id} taken in, size_bytes={}, owed={:?}",
                    image.size_bytes,
                    entry.owed
                );
                Ok(Ingested::Created(Self::just_taken_in(entry)))
            }
            Settled::Blocked(blocked) => Err(IngestError::Blocked(blocked)),
            // Nobody knows the id of this image yet, so nobody can have deleted it.
            Settled::Deleted => Err(IngestError::KeySpent),
            // Another host was faster with the same key: its image is the answer.
            Settled::KeyTaken(winner) => {
                let replayed = self.recorded_upload(winner, &image).await?;
                Ok(Ingested::Replayed(replayed))
            }
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
        let received_sha256 = Checksum::of(&upload.bytes);
        let (bytes, sha256) = match bytes {
            Cow::Borrowed(whole) if whole.len() == upload.bytes.len() => {
                (upload.bytes, received_sha256)
            }
            // Copied, because they may wait for S3: a part of the upload would hold the memory of all of it.
            Cow::Borrowed(start) => (Bytes::copy_from_slice(start), Checksum::of(start)),
            Cow::Owned(mut stripped) => {
                stripped.shrink_to_fit();
                let sha256 = Checksum::of(&stripped);
                (Bytes::from(stripped), sha256)
            }
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
            sha256,
            received_sha256: Some(received_sha256),
            object_key,
            url,
            uploader: upload.uploader,
            alt: upload.alt,
            file_name: upload.file_name,
            idempotency_key: upload
                .idempotency_key
                .filter(|_| !fault::broken("break.retry-not-idempotent"))
                .map(IdempotencyKey::hash),
            stored_at: None,
            thumbhash: None,
        };
        Ok((image, bytes, upload.place))
    }

    /// Publishes on a task of its own, and answers when that has ended or when an answer has waited long
    /// enough. The publication goes on, and what it finds then is the replayer's business.
    async fn publish_and_answer(
        self: &Arc<Self>,
        claim: Claim,
        at_hand: Option<AtHand>,
        left_for_record: Duration,
    ) -> Settled {
        let mut effort = self.upload_effort();
        effort.record = effort
            .record
            .map(|_| left_for_record)
            .filter(|left| !left.is_zero());
        let (answer, early) = oneshot::channel();
        let waiting = Waiting {
            patience: self.parts.patience.upload_object,
            at_hand,
            answer,
        };
        let publication = self.detached(move |images| async move {
            images.settle(claim, effort, Some(waiting)).await
        });
        tokio::select! {
            settled = publication => settled,
            Ok(early) = early => early.map_or_else(Settled::from, Settled::Entry),
        }
    }

    /// Local copy first, then the journal entry: the entry is the commit point.
    async fn make_durable(&self, entry: Entry, bytes: Bytes) -> Result<Claim, IngestError> {
        let (id, key) = (entry.image.id, StorageKey::original(&entry.image));
        // Looked at again, as the disk may have filled while the body was read.
        if self.parts.space.is_low() {
            return Err(IngestError::NoRoom);
        }
        let local = self.parts.local.clone();
        let write_copy = move || {
            local.write_here(key, &bytes)?;
            fault::crash("ingest.after-copy");
            Ok(())
        };
        match self.parts.journal.create_after(entry, write_copy).await {
            Ok(Some(claim)) => {
                fault::crash("ingest.after-entry");
                Ok(claim)
            }
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
    async fn check_content(&self, image: &Image, deadline: Duration) -> Result<bool, IngestError> {
        if !self.parts.db.availability().is_available() {
            return Ok(false);
        }
        let blocked = self.parts.db.find_blocked(contents(image), deadline).await;
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
        deadline: Duration,
    ) -> Result<Option<Found>, IngestError> {
        let mut unpromised = None;
        if let Some(entry) = self.parts.journal.find_by_key(key) {
            if entry.intent == Intent::Remove {
                return Err(IngestError::KeySpent);
            }
            same_upload(&entry.image, now)?;
            if entry.promised || !entry.owes(Step::WriteRecord) {
                return Ok(Some(self.found_in_journal(&entry).await));
            }
            // A crash came before its answer. By now the key may have made another image.
            unpromised = Some(entry);
        }
        if unpromised.is_none()
            && !self.parts.db.availability().is_available()
            && let Some(replayed) = self.settled_upload(key, now).await?
        {
            return Ok(Some(replayed));
        }
        // Asked even of a database that was away a moment ago: a key that is not looked up may become a
        // second image.
        let recorded = self.parts.db.find_by_key(key, deadline).await;
        match (recorded, unpromised) {
            (Ok(Some(record)), _) => Ok(Some(self.recorded_upload(record, now).await?)),
            (Ok(None) | Err(DbError::Away(_)), Some(entry)) => {
                if self.parts.journal.promise(entry.image.id).await? {
                    Ok(Some(self.found_in_journal(&entry).await))
                } else {
                    // Settled a moment ago, one way or the other.
                    Err(IngestError::KeyInUse)
                }
            }
            (Ok(None), None) => Ok(None),
            // Uploads go on without the database. Should another host know the key, that shows when the
            // record is written.
            (Err(DbError::Away(_)), None) => self.settled_upload(key, now).await,
            (Err(error @ (DbError::Unreadable(_) | DbError::Refused(_))), _) => {
                Err(IngestError::Database(error))
            }
        }
    }

    /// The image whose record has the key of this upload.
    async fn recorded_upload(&self, record: Record, now: &Image) -> Result<Found, IngestError> {
        if record.deleted {
            return Err(IngestError::KeySpent);
        }
        same_upload(&record.image, now)?;
        Ok(self.found_in_database(record.image).await)
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
