//! Carries out what the journal owes, for ever: at start, and whenever something was left.
//! Also takes away local copies that nobody owns: those that a crash left, and those of images that were
//! deleted through another host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::publish::{Effort, Settled};
use super::{Images, Parts};
use crate::db::{DbError, TombstonePlace};
use crate::domain::ImageId;
use crate::fault;
use crate::storage::{Claim, Entry, Known, Mark, Step, StorageKey, WriteError};

/// How many entries are carried out at once: enough to drain, too few to crowd out uploads.
const WORKERS: usize = 4;
/// Work on an entry that is over sooner was none.
const MERE_LOOK: Duration = Duration::from_millis(1);
/// The pause after the first round that got nowhere; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A local copy younger than this may belong to an upload that is running.
const SWEEP_GRACE: Duration = Duration::from_hours(1);
const SWEEP_INTERVAL: Duration = Duration::from_hours(1);
/// How far back tombstones are looked at again: hosts' clocks differ, and some tombstones come late.
const TOMBSTONE_OVERLAP: TimeDelta = TimeDelta::minutes(10);
const TOMBSTONE_BATCH: u32 = 500;
/// How long swept copies are kept, from when they were set aside.
const SWEPT_KEPT: Duration = Duration::from_hours(30 * 24);
/// In a round with more entries the log has one line for all of them, not one for each.
const NAMED_IN_LOG: usize = 20;
/// How many ids the database is asked about at once.
const SWEEP_BATCH: usize = 500;

/// In one round, each part that is away is tried once, not once for every entry.
#[derive(Default)]
struct Round {
    tried_object: AtomicBool,
    tried_record: AtomicBool,
    /// How many entries ended in it.
    ended: AtomicUsize,
    /// Whether the log names each of them.
    names: bool,
}

impl Round {
    /// What an entry may spend. The one look at a part that is away is not wasted on an entry that does not
    /// need that part.
    fn effort(&self, images: &Images, entry: &Entry) -> Effort<'_> {
        let parts = &images.parts;
        let mut next_steps = entry.owed.iter();
        let needs_record = |step: &Step| {
            matches!(
                step,
                Step::WriteRecord | Step::NoteStored | Step::WriteTombstone | Step::MarkPurged
            )
        };
        let needs_record = if entry.is_publication() {
            next_steps.any(needs_record)
        } else {
            // A removal goes step by step, and may not get as far as the others.
            next_steps.next().is_some_and(needs_record)
        };
        // Whether S3 is asked for an entry shows only when it is: then the look is taken.
        let object = parts.objects.availability().is_available()
            || !self.tried_object.load(Ordering::Relaxed);
        let record = parts.db.takes_records()
            || needs_record && !self.tried_record.swap(true, Ordering::Relaxed);
        Effort {
            object: object.then_some(parts.patience.replay_object),
            record: record.then_some(parts.patience.replay_record),
            tried_object: Some(&self.tried_object),
        }
    }
}

impl Images {
    /// Replays until `stop`. Entries that are under way then stay in the journal.
    pub async fn replay(self: Arc<Self>, stop: CancellationToken) {
        let work = async {
            tokio::join!(
                self.replay_rounds(),
                self.sweep_regularly(),
                self.follow_tombstones(),
                self.keep_variants_in_budget()
            )
        };
        tokio::select! {
            _ = work => {}
            () = stop.cancelled() => {}
        }
    }

