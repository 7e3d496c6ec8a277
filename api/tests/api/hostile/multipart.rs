//! Forms that are put together wrongly (RFC 7578, RFC 2046 section 5.1).

use super::{
    Attack, Error, Expected, Refused, Taken, Target, attack, body, file_part, good_body, join,
    part, post, post_as, text_part,
};
use crate::helpers::fixtures::photo;

const MALFORMED: Expected = Error(400, "multipart-malformed");

/// Headers of the file's part other than its disposition, and headers in its place.
#[rustfmt::skip]
fn file_part_headers() -> Vec<Attack> {
    const FILE: &[u8] = b"Content-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"";
    let row = |name: &str, headers: &[u8], expected: Expected| {
        let form = body(&[text_part("uploader", b"Eve"), part(headers, &photo())]);
        attack(name, post("", &form), expected)
    };
    let beside = |name: &str, header: &[u8], expected: Expected| {
        row(name, &join(&[FILE, b"\r\n", header]), expected)
    };
    vec![
        beside("a header of the part of 100 kB", format!("X-Long: {}", "x".repeat(100_000)).as_bytes(), Refused),
        beside("a header of the part of 10 kB", format!("X-Long: {}", "x".repeat(10_000)).as_bytes(), MALFORMED),
        beside("a header of the part of 7 kB", format!("X-Long: {}", "x".repeat(7_000)).as_bytes(), Taken),
        beside("100 headers of the part", "X-Many: 1\r\n".repeat(99).trim_end().as_bytes(), MALFORMED),
        beside("a header of the part without a colon", b"X-Header", MALFORMED),
        beside("base64 that is announced but not there", b"Content-Transfer-Encoding: base64", Taken),
        beside("an encoding that nobody knows", b"Content-Transfer-Encoding: x-evil", Taken),
        beside("a type with a character set", b"Content-Type: image/jpeg; charset=utf-7", Taken),
        beside("a type that cannot be read", b"Content-Type: ;;;", Taken),
        beside("a type that is not ASCII", b"Content-Type: image/\xff", Taken),
        beside("a type that is a form", b"Content-Type: multipart/mixed; boundary=c", Refused),
        beside("a length of the part that is too long", b"Content-Length: 99999999", MALFORMED),
        beside("a length of the part that is too short", b"Content-Length: 10", MALFORMED),
        beside("a negative length of the part", b"Content-Length: -1", MALFORMED),
        row("the file without a name of a file", b"Content-Disposition: form-data; name=\"file\"", Taken),
        row("the file with an empty name of the field", b"Content-Disposition: form-data; name=\"\"; filename=\"a.jpg\"", Error(400, "field-unknown")),
        row("the file without a name of the field", b"Content-Disposition: form-data; filename=\"a.jpg\"", MALFORMED),
        row("an attachment", b"Content-Disposition: attachment; name=\"file\"; filename=\"a.jpg\"", MALFORMED),
        row("no disposition", b"Content-Type: image/jpeg", MALFORMED),
        row("a disposition that cannot be read", b"Content-Disposition: ;;;=", MALFORMED),
        row("an open quote", b"Content-Disposition: form-data; name=\"file", MALFORMED),
        row("two dispositions", b"Content-Disposition: form-data; name=\"file\"\r\nContent-Disposition: form-data; name=\"alt\"", Taken),
        row("two names of the field", b"Content-Disposition: form-data; name=\"file\"; name=\"alt\"", Taken),
        row("the name in the extended form", b"Content-Disposition: form-data; name*=UTF-8''file; filename=\"a.jpg\"", MALFORMED),
        row("the name in upper case", b"Content-Disposition: form-data; name=\"FILE\"; filename=\"a.jpg\"", Error(400, "field-unknown")),
        row("the name with a NUL", b"Content-Disposition: form-data; name=\"file\0\"; filename=\"a.jpg\"", MALFORMED),
        row("the name with a space", b"Content-Disposition: form-data; name=\"file \"; filename=\"a.jpg\"", Error(400, "field-unknown")),
        row("the name of an array", b"Content-Disposition: form-data; name=\"file[]\"; filename=\"a.jpg\"", Error(400, "field-unknown")),
        row("the name of a prototype", b"Content-Disposition: form-data; name=\"__proto__\"", Error(400, "field-unknown")),
        row("a name of 20 kB", format!("Content-Disposition: form-data; name=\"{}\"", "x".repeat(20_000)).as_bytes(), MALFORMED),
        row("a name of markup", b"Content-Disposition: form-data; name=\"<script>\"", Error(400, "field-unknown")),
        row("folded headers", b"Content-Disposition: form-data;\r\n name=\"file\"", MALFORMED),
    ]
}

