//! What is wrong with an image, by what was seen of it, and what would mend it. No I/O.
//!
//! Bad is never put over good here: only what is [`ObjectState::Good`] or [`CopyState::Good`], which means that
//! its SHA-256 is the record's, is ever a source.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::Options;
use super::report::{Action, Kind};
use crate::db::Record;
use crate::domain::{Image, ImageId};
use crate::storage::StorageKey;

/// What was seen of an image while nothing about it changed.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    pub(super) id: ImageId,
    pub(super) record: Option<Record>,
    pub(super) objects: Vec<SeenObject>,
    pub(super) copies: Vec<SeenCopy>,
    /// Where the bytes of the record are, when neither its object nor its copy has them.
    pub(super) elsewhere: Option<Source>,
}

/// Where good bytes are.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// In the object with this key.
    Object(String),
    /// In this file below the uploads folder.
    File(PathBuf),
}

impl Source {
    fn as_text(&self) -> String {
        match self {
            Self::Object(key) => key.clone(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct SeenObject {
    pub(super) object_key: String,
    pub(super) e_tag: Option<String>,
    pub(super) last_modified: DateTime<Utc>,
    /// Younger than the grace period.
    pub(super) young: bool,
    pub(super) state: ObjectState,
}

#[derive(Clone, Debug)]
pub(super) enum ObjectState {
    /// It holds the bytes of the record.
    Good,
    /// It lies under the key of the record, but holds other bytes.
    Damaged,
    /// Nothing names it, or the image was deleted.
    Unowned,
    /// There is no record, and this is what it says of it.
    Rebuildable(Box<Image>),
    /// There is no record, and the object does not make one: why.
    Orphan(String),
    /// S3 is there and does not give it: why.
    Unreadable(String),
}

#[derive(Clone, Debug)]
pub(super) struct SeenCopy {
    pub(super) key: StorageKey,
    /// Younger than the grace period.
    pub(super) young: bool,
    pub(super) state: CopyState,
}

#[derive(Clone, Debug)]
pub(super) enum CopyState {
    /// It holds the bytes of the record.
    Good,
    /// It is the copy of the record, but holds other bytes.
    Damaged,
    /// It cannot be read: why.
    Unreadable(String),
    /// Nothing names it, or the image was deleted.
    Unowned,
}

/// How something is mended.
#[derive(Clone, Debug)]
pub(super) enum Repair {
    UploadObject,
    ReplaceObject { e_tag: String },
    NoteStored(DateTime<Utc>),
    RestoreCopy { damaged: bool, from: Source },
    RemoveObject,
    RemoveCopy(StorageKey),
    RebuildRecord(Box<Image>),
    SetCopyAside(StorageKey),
}

impl Repair {
    pub(super) fn action(&self) -> Action {
        match self {
            Self::UploadObject => Action::UploadObject,
            Self::ReplaceObject { .. } => Action::ReplaceObject,
            Self::NoteStored(_) => Action::NoteStored,
            Self::RestoreCopy { damaged: false, .. } => Action::RestoreCopy,
            Self::RestoreCopy { damaged: true, .. } => Action::SetAsideAndRestoreCopy,
            Self::RemoveObject => Action::RemoveObject,
            Self::RemoveCopy(_) => Action::RemoveCopy,
            Self::RebuildRecord(_) => Action::RebuildRecord,
            Self::SetCopyAside(_) => Action::SetCopyAside,
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) kind: Kind,
    /// The key of the object, or the path of the copy below the uploads folder.
    pub(super) place: String,
    /// Why it is so, or why it is left, if that is not plain.
    pub(super) reason: Option<String>,
    pub(super) repair: Option<Repair>,
}

impl Problem {
    fn new(kind: Kind, place: impl Into<String>, repair: Option<Repair>) -> Self {
        Self {
            kind,
            place: place.into(),
            reason: None,
            repair,
        }
    }

    fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Both in words.
    pub(super) fn what(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{}: {reason}", self.place),
            None => self.place.clone(),
        }
    }
}

/// What was found out about an image.
#[derive(Clone, Debug, Default)]
pub(super) struct Judgement {
    pub(super) problems: Vec<Problem>,
    /// Objects and copies that belong to an upload under way.
    pub(super) in_progress: u64,
    /// Another host may still have to put the image into S3.
    pub(super) owed_elsewhere: bool,
}

/// Judges an image. `cautious`: files of the journal cannot be read, and each may be about this image.
pub(super) fn judge(evidence: &Evidence, options: &Options, cautious: bool) -> Judgement {
    let mut judgement = Judgement::default();
    let good = match &evidence.record {
        Some(record) if record.deleted => {
            judge_deleted(evidence, &mut judgement);
            return judgement;
        }
        Some(record) => judge_live(&record.image, evidence, options, &mut judgement),
        None => true,
    };
    // What is left of an image without a good copy may be all that a person can save.
    let removes = good && options.remove_orphans;
    judge_unowned(evidence, removes, cautious, &mut judgement);
    judgement
}

/// What was deleted stays deleted.
fn judge_deleted(evidence: &Evidence, judgement: &mut Judgement) {
    for object in &evidence.objects {
        let repair = Some(Repair::RemoveObject);
        let problem = Problem::new(Kind::DeletedObject, &object.object_key, repair);
        judgement.problems.push(problem);
    }
    for copy in &evidence.copies {
        let repair = Some(Repair::RemoveCopy(copy.key));
        let problem = Problem::new(Kind::DeletedCopy, path(copy.key), repair);
        judgement.problems.push(problem);
    }
}

/// Gives whether the bytes of the image are where they belong, in one place at least.
fn judge_live(
    image: &Image,
    evidence: &Evidence,
    options: &Options,
    judgement: &mut Judgement,
) -> bool {
    let key = StorageKey::Original {
        id: image.id,
        media_type: image.media_type,
    };
    let object = evidence
        .objects
        .iter()
        .find(|object| object.object_key == image.object_key);
    let copy = evidence.copies.iter().find(|copy| copy.key == key);
    let good_object = object.is_some_and(|object| matches!(object.state, ObjectState::Good));
    let good_copy = copy.is_some_and(|copy| matches!(copy.state, CopyState::Good));
    let problems = &mut judgement.problems;
    let of_object = |kind, repair| Problem::new(kind, &image.object_key, repair);
    let of_copy = |kind, repair| Problem::new(kind, path(key), repair);

    let unreadable_object = object.and_then(|object| match &object.state {
        ObjectState::Unreadable(reason) => Some(reason),
        _ => None,
    });
    if let Some(reason) = unreadable_object {
        problems.push(of_object(Kind::UnreadableObject, None).because(reason));
    }
    let from = if good_object {
        Some(Source::Object(image.object_key.clone()))
    } else {
        evidence.elsewhere.clone()
    };
    let restore = |damaged| {
        let from = from.clone()?;
        Some(Repair::RestoreCopy { damaged, from })
    };
    if let Some(SeenCopy {
        state: CopyState::Unreadable(reason),
        ..
    }) = copy
    {
        problems.push(of_copy(Kind::UnreadableCopy, restore(true)).because(reason));
    }
    if !good_object
        && !good_copy
        && let Some(source) = &evidence.elsewhere
    {
        // What is wrong with the object is found again when its copy is back.
        let from_elsewhere = format!("its bytes are in {}", source.as_text());
        match copy.map(|copy| &copy.state) {
            None => {
                problems.push(of_copy(Kind::MissingCopy, restore(false)).because(from_elsewhere));
            }
            Some(CopyState::Unreadable(_)) => {}
            Some(_) => {
                problems.push(of_copy(Kind::DamagedCopy, restore(true)).because(from_elsewhere));
            }
        }
        return false;
    }
    if !good_object && !good_copy {
        let nothing_anywhere = object.is_none() && copy.is_none() && image.stored_at.is_none();
        if nothing_anywhere && (options.several_hosts || options.is_young(image.created_at())) {
            judgement.owed_elsewhere = true;
        } else if unreadable_object.is_none() {
            let state = |damaged| if damaged { "damaged" } else { "gone" };
            let elsewhere = if options.several_hosts {
                "; the host that took it in may have it"
            } else {
                ""
            };
            problems.push(of_object(Kind::Lost, None).because(format!(
                "the object is {}, the copy on this host is {}{elsewhere}",
                state(object.is_some()),
                state(copy.is_some())
            )));
        }
        return false;
    }
    match object {
        None => problems.push(of_object(Kind::MissingObject, Some(Repair::UploadObject))),
        Some(_) if unreadable_object.is_some() => {}
        Some(object) if !good_object => {
            let repair = object
                .e_tag
                .clone()
                .map(|e_tag| Repair::ReplaceObject { e_tag });
            problems.push(of_object(Kind::DamagedObject, repair));
        }
        Some(object) if image.stored_at.is_none() => {
            let repair = Repair::NoteStored(object.last_modified);
            problems.push(of_object(Kind::UnnotedObject, Some(repair)));
        }
        Some(_) => {}
    }
    match copy.map(|copy| &copy.state) {
        None if !options.several_hosts => {
            problems.push(of_copy(Kind::MissingCopy, restore(false)));
        }
        Some(CopyState::Damaged) => {
            problems.push(of_copy(Kind::DamagedCopy, restore(true)));
        }
        _ => {}
    }
    true
}

/// Objects and copies that no record names.
fn judge_unowned(evidence: &Evidence, removes: bool, cautious: bool, judgement: &mut Judgement) {
    const CAUTIOUS: &str = "left while files of the journal cannot be read";
    let recorded_key = evidence
        .record
        .as_ref()
        .map(|record| &record.image.object_key);
    let mut unreadable = false;
    for object in &evidence.objects {
        let (kind, reason, repair) = match &object.state {
            _ if recorded_key == Some(&object.object_key) => continue,
            ObjectState::Good | ObjectState::Damaged => continue,
            ObjectState::Unreadable(reason) => {
                unreadable = true;
                let problem = Problem::new(Kind::UnreadableObject, &object.object_key, None);
                judgement.problems.push(problem.because(reason));
                continue;
            }
            ObjectState::Rebuildable(image) => {
                let repair = Repair::RebuildRecord(image.clone());
                (Kind::MissingRecord, None, Some(repair))
            }
            ObjectState::Orphan(reason) => (Kind::OrphanObject, Some(reason.clone()), None),
            ObjectState::Unowned => (Kind::OrphanObject, None, None),
        };
        if object.young {
            judgement.in_progress += 1;
            continue;
        }
        let orphan = repair.is_none().then_some(Repair::RemoveObject);
        let repair = repair.or(orphan.filter(|_| removes));
        let mut problem = Problem::new(kind, &object.object_key, repair);
        problem.reason = reason;
        if cautious && problem.repair.take().is_some() {
            problem = problem.because(CAUTIOUS);
        }
        judgement.problems.push(problem);
    }
    // The copy of an image whose record is rebuilt, or about to be written, is no orphan. Nor is one whose object
    // cannot be asked.
    let rebuilt = judgement
        .problems
        .iter()
        .any(|each| each.kind == Kind::MissingRecord);
    let recorded_soon = evidence.record.is_none() && judgement.in_progress > 0;
    for copy in &evidence.copies {
        if rebuilt || unreadable || !matches!(copy.state, CopyState::Unowned) {
            continue;
        }
        if copy.young || recorded_soon {
            judgement.in_progress += 1;
            continue;
        }
        let repair = Repair::SetCopyAside(copy.key);
        let repair = Some(repair).filter(|_| removes);
        let mut problem = Problem::new(Kind::OrphanCopy, path(copy.key), repair);
        if cautious && problem.repair.take().is_some() {
            problem = problem.because(CAUTIOUS);
        }
        judgement.problems.push(problem);
    }
}

fn path(key: StorageKey) -> String {
    key.local_path().display().to_string()
}
