//! What the service counts about itself, in the text format of Prometheus.
//!
//! A value, not a global: each application has its own, and several may run in one process. May be used by
//! every layer and imports none. Labels are bounded: operations, outcomes, codes, routes; never an id, a name,
//! a path or an address.

mod make;
mod state;

use std::sync::Arc;
use std::time::Duration;

use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Encoder as _, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry,
    TextEncoder,
};

use make::{Maker, right};
use state::Gauges;
pub use state::{Space, State};

/// The media type of what [`Metrics::render`] gives.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How a call to a part outside the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// It was answered, and the answer can be worked with.
    Ok,
    /// It failed, or was answered with an error.
    Error,
    /// It was not answered in time.
    Timeout,
}

impl CallOutcome {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Timeout => "timeout",
        }
    }
}

/// Counts the calls to one part outside the process.
#[derive(Clone, Debug)]
pub struct Calls {
    total: IntCounterVec,
    duration: HistogramVec,
}

impl Calls {
    /// Counts a call that has ended.
    pub fn ended(&self, operation: &str, outcome: CallOutcome, took: Duration) {
        let labels = [operation, outcome.name()];
        self.total.with_label_values(&labels).inc();
        let duration = self.duration.with_label_values(&[operation]);
        duration.observe(took.as_secs_f64());
    }
}

/// A request that has ended.
#[derive(Clone, Copy, Debug)]
pub struct RequestEnded<'a> {
    /// The pattern of its route.
    pub route: &'a str,
    /// Its method, one of a few.
    pub method: &'a str,
    /// The status of its answer, or a word when there was none.
    pub status: &'a str,
    /// From its head to the last byte of the answer.
    pub took: Duration,
    /// The bytes of the answer's body.
    pub sent_bytes: u64,
}

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    uploads: IntCounterVec,
    upload_received: IntCounter,
    upload_published: IntCounter,
    upload_duration: Histogram,
    deletes: IntCounter,
    purges: IntCounter,
    requests: IntCounterVec,
    request_duration: HistogramVec,
    requests_in_flight: IntGauge,
    response_bytes: IntCounterVec,
    replay_steps: IntCounterVec,
    variants_made: IntCounterVec,
    variant_duration: Histogram,
    s3: Calls,
    database: Calls,
    gauges: Gauges,
}

impl Metrics {
    /// Nothing is counted yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let make = Maker(Registry::new());
        let uploads = make.counters(
            "uploads_total",
            "Uploads by outcome: created, accepted (202), replayed, aborted, or the code of the error",
            &["outcome"],
        );
        for outcome in ["created", "accepted", "replayed"] {
            // There from the start, so that rates have a beginning.
            uploads.with_label_values(&[outcome]);
        }
        let build = make.gauges(
            "build_info",
            "Always 1; the label is the version",
            &["version"],
        );
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        right(make.0.register(Box::new(ProcessCollector::for_self())));
        Arc::new(Self {
            uploads,
            upload_received: make.counter(
                "upload_received_bytes_total",
                "Bytes of the files of uploads that were acknowledged, as they were received",
            ),
            upload_published: make.counter(
                "upload_published_bytes_total",
                "Bytes of the images that uploads made, as they are published",
            ),
            upload_duration: make.histogram(
                "upload_duration_seconds",
                "Acknowledged uploads: from the last byte of the file to the answer",
            ),
            deletes: make.counter("deletes_total", "Images that were deleted here"),
            purges: make.counter(
                "purges_total",
                "Purges that were carried out: content was blocked",
            ),
            requests: make.counters(
                "http_requests_total",
                "HTTP requests that have ended; status is aborted when the client left before the answer",
                &["route", "method", "status"],
            ),
            request_duration: make.histograms(
                "http_request_duration_seconds",
                "From the head of a request to the last byte of its answer",
                &["route", "method"],
            ),
            requests_in_flight: make.gauge(
                "http_requests_in_flight",
                "HTTP requests that have not ended, this one included",
            ),
            response_bytes: make.counters(
                "http_response_bytes_total",
                "Bytes of the bodies of answers",
                &["route"],
            ),
            replay_steps: make.counters(
                "replay_steps_total",
                "What the replayer tried of what the journal owes, by step and outcome (done, failed)",
                &["step", "outcome"],
            ),
            variants_made: make.counters(
                "variants_made_total",
                "Variants that were not kept and had to be made, by variant and outcome: made, undecodable, removed \
                 (the image was, in the meantime), away (the original is), failed",
                &["variant", "outcome"],
            ),
            variant_duration: make.histogram(
                "variant_seconds",
                "Variants that were made or could not be: from when somebody asked to the outcome, waiting included",
            ),
            s3: make.calls("s3_requests", "s3_request", "Requests to S3"),
            database: make.calls("database_queries", "database_query", "Queries"),
            gauges: Gauges::new(&make),
            registry: make.0,
        })
    }

    /// What counts the requests to S3.
    #[must_use]
    pub fn s3(&self) -> Calls {
        self.s3.clone()
    }

    /// What counts the queries.
    #[must_use]
    pub fn database(&self) -> Calls {
        self.database.clone()
    }

    /// Notes a request that has begun. [`Self::request_ended`] has to follow.
    pub fn request_began(&self) {
        self.requests_in_flight.inc();
    }

    /// Counts a request that has ended.
    pub fn request_ended(&self, request: RequestEnded<'_>) {
        let RequestEnded {
            route,
            method,
            status,
            took,
            sent_bytes,
        } = request;
        self.requests_in_flight.dec();
        self.requests
            .with_label_values(&[route, method, status])
            .inc();
        self.request_duration
            .with_label_values(&[route, method])
            .observe(took.as_secs_f64());
        self.response_bytes
            .with_label_values(&[route])
            .inc_by(sent_bytes);
    }

    /// Counts an upload by how its request was answered.
    pub fn upload_answered(&self, outcome: &str) {
        self.uploads.with_label_values(&[outcome]).inc();
    }

    /// Counts an acknowledged upload: its file, the image that it made if it is no replay, and how long that took.
    pub fn upload_taken_in(&self, received: u64, published: Option<u64>, took: Duration) {
        self.upload_received.inc_by(received);
        self.upload_published.inc_by(published.unwrap_or_default());
        self.upload_duration.observe(took.as_secs_f64());
    }

    /// Counts an image that was deleted.
    pub fn deleted(&self) {
        self.deletes.inc();
    }

    /// Counts a purge.
    pub fn purged(&self) {
        self.purges.inc();
    }

    /// Counts a variant that had to be made.
    pub fn variant_made(&self, variant: &str, outcome: &str, took: Duration) {
        self.variants_made
            .with_label_values(&[variant, outcome])
            .inc();
        self.variant_duration.observe(took.as_secs_f64());
    }

    /// Counts a step that the replayer tried.
    pub fn replayed(&self, step: &str, done: bool) {
        let outcome = if done { "done" } else { "failed" };
        self.replay_steps.with_label_values(&[step, outcome]).inc();
    }

    /// Everything as text.
    ///
    /// # Errors
    /// Those of the encoder: a metric without a sample.
    pub fn render(&self, state: &State) -> Result<String, prometheus::Error> {
        self.gauges.set(state);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}
