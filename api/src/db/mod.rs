//! The record of every image, in SQLite or MySQL (and MariaDB) behind the same queries.
//!
//! May import `domain`, `metrics` and `aws`. Knows neither `storage` nor HTTP.

mod blocked_contents;
mod connection;
mod credentials;
mod examine;
mod failure;
mod images;
mod login;
mod migrations;
mod page;
mod schema;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use diesel::SqliteConnection;
use diesel_async::AsyncMysqlConnection;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

pub use blocked_contents::Blocked;
pub use connection::{MysqlAccess, PrepareError};
pub use credentials::{LoginUnknown, read_login};
pub use examine::{
    Denied, MigrationState, MysqlExaminer, NoConnection, SqliteFacts, TextColumn, examine_sqlite,
};
pub use failure::DbError;
pub use images::{ListFilter, Record, TombstonePlace, WriteOutcome};
pub use login::{InvalidLogin, MysqlLogin};
pub use migrations::MigrationError;

use failure::{QueryFailure, outcome_of};

use crate::aws::SecretArn;
use crate::domain::Availability;
use crate::metrics::{CallOutcome, Calls};

type Sqlite = SyncConnectionWrapper<SqliteConnection>;

/// Which database.
#[derive(Clone, PartialEq, Eq)]
pub enum DbConfig {
    /// A file, made when it is missing.
    Sqlite {
        /// Its path.
        path: PathBuf,
    },
    /// A MySQL or MariaDB server.
    Mysql {
        /// `mysql://user:password@host:port/database?require_ssl=true`, with the keys that `mysql_async` knows.
        url: String,
        /// PEM file with the certificates that the server's may be signed with. `None`: the public ones.
        ca: Option<PathBuf>,
    },
    /// A MySQL or MariaDB server whose address and login are kept in a secret and may change while it is used.
    MysqlBySecret {
        /// The secret.
        secret: SecretArn,
        /// As above, but `None`: only a server on this host.
        ca: Option<PathBuf>,
    },
}

impl fmt::Debug for DbConfig {
    /// Without the URL: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "Sqlite({})", path.display()),
            Self::Mysql { url: _, ca } => write!(f, "Mysql(…, {ca:?})"),
            Self::MysqlBySecret { secret, ca } => write!(f, "MysqlBySecret({secret}, {ca:?})"),
        }
    }
}

/// A pool of connections to one of the two engines, and what is known of the server behind it.
pub struct Db {
    pool: EnginePool,
    availability: Availability,
    /// The same for what is written: a server that is read-only or locked still answers.
    writing: Availability,
    /// `None`: nobody asks how many queries there were.
    calls: Option<Calls>,
    /// Held by whoever writes to SQLite.
    sqlite_writer: tokio::sync::Mutex<()>,
}

enum EnginePool {
    Sqlite(Pool<Sqlite>),
    Mysql(Pool<AsyncMysqlConnection>),
}

/// The name of the function that this stands in, such as `write_record`: what its queries are counted as.
macro_rules! operation {
    () => {{
        fn here() {}
        $crate::db::operation_of(std::any::type_name_of_val(&here))
    }};
}
use operation;

