//! What lies in the uploads folder, read for `reconcile`: local copies in the order of their ids, and which
//! images have a journal entry. Runs beside a service that has the folder.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::entry::Entry;
use super::local::{blocking, found, named_copy};
use super::{LocalStore, StorageKey, durable};
use crate::domain::{ImageId, MediaType};

/// The length of an id in text.
const ID_CHARACTERS: usize = 36;

/// A local copy as the folder shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedCopy {
    /// Whose copy.
    pub id: ImageId,
    /// Its type, by its extension.
    pub media_type: MediaType,
    /// Length in bytes.
    pub size_bytes: u64,
}

/// Files of the journal that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnreadableEntries {
    /// The paths of all of them.
    pub paths: Vec<String>,
    /// The images that their names tell.
    pub ids: HashSet<ImageId>,
    /// Whether the name of one tells nothing: it may be about any image.
    pub of_any: bool,
}

impl LocalStore {
    /// Makes the folders that copies are written to, where they are missing.
    ///
    /// # Errors
    /// Any error of the file system.
    pub async fn make_folders(&self) -> io::Result<()> {
        let folders = [self.originals_folder(), self.tmp_folder()];
        blocking(move || {
            folders
                .iter()
                .try_for_each(|folder| durable::create_folder(folder))
        })
        .await
    }

    /// The copies with the next `limit` ids after this one, by their ids. Folders of days before it are not
    /// read, and never more than `limit` ids are held, however large a folder is.
    ///
    /// # Errors
    /// Any error of the file system.
    pub async fn copies_after(
        &self,
        after: Option<ImageId>,
        limit: usize,
    ) -> io::Result<Vec<ListedCopy>> {
        let originals = self.originals_folder();
        blocking(move || {
            let mut copies = Vec::new();
            for day in days(&originals, after)? {
                let missing = limit.saturating_sub(copies.len());
                if missing == 0 {
                    break;
                }
                copies.extend(next_of_day(&originals.join(&day), &day, after, missing)?);
            }
            Ok(copies)
        })
        .await
    }

    /// When the copy was written. `None` when it is not here.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn written_at(&self, key: StorageKey) -> io::Result<Option<SystemTime>> {
        let path = self.path(key);
        found(blocking(move || fs::metadata(path)?.modified()).await)
    }

    /// What was set aside of the image, as paths below the folder.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn set_aside_of(&self, id: ImageId) -> io::Result<Vec<PathBuf>> {
        let swept = self.root().join("swept");
        let files = blocking(move || {
            let mut files = Vec::new();
            let id = id.to_string();
            for file in fs::read_dir(swept)? {
                let name = file?.file_name();
                if name.to_string_lossy().starts_with(&id) {
                    files.push(Path::new("swept").join(name));
                }
            }
            files.sort();
            Ok(files)
        });
        Ok(found(files.await)?.unwrap_or_default())
    }

    /// Whether the journal has an entry for the image.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn has_entry(&self, id: ImageId) -> io::Result<bool> {
        let path = self.journal_folder().join(format!("{id}.json"));
        blocking(move || path.try_exists()).await
    }

    /// The journal's files that cannot be read.
    ///
    /// # Errors
    /// Any error of the file system but "not found".
    pub async fn unreadable_entries(&self) -> io::Result<UnreadableEntries> {
        let folder = self.journal_folder();
        let entries = blocking(move || {
            let mut unreadable = UnreadableEntries::default();
            for file in fs::read_dir(folder)? {
                let path = file?.path();
                // An entry that ends in this moment can be read no more.
                if path.is_dir() || Entry::read(&path).is_ok() || !path.try_exists()? {
                    continue;
                }
                match id_in(&path) {
                    Some(id) => {
                        unreadable.ids.insert(id);
                    }
                    None => unreadable.of_any = true,
                }
                unreadable.paths.push(path.display().to_string());
            }
            unreadable.paths.sort();
            Ok(unreadable)
        });
        Ok(found(entries.await)?.unwrap_or_default())
    }
}

fn id_in(path: &Path) -> Option<ImageId> {
    path.file_name()?
        .to_str()?
        .strip_suffix(".json")?
        .parse()
        .ok()
}

/// The names of the folders that may hold copies after `after`, in their order.
fn days(originals: &Path, after: Option<ImageId>) -> io::Result<Vec<String>> {
    let first = after.map(StorageKey::day).unwrap_or_default();
    let Some(folders) = found(fs::read_dir(originals))? else {
        return Ok(Vec::new());
    };
    let mut days = Vec::new();
    for folder in folders {
        let name = folder?.file_name();
        if let Some(name) = name.to_str().filter(|name| *name >= first.as_str()) {
            days.push(name.to_owned());
        }
    }
    days.sort_unstable();
    Ok(days)
}

