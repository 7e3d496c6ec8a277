//! Records in bulk, as if a service had run for years: for benchmarks, and for tests of what must not grow.
//!
//! A module, not a program: whoever needs records names it by its path. Writes rows only, so of every image the
//! local copy is absent and the object is not there. The same numbers give the same rows on both engines.

mod cost;
mod question;
mod row;

use std::fmt::Write as _;

pub(crate) use cost::costs;
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use mysql_async::prelude::Queryable as _;
pub(crate) use question::Question;
pub(crate) use row::{Row, Shape};

/// Rows in one statement: some 300 KB of text, which every server takes.
const ROWS_AT_ONCE: u32 = 500;
/// Statements in one transaction.
const STATEMENTS_AT_ONCE: u32 = 40;

/// SQLite leaves syncing to the end: who has to seed again has lost nothing.
const SQLITE_IN_BULK: &str = "
    PRAGMA busy_timeout = 10000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -262144;
";

/// Keys are unique, and need not be looked up for that one by one.
const MYSQL_IN_BULK: &str = "SET SESSION unique_checks = 0, SESSION foreign_key_checks = 0";

/// Writes `count` records into the database of this `DATABASE_URL`, whose tables are there and empty.
///
/// # Panics
/// When the database does not take them.
pub(crate) async fn seed(url: &str, count: u32, shape: Shape) {
    match url.strip_prefix("sqlite://") {
        Some(path) => {
            let path = path.to_owned();
            let seeded = tokio::task::spawn_blocking(move || seed_sqlite(&path, count, shape));
            seeded.await.expect("seeding does not panic unseen");
        }
        None => seed_mysql(url, count, shape).await,
    }
}

fn seed_sqlite(path: &str, count: u32, shape: Shape) {
    let mut connection = SqliteConnection::establish(path).expect("the file opens");
    let mut run = |sql: &str| connection.batch_execute(sql).expect("SQLite takes records");
    run(SQLITE_IN_BULK);
    for transaction in transactions(count) {
        run("BEGIN IMMEDIATE");
        for numbers in transaction {
            run(&statement(numbers, count, shape));
        }
        run("COMMIT");
    }
    run("PRAGMA wal_checkpoint(TRUNCATE)");
}

async fn seed_mysql(url: &str, count: u32, shape: Shape) {
    let options = mysql_async::Opts::from_url(url).expect("a URL of MySQL");
    let options = mysql_async::OptsBuilder::from_opts(options).prefer_socket(false);
    let connected = mysql_async::Conn::new(options).await;
    let mut connection = connected.expect("the server answers");
    for statement in std::iter::once(MYSQL_IN_BULK.to_owned()).chain(transactions(count).flat_map(
        |transaction| {
            let inserts = transaction.map(|numbers| statement(numbers, count, shape));
            std::iter::once("BEGIN".to_owned())
                .chain(inserts)
                .chain(std::iter::once("COMMIT".to_owned()))
        },
    )) {
        let ran = connection.query_drop(statement).await;
        ran.expect("MySQL takes records");
    }
    let closed = connection.disconnect().await;
    closed.expect("the connection ends well");
}

/// The numbers of all rows, by transaction and by statement.
fn transactions(count: u32) -> impl Iterator<Item = impl Iterator<Item = std::ops::Range<u32>>> {
    let whole = ROWS_AT_ONCE * STATEMENTS_AT_ONCE;
    parts(0..count, whole).map(|transaction| parts(transaction, ROWS_AT_ONCE))
}

fn parts(all: std::ops::Range<u32>, size: u32) -> impl Iterator<Item = std::ops::Range<u32>> {
    let end = all.end;
    all.step_by(size as usize)
        .map(move |first| first..end.min(first + size))
}

fn statement(numbers: std::ops::Range<u32>, count: u32, shape: Shape) -> String {
    let mut sql = format!("INSERT INTO images ({}) VALUES ", row::COLUMNS);
    for number in numbers {
        let row = Row::numbered(number, count, shape);
        write!(sql, "{}{row}", if sql.ends_with(' ') { "" } else { "," })
            .expect("text takes what is written to it");
    }
    sql
}
