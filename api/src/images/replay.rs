//! Carries out what the journal owes, for ever: at start, and whenever something was left.
//! Also takes away local copies that nobody owns: those that a crash left, and those of images that were
//! deleted through another host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::publish::{Effort, Settled, original};
use super::{Images, Parts};
use crate::db::DbError;
use crate::domain::{Availability, ImageId};
use crate::storage::{Claim, Entry, Mark, Step, StorageKey};

/// How many entries are carried out at once: enough to drain, too few to crowd out uploads.
const WORKERS: usize = 4;
/// The pause after the first round that got nowhere; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A local copy younger than this may belong to an upload that is running.
const SWEEP_GRACE: Duration = Duration::from_hours(1);
const SWEEP_INTERVAL: Duration = Duration::from_hours(1);
/// How far back tombstones are looked at again: hosts' clocks differ, and some tombstones come late.
const TOMBSTONE_OVERLAP: TimeDelta = TimeDelta::minutes(10);
const TOMBSTONE_BATCH: u32 = 500;
/// How long swept copies are kept, from their upload.
const SWEPT_KEPT: Duration = Duration::from_hours(30 * 24);
/// How many ids the database is asked about at once.
const SWEEP_BATCH: usize = 500;

/// In one round, each part that is away is tried once, not once for every entry.
#[derive(Default)]
struct Round {
    tried_object: AtomicBool,
    tried_record: AtomicBool,
}

impl Round {
    /// What an entry may spend. The one look at a part that is away is not wasted on an entry that does not
    /// need that part.
    fn effort(&self, images: &Images, entry: &Entry) -> Effort {
        let parts = &images.parts;
        let needs_object = entry.owed.iter().any(|step| match step {
            Step::StoreObject | Step::DeleteObject => true,
            Step::DeleteObjectAgain => images.is_due(entry),
            _ => false,
        });
        let needs_record = entry.owed.iter().any(|step| {
            matches!(
                step,
                Step::WriteRecord | Step::NoteStored | Step::WriteTombstone | Step::MarkPurged
            )
        });
        let object = needs_object && may_try(parts.objects.availability(), &self.tried_object);
        let record = needs_record && may_try(parts.db.availability(), &self.tried_record);
        Effort {
            object: object.then_some(parts.patience.replay_object),
            record: record.then_some(parts.patience.replay_record),
        }
    }
}

fn may_try(part: &Availability, tried: &AtomicBool) -> bool {
    part.is_available() || !tried.swap(true, Ordering::Relaxed)
}

impl Images {
    /// Replays until `stop`. Entries that are under way then stay in the journal.
    pub async fn replay(self: Arc<Self>, stop: CancellationToken) {
        let work = async {
            tokio::join!(
                self.replay_rounds(),
                self.sweep_regularly(),
                self.follow_tombstones()
            )
        };
        tokio::select! {
            _ = work => {}
            () = stop.cancelled() => {}
        }
    }

    async fn replay_rounds(&self) {
        let mut fruitless = 0;
        loop {
            let owing = self.parts.journal.owing();
            if owing.is_empty() {
                fruitless = 0;
                self.parts.journal.something_owing().await;
                continue;
            }
            if self.replay_round(owing).await {
                fruitless = 0;
            } else {
                fruitless += 1;
            }
            if !self.parts.journal.owing().is_empty() {
                tokio::time::sleep(self.pause(fruitless)).await;
            }
        }
    }

