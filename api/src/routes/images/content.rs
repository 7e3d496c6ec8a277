//! `GET /i/{id}.{ext}`: the bytes of an image.

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};

use super::sent_file::{Representation, SentFile};
use crate::domain::{ImageId, MediaType};
use crate::images::Content;
use crate::routes::{Api, ApiError, ErrorCode};

/// The address of an image's bytes.
pub(in crate::routes) const PATH: &str = "/i/{name}";

/// The bytes of an image
#[utoipa::path(
    get,
    path = "/i/{name}",
    operation_id = "get_image_content",
    tag = "images",
    params(
        ("name" = String, Path, description = "The id of the image, a dot and the extension of its type",
            example = "019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70.jpg"),
        ("Range" = Option<String>, Header, description = "One range of bytes", example = "bytes=0-1023"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer"),
    ),
    responses(
        (status = 200, description = "The whole image",
            content(
                (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/gif"), (Vec<u8> = "image/webp")
            ),
            headers(("ETag" = String, description = "The SHA-256 of the image"))),
        (status = 206, description = "The range that was asked for",
            content(
                (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/gif"), (Vec<u8> = "image/webp")
            ),
            headers(("Content-Range" = String, description = "Which bytes these are"))),
        (status = 302, description = "This host has no copy; the object in S3 is at `Location`",
            headers(("Location" = String, description = "The public URL of the object"))),
        (status = 304, description = "The client has the image already"),
    )
)]
pub(crate) async fn get_image_content(
    request: HttpRequest,
    name: web::Path<String>,
    api: web::Data<Api>,
) -> Result<HttpResponse, ApiError> {
    let (id, media_type) = parse_name(&name)?;
    // A client that has it needs neither the file nor, a moment after somebody else asked, the database.
    if let Some(image) = api.images.known_at_once(id, media_type)
        && let Some(answer) =
            Representation::original(id, media_type, image.sha256, None).not_modified(&request)
    {
        return Ok(answer);
    }
    match api.images.content(id, media_type).await? {
        Content::Object { url } => Ok(HttpResponse::Found()
            .insert_header((LOCATION, url))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .finish()),
        Content::Local {
            file,
            size_bytes,
            sha256,
            key,
            id,
            file_name,
        } => {
            let file = SentFile {
                representation: Representation::original(id, media_type, sha256, file_name),
                file,
                size_bytes,
                path: Some(key.local_path()),
            };
            file.answer(&request, &api)
        }
    }
}

fn parse_name(name: &str) -> Result<(ImageId, MediaType), ApiError> {
    let not_found = || ApiError::plain(ErrorCode::ImageNotFound);
    let (id, extension) = name.split_once('.').ok_or_else(not_found)?;
    let media_type = MediaType::from_extension(extension).ok_or_else(not_found)?;
    Ok((id.parse().map_err(|_| not_found())?, media_type))
}
