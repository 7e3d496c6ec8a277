//! Mends what is wrong with an image, and looks again after every change.
//!
//! A delete may come between a look and a repair. What was put back is then found by the next look under a
//! tombstone, and removed. A delete writes its tombstone before it removes anything, so a look that finds none
//! comes before that removal.

use super::judge::{Judgement, Problem, Repair, Source, judge};
use super::look::{Look, checksum};
use super::report::{Action, Finding, Outcome};
use super::sightings::Sighting;
use super::{ReconcileError, Reconciliation, room_for};
use crate::db::WriteOutcome;
use crate::domain::{Image, ImageId};
use crate::fault;
use crate::images::publish::now;
use crate::storage::{ObjectError, StorageKey};

/// How often an image is looked at. Each look may follow a repair, the last one repairs nothing.
const ROUNDS: usize = 5;

/// What came of an image.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) findings: Vec<Finding>,
    pub(super) pending: bool,
    pub(super) in_progress: u64,
    pub(super) owed_elsewhere: bool,
    /// Why it could not be looked at to the end. What is said above holds all the same.
    pub(super) error: Option<ReconcileError>,
}

/// What came of a repair.
enum Repaired {
    Done,
    /// What it was to mend, or what with, is not as it was seen.
    Overtaken,
    /// It cannot be done: why.
    Refused(String),
}

impl Reconciliation {
    /// Looks at an image and, if that is wanted, repairs what can be repaired.
    pub(super) async fn settle(&self, sighting: Sighting) -> Settled {
        let mut settled = Settled::default();
        let Ok(_room) = self.room.acquire_many(room_for(&sighting)).await else {
            unreachable!("the room is never closed");
        };
        if let Err(error) = self.settle_into(&sighting, &mut settled).await {
            settled.error = Some(error);
        }
        settled
    }

    async fn settle_into(
        &self,
        sighting: &Sighting,
        settled: &mut Settled,
    ) -> Result<(), ReconcileError> {
        if self.is_in_order_by_lists(sighting) && self.holds_its_bytes(sighting).await? {
            return Ok(());
        }
        for round in 0..ROUNDS {
            let evidence = match (self.look(sighting).await?, round) {
                (Look::Steady(evidence), _) => evidence,
                // This run has put something back, and what the entry owes for it may be done already.
                (Look::Pending(Some(record)), 1..) if record.deleted => {
                    self.look_at_deleted(sighting, record).await?
                }
                (Look::Pending(_) | Look::Changing, _) => {
                    settled.pending = true;
                    return Ok(());
                }
            };
            let Judgement {
                problems,
                in_progress,
                owed_elsewhere,
            } = judge(&evidence, &self.options, self.cautious());
            (settled.in_progress, settled.owed_elsewhere) = (in_progress, owed_elsewhere);
            let image = evidence.record.map(|record| record.image);
            if !self.options.repair {
                let planned = problems.iter().map(|problem| {
                    let outcome = match problem.repair {
                        Some(_) => Outcome::Planned,
                        None => Outcome::Left,
                    };
                    finding(evidence.id, problem, outcome)
                });
                settled.findings.extend(planned);
                return Ok(());
            }
            fault::hold("reconcile.looked");
            let mut left = Vec::new();
            let mut look_again = false;
            for mut problem in problems {
                let Some(repair) = problem.repair.clone() else {
                    left.push(finding(evidence.id, &problem, Outcome::Left));
                    continue;
                };
                if round + 1 == ROUNDS {
                    problem.reason = Some("it keeps changing".to_owned());
                    left.push(finding(evidence.id, &problem, Outcome::Left));
                    continue;
                }
                match self
                    .carry_out(image.as_ref(), &problem.place, repair)
                    .await?
                {
                    Repaired::Done => {
                        let repaired = finding(evidence.id, &problem, Outcome::Repaired);
                        settled.findings.push(repaired);
                        look_again = true;
                    }
                    Repaired::Overtaken => look_again = true,
                    Repaired::Refused(reason) => {
                        problem.reason = Some(reason);
                        left.push(finding(evidence.id, &problem, Outcome::Left));
                    }
                }
            }
            if !look_again {
                settled.findings.extend(left);
                return Ok(());
            }
        }
        Ok(())
    }

