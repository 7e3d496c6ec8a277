//! The placeholder of an image.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A picture of an image in a few bytes, blurred beyond recognition, to be shown while the image loads
/// (<https://evanw.github.io/thumbhash/>). Written as base64 (RFC 4648, section 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ThumbHash(Vec<u8>);

/// The bytes or the text are no `ThumbHash`.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "a ThumbHash has {} to {} bytes, written as base64",
    ThumbHash::SHORTEST,
    ThumbHash::LONGEST
)]
pub struct InvalidThumbHash;

impl ThumbHash {
    /// The least number of bytes: the header alone.
    pub const SHORTEST: usize = 5;
    /// The greatest number of bytes, which are 36 characters of base64.
    pub const LONGEST: usize = 25;

    /// Takes the bytes that an encoder made.
    ///
    /// # Errors
    /// [`InvalidThumbHash`] for too few or too many of them.
    pub fn new(bytes: Vec<u8>) -> Result<Self, InvalidThumbHash> {
        if (Self::SHORTEST..=Self::LONGEST).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(InvalidThumbHash)
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for ThumbHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(&self.0))
    }
}

impl FromStr for ThumbHash {
    type Err = InvalidThumbHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(STANDARD.decode(text).map_err(|_| InvalidThumbHash)?)
    }
}

impl TryFrom<String> for ThumbHash {
    type Error = InvalidThumbHash;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ThumbHash> for String {
    fn from(hash: ThumbHash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_leads_back_to_it() {
        let hash = ThumbHash::new((0..25).collect()).unwrap();
        let text = hash.to_string();
        assert_eq!(text.len(), 36);
        assert_eq!(text.parse(), Ok(hash));
    }

    #[test]
    fn what_no_encoder_makes_is_refused() {
        assert_eq!(ThumbHash::new(vec![0; 4]), Err(InvalidThumbHash));
        assert_eq!(ThumbHash::new(vec![0; 26]), Err(InvalidThumbHash));
        for text in ["", "!", "AAAA", "data:image/png;base64,AAAA"] {
            assert_eq!(text.parse::<ThumbHash>(), Err(InvalidThumbHash), "{text}");
        }
    }
}
