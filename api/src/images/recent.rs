//! Remembers for a moment which images were found: who asks for the same again is not sent to the database again.
//!
//! What this host deletes is forgotten at once. What another host deletes is seen when the moment has passed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::{Image, ImageId};

/// How long an image may be served without its record being looked at.
const MOMENT: Duration = Duration::from_secs(1);
/// How many images are remembered: together less than 4 MiB as images usually are, and 16 MiB if all their texts are as
/// long as they may be.
const MAX_IMAGES: usize = 4096;

/// The images that were found a moment ago.
#[derive(Default)]
pub(super) struct Recent(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    images: HashMap<ImageId, (Arc<Image>, Instant)>,
    /// How many images were forgotten so far.
    forgotten: u64,
}

/// A look at the database that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    began: Instant,
    forgotten: u64,
}

impl Recent {
    /// An image that was found a moment ago.
    pub(super) fn image(&self, id: ImageId) -> Option<Arc<Image>> {
        self.image_at(id, Instant::now())
    }

    fn image_at(&self, id: ImageId, now: Instant) -> Option<Arc<Image>> {
        let remembered = self.remembered();
        let (image, found) = remembered.images.get(&id)?;
        is_recent(*found, now).then(|| Arc::clone(image))
    }

    /// Has to be called before the journal and the database are asked.
    pub(super) fn look(&self) -> Look {
        Look {
            began: Instant::now(),
            forgotten: self.remembered().forgotten,
        }
    }

    /// Remembers what a look has found, unless something was deleted in the meantime: it may be this.
    pub(super) fn remember(&self, look: Look, image: &Arc<Image>) {
        let mut remembered = self.remembered();
        if remembered.forgotten != look.forgotten {
            return;
        }
        if remembered.images.len() >= MAX_IMAGES {
            let now = look.began;
            remembered
                .images
                .retain(|_, (_, found)| is_recent(*found, now));
            if remembered.images.len() >= MAX_IMAGES {
                remembered.images.clear();
            }
        }
        let found = (Arc::clone(image), look.began);
        remembered.images.insert(image.id, found);
    }

    /// Forgets an image whose record says from now on that it was deleted.
    pub(super) fn forget(&self, id: ImageId) {
        let mut remembered = self.remembered();
        remembered.images.remove(&id);
        remembered.forgotten += 1;
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_recent(found: Instant, now: Instant) -> bool {
    now.saturating_duration_since(found) < MOMENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Checksum, MediaType, Uploader};

    fn image() -> Arc<Image> {
        Arc::new(Image {
            id: ImageId::generate(),
            uploader: Uploader::parse("Ada").unwrap(),
            alt: None,
            file_name: None,
            media_type: MediaType::Jpeg,
            size_bytes: 1,
            width: 1,
            height: 1,
            sha256: Checksum::of(b"x"),
            received_sha256: None,
            object_key: "images/x.jpg".to_owned(),
            url: "https://example.org/x.jpg".to_owned(),
            idempotency_key: None,
            stored_at: None,
            thumbhash: None,
        })
    }

    #[test]
    fn an_image_is_remembered_for_a_moment_from_when_the_look_began() {
        let (recent, image) = (Recent::default(), image());
        assert!(recent.image(image.id).is_none());
        let look = recent.look();
        recent.remember(look, &image);
        let just = look.began + MOMENT.saturating_sub(Duration::from_nanos(1));
        assert!(recent.image_at(image.id, just).is_some());
        assert!(recent.image_at(image.id, look.began + MOMENT).is_none());
    }

    #[test]
    fn what_is_deleted_is_forgotten_and_not_remembered_by_who_looked_before() {
        let (recent, image) = (Recent::default(), image());
        let look = recent.look();
        recent.remember(look, &image);
        let late = recent.look();
        recent.forget(image.id);
        assert!(recent.image(image.id).is_none());
        recent.remember(late, &image);
        assert!(recent.image(image.id).is_none(), "it looked too early");
        recent.remember(recent.look(), &image);
        assert!(recent.image(image.id).is_some());
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let recent = Recent::default();
        let first = image();
        for _ in 0..MAX_IMAGES {
            recent.remember(recent.look(), &image());
        }
        assert_eq!(recent.remembered().images.len(), MAX_IMAGES);
        recent.remember(recent.look(), &first);
        assert!(recent.remembered().images.len() <= MAX_IMAGES);
        assert!(recent.image(first.id).is_some());
    }
}
