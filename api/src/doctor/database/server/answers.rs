//! What the server answers, judged.

use chrono::TimeDelta;

use super::{GROUP, Server};
use crate::db::{Denied, MysqlExaminer, TextColumn};
use crate::doctor::Check;
use crate::doctor::database::{judge_migrations, privileges};
use crate::doctor::objects::judge_clock;

/// The records' times are our own; the server's clock matters only to whoever reads both logs.
const SKEW_TOO_LARGE: TimeDelta = TimeDelta::hours(1);

pub(super) async fn ask(server: &Server, examiner: &mut MysqlExaminer) -> Vec<Check> {
    let mut checks = vec![
        told("tls", examiner.encryption().await, |cipher| {
            tls(server, cipher.as_deref())
        }),
        told(
            "server",
            server_facts(examiner).await,
            |(version, is_read_only)| judge_server(server, &version, is_read_only),
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
            let open = format!(
                "connect to the writer ({}), or: SET GLOBAL read_only = OFF",
                server.named_in.as_str()
            );
            privileges(&denied, |privilege| server.grant(privilege), &open)
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

fn judge_server(server: &Server, version: &str, is_read_only: bool) -> Check {
    if is_read_only {
        let detail = format!("{version} takes no writes (read_only): uploads stay pending");
        let advice = format!(
            "connect to the writer and not to a replica ({}), or: SET GLOBAL read_only = OFF; on RDS a full disk \
             does this, too: aws rds describe-db-instances",
            server.named_in.as_str()
        );
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
    use super::super::tests::server;
    use super::*;
    use crate::doctor::Outcome;

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
}
