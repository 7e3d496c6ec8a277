//! A journal entry: what is to become of an image, and what is still to be done for it.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::Image;

/// The format of the entries that this version writes and reads.
const VERSION: u8 = 1;

/// How long after S3 confirmed an object an earlier request for it may still arrive.
const LATE_OBJECT: TimeDelta = TimeDelta::minutes(5);

/// What is to become of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// It is to be in S3 and in the database.
    Publish,
    /// It is to be gone from everywhere but for its tombstone.
    Remove,
}

/// One thing that is owed. Each can be done twice without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Put the object into S3.
    StoreObject,
    /// Ask the database whether the content is blocked: it was away when the upload was taken in.
    CheckContent,
    /// Write the record, with everything that is known of the image by then.
    WriteRecord,
    /// Note in a record that was written before when S3 confirmed the object.
    NoteStored,
    /// Mark the record as deleted.
    WriteTombstone,
    /// Remove the object from S3.
    DeleteObject,
    /// Remove the local copy.
    DeleteLocalCopy,
    /// Remove the object from S3 once more, later: a request that was given up not long ago may still be on
    /// its way there.
    DeleteObjectAgain,
    /// Note in the record that nothing is left of the image.
    MarkPurged,
}

/// A journal entry: the whole image and what is still owed for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    version: u8,
    /// What is to become of the image.
    pub intent: Intent,
    /// The image as the record is to hold it.
    pub image: Image,
    /// What is still to be done, in this order.
    pub owed: Vec<Step>,
    /// When the image was removed. `None` while it is to be published.
    #[serde(default)]
    pub removed_at: Option<DateTime<Utc>>,
}

impl Entry {
    /// The entry that publishes an image whose local copy is durable.
    #[must_use]
    pub fn publish(image: Image) -> Self {
        Self {
            version: VERSION,
            intent: Intent::Publish,
            image,
            owed: vec![Step::StoreObject, Step::WriteRecord],
            removed_at: None,
        }
    }

    /// The same for an image of which nobody could tell whether its content is blocked.
    #[must_use]
    pub fn publish_unchecked(image: Image) -> Self {
        let mut entry = Self::publish(image);
        entry.owed.push(Step::CheckContent);
        entry
    }

    /// The entry that removes an image.
    #[must_use]
    pub fn remove(image: Image) -> Self {
        let mut owed = vec![
            Step::WriteTombstone,
            Step::DeleteObject,
            Step::DeleteLocalCopy,
        ];
        let confirmed_before = |period| image.stored_at.is_some_and(|at| Utc::now() - at >= period);
        if !confirmed_before(LATE_OBJECT) {
            owed.push(Step::DeleteObjectAgain);
        }
        owed.push(Step::MarkPurged);
        Self {
            version: VERSION,
            intent: Intent::Remove,
            image,
            owed,
            removed_at: Some(Utc::now()),
        }
    }

    /// Whether the image is to be published.
    #[must_use]
    pub fn is_publication(&self) -> bool {
        self.intent == Intent::Publish
    }

    /// Whether this is still to be done.
    #[must_use]
    pub fn owes(&self, step: Step) -> bool {
        self.owed.contains(&step)
    }

    /// Takes a step off the list.
    pub fn done(&mut self, step: Step) {
        self.owed.retain(|owed| *owed != step);
    }

    /// Puts a step on the list, unless it is there.
    pub fn owe(&mut self, step: Step) {
        if !self.owes(step) {
            self.owed.push(step);
        }
    }

    /// Reads an entry from its file. The error says in words why it is none.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let entry: Self = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        if entry.version != VERSION {
            return Err(format!("its version is {}, not {VERSION}", entry.version));
        }
        Ok(entry)
    }
}
