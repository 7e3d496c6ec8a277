//! Brings the tables to the form that this version needs.

use diesel::migration::MigrationSource;
use diesel::mysql::Mysql;
use diesel::sqlite::Sqlite as SqliteBackend;
use diesel_async::pooled_connection::deadpool::{Object, PoolError};
use diesel_async::{AsyncMigrationHarness, AsyncMysqlConnection, RunQueryDsl as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::failure::is_read_only;
use super::{Db, EnginePool, Sqlite};

const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
const MYSQL: EmbeddedMigrations = embed_migrations!("../migrations/mysql");

/// How long one host waits for another that is migrating.
const LOCK_SECONDS: u32 = 60;

/// Why the tables could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// No connection to the database, or it takes no writes.
    #[error("the database does not answer: {0}")]
    Away(String),
    /// The server refuses the login or does not know the database, or the file is none.
    #[error("the database cannot be opened: {0}")]
    Refused(String),
    /// Another host has been migrating for too long.
    #[error("another host has held the migration lock for {LOCK_SECONDS} s")]
    Locked,
    /// A migration failed. Nothing after it was run.
    #[error("a migration failed: {0}")]
    Failed(String),
}

/// Which way to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Db {
    /// Runs every migration that has not run yet. Hosts that start at once take turns. Returns how many ran.
    ///
    /// # Errors
    /// [`MigrationError`].
    pub async fn migrate(&self) -> Result<usize, MigrationError> {
        self.run(Direction::Up).await
    }

    /// Reverts every migration: all records are lost. For tests and for operators who start again.
    ///
    /// # Errors
    /// [`MigrationError`].
    pub async fn revert_migrations(&self) -> Result<usize, MigrationError> {
        self.run(Direction::Down).await
    }

    async fn run(&self, direction: Direction) -> Result<usize, MigrationError> {
        match &self.pool {
            EnginePool::Sqlite(pool) => {
                let connection = pool.get().await.map_err(no_connection)?;
                run_on_sqlite(connection, direction).await
            }
            EnginePool::Mysql(pool) => {
                let connection = pool.get().await.map_err(no_connection)?;
                run_on_mysql(connection, direction).await
            }
        }
    }
}

/// SQLite's DDL is transactional, so one write transaction round everything is lock and safety net in one.
async fn run_on_sqlite(
    mut connection: Object<Sqlite>,
    direction: Direction,
) -> Result<usize, MigrationError> {
    connection
        .spawn_blocking(move |connection| {
            let mut outcome = Ok(0);
            let transaction = connection.immediate_transaction(|connection| {
                outcome = apply::<SqliteBackend>(connection, SQLITE, direction);
                match &outcome {
                    Ok(_) => Ok(()),
                    Err(_) => Err(diesel::result::Error::RollbackTransaction),
                }
            });
            match transaction {
                Ok(()) | Err(diesel::result::Error::RollbackTransaction) => Ok(outcome),
                Err(error) => Err(error),
            }
        })
        .await
        .map_err(away)?
}

/// MySQL's DDL is not transactional: a named lock keeps hosts apart, and each migration is one statement.
async fn run_on_mysql(
    connection: Object<AsyncMysqlConnection>,
    direction: Direction,
) -> Result<usize, MigrationError> {
    // The lock belongs to the connection. This one is not returned to the pool but closed, so the lock
    // goes with it whatever happens in between, also when nobody waits for the lock any more.
    let mut connection = Object::take(connection);
    let locked: LockResult = diesel::sql_query(format!(
        "SELECT GET_LOCK(CONCAT('image-handler/', DATABASE()), {LOCK_SECONDS}) AS locked"
    ))
    .get_result(&mut connection)
    .await
    .map_err(away)?;
    if locked.locked != Some(1) {
        return Err(MigrationError::Locked);
    }
    let mut harness = AsyncMigrationHarness::new(connection);
    apply::<Mysql>(&mut harness, MYSQL, direction).map_err(|error| match error {
        // Also when nothing is to be run: the table of the versions is made if it is not there.
        MigrationError::Failed(reason) if is_read_only(&reason) => MigrationError::Away(reason),
        error => error,
    })
}

fn apply<B: diesel::backend::Backend>(
    harness: &mut impl MigrationHarness<B>,
    migrations: EmbeddedMigrations,
    direction: Direction,
) -> Result<usize, MigrationError>
where
    EmbeddedMigrations: MigrationSource<B>,
{
    let ran = match direction {
        Direction::Up => harness
            .run_pending_migrations(migrations)
            .map(|ran| ran.len()),
        Direction::Down => harness
            .revert_all_migrations(migrations)
            .map(|ran| ran.len()),
    };
    ran.map_err(|error| MigrationError::Failed(error.to_string()))
}

/// The versions of the migrations of SQLite, in their order.
pub(super) fn sqlite_versions() -> Vec<String> {
    versions::<SqliteBackend>(&SQLITE)
}

/// The versions of the migrations of MySQL, in their order.
pub(super) fn mysql_versions() -> Vec<String> {
    versions::<Mysql>(&MYSQL)
}

fn versions<B: diesel::backend::Backend>(migrations: &EmbeddedMigrations) -> Vec<String>
where
    EmbeddedMigrations: MigrationSource<B>,
{
    // They are part of the program: that they can be read was seen when it was built.
    let migrations = migrations.migrations().unwrap_or_default();
    let mut versions: Vec<String> = migrations
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    versions.sort();
    versions
}

fn no_connection(error: PoolError) -> MigrationError {
    use diesel::ConnectionError::InvalidConnectionUrl;
    use diesel_async::pooled_connection::PoolError::ConnectionError;
    match error {
        PoolError::Backend(ConnectionError(InvalidConnectionUrl(reason))) => {
            MigrationError::Refused(reason)
        }
        error => away(error),
    }
}

fn away(error: impl std::fmt::Display) -> MigrationError {
    MigrationError::Away(error.to_string())
}

#[derive(diesel::QueryableByName)]
struct LockResult {
    /// 1: taken; 0: somebody else has it; null: an error.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::BigInt>)]
    locked: Option<i64>,
}
