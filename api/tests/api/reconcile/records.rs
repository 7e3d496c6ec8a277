//! Records that are missing, and what belongs to no record.

use image_handler::domain::ImageId;
use image_handler::images::reconcile::{Action, Kind, Options, Outcome};

use super::{
    PLAN, REMOVE_ORPHANS, REPAIR, bucket, everything, flipped, leaves, make_old, mends, new_name,
    object_key, object_of, run,
};
use crate::helpers::app::{ADMIN_KEY, TestApp, files_below, form};
use crate::helpers::fixtures::{photo, png_of};
use crate::helpers::on_both_engines;

/// Stores an object of an image that nothing else knows, two hours ago.
async fn put_unrecorded(app: &TestApp, bytes: &[u8], record: Option<String>) -> String {
    let name = new_name();
    bucket::put(app, &format!("images/{name}"), bytes, record).await;
    let objects = app.s3.objects();
    let object = objects.iter().find(|path| path.ends_with(&name));
    make_old(object.unwrap());
    name
}

on_both_engines! {
    async fn a_lost_record_is_rebuilt_from_what_its_object_says(app: TestApp) {
        let image = app.upload_photo().await;
        let key = object_key(&image);
        bucket::put(&app, &key, &photo(), Some(bucket::record("Grace Hopper", &photo()))).await;
        make_old(&object_of(&app, &image));
        app.database.execute("DELETE FROM images").await;
        mends(&app, Kind::MissingRecord, Action::RebuildRecord).await;
        let found = app.get(&format!("/api/v1/images/{}", image["id"].as_str().unwrap())).await.expect(200).json();
        assert_eq!((&found["uploader"], &found["width"]), (&"Grace Hopper".into(), &640.into()));
        for same in ["id", "sha256", "size_bytes", "content_type", "created_at", "url", "link"] {
            assert_eq!(found[same], image[same], "{same}");
        }
        assert_eq!(found["storage"], serde_json::json!({"local": "stored", "s3": "stored", "record": "stored"}));
    }

    async fn a_lost_record_is_rebuilt_when_the_copy_alone_is_good(app: TestApp) {
        let image = app.upload_photo().await;
        let key = object_key(&image);
        bucket::put(&app, &key, &flipped(&photo()), Some(bucket::record("Ada", &photo()))).await;
        make_old(&object_of(&app, &image));
        make_old(&app.local_copy(&image));
        app.database.execute("DELETE FROM images").await;
        let ran = run(&app, REMOVE_ORPHANS).await;
        assert_eq!(ran.told(), [
            (Kind::MissingRecord, Action::RebuildRecord, Outcome::Repaired),
            (Kind::DamagedObject, Action::ReplaceObject, Outcome::Repaired),
        ]);
        run(&app, REMOVE_ORPHANS).await.expect_nothing();
        assert!(app.fetch(image["url"].as_str().unwrap()).await == (200, photo()));
    }

    async fn a_grace_period_of_nothing_does_not_reach_copies_that_are_being_written(app: TestApp) {
        let image = app.upload_photo().await;
        let copy = app.local_copy(&image).parent().unwrap().join(new_name());
        std::fs::write(&copy, "a copy before its entry").unwrap();
        let grace = std::time::Duration::ZERO;
        let ran = leaves(&app, Options { grace, ..REMOVE_ORPHANS }, &[]).await;
        assert_eq!(ran.summary.in_progress, 1);
    }

    async fn a_lost_table_is_rebuilt_and_the_copies_with_it(app: TestApp) {
        let mut images = Vec::new();
        for uploader in ["Ada", "Grace", "Katherine"] {
            let image = app.upload(form(uploader, photo())).await.expect(201).json();
            bucket::put(&app, &object_key(&image), &photo(), Some(bucket::record(uploader, &photo()))).await;
            make_old(&object_of(&app, &image));
            images.push(image);
        }
        let before: Vec<_> = app.database.rows().await;
        app.database.execute("DELETE FROM images").await;
        std::fs::remove_file(app.local_copy(&images[1])).unwrap();
        std::fs::write(app.local_copy(&images[2]), "damaged").unwrap();
        assert_eq!(run(&app, PLAN).await.findings.len(), 3);
        let ran = run(&app, REPAIR).await;
        let rebuilt = ran.findings.iter().filter(|finding| finding.kind == Kind::MissingRecord).count();
        assert_eq!((rebuilt, ran.summary.repaired, ran.summary.left), (3, 5, 0), "{:?}", ran.findings);
        run(&app, REPAIR).await.expect_nothing();
        let after = app.database.rows().await;
        assert_eq!(after, before);
    }

    async fn objects_that_make_no_record_are_told_and_removed_only_if_that_is_wanted(app: TestApp) {
        let kept = app.upload_photo().await;
        let blocked = app.upload(form("Eve", png_of(400))).await.expect(201).json();
        let content = std::fs::read(app.local_copy(&blocked)).unwrap();
        let purge = format!("/api/v1/images/{}?purge=true", blocked["id"].as_str().unwrap());
        app.send(app.request(reqwest::Method::DELETE, &purge).bearer_auth(ADMIN_KEY)).await.expect(204);
        let other = flipped(&photo());
        let reasons = [
            (put_unrecorded(&app, &photo(), None).await, "does not say"),
            (put_unrecorded(&app, &photo(), Some("e30".to_owned())).await, "cannot be read"),
            (put_unrecorded(&app, &other, Some(bucket::record("Ada", &photo()))).await, "its bytes are not"),
            (put_unrecorded(&app, &content, Some(bucket::record("Eve", &content))).await, "blocked"),
        ];
        let orphans = [Kind::OrphanObject; 4];
        let ran = leaves(&app, REPAIR, &orphans).await;
        for ((name, reason), finding) in reasons.iter().zip(&ran.findings) {
            assert!(finding.what.contains(name) && finding.what.contains(reason), "{finding:?}");
        }
        leaves(&app, PLAN, &orphans).await;
        let ran = run(&app, REMOVE_ORPHANS).await;
        assert_eq!(ran.told(), [(Kind::OrphanObject, Action::RemoveObject, Outcome::Repaired); 4]);
        run(&app, REMOVE_ORPHANS).await.expect_nothing();
        assert_eq!(app.s3.objects(), [object_of(&app, &kept)]);
    }

    async fn what_is_younger_than_the_grace_period_belongs_to_an_upload_under_way(app: TestApp) {
        app.upload_photo().await;
        bucket::put(&app, &format!("images/{}", new_name()), &photo(), None).await;
        bucket::put(&app, &format!("images/{}", new_name()), &photo(), Some(bucket::record("Ada", &photo()))).await;
        let day = files_below(&app.uploads.path().join("originals"))[0].parent().unwrap().to_owned();
        std::fs::write(day.join(new_name()), "a copy before its entry").unwrap();
        let ran = leaves(&app, REMOVE_ORPHANS, &[]).await;
        assert_eq!((ran.summary.in_progress, ran.summary.images), (3, 4));
    }

    async fn an_orphan_copy_is_set_aside_if_that_is_wanted(app: TestApp) {
        let image = app.upload_photo().await;
        let day = app.local_copy(&image).parent().unwrap().to_owned();
        let orphan = day.join(new_name());
        std::fs::write(&orphan, "nobody's").unwrap();
        std::fs::write(day.join("notes.txt"), "not ours").unwrap();
        // Of the image, but not of its type.
        let twin = app.local_copy(&image).with_extension("gif");
        std::fs::write(&twin, "nobody's either").unwrap();
        for path in [&orphan, &twin] {
            make_old(path);
        }
        leaves(&app, REPAIR, &[Kind::OrphanCopy, Kind::OrphanCopy]).await;
        let ran = run(&app, REMOVE_ORPHANS).await;
        assert_eq!(ran.told(), [(Kind::OrphanCopy, Action::SetCopyAside, Outcome::Repaired); 2]);
        assert_eq!(files_below(&app.uploads.path().join("swept")).len(), 2);
        assert!(day.join("notes.txt").exists() && app.local_copy(&image).exists());
        run(&app, REMOVE_ORPHANS).await.expect_nothing();
    }

    async fn objects_that_are_not_ours_are_counted_and_never_touched(app: TestApp) {
        let image = app.upload_photo().await;
        let id = image["id"].as_str().unwrap();
        let names = [format!("{id}.txt"), id.to_uppercase(), "thumbs/a.jpg".to_owned(), format!("{id}.jpeg")];
        for name in &names {
            bucket::put(&app, &format!("images/{name}"), b"foreign", None).await;
        }
        bucket::put(&app, "elsewhere/a.jpg", b"not below the prefix", None).await;
        app.s3.objects().iter().for_each(|path| make_old(path));
        let ran = leaves(&app, REMOVE_ORPHANS, &[]).await;
        assert_eq!((ran.summary.foreign_objects, ran.summary.images), (4, 1));
    }

    async fn an_object_of_another_type_than_the_record_is_an_orphan(app: TestApp) {
        let image = app.upload_photo().await;
        let key = object_key(&image).replace(".jpg", ".png");
        bucket::put(&app, &key, &photo(), Some(bucket::record("Ada", &photo()))).await;
        app.s3.objects().iter().for_each(|path| make_old(path));
        leaves(&app, REPAIR, &[Kind::OrphanObject]).await;
        assert_eq!(run(&app, REMOVE_ORPHANS).await.summary.repaired, 1);
        assert_eq!(app.s3.objects(), [object_of(&app, &image)]);
    }

    async fn what_the_journal_has_an_entry_for_is_left_to_the_service(app: TestApp) {
        let mut app = app;
        app.s3.stop().await;
        let away = app.database.go_away().await;
        let unrecorded = app.upload(form("Ada", photo())).await.expect(202).json();
        app.host.stop().await;
        app.database.come_back(away).await;
        app.s3.start_again().await;
        let none = Options { grace: std::time::Duration::ZERO, ..REMOVE_ORPHANS };
        let ran = leaves(&app, none, &[]).await;
        assert_eq!(ran.summary.pending, 1);
        // What cannot be read is still an entry, and of its image.
        let id: ImageId = unrecorded["id"].as_str().unwrap().parse().unwrap();
        let entry = app.uploads.path().join(format!("journal/{id}.json"));
        let text = std::fs::read_to_string(&entry).unwrap();
        std::fs::write(&entry, "{").unwrap();
        let ran = leaves(&app, none, &[Kind::UnreadableEntry]).await;
        assert!(ran.findings[0].what.ends_with(&format!("{id}.json")));
        assert_eq!(ran.summary.pending, 1);
        // Under a name that tells nothing it may be of any image: nothing is removed or rebuilt.
        std::fs::remove_file(&entry).unwrap();
        std::fs::write(app.uploads.path().join("journal/lost+found"), text).unwrap();
        put_unrecorded(&app, &photo(), Some(bucket::record("Ada", &photo()))).await;
        put_unrecorded(&app, &photo(), None).await;
        for path in files_below(&app.uploads.path().join("originals")) {
            make_old(&path);
        }
        let before = everything(&app).await;
        // A whole entry under a strange name is no unreadable one.
        std::fs::write(app.uploads.path().join("journal/strange"), "{").unwrap();
        let ran = run(&app, none).await;
        let left = ran.findings.iter().filter(|finding| finding.outcome == Outcome::Left).count();
        assert_eq!((ran.findings.len(), left), (4, 4), "{:?}", ran.findings);
        std::fs::remove_file(app.uploads.path().join("journal/strange")).unwrap();
        assert!(everything(&app).await == before);
    }
}
