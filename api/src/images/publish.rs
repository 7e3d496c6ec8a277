//! Carries out what a journal entry owes: the second half of an upload, and all of a delete.
//!
//! Each step can be done twice without harm, so a crash at any point costs at most a repetition.

use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound as _, Utc};
use tokio::sync::oneshot;

use super::Images;
use super::ingest::contents;
use crate::db::{Blocked, WriteOutcome};
use crate::domain::{Checksum, Image};
use crate::storage::{Claim, Entry, Intent, ObjectError, Step, StorageKey};

/// What an attempt spends on each part. `None`: the part is known to be away, leave its steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) object: Option<Duration>,
    pub(super) record: Option<Duration>,
}

/// Where somebody waits for an answer while a publication goes on.
pub(super) struct Waiting {
    /// How long the answer waits for S3.
    pub(super) patience: Duration,
    /// Takes the entry as it stands when the answer can be given before the publication has ended.
    pub(super) answer: oneshot::Sender<Entry>,
}

/// How an attempt ended.
pub(super) enum Settled {
    /// The entry as it now stands; nothing or something may still be owed.
    Entry(Entry),
    /// The image was deleted while its publication was pending. Its removal is journaled.
    Deleted,
    /// The operator has blocked the content. The removal of the image is journaled.
    Blocked(Blocked),
    /// Another image has the idempotency key. The entry stands as it was.
    KeyTaken(Claim, Entry),
}

/// Why a publication ends before its end.
enum Overtaken {
    /// Deleted through another host: the record is a tombstone.
    TombstoneFound,
    /// Deleted here: a removal has taken the entry's place.
    Removed,
    /// Another image has the idempotency key.
    KeyTaken,
    /// The operator has blocked the content.
    Blocked(Blocked),
}

impl Images {
    /// What an upload spends on S3 and the database: as much as the replayer would, if they answer.
    /// Who waits for the upload does not wait for all of it.
    pub(super) fn upload_effort(&self) -> Effort {
        let patience = &self.parts.patience;
        let object = self.parts.objects.availability().is_available();
        let record = self.parts.db.availability().is_available();
        Effort {
            object: object.then_some(patience.replay_object),
            record: record.then_some(patience.upload_record),
        }
    }

    /// What a delete spends on S3 and the database before it is answered.
    pub(super) fn remove_effort(&self) -> Effort {
        Effort {
            object: self
                .upload_effort()
                .object
                .map(|_| self.parts.patience.upload_object),
            ..self.upload_effort()
        }
    }

    /// Does as much as can be done of what the entry owes, and notes what is left. Dropping the claim
    /// makes the replayer look at that.
    pub(super) async fn settle(
        &self,
        claim: Claim,
        effort: Effort,
        waiting: Option<Waiting>,
    ) -> Settled {
        let Some(before) = claim.entry() else {
            // Only a claim whose first write failed has no entry, and that one was never handed out.
            unreachable!("a claim that was handed out has an entry");
        };
        let mut entry = (*before).clone();
        match entry.intent {
            Intent::Publish => match self.publish(&claim, &mut entry, effort, waiting).await {
                Ok(()) => {}
                Err(Overtaken::Removed) => return Settled::Deleted,
                Err(Overtaken::KeyTaken) => return Settled::KeyTaken(claim, entry),
                Err(Overtaken::TombstoneFound) => {
                    return self.take_back(claim, entry, effort, Settled::Deleted).await;
                }
                Err(Overtaken::Blocked(blocked)) => {
                    return self
                        .take_back(claim, entry, effort, Settled::Blocked(blocked))
                        .await;
                }
            },
            Intent::Remove => self.carry_out_removal(&mut entry, effort).await,
        }
        if self.keep(claim, &before, entry.clone()).await {
            Settled::Entry(entry)
        } else {
            // What could not be noted is not counted as done: it will be done once more.
            Settled::Entry((*before).clone())
        }
    }

    /// Turns a publication into a removal, and carries out as much of that as can be.
    async fn take_back(
        &self,
        claim: Claim,
        publication: Entry,
        effort: Effort,
        settled: Settled,
    ) -> Settled {
        let before = claim.entry();
        let mut removal = Entry::remove(publication.image);
        self.carry_out_removal(&mut removal, effort).await;
        match before {
            Some(before) if !self.keep(claim, &before, removal).await => {
                Settled::Entry((*before).clone())
            }
            _ => settled,
        }
    }

