//! What takes variants away: the removal of their image, and the budget.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::pool;
use crate::domain::ImageId;
use crate::images::Images;

/// When what is kept is counted for the first time: a start has more urgent things to do.
const COUNTED_AFTER: Duration = Duration::from_secs(1);
/// How long the next look waits after one that failed.
const AFTER_A_FAILURE: Duration = Duration::from_secs(10);

impl Images {
    /// Removes the variants of an image that the journal or the database says is gone, and has those that are being
    /// made not be kept. Says whether there were any.
    pub(in crate::images) async fn remove_variants(&self, id: ImageId) -> io::Result<bool> {
        self.variants.flights.cancel(id);
        self.variants.placeholders.forget(id);
        self.variants.store.remove_of(id).await
    }

    /// Counts what is kept, and removes what was used longest ago whenever it is too much.
    pub(in crate::images) async fn keep_variants_in_budget(&self) {
        tokio::time::sleep(COUNTED_AFTER).await;
        loop {
            let store = Arc::clone(&self.variants.store);
            let kept = pool::at_low_priority(move || store.keep_budget()).await;
            if let Err(error) = kept.flatten() {
                log::warn!("variants cannot be counted or removed: {error}");
                tokio::time::sleep(AFTER_A_FAILURE).await;
            }
            self.variants.too_much.notified().await;
        }
    }
}
