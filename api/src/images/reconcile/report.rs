//! What a reconciliation finds, as it is told to people and programs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::ImageId;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// There is no object, but a good local copy.
    MissingObject,
    /// The object holds other bytes than the record says, the local copy is good.
    DamagedObject,
    /// The object is there, but the record does not say so.
    UnnotedObject,
    /// There is no local copy, but a good object.
    MissingCopy,
    /// The local copy holds other bytes than the record says, the object is good.
    DamagedCopy,
    /// The local copy cannot be read.
    UnreadableCopy,
    /// S3 is there, but does not give this object.
    UnreadableObject,
    /// Neither a good object nor a good local copy is there.
    Lost,
    /// The image was deleted, its object is there.
    DeletedObject,
    /// The image was deleted, its local copy is there.
    DeletedCopy,
    /// There is no record, but an object that says what the record was.
    MissingRecord,
    /// An object that no record names and that does not say what its record was.
    OrphanObject,
    /// A local copy that no record and no journal entry names.
    OrphanCopy,
    /// The image was deleted, variants of it are there.
    DeletedVariants,
    /// Variants of an image that no record and no journal entry names.
    OrphanVariants,
    /// A file of the journal cannot be read.
    UnreadableEntry,
}

impl Kind {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingObject => "missing object",
            Self::DamagedObject => "damaged object",
            Self::UnnotedObject => "unnoted object",
            Self::MissingCopy => "missing copy",
            Self::DamagedCopy => "damaged copy",
            Self::UnreadableCopy => "unreadable copy",
            Self::UnreadableObject => "unreadable object",
            Self::Lost => "lost",
            Self::DeletedObject => "object of a deleted image",
            Self::DeletedCopy => "copy of a deleted image",
            Self::MissingRecord => "missing record",
            Self::OrphanObject => "orphan object",
            Self::OrphanCopy => "orphan copy",
            Self::DeletedVariants => "variants of a deleted image",
            Self::OrphanVariants => "orphan variants",
            Self::UnreadableEntry => "unreadable journal entry",
        }
    }
}

/// What is done about a finding, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The local copy is put into S3.
    UploadObject,
    /// The local copy is put in the place of the damaged object.
    ReplaceObject,
    /// The record is told that the object is there.
    NoteStored,
    /// The object is written to the disk.
    RestoreCopy,
    /// The damaged copy is moved to `swept/`, the object is written in its place.
    SetAsideAndRestoreCopy,
    /// The object is removed.
    RemoveObject,
    /// The local copy is removed.
    RemoveCopy,
    /// The record is written anew.
    RebuildRecord,
    /// The local copy is moved to `swept/`.
    SetCopyAside,
    /// All variants of the image are removed.
    RemoveVariants,
    /// Nothing; a person has to look.
    None,
}

impl Action {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UploadObject => "upload object",
            Self::ReplaceObject => "replace object",
            Self::NoteStored => "note stored",
            Self::RestoreCopy => "restore copy",
            Self::SetAsideAndRestoreCopy => "set aside and restore copy",
            Self::RemoveObject => "remove object",
            Self::RemoveCopy => "remove copy",
            Self::RebuildRecord => "rebuild record",
            Self::SetCopyAside => "set copy aside",
            Self::RemoveVariants => "remove variants",
            Self::None => "none",
        }
    }
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing was to be changed.
    Planned,
    /// It is mended.
    Repaired,
    /// It is as it was.
    Left,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The image. `None` when nobody can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ImageId>,
    /// What is wrong.
    pub kind: Kind,
    /// With which object or file, and why if that is not plain.
    pub what: String,
    /// What is done about it.
    pub action: Action,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a reconciliation has seen and done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Images that were looked at: ids that a record, an object or a local copy has.
    pub images: u64,
    /// Findings of each kind.
    pub found: BTreeMap<Kind, u64>,
    /// Findings that a run with repairs would mend.
    pub planned: u64,
    /// Findings that were mended.
    pub repaired: u64,
    /// Findings that are as they were. Those of lost images are among them.
    pub left: u64,
    /// Images of which nothing good is left.
    pub lost: u64,
    /// Images with a journal entry on this host: the service sees to them.
    pub pending: u64,
    /// Objects and copies without a record that are younger than the grace period: uploads under way.
    pub in_progress: u64,
    /// Images that another host may still have to put into S3.
    pub owed_elsewhere: u64,
    /// Objects below the prefix that the service did not write. They are never touched.
    pub foreign_objects: u64,
}

impl Summary {
    pub(super) fn count(&mut self, finding: &Finding) {
        *self.found.entry(finding.kind).or_default() += 1;
        match finding.outcome {
            Outcome::Repaired => self.repaired += 1,
            Outcome::Planned | Outcome::Left => self.left += 1,
        }
        self.planned += u64::from(finding.outcome == Outcome::Planned);
        if finding.kind == Kind::Lost {
            self.lost += 1;
        }
    }

    /// How many findings there were.
    #[must_use]
    pub fn findings(&self) -> u64 {
        self.found.values().sum()
    }
}
