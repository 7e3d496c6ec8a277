//! Carries out what a journal entry owes: the second half of an upload, and all of a delete.
//!
//! Each step can be done twice without harm, so a crash at any point costs at most a repetition.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, SubsecRound as _, Utc};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Images;
use super::ingest::contents;
use crate::db::{Blocked, DbError, Record, WriteOutcome};
use crate::domain::{Checksum, Image, ImageId};
use crate::fault;
use crate::storage::{Claim, Entry, Intent, ObjectError, Step, StorageKey};

/// How long the replayer waits until S3 may be given another object.
const QUEUED_REPLAY: Duration = Duration::from_secs(5);

/// What an attempt spends on each part. `None`: the part is known to be away, leave its steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort<'round> {
    pub(super) object: Option<Duration>,
    pub(super) record: Option<Duration>,
    /// Whether S3 has been tried in a round in which it is tried once while it is away.
    pub(super) tried_object: Option<&'round AtomicBool>,
}

/// Where somebody waits for an answer while a publication goes on.
pub(super) struct Waiting {
    /// How long the answer waits for S3.
    pub(super) patience: Duration,
    /// The bytes, if they may stay in memory until S3 has them. `None`: they are read again from the local copy.
    pub(super) at_hand: Option<AtHand>,
    /// Takes the entry as it stands, or what has overtaken it, when the answer can be given before the
    /// publication has ended.
    pub(super) answer: oneshot::Sender<Result<Entry, Overtaken>>,
}

/// The bytes of an image that are in memory from its upload, and their turn among the requests to S3.
pub(super) struct AtHand {
    bytes: Bytes,
    turn: OwnedSemaphorePermit,
}

/// How an attempt ended.
pub(super) enum Settled {
    /// The entry as it now stands; nothing or something may still be owed.
    Entry(Entry),
    /// The image was deleted while its publication was pending. Its removal is journaled.
    Deleted,
    /// The operator has blocked the content. The removal of the image is journaled.
    Blocked(Blocked),
    /// This other image has the idempotency key. Nobody was told of the one that was to be published, and it
    /// is taken back.
    KeyTaken(Record),
}

/// Why a publication ends before its end.
#[derive(Clone, Debug)]
pub(super) enum Overtaken {
    /// Deleted through another host: the record is a tombstone.
    TombstoneFound,
    /// Deleted here: a removal has taken the entry's place.
    Removed,
    /// This other image has the idempotency key.
    KeyTaken(Box<Record>),
    /// The operator has blocked the content.
    Blocked(Blocked),
}

impl From<Overtaken> for Settled {
    fn from(overtaken: Overtaken) -> Self {
        match overtaken {
            Overtaken::TombstoneFound | Overtaken::Removed => Self::Deleted,
            Overtaken::KeyTaken(winner) => Self::KeyTaken(*winner),
            Overtaken::Blocked(blocked) => Self::Blocked(blocked),
        }
    }
}

