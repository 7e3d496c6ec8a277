//! `GET /api/v1/images`

use actix_web::http::header::{CACHE_CONTROL, LINK};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;

use super::{ImageBody, bearer_token};
use crate::db::ListFilter;
use crate::domain::Uploader;
use crate::routes::{Api, ApiError, ErrorCode, FieldError};

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

/// A page of images.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListBody {
    /// The images, newest first.
    items: Vec<ImageBody>,
    /// Where the next page begins: send it as `cursor`. Null on the last page.
    #[schema(example = "019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70")]
    next_cursor: Option<String>,
}

/// Images, newest first
///
/// Pages stay stable while images are added. An image that is deleted in between is left out. Needs the admin
/// key where `public_listing` in the limits is false.
#[utoipa::path(
    get,
    path = "/api/v1/images",
    operation_id = "list_images",
    tag = "images",
    security((), ("admin_key" = [])),
    params(
        ("uploader" = Option<String>, Query, description = "Only the images of this uploader", example = "Ada",
            min_length = 1, max_length = 100),
        ("limit" = Option<u32>, Query, description = "How many images, 20 when left out", example = 20,
            minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of images", body = ListBody,
        headers(("Link" = String, description = "The next page, `rel=\"next\"` (RFC 8288), if there is one"))))
)]
pub(crate) async fn list_images(
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, ApiError> {
    let access = api.images.access();
    access
        .list(bearer_token(&request))
        .map_err(ApiError::admin_key)?;
    let Query { filter, limit } = parse_query(request.query_string())?;
    let uploader = filter.uploader.clone();
    let page = api.images.list(filter, limit).await?;
    let body = ListBody {
        items: page
            .items
            .into_iter()
            .map(|found| ImageBody::new(found, &api.public_url))
            .collect(),
        next_cursor: page.next.map(|id| id.to_string()),
    };
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-cache"));
    if let Some(cursor) = &body.next_cursor {
        let next = next_page(uploader.as_ref(), limit, cursor);
        response.insert_header((LINK, format!("<{next}>; rel=\"next\"")));
    }
    Ok(response.json(body))
}

struct Query {
    filter: ListFilter,
    limit: u32,
}

/// Parameters that are not known are ignored, as caches and proxies add some.
fn parse_query(query: &str) -> Result<Query, ApiError> {
    let mut parsed = Query {
        filter: ListFilter::default(),
        limit: DEFAULT_LIMIT,
    };
    let mut errors = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let result = match &*name {
            "limit" => parse_limit(&value).map(|limit| parsed.limit = limit),
            "cursor" => value
                .parse()
                .map(|id| parsed.filter.before = Some(id))
                .map_err(|_| "must be the next_cursor of an earlier answer".to_owned()),
            "uploader" => Uploader::parse(&value)
                .map(|uploader| parsed.filter.uploader = Some(uploader))
                .map_err(|error| error.to_string()),
            _ => continue,
        };
        let result = if seen.contains(&name.clone().into_owned()) {
            Err("must be given only once".to_owned())
        } else {
            result
        };
        if let Err(detail) = result {
            errors.push(FieldError::new(&name, detail));
        }
        seen.push(name.into_owned());
    }
    if errors.is_empty() {
        Ok(parsed)
    } else {
        Err(ApiError::fields(ErrorCode::QueryInvalid, errors))
    }
}

fn parse_limit(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| format!("must be a number from 1 to {MAX_LIMIT}"))
}

fn next_page(uploader: Option<&Uploader>, limit: u32, cursor: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(uploader) = uploader {
        query.append_pair("uploader", uploader.as_str());
    }
    query.append_pair("limit", &limit.to_string());
    query.append_pair("cursor", cursor);
    format!("/api/v1/images?{}", query.finish())
}
