//! The API's description of itself: the OpenAPI document and the page that shows it.
//!
//! Routes, parameters and bodies are described beside the handlers. What would be repeated there stands here
//! once: which errors each operation has, and examples, made by the code that makes the answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, Ref, RefOr};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::Config;

use super::error::PROBLEM_JSON;
use super::{ApiError, ErrorCode, Problem, health, images, limits};

/// An id for examples, of a request.
const REQUEST_ID: &str = "019aab3e-7a11-7b2c-8d3e-4f5a6b7c8d9e";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "image-handler",
        description = "Upload images and never lose one: a local copy, an object in S3 under a public URL, and a record.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This host")),
    tags(
        (name = "images", description = "Upload, find, list, fetch and delete images"),
        (name = "service", description = "What the service takes, and how it is"),
    ),
    paths(
        images::upload::create_image,
        images::list::list_images,
        images::find::find_image,
        images::delete::delete_image,
        images::content::get_image_content,
        images::variant::get_image_variant,
        limits::get_limits,
        get_openapi,
        health::get_livez,
        health::get_readyz,
        health::get_metrics,
    ),
    components(schemas(Problem)),
    modifiers(&Security, &Errors, &Examples, &ErrorTable),
)]
struct Api;

/// The OpenAPI document.
#[must_use]
pub fn document() -> Document {
    Api::openapi()
}

/// The document as it is served and committed.
///
/// # Errors
/// Those of the serializer.
pub fn document_json() -> Result<String, serde_json::Error> {
    Ok(format!("{}\n", serde_json::to_string_pretty(&document())?))
}

/// This document
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "get_openapi",
    tag = "service",
    responses((status = 200, description = "The OpenAPI document", body = Object))
)]
pub(super) async fn get_openapi() -> Result<HttpResponse, ApiError> {
    let json = document_json().map_err(|error| {
        log::error!("the OpenAPI document cannot be written: {error}");
        ApiError::plain(ErrorCode::InternalError)
    })?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(json))
}

/// The page is made of files of its own, so it has to end in a slash.
pub(super) async fn redirect_to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, "/docs/"))
        .finish()
}

/// The page's icons are `data:` addresses, an image that it fetches is shown from a `blob:`, and the hash is that of
/// the one style that its script writes into it.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; \
     style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; img-src 'self' data: blob:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page that shows the document. All of them are in the binary: it works without the network.
pub(super) async fn get_docs_file(file: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let config = Config::from("/api/v1/openapi.json")
        .try_it_out_enabled(true)
        .validator_url("none");
    let found = utoipa_swagger_ui::serve(&file, Arc::new(config)).map_err(|error| {
        log::error!("the docs page cannot be served: {error}");
        ApiError::plain(ErrorCode::InternalError)
    })?;
    let found = found.ok_or_else(|| ApiError::plain(ErrorCode::RouteNotFound))?;
    let content_type = match found.content_type.as_str() {
        "text/html" => "text/html; charset=utf-8",
        other => other,
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, DOCS_POLICY))
        .content_type(content_type)
        .body(found.bytes.into_owned()))
}

