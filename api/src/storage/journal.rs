//! The journal: one small JSON file for every image of this host that something is still owed for.
//!
//! An entry is the commit point of an upload and of a delete: once its file is durable, what it says
//! will be carried out, across crashes and restarts. The files are the truth; the map in memory mirrors
//! them, so that reads of pending images cost no file access.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::{Mutex as AsyncMutex, Notify};

use super::durable;
use super::entry::{Entry, Intent};
use super::local::{WriteError, blocking};
use super::settled::Settled;
use crate::domain::{IdempotencyKeyHash, ImageId};

/// Why the journal could not be read at start.
#[derive(Debug, thiserror::Error)]
#[error("the journal folder {} cannot be read", folder.display())]
pub struct JournalError {
    folder: PathBuf,
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
}

/// The mirror of the folder in memory.
#[derive(Default)]
struct Entries {
    slots: HashMap<ImageId, Slot>,
    keys: HashMap<IdempotencyKeyHash, ImageId>,
}

impl Entries {
    /// Puts `entry` in the place of what the slot of its image held.
    fn set(&mut self, id: ImageId, entry: Option<Arc<Entry>>) {
        let Some(slot) = self.slots.get_mut(&id) else {
            return;
        };
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
}

struct Slot {
    /// `None` while the first write is under way: nothing has been promised yet.
    entry: Option<Arc<Entry>>,
    claimed: bool,
    /// A removal has taken the place of what the claim works on. The claim changes nothing any more.
    overruled: bool,
    /// Held while the entry's file is written or taken away.
    writing: Arc<AsyncMutex<()>>,
}

impl Slot {
    fn new(entry: Option<Arc<Entry>>, claimed: bool) -> Self {
        Self {
            entry,
            claimed,
            overruled: false,
            writing: Arc::default(),
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
}

impl Journal {
    /// Reads all entries. A file that is no entry is logged, counted and left where it is:
    /// it must neither be lost nor keep the service from starting.
    ///
    /// # Errors
    /// [`JournalError`] when the folder itself cannot be read.
    pub fn load(folder: PathBuf, tmp: PathBuf) -> Result<Arc<Self>, JournalError> {
        let mut entries = Entries::default();
        let mut unreadable = 0;
        let failed = |source| JournalError {
            folder: folder.clone(),
            source,
        };
        for file in std::fs::read_dir(&folder).map_err(failed)? {
            let path = file.map_err(failed)?.path();
            if path.is_dir() {
                continue;
            }
            match Entry::read(&path) {
                Ok(entry) => {
                    let id = entry.image.id;
                    entries.slots.insert(id, Slot::new(None, false));
                    entries.set(id, Some(Arc::new(entry)));
                }
                Err(reason) => {
                    unreadable += 1;
                    log::error!("journal entry {} cannot be read: {reason}", path.display());
                }
            }
        }
        let settled = Settled::load(folder.join("settled")).map_err(failed)?;
        Ok(Arc::new(Self {
            folder,
            tmp,
            settled,
            entries: Mutex::new(entries),
            left_owing: Notify::new(),
            unreadable,
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
    /// [`WriteError`]; the publication then stands, unless a power cut follows.
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
            let guard = writing.lock().await;
            match self.find(id) {
                // Finished, or never written. Its claim is about to be dropped: look again.
                None => tokio::task::yield_now().await,
                Some(Known::Removed) => return Ok(Removal::AlreadyRemoved),
                Some(Known::Published(_)) => {
                    self.write_file(&entry).await?;
                    let mut entries = self.entries();
                    entries.set(id, Some(Arc::new(entry)));
                    let Some(slot) = entries.slots.get_mut(&id) else {
                        unreachable!("a slot stays while its file may be written");
                    };
                    if slot.claimed {
                        slot.overruled = true;
                        return Ok(Removal::Overruled);
                    }
                    slot.claimed = true;
                    return Ok(Removal::Claimed(self.claim_of(id)));
                }
            }
            drop(guard);
        }
    }

    /// Waits until something is left owed that nobody works on. May wake without a reason.
    pub async fn something_owing(&self) {
        self.left_owing.notified().await;
    }

    /// Forgets the settled upload that came with this key.
    pub fn forget_settled(&self, key: &IdempotencyKeyHash) {
        self.settled.forget(key);
    }

    async fn write_file(&self, entry: &Entry) -> Result<(), WriteError> {
        let bytes = serde_json::to_vec_pretty(entry).map_err(io::Error::other)?;
        let (tmp, path) = (self.tmp.clone(), self.path(entry.image.id));
        blocking(move || durable::write(&tmp, &path, &bytes)).await?;
        Ok(())
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
        let entry = self.entries().slots.get(&id)?.entry.clone()?;
        Some(match entry.intent {
            Intent::Publish => Known::Published(entry),
            Intent::Remove => Known::Removed,
        })
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
        let mut ids: Vec<ImageId> = self
            .entries()
            .slots
            .iter()
            .filter(|(_, slot)| !slot.claimed)
            .map(|(id, _)| *id)
            .collect();
        ids.sort_unstable();
        ids
    }

    /// How many entries there are, and when the oldest image of them was made.
    #[must_use]
    pub fn pending(&self) -> (usize, Option<DateTime<Utc>>) {
        let entries = self.entries();
        let oldest = entries.slots.keys().min().map(|id| id.created_at());
        (entries.slots.len(), oldest)
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
        let writing = self.writing();
        let _guard = writing.lock().await;
        if self.is_overruled() {
            return Ok(());
        }
        self.journal.write_file(&entry).await?;
        self.journal.entries().set(self.id, Some(Arc::new(entry)));
        Ok(())
    }

    /// Shows to readers how far the work has come, without writing it.
    pub fn show(&self, entry: Entry) {
        // One look and one change under one lock: a removal may come at any moment.
        let mut entries = self.journal.entries();
        if entries
            .slots
            .get(&self.id)
            .is_some_and(|slot| !slot.overruled)
        {
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
        let writing = self.writing();
        let _guard = writing.lock().await;
        if self.is_overruled() {
            return Ok(());
        }
        let (journal, path) = (Arc::clone(&self.journal), self.journal.path(self.id));
        blocking(move || journal.settled.take(&path, Arc::new(entry))).await?;
        // The drop takes the empty slot away.
        self.journal.entries().set(self.id, None);
        Ok(())
    }

    fn writing(&self) -> Arc<AsyncMutex<()>> {
        let entries = self.journal.entries();
        let slot = entries.slots.get(&self.id);
        slot.map(|slot| Arc::clone(&slot.writing))
            .unwrap_or_default()
    }
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
        journal
            .try_claim(image.id)
            .unwrap()
            .finish(finished)
            .await
            .unwrap();
        assert!(journal.find(image.id).is_none());
        assert!(journal.find_by_key(&key).is_none());

        assert_eq!(folder.load().pending(), (0, None));
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
        assert_eq!(journal.pending(), (0, None));
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
        assert_eq!(journal.pending(), (0, None), "nothing is owed for it");

        let removal = Entry::remove(image);
        let claim = journal.create(removal.clone()).await.unwrap().unwrap();
        claim.finish(removal).await.unwrap();
        assert!(journal.find_settled(&key).is_none());
        assert!(folder.load().find_settled(&key).is_none());
    }

    #[test]
    fn files_that_are_no_entries_are_counted_and_kept() {
        let folder = Folder::new();
        let stray = folder.0.path().join("journal").join("stray.json");
        std::fs::write(&stray, b"{").unwrap();
        assert_eq!(folder.load().unreadable(), 1);
        assert!(stray.exists());
    }
}
