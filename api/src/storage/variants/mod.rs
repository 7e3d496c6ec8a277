//! The variants that are kept, each image's in a folder of its own: found by listing it, written whole, and removed
//! with the image or when they take too much room.
//!
//! A cache: what a power cut takes of it is made again, so folders are not synced. Files are, before they get their
//! name, so that a name never stands for half a file.

mod budget;
mod inventory;
mod names;
mod removal;

use std::fs::{self, DirBuilder, File, FileTimes};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use uuid::Uuid;

use self::budget::Kept;
use self::names::Names;
use super::local::{blocking, found};
use super::{LocalStore, StorageKey, VariantBytes, VariantKey, at_once};
use crate::domain::{ImageBuffer, ImageId};
use crate::fault;

/// Blocks are counted in these units, whatever the file system's own are (`stat(2)`).
const BLOCK_BYTES: u64 = 512;
/// An access is noted when the last one that was noted is longer ago: often enough to tell what is used.
const ACCESS_NOTED_EVERY: Duration = Duration::from_hours(1);
/// Strangers have no business in these folders, but nginx has.
const FOLDER_MODE: u32 = 0o750;

/// The variants that this host keeps.
#[derive(Debug)]
pub struct VariantStore {
    local: LocalStore,
    kept: Kept,
    names: Names,
    /// Held while a folder is made and filled, and while empty ones are removed.
    folders: Mutex<()>,
}

/// What is kept of a variant.
#[derive(Debug)]
pub enum FoundVariant {
    /// Its bytes.
    File(VariantFile),
    /// That the image cannot be decoded.
    Undecodable,
}

/// The bytes of a variant in a file.
#[derive(Debug)]
pub struct VariantFile {
    file: File,
    /// How many they are.
    pub size_bytes: u64,
    /// What is told of them.
    pub bytes: VariantBytes,
    /// Where the file lies, below the uploads folder. `None`: it is not kept, and gone when it is closed.
    pub path: Option<PathBuf>,
}

impl VariantFile {
    /// Opens the file once more, for a reader of its own. Works also when its name is gone.
    ///
    /// # Errors
    /// Any error of the file system.
    pub fn open_again(&self) -> io::Result<File> {
        // Not a duplicate of the descriptor: that would share its place in the file.
        File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// The file, for the only reader.
    #[must_use]
    pub fn into_file(self) -> File {
        self.file
    }
}

/// A variant that has been written and has no name yet. Without one it is gone when it is closed.
#[derive(Debug)]
pub struct NewVariant {
    file: VariantFile,
    tmp: TmpName,
}

/// A name below `tmp/`. Removed when it is dropped; what cannot be removed is swept at the next start.
#[derive(Debug)]
struct TmpName(PathBuf);

impl Drop for TmpName {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl NewVariant {
    /// Leaves the variant without a name: it is gone when its last reader has closed it.
    #[must_use]
    pub fn without_name(self) -> VariantFile {
        self.file
    }
}

impl VariantStore {
    /// Keeps variants in this folder, those that were used last, as long as they take no more than `max_bytes`
    /// altogether. 0: none.
    #[must_use]
    pub fn new(local: LocalStore, max_bytes: u64) -> Self {
        Self {
            local,
            kept: Kept::new(max_bytes),
            names: Names::default(),
            folders: Mutex::default(),
        }
    }

    /// Whether any are kept.
    #[must_use]
    pub fn keeps_any(&self) -> bool {
        self.kept.max_bytes > 0
    }

    /// The bytes of the local copy of an original, read on a thread that may wait for the disk. `None` when it is not
    /// here.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub fn original(&self, key: StorageKey) -> io::Result<Option<Bytes>> {
        let Some(file) = found(File::open(self.local.path(key)))? else {
            return Ok(None);
        };
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        Ok(Some(ImageBuffer::read_from(file, length)?.freeze()))
    }

    /// Looks for a variant. `revision` is that of the decoders.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn find(
        self: &Arc<Self>,
        key: VariantKey,
        revision: u32,
    ) -> io::Result<Option<FoundVariant>> {
        let store = Arc::clone(self);
        blocking(move || store.find_now(key, revision)).await
    }

    /// The bytes of a variant that was found before, without waiting for the disk. `None`: it has to be looked for.
    #[must_use]
    pub fn find_at_once(&self, key: VariantKey) -> Option<VariantFile> {
        let bytes = self.names.of(key)?;
        let path = VariantKey::folder(key.id).join(key.file_name(&bytes));
        let (file, _) = at_once::open(&self.local.root().join(&path))?;
        Some(VariantFile {
            size_bytes: note_access(&file).ok()?,
            file,
            bytes,
            path: Some(path),
        })
    }

