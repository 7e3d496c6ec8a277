//! The web client: static files, read from its folder at each request.

use std::path::Path;

use actix_files::Files;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::middleware::DefaultHeaders;
use actix_web::web;

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
