//! Tests of what the benchmark reckons with: figures, answers, what the kernel counts, and what is told of it.
//!
//! A benchmark is a program without a test harness, so they have a program of their own.

#[path = "../goals.rs"]
mod goals;
#[path = "../placeholders.rs"]
mod placeholders;
#[path = "../report/mod.rs"]
mod report;
#[path = "../resources.rs"]
#[expect(
    dead_code,
    reason = "what reads processes is used by the benchmark alone"
)]
mod resources;
#[path = "../load/response.rs"]
mod response;
#[path = "../statistics.rs"]
mod statistics;

mod of_addresses;
mod of_answers;
mod of_processes;
mod of_reports;
mod of_statistics;
