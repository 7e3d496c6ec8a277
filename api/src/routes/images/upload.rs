//! `POST /api/v1/images`

use std::io;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, TRANSFER_ENCODING, VARY,
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ImageBody, bearer_token, link};
use crate::config::UploadPace;
use crate::domain::{
    AltText, FileName, IdempotencyKey, ImageBuffer, StorageState, UploadedBy, Uploader,
};
use crate::images::{Found, Ingested, Upload};
use crate::routes::page::{self, UploadedPage, uploaded_page};
use crate::routes::protection::UploadPlace;
use crate::routes::protection::pace::Paced;
use crate::routes::{Api, ApiError, ErrorCode, FieldError};

/// What the multipart envelope and the text fields may take beside the file.
pub(crate) const ENVELOPE_BYTES: u64 = 64 * 1024;
/// More than any text field may need: 500 characters of four bytes each, with room to say "too long".
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// When another try may find memory.
const NO_MEMORY_RETRY_SECONDS: u32 = 5;
/// More than any browser sends: a disposition with a long file name, and a content type.
const MAX_PART_HEADER_BYTES: usize = 8 * 1024;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// The header that says that an answer is to a retry.
pub(crate) const REPLAYED: &str = "idempotency-replayed";
/// Where uploads go.
pub(crate) const PATH: &str = "/api/v1/images";

/// The form that uploads an image.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form in the OpenAPI document; the fields are read one by one"
)]
pub(crate) struct UploadForm {
    /// The image: JPEG, PNG, GIF or WebP.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
    /// Who uploads.
    #[schema(min_length = 1, max_length = 100, example = "Ada")]
    uploader: String,
    /// What the image shows, for those who cannot see it.
    #[schema(max_length = 500, example = "A cat on a mat")]
    alt: Option<String>,
}

/// An image that was just uploaded, and the means to delete it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UploadedBody {
    #[serde(flatten)]
    image: ImageBody,
    /// Deletes the image. Whoever has it may; it is not shown again except to a retry with the same key.
    #[schema(example = "c2VjcmV0LXRva2VuLW9mLTMyLWJ5dGVzLWFzLWJhc2U2NA")]
    delete_token: String,
    /// A page of the client that asks, and then deletes the image.
    #[schema(
        example = "https://images.example.org/#/delete/019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70/c2VjcmV0LXRva2VuLW9mLTMyLWJ5dGVzLWFzLWJhc2U2NA"
    )]
    delete_url: String,
}

