//! Runs the table: every step fails once, in every way, and then everything is looked at.
//!
//! After an error of the disk the same process goes on, after an end of the process the next one begins. What
//! was acknowledged is everywhere and once, what was refused is nowhere, and what nobody knows of is one of the
//! two: a retry with the same key makes it one image.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use image_handler::domain::ImageId;
use image_handler::fault::{DISK_STEPS, STEPS_BETWEEN};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::beginnings::{Beginning, Beginnings};
use super::cases::{Case, Fault, Outcome, Situation, cases};
use super::world::{Sent, World, copy_of, ids, new_key};
use crate::helpers::answer::Answer;
use crate::helpers::app::files_below;
use crate::helpers::fixtures::png_of;
use crate::helpers::process::Running;
use crate::helpers::{report, until};

const ROWS_AT_ONCE: usize = 4;
const SIGABRT: i32 = 6;

/// A row while it runs.
struct Row {
    case: Case,
    world: World,
    older: Vec<Sent>,
    subject: Option<Sent>,
    /// Local copies that the row may leave to the sweep.
    orphans: usize,
}

impl Row {
    async fn begin(case: Case, beginning: &Beginning) -> Self {
        let uploads = copy_of(beginning.uploads.path());
        let world = World::on(uploads, copy_of(beginning.objects.path())).await;
        // A process that ends before the entry is written leaves its copy, and so does a disk that does not let
        // it be removed. Nobody was told of it, and the sweep takes it away.
        let uploads = matches!(case.situation, Situation::Upload | Situation::FirstUpload);
        let stuck = matches!(
            case.point,
            "copy.undo" | "copy.remove" | "copy.remove-fsync"
        );
        let orphans = usize::from(uploads && (case.fault == Fault::Abort || stuck));
        Self {
            case,
            world,
            older: beginning.older.clone(),
            subject: beginning.subject.clone(),
            orphans,
        }
    }

    async fn run(mut self) {
        match self.case.situation {
            Situation::Upload | Situation::FirstUpload => self.upload().await,
            Situation::UploadWithoutS3 => self.upload_without_s3().await,
            Situation::Replay => {
                let subject = self.subject.take().unwrap();
                let running = self.meet_in_background().await;
                self.older.push(subject);
                self.finish(running, &[]).await;
            }
            Situation::Delete | Situation::DeleteOld | Situation::DeletePending => {
                self.delete().await;
            }
            Situation::LateDelete => {
                let subject = self.subject.take().unwrap();
                self.make_removal_old();
                let running = self.meet_in_background().await;
                until("the removal has ended", || async {
                    self.world.entries().is_empty()
                })
                .await;
                self.finish(running, &[subject]).await;
            }
            Situation::FirstStart | Situation::Start => self.start().await,
            Situation::Sweep => self.sweep().await,
            Situation::Probe => self.probe().await,
        }
        let log = self.world.log();
        assert!(log.contains(&self.met()), "the step was not reached: {log}");
        assert!(!log.contains("panicked"), "{log}");
    }

    fn met(&self) -> String {
        format!("fails on purpose: {}\n", self.case.point)
    }

    fn start_with_fault(&self) -> Running {
        let failpoints = self.case.failpoints();
        self.world.start_with(&[("FAILPOINTS", &failpoints)])
    }

    /// Waits until the process has ended at its point, and starts the next one.
    async fn after_abort(&self, mut running: Running) -> Running {
        let mut status = None;
        until("the process has ended", || {
            status = running.ended();
            std::future::ready(status.is_some())
        })
        .await;
        assert_eq!(status.unwrap().signal(), Some(SIGABRT));
        self.world.start()
    }

    fn assert_refused(&self, answer: &Answer) {
        // What failed first decides.
        let full = if self.case.also.is_empty() {
            self.case.fault == Fault::Enospc
        } else {
            self.case.also.contains("ENOSPC")
        };
        let expected = if full {
            (507, "disk-full")
        } else {
            (503, "disk-unavailable")
        };
        let status = answer.status.as_u16();
        assert_eq!(
            (status, answer.code().as_str()),
            expected,
            "{}",
            answer.text()
        );
        assert!(!answer.header("retry-after").is_empty());
    }

