//! The database.

use std::fs;

use image_handler::db::{Db, DbConfig};
use mysql_async::prelude::Queryable as _;

use super::{Findings, PASSWORD, examine_in_namespace, examine_offline, folder};
use crate::helpers::database::{Engine, TestDatabase};
use crate::helpers::process::command;
use crate::helpers::{mariadb, migrations, ports};

const GROUP: &str = "database";

async fn examine_url(url: &str) -> Findings {
    examine_offline(folder().path(), &[("DATABASE_URL", url)]).await
}

/// A new database with its tables, and its URL.
async fn with_tables() -> (TestDatabase, String) {
    let database = TestDatabase::new(Engine::Mariadb).await;
    let url = url_of(&database);
    let config = DbConfig::Mysql {
        url: url.clone(),
        ca: None,
    };
    let db = Db::prepare(&config).unwrap();
    // On a task of its own, as migrating blocks the one it runs on.
    let migrated = tokio::spawn(async move { db.migrate().await });
    migrated.await.unwrap().unwrap();
    (database, url)
}

fn url_of(database: &TestDatabase) -> String {
    database.url()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_nobody_knows_is_named() {
    let findings = examine_url(&format!("mysql://u:{PASSWORD}@db.invalid/images")).await;
    let expected = (
        "failure",
        "db.invalid cannot be found",
        "getent hosts db.invalid",
    );
    findings.assert_found(GROUP, "address", expected);
    for name in ["connection", "login", "tls", "privileges"] {
        findings.assert_skipped(GROUP, name, "the host is not known");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_where_nobody_listens_is_named() {
    let port = ports::reserve().port();
    let findings = examine_url(&format!("mysql://u:{PASSWORD}@127.0.0.1:{port}/images")).await;
    findings.assert_ok(GROUP, "address");
    let expected = ("failure", "refused", "systemctl status mariadb mysql");
    findings.assert_found(GROUP, "connection", expected);
    findings.assert_skipped(GROUP, "login", "not reached");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_answers_holds_nothing_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let findings = examine_url(&format!("mysql://u:{PASSWORD}@127.0.0.1:{port}/images")).await;
    findings.assert_ok(GROUP, "connection");
    let expected = ("failure", "no answer within", "log of the server");
    findings.assert_found(GROUP, "login", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_or_a_database_that_the_server_does_not_know_is_named() {
    let database = TestDatabase::new(Engine::Mariadb).await;
    let url = url_of(&database);
    let wrong = url.replace("root@", &format!("root:{PASSWORD}@"));
    let findings = examine_url(&wrong).await;
    let expected = ("failure", "Access denied", "password in DATABASE_URL");
    findings.assert_found(GROUP, "login", expected);
    findings.assert_skipped(GROUP, "privileges", "there is no login");

    let findings = examine_url(&format!("{url}_missing")).await;
    let expected = (
        "failure",
        "Unknown database",
        "_missing` CHARACTER SET utf8mb4",
    );
    findings.assert_found(GROUP, "login", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_named_where_tls_is_wanted() {
    let database = TestDatabase::new(Engine::Mariadb).await;
    let findings = examine_url(&format!("{}?require_ssl=true", url_of(&database))).await;
    let expected = ("failure", "the server has no TLS", "ssl_cert");
    findings.assert_found(GROUP, "login", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_that_are_pending_or_unknown_are_named() {
    let database = TestDatabase::new(Engine::Mariadb).await;
    let findings = examine_url(&url_of(&database)).await;
    let pending = format!("{} are to be run", migrations());
    let expected = ("warning", pending.as_str(), "image-handler migrate");
    findings.assert_found(GROUP, "migrations", expected);
    findings.assert_skipped(GROUP, "privileges", "the tables");
    assert_eq!(findings.code, 1);

    let (database, url) = with_tables().await;
    database
        .execute("DELETE FROM __diesel_schema_migrations ORDER BY version DESC LIMIT 1")
        .await;
    let findings = examine_url(&url).await;
    findings.assert_found(
        GROUP,
        "migrations",
        ("warning", "1 are to be run", "migrate"),
    );
    database
        .execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')")
        .await;
    let findings = examine_url(&url).await;
    let expected = ("failure", "29991231000001", "install the version");
    findings.assert_found(GROUP, "migrations", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_that_would_damage_text_are_named_with_a_statement_that_mends_them() {
    let (database, url) = with_tables().await;
    examine_url(&url).await.assert_ok(GROUP, "charset");
    for (statement, detail) in [
        (
            "ALTER TABLE images MODIFY uploader VARCHAR(100) CHARACTER SET latin1 NOT NULL",
            "images.uploader is kept as latin1",
        ),
        (
            "ALTER TABLE images MODIFY id CHAR(36) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL",
            "images.id is kept as ascii_general_ci",
        ),
    ] {
        database.execute(statement).await;
        let findings = examine_url(&url).await;
        findings.assert_found(
            GROUP,
            "charset",
            ("failure", detail, "ALTER TABLE images MODIFY"),
        );
        let advice = findings.check(GROUP, "charset")["advice"].as_str().unwrap();
        let mend = advice.split_once(": ").unwrap().1;
        database.execute(mend).await;
        examine_url(&url).await.assert_ok(GROUP, "charset");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn privileges_that_are_missing_are_named_with_the_grant_that_gives_them() {
    let (database, url) = with_tables().await;
    let name = url.rsplit('/').next().unwrap();
    let user = format!("reader_{name}");
    database
        .execute(&format!(
            "CREATE USER {user}@'%' IDENTIFIED BY '{PASSWORD}'"
        ))
        .await;
    database
        .execute(&format!("GRANT SELECT ON {name}.* TO {user}@'%'"))
        .await;
    let url = url.replace("root@", &format!("{user}:{PASSWORD}@"));
    let findings = examine_url(&url).await;
    findings.assert_ok(GROUP, "login");
    let advice = format!("GRANT INSERT, UPDATE ON `{name}`.* TO '{user}'");
    let expected = ("failure", "INSERT on images is refused", advice.as_str());
    findings.assert_found(GROUP, "privileges", expected);
    let advice = format!("GRANT CREATE, ALTER, INDEX, DROP ON `{name}`.*");
    let expected = ("warning", "CREATE is refused", advice.as_str());
    findings.assert_found(GROUP, "privileges for migrations", expected);

    database
        .execute(&format!(
            "GRANT INSERT, UPDATE, CREATE, ALTER, INDEX, DROP ON {name}.* TO {user}@'%'"
        ))
        .await;
    let findings = examine_url(&url).await;
    findings.assert_ok(GROUP, "privileges");
    findings.assert_ok(GROUP, "privileges for migrations");
    assert!(
        database.rows().await.is_empty(),
        "what was tried was rolled back"
    );

    // A user without any privilege is told which.
    database
        .execute(&format!("REVOKE ALL ON {name}.* FROM {user}@'%'"))
        .await;
    let findings = examine_url(&url).await;
    let expected = ("failure", "Access denied", "GRANT SELECT, INSERT, UPDATE");
    findings.assert_found(GROUP, "login", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_or_whose_clock_is_wrong_is_named() {
    let server = mariadb::another().await;
    let options = mysql_async::OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(server.port)
        .prefer_socket(false)
        .user(Some("root"));
    let mut connection = mysql_async::Conn::new(options).await.unwrap();
    for statement in [
        "CREATE DATABASE images CHARACTER SET utf8mb4".to_owned(),
        format!("CREATE USER ada@'%' IDENTIFIED BY '{PASSWORD}'"),
        "GRANT ALL ON images.* TO ada@'%'".to_owned(),
        // Run for each login of a user who is no administrator.
        "SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() + 600'".to_owned(),
    ] {
        connection.query_drop(statement).await.unwrap();
    }
    let url = format!("mysql://ada:{PASSWORD}@127.0.0.1:{}/images", server.port);
    let db = Db::prepare(&DbConfig::Mysql {
        url: url.clone(),
        ca: None,
    })
    .unwrap();
    let migrated = tokio::spawn(async move { db.migrate().await });
    migrated.await.unwrap().unwrap();
    let findings = examine_url(&url).await;
    findings.assert_found(GROUP, "clock", ("warning", "s ahead of ours", "chrony"));
    findings.assert_ok(GROUP, "server");
    findings.assert_ok(GROUP, "privileges");

    connection
        .query_drop("SET GLOBAL read_only = ON")
        .await
        .unwrap();
    let findings = examine_url(&url).await;
    let expected = ("failure", "takes no writes", "SET GLOBAL read_only = OFF");
    findings.assert_found(GROUP, "server", expected);
    let expected = ("failure", "read-only", "connect to the writer");
    findings.assert_found(GROUP, "privileges", expected);
    connection.disconnect().await.unwrap();
}

mod sqlite {
    use super::*;
    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, SqliteConnection};

    async fn with_tables() -> (tempfile::TempDir, String) {
        let folder = folder();
        let path = folder.path().join("metadata.db");
        let db = Db::prepare(&DbConfig::Sqlite { path: path.clone() }).unwrap();
        tokio::spawn(async move { db.migrate().await })
            .await
            .unwrap()
            .unwrap();
        let url = format!("sqlite://{}", path.display());
        (folder, url)
    }

    fn open(url: &str) -> SqliteConnection {
        SqliteConnection::establish(url.strip_prefix("sqlite://").unwrap()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_file_in_good_order_has_nothing_to_mend() {
        let (_folder, url) = with_tables().await;
        let findings = examine_url(&url).await;
        for name in [
            "file",
            "journaling",
            "integrity",
            "migrations",
            "privileges",
        ] {
            findings.assert_ok(GROUP, name);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_file_that_is_none_or_nowhere_is_named() {
        let folder = folder();
        let text = folder.path().join("text");
        fs::write(
            &text,
            "no database at all, but long enough to be read as one".repeat(20),
        )
        .unwrap();
        let rows = [
            (text.clone(), "not a database", "backup"),
            (
                folder.path().to_owned(),
                "is not a file",
                "DATABASE_URL=sqlite://PATH",
            ),
            (
                folder.path().join("nowhere/images.db"),
                "nor is its folder",
                "install -d",
            ),
            (text.join("images.db"), "cannot be looked at", "namei -l"),
        ];
        for (path, detail, advice) in rows {
            let findings = examine_url(&format!("sqlite://{}", path.display())).await;
            findings.assert_found(GROUP, "file", ("failure", detail, advice));
        }
        let missing = folder.path().join("images.db");
        let findings = examine_url(&format!("sqlite://{}", missing.display())).await;
        findings.assert_found(GROUP, "file", ("ok", "not there yet", ""));
        assert!(!missing.exists(), "looking makes nothing");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_file_that_is_gone_while_images_are_there_is_named() {
        for file in ["originals/2026-11-22/image.png", "journal/image.json"] {
            let uploads = folder();
            let file = uploads.path().join(file);
            fs::create_dir_all(uploads.path().join("journal/settled")).unwrap();
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let findings = examine_offline(uploads.path(), &[]).await;
            findings.assert_found(GROUP, "file", ("ok", "not there yet", ""));
            fs::write(&file, "").unwrap();
            let findings = examine_offline(uploads.path(), &[]).await;
            let expected = ("failure", "holds images", "reconcile --repair");
            findings.assert_found(GROUP, "file", expected);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_file_that_this_user_may_not_write_is_named() {
        let (_folder, url) = with_tables().await;
        let file = url.strip_prefix("sqlite://").unwrap();
        let uploads = folder();
        // Root may write every file, but none on a mount that is read-only. Its folder stays writable.
        let prepare = format!("mount --bind {file} {file}; mount -o remount,bind,ro {file};");
        let mut inner = command(uploads.path());
        inner.env("DATABASE_URL", &url);
        let findings = examine_in_namespace(&inner, &prepare).await;
        let advice = format!("chown USER {file}");
        let expected = ("failure", "readonly", advice.as_str());
        findings.assert_found(GROUP, "privileges", expected);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_file_that_another_program_holds_is_named() {
        let (_folder, url) = with_tables().await;
        let mut other = open(&url);
        other
            .batch_execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
            .unwrap();
        let findings = examine_url(&url).await;
        findings.assert_found(GROUP, "file", ("failure", "locked", "fuser -v"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_damaged_file_is_named() {
        let (_folder, url) = with_tables().await;
        let mut connection = open(&url);
        connection
            .batch_execute(
                "PRAGMA journal_mode = DELETE; CREATE TABLE more AS SELECT randomblob(9000) AS x",
            )
            .unwrap();
        drop(connection);
        let path = url.strip_prefix("sqlite://").unwrap();
        let mut bytes = fs::read(path).unwrap();
        // The pages of the last table, which nothing else touches.
        let last = bytes.len() - 3 * 4096;
        bytes[last..].fill(0xa5);
        fs::write(path, bytes).unwrap();
        let findings = examine_url(&url).await;
        findings.assert_found(GROUP, "integrity", ("failure", "damaged", ".recover"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn migrations_that_are_pending_or_unknown_are_named() {
        let (_folder, url) = with_tables().await;
        let unknown = "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')";
        open(&url).batch_execute(unknown).unwrap();
        let findings = examine_url(&url).await;
        let expected = ("failure", "29991231000001", "install the version");
        findings.assert_found(GROUP, "migrations", expected);
        let forgotten = "DELETE FROM __diesel_schema_migrations";
        open(&url).batch_execute(forgotten).unwrap();
        let findings = examine_url(&url).await;
        let pending = format!("{} are to be run", migrations());
        let expected = ("warning", pending.as_str(), "migrate");
        findings.assert_found(GROUP, "migrations", expected);
    }
}
