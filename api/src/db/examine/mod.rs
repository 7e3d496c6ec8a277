//! What can be told of a database by asking it, one question at a time: for operators.
//!
//! Asks over connections of its own that are made like the service's, and changes nothing that stays: what is
//! written is rolled back.

mod mysql;
mod sqlite;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
pub use mysql::{MysqlExaminer, NoConnection, TextColumn};
pub use sqlite::{SqliteFacts, examine_sqlite};

/// An answer, or what the database said instead.
type Answer<T> = Result<T, String>;

/// Which migrations have run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationState {
    /// How many this program and the database have in common.
    pub done: usize,
    /// Those that are still to run.
    pub pending: Vec<String>,
    /// Those that this program does not know.
    pub unknown: Vec<String>,
}

/// Something that the service has to be able to do, and why it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The privilege, such as `INSERT`.
    pub privilege: &'static str,
    /// The table.
    pub table: &'static str,
    /// What the database says.
    pub reason: String,
}

const APPLIED: &str = "SELECT version AS value FROM __diesel_schema_migrations ORDER BY version";

#[derive(QueryableByName)]
struct TextValue {
    #[diesel(sql_type = Text)]
    value: String,
}

#[derive(QueryableByName)]
struct NumberValue {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

/// What the service does with its tables: the privilege, the table, and a statement that needs it.
fn trials() -> Vec<(&'static str, &'static str, String)> {
    let id = uuid::Uuid::now_v7();
    vec![
        (
            "SELECT",
            "images",
            format!("SELECT id FROM images WHERE id = '{id}'"),
        ),
        (
            "INSERT",
            "images",
            format!(
                "INSERT INTO images (id, uploader, content_type, size_bytes, width, height, sha256, object_key, \
                 url, created_at) VALUES ('{id}', 'doctor', 'image/png', 1, 1, 1, '', '', '', \
                 '2000-01-01 00:00:00')"
            ),
        ),
        (
            "UPDATE",
            "images",
            format!("UPDATE images SET alt = 'doctor' WHERE id = '{id}'"),
        ),
        (
            "SELECT",
            "blocked_contents",
            format!("SELECT sha256 FROM blocked_contents WHERE sha256 = '{id}'"),
        ),
        (
            "INSERT",
            "blocked_contents",
            format!(
                "INSERT INTO blocked_contents (sha256, blocked_at) VALUES ('{id}', '2000-01-01 00:00:00')"
            ),
        ),
        (
            "UPDATE",
            "blocked_contents",
            format!("UPDATE blocked_contents SET reason = 'doctor' WHERE sha256 = '{id}'"),
        ),
    ]
}

fn compare(ours: &[String], applied: &[TextValue]) -> MigrationState {
    let (done, pending): (Vec<String>, Vec<String>) = ours
        .iter()
        .cloned()
        .partition(|version| applied.iter().any(|row| row.value == *version));
    let unknown = applied.iter().map(|row| row.value.clone());
    MigrationState {
        done: done.len(),
        pending,
        unknown: unknown.filter(|version| !ours.contains(version)).collect(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn said(error: diesel::result::Error) -> String {
    error.to_string()
}
