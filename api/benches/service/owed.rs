//! What the service has answered and still owes: an upload counts when all of it is done.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::load::{self, Expected, Request};

/// Longer than any rush should take to be worked off.
const PATIENCE: Duration = Duration::from_mins(2);

/// Waits until every image that a service took in is in S3 and in the database, and gives how long that was: work that
/// was put off would otherwise be work that was not measured.
pub(crate) async fn wait(address: SocketAddr) -> anyhow::Result<Duration> {
    let metrics = Request::get("/metrics", &[], Expected::status(200));
    let began = Instant::now();
    loop {
        let text = String::from_utf8(load::ask(address, &metrics).await?)?;
        let pending = pending_in(&text).context("no metric of what is pending")?;
        let waited = began.elapsed();
        if pending == 0 {
            return Ok(waited);
        }
        ensure!(waited < PATIENCE, "{pending} images are pending for ever");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How many images are pending, as the metrics say.
pub(crate) fn pending_in(metrics: &str) -> Option<u64> {
    let value = |line: &str| {
        line.strip_prefix("image_handler_pending_images ")?
            .parse()
            .ok()
    };
    metrics.lines().find_map(value)
}