    /// Exponential backoff with full jitter
    /// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
    fn pause(&self, fruitless: u32) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(fruitless));
        doubled
            .min(self.parts.patience.replay_pause)
            .mul_f64(rand::random())
    }

    /// Tries every entry once. Says whether anything was carried out.
    async fn replay_round(&self, mut owing: Vec<ImageId>) -> bool {
        // Begins somewhere else each time: an entry on which S3 hangs must not keep the others waiting.
        let begin = rand::random_range(0..owing.len());
        owing.rotate_left(begin);
        let round = &Round::default();
        futures_util::stream::iter(owing)
            .map(|id| async move {
                let claim = self.parts.journal.try_claim(id);
                match claim.and_then(|claim| Some((claim.entry()?, claim))) {
                    Some((entry, claim)) => {
                        self.replay_entry(claim, round.effort(self, &entry)).await
                    }
                    None => false,
                }
            })
            .buffer_unordered(WORKERS)
            .fold(false, |any, progress| async move { any || progress })
            .await
    }

    /// Says whether anything of the entry was carried out.
    async fn replay_entry(&self, claim: Claim, effort: Effort) -> bool {
        let owed_before = claim.entry().map_or(0, |entry| entry.owed.len());
        match self.settle_unless_deleted(claim, effort).await {
            Settled::Entry(entry) => {
                if entry.owed.is_empty() {
                    log::info!("image {}: nothing is owed any more", entry.image.id);
                }
                entry.owed.len() < owed_before
            }
            Settled::Deleted | Settled::Blocked(_) => true,
            Settled::KeyTaken(claim, entry) => self.keep_without_key(claim, entry).await,
        }
    }

    /// Looks for a tombstone before anything is put into S3: an image that was deleted through another host
    /// in the meantime must not be public again, not even for a moment.
    async fn settle_unless_deleted(&self, mut claim: Claim, mut effort: Effort) -> Settled {
        if let Some(entry) = claim.entry()
            && entry.owes(Step::StoreObject)
            && effort.object.is_some()
        {
            let deadline = self.parts.patience.replay_record;
            let found = match effort.record {
                None if !self.parts.db.availability().is_available() => None,
                _ => self.parts.db.find(entry.image.id, deadline).await.ok(),
            };
            match found {
                Some(Some(record)) if record.deleted => {
                    if let Err(error) = claim.write(Entry::remove(entry.image.clone())).await {
                        log::warn!(
                            "image {}: its removal cannot be journaled yet: {error}",
                            entry.image.id
                        );
                        return Settled::Entry((*entry).clone());
                    }
                }
                // Others know the image by its record, and may have deleted it: nobody can tell now.
                None if !entry.owes(Step::WriteRecord) => effort.object = None,
                _ => {}
            }
        }
        self.settle(claim, effort, None).await
    }

    /// Two hosts took uploads with the same key while the database was away, and both were acknowledged.
    /// Losing one would break the greater promise: it is kept, without the key.
    async fn keep_without_key(&self, mut claim: Claim, mut entry: Entry) -> bool {
        let id = entry.image.id;
        log::warn!("image {id}: another image has its idempotency key; both are kept");
        entry.image.idempotency_key = None;
        match claim.write(entry).await {
            Ok(()) => true,
            Err(error) => {
                log::warn!("image {id}: its journal entry could not be updated: {error}");
                false
            }
        }
    }

    async fn sweep_regularly(&self) {
        loop {
            if let Err(error) = self.sweep(SWEEP_GRACE).await {
                log::warn!("the sweep of local copies stopped: {error}");
            }
            tokio::time::sleep(SWEEP_INTERVAL).await;
        }
    }

    /// Sets aside local copies that no entry and no record names. Not removed at once: should the database be
    /// another one than before, or an older state of it, these copies may be all that is left.
    async fn sweep(&self, grace: Duration) -> Result<(), SweepError> {
        let Parts {
            local,
            journal,
            db,
            patience,
            ..
        } = &self.parts;
        let began = SystemTime::now();
        // Without a mark nobody knows what was settled before: nothing older than now is touched.
        let since = local.noted(Mark::Sweep).await?.unwrap_or(began);
        let since = since.checked_sub(grace).unwrap_or(SystemTime::UNIX_EPOCH);
        if journal.unreadable() > 0 {
            // One of the files may belong to an entry that could not be read.
            log::warn!("local copies are not swept while journal entries cannot be read");
            return Ok(());
        }
        for batch in local
            .copies_written_since(since, grace)
            .await?
            .chunks(SWEEP_BATCH)
        {
            // The journal first: an entry that ends after this look has its record by the next.
            let unowned = batch.iter().filter(|(id, _)| journal.find(*id).is_none());
            let unowned: Vec<_> = unowned.copied().collect();
            let ids: Vec<ImageId> = unowned.iter().map(|(id, _)| *id).collect();
            let recorded = db.recorded_among(&ids, patience.replay_record).await?;
            for (id, media_type) in unowned {
                if !recorded.contains(&id) && journal.find(id).is_none() {
                    local
                        .set_aside(StorageKey::Original { id, media_type })
                        .await?;
                    log::info!(
                        "set the local copy of {id} aside in swept/: no entry and no record names it"
                    );
                }
            }
        }
        local.clear_set_aside(SWEPT_KEPT).await?;
        local.note(Mark::Sweep, began).await?;
        Ok(())
    }

    /// Takes away what this host still has of images that were deleted through other hosts.
    async fn follow_tombstones(&self) {
        let local = &self.parts.local;
        let last_look = local.noted(Mark::Tombstones).await.ok().flatten();
        let mut since: DateTime<Utc> = last_look.unwrap_or_else(SystemTime::now).into();
        loop {
            let began = SystemTime::now();
            match self.take_away_deleted(since - TOMBSTONE_OVERLAP).await {
                Ok(()) => {
                    since = began.into();
                    if let Err(error) = local.note(Mark::Tombstones, began).await {
                        log::warn!("how far tombstones were followed cannot be noted: {error}");
                    }
                }
                Err(error) => log::debug!("tombstones cannot be followed: {error}"),
            }
            tokio::time::sleep(self.parts.patience.tombstones).await;
        }
    }

    async fn take_away_deleted(&self, since: DateTime<Utc>) -> Result<(), SweepError> {
        let Parts {
            local,
            journal,
            db,
            patience,
            ..
        } = &self.parts;
        let mut latest = since;
        loop {
            let tombstones = db
                .deleted_since(latest, TOMBSTONE_BATCH, patience.replay_record)
                .await?;
            let full = tombstones.len() == TOMBSTONE_BATCH as usize;
            let before = latest;
            for (image, deleted_at) in tombstones {
                latest = latest.max(deleted_at);
                if let Some(key) = &image.idempotency_key {
                    journal.forget_settled(key);
                }
                // An entry of this host sees to its own copy.
                if journal.find(image.id).is_none() && local.has(original(&image)).await {
                    local.remove(original(&image)).await?;
                    log::info!(
                        "image {}: deleted through another host, its local copy is removed",
                        image.id
                    );
                }
            }
            if !full || latest == before {
                return Ok(());
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error(transparent)]
    Disk(#[from] std::io::Error),
    #[error(transparent)]
    Database(#[from] DbError),
}
