//! A MySQL or MariaDB server.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use chrono::TimeDelta;
use tokio::net::TcpStream;
use url::Url;

use super::{GROUP, judge_migrations, privileges};
use crate::db::{Denied, MysqlExaminer, NoConnection, TextColumn};
use crate::doctor::objects::judge_clock;
use crate::doctor::{Check, PATIENCE};

/// The records' times are our own; the server's clock matters only to whoever reads both logs.
const SKEW_TOO_LARGE: TimeDelta = TimeDelta::hours(1);

/// What is known of the server from its URL. The password is not among it.
struct Server {
    host: String,
    port: u16,
    user: String,
    database: String,
    is_loopback: bool,
}

impl Server {
    fn named_in(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        // An IPv6 address stands in brackets.
        let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        Some(Self {
            host,
            port: url.port().unwrap_or(3306),
            user: url.username().to_owned(),
            database: url.path().trim_matches('/').to_owned(),
            is_loopback: false,
        })
    }

    fn grant(&self, privileges: &str) -> String {
        format!(
            "as an administrator of the server: GRANT {privileges} ON `{}`.* TO '{}'@'HOST'",
            self.database, self.user
        )
    }
}

/// Looks at a MySQL or MariaDB server.
pub(super) async fn examine(url: &str, ca: Option<&Path>) -> Vec<Check> {
    let Some(mut server) = Server::named_in(url) else {
        let advice = "set DATABASE_URL to mysql://USER:PASSWORD@HOST:PORT/DATABASE";
        return vec![Check::failure(
            GROUP,
            "address",
            "the URL cannot be read",
            advice,
        )];
    };
    let mut checks = Vec::new();
    let addresses = match resolve(&server).await {
        Ok(addresses) => addresses,
        Err(check) => {
            checks.push(check);
            checks.extend(skip_from("connection", "the host is not known"));
            return checks;
        }
    };
    server.is_loopback = addresses.iter().all(|address| address.ip().is_loopback());
    let addresses_text: Vec<String> = addresses.iter().map(|each| each.ip().to_string()).collect();
    checks.push(Check::ok(
        GROUP,
        "address",
        format!("{} is {}", server.host, addresses_text.join(", ")),
    ));
    let connection = connection(&server, &addresses).await;
    let is_reached = connection.advice.is_none();
    checks.push(connection);
    if !is_reached {
        checks.extend(skip_from("login", "the server is not reached"));
        return checks;
    }
    let connected = tokio::time::timeout(PATIENCE, MysqlExaminer::connect(url, ca)).await;
    let connected = connected
        .unwrap_or_else(|_| Err(NoConnection::Away(format!("no answer within {PATIENCE:?}"))));
    match connected {
        Err(error) => {
            checks.push(login_refused(&server, &error));
            checks.extend(skip_from("tls", "there is no login"));
        }
        Ok(mut examiner) => {
            let detail = format!("as {} to {}", server.user, server.database);
            checks.push(Check::ok(GROUP, "login", detail));
            let asked = tokio::time::timeout(PATIENCE, ask(&server, &mut examiner)).await;
            if let Ok(answered) = asked {
                checks.extend(answered);
            } else {
                checks.push(Check::failure(
                    GROUP,
                    "tls",
                    format!("the questions were not answered within {PATIENCE:?}"),
                    "see what the server is doing: SHOW FULL PROCESSLIST",
                ));
                checks.extend(skip_from("server", "the server does not answer"));
            }
        }
    }
    checks
}

/// All checks from this one on, in their order.
fn skip_from(first: &str, why: &str) -> impl Iterator<Item = Check> {
    let names = [
        "connection",
        "login",
        "tls",
        "server",
        "clock",
        "charset",
        "migrations",
        "privileges",
        "privileges for migrations",
    ];
    names
        .into_iter()
        .skip_while(move |name| *name != first)
        .map(move |name| Check::skipped(GROUP, name, why))
        .collect::<Vec<_>>()
        .into_iter()
}

