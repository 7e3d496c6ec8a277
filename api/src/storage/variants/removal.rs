//! Takes away the variants of an image.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, PoisonError};

use super::super::local::{blocking, found};
use super::{BLOCK_BYTES, VariantStore};
use crate::domain::ImageId;
use crate::fault;
use crate::storage::{LocalStore, VariantKey};

impl VariantStore {
    /// Removes all variants of an image, and what was noted of it. Says whether there was anything.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn remove_of(self: &Arc<Self>, id: ImageId) -> io::Result<bool> {
        let store = Arc::clone(self);
        blocking(move || {
            let _turn = store.folders.lock().unwrap_or_else(PoisonError::into_inner);
            let removed = remove_folder(&store.local, id)?;
            store.kept.removed(removed.unwrap_or_default());
            Ok(removed.is_some())
        })
        .await
    }
}

impl LocalStore {
    /// Removes all variants of an image, beside a service or without one.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn remove_variants(&self, id: ImageId) -> io::Result<()> {
        let store = self.clone();
        blocking(move || remove_folder(&store, id).map(|_| ())).await
    }
}

/// Says how much room the folder took. `None`: there was none.
fn remove_folder(local: &LocalStore, id: ImageId) -> io::Result<Option<u64>> {
    let folder = local.root().join(VariantKey::folder(id));
    let Some(files) = found(fs::read_dir(&folder))? else {
        return Ok(None);
    };
    let mut blocks = fs::metadata(&folder).map_or(0, |metadata| metadata.blocks());
    for file in files {
        blocks += file?.metadata().map_or(0, |metadata| metadata.blocks());
    }
    fault::step("variant.remove")?;
    found(fs::remove_dir_all(&folder))?;
    if let Some(day) = folder.parent() {
        // Other images of that day may have variants.
        let _ = fs::remove_dir(day);
    }
    Ok(Some(blocks * BLOCK_BYTES))
}