/// The copies in the folder of `day` with the next `limit` ids.
fn next_of_day(
    folder: &Path,
    day: &str,
    after: Option<ImageId>,
    limit: usize,
) -> io::Result<Vec<ListedCopy>> {
    let files = match fs::read_dir(folder) {
        // A file between the folders, or a folder that is gone: no copies.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotADirectory | io::ErrorKind::NotFound
            ) =>
        {
            return Ok(Vec::new());
        }
        files => files?,
    };
    let mut next: BTreeMap<ImageId, Vec<MediaType>> = BTreeMap::new();
    // Ids sort like their texts, and most names can be passed over without being parsed.
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let mut last: Option<String> = None;
    for file in files {
        let name = file?.file_name();
        let Some(text) = name.to_str().and_then(|name| name.get(..ID_CHARACTERS)) else {
            continue;
        };
        if text <= after.as_str() || last.as_deref().is_some_and(|last| text > last) {
            continue;
        }
        let copy = named_copy(Path::new(&name)).filter(|(id, _)| StorageKey::day(*id) == day);
        let Some((id, media_type)) = copy else {
            continue;
        };
        next.entry(id).or_default().push(media_type);
        if next.len() > limit {
            next.pop_last();
        }
        if next.len() == limit {
            last = next.last_key_value().map(|(id, _)| id.to_string());
        }
    }
    let mut copies = Vec::new();
    for (id, media_types) in next {
        for media_type in media_types {
            let name = format!("{id}.{}", media_type.extension());
            // One that was removed since the folder was read is listed all the same, as empty: a page without
            // copies would be taken for the end.
            let metadata = found(fs::metadata(folder.join(name)))?;
            copies.push(ListedCopy {
                id,
                media_type,
                size_bytes: metadata.map_or(0, |metadata| metadata.len()),
            });
        }
    }
    Ok(copies)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, id: ImageId, extension: &str) {
        let folder = root.join("originals").join(StorageKey::day(id));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{id}.{extension}")), "bytes").unwrap();
    }

    fn id(text: &str) -> ImageId {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn copies_come_page_by_page_in_the_order_of_their_ids() {
        let folder = tempfile::tempdir().unwrap();
        let old = id("017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
        let mut ids: Vec<ImageId> = (0..20).map(|_| ImageId::generate()).collect();
        ids.push(old);
        for id in &ids {
            write(folder.path(), *id, "png");
        }
        ids.sort_unstable();
        // Two files of one image are never torn apart.
        write(folder.path(), ids[3], "jpg");
        // No copies: in the folder of another day, under another name, no folder.
        let days = folder.path().join("originals");
        fs::copy(
            days.join(StorageKey::day(old)).join(format!("{old}.png")),
            days.join(StorageKey::day(ids[5]))
                .join(format!("{old}.png")),
        )
        .unwrap();
        fs::write(days.join(StorageKey::day(old)).join("notes.txt"), "").unwrap();
        fs::write(days.join("9999-12-31"), "").unwrap();

        let store = LocalStore::open_beside_service(folder.path()).unwrap();
        for limit in [1, 2, 3, 7, 100] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = store.copies_after(after, limit).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                seen.extend(page.iter().map(|copy| copy.id));
            }
            assert_eq!(seen.iter().filter(|seen| **seen == ids[3]).count(), 2);
            seen.dedup();
            assert_eq!(seen, ids, "{limit} a page");
        }
    }

    #[tokio::test]
    async fn a_folder_without_anything_has_no_copies_and_no_entries() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open_beside_service(folder.path()).unwrap();
        assert_eq!(store.copies_after(None, 10).await.unwrap(), []);
        assert_eq!(
            store.unreadable_entries().await.unwrap(),
            UnreadableEntries::default()
        );
        assert!(!store.has_entry(ImageId::generate()).await.unwrap());
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            0,
            "nothing is made"
        );
        LocalStore::open_beside_service(&folder.path().join("missing")).unwrap_err();
    }

    #[tokio::test]
    async fn entries_that_cannot_be_read_are_told_apart_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        let id = ImageId::generate();
        fs::write(store.journal_folder().join(format!("{id}.json")), "{").unwrap();
        let unreadable = store.unreadable_entries().await.unwrap();
        assert_eq!(
            (unreadable.ids, unreadable.of_any),
            (HashSet::from([id]), false)
        );
        assert!(store.has_entry(id).await.unwrap());
        fs::write(store.journal_folder().join("something"), "{").unwrap();
        assert!(store.unreadable_entries().await.unwrap().of_any);
    }
}
