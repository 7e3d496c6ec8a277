//! The web client: static files, read from its folder at each request.

use std::path::Path;

use actix_files::Files;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::{Error, web};

use super::compress::compress;
use super::route_not_found;

/// Serves the client at `/`. Browsers keep the files and ask each time whether they have changed:
/// the client and the API it speaks to must not drift apart.
pub(super) fn client(
    folder: &Path,
    objects_origin: &str,
) -> impl actix_web::dev::HttpServiceFactory + 'static {
    let files = Files::new("/", folder)
        .index_file("index.html")
        .prefer_utf8(true)
        .default_handler(web::to(route_not_found));
    web::scope("")
        .wrap(from_fn(name_charset))
        .wrap(from_fn(compress))
        .wrap(
            DefaultHeaders::new()
                .add((CACHE_CONTROL, "no-cache"))
                .add((CONTENT_SECURITY_POLICY, policy(objects_origin))),
        )
        .service(files)
}

/// What the client's pages may load. nginx says the same where it serves them.
pub(crate) fn policy(objects_origin: &str) -> String {
    format!(
        "default-src 'self'; img-src 'self' blob: {objects_origin}; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

/// Scripts are in UTF-8 like all else, which actix-files does not say of them.
async fn name_charset(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    if headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value == "text/javascript")
    {
        let named = HeaderValue::from_static("text/javascript; charset=utf-8");
        headers.insert(CONTENT_TYPE, named);
    }
    Ok(response)
}
