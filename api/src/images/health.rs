//! How the parts are.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Images;

/// A probe must be answered before whoever asks gives up.
const DATABASE_DEADLINE: Duration = Duration::from_secs(1);

/// How one part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartState {
    /// It works.
    Ok,
    /// It does not, and the service goes on without it for now.
    Degraded,
    /// It does not, and the service cannot do all of its work without it.
    Down,
}

/// How the parts are.
#[derive(Clone, Debug)]
pub struct Readiness {
    /// The database.
    pub database: PartState,
    /// The uploads folder.
    pub disk: PartState,
    /// The journal: degraded when a file in it could not be read at start.
    pub journal: PartState,
    /// S3, as far as the last call to it tells: a probe makes none.
    pub s3: PartState,
    /// How many images something is owed for.
    pub pending: usize,
    /// When the oldest of these was made.
    pub oldest_pending: Option<DateTime<Utc>>,
}

impl Readiness {
    /// The state of the whole: that of its worst part.
    #[must_use]
    pub fn overall(&self) -> PartState {
        self.database.max(self.disk).max(self.journal).max(self.s3)
    }
}

impl Images {
    /// Looks how the parts are.
    pub async fn readiness(self: &Arc<Self>) -> Readiness {
        self.detached(|images| async move {
            let parts = &images.parts;
            let (database, disk) =
                tokio::join!(parts.db.ping(DATABASE_DEADLINE), parts.local.is_writable());
            let (pending, oldest_pending) = parts.journal.pending();
            let state = |works, otherwise| if works { PartState::Ok } else { otherwise };
            Readiness {
                database: state(database.is_ok(), PartState::Down),
                disk: state(disk, PartState::Down),
                journal: state(parts.journal.unreadable() == 0, PartState::Degraded),
                s3: state(
                    parts.objects.availability().is_available(),
                    PartState::Degraded,
                ),
                pending,
                oldest_pending,
            }
        })
        .await
    }
}
