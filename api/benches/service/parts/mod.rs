//! The parts of the benchmark. Each adds to the report what it measured.

pub(crate) mod codecs;
pub(crate) mod lists;
pub(crate) mod reads;
pub(crate) mod start;
pub(crate) mod target;
pub(crate) mod uploads;
pub(crate) mod variants;

use anyhow::Context as _;
use serde_json::Value;

use crate::load::{self, Request};
use crate::processes::Service;
use crate::report::{Measurement, Unit};
use crate::resources;
use crate::rounds::Turns;
use crate::statistics::Summary;

/// Where the service takes uploads.
pub(crate) const UPLOAD_PATH: &str = "/api/v1/images";

/// What a side did, as a row of the table.
pub(crate) fn row(what: &str, side: &str, turns: &Turns) -> Measurement {
    let row = Measurement::new(what, side);
    match turns.figures() {
        None => row,
        Some(figures) => row
            .with(Unit::PerSecond, Some(figures.per_second))
            .with(Unit::P50Milliseconds, Some(figures.p50_ms))
            .with(Unit::P99Milliseconds, Some(figures.p99_ms))
            .with(Unit::CpuMilliseconds, figures.cpu_ms),
    }
}

/// The most memory that a process had, in MiB.
pub(crate) fn peak(pid: u32) -> anyhow::Result<Option<Summary>> {
    Ok(Summary::of(&[mebibytes(resources::peak_memory(pid)?)]))
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far less than 2^52")]
    let bytes = bytes as f64;
    bytes / 1024.0 / 1024.0
}

/// Uploads a photo to a service and gives its answer.
pub(crate) async fn upload(service: &Service, photo: &[u8]) -> anyhow::Result<Value> {
    let request = Request::upload(UPLOAD_PATH, "file", photo);
    let answer = load::ask(service.address, &request).await?;
    Ok(serde_json::from_slice(&answer)?)
}

/// The path of an image in the answer to its upload.
pub(crate) fn path_of(answer: &Value) -> anyhow::Result<String> {
    let link = answer["link"].as_str().context("no link in the answer")?;
    Ok(url::Url::parse(link)?.path().to_owned())
}