/// Upload an image
///
/// An answer of 201 or 202 means that the image is safe: it survives crashes, power cuts and outages. What
/// `storage` calls `pending` follows without anybody's help.
///
/// A browser that sends a form by itself, preferring `text/html`, is answered with a page that says the same, errors
/// included. The same form sent again, by a reload of the page, makes no second image.
#[utoipa::path(
    post,
    path = "/api/v1/images",
    operation_id = "create_image",
    tag = "images",
    security((), ("upload_key" = []), ("admin_key" = [])),
    params(("Idempotency-Key" = Option<uuid::Uuid>, Header,
        description = "A UUID of your own for each upload. Sending the same upload again with the same key makes no \
            second image, but gives the same answer.")),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The image is taken in",
            content((UploadedBody = "application/json"), (String = "text/html")),
            headers(
                ("Location" = String, description = "The address of the image in this API"),
                ("Idempotency-Replayed" = Option<String>, description = "`true` when an earlier request made the image"),
            )),
        (status = 202, description = "The image is taken in; its record follows when the database is back",
            content((UploadedBody = "application/json"), (String = "text/html")),
            headers(
                ("Location" = String, description = "The address of the image in this API"),
                ("Idempotency-Replayed" = Option<String>, description = "`true` when an earlier request made the image"),
            )),
    )
)]
pub(crate) async fn create_image(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, ApiError> {
    let max_upload_bytes = api.limits.max_upload_bytes;
    let access = api.images.access();
    let uploaded_by = access
        .upload(bearer_token(&request))
        .map_err(ApiError::upload_key)?;
    let idempotency_key = idempotency_key(&request)?;
    let length = check_framing(&request, max_upload_bytes)?;
    if !api.images.has_room() {
        return Err(ApiError::no_room());
    }
    let place = api.guards.enter_upload(&request, length)?;
    let bounds = Bounds {
        max_upload_bytes,
        pace: api.guards.upload_pace(),
    };
    let form = Form::read(&request, payload, bounds).await?;
    let upload = form.into_upload(idempotency_key, place)?;
    let ingested = api.images.ingest(upload).await?;
    if let (Ingested::Created(found), UploadedBy::KeyHolder(name)) = (&ingested, uploaded_by) {
        log::info!("image {} uploaded with the key {name}", found.image.id);
    }
    Ok(match ingested {
        Ingested::Created(found) => answer(&request, found, false, &api),
        Ingested::Replayed(found) => answer(&request, found, true, &api),
    })
}

fn answer(request: &HttpRequest, found: Found, replayed: bool, api: &Api) -> HttpResponse {
    let id = found.image.id;
    let delete_token = api.images.secret().delete_token(id);
    let mut response = match found.storage.record {
        StorageState::Stored => HttpResponse::Created(),
        StorageState::Pending | StorageState::Absent => HttpResponse::Accepted(),
    };
    response.insert_header((LOCATION, format!("/api/v1/images/{id}")));
    // The answer holds the delete token.
    response.insert_header((CACHE_CONTROL, "no-store"));
    if replayed {
        response.insert_header((REPLAYED, "true"));
    }
    let delete_url = format!("{}/#/delete/{id}/{delete_token}", api.public_url);
    if page::is_wanted(request) {
        let told = UploadedPage {
            image: &found.image,
            storage: found.storage,
            link: &link(&found.image, &api.public_url),
            delete_url: &delete_url,
        };
        return uploaded_page(response, &told);
    }
    response.insert_header((VARY, "Accept"));
    response.json(UploadedBody {
        delete_url,
        delete_token,
        image: ImageBody::new(found, &api.public_url),
    })
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else {
        return Ok(page::key_of_form(request));
    };
    value
        .to_str()
        .ok()
        .filter(|_| values.next().is_none())
        .and_then(|text| text.trim().parse().ok())
        .map(Some)
        .ok_or_else(|| ApiError::plain(ErrorCode::IdempotencyKeyInvalid))
}

/// What can be refused before a byte of the body is read. Gives the length of the body, if the client says it.
fn check_framing(request: &HttpRequest, max_upload_bytes: u64) -> Result<Option<u64>, ApiError> {
    let headers = request.headers();
    let length: Option<u64> = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_none() && !headers.contains_key(TRANSFER_ENCODING) {
        return Err(ApiError::plain(ErrorCode::LengthRequired));
    }
    let is_form = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media_type| {
            media_type
                .trim()
                .eq_ignore_ascii_case("multipart/form-data")
        });
    if !is_form {
        return Err(ApiError::plain(ErrorCode::RequestNotMultipart));
    }
    if length.is_some_and(|bytes| bytes > max_upload_bytes + ENVELOPE_BYTES) {
        return Err(ApiError::file_too_large(max_upload_bytes));
    }
    Ok(length)
}

/// What a form is held to while it is read.
#[derive(Clone, Copy)]
struct Bounds {
    max_upload_bytes: u64,
    pace: UploadPace,
}

/// The fields as they came, each at most once.
#[derive(Default)]
struct Form {
    file: Option<Bytes>,
    file_name: Option<FileName>,
    uploader: Option<String>,
    alt: Option<String>,
}

