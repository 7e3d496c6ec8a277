//! How the disk below the uploads folder is: whether it takes writes, and how much room it has.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{Access, access};

use super::local::{LocalStore, blocking};
use super::space::room_of;
use super::{StorageKey, durable};
use crate::domain::{ImageId, MediaType};
use crate::fault;
use crate::metrics::Space;

/// For how long a write that went well is taken for a sign that the next one will.
const WRITE_TELLS_FOR: Duration = Duration::from_secs(10);

/// How the last write ended. Shared by all who write.
#[derive(Clone, Debug, Default)]
pub(super) struct LastWrite(Arc<Mutex<Ended>>);

#[derive(Clone, Copy, Debug, Default)]
enum Ended {
    /// Nothing was written yet, or a probe failed.
    #[default]
    Unknown,
    Well(Instant),
    /// A copy could not be written.
    Badly,
}

impl LastWrite {
    /// Notes how the write of a copy ended.
    pub(super) fn note<T, E>(&self, written: &Result<T, E>) {
        self.set(if written.is_ok() {
            Ended::Well(Instant::now())
        } else {
            Ended::Badly
        });
    }

    fn set(&self, ended: Ended) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ended;
    }

    fn get(&self) -> Ended {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LocalStore {
    /// Whether the folder can be written now. Looks each time whether its parts are there and may be written. Only
    /// when no write has gone well for a while, or the last one failed, a small file is written and removed: a
    /// load balancer that asks every second does not wear the disk. After a copy that could not be written it is
    /// written as copies are, where the next one would lie: one in another folder that goes well says little.
    pub async fn is_writable(&self) -> bool {
        let (store, last_write) = (self.clone(), self.last_write().clone());
        blocking(move || {
            for name in ["originals", "journal", "tmp"] {
                access(store.root().join(name), Access::WRITE_OK | Access::EXEC_OK)?;
            }
            let ended = last_write.get();
            let probed = match ended {
                Ended::Well(at) if at.elapsed() < WRITE_TELLS_FOR => return Ok(()),
                Ended::Well(_) | Ended::Unknown => store.write_probe(),
                Ended::Badly => store.write_probe_as_copy(),
            };
            match (&probed, ended) {
                (Ok(()), _) => last_write.set(Ended::Well(Instant::now())),
                (Err(_), Ended::Badly) => {}
                (Err(_), _) => last_write.set(Ended::Unknown),
            }
            probed
        })
        .await
        .is_ok()
    }

    /// Not synced: the disk is asked for room and for no error, not for a promise.
    fn write_probe(&self) -> io::Result<()> {
        let probe = self.tmp_folder().join(uuid::Uuid::now_v7().to_string());
        let written = fault::step("probe.write").and_then(|()| fs::write(&probe, b"probe"));
        durable::remove(&probe, "probe.remove")?;
        written
    }

    fn write_probe_as_copy(&self) -> io::Result<()> {
        let next = StorageKey::Original {
            id: ImageId::generate(),
            media_type: MediaType::Png,
        };
        // No name of a copy, and always the same: an end of the process in between leaves no more than this one.
        let probe = self.path(next).with_file_name(".probe");
        if let Some(folder) = probe.parent() {
            self.make_durable_folder(folder)?;
        }
        let written = durable::write(&self.tmp_folder(), &probe, b"probe", &durable::COPY);
        durable::remove(&probe, "probe.remove")?;
        written
    }

    /// The room on the file system of the folder.
    ///
    /// # Errors
    /// Any error of the file system.
    pub async fn space(&self) -> io::Result<Space> {
        let root = self.root().to_owned();
        blocking(move || room_of(&root)).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bytes::Bytes;

    use super::*;

    fn touched(store: &LocalStore) -> SystemTime {
        fs::metadata(store.tmp_folder())
            .unwrap()
            .modified()
            .unwrap()
    }

    fn untouch(store: &LocalStore) {
        let folder = fs::File::open(store.tmp_folder()).unwrap();
        folder.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }

    #[tokio::test]
    async fn a_look_writes_once_in_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        untouch(&store);
        assert!(store.is_writable().await);
        assert!(
            touched(&store) > SystemTime::UNIX_EPOCH,
            "nothing was written yet"
        );
        untouch(&store);
        assert!(store.is_writable().await);
        assert_eq!(touched(&store), SystemTime::UNIX_EPOCH, "a moment ago");
    }

    #[tokio::test]
    async fn after_a_copy_that_could_not_be_written_the_probe_goes_where_copies_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        let key = StorageKey::Original {
            id: ImageId::generate(),
            media_type: MediaType::Png,
        };
        let day = store.path(key).parent().unwrap().to_owned();
        fs::write(&day, "").unwrap();
        assert!(store.is_writable().await);
        let bytes = Bytes::from_static(b"bytes");
        store.write(key, bytes.clone()).await.unwrap_err();
        for _ in 0..3 {
            assert!(!store.is_writable().await, "in spite of tmp/");
        }
        fs::remove_file(&day).unwrap();
        assert!(store.is_writable().await);
        assert_eq!(fs::read_dir(&day).unwrap().count(), 0, "it leaves nothing");
        store.write(key, bytes).await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_that_is_gone_is_noticed_at_once() {
        for name in ["originals", "journal", "tmp"] {
            let folder = tempfile::tempdir().unwrap();
            let store = LocalStore::open(folder.path()).unwrap();
            assert!(store.is_writable().await);
            fs::remove_dir_all(folder.path().join(name)).unwrap();
            assert!(!store.is_writable().await, "{name}");
        }
    }

    #[tokio::test]
    async fn the_room_is_that_of_the_file_system() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        let space = store.space().await.unwrap();
        assert!(space.free_bytes > 0 && space.free_bytes <= space.size_bytes);
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(store.space().await.is_err());
    }
}
