//! The journal on a disk that works; `tests/api/disk` has those that do not.

use super::*;
use crate::domain::{Checksum, IdempotencyKey, Image, MediaType, Uploader};
use crate::storage::entry::Step;

fn image() -> Image {
    let id = ImageId::generate();
    let key: IdempotencyKey = "0192f1a0-6d5e-7c3b-9a4f-2b1c0d9e8f70".parse().unwrap();
    Image {
        id,
        uploader: Uploader::parse("Ada").unwrap(),
        alt: None,
        file_name: None,
        media_type: MediaType::Png,
        size_bytes: 3,
        width: 1,
        height: 1,
        sha256: Checksum::of(b"abc"),
        received_sha256: None,
        object_key: format!("images/{id}.png"),
        url: format!("http://localhost/images/{id}.png"),
        idempotency_key: Some(key.hash()),
        stored_at: None,
        thumbhash: None,
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("journal")).unwrap();
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        Self(folder)
    }

    fn load(&self) -> Arc<Journal> {
        Journal::load(self.0.path().join("journal"), self.0.path().join("tmp")).unwrap()
    }
}

#[tokio::test]
async fn an_entry_is_there_after_a_restart_until_it_is_finished() {
    let folder = Folder::new();
    let image = image();
    let claim = folder
        .load()
        .create(Entry::publish(image.clone()))
        .await
        .unwrap();
    drop(claim);

    let journal = folder.load();
    assert_eq!(journal.owing(), [image.id]);
    let key = image.idempotency_key.clone().unwrap();
    assert_eq!(journal.find_by_key(&key).unwrap().image, image);
    let finished = Entry::publish(image.clone());
    let owed = Owed {
        images: 1,
        objects: 1,
        records: 1,
        removals: 0,
    };
    assert_eq!(journal.owed(), owed);
    journal
        .try_claim(image.id)
        .unwrap()
        .finish(finished)
        .await
        .unwrap();
    assert!(journal.find(image.id).is_none());
    assert!(journal.find_by_key(&key).is_none());
    assert_eq!(journal.owed(), Owed::default());

    assert_eq!(folder.load().pending(Duration::ZERO), (0, None));
}

#[tokio::test]
async fn an_entry_has_one_worker_at_a_time() {
    let folder = Folder::new();
    let journal = folder.load();
    let entry = Entry::publish(image());
    let id = entry.image.id;
    let first = journal.create(entry.clone()).await.unwrap().unwrap();
    assert!(journal.create(entry.clone()).await.unwrap().is_none());
    assert!(journal.try_claim(id).is_none());
    assert!(journal.owing().is_empty());
    drop(first);
    journal.something_owing().await;
    assert_eq!(journal.owing(), [id]);
    let second = journal.try_claim(id).unwrap();
    second.finish(entry).await.unwrap();
    assert!(journal.try_claim(id).is_none(), "nothing is left to claim");
}

#[tokio::test]
async fn a_removal_overrules_whoever_works_on_the_publication() {
    let folder = Folder::new();
    let journal = folder.load();
    let entry = Entry::publish(image());
    let id = entry.image.id;
    let mut worker = journal.create(entry.clone()).await.unwrap().unwrap();
    let removal = Entry::remove(entry.image.clone());
    assert!(matches!(
        journal.remove(removal.clone()).await.unwrap(),
        Removal::Overruled
    ));
    assert!(matches!(journal.find(id), Some(Known::Removed)));

    assert!(worker.is_overruled());
    worker.write(entry.clone()).await.unwrap();
    worker.show(entry.clone());
    worker.finish(entry).await.unwrap();
    assert!(
        matches!(journal.find(id), Some(Known::Removed)),
        "the worker changes nothing"
    );
    assert!(matches!(folder.load().find(id), Some(Known::Removed)));
    assert!(matches!(
        journal.remove(removal).await.unwrap(),
        Removal::AlreadyRemoved
    ));
    assert_eq!(journal.owing(), [id], "the replayer can go on");
}

