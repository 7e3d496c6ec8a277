//! An image and its id.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AltText, Checksum, FileName, IdempotencyKeyHash, MediaType, ThumbHash, Uploader};

/// The id of an image: a UUIDv7 (RFC 9562), so that sorting by id is sorting by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageId(Uuid);

/// The text is not a UUIDv7 in its lower-case hyphenated form.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an image id is a UUID of version 7 in lower case")]
pub struct InvalidImageId;

impl ImageId {
    /// A new id, later than every id that this process made before.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// When the id was made, to the millisecond. This is the image's `created_at`.
    #[must_use]
    pub fn created_at(self) -> DateTime<Utc> {
        // The first 48 bits are milliseconds since 1970 (RFC 9562, section 5.7): far inside chrono's range.
        let milliseconds = i64::try_from(self.0.as_u128() >> 80).unwrap_or_default();
        DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for ImageId {
    type Err = InvalidImageId;

    /// Takes only the form that [`fmt::Display`] writes: one image has one URL.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uuid: Uuid = text.parse().map_err(|_| InvalidImageId)?;
        let id = Self(uuid);
        if uuid.get_version_num() != 7 || id.to_string() != text {
            return Err(InvalidImageId);
        }
        Ok(id)
    }
}

impl TryFrom<String> for ImageId {
    type Error = InvalidImageId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageId> for String {
    fn from(id: ImageId) -> Self {
        id.to_string()
    }
}

/// Everything that is known of an image: what the record in the database and the journal entry hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its id, which also says when it was made.
    pub id: ImageId,
    /// Who uploaded it.
    pub uploader: Uploader,
    /// What it shows, in words.
    pub alt: Option<AltText>,
    /// What the uploader's file was called. Never part of a path.
    pub file_name: Option<FileName>,
    /// Its type, from its content.
    pub media_type: MediaType,
    /// Length of the image in bytes.
    pub size_bytes: u64,
    /// Width in pixels, as the picture is shown.
    pub width: u32,
    /// Height in pixels, as the picture is shown.
    pub height: u32,
    /// SHA-256 of the image's bytes as they are published.
    pub sha256: Checksum,
    /// SHA-256 of the file as it was received. `None`: it was taken in before this was noted, and published
    /// as received.
    #[serde(default)]
    pub received_sha256: Option<Checksum>,
    /// The object's key in the bucket, prefix included.
    pub object_key: String,
    /// The object's public URL.
    pub url: String,
    /// The hash of the key under which a retry finds it.
    pub idempotency_key: Option<IdempotencyKeyHash>,
    /// When S3 confirmed the object. `None`: S3 is still owed.
    pub stored_at: Option<DateTime<Utc>>,
    /// What to show while it loads. `None`: no variant has been made yet.
    #[serde(default)]
    pub thumbhash: Option<ThumbHash>,
}

impl Image {
    /// When the image was taken in, to the millisecond.
    #[must_use]
    pub fn created_at(&self) -> DateTime<Utc> {
        self.id.created_at()
    }

    /// SHA-256 of the file as it was received: metadata and all.
    #[must_use]
    pub fn received_sha256(&self) -> Checksum {
        self.received_sha256.unwrap_or(self.sha256)
    }
}

/// Where one copy of an image stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageState {
    /// It is there.
    Stored,
    /// It is owed: the journal holds what is needed to make it.
    Pending,
    /// It is not here, and that is all right: another host took the upload in.
    Absent,
}

/// Where an image's copies and its record stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The local copy on the host that answers.
    pub local: StorageState,
    /// The object in S3.
    pub s3: StorageState,
    /// The record in the database.
    pub record: StorageState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_at_which_they_were_made() {
        let ids: Vec<ImageId> = (0..1000).map(|_| ImageId::generate()).collect();
        assert!(ids.is_sorted());
        let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
        assert!(texts.is_sorted(), "the database sorts the text");
    }

    #[test]
    fn an_id_says_when_it_was_made() {
        let before = Utc::now().timestamp_millis();
        let made = ImageId::generate().created_at().timestamp_millis();
        // The generator may run a little ahead to keep ids apart within one millisecond.
        assert!((before..=before + 1000).contains(&made));
        let id: ImageId = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
            .parse()
            .expect("an id");
        assert_eq!(id.created_at().to_rfc3339(), "2022-02-22T19:22:22+00:00");
    }

    #[test]
    fn only_the_canonical_form_of_a_version_7_uuid_is_an_id() {
        let reasons = [
            ("", "empty"),
            ("x", "no UUID"),
            ("9b2a4f7e-1c3d-4e5f-8a9b-0c1d2e3f4a5b", "version 4"),
            ("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "upper case"),
            ("017f22e279b07cc398c4dc0c0c07398f", "no hyphens"),
            ("../../etc/passwd", "a path"),
        ];
        for (text, reason) in reasons {
            assert_eq!(text.parse::<ImageId>(), Err(InvalidImageId), "{reason}");
        }
    }
}
