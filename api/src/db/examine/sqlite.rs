//! A SQLite file.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};

use super::{
    APPLIED, Answer, Denied, MigrationState, NumberValue, TextValue, compare, said, trials,
};
use crate::db::connection::SQLITE_SETUP;
use crate::db::migrations::sqlite_versions;

/// What a SQLite file is like.
#[derive(Clone, Debug)]
pub struct SqliteFacts {
    /// How changes are journaled, on a connection like the service's.
    pub journal_mode: String,
    /// How much is synced: 2 is FULL.
    pub synchronous: i64,
    /// What the check of the file says: `ok`, or what is broken.
    pub quick_check: String,
    /// Which migrations have run.
    pub migrations: MigrationState,
    /// What was refused of what the service does. Empty also when there are no tables yet.
    pub denied: Vec<Denied>,
}

/// Looks at a SQLite file that is there. Blocks.
///
/// # Errors
/// Why it cannot be opened, or is no database.
pub fn examine_sqlite(path: &Path) -> Answer<SqliteFacts> {
    let opened = SqliteConnection::establish(&path.to_string_lossy());
    let mut connection = opened.map_err(|error| error.to_string())?;
    connection.batch_execute(SQLITE_SETUP).map_err(said)?;
    let journal_mode = sqlite_text(
        &mut connection,
        "SELECT journal_mode AS value FROM pragma_journal_mode",
    )?;
    let synchronous = sqlite_number(
        &mut connection,
        "SELECT synchronous AS value FROM pragma_synchronous",
    )?;
    // A file that is damaged enough stops the check itself.
    let quick_check = quick_check(&mut connection).unwrap_or_else(|reason| reason);
    let is_migrated = sqlite_number(
        &mut connection,
        "SELECT COUNT(*) AS value FROM sqlite_master WHERE name = '__diesel_schema_migrations'",
    )? > 0;
    let applied: Vec<TextValue> = if is_migrated {
        diesel::sql_query(APPLIED)
            .load(&mut connection)
            .map_err(said)?
    } else {
        Vec::new()
    };
    let migrations = compare(&sqlite_versions(), &applied);
    let denied = if migrations.pending.is_empty() {
        try_writing_sqlite(&mut connection)
    } else {
        Vec::new()
    };
    Ok(SqliteFacts {
        journal_mode,
        synchronous,
        quick_check,
        migrations,
        denied,
    })
}

fn try_writing_sqlite(connection: &mut SqliteConnection) -> Vec<Denied> {
    let denied = |privilege, table, error: diesel::result::Error| Denied {
        privilege,
        table,
        reason: said(error),
    };
    if let Err(error) = connection.batch_execute("BEGIN IMMEDIATE") {
        return vec![denied("INSERT", "images", error)];
    }
    let mut refused = Vec::new();
    for (privilege, table, sql) in trials() {
        if let Err(error) = diesel::sql_query(sql).execute(connection) {
            refused.push(denied(privilege, table, error));
        }
    }
    let _ = connection.batch_execute("ROLLBACK");
    refused
}

fn quick_check(connection: &mut SqliteConnection) -> Answer<String> {
    #[derive(QueryableByName)]
    struct Finding {
        #[diesel(sql_type = Text)]
        quick_check: String,
    }
    // The first finding is enough. The function of this name takes a table instead.
    let finding: Finding = diesel::sql_query("PRAGMA quick_check(1)")
        .get_result(connection)
        .map_err(said)?;
    Ok(finding.quick_check)
}

fn sqlite_text(connection: &mut SqliteConnection, sql: &str) -> Answer<String> {
    let row: TextValue = diesel::sql_query(sql)
        .get_result(connection)
        .map_err(said)?;
    Ok(row.value)
}

fn sqlite_number(connection: &mut SqliteConnection, sql: &str) -> Answer<i64> {
    let row: NumberValue = diesel::sql_query(sql)
        .get_result(connection)
        .map_err(said)?;
    Ok(row.value)
}
