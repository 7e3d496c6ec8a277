//! Round every request: its id, its line in the log, its count, and the last word on errors.
//!
//! The path is logged without the query and cut when it is long; nothing that a client sends is logged as it
//! is but the path and an id of a plain form. The code of an error is in the line: refused keys and tokens,
//! limits and blocks can be found by it.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::FutureExt as _;
use pin_project_lite::pin_project;
use uuid::Uuid;

use super::error::{ApiError, PROBLEM_JSON};
use super::error_code::ErrorCode;
use super::observe::Observed;
use super::page;
use super::protection::headers::write_fixed;
use super::unread::KeptBody;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer paths are cut in the log. None of ours is as long.
const MAX_LOGGED_PATH: usize = 256;

/// Longer ids, or ids with other characters than these, are replaced: they would go into the log.
fn is_plain(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// The id that came with the request, if it is of a plain form, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_plain(id))
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// Gives the request an id, turns whatever error comes back into problem details, and logs one line when
/// the answer has been sent.
pub(super) async fn trace(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut line = LogLine {
        began: Instant::now(),
        method: request.method().to_string(),
        path: request.path().chars().take(MAX_LOGGED_PATH).collect(),
        request_id: request_id(request.headers()),
        status: None,
        code: None,
        observed: Observed::of(&request),
        sent_bytes: 0,
    };
    let wants_page = page::is_wanted(request.request());
    let unread = KeptBody::of(&mut request);
    // A mistake of ours in one request must not cost the others on this worker, and its client gets an answer.
    let answered = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    // Handlers' errors arrive as responses that carry them; what is lost here is a connection.
    let response = match answered {
        Ok(response) => response?.map_into_boxed_body(),
        Err(_) => return Err(panicked(&mut line, wants_page)),
    };
    let (response, code) = with_problem_details(response, &line.request_id, wants_page);
    line.code = code;
    if let Some(observed) = &mut line.observed {
        observed.answered(&response);
    }
    Ok(finish(response, line, unread))
}

/// The answer to a request whose handler panicked. What happened has been written to standard error.
fn panicked(line: &mut LogLine, wants_page: bool) -> Error {
    let error = ApiError::plain(ErrorCode::InternalError);
    line.status = Some(error.code.status());
    line.code = Some(error.code);
    let mut response = answer(&error, &line.request_id, wants_page);
    // It passes by what writes them for all other answers.
    write_fixed(response.headers_mut());
    InternalError::from_response("a handler panicked", response).into()
}

/// Errors of ours carry their own problem; those of libraries get the one for their status.
fn with_problem_details(
    response: ServiceResponse,
    request_id: &str,
    wants_page: bool,
) -> (ServiceResponse, Option<ErrorCode>) {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_explained = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value == PROBLEM_JSON);
    let error = match response.response().error() {
        Some(error) => explained(error, request_id),
        // The readiness report is JSON with status 503 on purpose.
        None if is_error && !is_explained && !is_json(response.headers()) => {
            ApiError::for_status(status)
        }
        None => return (response, None),
    };
    let (request, _): (HttpRequest, _) = response.into_parts();
    let mut answer = answer(&error, request_id, wants_page);
    if request.method() == Method::POST {
        answer
            .headers_mut()
            .insert(VARY, HeaderValue::from_static("Accept"));
    }
    (ServiceResponse::new(request, answer), Some(error.code))
}

