//! Every error that a client can get: RFC 9457 problem details with stable codes.
//!
//! Causes are logged here, once; clients get what they can act on and never an internal text.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::error_code::ErrorCode;
use super::page::problem_page;
use crate::db::DbError;
use crate::domain::{BlockReason, Denied, MediaType};
use crate::images::{FindError, IngestError, PurgeError, RemoveError, VariantError};
use crate::inspect::InspectError;
use crate::storage::WriteError;

/// The media type of problem details (RFC 9457, section 6.1).
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// Somebody has to make room first.
const DISK_FULL_RETRY_SECONDS: u32 = 60;

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field or query parameter.
    #[schema(example = "uploader")]
    pub field: String,
    /// What is wrong with it.
    #[schema(example = "must not be empty")]
    pub detail: String,
}

impl FieldError {
    /// An error of this field.
    pub fn new(field: &str, detail: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            detail: detail.into(),
        }
    }
}

/// Problem details (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Identifies the kind of problem: `urn:image-handler:` and the code.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// What the code means, in a few words.
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 400)]
    pub status: u16,
    /// What is wrong in this case, and what would be right.
    pub detail: String,
    /// The stable code.
    pub code: &'static str,
    /// The id of the request, for reports and for finding it in the log.
    pub request_id: String,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
    /// With status 413: the most bytes that a file may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_upload_bytes: Option<u64>,
    /// With status 415: the media types that are taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub accepted_media_types: Vec<&'static str>,
}

