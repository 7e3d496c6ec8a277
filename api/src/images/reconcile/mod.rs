//! Compares local copies, S3, records and the journal of this host, and repairs what does not agree.
//!
//! Records, objects and copies are listed in the order of their ids and merged (`sightings`), what is conspicuous
//! is looked at in full (`look`), judged (`judge`) and mended (`repair`). At the end variants are looked at, whose
//! images may be gone (`variants`). Runs beside a service or without one:
//! takes no lock, and changes nothing that the journal of this host has an entry for.

mod judge;
mod look;
mod repair;
mod report;
mod sightings;
mod variants;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

pub use report::{Action, Finding, Kind, Outcome, Summary};

use self::repair::Settled;
use self::sightings::{Sighting, Sightings};
use super::Patience;
use crate::db::{Db, DbError};
use crate::storage::{LocalStore, ObjectError, ObjectStore, UnreadableEntries, WriteError};

/// How many images are looked at in full at once.
const AT_ONCE: usize = 8;
/// How many KiB of images are in memory at once.
const ROOM_KIB: u32 = 64 * 1024;
/// A service that writes to the same database may keep this one waiting.
const DATABASE_ATTEMPTS: usize = 5;
const DATABASE_PAUSE: Duration = Duration::from_millis(300);
/// What is removed is never younger, whatever the grace period: a copy is written before its journal entry.
const LEAST_GRACE_OF_REMOVALS: Duration = Duration::from_mins(1);

/// What a reconciliation may do.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of a command, each on its own"
)]
pub struct Options {
    /// Whether anything is changed.
    pub repair: bool,
    /// Whether objects and copies without a record are removed.
    pub remove_orphans: bool,
    /// Whether other hosts take uploads too: then it is all right for a copy not to be here.
    pub several_hosts: bool,
    /// Whether images whose existence and sizes fit are taken for good, unread.
    pub quick: bool,
    /// How old something has to be to belong to no upload under way.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            repair: false,
            remove_orphans: false,
            several_hosts: false,
            quick: false,
            grace: Duration::from_hours(1),
        }
    }
}

impl Options {
    fn is_young(&self, time: DateTime<Utc>) -> bool {
        let grace = if self.remove_orphans {
            self.grace.max(LEAST_GRACE_OF_REMOVALS)
        } else {
            self.grace
        };
        // A clock that differs a little makes things younger than now.
        (Utc::now() - time).to_std().is_ok_and(|age| age < grace) || Utc::now() < time
    }
}

/// Why a reconciliation ended before its end. What it did until then stands, and another run goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The uploads folder cannot be read or changed.
    #[error("the uploads folder fails")]
    Disk(#[from] io::Error),
    /// A copy may not be read. It may be a good one.
    #[error("{0} may not be read; run this as the user that the service runs as")]
    NotAllowed(String),
    /// A copy cannot be written.
    #[error("a local copy cannot be written")]
    NotWritten(#[from] WriteError),
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DbError),
    /// S3 does not answer.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// Somebody told it to stop.
    #[error("it was told to stop")]
    ToldToStop,
    /// The bucket does not list its objects by their keys.
    #[error("the bucket does not list its objects in the order of their keys, which this needs")]
    OutOfOrder,
    /// A look at an image ended by a mistake in this program.
    #[error("a look at an image stopped: {0}")]
    Stopped(String),
}

