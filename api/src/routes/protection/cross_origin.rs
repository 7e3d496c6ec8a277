//! Which pages of other sites may do what (CORS, <https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! Images may be read by every page: they are made to be shown anywhere. The API is closed to other sites, reads
//! included, because it may stand in a network that its users can reach and the makers of the pages they visit
//! cannot. A form that uploads needs no leave from CORS, so writes are checked here and not left to browsers.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST,
    HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use url::{Host, Url};

use super::Guards;
use super::headers::is_image;
use crate::routes::{Api, ApiError, ErrorCode};

/// <https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What scripts of other origins may read beside the headers that they always may.
const EXPOSED: &str = "Content-Range, ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, \
                       Retry-After, X-Request-Id";

/// How long browsers may remember what a preflight said, in seconds. They keep it for two hours at most.
const PREFLIGHT_MAX_AGE: &str = "7200";

/// Refuses writes from pages of other sites, and answers preflights.
pub(in crate::routes) async fn check_origin(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let allowed = request
        .app_data::<web::Data<Api>>()
        .is_some_and(|api| may_write(&request, &api.guards));
    let headers = request.headers();
    let is_preflight = *request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let is_write = !request.method().is_safe();
    if is_preflight && is_image(request.path()) {
        let answer = preflight(
            "GET, HEAD",
            "If-Modified-Since, If-None-Match, If-Range, Range",
        );
        return Ok(request.into_response(answer));
    }
    if (is_preflight || is_write) && !allowed {
        return Ok(request.error_response(ApiError::plain(ErrorCode::OriginNotAllowed)));
    }
    if is_preflight {
        let answer = preflight(
            "GET, HEAD, POST, DELETE",
            "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-Id",
        );
        return Ok(request.into_response(answer));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

fn preflight(methods: &'static str, headers: &'static str) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, methods))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, headers))
        .insert_header((ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE))
        .finish()
}

/// Whether the page that sends this may write. Programs that are no browsers name no origin, and may.
fn may_write(request: &ServiceRequest, guards: &Guards) -> bool {
    let header = |name: HeaderName| request.headers().get(name).map(HeaderValue::as_bytes);
    let is_same_site = |site: &[u8]| matches!(site, b"same-origin" | b"none");
    match header(ORIGIN) {
        // Some browsers hide the origin of a form, or send none; this header says what they hid.
        None => header(SEC_FETCH_SITE).is_none_or(is_same_site),
        Some(b"null") => header(SEC_FETCH_SITE).is_some_and(is_same_site),
        Some(origin) => std::str::from_utf8(origin).is_ok_and(|origin| {
            let host = header(HOST).and_then(|host| std::str::from_utf8(host).ok());
            let is_same_origin = || header(SEC_FETCH_SITE) == Some(b"same-origin");
            guards.allows(origin)
                || origin == guards.own_origin
                || host.is_some_and(|host| {
                    is_ours(host, &guards.own_origin)
                        && (is_of_host(origin, host) || is_same_origin())
                })
        }),
    }
}

/// Whether nobody else can have a page under this host: an address, this machine, or the name that the operator
/// gave. Any other name may be that of a page which had its own name lead here (DNS rebinding).
fn is_ours(host: &str, own_origin: &str) -> bool {
    let parsed = |url: &str| Url::parse(url).ok();
    let Some(host) = parsed(&format!("http://{host}")) else {
        return false;
    };
    match host.host() {
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        Some(Host::Domain(name)) => {
            name == "localhost"
                || name.ends_with(".localhost")
                || parsed(own_origin).is_some_and(|own| own.host_str() == Some(name))
        }
        None => false,
    }
}

/// Whether the origin is the host that the request came to. Behind a proxy that ends TLS nobody here knows the
/// scheme, so the origin's is taken.
fn is_of_host(origin: &str, host: &str) -> bool {
    let scheme = origin.split_once("://").map(|(scheme, _)| scheme);
    let Some(scheme @ ("http" | "https")) = scheme else {
        return false;
    };
    Url::parse(&format!("{scheme}://{host}"))
        .is_ok_and(|own| own.origin().ascii_serialization() == origin)
}

/// Tells browsers whose scripts may read the answer. Never with credentials: nothing here knows cookies.
pub(super) fn write_to(
    headers: &mut HeaderMap,
    is_image: bool,
    origin: Option<&HeaderValue>,
    guards: &Guards,
) {
    let expose = |headers: &mut HeaderMap, origin: HeaderValue| {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static(EXPOSED);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    };
    if is_image {
        expose(headers, HeaderValue::from_static("*"));
        return;
    }
    if guards.settings.allowed_origins.is_empty() {
        return;
    }
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let allowed = origin.filter(|origin| origin.to_str().is_ok_and(|text| guards.allows(text)));
    if let Some(origin) = allowed {
        expose(headers, origin.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_compared_with_the_host_by_what_they_mean() {
        for (origin, host) in [
            ("http://localhost:8080", "localhost:8080"),
            ("https://images.example.org", "images.example.org"),
            ("https://images.example.org", "images.example.org:443"),
            ("http://images.example.org", "Images.Example.org"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert!(is_of_host(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://localhost:3000", "localhost:8080"),
            ("https://example.org", "images.example.org"),
            (
                "https://images.example.org.evil.example",
                "images.example.org",
            ),
            ("https://images.example.org:8443", "images.example.org"),
            ("file://", ""),
            ("", ""),
        ] {
            assert!(!is_of_host(origin, host), "{origin} {host}");
        }
    }

    #[test]
    fn a_name_that_nobody_gave_may_be_anybodys() {
        let own = "https://images.example.org";
        for ours in [
            "127.0.0.1:8080",
            "192.168.1.7",
            "[::1]:8080",
            "localhost:8080",
            "images.localhost",
            "images.example.org",
            "Images.Example.org:8443",
        ] {
            assert!(is_ours(ours, own), "{ours}");
        }
        for foreign in [
            "evil.example:8080",
            "images.example.org.evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "",
        ] {
            assert!(!is_ours(foreign, own), "{foreign}");
        }
    }
}
