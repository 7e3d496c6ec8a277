//! The query of a list's page, with the index that it is to go by.
//!
//! The engines know an index that answers it with as many rows as are asked for, and still take another way as a
//! table grows. With some ten thousand rows MariaDB walks down from the newest image to where the page begins, or
//! intersects two indexes of all that is alive and sorts what is left. SQLite, once somebody has run `ANALYZE`, walks
//! over all tombstones on the way. No wording of the query keeps them from it.

use diesel::backend::Backend;
use diesel::dsl::AsSelect;
use diesel::mysql::Mysql;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Text};
use diesel::sqlite::Sqlite;

use super::images::Row;

/// Follows every id: where the first page begins. So every page is one range of the index.
const BEHIND_ALL_IDS: &str = "~";

/// An engine that can be told which index to use.
pub(super) trait TakesHints: Backend {
    /// What stands before the index, after the table.
    const BEFORE_INDEX: &str;
    /// What stands after it.
    const AFTER_INDEX: &str;
}

impl TakesHints for Mysql {
    const BEFORE_INDEX: &str = "FORCE INDEX (";
    const AFTER_INDEX: &str = ")";
}

impl TakesHints for Sqlite {
    const BEFORE_INDEX: &str = "INDEXED BY ";
    const AFTER_INDEX: &str = "";
}

/// A page of living images, newest first.
pub(super) struct Page<'a, DB: Backend> {
    columns: AsSelect<Row, DB>,
    uploader: Option<&'a str>,
    before: &'a str,
    limit: i64,
}

impl<'a, DB> Page<'a, DB>
where
    DB: Backend,
    Row: Selectable<DB>,
{
    /// Those of `uploader`, or of all, that are older than `before`, or the newest.
    pub(super) fn new(uploader: Option<&'a str>, before: Option<&'a str>, limit: u32) -> Self {
        Self {
            columns: Row::as_select(),
            uploader,
            before: before.unwrap_or(BEHIND_ALL_IDS),
            limit: limit.into(),
        }
    }
}

impl<DB> QueryFragment<DB> for Page<'_, DB>
where
    DB: TakesHints + HasSqlType<Text> + HasSqlType<BigInt>,
    AsSelect<Row, DB>: QueryFragment<DB>,
    str: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(" FROM images ");
        out.push_sql(DB::BEFORE_INDEX);
        out.push_sql(match self.uploader {
            Some(_) => "images_by_uploader",
            None => "images_by_deletion",
        });
        out.push_sql(DB::AFTER_INDEX);
        out.push_sql(" WHERE deleted_at IS NULL AND ");
        if let Some(uploader) = self.uploader {
            out.push_sql("uploader = ");
            out.push_bind_param::<Text, _>(uploader)?;
            out.push_sql(" AND ");
        }
        out.push_sql("id < ");
        out.push_bind_param::<Text, _>(self.before)?;
        out.push_sql(" ORDER BY id DESC LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)
    }
}

impl<DB: Backend> Query for Page<'_, DB> {
    type SqlType = AsSelect<Row, DB>;
}

impl<DB: Backend> QueryId for Page<'_, DB> {
    type QueryId = ();

    /// The text tells it from others.
    const HAS_STATIC_QUERY_ID: bool = false;
}
