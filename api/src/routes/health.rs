//! For load balancers, operators and monitoring: does the process live, can it do its work, and what has it done?

use actix_web::{HttpResponse, web};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, ApiError, ErrorCode};
use crate::images::{PartState, Readiness};
use crate::metrics::CONTENT_TYPE;

/// The process lives
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "get_livez",
    tag = "service",
    responses((status = 200, description = "The process answers. Nothing else is looked at.", body = String,
        content_type = "text/plain", example = "ok"))
)]
pub(super) async fn get_livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok")
}

/// How the parts are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadinessBody {
    /// The state of the worst part.
    #[schema(example = "ok")]
    status: StateBody,
    /// The state of each part.
    parts: PartsBody,
    /// Images that are safe on this host and that S3 or the database is still owed.
    #[schema(example = 0)]
    pending: usize,
    /// When the oldest of these was taken in.
    oldest_pending: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PartsBody {
    /// The database answers.
    database: StateBody,
    /// The uploads folder can be written. Without room for uploads it is `degraded`: reads and deletes go on.
    disk: StateBody,
    /// Every journal entry could be read.
    journal: StateBody,
    /// S3 answered the last call. Away is `degraded`: uploads go on.
    s3: StateBody,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StateBody {
    /// It works.
    Ok,
    /// It does not, and the service goes on without it.
    Degraded,
    /// It does not, and the service needs it.
    Down,
}

impl From<PartState> for StateBody {
    fn from(state: PartState) -> Self {
        match state {
            PartState::Ok => Self::Ok,
            PartState::Degraded => Self::Degraded,
            PartState::Down => Self::Down,
        }
    }
}

impl From<Readiness> for ReadinessBody {
    fn from(readiness: Readiness) -> Self {
        Self {
            status: readiness.overall().into(),
            parts: PartsBody {
                database: readiness.database.into(),
                disk: readiness.disk.into(),
                journal: readiness.journal.into(),
                s3: readiness.s3.into(),
            },
            pending: readiness.pending,
            oldest_pending: readiness.oldest_pending.map(rfc_3339),
        }
    }
}

fn rfc_3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The service can do its work
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "get_readyz",
    tag = "service",
    responses(
        (status = 200, description = "Ready; `degraded` parts are done without for now", body = ReadinessBody,
            example = json!({"status": "ok", "parts": {"database": "ok", "disk": "ok", "journal": "ok", "s3": "ok"},
                "pending": 0, "oldest_pending": null})),
        (status = 503, description = "A part that the service needs is down", body = ReadinessBody,
            example = json!({"status": "down", "parts": {"database": "down", "disk": "ok", "journal": "ok", "s3": "ok"},
                "pending": 3, "oldest_pending": "2026-11-22T10:15:00.000Z"})),
    )
)]
pub(super) async fn get_readyz(api: web::Data<Api>) -> HttpResponse {
    let readiness = api.images.readiness().await;
    let mut response = match readiness.overall() {
        PartState::Ok | PartState::Degraded => HttpResponse::Ok(),
        PartState::Down => HttpResponse::ServiceUnavailable(),
    };
    response.json(ReadinessBody::from(readiness))
}

/// What was counted
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "get_metrics",
    tag = "service",
    responses((status = 200, description = "Counts and states in the text format of Prometheus. Asks neither S3 nor \
        the database.", body = String, content_type = "text/plain",
        example = "# HELP image_handler_pending_images Images that something is owed for\n\
            # TYPE image_handler_pending_images gauge\nimage_handler_pending_images 0\n"))
)]
pub(super) async fn get_metrics(api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let text = api.images.metrics_text().await.map_err(|error| {
        log::error!("the metrics cannot be written: {error:#}");
        ApiError::plain(ErrorCode::InternalError)
    })?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}
