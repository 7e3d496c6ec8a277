//! `GET /i/{id}/{variant}`: a smaller version of an image.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::ToSchema;

use super::parse_id;
use super::sent_file::{Representation, SentFile};
use crate::domain::{ImageId, MediaType, Variant};
use crate::images::VariantContent;
use crate::routes::{Api, ApiError, ErrorCode, accept};

/// The address of a variant.
pub(in crate::routes) const PATH: &str = "/i/{id}/{variant}";

/// How large a version of an image is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(
    dead_code,
    reason = "describes `domain::Variant` in the OpenAPI document"
)]
enum VariantName {
    /// For grids of many images.
    Thumb,
    /// For a card, or a page on a phone.
    Small,
    /// For a page on a desktop.
    Medium,
}

/// A smaller version of an image
///
/// Made when it is first asked for, and never larger than the image. Its longer side has as many pixels as the
/// limits say (`variant_sizes`). Of an animation it shows the first frame. WebP is sent to clients whose `Accept`
/// names `image/webp`, where it is smaller; others get JPEG, or PNG if anything in the image is transparent.
#[utoipa::path(
    get,
    path = "/i/{id}/{variant}",
    operation_id = "get_image_variant",
    tag = "images",
    params(
        ("id" = String, Path, description = "The id of the image", example = "019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70"),
        ("variant" = inline(VariantName), Path, description = "How large it is", example = "thumb"),
        ("Accept" = Option<String>, Header, description = "Whether WebP is taken", example = "image/webp,*/*"),
        ("Range" = Option<String>, Header, description = "One range of bytes", example = "bytes=0-1023"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer"),
    ),
    responses(
        (status = 200, description = "The whole variant",
            content(
                (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/gif"), (Vec<u8> = "image/webp")
            ),
            headers(
                ("ETag" = String, description = "Changes with the bytes"),
                ("Vary" = String, description = "`Accept`"),
            )),
        (status = 206, description = "The range that was asked for",
            content(
                (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/gif"), (Vec<u8> = "image/webp")
            ),
            headers(("Content-Range" = String, description = "Which bytes these are"))),
        (status = 304, description = "The client has the variant already"),
    )
)]
pub(crate) async fn get_image_variant(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    api: web::Data<Api>,
) -> Result<HttpResponse, ApiError> {
    let (id, variant) = path.into_inner();
    let variant =
        Variant::from_name(&variant).ok_or_else(|| ApiError::plain(ErrorCode::RouteNotFound))?;
    let id = parse_id(&id)?;
    let accepts_webp = accept::names(request.headers(), MediaType::Webp);
    let content = api.images.variant(id, variant, accepts_webp).await?;
    let VariantContent {
        file,
        size_bytes,
        media_type,
        checksum,
        path,
        id,
        file_name,
    } = content;
    let file = SentFile {
        representation: Representation::variant(id, media_type, &checksum, file_name),
        file,
        size_bytes,
        path,
    };
    file.answer(&request, &api)
}

/// The links of an image's variants, by their names.
pub(super) fn links(id: ImageId, public_url: &str) -> BTreeMap<&'static str, String> {
    Variant::ALL
        .into_iter()
        .map(|variant| (variant.name(), format!("{public_url}/i/{id}/{variant}")))
        .collect()
}
