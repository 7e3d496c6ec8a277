//! What is stored and under which name: the only place that knows paths, object keys and cache rules.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::domain::{Checksum, Image, ImageId, MediaType};

/// The value of `Cache-Control` of images and their variants. An hour and not for ever: a takedown has to work.
pub const CACHE_CONTROL: &str = "public, max-age=3600";

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
        Self::day_at(id.created_at())
    }

    /// The name of the folder of a moment's day. They sort by time.
    #[must_use]
    pub(super) fn day_at(moment: DateTime<Utc>) -> String {
        moment.format("%Y-%m-%d").to_string()
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

    /// The value of `Cache-Control`.
    #[must_use]
    pub fn cache_control(self) -> &'static str {
        CACHE_CONTROL
    }
}

/// A variant as somebody asks for it. Lies on disk alone, never in the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VariantKey {
    /// Of which image.
    pub id: ImageId,
    /// The most pixels that its longer side has.
    pub longer_side: u32,
    /// Whether it may be a WebP.
    pub accepts_webp: bool,
}

/// The bytes of a variant, as the name of their file tells of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantBytes {
    /// What they are.
    pub media_type: MediaType,
    /// The first [`VariantBytes::DIGITS`] hexadecimal digits of their SHA-256.
    pub checksum: String,
}

impl VariantBytes {
    /// As many digits of the checksum tell the bytes of one image apart, whatever it is.
    pub const DIGITS: usize = 32;

    /// What is told of these bytes.
    #[must_use]
    pub fn of(media_type: MediaType, bytes: &[u8]) -> Self {
        let mut checksum = Checksum::of(bytes).to_string();
        checksum.truncate(Self::DIGITS);
        Self {
            media_type,
            checksum,
        }
    }
}

impl VariantKey {
    /// Where all variants lie, below the uploads folder.
    pub(super) const FOLDER: &str = "variants";

    /// The folder of an image's variants, below the uploads folder: a folder a day, and in it one an image.
    #[must_use]
    pub fn folder(id: ImageId) -> PathBuf {
        PathBuf::from(Self::FOLDER)
            .join(StorageKey::day(id))
            .join(id.to_string())
    }

    /// The name of a file with these bytes.
    pub(super) fn file_name(self, bytes: &VariantBytes) -> String {
        let extension = bytes.media_type.extension();
        format!("{}{}.{extension}", self.prefix(), bytes.checksum)
    }

    /// What a file in the image's folder holds of this variant. `None`: it is another's.
    pub(super) fn bytes_named(self, file_name: &str) -> Option<VariantBytes> {
        let (checksum, extension) = file_name.strip_prefix(&self.prefix())?.rsplit_once('.')?;
        let is_digit = |each: u8| matches!(each, b'0'..=b'9' | b'a'..=b'f');
        if checksum.len() != VariantBytes::DIGITS || !checksum.bytes().all(is_digit) {
            return None;
        }
        Some(VariantBytes {
            media_type: MediaType::from_extension(extension)?,
            checksum: checksum.to_owned(),
        })
    }

    /// The name of the empty file that says that this revision of the decoders cannot decode the image.
    pub(super) fn undecodable_marker(revision: u32) -> String {
        format!("undecodable-{revision}")
    }

    fn prefix(self) -> String {
        let accepts = if self.accepts_webp { "webp" } else { "any" };
        format!("{}-{accepts}-", self.longer_side)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_variant_says_what_it_holds_and_for_whom() {
        let key = VariantKey {
            id: "017f22e2-79b0-7cc3-98c4-dc0c0c07398f".parse().unwrap(),
            longer_side: 320,
            accepts_webp: true,
        };
        let folder = "variants/2022-02-22/017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
        assert_eq!(VariantKey::folder(key.id), PathBuf::from(folder));
        let bytes = VariantBytes::of(MediaType::Jpeg, b"");
        let name = "320-webp-e3b0c44298fc1c149afbf4c8996fb924.jpg";
        assert_eq!(key.file_name(&bytes), name);
        assert_eq!(key.bytes_named(name), Some(bytes.clone()));
        let for_all = VariantKey {
            accepts_webp: false,
            ..key
        };
        assert_eq!(for_all.bytes_named(name), None);
        assert!(for_all.file_name(&bytes).starts_with("320-any-"));
        for other in [
            "3200-webp-e3b0c44298fc1c149afbf4c8996fb924.jpg",
            "320-webp-e3b0c44298fc1c149afbf4c8996fb924.txt",
            "320-webp-e3b0c44298fc1c149afbf4c8996fb92.jpg",
            "320-webp-../b0c44298fc1c149afbf4c8996fb924.jpg",
            "undecodable-1",
        ] {
            assert_eq!(key.bytes_named(other), None, "{other}");
        }
    }

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
