//! `DELETE /api/v1/images/{id}`

use actix_web::{HttpRequest, HttpResponse, web};
use url::form_urlencoded;

use super::{bearer_token, parse_id};
use crate::domain::BlockReason;
use crate::routes::{Api, ApiError, ErrorCode, FieldError};

/// Delete an image
///
/// Needs the image's own delete token, or the admin key. The image is gone for good: from this host, from
/// S3 and from lists; its address answers 410 from then on. With `purge=true`, which needs the admin key, its
/// content cannot be uploaded again either.
#[utoipa::path(
    delete,
    path = "/api/v1/images/{id}",
    operation_id = "delete_image",
    tag = "images",
    security(("delete_token" = []), ("admin_key" = [])),
    params(
        ("id" = String, Path, description = "The id of the image", example = "019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70"),
        ("purge" = Option<bool>, Query,
            description = "`true` blocks the content as well: uploading it again answers 451. Works on a deleted \
                image, too"),
        ("reason" = Option<String>, Query, max_length = 500,
            description = "With `purge=true`: why, for whoever uploads the content again"),
    ),
    responses((status = 204, description = "The image is deleted"))
)]
pub(crate) async fn delete_image(
    request: HttpRequest,
    id: web::Path<String>,
    api: web::Data<Api>,
) -> Result<HttpResponse, ApiError> {
    let token = bearer_token(&request);
    match parse_query(request.query_string())? {
        Deletion::Purge { reason } => {
            api.images.purge(parse_id(&id)?, token, reason).await?;
        }
        Deletion::Delete => {
            let token = token.ok_or_else(|| ApiError::unauthorized(ErrorCode::TokenMissing))?;
            api.images.remove(parse_id(&id)?, token.to_owned()).await?;
        }
    }
    Ok(HttpResponse::NoContent().finish())
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Deletion {
    Delete,
    Purge { reason: Option<BlockReason> },
}

/// Parameters that are not known are ignored, as in lists. A `purge` that is neither true nor false is an
/// error: it must not be taken for a plain delete.
fn parse_query(query: &str) -> Result<Deletion, ApiError> {
    let mut purge: Option<bool> = None;
    let mut reason: Option<Option<BlockReason>> = None;
    let mut errors = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let result = match &*name {
            "purge" if purge.is_some() => Err("must be given only once".to_owned()),
            "purge" => value
                .parse()
                .map(|parsed| purge = Some(parsed))
                .map_err(|_| "must be true or false".to_owned()),
            "reason" if reason.is_some() => Err("must be given only once".to_owned()),
            "reason" => BlockReason::parse(&value)
                .map(|parsed| reason = Some(parsed))
                .map_err(|error| error.to_string()),
            _ => Ok(()),
        };
        if let Err(detail) = result {
            errors.push(FieldError::new(&name, detail));
        }
    }
    if !errors.is_empty() {
        return Err(ApiError::fields(ErrorCode::QueryInvalid, errors));
    }
    Ok(match purge {
        Some(true) => Deletion::Purge {
            reason: reason.flatten(),
        },
        Some(false) | None => Deletion::Delete,
    })
}
