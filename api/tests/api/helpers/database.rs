//! A database of a test, and what lies in it as an operator would see it.

use std::net::SocketAddr;
use std::path::PathBuf;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use image_handler::db::DbConfig;
use mysql_async::prelude::Queryable as _;
use tempfile::TempDir;

use super::gate::Gate;
use super::mariadb;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Mariadb,
}

pub(crate) enum TestDatabase {
    Sqlite {
        folder: TempDir,
    },
    /// Reached through a gate, so that it can go away.
    Mariadb {
        name: String,
        gate: Gate,
    },
}

/// A row of `images`, as far as the tests look at it.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub(crate) struct Row {
    #[diesel(sql_type = Text)]
    pub(crate) id: String,
    #[diesel(sql_type = Text)]
    pub(crate) uploader: String,
    #[diesel(sql_type = Text)]
    pub(crate) url: String,
    #[diesel(sql_type = Text)]
    pub(crate) sha256: String,
    #[diesel(sql_type = Text)]
    pub(crate) created_at: String,
    /// 1 once S3 has confirmed the object.
    #[diesel(sql_type = BigInt)]
    pub(crate) stored: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) deleted: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) purged: i64,
}

type Columns = (String, String, String, String, String, i64, i64, i64);

const ROWS: &str = "SELECT id, uploader, url, sha256, CAST(created_at AS CHAR) AS created_at, \
    stored_at IS NOT NULL AS stored, deleted_at IS NOT NULL AS deleted, purged_at IS NOT NULL AS purged \
    FROM images ORDER BY id";

impl TestDatabase {
    pub(crate) async fn new(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::Sqlite {
                folder: tempfile::tempdir().unwrap(),
            },
            Engine::Mariadb => {
                let server = SocketAddr::from(([127, 0, 0, 1], mariadb::port().await));
                Self::Mariadb {
                    name: mariadb::new_database().await,
                    gate: Gate::to(server).await,
                }
            }
        }
    }

    pub(crate) fn config(&self) -> DbConfig {
        match self {
            Self::Sqlite { folder } => DbConfig::Sqlite {
                path: sqlite_file(folder),
            },
            Self::Mariadb { name, gate } => DbConfig::Mysql {
                url: format!("mysql://root@127.0.0.1:{}/{name}", gate.address().port()),
                ca: None,
            },
        }
    }

    /// The same as `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        url_of(self.config())
    }

    /// Past the gate.
    pub(crate) async fn direct_config(&self) -> DbConfig {
        match self {
            Self::Sqlite { .. } => self.config(),
            Self::Mariadb { name, .. } => DbConfig::Mysql {
                url: format!("mysql://root@127.0.0.1:{}/{name}", mariadb::port().await),
                ca: None,
            },
        }
    }

    /// The same as `DATABASE_URL`.
    pub(crate) async fn direct_url(&self) -> String {
        url_of(self.direct_config().await)
    }

    /// The rows, read without the service's code and past the gate.
    pub(crate) async fn rows(&self) -> Vec<Row> {
        match self {
            Self::Sqlite { folder } => diesel::sql_query(ROWS).load(&mut sqlite(folder)).unwrap(),
            Self::Mariadb { name, .. } => {
                let mut connection = mysql(name).await;
                let rows: Vec<Columns> = connection.query(ROWS).await.unwrap();
                connection.disconnect().await.unwrap();
                let row = |(id, uploader, url, sha256, created_at, stored, deleted, purged)| Row {
                    id,
                    uploader,
                    url,
                    sha256,
                    created_at,
                    stored,
                    deleted,
                    purged,
                };
                rows.into_iter().map(row).collect()
            }
        }
    }

    pub(crate) async fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite { folder } => {
                diesel::sql_query(sql).execute(&mut sqlite(folder)).unwrap();
            }
            Self::Mariadb { name, .. } => {
                let mut connection = mysql(name).await;
                connection.query_drop(sql).await.unwrap();
                connection.disconnect().await.unwrap();
            }
        }
    }

    /// MariaDB takes connections and questions but does not answer, until [`Self::let_go`].
    pub(crate) fn hold(&self) {
        self.gate().hold();
    }

    pub(crate) fn let_go(&self) {
        self.gate().let_go();
    }

    /// What was asked of MariaDB so far.
    pub(crate) fn sent(&self) -> String {
        self.gate().sent()
    }

    fn gate(&self) -> &Gate {
        match self {
            Self::Sqlite { .. } => panic!("nothing stands before a file"),
            Self::Mariadb { gate, .. } => gate,
        }
    }

    /// Runs a statement on a connection past the gate, and leaves that open: what it locks stays locked as
    /// long as what this returns is held.
    pub(crate) async fn lock(&self, sql: &str) -> mysql_async::Conn {
        let mut connection = mysql(self.name()).await;
        connection.query_drop(sql).await.unwrap();
        connection
    }

    /// The configuration of a user who may do everything in this database, and nothing to the server.
    pub(crate) async fn unprivileged_config(&self) -> DbConfig {
        let name = self.name();
        let user = format!("user_of_{name}");
        self.execute(&format!("CREATE USER {user}@'%'")).await;
        self.execute(&format!("GRANT ALL ON {name}.* TO {user}@'%'"))
            .await;
        DbConfig::Mysql {
            url: format!("mysql://{user}@127.0.0.1:{}/{name}", mariadb::port().await),
            ca: None,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Sqlite { .. } => panic!("a file has no users"),
            Self::Mariadb { name, .. } => name,
        }
    }

    /// Makes the database unusable for the service: SQLite is locked by somebody else, MariaDB cannot be
    /// reached.
    pub(crate) async fn go_away(&mut self) -> Away {
        match self {
            Self::Sqlite { folder } => {
                let mut connection = sqlite(folder);
                diesel::sql_query("BEGIN EXCLUSIVE")
                    .execute(&mut connection)
                    .unwrap();
                Away {
                    sqlite: Some(connection),
                }
            }
            Self::Mariadb { gate, .. } => {
                gate.close().await;
                Away { sqlite: None }
            }
        }
    }

    pub(crate) async fn come_back(&mut self, away: Away) {
        if let Some(mut connection) = away.sqlite {
            diesel::sql_query("ROLLBACK")
                .execute(&mut connection)
                .unwrap();
        }
        if let Self::Mariadb { gate, .. } = self {
            gate.open().await;
        }
    }
}

/// Holds the lock on a SQLite file, if it is one.
pub(crate) struct Away {
    sqlite: Option<SqliteConnection>,
}

impl Away {
    pub(crate) fn is_sqlite(&self) -> bool {
        self.sqlite.is_some()
    }
}

fn url_of(config: DbConfig) -> String {
    match config {
        DbConfig::Sqlite { path } => format!("sqlite://{}", path.display()),
        DbConfig::Mysql { url, .. } => url,
        DbConfig::MysqlBySecret { .. } => unreachable!("not among these"),
    }
}

fn sqlite_file(folder: &TempDir) -> PathBuf {
    folder.path().join("metadata.db")
}

fn sqlite(folder: &TempDir) -> SqliteConnection {
    let mut connection =
        SqliteConnection::establish(&sqlite_file(folder).to_string_lossy()).unwrap();
    diesel::sql_query("PRAGMA busy_timeout = 10000")
        .execute(&mut connection)
        .unwrap();
    connection
}

async fn mysql(name: &str) -> mysql_async::Conn {
    let options = mysql_async::OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(mariadb::port().await)
        .prefer_socket(false)
        .user(Some("root"))
        .db_name(Some(name));
    mysql_async::Conn::new(options).await.unwrap()
}
