//! The API's tests: the real service, driven over HTTP, on real parts.
//!
//! One binary. Folders mirror the routes; whatever tests share is in `helpers`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod backlog;
mod binary;
mod client;
mod database_secret;
mod disk;
mod doctor;
#[cfg(feature = "failpoints")]
mod durability;
mod errors;
mod growth;
mod health;
mod helpers;
mod hostile;
mod hosts;
mod images;
mod journal;
mod limits;
mod metrics;
mod migrations;
mod openapi;
mod outages;
mod protection;
mod reconcile;
mod shutdown;
mod sweep;