    async fn upload(&mut self) {
        let (bytes, key) = (png_of(1000), new_key());
        let running = self.start_with_fault();
        let outcome = self.world.upload(&running, &bytes, &key).await;
        let mut known = None;
        let running = match (&outcome, self.case.fault) {
            (Ok(answer), Fault::Abort) => {
                assert!(answer.status.is_success(), "{}", answer.text());
                known = Some(answer.json());
                self.after_abort(running).await
            }
            (Err(_), Fault::Abort) => self.after_abort(running).await,
            (Ok(answer), _) if self.case.outcome == Outcome::Refused => {
                self.assert_refused(answer);
                self.assert_nothing_left(&running).await;
                running
            }
            (Ok(answer), _) => {
                // 202 when what was done could not be noted: it counts as owed until then.
                let status = answer.status.as_u16();
                assert!(matches!(status, 201 | 202), "{}", answer.text());
                known = Some(answer.json());
                running
            }
            (Err(error), _) => panic!("cut off: {error}"),
        };
        self.retry(running, bytes, &key, known).await;
    }

    async fn upload_without_s3(&mut self) {
        let (bytes, key) = (png_of(1000), new_key());
        self.world.s3.stop().await;
        let running = self.start_with_fault();
        let outcome = self.world.upload(&running, &bytes, &key).await;
        let running = if self.case.fault == Fault::Abort {
            self.after_abort(running).await
        } else {
            running
        };
        let known = match outcome {
            Ok(answer) => {
                assert!(answer.status.is_success(), "{}", answer.text());
                Some(answer.json())
            }
            Err(error) => {
                assert_eq!(self.case.fault, Fault::Abort, "{error}");
                None
            }
        };
        self.world.s3.start_again().await;
        self.retry(running, bytes, &key, known).await;
    }

    /// Sends the upload again: it is one image, the one that was acknowledged if one was.
    async fn retry(&mut self, running: Running, bytes: Vec<u8>, key: &str, known: Option<Value>) {
        let answer = self.world.upload(&running, &bytes, key).await.unwrap();
        let status = answer.status.as_u16();
        assert!(matches!(status, 201 | 202), "{}", answer.text());
        let image = answer.json();
        if let Some(known) = known {
            assert_eq!(image["id"], known["id"], "another image");
            assert_eq!(answer.header("idempotency-replayed"), "true");
        }
        self.older.push(Sent { image, bytes });
        self.finish(running, &[]).await;
    }

    /// What was refused is nowhere.
    async fn assert_nothing_left(&self, running: &Running) {
        let undone = self.case.point != "copy.undo" && self.case.point != "entry.undo";
        if undone {
            self.world.assert_no_temporary_files();
            assert!(self.world.entries().is_empty(), "an entry is left");
        } else if self.case.also.contains("entry.rename-fsync") {
            return; // the entry could not be removed: it goes before the next is written
        }
        self.world
            .check_but_entries(running, &self.older, self.orphans)
            .await;
    }

