//! The journal: one small JSON file for every image of this host that something is still owed for.
//!
//! An entry is the commit point of an upload and of a delete: once its file is durable, what it says
//! will be carried out, across crashes and restarts. The files are the truth; the map in memory mirrors
//! them, so that reads of pending images cost no file access.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedMutexGuard};

use super::durable;
use super::entry::{Entry, ReadError, Step};
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

/// The mirror of the folder in memory, the oldest image first.
#[derive(Default)]
struct Entries {
    slots: BTreeMap<ImageId, Slot>,
    keys: HashMap<IdempotencyKeyHash, ImageId>,
    /// Kept with every change: nobody who asks walks ten thousand entries.
    owed: Owed,
    /// Removals of which only the second look at the object is left, by when they began.
    second_looks: BTreeSet<(DateTime<Utc>, ImageId)>,
    /// Images whose files are no entries.
    unreadable: HashSet<ImageId>,
}

impl Entries {
    /// Puts `entry` in the place of what the slot of its image held.
    fn set(&mut self, id: ImageId, entry: Option<Arc<Entry>>) {
        let Some(slot) = self.slots.get_mut(&id) else {
            return;
        };
        if let Some(old) = &slot.entry {
            self.owed.of(old).for_each(|count| *count -= 1);
            if let Some(began) = old.removed_at {
                self.second_looks.remove(&(began, id));
            }
        }
        if let Some(new) = &entry {
            self.owed.of(new).for_each(|count| *count += 1);
            if let Some(began) = new.removed_at
                && new.is_gone_but_for_a_second_look()
            {
                self.second_looks.insert((began, id));
            }
        }
        if let Some(key) = slot
            .entry
            .as_ref()
            .and_then(|old| old.image.idempotency_key.as_ref())
        {
            self.keys.remove(key);
        }
        if let Some(key) = entry
            .as_ref()
            .and_then(|new| new.image.idempotency_key.clone())
        {
            self.keys.insert(key, id);
        }
        slot.entry = entry;
    }

    /// Images whose removal began less than `late_object` ago, and waits only for that time to pass.
    fn waiting(&self, late_object: Duration) -> HashSet<ImageId> {
        let now = Utc::now();
        let recent = self.second_looks.iter().rev().take_while(|(began, _)| {
            let since = (now - began).to_std();
            // Less than nothing: the clock was set back. That is due, and as few as these are.
            since.map_or(true, |since| since < late_object)
        });
        recent
            .filter(|(began, _)| *began <= now)
            .map(|(_, id)| *id)
            .collect()
    }
}

/// The right to write the file of an entry. The work on the file has it too: that goes on when nobody waits for it
/// any more, and must not overtake who comes next.
type Turn = Arc<OwnedMutexGuard<()>>;

struct Slot {
    /// `None` while the first write is under way: nothing has been promised yet.
    entry: Option<Arc<Entry>>,
    claimed: bool,
    /// A removal has taken the place of what the claim works on. The claim changes nothing any more.
    overruled: bool,
    /// Held while the entry's file is written or taken away.
    writing: Arc<AsyncMutex<()>>,
    /// The file may hold something else than `entry`: it could not be put back after a write that failed.
    unsure: bool,
}

