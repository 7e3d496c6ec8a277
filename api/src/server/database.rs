//! The database at the start: its pool, and its migrations, which it may be away for.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, database_variable, refusing_variable};
use crate::db::{Db, DbConfig, MigrationError, PrepareError};
use crate::images::Images;

/// How long the start waits for the database before it goes on without it.
const START_WITHOUT_DATABASE: Duration = Duration::from_secs(2);
/// When an attempt at the migrations is given up.
const MIGRATION_DEADLINE: Duration = Duration::from_secs(10);
/// How often the migrations are tried again while the database is away.
const MIGRATION_PAUSE: Duration = Duration::from_secs(2);

/// Prepares the pool of connections.
///
/// # Errors
/// [`ConfigError`].
pub fn prepare_database(config: &DbConfig) -> Result<Db, ConfigError> {
    Db::prepare(config).map_err(|error| match error {
        PrepareError::Ca(_) => ConfigError::new("DATABASE_CA", error.to_string()),
        PrepareError::Url(_) | PrepareError::Pool(_) => {
            ConfigError::new(database_variable(config), error.to_string())
        }
    })
}

/// Names the variable to look at when the tables could not be brought up to date.
#[must_use]
pub fn not_migrated(config: &DbConfig, error: &MigrationError) -> ConfigError {
    let variable = match error {
        MigrationError::Refused(_) => refusing_variable(config),
        _ => database_variable(config),
    };
    ConfigError::new(variable, error.to_string())
}

/// What became of the migrations while the start waited for them.
pub(super) enum Migrated {
    /// The tables are up to date.
    Done,
    /// The database is away, the service starts without it. The attempt goes on if it has not ended.
    NotYet(Option<Attempt>),
}

/// An attempt at the migrations. On a task of its own, as running them blocks the one that they are on.
pub(super) struct Attempt(JoinHandle<Result<usize, MigrationError>>);

impl Attempt {
    fn begin(images: &Arc<Images>) -> Self {
        let images = Arc::clone(images);
        Self(tokio::spawn(async move { images.migrate().await }))
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Brings the tables up to date, if the database answers soon.
pub(super) async fn migrate(
    images: &Arc<Images>,
    config: &DbConfig,
) -> Result<Migrated, ConfigError> {
    let mut attempt = Attempt::begin(images);
    let (reason, attempt) = match timeout(START_WITHOUT_DATABASE, &mut attempt.0).await {
        Ok(Ok(Ok(ran))) => {
            if ran > 0 {
                log::info!("migrations run: {ran}");
            }
            return Ok(Migrated::Done);
        }
        Ok(Ok(Err(error @ MigrationError::Away(_)))) => (error.to_string(), None),
        Ok(Ok(Err(error))) => return Err(not_migrated(config, &error)),
        Ok(Err(stopped)) => {
            return Err(ConfigError::new(
                database_variable(config),
                stopped.to_string(),
            ));
        }
        Err(_) => ("the database does not answer".to_owned(), Some(attempt)),
    };
    log::warn!("{reason}; uploads are taken, migrations follow");
    Ok(Migrated::NotYet(attempt))
}

/// Goes on with the attempt that the start did not wait for, and tries again until the migrations have run.
pub(super) async fn migrate_later(
    images: Arc<Images>,
    stop: CancellationToken,
    begun: Option<Attempt>,
) {
    let mut begun = begun;
    loop {
        let mut attempt = match begun.take() {
            Some(attempt) => attempt,
            None => {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(MIGRATION_PAUSE) => Attempt::begin(&images),
                }
            }
        };
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = timeout(MIGRATION_DEADLINE, &mut attempt.0) => outcome,
        };
        match outcome {
            Ok(Ok(Ok(ran))) => {
                log::info!("the database is back, migrations run: {ran}");
                return;
            }
            Ok(Ok(Err(MigrationError::Away(_)))) | Err(_) => {}
            Ok(Ok(Err(error))) => log::error!("{error}"),
            Ok(Err(stopped)) => log::error!("the migrations stopped: {stopped}"),
        }
    }
}
