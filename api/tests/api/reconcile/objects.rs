//! Objects that are missing, damaged or not noted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use image_handler::db::Db;
use image_handler::domain::ImageId;
use image_handler::images::reconcile::{
    Action, Event, Finding, Kind, Options, Outcome, ReconcileError, Reconciliation, Summary,
};
use image_handler::storage::{LocalStore, ObjectMetadata, ObjectStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::command::Reconcile;
use super::{
    REMOVE_ORPHANS, REPAIR, bucket, flipped, leaves, make_old, mends, object_key, object_of, run,
};
use crate::helpers::app::TestApp;
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;
use crate::helpers::scripted::{Reaction, Scripted};
use crate::helpers::{on_both_engines, until};

/// Repairs with this in S3's place: what was found, and the summary.
async fn repair_through(app: &TestApp, s3: &Scripted) -> (Vec<(Kind, Action, Outcome)>, Summary) {
    let mut config = app.s3.config();
    config.endpoint = Some(s3.url());
    let local = LocalStore::open_beside_service(app.uploads.path()).unwrap();
    let objects = ObjectStore::connect(config).await.unwrap();
    let db = Db::prepare(&app.database.config()).unwrap();
    let mut told = Vec::new();
    let tell = |event: Event<'_>| {
        if let Event::Found(finding) = event {
            told.push((finding.kind, finding.action, finding.outcome));
        }
    };
    let reconciliation = Reconciliation::new(local, objects, db, REMOVE_ORPHANS);
    let (summary, result) = Box::pin(reconciliation.run(tell)).await;
    result.unwrap();
    (told, summary)
}

