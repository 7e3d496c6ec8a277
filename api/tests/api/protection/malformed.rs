//! Requests and forms that are built to hurt.

use crate::helpers::app::TestApp;
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;
use crate::helpers::raw;

async fn send_form(app: &TestApp, form: &[u8]) -> String {
    let mut request = raw::head(&format!("Content-Length: {}\r\n", form.len()));
    request.extend_from_slice(form);
    raw::send(app.address, &request, false).await
}

fn part(name: &str, headers: &str, content: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n{headers}\r\n{content}\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_of_many_or_monstrous_parts_are_refused() {
    let app = TestApp::start(Engine::Sqlite).await;
    let long = "x".repeat(60 * 1024);
    let many_headers = "X-Many: x\r\n".repeat(100);
    let closed = |parts: String| format!("{parts}--b--\r\n");
    let rows = [
        (
            "ten thousand parts",
            closed(part("x", "", "").repeat(10_000)),
            "field-unknown",
        ),
        (
            "ten thousand times the same",
            closed(part("alt", "", "").repeat(10_000)),
            "field-duplicate",
        ),
        (
            "a long header",
            closed(part("alt", &format!("X-Long: {long}\r\n"), "")),
            "multipart-malformed",
        ),
        (
            "a long name",
            closed(part(&long, "", "")),
            "multipart-malformed",
        ),
        (
            "many headers",
            closed(part("alt", &many_headers, "")),
            "multipart-malformed",
        ),
        (
            "headers without end",
            part("alt", &format!("X-Long: {long}{long}{long}"), ""),
            "multipart-malformed",
        ),
        (
            "a preamble without end",
            "x".repeat(900_000),
            "multipart-malformed",
        ),
        (
            "a form within the form",
            closed(part(
                "alt",
                "Content-Type: multipart/mixed; boundary=c\r\n",
                "",
            )),
            "multipart-malformed",
        ),
    ];
    for (what, form, code) in rows {
        let answer = send_form(&app, form.as_bytes()).await;
        let expected = answer.starts_with("HTTP/1.1 400") && answer.contains(code);
        assert!(expected, "{what}: {answer}");
        app.assert_empty(what).await;
    }
    app.upload_photo().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_two_servers_could_read_in_two_ways_are_refused() {
    let app = TestApp::start(Engine::Sqlite).await;
    let body = raw::form(&photo(), true);
    let length = body.len();
    for framing in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: {length}\r\nContent-Length: 5\r\n"),
        format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: {length}, {length}\r\n"),
        format!("Content-Length: +{length}\r\n"),
        "Content-Length: -1\r\n".to_owned(),
        "Content-Length: 99999999999999999999999\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".to_owned(),
        "Transfer-Encoding: gzip, chunked\r\n".to_owned(),
        format!("Transfer-Encoding: identity\r\nContent-Length: {length}\r\n"),
        format!("Transfer-Encoding : chunked\r\nContent-Length: {length}\r\n"),
    ] {
        let mut request = raw::head(&framing);
        request.extend_from_slice(&body);
        let answer = raw::send(app.address, &request, true).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{framing}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{framing}: {answer}");
    }
    app.assert_empty("ambiguous requests").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_that_are_no_chunks_are_refused() {
    let app = TestApp::start(Engine::Sqlite).await;
    for chunks in [
        "zz\r\n",
        "-5\r\nhello\r\n",
        "ffffffffffffffffff\r\nx",
        "5\nhello\r\n0\r\n\r\n",
    ] {
        let mut request = raw::head("Transfer-Encoding: chunked\r\n");
        request.extend_from_slice(chunks.as_bytes());
        let answer = raw::send(app.address, &request, true).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{chunks:?}: {answer}");
    }
    app.assert_empty("broken chunks").await;
}
