//! The high-water mark: how much of the disk uploads leave free.
//!
//! Deletes, the journal's own updates and the replayer go on below it: the reserve is theirs. Uploads are
//! refused before the disk is full, and what is pending is bounded with them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::metrics;

/// The room of the file system on which a folder lies.
#[derive(Clone, Debug)]
pub struct Space {
    folder: Arc<Path>,
    min_free_bytes: u64,
    /// What the last look found, so that a change is logged once.
    was_low: Arc<AtomicBool>,
}

impl Space {
    /// Watches the file system of `folder`. With 0 as its mark there is always room.
    #[must_use]
    pub fn new(folder: PathBuf, min_free_bytes: u64) -> Self {
        Self {
            folder: folder.into(),
            min_free_bytes,
            was_low: Arc::default(),
        }
    }

    /// Whether less is free than uploads have to leave. One system call, on what the kernel holds in memory.
    /// A file system that does not say has room: the write itself will tell.
    #[must_use]
    pub fn is_low(&self) -> bool {
        if self.min_free_bytes == 0 {
            return false;
        }
        let free = match room_of(&self.folder) {
            Ok(room) => room.free_bytes,
            Err(error) => {
                log::debug!("the free space is not known: {error}");
                return false;
            }
        };
        let low = free < self.min_free_bytes;
        if low != self.was_low.swap(low, Ordering::Relaxed) {
            let mark = self.min_free_bytes;
            if low {
                log::warn!(
                    "free_bytes={free} is less than MIN_FREE_BYTES={mark}: uploads are refused, all else goes on"
                );
            } else {
                log::info!("free_bytes={free}: uploads are taken again");
            }
        }
        low
    }
}

/// The room of the file system of `folder`.
pub(super) fn room_of(folder: &Path) -> io::Result<metrics::Space> {
    let file_system = rustix::fs::statvfs(folder)?;
    let bytes = |blocks: u64| blocks.saturating_mul(file_system.f_frsize);
    Ok(metrics::Space {
        free_bytes: bytes(file_system.f_bavail),
        size_bytes: bytes(file_system.f_blocks),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_depends_on_the_mark() {
        let folder = tempfile::tempdir().unwrap();
        let rows = [(0, false), (1, false), (u64::MAX, true)];
        for (mark, low) in rows {
            let space = Space::new(folder.path().to_owned(), mark);
            assert_eq!(space.is_low(), low, "{mark}");
        }
    }

    #[test]
    fn a_folder_that_is_gone_counts_as_room() {
        assert!(!Space::new("/nowhere/at/all".into(), u64::MAX).is_low());
    }
}
