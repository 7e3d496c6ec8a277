//! The kinds of image that the service takes.

use serde::{Deserialize, Serialize};

/// A media type (RFC 6838) that the service takes. Found from content, never from the client's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MediaType {
    /// JPEG (ITU T.81).
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// PNG and APNG (W3C PNG, third edition).
    #[serde(rename = "image/png")]
    Png,
    /// GIF87a and GIF89a.
    #[serde(rename = "image/gif")]
    Gif,
    /// WebP (RFC 9649).
    #[serde(rename = "image/webp")]
    Webp,
}

impl MediaType {
    /// Every media type, in the order in which they are listed to people.
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::Png, Self::Gif, Self::Webp];

    /// The registered name, as in `Content-Type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// The extension that links, local copies and object keys carry, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        self.extensions()[0]
    }

    /// Every extension that files of this type commonly carry, without the dot.
    #[must_use]
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Png => &["png"],
            Self::Gif => &["gif"],
            Self::Webp => &["webp"],
        }
    }

    /// The media type with this registered name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.name() == name)
    }

    /// The media type whose links carry this extension.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|each| each.extension() == extension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_extensions_lead_back_to_their_media_type() {
        for media_type in MediaType::ALL {
            assert_eq!(MediaType::from_name(media_type.name()), Some(media_type));
            assert_eq!(
                MediaType::from_extension(media_type.extension()),
                Some(media_type)
            );
        }
        assert_eq!(MediaType::from_name("image/svg+xml"), None);
        assert_eq!(MediaType::from_extension("jpeg"), None, "one link an image");
    }
}