#[rustfmt::skip]
fn parts() -> Vec<Attack> {
    let row = |name: &str, parts: &[Vec<u8>], expected: Expected| {
        attack(name, post("", &body(parts)), expected)
    };
    let (eve, photo_part) = (text_part("uploader", b"Eve"), file_part("a.jpg", &photo()));
    let field = |name: &str| text_part(name, b"x");
    vec![
        row("the file twice", &[eve.clone(), photo_part.clone(), photo_part.clone()], Error(400, "field-duplicate")),
        row("the uploader twice", &[eve.clone(), eve.clone(), photo_part.clone()], Error(400, "field-duplicate")),
        row("the description twice", &[eve.clone(), field("alt"), field("alt"), photo_part.clone()], Error(400, "field-duplicate")),
        row("10,000 parts", &vec![text_part("x", b""); 10_000], Error(400, "field-unknown")),
        row("10,000 descriptions", &vec![text_part("alt", b""); 10_000], Error(400, "field-duplicate")),
        row("no part", &[], Error(400, "file-missing")),
        row("no file", std::slice::from_ref(&eve), Error(400, "file-missing")),
        row("no uploader", std::slice::from_ref(&photo_part), Error(400, "validation-failed")),
        row("an empty file", &[eve.clone(), file_part("a.jpg", b"")], Error(400, "file-empty")),
        row("text as the file", &[eve.clone(), text_part("file", b"text")], Error(415, "media-type-unsupported")),
        row("the file as the uploader", &[part(b"Content-Disposition: form-data; name=\"uploader\"; filename=\"a.jpg\"", &photo()), photo_part.clone()], Error(400, "validation-failed")),
        row("the uploader as a file", &[part(b"Content-Disposition: form-data; name=\"uploader\"; filename=\"a.txt\"\r\nContent-Type: text/plain", b"Eve"), photo_part.clone()], Taken),
        row("the uploader in UTF-16", &[part(b"Content-Disposition: form-data; name=\"uploader\"\r\nContent-Type: text/plain; charset=utf-16", b"E\0v\0e\0"), photo_part.clone()], Error(400, "validation-failed")),
        row("the uploader in UTF-7", &[part(b"Content-Disposition: form-data; name=\"uploader\"\r\nContent-Type: text/plain; charset=utf-7", b"+ADw-script+AD4-"), photo_part.clone()], Taken),
        row("a character set that nobody knows", &[part(b"Content-Disposition: form-data; name=\"uploader\"\r\nContent-Type: text/plain; charset=evil", b"Eve"), photo_part.clone()], Taken),
        row("a field that names the character set", &[field("_charset_"), eve.clone(), photo_part.clone()], Error(400, "field-unknown")),
        row("an id of the client's", &[field("id"), eve.clone(), photo_part.clone()], Error(400, "field-unknown")),
        row("a delete token of the client's", &[field("delete_token"), eve.clone(), photo_part.clone()], Error(400, "field-unknown")),
        row("another method", &[field("_method"), eve.clone(), photo_part.clone()], Error(400, "field-unknown")),
        row("a form in a form", &[eve.clone(), part(b"Content-Disposition: form-data; name=\"file\"\r\nContent-Type: multipart/mixed; boundary=c", b"--c\r\nContent-Disposition: file; filename=\"a.jpg\"\r\n\r\nx\r\n--c--")], Refused),
    ]
}