    async fn publish(
        &self,
        claim: &Claim,
        entry: &mut Entry,
        effort: Effort,
        waiting: Option<Waiting>,
    ) -> Result<(), Overtaken> {
        // Not even for a moment: what is blocked is not put where all can see it, if that can be known.
        self.check_owed_content(entry, effort).await?;
        let image = entry.image.clone();
        let deadline = effort.object.filter(|_| entry.owes(Step::StoreObject));
        // Each request holds an image in memory, so a slow S3 must not gather them without end.
        let kib = Self::kib_to_store(&image);
        let began = Instant::now();
        let turn = match (deadline, &waiting) {
            (None, _) => None,
            (Some(_), None) => self.storing.try_acquire_many(kib).ok(),
            // A rush is over sooner than somebody's patience; a slow S3 is not.
            (Some(_), Some(Waiting { patience, .. })) => {
                let turn = tokio::time::timeout(*patience, self.storing.acquire_many(kib));
                turn.await.ok().and_then(Result::ok)
            }
        };
        if let (Some(deadline), Some(_turn)) = (deadline, turn) {
            // A request that was sent is never given up for an answer's sake: it could still take effect
            // after the image has been deleted.
            let mut storing = std::pin::pin!(self.store_object(&image, deadline));
            let stored = if let Some(Waiting { patience, answer }) = waiting {
                let left = patience.saturating_sub(began.elapsed());
                if let Ok(stored) = tokio::time::timeout(left, &mut storing).await {
                    stored
                } else {
                    self.note_slow_object();
                    let recorded = self.write_record(claim, entry, effort).await;
                    if recorded.is_ok() {
                        claim.show(entry.clone());
                        // Who waited may have gone away; the work goes on.
                        let _ = answer.send(entry.clone());
                    }
                    let stored = storing.await;
                    recorded?;
                    stored
                }
            } else {
                storing.await
            };
            if stored {
                entry.image.stored_at = Some(now());
                entry.done(Step::StoreObject);
                if !entry.owes(Step::WriteRecord) {
                    entry.owe(Step::NoteStored);
                }
            }
        }
        self.write_record(claim, entry, effort).await
    }

    /// Later uploads do not wait as long: until S3 has answered, they are pending at once.
    fn note_slow_object(&self) {
        if self.parts.objects.availability().failed() {
            log::info!("S3 takes its time; uploads are answered as pending until it has answered");
        }
    }

    /// Asks whether the content is blocked, should that be owed and the database be there.
    async fn check_owed_content(&self, entry: &mut Entry, effort: Effort) -> Result<(), Overtaken> {
        let owed = entry.owes(Step::CheckContent);
        let Some(deadline) = effort.record.filter(|_| owed) else {
            return Ok(());
        };
        let contents = contents(&entry.image);
        match self.parts.db.find_blocked(&contents, deadline).await {
            Ok(None) => entry.done(Step::CheckContent),
            Ok(Some(blocked)) => {
                log::warn!("image {}: its content is blocked", entry.image.id);
                return Err(Overtaken::Blocked(blocked));
            }
            Err(error) => log::debug!("image {}: {error}", entry.image.id),
        }
        Ok(())
    }

    async fn write_record(
        &self,
        claim: &Claim,
        entry: &mut Entry,
        effort: Effort,
    ) -> Result<(), Overtaken> {
        if claim.is_overruled() {
            return Err(Overtaken::Removed);
        }
        let owes = entry.owes(Step::WriteRecord) || entry.owes(Step::NoteStored);
        let Some(deadline) = effort.record.filter(|_| owes) else {
            return Ok(());
        };
        self.check_owed_content(entry, effort).await?;
        if entry.owes(Step::CheckContent) {
            return Ok(());
        }
        match self.parts.db.write_record(&entry.image, deadline).await {
            Ok(WriteOutcome::Written) => {
                entry.done(Step::WriteRecord);
                entry.done(Step::NoteStored);
                Ok(())
            }
            Ok(WriteOutcome::Deleted) => Err(Overtaken::TombstoneFound),
            Ok(WriteOutcome::KeyTaken) => Err(Overtaken::KeyTaken),
            Err(error) => {
                log::debug!("image {}: {error}", entry.image.id);
                Ok(())
            }
        }
    }

