//! Every query on the `blocked_contents` table.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::blocked_contents;
use super::{Db, DbError, QueryFailure, on_engine, write_on_engine};
use crate::domain::{BlockReason, Checksum};

/// That a content is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Why, if the operator said so.
    pub reason: Option<BlockReason>,
}

impl Db {
    /// Whether one of these contents is blocked.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn find_blocked(
        &self,
        contents: [Checksum; 2],
        deadline: Duration,
    ) -> Result<Option<Blocked>, DbError> {
        let [one, other] = contents.map(String::from);
        // Not `eq_any`: a list of any length is prepared anew each time.
        let found: Option<Option<String>> = on_engine!(self, deadline, |connection| {
            blocked_contents::table
                .filter(
                    blocked_contents::sha256
                        .eq(&one)
                        .or(blocked_contents::sha256.eq(&other)),
                )
                .select(blocked_contents::reason)
                .first(connection)
                .await
                .optional()
        })?;
        Ok(found.map(|reason| Blocked {
            reason: reason.map(BlockReason::from_stored),
        }))
    }

    /// Blocks a content. One that is blocked already gets the new reason, if there is one.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn block(
        &self,
        content: Checksum,
        reason: Option<&BlockReason>,
        blocked_at: DateTime<Utc>,
        deadline: Duration,
    ) -> Result<(), DbError> {
        let content = content.to_string();
        let reason = reason.map(BlockReason::as_str);
        let inserted = write_on_engine!(self, deadline, |connection| {
            diesel::insert_into(blocked_contents::table)
                .values((
                    blocked_contents::sha256.eq(&content),
                    blocked_contents::reason.eq(reason),
                    blocked_contents::blocked_at.eq(blocked_at.naive_utc()),
                ))
                .execute(connection)
                .await
        });
        match (inserted, reason) {
            (Err(QueryFailure::UniqueViolation), None) => Ok(()),
            (Err(QueryFailure::UniqueViolation), Some(reason)) => {
                write_on_engine!(self, deadline, |connection| {
                    diesel::update(blocked_contents::table.find(&content))
                        .set(blocked_contents::reason.eq(reason))
                        .execute(connection)
                        .await
                })?;
                Ok(())
            }
            (inserted, _) => Ok(inserted.map(|_| ())?),
        }
    }
}
