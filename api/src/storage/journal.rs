//! The journal: one small JSON file for every image of this host that something is still owed for.
//!
//! An entry is the commit point of an upload and of a delete: once its file is durable, what it says
//! will be carried out, across crashes and restarts. The files are the truth; the map in memory mirrors
//! them, so that reads of pending images cost no file access.

mod claim;
mod entries;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, OwnedMutexGuard};

pub use claim::Claim;
use entries::{Entries, Slot};

use super::durable;
use super::entry::{Entry, ReadError};
use super::local::{WriteError, blocking};
use super::owed::Owed;
use super::settled::Settled;
use crate::domain::{IdempotencyKeyHash, ImageId};
use crate::fault;

/// How late an entry is written when a test has the commit point broken: later than any kill that follows the
/// answer.
const BROKEN_PROMISE_DELAY: Duration = Duration::from_secs(5);

/// Why the journal could not be read at start.
#[derive(Debug, thiserror::Error)]
#[error("{} in the journal cannot be read", path.display())]
pub struct JournalError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// What the journal knows of an image.
#[derive(Clone, Debug)]
pub enum Known {
    /// It is being published, or waits for it.
    Published(Arc<Entry>),
    /// It has been removed; something may still be owed for that.
    Removed,
    /// Something was promised for it, but the file that says what holds no entry: it may have been removed.
    Unreadable,
}

/// The right to write the file of an entry. The work on the file has it too: that goes on when nobody waits for it
/// any more, and must not overtake who comes next.
type Turn = Arc<OwnedMutexGuard<()>>;

/// What became of the wish to remove an image.
pub enum Removal {
    /// It is journaled, and the caller may carry it out.
    Claimed(Claim),
    /// It is journaled. Whoever works on the image's publication stops, and the replayer goes on.
    Overruled,
    /// It was journaled before.
    AlreadyRemoved,
}

/// The journal of this host.
pub struct Journal {
    folder: PathBuf,
    tmp: PathBuf,
    entries: Mutex<Entries>,
    settled: Settled,
    /// Told when something is left owed and nobody works on it.
    left_owing: Notify,
    unreadable: usize,
    /// Files of entries that were refused and that the disk would not give up. Nothing is promised before
    /// they are gone: they would come back with the next start.
    refused: Mutex<Vec<PathBuf>>,
}

impl Journal {
    /// Reads all entries. A file that is no entry is logged, counted and left where it is:
    /// it must neither be lost nor keep the service from starting. One that the disk does not give does keep it
    /// from that: what is promised there would not be kept, and the next try may well read it.
    ///
    /// # Errors
    /// [`JournalError`] when the folder or a file in it cannot be read.
    pub fn load(folder: PathBuf, tmp: PathBuf) -> Result<Arc<Self>, JournalError> {
        let mut entries = Entries::default();
        let mut unreadable = 0;
        let failed = |path: &Path, source| JournalError {
            path: path.to_owned(),
            source,
        };
        let mut paths = Vec::new();
        for file in std::fs::read_dir(&folder).map_err(|error| failed(&folder, error))? {
            let path = file.map_err(|error| failed(&folder, error))?.path();
            if !path.is_dir() {
                paths.push(path);
            }
        }
        for (path, entry) in Entry::read_all(paths) {
            match entry {
                Ok(entry) => {
                    let id = entry.image.id;
                    let slot = entries.slots.entry(id);
                    slot.or_insert_with(|| Slot::new(None, false));
                    entries.set(id, Some(Arc::new(entry)));
                }
                Err(ReadError::Disk(error)) => return Err(failed(&path, error)),
                Err(ReadError::NoEntry(reason)) => {
                    unreadable += 1;
                    entries.unreadable.extend(image_of(&path));
                    log::error!("journal entry {} cannot be read: {reason}", path.display());
                }
            }
        }
        let settled = folder.join("settled");
        let settled = Settled::load(settled.clone()).map_err(|error| failed(&settled, error))?;
        Ok(Arc::new(Self {
            folder,
            tmp,
            settled,
            entries: Mutex::new(entries),
            left_owing: Notify::new(),
            unreadable,
            refused: Mutex::default(),
        }))
    }

    /// Writes a new entry and claims it. When this returns, what it says will be done.
    /// `None` when there is an entry for this image already.
    ///
    /// # Errors
    /// [`WriteError`]; no entry is left behind.
    pub async fn create(self: &Arc<Self>, entry: Entry) -> Result<Option<Claim>, WriteError> {
        self.create_after(entry, || Ok(())).await
    }