#[tokio::test]
async fn what_was_promised_cannot_be_withdrawn_and_stays_promised() {
    let folder = Folder::new();
    let journal = folder.load();
    let entry = Entry::publish(image());
    let id = entry.image.id;
    let removal = Entry::remove(entry.image.clone());
    let mut worker = journal.create(entry.clone()).await.unwrap().unwrap();
    assert!(journal.promise(id).await.unwrap());
    assert!(!worker.withdraw(removal.clone()).await.unwrap());
    // The worker does not know yet.
    worker.write(entry.clone()).await.unwrap();
    worker.show(entry.clone());
    assert!(!worker.withdraw(removal.clone()).await.unwrap());
    let Some(Known::Published(loaded)) = folder.load().find(id) else {
        panic!("it is gone");
    };
    assert!(loaded.promised, "also on disk");
    worker.finish(entry).await.unwrap();
    assert!(!journal.promise(id).await.unwrap(), "there is nothing left");

    let mut worker = journal
        .create(Entry::publish(image()))
        .await
        .unwrap()
        .unwrap();
    let entry = worker.entry().unwrap();
    assert!(
        worker
            .withdraw(Entry::remove(entry.image.clone()))
            .await
            .unwrap()
    );
    assert!(!journal.promise(entry.image.id).await.unwrap());
}

#[tokio::test]
async fn an_entry_that_cannot_be_replaced_stays() {
    let folder = Folder::new();
    let journal = folder.load();
    let entry = Entry::publish(image());
    let id = entry.image.id;
    drop(journal.create(entry.clone()).await.unwrap());
    std::fs::remove_dir(folder.0.path().join("tmp")).unwrap();
    assert!(journal.remove(Entry::remove(entry.image)).await.is_err());
    assert!(matches!(journal.find(id), Some(Known::Published(_))));
    assert!(matches!(folder.load().find(id), Some(Known::Published(_))));
}

#[tokio::test]
async fn an_entry_that_cannot_be_written_leaves_nothing() {
    let folder = Folder::new();
    let journal = folder.load();
    std::fs::remove_dir_all(folder.0.path().join("journal")).unwrap();
    let entry = Entry::publish(image());
    let id = entry.image.id;
    assert!(journal.create(entry).await.is_err());
    assert!(journal.find(id).is_none());
    assert_eq!(journal.pending(Duration::ZERO), (0, None));
}

#[tokio::test]
async fn a_removal_replaces_the_publication_it_overtakes() {
    let folder = Folder::new();
    let journal = folder.load();
    let entry = Entry::publish(image());
    let id = entry.image.id;
    drop(journal.create(entry.clone()).await.unwrap());
    let removal = journal.remove(Entry::remove(entry.image)).await.unwrap();
    assert!(matches!(removal, Removal::Claimed(_)));
    let owed = Owed {
        images: 1,
        removals: 1,
        ..Owed::default()
    };
    assert_eq!(journal.owed(), owed);
    assert!(matches!(folder.load().find(id), Some(Known::Removed)));
}

#[tokio::test]
async fn a_settled_upload_is_remembered_by_its_key_until_it_is_deleted() {
    let folder = Folder::new();
    let journal = folder.load();
    let image = image();
    let key = image.idempotency_key.clone().unwrap();
    let entry = Entry::publish(image.clone());
    let claim = journal.create(entry.clone()).await.unwrap().unwrap();
    claim.finish(entry).await.unwrap();
    assert_eq!(journal.find_settled(&key).unwrap().image.id, image.id);

    let journal = folder.load();
    let remembered = journal.find_settled(&key).unwrap();
    assert_eq!((remembered.image.id, remembered.owed.len()), (image.id, 0));
    assert_eq!(
        journal.pending(Duration::ZERO),
        (0, None),
        "nothing is owed for it"
    );

    let removal = Entry::remove(image);
    let claim = journal.create(removal.clone()).await.unwrap().unwrap();
    claim.finish(removal).await.unwrap();
    assert!(journal.find_settled(&key).is_none());
    assert!(folder.load().find_settled(&key).is_none());
}

#[tokio::test]
async fn every_entry_of_many_is_read() {
    let folder = Folder::new();
    let journal = folder.load();
    let mut ids = Vec::new();
    for _ in 0..50 {
        let mut image = image();
        image.idempotency_key = None;
        ids.push(image.id);
        drop(journal.create(Entry::publish(image)).await.unwrap());
    }
    ids.sort_unstable();
    assert_eq!(journal.owing(), ids);
    let again = folder.load();
    assert_eq!(again.owing(), ids);
    assert_eq!(again.owed(), journal.owed());
    assert_eq!(
        again.pending(Duration::ZERO),
        (50, Some(ids[0].created_at()))
    );
}

