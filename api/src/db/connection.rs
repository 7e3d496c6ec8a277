//! How connections to each engine are made.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::ConnectionError;
use diesel_async::pooled_connection::deadpool::{BuildError, Hook, HookError, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolError, RecyclingMethod,
};
use diesel_async::{AsyncConnection as _, AsyncMysqlConnection, SimpleAsyncConnection as _};
use futures_util::FutureExt as _;
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};

use super::credentials::{Credentials, LoginUnknown};
use super::{MysqlLogin, Sqlite};
use crate::aws::SecretArn;
use crate::fault;

/// SQLite has one writer at a time; more connections only help reading.
const SQLITE_CONNECTIONS: usize = 4;
/// More queries at once would only queue in the server. The smallest one on RDS takes some 60 connections, so three
/// hosts fit there.
const MYSQL_CONNECTIONS: usize = 16;
/// How old a connection gets. Behind the name of the server there may be another one by then.
const MYSQL_CONNECTION_AGE: Duration = Duration::from_mins(5);
/// For how long a connection that was just used is taken to be there still. One that has stood idle for longer is asked
/// first: the server, or something on the way, may have ended it. Asking each time doubles what an upload asks for.
const MYSQL_TRUSTED_FOR: Duration = Duration::from_secs(1);
/// When an attempt to connect is given up, whoever waits for it.
const MYSQL_CONNECT_DEADLINE: Duration = Duration::from_secs(10);

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

/// A pool of connections to a MySQL or MariaDB server that a URL names.
pub(super) fn mysql_pool(
    url: &str,
    ca: Option<&Path>,
) -> Result<Pool<AsyncMysqlConnection>, PrepareError> {
    let options = mysql_options(MysqlAccess::Url(url), ca)?;
    let connect = move || {
        let options = options.clone();
        async move { Conn::new(options).await.map_err(connection_error) }
    };
    pool(connect, |_made| true)
}

/// The same with a login from a secret.
pub(super) fn mysql_pool_by_secret(
    secret: &SecretArn,
    ca: Option<&Path>,
) -> Result<Pool<AsyncMysqlConnection>, PrepareError> {
    let credentials = Arc::new(Credentials::prepare(secret, ca)?);
    let of_today = Arc::clone(&credentials);
    let connect = move || {
        let credentials = Arc::clone(&credentials);
        async move { connect_by_secret(&credentials).await }
    };
    pool(connect, move |made| of_today.leads_to(made))
}

/// `leads_there` tells whether a connection that was made at a moment leads to where new ones do.
fn pool<C>(
    connect: impl Fn() -> C + Send + Sync + 'static,
    leads_there: impl Fn(Instant) -> bool + Send + Sync + 'static,
) -> Result<Pool<AsyncMysqlConnection>, PrepareError>
where
    C: Future<Output = Result<Conn, ConnectionError>> + Send + 'static,
{
    let mut settings = ManagerConfig::<AsyncMysqlConnection>::default();
    // The hook below asks the server, where that is needed.
    settings.recycling_method = RecyclingMethod::Fast;
    settings.custom_setup = Box::new(move |_url| {
        let connect = connect();
        async move {
            let set_up = async { AsyncMysqlConnection::try_from(connect.await?).await };
            let connected = tokio::time::timeout(MYSQL_CONNECT_DEADLINE, set_up).await;
            connected.unwrap_or_else(|_| {
                let reason = format!("no connection within {MYSQL_CONNECT_DEADLINE:?}");
                Err(ConnectionError::BadConnection(reason))
            })
        }
        .boxed()
    });
    // The manager keeps the URL for its own messages: it gets one without a password.
    let manager = AsyncDieselConnectionManager::new_with_config("mysql://", settings);
    let is_still_right = Hook::async_fn(move |connection: &mut AsyncMysqlConnection, metrics| {
        let is_right = metrics.age() < MYSQL_CONNECTION_AGE && leads_there(metrics.created);
        let is_trusted = metrics.last_used() < MYSQL_TRUSTED_FOR;
        async move {
            if !is_right {
                return Err(HookError::message("it is too old, or leads elsewhere"));
            }
            if is_trusted {
                return Ok(());
            }
            let answered = connection.batch_execute("SELECT 1").await;
            answered.map_err(|error| HookError::Backend(PoolError::QueryError(error)))
        }
        .boxed()
    });
    Ok(Pool::builder(manager)
        .max_size(MYSQL_CONNECTIONS)
        .pre_recycle(is_still_right)
        .build()?)
}