impl Slot {
    fn new(entry: Option<Arc<Entry>>, claimed: bool) -> Self {
        Self {
            entry,
            claimed,
            overruled: false,
            writing: Arc::default(),
            unsure: false,
        }
    }
}

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
        claim.write(entry).await?;
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
            let writing = self
                .entries()
                .slots
                .get(&id)
                .map(|slot| Arc::clone(&slot.writing));
            let Some(writing) = writing else {
                continue; // finished a moment ago
            };
            let turn = Arc::new(writing.lock_owned().await);
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
        let writing = self
            .entries()
            .slots
            .get(&id)
            .map(|slot| Arc::clone(&slot.writing));
        let Some(writing) = writing else {
            return Ok(false);
        };
        let turn: Turn = Arc::new(writing.lock_owned().await);
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

    async fn write_file(self: &Arc<Self>, entry: &Entry, turn: &Turn) -> Result<(), WriteError> {
        let bytes = serde_json::to_vec_pretty(entry).map_err(io::Error::other)?;
        let (journal, path) = (Arc::clone(self), self.path(entry.image.id));
        let turn = Arc::clone(turn);
        if fault::broken("break.acknowledge-before-journal") {
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

/// The right to work on an entry. Given back when dropped.
pub struct Claim {
    journal: Arc<Journal>,
    id: ImageId,
}

impl Claim {
    /// The entry. `None` only before its first write.
    #[must_use]
    pub fn entry(&self) -> Option<Arc<Entry>> {
        self.journal.entries().slots.get(&self.id)?.entry.clone()
    }

    /// Whether a removal has taken the place of what this claim works on.
    #[must_use]
    pub fn is_overruled(&self) -> bool {
        if fault::broken("break.tombstones-ignored") {
            return false;
        }
        let entries = self.journal.entries();
        entries
            .slots
            .get(&self.id)
            .is_some_and(|slot| slot.overruled)
    }

    /// Replaces the entry, durably. Changes nothing when a removal has overruled the claim.
    ///
    /// # Errors
    /// [`WriteError`]. A first write leaves nothing; a later one may leave either version.
    pub async fn write(&mut self, entry: Entry) -> Result<(), WriteError> {
        self.replace(entry, |_| true).await.map(|_| ())
    }

    /// Puts its removal in the place of a publication that nobody has been told of. Says whether it did: what
    /// has been promised stays.
    ///
    /// # Errors
    /// [`WriteError`]; the publication then stands.
    pub async fn withdraw(&mut self, removal: Entry) -> Result<bool, WriteError> {
        let is_unknown = |entry: &Entry| !entry.promised && entry.owes(Step::WriteRecord);
        self.replace(removal, is_unknown).await
    }

    async fn replace(
        &mut self,
        mut entry: Entry,
        may_be_replaced: impl Fn(&Entry) -> bool,
    ) -> Result<bool, WriteError> {
        let turn = self.turn().await;
        let before = self.entry();
        if self.is_overruled() || before.as_ref().is_some_and(|entry| !may_be_replaced(entry)) {
            return Ok(false);
        }
        entry.promised |= before.is_some_and(|before| before.promised);
        self.journal.write_file(&entry, &turn).await?;
        let mut entries = self.journal.entries();
        entries.set(self.id, Some(Arc::new(entry)));
        // Should there have been a file that was no entry, it is one now.
        entries.unreadable.remove(&self.id);
        if let Some(slot) = entries.slots.get_mut(&self.id) {
            slot.unsure = false;
        }
        Ok(true)
    }

    /// Whether the entry has to be written again although nothing in it has changed.
    #[must_use]
    pub fn is_unsure(&self) -> bool {
        let entries = self.journal.entries();
        entries.slots.get(&self.id).is_some_and(|slot| slot.unsure)
    }

    /// Remembers how far the work has come although the disk does not take it: the work is not done again
    /// before the next start. The entry has to be written again.
    pub fn show(&self, mut entry: Entry) {
        // One look and one change under one lock: a removal may come at any moment.
        let mut entries = self.journal.entries();
        if let Some(slot) = entries.slots.get_mut(&self.id)
            && !slot.overruled
        {
            slot.unsure = true;
            entry.promised |= slot.entry.as_ref().is_some_and(|before| before.promised);
            entries.set(self.id, Some(Arc::new(entry)));
        }
    }

    /// Ends the entry, which now stands like this: nothing is owed any more. Not synced, because an entry
    /// that comes back after a power cut is carried out once more without harm. Changes nothing when a
    /// removal has overruled the claim.
    ///
    /// # Errors
    /// Any error of the file system; the entry then stays.
    pub async fn finish(self, entry: Entry) -> io::Result<()> {
        let turn = self.turn().await;
        if self.is_overruled() {
            return Ok(());
        }
        let (journal, path) = (Arc::clone(&self.journal), self.journal.path(self.id));
        let ending = Arc::clone(&turn);
        blocking(move || {
            let _turn = ending;
            journal.settled.take(&path, Arc::new(entry))
        })
        .await?;
        // The drop takes the empty slot away.
        self.journal.entries().set(self.id, None);
        Ok(())
    }

    async fn turn(&self) -> Turn {
        let writing = {
            let entries = self.journal.entries();
            let slot = entries.slots.get(&self.id);
            slot.map(|slot| Arc::clone(&slot.writing))
                .unwrap_or_default()
        };
        Arc::new(writing.lock_owned().await)
    }
}

/// The image whose entry has this path, whatever the file holds.
fn image_of(path: &Path) -> Option<ImageId> {
    path.file_stem()?.to_str()?.parse().ok()
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut entries = self.journal.entries();
        match entries.slots.get_mut(&self.id) {
            Some(slot) if slot.entry.is_some() => {
                slot.claimed = false;
                slot.overruled = false;
                self.journal.left_owing.notify_one();
            }
            _ => {
                entries.slots.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Step;
    use super::*;
    use crate::domain::{Checksum, IdempotencyKey, Image, MediaType, Uploader};

    fn image() -> Image {
        let id = ImageId::generate();
        let key: IdempotencyKey = "0192f1a0-6d5e-7c3b-9a4f-2b1c0d9e8f70".parse().unwrap();
        Image {
            id,
            uploader: Uploader::parse("Ada").unwrap(),
            alt: None,
            file_name: None,
            media_type: MediaType::Png,
            size_bytes: 3,
            width: 1,
            height: 1,
            sha256: Checksum::of(b"abc"),
            received_sha256: None,
            object_key: format!("images/{id}.png"),
            url: format!("http://localhost/images/{id}.png"),
            idempotency_key: Some(key.hash()),
            stored_at: None,
        }
    }

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("journal")).unwrap();
            std::fs::create_dir(folder.path().join("tmp")).unwrap();
            Self(folder)
        }

        fn load(&self) -> Arc<Journal> {
            Journal::load(self.0.path().join("journal"), self.0.path().join("tmp")).unwrap()
        }
    }

    #[tokio::test]
    async fn an_entry_is_there_after_a_restart_until_it_is_finished() {
        let folder = Folder::new();
        let image = image();
        let claim = folder
            .load()
            .create(Entry::publish(image.clone()))
            .await
            .unwrap();
        drop(claim);

        let journal = folder.load();
        assert_eq!(journal.owing(), [image.id]);
        let key = image.idempotency_key.clone().unwrap();
        assert_eq!(journal.find_by_key(&key).unwrap().image, image);
        let finished = Entry::publish(image.clone());
        let owed = Owed {
            images: 1,
            objects: 1,
            records: 1,
            removals: 0,
        };
        assert_eq!(journal.owed(), owed);
        journal
            .try_claim(image.id)
            .unwrap()
            .finish(finished)
            .await
            .unwrap();
        assert!(journal.find(image.id).is_none());
        assert!(journal.find_by_key(&key).is_none());
        assert_eq!(journal.owed(), Owed::default());

        assert_eq!(folder.load().pending(Duration::ZERO), (0, None));
    }

    #[tokio::test]
    async fn an_entry_has_one_worker_at_a_time() {
        let folder = Folder::new();
        let journal = folder.load();
        let entry = Entry::publish(image());
        let id = entry.image.id;
        let first = journal.create(entry.clone()).await.unwrap().unwrap();
        assert!(journal.create(entry.clone()).await.unwrap().is_none());
        assert!(journal.try_claim(id).is_none());
        assert!(journal.owing().is_empty());
        drop(first);
        journal.something_owing().await;
        assert_eq!(journal.owing(), [id]);
        let second = journal.try_claim(id).unwrap();
        second.finish(entry).await.unwrap();
        assert!(journal.try_claim(id).is_none(), "nothing is left to claim");
    }

    #[tokio::test]
    async fn a_removal_overrules_whoever_works_on_the_publication() {
        let folder = Folder::new();
        let journal = folder.load();
        let entry = Entry::publish(image());
        let id = entry.image.id;
        let mut worker = journal.create(entry.clone()).await.unwrap().unwrap();
        let removal = Entry::remove(entry.image.clone());
        assert!(matches!(
            journal.remove(removal.clone()).await.unwrap(),
            Removal::Overruled
        ));
        assert!(matches!(journal.find(id), Some(Known::Removed)));

        assert!(worker.is_overruled());
        worker.write(entry.clone()).await.unwrap();
        worker.show(entry.clone());
        worker.finish(entry).await.unwrap();
        assert!(
            matches!(journal.find(id), Some(Known::Removed)),
            "the worker changes nothing"
        );
        assert!(matches!(folder.load().find(id), Some(Known::Removed)));
        assert!(matches!(
            journal.remove(removal).await.unwrap(),
            Removal::AlreadyRemoved
        ));
        assert_eq!(journal.owing(), [id], "the replayer can go on");
    }

    #[tokio::test]
    async fn what_was_promised_cannot_be_withdrawn_and_stays_promised() {
        let folder = Folder::new();
        let journal = folder.load();
        let entry = Entry::publish(image());
        let id = entry.image.id;
        let removal = Entry::remove(entry.image.clone());
        let mut worker = journal.create(entry.clone()).await.unwrap().unwrap();
        assert!(journal.promise(id).await.unwrap());
        assert!(!worker.withdraw(removal.clone()).await.unwrap());
        // The worker does not know yet.
        worker.write(entry.clone()).await.unwrap();
        worker.show(entry.clone());
        assert!(!worker.withdraw(removal.clone()).await.unwrap());
        let Some(Known::Published(loaded)) = folder.load().find(id) else {
            panic!("it is gone");
        };
        assert!(loaded.promised, "also on disk");
        worker.finish(entry).await.unwrap();
        assert!(!journal.promise(id).await.unwrap(), "there is nothing left");

        let mut worker = journal
            .create(Entry::publish(image()))
            .await
            .unwrap()
            .unwrap();
        let entry = worker.entry().unwrap();
        assert!(
            worker
                .withdraw(Entry::remove(entry.image.clone()))
                .await
                .unwrap()
        );
        assert!(!journal.promise(entry.image.id).await.unwrap());
    }

    #[tokio::test]
    async fn an_entry_that_cannot_be_replaced_stays() {
        let folder = Folder::new();
        let journal = folder.load();
        let entry = Entry::publish(image());
        let id = entry.image.id;
        drop(journal.create(entry.clone()).await.unwrap());
        std::fs::remove_dir(folder.0.path().join("tmp")).unwrap();
        assert!(journal.remove(Entry::remove(entry.image)).await.is_err());
        assert!(matches!(journal.find(id), Some(Known::Published(_))));
        assert!(matches!(folder.load().find(id), Some(Known::Published(_))));
    }

    #[tokio::test]
    async fn an_entry_that_cannot_be_written_leaves_nothing() {
        let folder = Folder::new();
        let journal = folder.load();
        std::fs::remove_dir_all(folder.0.path().join("journal")).unwrap();
        let entry = Entry::publish(image());
        let id = entry.image.id;
        assert!(journal.create(entry).await.is_err());
        assert!(journal.find(id).is_none());
        assert_eq!(journal.pending(Duration::ZERO), (0, None));
    }

    #[tokio::test]
    async fn a_removal_replaces_the_publication_it_overtakes() {
        let folder = Folder::new();
        let journal = folder.load();
        let entry = Entry::publish(image());
        let id = entry.image.id;
        drop(journal.create(entry.clone()).await.unwrap());
        let removal = journal.remove(Entry::remove(entry.image)).await.unwrap();
        assert!(matches!(removal, Removal::Claimed(_)));
        let owed = Owed {
            images: 1,
            removals: 1,
            ..Owed::default()
        };
        assert_eq!(journal.owed(), owed);
        assert!(matches!(folder.load().find(id), Some(Known::Removed)));
    }

    #[tokio::test]
    async fn a_settled_upload_is_remembered_by_its_key_until_it_is_deleted() {
        let folder = Folder::new();
        let journal = folder.load();
        let image = image();
        let key = image.idempotency_key.clone().unwrap();
        let entry = Entry::publish(image.clone());
        let claim = journal.create(entry.clone()).await.unwrap().unwrap();
        claim.finish(entry).await.unwrap();
        assert_eq!(journal.find_settled(&key).unwrap().image.id, image.id);

        let journal = folder.load();
        let remembered = journal.find_settled(&key).unwrap();
        assert_eq!((remembered.image.id, remembered.owed.len()), (image.id, 0));
        assert_eq!(
            journal.pending(Duration::ZERO),
            (0, None),
            "nothing is owed for it"
        );

        let removal = Entry::remove(image);
        let claim = journal.create(removal.clone()).await.unwrap().unwrap();
        claim.finish(removal).await.unwrap();
        assert!(journal.find_settled(&key).is_none());
        assert!(folder.load().find_settled(&key).is_none());
    }

    #[tokio::test]
    async fn every_entry_of_many_is_read() {
        let folder = Folder::new();
        let journal = folder.load();
        let mut ids = Vec::new();
        for _ in 0..50 {
            let mut image = image();
            image.idempotency_key = None;
            ids.push(image.id);
            drop(journal.create(Entry::publish(image)).await.unwrap());
        }
        ids.sort_unstable();
        assert_eq!(journal.owing(), ids);
        let again = folder.load();
        assert_eq!(again.owing(), ids);
        assert_eq!(again.owed(), journal.owed());
        assert_eq!(
            again.pending(Duration::ZERO),
            (50, Some(ids[0].created_at()))
        );
    }

    #[tokio::test]
    async fn a_removal_that_only_waits_for_its_second_look_is_not_pending_before_that_is_due() {
        let folder = Folder::new();
        let journal = folder.load();
        let late_object = Duration::from_mins(2);
        let mut entry = Entry::remove(image());
        let made = Some(entry.image.created_at());
        let mut claim = journal.create(entry.clone()).await.unwrap().unwrap();
        assert_eq!(journal.pending(late_object), (1, made));
        for step in [
            Step::WriteTombstone,
            Step::DeleteObject,
            Step::DeleteLocalCopy,
        ] {
            assert_eq!(journal.pending(late_object), (1, made), "{step:?} is owed");
            entry.done(step);
            claim.write(entry.clone()).await.unwrap();
        }
        assert_eq!(journal.pending(late_object), (0, None));
        assert_eq!(journal.pending(Duration::ZERO), (1, made), "it is due");
        let newer = Entry::publish(image());
        let newer_made = Some(newer.image.created_at());
        let _newer = journal.create(newer).await.unwrap().unwrap();
        assert_eq!(journal.pending(late_object), (1, newer_made));
        // The clock was set back since.
        entry.removed_at = Some(Utc::now() + Duration::from_mins(5));
        claim.write(entry.clone()).await.unwrap();
        assert_eq!(journal.pending(late_object), (2, made));
        entry.removed_at = Some(Utc::now() - late_object);
        claim.write(entry.clone()).await.unwrap();
        assert_eq!(journal.pending(late_object), (2, made));
        claim.finish(entry).await.unwrap();
        assert_eq!(journal.pending(late_object), (1, newer_made));
    }

    #[test]
    fn files_that_are_no_entries_are_counted_and_kept() {
        let folder = Folder::new();
        let stray = folder.0.path().join("journal").join("stray.json");
        std::fs::write(&stray, b"{").unwrap();
        assert_eq!(folder.load().unreadable(), 1);
        assert!(stray.exists());
    }

    #[tokio::test]
    async fn an_image_whose_file_is_no_entry_is_unreadable_until_it_is_removed() {
        let folder = Folder::new();
        let image = image();
        let file = folder.0.path().join(format!("journal/{}.json", image.id));
        std::fs::write(&file, b"{").unwrap();
        let journal = folder.load();
        assert!(matches!(journal.find(image.id), Some(Known::Unreadable)));
        assert!(journal.try_claim(image.id).is_none());
        assert_eq!(journal.pending(Duration::ZERO), (0, None));

        let removal = Entry::remove(image.clone());
        let Removal::Claimed(claim) = journal.remove(removal.clone()).await.unwrap() else {
            panic!("nobody else has it");
        };
        assert!(matches!(journal.find(image.id), Some(Known::Removed)));
        claim.finish(removal).await.unwrap();
        assert!(journal.find(image.id).is_none());
        assert!(!file.exists());
    }

    #[test]
    fn an_entry_that_the_disk_does_not_give_stops_the_start() {
        let folder = Folder::new();
        let file = folder.0.path().join("journal").join("unread.json");
        // To read it is an error of the file system, and not "not found".
        std::os::unix::fs::symlink(&file, &file).unwrap();
        let loaded = Journal::load(folder.0.path().join("journal"), folder.0.path().join("tmp"));
        let error = loaded.err().unwrap().to_string();
        assert!(error.contains("unread.json"), "{error}");
    }

    #[test]
    fn a_write_that_nobody_waits_for_any_more_is_not_overtaken() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let folder = Folder::new();
            let journal = folder.load();
            let entry = Entry::publish(image());
            let mut claim = journal.create(entry.clone()).await.unwrap().unwrap();
            // The one thread for file work has something else to do.
            let (let_go, wait) = std::sync::mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || wait.recv());
            {
                let write = std::pin::pin!(claim.write(entry.clone()));
                assert!(futures_util::poll!(write).is_pending());
            }
            let mut turn = std::pin::pin!(claim.turn());
            assert!(
                futures_util::poll!(turn.as_mut()).is_pending(),
                "the write is still to come"
            );
            let_go.send(()).unwrap();
            busy.await.unwrap().unwrap();
            turn.await;
        });
    }
}
