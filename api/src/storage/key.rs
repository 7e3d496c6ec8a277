//! What is stored and under which name: the only place that knows paths, object keys and cache rules.

use std::path::PathBuf;

use crate::domain::{Image, ImageId, MediaType};

/// Something that is stored, on disk and in the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageKey {
    /// The image as it is published.
    Original {
        /// Whose bytes.
        id: ImageId,
        /// Their type.
        media_type: MediaType,
    },
}

impl StorageKey {
    /// The key of the image as it is published.
    #[must_use]
    pub fn original(image: &Image) -> Self {
        Self::Original {
            id: image.id,
            media_type: image.media_type,
        }
    }

    /// The path below the uploads folder. One folder a day (UTC), so that none grows without end
    /// and a day can be looked at or backed up alone.
    #[must_use]
    pub fn local_path(self) -> PathBuf {
        let Self::Original { id, media_type } = self;
        PathBuf::from("originals")
            .join(Self::day(id))
            .join(format!("{id}.{}", media_type.extension()))
    }

    /// The name of the folder of the image's day.
    #[must_use]
    pub(super) fn day(id: ImageId) -> String {
        id.created_at().format("%Y-%m-%d").to_string()
    }

    /// The object's key in the bucket below `prefix`, which ends in a slash.
    #[must_use]
    pub fn object_key(self, prefix: &str) -> String {
        let Self::Original { id, media_type } = self;
        format!("{prefix}{id}.{}", media_type.extension())
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        let Self::Original { media_type, .. } = self;
        media_type.name()
    }

    /// The value of `Cache-Control`. An hour and not for ever: a takedown has to work.
    #[must_use]
    pub fn cache_control(self) -> &'static str {
        "public, max-age=3600"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_original_lies_in_the_folder_of_its_day_and_below_the_prefix() {
        let key = StorageKey::Original {
            id: "017f22e2-79b0-7cc3-98c4-dc0c0c07398f".parse().unwrap(),
            media_type: MediaType::Jpeg,
        };
        assert_eq!(
            key.local_path(),
            PathBuf::from("originals/2022-02-22/017f22e2-79b0-7cc3-98c4-dc0c0c07398f.jpg")
        );
        assert_eq!(
            key.object_key("images/"),
            "images/017f22e2-79b0-7cc3-98c4-dc0c0c07398f.jpg"
        );
        assert_eq!(key.content_type(), "image/jpeg");
    }
}
