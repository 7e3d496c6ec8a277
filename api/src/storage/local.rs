//! The uploads folder: local copies of the images, and the lock that keeps a second process out.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use super::disk::LastWrite;
use super::{StorageKey, at_once, durable};
use crate::domain::{ImageBuffer, ImageId, MediaType};
use crate::fault;

/// No upload takes longer from its id to its copy.
const WRITTEN_WITHIN: TimeDelta = TimeDelta::hours(1);

/// Why a durable write failed. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// No space or no quota is left.
    #[error("the disk is full")]
    DiskFull(#[source] io::Error),
    /// Anything else: an I/O error, a missing permission, a read-only file system.
    #[error("the disk cannot be written")]
    Io(#[source] io::Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(error),
            _ => Self::Io(error),
        }
    }
}

/// The uploads folder of this host.
#[derive(Clone, Debug)]
pub struct LocalStore {
    root: Arc<Path>,
    /// The day's folder whose name is known to be durable.
    durable_folder: Arc<Mutex<Option<PathBuf>>>,
    last_write: LastWrite,
    /// Held as long as the store lives. The kernel lets go of it when the process ends, however it ends.
    /// `None`: the folder belongs to somebody else.
    _lock: Option<Arc<File>>,
}

impl LocalStore {
    /// Opens the folder, makes what is missing in it, removes what a crash left half-written, and
    /// locks it: the journal belongs to one process.
    ///
    /// # Errors
    /// When the folder cannot be made or written, or another process has it
    /// ([`io::ErrorKind::WouldBlock`]).
    pub fn open(root: &Path) -> io::Result<Self> {
        let root = std::path::absolute(root)?;
        for name in ["originals", "variants", "journal", "tmp"] {
            durable::create_folder(&root.join(name))?;
        }
        // They may be there by a start that was killed before it came to its sync.
        durable::sync_parent(&root.join("journal"), "root.fsync")?;
        let lock = File::create(root.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let store = Self {
            root: root.into(),
            durable_folder: Arc::default(),
            last_write: LastWrite::default(),
            _lock: Some(Arc::new(lock)),
        };
        // Nothing in this folder was ever acknowledged, and with the lock held nobody is writing there.
        for leftover in fs::read_dir(store.tmp_folder())? {
            durable::remove(&leftover?.path(), "tmp.remove")?;
        }
        Ok(store)
    }

    /// Opens a folder that a service may be using at this moment: takes no lock, makes and removes nothing.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn open_beside_service(root: &Path) -> io::Result<Self> {
        let root = std::path::absolute(root)?;
        fs::read_dir(&root)?;
        Ok(Self {
            root: root.into(),
            durable_folder: Arc::default(),
            last_write: LastWrite::default(),
            _lock: None,
        })
    }

    /// The user that the folder belongs to, when it is another than who runs this process: what this one makes in
    /// it, a service of the other could not write.
    ///
    /// # Errors
    /// Any error of the file system.
    pub fn foreign_owner(&self) -> io::Result<Option<u32>> {
        let owner = fs::metadata(&self.root)?.uid();
        Ok((owner != rustix::process::geteuid().as_raw()).then_some(owner))
    }

    /// The folder itself, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where files are written before they get their name.
    #[must_use]
    pub fn tmp_folder(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Where the copies lie, a folder a day.
    pub(super) fn originals_folder(&self) -> PathBuf {
        self.root.join("originals")
    }

    /// Where the journal's entries lie.
    #[must_use]
    pub fn journal_folder(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// Where the copy of `key` lies, whether it is there or not.
    #[must_use]
    pub fn path(&self, key: StorageKey) -> PathBuf {
        self.root.join(key.local_path())
    }

    /// Writes the copy. When this returns, it survives a power cut.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is left behind.
    pub async fn write(&self, key: StorageKey, bytes: Bytes) -> Result<(), WriteError> {
        let store = self.clone();
        blocking(move || store.write_here(key, &bytes)).await?;
        Ok(())
    }

    /// The same on this thread, which has to be one that may wait for the disk.
    ///
    /// # Errors
    /// Any error of the file system; nothing is left behind.
    pub fn write_here(&self, key: StorageKey, bytes: &[u8]) -> io::Result<()> {
        let target = self.path(key);
        let written = target
            .parent()
            .map_or(Ok(()), |folder| self.make_durable_folder(folder))
            .and_then(|()| durable::write(&self.tmp_folder(), &target, bytes, &durable::COPY));
        self.last_write.note(&written);
        written
    }

    pub(super) fn last_write(&self) -> &LastWrite {
        &self.last_write
    }

    /// Makes the folder of a day. Also syncs one that is there already, once: another upload may have
    /// made it a moment ago and not have come to its sync.
    pub(super) fn make_durable_folder(&self, folder: &Path) -> io::Result<()> {
        let known = || {
            self.durable_folder
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if known().as_deref() == Some(folder) && folder.is_dir() {
            return Ok(());
        }
        durable::create_folder(folder)?;
        durable::sync_parent(folder, "folder.fsync")?;
        *known() = Some(folder.to_owned());
        Ok(())
    }

    /// Reads the whole copy. `None` when it is not here.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn read(&self, key: StorageKey) -> io::Result<Option<Bytes>> {
        self.read_file(&key.local_path()).await
    }

    /// The bytes of a file, by its path below this folder. `None` when it is not there.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn read_file(&self, path: &Path) -> io::Result<Option<Bytes>> {
        let path = self.root.join(path);
        let read = blocking(move || {
            let file = File::open(path)?;
            let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
            ImageBuffer::read_from(file, length)
        });
        Ok(found(read.await)?.map(ImageBuffer::freeze))
    }

    /// Opens the copy for reading and says how long it is. `None` when it is not here.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn open_copy(&self, key: StorageKey) -> io::Result<Option<(File, u64)>> {
        let path = self.path(key);
        found(
            blocking(move || {
                let file = File::open(path)?;
                let size_bytes = file.metadata()?.len();
                Ok((file, size_bytes))
            })
            .await,
        )
    }