#[rustfmt::skip]
fn boundaries() -> Vec<Attack> {
    let form = good_body();
    let typed = |name: &str, content_type: &str, expected: Expected| {
        attack(name, post_as(content_type, "", &form), expected)
    };
    let with_boundary = |name: &str, boundary: &str, expected: Expected| {
        let text = String::from("multipart/form-data; boundary=") + boundary;
        let unquoted = boundary.trim_matches('"');
        let form: Vec<u8> = replace_boundary(&form, unquoted.as_bytes());
        attack(name, post_as(&text, "", &form), expected)
    };
    let raw = |name: &str, body: &[u8], expected: Expected| attack(name, post("", body), expected);
    let open = &form[..form.len() - b"--b--\r\n".len()];
    vec![
        typed("no type", "", Error(415, "request-not-multipart")),
        typed("a type of another kind", "application/x-www-form-urlencoded", Error(415, "request-not-multipart")),
        typed("another multipart type", "multipart/mixed; boundary=b", Error(415, "request-not-multipart")),
        typed("two types in one header", "multipart/form-data; boundary=b, text/plain", Refused),
        typed("no boundary", "multipart/form-data", MALFORMED),
        typed("an empty boundary", "multipart/form-data; boundary=", MALFORMED),
        typed("an empty boundary in quotes", "multipart/form-data; boundary=\"\"", MALFORMED),
        typed("a boundary that is not that of the body", "multipart/form-data; boundary=c", MALFORMED),
        typed("a boundary in the wrong case", "multipart/form-data; boundary=B", MALFORMED),
        typed("an open quote in the type", "multipart/form-data; boundary=\"b", MALFORMED),
        typed("the type in upper case", "MULTIPART/FORM-DATA; BOUNDARY=b", Taken),
        typed("a type with a character set", "multipart/form-data; charset=utf-16; boundary=b", Taken),
        typed("a type of 60 kB", &format!("multipart/form-data; x={}; boundary=b", "x".repeat(60_000)), Taken),
        with_boundary("a boundary of 70 characters", &"b".repeat(70), Taken),
        with_boundary("a boundary of 71 characters", &"b".repeat(71), Taken),
        with_boundary("a boundary of 10 kB", &"b".repeat(10_000), Taken),
        with_boundary("a boundary in quotes", "\"a b\"", Taken),
        with_boundary("a boundary of hyphens", "------", Taken),
        raw("no closing boundary", open, MALFORMED),
        raw("half a closing boundary", &join(&[open, b"--b-"]), MALFORMED),
        raw("an end within the content", &form[..form.len() - 50], MALFORMED),
        raw("an end within the headers of a part", &form[..20], MALFORMED),
        raw("only the closing boundary", b"--b--\r\n", Error(400, "file-missing")),
        raw("no line break behind the closing boundary", &join(&[open, b"--b--"]), Taken),
        raw("bare line feeds", &body(&[text_part("uploader", b"Eve")]).into_iter().filter(|byte| *byte != b'\r').collect::<Vec<u8>>(), MALFORMED),
        raw("no empty line behind the headers", b"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n--b--\r\n", MALFORMED),
        raw("zeros", &[0; 60_000], MALFORMED),
        raw("boundaries without end", &b"--b\r\n".repeat(10_000), MALFORMED),
        raw("a preamble of 60 KiB", &join(&[&vec![b'x'; 60 * 1024], b"\r\n", &form]), Taken),
        raw("an epilogue of 60 KiB", &join(&[&form, &vec![b'x'; 60 * 1024]]), Taken),
        raw("a preamble over the envelope", &join(&[&vec![b'x'; 1_200_000], b"\r\n", &form]), Error(413, "file-too-large")),
        raw("an epilogue with another form", &join(&[&form, &form]), Taken),
        raw("JSON", br#"{"uploader":"Eve","file":"x"}"#, MALFORMED),
    ]
}

/// The form with another boundary than `b`.
fn replace_boundary(form: &[u8], boundary: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::new();
    let mut rest = form;
    while let Some(at) = rest.windows(3).position(|three| three == b"--b") {
        replaced.extend_from_slice(&rest[..at + 2]);
        replaced.extend_from_slice(boundary);
        rest = &rest[at + 3..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_that_are_put_together_wrongly_are_refused() {
    let mut target = Target::start("multipart").await;
    target.attack_all(file_part_headers()).await;
    target.attack_all(parts()).await;
    target.attack_all(boundaries()).await;
    target.finish().await;
}
