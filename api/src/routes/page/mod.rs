//! Pages for browsers that send the upload form by themselves, without the client's scripts: what became of it, in
//! words. They use the client's style sheets where it is served here, and need nothing.
//!
//! Everything that is put into a page goes through [`Text`].

mod form_key;
mod problem;
mod uploaded;

use std::fmt;

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, VARY};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

pub(super) use form_key::key_of_form;
pub(super) use problem::problem_page;
pub(super) use uploaded::{UploadedPage, uploaded_page};

use super::accept;

/// What such a page may load, and where it may lead.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Whether this is a form, sent by a browser itself.
pub(super) fn is_wanted(request: &HttpRequest) -> bool {
    request.method() == Method::POST && accept::prefers_html(request.headers())
}

/// Text as HTML shows it verbatim, in an element or in a quoted attribute
/// (<https://html.spec.whatwg.org/multipage/syntax.html#syntax-text>).
struct Text<'text>(&'text str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            let (plain, special) = rest.split_at(at);
            f.write_str(plain)?;
            f.write_str(match special.as_bytes()[0] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &special[1..];
        }
        f.write_str(rest)
    }
}

/// The page with this title, and `content`, which is HTML.
fn page(mut response: HttpResponseBuilder, title: &str, content: &str) -> HttpResponse {
    let title = Text(title);
    response
        .insert_header(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        // It can hold a delete token, and is the answer to a form.
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((VARY, "Accept"))
        .body(format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} – Image Handler</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/styles/reset.css">
<link rel="stylesheet" href="/styles/variables.css">
<link rel="stylesheet" href="/styles/global.css">
<link rel="stylesheet" href="/styles/answer.css">
</head>
<body>
<header class="masthead">
<p class="masthead__brand"><img src="/favicon.svg" alt="" width="28" height="28"> Image Handler</p>
</header>
<main class="answer">
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"#
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_verbatim() {
        for (text, html) in [
            ("", ""),
            ("Ada", "Ada"),
            ("<b>Ada</b>", "&lt;b&gt;Ada&lt;/b&gt;"),
            ("R&D", "R&amp;D"),
            ("\"'", "&quot;&#39;"),
            ("é<日本>", "é&lt;日本&gt;"),
            ("&lt;", "&amp;lt;"),
        ] {
            assert_eq!(Text(text).to_string(), html);
        }
    }
}
