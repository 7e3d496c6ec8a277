//! Where a request ends: lengths that contradict each other, broken chunks and headers, what is no HTTP at all, and
//! requests hidden in the body of another (RFC 9112, sections 6 and 11.2).

use super::{
    Attack, EVIL, Either, Error, Expected, Refused, Status, Taken, Target, attack, good_body, join,
};

/// An upload request with exactly these header lines that tell where it ends, and this body.
fn framed(lines: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /api/v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n{lines}\r\n"
    );
    join(&[head.as_bytes(), body])
}

/// The form as one chunk, with this size line and this line break behind its data.
fn chunk(size: &str, after: &str) -> Vec<u8> {
    join(&[
        size.as_bytes(),
        b"\r\n",
        &good_body(),
        after.as_bytes(),
        b"0\r\n\r\n",
    ])
}

#[rustfmt::skip]
fn lengths() -> Vec<Attack> {
    let form = good_body();
    let n = form.len();
    let chunked = chunk(&format!("{n:x}"), "\r\n");
    let length = |name: &str, lines: String, expected: Expected| {
        attack(name, framed(&lines, &form), expected).cut()
    };
    let coding = |name: &str, lines: &str, expected: Expected| {
        attack(name, framed(lines, &chunked), expected).cut()
    };
    vec![
        length("a length twice", format!("Content-Length: {n}\r\nContent-Length: {n}\r\n"), Refused),
        length("two lengths", format!("Content-Length: {n}\r\nContent-Length: 5\r\n"), Refused),
        length("two lengths in one header", format!("Content-Length: {n}, {n}\r\n"), Refused),
        length("a negative length", "Content-Length: -1\r\n".into(), Refused),
        length("a length with a plus sign", format!("Content-Length: +{n}\r\n"), Refused),
        length("a hexadecimal length", format!("Content-Length: 0x{n:x}\r\n"), Refused),
        length("a length with an exponent", "Content-Length: 1e3\r\n".into(), Refused),
        length("a length with a fraction", format!("Content-Length: {n}.0\r\n"), Refused),
        length("an empty length", "Content-Length: \r\n".into(), Refused),
        length("a length of words", "Content-Length: lots\r\n".into(), Refused),
        length("a length with a space inside", "Content-Length: 12 34\r\n".into(), Refused),
        length("a length of 30 digits", format!("Content-Length: {}\r\n", "9".repeat(30)), Refused),
        length("the largest length", format!("Content-Length: {}\r\n", u64::MAX), Error(413, "file-too-large")),
        length("a length of zero", "Content-Length: 0\r\n".into(), Refused),
        length("a length with zeros in front", format!("Content-Length: 000{n}\r\n"), Taken),
        length("a length with a space before the colon", format!("Content-Length : {n}\r\n"), Refused),
        length("a length that is too short", format!("Content-Length: {}\r\n", n - 1), Refused),
        length("a length that is too long", format!("Content-Length: {}\r\n", n + 1), Either),
        length("no length", String::new(), Error(411, "length-required")),
        coding("a length and chunks", &format!("Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n"), Refused),
        coding("chunks and a length", &format!("Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n"), Refused),
        coding("chunks and a length of zero", "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", Refused),
        coding("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Refused),
        coding("chunked twice in one header", "Transfer-Encoding: chunked, chunked\r\n", Refused),
        coding("identity", "Transfer-Encoding: identity\r\n", Refused),
        coding("identity and chunked", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", Refused),
        coding("compressed chunks", "Transfer-Encoding: gzip, chunked\r\n", Refused),
        coding("an unknown coding", "Transfer-Encoding: xchunked\r\n", Refused),
        coding("chunked with a parameter", "Transfer-Encoding: chunked;q=1\r\n", Refused),
        coding("chunked with a vertical tab", "Transfer-Encoding: \u{b}chunked\r\n", Refused),
        coding("chunked on a folded line", "Transfer-Encoding:\r\n chunked\r\n", Refused),
        coding("chunked with a space before the colon", "Transfer-Encoding : chunked\r\n", Refused),
        coding("chunked with an underscore", "Transfer_Encoding: chunked\r\n", Error(411, "length-required")),
        coding("chunked in quotes", "Transfer-Encoding: \"chunked\"\r\n", Refused),
        coding("chunked in mixed case", "tRANSFER-eNCODING: ChUnKeD\r\n", Taken),
    ]
}

#[rustfmt::skip]
fn chunks() -> Vec<Attack> {
    let n = good_body().len();
    let row = |name: &str, body: Vec<u8>, expected: Expected| {
        attack(
            name,
            framed("Transfer-Encoding: chunked\r\n", &body),
            expected,
        )
        .cut()
    };
    let good = format!("{n:x}");
    vec![
        row("a chunk size of 17 digits", chunk("fffffffffffffffff", "\r\n"), Refused),
        row("the largest chunk size", chunk("ffffffffffffffff", "\r\n"), Either),
        row("a negative chunk size", chunk("-1", "\r\n"), Refused),
        row("a chunk size with a plus sign", chunk(&format!("+{good}"), "\r\n"), Refused),
        row("a chunk size with 0x", chunk(&format!("0x{good}"), "\r\n"), Refused),
        row("an empty chunk size", chunk("", "\r\n"), Refused),
        row("a chunk size of words", chunk("many", "\r\n"), Refused),
        row("a chunk size with a space inside", chunk("1 0", "\r\n"), Refused),
        row("a chunk size with a space in front", chunk(&format!(" {good}"), "\r\n"), Refused),
        row("a chunk size that is too small", chunk(&format!("{:x}", n - 1), "\r\n"), Either),
        row("a chunk size that is too large", chunk(&format!("{:x}", n + 1), "\r\n"), Either),
        row("a chunk without a line break behind it", chunk(&good, ""), Either),
        row("a chunk with a bare line feed behind it", chunk(&good, "\n"), Either),
        row("a chunk size in upper case with zeros in front", chunk(&format!("0000{n:X}"), "\r\n"), Taken),
        row("a chunk extension", chunk(&format!("{good};name=\"value\""), "\r\n"), Taken),
        row("a chunk extension of 200 kB", chunk(&format!("{good};{}", "x".repeat(200_000)), "\r\n"), Taken),
        row("a chunk extension with a bare line feed", chunk(&format!("{good};a\nb"), "\r\n"), Refused),
        row("a chunk size line that ends with a bare line feed", join(&[good.as_bytes(), b"\n", &good_body(), b"\r\n0\r\n\r\n"]), Refused),
        row("no last chunk", join(&[good.as_bytes(), b"\r\n", &good_body(), b"\r\n"]), Either),
        row("only the last chunk", b"0\r\n\r\n".to_vec(), Error(400, "multipart-malformed")),
        row("trailers", join(&[good.as_bytes(), b"\r\n", &good_body(), b"\r\n0\r\nX-Trailer: 1\r\n\r\n"]), Taken),
        row("one byte a chunk", good_body().iter().flat_map(|byte| [b'1', b'\r', b'\n', *byte, b'\r', b'\n']).chain(*b"0\r\n\r\n").collect(), Taken),
    ]
}

#[rustfmt::skip]
fn heads() -> Vec<Attack> {
    let form = good_body();
    let length = format!("Content-Length: {}\r\n", form.len());
    let header = |name: &str, line: &[u8], expected: Expected| {
        let head = "POST /api/v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: multipart/form-data; boundary=b\r\n";
        attack(
            name,
            join(&[head.as_bytes(), length.as_bytes(), line, b"\r\n", &form]),
            expected,
        )
        .cut()
    };
    let line = |name: &str, line: &str, expected: Expected| {
        let head = format!(
            "{line}\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: multipart/form-data; boundary=b\r\n{length}\r\n"
        );
        attack(name, join(&[head.as_bytes(), &form]), expected).cut()
    };
    let bare: Vec<u8> = framed(&length, b"")
        .into_iter()
        .filter(|byte| *byte != b'\r')
        .collect();
    vec![
        header("a folded line", b"X-Folded: a\r\n b\r\n", Refused),
        header("a NUL in a value", b"X-Nul: a\0b\r\n", Refused),
        header("a NUL in a name", b"X-N\0ul: a\r\n", Refused),
        header("a carriage return in a value", b"X-Return: a\rb\r\n", Refused),
        header("an escape character in a value", b"X-Escape: \x1b[31m\r\n", Refused),
        header("a line without a colon", b"X-Header\r\n", Refused),
        header("a line without a name", b": value\r\n", Refused),
        header("a name with a space", b"X Header: a\r\n", Refused),
        header("a name in UTF-8", "X-Grüße: a\r\n".as_bytes(), Refused),
        header("a value that is not UTF-8", b"X-Bytes: \xff\xfe\r\n", Taken),
        header("200 headers", "X-Many: 1\r\n".repeat(200).as_bytes(), Refused),
        header("a header of 200 kB", format!("X-Long: {}\r\n", "x".repeat(200_000)).as_bytes(), Refused),
        header("a name of 200 kB", format!("{}: 1\r\n", "x".repeat(200_000)).as_bytes(), Refused),
        header("a second host", format!("Host: {EVIL}\r\n").as_bytes(), Refused),
        header("forwarded for another host", format!("Forwarded: host={EVIL}\r\nX-Forwarded-Host: {EVIL}\r\n").as_bytes(), Taken),
        header("an upgrade to HTTP/2", b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", Taken),
        header("an upgrade to a web socket", b"Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n", Either),
        header("an expectation that nobody knows", b"Expect: miracles\r\n", Taken),
        header("an expectation to go on", b"Expect: 100-continue\r\n", Taken),
        attack("bare line feeds", join(&[&bare, &form]), Taken).cut(),
        line("a method in lower case", "post /api/v1/images HTTP/1.1", Error(405, "method-not-allowed")),
        line("an unknown method", "BREW /api/v1/images HTTP/1.1", Error(405, "method-not-allowed")),
        line("a trace", "TRACE /api/v1/images HTTP/1.1", Error(405, "method-not-allowed")),
        line("a method of 10 kB", &format!("{} /api/v1/images HTTP/1.1", "X".repeat(10_000)), Error(405, "method-not-allowed")),
        line("a method with a NUL", "PO\0ST /api/v1/images HTTP/1.1", Refused),
        line("a tunnel", &format!("CONNECT {EVIL}:443 HTTP/1.1"), Refused),
        line("a whole address of another host", &format!("POST http://{EVIL}/api/v1/images HTTP/1.1"), Taken),
        line("the asterisk", "OPTIONS * HTTP/1.1", Refused),
        line("a target with a space", "POST /api/v1/images x HTTP/1.1", Refused),
        line("a target without a slash", "POST api/v1/images HTTP/1.1", Refused),
        line("an empty target", "POST  HTTP/1.1", Refused),
        line("a target that is not UTF-8", "POST /api/v1/images\u{85} HTTP/1.1", Refused),
        line("a target of 200 kB", &format!("POST /{} HTTP/1.1", "x".repeat(200_000)), Refused),
        line("HTTP/1.0", "POST /api/v1/images HTTP/1.0", Taken),
        line("HTTP/1.2", "POST /api/v1/images HTTP/1.2", Refused),
        line("HTTP/2.0", "POST /api/v1/images HTTP/2.0", Refused),
        line("HTTP/1.1.1", "POST /api/v1/images HTTP/1.1.1", Refused),
        line("a version in lower case", "POST /api/v1/images http/1.1", Refused),
        line("no version", "POST /api/v1/images", Refused),
        line("a line break in front", "\r\nPOST /api/v1/images HTTP/1.1", Taken),
        attack("HTTP/1.0 with chunks", join(&[b"POST /api/v1/images HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", &form]), Refused).cut(),
        attack("no host", "GET /livez HTTP/1.1\r\n\r\n", Refused).cut(),
        attack("the host of somebody else", format!("GET /livez HTTP/1.1\r\nHost: {EVIL}\r\nConnection: close\r\n\r\n"), Status(200)).cut(),
        attack("HTTP/0.9", "GET /livez\r\n", Refused).cut(),
        attack("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refused).cut(),
        attack("a TLS handshake", &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], Refused).cut(),
        attack("SSH", "SSH-2.0-OpenSSH_9.2\r\n", Refused).cut(),
        attack("mail", format!("EHLO {EVIL}\r\nMAIL FROM:<a@{EVIL}>\r\n"), Refused).cut(),
        attack("a proxy's header", "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET /livez HTTP/1.1\r\n\r\n", Refused).cut(),
        attack("100 kB of NUL", vec![0; 100_000], Refused).cut(),
        attack("100 kB of line breaks", "\r\n".repeat(50_000), Refused).cut(),
        attack("300 kB without a line break", vec![b'A'; 300_000], Refused).cut(),
        attack("nothing", "", Refused).cut(),
        attack("half a head", "POST /api/v1/images HTTP/1.1\r\nHost: lo", Refused).cut(),
    ]
}

/// Requests that carry another one in them, which would delete the image with this id.
#[rustfmt::skip]
fn hidden(id: &str, token: &str) -> Vec<Attack> {
    let secret = format!(
        "DELETE /api/v1/images/{id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let n = secret.len();
    let row = |name: &str, head: &str, body: &str, expected: Expected| {
        let request = format!("{head}\r\nHost: localhost\r\n{body}");
        attack(name, request, expected).cut()
    };
    let upload = "POST /api/v1/images HTTP/1.1";
    let form = "Content-Type: multipart/form-data; boundary=b";
    vec![
        row("hidden behind a refused type", upload, &format!("Content-Type: text/plain\r\nContent-Length: {n}\r\n\r\n{secret}"), Error(415, "request-not-multipart")),
        row("hidden behind a refused size", upload, &format!("{form}\r\nContent-Length: 9999999\r\n\r\n{secret}"), Error(413, "file-too-large")),
        row("hidden behind a refused form", upload, &format!("{form}\r\nContent-Length: {n}\r\n\r\n{secret}"), Error(400, "multipart-malformed")),
        row("hidden behind a refused method", "PUT /api/v1/images HTTP/1.1", &format!("Content-Length: {n}\r\n\r\n{secret}"), Error(405, "method-not-allowed")),
        row("hidden behind a refused address", "POST /api/v1/nothing HTTP/1.1", &format!("Content-Length: {n}\r\n\r\n{secret}"), Error(404, "route-not-found")),
        row("hidden in the body of a GET", "GET /livez HTTP/1.1", &format!("Content-Length: {n}\r\n\r\n{secret}"), Status(200)),
        row("hidden in the body of a DELETE", &format!("DELETE /api/v1/images/{id} HTTP/1.1"), &format!("Content-Length: {n}\r\n\r\n{secret}"), Error(401, "token-missing")),
        row("hidden in a chunk of a GET", "GET /livez HTTP/1.1", &format!("Transfer-Encoding: chunked\r\n\r\n{n:x}\r\n{secret}\r\n0\r\n\r\n"), Status(200)),
        row("hidden in a chunk of a refused upload", upload, &format!("{form}\r\nTransfer-Encoding: chunked\r\n\r\n{n:x}\r\n{secret}\r\n0\r\n\r\n"), Error(400, "multipart-malformed")),
        row("a length of zero and chunks", upload, &format!("{form}\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n{n:x}\r\n{secret}\r\n0\r\n\r\n"), Refused),
        row("chunks that end before the length does", upload, &format!("{form}\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{secret}", n + 5), Refused),
        row("a length that ends before the chunks do", upload, &format!("{form}\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{n:x}\r\n{secret}\r\n0\r\n\r\n"), Refused),
        row("two lengths, the first of them shorter", upload, &format!("{form}\r\nContent-Length: 0\r\nContent-Length: {n}\r\n\r\n{secret}"), Refused),
        row("behind a broken chunk", upload, &format!("{form}\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{secret}"), Refused),
        row("behind a folded line", "GET /livez HTTP/1.1", &format!("Content-Length: \r\n {n}\r\n\r\n{secret}"), Refused),
        row("behind a NUL", "GET /livez HTTP/1.1", &format!("X: \0\r\n\r\n{secret}"), Refused),
        row("behind an upgrade to a web socket", "GET /livez HTTP/1.1", &format!("Connection: upgrade\r\nUpgrade: websocket\r\n\r\n{secret}"), Status(200)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lengths_and_chunks_that_are_wrong_are_refused() {
    let mut target = Target::start("lengths and chunks").await;
    target.attack_all(lengths()).await;
    target.attack_all(chunks()).await;
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_is_refused() {
    let mut target = Target::start("heads").await;
    target.attack_all(heads()).await;
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_hidden_in_another_is_not_carried_out() {
    let mut target = Target::start("hidden requests").await;
    let image = target.upload_photo().await;
    let id = image["id"].as_str().unwrap();
    let token = image["delete_token"].as_str().unwrap();
    for attack in hidden(id, token) {
        target.attack(attack).await;
        let path = format!("/api/v1/images/{id}");
        if target.get(&path).await.status != 200 {
            target.fail("the image is gone");
        }
    }
    target.finish().await;
}