/// The errors that each operation can answer.
const ERRORS: &[(&str, &[ErrorCode])] = &[
    (
        "create_image",
        &[
            ErrorCode::ValidationFailed,
            ErrorCode::FileMissing,
            ErrorCode::FileEmpty,
            ErrorCode::FieldDuplicate,
            ErrorCode::FieldUnknown,
            ErrorCode::MultipartMalformed,
            ErrorCode::IdempotencyKeyInvalid,
            ErrorCode::OriginNotAllowed,
            ErrorCode::IdempotencyKeyInUse,
            ErrorCode::IdempotencyKeySpent,
            ErrorCode::UploadTooSlow,
            ErrorCode::LengthRequired,
            ErrorCode::FileTooLarge,
            ErrorCode::MediaTypeUnsupported,
            ErrorCode::RequestNotMultipart,
            ErrorCode::ImageMalformed,
            ErrorCode::ImageDimensionsExceeded,
            ErrorCode::ImageAnimationExceeded,
            ErrorCode::IdempotencyKeyMismatch,
            ErrorCode::UploadKeyMissing,
            ErrorCode::UploadKeyWrong,
            ErrorCode::ContentBlocked,
            ErrorCode::RateLimited,
            ErrorCode::UploadsBusy,
            ErrorCode::InternalError,
            ErrorCode::DiskUnavailable,
            ErrorCode::DiskFull,
        ],
    ),
    (
        "list_images",
        &[
            ErrorCode::QueryInvalid,
            ErrorCode::AdminKeyMissing,
            ErrorCode::AdminKeyWrong,
            ErrorCode::RateLimited,
            ErrorCode::InternalError,
            ErrorCode::DatabaseUnavailable,
        ],
    ),
    (
        "find_image",
        &[
            ErrorCode::ImageNotFound,
            ErrorCode::ImageDeleted,
            ErrorCode::RateLimited,
            ErrorCode::InternalError,
            ErrorCode::DatabaseUnavailable,
        ],
    ),
    (
        "delete_image",
        &[
            ErrorCode::QueryInvalid,
            ErrorCode::TokenMissing,
            ErrorCode::TokenWrong,
            ErrorCode::AdminKeyMissing,
            ErrorCode::AdminKeyWrong,
            ErrorCode::OriginNotAllowed,
            ErrorCode::ImageNotFound,
            ErrorCode::ImageDeleted,
            ErrorCode::RateLimited,
            ErrorCode::InternalError,
            ErrorCode::DatabaseUnavailable,
            ErrorCode::DiskUnavailable,
            ErrorCode::DiskFull,
        ],
    ),
    ("get_limits", &[ErrorCode::RateLimited]),
    ("get_metrics", &[ErrorCode::InternalError]),
    (
        "get_openapi",
        &[ErrorCode::RateLimited, ErrorCode::InternalError],
    ),
    (
        "get_image_content",
        &[
            ErrorCode::ImageNotFound,
            ErrorCode::ImageDeleted,
            ErrorCode::RangeNotSatisfiable,
            ErrorCode::RateLimited,
            ErrorCode::InternalError,
            ErrorCode::DatabaseUnavailable,
            ErrorCode::ImagePending,
            ErrorCode::DiskUnavailable,
        ],
    ),
    (
        "get_image_variant",
        &[
            ErrorCode::RouteNotFound,
            ErrorCode::ImageNotFound,
            ErrorCode::ImageDeleted,
            ErrorCode::RangeNotSatisfiable,
            ErrorCode::ImageUndecodable,
            ErrorCode::RateLimited,
            ErrorCode::InternalError,
            ErrorCode::DatabaseUnavailable,
            ErrorCode::ImagePending,
            ErrorCode::VariantsBusy,
            ErrorCode::DiskUnavailable,
            ErrorCode::DiskFull,
        ],
    ),
];

struct Errors;

impl Modify for Errors {
    fn modify(&self, document: &mut Document) {
        for operation in operations(document) {
            let codes = ERRORS
                .iter()
                .find(|(id, _)| operation.operation_id.as_deref() == Some(id));
            let Some((_, codes)) = codes else { continue };
            let mut by_status: BTreeMap<String, Vec<ErrorCode>> = BTreeMap::new();
            for code in *codes {
                by_status
                    .entry(code.status().as_str().to_owned())
                    .or_default()
                    .push(*code);
            }
            for (status, codes) in by_status {
                let description: Vec<String> = codes
                    .iter()
                    .map(|code| format!("`{}`: {}", code.as_str(), code.title()))
                    .collect();
                let examples = codes.iter().map(|code| {
                    let problem = ApiError::plain(*code).problem(REQUEST_ID);
                    let value = serde_json::to_value(problem).unwrap_or_default();
                    (
                        code.as_str().to_owned(),
                        RefOr::T(ExampleBuilder::new().value(Some(value)).build()),
                    )
                });
                let content = ContentBuilder::new()
                    .schema(Some(RefOr::Ref(Ref::from_schema_name("Problem"))))
                    .examples_from_iter(examples)
                    .build();
                let mut response = ResponseBuilder::new()
                    .description(description.join("; "))
                    .content(PROBLEM_JSON, content);
                if operation.operation_id.as_deref() == Some("create_image") {
                    response = response.content("text/html", page());
                }
                for (name, about) in headers_of(&status) {
                    let header = HeaderBuilder::new().description(Some(*about)).build();
                    response = response.header(*name, header);
                }
                let response = response.build();
                operation
                    .responses
                    .responses
                    .insert(status, RefOr::T(response));
            }
        }
    }
}

