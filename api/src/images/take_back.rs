//! Takes back an image that was being published: it was deleted through another host, its content is blocked,
//! or another image has its idempotency key.

use super::Images;
use super::publish::{Effort, Overtaken, Settled};
use crate::storage::{Claim, Entry};

impl Images {
    /// Ends a publication that was overtaken.
    pub(super) async fn end_overtaken(
        &self,
        claim: Claim,
        entry: Entry,
        effort: Effort<'_>,
        overtaken: Overtaken,
    ) -> Settled {
        match overtaken {
            Overtaken::Removed => Settled::Deleted,
            Overtaken::TombstoneFound | Overtaken::Blocked(_) => {
                self.take_back(claim, entry, effort).await;
                overtaken.into()
            }
            Overtaken::KeyTaken(_) => {
                if let Some(kept) = self.give_way(claim, entry, effort).await {
                    Settled::Entry(kept)
                } else {
                    overtaken.into()
                }
            }
        }
    }

    /// Turns a publication into a removal, and carries out as much of that as can be. If the removal cannot be
    /// journaled nothing is taken away, and the replayer comes to the same end later.
    async fn take_back(&self, mut claim: Claim, publication: Entry, effort: Effort<'_>) {
        let removal = Entry::remove(publication.image);
        match claim.write(removal.clone()).await {
            Ok(()) => self.remove_withdrawn(claim, removal, effort).await,
            Err(error) => log::warn!(
                "image {}: its removal cannot be journaled yet: {error}",
                removal.image.id
            ),
        }
    }

    /// Another image has the key. If nobody was told of this one it is taken back. If somebody was, two hosts
    /// took uploads with the same key while the database was away: losing one would break the greater
    /// promise, so it is kept, without the key, and this is how its entry then stands.
    async fn give_way(
        &self,
        mut claim: Claim,
        mut entry: Entry,
        effort: Effort<'_>,
    ) -> Option<Entry> {
        let id = entry.image.id;
        // Without the key, so that its tombstone does not collide with the winner's record.
        entry.image.idempotency_key = None;
        let removal = Entry::remove(entry.image.clone());
        match claim.withdraw(removal.clone()).await {
            Ok(true) => {
                self.remove_withdrawn(claim, removal, effort).await;
                None
            }
            Ok(false) => {
                log::warn!("image {id}: another image has its idempotency key; both are kept");
                self.note(&mut claim, entry.clone()).await;
                Some(entry)
            }
            Err(error) => {
                log::warn!("image {id}: its removal cannot be journaled yet: {error}");
                None
            }
        }
    }

    async fn remove_withdrawn(&self, claim: Claim, removal: Entry, effort: Effort<'_>) {
        let mut left = removal.clone();
        self.carry_out_removal(&mut left, effort).await;
        self.keep(claim, &removal, left).await;
    }
}
