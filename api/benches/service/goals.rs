//! The figures to reach, in the order in which they are told, whether they are measured in a run or not.

use crate::report::{Bound, Goal, GoalUnit};

pub(crate) const UPLOADS_TO_FLOOR: [&str; 3] = [
    "uploads per second to the floor, 1 client",
    "uploads per second to the floor, 16 clients",
    "uploads per second to the floor, 64 clients",
];
pub(crate) const UPLOADS_TO_TARGET: &str = "uploads per second to the target";
pub(crate) const CPU_TO_TARGET: &str = "CPU for each upload to the target's";
pub(crate) const DIRECT_TO_NGINX: &str = "GET of 235 kB, direct to plain nginx";
pub(crate) const THROUGH_NGINX: &str = "GET of 235 kB, through nginx to plain nginx";
pub(crate) const NOT_MODIFIED: &str = "304 per second, direct to plain nginx";
pub(crate) const VARIANTS_TO_TARGET: &str = "variants cold per second to the target";
/// By engine, then by page.
pub(crate) const LISTS: [[&str; 3]; 2] = [
    [
        "list p50, 1 M to 1 k, SQLite, first page",
        "list p50, 1 M to 1 k, SQLite, middle",
        "list p50, 1 M to 1 k, SQLite, one uploader",
    ],
    [
        "list p50, 1 M to 1 k, MariaDB, first page",
        "list p50, 1 M to 1 k, MariaDB, middle",
        "list p50, 1 M to 1 k, MariaDB, one uploader",
    ],
];
pub(crate) const PEAK: &str = "peak memory, 64 clients uploading";
pub(crate) const IDLE: &str = "idle memory";
pub(crate) const START: &str = "start to ready, embedded";

/// All of them, not measured yet.
pub(crate) fn all() -> Vec<Goal> {
    let ratio = |what: &str, bound| Goal::new(what, GoalUnit::Ratio, bound, None);
    let memory = |what: &str, most| Goal::new(what, GoalUnit::Mebibytes, Bound::AtMost(most), None);
    let floor = UPLOADS_TO_FLOOR.map(|what| ratio(what, Bound::AtLeast(0.7)));
    let others = [
        ratio(UPLOADS_TO_TARGET, Bound::AtLeast(2.0)),
        ratio(CPU_TO_TARGET, Bound::AtMost(0.25)),
        ratio(DIRECT_TO_NGINX, Bound::AtLeast(0.5)),
        ratio(THROUGH_NGINX, Bound::AtLeast(0.8)),
        ratio(NOT_MODIFIED, Bound::AtLeast(0.5)),
        ratio(VARIANTS_TO_TARGET, Bound::AtLeast(1.5)),
    ];
    let lists = LISTS
        .into_iter()
        .flatten()
        .map(|what| ratio(what, Bound::AtMost(1.2)));
    let last = [
        memory(PEAK, 96.0),
        memory(IDLE, 32.0),
        Goal::new(START, GoalUnit::Seconds, Bound::AtMost(0.3), None),
    ];
    floor
        .into_iter()
        .chain(others)
        .chain(lists)
        .chain(last)
        .collect()
}
