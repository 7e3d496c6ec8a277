//! The uploads folder: local copies of the images, and the lock that keeps a second process out.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::{StorageKey, durable};
use crate::domain::{ImageBuffer, ImageId, MediaType};

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
    /// Held as long as the store lives. The kernel lets go of it when the process ends, however it ends.
    _lock: Arc<File>,
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
        let lock = File::create(root.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let store = Self {
            root: root.into(),
            durable_folder: Arc::default(),
            _lock: Arc::new(lock),
        };
        // Nothing in this folder was ever acknowledged, and with the lock held nobody is writing there.
        for leftover in fs::read_dir(store.tmp_folder())? {
            durable::remove(&leftover?.path())?;
        }
        Ok(store)
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
        let (store, target) = (self.clone(), self.path(key));
        blocking(move || {
            if let Some(folder) = target.parent() {
                store.make_durable_folder(folder)?;
            }
            durable::write(&store.tmp_folder(), &target, &bytes)
        })
        .await
        .map_err(WriteError::from)
    }

    /// Makes the folder of a day. Also syncs one that is there already, once: another upload may have
    /// made it a moment ago and not have come to its sync.
    fn make_durable_folder(&self, folder: &Path) -> io::Result<()> {
        let known = || {
            self.durable_folder
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if known().as_deref() == Some(folder) && folder.is_dir() {
            return Ok(());
        }
        durable::create_folder(folder)?;
        durable::sync_parent(folder)?;
        *known() = Some(folder.to_owned());
        Ok(())
    }

    /// Reads the whole copy. `None` when it is not here.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn read(&self, key: StorageKey) -> io::Result<Option<Bytes>> {
        let path = self.path(key);
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

    /// Whether the copy is here.
    pub async fn has(&self, key: StorageKey) -> bool {
        let path = self.path(key);
        blocking(move || Ok(path.is_file())).await.unwrap_or(false)
    }

    /// Removes the copy, if it is here, and makes that durable.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn remove(&self, key: StorageKey) -> io::Result<()> {
        let path = self.path(key);
        blocking(move || {
            durable::remove(&path)?;
            match durable::sync_parent(&path) {
                // The folder of that day was never made: there is nothing to make durable.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                synced => synced,
            }
        })
        .await
    }

    /// Whether the folder can be written now. Writes and removes a small file, without syncing it.
    pub async fn is_writable(&self) -> bool {
        let probe = self.tmp_folder().join(uuid::Uuid::now_v7().to_string());
        blocking(move || {
            let written = fs::write(&probe, b"probe");
            durable::remove(&probe)?;
            written
        })
        .await
        .is_ok()
    }

    /// Local copies that were written after `since` and are older than `grace`: the ones that a crash may
    /// have left without an owner. Days in which nothing was written since are not read.
    ///
    /// # Errors
    /// Any error of the file system.
    pub async fn copies_written_since(
        &self,
        since: SystemTime,
        grace: Duration,
    ) -> io::Result<Vec<(ImageId, MediaType)>> {
        let originals = self.root.join("originals");
        blocking(move || {
            let mut copies = Vec::new();
            for day in fs::read_dir(originals)? {
                let day = day?;
                let metadata = day.metadata()?;
                if !metadata.is_dir() || metadata.modified()? < since {
                    continue;
                }
                for file in fs::read_dir(day.path())? {
                    let file = file?;
                    let modified = match file.metadata().and_then(|metadata| metadata.modified()) {
                        // Deleted since the folder was read.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        modified => modified?,
                    };
                    let age = modified.elapsed().unwrap_or_default();
                    if modified >= since
                        && age >= grace
                        && let Some(copy) = named_copy(&file.path())
                    {
                        copies.push(copy);
                    }
                }
            }
            Ok(copies)
        })
        .await
    }

    /// Moves the copy out of the way, into `swept/`, and makes that durable.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn set_aside(&self, key: StorageKey) -> io::Result<()> {
        let (path, swept) = (self.path(key), self.root.join("swept"));
        let moved = blocking(move || {
            durable::create_folder(&swept)?;
            let target = swept.join(path.file_name().unwrap_or_default());
            std::fs::rename(&path, &target)?;
            durable::sync_parent(&target)?;
            durable::sync_parent(&path)
        });
        found(moved.await).map(|_| ())
    }

    /// Removes what was set aside and is older than `age`.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn clear_set_aside(&self, age: Duration) -> io::Result<()> {
        let swept = self.root.join("swept");
        let cleared = blocking(move || {
            for file in fs::read_dir(swept)? {
                let file = file?;
                if file.metadata()?.modified()?.elapsed().unwrap_or_default() >= age {
                    durable::remove(&file.path())?;
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
        blocking(move || File::create(path)?.set_modified(began)).await
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
fn named_copy(path: &Path) -> Option<(ImageId, MediaType)> {
    let id = path.file_stem()?.to_str()?.parse().ok()?;
    let media_type = MediaType::from_extension(path.extension()?.to_str()?)?;
    Some((id, media_type))
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
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