    /// Puts the local copy into S3. Says whether it is there.
    async fn store_object(&self, image: &Image, deadline: Duration) -> bool {
        let key = original(image);
        let trouble = match self.parts.local.read(key).await {
            Ok(Some(bytes)) if Checksum::of(&bytes) != image.sha256 => {
                "its local copy is damaged, S3 is not given it".to_owned()
            }
            Ok(Some(bytes)) => {
                let objects = &self.parts.objects;
                match objects
                    .put(key, &image.object_key, bytes, image.sha256, deadline)
                    .await
                {
                    Ok(()) => return true,
                    Err(error @ (ObjectError::Conflict { .. } | ObjectError::Refused { .. })) => {
                        error.to_string()
                    }
                    // Said once when S3 went away, not again for each image.
                    Err(error @ ObjectError::Away { .. }) => {
                        log::debug!("image {}: {error}", image.id);
                        return false;
                    }
                }
            }
            Ok(None) => "its local copy is gone, S3 cannot be given it".to_owned(),
            Err(error) => format!("its local copy cannot be read: {error}"),
        };
        self.report_once(image.id, &trouble);
        false
    }

    /// In this order, stopping at the first step that fails: nobody is told that an image is there
    /// whose bytes are gone.
    async fn carry_out_removal(&self, entry: &mut Entry, effort: Effort) {
        let (id, now) = (entry.image.id, now());
        let db = &self.parts.db;
        while let Some(step) = entry.owed.first().copied() {
            let done = match (step, effort.record, effort.object) {
                (Step::WriteTombstone, Some(deadline), _) => {
                    let written = db.write_tombstone(&entry.image, now, deadline).await;
                    written.map_err(|error| error.to_string())
                }
                (Step::DeleteObjectAgain, ..) if !self.is_due(entry) => return,
                (Step::DeleteObject | Step::DeleteObjectAgain, _, Some(deadline)) => {
                    let deleted = self
                        .parts
                        .objects
                        .delete(&entry.image.object_key, deadline)
                        .await;
                    deleted.map_err(|error| error.to_string())
                }
                (Step::DeleteLocalCopy, ..) => {
                    let removed = self.parts.local.remove(original(&entry.image)).await;
                    removed.map_err(|error| error.to_string())
                }
                (Step::MarkPurged, Some(deadline), _) => {
                    let marked = db.mark_purged(id, now, deadline).await;
                    marked.map_err(|error| error.to_string())
                }
                // What a publication owes is not owed any more.
                (
                    Step::StoreObject | Step::CheckContent | Step::WriteRecord | Step::NoteStored,
                    ..,
                ) => Ok(()),
                (
                    Step::WriteTombstone
                    | Step::DeleteObject
                    | Step::DeleteObjectAgain
                    | Step::MarkPurged,
                    ..,
                ) => return,
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

    /// Whether a request that S3 never confirmed has certainly ended by now.
    pub(super) fn is_due(&self, entry: &Entry) -> bool {
        let since = entry.removed_at.map(|removed_at| Utc::now() - removed_at);
        since.is_none_or(|since| {
            since
                .to_std()
                .is_ok_and(|since| since >= self.parts.patience.late_object)
        })
    }

    /// Makes the entry say what is left, or ends it. Says whether that could be written.
    async fn keep(&self, mut claim: Claim, before: &Entry, after: Entry) -> bool {
        let id = after.image.id;
        let kept = if after.owed.is_empty() {
            claim.finish(after).await.map_err(|error| error.to_string())
        } else if *before == after {
            Ok(())
        } else {
            claim.write(after).await.map_err(|error| error.to_string())
        };
        if let Err(error) = kept {
            // The entry on disk says more than is owed: that work is done once more, without harm.
            log::warn!("image {id}: its journal entry could not be updated: {error}");
            return false;
        }
        true
    }
}

/// To the millisecond, like every time in records: engines keep different fractions.
pub(super) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// The key of the image as it is published.
pub(super) fn original(image: &Image) -> StorageKey {
    StorageKey::Original {
        id: image.id,
        media_type: image.media_type,
    }
}
