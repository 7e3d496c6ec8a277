//! The states from which the rows of the table begin.

use tempfile::TempDir;

use super::cases::Situation;
use super::world::{Sent, World, copy_of, new_key};
use crate::helpers::fixtures::{photo, png_of};
use crate::helpers::until;

/// A state of everything from which rows begin.
pub(super) struct Beginning {
    pub(super) uploads: TempDir,
    pub(super) objects: TempDir,
    pub(super) older: Vec<Sent>,
    /// The image that the row is about, when there is one before it begins.
    pub(super) subject: Option<Sent>,
}

impl Beginning {
    fn of(world: &World, older: &[&Sent], subject: Option<&Sent>) -> Self {
        Self {
            uploads: copy_of(&world.uploads),
            objects: copy_of(world.s3.folder()),
            older: older.iter().map(|sent| (*sent).clone()).collect(),
            subject: subject.cloned(),
        }
    }
}

/// The beginnings, made once: processes take their time to start.
pub(super) struct Beginnings {
    empty: Beginning,
    fresh: Beginning,
    older: Beginning,
    pending: Beginning,
    stored: Beginning,
    deleted: Beginning,
}

impl Beginnings {
    pub(super) async fn make() -> Self {
        let mut world = World::new().await;
        let empty = Beginning::of(&world, &[], None);
        drop(world.start());
        let fresh = Beginning::of(&world, &[], None);
        let running = world.start();
        let older = world.upload_well(&running, &photo(), &new_key()).await;
        world.settle(std::slice::from_ref(&older), &[]).await;
        drop(running);
        let with_older = Beginning::of(&world, &[&older], None);

        let running = world.start();
        let stored = world.upload_well(&running, &png_of(900), &new_key()).await;
        let both = [older.clone(), stored.clone()];
        world.settle(&both, &[]).await;
        drop(running);
        let with_stored = Beginning::of(&world, &[&older], Some(&stored));
        let running = world.start();
        let answer = world.delete(&running, &stored).await.unwrap();
        answer.expect(204);
        world
            .settle(std::slice::from_ref(&older), std::slice::from_ref(&stored))
            .await;
        drop(running);
        let deleted = Beginning::of(&world, &[&older], Some(&stored));

        world = World::on(
            copy_of(with_older.uploads.path()),
            copy_of(with_older.objects.path()),
        )
        .await;
        world.s3.stop().await;
        let running = world.start();
        let pending = world.upload_well(&running, &png_of(800), &new_key()).await;
        until("the upload is left owed", || async {
            world.entries().len() == 1
        })
        .await;
        drop(running);
        let with_pending = Beginning::of(&world, &[&older], Some(&pending));
        Self {
            empty,
            fresh,
            older: with_older,
            pending: with_pending,
            stored: with_stored,
            deleted,
        }
    }

    pub(super) fn of(&self, situation: Situation) -> &Beginning {
        match situation {
            Situation::FirstStart => &self.empty,
            Situation::FirstUpload => &self.fresh,
            Situation::Upload
            | Situation::UploadWithoutS3
            | Situation::Start
            | Situation::Sweep
            | Situation::Probe => &self.older,
            Situation::Replay | Situation::DeletePending => &self.pending,
            Situation::Delete | Situation::DeleteOld => &self.stored,
            Situation::LateDelete => &self.deleted,
        }
    }
}