fn answer(error: &ApiError, request_id: &str, wants_page: bool) -> HttpResponse {
    if wants_page {
        error.page(request_id)
    } else {
        error.response(request_id)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"))
}

fn explained(error: &Error, request_id: &str) -> ApiError {
    if let Some(error) = error.as_error::<ApiError>() {
        return error.clone();
    }
    log::debug!("request_id={request_id}: {error}");
    ApiError::for_status(error.as_response_error().status_code())
}

fn finish(
    mut response: ServiceResponse,
    mut line: LogLine,
    unread: Option<KeptBody>,
) -> ServiceResponse<Logged> {
    line.status = Some(response.status());
    let id =
        HeaderValue::from_str(&line.request_id).unwrap_or_else(|_| HeaderValue::from_static("-"));
    response.headers_mut().insert(REQUEST_ID, id);
    response.map_body(|_, body| Logged {
        body,
        line,
        _unread: unread,
    })
}

/// The line about a request. It is written when it is dropped: when the body has been sent, or when the
/// client has gone away, whichever comes first.
struct LogLine {
    began: Instant,
    method: String,
    path: String,
    request_id: String,
    /// `None`: the client went away before there was an answer.
    status: Option<StatusCode>,
    /// The code of the error that was answered: who was kept from what, and why.
    code: Option<ErrorCode>,
    /// Counts the request when the line is written.
    observed: Option<Observed>,
    sent_bytes: u64,
}

impl Drop for LogLine {
    fn drop(&mut self) {
        if let Some(observed) = &self.observed {
            observed.ended(self.status, self.code, self.sent_bytes);
        }
        let Self {
            method,
            path,
            request_id,
            sent_bytes,
            ..
        } = self;
        let milliseconds = self.began.elapsed().as_secs_f64() * 1000.0;
        let status = self.status.map_or_else(
            || "aborted".to_owned(),
            |status| status.as_u16().to_string(),
        );
        let code = self
            .code
            .map_or_else(String::new, |code| format!(" code={}", code.as_str()));
        log::info!(
            target: "image_handler::requests",
            "{method} {path} status={status}{code} duration_ms={milliseconds:.1} bytes={sent_bytes} request_id={request_id}"
        );
    }
}

pin_project! {
    /// A body that counts what is sent of it, for the log line that it carries.
    struct Logged {
        #[pin]
        body: BoxBody,
        line: LogLine,
        _unread: Option<KeptBody>,
    }
}

impl MessageBody for Logged {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let polled = this.body.poll_next(context);
        if let Poll::Ready(Some(Ok(chunk))) = &polled {
            this.line.sent_bytes += chunk.len() as u64;
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::dev::Service as _;
    use actix_web::http::header::{ACCEPT, X_CONTENT_TYPE_OPTIONS};
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, init_service};
    use actix_web::{App, HttpResponse, web};

    use super::*;

    #[actix_web::test]
    async fn a_handler_that_panics_costs_its_own_request_only() {
        let handler = async |request: HttpRequest| -> HttpResponse {
            assert!(request.query_string().is_empty(), "on purpose");
            HttpResponse::NoContent().finish()
        };
        let app = App::new()
            .route("/", web::route().to(handler))
            .wrap(from_fn(trace));
        let app = init_service(app).await;
        let request = TestRequest::get()
            .uri("/?panic")
            .insert_header((REQUEST_ID, "the-id"))
            .to_request();
        let error = app.call(request).await.map(|_| ()).unwrap_err();
        let answer = error.as_response_error().error_response();
        assert_eq!(answer.status(), 500);
        let nosniff = answer.headers().get(X_CONTENT_TYPE_OPTIONS).unwrap();
        assert_eq!(nosniff, "nosniff");
        let body = to_bytes(answer.into_body()).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], "internal-error");
        assert_eq!(problem["request_id"], "the-id");

        let form = TestRequest::post()
            .uri("/?panic")
            .insert_header((ACCEPT, "text/html"))
            .to_request();
        let error = app.call(form).await.map(|_| ()).unwrap_err();
        let page = error.as_response_error().error_response();
        assert_eq!(page.status(), 500);
        let content_type = page.headers().get(CONTENT_TYPE).unwrap();
        assert_eq!(content_type, "text/html; charset=utf-8");

        let next = app.call(TestRequest::get().to_request()).await.unwrap();
        assert_eq!(next.status(), 204);
    }

    #[test]
    fn only_plain_ids_are_taken_over() {
        for id in ["a", "0192f1a0-6d5e-7c3b-9a4f-2b1c0d9e8f70", "req_1.2"] {
            assert!(is_plain(id), "{id}");
        }
        for id in ["", "a b", "a\nb", "é", &"x".repeat(65), "a\"b"] {
            assert!(!is_plain(id), "{id}");
        }
    }
}