#[tokio::test]
async fn a_removal_that_only_waits_for_its_second_look_is_not_pending_before_that_is_due() {
    let folder = Folder::new();
    let journal = folder.load();
    let late_object = Duration::from_mins(2);
    let mut entry = Entry::remove(image());
    let made = Some(entry.image.created_at());
    let mut claim = journal.create(entry.clone()).await.unwrap().unwrap();
    assert_eq!(journal.pending(late_object), (1, made));
    for step in [
        Step::WriteTombstone,
        Step::DeleteObject,
        Step::DeleteLocalCopy,
    ] {
        assert_eq!(journal.pending(late_object), (1, made), "{step:?} is owed");
        entry.done(step);
        claim.write(entry.clone()).await.unwrap();
    }
    assert_eq!(journal.pending(late_object), (0, None));
    assert_eq!(journal.pending(Duration::ZERO), (1, made), "it is due");
    let newer = Entry::publish(image());
    let newer_made = Some(newer.image.created_at());
    let _newer = journal.create(newer).await.unwrap().unwrap();
    assert_eq!(journal.pending(late_object), (1, newer_made));
    // The clock was set back since.
    entry.removed_at = Some(Utc::now() + Duration::from_mins(5));
    claim.write(entry.clone()).await.unwrap();
    assert_eq!(journal.pending(late_object), (2, made));
    entry.removed_at = Some(Utc::now() - late_object);
    claim.write(entry.clone()).await.unwrap();
    assert_eq!(journal.pending(late_object), (2, made));
    claim.finish(entry).await.unwrap();
    assert_eq!(journal.pending(late_object), (1, newer_made));
}

#[test]
fn files_that_are_no_entries_are_counted_and_kept() {
    let folder = Folder::new();
    let stray = folder.0.path().join("journal").join("stray.json");
    std::fs::write(&stray, b"{").unwrap();
    assert_eq!(folder.load().unreadable(), 1);
    assert!(stray.exists());
}

#[tokio::test]
async fn an_image_whose_file_is_no_entry_is_unreadable_until_it_is_removed() {
    let folder = Folder::new();
    let image = image();
    let file = folder.0.path().join(format!("journal/{}.json", image.id));
    std::fs::write(&file, b"{").unwrap();
    let journal = folder.load();
    assert!(matches!(journal.find(image.id), Some(Known::Unreadable)));
    assert!(journal.try_claim(image.id).is_none());
    assert_eq!(journal.pending(Duration::ZERO), (0, None));

    let removal = Entry::remove(image.clone());
    let Removal::Claimed(claim) = journal.remove(removal.clone()).await.unwrap() else {
        panic!("nobody else has it");
    };
    assert!(matches!(journal.find(image.id), Some(Known::Removed)));
    claim.finish(removal).await.unwrap();
    assert!(journal.find(image.id).is_none());
    assert!(!file.exists());
}

#[test]
fn an_entry_that_the_disk_does_not_give_stops_the_start() {
    let folder = Folder::new();
    let file = folder.0.path().join("journal").join("unread.json");
    // To read it is an error of the file system, and not "not found".
    std::os::unix::fs::symlink(&file, &file).unwrap();
    let loaded = Journal::load(folder.0.path().join("journal"), folder.0.path().join("tmp"));
    let error = loaded.err().unwrap().to_string();
    assert!(error.contains("unread.json"), "{error}");
}

#[test]
fn a_write_that_nobody_waits_for_any_more_is_not_overtaken() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let folder = Folder::new();
        let journal = folder.load();
        let entry = Entry::publish(image());
        let mut claim = journal.create(entry.clone()).await.unwrap().unwrap();
        // The one thread for file work has something else to do.
        let (let_go, wait) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || wait.recv());
        {
            let write = std::pin::pin!(claim.write(entry.clone()));
            assert!(futures_util::poll!(write).is_pending());
        }
        let mut turn = std::pin::pin!(claim.turn());
        assert!(
            futures_util::poll!(turn.as_mut()).is_pending(),
            "the write is still to come"
        );
        let_go.send(()).unwrap();
        busy.await.unwrap().unwrap();
        turn.await;
    });
}
