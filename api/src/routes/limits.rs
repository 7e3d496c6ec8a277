//! What an upload may be. The client and the proxy take their limits from here.

use actix_web::http::header::{CACHE_CONTROL, CacheControl, CacheDirective};
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::config::Limits;
use crate::domain::{AltText, MediaType, Uploader};

/// What an upload may be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LimitsBody {
    /// Length of the file in bytes. A file of exactly this length is taken.
    #[schema(example = 1_048_576)]
    max_upload_bytes: u64,
    /// Width times height.
    #[schema(example = 40_000_000)]
    max_pixels: u64,
    /// The longer of width and height, in pixels.
    #[schema(example = 16_384)]
    max_side: u32,
    /// The media types that are taken.
    media_types: Vec<MediaTypeBody>,
    /// Characters in the uploader's name, after trimming.
    #[schema(example = 100)]
    max_uploader_characters: usize,
    /// Characters in the description, after trimming.
    #[schema(example = 500)]
    max_alt_characters: usize,
}

/// A media type that is taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MediaTypeBody {
    /// Its registered name.
    #[schema(example = "image/jpeg")]
    media_type: &'static str,
    /// Extensions that such files commonly carry, for a file chooser. The service decides by content.
    #[schema(example = json!(["jpg", "jpeg"]))]
    extensions: &'static [&'static str],
}

/// What an upload may be
#[utoipa::path(
    get,
    path = "/api/v1/limits",
    operation_id = "get_limits",
    tag = "service",
    responses((status = 200, description = "The limits", body = LimitsBody))
)]
pub(super) async fn get_limits(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, CacheControl(vec![CacheDirective::NoCache])))
        .json(LimitsBody::from(&api.limits))
}

impl From<&Limits> for LimitsBody {
    fn from(limits: &Limits) -> Self {
        let media_types = MediaType::ALL.into_iter().map(|media_type| MediaTypeBody {
            media_type: media_type.name(),
            extensions: media_type.extensions(),
        });
        Self {
            max_upload_bytes: limits.max_upload_bytes,
            max_pixels: limits.pixels.max_pixels,
            max_side: limits.pixels.max_side,
            media_types: media_types.collect(),
            max_uploader_characters: Uploader::MAX_CHARACTERS,
            max_alt_characters: AltText::MAX_CHARACTERS,
        }
    }
}

/// The default limits, for the OpenAPI document.
pub(super) fn example() -> serde_json::Value {
    serde_json::to_value(LimitsBody::from(&Limits::default())).unwrap_or_default()
}