    /// As [`Self::open_copy`], without waiting for the disk. `None`: that has to be waited for, or it is not here.
    #[must_use]
    pub fn open_copy_at_once(&self, key: StorageKey) -> Option<(File, u64)> {
        at_once::open(&self.path(key))
    }

    /// Whether the copy is here.
    pub async fn has(&self, key: StorageKey) -> bool {
        let path = self.path(key);
        blocking(move || Ok(path.is_file())).await.unwrap_or(false)
    }

    /// The same of many copies, in their order: looking at one costs less than going to where files are looked at.
    pub async fn has_each(&self, keys: impl IntoIterator<Item = StorageKey>) -> Vec<bool> {
        let paths: Vec<PathBuf> = keys.into_iter().map(|key| self.path(key)).collect();
        let none = vec![false; paths.len()];
        let here = blocking(move || Ok(paths.iter().map(|path| path.is_file()).collect()));
        here.await.unwrap_or(none)
    }

    /// Removes the copy, if it is here, and makes that durable.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn remove(&self, key: StorageKey) -> io::Result<()> {
        let path = self.path(key);
        blocking(move || {
            durable::remove(&path, "copy.remove")?;
            match durable::sync_parent(&path, "copy.remove-fsync") {
                // The folder of that day was never made: there is nothing to make durable.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                synced => synced,
            }
        })
        .await
    }

    /// Local copies that were written after `since` and are older than `grace`: the ones that a crash may
    /// have left without an owner. Days in which nothing was written since are not read, and of the others only the
    /// names: a file is looked at when its image was made late enough to have been written since.
    ///
    /// # Errors
    /// Any error of the file system.
    pub async fn copies_written_since(
        &self,
        since: SystemTime,
        grace: Duration,
    ) -> io::Result<Vec<(ImageId, MediaType)>> {
        let originals = self.originals_folder();
        blocking(move || {
            let made_since = DateTime::<Utc>::from(since) - WRITTEN_WITHIN;
            let first_day = StorageKey::day_at(made_since);
            let mut copies = Vec::new();
            for day in fs::read_dir(originals)? {
                let day = day?;
                if day
                    .file_name()
                    .to_str()
                    .is_none_or(|name| name < first_day.as_str())
                {
                    continue;
                }
                let metadata = day.metadata()?;
                if !metadata.is_dir() || metadata.modified()? < since {
                    continue;
                }
                for file in fs::read_dir(day.path())? {
                    let file = file?;
                    let Some(copy) = named_copy(Path::new(&file.file_name()))
                        .filter(|(id, _)| id.created_at() >= made_since)
                    else {
                        continue;
                    };
                    let modified = match file.metadata().and_then(|metadata| metadata.modified()) {
                        // Deleted since the folder was read.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        modified => modified?,
                    };
                    let age = modified.elapsed().unwrap_or_default();
                    if modified >= since && age >= grace {
                        copies.push(copy);
                    }
                }
            }
            Ok(copies)
        })
        .await
    }

    /// Moves the copy out of the way, into `swept/`, and makes that durable. From now on it is as old as that.
    /// What was set aside earlier under its name stays.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn set_aside(&self, key: StorageKey) -> io::Result<()> {
        let (path, swept) = (self.path(key), self.root.join("swept"));
        let moved = blocking(move || {
            durable::create_folder(&swept)?;
            let name = path.file_name().unwrap_or_default();
            let mut target = swept.join(name);
            let mut number = 1;
            while target.try_exists()? {
                number += 1;
                target = swept.join(format!("{}.{number}", name.display()));
            }
            fault::step("swept.rename")?;
            fs::rename(&path, &target)?;
            // It is kept for a while from now on, however long ago it was written. What cannot even be opened was
            // moved all the same, out of the way of a good copy.
            if let Ok(file) = File::open(&target) {
                file.set_modified(SystemTime::now())?;
            }
            durable::sync_parent(&target, "swept.fsync")?;
            durable::sync_parent(&path, "swept.fsync")
        });
        found(moved.await).map(|_| ())
    }

    /// Removes what was set aside longer ago than `age`.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn clear_set_aside(&self, age: Duration) -> io::Result<()> {
        let swept = self.root.join("swept");
        let cleared = blocking(move || {
            for file in fs::read_dir(swept)? {
                let file = file?;
                if file.metadata()?.modified()?.elapsed().unwrap_or_default() < age {
                    continue;
                }
                if file.file_type()?.is_dir() {
                    fs::remove_dir_all(file.path())?;
                } else {
                    durable::remove(&file.path(), "swept.remove")?;
                }
            }
            Ok(())
        });
        found(cleared.await).map(|_| ())
    }

    /// When the last of these looks began that ended well. `None` when there was none.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn noted(&self, mark: Mark) -> io::Result<Option<SystemTime>> {
        let path = self.root.join(mark.file_name());
        found(blocking(move || fs::metadata(path)?.modified()).await)
    }

    /// Notes that a look which began at `began` has ended well.
    ///
    /// # Errors
    /// Any error of the file system.
    pub async fn note(&self, mark: Mark, began: SystemTime) -> io::Result<()> {
        let path = self.root.join(mark.file_name());
        blocking(move || {
            fault::step("mark.write")?;
            File::create(path)?.set_modified(began)
        })
        .await
    }
}

