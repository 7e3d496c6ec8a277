//! `image-handler doctor`: looks at what an operator can get wrong, and names the command or the setting
//! that mends it.
//!
//! One file for each concern; each asks its part the way the service does and translates what comes back.
//! May import `config`, `db`, `storage`, `domain`, and of `server` what derives settings. The statements stand in
//! `db/examine/`, the requests to S3 in `storage/s3_probe.rs`. Nothing imports it but `main`.
//!
//! No check takes longer than a few seconds, changes anything that stays (but for the tombstone of the
//! image that it uploads and deletes), or prints a secret.

mod database;
mod objects;
mod pixel;
mod public;
mod report;
mod uploads;
mod web;

use std::time::Duration;

pub use report::{Check, Marks, Outcome, Report};

use crate::config::{Config, ConfigError, Limits, ObjectsConfig, Options, StoresConfig};
use crate::db::DbConfig;
use crate::images::VariantRules;

/// How long any single thing may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Everything,
    /// Everything but the running service.
    WithoutService,
}

/// Looks at everything, one thing after the other.
pub async fn examine(options: Options, scope: Scope) -> Report {
    // The configuration keeps only what a key is recognised by.
    let admin_key = options.admin_key.clone().map(|key| key.trim().to_owned());
    let config = match Config::from_options(options.clone()) {
        Ok(config) => config,
        // Boxed: the settings are large, and whoever waits for this would be as large.
        Err(error) => return Box::pin(without_configuration(options, &error)).await,
    };
    let mut checks = vec![Check::ok("configuration", "settings", summary(&config))];
    let stores = StoresConfig {
        uploads_dir: config.uploads_dir.clone(),
        database: config.database.clone(),
        objects: config.objects.clone(),
    };
    checks.extend(Box::pin(examine_stores(&stores, &config.limits, config.variants)).await);
    checks.extend(public::examine(&config, admin_key, scope).await);
    Report { checks }
}

/// The error, and what can be looked at in spite of it: one setting that is wrong must not hide what else is.
async fn without_configuration(options: Options, error: &ConfigError) -> Report {
    let advice = format!(
        "set {} as it says, where the service takes its environment from, and run this again",
        error.variable
    );
    let check = Check::failure("configuration", "settings", error.to_string(), advice);
    let mut checks = vec![check];
    if let Ok(stores) = Config::stores_from(options) {
        checks.extend(examine_stores(&stores, &Limits::default(), VariantRules::default()).await);
    }
    checks.extend(public::skip("the configuration cannot be read"));
    Report { checks }
}

async fn examine_stores(
    stores: &StoresConfig,
    limits: &Limits,
    variants: VariantRules,
) -> Vec<Check> {
    let uploads = &stores.uploads_dir;
    let mut checks =
        uploads::examine(uploads.clone(), limits.min_free_bytes, variants.max_bytes).await;
    checks.extend(database::examine(&stores.database, uploads).await);
    checks.extend(objects::examine(&stores.objects).await);
    checks
}

/// What the service would work with.
fn summary(config: &Config) -> String {
    let database = match &config.database {
        DbConfig::Sqlite { .. } => "SQLite",
        DbConfig::Mysql { .. } => "MySQL",
        DbConfig::MysqlBySecret { .. } => "MySQL by a secret",
    };
    let objects = match &config.objects {
        ObjectsConfig::Embedded { .. } => "the embedded S3 endpoint".to_owned(),
        ObjectsConfig::Bucket(bucket) => format!("the bucket {}", bucket.bucket),
    };
    format!(
        "they can be read: {}, {database}, {objects}, uploads of up to {} bytes",
        config.uploads_dir.display(),
        config.limits.max_upload_bytes
    )
}
