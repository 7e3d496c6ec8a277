//! A journal entry: what is to become of an image, and what is still to be done for it.

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::Image;

/// The format of the entries that this version writes and reads.
const VERSION: u8 = 1;

/// How many files are read at once. After a restart of the host each one is a wait for the disk, and ten thousand
/// waits one after the other keep the service from starting.
const READERS: usize = 16;

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

impl Step {
    /// The step as entries and metrics write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StoreObject => "store_object",
            Self::CheckContent => "check_content",
            Self::WriteRecord => "write_record",
            Self::NoteStored => "note_stored",
            Self::WriteTombstone => "write_tombstone",
            Self::DeleteObject => "delete_object",
            Self::DeleteLocalCopy => "delete_local_copy",
            Self::DeleteObjectAgain => "delete_object_again",
            Self::MarkPurged => "mark_purged",
        }
    }
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
    /// Whether somebody may have been told of the image before its record was written. What was not promised
    /// gives way to another image with its idempotency key; what was promised stays.
    #[serde(default = "promised")]
    pub promised: bool,
}

/// Entries of versions that did not make the difference count as promised.
fn promised() -> bool {
    true
}

impl Entry {
    /// The entry that publishes an image whose local copy is durable.
    #[must_use]
    pub fn publish(image: Image) -> Self {
        Self {
            version: VERSION,
            intent: Intent::Publish,
            promised: image.idempotency_key.is_none(),
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
            promised: true,
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

    /// Whether the image is gone, and all that is left is to look a second time whether its object is.
    #[must_use]
    pub fn is_gone_but_for_a_second_look(&self) -> bool {
        let second_look = [Step::DeleteObjectAgain, Step::MarkPurged];
        self.owes(Step::DeleteObjectAgain)
            && self.owed.iter().all(|step| second_look.contains(step))
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

    /// Reads entries from their files, many at once, and gives them in no particular order.
    pub(super) fn read_all(mut paths: Vec<PathBuf>) -> Vec<(PathBuf, Result<Self, ReadError>)> {
        let each = paths.len().div_ceil(READERS).max(1);
        let mut shares = Vec::new();
        while !paths.is_empty() {
            shares.push(paths.split_off(paths.len().saturating_sub(each)));
        }
        std::thread::scope(|scope| {
            let read = |path: PathBuf| {
                let entry = Self::read(&path);
                (path, entry)
            };
            let readers: Vec<_> = shares
                .into_iter()
                .map(|share| scope.spawn(move || share.into_iter().map(read).collect::<Vec<_>>()))
                .collect();
            let joined = readers.into_iter().map(|reader| match reader.join() {
                Ok(entries) => entries,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.flatten().collect()
        })
    }

    /// Reads an entry from its file.
    pub(super) fn read(path: &Path) -> Result<Self, ReadError> {
        let bytes = std::fs::read(path)?;
        let entry: Self = serde_json::from_slice(&bytes)
            .map_err(|error| ReadError::NoEntry(error.to_string()))?;
        if entry.version != VERSION {
            let reason = format!("its version is {}, not {VERSION}", entry.version);
            return Err(ReadError::NoEntry(reason));
        }
        Ok(entry)
    }
}

/// Why an entry could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The disk does not give the file. It may be in good order.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// The file holds something else, in words.
    #[error("{0}")]
    NoEntry(String),
}
