//! What an upload may be. The client and the proxy take their limits from here.

use std::collections::BTreeMap;

use actix_web::http::header::{CACHE_CONTROL, CacheControl, CacheDirective};
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::config::Limits;
use crate::domain::{Access, AltText, MediaType, Uploader, Variant, VariantSizes};

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
    /// Frames of an animation.
    #[schema(example = 1_000)]
    max_frames: u32,
    /// Width times height times frames of an animation.
    #[schema(example = 400_000_000)]
    max_animation_pixels: u64,
    /// The media types that are taken.
    media_types: Vec<MediaTypeBody>,
    /// Characters in the uploader's name, after trimming.
    #[schema(example = 100)]
    max_uploader_characters: usize,
    /// Characters in the description, after trimming.
    #[schema(example = 500)]
    max_alt_characters: usize,
    /// The longer side of each smaller version of an image, in pixels. None is larger than the image.
    #[schema(example = json!({"thumb": 320, "small": 640, "medium": 1280}))]
    variant_sizes: BTreeMap<&'static str, u32>,
    /// Whether uploads need a key: `Authorization: Bearer <upload key>`.
    upload_key_required: bool,
    /// Whether everybody may list images, and not only the operator.
    public_listing: bool,
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
        .json(LimitsBody::new(
            &api.limits,
            api.images.access(),
            api.images.variant_sizes(),
        ))
}

impl LimitsBody {
    fn new(limits: &Limits, access: &Access, sizes: VariantSizes) -> Self {
        let media_types = MediaType::ALL.into_iter().map(|media_type| MediaTypeBody {
            media_type: media_type.name(),
            extensions: media_type.extensions(),
        });
        Self {
            max_upload_bytes: limits.max_upload_bytes,
            max_pixels: limits.image.max_pixels,
            max_side: limits.image.max_side,
            max_frames: limits.image.max_frames,
            max_animation_pixels: limits.image.max_animation_pixels,
            media_types: media_types.collect(),
            max_uploader_characters: Uploader::MAX_CHARACTERS,
            max_alt_characters: AltText::MAX_CHARACTERS,
            variant_sizes: Variant::ALL
                .into_iter()
                .map(|variant| (variant.name(), sizes.longer_side(variant)))
                .collect(),
            upload_key_required: access.upload_keys.is_some(),
            public_listing: access.public_listing,
        }
    }
}

/// The default limits, for the OpenAPI document.
pub(super) fn example() -> serde_json::Value {
    serde_json::to_value(LimitsBody::new(
        &Limits::default(),
        &Access::default(),
        VariantSizes::default(),
    ))
    .unwrap_or_default()
}