/// A look that this host takes again and again, and that goes on where the last one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// At local copies that nobody owns.
    Sweep,
    /// At tombstones of images that were deleted through other hosts.
    Tombstones,
}

impl Mark {
    fn file_name(self) -> &'static str {
        match self {
            Self::Sweep => "last-sweep",
            Self::Tombstones => "last-tombstones",
        }
    }
}

/// The image whose copy has this path. `None` for a file that the service did not write.
pub(super) fn named_copy(path: &Path) -> Option<(ImageId, MediaType)> {
    let id = path.file_stem()?.to_str()?.parse().ok()?;
    let media_type = MediaType::from_extension(path.extension()?.to_str()?)?;
    Some((id, media_type))
}

pub(super) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Runs file work off the threads that drive the network.
pub(super) async fn blocking<T, F>(work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> StorageKey {
        StorageKey::Original {
            id: ImageId::generate(),
            media_type: MediaType::Png,
        }
    }

    #[tokio::test]
    async fn a_copy_is_written_read_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        let key = key();
        assert_eq!(store.read(key).await.unwrap(), None);
        store
            .write(key, Bytes::from_static(b"bytes"))
            .await
            .unwrap();
        assert!(store.has(key).await);
        assert_eq!(store.read(key).await.unwrap().unwrap(), "bytes");
        store.remove(key).await.unwrap();
        store.remove(key).await.unwrap();
        assert!(!store.has(key).await);
    }

    #[tokio::test]
    async fn a_second_process_is_kept_out_and_leftovers_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        fs::write(store.tmp_folder().join("half"), b"half").unwrap();
        let second = LocalStore::open(folder.path()).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::WouldBlock);
        drop(store);
        let again = LocalStore::open(folder.path()).unwrap();
        assert_eq!(fs::read_dir(again.tmp_folder()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn removing_a_copy_of_a_day_without_a_folder_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        store.remove(key()).await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        assert!(store.is_writable().await);
        fs::remove_dir(store.tmp_folder()).unwrap();
        assert!(!store.is_writable().await);
        let error = store
            .write(key(), Bytes::from_static(b"x"))
            .await
            .unwrap_err();
        assert!(matches!(error, WriteError::Io(_)));
    }

    #[test]
    fn a_full_disk_is_told_from_other_errors() {
        let full = WriteError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, WriteError::DiskFull(_)));
        let other = WriteError::from(io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        assert!(matches!(other, WriteError::Io(_)));
    }

    #[tokio::test]
    async fn a_copy_is_kept_from_when_it_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        let key = key();
        store.write(key, Bytes::from_static(b"x")).await.unwrap();
        let month = Duration::from_hours(30 * 24);
        let copy = File::open(store.path(key)).unwrap();
        copy.set_modified(SystemTime::now() - 2 * month).unwrap();
        store.set_aside(key).await.unwrap();
        store.clear_set_aside(month).await.unwrap();
        let swept = folder.path().join("swept");
        assert_eq!(fs::read_dir(&swept).unwrap().count(), 1);
        store.clear_set_aside(Duration::ZERO).await.unwrap();
        assert_eq!(fs::read_dir(&swept).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn settled_days_are_not_read_by_a_sweep() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        store.write(key(), Bytes::from_static(b"x")).await.unwrap();
        let all = SystemTime::UNIX_EPOCH;
        let now = Duration::ZERO;
        assert_eq!(store.copies_written_since(all, now).await.unwrap().len(), 1);
        let later = SystemTime::now() + Duration::from_secs(5);
        assert_eq!(
            store.copies_written_since(later, now).await.unwrap().len(),
            0
        );
        let hour = Duration::from_hours(1);
        assert_eq!(
            store.copies_written_since(all, hour).await.unwrap().len(),
            0
        );
    }
}
