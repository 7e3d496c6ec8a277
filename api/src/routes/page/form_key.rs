//! A form that is sent twice by a reload of its answer must not make two images. A form cannot choose an
//! `Idempotency-Key`, but browsers give each sending a boundary of their own, made from good random numbers, and a
//! reload sends the very same bytes.

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;

use super::is_wanted;
use crate::domain::IdempotencyKey;

/// What boundaries begin with: those of Chromium and `WebKit`, of Firefox, and of older ones of Firefox.
const BEGINNINGS: [&str; 3] = [
    "----WebKitFormBoundary",
    "----geckoformboundary",
    "---------------------------",
];
/// Fewer random characters could be guessed, and the answer to a retry holds the delete token.
const MIN_RANDOM: usize = 16;

/// The key of a form that a browser sent by itself.
pub(in crate::routes) fn key_of_form(request: &HttpRequest) -> Option<IdempotencyKey> {
    if !is_wanted(request) {
        return None;
    }
    let content_type = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let (_, boundary) = content_type.split_once("boundary=")?;
    is_of_a_browser(boundary).then(|| IdempotencyKey::of_text(boundary))
}

fn is_of_a_browser(boundary: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| {
        boundary.strip_prefix(beginning).is_some_and(|random| {
            random.len() >= MIN_RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_boundaries_that_nobody_can_guess_make_a_key() {
        for (boundary, is) in [
            ("----WebKitFormBoundaryAb3dEf6hIj9lMn2p", true),
            (
                "----geckoformboundary6a3b0f1c2d4e5f607182930415263748",
                true,
            ),
            (
                "---------------------------1234567890123456789012345678",
                true,
            ),
            ("----WebKitFormBoundary", false),
            ("----WebKitFormBoundaryAb3dEf6h", false),
            ("----WebKitFormBoundaryAb3dEf6hIj9lMn2p; x", false),
            ("------------------------d74496d66958873e", false),
            ("boundary", false),
            ("", false),
        ] {
            assert_eq!(is_of_a_browser(boundary), is, "{boundary}");
        }
    }
}
