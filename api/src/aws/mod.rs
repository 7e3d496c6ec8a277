//! Amazon's part of what `storage` and `db` stand on: what every client of AWS is made from, and the secret that
//! holds a login.
//!
//! May be used by `storage`, `db` and `config`. Imports nothing of ours.

mod secret;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

pub use secret::{InvalidArn, SecretArn, SecretError, SecretReader};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longer than S3 takes for the largest upload, shorter than anybody's patience with a hanging part.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause before the SDK's first own retry. These are for a hiccup within a request; for all else the callers try again.
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(50);

/// What all clients have in common: the TLS library, the bounds on time, and what the SDK finds by itself (region,
/// credentials, `AWS_ENDPOINT_URL` and its kin). A client adds what is its own.
pub(crate) fn settings() -> ConfigLoader {
    // One TLS library in the process; two without a chosen default would panic.
    let http_client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http_client)
        .retry_config(RetryConfig::standard().with_initial_backoff(FIRST_RETRY_AFTER))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
}
