//! `GET /i/{id}.{ext}`: the bytes of an image, with conditions and ranges (RFC 9110, sections 13 and 14).

mod by_nginx;
mod range;

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::time::{Duration, SystemTime};

use actix_web::body::SizedStream;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, Charset,
    ContentDisposition, DispositionParam, DispositionType, ETAG, ExtendedValue, HeaderMap,
    HeaderValue, HttpDate, IF_MODIFIED_SINCE, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use bytes::Bytes;
use futures_util::stream;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use self::by_nginx::{X_ACCEL_REDIRECT, leaves_to_nginx, rename_for_nginx};
use self::range::{Range, parse_range};
use super::client_has;
use crate::domain::{Checksum, FileName, ImageId, MediaType};
use crate::images::{Content, FindError};
use crate::routes::{Api, ApiError, ErrorCode};
use crate::storage::StorageKey;

/// How much is read from disk at once.
const CHUNK_BYTES: usize = 128 * 1024;

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
            let copy = LocalCopy {
                file,
                size_bytes,
                etag: etag(sha256),
                modified: id.created_at().into(),
                disposition: file_name.map(|name| disposition(&name, media_type)),
                key,
            };
            copy.answer(&request, api.accel_prefix.as_deref())
        }
    }
}

fn parse_name(name: &str) -> Result<(ImageId, MediaType), ApiError> {
    let not_found = || ApiError::plain(ErrorCode::ImageNotFound);
    let (id, extension) = name.split_once('.').ok_or_else(not_found)?;
    let media_type = MediaType::from_extension(extension).ok_or_else(not_found)?;
    Ok((id.parse().map_err(|_| not_found())?, media_type))
}

fn etag(sha256: Checksum) -> String {
    format!("\"{sha256}\"")
}

struct LocalCopy {
    file: File,
    size_bytes: u64,
    etag: String,
    modified: SystemTime,
    /// Under which name browsers save it. `None`: that of the link.
    disposition: Option<ContentDisposition>,
    key: StorageKey,
}

/// To be shown, and saved under the uploader's name for the file (RFC 6266) with an extension of the type
/// that it really has: what is saved must not open as something else.
fn disposition(file_name: &FileName, media_type: MediaType) -> ContentDisposition {
    let name = file_name.as_str();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let fits = media_type
        .extensions()
        .iter()
        .any(|each| each.eq_ignore_ascii_case(extension));
    let name = if fits && !stem.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{}", media_type.extension())
    };
    let mut parameters = Vec::new();
    if name.is_ascii() {
        parameters.push(DispositionParam::Filename(name));
    } else {
        // For clients that cannot read the extended form (RFC 6266, appendix D).
        let plain = name
            .chars()
            .map(|each| if each.is_ascii() { each } else { '_' });
        parameters.push(DispositionParam::Filename(plain.collect()));
        parameters.push(DispositionParam::FilenameExt(ExtendedValue {
            charset: Charset::Ext("UTF-8".to_owned()),
            language_tag: None,
            value: name.into_bytes(),
        }));
    }
    ContentDisposition {
        disposition: DispositionType::Inline,
        parameters,
    }
}

impl LocalCopy {
    fn answer(
        mut self,
        request: &HttpRequest,
        accel_prefix: Option<&str>,
    ) -> Result<HttpResponse, ApiError> {
        let headers = request.headers();
        if self.client_has_it(headers) {
            return Ok(self.head(HttpResponse::NotModified()).finish());
        }
        let range = match headers.get(RANGE).and_then(|value| value.to_str().ok()) {
            // Ranges are for GET (RFC 9110, section 14.2).
            Some(range) if request.method() == Method::GET && self.range_applies(headers) => {
                parse_range(range, self.size_bytes)
            }
            _ => Range::Whole,
        };
        if let Some(prefix) = accel_prefix
            && leaves_to_nginx(headers, &range)
        {
            let path = self.key.local_path();
            let address = format!("{prefix}{}", path.display());
            // nginx takes status, length and range from the file, and the other headers from here.
            let mut response = self.head(HttpResponse::Ok());
            self.describe(&mut response);
            let mut response = response.insert_header((X_ACCEL_REDIRECT, address)).finish();
            rename_for_nginx(response.headers_mut(), &range);
            return Ok(response);
        }
        let (status, begin, length) = match range {
            Range::Whole => (HttpResponse::Ok(), 0, self.size_bytes),
            Range::Part { begin, length } => {
                let last = begin + length - 1;
                let mut status = HttpResponse::PartialContent();
                status.insert_header((
                    CONTENT_RANGE,
                    format!("bytes {begin}-{last}/{}", self.size_bytes),
                ));
                (status, begin, length)
            }
            Range::Outside => return Err(self.outside()),
        };
        let mut response = self.head(status);
        self.describe(&mut response);
        if request.method() == Method::HEAD {
            // The length is all that is sent of the body, so nothing is read.
            let nothing = stream::empty::<std::io::Result<Bytes>>();
            return Ok(response.body(SizedStream::new(length, nothing)));
        }
        if begin > 0 {
            let seek = self.file.seek(SeekFrom::Start(begin));
            seek.map_err(|error| ApiError::from(FindError::Disk(error)))?;
        }
        let bytes = tokio::fs::File::from_std(self.file).take(length);
        let stream = ReaderStream::with_capacity(bytes, CHUNK_BYTES);
        Ok(response.body(SizedStream::new(length, stream)))
    }

