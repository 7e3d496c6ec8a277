//! The uploads folder: is it there, whose is it, can it be written, is there room, what waits in it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::{Check, PATIENCE};
use crate::storage::{Backlog, Ownership, Room, UploadsProbe};

const GROUP: &str = "uploads";

/// From this many times `MIN_FREE_BYTES` on an operator should hear of it, before uploads are refused.
const LITTLE_ROOM: u64 = 4;
/// An upload makes two files, three with a key.
const MIN_FREE_FILES: u64 = 10_000;
/// What has been owed for longer is more than a hiccup.
const LONG_PENDING: Duration = Duration::from_hours(1);

/// Looks at the folder. Below `min_free_bytes` the service takes no uploads; variants may take `max_variants_bytes`.
pub(super) async fn examine(
    folder: PathBuf,
    min_free_bytes: u64,
    max_variants_bytes: u64,
) -> Vec<Check> {
    let shown = folder.display().to_string();
    let looked =
        tokio::task::spawn_blocking(move || look(&folder, min_free_bytes, max_variants_bytes));
    match tokio::time::timeout(PATIENCE, looked).await {
        Ok(Ok(checks)) => checks,
        Ok(Err(stopped)) => vec![Check::failure(
            GROUP,
            "folder",
            format!("looking at {shown} stopped: {stopped}"),
            "report this with the output",
        )],
        Err(_) => vec![Check::failure(
            GROUP,
            "folder",
            format!("{shown} did not answer within {PATIENCE:?}"),
            format!(
                "the disk or the network file system below it hangs: see dmesg, and try: ls -l {shown}"
            ),
        )],
    }
}

fn look(folder: &std::path::Path, min_free_bytes: u64, max_variants_bytes: u64) -> Vec<Check> {
    let probe = match UploadsProbe::of(folder) {
        Ok(probe) => probe,
        Err(error) => return vec![not_there(&folder.display().to_string(), &error)],
    };
    let root = probe.root().display().to_string();
    match probe.exists() {
        Err(error) => vec![not_there(&root, &error)],
        Ok(false) => match probe.try_to_make() {
            Err(error) => vec![not_there(&root, &error)],
            Ok(()) => vec![
                Check::ok(
                    GROUP,
                    "folder",
                    format!("{root} is not there yet; the first start can make it"),
                ),
                room(&root, probe.room(), min_free_bytes),
            ],
        },
        Ok(true) => {
            let written = probe.write();
            let ours = written.as_ref().ok().copied();
            vec![
                Check::ok(GROUP, "folder", format!("{root} is there")),
                owner(&root, probe.ownership(), ours),
                mode(&root, probe.ownership()),
                writable(written),
                room(&root, probe.room(), min_free_bytes),
                variants(
                    &root,
                    probe.variants_bytes(),
                    probe.room(),
                    min_free_bytes,
                    max_variants_bytes,
                ),
                in_use(&root, probe.is_in_use()),
                journal(&root, probe.backlog()),
            ]
        }
    }
}

fn not_there(root: &str, error: &io::Error) -> Check {
    Check::failure(
        GROUP,
        "folder",
        format!("{root} cannot be used: {error}"),
        format!(
            "make it for the user that runs the service: sudo install -d -m 750 -o USER {root}, \
             or set UPLOADS_DIR to a folder that this user may make"
        ),
    )
}

/// The folder and what lies in it have to be those of the user who writes.
fn owner(root: &str, found: io::Result<Vec<Ownership>>, ours: Option<u32>) -> Check {
    let found = match found {
        Ok(found) => found,
        Err(error) => return unreadable(root, "owner", &error),
    };
    let Some(ours) = ours else {
        return Check::skipped(GROUP, "owner", "the folder cannot be written, see below");
    };
    let Some(foreign) = found.iter().find(|each| each.owner != ours) else {
        return Check::ok(GROUP, "owner", format!("it belongs to this user, {ours}"));
    };
    let detail = format!(
        "{} belongs to user {}, and this command runs as user {ours}",
        foreign.path.display(),
        foreign.owner
    );
    let advice = if ours == 0 {
        format!(
            "run this as the user of the service, or what it says of permissions is not what the service meets: \
             sudo -u '#{}' image-handler doctor",
            foreign.owner
        )
    } else {
        format!("if the service runs as user {ours}: sudo chown -R {ours} {root}")
    };
    Check::warning(GROUP, "owner", detail, advice)
}