    async fn replay_rounds(&self) {
        if fault::broken("break.replay-off") {
            return;
        }
        let pending = self.parts.journal.owed().images;
        if pending > 0 {
            log::info!("the journal says that something is owed for {pending} images");
        }
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
            if self.parts.journal.is_owing() {
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
        let first = rand::random_range(0..owing.len());
        owing.rotate_left(first);
        let round = &Round {
            names: owing.len() <= NAMED_IN_LOG,
            ..Round::default()
        };
        let any = futures_util::stream::iter(owing)
            .map(|id| async move {
                let claim = self.parts.journal.try_claim(id);
                match claim.and_then(|claim| Some((claim.entry()?, claim))) {
                    Some((entry, claim)) => {
                        let began = Instant::now();
                        let progress = self.replay_entry(claim, &entry, round).await;
                        let took = began.elapsed();
                        // Looking at an entry for which nothing can be done costs nobody anything.
                        if took > MERE_LOOK {
                            tokio::time::sleep(self.foreground.rest_after(took)).await;
                        }
                        progress
                    }
                    None => false,
                }
            })
            .buffer_unordered(WORKERS)
            .fold(false, |any, progress| async move { any || progress })
            .await;
        let ended = round.ended.load(Ordering::Relaxed);
        if ended > 0 && !round.names {
            let left = self.parts.journal.owed().images;
            log::info!("nothing is owed any more for {ended} images; for {left} something is");
        }
        any
    }

    /// Says whether anything of the entry was carried out.
    async fn replay_entry(&self, claim: Claim, before: &Entry, round: &Round) -> bool {
        fault::crash("replay.after-claim");
        let effort = round.effort(self, before);
        match self.settle_unless_deleted(claim, effort).await {
            Settled::Entry(after) => {
                self.count_steps(before, &after, effort);
                if after.owed.is_empty() && !before.owed.is_empty() {
                    round.ended.fetch_add(1, Ordering::Relaxed);
                    let level = if round.names {
                        log::Level::Info
                    } else {
                        log::Level::Debug
                    };
                    log::log!(level, "image {}: nothing is owed any more", after.image.id);
                }
                after.owed.len() < before.owed.len()
            }
            Settled::Deleted | Settled::Blocked(_) | Settled::KeyTaken(_) => {
                // Unless its removal could not be journaled.
                let known = self.parts.journal.find(before.image.id);
                !matches!(known, Some(Known::Published(_)))
            }
        }
    }

    /// Counts what was carried out, and what is still owed although it was tried.
    fn count_steps(&self, before: &Entry, after: &Entry, effort: Effort<'_>) {
        for step in &before.owed {
            let done = !after.owes(*step);
            let could_try = match step {
                Step::StoreObject | Step::DeleteObject => effort.object.is_some(),
                Step::DeleteObjectAgain => effort.object.is_some() && self.is_due(after),
                Step::DeleteLocalCopy => true,
                Step::CheckContent
                | Step::WriteRecord
                | Step::NoteStored
                | Step::WriteTombstone
                | Step::MarkPurged => effort.record.is_some(),
            };
            // A removal goes step by step and ends at the first that fails.
            let reached = before.is_publication() || after.owed.first() == Some(step);
            if done || (could_try && reached) {
                self.metrics().replayed(step.name(), done);
            }
        }
    }

    /// Looks for a tombstone before anything is put into S3: an image that was deleted through another host
    /// in the meantime must not be public again, not even for a moment.
    async fn settle_unless_deleted(&self, mut claim: Claim, mut effort: Effort<'_>) -> Settled {
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
                    self.remove_variants(id).await?;
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
        let mut since: DateTime<Utc> = last_look.unwrap_or(SystemTime::UNIX_EPOCH).into();
        loop {
            let began = SystemTime::now();
            if since > DateTime::<Utc>::from(began) {
                // The clock was set back: nobody knows when the last look really was.
                since = DateTime::UNIX_EPOCH;
            }
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
        let mut after = TombstonePlace::first_at(since);
        loop {
            let tombstones = db
                .deleted_after(&after, TOMBSTONE_BATCH, patience.replay_record)
                .await?;
            let full = tombstones.len() == TOMBSTONE_BATCH as usize;
            let keys = tombstones
                .iter()
                .map(|(image, _)| StorageKey::original(image));
            let here = local.has_each(keys).await;
            for ((image, place), here) in tombstones.into_iter().zip(here) {
                after = place;
                self.recent.forget(image.id);
                if let Some(key) = &image.idempotency_key {
                    journal.forget_settled(key);
                }
                match journal.find(image.id) {
                    // Its entry sees to the copy.
                    Some(Known::Removed) => {}
                    Some(Known::Published(entry)) => {
                        // Readers ask the journal first, so this is what tells them; the replayer goes on.
                        journal.remove(Entry::remove(entry.image.clone())).await?;
                        log::info!(
                            "image {}: deleted through another host, it is not published any more",
                            image.id
                        );
                    }
                    None | Some(Known::Unreadable) => {
                        if here {
                            local.remove(StorageKey::original(&image)).await?;
                            log::info!(
                                "image {}: deleted through another host, its local copy is removed",
                                image.id
                            );
                        }
                        // A host that has no copy may have variants.
                        if self.remove_variants(image.id).await? {
                            log::info!(
                                "image {}: deleted through another host, its variants are removed",
                                image.id
                            );
                        }
                    }
                }
            }
            if !full {
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
    Journal(#[from] WriteError),
    #[error(transparent)]
    Database(#[from] DbError),
}