async fn resolve(server: &Server) -> Result<Vec<SocketAddr>, Check> {
    let host = (server.host.as_str(), server.port);
    let reason = match tokio::time::timeout(PATIENCE, tokio::net::lookup_host(host)).await {
        Ok(Ok(found)) => {
            let found: Vec<SocketAddr> = found.collect();
            if !found.is_empty() {
                return Ok(found);
            }
            "it has no address".to_owned()
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    Err(Check::failure(
        GROUP,
        "address",
        format!("the host {} cannot be found: {reason}", server.host),
        format!(
            "check the host in DATABASE_URL: getent hosts {}; a database in a VPC is known only to its resolver",
            server.host
        ),
    ))
}

async fn connection(server: &Server, addresses: &[SocketAddr]) -> Check {
    let (host, port) = (&server.host, server.port);
    let error = match tokio::time::timeout(PATIENCE, TcpStream::connect(addresses)).await {
        Ok(Ok(_)) => {
            return Check::ok(
                GROUP,
                "connection",
                format!("port {port} takes connections"),
            );
        }
        Ok(Err(error)) => error,
        Err(_) => io::ErrorKind::TimedOut.into(),
    };
    let advice = match error.kind() {
        io::ErrorKind::ConnectionRefused => format!(
            "nothing listens there: start the server (systemctl status mariadb mysql), or correct host and port in \
             DATABASE_URL: ss -ltn 'sport = :{port}'"
        ),
        _ => format!(
            "something on the way drops it: let the database's security group (or firewall) take {port} from this \
             host, and see: nc -vz -w 5 {host} {port}"
        ),
    };
    Check::failure(
        GROUP,
        "connection",
        format!("{host}:{port} cannot be connected to: {error}"),
        advice,
    )
}

fn login_refused(server: &Server, error: &NoConnection) -> Check {
    let (user, database, host) = (&server.user, &server.database, &server.host);
    let advice = match error {
        NoConnection::Settings(_) => {
            "correct DATABASE_URL and DATABASE_CA: keys that the URL knows are require_ssl, verify_ca and \
             verify_identity"
                .to_owned()
        }
        NoConnection::LoginRefused(_) => format!(
            "correct user and password in DATABASE_URL (special characters as %40 and the like), or as an \
             administrator: ALTER USER '{user}'@'HOST' IDENTIFIED BY '…'; try: mysql -h {host} -P {} -u {user} -p",
            server.port
        ),
        NoConnection::DatabaseRefused(_) => {
            server.grant("SELECT, INSERT, UPDATE, CREATE, ALTER, INDEX, DROP")
        }
        NoConnection::DatabaseMissing(_) => format!(
            "correct the name in DATABASE_URL, or as an administrator: CREATE DATABASE `{database}` CHARACTER SET \
             utf8mb4 COLLATE utf8mb4_bin, then grant the user its privileges"
        ),
        NoConnection::TlsDemanded(_) => {
            "set DATABASE_CA to a PEM file with the CA certificates of the server (for RDS: \
             https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem)"
                .to_owned()
        }
        NoConnection::TlsMissing => {
            "give the server a certificate (ssl_cert, ssl_key in its configuration), or, only on loopback, unset \
             DATABASE_CA and take require_ssl out of DATABASE_URL"
                .to_owned()
        }
        NoConnection::TlsFailed(_) => format!(
            "set DATABASE_CA to the CA certificates that the server's is signed with, and name the server in \
             DATABASE_URL as its certificate does: openssl s_client -starttls mysql -connect {host}:{}",
            server.port
        ),
        NoConnection::Full(_) => {
            "raise the limit (SET GLOBAL max_connections = …), or see who takes them: SHOW PROCESSLIST".to_owned()
        }
        NoConnection::Away(_) => {
            "see the log of the server, and that host and port in DATABASE_URL are those of a MySQL or MariaDB \
             server"
                .to_owned()
        }
    };
    let detail = format!("{user} cannot log in to {database}: {error}");
    Check::failure(GROUP, "login", detail, advice)
}

async fn ask(server: &Server, examiner: &mut MysqlExaminer) -> Vec<Check> {
    let mut checks = vec![
        told("tls", examiner.encryption().await, |cipher| {
            tls(server, cipher.as_deref())
        }),
        told(
            "server",
            server_facts(examiner).await,
            |(version, is_read_only)| judge_server(&version, is_read_only),
        ),
        told("clock", examiner.clock_ahead().await, |ahead| {
            judge_clock(GROUP, "the database server", ahead, SKEW_TOO_LARGE)
        }),
    ];
    let migrations = examiner.migrations().await;
    let has_tables = migrations.as_ref().is_ok_and(|state| state.done > 0);
    let is_current = migrations
        .as_ref()
        .is_ok_and(|state| state.pending.is_empty());
    checks.push(told(
        "charset",
        charsets(examiner).await,
        |(connection, columns)| judge_charset(&connection, &columns),
    ));
    checks.push(told("migrations", migrations, |state| {
        judge_migrations(&state)
    }));
    if is_current {
        checks.push(told("privileges", examiner.try_writing().await, |denied| {
            let open = "connect to the writer (DATABASE_URL), or: SET GLOBAL read_only = OFF";
            privileges(&denied, |privilege| server.grant(privilege), open)
        }));
    } else {
        let why = "the tables are not as this program needs them";
        checks.push(Check::skipped(GROUP, "privileges", why));
    }
    checks.push(if has_tables {
        let denied = examiner.may_migrate().await;
        privileges_for_migrations(server, &denied)
    } else {
        Check::skipped(
            GROUP,
            "privileges for migrations",
            "the tables are not there",
        )
    });
    checks
}

async fn server_facts(examiner: &mut MysqlExaminer) -> Result<(String, bool), String> {
    Ok((examiner.version().await?, examiner.is_read_only().await?))
}

async fn charsets(examiner: &mut MysqlExaminer) -> Result<(String, Vec<TextColumn>), String> {
    Ok((
        examiner.connection_charset().await?,
        examiner.text_columns().await?,
    ))
}

/// Judges an answer, or says that there was none.
fn told<T>(name: &'static str, answer: Result<T, String>, judge: impl FnOnce(T) -> Check) -> Check {
    match answer {
        Ok(answer) => judge(answer),
        Err(reason) => Check::failure(
            GROUP,
            name,
            format!("the database does not tell: {reason}"),
            "see the log of the database; if a privilege is missing, grant SELECT on the whole database",
        ),
    }
}

fn tls(server: &Server, cipher: Option<&str>) -> Check {
    match cipher {
        Some(cipher) => Check::ok(
            GROUP,
            "tls",
            format!("the connection is encrypted: {cipher}"),
        ),
        None if server.is_loopback => Check::ok(
            GROUP,
            "tls",
            "not encrypted, and it does not leave this host",
        ),
        None => Check::warning(
            GROUP,
            "tls",
            format!(
                "the connection to {} is not encrypted: names and the password can be read on the way",
                server.host
            ),
            "set DATABASE_CA to a PEM file with the CA certificates of the server (for RDS: \
             https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem), and let the server demand it: \
             require_secure_transport=ON",
        ),
    }
}

fn judge_server(version: &str, is_read_only: bool) -> Check {
    if is_read_only {
        let detail = format!("{version} takes no writes (read_only): uploads stay pending");
        let advice = "connect to the writer and not to a replica (DATABASE_URL), or: SET GLOBAL read_only = OFF; \
             on RDS a full disk does this, too: aws rds describe-db-instances";
        return Check::failure(GROUP, "server", detail, advice);
    }
    Check::ok(GROUP, "server", version)
}

fn judge_charset(connection: &str, columns: &[TextColumn]) -> Check {
    if connection != "utf8mb4" {
        let detail =
            format!("this connection uses {connection}: names with other letters would be damaged");
        let advice = "let nothing set it for this user: SHOW VARIABLES LIKE 'init_connect', and \
             skip_character_set_client_handshake off";
        return Check::failure(GROUP, "charset", detail, advice);
    }
    judge_columns(columns)
}

/// What people write is kept in `utf8mb4`, what programs write in ASCII, in which case counts.
fn judge_columns(columns: &[TextColumn]) -> Check {
    const WRITTEN_BY_PEOPLE: [&str; 4] = ["uploader", "alt", "file_name", "reason"];
    for column in columns {
        let by_people = WRITTEN_BY_PEOPLE.contains(&column.name.as_str());
        let (fits, character_set, collation) = if by_people {
            let fits = column.collation.starts_with("utf8mb4_");
            (fits, "utf8mb4", "utf8mb4_bin")
        } else {
            // Ids and checksums are compared letter by letter, and in any set that has ASCII in it.
            (column.collation.ends_with("_bin"), "ascii", "ascii_bin")
        };
        if !fits {
            let TextColumn {
                table,
                name,
                declared,
                nullable,
                ..
            } = column;
            let not_null = if nullable == "NO" { " NOT NULL" } else { "" };
            return Check::failure(
                GROUP,
                "charset",
                format!(
                    "{table}.{name} is kept as {} and not as {collation}",
                    column.collation
                ),
                format!(
                    "with the services stopped: ALTER TABLE {table} MODIFY {name} {declared} CHARACTER SET \
                     {character_set} COLLATE {collation}{not_null}"
                ),
            );
        }
    }
    if columns.is_empty() {
        return Check::ok(
            GROUP,
            "charset",
            "utf8mb4 on the connection; the tables are not there yet",
        );
    }
    Check::ok(
        GROUP,
        "charset",
        "utf8mb4 on the connection and for what people write, binary for ids",
    )
}

fn privileges_for_migrations(server: &Server, denied: &[Denied]) -> Check {
    const NAME: &str = "privileges for migrations";
    let Some(first) = denied.first() else {
        return Check::ok(GROUP, NAME, "tables can be made and altered");
    };
    Check::warning(
        GROUP,
        NAME,
        format!(
            "{} is refused: the next version may not be able to start: {}",
            first.privilege, first.reason
        ),
        format!(
            "{}; or run `image-handler migrate` as another user before each new version",
            server.grant("CREATE, ALTER, INDEX, DROP")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    fn server(is_loopback: bool) -> Server {
        Server {
            is_loopback,
            ..Server::named_in("mysql://ada:hunter2@db.example.org/images").unwrap()
        }
    }

    #[test]
    fn what_leaves_the_host_has_to_be_encrypted() {
        assert_eq!(tls(&server(true), None).outcome, Outcome::Ok);
        assert_eq!(
            tls(&server(false), Some("TLSv1.3 AES")).outcome,
            Outcome::Ok
        );
        let open = tls(&server(false), None);
        assert_eq!(open.outcome, Outcome::Warning);
        assert!(open.advice.unwrap().contains("DATABASE_CA"));
    }

    #[test]
    fn the_url_is_taken_apart_without_its_password() {
        let server = server(false);
        assert_eq!(
            (server.host.as_str(), server.port),
            ("db.example.org", 3306)
        );
        assert_eq!(server.database, "images");
        let bracketed = Server::named_in("mysql://u@[::1]:3307/d").unwrap();
        assert_eq!((bracketed.host.as_str(), bracketed.port), ("::1", 3307));
    }

    #[test]
    fn text_that_would_be_damaged_is_named_with_the_statement_that_mends_it() {
        let column = |name: &str, collation: &str| TextColumn {
            table: "images".to_owned(),
            name: name.to_owned(),
            collation: collation.to_owned(),
            declared: "varchar(36)".to_owned(),
            nullable: "NO".to_owned(),
        };
        let fine = [column("id", "ascii_bin"), column("alt", "utf8mb4_bin")];
        assert_eq!(judge_charset("utf8mb4", &fine).outcome, Outcome::Ok);
        let connection = judge_charset("latin1", &fine);
        assert!(connection.advice.unwrap().contains("init_connect"));
        let folds_case = judge_charset("utf8mb4", &[column("id", "ascii_general_ci")]);
        assert_eq!(
            folds_case.advice.unwrap(),
            "with the services stopped: ALTER TABLE images MODIFY id varchar(36) CHARACTER SET ascii \
             COLLATE ascii_bin NOT NULL"
        );
    }

    #[test]
    fn every_way_not_to_connect_has_advice_of_its_own() {
        let said = String::new;
        let rows = [
            (
                NoConnection::LoginRefused(said()),
                "password in DATABASE_URL",
            ),
            (NoConnection::DatabaseRefused(said()), "GRANT SELECT"),
            (
                NoConnection::DatabaseMissing(said()),
                "CREATE DATABASE `images`",
            ),
            (NoConnection::TlsDemanded(said()), "set DATABASE_CA"),
            (NoConnection::TlsMissing, "ssl_cert"),
            (NoConnection::TlsFailed(said()), "-starttls mysql"),
            (NoConnection::Full(said()), "max_connections"),
            (NoConnection::Away(said()), "log of the server"),
        ];
        for (error, expected) in rows {
            let check = login_refused(&server(false), &error);
            let advice = check.advice.unwrap();
            assert!(advice.contains(expected), "{advice}");
            assert!(!advice.contains("hunter2"), "{advice}");
        }
    }
}
