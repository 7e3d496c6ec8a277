//! What is known of a part outside the process (S3, the database): does it answer?

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often one caller is let through to a part that is away, to see whether it is back.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Whether a part answers, learnt from the calls that are made anyway.
///
/// A part that is away must not make every request wait out its deadline: uploads ask
/// [`is_prompt`](Self::is_prompt) and leave the work to the replayer, reads ask
/// [`admit`](Self::admit), which lets one of them through a second. A part that answers late is good enough
/// for the replayer ([`is_available`](Self::is_available)), for whom nobody waits, and not for uploads.
#[derive(Debug, Default)]
pub struct Availability {
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// It answers, as far as is known.
    #[default]
    Prompt,
    /// It answers, but later than uploads wait for it.
    Late,
    /// It does not answer.
    Away {
        /// When to look again.
        next_probe: Instant,
    },
}

impl Availability {
    /// Whether the last call got an answer, however late. True until a call has failed.
    #[must_use]
    pub fn is_available(&self) -> bool {
        matches!(*self.state(), State::Prompt | State::Late)
    }

    /// Whether the last call got an answer, as soon as uploads need it.
    #[must_use]
    pub fn is_prompt(&self) -> bool {
        *self.state() == State::Prompt
    }

    /// Whether a call may be made now: always while the part answers, once a second while it is away.
    #[must_use]
    pub fn admit(&self) -> bool {
        let mut state = self.state();
        match *state {
            State::Prompt | State::Late => true,
            State::Away { next_probe } if Instant::now() < next_probe => false,
            State::Away { .. } => {
                *state = State::away();
                true
            }
        }
    }

    /// Notes that a call was answered in good time. Returns whether that is a change.
    pub fn answered(&self) -> bool {
        self.replace(State::Prompt) != State::Prompt
    }

    /// Notes that a call was answered, but later than uploads wait. Returns whether that is a change.
    pub fn answered_late(&self) -> bool {
        self.replace(State::Late) != State::Late
    }

    /// Notes that a call was not answered. Returns whether the part answered until now.
    pub fn failed(&self) -> bool {
        !matches!(self.replace(State::away()), State::Away { .. })
    }

    fn replace(&self, state: State) -> State {
        std::mem::replace(&mut *self.state(), state)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn away() -> Self {
        Self::Away {
            next_probe: Instant::now() + PROBE_INTERVAL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_counts_as_available_until_a_call_fails() {
        let part = Availability::default();
        assert!(part.is_available() && part.is_prompt());
        assert!(part.failed(), "the first failure is the change");
        assert!(!part.failed(), "the second is not");
        assert!(!part.is_available() && !part.is_prompt());
        assert!(part.answered(), "the first answer is the change");
        assert!(!part.answered(), "the second is not");
        assert!(part.is_available() && part.is_prompt());
    }

    #[test]
    fn a_late_answer_is_one_but_not_for_uploads() {
        let part = Availability::default();
        part.failed();
        assert!(part.answered_late(), "it was away");
        assert!(!part.answered_late(), "it was late before");
        assert!(part.is_available() && part.admit());
        assert!(!part.is_prompt());
        assert!(part.answered(), "it is prompt again");
        assert!(part.is_prompt());
        assert!(part.answered_late(), "it was prompt");
        assert!(part.failed(), "it answered until now");
    }

    #[test]
    fn a_part_that_is_away_is_probed_only_once_in_an_interval() {
        let part = Availability::default();
        assert!(part.admit());
        part.failed();
        assert!(!part.admit(), "just failed");
        part.replace(State::Away {
            next_probe: Instant::now(),
        });
        assert!(part.admit(), "the interval is over");
        assert!(!part.admit(), "somebody is probing already");
    }
}
