//! How much the journal owes, counted as entries come, change and go.

use super::entry::{Entry, Step};

/// How many images something is owed for, and what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    /// All of them.
    pub images: usize,
    /// Those whose object is still to be stored.
    pub objects: usize,
    /// Those whose record is still to be written, or to be told that the object is stored.
    pub records: usize,
    /// Those that are still to be removed.
    pub removals: usize,
}

impl Owed {
    /// The counts that an entry adds to.
    pub(super) fn of(&mut self, entry: &Entry) -> impl Iterator<Item = &mut usize> {
        let publishes = entry.is_publication();
        let record = [Step::WriteRecord, Step::NoteStored, Step::CheckContent];
        [
            (true, &mut self.images),
            (
                publishes && entry.owes(Step::StoreObject),
                &mut self.objects,
            ),
            (
                publishes && record.into_iter().any(|step| entry.owes(step)),
                &mut self.records,
            ),
            (!publishes, &mut self.removals),
        ]
        .into_iter()
        .filter_map(|(counts, count)| counts.then_some(count))
    }
}