/// Connects with the login that is known. When that is refused, or nobody answers, the secret may name another login
/// or another server by now.
async fn connect_by_secret(credentials: &Credentials) -> Result<Conn, ConnectionError> {
    let known = credentials.current().await.map_err(|unknown| {
        let reason = unknown.to_string();
        match unknown {
            // Only another configuration mends this.
            LoginUnknown::CaMissing { .. } => ConnectionError::InvalidConnectionUrl(reason),
            _ => ConnectionError::BadConnection(reason),
        }
    })?;
    let began = Instant::now();
    let failure = match Conn::new(known.options.clone()).await {
        // It became known meanwhile that this is the wrong place.
        Ok(_) if !credentials.leads_to(began) => {
            let reason = "the secret has named another server or database".to_owned();
            return Err(ConnectionError::BadConnection(reason));
        }
        Ok(connection) => return Ok(connection),
        Err(failure) => failure,
    };
    if !another_login_may_help(&failure) {
        return Err(ConnectionError::BadConnection(failure.to_string()));
    }
    let failure = match credentials.other_than(&known).await {
        Some(other) => match Conn::new(other.options).await {
            Ok(connection) => return Ok(connection),
            Err(failure) => failure,
        },
        None => failure,
    };
    // A refused login among them: the user may not be there yet, or be about to get the secret's password.
    Err(ConnectionError::BadConnection(failure.to_string()))
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

/// Whether the secret is worth a look: not for a server that only has too many connections (1040, 1203, 1226).
fn another_login_may_help(failure: &mysql_async::Error) -> bool {
    const TOO_MANY: [u16; 3] = [1040, 1203, 1226];
    !matches!(failure, mysql_async::Error::Server(error) if TOO_MANY.contains(&error.code))
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

/// What a connection is made with.
#[derive(Clone, Copy)]
pub enum MysqlAccess<'a> {
    /// A URL with everything in it.
    Url(&'a str),
    /// What was read from a secret.
    Login(&'a MysqlLogin),
}

pub(super) fn mysql_options(
    access: MysqlAccess<'_>,
    ca: Option<&Path>,
) -> Result<Opts, PrepareError> {
    let options = match access {
        MysqlAccess::Url(url) => {
            let parsed =
                Opts::from_url(url).map_err(|error| PrepareError::Url(error.to_string()))?;
            OptsBuilder::from_opts(parsed)
        }
        MysqlAccess::Login(login) => login.options(),
    };
    Ok(finished(options, ca.map(tls).transpose()?))
}

/// Adds what holds for all connections.
pub(super) fn finished(options: OptsBuilder, tls: Option<SslOpts>) -> Opts {
    let mut options = options
        // Updates report the rows that they found, as SQLite does, not those that they changed.
        .client_found_rows(true)
        // The address in the URL is where to connect, also when the server is on this host.
        .prefer_socket(false);
    if tls.is_some() {
        options = options.ssl_opts(tls);
    }
    options.into()
}

/// TLS, by which the server has to show a certificate for its name, signed with one of these and with no other.
pub(super) fn tls(ca: &Path) -> Result<SslOpts, PrepareError> {
    let certificates = std::fs::read(ca).map_err(PrepareError::Ca)?;
    Ok(SslOpts::default()
        .with_root_certs(vec![certificates.into()])
        .with_disable_built_in_roots(true))
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
            let error = mysql_options(MysqlAccess::Url(url), None)
                .err()
                .unwrap()
                .to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_missing_ca_file_is_reported_before_any_connection() {
        let error = mysql_options(
            MysqlAccess::Url("mysql://u@h/d"),
            Some(Path::new("/nowhere/ca.pem")),
        )
        .err()
        .unwrap();
        assert!(matches!(error, PrepareError::Ca(_)));
    }
}
