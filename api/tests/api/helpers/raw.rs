//! Requests that no well-behaved client sends, written byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends `request`, closes the sending side when `end` says so, and reads what comes back.
pub(crate) async fn send(address: SocketAddr, request: &[u8], end: bool) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The service may stop reading before all is sent.
    let _ = stream.write_all(request).await;
    if end {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "no answer, and the connection stays open");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A multipart body with the boundary `b`, not closed unless `closed`.
pub(crate) fn form(file: &[u8], closed: bool) -> Vec<u8> {
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"uploader\"\r\n\r\nAda\r\n\
        --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n"
        .to_vec();
    body.extend_from_slice(file);
    if closed {
        body.extend_from_slice(b"\r\n--b--\r\n");
    }
    body
}

/// The head of an upload request with these further headers.
pub(crate) fn head(headers: &str) -> Vec<u8> {
    format!(
        "POST /api/v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n{headers}\r\n"
    )
    .into_bytes()
}
