//! A failure that several requests are told of.

use std::io;

use super::VariantError;
use crate::db::DbError;
use crate::images::FindError;

/// The same failure for one more request.
pub(super) fn again(failure: &VariantError) -> VariantError {
    match failure {
        VariantError::Find(error) => VariantError::Find(found_again(error)),
        VariantError::Undecodable => VariantError::Undecodable,
        VariantError::Busy => VariantError::Busy,
        VariantError::OriginalAway => VariantError::OriginalAway,
        VariantError::Disk(error) => VariantError::Disk(read_again(error)),
    }
}

fn found_again(error: &FindError) -> FindError {
    match error {
        FindError::NotFound => FindError::NotFound,
        FindError::Deleted => FindError::Deleted,
        FindError::Pending => FindError::Pending,
        FindError::Unreadable => FindError::Unreadable,
        FindError::Disk(error) => FindError::Disk(read_again(error)),
        FindError::Database(error) => FindError::Database(match error {
            DbError::Away(reason) => DbError::Away(reason.clone()),
            DbError::Refused(reason) => DbError::Refused(reason.clone()),
            DbError::Unreadable(reason) => DbError::Unreadable(reason.clone()),
        }),
    }
}

/// Its kind counts, which tells a full disk, and its text.
fn read_again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