    /// The same on a thread that may wait for the disk.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub fn find_now(&self, key: VariantKey, revision: u32) -> io::Result<Option<FoundVariant>> {
        let folder = VariantKey::folder(key.id);
        let Some(files) = found(fs::read_dir(self.local.root().join(&folder)))? else {
            return Ok(None);
        };
        let marker = VariantKey::undecodable_marker(revision);
        for file in files {
            let name = file?.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(bytes) = key.bytes_named(name) {
                let path = folder.join(name);
                // Removed since the folder was read.
                let Some(file) = found(File::open(self.local.root().join(&path)))? else {
                    continue;
                };
                let size_bytes = note_access(&file)?;
                self.names.remember(key, &bytes);
                return Ok(Some(FoundVariant::File(VariantFile {
                    file,
                    size_bytes,
                    bytes,
                    path: Some(path),
                })));
            }
            if name == marker {
                if let Some(file) = found(File::open(self.local.root().join(&folder).join(name)))? {
                    note_access(&file)?;
                }
                return Ok(Some(FoundVariant::Undecodable));
            }
        }
        Ok(None)
    }

    /// Writes a variant, without a name as yet. What is to be kept is synced.
    ///
    /// # Errors
    /// Any error of the file system. Nothing is left behind.
    pub fn write(&self, bytes: &[u8], told: VariantBytes, keep: bool) -> io::Result<NewVariant> {
        let tmp = TmpName(self.local.tmp_folder().join(Uuid::now_v7().to_string()));
        fault::step("variant.create")?;
        let mut writer = File::create_new(&tmp.0)?;
        fault::step("variant.write")?;
        writer.write_all(bytes)?;
        if keep {
            fault::step("variant.fsync")?;
            writer.sync_all()?;
        }
        Ok(NewVariant {
            file: VariantFile {
                file: File::open(&tmp.0)?,
                size_bytes: bytes.len() as u64,
                bytes: told,
                path: None,
            },
            tmp,
        })
    }

    /// Gives a variant its name. From now on it is found.
    ///
    /// # Errors
    /// The error of the file system, and the variant as it was.
    pub fn keep(
        &self,
        key: VariantKey,
        variant: NewVariant,
    ) -> Result<VariantFile, (io::Error, Box<NewVariant>)> {
        let folder = VariantKey::folder(key.id);
        let path = folder.join(key.file_name(&variant.file.bytes));
        let named = self.in_folder(&folder, || {
            fault::step("variant.rename")?;
            fs::rename(&variant.tmp.0, self.local.root().join(&path))
        });
        if let Err(error) = named {
            return Err((error, Box::new(variant)));
        }
        self.kept.added(&variant.file.file);
        let mut file = variant.without_name();
        file.path = Some(path);
        Ok(file)
    }

    /// Notes that this revision of the decoders cannot decode the image.
    ///
    /// # Errors
    /// Any error of the file system.
    pub fn mark_undecodable(&self, id: ImageId, revision: u32) -> io::Result<()> {
        let folder = VariantKey::folder(id);
        let marker = folder.join(VariantKey::undecodable_marker(revision));
        self.in_folder(&folder, || {
            fault::step("variant.mark")?;
            File::create(self.local.root().join(&marker)).map(|_| ())
        })
    }

    /// Makes the folder if it is not there, and does what is to be done in it.
    fn in_folder(&self, folder: &Path, work: impl Fn() -> io::Result<()>) -> io::Result<()> {
        let _turn = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.local.root().join(folder);
        let mut attempts = 0;
        loop {
            let mut folders = DirBuilder::new();
            if !folder.is_dir() {
                folders.recursive(true).mode(FOLDER_MODE).create(&folder)?;
                self.kept.added_folder(&folder);
            }
            match work() {
                // `reconcile`, another process, has just removed the folder for being empty.
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempts == 0 => {
                    attempts += 1;
                }
                done => return done,
            }
        }
    }
}

/// Notes that the file is used, and says how long it is.
fn note_access(file: &File) -> io::Result<u64> {
    let metadata = file.metadata()?;
    let now = SystemTime::now();
    let accessed = metadata.accessed().unwrap_or(SystemTime::UNIX_EPOCH);
    let long_ago = now
        .duration_since(accessed)
        .is_ok_and(|since| since >= ACCESS_NOTED_EVERY);
    if long_ago && let Err(error) = file.set_times(FileTimes::new().set_accessed(now)) {
        // It is evicted sooner than it should be, and made again.
        log::debug!("the access to a variant cannot be noted: {error}");
    }
    Ok(metadata.size())
}

/// What lies in a folder. Nothing, if it is none, or not there.
fn below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let listed = match fs::read_dir(folder) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        listed => listed?,
    };
    listed.map(|entry| Ok(entry?.path())).collect()
}
