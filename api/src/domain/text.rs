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

/// Control characters, separators of lines and paragraphs, interlinear annotations, and the bidirectional
/// overrides with which a text can pose as another (Unicode Technical Report 36, section 3.3.3).
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fff9}'..='\u{fffb}'
        )
}

/// Characters that leave no mark by themselves (`Default_Ignorable_Code_Point`, as far as it is not control).
/// They belong into emoji and many scripts, but a text of nothing else looks empty.
fn is_invisible(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
                | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

fn parse(raw: &str, max: usize) -> Result<String, InvalidText> {
    let text = normalise(raw);
    let found = text.chars().count();
    if text.chars().all(is_invisible) {
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

/// The same for a text that may be left out: an empty one is none.
fn parse_optional(raw: &str, max: usize) -> Result<Option<String>, InvalidText> {
    match parse(raw, max) {
        Err(InvalidText::Empty) => Ok(None),
        parsed => parsed.map(Some),
    }
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
        let line = raw.replace(['\r', '\n', '\t'], " ");
        Ok(parse_optional(&line, Self::MAX_CHARACTERS)?.map(Self))
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

/// Why a content is blocked, for whoever uploads it: 1 to 500 characters, trimmed, in NFC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockReason(String);

impl BlockReason {
    /// The most characters that a reason may have.
    pub const MAX_CHARACTERS: usize = 500;

    /// Takes a reason. An empty one is none.
    ///
    /// # Errors
    /// [`InvalidText`] says what is wrong with it.
    pub fn parse(raw: &str) -> Result<Option<Self>, InvalidText> {
        Ok(parse_optional(raw, Self::MAX_CHARACTERS)?.map(Self))
    }

    /// Takes a reason back from where it was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The reason.
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
        // Of dots alone are the names of folders.
        let says_nothing = name.chars().all(|each| each == '.' || is_invisible(each));
        (!says_nothing).then(|| Self(name.to_owned()))
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
            ("Ada\u{2028}Eve", InvalidText::ControlCharacter),
            ("Ada\u{fff9}", InvalidText::ControlCharacter),
            ("\u{200b}\u{2060}\u{feff}", InvalidText::Empty),
            ("\u{200d} \u{3164}", InvalidText::Empty),
        ];
        for (raw, expected) in rows {
            assert_eq!(Uploader::parse(raw), Err(expected), "{raw:?}");
        }
    }

    #[test]
    fn marks_that_belong_into_scripts_and_emoji_stay() {
        for name in ["👩\u{200d}💻", "نام\u{200c}ها", "\u{200f}שם", "☂\u{fe0f}"] {
            assert_eq!(Uploader::parse(name).expect("a name").as_str(), name);
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
            (".", None),
            ("folder/..", None),
            ("\u{200b}\u{feff}", None),
        ];
        for (raw, expected) in rows {
            let name = FileName::clean(raw);
            assert_eq!(name.as_ref().map(FileName::as_str), expected, "{raw:?}");
        }
        let long = FileName::clean(&"é".repeat(400)).expect("cut, not refused");
        assert_eq!(long.as_str().chars().count(), 255);
    }
}
