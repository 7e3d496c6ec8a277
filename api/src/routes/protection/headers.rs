//! The headers that every answer has: what browsers are told not to do with it.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, CROSS_ORIGIN_OPENER_POLICY, CROSS_ORIGIN_RESOURCE_POLICY, HeaderMap,
    HeaderName, HeaderValue, ORIGIN, PERMISSIONS_POLICY, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};

use super::cross_origin;
use super::rate_limit::Usage;
use crate::routes::Api;

/// For all answers alike.
const EVERYWHERE: [(HeaderName, &str); 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // The client's addresses can hold a delete token.
    (REFERRER_POLICY, "no-referrer"),
    (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    // The client copies links and needs nothing else.
    (
        PERMISSIONS_POLICY,
        "accelerometer=(), camera=(), clipboard-write=(self), display-capture=(), geolocation=(), \
         gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
    ),
];

/// For answers that set no policy of their own: nothing in them is meant to be shown as a page.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";

/// Two years, as the lists that browsers are delivered with ask for. Other hosts of the domain are not ours to
/// speak for.
pub(crate) const ONLY_TLS: &str = "max-age=63072000";

/// Writes them. Has to stand round everything that makes answers, errors included.
pub(in crate::routes) async fn write_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let request = response.request().clone();
    let headers = response.headers_mut();
    write_fixed(headers);
    if is_image(request.path()) {
        // Made to be shown by other sites.
        insert(headers, CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin");
    } else {
        insert(headers, CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
        insert(headers, X_FRAME_OPTIONS, "DENY");
    }
    if let Some(api) = request.app_data::<web::Data<Api>>() {
        if api.public_url.starts_with("https://") {
            insert(headers, STRICT_TRANSPORT_SECURITY, ONLY_TLS);
        }
        let origin = request.headers().get(ORIGIN);
        cross_origin::write_to(headers, is_image(request.path()), origin, &api.guards);
    }
    if let Some(usage) = request.extensions().get::<Usage>() {
        usage.write_to(headers);
    }
    Ok(response)
}

/// Writes those that hang on nothing. An answer may have a policy of its own.
pub(in crate::routes) fn write_fixed(headers: &mut HeaderMap) {
    for (name, value) in EVERYWHERE {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        insert(headers, CONTENT_SECURITY_POLICY, NO_PAGE);
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Whether images are served below this path.
pub(super) fn is_image(path: &str) -> bool {
    path.starts_with("/i/")
}
