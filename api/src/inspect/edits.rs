//! Collects what a walk takes out of a file, or puts in its place.

use std::ops::Range;

use super::Edit;

/// Edits of these bytes, in order. What changes nothing is no edit.
#[derive(Debug)]
pub(super) struct Edits<'a> {
    bytes: &'a [u8],
    edits: Vec<Edit>,
}

impl<'a> Edits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let edits = Vec::new();
        Self { bytes, edits }
    }

    /// Leaves bytes out, which may be none. They must not lie before those of an earlier edit.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        self.replace(range, &[]);
    }

    /// Puts other bytes in their place. They must not lie before those of an earlier edit.
    pub(super) fn replace(&mut self, range: Range<usize>, replacement: &[u8]) {
        if self.bytes.get(range.clone()) == Some(replacement) {
            return;
        }
        if let Some(last) = self.edits.last_mut() {
            let between = self.bytes.get(last.range.end..range.start);
            // A few bytes that stay are sooner copied than kept apart by another edit, of which a hostile file
            // could demand one for every five of its bytes.
            if let Some(between) = between.filter(|bytes| bytes.len() < size_of::<Edit>()) {
                last.replacement.extend_from_slice(between);
                last.replacement.extend_from_slice(replacement);
                last.range.end = range.end;
                return;
            }
        }
        self.edits.push(Edit {
            range,
            replacement: replacement.to_vec(),
        });
    }

    /// How many bytes there are when all edits are made.
    pub(super) fn edited_length(&self) -> usize {
        let removed: usize = self.edits.iter().map(|edit| edit.range.len()).sum();
        let added: usize = self.edits.iter().map(|edit| edit.replacement.len()).sum();
        self.bytes.len() + added - removed
    }

    /// As [`Walked`](super::Walked) has them.
    pub(super) fn into_vec(self) -> Vec<Edit> {
        self.edits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_that_touch_or_nearly_touch_become_one() {
        let bytes: Vec<u8> = (0..200).collect();
        let mut edits = Edits::new(&bytes);
        edits.remove(2..4);
        edits.replace(4..5, b"ab");
        edits.replace(5..5, b"c");
        edits.remove(6..9);
        edits.remove(12..12);
        edits.remove(100..101);
        assert_eq!(edits.edited_length(), 200 - 7 + 3);
        let edit = |range, replacement: &[u8]| Edit {
            range,
            replacement: replacement.to_vec(),
        };
        let expected = [edit(2..9, b"abc\x05"), edit(100..101, b"")];
        assert_eq!(edits.into_vec(), expected);
    }

    #[test]
    fn what_changes_nothing_is_no_edit() {
        let mut edits = Edits::new(b"abc");
        edits.replace(0..2, b"ab");
        edits.remove(1..1);
        assert_eq!(edits.into_vec(), []);
    }
}