/// Strangers need nothing here: the journal holds names, and the secret opens every image.
fn mode(root: &str, found: io::Result<Vec<Ownership>>) -> Check {
    let found = match found {
        Ok(found) => found,
        Err(error) => return unreadable(root, "mode", &error),
    };
    // Whoever may not enter the folder itself reaches nothing in it; its group may look, but not write.
    let is_closed = found.first().is_some_and(|folder| folder.mode & 0o027 == 0);
    for each in &found {
        let is_secret = each.path.ends_with("secret");
        let (too_much, advice) = match each.mode {
            mode if is_secret && mode & 0o077 != 0 => ("others than its owner may read it", "600"),
            mode if !is_closed && mode & 0o022 != 0 => {
                ("others than its owner may write it", "750")
            }
            mode if !is_closed && mode & 0o007 != 0 => {
                ("every user of this host may read it", "750")
            }
            _ => continue,
        };
        let path = each.path.display();
        return Check::warning(
            GROUP,
            "mode",
            format!("{path} has the mode {:04o}: {too_much}", each.mode),
            format!("chmod {advice} {path}"),
        );
    }
    Check::ok(GROUP, "mode", "nobody else may write, and no stranger read")
}

fn unreadable(root: &str, name: &'static str, error: &io::Error) -> Check {
    Check::failure(
        GROUP,
        name,
        format!("{root} cannot be looked into: {error}"),
        format!("run this as the user of the service: ls -ld {root} names it"),
    )
}

fn writable(written: Result<u32, (PathBuf, io::Error)>) -> Check {
    let (folder, error) = match written {
        Ok(_) => {
            return Check::ok(
                GROUP,
                "writable",
                "a file was written, synced, renamed and removed",
            );
        }
        Err((folder, error)) => (folder.display().to_string(), error),
    };
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("give it to the user of the service: sudo chown -R USER {folder}")
        }
        io::ErrorKind::ReadOnlyFilesystem => format!(
            "its file system is mounted read-only: sudo mount -o remount,rw $(findmnt -no TARGET -T {folder}); \
             under systemd add the folder to ReadWritePaths="
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("make room: df -h {folder}; df -i {folder}")
        }
        _ => format!("look at the disk: dmesg | tail; df -h {folder}"),
    };
    Check::failure(
        GROUP,
        "writable",
        format!("{folder} cannot be written: {error}"),
        advice,
    )
}

fn room(root: &str, found: io::Result<Room>, min_free_bytes: u64) -> Check {
    let left = match found {
        Ok(left) => left,
        Err(error) => return unreadable(root, "free space", &error),
    };
    let detail = match left.files {
        Some(files) => format!("{} free, room for {files} files", size(left.bytes)),
        None => format!("{} free", size(left.bytes)),
    };
    let advice =
        format!("make room or a larger disk, and see what fills it: df -h {root}; df -i {root}");
    let few_files = left.files.is_some_and(|files| files < MIN_FREE_FILES);
    if left.bytes < min_free_bytes {
        let detail = format!(
            "{detail}; below MIN_FREE_BYTES ({}) uploads are refused with 507",
            size(min_free_bytes)
        );
        return Check::failure(GROUP, "free space", detail, advice);
    }
    if left.bytes < min_free_bytes.saturating_mul(LITTLE_ROOM) || few_files {
        return Check::warning(GROUP, "free space", detail, advice);
    }
    Check::ok(GROUP, "free space", detail)
}

/// Variants must not take the room that uploads need: below the mark none is kept, but no upload is taken either.
fn variants(
    root: &str,
    kept: io::Result<u64>,
    left: io::Result<Room>,
    min_free_bytes: u64,
    max_bytes: u64,
) -> Check {
    let (kept, left) = match (kept, left) {
        (Ok(kept), Ok(left)) => (kept, left),
        (Err(error), _) | (_, Err(error)) => return unreadable(root, "variants", &error),
    };
    let detail = format!(
        "they take {} of VARIANTS_MAX_BYTES ({})",
        size(kept),
        size(max_bytes)
    );
    let may_grow = max_bytes.saturating_sub(kept);
    if left.bytes < may_grow.saturating_add(min_free_bytes) {
        return Check::warning(
            GROUP,
            "variants",
            format!(
                "{detail} and may grow by {}, which would leave uploads less than MIN_FREE_BYTES ({})",
                size(may_grow),
                size(min_free_bytes)
            ),
            format!("set a smaller VARIANTS_MAX_BYTES, or make room: df -h {root}"),
        );
    }
    Check::ok(GROUP, "variants", detail)
}

