//! The journal in memory: what its files say, and who works on what. No I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex as AsyncMutex;

use crate::domain::{IdempotencyKeyHash, ImageId};
use crate::storage::entry::Entry;
use crate::storage::owed::Owed;

/// The mirror of the folder in memory, the oldest image first.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) slots: BTreeMap<ImageId, Slot>,
    pub(super) keys: HashMap<IdempotencyKeyHash, ImageId>,
    /// Kept with every change: nobody who asks walks ten thousand entries.
    pub(super) owed: Owed,
    /// Removals of which only the second look at the object is left, by when they began.
    pub(super) second_looks: BTreeSet<(DateTime<Utc>, ImageId)>,
    /// Images whose files are no entries.
    pub(super) unreadable: HashSet<ImageId>,
}

impl Entries {
    /// Puts `entry` in the place of what the slot of its image held.
    pub(super) fn set(&mut self, id: ImageId, entry: Option<Arc<Entry>>) {
        let Some(slot) = self.slots.get_mut(&id) else {
            return;
        };
        if let Some(old) = &slot.entry {
            self.owed.of(old).for_each(|count| *count -= 1);
            if let Some(began) = old.removed_at {
                self.second_looks.remove(&(began, id));
            }
        }
        if let Some(new) = &entry {
            self.owed.of(new).for_each(|count| *count += 1);
            if let Some(began) = new.removed_at
                && new.is_gone_but_for_a_second_look()
            {
                self.second_looks.insert((began, id));
            }
        }
        if let Some(key) = slot
            .entry
            .as_ref()
            .and_then(|old| old.image.idempotency_key.as_ref())
        {
            self.keys.remove(key);
        }
        if let Some(key) = entry
            .as_ref()
            .and_then(|new| new.image.idempotency_key.clone())
        {
            self.keys.insert(key, id);
        }
        slot.entry = entry;
    }

    /// Images whose removal began less than `late_object` ago, and waits only for that time to pass.
    pub(super) fn waiting(&self, late_object: Duration) -> HashSet<ImageId> {
        let now = Utc::now();
        let recent = self.second_looks.iter().rev().take_while(|(began, _)| {
            let since = (now - began).to_std();
            // Less than nothing: the clock was set back. That is due, and as few as these are.
            since.map_or(true, |since| since < late_object)
        });
        recent
            .filter(|(began, _)| *began <= now)
            .map(|(_, id)| *id)
            .collect()
    }
}

/// The place of an image in the journal.
pub(super) struct Slot {
    /// `None` while the first write is under way: nothing has been promised yet.
    pub(super) entry: Option<Arc<Entry>>,
    pub(super) claimed: bool,
    /// A removal has taken the place of what the claim works on. The claim changes nothing any more.
    pub(super) overruled: bool,
    /// Held while the entry's file is written or taken away.
    pub(super) writing: Arc<AsyncMutex<()>>,
    /// The file may hold something else than `entry`: it could not be put back after a write that failed.
    pub(super) unsure: bool,
}

impl Slot {
    pub(super) fn new(entry: Option<Arc<Entry>>, claimed: bool) -> Self {
        Self {
            entry,
            claimed,
            overruled: false,
            writing: Arc::default(),
            unsure: false,
        }
    }
}
