//! Counts each request by its route, its method and its answer, and uploads by what became of them.

use std::sync::Arc;
use std::time::Instant;

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::web;

use super::Api;
use super::error_code::ErrorCode;
use super::images::upload::{PATH, REPLAYED};
use super::images::{content, variant};
use crate::images::Images;
use crate::metrics::RequestEnded;

/// What requests are counted under that no route takes.
const NO_ROUTE: &str = "none";
/// What requests for the files of the client are counted under. Their pattern is empty.
const CLIENT: &str = "client";

/// Methods that are counted under their names. Clients may send any word.
const METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::DELETE,
    Method::PUT,
    Method::OPTIONS,
];

/// A request that is to be counted.
pub(super) struct Observed {
    images: Arc<Images>,
    began: Instant,
    method: Method,
    route: String,
    replayed: bool,
}

impl Observed {
    /// Begins with a request. `None` outside the service, in tests of single handlers.
    pub(super) fn of(request: &ServiceRequest) -> Option<Self> {
        let api = request.app_data::<web::Data<Api>>()?;
        api.images.metrics().request_began();
        Some(Self {
            images: Arc::clone(&api.images),
            began: Instant::now(),
            method: request.method().clone(),
            route: match expected(request.path()) {
                Some(route) => route.to_owned(),
                None => route(request.match_pattern()),
            },
            replayed: false,
        })
    }

    /// Notes what only the answer tells.
    pub(super) fn answered(&mut self, response: &ServiceResponse) {
        // Known for certain only now: a path can be written in more than one way.
        self.route = route(response.request().match_pattern());
        self.replayed = response.headers().contains_key(REPLAYED);
    }

    /// Counts the request. `status` is `None` when the client went away before there was an answer.
    pub(super) fn ended(
        &self,
        status: Option<StatusCode>,
        code: Option<ErrorCode>,
        sent_bytes: u64,
    ) {
        let metrics = self.images.metrics();
        let known = METHODS.contains(&self.method);
        metrics.request_ended(RequestEnded {
            route: &self.route,
            method: if known { self.method.as_str() } else { "other" },
            status: status.as_ref().map_or("aborted", StatusCode::as_str),
            took: self.began.elapsed(),
            sent_bytes,
        });
        if self.route == PATH && self.method == Method::POST {
            metrics.upload_answered(self.upload_outcome(status, code));
        }
    }

    fn upload_outcome(&self, status: Option<StatusCode>, code: Option<ErrorCode>) -> &'static str {
        match (code, status) {
            (Some(code), _) => code.as_str(),
            (None, None) => "aborted",
            (None, Some(_)) if self.replayed => "replayed",
            (None, Some(StatusCode::ACCEPTED)) => "accepted",
            (None, Some(_)) => "created",
        }
    }
}

/// The route of the most frequent requests, which need not go through the whole table twice. It counts only if
/// the client leaves before the answer.
fn expected(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix("/i/")?;
    match name.split_once('/') {
        None => (!name.is_empty()).then_some(content::PATH),
        Some((id, name)) => {
            let is_one = !id.is_empty() && !name.is_empty() && !name.contains('/');
            is_one.then_some(variant::PATH)
        }
    }
}

fn route(pattern: Option<String>) -> String {
    match pattern {
        None => NO_ROUTE.to_owned(),
        Some(pattern) if pattern.is_empty() => CLIENT.to_owned(),
        Some(pattern) => pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_routes_of_images_are_known_by_their_form() {
        let rows = [
            ("/i/x.jpg", Some("/i/{name}")),
            ("/i/x", Some("/i/{name}")),
            ("/i/x/thumb", Some("/i/{id}/{variant}")),
            ("/i/", None),
            ("/i//thumb", None),
            ("/i/x/", None),
            ("/i/x/thumb/y", None),
            ("/images/x", None),
        ];
        for (path, route) in rows {
            assert_eq!(expected(path), route, "{path}");
        }
    }
}
