//! How queries end without a result, and what that says of the database.

use crate::metrics::CallOutcome;

/// Why the database could not answer.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It did not answer in time, or answered with an error that a person or time can mend.
    #[error("the database did not answer: {0}")]
    Away(String),
    /// It understood the statement and refused it: asking again changes nothing.
    #[error("the database refused: {0}")]
    Refused(String),
    /// A record holds something that this version cannot read.
    #[error("the record cannot be read: {0}")]
    Unreadable(String),
}

/// How a query ended without a result.
#[derive(Debug)]
pub(super) enum QueryFailure {
    /// It was asked, and its state kept it from answering.
    Away(String),
    /// It was not even asked. That tells nothing of connections that are there already.
    NotConnected(String),
    Refused(String),
    UniqueViolation,
    Unreadable(String),
}

/// That a row is there already is an answer to work with.
pub(super) fn outcome_of<T>(result: &Result<T, QueryFailure>) -> CallOutcome {
    match result {
        Ok(_) | Err(QueryFailure::UniqueViolation) => CallOutcome::Ok,
        Err(_) => CallOutcome::Error,
    }
}

impl QueryFailure {
    pub(super) fn no_connection(error: impl std::fmt::Display) -> Self {
        Self::NotConnected(error.to_string())
    }
}

impl From<diesel::result::Error> for QueryFailure {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::DatabaseErrorKind as Kind;
        use diesel::result::Error;
        match error {
            Error::DatabaseError(Kind::UniqueViolation, _) => Self::UniqueViolation,
            Error::DatabaseError(
                Kind::NotNullViolation | Kind::CheckViolation | Kind::ForeignKeyViolation,
                error,
            ) => Self::Refused(error.message().to_owned()),
            Error::DatabaseError(_, error) if is_about_the_statement(error.message()) => {
                Self::Refused(error.message().to_owned())
            }
            Error::DeserializationError(error) => Self::Unreadable(error.to_string()),
            error => Self::Away(error.to_string()),
        }
    }
}

impl From<QueryFailure> for DbError {
    fn from(failure: QueryFailure) -> Self {
        match failure {
            QueryFailure::Away(reason) | QueryFailure::NotConnected(reason) => Self::Away(reason),
            QueryFailure::Refused(reason) => Self::Refused(reason),
            QueryFailure::UniqueViolation => Self::Away("an unexpected duplicate".to_owned()),
            QueryFailure::Unreadable(reason) => Self::Unreadable(reason),
        }
    }
}

/// Whether a MySQL server says that it takes no writes: it is a replica, or was made one, or its disk is full. Its
/// texts for the errors 1290, 1792 and 1836.
pub(super) fn is_read_only(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("read-only") || message.contains("read only")
}

/// Whether the server complains of what it was told to do, and not of its own state. All else (locks, a
/// read-only server, a shutdown) passes. MySQL's texts for the errors 1142, 1143, 1176, 1264,
/// 1366 and 1406.
fn is_about_the_statement(message: &str) -> bool {
    [
        "Data too long",
        "Incorrect string value",
        "Out of range value",
        "command denied",
        "doesn't exist in table",
    ]
    .iter()
    .any(|text| message.contains(text))
}

#[cfg(test)]
mod tests {
    use diesel::result::{DatabaseErrorKind as Kind, Error};

    use super::*;

    fn said(kind: Kind, message: &str) -> QueryFailure {
        Error::DatabaseError(kind, Box::new(message.to_owned())).into()
    }

    #[test]
    fn a_server_that_takes_no_writes_is_away_and_a_statement_that_it_does_not_take_is_not() {
        let read_only = [
            (
                Kind::Unknown,
                "The MySQL server is running with the --read-only option so it cannot execute this statement",
            ),
            (
                Kind::Unknown,
                "The MySQL server is running with the --super-read-only option so it cannot execute this statement",
            ),
            (
                Kind::Unknown,
                "The MariaDB server is running with the --read-only option so it cannot execute this statement",
            ),
            (Kind::Unknown, "Running in read-only mode"),
            (
                Kind::ReadOnlyTransaction,
                "Cannot execute statement in a READ ONLY transaction",
            ),
        ];
        for (kind, message) in read_only {
            assert!(is_read_only(message), "{message}");
            assert!(
                matches!(said(kind, message), QueryFailure::Away(_)),
                "{message}"
            );
        }
        for message in [
            "Data too long for column 'alt' at row 1",
            "INSERT command denied to user 'ada'@'localhost' for table `images`.`images`",
            "Key 'images_by_uploader' doesn't exist in table 'images'",
        ] {
            assert!(!is_read_only(message), "{message}");
            assert!(
                matches!(said(Kind::Unknown, message), QueryFailure::Refused(_)),
                "{message}"
            );
        }
    }
}