impl Form {
    /// Reads the form, holding at most the file and the envelope in memory.
    async fn read(
        request: &HttpRequest,
        payload: web::Payload,
        bounds: Bounds,
    ) -> Result<Self, ApiError> {
        let failed = |error: MultipartError| multipart_error(&error, bounds);
        let mut left = bounds.max_upload_bytes + ENVELOPE_BYTES;
        // Counts what arrives whatever the headers promised, and stops where no valid form goes on.
        let bounded = Paced::new(payload, bounds.pace).map(move |chunk| {
            let chunk = chunk?;
            left = left
                .checked_sub(chunk.len() as u64)
                .ok_or_else(|| PayloadError::Io(io::ErrorKind::FileTooLarge.into()))?;
            Ok(chunk)
        });
        let mut parts = Multipart::new(request.headers(), bounded);
        let mut form = Self::default();
        while let Some(mut field) = parts.try_next().await.map_err(failed)? {
            check_part_headers(&field)?;
            let name = field.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "file" => {
                    not_twice(&name, form.file.is_some())?;
                    form.file_name = file_name(&field);
                    let is_named = names_file(&field);
                    let bytes = read_file(&mut field, bounds).await?;
                    // Browsers send this of a form in which no file was chosen.
                    form.file = (is_named || !bytes.is_empty()).then_some(bytes);
                }
                "uploader" => {
                    not_twice(&name, form.uploader.is_some())?;
                    form.uploader = Some(read_text(&mut field, bounds).await?);
                }
                "alt" => {
                    not_twice(&name, form.alt.is_some())?;
                    form.alt = Some(read_text(&mut field, bounds).await?);
                }
                _ => return Err(unknown(&name)),
            }
        }
        Ok(form)
    }

    /// Parses the fields. Says everything that is wrong with them at once.
    fn into_upload(
        self,
        idempotency_key: Option<IdempotencyKey>,
        place: UploadPlace,
    ) -> Result<Upload, ApiError> {
        let mut errors = Vec::new();
        let mut code = ErrorCode::ValidationFailed;
        let bytes = match self.file {
            Some(bytes) if !bytes.is_empty() => Some(bytes),
            missing_or_empty => {
                let (which, detail) = match missing_or_empty {
                    None => (
                        ErrorCode::FileMissing,
                        "is missing: send the image as this multipart field",
                    ),
                    Some(_) => (ErrorCode::FileEmpty, "has no content"),
                };
                code = which;
                errors.push(FieldError::new("file", detail));
                None
            }
        };
        let uploader = Uploader::parse(&self.uploader.unwrap_or_default())
            .map_err(|error| errors.push(FieldError::new("uploader", error.to_string())))
            .ok();
        let alt = AltText::parse(&self.alt.unwrap_or_default())
            .map_err(|error| errors.push(FieldError::new("alt", error.to_string())))
            .ok();
        match (bytes, uploader, alt) {
            (Some(bytes), Some(uploader), Some(alt)) => Ok(Upload {
                uploader,
                alt,
                file_name: self.file_name,
                bytes,
                idempotency_key,
                place: Box::new(place),
            }),
            _ => Err(ApiError::fields(code, errors)),
        }
    }
}

fn file_name(field: &Field) -> Option<FileName> {
    let disposition = field.content_disposition()?;
    FileName::clean(disposition.get_filename()?)
}

/// Whether the client says what the file is called, or that it has no name to say.
fn names_file(field: &Field) -> bool {
    let disposition = field.content_disposition();
    disposition.and_then(|disposition| disposition.get_filename()) != Some("")
}

async fn read_file(field: &mut Field, bounds: Bounds) -> Result<Bytes, ApiError> {
    let capacity = usize::try_from(bounds.max_upload_bytes).unwrap_or(usize::MAX);
    let mut bytes = ImageBuffer::with_capacity(capacity).map_err(|error| {
        log::error!("there is no memory for an upload: {error}");
        ApiError::plain(ErrorCode::UploadsBusy).retry_after(NO_MEMORY_RETRY_SECONDS)
    })?;
    while let Some(chunk) = field.next().await {
        let chunk = chunk.map_err(|error| multipart_error(&error, bounds))?;
        if !bytes.append(&chunk) {
            return Err(ApiError::file_too_large(bounds.max_upload_bytes));
        }
    }
    Ok(bytes.freeze())
}

