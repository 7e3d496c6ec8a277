//! Requests as a stranger sends them: plain HTTP, without credentials of AWS.
//!
//! With the client that the AWS SDK brings, so that there is one HTTP client and one TLS library in the process.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::result::ConnectorError;

/// More of an answer is not read.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// A request.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    pub(super) url: &'a str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl<'a> Request<'a> {
    pub(super) fn get(url: &'a str) -> Self {
        Self {
            method: "GET",
            url,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Without its parameters.
    pub(super) content_type: String,
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// Nobody listens there.
    Refused,
    /// The connection was cut.
    Reset,
    /// Nothing came in time.
    TooLate(Duration),
    /// The certificate is not trusted, or the other side speaks no TLS.
    Tls(String),
    /// Anything else, such as a host that is not known.
    Other(String),
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => f.write_str("the connection was refused"),
            Self::Reset => f.write_str("the connection was reset"),
            Self::TooLate(patience) => write!(f, "there was no answer within {patience:?}"),
            Self::Tls(reason) => write!(f, "TLS failed: {reason}"),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

/// Sends a request and reads the answer.
pub(super) async fn send(request: Request<'_>, patience: Duration) -> Result<Answer, Unanswered> {
    match tokio::time::timeout(patience, exchange(request)).await {
        Ok(Err(Unanswered::TooLate(_))) | Err(_) => Err(Unanswered::TooLate(patience)),
        Ok(answered) => answered,
    }
}

async fn exchange(request: Request<'_>) -> Result<Answer, Unanswered> {
    // A connection of its own for each request: what one did to it is not to harm the next.
    let connector = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build();
    let other = |error: &dyn StdError| Unanswered::Other(error.to_string());
    let mut prepared = HttpRequest::new(SdkBody::from(request.body));
    prepared
        .set_method(request.method)
        .map_err(|error| other(&error))?;
    prepared
        .set_uri(request.url.to_owned())
        .map_err(|error| other(&error))?;
    let headers = prepared.headers_mut();
    for (name, value) in request.headers {
        headers
            .try_insert(name, value)
            .map_err(|error| other(&error))?;
    }
    let mut response = connector
        .call(prepared)
        .await
        .map_err(|error| unanswered(&error))?;
    let header = |name| response.headers().get(name).unwrap_or_default();
    let content_type = header("content-type").split(';').next().unwrap_or_default();
    let content_type = content_type.trim().to_ascii_lowercase();
    let location = response.headers().get("location").map(str::to_owned);
    let mut stream = ByteStream::new(response.take_body());
    let mut body = Vec::new();
    while let Some(piece) = stream.next().await {
        // An answer that breaks off has told its status all the same.
        let Ok(piece) = piece else { break };
        body.extend_from_slice(&piece);
        if body.len() > MAX_ANSWER_BYTES {
            break;
        }
    }
    Ok(Answer {
        status: response.status().as_u16(),
        content_type,
        location,
        body,
    })
}

/// Translates the client's error by what lies at its root.
fn unanswered(error: &ConnectorError) -> Unanswered {
    if error.is_timeout() {
        return Unanswered::TooLate(Duration::ZERO);
    }
    let mut root: &dyn StdError = error;
    let mut kinds = Vec::new();
    loop {
        if let Some(io) = root.downcast_ref::<io::Error>() {
            kinds.push(io.kind());
        }
        match root.source() {
            Some(source) => root = source,
            None => break,
        }
    }
    let reason = root.to_string();
    let is_tls = ["certificate", "corrupt message", "tls", "TLS", "handshake"]
        .iter()
        .any(|word| reason.contains(word));
    if is_tls {
        return Unanswered::Tls(reason);
    }
    if kinds.contains(&io::ErrorKind::ConnectionRefused) {
        return Unanswered::Refused;
    }
    let was_cut = [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::UnexpectedEof,
    ];
    if was_cut.iter().any(|kind| kinds.contains(kind)) || reason.contains("connection closed") {
        return Unanswered::Reset;
    }
    Unanswered::Other(reason)
}
