//! What is stored with an object, so that its record can be rebuilt when the database is lost.
//!
//! It travels as one entry of the object's user metadata, `x-amz-meta-record`: the base64url (RFC 4648, without
//! padding) of compact JSON. Whoever may read the object may read it, so it holds nothing that the public record
//! does not show.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::domain::{AltText, Checksum, FileName, Image, Uploader};

/// S3 takes 2 KB of user metadata in all, names and values
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>).
const MAX_USER_METADATA: usize = 2048;
const MAX_ENCODED: usize = MAX_USER_METADATA - "x-amz-meta-".len() - ObjectMetadata::NAME.len();
/// Base64 makes four characters of three bytes.
const MAX_JSON: usize = MAX_ENCODED / 4 * 3;

/// What an object says of its image, beside its key, its type and its length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectMetadata {
    /// Who uploaded it.
    pub uploader: Uploader,
    /// What it shows, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<AltText>,
    /// Whether the description was longer than what fits here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alt_cut: bool,
    /// What the uploader's file was called. `None` also when it did not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<FileName>,
    /// Width in pixels, as the picture is shown.
    pub width: u32,
    /// Height in pixels, as the picture is shown.
    pub height: u32,
    /// SHA-256 of the object's bytes.
    pub sha256: Checksum,
    /// SHA-256 of the file as it was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_sha256: Option<Checksum>,
}

/// The text is not what [`ObjectMetadata::encode`] writes.
#[derive(Debug, thiserror::Error)]
#[error("the object's metadata cannot be read: {0}")]
pub struct InvalidObjectMetadata(String);

impl ObjectMetadata {
    /// The entry's name within the user metadata, where the SDK leaves out `x-amz-meta-`.
    pub const NAME: &str = "record";

    /// As much of what is known of the image as S3 takes: where that is not all, the file name is left out
    /// first, then the description is cut.
    #[must_use]
    pub fn of(image: &Image) -> Self {
        let mut metadata = Self {
            uploader: image.uploader.clone(),
            alt: image.alt.clone(),
            alt_cut: false,
            file_name: image.file_name.clone(),
            width: image.width,
            height: image.height,
            sha256: image.sha256,
            received_sha256: image.received_sha256,
        };
        if metadata.json().len() > MAX_JSON {
            metadata.file_name = None;
        }
        if metadata.json().len() > MAX_JSON
            && let Some(alt) = metadata.alt.take()
        {
            metadata.alt_cut = true;
            let with_empty_alt = metadata.json().len() + r#""alt":"","#.len();
            let kept = beginning(alt.as_str(), MAX_JSON.saturating_sub(with_empty_alt));
            // Parsed again, as the cut may have left a space at the end.
            metadata.alt = AltText::parse(kept).unwrap_or_default();
        }
        metadata
    }

