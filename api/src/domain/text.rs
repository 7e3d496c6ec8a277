//! What people write: names and descriptions, made safe to store and show.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// Why a text was refused. The message completes "the field …".
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidText {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// More characters than allowed.
    #[error("must have at most {max} characters, but has {found}")]
    TooLong {
        /// The most characters that are taken.
        max: usize,
        /// How many there were, after trimming.
        found: usize,
    },
    /// Control characters, or those that turn the direction of the text around them.
    #[error("must not contain control characters")]
    ControlCharacter,
}

/// NFC (Unicode Standard Annex 15), so that equal names compare equal, and trimmed.
fn normalise(raw: &str) -> String {
    raw.trim().nfc().collect()
}

/// Control characters, and the bidirectional overrides with which a text can pose as another
/// (Unicode Technical Report 36, section 3.3.3).
fn is_control(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn parse(raw: &str, max: usize) -> Result<String, InvalidText> {
    let text = normalise(raw);
    let found = text.chars().count();
    if found == 0 {
        return Err(InvalidText::Empty);
    }
    if found > max {
        return Err(InvalidText::TooLong { max, found });
    }
    if text.chars().any(is_control) {
        return Err(InvalidText::ControlCharacter);
    }
    Ok(text)
}

/// The name of the person or program that uploads: 1 to 100 characters, trimmed, in NFC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uploader(String);

impl Uploader {
    /// The most characters that a name may have.
    pub const MAX_CHARACTERS: usize = 100;

    /// Takes a name.
    ///
    /// # Errors
    /// [`InvalidText`] says what is wrong with it.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        parse(raw, Self::MAX_CHARACTERS).map(Self)
    }

    /// Takes a name back from where it was stored.
    #[must_use]
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uploader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an image shows, for those who cannot see it: 1 to 500 characters, trimmed, in NFC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AltText(String);

impl AltText {
    /// The most characters that a description may have.
    pub const MAX_CHARACTERS: usize = 500;

    /// Takes a description. An empty one is none; line breaks and tabs become spaces.
    ///
    /// # Errors
    /// [`InvalidText`] says what is wrong with it.
    pub fn parse(raw: &str) -> Result<Option<Self>, InvalidText> {
        match parse(&raw.replace(['\r', '\n', '\t'], " "), Self::MAX_CHARACTERS) {
            Ok(text) => Ok(Some(Self(text))),
            Err(InvalidText::Empty) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes a description back from where it was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The description.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the uploader's file was called: the last part of a path, at most 255 characters.
/// It is shown, and never used to find anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileName(String);

impl FileName {
    /// Longer names are cut; nobody is refused for the name of a file.
    pub const MAX_CHARACTERS: usize = 255;

    /// Takes what the client sent, without folders and without control characters.
    /// `None` when nothing is left.
    #[must_use]
    pub fn clean(raw: &str) -> Option<Self> {
        let last = raw.rsplit(['/', '\\']).next().unwrap_or_default();
        let kept: String = last.chars().filter(|&each| !is_control(each)).collect();
        let cut: String = normalise(&kept)
            .chars()
            .take(Self::MAX_CHARACTERS)
            .collect();
        let name = cut.trim();
        (!name.is_empty()).then(|| Self(name.to_owned()))
    }

    /// Takes a name back from where it was stored.
    #[must_use]
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_composed() {
        let decomposed = Uploader::parse("  Jose\u{301} \n").expect("a name");
        assert_eq!(decomposed.as_str(), "José");
    }

    #[test]
    fn names_are_counted_in_characters_not_in_bytes() {
        assert!(Uploader::parse(&"ü".repeat(100)).is_ok());
        assert!(Uploader::parse(&"🦀".repeat(100)).is_ok());
        assert_eq!(
            Uploader::parse(&"ü".repeat(101)),
            Err(InvalidText::TooLong {
                max: 100,
                found: 101
            })
        );
    }

    #[test]
    fn names_that_cannot_be_shown_are_refused() {
        let rows = [
            ("", InvalidText::Empty),
            (" \t ", InvalidText::Empty),
            ("a\0b", InvalidText::ControlCharacter),
            ("a\nb", InvalidText::ControlCharacter),
            ("Ada\u{202e}gpj.exe", InvalidText::ControlCharacter),
        ];
        for (raw, expected) in rows {
            assert_eq!(Uploader::parse(raw), Err(expected), "{raw:?}");
        }
    }

    #[test]
    fn an_empty_description_is_none_and_line_breaks_become_spaces() {
        assert_eq!(AltText::parse("  "), Ok(None));
        let text = AltText::parse("a cat\r\non a mat")
            .expect("valid")
            .expect("some");
        assert_eq!(text.as_str(), "a cat  on a mat");
        assert!(AltText::parse(&"x".repeat(501)).is_err());
    }

    #[test]
    fn file_names_lose_folders_and_control_characters_but_are_never_refused() {
        let rows = [
            ("cat.png", Some("cat.png")),
            ("C:\\fakepath\\cat.png", Some("cat.png")),
            ("../../etc/passwd", Some("passwd")),
            ("a\0\u{202e}b.png", Some("ab.png")),
            ("", None),
            ("folder/", None),
        ];
        for (raw, expected) in rows {
            let name = FileName::clean(raw);
            assert_eq!(name.as_ref().map(FileName::as_str), expected, "{raw:?}");
        }
        let long = FileName::clean(&"é".repeat(400)).expect("cut, not refused");
        assert_eq!(long.as_str().chars().count(), 255);
    }
}
