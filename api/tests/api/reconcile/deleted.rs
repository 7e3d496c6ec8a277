//! What was deleted stays deleted, whenever the delete comes.

use image_handler::images::reconcile::{Action, Kind, Outcome};
use serde_json::Value;

use super::command::Reconcile;
use super::{PLAN, REPAIR, bucket, everything, make_old, object_key, object_of, run};
use crate::helpers::app::TestApp;
use crate::helpers::fault_proxy::{Fault, FaultProxy};
use crate::helpers::fixtures::photo;
use crate::helpers::scripted::{Reaction, Scripted};
use crate::helpers::{on_both_engines, until};

async fn delete(app: &TestApp, image: &Value) {
    let id = image["id"].as_str().unwrap();
    app.delete(id, image["delete_token"].as_str().unwrap())
        .await
        .expect(204);
    until("nothing is owed for the delete", || async {
        app.database.rows().await[0].purged == 1
    })
    .await;
}

async fn assert_stays_deleted(app: &TestApp) {
    assert!(app.s3.objects().is_empty(), "{:?}", app.s3.objects());
    app.assert_no_files("it was deleted");
    let rows = app.database.rows().await;
    assert_eq!((rows.len(), rows[0].deleted), (1, 1));
    run(app, REPAIR).await.expect_nothing();
}

on_both_engines! {
    async fn what_is_left_of_a_deleted_image_is_removed_and_never_put_back(app: TestApp) {
        let mut app = app;
        let image = app.upload_photo().await;
        app.host.stop().await;
        app.database.execute("UPDATE images SET deleted_at = created_at").await;
        let before = everything(&app).await;
        let plan = run(&app, PLAN).await;
        let object = (Kind::DeletedObject, Action::RemoveObject);
        let copy = (Kind::DeletedCopy, Action::RemoveCopy);
        let both = |outcome| vec![(object.0, object.1, outcome), (copy.0, copy.1, outcome)];
        assert_eq!(plan.told(), both(Outcome::Planned));
        assert!(everything(&app).await == before);
        assert_eq!(run(&app, REPAIR).await.told(), both(Outcome::Repaired));
        assert_stays_deleted(&app).await;
        // Neither from the one nor from the other.
        bucket::put(&app, &object_key(&image), &photo(), Some(bucket::record("Ada", &photo()))).await;
        make_old(&object_of(&app, &image));
        assert_eq!(run(&app, REPAIR).await.told(), [(object.0, object.1, Outcome::Repaired)]);
        std::fs::write(app.local_copy(&image), photo()).unwrap();
        assert_eq!(run(&app, REPAIR).await.told(), [(copy.0, copy.1, Outcome::Repaired)]);
        assert_stays_deleted(&app).await;
    }

    async fn an_image_that_is_deleted_after_the_look_is_not_uploaded(app: TestApp) {
        let image = app.upload_photo().await;
        std::fs::remove_file(object_of(&app, &image)).unwrap();
        let reconcile = Reconcile::held(&app, "reconcile.looked").await;
        delete(&app, &image).await;
        let (code, _) = reconcile.go_on();
        assert_eq!(code, Some(0));
        assert_stays_deleted(&app).await;
    }

    async fn an_object_that_is_put_back_after_a_delete_is_removed_again(app: TestApp) {
        let image = app.upload_photo().await;
        std::fs::remove_file(object_of(&app, &image)).unwrap();
        let reconcile = Reconcile::held(&app, "reconcile.put_back").await;
        delete(&app, &image).await;
        let (code, told) = reconcile.go_on();
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("deleted_object"), "it was put back, or this tests nothing: {told}");
        assert_stays_deleted(&app).await;
    }

    async fn told_to_stop_it_still_takes_back_what_it_put(app: TestApp) {
        let image = app.upload_photo().await;
        // More than are looked at at once.
        for _ in 0..10 {
            app.upload_photo().await;
        }
        std::fs::remove_file(object_of(&app, &image)).unwrap();
        let reconcile = Reconcile::held(&app, "reconcile.put_back").await;
        reconcile.signal_term();
        delete(&app, &image).await;
        let (code, told) = reconcile.go_on();
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains("deleted_object") && told.contains("\"complete\":false"), "{told}");
        let id = image["id"].as_str().unwrap();
        let has_its = |paths: Vec<std::path::PathBuf>| paths.iter().any(|path| path.to_string_lossy().contains(id));
        assert!(!has_its(app.s3.objects()) && !has_its(app.files()), "{told}");
    }

    async fn an_object_whose_put_is_given_up_is_taken_back_when_its_image_was_deleted(app: TestApp) {
        let image = app.upload_photo().await;
        std::fs::remove_file(object_of(&app, &image)).unwrap();
        // S3 stores the object, but the answers to that are lost.
        let behind = FaultProxy::to(app.s3.address()).await;
        let (stores, others) = (behind.address(), app.s3.address());
        let s3 = Scripted::start(move |request| match request.method.as_str() {
            "PUT" => Reaction::PassTo(stores),
            _ => Reaction::PassTo(others),
        })
        .await;
        let reconcile = Reconcile::held_with_s3(&app, &s3.url(), "reconcile.put_back").await;
        let mut behind = behind;
        behind.fail(Fault::ReplyLost).await;
        delete(&app, &image).await;
        let (code, told) = reconcile.go_on();
        assert!(behind.requests().iter().any(|request| request.starts_with("PUT ")), "{told}");
        assert!(code.is_some(), "{told}");
        assert!(app.s3.objects().is_empty(), "{told}");
        assert_stays_deleted(&app).await;
    }

    async fn an_object_that_is_replaced_after_a_delete_is_not_made_anew(app: TestApp) {
        let image = app.upload_photo().await;
        bucket::put(&app, &object_key(&image), b"damaged", None).await;
        let reconcile = Reconcile::held(&app, "reconcile.put_back").await;
        delete(&app, &image).await;
        assert_eq!(reconcile.go_on().0, Some(0));
        assert_stays_deleted(&app).await;
    }

    async fn a_copy_that_is_put_back_after_a_delete_is_removed_again(app: TestApp) {
        let image = app.upload_photo().await;
        std::fs::remove_file(app.local_copy(&image)).unwrap();
        let reconcile = Reconcile::held(&app, "reconcile.put_back").await;
        delete(&app, &image).await;
        let (code, told) = reconcile.go_on();
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("missing_copy"), "it was put back, or this tests nothing: {told}");
        assert_stays_deleted(&app).await;
    }

    async fn a_record_that_is_rebuilt_while_a_tombstone_is_written_stays_one(app: TestApp) {
        let mut app = app;
        let image = app.upload_photo().await;
        app.host.stop().await;
        bucket::put(&app, &object_key(&image), &photo(), Some(bucket::record("Ada", &photo()))).await;
        make_old(&object_of(&app, &image));
        app.database.execute("CREATE TABLE kept AS SELECT * FROM images").await;
        app.database.execute("DELETE FROM images").await;
        let reconcile = Reconcile::held(&app, "reconcile.put_back").await;
        app.database.execute("UPDATE kept SET deleted_at = created_at").await;
        app.database.execute("INSERT INTO images SELECT * FROM kept").await;
        let (code, told) = reconcile.go_on();
        assert_eq!(code, Some(0), "{told}");
        assert_stays_deleted(&app).await;
    }
}
