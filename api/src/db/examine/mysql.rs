//! A MySQL or MariaDB server, asked one question at a time.

use std::path::Path;

use chrono::{NaiveDateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Nullable, Text, Timestamp};
use diesel_async::{AsyncMysqlConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use mysql_async::DriverError;

use super::{
    APPLIED, Answer, Denied, MigrationState, NumberValue, TextValue, compare, said, trials,
};
use crate::db::connection::mysql_options;
use crate::db::migrations::mysql_versions;
use crate::db::{MysqlAccess, PrepareError};

/// Why there is no connection to a server.
#[derive(Debug, thiserror::Error)]
pub enum NoConnection {
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(#[from] PrepareError),
    /// User or password are wrong, or the user may not log in from here.
    #[error("{0}")]
    LoginRefused(String),
    /// The user may not use the database.
    #[error("{0}")]
    DatabaseRefused(String),
    /// The database is not there.
    #[error("{0}")]
    DatabaseMissing(String),
    /// The server takes only connections with TLS.
    #[error("{0}")]
    TlsDemanded(String),
    /// TLS is configured, and the server has none.
    #[error("the server has no TLS")]
    TlsMissing,
    /// The certificate of the server is not trusted.
    #[error("{0}")]
    TlsFailed(String),
    /// The server has no place left.
    #[error("{0}")]
    Full(String),
    /// Anything else: it does not answer, or is no MySQL server.
    #[error("{0}")]
    Away(String),
}

/// A column and how it keeps text.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct TextColumn {
    /// The table.
    #[diesel(sql_type = Text)]
    pub table: String,
    /// The column.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Its collation, which begins with the character set.
    #[diesel(sql_type = Text)]
    pub collation: String,
    /// Its type as it was declared.
    #[diesel(sql_type = Text)]
    pub declared: String,
    /// `YES` or `NO`.
    #[diesel(sql_type = Text)]
    pub nullable: String,
}

/// A connection to a MySQL or MariaDB server.
pub struct MysqlExaminer {
    connection: AsyncMysqlConnection,
}

impl MysqlExaminer {
    /// Logs in as the service does.
    ///
    /// # Errors
    /// [`NoConnection`].
    pub async fn connect(access: MysqlAccess<'_>, ca: Option<&Path>) -> Result<Self, NoConnection> {
        let options = mysql_options(access, ca)?;
        let connection = mysql_async::Conn::new(options)
            .await
            .map_err(no_connection)?;
        let connection = AsyncMysqlConnection::try_from(connection).await;
        Ok(Self {
            connection: connection.map_err(|error| NoConnection::Away(error.to_string()))?,
        })
    }

    /// The version of the server, as it says it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn version(&mut self) -> Answer<String> {
        self.text("SELECT VERSION() AS value").await
    }

    /// Protocol and cipher of the connection. `None`: it is not encrypted.
    ///
    /// # Errors
    /// What the database says.
    pub async fn encryption(&mut self) -> Answer<Option<String>> {
        let cipher = self.status("Ssl_cipher").await?;
        if cipher.is_empty() {
            return Ok(None);
        }
        let version = self.status("Ssl_version").await?;
        Ok(Some(format!("{version} {cipher}")))
    }

    /// Whether the server takes no writes.
    ///
    /// # Errors
    /// What the database says.
    pub async fn is_read_only(&mut self) -> Answer<bool> {
        let sql = "SELECT CAST(@@global.read_only + @@global.innodb_read_only AS SIGNED) AS value";
        Ok(self.number(sql).await? != 0)
    }

    /// How far the clock of the server is ahead of ours.
    ///
    /// # Errors
    /// What the database says.
    pub async fn clock_ahead(&mut self) -> Answer<TimeDelta> {
        #[derive(QueryableByName)]
        struct Clock {
            #[diesel(sql_type = Timestamp)]
            value: NaiveDateTime,
        }
        let clock: Clock = diesel::sql_query("SELECT UTC_TIMESTAMP(6) AS value")
            .get_result(&mut self.connection)
            .await
            .map_err(said)?;
        Ok(clock.value.and_utc() - Utc::now())
    }

    /// The character set in which this connection sends and receives text.
    ///
    /// # Errors
    /// What the database says.
    pub async fn connection_charset(&mut self) -> Answer<String> {
        let sql = "SELECT CONCAT_WS(' ', @@character_set_client, @@character_set_connection, \
             @@character_set_results) AS value";
        let all = self.text(sql).await?;
        let mut names: Vec<&str> = all.split(' ').collect();
        names.dedup();
        Ok(names.join(", "))
    }

    /// The columns of the service's tables that hold text.
    ///
    /// # Errors
    /// What the database says.
    pub async fn text_columns(&mut self) -> Answer<Vec<TextColumn>> {
        let sql = "SELECT table_name AS `table`, column_name AS name, collation_name AS collation, \
             CAST(column_type AS CHAR) AS declared, is_nullable AS nullable \
             FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND table_name IN ('images', 'blocked_contents') \
             AND collation_name IS NOT NULL ORDER BY table_name, ordinal_position";
        diesel::sql_query(sql)
            .load(&mut self.connection)
            .await
            .map_err(said)
    }

    /// Which migrations have run.
    ///
    /// # Errors
    /// What the database says.
    pub async fn migrations(&mut self) -> Answer<MigrationState> {
        let sql = "SELECT COUNT(*) AS value FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name = '__diesel_schema_migrations'";
        if self.number(sql).await? == 0 {
            return Ok(compare(&mysql_versions(), &[]));
        }
        let applied: Vec<TextValue> = diesel::sql_query(APPLIED)
            .load(&mut self.connection)
            .await
            .map_err(said)?;
        Ok(compare(&mysql_versions(), &applied))
    }

    /// Does what the service does with its tables, and rolls it back. Gives what was refused.
    ///
    /// # Errors
    /// What the database says to the transaction itself.
    pub async fn try_writing(&mut self) -> Answer<Vec<Denied>> {
        let begun = self.connection.batch_execute("START TRANSACTION").await;
        begun.map_err(said)?;
        let mut denied = Vec::new();
        for (privilege, table, sql) in trials() {
            let tried = diesel::sql_query(sql).execute(&mut self.connection).await;
            if let Err(error) = tried {
                denied.push(Denied {
                    privilege,
                    table,
                    reason: said(error),
                });
            }
        }
        // Should it not arrive: the end of the connection rolls back as well.
        let _ = self.connection.batch_execute("ROLLBACK").await;
        Ok(denied)
    }

    /// Whether migrations may change tables. The statements cannot succeed, so nothing changes: who may not is
    /// told that first. Only for when the table is there.
    pub async fn may_migrate(&mut self) -> Vec<Denied> {
        let trials = [
            ("CREATE", "CREATE TABLE images (id INT)"),
            (
                "ALTER",
                "ALTER TABLE images DROP COLUMN no_such_column_of_ours",
            ),
        ];
        let mut denied = Vec::new();
        for (privilege, sql) in trials {
            let tried = self.connection.batch_execute(sql).await;
            let reason = tried.err().map(said).unwrap_or_default();
            if reason.contains("denied") {
                denied.push(Denied {
                    privilege,
                    table: "images",
                    reason,
                });
            }
        }
        denied
    }

    async fn text(&mut self, sql: &str) -> Answer<String> {
        let row: TextValue = diesel::sql_query(sql)
            .get_result(&mut self.connection)
            .await
            .map_err(said)?;
        Ok(row.value)
    }

    async fn number(&mut self, sql: &str) -> Answer<i64> {
        let row: NumberValue = diesel::sql_query(sql)
            .get_result(&mut self.connection)
            .await
            .map_err(said)?;
        Ok(row.value)
    }

    async fn status(&mut self, name: &str) -> Answer<String> {
        #[derive(QueryableByName)]
        struct Status {
            #[diesel(sql_type = Nullable<Text>, column_name = "Value")]
            value: Option<String>,
        }
        let sql = format!("SHOW SESSION STATUS LIKE '{name}'");
        let rows: Vec<Status> = diesel::sql_query(sql)
            .load(&mut self.connection)
            .await
            .map_err(said)?;
        let first = rows.into_iter().next();
        Ok(first.and_then(|row| row.value).unwrap_or_default())
    }
}

