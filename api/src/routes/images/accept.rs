//! Which media types a client takes (`Accept`; RFC 9110, section 12.5.1).

use actix_web::http::header::{ACCEPT, HeaderMap};

use crate::domain::MediaType;

/// Whether the client says of this very type that it takes it. `*/*` and `image/*` say nothing: clients send them
/// that show only what they have always shown.
pub(super) fn names(headers: &HeaderMap, media_type: MediaType) -> bool {
    headers
        .get_all(ACCEPT)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| outside_quotes(value, ','))
        .any(|element| takes(element, media_type))
}

/// Whether one element of the list names the type, and not in order to refuse it.
fn takes(element: &str, media_type: MediaType) -> bool {
    let mut parts = outside_quotes(element, ';').map(str::trim);
    let is_it = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case(media_type.name()));
    if !is_it {
        return false;
    }
    // A parameter before the weight would make it a type of its own, of which none is sent.
    match parts.find(|part| !part.is_empty()) {
        None => true,
        Some(part) => match part.split_once('=') {
            Some((name, value)) if name.trim_end().eq_ignore_ascii_case("q") => {
                is_positive(value.trim_start())
            }
            _ => false,
        },
    }
}

/// Whether this is a weight (RFC 9110, section 12.4.2) and more than nothing.
fn is_positive(weight: &str) -> bool {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = |is: fn(u8) -> bool| decimals.len() <= 3 && decimals.bytes().all(is);
    match whole {
        "1" => digits(|byte| byte == b'0'),
        "0" => digits(|byte| byte.is_ascii_digit()) && decimals.bytes().any(|byte| byte != b'0'),
        _ => false,
    }
}

/// Splits at a character, but not where it is part of a quoted string.
fn outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let splits = !quoted && character == separator;
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        splits
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn takes_webp(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT, HeaderValue::from_static(value));
        }
        names(&headers, MediaType::Webp)
    }

    #[test]
    fn webp_is_for_those_who_name_it() {
        let rows: [(&[&'static str], bool); 32] = [
            (&[], false),
            (&[""], false),
            (&["*/*"], false),
            (&["image/*"], false),
            (&["image/*;q=1.0, */*;q=0.8"], false),
            (&["image/png,image/*;q=0.8,*/*;q=0.5"], false),
            (&["image/webp"], true),
            (&["IMAGE/WebP"], true),
            (&["  image/webp  "], true),
            (&["image/webp,*/*"], true),
            (
                &["image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"],
                true,
            ),
            (&["text/html,\timage/webp"], true),
            (&["image/png", "image/webp"], true),
            (&["image/webp;q=1"], true),
            (&["image/webp; Q=0.5"], true),
            (&["image/webp ; q=0.001"], true),
            (&["image/webp;q=1.000"], true),
            (&["image/webp;;q=0.1"], true),
            (&["image/webp;q=0"], false),
            (&["image/webp;q=0."], false),
            (&["image/webp;q=0.000, */*"], false),
            (&["image/webp;q=0, image/webp;q=1"], true),
            (&["image/webp;q=2"], false),
            (&["image/webp;q=1.001"], false),
            (&["image/webp;q=0.0001"], false),
            (&["image/webp;q=-1"], false),
            (&["image/webp;q=x"], false),
            (&["image/webp;q"], false),
            (&["image/webp;level=1;q=0.9"], false),
            (&["image/webpx, ximage/webp, image"], false),
            (&[r#"text/html;title=", image/webp""#], false),
            (&[r#"text/html;title="\", image/webp", image/webp"#], true),
        ];
        for (values, expected) in rows {
            assert_eq!(takes_webp(values), expected, "{values:?}");
        }
    }

    #[test]
    fn what_is_no_text_names_nothing() {
        let mut headers = HeaderMap::new();
        headers.append(
            ACCEPT,
            HeaderValue::from_bytes(b"image/webp, \xff").unwrap(),
        );
        assert!(!names(&headers, MediaType::Webp));
    }
}