/// Something to tell while it runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// So much was seen until now.
    Progress(&'a Summary),
    /// Something is wrong, and this is what became of it.
    Found(&'a Finding),
}

/// A reconciliation of one host with its bucket and its database.
pub struct Reconciliation {
    local: LocalStore,
    objects: ObjectStore,
    db: Db,
    patience: Patience,
    options: Options,
    unreadable: UnreadableEntries,
    room: Semaphore,
    stop: Arc<AtomicBool>,
}

impl Reconciliation {
    /// Prepares one.
    #[must_use]
    pub fn new(local: LocalStore, objects: ObjectStore, db: Db, options: Options) -> Self {
        Self {
            local,
            objects,
            db,
            patience: Patience::default(),
            options,
            unreadable: UnreadableEntries::default(),
            room: Semaphore::new(ROOM_KIB as usize),
            stop: Arc::default(),
        }
    }

    /// Set it, and no further image is begun. Those under way are brought to their end.
    #[must_use]
    pub fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Looks at everything, and tells of it image by image in the order of their ids. Gives what it has seen and
    /// done, also when it could not run to the end.
    pub async fn run(
        mut self,
        mut tell: impl FnMut(Event<'_>) + Send,
    ) -> (Summary, Result<(), ReconcileError>) {
        let mut summary = Summary::default();
        let result = async {
            self.unreadable = self.local.unreadable_entries().await?;
            if self.options.repair {
                self.local.make_folders().await?;
            }
            for path in &self.unreadable.paths {
                let finding = Finding {
                    id: None,
                    kind: Kind::UnreadableEntry,
                    what: path.clone(),
                    action: Action::None,
                    outcome: Outcome::Left,
                };
                summary.count(&finding);
                tell(Event::Found(&finding));
            }
            let reconciliation = Arc::new(self);
            let looked = Arc::clone(&reconciliation).look_at_all(&mut summary, &mut tell);
            looked.await?;
            reconciliation
                .look_at_variants(&mut summary, &mut tell)
                .await
        };
        let result = result.await;
        (summary, result)
    }

    async fn look_at_all(
        self: Arc<Self>,
        summary: &mut Summary,
        tell: &mut (impl FnMut(Event<'_>) + Send),
    ) -> Result<(), ReconcileError> {
        let mut sightings = Sightings::new(&self);
        let mut looks: VecDeque<JoinHandle<Settled>> = VecDeque::new();
        let mut failed = None;
        let mut ended = false;
        // After a failure what is under way goes to its end: a repair is always followed by a look.
        while !(ended && looks.is_empty()) {
            if !ended && self.stop.load(Ordering::Relaxed) {
                failed.get_or_insert(ReconcileError::ToldToStop);
                ended = true;
            }
            if !ended && looks.len() < AT_ONCE {
                match sightings.next().await {
                    Ok(Some(sighting)) => {
                        summary.images += 1;
                        if !(self.options.quick && self.is_in_order_by_lists(&sighting)) {
                            looks.push_back(tokio::spawn(Arc::clone(&self).settle_one(sighting)));
                        }
                    }
                    Ok(None) => ended = true,
                    Err(error) => {
                        failed.get_or_insert(error);
                        ended = true;
                    }
                }
                summary.foreign_objects = sightings.foreign_objects();
                tell(Event::Progress(summary));
                continue;
            }
            let Some(look) = looks.pop_front() else {
                continue;
            };
            let settled = match look.await {
                Ok(settled) => settled,
                Err(stopped) => Settled {
                    error: Some(ReconcileError::Stopped(stopped.to_string())),
                    ..Settled::default()
                },
            };
            for finding in &settled.findings {
                summary.count(finding);
                tell(Event::Found(finding));
            }
            summary.pending += u64::from(settled.pending);
            summary.in_progress += settled.in_progress;
            summary.owed_elsewhere += u64::from(settled.owed_elsewhere);
            if let Some(error) = settled.error {
                failed.get_or_insert(error);
                ended = true;
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn settle_one(self: Arc<Self>, sighting: Sighting) -> Settled {
        self.settle(sighting).await
    }

    /// Whether files of the journal cannot be read that may be about any image.
    fn cautious(&self) -> bool {
        self.unreadable.of_any
    }

    fn object_deadline(&self) -> Duration {
        self.patience.replay_object
    }

    /// Asks the database, again if it does not answer.
    async fn asking_database<'a, T, F>(
        &'a self,
        ask: impl Fn(&'a Db, Duration) -> F,
    ) -> Result<T, DbError>
    where
        F: Future<Output = Result<T, DbError>>,
    {
        let mut attempts = 1;
        loop {
            match ask(&self.db, self.patience.replay_record).await {
                Err(DbError::Away(_)) if attempts < DATABASE_ATTEMPTS => attempts += 1,
                answer => return answer,
            }
            tokio::time::sleep(DATABASE_PAUSE).await;
        }
    }
}

/// How much of [`ROOM_KIB`] a look at an image takes. The largest takes all.
fn room_for(sighting: &Sighting) -> u32 {
    let record = sighting.record.iter().map(|record| record.image.size_bytes);
    let objects = sighting.objects.iter().map(|object| object.size_bytes);
    let copies = sighting.copies.iter().map(|copy| copy.size_bytes);
    let largest = record
        .chain(objects)
        .chain(copies)
        .max()
        .unwrap_or_default();
    u32::try_from(largest / 1024 + 1).map_or(ROOM_KIB, |kib| kib.min(ROOM_KIB))
}
