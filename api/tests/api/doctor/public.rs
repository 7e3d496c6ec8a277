//! The public path: the real service, and what may stand before it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use image_handler::domain::UploadKeys;
use tempfile::TempDir;

use super::{Findings, examine, folder};
use crate::helpers::app::files_below;
use crate::helpers::ports;
use crate::helpers::process::{Running, command};
use crate::helpers::scripted::{Reaction, Received, Scripted, answer};

const GROUP: &str = "public path";
const ADMIN_KEY: &str = "the operator's key of these tests";

/// A service with these settings, and its folder.
async fn service(settings: &[(&str, &str)]) -> (TempDir, Running) {
    let uploads = folder();
    let mut command = command(uploads.path());
    command.envs(settings.iter().copied());
    let running = tokio::task::spawn_blocking(|| Running::spawn(command))
        .await
        .unwrap();
    (uploads, running)
}

fn address(running: &Running) -> SocketAddr {
    let address = running.address.strip_prefix("http://").unwrap();
    address.parse().unwrap()
}

async fn examine_at(url: &str, settings: &[(&str, &str)]) -> Findings {
    let settings = [&[("PUBLIC_URL", url)], settings].concat();
    examine(folder().path(), &[], &settings).await
}

fn assert_nothing_stays(uploads: &Path) {
    assert!(files_below(&uploads.join("originals")).is_empty());
}

/// A proxy before the service that treats some requests in its own way.
async fn proxy(
    running: &Running,
    change: impl Fn(&Received) -> Option<Reaction> + Send + Sync + 'static,
) -> Scripted {
    let service = address(running);
    Scripted::start(move |request| change(request).unwrap_or(Reaction::PassTo(service))).await
}