fn in_use(root: &str, used: io::Result<bool>) -> Check {
    match used {
        Ok(true) => Check::ok(GROUP, "lock", "a service has the folder"),
        Ok(false) => Check::ok(GROUP, "lock", "no service has the folder"),
        Err(error) => unreadable(root, "lock", &error),
    }
}

fn journal(root: &str, backlog: io::Result<Backlog>) -> Check {
    let backlog = match backlog {
        Ok(backlog) => backlog,
        Err(error) => return unreadable(root, "journal", &error),
    };
    if let Some((path, reason)) = backlog.unreadable.first() {
        let path = path.display();
        return Check::failure(
            GROUP,
            "journal",
            format!(
                "{} entries cannot be read, one is {path}: {reason}",
                backlog.unreadable.len()
            ),
            format!(
                "it names an image that somebody was promised: mend it or bring it back from a backup; if that is \
                 not possible, keep it elsewhere (mv {path} /var/tmp/) and restart the service"
            ),
        );
    }
    let oldest = backlog.oldest.unwrap_or_default();
    let detail = match backlog.pending {
        0 => "nothing is owed".to_owned(),
        pending => format!(
            "{pending} images are owed to S3 or the database, the oldest for {} minutes",
            oldest.as_secs() / 60
        ),
    };
    if oldest > LONG_PENDING {
        return Check::warning(
            GROUP,
            "journal",
            detail,
            "they are carried out by the running service once S3 and the database answer: start it, mend what is \
             said of both below, and watch /readyz",
        );
    }
    Check::ok(GROUP, "journal", detail)
}

fn size(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    match bytes / MIB {
        mib if mib >= 10 * 1024 => format!("{} GiB", mib / 1024),
        mib => format!("{mib} MiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    /// What uploads have to leave in these tests.
    const MARK: u64 = 1000;

    fn with_room(bytes: u64, files: Option<u64>) -> Check {
        room("/srv/uploads", Ok(Room { bytes, files }), MARK)
    }

    #[test]
    fn little_room_is_a_warning_and_too_little_a_failure() {
        let plenty = with_room(LITTLE_ROOM * MARK, Some(MIN_FREE_FILES));
        assert_eq!(plenty.outcome, Outcome::Ok);
        for little in [
            with_room(LITTLE_ROOM * MARK - 1, None),
            with_room(LITTLE_ROOM * MARK, Some(MIN_FREE_FILES - 1)),
        ] {
            assert_eq!(little.outcome, Outcome::Warning, "{little:?}");
            assert!(little.advice.unwrap().contains("df -h /srv/uploads"));
        }
        let none = with_room(MARK - 1, None);
        assert_eq!(none.outcome, Outcome::Failure);
        assert!(none.detail.contains("MIN_FREE_BYTES"), "{none:?}");
    }

    #[test]
    fn variants_that_may_take_the_room_of_uploads_are_a_warning() {
        let with_free = |bytes| {
            let room = Room { bytes, files: None };
            variants("/srv/uploads", Ok(400), Ok(room), MARK, 1000)
        };
        assert_eq!(with_free(MARK + 600).outcome, Outcome::Ok);
        let little = with_free(MARK + 599);
        assert_eq!(little.outcome, Outcome::Warning);
        assert!(little.advice.unwrap().contains("VARIANTS_MAX_BYTES"));
        let denied = Err(io::ErrorKind::PermissionDenied.into());
        let room = Room {
            bytes: MARK,
            files: None,
        };
        let unknown = variants("/srv/uploads", denied, Ok(room), MARK, 1000);
        assert_eq!(unknown.outcome, Outcome::Failure);
    }

    #[test]
    fn a_folder_of_another_user_is_named_with_what_to_do() {
        let found = || {
            Ok(vec![Ownership {
                path: "/srv/uploads".into(),
                owner: 990,
                mode: 0o750,
            }])
        };
        assert_eq!(
            owner("/srv/uploads", found(), Some(990)).outcome,
            Outcome::Ok
        );
        let as_root = owner("/srv/uploads", found(), Some(0));
        assert!(
            as_root
                .advice
                .unwrap()
                .contains("sudo -u '#990' image-handler doctor")
        );
        let as_other = owner("/srv/uploads", found(), Some(1000));
        assert!(as_other.advice.unwrap().contains("chown -R 1000"));
    }
}
