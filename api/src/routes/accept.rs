//! Which media types a client takes (`Accept`; RFC 9110, section 12.5.1).

use actix_web::http::header::{ACCEPT, HeaderMap};

use crate::domain::MediaType;

/// The weight of a type that is named without one, in thousandths.
const FULL: u16 = 1000;

/// Whether the client says of this very type that it takes it. `*/*` and `image/*` say nothing: clients send them
/// that show only what they have always shown.
pub(super) fn names(headers: &HeaderMap, media_type: MediaType) -> bool {
    weight_of(headers, media_type.name()).is_some_and(|weight| weight > 0)
}

/// Whether the client would rather have a page than JSON: it names HTML, and gives JSON less weight. Browsers do so
/// when a form is sent; scripts and programs do not.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let json = ["application/json", "application/problem+json"]
        .into_iter()
        .filter_map(|name| weight_of(headers, name))
        .max()
        .or_else(|| weight_of(headers, "application/*"))
        .or_else(|| weight_of(headers, "*/*"));
    weight_of(headers, "text/html").is_some_and(|html| html > json.unwrap_or(0))
}

/// The weight in thousandths that the client gives to what it calls by this name. `None`: it does not name it.
fn weight_of(headers: &HeaderMap, name: &str) -> Option<u16> {
    headers
        .get_all(ACCEPT)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| outside_quotes(value, ','))
        .filter_map(|element| weight_in(element, name))
        .max()
}

/// The same in one element of the list.
fn weight_in(element: &str, name: &str) -> Option<u16> {
    let mut parts = outside_quotes(element, ';').map(str::trim);
    let is_it = parts
        .next()
        .is_some_and(|named| named.eq_ignore_ascii_case(name));
    if !is_it {
        return None;
    }
    // A parameter before the weight would make it a type of its own, of which none is sent.
    match parts.find(|part| !part.is_empty()) {
        None => Some(FULL),
        Some(part) => match part.split_once('=') {
            Some((name, value)) if name.trim_end().eq_ignore_ascii_case("q") => {
                thousandths(value.trim_start())
            }
            _ => None,
        },
    }
}

/// A weight (RFC 9110, section 12.4.2).
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(decimals),
        "1" if decimals == 0 => Some(FULL),
        _ => None,
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

    #[test]
    fn a_page_is_for_those_who_want_it_more_than_json() {
        // As browsers send it with a form, and as programs do.
        let rows = [
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                true,
            ),
            ("text/html", true),
            ("text/html;q=0.5", true),
            ("text/html, application/json;q=0.9", true),
            ("", false),
            ("*/*", false),
            ("text/*", false),
            ("application/json", false),
            ("application/json, application/problem+json", false),
            ("application/json, text/html", false),
            ("text/html, application/problem+json", false),
            ("text/html, */*", false),
            ("text/html;q=0.9, application/*", false),
            ("text/html;q=0", false),
            ("text/html;q=0.5, application/json;q=0.7", false),
        ];
        for (accept, expected) in rows {
            let mut headers = HeaderMap::new();
            headers.append(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(prefers_html(&headers), expected, "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }
}
