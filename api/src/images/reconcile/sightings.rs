//! Everything that is there, image by image: records, objects and local copies, each read page by page in the
//! order of the ids and merged. One page of each is in memory.

use std::collections::VecDeque;

use super::{ReconcileError, Reconciliation};
use crate::db::Record;
use crate::domain::ImageId;
use crate::storage::{ListedCopy, ListedObject};

/// Copies in a page. Every page reads its day's folder once, so it is a large one.
const COPIES: usize = 10_000;
const RECORDS: u32 = 1000;

/// What lists show of one image. It may have changed since.
#[derive(Clone, Debug)]
pub(super) struct Sighting {
    pub(super) id: ImageId,
    pub(super) record: Option<Record>,
    pub(super) objects: Vec<ListedObject>,
    pub(super) copies: Vec<ListedCopy>,
}

/// The merged lists.
pub(super) struct Sightings<'a> {
    of: &'a Reconciliation,
    records: Pages<Record, ImageId>,
    objects: Pages<ListedObject, String>,
    copies: Pages<ListedCopy, ImageId>,
    last_object: Option<ImageId>,
    foreign_objects: u64,
}

/// A list that is read page by page.
struct Pages<T, K> {
    page: VecDeque<T>,
    after: Option<K>,
    ended: bool,
}

impl<T, K> Pages<T, K> {
    fn new() -> Self {
        Self {
            page: VecDeque::new(),
            after: None,
            ended: false,
        }
    }

    fn is_read(&self) -> bool {
        self.ended || !self.page.is_empty()
    }
}

impl<'a> Sightings<'a> {
    pub(super) fn new(of: &'a Reconciliation) -> Self {
        Self {
            of,
            records: Pages::new(),
            objects: Pages::new(),
            copies: Pages::new(),
            last_object: None,
            foreign_objects: 0,
        }
    }

    /// Objects so far that the service did not write.
    pub(super) fn foreign_objects(&self) -> u64 {
        self.foreign_objects
    }

    /// The next image. `None` after the last.
    ///
    /// # Errors
    /// [`ReconcileError`] when a list cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Sighting>, ReconcileError> {
        let record = self.peek_record().await?;
        let object = self.peek_object().await?;
        let copy = self.peek_copy().await?;
        let Some(id) = [record, object, copy].into_iter().flatten().min() else {
            return Ok(None);
        };
        let mut sighting = Sighting {
            id,
            record: None,
            objects: Vec::new(),
            copies: Vec::new(),
        };
        if record == Some(id) {
            sighting.record = self.records.page.pop_front();
        }
        while self.peek_object().await? == Some(id) {
            sighting.objects.extend(self.objects.page.pop_front());
        }
        while self.peek_copy().await? == Some(id) {
            sighting.copies.extend(self.copies.page.pop_front());
        }
        Ok(Some(sighting))
    }

    async fn peek_record(&mut self) -> Result<Option<ImageId>, ReconcileError> {
        if !self.records.is_read() {
            let after = self.records.after;
            let page = self
                .of
                .asking_database(|db, deadline| db.records_after(after, RECORDS, deadline))
                .await?;
            self.records.ended = page.is_empty();
            self.records.after = page.last().map(|record| record.image.id);
            self.records.page = page.into();
        }
        Ok(self.records.page.front().map(|record| record.image.id))
    }

    async fn peek_object(&mut self) -> Result<Option<ImageId>, ReconcileError> {
        while !self.objects.is_read() {
            let after = self.objects.after.as_deref();
            let listed = self.of.objects.list_after(after, self.of.object_deadline());
            let page = listed.await?;
            self.objects.ended = !page.more || page.objects.is_empty();
            self.objects.after = page.objects.last().map(|object| object.object_key.clone());
            for object in page.objects {
                let Some((id, _)) = object.named else {
                    self.foreign_objects += 1;
                    continue;
                };
                if self.last_object.is_some_and(|last| id < last) {
                    return Err(ReconcileError::OutOfOrder);
                }
                self.last_object = Some(id);
                self.objects.page.push_back(object);
            }
        }
        let front = self.objects.page.front();
        Ok(front.and_then(|object| object.named).map(|(id, _)| id))
    }

    async fn peek_copy(&mut self) -> Result<Option<ImageId>, ReconcileError> {
        if !self.copies.is_read() {
            let page = self
                .of
                .local
                .copies_after(self.copies.after, COPIES)
                .await?;
            self.copies.ended = page.is_empty();
            self.copies.after = page.last().map(|copy| copy.id);
            self.copies.page = page.into();
        }
        Ok(self.copies.page.front().map(|copy| copy.id))
    }
}
