//! What a question costs the engine: how much of the tables it looks at, however long that takes.
//!
//! Listens to the queries as they are made, and runs them again on a connection on which that can be seen.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, Once, PoisonError};

use diesel::connection::{
    Instrumentation, InstrumentationEvent, SimpleConnection as _, set_default_instrumentation,
};
use diesel::sql_types::Text;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
use image_handler::db::{Db, DbConfig};
use mysql_async::prelude::Queryable as _;

use super::{Question, Shape};

const TABLES: [&str; 2] = ["images", "blocked_contents"];

/// A page of SQLite.
const PAGE_BYTES: u64 = 4096;

/// How long the text of a moment is, to the microsecond.
const MOMENT: usize = "2026-01-01 00:00:00.000000".len();

/// The queries that were made, by where they were made: a file, or a thread that speaks to a server.
static MADE: LazyLock<Mutex<HashMap<String, Vec<String>>>> = LazyLock::new(Mutex::default);

/// What a query costs.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    /// What the engine says of how it goes about it.
    pub(crate) plan: String,
    /// What it looks at: rows of MySQL and MariaDB, those of indexes too; pages of SQLite.
    pub(crate) looked_at: u64,
}

/// Asks a question about the `number`th of `count` records, and gives how many came back and what each of its queries
/// costs.
///
/// # Panics
/// When the database does not answer.
pub(crate) async fn costs(
    question: Question,
    config: &DbConfig,
    url: &str,
    number: u32,
    count: u32,
    shape: Shape,
) -> (usize, Vec<Cost>) {
    listen();
    let (config, url) = (config.clone(), url.to_owned());
    // On a thread of its own, where no other queries are made.
    let asked = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let db = Db::prepare(&config).expect("a usable configuration");
            queries_of(&url);
            let asked = question.ask(&db, number, count, shape).await;
            let returned = asked.expect("the database answers");
            let mut costs = Vec::new();
            for query in queries_of(&url) {
                costs.push(cost(&url, &query).await);
            }
            (returned, costs)
        })
    });
    asked.await.expect("asking does not panic unseen")
}

/// Begins to listen, on connections that are made from now on.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let set = set_default_instrumentation(|| Some(Box::new(Listener::default())));
        set.expect("nobody panicked while setting another");
    });
}

#[derive(Default)]
struct Listener {
    file: Option<String>,
}

impl Instrumentation for Listener {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. }
                if !url.starts_with("mysql:") =>
            {
                self.file = Some(url.to_owned());
            }
            InstrumentationEvent::StartQuery { query, .. } => {
                let place = self.file.clone().unwrap_or_else(this_thread);
                let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
                made.entry(place).or_default().push(query.to_string());
            }
            _ => {}
        }
    }
}

/// A driver of a server runs on the thread that waits for it, given that the runtime has no other.
fn this_thread() -> String {
    format!("{:?}", std::thread::current().id())
}

/// The queries that were made of the database with this URL since this was asked last: on this thread, if it is on
/// a server. Each with its values in it.
fn queries_of(url: &str) -> Vec<String> {
    let place = url.strip_prefix("sqlite://").map(str::to_owned);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let made = made.remove(&place.unwrap_or_else(this_thread));
    let made = made.unwrap_or_default();
    // What sets up or tries a connection is no part of a question.
    let asked = made
        .iter()
        .filter(|query| TABLES.iter().any(|table| query.contains(table)));
    asked.filter_map(|query| with_values(query)).collect()
}

/// `SELECT … WHERE id = ? -- binds: ["…"]` with the values in their places.
fn with_values(query: &str) -> Option<String> {
    let (sql, values) = query.split_once(" -- binds: [")?;
    let values = values.strip_suffix(']').unwrap_or(values);
    let mut values = values.split(", ").map(literal);
    let mut parts = sql.split('?');
    let mut whole = parts.next()?.to_owned();
    for part in parts {
        whole += &values.next()?;
        whole += part;
    }
    Some(whole)
}