    async fn delete(&mut self) {
        let subject = self.subject.take().unwrap();
        if self.case.situation == Situation::DeleteOld {
            let long_ago = "UPDATE images SET stored_at = datetime(stored_at, '-1 hour')";
            self.world.execute(long_ago).await;
        }
        let is_pending = self.case.situation == Situation::DeletePending;
        if is_pending {
            self.world.s3.stop().await;
        }
        let running = self.start_with_fault();
        let outcome = self.world.delete(&running, &subject).await;
        if is_pending {
            self.world.s3.start_again().await;
        }
        let running = match (&outcome, self.case.fault, self.case.outcome) {
            (_, Fault::Abort, _) => self.after_abort(running).await,
            (Ok(answer), _, Outcome::Refused) => {
                self.assert_refused(answer);
                // The refusal has to hold over a crash. An entry of its own that could not even be removed is the
                // one exception, until the next is written.
                let running = if is_pending || self.case.also.is_empty() {
                    until("the refused removal is off the disk", || async {
                        !self.is_removal_journaled()
                    })
                    .await;
                    drop(running);
                    self.world.start()
                } else {
                    running
                };
                self.older.push(subject.clone());
                if is_pending || self.case.also.is_empty() {
                    self.world.settle(&self.older, &[]).await;
                }
                self.world.check_but_entries(&running, &self.older, 0).await;
                running
            }
            (Ok(answer), _, Outcome::Done) => {
                assert_eq!(answer.status, 204, "{}", answer.text());
                running
            }
            (Err(error), ..) => panic!("cut off: {error}"),
        };
        self.older.retain(|sent| sent.id() != subject.id());
        let acknowledged = matches!(&outcome, Ok(answer) if answer.status == 204);
        let path = format!("/api/v1/images/{}", subject.id());
        let now = self.world.get(&running, &path).await.status.as_u16();
        if acknowledged {
            assert_eq!(now, 410, "a deleted image is back");
        } else if now != 410 {
            assert_eq!(now, 200);
            let mut all = self.older.clone();
            all.push(subject.clone());
            if is_pending || self.case.also.is_empty() {
                self.world.settle(&all, &[]).await;
            }
            self.world.check_but_entries(&running, &all, 0).await;
            let answer = self.world.delete(&running, &subject).await.unwrap();
            assert_eq!(answer.status, 204, "{}", answer.text());
        }
        self.finish(running, &[subject]).await;
    }

    /// Whether an entry says that an image is to be removed. One that is just taken away does not.
    fn is_removal_journaled(&self) -> bool {
        let entries = self.world.entries().into_iter();
        let texts: Vec<String> = entries
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .collect();
        texts
            .iter()
            .any(|text| text.contains("removed_at") && !text.contains("\"removed_at\": null"))
    }

    /// Makes what was removed a moment ago removed long ago, so that its last steps are due.
    fn make_removal_old(&self) {
        let path = self.world.entries().pop().unwrap();
        let mut entry: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let long_ago = chrono::Utc::now() - chrono::TimeDelta::minutes(10);
        entry["removed_at"] = serde_json::to_value(long_ago).unwrap();
        std::fs::write(&path, entry.to_string()).unwrap();
    }

    /// Starts a process that meets the fault without being asked for anything. It may end before it listens.
    async fn meet_in_background(&self) -> Running {
        let failpoints = self.case.failpoints();
        let running = match self.world.try_start(&[("FAILPOINTS", &failpoints)]) {
            Ok(running) => running,
            Err(status) => {
                assert_eq!(status.signal(), Some(SIGABRT), "{}", self.world.log());
                return self.world.start();
            }
        };
        until("the fault is met", || async {
            self.world.log().contains(&self.met())
        })
        .await;
        if self.case.fault == Fault::Abort {
            return self.after_abort(running).await;
        }
        running
    }

    async fn start(&mut self) {
        if self.case.situation == Situation::Start {
            std::fs::write(self.world.uploads.join("tmp/half"), "half").unwrap();
            let settled = self.world.uploads.join("journal/settled/damaged.json");
            std::fs::write(settled, "{").unwrap();
        }
        let failpoints = self.case.failpoints();
        let Err(status) = self.world.try_start(&[("FAILPOINTS", &failpoints)]) else {
            panic!("it started");
        };
        if self.case.fault == Fault::Abort {
            assert_eq!(status.signal(), Some(SIGABRT));
        } else {
            assert_eq!(status.code(), Some(1));
            assert!(
                self.world.log().contains("UPLOADS_DIR"),
                "{}",
                self.world.log()
            );
        }
        let running = self.world.start();
        self.finish(running, &[]).await;
    }