    /// The entry's value.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.json())
    }

    /// Reads an entry's value. Fields that this version does not know are left out.
    ///
    /// # Errors
    /// [`InvalidObjectMetadata`], also for names and descriptions that no upload could have had: others than
    /// the service may write to the bucket.
    pub fn decode(text: &str) -> Result<Self, InvalidObjectMetadata> {
        let invalid = |reason: &dyn std::fmt::Display| InvalidObjectMetadata(reason.to_string());
        let json = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|error| invalid(&error))?;
        let metadata: Self = serde_json::from_slice(&json).map_err(|error| invalid(&error))?;
        let uploader = Uploader::parse(metadata.uploader.as_str());
        if uploader.as_ref() != Ok(&metadata.uploader) {
            return Err(invalid(&"the uploader's name is none"));
        }
        if let Some(alt) = &metadata.alt
            && AltText::parse(alt.as_str()).as_ref() != Ok(&metadata.alt)
        {
            return Err(invalid(&"the description is none"));
        }
        if let Some(name) = &metadata.file_name
            && FileName::clean(name.as_str()) != metadata.file_name
        {
            return Err(invalid(&"the file's name is none"));
        }
        Ok(metadata)
    }

    fn json(&self) -> String {
        // Only maps with keys other than strings and failing `Serialize` cannot be written; there are none here.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The longest beginning of `text` that takes at most `room` bytes in JSON, cut between characters.
fn beginning(text: &str, room: usize) -> &str {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += match character {
            '"' | '\\' => 2,
            '\0'..='\u{1f}' => 6,
            _ => character.len_utf8(),
        };
        if used > room {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{ImageId, MediaType};

    fn image(uploader: &str, alt: &str, file_name: &str) -> Image {
        let id = ImageId::generate();
        Image {
            id,
            uploader: Uploader::parse(uploader).unwrap(),
            alt: AltText::parse(alt).unwrap(),
            file_name: FileName::clean(file_name),
            media_type: MediaType::Png,
            size_bytes: 3,
            width: 640,
            height: 480,
            sha256: Checksum::of(b"published"),
            received_sha256: Some(Checksum::of(b"received")),
            object_key: format!("images/{id}.png"),
            url: format!("http://localhost/images/{id}.png"),
            idempotency_key: Some(
                "0192f1a0-6d5e-7c3b-9a4f-2b1c0d9e8f70"
                    .parse::<crate::domain::IdempotencyKey>()
                    .unwrap()
                    .hash(),
            ),
            stored_at: None,
            thumbhash: None,
        }
    }

    fn whole_size(metadata: &ObjectMetadata) -> usize {
        "x-amz-meta-record".len() + metadata.encode().len()
    }

    #[test]
    fn a_record_that_fits_is_kept_whole_but_for_its_idempotency_key() {
        let image = image("Ada 💾", "A \"quoted\" tree", "tree.png");
        let encoded = ObjectMetadata::of(&image).encode();
        let header = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(encoded.bytes().all(header), "{encoded}");
        let json = String::from_utf8(URL_SAFE_NO_PAD.decode(&encoded).unwrap()).unwrap();
        assert_eq!(
            json,
            format!(
                r#"{{"uploader":"Ada 💾","alt":"A \"quoted\" tree","file_name":"tree.png","width":640,"height":480,"sha256":"{}","received_sha256":"{}"}}"#,
                Checksum::of(b"published"),
                Checksum::of(b"received"),
            )
        );
        let decoded = ObjectMetadata::decode(&encoded).unwrap();
        assert_eq!(decoded, ObjectMetadata::of(&image));
        assert_eq!(decoded.file_name, image.file_name);
    }

    #[test]
    fn what_is_too_long_loses_its_file_name_first() {
        let image = image("Ada", &"a".repeat(500), &"💾".repeat(255));
        let metadata = ObjectMetadata::of(&image);
        assert_eq!((metadata.file_name, metadata.alt_cut), (None, false));
        assert_eq!(metadata.alt, image.alt);
    }

    #[test]
    fn a_description_that_does_not_fit_is_cut_as_late_as_can_be() {
        let image = image(&"💾".repeat(100), &"\"💾".repeat(250), "tree.png");
        let metadata = ObjectMetadata::of(&image);
        assert!(metadata.alt_cut);
        let kept = metadata.alt.as_ref().unwrap().as_str().to_owned();
        assert!(image.alt.as_ref().unwrap().as_str().starts_with(&kept));
        assert!((MAX_USER_METADATA - 12..=MAX_USER_METADATA).contains(&whole_size(&metadata)));
    }

    #[test]
    fn a_cut_before_a_space_leaves_no_space_at_the_end() {
        for shift in 0..8 {
            let alt = format!("{}{}", "x".repeat(shift), "💾    ".repeat(99));
            let image = image(&"💾".repeat(100), &alt[..alt.len() - 4], "");
            let metadata = ObjectMetadata::of(&image);
            assert_eq!(
                ObjectMetadata::decode(&metadata.encode()).unwrap(),
                metadata
            );
        }
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let checksum = Checksum::of(b"");
        let json = |uploader: &str, rest: &str| {
            URL_SAFE_NO_PAD.encode(format!(
                r#"{{"uploader":"{uploader}","width":1,"height":1,"sha256":"{checksum}"{rest}}}"#
            ))
        };
        assert!(ObjectMetadata::decode(&json("Ada", "")).is_ok());
        assert!(ObjectMetadata::decode(&json("Ada", r#","new":1"#)).is_ok());
        for (text, reason) in [
            (String::new(), "empty"),
            ("*".to_owned(), "no base64"),
            (URL_SAFE_NO_PAD.encode("{"), "no JSON"),
            (URL_SAFE_NO_PAD.encode("{}"), "nothing in it"),
            (json(" ", ""), "no name"),
            (json("\\u202eAda", ""), "a name that turns the text"),
            (json(&"a".repeat(101), ""), "a long name"),
            (json("Ada", r#","alt":" x""#), "not trimmed"),
            (json("Ada", r#","file_name":"../x""#), "a path"),
            (json("Ada", r#","received_sha256":"00""#), "no checksum"),
        ] {
            assert!(ObjectMetadata::decode(&text).is_err(), "{reason}");
        }
    }

    /// One, two, three and four bytes long, some of which JSON escapes.
    const CHARACTER: &str = r#"[a-c "\\é漢💾]"#;

    proptest! {
        #[test]
        fn it_always_fits_and_comes_back_as_it_was(
            uploader in format!("{CHARACTER}{{1,100}}").as_str(),
            alt in format!("{CHARACTER}{{0,500}}").as_str(),
            file_name in format!("{CHARACTER}{{0,300}}").as_str(),
        ) {
            prop_assume!(Uploader::parse(&uploader).is_ok());
            let image = image(&uploader, &alt, &file_name);
            let metadata = ObjectMetadata::of(&image);
            prop_assert!(whole_size(&metadata) <= MAX_USER_METADATA);
            prop_assert_eq!(&metadata.uploader, &image.uploader);
            prop_assert_eq!(metadata.alt_cut, metadata.alt != image.alt);
            prop_assert_eq!(ObjectMetadata::decode(&metadata.encode()).unwrap(), metadata);
        }
    }
}
