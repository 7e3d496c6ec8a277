//! The key with which a client makes a retry of an upload safe.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The value of the `Idempotency-Key` header: a UUID that the client chose
/// (draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Uuid);

/// The header's value is not a UUID.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the Idempotency-Key header must be a UUID, for example 0192f1a0-6d5e-7c3b-9a4f-2b1c0d9e8f70"
)]
pub struct InvalidIdempotencyKey;

/// What is kept of an [`IdempotencyKey`]: its SHA-256 as 64 hexadecimal digits.
/// Who reads the database or the journal must not be able to replay somebody's upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKeyHash(String);

impl IdempotencyKey {
    /// A key for a client that cannot choose one: the same for the same text, which nobody else may be able to guess.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The hash under which the upload is remembered.
    #[must_use]
    pub fn hash(self) -> IdempotencyKeyHash {
        IdempotencyKeyHash(hex::encode(Sha256::digest(self.0.as_bytes())))
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    /// Takes a UUID in its hyphenated form, with or without the quotes that the header draft puts round it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(text);
        if bare.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(InvalidIdempotencyKey);
        }
        bare.parse().map(Self).map_err(|_| InvalidIdempotencyKey)
    }
}

impl IdempotencyKeyHash {
    /// The hash as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a hash back from where it was stored.
    #[must_use]
    pub fn from_stored(hash: String) -> Self {
        Self(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0192f1a0-6d5e-7c3b-9a4f-2b1c0d9e8f70";

    #[test]
    fn the_same_uuid_has_the_same_hash_however_it_is_written() {
        let plain: IdempotencyKey = KEY.parse().expect("a UUID");
        let quoted: IdempotencyKey = format!("\"{KEY}\"").parse().expect("a quoted UUID");
        let upper: IdempotencyKey = KEY.to_uppercase().parse().expect("an upper-case UUID");
        assert_eq!(plain.hash(), quoted.hash());
        assert_eq!(plain.hash(), upper.hash());
        assert!(!plain.hash().as_str().contains("0192f1a0"));
    }

    #[test]
    fn each_text_has_a_key_of_its_own() {
        let key = IdempotencyKey::of_text("a");
        assert_eq!(key, IdempotencyKey::of_text("a"));
        assert_ne!(key, IdempotencyKey::of_text("b"));
        assert_eq!(key.0.to_string().parse(), Ok(key));
    }

    #[test]
    fn what_is_not_a_uuid_is_refused() {
        for text in [
            "",
            "1",
            "0192f1a06d5e7c3b9a4f2b1c0d9e8f70",
            "{0192f1a0-6d5e-7c3b-9a4f-2b1c0d9e8f70}",
            "\"",
        ] {
            assert_eq!(
                text.parse::<IdempotencyKey>(),
                Err(InvalidIdempotencyKey),
                "{text}"
            );
        }
    }
}
