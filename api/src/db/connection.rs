//! How connections to each engine are made.

use std::path::Path;

use diesel::ConnectionError;
use diesel_async::pooled_connection::deadpool::{BuildError, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncConnection as _, AsyncMysqlConnection, SimpleAsyncConnection as _};
use futures_util::FutureExt as _;
use mysql_async::{Opts, OptsBuilder, SslOpts};

use super::Sqlite;
use crate::fault;

/// SQLite has one writer at a time; more connections only help reading.
const SQLITE_CONNECTIONS: usize = 4;
const MYSQL_CONNECTIONS: usize = 16;

/// `synchronous=FULL`, because with NORMAL in WAL mode acknowledged rows are lost in a power cut.
/// `busy_timeout` comes first, as switching to WAL needs the lock too. It is shorter than every deadline: a
/// query that waits for a lock cannot be given up from outside.
pub(super) const SQLITE_SETUP: &str = "
    PRAGMA busy_timeout = 700;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
";

/// What a test sets instead when it breaks that promise.
const SQLITE_LESS_DURABLE: &str = "PRAGMA synchronous = NORMAL;";

/// Why the pool could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The URL is not one that the driver understands. Its text is left out: it holds the password.
    #[error("{0}")]
    Url(String),
    /// The CA file cannot be read.
    #[error("the CA file cannot be read: {0}")]
    Ca(std::io::Error),
    /// The pool refused its settings.
    #[error("the connection pool cannot be made: {0}")]
    Pool(#[from] BuildError),
}

/// A pool of connections to a SQLite file.
pub(super) fn sqlite_pool(path: &Path) -> Result<Pool<Sqlite>, PrepareError> {
    let mut settings = ManagerConfig::<Sqlite>::default();
    // A file does not go away between two queries.
    settings.recycling_method = RecyclingMethod::Fast;
    settings.custom_setup = Box::new(|path| {
        async move {
            let mut connection = Sqlite::establish(path).await.map_err(sqlite_error)?;
            let setup = connection.batch_execute(SQLITE_SETUP).await;
            setup
                .map_err(ConnectionError::CouldntSetupConfiguration)
                .map_err(sqlite_error)?;
            if fault::broken("break.sqlite-synchronous-normal") {
                let broken = connection.batch_execute(SQLITE_LESS_DURABLE).await;
                broken.map_err(ConnectionError::CouldntSetupConfiguration)?;
            }
            Ok(connection)
        }
        .boxed()
    });
    let manager = AsyncDieselConnectionManager::new_with_config(path.to_string_lossy(), settings);
    Ok(Pool::builder(manager)
        .max_size(SQLITE_CONNECTIONS)
        .build()?)
}

/// A pool of connections to a MySQL or MariaDB server.
pub(super) fn mysql_pool(
    url: &str,
    ca: Option<&Path>,
) -> Result<Pool<AsyncMysqlConnection>, PrepareError> {
    let options = mysql_options(url, ca)?;
    let mut settings = ManagerConfig::<AsyncMysqlConnection>::default();
    settings.custom_setup = Box::new(move |_url| {
        let options = options.clone();
        async move {
            let connection = mysql_async::Conn::new(options)
                .await
                .map_err(connection_error)?;
            AsyncMysqlConnection::try_from(connection).await
        }
        .boxed()
    });
    // The manager keeps the URL for its own messages: it gets one without a password.
    let manager = AsyncDieselConnectionManager::new_with_config("mysql://", settings);
    Ok(Pool::builder(manager).max_size(MYSQL_CONNECTIONS).build()?)
}

/// A file that is locked will be free again. Any other trouble with opening it (no such folder, no
/// database, no permission) needs another configuration.
fn sqlite_error(error: ConnectionError) -> ConnectionError {
    let text = error.to_string();
    if text.contains("locked") || text.contains("busy") {
        return error;
    }
    ConnectionError::InvalidConnectionUrl(text)
}

/// Tells a server that refuses us, which only another configuration mends, from one that is away.
fn connection_error(error: mysql_async::Error) -> ConnectionError {
    /// Access denied (1044, 1045, 1698) and unknown database (1049):
    /// <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>
    const REFUSED: [u16; 4] = [1044, 1045, 1049, 1698];
    match error {
        mysql_async::Error::Server(error) if REFUSED.contains(&error.code) => {
            ConnectionError::InvalidConnectionUrl(error.message)
        }
        error => ConnectionError::BadConnection(error.to_string()),
    }
}

pub(super) fn mysql_options(url: &str, ca: Option<&Path>) -> Result<Opts, PrepareError> {
    let parsed = Opts::from_url(url).map_err(|error| PrepareError::Url(error.to_string()))?;
    let mut options = OptsBuilder::from_opts(parsed)
        // Updates report the rows that they found, as SQLite does, not those that they changed.
        .client_found_rows(true)
        // The address in the URL is where to connect, also when the server is on this host.
        .prefer_socket(false);
    if let Some(ca) = ca {
        let certificates = std::fs::read(ca).map_err(PrepareError::Ca)?;
        options = options.ssl_opts(
            SslOpts::default()
                .with_root_certs(vec![certificates.into()])
                .with_disable_built_in_roots(true),
        );
    }
    Ok(options.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_the_driver_does_not_understand_is_refused_without_repeating_it() {
        for url in [
            "mysql://u:hunter2@h:no/d",
            "mysql://u:hunter2@h/d?ssl-mode=REQUIRED",
        ] {
            let error = mysql_options(url, None).err().unwrap().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_missing_ca_file_is_reported_before_any_connection() {
        let error = mysql_options("mysql://u@h/d", Some(Path::new("/nowhere/ca.pem")))
            .err()
            .unwrap();
        assert!(matches!(error, PrepareError::Ca(_)));
    }
}
