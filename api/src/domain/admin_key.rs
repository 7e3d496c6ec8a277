//! The key of the operator.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The key with which the operator may delete any image.
#[derive(Clone)]
pub struct AdminKey([u8; 32]);

/// The key is shorter than [`AdminKey::MIN_CHARACTERS`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the admin key has fewer than {} characters", AdminKey::MIN_CHARACTERS)]
pub struct AdminKeyTooShort;

impl AdminKey {
    /// Shorter keys can be guessed.
    pub const MIN_CHARACTERS: usize = 20;

    /// Takes a key of at least [`Self::MIN_CHARACTERS`] characters. Only its hash is kept.
    ///
    /// # Errors
    /// [`AdminKeyTooShort`].
    pub fn new(text: &str) -> Result<Self, AdminKeyTooShort> {
        if text.chars().count() < Self::MIN_CHARACTERS {
            return Err(AdminKeyTooShort);
        }
        Ok(Self(Sha256::digest(text).into()))
    }

    /// Whether `text` is the key. Takes the same time for every wrong one.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let other: [u8; 32] = Sha256::digest(text).into();
        self.0.ct_eq(&other).into()
    }
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_itself_matches_and_it_is_never_printed() {
        let key = AdminKey::new("correct horse battery staple").unwrap();
        assert!(key.matches("correct horse battery staple"));
        for wrong in ["", "correct horse battery", "correct horse battery staple "] {
            assert!(!key.matches(wrong), "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "AdminKey(…)");
        assert!(AdminKey::new("short").is_err());
    }
}