/// `write_record` of `image_handler::db::images::Db::write_record::{{closure}}::here`.
fn operation_of(path: &'static str) -> &'static str {
    path.rsplit("::")
        .skip(1)
        .find(|part| !part.starts_with('{'))
        .unwrap_or("other")
}

/// Runs one query body on whichever engine the pool is of. Within the body `$connection` is a
/// connection; the body's value is a `QueryResult`. The second form takes a body for each engine.
macro_rules! on_engine {
    ($db:expr, $deadline:expr, |$connection:ident| $body:expr) => {
        on_engine!($db, $deadline, |$connection| sqlite: $body, mysql: $body)
    };
    ($db:expr, $deadline:expr, |$connection:ident| sqlite: $sqlite:expr, mysql: $mysql:expr) => {
        match &$db.pool {
            $crate::db::EnginePool::Sqlite(pool) => {
                on_engine!(@lease $db, Use::Reading, $deadline, std::future::ready(()), pool, |$connection| $sqlite)
            }
            $crate::db::EnginePool::Mysql(pool) => {
                on_engine!(@lease $db, Use::Reading, $deadline, std::future::ready(()), pool, |$connection| $mysql)
            }
        }
    };
    (@lease $db:expr, Use::$use:ident, $deadline:expr, $turn:expr, $pool:ident, |$connection:ident| $body:expr) => {
        $db.within($crate::db::operation!(), $crate::db::Use::$use, $deadline, async {
            let _turn = $turn.await;
            let connection = $pool.get().await.map_err($crate::db::QueryFailure::no_connection)?;
            let mut lease = $crate::db::Lease::new(connection, |connection| {
                drop($crate::db::Object::take(connection));
            });
            let result = match lease.connection.as_deref_mut() {
                Some($connection) => $body,
                None => unreachable!("a new lease holds its connection"),
            };
            let result = result.map_err($crate::db::QueryFailure::from);
            if !$db.mistrusts_after(&result) {
                lease.give_back();
            }
            result
        })
        .await
    };
}
use on_engine;

/// The same for a body that writes. Writers to SQLite queue here: its own lock is polled for, and the unlucky
/// starve.
macro_rules! write_on_engine {
    ($db:expr, $deadline:expr, |$connection:ident| $body:expr) => {
        match &$db.pool {
            $crate::db::EnginePool::Sqlite(pool) => {
                $crate::db::on_engine!(@lease $db, Use::Writing, $deadline, $db.sqlite_writer.lock(), pool, |$connection| $body)
            }
            $crate::db::EnginePool::Mysql(pool) => {
                $crate::db::on_engine!(@lease $db, Use::Writing, $deadline, std::future::ready(()), pool, |$connection| $body)
            }
        }
    };
}
use write_on_engine;

impl Db {
    /// Prepares the pool. Makes no connection: the service starts while the database is away.
    ///
    /// # Errors
    /// When the configuration cannot be used: an unknown key in the URL, a CA file that cannot be read.
    pub fn prepare(config: &DbConfig) -> Result<Self, PrepareError> {
        let pool = match config {
            DbConfig::Sqlite { path } => EnginePool::Sqlite(connection::sqlite_pool(path)?),
            DbConfig::Mysql { url, ca } => {
                EnginePool::Mysql(connection::mysql_pool(url, ca.as_deref())?)
            }
            DbConfig::MysqlBySecret { secret, ca } => {
                EnginePool::Mysql(connection::mysql_pool_by_secret(secret, ca.as_deref())?)
            }
        };
        Ok(Self {
            pool,
            availability: Availability::default(),
            writing: Availability::default(),
            calls: None,
            sqlite_writer: tokio::sync::Mutex::default(),
        })
    }

    /// Has its queries counted.
    #[must_use]
    pub fn counted_by(mut self, calls: Calls) -> Self {
        self.calls = Some(calls);
        self
    }

    /// Whether the database answered the last question. What it does with records is another matter
    /// ([`Self::takes_records`]): reads go on while it is read-only or locked.
    #[must_use]
    pub fn availability(&self) -> &Availability {
        &self.availability
    }

    /// Whether the database answers, and took the last thing that was to be written. While it does not,
    /// only the replayer tries.
    #[must_use]
    pub fn takes_records(&self) -> bool {
        self.availability.is_available() && self.writing.is_available()
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// [`DbError::Away`].
    pub async fn ping(&self, deadline: Duration) -> Result<(), DbError> {
        use diesel_async::RunQueryDsl as _;
        on_engine!(self, deadline, |connection| diesel::sql_query("SELECT 1")
            .execute(connection)
            .await)
        .map(|_| ())
        .map_err(DbError::from)
    }

    /// Runs a query, gives it up after `deadline`, and learns whether the database is there.
    async fn within<T>(
        &self,
        operation: &'static str,
        what: Use,
        deadline: Duration,
        query: impl Future<Output = Result<T, QueryFailure>>,
    ) -> Result<T, QueryFailure> {
        let began = Instant::now();
        let (result, outcome) = match tokio::time::timeout(deadline, query).await {
            Ok(result) => {
                let outcome = outcome_of(&result);
                (result, outcome)
            }
            Err(_) => (
                Err(QueryFailure::Away(format!("no answer within {deadline:?}"))),
                CallOutcome::Timeout,
            ),
        };
        if let Some(calls) = &self.calls {
            calls.ended(operation, outcome, began.elapsed());
        }
        if self.mistrusts_after(&result)
            && let EnginePool::Mysql(pool) = &self.pool
        {
            drop(pool.retain(|_, _| false));
        }
        match (&result, what) {
            (
                Err(QueryFailure::Away(reason) | QueryFailure::NotConnected(reason)),
                Use::Reading,
            ) => {
                if self.availability.failed() {
                    log::warn!("the database is away, uploads go on: {reason}");
                }
            }
            (
                Err(QueryFailure::Away(reason) | QueryFailure::NotConnected(reason)),
                Use::Writing,
            ) => {
                if self.writing.failed() {
                    log::warn!("the database takes no records, uploads go on: {reason}");
                }
            }
            (_, Use::Reading) => {
                if self.availability.answered() {
                    log::info!("the database answers again");
                }
            }
            (_, Use::Writing) => {
                // What can be written to can be read too.
                let answers_again = self.availability.answered();
                if self.writing.answered() || answers_again {
                    log::info!("the database takes records again");
                }
            }
        }
        result
    }

    /// Whether connections are thrown away after this, with those that stand idle: they may lead to a server that
    /// is gone, or that has handed its part to another one and takes no writes any more. That another connection could
    /// not be made says nothing against them. A file is always the same.
    fn mistrusts_after<T>(&self, result: &Result<T, QueryFailure>) -> bool {
        matches!(self.pool, EnginePool::Mysql(_)) && matches!(result, Err(QueryFailure::Away(_)))
    }
}

/// What a query is for.
#[derive(Clone, Copy, Debug)]
enum Use {
    Reading,
    Writing,
}

/// A connection on loan. One whose query was given up half-way is thrown away instead of returned:
/// the answer to that query would be taken for the answer to the next. So is one that is not trusted any more.
struct Lease<O> {
    connection: Option<O>,
    discard: fn(O),
}

impl<O> Lease<O> {
    fn new(connection: O, discard: fn(O)) -> Self {
        Self {
            connection: Some(connection),
            discard,
        }
    }

    /// Ends the loan in good order: the query has ended, well or not.
    fn give_back(mut self) {
        self.connection.take();
    }
}

impl<O> Drop for Lease<O> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            (self.discard)(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DbConfig;

    #[test]
    fn a_configuration_is_shown_without_its_password() {
        let config = DbConfig::Mysql {
            url: "mysql://ada:hunter2@db.example.org/images".to_owned(),
            ca: None,
        };
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_query_is_counted_under_the_name_of_its_function() {
        async fn find_something() -> &'static str {
            let outer = async || {
                let inner = async { operation!() };
                inner.await
            };
            outer().await
        }
        assert_eq!(find_something().await, "find_something");
    }
}
