//! A disk that is really full, and one that may only be read: a small file system in memory.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::world::{Sent, World, ids, new_key};
use crate::helpers::fixtures::{photo, png_of};
use crate::helpers::process::Running;
use crate::helpers::{report, until};

const MIB: usize = 1024 * 1024;
const BLOCK: usize = 4096;

/// A file system in memory, mounted for as long as this lives.
pub(super) struct Tmpfs(PathBuf);

impl Tmpfs {
    /// `None`: this user may not mount.
    pub(super) fn mount(folder: &Path, bytes: usize) -> Option<Self> {
        let options = format!("size={bytes}");
        let tmpfs = ["-t", "tmpfs", "-o", &options, "tmpfs"];
        let mounted = succeeds(Command::new("mount").args(tmpfs).arg(folder));
        mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a process that is just being killed may still have files open there.
        succeeds(Command::new("umount").arg("-l").arg(&self.0));
    }
}

/// Folders that may only be read for as long as this lives. A whole file system cannot be turned while a file
/// on it is open for writing, as the lock and the database are.
struct ReadOnly(Vec<PathBuf>);

impl ReadOnly {
    /// `None`: this user may not mount.
    fn mount(folders: [PathBuf; 3]) -> Option<Self> {
        let mut mounted = Self(Vec::new());
        for folder in folders {
            if !succeeds(Command::new("mount").arg("--bind").args([&folder, &folder])) {
                return None;
            }
            mounted.0.push(folder.clone());
            let remount = ["-o", "remount,bind,ro"];
            if !succeeds(Command::new("mount").args(remount).arg(&folder)) {
                return None;
            }
        }
        Some(mounted)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        for folder in &self.0 {
            succeeds(Command::new("umount").arg("-l").arg(folder));
        }
    }
}

fn succeeds(command: &mut Command) -> bool {
    let status = command.stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Takes the last block of the disk.
fn fill(ballast: &Path) {
    let file = OpenOptions::new().create(true).append(true).open(ballast);
    let mut file = file.unwrap();
    for size in [64 * 1024, BLOCK, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

/// Gives some blocks of the ballast back.
fn free(ballast: &Path, blocks: usize) {
    let file = OpenOptions::new().write(true).open(ballast).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length - (blocks * BLOCK) as u64).unwrap();
}

/// Uploads to a disk that is full or nearly so. Says whether it was taken; if not, nothing is left of it.
async fn upload_to_full(
    world: &World,
    running: &Running,
    size: usize,
    alive: &mut Vec<Sent>,
) -> bool {
    let (bytes, key) = (png_of(size), new_key());
    let answer = world.upload(running, &bytes, &key).await.unwrap();
    let taken = matches!(answer.status.as_u16(), 201 | 202);
    if taken {
        let image = answer.json();
        alive.push(Sent { image, bytes });
    } else {
        answer.expect_error(507, "disk-full");
        world.assert_no_temporary_files();
    }
    let known: BTreeSet<String> = alive.iter().map(Sent::id).collect();
    assert_eq!(ids(world.copies()), known, "local copies");
    assert!(ids(world.entries()).is_subset(&known), "entries");
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_uploads_keeps_what_is_there_and_needs_no_restart() {
    let world = World::new().await;
    let Some(disk) = Tmpfs::mount(&world.uploads, 12 * MIB) else {
        report("NOT RUN: full disk: mounting is not permitted");
        return;
    };
    let running = world.start();
    let older = world.upload_well(&running, &photo(), &new_key()).await;
    let mut alive = vec![older.clone()];
    world.settle(&alive, &[]).await;

    let ballast = world.uploads.join("ballast");
    std::fs::write(&ballast, vec![0; MIB]).unwrap();
    while upload_to_full(&world, &running, 300_000, &mut alive).await {
        assert!(alive.len() < 100, "the disk does not fill");
    }
    // Room for nothing, for the copy but not for its entry, for both but not for the record, and so on.
    let mut taken = 0;
    for blocks in 0..8 {
        fill(&ballast);
        free(&ballast, blocks);
        taken += usize::from(upload_to_full(&world, &running, 2000, &mut alive).await);
    }
    fill(&ballast);
    let refused = !upload_to_full(&world, &running, 2000, &mut alive).await;
    assert!(refused, "there is no room");
    // Nothing older is harmed: from disk, from S3 and over the API.
    for sent in &alive {
        let link = crate::helpers::app::path(&sent.image["link"]);
        let content = world.get(&running, &link).await.expect(200);
        assert!(content.bytes == sent.bytes, "other bytes at {link}");
    }
    // A delete needs a block for its entry, and SQLite one to read in order: it is refused, and nothing is
    // changed. Or there was a block after all, and it is done.
    let answer = world.delete(&running, &older).await.unwrap();
    let deleted = answer.status == 204;
    let path = crate::helpers::app::path(&older.image["link"]);
    if deleted {
        world.get(&running, &path).await.expect(410);
    } else {
        let refusal = (answer.status.as_u16(), answer.code());
        let refusals = [(507, "disk-full"), (503, "database-unavailable")];
        let known = refusals.map(|(status, code)| (status, code.to_owned()));
        assert!(known.contains(&refusal), "{}", answer.text());
        assert!(!answer.header("retry-after").is_empty());
        let content = world.get(&running, &path).await.expect(200);
        assert!(content.bytes == older.bytes, "other bytes at {path}");
    }

    // Room again: everything works without a restart, as soon as the database has been looked at again.
    std::fs::remove_file(&ballast).unwrap();
    alive.retain(|sent| sent.id() != older.id());
    let gone = [older, alive.pop().unwrap()];
    for sent in &gone {
        until("the delete is done", || async {
            let answer = world.delete(&running, sent).await.unwrap();
            matches!(answer.status.as_u16(), 204 | 410)
        })
        .await;
    }
    world.settle(&alive, &gone).await;
    alive.push(world.upload_well(&running, &png_of(3000), &new_key()).await);
    world.settle(&alive, &gone).await;
    world.check(&running, &alive, &gone, 0).await;
    world.assert_no_temporary_files();
    report(&format!(
        "full disk: {taken} of 8 uploads into the last blocks taken, a delete then was {}",
        if deleted { "done" } else { "refused" }
    ));
    drop(running);
    drop(disk);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_may_only_be_read_refuses_writes_and_goes_on_serving() {
    let world = World::new().await;
    let running = world.start();
    let older = world.upload_well(&running, &photo(), &new_key()).await;
    let mut alive = vec![older.clone()];
    world.settle(&alive, &[]).await;
    let folders = ["originals", "journal", "tmp"].map(|name| world.uploads.join(name));
    let Some(read_only) = ReadOnly::mount(folders) else {
        report("NOT RUN: read-only disk: mounting is not permitted");
        return;
    };
    let refused = world.upload(&running, &png_of(2000), &new_key()).await;
    refused.unwrap().expect_error(503, "disk-unavailable");
    let refused = world.delete(&running, &older).await.unwrap();
    refused.expect_error(503, "disk-unavailable");
    let link = crate::helpers::app::path(&older.image["link"]);
    let content = world.get(&running, &link).await.expect(200);
    assert!(content.bytes == older.bytes);
    let readiness = world.get(&running, "/readyz").await.expect(503).json();
    assert_eq!(readiness["parts"]["disk"], "down");

    drop(read_only);
    alive.push(world.upload_well(&running, &png_of(3000), &new_key()).await);
    world.settle(&alive, &[]).await;
    world.check(&running, &alive, &[], 0).await;
    world.get(&running, "/readyz").await.expect(200);
}
