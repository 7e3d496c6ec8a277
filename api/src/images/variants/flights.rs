//! The variants that are being made at this moment: each once, however many ask, and not too many.
//!
//! Also what keeps removals and renders apart. A render enters here, and then looks whether its image is there. A
//! removal is known to the journal or the database first; then it comes here and cancels the renders of its image,
//! and then takes away what they have kept. A render keeps a variant only under this lock and if it was not
//! cancelled. So whichever comes first, nothing is left: a render that enters after the removal came by finds the
//! image gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::VariantError;
use crate::domain::ImageId;
use crate::storage::{VariantFile, VariantKey};

/// How many variants may be under way, those that wait for their turn included: a few seconds of work. Each that
/// waits takes little, its original is read when its turn has come.
pub(super) const MOST: usize = 256;

/// What has become of a variant. `None`: nothing yet.
pub(super) type Outcome = Option<Result<VariantFile, VariantError>>;

/// The variants that are being made.
#[derive(Debug, Default)]
pub(super) struct Flights {
    flights: Mutex<HashMap<VariantKey, UnderWay>>,
}

#[derive(Debug)]
struct UnderWay {
    outcome: watch::Receiver<Outcome>,
    is_cancelled: bool,
}

/// What a request for a variant comes to.
pub(super) enum Entered {
    /// It is the first one, and sees to it that the variant is made.
    First(Flight),
    /// The variant is being made already.
    Joined(watch::Receiver<Outcome>),
    /// As many as may be are under way.
    Full,
}

impl Flights {
    /// Asks for a variant.
    pub(super) fn enter(self: &Arc<Self>, key: VariantKey) -> Entered {
        let mut flights = self.lock();
        if let Some(flight) = flights.get(&key) {
            return Entered::Joined(flight.outcome.clone());
        }
        if flights.len() >= MOST {
            return Entered::Full;
        }
        let (tell, outcome) = watch::channel(None);
        let under_way = UnderWay {
            outcome,
            is_cancelled: false,
        };
        flights.insert(key, under_way);
        Entered::First(Flight {
            flights: Arc::clone(self),
            key,
            tell,
        })
    }

    /// Has nothing be kept of the variants of this image that are under way.
    pub(super) fn cancel(&self, id: ImageId) {
        let mut flights = self.lock();
        for (_, flight) in flights.iter_mut().filter(|(key, _)| key.id == id) {
            flight.is_cancelled = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<VariantKey, UnderWay>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A variant that is being made by whoever holds this.
#[derive(Debug)]
pub(super) struct Flight {
    flights: Arc<Flights>,
    pub(super) key: VariantKey,
    tell: watch::Sender<Outcome>,
}

impl Flight {
    /// Where its outcome is told.
    pub(super) fn outcome(&self) -> watch::Receiver<Outcome> {
        self.tell.subscribe()
    }

    /// Whether the image was removed in the meantime.
    pub(super) fn is_cancelled(&self) -> bool {
        let flights = self.flights.lock();
        flights.get(&self.key).is_none_or(|own| own.is_cancelled)
    }

    /// Does what must not come after the image's removal. `None`: it was removed, and nothing was done.
    pub(super) fn unless_cancelled<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let flights = self.flights.lock();
        let is_cancelled = flights.get(&self.key).is_none_or(|own| own.is_cancelled);
        (!is_cancelled).then(work)
    }

    /// Tells all who wait.
    pub(super) fn land(&self, outcome: Result<VariantFile, VariantError>) {
        self.tell.send_replace(Some(outcome));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // Before that its outcome was told: who comes now finds the variant where it is kept.
        self.flights.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> VariantKey {
        VariantKey {
            id: ImageId::generate(),
            longer_side: 320,
            accepts_webp: false,
        }
    }

    fn first(flights: &Arc<Flights>, key: VariantKey) -> Flight {
        match flights.enter(key) {
            Entered::First(flight) => flight,
            Entered::Joined(_) => panic!("it is under way"),
            Entered::Full => panic!("too many are under way"),
        }
    }

    #[test]
    fn a_variant_is_made_by_the_first_who_asks() {
        let flights = Arc::<Flights>::default();
        let key = key();
        let flight = first(&flights, key);
        let Entered::Joined(outcome) = flights.enter(key) else {
            panic!("it is not under way");
        };
        flight.land(Err(VariantError::Undecodable));
        assert!(matches!(
            *outcome.borrow(),
            Some(Err(VariantError::Undecodable))
        ));
        drop(flight);
        drop(first(&flights, key));
    }

    #[test]
    fn no_more_than_so_many_are_under_way() {
        let flights = Arc::<Flights>::default();
        let mut under_way: Vec<Flight> = (0..MOST).map(|_| first(&flights, key())).collect();
        assert!(matches!(flights.enter(key()), Entered::Full));
        let joined = flights.enter(under_way[0].key);
        assert!(matches!(joined, Entered::Joined(_)), "it takes no room");
        under_way.pop();
        assert!(matches!(flights.enter(key()), Entered::First(_)));
    }

    #[test]
    fn what_was_removed_is_not_kept() {
        let flights = Arc::<Flights>::default();
        let (gone, stays) = (first(&flights, key()), first(&flights, key()));
        flights.cancel(gone.key.id);
        assert!(gone.is_cancelled() && !stays.is_cancelled());
        assert_eq!(gone.unless_cancelled(|| ()), None);
        assert_eq!(stays.unless_cancelled(|| ()), Some(()));
        let key = gone.key;
        drop(gone);
        assert!(!first(&flights, key).is_cancelled(), "another one");
    }
}
