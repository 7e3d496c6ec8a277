//! What can be told of an uploads folder without opening it as the service does: for operators.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::Access;
use uuid::Uuid;

use super::entry::Entry;
use super::{LocalStore, durable};

/// A file or folder and who may do what with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Its path.
    pub path: PathBuf,
    /// The user that it belongs to.
    pub owner: u32,
    /// The permission bits.
    pub mode: u32,
}

/// How much room is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that this user may still write.
    pub bytes: u64,
    /// Files that may still be made. `None`: the file system has no bound.
    pub files: Option<u64>,
}

/// What lies in the journal.
#[derive(Clone, Debug, Default)]
pub struct Backlog {
    /// Entries that something is owed for.
    pub pending: usize,
    /// How long the oldest of them has been waiting.
    pub oldest: Option<Duration>,
    /// Entries that cannot be read, and why.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// An uploads folder, looked at from outside.
#[derive(Clone, Debug)]
pub struct UploadsProbe {
    root: PathBuf,
}

impl UploadsProbe {
    /// Looks at this folder, which need not be there.
    ///
    /// # Errors
    /// When the working directory is unknown.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let root = std::path::absolute(folder)?;
        Ok(Self { root })
    }

    /// The folder, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the folder is there.
    ///
    /// # Errors
    /// When something else is in its place, or its parent may not be looked into.
    pub fn exists(&self) -> io::Result<bool> {
        match fs::metadata(&self.root) {
            Ok(found) if found.is_dir() => Ok(true),
            Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the folder and takes it away again, to see whether the first start can make it.
    ///
    /// # Errors
    /// When it cannot.
    pub fn try_to_make(&self) -> io::Result<()> {
        let missing: Vec<&Path> = self
            .root
            .ancestors()
            .take_while(|folder| !folder.exists())
            .collect();
        let made = fs::create_dir_all(&self.root);
        for folder in missing {
            // The folder that could not be made is not there.
            let _ = fs::remove_dir(folder);
        }
        made
    }

    /// Who owns the folder and what it holds for others: its own folders, the newest day of copies, and the secret.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub fn ownership(&self) -> io::Result<Vec<Ownership>> {
        let names = ["", "originals", "variants", "journal", "tmp", "secret"];
        let mut found = Vec::new();
        let parts = names.into_iter().map(|name| match name {
            "" => self.root.clone(),
            name => self.root.join(name),
        });
        for path in parts.chain(self.newest_day()) {
            match fs::metadata(&path) {
                Ok(metadata) => found.push(owned(path, &metadata)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The folder that the last copies were written to. `None` when there is none, or nobody may look.
    fn newest_day(&self) -> Option<PathBuf> {
        let days = fs::read_dir(self.root.join("originals")).ok()?;
        let folders = days
            .filter_map(|day| Some(day.ok()?.path()))
            .filter(|path| path.is_dir());
        folders.max()
    }

    /// Writes files as uploads are written (synced, renamed, the folder synced), and removes them. Gives the
    /// user that files belong to. Nothing is put into the journal: a service that starts would read it.
    ///
    /// # Errors
    /// The folder that cannot be written, and why.
    pub fn write(&self) -> Result<u32, (PathBuf, io::Error)> {
        let journal = self.root.join("journal");
        if journal.is_dir() {
            let allowed = rustix::fs::access(&journal, Access::WRITE_OK | Access::EXEC_OK);
            allowed.map_err(|error| (journal, error.into()))?;
        }
        let there = |name: &str| Some(self.root.join(name)).filter(|folder| folder.is_dir());
        let tmp = there("tmp").unwrap_or_else(|| self.root.clone());
        let mut owner = 0;
        let folders = [
            Some(self.root.clone()),
            there("originals"),
            there("variants"),
            self.newest_day(),
        ];
        for folder in folders.into_iter().flatten() {
            owner = write_and_remove(&tmp, &folder).map_err(|error| (folder, error))?;
        }
        Ok(owner)
    }

    /// What the kept variants take on disk, in bytes.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub fn variants_bytes(&self) -> io::Result<u64> {
        LocalStore::variants_bytes(&self.root)
    }

    /// How much room is left.
    ///
    /// # Errors
    /// When the file system does not say.
    pub fn room(&self) -> io::Result<Room> {
        let there = self.root.ancestors().find(|folder| folder.is_dir());
        let statistics = rustix::fs::statvfs(there.unwrap_or(&self.root))?;
        Ok(Room {
            bytes: statistics.f_bavail.saturating_mul(statistics.f_frsize),
            files: (statistics.f_files > 0).then_some(statistics.f_favail),
        })
    }

    /// Whether images lie in the folder, or are owed from it. What nobody may look into counts as empty.
    #[must_use]
    pub fn holds_images(&self) -> bool {
        let files = |folder: PathBuf| {
            let found = fs::read_dir(folder).into_iter().flatten().flatten();
            found.map(|file| file.path())
        };
        let is_file = |path: PathBuf| path.is_file();
        let mut days = files(self.root.join("originals"));
        files(self.root.join("journal")).any(is_file) || days.any(|day| files(day).any(is_file))
    }

    /// Whether a process has the folder. Takes the lock for a moment, if nobody has it; a service that is
    /// started in that very moment has to be started again.
    ///
    /// # Errors
    /// When the lock cannot be looked at.
    pub fn is_in_use(&self) -> io::Result<bool> {
        let lock = match File::open(self.root.join("lock")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// What lies in the journal. Entries that a running service finishes in the meantime are passed over.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn backlog(&self) -> io::Result<Backlog> {
        let mut backlog = Backlog::default();
        let files = match fs::read_dir(self.root.join("journal")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(backlog),
            files => files?,
        };
        for file in files {
            let path = file?.path();
            if path.is_dir() {
                continue;
            }
            match Entry::read(&path) {
                Ok(entry) => {
                    backlog.pending += 1;
                    let since = entry.removed_at.unwrap_or(entry.image.created_at());
                    let age = SystemTime::now().duration_since(since.into());
                    backlog.oldest = backlog.oldest.max(age.ok());
                }
                Err(reason) if path.exists() => backlog.unreadable.push((path, reason.to_string())),
                Err(_) => {}
            }
        }
        Ok(backlog)
    }
}

fn owned(path: PathBuf, metadata: &Metadata) -> Ownership {
    Ownership {
        path,
        owner: metadata.uid(),
        mode: metadata.mode() & 0o7777,
    }
}

fn write_and_remove(tmp: &Path, folder: &Path) -> io::Result<u32> {
    let probe = folder.join(format!(".doctor-{}", Uuid::now_v7()));
    let written = durable::write(tmp, &probe, b"probe", &durable::ENTRY)
        .and_then(|()| Ok((fs::read(&probe)?, fs::metadata(&probe)?.uid())));
    let removed = durable::remove(&probe, "probe.remove");
    let (bytes, owner) = written?;
    removed?;
    if bytes != b"probe" {
        return Err(io::Error::other(
            "a file does not hold what was written to it",
        ));
    }
    Ok(owner)
}