/// An error on its way to the client. It becomes a [`Problem`] once the request's id is known.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The code, which decides status and title.
    pub code: ErrorCode,
    detail: String,
    errors: Vec<FieldError>,
    max_upload_bytes: Option<u64>,
    accepted_media_types: Vec<&'static str>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    /// An error with a detail that says what is wrong in this case.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            max_upload_bytes: None,
            accepted_media_types: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// An error whose detail is always the same.
    #[must_use]
    pub fn plain(code: ErrorCode) -> Self {
        Self::new(code, code.example())
    }

    /// Fields that are wrong. The detail names them all.
    #[must_use]
    pub fn fields(code: ErrorCode, errors: Vec<FieldError>) -> Self {
        let details: Vec<String> = errors
            .iter()
            .map(|error| format!("{} {}", error.field, error.detail))
            .collect();
        Self {
            errors,
            ..Self::new(code, format!("{}.", details.join("; ")))
        }
    }

    /// A file with more bytes than allowed.
    #[must_use]
    pub fn file_too_large(max_upload_bytes: u64) -> Self {
        let detail = format!("The file may have at most {max_upload_bytes} bytes.");
        Self {
            max_upload_bytes: Some(max_upload_bytes),
            ..Self::new(ErrorCode::FileTooLarge, detail)
        }
    }

    /// A method that the route does not know.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let detail = format!("This address answers {allow}.");
        Self::new(ErrorCode::MethodNotAllowed, detail)
            .with_header(ALLOW, HeaderValue::from_static(allow))
    }

    /// A request that only the operator may make.
    #[must_use]
    pub fn admin_key(denied: Denied) -> Self {
        match denied {
            Denied::KeyMissing => Self::unauthorized(ErrorCode::AdminKeyMissing),
            Denied::KeyWrong => Self::plain(ErrorCode::AdminKeyWrong),
        }
    }

    /// An upload where uploads are closed to strangers.
    #[must_use]
    pub fn upload_key(denied: Denied) -> Self {
        match denied {
            Denied::KeyMissing => Self::unauthorized(ErrorCode::UploadKeyMissing),
            Denied::KeyWrong => Self::plain(ErrorCode::UploadKeyWrong),
        }
    }

    /// An error that says how to log in (RFC 6750, section 3).
    #[must_use]
    pub fn unauthorized(code: ErrorCode) -> Self {
        Self::plain(code).with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// An upload while the disk has no room for it. Logged when that began, not again for each upload.
    #[must_use]
    pub fn no_room() -> Self {
        Self::plain(ErrorCode::DiskFull).retry_after(DISK_FULL_RETRY_SECONDS)
    }

    /// Content that the operator has blocked (RFC 7725).
    #[must_use]
    pub fn content_blocked(reason: Option<&BlockReason>) -> Self {
        let code = ErrorCode::ContentBlocked;
        match reason {
            None => Self::plain(code),
            Some(reason) => Self::new(
                code,
                format!(
                    "{} The reason: {}.",
                    code.example(),
                    reason.as_str().trim_end_matches('.')
                ),
            ),
        }
    }

    /// The error for a status that a library answered with, for which there is no text of ours.
    #[must_use]
    pub fn for_status(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            404 => ErrorCode::RouteNotFound,
            416 => {
                return Self::new(
                    ErrorCode::RangeNotSatisfiable,
                    "The file is shorter than that.",
                );
            }
            // Only the client's files answer this by themselves.
            405 => return Self::method_not_allowed("GET, HEAD"),
            400..=499 => ErrorCode::RequestMalformed,
            _ => ErrorCode::InternalError,
        };
        Self::plain(code)
    }

    /// A header that goes with the error.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// After how many seconds another try can succeed.
    #[must_use]
    pub(super) fn retry_after(self, seconds: u32) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The problem details for the request with this id.
    #[must_use]
    pub fn problem(&self, request_id: &str) -> Problem {
        Problem {
            problem_type: format!("urn:image-handler:{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: self.detail.clone(),
            code: self.code.as_str(),
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
            max_upload_bytes: self.max_upload_bytes,
            accepted_media_types: self.accepted_media_types.clone(),
        }
    }

    /// The whole answer for the request with this id.
    #[must_use]
    pub fn response(&self, request_id: &str) -> HttpResponse {
        let mut response = self.begin();
        response.insert_header((CONTENT_TYPE, PROBLEM_JSON));
        response.body(serde_json::to_string(&self.problem(request_id)).unwrap_or_default())
    }

    /// The same as a page, for a browser that has sent a form.
    #[must_use]
    pub(super) fn page(&self, request_id: &str) -> HttpResponse {
        problem_page(self.begin(), self.code, &self.problem(request_id))
    }

    fn begin(&self) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(self.code.status());
        // What is not there now may be there in a moment.
        response.insert_header((CACHE_CONTROL, "no-store"));
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// Without the request's id: `trace` finds the error in the response and writes the body anew.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.response("")
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        match error {
            // Logged when the database went away, not again for each request.
            DbError::Away(_) => Self::plain(ErrorCode::DatabaseUnavailable).retry_after(5),
            DbError::Unreadable(_) | DbError::Refused(_) => internal(&error),
        }
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        log::error!("{}", with_causes(&error));
        match error {
            WriteError::DiskFull(_) => {
                Self::plain(ErrorCode::DiskFull).retry_after(DISK_FULL_RETRY_SECONDS)
            }
            WriteError::Io(_) => Self::plain(ErrorCode::DiskUnavailable).retry_after(5),
        }
    }
}

impl From<FindError> for ApiError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::NotFound => Self::plain(ErrorCode::ImageNotFound),
            FindError::Deleted => Self::plain(ErrorCode::ImageDeleted),
            FindError::Pending => Self::plain(ErrorCode::ImagePending).retry_after(5),
            FindError::Database(error) => error.into(),
            // Logged at the start, with the file.
            FindError::Unreadable => Self::plain(ErrorCode::DiskUnavailable).retry_after(5),
            FindError::Disk(_) => {
                log::error!("{}", with_causes(&error));
                Self::plain(ErrorCode::DiskUnavailable).retry_after(5)
            }
        }
    }
}

