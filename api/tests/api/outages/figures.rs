//! How long uploads take while S3 is away and while the backlog drains, beside how long they take else.
//!
//! Figures, no verdicts: `cargo test --test api -- --ignored outages::figures`.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::Value;

use crate::helpers::app::form;
use crate::helpers::fault_proxy::{Fault, FaultProxy};
use crate::helpers::fixtures::png_of;
use crate::helpers::process::{Running, command};
use crate::helpers::s3::{TestS3, environment_of};
use crate::helpers::{report, until};

const CLIENTS: usize = 8;
const UPLOADS_EACH: usize = 40;
const BYTES: usize = 235_000;

/// How long each of many uploads took that were sent at the same time as others.
struct Latencies(Vec<Duration>);

impl Latencies {
    async fn of_uploads(client: &Client, service: &Running) -> Self {
        let uploads = join_all((0..CLIENTS).map(|_| async {
            let mut latencies = Vec::new();
            for _ in 0..UPLOADS_EACH {
                let form = form("Ada", png_of(BYTES));
                let request = client.post(format!("{}/api/v1/images", service.address));
                let began = Instant::now();
                let answer = request.multipart(form).send().await.unwrap();
                assert!(answer.status().is_success());
                answer.bytes().await.unwrap();
                latencies.push(began.elapsed());
            }
            latencies
        }));
        let mut latencies = uploads.await.concat();
        latencies.sort();
        Self(latencies)
    }

    fn percentile(&self, percent: usize) -> f64 {
        self.0[(self.0.len() - 1) * percent / 100].as_secs_f64() * 1000.0
    }

    fn report(&self, when: &str, healthy: &Self) {
        report(&format!(
            "outage: uploads {when}: p50 {:.0} ms, p99 {:.0} ms, {:.2} times the healthy p99",
            self.percentile(50),
            self.percentile(99),
            self.percentile(99) / healthy.percentile(99)
        ));
    }
}

async fn pending(client: &Client, service: &Running) -> Value {
    let request = client.get(format!("{}/readyz", service.address)).send();
    let report: Value = request.await.unwrap().json().await.unwrap();
    report["pending"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures for a minute, and needs the machine for itself"]
async fn uploads_while_s3_is_away_and_after() {
    let s3 = TestS3::start().await;
    let mut proxy = FaultProxy::to(s3.address()).await;
    let uploads = tempfile::tempdir().unwrap();
    let mut command = command(uploads.path());
    command
        .stderr(std::process::Stdio::null())
        .envs(environment_of(proxy.address()))
        .env("UPLOAD_RATE", "off")
        .env("READ_RATE", "off");
    let service = Running::spawn(command);
    let client = Client::new();
    let (client, service) = (&client, &service);

    Latencies::of_uploads(client, service).await;
    for (when, fault) in [
        ("while S3 refuses connections", Fault::Refused),
        ("while S3 never answers", Fault::Blackholed),
        ("while S3 takes 20 s", Fault::Slow(Duration::from_secs(20))),
    ] {
        until("nothing is pending", || async {
            pending(client, service).await == 0
        })
        .await;
        // Anew each time: whatever else the machine does changes.
        let healthy = Latencies::of_uploads(client, service).await;
        healthy.report("with all well", &healthy);
        proxy.fail(fault).await;
        // The first uploads find out.
        join_all((0..CLIENTS).map(|_| async {
            let form = form("Ada", png_of(BYTES));
            let request = client.post(format!("{}/api/v1/images", service.address));
            let answer = request.multipart(form).send().await.unwrap();
            assert!(answer.status().is_success());
        }))
        .await;
        let away = Latencies::of_uploads(client, service).await;
        away.report(when, &healthy);
        proxy.heal().await;
        let before = pending(client, service).await;
        let draining = Latencies::of_uploads(client, service).await;
        let after = pending(client, service).await;
        draining.report(
            &format!("while it drains ({before} pending, then {after})"),
            &healthy,
        );
    }
}
