//! `DELETE /api/v1/images/{id}`

use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};

use super::parse_id;
use crate::routes::{Api, ApiError, ErrorCode};

/// Delete an image
///
/// Needs the image's own delete token, or the admin key. The image is gone for good: from this host, from
/// S3 and from lists; its address answers 410 from then on.
#[utoipa::path(
    delete,
    path = "/api/v1/images/{id}",
    operation_id = "delete_image",
    tag = "images",
    security(("delete_token" = [])),
    params(("id" = String, Path, description = "The id of the image", example = "019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70")),
    responses((status = 204, description = "The image is deleted"))
)]
pub(crate) async fn delete_image(
    request: HttpRequest,
    id: web::Path<String>,
    api: web::Data<Api>,
) -> Result<HttpResponse, ApiError> {
    let token = bearer_token(&request).ok_or_else(|| {
        // RFC 6750, section 3.
        ApiError::plain(ErrorCode::TokenMissing)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    })?;
    api.images.remove(parse_id(&id)?, token).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1).
fn bearer_token(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}
