//! Files that survive a power cut: written whole under another name, synced, renamed, and the folder synced.
//!
//! Without the folder's sync the last rename can be lost, and with it an acknowledged upload.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use uuid::Uuid;

/// Writes `bytes` to `target`, replacing what was there. When this returns, the file is on disk
/// under its name. When it fails, a target that was not there before is not there now, one that was
/// holds either its old or its new content, and nothing else is left behind.
///
/// After a failed sync nothing is retried on the same descriptor: the kernel may have dropped the
/// pages and would report success (<https://wiki.postgresql.org/wiki/Fsync_Errors>).
pub(super) fn write(tmp_folder: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let tmp = tmp_folder.join(Uuid::now_v7().to_string());
    let replaces = target.exists();
    let written = write_and_sync(&tmp, bytes).and_then(|()| fs::rename(&tmp, target));
    if let Err(error) = written {
        // Its own failure changes nothing: what stays in the folder is swept at the next start.
        let _ = fs::remove_file(&tmp);
        return Err(error);
    }
    sync_parent(target).inspect_err(|_| {
        // What was replaced may be the only trace of an acknowledged upload: then either version stays.
        if !replaces {
            let _ = fs::remove_file(target);
        }
    })
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a folder and its parents, and their names durable.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    match fs::create_dir(path) {
        // Somebody else made it in the meantime; the sync below is still ours to do.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    sync_parent(path)
}

/// Removes a file. One that is not there is fine: the goal is reached.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Makes the names in the folder of `path` durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_holds_its_bytes_and_leaves_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        write(folder.path(), &target, b"one").unwrap();
        write(folder.path(), &target, b"two").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_cannot_be_renamed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("missing").join("file");
        assert!(write(folder.path(), &target, b"one").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn removing_twice_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        write(folder.path(), &target, b"one").unwrap();
        remove(&target).unwrap();
        remove(&target).unwrap();
    }
}