async fn read_text(field: &mut Field, bounds: Bounds) -> Result<String, ApiError> {
    let name = field.name().unwrap_or_default().to_owned();
    let wrong = |detail: &str| {
        ApiError::fields(
            ErrorCode::ValidationFailed,
            vec![FieldError::new(&name, detail)],
        )
    };
    let mut bytes = BytesMut::new();
    while let Some(chunk) = field.next().await {
        let chunk = chunk.map_err(|error| multipart_error(&error, bounds))?;
        if bytes.len() + chunk.len() > MAX_TEXT_BYTES {
            return Err(wrong("is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes.into()).map_err(|_| wrong("must be text in UTF-8"))
}

fn not_twice(name: &str, seen: bool) -> Result<(), ApiError> {
    if seen {
        let detail = format!("The field \"{name}\" may be sent only once.");
        return Err(ApiError::new(ErrorCode::FieldDuplicate, detail));
    }
    Ok(())
}

fn unknown(name: &str) -> ApiError {
    let shown: String = name
        .chars()
        .filter(|each| !each.is_control())
        .take(50)
        .collect();
    let detail = format!("The field \"{shown}\" is not known; send file, uploader and alt.");
    ApiError::new(ErrorCode::FieldUnknown, detail)
}

/// Parts with more than a form's headers are nobody's mistake.
fn check_part_headers(field: &Field) -> Result<(), ApiError> {
    let lengths = field.headers().iter();
    let bytes: usize = lengths
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > MAX_PART_HEADER_BYTES {
        return Err(part_headers_too_long());
    }
    Ok(())
}

fn part_headers_too_long() -> ApiError {
    let detail = format!("The headers of a part may have at most {MAX_PART_HEADER_BYTES} bytes.");
    ApiError::new(ErrorCode::MultipartMalformed, detail)
}

fn too_slow(pace: UploadPace) -> ApiError {
    let UploadPace {
        deadline,
        min_bytes_per_second,
        ..
    } = pace;
    let detail = format!(
        "The upload must arrive within {} seconds, and never slower than {min_bytes_per_second} bytes a second for long.",
        deadline.as_secs()
    );
    ApiError::new(ErrorCode::UploadTooSlow, detail)
}

fn multipart_error(error: &MultipartError, bounds: Bounds) -> ApiError {
    let detail = match error {
        MultipartError::Payload(PayloadError::Io(error)) => match error.kind() {
            io::ErrorKind::FileTooLarge => {
                return ApiError::file_too_large(bounds.max_upload_bytes);
            }
            io::ErrorKind::TimedOut => return too_slow(bounds.pace),
            _ => "The connection failed before the end of the body.",
        },
        // The reader's own buffer: something that has to end in it, such as headers, does not.
        MultipartError::Payload(PayloadError::Overflow) => return part_headers_too_long(),
        MultipartError::BoundaryMissing => "The Content-Type header names no boundary.",
        MultipartError::ContentDispositionMissing
        | MultipartError::ContentDispositionNameMissing => {
            "A part has no Content-Disposition header with a name."
        }
        MultipartError::Incomplete => "The body ends before its closing boundary.",
        MultipartError::Payload(_) => "The body ends before its announced length.",
        _ => "The body is not valid multipart/form-data (RFC 7578).",
    };
    ApiError::new(ErrorCode::MultipartMalformed, detail)
}

/// An answer for the OpenAPI document.
pub(crate) fn example() -> serde_json::Value {
    const TOKEN: &str = "c2VjcmV0LXRva2VuLW9mLTMyLWJ5dGVzLWFzLWJhc2U2NA";
    let image = super::example_body();
    let body = UploadedBody {
        delete_url: format!("https://images.example.org/#/delete/{}/{TOKEN}", image.id),
        delete_token: TOKEN.to_owned(),
        image,
    };
    serde_json::to_value(body).unwrap_or_default()
}
