//! The key of the operator.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The key of the operator, who may do what nobody else may (see [`Access`](super::Access)).
#[derive(Clone)]
pub struct AdminKey([u8; 32]);

/// Why a key is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidAdminKey {
    /// It is shorter than [`AdminKey::MIN_CHARACTERS`].
    #[error("the admin key has fewer than {} characters", AdminKey::MIN_CHARACTERS)]
    TooShort,
    /// It could never be sent in a header (RFC 9110, section 5.5): it has other characters than visible ones of
    /// ASCII and spaces between them.
    #[error("the admin key may hold only visible ASCII characters, and spaces between them")]
    CannotBeSent,
}

impl AdminKey {
    /// Shorter keys can be guessed.
    pub const MIN_CHARACTERS: usize = 20;

    /// Takes a key of at least [`Self::MIN_CHARACTERS`] characters. Only its hash is kept.
    ///
    /// # Errors
    /// [`InvalidAdminKey`].
    pub fn new(text: &str) -> Result<Self, InvalidAdminKey> {
        if text.chars().count() < Self::MIN_CHARACTERS {
            return Err(InvalidAdminKey::TooShort);
        }
        let can_be_sent = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if text.trim() != text || !text.bytes().all(can_be_sent) {
            return Err(InvalidAdminKey::CannotBeSent);
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
        assert_eq!(
            AdminKey::new("short").unwrap_err(),
            InvalidAdminKey::TooShort
        );
        for unusable in [
            "schlüssel für den betreiber",
            " correct horse battery staple",
            "correct horse battery staple\n",
        ] {
            let error = AdminKey::new(unusable).unwrap_err();
            assert_eq!(error, InvalidAdminKey::CannotBeSent, "{unusable}");
        }
    }
}