impl Images {
    /// What an upload spends on S3 and the database: as much as the replayer would, if they answer.
    /// Who waits for the upload does not wait for all of it.
    pub(super) fn upload_effort(&self) -> Effort<'static> {
        let patience = &self.parts.patience;
        let object = self.parts.objects.availability().is_prompt();
        let record = self.parts.db.takes_records();
        Effort {
            object: object.then_some(patience.replay_object),
            record: record.then_some(patience.upload_record),
            tried_object: None,
        }
    }

    /// Keeps the bytes of an upload, whose local copy is durable by now, for the request to S3 that is about to be
    /// made. Not when that has to queue: then only requests may hold images in memory.
    pub(super) fn keep_at_hand(&self, image: &Image, bytes: Bytes) -> Option<AtHand> {
        let turns = Arc::clone(&self.storing);
        let turn = turns.try_acquire_many_owned(Self::kib_to_store(image));
        Some(AtHand {
            bytes,
            turn: turn.ok()?,
        })
    }

    /// What a delete spends on S3 and the database before it is answered.
    pub(super) fn remove_effort(&self) -> Effort<'static> {
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
        mut claim: Claim,
        effort: Effort<'_>,
        waiting: Option<Waiting>,
    ) -> Settled {
        let Some(before) = claim.entry() else {
            // Only a claim whose first write failed has no entry, and that one was never handed out.
            unreachable!("a claim that was handed out has an entry");
        };
        let mut entry = (*before).clone();
        match entry.intent {
            Intent::Publish => {
                let is_awaited = waiting.is_some();
                let published = self.publish(&mut claim, &mut entry, effort, waiting);
                if let Err(overtaken) = published.await {
                    return self.end_overtaken(claim, entry, effort, overtaken).await;
                }
                // Somebody is told of it now. Costs nothing more: what still owes something is written anyway.
                entry.promised |= is_awaited;
            }
            Intent::Remove => self.carry_out_removal(&mut entry, effort).await,
        }
        self.keep(claim, &before, entry.clone()).await;
        Settled::Entry(entry)
    }

    async fn publish(
        &self,
        claim: &mut Claim,
        entry: &mut Entry,
        effort: Effort<'_>,
        mut waiting: Option<Waiting>,
    ) -> Result<(), Overtaken> {
        // Not even for a moment: what is blocked is not put where all can see it, if that can be known.
        self.check_owed_content(entry, effort).await?;
        let image = entry.image.clone();
        let deadline = effort.object.filter(|_| entry.owes(Step::StoreObject));
        // Each request holds an image in memory, so a slow S3 must not gather them without end.
        let kib = Self::kib_to_store(&image);
        let began = Instant::now();
        let at_hand = waiting.as_mut().and_then(|waiting| waiting.at_hand.take());
        let (turn, bytes) = match (deadline, at_hand) {
            (None, _) => (None, None),
            (Some(_), Some(AtHand { bytes, turn })) => (Some(turn), Some(bytes)),
            // A rush is over sooner than somebody's patience; a slow S3 is not. The replayer queues too: in
            // a steady stream of uploads there is never room for a large image at once.
            (Some(_), None) => {
                let patience = waiting.as_ref().map_or(QUEUED_REPLAY, |it| it.patience);
                let turns = Arc::clone(&self.storing).acquire_many_owned(kib);
                let turn = tokio::time::timeout(patience, turns).await;
                (turn.ok().and_then(Result::ok), None)
            }
        };
        if let (Some(deadline), Some(_turn)) = (deadline, turn) {
            // A request that was sent is never given up for an answer's sake: it could still take effect
            // after the image has been deleted.
            let mut storing = std::pin::pin!(self.store_object(&image, bytes, deadline, effort));
            let stored = if let Some(Waiting {
                patience, answer, ..
            }) = waiting
            {
                let left = patience.saturating_sub(began.elapsed());
                if let Ok(stored) = tokio::time::timeout(left, &mut storing).await {
                    stored
                } else {
                    self.note_slow_object();
                    let recorded = self.write_record(claim, entry, effort).await;
                    if recorded.is_ok() {
                        entry.promised = true;
                        self.note(claim, entry.clone()).await;
                    }
                    // Who waited may have gone away; the work goes on.
                    let _ = answer.send(recorded.clone().map(|()| entry.clone()));
                    let stored = storing.await;
                    recorded?;
                    stored
                }
            } else {
                storing.await
            };
            if stored {
                fault::crash("publish.after-object");
                entry.image.stored_at = Some(now());
                entry.done(Step::StoreObject);
                if !entry.owes(Step::WriteRecord) {
                    entry.owe(Step::NoteStored);
                }
            }
        }
        self.write_record(claim, entry, effort).await
    }

    /// Later uploads do not wait as long: until S3 has answered in good time, they are pending at once.
    fn note_slow_object(&self) {
        if self.parts.objects.availability().failed() {
            log::info!(
                "S3 takes its time; uploads are answered as pending until it answers in time"
            );
        }
    }

    /// Asks whether the content is blocked, should that be owed and the database be there.
    async fn check_owed_content(
        &self,
        entry: &mut Entry,
        effort: Effort<'_>,
    ) -> Result<(), Overtaken> {
        let owed = entry.owes(Step::CheckContent);
        let Some(deadline) = effort.record.filter(|_| owed) else {
            return Ok(());
        };
        let contents = contents(&entry.image);
        match self.parts.db.find_blocked(contents, deadline).await {
            Ok(None) => entry.done(Step::CheckContent),
            Ok(Some(blocked)) => {
                log::warn!("image {}: its content is blocked", entry.image.id);
                return Err(Overtaken::Blocked(blocked));
            }
            Err(error) => self.note_database_trouble(entry.image.id, &error),
        }
        Ok(())
    }

    async fn write_record(
        &self,
        claim: &Claim,
        entry: &mut Entry,
        effort: Effort<'_>,
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
                fault::crash("publish.after-record");
                Ok(())
            }
            Ok(WriteOutcome::Deleted) if fault::broken("break.tombstones-ignored") => {
                entry.owed.clear();
                Ok(())
            }
            Ok(WriteOutcome::Deleted) => Err(Overtaken::TombstoneFound),
            Ok(WriteOutcome::KeyTaken(winner)) => Err(Overtaken::KeyTaken(winner)),
            Err(error) => {
                self.note_database_trouble(entry.image.id, &error);
                Ok(())
            }
        }
    }

    /// That the database is away is said once, by itself. What it refuses, it refuses for ever.
    fn note_database_trouble(&self, id: ImageId, error: &DbError) {
        match error {
            DbError::Away(_) => log::debug!("image {id}: {error}"),
            DbError::Refused(_) | DbError::Unreadable(_) => {
                self.report_once(id, &error.to_string());
            }
        }
    }

    /// Whether S3 may be asked now: while it is away the replayer asks once in a round, not for every entry.
    fn may_ask_s3(&self, effort: Effort<'_>) -> bool {
        let Some(tried) = effort.tried_object else {
            return true;
        };
        self.parts.objects.availability().is_available() || !tried.swap(true, Ordering::Relaxed)
    }

    /// Puts the image into S3: the bytes that are at hand, or the local copy. Says whether it is there.
    async fn store_object(
        &self,
        image: &Image,
        at_hand: Option<Bytes>,
        deadline: Duration,
        effort: Effort<'_>,
    ) -> bool {
        let bytes = match at_hand {
            Some(bytes) => Ok(bytes),
            None => self.read_sound_copy(image).await,
        };
        let trouble = match bytes {
            Ok(_) if !self.may_ask_s3(effort) => return false,
            Ok(bytes) => match self.parts.objects.put(image, bytes, deadline).await {
                Ok(()) => return true,
                Err(error @ (ObjectError::Conflict { .. } | ObjectError::Refused { .. })) => {
                    error.to_string()
                }
                // Said once when S3 went away, not again for each image.
                Err(
                    error @ (ObjectError::Away { .. }
                    | ObjectError::Withheld { .. }
                    | ObjectError::VersionsDenied),
                ) => {
                    log::debug!("image {}: {error}", image.id);
                    return false;
                }
            },
            Err(trouble) => trouble,
        };
        self.report_once(image.id, &trouble);
        false
    }

    /// The local copy as S3 may be given it, or what is wrong with it.
    async fn read_sound_copy(&self, image: &Image) -> Result<Bytes, String> {
        match self.parts.local.read(StorageKey::original(image)).await {
            Ok(Some(bytes)) if Checksum::of(&bytes) == image.sha256 => Ok(bytes),
            Ok(Some(_)) => Err("its local copy is damaged, S3 is not given it".to_owned()),
            Ok(None) => Err("its local copy is gone, S3 cannot be given it".to_owned()),
            Err(error) => Err(format!("its local copy cannot be read: {error}")),
        }
    }

    /// In this order, stopping at the first step that fails: nobody is told that an image is there
    /// whose bytes are gone.
    pub(super) async fn carry_out_removal(&self, entry: &mut Entry, effort: Effort<'_>) {
        let (id, now) = (entry.image.id, now());
        let db = &self.parts.db;
        while let Some(step) = entry.owed.first().copied() {
            let done = match (step, effort.record, effort.object) {
                (Step::WriteTombstone, Some(deadline), _) => {
                    let written = db.write_tombstone(&entry.image, now, deadline).await;
                    // While the entry is there it speaks for the image, and after it the record does.
                    self.recent.forget(id);
                    written.map_err(|error| {
                        self.note_database_trouble(id, &error);
                        error.to_string()
                    })
                }
                (Step::DeleteObjectAgain, ..) if !self.is_due(entry) => return,
                (Step::DeleteObject | Step::DeleteObjectAgain, _, Some(deadline)) => {
                    if !self.may_ask_s3(effort) {
                        return;
                    }
                    let deleted = self
                        .parts
                        .objects
                        .delete(&entry.image.object_key, deadline)
                        .await;
                    deleted.map_err(|error| error.to_string())
                }
                (Step::DeleteLocalCopy, ..) => {
                    let original = StorageKey::original(&entry.image);
                    match self.parts.local.remove(original).await {
                        Ok(()) => self.remove_variants(id).await.map(|_| ()),
                        failed => failed,
                    }
                    .map_err(|error| error.to_string())
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
                Ok(()) => {
                    entry.done(step);
                    crash_after(step);
                }
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
            // Less than nothing: the clock was set back, and waiting could take any time.
            since
                .to_std()
                .map_or(true, |since| since >= self.parts.patience.late_object)
        })
    }

    /// Has the journal say how far the work has come. Says whether the disk took it.
    pub(super) async fn note(&self, claim: &mut Claim, entry: Entry) -> bool {
        let id = entry.image.id;
        let written = claim.write(entry.clone()).await;
        if let Err(error) = &written {
            // The entry on disk says more than is owed. Should the process end before it can be written, that
            // work is done once more, without harm; this process does not do it again.
            log::warn!("image {id}: its journal entry could not be updated: {error}");
            claim.show(entry);
        }
        written.is_ok()
    }

    /// Makes the entry say what is left, or ends it.
    pub(super) async fn keep(&self, mut claim: Claim, before: &Entry, after: Entry) {
        let is_publication = after.is_publication();
        let ends = after.owed.is_empty();
        let kept = if ends {
            self.end(claim, after).await
        } else if *before == after && !claim.is_unsure() {
            true
        } else {
            self.note(&mut claim, after).await
        };
        if !kept {
            return;
        }
        fault::crash(match (is_publication, ends) {
            (true, true) => "publish.after-finish",
            (true, false) => "publish.after-update",
            (false, true) => "remove.after-finish",
            (false, false) => "remove.after-update",
        });
    }

    /// Ends an entry for which nothing is owed any more. One that the disk does not let go of is ended later.
    async fn end(&self, claim: Claim, entry: Entry) -> bool {
        let id = entry.image.id;
        claim.show(entry.clone());
        let ended = claim.finish(entry).await;
        if let Err(error) = &ended {
            log::warn!("image {id}: its journal entry could not be ended: {error}");
        }
        ended.is_ok()
    }
}

/// The points between the steps of a removal.
fn crash_after(step: Step) {
    fault::crash(match step {
        Step::WriteTombstone => "remove.after-tombstone",
        Step::DeleteObject => "remove.after-object",
        Step::DeleteLocalCopy => "remove.after-copy",
        Step::DeleteObjectAgain => "remove.after-object-again",
        Step::MarkPurged => "remove.after-purged",
        Step::StoreObject | Step::CheckContent | Step::WriteRecord | Step::NoteStored => return,
    });
}

/// To the millisecond, like every time in records: engines keep different fractions.
pub(super) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}
