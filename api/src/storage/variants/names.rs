//! Remembers what variants were found, so that their folders need not be listed again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::storage::{VariantBytes, VariantKey};

/// How many are remembered: together less than 1 MiB.
const MAX_NAMES: usize = 4096;

/// What variants were found. They may have been removed since.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashMap<VariantKey, VariantBytes>>);

impl Names {
    pub(super) fn of(&self, key: VariantKey) -> Option<VariantBytes> {
        self.names().get(&key).cloned()
    }

    /// When too many are remembered, all are forgotten: each is found again by listing one folder.
    pub(super) fn remember(&self, key: VariantKey, bytes: &VariantBytes) {
        let mut names = self.names();
        if names.len() >= MAX_NAMES {
            names.clear();
        }
        names.insert(key, bytes.clone());
    }

    fn names(&self) -> MutexGuard<'_, HashMap<VariantKey, VariantBytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ImageId, MediaType};

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let names = Names::default();
        let bytes = VariantBytes::of(MediaType::Jpeg, b"x");
        for _ in 0..=MAX_NAMES {
            let key = VariantKey {
                id: ImageId::generate(),
                longer_side: 320,
                accepts_webp: false,
            };
            names.remember(key, &bytes);
            assert_eq!(names.of(key), Some(bytes.clone()));
            assert_eq!(
                names.of(VariantKey {
                    longer_side: 640,
                    ..key
                }),
                None
            );
        }
        assert_eq!(names.names().len(), 1);
    }
}
