//! Files that survive a power cut: written whole under another name, synced, renamed, and the folder synced.
//!
//! Without the folder's sync the last rename can be lost, and with it an acknowledged upload.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use uuid::Uuid;

use super::folder_sync::FOLDERS;
use crate::fault;

/// Strangers have no business in these folders: the journal holds names.
const FOLDER_MODE: u32 = 0o750;

/// What the steps of a write are called where tests make them fail.
pub(super) struct WriteSteps {
    create: &'static str,
    write: &'static str,
    fsync: &'static str,
    rename: &'static str,
    rename_fsync: &'static str,
    undo: &'static str,
}

/// The steps of writing a local copy.
pub(super) const COPY: WriteSteps = WriteSteps {
    create: "copy.create",
    write: "copy.write",
    fsync: "copy.fsync",
    rename: "copy.rename",
    rename_fsync: "copy.rename-fsync",
    undo: "copy.undo",
};

/// The steps of writing a journal entry.
pub(super) const ENTRY: WriteSteps = WriteSteps {
    create: "entry.create",
    write: "entry.write",
    fsync: "entry.fsync",
    rename: "entry.rename",
    rename_fsync: "entry.rename-fsync",
    undo: "entry.undo",
};

/// Writes `bytes` to `target`, replacing what was there. When this returns, the file is on disk
/// under its name. When it fails, a target that was not there before is not there now, one that was
/// holds either its old or its new content, and nothing else is left behind, unless the disk refuses even to
/// remove what was written.
///
/// After a failed sync nothing is retried on the same descriptor: the kernel may have dropped the
/// pages and would report success (<https://wiki.postgresql.org/wiki/Fsync_Errors>).
pub(super) fn write(
    tmp_folder: &Path,
    target: &Path,
    bytes: &[u8],
    steps: &WriteSteps,
) -> io::Result<()> {
    let tmp = tmp_folder.join(Uuid::now_v7().to_string());
    let replaces = may_exist(target);
    let written = write_and_sync(&tmp, bytes, steps).and_then(|()| {
        fault::step(steps.rename)?;
        fs::rename(&tmp, target)
    });
    if let Err(error) = written {
        // Its own failure changes nothing: what stays in the folder is swept at the next start.
        let _ = remove(&tmp, steps.undo);
        return Err(error);
    }
    sync_parent_together(target, steps.rename_fsync).inspect_err(|_| {
        // What was replaced may be the only trace of an acknowledged upload: then either version stays.
        if !replaces && remove(target, steps.undo).is_ok() {
            // The rename may be on disk already; without this a power cut could bring the file back.
            let _ = sync_parent(target, steps.undo);
        }
    })
}

fn write_and_sync(path: &Path, bytes: &[u8], steps: &WriteSteps) -> io::Result<()> {
    fault::step(steps.create)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    fault::step(steps.write)?;
    file.write_all(bytes)?;
    fault::step(steps.fsync)?;
    if fault::broken("break.no-fsync") {
        return Ok(());
    }
    file.sync_all()
}

/// Whether a file may be there: yes, unless the disk says for certain that it is not.
pub(super) fn may_exist(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

/// Makes a folder and its parents, and their names durable.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    fault::step("folder.create")?;
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        // Somebody else made it in the meantime; the sync below is still ours to do.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    sync_parent(path, "folder.fsync")
}

/// Removes a file. One that is not there is fine: the goal is reached. `step` is what tests call this.
pub(super) fn remove(path: &Path, step: &str) -> io::Result<()> {
    fault::step(step)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The same as [`sync_parent`], with one sync for all who ask for it at the same time. When it fails, it does for
/// all of them.
fn sync_parent_together(path: &Path, step: &str) -> io::Result<()> {
    match path.parent() {
        Some(folder) => FOLDERS.sync(folder, || {
            fault::hold("sync.begins");
            sync_parent(path, step)
        }),
        None => Ok(()),
    }
}

/// Makes the names in the folder of `path` durable. `step` is what tests call this.
pub(super) fn sync_parent(path: &Path, step: &str) -> io::Result<()> {
    if fault::broken("break.no-folder-fsync") {
        return Ok(());
    }
    fault::step(step)?;
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
        write(folder.path(), &target, b"one", &COPY).unwrap();
        write(folder.path(), &target, b"two", &COPY).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_cannot_be_renamed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("missing").join("file");
        assert!(write(folder.path(), &target, b"one", &COPY).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn removing_twice_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        write(folder.path(), &target, b"one", &COPY).unwrap();
        remove(&target, "copy.remove").unwrap();
        remove(&target, "copy.remove").unwrap();
    }

    #[test]
    fn a_file_of_which_the_disk_cannot_tell_may_exist() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert!(!may_exist(&file));
        std::os::unix::fs::symlink(&file, &file).unwrap();
        assert!(may_exist(&file), "an error is no answer");
    }
}
