//! The right to work on one entry of the journal: to replace it, and to end it.

use std::io;
use std::sync::Arc;

use super::{Journal, Turn};
use crate::domain::ImageId;
use crate::fault;
use crate::storage::entry::{Entry, Step};
use crate::storage::local::{WriteError, blocking};

/// The right to work on an entry. Given back when dropped.
pub struct Claim {
    pub(super) journal: Arc<Journal>,
    pub(super) id: ImageId,
}

impl Claim {
    /// The entry. `None` only before its first write.
    #[must_use]
    pub fn entry(&self) -> Option<Arc<Entry>> {
        self.journal.entries().slots.get(&self.id)?.entry.clone()
    }

    /// Whether a removal has taken the place of what this claim works on.
    #[must_use]
    pub fn is_overruled(&self) -> bool {
        if fault::broken("break.tombstones-ignored") {
            return false;
        }
        let entries = self.journal.entries();
        entries
            .slots
            .get(&self.id)
            .is_some_and(|slot| slot.overruled)
    }

    /// Replaces the entry, durably. Changes nothing when a removal has overruled the claim.
    ///
    /// # Errors
    /// [`WriteError`]. A first write leaves nothing; a later one may leave either version.
    pub async fn write(&mut self, entry: Entry) -> Result<(), WriteError> {
        self.write_after(entry, || Ok(())).await
    }

    /// The same once `first` is done, on the same thread.
    pub(super) async fn write_after(
        &mut self,
        entry: Entry,
        first: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), WriteError> {
        self.replace(entry, |_| true, first).await.map(|_| ())
    }

    /// Puts its removal in the place of a publication that nobody has been told of. Says whether it did: what
    /// has been promised stays.
    ///
    /// # Errors
    /// [`WriteError`]; the publication then stands.
    pub async fn withdraw(&mut self, removal: Entry) -> Result<bool, WriteError> {
        let is_unknown = |entry: &Entry| !entry.promised && entry.owes(Step::WriteRecord);
        self.replace(removal, is_unknown, || Ok(())).await
    }

    async fn replace(
        &mut self,
        mut entry: Entry,
        may_be_replaced: impl Fn(&Entry) -> bool,
        first: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<bool, WriteError> {
        let turn = self.turn().await;
        let before = self.entry();
        if self.is_overruled() || before.as_ref().is_some_and(|entry| !may_be_replaced(entry)) {
            return Ok(false);
        }
        entry.promised |= before.is_some_and(|before| before.promised);
        self.journal.write_file_after(&entry, &turn, first).await?;
        let mut entries = self.journal.entries();
        entries.set(self.id, Some(Arc::new(entry)));
        // Should there have been a file that was no entry, it is one now.
        entries.unreadable.remove(&self.id);
        if let Some(slot) = entries.slots.get_mut(&self.id) {
            slot.unsure = false;
        }
        Ok(true)
    }

    /// Whether the entry has to be written again although nothing in it has changed.
    #[must_use]
    pub fn is_unsure(&self) -> bool {
        let entries = self.journal.entries();
        entries.slots.get(&self.id).is_some_and(|slot| slot.unsure)
    }

    /// Remembers how far the work has come although the disk does not take it: the work is not done again
    /// before the next start. The entry has to be written again.
    pub fn show(&self, mut entry: Entry) {
        // One look and one change under one lock: a removal may come at any moment.
        let mut entries = self.journal.entries();
        if let Some(slot) = entries.slots.get_mut(&self.id)
            && !slot.overruled
        {
            slot.unsure = true;
            entry.promised |= slot.entry.as_ref().is_some_and(|before| before.promised);
            entries.set(self.id, Some(Arc::new(entry)));
        }
    }

    /// Ends the entry, which now stands like this: nothing is owed any more. Not synced, because an entry
    /// that comes back after a power cut is carried out once more without harm. Changes nothing when a
    /// removal has overruled the claim.
    ///
    /// # Errors
    /// Any error of the file system; the entry then stays.
    pub async fn finish(self, entry: Entry) -> io::Result<()> {
        let turn = self.turn().await;
        if self.is_overruled() {
            return Ok(());
        }
        let (journal, path) = (Arc::clone(&self.journal), self.journal.path(self.id));
        let ending = Arc::clone(&turn);
        blocking(move || {
            let _turn = ending;
            journal.settled.take(&path, Arc::new(entry))
        })
        .await?;
        // The drop takes the empty slot away.
        self.journal.entries().set(self.id, None);
        Ok(())
    }

    pub(super) async fn turn(&self) -> Turn {
        match self.journal.turn(self.id).await {
            Some(turn) => turn,
            None => unreachable!("the slot of a claim stays until its drop"),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut entries = self.journal.entries();
        match entries.slots.get_mut(&self.id) {
            Some(slot) if slot.entry.is_some() => {
                slot.claimed = false;
                slot.overruled = false;
                self.journal.left_owing.notify_one();
            }
            _ => {
                entries.slots.remove(&self.id);
            }
        }
    }
}
