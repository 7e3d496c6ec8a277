//! How the parts are when somebody asks: what is set at that moment, not counted.

use std::time::Duration;

use prometheus::{Gauge, IntGauge, IntGaugeVec};

use super::make::Maker;

/// How the parts are when somebody looks. Whoever asks for the text brings it along.
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    /// Images that something is owed for, without deletes that only wait for their second look.
    pub pending: usize,
    /// How long ago the oldest of them was taken in.
    pub oldest_pending: Duration,
    /// Images that S3 is still to be given.
    pub owed_objects: usize,
    /// Images whose record the database is still to be given.
    pub owed_records: usize,
    /// Images that are still to be removed, or looked at a second time.
    pub owed_removals: usize,
    /// Files in the journal that are no entries.
    pub unreadable_entries: usize,
    /// Whether S3 answered the last call.
    pub s3_available: bool,
    /// Whether the database answered the last call.
    pub database_available: bool,
    /// What the kept variants take on disk, in bytes.
    pub variants_bytes: u64,
    /// The file system of the uploads folder. `None`: it cannot be asked.
    pub space: Option<Space>,
}

/// The room on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What this user may still write, in bytes.
    pub free_bytes: u64,
    /// What it holds in all, in bytes.
    pub size_bytes: u64,
}

/// What is set from a [`State`] when the text is asked for.
pub(super) struct Gauges {
    pending: IntGauge,
    oldest_pending: Gauge,
    owed: IntGaugeVec,
    unreadable: IntGauge,
    s3_available: IntGauge,
    database_available: IntGauge,
    variants: Gauge,
    free: Gauge,
    size: Gauge,
}

impl Gauges {
    pub(super) fn new(make: &Maker) -> Self {
        Self {
            pending: make.gauge(
                "pending_images",
                "Images that something is owed for, without deletes that only wait for their second look",
            ),
            oldest_pending: make.measure(
                "pending_oldest_age_seconds",
                "Age of the oldest image that something is owed for, without deletes that only wait for their second \
                 look; 0 when nothing is",
            ),
            owed: make.gauges(
                "pending_owed",
                "Images by what is owed: object, record, removal (with deletes that only wait for their second look). \
                 One image may owe more than one",
                &["owed"],
            ),
            unreadable: make.gauge(
                "journal_unreadable_files",
                "Files in the journal that are no entries",
            ),
            s3_available: make.gauge("s3_available", "1 when S3 answered the last request"),
            database_available: make.gauge(
                "database_available",
                "1 when the database answered the last query",
            ),
            variants: make.measure(
                "variants_bytes",
                "What the variants that are kept take on disk",
            ),
            free: make.measure(
                "uploads_free_bytes",
                "Free room on the file system of the uploads folder; NaN when it cannot be asked",
            ),
            size: make.measure(
                "uploads_size_bytes",
                "Size of the file system of the uploads folder; NaN when it cannot be asked",
            ),
        }
    }

    /// Sets all of them.
    pub(super) fn set(&self, state: &State) {
        self.pending.set(whole(state.pending));
        self.oldest_pending.set(state.oldest_pending.as_secs_f64());
        for (owed, images) in [
            ("object", state.owed_objects),
            ("record", state.owed_records),
            ("removal", state.owed_removals),
        ] {
            self.owed.with_label_values(&[owed]).set(whole(images));
        }
        self.unreadable.set(whole(state.unreadable_entries));
        self.s3_available.set(state.s3_available.into());
        self.database_available.set(state.database_available.into());
        self.variants.set(float(state.variants_bytes));
        let bytes = |of: fn(Space) -> u64| state.space.map_or(f64::NAN, |space| float(of(space)));
        self.free.set(bytes(|space| space.free_bytes));
        self.size.set(bytes(|space| space.size_bytes));
    }
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a file system's size need not be exact to the byte"
)]
fn float(number: u64) -> f64 {
    number as f64
}