impl From<VariantError> for ApiError {
    fn from(error: VariantError) -> Self {
        match error {
            VariantError::Find(error) => error.into(),
            VariantError::Undecodable => Self::plain(ErrorCode::ImageUndecodable),
            VariantError::Busy => Self::plain(ErrorCode::VariantsBusy).retry_after(1),
            VariantError::OriginalAway => Self::new(
                ErrorCode::ImagePending,
                "Only S3 has it, and does not answer. Try again in a few seconds.",
            )
            .retry_after(5),
            VariantError::Disk(error) => WriteError::from(error).into(),
        }
    }
}

impl From<RemoveError> for ApiError {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::Find(error) => error.into(),
            RemoveError::WrongToken => Self::plain(ErrorCode::TokenWrong),
            RemoveError::NotDurable(error) => error.into(),
        }
    }
}

impl From<PurgeError> for ApiError {
    fn from(error: PurgeError) -> Self {
        match error {
            PurgeError::Denied(denied) => Self::admin_key(denied),
            PurgeError::NotBlocked(error) => error.into(),
            PurgeError::NotRemoved(error) => error.into(),
        }
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::NotTaken(error) => error.into(),
            IngestError::NotDurable(error) => error.into(),
            IngestError::NoRoom => Self::no_room(),
            IngestError::Blocked(blocked) => Self::content_blocked(blocked.reason.as_ref()),
            IngestError::KeyInUse => Self::plain(ErrorCode::IdempotencyKeyInUse).retry_after(1),
            IngestError::KeyMismatch => Self::plain(ErrorCode::IdempotencyKeyMismatch),
            IngestError::KeySpent => Self::plain(ErrorCode::IdempotencyKeySpent),
            IngestError::Database(_) => internal(&error),
        }
    }
}

impl From<InspectError> for ApiError {
    fn from(error: InspectError) -> Self {
        let detail = sentence(&error.to_string());
        match error {
            InspectError::Unsupported { .. } => Self {
                accepted_media_types: MediaType::ALL.into_iter().map(MediaType::name).collect(),
                ..Self::new(
                    ErrorCode::MediaTypeUnsupported,
                    format!("{detail} JPEG, PNG, GIF and WebP images are taken."),
                )
            },
            InspectError::Malformed { .. } => Self::new(ErrorCode::ImageMalformed, detail),
            InspectError::TooManyPixels { .. } | InspectError::SideTooLong { .. } => {
                Self::new(ErrorCode::ImageDimensionsExceeded, detail)
            }
            InspectError::TooManyFrames { .. } | InspectError::TooManyAnimationPixels { .. } => {
                Self::new(ErrorCode::ImageAnimationExceeded, detail)
            }
        }
    }
}

fn internal(error: &dyn std::error::Error) -> ApiError {
    log::error!("{}", with_causes(error));
    ApiError::plain(ErrorCode::InternalError)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// "this is a ZIP archive" becomes "This is a ZIP archive."
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), characters.as_str()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_507_and_a_failing_one_503_both_with_retry_after() {
        let full = ApiError::from(WriteError::from(std::io::Error::from(
            std::io::ErrorKind::StorageFull,
        )));
        let failing = ApiError::from(WriteError::from(std::io::Error::from(
            std::io::ErrorKind::Other,
        )));
        for (error, code, status) in [
            (full, ErrorCode::DiskFull, 507),
            (failing, ErrorCode::DiskUnavailable, 503),
        ] {
            assert_eq!(error.code, code);
            let response = error.response("id");
            assert_eq!(response.status(), status);
            assert!(response.headers().contains_key(RETRY_AFTER));
        }
    }

    #[test]
    fn an_internal_error_does_not_say_what_it_was() {
        let error = ApiError::from(DbError::Unreadable(
            "column sha256 holds hunter2".to_owned(),
        ));
        let problem = serde_json::to_string(&error.problem("id")).unwrap();
        assert!(!problem.contains("hunter2"));
        assert_eq!(error.code, ErrorCode::InternalError);
    }
}
