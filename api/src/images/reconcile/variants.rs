//! Looks for variants of images that are deleted or that nobody knows. They are a cache, so they are removed whatever
//! else is left alone.

use std::time::SystemTime;

use super::report::{Action, Finding, Kind, Outcome, Summary};
use super::{Event, ReconcileError, Reconciliation};
use crate::domain::ImageId;

/// How many images the database is asked about at once.
const BATCH: usize = 500;

impl Reconciliation {
    pub(super) async fn look_at_variants(
        &self,
        summary: &mut Summary,
        tell: &mut (impl FnMut(Event<'_>) + Send),
    ) -> Result<(), ReconcileError> {
        for day in self.local.days_with_variants().await? {
            for batch in self.local.images_with_variants(&day).await?.chunks(BATCH) {
                for finding in self.look_at_batch(batch).await? {
                    summary.count(&finding);
                    tell(Event::Found(&finding));
                }
            }
        }
        Ok(())
    }

    async fn look_at_batch(&self, batch: &[ImageId]) -> Result<Vec<Finding>, ReconcileError> {
        // The journal first: an entry that ends after this look has its record by the next.
        let mut unowed = Vec::new();
        for id in batch {
            if !self.local.has_entry(*id).await? {
                unowed.push(*id);
            }
        }
        let live = self
            .asking_database(|db, deadline| db.live_among(&unowed, deadline))
            .await?;
        let recorded = self
            .asking_database(|db, deadline| db.recorded_among(&unowed, deadline))
            .await?;
        let mut findings = Vec::new();
        for id in unowed.into_iter().filter(|id| !live.contains(id)) {
            let kind = if recorded.contains(&id) {
                Kind::DeletedVariants
            } else {
                Kind::OrphanVariants
            };
            let Some(changed_at) = self.local.variants_changed_at(id).await? else {
                continue;
            };
            // Its image may belong to an upload whose entry was read before it was there.
            if kind == Kind::OrphanVariants && self.options.is_young(SystemTime::into(changed_at)) {
                continue;
            }
            let outcome = if self.options.repair {
                self.local.remove_variants(id).await?;
                Outcome::Repaired
            } else {
                Outcome::Planned
            };
            findings.push(Finding {
                id: Some(id),
                kind,
                what: self.local.variants_folder(id).display().to_string(),
                action: Action::RemoveVariants,
                outcome,
            });
        }
        Ok(findings)
    }
}
