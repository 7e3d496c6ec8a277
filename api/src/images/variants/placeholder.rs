//! The placeholder of an image (ThumbHash), which the first of its variants gives it.
//!
//! It is noted in the record, at best: a database that is away, or has no record yet, is told when the next variant
//! is asked for. Should the process have ended in between, it is made again then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{Checksum, Image, ImageId, ThumbHash, VariantSizes};
use crate::images::Images;
use crate::render::{self, Recipe};
use crate::storage::{Known, Step, StorageKey};

/// How many images are remembered. They are forgotten when they are more: then one is asked for once more.
const MOST: usize = 1024;

/// What was done about placeholders that records do not have as far as was seen.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    known: Mutex<HashMap<ImageId, Progress>>,
}

#[derive(Clone, Debug)]
enum Progress {
    /// It is being made or noted at this moment.
    UnderWay,
    /// The database is still to be told.
    Owed(ThumbHash),
    /// The record has one, or cannot have one.
    Settled,
}

#[derive(Debug, PartialEq, Eq)]
enum ToDo {
    Make,
    Note(ThumbHash),
}

impl Placeholders {
    pub(super) fn forget(&self, id: ImageId) {
        self.lock().remove(&id);
    }

    fn set(&self, id: ImageId, known: Progress) {
        let mut all = self.lock();
        if all.len() >= MOST && !all.contains_key(&id) {
            all.clear();
        }
        all.insert(id, known);
    }

    /// What is to be done about an image whose record had none. `None`: nothing.
    fn begin(&self, id: ImageId) -> Option<ToDo> {
        let known = self.lock().get(&id).cloned();
        let to_do = match known {
            Some(Progress::UnderWay | Progress::Settled) => return None,
            Some(Progress::Owed(thumbhash)) => ToDo::Note(thumbhash),
            None => ToDo::Make,
        };
        self.set(id, Progress::UnderWay);
        Some(to_do)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ImageId, Progress>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Images {
    /// Notes the placeholder of an image, now or later.
    pub(super) async fn note_placeholder(&self, image: &Image, thumbhash: ThumbHash) {
        let id = image.id;
        let placeholders = &self.variants.placeholders;
        if !self.parts.db.availability().admit() {
            placeholders.set(id, Progress::Owed(thumbhash));
            return;
        }
        let deadline = self.parts.patience.replay_record;
        match self.parts.db.note_thumbhash(id, &thumbhash, deadline).await {
            Ok(false) if self.owes_record(id) => placeholders.set(id, Progress::Owed(thumbhash)),
            // Another variant was faster, or the image has been deleted.
            Ok(_) => {
                placeholders.set(id, Progress::Settled);
                self.recent.forget(id);
            }
            Err(error) => {
                log::debug!("image {id}: its placeholder cannot be noted: {error}");
                placeholders.set(id, Progress::Owed(thumbhash));
            }
        }
    }

    /// Sees to it that an image whose variants are there gets a placeholder, if it has none.
    pub(super) fn see_to_placeholder(self: &Arc<Self>, image: &Image) {
        let waits = image.thumbhash.is_none()
            && self.parts.db.availability().is_available()
            && !self.owes_record(image.id);
        if !waits {
            return;
        }
        if let Some(to_do) = self.variants.placeholders.begin(image.id) {
            let image = image.clone();
            self.spawn_counted(|images| async move {
                match to_do {
                    ToDo::Note(thumbhash) => images.note_placeholder(&image, thumbhash).await,
                    ToDo::Make => images.make_placeholder(image).await,
                }
            });
        }
    }

    fn owes_record(&self, id: ImageId) -> bool {
        matches!(
            self.parts.journal.find(id),
            Some(Known::Published(entry)) if entry.owes(Step::WriteRecord)
        )
    }

    /// Makes a placeholder alone, if the original is on this host.
    async fn make_placeholder(&self, image: Image) {
        let store = Arc::clone(&self.variants.store);
        let longer_side = VariantSizes::SHORTEST;
        let memory = render::memory_bytes(image.media_type, image.width, image.height, longer_side);
        let limits = self.render_limits(memory);
        let recipe = Recipe {
            longer_side,
            accepts_webp: false,
            thumb_hash: true,
        };
        let (key, media_type, sha256) =
            (StorageKey::original(&image), image.media_type, image.sha256);
        let made = self
            .variants
            .pool
            .run(memory + image.size_bytes, move || {
                let original = store.original(key).ok().flatten();
                let original = original.filter(|bytes| Checksum::of(bytes) == sha256)?;
                let rendered = render::render(&original, media_type, &recipe, &limits);
                rendered.ok()?.thumb_hash
            })
            .await;
        match made {
            Ok(Some(thumbhash)) => self.note_placeholder(&image, thumbhash).await,
            Ok(None) | Err(_) => self.variants.placeholders.set(image.id, Progress::Settled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_seen_to_once_and_told_when_it_is_owed() {
        let placeholders = Placeholders::default();
        let id = ImageId::generate();
        assert_eq!(placeholders.begin(id), Some(ToDo::Make));
        assert_eq!(placeholders.begin(id), None, "somebody is at it");
        let thumbhash = ThumbHash::new(vec![1; 20]).unwrap();
        placeholders.set(id, Progress::Owed(thumbhash.clone()));
        assert_eq!(placeholders.begin(id), Some(ToDo::Note(thumbhash)));
        placeholders.set(id, Progress::Settled);
        assert_eq!(placeholders.begin(id), None);
        placeholders.forget(id);
        assert_eq!(placeholders.begin(id), Some(ToDo::Make));
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let placeholders = Placeholders::default();
        for _ in 0..3 * MOST {
            placeholders.set(ImageId::generate(), Progress::Settled);
            assert!(placeholders.lock().len() <= MOST);
        }
    }
}