    /// The same once `first` is done, which may wait for the disk. Both on one thread: to hand work over and to be
    /// woken costs more than the work itself.
    ///
    /// # Errors
    /// [`WriteError`]; no entry is left behind. What `first` did stays.
    pub async fn create_after(
        self: &Arc<Self>,
        entry: Entry,
        first: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<Option<Claim>, WriteError> {
        let id = entry.image.id;
        {
            let mut entries = self.entries();
            if entries.slots.contains_key(&id) {
                return Ok(None);
            }
            entries.slots.insert(id, Slot::new(None, true));
        }
        // From here on the claim's drop frees the slot, also when this future is dropped.
        let mut claim = Claim {
            journal: Arc::clone(self),
            id,
        };
        claim.write_after(entry, first).await?;
        Ok(Some(claim))
    }

    /// Writes the removal of an image, in the place of a publication if there is one, without waiting
    /// for whoever works on that. When this returns, the image stays removed.
    ///
    /// # Errors
    /// [`WriteError`]; the publication then stands, unless the disk takes nothing more before a crash.
    pub async fn remove(self: &Arc<Self>, entry: Entry) -> Result<Removal, WriteError> {
        let id = entry.image.id;
        loop {
            if let Some(claim) = self.create(entry.clone()).await? {
                return Ok(Removal::Claimed(claim));
            }
            let Some(turn) = self.turn(id).await else {
                continue; // finished a moment ago
            };
            match self.find(id) {
                // Finished, or never written. Its claim is about to be dropped: look again.
                None | Some(Known::Unreadable) => tokio::task::yield_now().await,
                Some(Known::Removed) => return Ok(Removal::AlreadyRemoved),
                Some(Known::Published(publication)) => {
                    if let Err(error) = self.write_file(&entry, &turn).await {
                        self.put_back(&publication, &turn).await;
                        return Err(error);
                    }
                    let mut entries = self.entries();
                    entries.set(id, Some(Arc::new(entry)));
                    let Some(slot) = entries.slots.get_mut(&id) else {
                        unreachable!("a slot stays while its file may be written");
                    };
                    slot.unsure = false;
                    if slot.claimed {
                        slot.overruled = true;
                        return Ok(Removal::Overruled);
                    }
                    slot.claimed = true;
                    return Ok(Removal::Claimed(self.claim_of(id)));
                }
            }
            drop(turn);
        }
    }

    /// Notes durably that somebody is told of the image. Says whether it is still being published.
    ///
    /// # Errors
    /// [`WriteError`]; nobody must be told.
    pub async fn promise(self: &Arc<Self>, id: ImageId) -> Result<bool, WriteError> {
        let Some(turn) = self.turn(id).await else {
            return Ok(false);
        };
        let Some(Known::Published(entry)) = self.find(id) else {
            return Ok(false);
        };
        if !entry.promised {
            let mut entry = (*entry).clone();
            entry.promised = true;
            self.write_file(&entry, &turn).await?;
            self.entries().set(id, Some(Arc::new(entry)));
        }
        Ok(true)
    }

    /// Waits until something is left owed that nobody works on. May wake without a reason.
    pub async fn something_owing(&self) {
        self.left_owing.notified().await;
    }

    /// Forgets the settled upload that came with this key.
    pub fn forget_settled(&self, key: &IdempotencyKeyHash) {
        self.settled.forget(key);
    }

    /// Waits for the right to write the file of the image's entry. `None` when there is no place for one.
    async fn turn(&self, id: ImageId) -> Option<Turn> {
        let writing = Arc::clone(&self.entries().slots.get(&id)?.writing);
        Some(Arc::new(writing.lock_owned().await))
    }

    async fn write_file(self: &Arc<Self>, entry: &Entry, turn: &Turn) -> Result<(), WriteError> {
        self.write_file_after(entry, turn, || Ok(())).await
    }

    async fn write_file_after(
        self: &Arc<Self>,
        entry: &Entry,
        turn: &Turn,
        first: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), WriteError> {
        let bytes = serde_json::to_vec_pretty(entry).map_err(io::Error::other)?;
        let (journal, path) = (Arc::clone(self), self.path(entry.image.id));
        let turn = Arc::clone(turn);
        if fault::broken("break.acknowledge-before-journal") {
            blocking(first).await?;
            tokio::spawn(async move {
                tokio::time::sleep(BROKEN_PROMISE_DELAY).await;
                let _ =
                    blocking(move || durable::write(&journal.tmp, &path, &bytes, &durable::ENTRY))
                        .await;
            });
            return Ok(());
        }
        let unsynced = !entry.is_publication() && fault::broken("break.removal-not-synced");
        blocking(move || {
            let _turn = turn;
            first()?;
            if unsynced {
                return std::fs::write(&path, &bytes);
            }
            journal.remove_refused()?;
            let replaces = durable::may_exist(&path);
            durable::write(&journal.tmp, &path, &bytes, &durable::ENTRY).inspect_err(|_| {
                if !replaces && durable::may_exist(&path) {
                    journal.refused().push(path.clone());
                }
            })
        })
        .await?;
        Ok(())
    }

    /// After a removal that could not be written: its file may be in place all the same, and would count at the
    /// next start, although the removal was refused.
    async fn put_back(self: &Arc<Self>, publication: &Entry, turn: &Turn) {
        let id = publication.image.id;
        let written = self.write_file(publication, turn).await;
        if let Err(error) = &written {
            log::warn!("image {id}: its journal entry is written again later: {error}");
        }
        if let Some(slot) = self.entries().slots.get_mut(&id) {
            slot.unsure = written.is_err();
        }
        self.left_owing.notify_one();
    }

    fn remove_refused(&self) -> io::Result<()> {
        let mut refused = self.refused();
        while let Some(path) = refused.last() {
            durable::remove(path, "entry.undo")?;
            durable::sync_parent(path, "entry.undo")?;
            refused.pop();
        }
        Ok(())
    }

    fn refused(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim_of(self: &Arc<Self>, id: ImageId) -> Claim {
        Claim {
            journal: Arc::clone(self),
            id,
        }
    }

    /// Takes an entry for oneself, if nobody else has it. `None` when somebody has, or there is none.
    #[must_use]
    pub fn try_claim(self: &Arc<Self>, id: ImageId) -> Option<Claim> {
        let mut entries = self.entries();
        let slot = entries.slots.get_mut(&id)?;
        if slot.claimed {
            return None;
        }
        slot.claimed = true;
        Some(Claim {
            journal: Arc::clone(self),
            id,
        })
    }

    /// What the journal knows of the image. `None`: nothing is owed for it here.
    #[must_use]
    pub fn find(&self, id: ImageId) -> Option<Known> {
        let entries = self.entries();
        let entry = entries.slots.get(&id).and_then(|slot| slot.entry.clone());
        match entry {
            Some(entry) if entry.is_publication() => Some(Known::Published(entry)),
            Some(_) => Some(Known::Removed),
            None => entries
                .unreadable
                .contains(&id)
                .then_some(Known::Unreadable),
        }
    }

    /// The entry of the upload that came with this key.
    #[must_use]
    pub fn find_by_key(&self, key: &IdempotencyKeyHash) -> Option<Arc<Entry>> {
        let entries = self.entries();
        entries.slots.get(entries.keys.get(key)?)?.entry.clone()
    }

    /// The upload that came with this key and for which nothing is owed any more, if it was one of the last.
    #[must_use]
    pub fn find_settled(&self, key: &IdempotencyKeyHash) -> Option<Arc<Entry>> {
        self.settled.find(key)
    }

    /// Images that something is owed for and nobody works on, the oldest first.
    #[must_use]
    pub fn owing(&self) -> Vec<ImageId> {
        let entries = self.entries();
        let unclaimed = entries.slots.iter().filter(|(_, slot)| !slot.claimed);
        unclaimed.map(|(id, _)| *id).collect()
    }

    /// Whether something is owed that nobody works on.
    #[must_use]
    pub fn is_owing(&self) -> bool {
        self.entries().slots.values().any(|slot| !slot.claimed)
    }

    /// How many images something is owed for by now, and when the oldest of them was made. Not those whose
    /// removal is done but for the second look, which is owed `late_object` after it began.
    #[must_use]
    pub fn pending(&self, late_object: Duration) -> (usize, Option<DateTime<Utc>>) {
        let entries = self.entries();
        let waiting = entries.waiting(late_object);
        let mut slots = entries.slots.iter();
        let oldest = slots.find(|(id, slot)| slot.entry.is_some() && !waiting.contains(id));
        (
            entries.owed.images - waiting.len(),
            oldest.map(|(id, _)| id.created_at()),
        )
    }

    /// How many images something is owed for, and what.
    #[must_use]
    pub fn owed(&self) -> Owed {
        self.entries().owed
    }

    /// How many files in the folder were no entries when the journal was read.
    #[must_use]
    pub fn unreadable(&self) -> usize {
        self.unreadable
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, id: ImageId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

/// The image whose entry has this path, whatever the file holds.
fn image_of(path: &Path) -> Option<ImageId> {
    path.file_stem()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests;
