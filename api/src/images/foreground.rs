//! Somebody waits for an upload, nobody waits for the replayer: this is how the one gives way to the other.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For how long after an upload the next one is expected.
const EXPECTED_WITHIN: Duration = Duration::from_millis(250);
/// How much longer than its work the replayer's worker rests then. Four workers do the work of one.
const RESTS: u32 = 3;
/// The longest rest. An entry on which S3 hangs is work that costs the uploads nothing.
const LONGEST_REST: Duration = Duration::from_millis(250);

/// The uploads that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Foreground {
    uploads: Mutex<Uploads>,
}

#[derive(Debug, Default)]
struct Uploads {
    running: usize,
    last_ended: Option<Instant>,
}

impl Foreground {
    /// Notes an upload that begins. It has ended when what this returns is dropped.
    pub(super) fn enter(&self) -> Upload<'_> {
        self.uploads().running += 1;
        Upload(self)
    }

    /// How long the replayer is to rest after work that took so long.
    pub(super) fn rest_after(&self, took: Duration) -> Duration {
        if self.is_busy() {
            LONGEST_REST.min(took * RESTS)
        } else {
            Duration::ZERO
        }
    }

    fn is_busy(&self) -> bool {
        let uploads = self.uploads();
        let expected = |ended: Instant| ended.elapsed() < EXPECTED_WITHIN;
        uploads.running > 0 || uploads.last_ended.is_some_and(expected)
    }

    fn uploads(&self) -> MutexGuard<'_, Uploads> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An upload that somebody waits for.
pub(super) struct Upload<'a>(&'a Foreground);

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        let mut uploads = self.0.uploads();
        uploads.running -= 1;
        uploads.last_ended = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_replayer_rests_only_while_uploads_come() {
        let foreground = Foreground::default();
        let work = Duration::from_millis(10);
        assert_eq!(foreground.rest_after(work), Duration::ZERO);
        let upload = foreground.enter();
        assert_eq!(foreground.rest_after(work), work * 3);
        assert_eq!(foreground.rest_after(Duration::from_secs(30)), LONGEST_REST);
        drop(upload);
        assert_eq!(foreground.rest_after(work), work * 3, "another may follow");
        foreground.uploads().last_ended = Instant::now().checked_sub(EXPECTED_WITHIN);
        assert_eq!(foreground.rest_after(work), Duration::ZERO);
    }
}
