//! `GET /api/v1/images/{id}`

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use actix_web::{HttpRequest, HttpResponse, web};

use super::{ImageBody, client_has, parse_id};
use crate::domain::Checksum;
use crate::routes::{Api, ApiError};

/// One image
#[utoipa::path(
    get,
    path = "/api/v1/images/{id}",
    operation_id = "find_image",
    tag = "images",
    params(
        ("id" = String, Path, description = "The id of the image", example = "019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer"),
    ),
    responses(
        (status = 200, description = "The image", body = ImageBody,
            headers(("ETag" = String, description = "Changes with the answer"))),
        (status = 304, description = "Nothing has changed since the answer with that `ETag`"),
    )
)]
pub(crate) async fn find_image(
    request: HttpRequest,
    id: web::Path<String>,
    api: web::Data<Api>,
) -> Result<HttpResponse, ApiError> {
    let found = api.images.find(parse_id(&id)?).await?;
    let body = serde_json::to_string(&ImageBody::new(found, &api.public_url)).unwrap_or_default();
    let etag = format!("\"{}\"", Checksum::of(body.as_bytes()));
    let mut response = match client_has(request.headers(), &etag) {
        Some(true) => HttpResponse::NotModified(),
        _ => HttpResponse::Ok(),
    };
    // The state of storage changes, so caches have to ask.
    response
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ETAG, etag.clone()));
    if client_has(request.headers(), &etag) == Some(true) {
        return Ok(response.finish());
    }
    Ok(response
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(body))
}