    /// The headers that every answer about these bytes carries.
    fn head(&self, mut response: HttpResponseBuilder) -> HttpResponseBuilder {
        response
            .insert_header((ETAG, self.etag.clone()))
            .insert_header((LAST_MODIFIED, HttpDate::from(self.modified)))
            .insert_header((ACCEPT_RANGES, "bytes"))
            .insert_header((CACHE_CONTROL, self.key.cache_control()))
            // Should a file ever be taken for a document, it can do nothing there.
            .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"));
        response
    }

    /// What the bytes are.
    fn describe(&self, response: &mut HttpResponseBuilder) {
        response.insert_header((CONTENT_TYPE, self.key.content_type()));
        if let Some(disposition) = &self.disposition {
            response.insert_header(disposition.clone());
        }
    }

    /// `If-None-Match` decides; `If-Modified-Since` only in its absence.
    fn client_has_it(&self, headers: &HeaderMap) -> bool {
        match client_has(headers, &self.etag) {
            Some(has) => has,
            None => {
                date(headers, IF_MODIFIED_SINCE).is_some_and(|since| !self.modified_after(since))
            }
        }
    }

    /// Whether a range may be sent: not if the client's part is of something else.
    fn range_applies(&self, headers: &HeaderMap) -> bool {
        match headers.get(IF_RANGE).map(|value| value.to_str()) {
            None => true,
            Some(Ok(value)) if value.starts_with('"') => value == self.etag,
            // A date has to be the very one (RFC 9110, section 13.1.5).
            Some(_) => date(headers, IF_RANGE) == date_of(self.modified),
        }
    }

    /// Dates in headers have whole seconds.
    fn modified_after(&self, since: SystemTime) -> bool {
        self.modified
            .duration_since(since)
            .is_ok_and(|later| later >= Duration::from_secs(1))
    }

    fn outside(&self) -> ApiError {
        let size = self.size_bytes;
        let error = ApiError::new(
            ErrorCode::RangeNotSatisfiable,
            format!("The image has {size} bytes."),
        );
        match HeaderValue::try_from(format!("bytes */{size}")) {
            Ok(value) => error.with_header(CONTENT_RANGE, value),
            Err(_) => error,
        }
    }
}

/// A time as a header gives it back: in whole seconds.
fn date_of(time: SystemTime) -> Option<SystemTime> {
    let date: HttpDate = HttpDate::from(time).to_string().parse().ok()?;
    Some(date.into())
}

fn date(headers: &HeaderMap, name: actix_web::http::header::HeaderName) -> Option<SystemTime> {
    let date: HttpDate = headers.get(name)?.to_str().ok()?.parse().ok()?;
    Some(date.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_has_the_uploaders_name_and_the_extension_of_its_type() {
        let rows = [
            ("cat.png", r#"inline; filename="cat.png""#),
            ("cat.PNG", r#"inline; filename="cat.PNG""#),
            ("cat.html", r#"inline; filename="cat.html.png""#),
            ("cat", r#"inline; filename="cat.png""#),
            (".png", r#"inline; filename=".png.png""#),
            (r#"a"b\\c".png"#, r#"inline; filename="c\".png""#),
            (
                "Möwe 🦅.png",
                "inline; filename=\"M_we _.png\"; filename*=UTF-8''M%C3%B6we%20%F0%9F%A6%85.png",
            ),
        ];
        for (name, expected) in rows {
            let name = FileName::clean(name).unwrap();
            let header = disposition(&name, MediaType::Png).to_string();
            assert_eq!(header, expected);
        }
    }
}