    async fn carry_out(
        &self,
        image: Option<&Image>,
        place: &str,
        repair: Repair,
    ) -> Result<Repaired, ReconcileError> {
        match (repair, image) {
            (Repair::UploadObject, Some(image)) => self.put_object(image, None).await,
            (Repair::ReplaceObject { e_tag }, Some(image)) => {
                self.put_object(image, Some(&e_tag)).await
            }
            (Repair::NoteStored(stored_at), Some(image)) => {
                self.asking_database(|db, deadline| db.note_stored(image.id, stored_at, deadline))
                    .await?;
                Ok(Repaired::Done)
            }
            (Repair::RestoreCopy { damaged, from }, Some(image)) => {
                self.restore_copy(image, damaged, &from).await
            }
            (
                Repair::UploadObject
                | Repair::ReplaceObject { .. }
                | Repair::NoteStored(_)
                | Repair::RestoreCopy { .. },
                None,
            ) => unreachable!("only recorded images are put back"),
            (Repair::RemoveObject, _) => {
                self.objects.delete(place, self.object_deadline()).await?;
                Ok(Repaired::Done)
            }
            (Repair::RemoveCopy(key), _) => {
                self.local.remove(key).await?;
                Ok(Repaired::Done)
            }
            (Repair::SetCopyAside(key), _) => {
                self.local.set_aside(key).await?;
                Ok(Repaired::Done)
            }
            (Repair::RebuildRecord(image), _) => {
                fault::hold("reconcile.put_back");
                let written =
                    self.asking_database(|db, deadline| db.write_record(&image, deadline));
                Ok(match written.await? {
                    WriteOutcome::Written => Repaired::Done,
                    WriteOutcome::Deleted | WriteOutcome::KeyTaken(_) => Repaired::Overtaken,
                })
            }
        }
    }

    /// Puts the local copy into S3, in the place of a damaged object if there is one.
    async fn put_object(
        &self,
        image: &Image,
        instead_of: Option<&str>,
    ) -> Result<Repaired, ReconcileError> {
        let key = StorageKey::original(image);
        let Some(bytes) = self.local.read(key).await? else {
            return Ok(Repaired::Overtaken);
        };
        if checksum(&bytes) != image.sha256 {
            return Ok(Repaired::Overtaken);
        }
        fault::hold("reconcile.put_back");
        let deadline = self.object_deadline();
        let put = if let Some(e_tag) = instead_of {
            self.objects.replace(image, e_tag, bytes, deadline).await
        } else {
            self.objects.put(image, bytes, deadline).await
        };
        match put {
            Ok(()) => {}
            Err(ObjectError::Conflict { .. }) => return Ok(Repaired::Overtaken),
            Err(error @ ObjectError::Refused { .. }) => {
                return Ok(Repaired::Refused(error.to_string()));
            }
            // S3 may have stored it all the same, and no look comes any more.
            Err(error) => {
                self.take_back_if_deleted(image).await;
                return Err(error.into());
            }
        }
        let noted = self.asking_database(|db, deadline| db.note_stored(image.id, now(), deadline));
        if let Err(error) = noted.await {
            self.take_back_if_deleted(image).await;
            return Err(error.into());
        }
        Ok(Repaired::Done)
    }

    /// Removes the object of an image that was deleted while its object was put. The run ends with another error,
    /// so what fails here is left to the next run.
    async fn take_back_if_deleted(&self, image: &Image) {
        let found = self.asking_database(|db, deadline| db.find(image.id, deadline));
        if found
            .await
            .is_ok_and(|record| record.is_some_and(|record| record.deleted))
        {
            let removed = self
                .objects
                .delete(&image.object_key, self.object_deadline());
            if let Err(error) = removed.await {
                log::warn!(
                    "image {} was deleted and its object may be back, run this again: {error}",
                    image.id
                );
            }
        }
    }

    /// Writes the good bytes to the disk. A damaged copy is moved out of the way first.
    async fn restore_copy(
        &self,
        image: &Image,
        damaged: bool,
        from: &Source,
    ) -> Result<Repaired, ReconcileError> {
        let key = StorageKey::original(image);
        let read = match from {
            Source::Object(object_key) => {
                match self.objects.get(object_key, self.object_deadline()).await {
                    Err(error @ ObjectError::Withheld { .. }) => {
                        return Ok(Repaired::Refused(error.to_string()));
                    }
                    got => got?,
                }
            }
            Source::File(path) => self.local.read_file(path).await?,
        };
        let Some(bytes) = read.filter(|bytes| checksum(bytes) == image.sha256) else {
            return Ok(Repaired::Overtaken);
        };
        if damaged {
            self.local.set_aside(key).await?;
        }
        fault::hold("reconcile.put_back");
        self.local.write(key, bytes).await?;
        Ok(Repaired::Done)
    }
}

fn finding(id: ImageId, problem: &Problem, outcome: Outcome) -> Finding {
    Finding {
        id: Some(id),
        kind: problem.kind,
        what: problem.what(),
        action: problem.repair.as_ref().map_or(Action::None, Repair::action),
        outcome,
    }
}
