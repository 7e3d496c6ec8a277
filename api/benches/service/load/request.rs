//! Requests, written out once and sent many times.

use bytes::Bytes;

/// What no photo contains.
const BOUNDARY: &str = "----image-handler-benchmark-2f6b7c";

/// A request as it goes over the wire, and what has to come back.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) bytes: Bytes,
    pub(crate) expected: Expected,
}

/// What has to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    /// How long the body has to be. `None`: any length.
    pub(crate) body_length: Option<u64>,
}

impl Expected {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            body_length: None,
        }
    }
}

impl Request {
    /// `GET` of a path, with further headers.
    pub(crate) fn get(path: &str, headers: &[(&str, &str)], expected: Expected) -> Self {
        let mut text = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        for (name, value) in headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        text += "\r\n";
        Self {
            bytes: text.into(),
            expected,
        }
    }

    /// The upload of a photo as a browser's form sends it.
    pub(crate) fn upload(path: &str, file_field: &str, photo: &[u8]) -> Self {
        let before = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"uploader\"\r\n\r\nAda\r\n\
             --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{file_field}\"; filename=\"photo.jpg\"\r\n\
             Content-Type: image/jpeg\r\n\r\n"
        );
        let after = format!("\r\n--{BOUNDARY}--\r\n");
        let length = before.len() + photo.len() + after.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
             Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}\r\n\r\n"
        );
        let bytes = [head.as_bytes(), before.as_bytes(), photo, after.as_bytes()].concat();
        Self {
            bytes: bytes.into(),
            expected: Expected::status(201),
        }
    }
}