on_both_engines! {
    async fn a_host_where_all_is_well_has_no_findings(app: TestApp) {
        for _ in 0..3 {
            app.upload_photo().await;
        }
        for quick in [false, true] {
            let ran = run(&app, Options { quick, ..REPAIR }).await;
            ran.expect_nothing();
            assert_eq!(ran.summary.images, 3);
        }
    }

    async fn a_missing_object_is_uploaded_from_its_copy(app: TestApp) {
        let image = app.upload_photo().await;
        app.upload_photo().await;
        let object = object_of(&app, &image);
        std::fs::remove_file(&object).unwrap();
        mends(&app, Kind::MissingObject, Action::UploadObject).await;
        assert!(app.fetch(image["url"].as_str().unwrap()).await == (200, photo()));
    }

    async fn an_object_that_s3_never_confirmed_is_uploaded_and_noted(app: TestApp) {
        let image = app.upload_photo().await;
        std::fs::remove_file(object_of(&app, &image)).unwrap();
        app.database.execute("UPDATE images SET stored_at = NULL").await;
        mends(&app, Kind::MissingObject, Action::UploadObject).await;
        assert_eq!(app.database.rows().await[0].stored, 1);
    }

    async fn an_object_with_other_bytes_is_replaced_by_the_copy(app: TestApp) {
        let image = app.upload_photo().await;
        let key = object_key(&image);
        for other in [flipped(&photo()), b"short".to_vec(), [photo(), photo()].concat(), Vec::new()] {
            bucket::put(&app, &key, &other, None).await;
            mends(&app, Kind::DamagedObject, Action::ReplaceObject).await;
            assert!(app.fetch(image["url"].as_str().unwrap()).await == (200, photo()));
            let record = bucket::record_of(&app, &key).await.unwrap();
            assert_eq!(ObjectMetadata::decode(&record).unwrap().uploader.as_str(), "Ada");
        }
    }

    async fn an_object_that_rotted_below_its_checksum_is_replaced_by_the_copy(app: TestApp) {
        let image = app.upload_photo().await;
        std::fs::write(object_of(&app, &image), flipped(&photo())).unwrap();
        mends(&app, Kind::DamagedObject, Action::ReplaceObject).await;
        assert!(app.fetch(image["url"].as_str().unwrap()).await == (200, photo()));
    }

    async fn nothing_of_an_image_is_removed_while_nothing_of_it_is_where_it_belongs(app: TestApp) {
        let image = app.upload_photo().await;
        let (object, copy) = (object_of(&app, &image), app.local_copy(&image));
        // Of another extension than the record's: nobody's, but the last good bytes.
        let renamed = object.with_extension("png");
        bucket::put(&app, &object_key(&image).replace(".jpg", ".png"), &photo(), None).await;
        std::fs::remove_file(&object).unwrap();
        std::fs::remove_file(&copy).unwrap();
        make_old(&renamed);
        let plan = run(&app, Options { repair: false, ..REMOVE_ORPHANS }).await;
        let removes = |finding: &Finding| finding.action == Action::RemoveObject;
        assert!(!plan.findings.iter().any(removes), "{:?}", plan.findings);
        let ran = run(&app, REMOVE_ORPHANS).await;
        assert_eq!((ran.summary.lost, ran.summary.left), (0, 0), "{:?}", ran.findings);
        run(&app, REMOVE_ORPHANS).await.expect_nothing();
        assert!(std::fs::read(&copy).unwrap() == photo());
        assert!(app.fetch(image["url"].as_str().unwrap()).await == (200, photo()));
        // Bytes that are not good are kept for a person too.
        std::fs::remove_file(&object).unwrap();
        std::fs::write(&copy, "damaged").unwrap();
        std::fs::write(copy.with_extension("gif"), "nearly").unwrap();
        make_old(&copy.with_extension("gif"));
        leaves(&app, REMOVE_ORPHANS, &[Kind::Lost, Kind::OrphanCopy]).await;
    }

    async fn one_object_that_s3_does_not_give_is_told_and_the_run_goes_on(app: TestApp) {
        let images = [app.upload_photo().await, app.upload_photo().await, app.upload_photo().await];
        let (copyless, withheld, missing) = (&images[0], &images[1], &images[2]);
        std::fs::remove_file(object_of(&app, missing)).unwrap();
        std::fs::remove_file(app.local_copy(copyless)).unwrap();
        let withheld_keys = [object_key(copyless), object_key(withheld)];
        let behind = app.s3.address();
        let s3 = Scripted::start(move |request| {
            if withheld_keys.iter().any(|key| request.target.contains(key)) {
                return Reaction::Answer(
                    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
                );
            }
            Reaction::PassTo(behind)
        })
        .await;
        let (told, summary) = repair_through(&app, &s3).await;
        assert_eq!(told, [
            (Kind::UnreadableObject, Action::None, Outcome::Left),
            (Kind::UnreadableObject, Action::None, Outcome::Left),
            (Kind::MissingObject, Action::UploadObject, Outcome::Repaired),
        ]);
        assert_eq!(summary.lost, 0);
    }

    async fn a_role_that_lists_below_the_prefix_alone_repairs_objects_that_are_missing(app: TestApp) {
        let image = app.upload_photo().await;
        let object = object_of(&app, &image);
        std::fs::remove_file(&object).unwrap();
        let (key, behind) = (object_key(&image), app.s3.address());
        let s3 = Scripted::start(move |request| {
            // S3 does not say that it is not there to those who may not list the bucket as such.
            let reads = matches!(request.method.as_str(), "GET" | "HEAD");
            if reads && request.target.contains(&key) && !object.exists() {
                return Reaction::Answer(
                    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
                );
            }
            Reaction::PassTo(behind)
        })
        .await;
        let (told, summary) = repair_through(&app, &s3).await;
        assert_eq!(told, [(Kind::MissingObject, Action::UploadObject, Outcome::Repaired)]);
        assert_eq!((summary.lost, summary.left), (0, 0));
        let refused = s3.received().iter().filter(|request| request.method == "HEAD").count();
        assert!(refused > 0, "nothing was refused");
        assert!(app.fetch(image["url"].as_str().unwrap()).await == (200, photo()));
        run(&app, REPAIR).await.expect_nothing();
    }

    async fn an_object_without_a_checksum_is_fetched_and_taken_for_what_it_is(app: TestApp) {
        let image = app.upload_photo().await;
        bucket::put(&app, &object_key(&image), &photo(), None).await;
        run(&app, REPAIR).await.expect_nothing();
    }

    async fn an_object_that_is_not_noted_is_noted(app: TestApp) {
        app.upload_photo().await;
        app.database.execute("UPDATE images SET stored_at = NULL").await;
        mends(&app, Kind::UnnotedObject, Action::NoteStored).await;
        assert_eq!(app.database.rows().await[0].stored, 1);
    }

    async fn what_is_damaged_everywhere_is_lost_and_left_alone(app: TestApp) {
        let image = app.upload_photo().await;
        let (key, copy) = (object_key(&image), app.local_copy(&image));
        std::fs::write(&copy, flipped(&photo())).unwrap();
        bucket::put(&app, &key, b"other", None).await;
        let ran = leaves(&app, REPAIR, &[Kind::Lost]).await;
        assert_eq!((ran.summary.lost, ran.summary.left), (1, 1));
        // Nor is a damaged copy given to S3 when the object is gone, or kept from being told.
        std::fs::remove_file(object_of(&app, &image)).unwrap();
        leaves(&app, REPAIR, &[Kind::Lost]).await;
        // Nor is a damaged object taken for the copy.
        bucket::put(&app, &key, &flipped(&photo()), None).await;
        std::fs::remove_file(&copy).unwrap();
        leaves(&app, REPAIR, &[Kind::Lost]).await;
        std::fs::remove_file(object_of(&app, &image)).unwrap();
        let ran = leaves(&app, Options { quick: true, ..REPAIR }, &[Kind::Lost]).await;
        assert!(ran.findings[0].what.contains("the object is gone, the copy on this host is gone"));
    }

    async fn what_another_host_may_still_owe_to_s3_is_lost_only_after_the_grace_period(app: TestApp) {
        let image = app.upload_photo().await;
        std::fs::remove_file(object_of(&app, &image)).unwrap();
        std::fs::remove_file(app.local_copy(&image)).unwrap();
        app.database.execute("UPDATE images SET stored_at = NULL").await;
        let ran = leaves(&app, REPAIR, &[]).await;
        assert_eq!(ran.summary.owed_elsewhere, 1);
        let grace = Duration::ZERO;
        leaves(&app, Options { grace, ..REPAIR }, &[Kind::Lost]).await;
        // S3 may be away for longer than that.
        let several_hosts = true;
        let ran = leaves(&app, Options { grace, several_hosts, ..REPAIR }, &[]).await;
        assert_eq!(ran.summary.owed_elsewhere, 1);
    }

    async fn an_object_that_somebody_stores_before_the_repair_is_not_overwritten_unseen(app: TestApp) {
        let image = app.upload_photo().await;
        let key = object_key(&image);
        bucket::put(&app, &key, b"damaged", None).await;
        let reconcile = Reconcile::held(&app, "reconcile.put_back").await;
        bucket::put(&app, &key, &photo(), Some("by somebody else".to_owned())).await;
        let (code, told) = reconcile.go_on();
        assert_eq!((code, told.lines().count()), (Some(0), 1), "{told}");
        assert_eq!(bucket::record_of(&app, &key).await.unwrap(), "by somebody else");

        std::fs::remove_file(object_of(&app, &image)).unwrap();
        let reconcile = Reconcile::held(&app, "reconcile.put_back").await;
        bucket::put(&app, &key, b"damaged", None).await;
        let (code, told) = reconcile.go_on();
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("damaged_object") && !told.contains("missing_object"), "{told}");
        assert!(app.fetch(image["url"].as_str().unwrap()).await == (200, photo()));
    }

    async fn beside_a_busy_service_it_finds_nothing(app: TestApp) {
        const CLIENTS: usize = 4;
        let working = AtomicUsize::new(CLIENTS);
        let client = async || {
            for round in 0..8 {
                let image = app.upload_photo().await;
                let (id, token) = (image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap());
                if round % 2 == 0 {
                    app.delete(id, token).await.expect(204);
                }
            }
            working.fetch_sub(1, Ordering::Relaxed);
        };
        let reconcile = async {
            while working.load(Ordering::Relaxed) > 0 {
                run(&app, REMOVE_ORPHANS).await.expect_nothing();
            }
        };
        tokio::join!(client(), client(), client(), client(), reconcile);
        let rows = app.database.rows().await;
        assert_eq!((rows.len(), rows.iter().filter(|row| row.deleted == 0).count()), (32, 16));
        let app = &app;
        until("nothing is owed", || async { app.files().len() == 16 && app.s3.objects().len() == 16 }).await;
        run(app, REMOVE_ORPHANS).await.expect_nothing();
    }

    async fn an_object_under_the_prefix_of_earlier_times_is_found(app: TestApp) {
        let image = app.upload_photo().await;
        let object = object_of(&app, &image);
        let elsewhere = object.parent().unwrap().parent().unwrap().join("earlier");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::rename(&object, elsewhere.join(object.file_name().unwrap())).unwrap();
        app.database.execute("UPDATE images SET object_key = REPLACE(object_key, 'images/', 'earlier/')").await;
        run(&app, REPAIR).await.expect_nothing();
        std::fs::remove_file(elsewhere.join(object.file_name().unwrap())).unwrap();
        mends(&app, Kind::MissingObject, Action::UploadObject).await;
        assert!(elsewhere.join(object.file_name().unwrap()).is_file());
    }
}

/// Answers one request with the list of these keys.
async fn list_of(keys: &[String]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let objects = keys
        .iter()
        .map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>"));
    let list = format!(
        "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>",
        objects.collect::<String>()
    );
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 16 * 1024];
        let _ = stream.read(&mut request).await.unwrap();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n{list}",
            list.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_does_not_list_in_order_is_refused() {
    let app = TestApp::start(Engine::Sqlite).await;
    let mut keys: Vec<String> = (0..2)
        .map(|_| format!("images/{}.png", ImageId::generate()))
        .collect();
    keys.reverse();
    let mut config = app.s3.config();
    config.endpoint = Some(list_of(&keys).await);
    let local = LocalStore::open_beside_service(app.uploads.path()).unwrap();
    let objects = ObjectStore::connect(config).await.unwrap();
    let db = Db::prepare(&app.database.config()).unwrap();
    let reconciliation = Reconciliation::new(local, objects, db, REPAIR);
    let (summary, result) = Box::pin(reconciliation.run(|_| {})).await;
    assert!(
        matches!(result, Err(ReconcileError::OutOfOrder)),
        "{result:?}"
    );
    assert_eq!(summary.findings(), 0);
}
