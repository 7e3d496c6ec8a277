//! An answer of the service. Whatever holds for all answers is checked when one is read.

use image_handler::routes::ErrorCode;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.unwrap().to_vec();
        let answer = Self {
            status,
            headers,
            bytes,
        };
        answer.check();
        answer
    }

    /// Checks what holds for all answers that the service gives, however they were received.
    pub(crate) fn check(&self) {
        self.check_protection();
        assert!(!self.header("x-request-id").is_empty());
        let is_error = self.status.is_client_error() || self.status.is_server_error();
        if is_error && !self.bytes.is_empty() {
            self.check_problem();
        }
    }

    /// Browsers are told what not to do with an answer, whatever it is.
    fn check_protection(&self) {
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        assert_eq!(self.header("cross-origin-opener-policy"), "same-origin");
        assert!(self.header("permissions-policy").contains("camera=()"));
        let policies: Vec<_> = self
            .headers
            .get_all("content-security-policy")
            .iter()
            .collect();
        let policy = self.header("content-security-policy");
        assert_eq!(policies.len(), 1, "{policies:?}");
        assert!(
            policy.starts_with("default-src '") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'") || policy.ends_with("sandbox"),
            "{policy}"
        );
        let is_closed =
            ["cross-origin", "same-origin"].contains(&self.header("cross-origin-resource-policy"));
        assert!(is_closed, "{:?}", self.headers);
    }

    /// Every error explains itself, and its parts agree with each other.
    fn check_problem(&self) {
        if self.header("content-type") == "application/json" {
            // The readiness report is the one answer with an error status that is no problem.
            assert!(self.json()["parts"].is_object(), "{}", self.text());
            return;
        }
        if self.header("content-type") == "text/html; charset=utf-8" {
            // For a browser that has sent the form by itself.
            assert!(self.text().starts_with("<!doctype html>"));
            return;
        }
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text()
        );
        let problem = self.json();
        let code = ErrorCode::ALL
            .iter()
            .find(|code| code.as_str() == problem["code"]);
        let code = code.unwrap_or_else(|| panic!("an unknown code: {problem}"));
        assert_eq!(code.status().as_u16(), self.status.as_u16(), "{problem}");
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        assert_eq!(problem["title"], code.title(), "{problem}");
        assert_eq!(
            problem["type"],
            format!("urn:image-handler:{}", code.as_str())
        );
        assert_eq!(
            problem["request_id"],
            self.header("x-request-id"),
            "{problem}"
        );
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.ends_with('.')),
            "{problem}"
        );
        if matches!(self.status.as_u16(), 429 | 503 | 507) {
            assert!(self.headers.contains_key("retry-after"), "{problem}");
        }
    }

    /// The header's value, empty when it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The error's code; empty when this is no error.
    pub(crate) fn code(&self) -> String {
        if self.status.is_success() {
            return String::new();
        }
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    #[track_caller]
    pub(crate) fn expect_error(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.code(), code);
        answer
    }
}
