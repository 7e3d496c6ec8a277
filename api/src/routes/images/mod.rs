//! The routes of images, and the JSON in which they are described.

pub(super) mod content;
pub(super) mod delete;
pub(super) mod find;
pub(super) mod list;
mod sent_file;
pub(super) mod upload;
pub(super) mod variant;

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::{ApiError, ErrorCode};
use crate::domain::{Image, ImageId, Storage, StorageState};
use crate::images::Found;

/// An image.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ImageBody {
    /// Its id, a UUIDv7.
    #[schema(example = "019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70")]
    id: String,
    /// Who uploaded it.
    #[schema(example = "Ada")]
    uploader: String,
    /// What it shows, in words.
    #[schema(example = "A cat on a mat")]
    alt: Option<String>,
    /// What the uploaded file was called.
    #[schema(example = "cat.jpg")]
    file_name: Option<String>,
    /// Its media type, found from its content.
    #[schema(example = "image/jpeg")]
    content_type: &'static str,
    /// Length in bytes.
    #[schema(example = 235_000)]
    size_bytes: u64,
    /// Width in pixels, as the picture is shown: an orientation from EXIF is applied.
    #[schema(example = 2000)]
    width: u32,
    /// Height in pixels, as the picture is shown: an orientation from EXIF is applied.
    #[schema(example = 1500)]
    height: u32,
    /// SHA-256 of the image's bytes as they are published, in hexadecimal.
    #[schema(example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    sha256: String,
    /// SHA-256 of the file as it was received, in hexadecimal. Differs from `sha256` when metadata was
    /// removed or bytes behind the image were cut off.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    received_sha256: String,
    /// When it was taken in (RFC 3339, UTC).
    #[serde(serialize_with = "rfc_3339")]
    #[schema(example = "2026-11-22T10:15:00.000Z")]
    created_at: DateTime<Utc>,
    /// The public URL of the object in S3. Works once `storage.s3` is `stored`.
    #[schema(
        example = "https://pictures.s3.eu-west-1.amazonaws.com/images/019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70.jpg"
    )]
    url: String,
    /// The canonical link. Works from the first moment and outlives the bucket.
    #[schema(example = "https://images.example.org/i/019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70.jpg")]
    link: String,
    /// Links of smaller versions by their name: `thumb`, `small` and `medium`. They are made when they are first
    /// asked for.
    #[schema(example = json!({
        "medium": "https://images.example.org/i/019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70/medium",
        "small": "https://images.example.org/i/019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70/small",
        "thumb": "https://images.example.org/i/019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70/thumb",
    }))]
    variants: BTreeMap<&'static str, String>,
    /// A `ThumbHash`, base64: the image in a few bytes, blurred, to be shown while it loads
    /// (<https://evanw.github.io/thumbhash/>). `null`: no variant has been asked for yet.
    #[schema(example = "1QcSHQRnh493V4dIh4eXh1h4kJUI")]
    thumbhash: Option<String>,
    /// Where its copies and its record stand.
    storage: StorageBody,
}

/// Where the copies of an image and its record stand.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct StorageBody {
    /// The local copy on the host that answers.
    local: StorageStateBody,
    /// The object in S3.
    s3: StorageStateBody,
    /// The record in the database.
    record: StorageStateBody,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StorageStateBody {
    /// It is there.
    Stored,
    /// It is owed and will follow without anybody's help.
    Pending,
    /// Another host has it.
    Absent,
}

impl From<StorageState> for StorageStateBody {
    fn from(state: StorageState) -> Self {
        match state {
            StorageState::Stored => Self::Stored,
            StorageState::Pending => Self::Pending,
            StorageState::Absent => Self::Absent,
        }
    }
}

impl ImageBody {
    fn new(found: Found, public_url: &str) -> Self {
        let Found { image, storage } = found;
        let Storage { local, s3, record } = storage;
        Self {
            link: link(&image, public_url),
            variants: variant::links(image.id, public_url),
            received_sha256: image.received_sha256().to_string(),
            id: image.id.to_string(),
            created_at: image.created_at(),
            uploader: image.uploader.as_str().to_owned(),
            thumbhash: image.thumbhash.map(|hash| hash.to_string()),
            alt: image.alt.map(|text| text.as_str().to_owned()),
            file_name: image.file_name.map(|name| name.as_str().to_owned()),
            content_type: image.media_type.name(),
            size_bytes: image.size_bytes,
            width: image.width,
            height: image.height,
            sha256: image.sha256.to_string(),
            url: image.url,
            storage: StorageBody {
                local: local.into(),
                s3: s3.into(),
                record: record.into(),
            },
        }
    }
}

fn link(image: &Image, public_url: &str) -> String {
    format!(
        "{public_url}/i/{}.{}",
        image.id,
        image.media_type.extension()
    )
}

fn rfc_3339<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

/// An id from a path. What is no id is the id of no image.
fn parse_id(text: &str) -> Result<ImageId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::plain(ErrorCode::ImageNotFound))
}

/// The token or key of `Authorization: Bearer …` (RFC 6750, section 2.1). A request with several such headers
/// has none: which of them counts must not depend on who reads them.
fn bearer_token(request: &HttpRequest) -> Option<&str> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    let value = values.next()?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let fits = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
    (fits && values.next().is_none()).then_some(token)
}

/// The `ETag` of these bytes, and whether the client has them already (RFC 9110, section 13.1.2).
fn client_has(headers: &actix_web::http::header::HeaderMap, etag: &str) -> Option<bool> {
    let mut seen = false;
    for value in headers.get_all(actix_web::http::header::IF_NONE_MATCH) {
        seen = true;
        let Ok(list) = value.to_str() else { continue };
        let matches = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag;
        if list.split(',').map(str::trim).any(matches) {
            return Some(true);
        }
    }
    seen.then_some(false)
}

/// An image for the OpenAPI document.
pub(super) fn example() -> serde_json::Value {
    serde_json::to_value(example_body()).unwrap_or_default()
}

fn example_body() -> ImageBody {
    const ID: &str = "019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70";
    ImageBody {
        id: ID.to_owned(),
        uploader: "Ada".to_owned(),
        alt: Some("A cat on a mat".to_owned()),
        file_name: Some("cat.jpg".to_owned()),
        content_type: "image/jpeg",
        size_bytes: 235_000,
        width: 2000,
        height: 1500,
        sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(),
        received_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
            .to_owned(),
        created_at: ID.parse().map(ImageId::created_at).unwrap_or_default(),
        url: format!("https://pictures.s3.eu-west-1.amazonaws.com/images/{ID}.jpg"),
        link: format!("https://images.example.org/i/{ID}.jpg"),
        variants: ID
            .parse()
            .map(|id| variant::links(id, "https://images.example.org"))
            .unwrap_or_default(),
        thumbhash: Some("1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned()),
        storage: StorageBody {
            local: StorageStateBody::Stored,
            s3: StorageStateBody::Stored,
            record: StorageStateBody::Stored,
        },
    }
}
