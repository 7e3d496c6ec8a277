//! Which images have variants, read for `reconcile` and `doctor`. Runs beside a service that has the folder.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::super::local::{blocking, found};
use super::{BLOCK_BYTES, below};
use crate::domain::ImageId;
use crate::storage::{LocalStore, StorageKey, VariantKey};

impl LocalStore {
    /// The days that variants lie in, in their order.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn days_with_variants(&self) -> io::Result<Vec<String>> {
        let folder = self.root().join(VariantKey::FOLDER);
        blocking(move || {
            let mut days = names_in(&folder)?;
            days.sort_unstable();
            Ok(days)
        })
        .await
    }

    /// The images of a day that have variants, in the order of their ids.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn images_with_variants(&self, day: &str) -> io::Result<Vec<ImageId>> {
        let folder = self.root().join(VariantKey::FOLDER).join(day);
        let day = day.to_owned();
        blocking(move || {
            let names = names_in(&folder)?;
            let ids = names.iter().filter_map(|name| name.parse().ok());
            let mut ids: Vec<ImageId> = ids.filter(|id| StorageKey::day(*id) == day).collect();
            ids.sort_unstable();
            Ok(ids)
        })
        .await
    }

    /// The folder of an image's variants, below the uploads folder.
    #[must_use]
    pub fn variants_folder(&self, id: ImageId) -> PathBuf {
        VariantKey::folder(id)
    }

    /// What all variants take on disk, in bytes. Reads every folder.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub fn variants_bytes(root: &Path) -> io::Result<u64> {
        let mut all = 0;
        for day in below(&root.join(VariantKey::FOLDER))? {
            for image in below(&day)? {
                for file in below(&image)?.into_iter().chain([image]) {
                    let metadata = found(fs::symlink_metadata(file))?;
                    all += metadata.map_or(0, |metadata| metadata.blocks() * BLOCK_BYTES);
                }
            }
        }
        Ok(all)
    }

    /// When something was last added to an image's variants or taken from them. `None`: it has none.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn variants_changed_at(&self, id: ImageId) -> io::Result<Option<SystemTime>> {
        let folder = self.root().join(VariantKey::folder(id));
        found(blocking(move || fs::metadata(folder)?.modified()).await)
    }
}

/// The names of what lies in a folder. None, if it is no folder.
fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let paths = below(folder)?.into_iter();
    let names = paths.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    Ok(names.collect())
}
