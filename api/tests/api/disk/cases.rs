//! The table: which step fails in which situation, and what has to come of it.

/// What goes on when the step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Situation {
    /// An upload.
    Upload,
    /// The first upload of a day: its folder is made.
    FirstUpload,
    /// An upload while S3 is away.
    UploadWithoutS3,
    /// What an upload while S3 was away has left owed is carried out at start.
    Replay,
    /// A delete of an image that S3 confirmed a moment ago.
    Delete,
    /// A delete of an image that S3 confirmed long ago.
    DeleteOld,
    /// A delete of an image that is not in S3 yet.
    DeletePending,
    /// The last steps of a delete, minutes later.
    LateDelete,
    /// The first start on an empty folder.
    FirstStart,
    /// A start after a crash.
    Start,
    /// The sweep of local copies that nobody owns.
    Sweep,
    /// A look at how the service is.
    Probe,
}

/// What has to come of the request when the disk gives an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is refused: 507 or 503.
    Refused,
    /// It is done all the same.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Abort,
    Eio,
    Enospc,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) situation: Situation,
    pub(super) point: &'static str,
    /// How often the step is done well before it fails.
    pub(super) after: usize,
    /// What fails beside it, and before it.
    pub(super) also: &'static str,
    pub(super) outcome: Outcome,
    pub(super) fault: Fault,
}

impl Case {
    /// The variable that makes the step fail.
    pub(super) fn failpoints(&self) -> String {
        let Self { point, after, .. } = self;
        let off = if *after == 0 {
            String::new()
        } else {
            format!("{after}*off->")
        };
        let fault = match self.fault {
            Fault::Abort => "return(abort)",
            Fault::Eio => "1*return(EIO)",
            Fault::Enospc => "1*return(ENOSPC)",
        };
        let also = if self.also.is_empty() { "" } else { ";" };
        format!("{point}={off}{fault}{also}{}", self.also)
    }
}

use Outcome::{Done, Refused};
use Situation::{
    Delete, DeleteOld, DeletePending, FirstStart, FirstUpload, LateDelete, Probe, Replay, Start,
    Sweep, Upload, UploadWithoutS3,
};

type DiskRow = (
    Situation,
    Outcome,
    usize,
    &'static str,
    &'static [&'static str],
);

/// Steps that touch the disk. Each is met by an end of the process, by EIO and by ENOSPC.
const DISK: &[DiskRow] = &[
    (
        Upload,
        Refused,
        0,
        "",
        &[
            "folder.fsync",
            "copy.create",
            "copy.write",
            "copy.fsync",
            "copy.rename",
            "copy.rename-fsync",
            "entry.create",
            "entry.write",
            "entry.fsync",
            "entry.rename",
            "entry.rename-fsync",
        ],
    ),
    (Upload, Done, 0, "", &["settled.rename"]),
    // Even the removal of what was written fails.
    (
        Upload,
        Refused,
        0,
        "copy.write=1*return(EIO)",
        &["copy.undo"],
    ),
    (
        Upload,
        Refused,
        0,
        "copy.rename-fsync=1*return(ENOSPC)",
        &["copy.undo"],
    ),
    (
        Upload,
        Refused,
        0,
        "entry.fsync=1*return(EIO)",
        &["entry.undo", "copy.remove", "copy.remove-fsync"],
    ),
    (
        Upload,
        Refused,
        0,
        "entry.rename-fsync=1*return(EIO)",
        &["entry.undo"],
    ),
    (
        FirstUpload,
        Refused,
        0,
        "",
        &["folder.create", "folder.fsync"],
    ),
    // The second write of the entry: what is left to do.
    (
        UploadWithoutS3,
        Done,
        1,
        "",
        &[
            "entry.create",
            "entry.write",
            "entry.fsync",
            "entry.rename",
            "entry.rename-fsync",
        ],
    ),
    (Replay, Done, 0, "", &["settled.rename"]),
    (
        Delete,
        Refused,
        0,
        "",
        &[
            "entry.create",
            "entry.write",
            "entry.fsync",
            "entry.rename",
            "entry.rename-fsync",
        ],
    ),
    (
        Delete,
        Refused,
        0,
        "entry.rename-fsync=1*return(EIO)",
        &["entry.undo"],
    ),
    (Delete, Done, 0, "", &["copy.remove", "copy.remove-fsync"]),
    // The entry with what is left to do.
    (Delete, Done, 1, "", &["entry.write", "entry.rename-fsync"]),
    (DeleteOld, Done, 0, "", &["entry.remove", "settled.remove"]),
    (
        DeletePending,
        Refused,
        0,
        "",
        &[
            "entry.create",
            "entry.write",
            "entry.fsync",
            "entry.rename",
            "entry.rename-fsync",
        ],
    ),
    // Neither can what was there before be put back at once.
    (
        DeletePending,
        Refused,
        1,
        "entry.rename-fsync=1*return(EIO)",
        &["entry.create", "entry.rename"],
    ),
    (LateDelete, Done, 0, "", &["entry.remove"]),
    (
        FirstStart,
        Refused,
        0,
        "",
        &["folder.create", "folder.fsync"],
    ),
    (
        Start,
        Refused,
        0,
        "",
        &["root.fsync", "tmp.remove", "settled.remove"],
    ),
    (
        Sweep,
        Done,
        0,
        "",
        &[
            "folder.create",
            "folder.fsync",
            "swept.rename",
            "swept.fsync",
            "swept.remove",
            "mark.write",
        ],
    ),
    (Probe, Refused, 0, "", &["probe.write", "probe.remove"]),
];

/// Points between the steps: there the process ends.
const BETWEEN: &[(Situation, &[&str])] = &[
    (
        Upload,
        &[
            "ingest.after-copy",
            "ingest.after-entry",
            "publish.after-object",
            "publish.after-record",
            "publish.after-finish",
        ],
    ),
    (
        UploadWithoutS3,
        &["publish.after-record", "publish.after-update"],
    ),
    (
        Replay,
        &[
            "replay.after-claim",
            "publish.after-object",
            "publish.after-record",
            "publish.after-finish",
        ],
    ),
    (
        Delete,
        &[
            "remove.after-entry",
            "remove.after-tombstone",
            "remove.after-object",
            "remove.after-copy",
            "remove.after-update",
        ],
    ),
    (DeleteOld, &["remove.after-purged", "remove.after-finish"]),
    (
        DeletePending,
        &["remove.after-entry", "remove.after-tombstone"],
    ),
    (
        LateDelete,
        &[
            "replay.after-claim",
            "remove.after-object-again",
            "remove.after-purged",
            "remove.after-finish",
        ],
    ),
];

/// All rows.
pub(super) fn cases() -> Vec<Case> {
    let disk = DISK
        .iter()
        .flat_map(|(situation, outcome, after, also, points)| {
            points.iter().flat_map(|point| {
                [Fault::Abort, Fault::Eio, Fault::Enospc].map(|fault| Case {
                    situation: *situation,
                    point,
                    after: *after,
                    also,
                    outcome: *outcome,
                    fault,
                })
            })
        });
    let between = BETWEEN.iter().flat_map(|(situation, points)| {
        points.iter().map(|point| Case {
            situation: *situation,
            point,
            after: 0,
            also: "",
            outcome: Done,
            fault: Fault::Abort,
        })
    });
    disk.chain(between).collect()
}
