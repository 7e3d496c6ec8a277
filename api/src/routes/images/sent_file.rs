//! How the bytes of a file are answered, with conditions and ranges (RFC 9110, sections 13 and 14): those of an
//! original and those of a variant alike.

mod body;
mod by_nginx;
mod disposition;
mod range;

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use actix_web::body::SizedStream;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, HeaderValue, HttpDate, IF_MODIFIED_SINCE, IF_RANGE, LAST_MODIFIED,
    RANGE, VARY,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::stream;

use self::body::FileBody;
use self::by_nginx::{X_ACCEL_REDIRECT, leaves_to_nginx, rename_for_nginx};
use self::disposition::disposition;
use self::range::{Range, parse_range};
use super::client_has;
use crate::domain::{Checksum, FileName, ImageId, MediaType};
use crate::routes::{Api, ApiError, ErrorCode};
use crate::storage::CACHE_CONTROL as CACHED_AS;

/// What an answer tells of an image or of a variant of it, whoever sends the bytes.
pub(super) struct Representation {
    /// What the bytes are.
    media_type: MediaType,
    /// Names these bytes and no others.
    etag: String,
    /// The image, which says when it was made.
    id: ImageId,
    /// Under which name browsers save it. `None`: that of the link.
    file_name: Option<FileName>,
    /// Whether other bytes would be sent to whoever accepts other types.
    depends_on_accept: bool,
}

/// A file that is sent to whoever asks for it.
pub(super) struct SentFile {
    /// What is told of it.
    pub(super) representation: Representation,
    /// Open for reading.
    pub(super) file: File,
    /// Its length.
    pub(super) size_bytes: u64,
    /// Where it lies below the uploads folder. `None`: nowhere; it is gone when it is closed.
    pub(super) path: Option<PathBuf>,
}

impl Representation {
    /// An image as it was published.
    pub(super) fn original(
        id: ImageId,
        media_type: MediaType,
        sha256: Checksum,
        file_name: Option<FileName>,
    ) -> Self {
        Self {
            media_type,
            etag: format!("\"{sha256}\""),
            id,
            file_name,
            depends_on_accept: false,
        }
    }

    /// A variant, which is chosen by what the client accepts. `checksum` is that of its bytes.
    pub(super) fn variant(
        id: ImageId,
        media_type: MediaType,
        checksum: &str,
        file_name: Option<FileName>,
    ) -> Self {
        Self {
            media_type,
            etag: format!("\"{checksum}\""),
            id,
            file_name,
            depends_on_accept: true,
        }
    }

    /// The answer to a client that has these bytes already (RFC 9110, section 13.2.2). `None`: it has not.
    pub(super) fn not_modified(&self, request: &HttpRequest) -> Option<HttpResponse> {
        self.client_has_it(request.headers())
            .then(|| self.head(HttpResponse::NotModified()).finish())
    }

    /// The headers that every answer about these bytes carries.
    fn head(&self, mut response: HttpResponseBuilder) -> HttpResponseBuilder {
        response
            .insert_header((ETAG, self.etag.as_str()))
            .insert_header((ACCEPT_RANGES, "bytes"))
            .insert_header((CACHE_CONTROL, CACHED_AS))
            // Should a file ever be taken for a document, it can do nothing there.
            .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"));
        if self.depends_on_accept {
            response.insert_header((VARY, "Accept"));
        }
        if let Some(modified) = self.modified() {
            response.insert_header((LAST_MODIFIED, HttpDate::from(modified)));
        }
        response
    }

    /// What the bytes are.
    fn describe(&self, response: &mut HttpResponseBuilder) {
        response.insert_header((CONTENT_TYPE, self.media_type.name()));
        if let Some(name) = &self.file_name {
            response.insert_header(disposition(name, self.media_type));
        }
    }

    /// `None` where no time tells these bytes from others: at one address there are several variants, and others once
    /// their size is set anew.
    fn modified(&self) -> Option<SystemTime> {
        (!self.depends_on_accept).then(|| self.id.created_at().into())
    }

    /// `If-None-Match` decides; `If-Modified-Since` only in its absence.
    fn client_has_it(&self, headers: &HeaderMap) -> bool {
        client_has(headers, &self.etag).unwrap_or_else(|| {
            match (self.modified(), date(headers, IF_MODIFIED_SINCE)) {
                (Some(modified), Some(since)) => !is_after(modified, since),
                _ => false,
            }
        })
    }

    /// Whether a range may be sent: not if the client's part is of something else.
    fn range_applies(&self, headers: &HeaderMap) -> bool {
        match headers.get(IF_RANGE).map(|value| value.to_str()) {
            None => true,
            Some(Ok(value)) if value.starts_with('"') => value == self.etag,
            // A date has to be the very one (RFC 9110, section 13.1.5).
            Some(_) => self
                .modified()
                .is_some_and(|modified| date(headers, IF_RANGE) == date_of(modified)),
        }
    }
}

/// Dates in headers have whole seconds.
fn is_after(modified: SystemTime, since: SystemTime) -> bool {
    modified
        .duration_since(since)
        .is_ok_and(|later| later >= Duration::from_secs(1))
}

impl SentFile {
    /// The answer to a request for these bytes.
    pub(super) fn answer(self, request: &HttpRequest, api: &Api) -> Result<HttpResponse, ApiError> {
        let headers = request.headers();
        let representation = &self.representation;
        if let Some(answer) = representation.not_modified(request) {
            return Ok(answer);
        }
        let range = match headers.get(RANGE).and_then(|value| value.to_str().ok()) {
            // Ranges are for GET (RFC 9110, section 14.2).
            Some(range)
                if request.method() == Method::GET && representation.range_applies(headers) =>
            {
                parse_range(range, self.size_bytes)
            }
            _ => Range::Whole,
        };
        if let (Some(prefix), Some(path)) = (&api.accel_prefix, &self.path)
            && leaves_to_nginx(headers, &range)
        {
            let address = format!("{prefix}{}", path.display());
            return Ok(self.leave_to_nginx(address, &range));
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
        let mut response = representation.head(status);
        representation.describe(&mut response);
        if request.method() == Method::HEAD {
            // The length is all that is sent of the body, so nothing is read.
            let nothing = stream::empty::<std::io::Result<Bytes>>();
            return Ok(response.body(SizedStream::new(length, nothing)));
        }
        Ok(response.body(FileBody::new(self.file, begin, length)))
    }

    /// nginx takes status, length and range from the file, and the other headers from here.
    fn leave_to_nginx(&self, address: String, range: &Range) -> HttpResponse {
        let mut response = self.representation.head(HttpResponse::Ok());
        self.representation.describe(&mut response);
        let mut response = response.insert_header((X_ACCEL_REDIRECT, address)).finish();
        rename_for_nginx(response.headers_mut(), range);
        response
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

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    let date: HttpDate = headers.get(name)?.to_str().ok()?.parse().ok()?;
    Some(date.into())
}