/// How a page begins.
const PAGE: &str = "<!doctype html>…";

/// For a browser that has sent a form by itself.
fn page() -> Content {
    let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    ContentBuilder::new()
        .schema(Some(RefOr::T(Schema::Object(text.build()))))
        .example(Some(json!(PAGE)))
        .build()
}

/// The headers that errors of a status come with.
fn headers_of(status: &str) -> &'static [(&'static str, &'static str)] {
    const RETRY_AFTER: (&str, &str) = ("Retry-After", "In how many seconds another try may help");
    match status {
        "401" => &[("WWW-Authenticate", "`Bearer`")],
        "429" => &[
            RETRY_AFTER,
            (
                "RateLimit",
                "What is left of the rate, and when there is more",
            ),
            (
                "RateLimit-Policy",
                "How many requests are taken in how many seconds",
            ),
        ],
        "503" | "507" => &[RETRY_AFTER],
        _ => &[],
    }
}

struct Examples;

impl Modify for Examples {
    fn modify(&self, document: &mut Document) {
        let image = images::example();
        let uploaded = images::upload::example();
        let mut waiting = uploaded.clone();
        waiting["storage"]["record"] = json!("pending");
        let list = json!({"items": [image.clone()], "next_cursor": image["id"].clone()});
        let examples: [(&str, &str, Value); 6] = [
            ("create_image", "201", uploaded),
            ("create_image", "202", waiting),
            ("list_images", "200", list),
            ("find_image", "200", image),
            ("get_limits", "200", limits::example()),
            (
                "get_openapi",
                "200",
                json!({"openapi": "3.1.0", "info": {"title": "image-handler"}, "paths": {}}),
            ),
        ];
        for operation in operations(document) {
            for (id, status, value) in &examples {
                if operation.operation_id.as_deref() == Some(id)
                    && let Some(RefOr::T(response)) = operation.responses.responses.get_mut(*status)
                {
                    for (media_type, content) in &mut response.content {
                        let RefOr::T(content) = content else { continue };
                        content.example = Some(match media_type.as_str() {
                            "text/html" => json!(PAGE),
                            _ => value.clone(),
                        });
                    }
                }
            }
        }
    }
}

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        for (name, description) in [
            ("delete_token", "The `delete_token` of the image"),
            (
                "upload_key",
                "A key for uploads, where `upload_key_required` in the limits is true",
            ),
            ("admin_key", "The key of the operator"),
        ] {
            let scheme = HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(description))
                .build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
    }
}

/// Describes every code in one place, those included that any address can answer.
struct ErrorTable;

impl Modify for ErrorTable {
    fn modify(&self, document: &mut Document) {
        let rows: Vec<String> = ErrorCode::ALL
            .iter()
            .map(|code| {
                format!(
                    "| {} | `{}` | {} |",
                    code.status().as_u16(),
                    code.as_str(),
                    code.title()
                )
            })
            .collect();
        let about = document.info.description.take().unwrap_or_default();
        document.info.description = Some(format!(
            "{about}\n\nWhere GET is answered, HEAD is too. Every error is `application/problem+json` (RFC 9457) with a \
             stable `code`:\n\n| status | code | meaning |\n|---|---|---|\n{}\n",
            rows.join("\n")
        ));
    }
}

fn operations(document: &mut Document) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(|item| {
        let PathItem {
            get, post, delete, ..
        } = item;
        [get, post, delete].into_iter().filter_map(Option::as_mut)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_an_id_a_summary_and_a_tag() {
        for operation in operations(&mut document()) {
            assert!(operation.operation_id.is_some(), "{:?}", operation.summary);
            assert!(operation.summary.is_some(), "{:?}", operation.operation_id);
            assert!(operation.tags.is_some(), "{:?}", operation.operation_id);
        }
    }

    #[test]
    fn the_errors_belong_to_operations_that_exist() {
        let mut document = document();
        let ids: Vec<String> = operations(&mut document)
            .filter_map(|each| each.operation_id.clone())
            .collect();
        for (id, _) in ERRORS {
            assert!(ids.iter().any(|each| each == id), "{id}");
        }
    }

    #[test]
    fn every_code_is_described() {
        let description = document().info.description.unwrap();
        for code in ErrorCode::ALL {
            assert!(
                description.contains(&format!("`{}`", code.as_str())),
                "{code:?}"
            );
        }
    }
}
