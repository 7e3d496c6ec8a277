//! How the parts are, and what was counted.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Images;
use crate::metrics::State;

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
    /// The database: degraded when it answers but took no record at the last try.
    pub database: PartState,
    /// The uploads folder: degraded while it has no room for uploads.
    pub disk: PartState,
    /// The journal: degraded when a file in it could not be read at start.
    pub journal: PartState,
    /// S3, as far as the last call to it tells: a probe makes none.
    pub s3: PartState,
    /// How many images something is owed for. A delete that only waits for its second look is not counted.
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
            let (pending, oldest_pending) = parts.journal.pending(parts.patience.late_object);
            let state = |works, otherwise| if works { PartState::Ok } else { otherwise };
            let database = match database {
                Ok(()) if parts.db.takes_records() => PartState::Ok,
                Ok(()) => PartState::Degraded,
                Err(_) => PartState::Down,
            };
            Readiness {
                database,
                disk: match (disk, parts.space.is_low()) {
                    (false, _) => PartState::Down,
                    (true, true) => PartState::Degraded,
                    (true, false) => PartState::Ok,
                },
                journal: state(parts.journal.unreadable() == 0, PartState::Degraded),
                s3: state(
                    parts.objects.availability().is_prompt(),
                    PartState::Degraded,
                ),
                pending,
                oldest_pending,
            }
        })
        .await
    }

    /// What was counted, and how the parts are, as text. Asks neither S3 nor the database and walks no folder.
    ///
    /// # Errors
    /// Those of the encoder.
    pub async fn metrics_text(self: &Arc<Self>) -> anyhow::Result<String> {
        self.detached(|images| async move {
            let parts = &images.parts;
            let (pending, oldest) = parts.journal.pending(parts.patience.late_object);
            let owed = parts.journal.owed();
            let state = State {
                pending,
                oldest_pending: oldest
                    .and_then(|oldest| (Utc::now() - oldest).to_std().ok())
                    .unwrap_or_default(),
                owed_objects: owed.objects,
                owed_records: owed.records,
                owed_removals: owed.removals,
                unreadable_entries: parts.journal.unreadable(),
                s3_available: parts.objects.availability().is_available(),
                database_available: parts.db.availability().is_available(),
                variants_bytes: images.variants.bytes(),
                space: parts.local.space().await.ok(),
            };
            Ok(images.metrics().render(&state)?)
        })
        .await
    }
}
