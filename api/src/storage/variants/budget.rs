//! How much the kept variants take, and which of them have to go when it is too much: those that were used longest
//! ago.
//!
//! Nothing is held in memory but one number. What was used when is what the file system notes of each file, and it
//! is read when the number is too great. Each eviction makes room for many variants, so that this is seldom.

use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::super::local::found;
use super::{BLOCK_BYTES, VariantStore, below};
use crate::fault;
use crate::storage::VariantKey;

/// How often what is kept is gone through to get below the budget. Each time may find others at work.
const ROUNDS: usize = 3;

/// How much is kept, as far as is known, and how much may be.
#[derive(Debug)]
pub(super) struct Kept {
    bytes: AtomicU64,
    pub(super) max_bytes: u64,
}

impl Kept {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self {
            bytes: AtomicU64::new(0),
            max_bytes,
        }
    }

    pub(super) fn added(&self, file: &File) {
        if let Ok(metadata) = file.metadata() {
            self.bytes
                .fetch_add(metadata.blocks() * BLOCK_BYTES, Ordering::Relaxed);
        }
    }

    pub(super) fn added_folder(&self, folder: &Path) {
        let blocks = fs::metadata(folder).map_or(0, |metadata| metadata.blocks());
        self.bytes
            .fetch_add(blocks * BLOCK_BYTES, Ordering::Relaxed);
    }

    pub(super) fn removed(&self, bytes: u64) {
        let less = |kept: u64| Some(kept.saturating_sub(bytes));
        let _ = self
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    fn get(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// A file, by when it was used last. The greatest is the one that was used last.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Used {
    at: SystemTime,
    path: PathBuf,
    bytes: u64,
}

impl VariantStore {
    /// What the kept variants take on disk, as far as is known.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.kept.get()
    }

    /// Whether variants have to go.
    #[must_use]
    pub fn is_over_budget(&self) -> bool {
        self.kept.get() > self.kept.max_bytes
    }

    /// Counts what is kept, and removes what was used longest ago until a tenth of the budget is free, if it is
    /// exceeded. Takes its time.
    ///
    /// # Errors
    /// Any error of the file system.
    pub fn keep_budget(&self) -> io::Result<()> {
        let mut all = self.count(|_| {})?;
        for _ in 0..ROUNDS {
            if all <= self.kept.max_bytes {
                return Ok(());
            }
            let wanted = self.kept.max_bytes / 10 * 9;
            for used in self.used_longest_ago(all - wanted)? {
                self.evict(&used)?;
            }
            all = self.count(|_| {})?;
        }
        Ok(())
    }

    /// Files that take so much altogether, those that were used longest ago. No more than these are held.
    fn used_longest_ago(&self, bytes: u64) -> io::Result<Vec<Used>> {
        let mut oldest: BinaryHeap<Used> = BinaryHeap::new();
        let mut held = 0;
        self.count(|used| {
            held += used.bytes;
            oldest.push(used);
            while let Some(newest) = oldest.peek()
                && held - newest.bytes >= bytes
            {
                held -= newest.bytes;
                oldest.pop();
            }
        })?;
        Ok(oldest.into_vec())
    }

    /// Goes through all files, and notes and gives what they take.
    fn count(&self, mut see: impl FnMut(Used)) -> io::Result<u64> {
        let mut all = 0;
        let folders = self.local.root().join(VariantKey::FOLDER);
        for day in below(&folders)? {
            for image in below(&day)? {
                let folder = blocks(&image)?.map_or(0, |(_, bytes)| bytes);
                all += folder;
                let files = below(&image)?;
                // The folder goes with its last file, so each counts for a part of it.
                let share = folder / (files.len() as u64).max(1);
                for path in files {
                    if let Some((at, own)) = blocks(&path)? {
                        all += own;
                        let bytes = own + share;
                        see(Used { at, path, bytes });
                    }
                }
            }
        }
        self.kept.bytes.store(all, Ordering::Relaxed);
        Ok(all)
    }

    fn evict(&self, used: &Used) -> io::Result<()> {
        fault::step("variant.evict")?;
        // Used since it was looked at.
        if blocks(&used.path)?.is_none_or(|(at, _)| at > used.at) {
            return Ok(());
        }
        found(fs::remove_file(&used.path))?;
        let _turn = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        // Folders that are not empty stay.
        if let Some(image) = used.path.parent()
            && fs::remove_dir(image).is_ok()
            && let Some(day) = image.parent()
        {
            let _ = fs::remove_dir(day);
        }
        Ok(())
    }
}

/// When a file was used last, and what it takes on disk. `None`: it is gone.
fn blocks(path: &Path) -> io::Result<Option<(SystemTime, u64)>> {
    let Some(metadata) = found(fs::symlink_metadata(path))? else {
        return Ok(None);
    };
    let used = metadata.accessed().unwrap_or(SystemTime::UNIX_EPOCH);
    Ok(Some((used, metadata.blocks() * BLOCK_BYTES)))
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::time::Duration;

    use super::*;
    use crate::domain::{ImageId, MediaType};
    use crate::storage::{LocalStore, VariantBytes};

    fn keep(store: &VariantStore, id: ImageId, longer_side: u32, hours_ago: u64) -> PathBuf {
        let key = VariantKey {
            id,
            longer_side,
            accepts_webp: false,
        };
        let bytes = vec![7; 10_000];
        let told = VariantBytes::of(MediaType::Png, &bytes);
        let written = store.write(&bytes, told, true).unwrap();
        let kept = store.keep(key, written).unwrap();
        let path = store.local.root().join(kept.path.as_ref().unwrap());
        let used = SystemTime::now() - Duration::from_hours(hours_ago);
        let times = FileTimes::new().set_accessed(used);
        File::open(&path).unwrap().set_times(times).unwrap();
        path
    }

    #[test]
    fn what_is_counted_as_it_comes_and_goes_is_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalStore::open(folder.path()).unwrap();
        let store = VariantStore::new(local, u64::MAX);
        let ids: Vec<ImageId> = (0..3).map(|_| ImageId::generate()).collect();
        for id in &ids {
            keep(&store, *id, 320, 1);
            keep(&store, *id, 640, 1);
        }
        let told = store.bytes();
        assert!(told > 0);
        store.keep_budget().unwrap();
        assert_eq!(store.bytes(), told);
    }

    #[test]
    fn those_used_longest_ago_go_and_no_more_than_have_to() {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalStore::open(folder.path()).unwrap();
        let mut store = VariantStore::new(local, u64::MAX);
        let paths: Vec<PathBuf> = (0..20)
            .map(|number| keep(&store, ImageId::generate(), 320, 100 - number))
            .collect();
        let all = store.bytes();
        store.keep_budget().unwrap();
        assert!(paths.iter().all(|path| path.exists()), "there is room");
        store.kept.max_bytes = all / 2;
        store.keep_budget().unwrap();
        let gone = paths.iter().take_while(|path| !path.exists()).count();
        assert!(paths[gone..].iter().all(|path| path.exists()), "in turn");
        assert_eq!(gone, 11, "nine of twenty are nine tenths of a half");
        assert_eq!(store.bytes(), all / 20 * 9);
        let folders = below(&folder.path().join(VariantKey::FOLDER)).unwrap();
        assert_eq!(below(&folders[0]).unwrap().len(), 9, "no empty ones");
    }
}