/// A value as a query has it, from what it looks like in a log.
fn literal(logged: &str) -> String {
    // `51`, `I64(51)` and `Some(I64(51))` are the same.
    let mut value = logged;
    while let Some((_, inner)) = value
        .strip_suffix(')')
        .and_then(|value| value.split_once('('))
    {
        value = inner;
    }
    let text = value.trim_matches('"');
    if ["None", "Null"].contains(&value) {
        "NULL".to_owned()
    } else if value.parse::<i64>().is_ok() {
        value.to_owned()
    } else if value.len() == text.len() {
        // A moment, as the drivers send it.
        let moment: String = value.replacen('T', " ", 1).chars().take(MOMENT).collect();
        format!("'{moment}'")
    } else {
        format!("'{text}'")
    }
}

/// Runs a query of [`queries_of`] once more, and rolls back what it changes. One that finds a record in its place is
/// refused, and has looked all the same; any other has to succeed.
///
/// # Panics
/// When the database does not answer.
async fn cost(url: &str, sql: &str) -> Cost {
    match url.strip_prefix("sqlite://") {
        Some(path) => cost_on_sqlite(path, sql),
        None => cost_on_mysql(url, sql).await,
    }
}

#[derive(QueryableByName)]
struct PlanLine {
    #[diesel(sql_type = Text)]
    detail: String,
}

fn cost_on_sqlite(path: &str, sql: &str) -> Cost {
    // A connection of its own has no pages yet, so whatever it looks at it has to read.
    let mut connection = SqliteConnection::establish(path).expect("the file opens");
    let plan: Vec<PlanLine> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}"))
        .load(&mut connection)
        .expect("SQLite has a plan");
    let plan: Vec<String> = plan.into_iter().map(|line| line.detail).collect();
    let before = bytes_read();
    let rolled_back = format!("BEGIN IMMEDIATE; {sql}; ROLLBACK");
    let ran = connection.batch_execute(&rolled_back);
    if let Err(error) = ran {
        let text = error.to_string();
        assert!(text.contains("UNIQUE"), "{text}: {sql}");
    }
    Cost {
        plan: plan.join("; "),
        looked_at: (bytes_read() - before) / PAGE_BYTES,
    }
}

/// How much this thread has read so far (`proc_pid_io(5)`).
fn bytes_read() -> u64 {
    let counted = std::fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
    let read = counted
        .lines()
        .find_map(|line| line.strip_prefix("rchar: "));
    read.and_then(|read| read.parse().ok())
        .expect("Linux counts what is read")
}

async fn cost_on_mysql(url: &str, sql: &str) -> Cost {
    let options = mysql_async::Opts::from_url(url).expect("a URL of MySQL");
    let options = mysql_async::OptsBuilder::from_opts(options).prefer_socket(false);
    let connected = mysql_async::Conn::new(options).await;
    let mut connection = connected.expect("the server answers");
    let plan: Option<mysql_async::Row> = connection
        .query_first(format!("EXPLAIN {sql}"))
        .await
        .expect("the server has a plan");
    let plan = plan.map(|row| {
        ["type", "key", "key_len", "rows", "Extra"]
            .map(|column| {
                let value: Option<Option<String>> = row.get(column);
                value.flatten().unwrap_or_default()
            })
            .join(" ")
    });
    let mut run = async |sql: &str| connection.query_drop(sql).await;
    run("BEGIN").await.expect("the server begins");
    run("FLUSH STATUS").await.expect("the server counts anew");
    if let Err(error) = run(sql).await {
        let text = error.to_string();
        assert!(text.contains("Duplicate"), "{text}: {sql}");
    }
    let counted: Vec<(String, u64)> = connection
        .query("SHOW SESSION STATUS LIKE 'Handler_%'")
        .await
        .expect("the server counts");
    let of = |name: &str| {
        let count = counted.iter().find(|(counted, _)| counted == name);
        count.map_or(0, |(_, count)| *count)
    };
    let read: u64 = counted
        .iter()
        .filter(|(name, _)| name.starts_with("Handler_read_"))
        .map(|(_, count)| count)
        .sum();
    // Rows that the index alone ruled out are not counted as read.
    let ruled_out = of("Handler_icp_attempts").saturating_sub(of("Handler_icp_match"));
    let closed = connection.disconnect().await;
    closed.expect("the connection ends well");
    Cost {
        plan: plan.unwrap_or_default(),
        looked_at: read + ruled_out,
    }
}
