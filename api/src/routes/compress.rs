//! Texts that are the same for everybody are sent compressed to who takes that. In production nginx does it.
//!
//! Answers with a secret in them must not be, as their length would tell of it (<https://www.breachattack.com/>).

use std::io::Write as _;

use actix_web::body::{BodySize, BoxBody, MessageBody, to_bytes_limited};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::ErrorInternalServerError;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    AcceptEncoding, CONTENT_ENCODING, CONTENT_TYPE, ETAG, Encoding, Header as _, HeaderMap,
    HeaderValue, VARY,
};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Below, the frame that compression adds is as large as what it saves.
const MIN_BYTES: u64 = 512;
/// What is compressed is held in memory. None of the texts is as large.
const MAX_BYTES: usize = 4 << 20;
/// Better levels save one byte in a thousand.
const LEVEL: Compression = Compression::new(6);

/// Compresses the answer if it is a text and the client takes gzip.
pub(super) async fn compress(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let takes_gzip = takes_gzip(&request);
    let mut response = next.call(request).await?.map_into_boxed_body();
    if !is_text(response.headers()) && response.status() != StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    // There may be others: of the origin.
    let vary = HeaderValue::from_static("Accept-Encoding");
    response.headers_mut().append(VARY, vary);
    let bytes = match response.response().body().size() {
        BodySize::Sized(bytes) => bytes,
        BodySize::None | BodySize::Stream => 0,
    };
    let fits = (MIN_BYTES..=MAX_BYTES as u64).contains(&bytes);
    // A part of a file is sent as it is: it is a part of those bytes.
    if !takes_gzip || !fits || response.status() != StatusCode::OK {
        return Ok(response);
    }
    let (request, response) = response.into_parts();
    let (mut response, body) = response.into_parts();
    let plain = to_bytes_limited(body, MAX_BYTES)
        .await
        .map_err(ErrorInternalServerError)??;
    let compressed = web::block(move || gzip(&plain)).await??;
    let headers = response.headers_mut();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    if let Some(weak) = weak_etag(headers) {
        headers.insert(ETAG, weak);
    }
    let response = response.set_body(BoxBody::new(compressed));
    Ok(ServiceResponse::new(request, response))
}

fn takes_gzip(request: &ServiceRequest) -> bool {
    // Without the header anything may be sent, but who does not say so may not expect it.
    request
        .headers()
        .contains_key(actix_web::http::header::ACCEPT_ENCODING)
        && AcceptEncoding::parse(request).is_ok_and(|accepted| {
            accepted.negotiate([Encoding::gzip(), Encoding::identity()].iter())
                == Some(Encoding::gzip())
        })
}

fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let name = content_type.and_then(|value| value.split(';').next());
    name.is_some_and(|name| {
        name.starts_with("text/") || ["application/json", "image/svg+xml"].contains(&name)
    })
}

fn gzip(plain: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 2), LEVEL);
    encoder.write_all(plain)?;
    encoder.finish().map(Bytes::from)
}

/// The two forms are the same to who asks whether the file has changed, but not the same bytes (RFC 9110, section
/// 8.8.3.3). `None`: there is no tag, or it is weak already.
fn weak_etag(headers: &HeaderMap) -> Option<HeaderValue> {
    let strong = headers.get(ETAG)?.to_str().ok()?;
    (!strong.starts_with("W/")).then(|| HeaderValue::from_str(&format!("W/{strong}")).ok())?
}