fn too_large() -> Reaction {
    let page = b"<html><center><h1>413 Request Entity Too Large</h1></center></html>";
    answer(
        "413 Request Entity Too Large",
        "Content-Type: text/html\r\n",
        page,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_does_not_run_is_named() {
    let findings = examine_at(&format!("http://{}", ports::reserve()), &[]).await;
    let expected = ("failure", "nothing listens", "--offline");
    findings.assert_found(GROUP, "service", expected);
    for name in ["limits", "upload of the limit", "upload past the limit"] {
        findings.assert_skipped(GROUP, name, "does not answer");
    }
    let findings = examine(folder().path(), &[], &[]).await;
    findings.assert_skipped(GROUP, "service", "any free port");
    let listen = ports::reserve().to_string();
    let findings = examine(folder().path(), &[], &[("LISTEN", &listen)]).await;
    findings.assert_found(GROUP, "service", ("failure", &listen, "systemctl start"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_this_service_is_named() {
    for (status, headers, detail, advice) in [
        ("502 Bad Gateway", "", "a proxy answers", "what LISTEN says"),
        ("200 OK", "", "something else", "set PUBLIC_URL"),
        (
            "301 Moved Permanently",
            "Location: https://images.example/livez\r\n",
            "leads on to https://images.example/livez",
            "set PUBLIC_URL to where it leads",
        ),
    ] {
        let other = Scripted::start(move |_| answer(status, headers, b"hello")).await;
        let findings = examine_at(&other.url(), &[]).await;
        findings.assert_found(GROUP, "service", ("failure", detail, advice));
    }
    // Speaks plain HTTP where TLS is expected.
    let plain = Scripted::start(|_| answer("200 OK", "", b"ok")).await;
    let url = plain.url().replace("http://", "https://");
    let findings = examine_at(&url, &[]).await;
    findings.assert_found(GROUP, "service", ("failure", "", "PUBLIC_URL"));
    // Answers to all requests alike.
    let alike = Scripted::start(|_| answer("200 OK", "", b"ok")).await;
    let findings = examine_at(&alike.url(), &[]).await;
    let expected = ("failure", "does not give the limits", "pass /api/ on");
    findings.assert_found(GROUP, "limits", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_with_another_configuration_is_named() {
    let (uploads, running) = service(&[("MAX_UPLOAD_BYTES", "20000")]).await;
    let findings = examine_at(&running.address, &[]).await;
    let expected = ("warning", "takes 20000 bytes", "restart the service");
    findings.assert_found(GROUP, "limits", expected);
    findings.assert_found(
        GROUP,
        "upload of the limit",
        ("ok", "20000 bytes were taken", ""),
    );
    findings.assert_ok(GROUP, "delete");
    findings.assert_ok(GROUP, "upload past the limit");
    assert_eq!(findings.code, 1);
    assert_nothing_stays(uploads.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_takes_less_than_the_service_is_named() {
    let (uploads, running) = service(&[]).await;
    // nginx's own default.
    let nginx = proxy(&running, |request| {
        let is_large = request.bytes.len() > 1024 * 1024;
        (request.method == "POST" && is_large).then(too_large)
    })
    .await;
    let findings = examine_at(&nginx.url(), &[]).await;
    let expected = (
        "failure",
        "a proxy refuses 1048576 bytes",
        "client_max_body_size 1114112;",
    );
    findings.assert_found(GROUP, "upload of the limit", expected);
    let expected = ("warning", "no explanation", "client_max_body_size 1114112;");
    findings.assert_found(GROUP, "upload past the limit", expected);
    assert_nothing_stays(uploads.path());

    // One that leaves too little for the form takes the one and not the other.
    let uploads_seen = AtomicUsize::new(0);
    let tight = proxy(&running, move |request| {
        let is_upload = request.method == "POST" && !request.bytes.is_empty();
        let seen = uploads_seen.fetch_add(usize::from(is_upload), Ordering::Relaxed);
        (is_upload && seen > 0).then(too_large)
    })
    .await;
    let findings = examine_at(&tight.url(), &[]).await;
    findings.assert_ok(GROUP, "upload of the limit");
    findings.assert_ok(GROUP, "delete");
    let expected = ("warning", "no explanation", "client_max_body_size 1114112;");
    findings.assert_found(GROUP, "upload past the limit", expected);
    assert_nothing_stays(uploads.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_while_an_upload_is_sent_is_named() {
    let (_uploads, running) = service(&[]).await;
    let cutting = proxy(&running, |request| {
        (request.method == "POST").then_some(Reaction::Cut)
    })
    .await;
    let findings = examine_at(&cutting.url(), &[]).await;
    let expected = (
        "failure",
        "the connection was reset",
        "client_max_body_size",
    );
    findings.assert_found(GROUP, "upload of the limit", expected);
    findings.assert_skipped(GROUP, "delete", "nothing was uploaded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_answers_to_an_upload_have_advice_of_their_own() {
    let (_uploads, running) = service(&[]).await;
    for (status, advice) in [
        ("403 Forbidden", "ADMIN_KEY"),
        ("408 Request Timeout", "client_body_timeout"),
        ("429 Too Many Requests", "UPLOAD_RATE"),
        ("503 Service Unavailable", "/readyz"),
        ("507 Insufficient Storage", "UPLOADS_DIR"),
        ("500 Internal Server Error", "journalctl"),
        ("405 Method Not Allowed", "pass /api/ on"),
    ] {
        let refusing = proxy(&running, move |request| {
            (request.method == "POST").then(|| answer(status, "", b""))
        })
        .await;
        let findings = examine_at(&refusing.url(), &[]).await;
        findings.assert_found(
            GROUP,
            "upload of the limit",
            ("failure", &status[..3], advice),
        );
    }
    for (code, advice) in [
        ("disk-unavailable", "cannot write to UPLOADS_DIR"),
        ("database-unavailable", "checks of the database"),
        ("uploads-busy", "MAX_UPLOADS_IN_FLIGHT"),
    ] {
        let refusing = proxy(&running, move |request| {
            let problem = format!("{{\"code\": \"{code}\"}}");
            let headers = "Content-Type: application/problem+json\r\n";
            (request.method == "POST")
                .then(|| answer("503 Service Unavailable", headers, problem.as_bytes()))
        })
        .await;
        let findings = examine_at(&refusing.url(), &[]).await;
        let expected = ("failure", "503", advice);
        findings.assert_found(GROUP, "upload of the limit", expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_does_not_pass_deletes_on_is_named() {
    let (_uploads, running) = service(&[]).await;
    let readers = proxy(&running, |request| {
        (request.method == "DELETE").then(|| answer("405 Method Not Allowed", "", b""))
    })
    .await;
    let findings = examine_at(&readers.url(), &[]).await;
    let expected = (
        "failure",
        "cannot be deleted",
        "pass DELETE and Authorization on",
    );
    findings.assert_found(GROUP, "delete", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_need_a_key_take_that_of_the_operator() {
    let (_, item) = UploadKeys::generate("phone").unwrap();
    let keys = [("UPLOAD_KEYS", item.as_str()), ("ADMIN_KEY", ADMIN_KEY)];
    let (uploads, running) = service(&keys).await;
    let findings = examine_at(&running.address, &keys).await;
    findings.assert_ok(GROUP, "upload of the limit");
    findings.assert_ok(GROUP, "delete");
    findings.assert_ok(GROUP, "upload past the limit");
    assert!(!format!("{findings:?}").contains(ADMIN_KEY));

    let findings = examine_at(&running.address, &keys[..1]).await;
    findings.assert_ok(GROUP, "limits");
    findings.assert_skipped(GROUP, "upload of the limit", "set ADMIN_KEY");

    let findings = examine_at(&running.address, &[("ADMIN_KEY", ADMIN_KEY)]).await;
    let expected = ("warning", "do not agree", "UPLOAD_KEYS");
    findings.assert_found(GROUP, "limits", expected);

    let wrong = [keys[0], ("ADMIN_KEY", "another key than the service's")];
    let findings = examine_at(&running.address, &wrong).await;
    let expected = (
        "failure",
        "",
        "set ADMIN_KEY to that of the running service",
    );
    findings.assert_found(GROUP, "upload of the limit", expected);
    assert_nothing_stays(uploads.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_the_operator_is_not_sent_over_plain_http() {
    let (_, item) = UploadKeys::generate("phone").unwrap();
    let keys = [("UPLOAD_KEYS", item.as_str()), ("ADMIN_KEY", ADMIN_KEY)];
    let (_uploads, running) = service(&keys).await;
    let eavesdropper = proxy(&running, |_| None).await;
    // Leads to this host as well, but is no address of the loopback.
    let url = eavesdropper.url().replace("127.0.0.1", "0.0.0.0");
    let findings = examine_at(&url, &keys).await;
    findings.assert_ok(GROUP, "limits");
    for name in ["upload of the limit", "upload past the limit"] {
        findings.assert_skipped(GROUP, name, "not sent over plain http");
    }
    let received = eavesdropper.received();
    assert!(!received.is_empty());
    for request in received {
        assert!(!request.head.contains("authorization"), "{}", request.head);
    }
}
