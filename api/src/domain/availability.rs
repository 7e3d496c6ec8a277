//! What is known of a part outside the process (S3, the database): does it answer?

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often one caller is let through to a part that is away, to see whether it is back.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Whether a part answers, learnt from the calls that are made anyway.
///
/// A part that is away must not make every request wait out its deadline: uploads ask
/// [`is_available`](Self::is_available) and leave the work to the replayer, reads ask
/// [`admit`](Self::admit), which lets one of them through a second.
#[derive(Debug, Default)]
pub struct Availability {
    /// `None`: it answers as far as is known. `Some`: it is away, and when to look again.
    next_probe: Mutex<Option<Instant>>,
}

impl Availability {
    /// Whether the last call got an answer. True until a call has failed.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.next_probe().is_none()
    }

    /// Whether a call may be made now: always while the part answers, once a second while it is away.
    #[must_use]
    pub fn admit(&self) -> bool {
        let mut next_probe = self.next_probe();
        match *next_probe {
            None => true,
            Some(at) if Instant::now() < at => false,
            Some(_) => {
                *next_probe = Some(Instant::now() + PROBE_INTERVAL);
                true
            }
        }
    }

    /// Notes that a call was answered. Returns whether the part was away until now.
    pub fn answered(&self) -> bool {
        self.next_probe().take().is_some()
    }

    /// Notes that a call was not answered. Returns whether the part answered until now.
    pub fn failed(&self) -> bool {
        self.next_probe()
            .replace(Instant::now() + PROBE_INTERVAL)
            .is_none()
    }

    fn next_probe(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.next_probe
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_counts_as_available_until_a_call_fails() {
        let part = Availability::default();
        assert!(part.is_available());
        assert!(part.failed(), "the first failure is the change");
        assert!(!part.failed(), "the second is not");
        assert!(!part.is_available());
        assert!(part.answered(), "the first answer is the change");
        assert!(part.is_available());
    }

    #[test]
    fn a_part_that_is_away_is_probed_only_once_in_an_interval() {
        let part = Availability::default();
        assert!(part.admit());
        part.failed();
        assert!(!part.admit(), "just failed");
        *part.next_probe() = Some(Instant::now());
        assert!(part.admit(), "the interval is over");
        assert!(!part.admit(), "somebody is probing already");
    }
}