/// <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>
fn no_connection(error: mysql_async::Error) -> NoConnection {
    use mysql_async::{Error, IoError};
    match error {
        Error::Server(error) => match error.code {
            1045 | 1130 | 1698 | 1820 | 1862 | 3118 | 4151 => {
                NoConnection::LoginRefused(error.message)
            }
            1044 => NoConnection::DatabaseRefused(error.message),
            1049 => NoConnection::DatabaseMissing(error.message),
            3159 => NoConnection::TlsDemanded(error.message),
            1040 | 1203 | 1226 => NoConnection::Full(error.message),
            _ => NoConnection::Away(error.message),
        },
        Error::Driver(DriverError::NoClientSslFlagFromServer) => NoConnection::TlsMissing,
        Error::Io(IoError::Tls(error)) => NoConnection::TlsFailed(error.to_string()),
        // What goes wrong in the handshake comes as if it were the connection's fault.
        Error::Io(IoError::Io(error)) if is_about_tls(&error.to_string()) => {
            NoConnection::TlsFailed(error.to_string())
        }
        error => NoConnection::Away(error.to_string()),
    }
}

/// The beginnings of what rustls says of a handshake that failed.
fn is_about_tls(message: &str) -> bool {
    [
        "invalid peer certificate",
        "received fatal alert",
        "received corrupt message",
        "peer is incompatible",
        "peer misbehaved",
    ]
    .iter()
    .any(|beginning| message.starts_with(beginning))
}
