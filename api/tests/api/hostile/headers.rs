//! Headers that want to be more than they are.

use super::{
    Attack, Error, Expected, Refused, Status, Taken, Target, attack, good_body, join, post,
};

#[rustfmt::skip]
fn uploads() -> Vec<Attack> {
    const INVALID: Expected = Error(400, "idempotency-key-invalid");
    const KEY: &str = "7d3b1c7e-5f0a-4a59-8a4b-2f6d1e0c9b8a";
    let row = |name: &str, line: &str, expected: Expected| {
        attack(name, post(&format!("{line}\r\n"), &good_body()), expected)
    };
    vec![
        row("an empty key", "Idempotency-Key:", INVALID),
        row("a key of words", "Idempotency-Key: once", INVALID),
        row("a key of 10 kB", &format!("Idempotency-Key: {}", "a".repeat(10_000)), INVALID),
        row("two keys", &format!("Idempotency-Key: {KEY}\r\nIdempotency-Key: {KEY}"), INVALID),
        row("a list of keys", &format!("Idempotency-Key: {KEY}, {KEY}"), INVALID),
        row("a key and more", &format!("Idempotency-Key: {KEY}; x=1"), INVALID),
        row("a key of SQL", "Idempotency-Key: ' OR '1'='1", INVALID),
        row("a key of a path", "Idempotency-Key: ../../etc/passwd", INVALID),
        row("a key that is cut short", &format!("Idempotency-Key: {}", &KEY[1..]), INVALID),
        row("a key that is not ASCII", "Idempotency-Key: é", INVALID),
        row("a key with a NUL", "Idempotency-Key: \0", Refused),
        row("an encoding that is not there", "Content-Encoding: gzip", Taken),
        row("another method", "X-HTTP-Method-Override: DELETE", Taken),
        row("another address", "X-Original-URL: /etc/passwd\r\nX-Rewrite-URL: /etc/passwd", Taken),
        row("a forged address of the client", "X-Forwarded-For: 127.0.0.1, ::1, <script>\r\nX-Real-IP: ' OR 1", Taken),
        row("a cookie of 10 kB", &format!("Cookie: a={}", "x".repeat(10_000)), Taken),
        row("types that are wanted", &format!("Accept: {}", "text/html;q=0.9, ".repeat(1000)), Taken),
        row("a lookup in the name of the browser", "User-Agent: ${jndi:ldap:x}", Taken),
        row("an escape sequence in the name of the browser", "User-Agent: \x1b[2J", Refused),
        row("headers of 120 kB", &"X-Many: 0123456789012345678901234567890123456789\r\n".repeat(2400), Refused),
    ]
}

#[rustfmt::skip]
fn reads(id: &str) -> Vec<Attack> {
    let row = |name: &str, line: &str, expected: Expected| {
        let head = format!("GET /i/{id}.jpg HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{line}\r\n\r\n");
        attack(name, head, expected)
    };
    let whole = || Status(200);
    vec![
        row("10,000 ranges", &format!("Range: bytes={}0-0", "0-0,".repeat(10_000)), whole()),
        row("overlapping ranges", "Range: bytes=0-,0-,0-,0-", whole()),
        row("a range backwards", "Range: bytes=9-1", whole()),
        row("a range of words", "Range: bytes=a-b", whole()),
        row("a range of another unit", "Range: pages=1-2", whole()),
        row("a negative range", "Range: bytes=--1", whole()),
        row("a range outside", "Range: bytes=99999999999999999999-", Error(416, "range-not-satisfiable")),
        row("no bytes from the end", "Range: bytes=-0", Error(416, "range-not-satisfiable")),
        row("more bytes than there are from the end", "Range: bytes=-99999999999999999999", Status(206)),
        row("two ranges", "Range: bytes=0-0\r\nRange: bytes=1-1", Status(206)),
        row("a date that is none", "If-Modified-Since: yesterday\r\nIf-Range: yesterday", whole()),
        row("a date of the year 10,000", "If-Modified-Since: Sun, 31 Dec 10000 23:59:59 GMT", whole()),
        row("10,000 tags", &format!("If-None-Match: {}", "\"x\",".repeat(10_000)), whole()),
        row("an open tag", "If-None-Match: \"", whole()),
        row("a tag that is not ASCII", "If-None-Match: \"é\"", whole()),
        row("an encoding of every kind", "Accept-Encoding: gzip, br, zstd, *;q=9, ;;;", whole()),
    ]
}

/// Ids of requests, and whether they come back.
#[rustfmt::skip]
const REQUEST_IDS: [(&[u8], bool); 14] = [
    (b"plain-id.1", true),
    (b"", false),
    (b"a b", false),
    (b"<script>alert(1)</script>", false),
    (b"\"},{\"x\":\"", false),
    (b"a%0d%0aX-Evil:%201", false),
    (b"a\r\n X-Evil: 1", false),
    (b"a\nX-Evil: 1", false),
    (b"\x1b[31mred", false),
    (b"../../etc/passwd", false),
    (b"status=200 request_id=forged", false),
    (b"\xc3\xa9", false),
    (b"\xff", false),
    (&[b'x'; 65], false),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_of_uploads_do_nothing_that_they_should_not() {
    let mut target = Target::start("headers of uploads").await;
    target.attack_all(uploads()).await;
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_of_reads_do_nothing_that_they_should_not() {
    let mut target = Target::start("headers of reads").await;
    let image = target.upload_photo().await;
    target
        .attack_all(reads(image["id"].as_str().unwrap()))
        .await;
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_requests_cannot_forge_headers_or_the_log() {
    let mut target = Target::start("ids of requests").await;
    for (id, comes_back) in REQUEST_IDS {
        let head = b"GET /api/v1/nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Request-Id: ";
        let request = join(&[head, id, b"\r\n\r\n"]);
        let name = String::from_utf8_lossy(id).into_owned();
        let answer = target.attack(attack(name, request, Refused).cut()).await;
        let Some(answer) = answer.filter(|answer| answer.headers.contains_key("x-request-id"))
        else {
            continue;
        };
        let given = answer.header("x-request-id");
        let is_other =
            answer.headers.contains_key("x-evil") || answer.json()["request_id"] != given;
        if is_other || (given.as_bytes() == id) != comes_back {
            target.fail(&format!("the id is {given}"));
        }
    }
    target.finish().await;
}
