//! The last uploads with an idempotency key for which nothing is owed any more.
//!
//! The database knows these keys too. But when it is away, and a client that never got its answer sends the
//! upload again, this is what keeps a second image from being made. Remembering costs nothing: the entry's
//! file is renamed where it would have been removed. It is a memory, not a promise, so nothing is synced.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::durable;
use super::entry::Entry;
use crate::domain::IdempotencyKeyHash;
use crate::fault;

/// How many uploads are remembered. Reading them is part of every start.
const CAPACITY: usize = 1000;

/// The memory, in files and in a mirror of them.
pub(super) struct Settled {
    folder: PathBuf,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    by_key: HashMap<IdempotencyKeyHash, Arc<Entry>>,
    /// The oldest first. May name keys that were forgotten since.
    order: VecDeque<IdempotencyKeyHash>,
}

impl Settled {
    /// Reads what is remembered. Files that cannot be read are not worth keeping.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub(super) fn load(folder: PathBuf) -> io::Result<Self> {
        durable::create_folder(&folder)?;
        let mut entries = Vec::new();
        let paths = std::fs::read_dir(&folder)?.map(|file| file.map(|file| file.path()));
        for (path, entry) in Entry::read_all(paths.collect::<io::Result<_>>()?) {
            match entry {
                Ok(entry) if entry.is_publication() => entries.push(entry),
                // Also a removal that was refused and whose file could not be put right (`Journal::remove`).
                Ok(_) | Err(_) => durable::remove(&path, "settled.remove")?,
            }
        }
        entries.sort_by_key(|entry| entry.image.id);
        let settled = Self {
            folder,
            memory: Mutex::default(),
        };
        for mut entry in entries {
            // The file was renamed as it was before its last steps were carried out.
            entry.owed.clear();
            entry
                .image
                .stored_at
                .get_or_insert(entry.image.created_at());
            settled.keep(Arc::new(entry));
        }
        Ok(settled)
    }

    /// Ends an entry whose file is `path`: moves the file here if it is worth remembering, or removes it.
    ///
    /// # Errors
    /// Any error of the file system; the file may then still be there.
    pub(super) fn take(&self, path: &Path, entry: Arc<Entry>) -> io::Result<()> {
        if entry.is_publication() && entry.image.idempotency_key.is_some() {
            fault::step("settled.rename")?;
            return match std::fs::rename(path, self.path(&entry)) {
                // Ended before, but for the last word: nothing is left to do.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                renamed => renamed.map(|()| self.keep(entry)),
            };
        }
        durable::remove(path, "entry.remove")?;
        if let Some(key) = &entry.image.idempotency_key {
            self.forget(key);
        }
        Ok(())
    }

    /// The upload that came with this key.
    pub(super) fn find(&self, key: &IdempotencyKeyHash) -> Option<Arc<Entry>> {
        self.memory().by_key.get(key).cloned()
    }

    fn keep(&self, entry: Arc<Entry>) {
        let Some(key) = entry.image.idempotency_key.clone() else {
            return;
        };
        let mut memory = self.memory();
        memory.order.push_back(key.clone());
        memory.by_key.insert(key, entry);
        if memory.order.len() > CAPACITY
            && let Some(oldest) = memory.order.pop_front()
        {
            drop(memory);
            self.forget(&oldest);
        }
    }

    /// Forgets an upload: what is deleted must not be given as the answer to a retry.
    pub(super) fn forget(&self, key: &IdempotencyKeyHash) {
        let forgotten = self.memory().by_key.remove(key);
        if let Some(entry) = forgotten
            && let Err(error) = durable::remove(&self.path(&entry), "settled.remove")
        {
            log::warn!("image {}: its settled entry stays: {error}", entry.image.id);
        }
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        self.folder.join(format!("{}.json", entry.image.id))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