    async fn sweep(&mut self) {
        let uploads = &self.world.uploads;
        let aged = |path: &std::path::Path, age: Duration| {
            let file = File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .open(path);
            file.unwrap().set_modified(SystemTime::now() - age).unwrap();
        };
        let hour = Duration::from_hours(1);
        aged(&uploads.join("last-sweep"), 3 * hour);
        let day = self.world.copies()[0].parent().unwrap().to_owned();
        let orphan = day.join(format!("{}.jpg", ImageId::generate()));
        aged(&orphan, 2 * hour);
        if self.case.point == "swept.remove" {
            std::fs::create_dir(uploads.join("swept")).unwrap();
            aged(
                &uploads
                    .join("swept")
                    .join(format!("{}.jpg", ImageId::generate())),
                1000 * hour,
            );
        }
        let mut running = self.meet_in_background().await;
        if self.case.fault != Fault::Abort {
            // The sweep is tried again at the next start, or an hour later.
            drop(running);
            running = self.world.start();
        }
        let swept = self.world.uploads.join("swept");
        let expected = BTreeSet::from([orphan.file_stem().unwrap().to_string_lossy().into_owned()]);
        until(
            "the orphan is set aside and the old one is gone",
            || async {
                let aside = files_below(&swept);
                ids(aside) == expected && !orphan.exists()
            },
        )
        .await;
        self.finish(running, &[]).await;
    }

    async fn probe(&mut self) {
        let running = self.start_with_fault();
        let running = if self.case.fault == Fault::Abort {
            let url = format!("{}/readyz", running.address);
            assert!(reqwest::get(url).await.is_err(), "it answered");
            self.after_abort(running).await
        } else {
            let report = self.world.get(&running, "/readyz").await.expect(503).json();
            assert_eq!(report["parts"]["disk"], "down");
            running
        };
        self.world.get(&running, "/readyz").await.expect(200);
        if self.case.fault == Fault::Abort || self.case.point == "probe.remove" {
            // What the probe left is swept at the next start.
            drop(running);
            let running = self.world.start();
            self.world.assert_no_temporary_files();
            self.finish(running, &[]).await;
        } else {
            self.finish(running, &[]).await;
        }
    }

    /// Another upload works without a restart, and then everything is as it should be.
    async fn finish(&mut self, running: Running, gone: &[Sent]) {
        let next = self
            .world
            .upload_well(&running, &png_of(700), &new_key())
            .await;
        self.older.push(next);
        self.world.settle(&self.older, gone).await;
        self.world
            .check(&running, &self.older, gone, self.orphans)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_step_that_fails_loses_nothing_and_leaves_nothing() {
    let beginnings = Arc::new(Beginnings::make().await);
    let places = Arc::new(Semaphore::new(ROWS_AT_ONCE));
    let mut rows = JoinSet::new();
    let only = std::env::var("FAULT_ROWS").unwrap_or_default();
    let cases = cases();
    let wanted = cases
        .iter()
        .filter(|case| format!("{case:?}").contains(&only));
    let count = wanted.clone().count();
    for case in wanted.copied() {
        let (beginnings, places) = (Arc::clone(&beginnings), Arc::clone(&places));
        rows.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            let row = async move {
                let row = Row::begin(case, beginnings.of(case.situation)).await;
                row.run().await;
            };
            tokio::spawn(row)
                .await
                .map_err(|error| format!("{case:?}: {error}"))
        });
    }
    let mut failed = Vec::new();
    while let Some(row) = rows.join_next().await {
        failed.extend(row.unwrap().err());
    }
    assert!(
        failed.is_empty(),
        "{} of {count}: {failed:#?}",
        failed.len()
    );
    report(&format!(
        "disk: {} steps and {} points between them, {count} rows",
        DISK_STEPS.len(),
        STEPS_BETWEEN.len()
    ));
}

#[test]
fn every_point_is_in_a_row() {
    let met: BTreeSet<&str> = cases().iter().map(|case| case.point).collect();
    let all: BTreeSet<&str> = DISK_STEPS.iter().chain(STEPS_BETWEEN).copied().collect();
    assert_eq!(met, all);
}
