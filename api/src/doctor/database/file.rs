//! A SQLite file.

use std::io;
use std::path::Path;

use super::{GROUP, judge_migrations, privileges};
use crate::db::{SqliteFacts, examine_sqlite};
use crate::doctor::{Check, PATIENCE};
use crate::storage::UploadsProbe;

/// Looks at a SQLite file, which holds the records of the images in `uploads`.
pub(super) async fn examine(path: &Path, uploads: &Path) -> Vec<Check> {
    let shown = path.display().to_string();
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            return vec![Check::failure(
                GROUP,
                "file",
                format!("{shown} is not a file"),
                "set DATABASE_URL=sqlite://PATH to the path of a file",
            )];
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return vec![no_file(path, uploads)];
        }
        Err(error) => {
            return vec![Check::failure(
                GROUP,
                "file",
                format!("{shown} cannot be looked at: {error}"),
                format!("let the user of the service reach it: namei -l {shown}"),
            )];
        }
    }
    let file = path.to_owned();
    let looked = tokio::task::spawn_blocking(move || examine_sqlite(&file));
    let facts = match tokio::time::timeout(PATIENCE, looked).await {
        Ok(Ok(facts)) => facts,
        Ok(Err(stopped)) => Err(stopped.to_string()),
        Err(_) => {
            return vec![
                Check::ok(GROUP, "file", format!("{shown} is there")),
                Check::skipped_until(
                    GROUP,
                    "integrity",
                    format!("looking at all of it takes longer than {PATIENCE:?}"),
                    format!("with the service stopped: sqlite3 {shown} 'PRAGMA quick_check'"),
                ),
            ];
        }
    };
    match facts {
        Err(reason) => vec![no_database(&shown, &reason)],
        Ok(facts) => judge_file(&shown, &facts),
    }
}

/// The first start makes the file, if there is a folder for it. That of the uploads it makes as well.
fn no_file(path: &Path, uploads: &Path) -> Check {
    let shown = path.display();
    if UploadsProbe::of(uploads).is_ok_and(|probe| probe.holds_images()) {
        return Check::failure(
            GROUP,
            "file",
            format!(
                "{shown} is not there, though {} holds images: a start would make an empty one",
                uploads.display()
            ),
            "set DATABASE_URL to where it is, or restore it from a backup; without one, this rebuilds the records \
             from the objects: image-handler reconcile --repair",
        );
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() && path.file_name() != Some("metadata.db".as_ref()) => {
            Check::failure(
                GROUP,
                "file",
                format!("{shown} is not there, nor is its folder"),
                format!("sudo install -d -m 750 -o USER {}", folder.display()),
            )
        }
        _ => Check::ok(
            GROUP,
            "file",
            format!("{shown} is not there yet; the first start makes it"),
        ),
    }
}

fn no_database(shown: &str, reason: &str) -> Check {
    let advice = if reason.contains("locked") || reason.contains("busy") {
        format!("another program holds it: fuser -v {shown}; end it, or try again later")
    } else if reason.contains("not a database") || reason.contains("malformed") {
        format!(
            "set DATABASE_URL=sqlite://PATH to the right file, or bring it back from a backup; what can be saved \
             of it: sqlite3 {shown} .recover"
        )
    } else {
        format!("let the user of the service read and write it and its folder: namei -l {shown}")
    };
    Check::failure(
        GROUP,
        "file",
        format!("{shown} cannot be used: {reason}"),
        advice,
    )
}

fn judge_file(shown: &str, facts: &SqliteFacts) -> Vec<Check> {
    let mode = facts.journal_mode.to_lowercase();
    let journaling = if mode == "wal" && facts.synchronous == 2 {
        Check::ok(GROUP, "journaling", "WAL, and every commit is synced")
    } else {
        Check::failure(
            GROUP,
            "journaling",
            format!(
                "the journal is {mode}, synchronous is {}",
                facts.synchronous
            ),
            format!(
                "put the file onto a local file system: WAL needs shared memory (df -T {shown})"
            ),
        )
    };
    let integrity = if facts.quick_check == "ok" {
        Check::ok(GROUP, "integrity", "PRAGMA quick_check found nothing")
    } else {
        Check::failure(
            GROUP,
            "integrity",
            format!("the file is damaged: {}", facts.quick_check),
            format!(
                "stop the service and bring it back from a backup; what can be saved of it: sqlite3 {shown} .recover"
            ),
        )
    };
    let privileges = if facts.migrations.pending.is_empty() {
        let open = format!(
            "let the user of the service write it, and run this as that user: sudo chown USER {shown} && chmod u+w \
             {shown}; if its file system is read-only: findmnt -T {shown}"
        );
        privileges(&facts.denied, |_| open.clone(), &open)
    } else {
        Check::skipped(
            GROUP,
            "privileges",
            "the tables are not as this program needs them",
        )
    };
    vec![
        Check::ok(GROUP, "file", format!("{shown} is there")),
        journaling,
        integrity,
        judge_migrations(&facts.migrations),
        privileges,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::MigrationState;
    use crate::doctor::Outcome;

    #[test]
    fn a_journal_that_loses_rows_in_a_power_cut_is_a_failure() {
        let facts = |journal_mode: &str, synchronous| SqliteFacts {
            journal_mode: journal_mode.to_owned(),
            synchronous,
            quick_check: "ok".to_owned(),
            migrations: MigrationState::default(),
            denied: Vec::new(),
        };
        for (mode, synchronous, expected) in [
            ("wal", 2, Outcome::Ok),
            ("wal", 1, Outcome::Failure),
            ("delete", 2, Outcome::Failure),
        ] {
            let checks = judge_file("metadata.db", &facts(mode, synchronous));
            let journaling = checks.iter().find(|check| check.name == "journaling");
            assert_eq!(
                journaling.unwrap().outcome,
                expected,
                "{mode} {synchronous}"
            );
        }
    }
}
