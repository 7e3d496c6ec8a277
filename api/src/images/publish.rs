//! Carries out what a journal entry owes: the second half of an upload, and all of a delete.
//!
//! Each step can be done twice without harm, so a crash at any point costs at most a repetition.

use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};

use super::Images;
use crate::db::WriteOutcome;
use crate::domain::Image;
use crate::storage::{Claim, Entry, Intent, Step, StorageKey};

/// How long an attempt waits for each part. `None`: the part is known to be away, leave its steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) object: Option<Duration>,
    pub(super) record: Option<Duration>,
}

/// How an attempt ended.
pub(super) enum Settled {
    /// The entry as it now stands; nothing or something may still be owed.
    Entry(Entry),
    /// The image was deleted elsewhere while its publication was pending. Its removal is journaled.
    Deleted,
    /// Another image has the idempotency key. The entry stands as it was.
    KeyTaken(Claim, Entry),
}

impl Images {
    /// What an upload or a delete spends on S3 and the database before it answers.
    pub(super) fn foreground_effort(&self) -> Effort {
        let patience = &self.parts.patience;
        let object = self.parts.objects.availability().is_available();
        let record = self.parts.db.availability().is_available();
        Effort {
            object: object.then_some(patience.upload_object),
            record: record.then_some(patience.upload_record),
        }
    }

    /// Does as much as can be done of what the entry owes, and notes what is left.
    /// What is left makes the replayer look.
    pub(super) async fn settle(&self, claim: Claim, effort: Effort) -> Settled {
        let Some(before) = claim.entry() else {
            // Only a claim whose first write failed has no entry, and that one was never handed out.
            unreachable!("a claim that was handed out has an entry");
        };
        let mut entry = (*before).clone();
        match entry.intent {
            Intent::Publish => match self.settle_publish(&mut entry, effort).await {
                WriteOutcome::Written => {}
                WriteOutcome::KeyTaken => return Settled::KeyTaken(claim, entry),
                WriteOutcome::Deleted => {
                    entry = Entry::remove(entry.image);
                    self.settle_remove(&mut entry, effort).await;
                    self.keep(claim, &before, entry).await;
                    return Settled::Deleted;
                }
            },
            Intent::Remove => self.settle_remove(&mut entry, effort).await,
        }
        self.keep(claim, &before, entry.clone()).await;
        Settled::Entry(entry)
    }

    async fn settle_publish(&self, entry: &mut Entry, effort: Effort) -> WriteOutcome {
        if entry.owes(Step::StoreObject)
            && let Some(deadline) = effort.object
            && self.store_object(&entry.image, deadline).await
        {
            entry.image.stored_at = Some(now());
            entry.done(Step::StoreObject);
            // The record may have been written while S3 was away: it has to learn of this.
            entry.owe(Step::WriteRecord);
        }
        if entry.owes(Step::WriteRecord)
            && let Some(deadline) = effort.record
        {
            match self.parts.db.write_record(&entry.image, deadline).await {
                Ok(WriteOutcome::Written) => entry.done(Step::WriteRecord),
                Ok(outcome) => return outcome,
                Err(error) => log::debug!("image {}: {error}", entry.image.id),
            }
        }
        WriteOutcome::Written
    }

    /// Puts the local copy into S3. Says whether it is there.
    async fn store_object(&self, image: &Image, deadline: Duration) -> bool {
        let key = original(image);
        let bytes = match self.parts.local.read(key).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                log::error!(
                    "image {}: the local copy is gone, S3 cannot be given it",
                    image.id
                );
                return false;
            }
            Err(error) => {
                log::error!("image {}: the local copy cannot be read: {error}", image.id);
                return false;
            }
        };
        let sent = self
            .parts
            .objects
            .put(key, &image.object_key, bytes, image.sha256, deadline)
            .await;
        match sent {
            Ok(()) => true,
            Err(error @ crate::storage::ObjectError::Conflict { .. }) => {
                log::error!("image {}: {error}", image.id);
                false
            }
            // Said once when S3 went away, not again for each image.
            Err(error) => {
                log::debug!("image {}: {error}", image.id);
                false
            }
        }
    }

    /// In this order, stopping at the first step that fails: nobody is told that an image is there
    /// whose bytes are gone.
    async fn settle_remove(&self, entry: &mut Entry, effort: Effort) {
        let (id, now) = (entry.image.id, now());
        let db = &self.parts.db;
        while let Some(step) = entry.owed.first().copied() {
            let done = match (step, effort.record, effort.object) {
                (Step::WriteTombstone, Some(deadline), _) => db
                    .write_tombstone(&entry.image, now, deadline)
                    .await
                    .map_err(|error| error.to_string()),
                (Step::DeleteObject, _, Some(deadline)) => self
                    .parts
                    .objects
                    .delete(&entry.image.object_key, deadline)
                    .await
                    .map_err(|error| error.to_string()),
                (Step::DeleteLocalCopy, _, _) => self
                    .parts
                    .local
                    .remove(original(&entry.image))
                    .await
                    .map_err(|error| error.to_string()),
                (Step::MarkPurged, Some(deadline), _) => db
                    .mark_purged(id, now, deadline)
                    .await
                    .map_err(|error| error.to_string()),
                // What a publication owes is not owed any more.
                (Step::StoreObject | Step::WriteRecord, _, _) => Ok(()),
                (Step::WriteTombstone | Step::DeleteObject | Step::MarkPurged, _, _) => return,
            };
            match done {
                Ok(()) => entry.done(step),
                Err(error) => {
                    log::debug!("image {id}, {step:?}: {error}");
                    return;
                }
            }
        }
    }

    /// Makes the entry say what is left, or ends it.
    async fn keep(&self, mut claim: Claim, before: &Entry, after: Entry) {
        let id = after.image.id;
        let kept = if after.owed.is_empty() {
            claim.finish(after).await.map_err(|error| error.to_string())
        } else {
            let changed = *before != after;
            let written = if changed {
                claim.write(after).await
            } else {
                Ok(())
            };
            drop(claim);
            self.owing.notify_one();
            written.map_err(|error| error.to_string())
        };
        if let Err(error) = kept {
            // The entry on disk says more than is owed: that work is done once more, without harm.
            log::warn!("image {id}: its journal entry could not be updated: {error}");
            self.owing.notify_one();
        }
    }
}

/// To the millisecond, like every time in records: engines keep different fractions.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// The key of the image as it is published.
pub(super) fn original(image: &Image) -> StorageKey {
    StorageKey::Original {
        id: image.id,
        media_type: image.media_type,
    }
}
