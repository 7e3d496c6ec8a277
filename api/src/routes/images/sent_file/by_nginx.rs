//! What nginx sends in place of the service (`X-Accel-Redirect`), and what it would not send as it is meant.

use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, HeaderMap, HeaderName, IF_MATCH,
    IF_UNMODIFIED_SINCE, RANGE,
};

use super::range::Range;

/// Tells nginx which file to send instead of this answer's body. From nginx, with `off`: that it could not, and
/// that the bytes have to come from here. Whoever else sends that changes nothing but who sends the bytes.
pub(super) const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");

/// Headers that nginx would carry to wherever it is led, and keep when the file is not there and the answer becomes
/// another one. Under these names its configuration takes them up where the file is sent.
const RENAMED: [(HeaderName, HeaderName); 3] = [
    (
        ACCEPT_RANGES,
        HeaderName::from_static("x-copy-accept-ranges"),
    ),
    (
        CACHE_CONTROL,
        HeaderName::from_static("x-copy-cache-control"),
    ),
    (
        CONTENT_DISPOSITION,
        HeaderName::from_static("x-copy-content-disposition"),
    ),
];

/// Conditions that nginx would look at and the service does not (see `api/README.md`).
const ONLY_NGINX_HEEDS: [HeaderName; 2] = [IF_MATCH, IF_UNMODIFIED_SINCE];

/// nginx answers 416 to numbers that it cannot hold, even where they mean "to the end". One with so few
/// characters it can.
const MAX_RANGE_FOR_NGINX: usize = "bytes=-".len() + 18;

/// Makes the answer one that nginx turns into the image.
pub(super) fn rename_for_nginx(headers: &mut HeaderMap, range: &Range) {
    if matches!(range, Range::Whole) {
        // With a whole file nginx says this by itself.
        headers.remove(ACCEPT_RANGES);
    }
    for (name, for_nginx) in RENAMED {
        if let Some(value) = headers.get(&name).cloned() {
            headers.remove(name);
            headers.insert(for_nginx, value);
        }
    }
}

/// Whether nginx, which sees the same request, makes of it what was decided here. The rest is rare, and is
/// answered from here.
pub(super) fn leaves_to_nginx(headers: &HeaderMap, range: &Range) -> bool {
    let asked_for_bytes = headers
        .get(X_ACCEL_REDIRECT)
        .is_some_and(|value| value == "off");
    let mut ranges = headers.get_all(RANGE);
    let same_range = match (range, ranges.next()) {
        (Range::Whole, None) => true,
        (Range::Part { .. }, Some(value)) => {
            value.len() <= MAX_RANGE_FOR_NGINX && ranges.next().is_none()
        }
        // Ignored here, or outside the image: nginx has other rules.
        _ => false,
    };
    let conditional = ONLY_NGINX_HEEDS
        .iter()
        .any(|name| headers.contains_key(name));
    same_range && !asked_for_bytes && !conditional
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ETAG, HeaderValue};

    use super::super::range::parse_range;
    use super::*;

    #[test]
    fn nginx_sends_only_what_it_understands_as_it_is_meant() {
        let rows = [
            (ETAG, "no header of a request", true),
            (RANGE, "bytes=0-9", true),
            (RANGE, "bytes=-9", true),
            // To the end, as the service reads numbers that do not fit.
            (RANGE, "bytes=0-99999999999999999999", false),
            (RANGE, "bytes=0-1,3-4", false),
            (RANGE, "bytes=1000-", false),
            (IF_MATCH, "\"x\"", false),
            (IF_UNMODIFIED_SINCE, "yesterday", false),
            (X_ACCEL_REDIRECT, "off", false),
            (X_ACCEL_REDIRECT, "/etc/passwd", true),
        ];
        for (name, value, expected) in rows {
            let range = if name == RANGE {
                parse_range(value, 1000)
            } else {
                Range::Whole
            };
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(leaves_to_nginx(&headers, &range), expected, "{value}");
        }
    }
}
