//! Compares what all hosts, S3 and the database hold with the ledger of whoever used them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::stack::{HostProcess, Stack};
use crate::durability::ledger::{Accounts, Ledger, Outcome, UploadAccount, sha256};
use crate::helpers::database::Row;

/// What a check has seen, when nothing was wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) acknowledged: usize,
    pub(super) deleted: usize,
    /// Uploads that were cut by a kill, sent again to another host, and taken back by the first.
    pub(super) gave_way: usize,
    /// Answers of a host that led to S3.
    pub(super) redirects: usize,
}

/// Everything is where it has to be. The hosts have to run, and to owe nothing.
pub(super) async fn assert_agrees(
    stack: &Stack,
    hosts: &[HostProcess],
    lost_hosts: usize,
    ledger: &Ledger,
) -> Seen {
    let Accounts { uploads, deletes } = ledger.accounts();
    let rows = stack.database.rows().await;
    let rows: BTreeMap<String, Row> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
    let objects = checksums(stack.s3.objects());
    let mut copies: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for host in hosts {
        for (id, checksum) in checksums(host.copies()) {
            copies.entry(id).or_default().push(checksum);
        }
    }
    let mut lists = Vec::new();
    for host in hosts {
        lists.push(host.listed().await);
    }
    let mut seen = Seen::default();
    let mut alive = BTreeSet::new();
    let mut known = BTreeSet::new();
    for (key, upload) in &uploads {
        let acknowledged = upload.acknowledged.iter().map(|image| image.id.as_str());
        let acknowledged: BTreeSet<&str> = acknowledged.collect();
        let recorded: Vec<&Row> = rows
            .values()
            .filter(|row| row.sha256 == upload.sha256)
            .collect();
        known.extend(recorded.iter().map(|row| row.id.clone()));
        let whose = format!("{key}: {acknowledged:?}, {recorded:?}");
        assert!(acknowledged.len() <= 1, "{whose}");
        seen.acknowledged += acknowledged.len();
        // One that was cut and gave way to its retry on another host leaves a tombstone.
        let (gave_way, recorded): (Vec<&Row>, Vec<&Row>) = recorded.into_iter().partition(|row| {
            row.deleted == 1
                && !deletes.contains_key(&row.id)
                && !acknowledged.contains(row.id.as_str())
        });
        assert!(recorded.len() <= 1, "{whose}");
        assert!(gave_way.len() <= upload.may_have_arrived, "{whose}");
        for row in gave_way {
            assert!(!objects.contains_key(&row.id), "{whose}: an object");
            assert!(!copies.contains_key(&row.id), "{whose}: a copy");
            seen.gave_way += 1;
        }
        let Some(row) = recorded.first() else {
            assert!(acknowledged.is_empty(), "{whose}: no record");
            continue;
        };
        let id = &row.id;
        assert!(
            !acknowledged.is_empty() || upload.may_have_arrived > 0,
            "{whose}: refused, and yet it is there"
        );
        if let Some(told) = acknowledged.first() {
            assert_eq!(told, id, "{whose}");
        }
        let deleted = match deletes.get(id) {
            Some(Outcome::Ok) => true,
            Some(Outcome::Unknown) => row.deleted == 1,
            Some(Outcome::Fail) | None => false,
        };
        assert_eq!(row.deleted == 1, deleted, "{id}: {row:?}");
        seen.deleted += usize::from(deleted);
        if deleted {
            assert!(!objects.contains_key(id), "{id}: its object is left");
            assert!(!copies.contains_key(id), "{id}: a copy is left");
        } else {
            assert_eq!(row.stored, 1, "{id}: {row:?}");
            assert_eq!(row.uploader, upload.uploader);
            assert_eq!(objects.get(id), Some(&upload.sha256), "{id} in S3");
            let copies = copies.get(id).map_or(&[][..], Vec::as_slice);
            assert!(copies.len() <= 1, "{id}: each image has one host");
            assert!(copies.iter().all(|copy| copy == &upload.sha256), "{id}");
            assert!(
                copies.len() == 1 || lost_hosts > 0,
                "{id} has no local copy"
            );
            alive.insert(id.clone());
        }
        for host in hosts {
            seen.redirects += assert_answers(stack, host, id, deleted, row, upload).await;
        }
    }
    for list in lists {
        assert_eq!(list.len(), alive.len(), "each image is listed once");
        assert_eq!(BTreeSet::from_iter(list), alive);
    }
    let recorded_or_stored = rows.keys().chain(objects.keys());
    assert_no_strays(recorded_or_stored, &copies, &known, &uploads);
    for host in hosts {
        let found = host.reconcile().await;
        assert!(found.is_empty(), "{found:?}");
        assert!(!host.logged().contains("panicked at"), "{}", host.logged());
    }
    assert!(seen.acknowledged > 0, "nothing was tried");
    seen
}

/// Everything that there is belongs to an upload of the ledger.
fn assert_no_strays<'a>(
    recorded_or_stored: impl Iterator<Item = &'a String>,
    copies: &BTreeMap<String, Vec<String>>,
    known: &BTreeSet<String>,
    uploads: &BTreeMap<String, UploadAccount>,
) {
    for id in recorded_or_stored {
        assert!(known.contains(id), "{id} is not in the ledger");
    }
    let cut: BTreeSet<&String> = uploads
        .values()
        .filter(|upload| upload.may_have_arrived > 0)
        .map(|upload| &upload.sha256)
        .collect();
    for (id, copies) in copies {
        // What a kill left before its journal entry waits for the sweep.
        let left_by_a_kill = copies.iter().all(|copy| cut.contains(copy));
        assert!(
            known.contains(id) || left_by_a_kill,
            "a copy of {id}, which is not in the ledger"
        );
    }
}

/// What a host answers for an image. Gives how often it led to S3.
async fn assert_answers(
    stack: &Stack,
    host: &HostProcess,
    id: &str,
    deleted: bool,
    row: &Row,
    upload: &UploadAccount,
) -> usize {
    let base = host.base();
    let (status, _, _) = stack
        .fetch(&format!("{base}/api/v1/images/{id}"))
        .await
        .unwrap();
    assert_eq!(status, if deleted { 410 } else { 200 }, "{id} at {base}");
    let name = row.url.rsplit('/').next().unwrap();
    let (status, location, bytes) = stack.fetch(&format!("{base}/i/{name}")).await.unwrap();
    match (status, location) {
        (410, None) if deleted => 0,
        (200, None) if !deleted => {
            assert_eq!(sha256(&bytes), upload.sha256);
            0
        }
        (302, Some(location)) if !deleted => {
            assert_eq!(location, row.url);
            let (status, _, bytes) = stack.fetch(&location).await.unwrap();
            assert_eq!((status, sha256(&bytes)), (200, upload.sha256.clone()));
            1
        }
        answer => panic!("{id} at {base} (deleted: {deleted}): {answer:?}"),
    }
}

/// SHA-256 of each file, by the image that it is named after.
fn checksums(files: Vec<PathBuf>) -> BTreeMap<String, String> {
    let mut checksums = BTreeMap::new();
    for file in files {
        let id = file.file_stem().unwrap().to_string_lossy().into_owned();
        let checksum = sha256(&std::fs::read(&file).unwrap());
        assert!(
            checksums.insert(id, checksum).is_none(),
            "{} twice",
            file.display()
        );
    }
    checksums
}
