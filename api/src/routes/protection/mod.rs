//! Protection against abuse: who a client is, how often it may ask, how much it may hold up, and what
//! browsers are told to keep other pages from doing.

mod client;
pub(super) mod cross_origin;
pub(super) mod headers;
pub(super) mod pace;
mod rate_limit;
mod uploads_in_flight;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, web};

use super::images::upload::ENVELOPE_BYTES;
use super::{Api, ApiError};
use crate::config::{Limits, Protection, UploadPace};
use client::Client;
use rate_limit::RateLimit;
pub(super) use uploads_in_flight::UploadPlace;
use uploads_in_flight::UploadsInFlight;

/// The bounds, with what has been used up of them. Shared by all workers.
pub(crate) struct Guards {
    settings: Protection,
    uploads: Option<RateLimit>,
    reads: Option<RateLimit>,
    in_flight: UploadsInFlight,
    /// The origin of the service's own pages.
    own_origin: String,
}

impl Guards {
    /// Nothing is used up yet. `public_url` is where the service's own pages are.
    pub(crate) fn new(settings: Protection, limits: Limits, public_url: &str) -> Self {
        let largest_body = limits.max_upload_bytes.saturating_add(ENVELOPE_BYTES);
        Self {
            in_flight: UploadsInFlight::new(settings.upload_room(largest_body)),
            own_origin: origin(public_url),
            uploads: settings
                .upload_rate
                .map(|rate| RateLimit::new("uploads", rate)),
            reads: settings.read_rate.map(|rate| RateLimit::new("reads", rate)),
            settings,
        }
    }

    /// A place for an upload, to be taken before anything of its body is read. `length` is that of the body, if
    /// the client says it.
    ///
    /// # Errors
    /// [`ErrorCode::UploadsBusy`](super::ErrorCode::UploadsBusy) when there is no room.
    pub(super) fn enter_upload(
        &self,
        request: &HttpRequest,
        length: Option<u64>,
    ) -> Result<UploadPlace, ApiError> {
        let client = Client::of(request, &self.settings.trusted_proxies);
        self.in_flight.enter(client, length)
    }

    /// Whether the operator lets pages of this origin in.
    fn allows(&self, origin: &str) -> bool {
        let allowed = &self.settings.allowed_origins;
        allowed.iter().any(|each| each == origin)
    }

    /// How fast the body of an upload has to arrive.
    pub(super) fn upload_pace(&self) -> UploadPace {
        self.settings.upload_pace
    }

    /// The limit that a request counts against. Whoever asks how the service is gets an answer, else load
    /// balancers would take a busy host for a dead one, and monitoring would be blind when it is needed.
    fn rate_limit(&self, request: &ServiceRequest) -> Option<&RateLimit> {
        match (request.method(), request.path()) {
            (_, "/livez" | "/readyz" | "/metrics") => None,
            // By method alone: a path can be written in more than one way.
            (&Method::POST, _) => self.uploads.as_ref(),
            _ => self.reads.as_ref(),
        }
    }
}

/// Counts the request against its client's rate. Refused before anything of the body is read.
pub(super) async fn limit_rates(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let api = request.app_data::<web::Data<Api>>().cloned();
    let guards = api.as_ref().map(|api| &api.guards);
    let limit = guards.and_then(|guards| Some((guards, guards.rate_limit(&request)?)));
    if let Some((guards, limit)) = limit {
        let client = Client::of(request.request(), &guards.settings.trusted_proxies);
        let usage = limit.count(client);
        request.extensions_mut().insert(usage);
        if let Some(error) = usage.refusal() {
            return Ok(request.error_response(error));
        }
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Scheme, host and port of a URL.
pub(crate) fn origin(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}
