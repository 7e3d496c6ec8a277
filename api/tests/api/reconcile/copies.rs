//! Local copies that are missing, damaged or cannot be read.

use image_handler::images::reconcile::{Action, Kind, Options, Outcome};

use super::{PLAN, REPAIR, flipped, leaves, mends, object_of, run};
use crate::helpers::app::files_below;
use crate::helpers::fixtures::photo;
use crate::helpers::on_both_engines;

on_both_engines! {
    async fn a_missing_copy_is_restored_from_its_object(app: TestApp) {
        let image = app.upload_photo().await;
        let copy = app.local_copy(&image);
        std::fs::remove_file(&copy).unwrap();
        mends(&app, Kind::MissingCopy, Action::RestoreCopy).await;
        assert!(std::fs::read(&copy).unwrap() == photo());
    }

    async fn all_copies_are_restored_into_an_empty_folder(app: TestApp) {
        let mut app = app;
        let images = [app.upload_photo().await, app.upload_photo().await, app.upload_photo().await];
        app.host.stop().await;
        for folder in ["originals", "tmp", "journal"] {
            std::fs::remove_dir_all(app.uploads.path().join(folder)).unwrap();
        }
        assert_eq!(run(&app, PLAN).await.summary.left, 3);
        assert!(!app.uploads.path().join("originals").exists());
        assert_eq!(run(&app, REPAIR).await.summary.repaired, 3);
        run(&app, REPAIR).await.expect_nothing();
        for image in &images {
            assert!(std::fs::read(app.local_copy(image)).unwrap() == photo());
        }
    }

    async fn with_several_hosts_a_copy_may_be_missing_but_not_be_damaged(app: TestApp) {
        let (elsewhere, here) = (app.upload_photo().await, app.upload_photo().await);
        std::fs::remove_file(app.local_copy(&elsewhere)).unwrap();
        let several_hosts = true;
        leaves(&app, Options { several_hosts, ..REPAIR }, &[]).await;
        std::fs::write(app.local_copy(&here), "short").unwrap();
        let ran = run(&app, Options { several_hosts, ..REPAIR }).await;
        assert_eq!(ran.told(), [(Kind::DamagedCopy, Action::SetAsideAndRestoreCopy, Outcome::Repaired)]);
        assert!(!app.local_copy(&elsewhere).exists());
    }

    async fn a_damaged_copy_is_set_aside_and_restored(app: TestApp) {
        let image = app.upload_photo().await;
        let copy = app.local_copy(&image);
        for damaged in [flipped(&photo()), photo()[..100].to_vec(), Vec::new()] {
            std::fs::write(&copy, &damaged).unwrap();
            mends(&app, Kind::DamagedCopy, Action::SetAsideAndRestoreCopy).await;
            assert!(std::fs::read(&copy).unwrap() == photo());
            let swept = files_below(&app.uploads.path().join("swept"));
            let kept = |bytes: &[u8]| swept.iter().any(|path| std::fs::read(path).unwrap() == bytes);
            assert!(kept(&damaged) && kept(&flipped(&photo())), "what was set aside earlier stays");
        }
    }

    async fn by_sizes_alone_only_damage_that_changes_them_is_found(app: TestApp) {
        let (flip, cut) = (app.upload_photo().await, app.upload_photo().await);
        std::fs::write(app.local_copy(&flip), flipped(&photo())).unwrap();
        std::fs::write(app.local_copy(&cut), &photo()[..100]).unwrap();
        let quick = run(&app, Options { quick: true, ..PLAN }).await;
        assert_eq!(quick.findings.len(), 1);
        assert_eq!(run(&app, PLAN).await.findings.len(), 2);
    }

    async fn a_copy_that_cannot_be_read_is_set_aside_and_restored(app: TestApp) {
        let image = app.upload_photo().await;
        let copy = app.local_copy(&image);
        std::fs::remove_file(&copy).unwrap();
        std::fs::create_dir(&copy).unwrap();
        mends(&app, Kind::UnreadableCopy, Action::SetAsideAndRestoreCopy).await;
        assert!(std::fs::read(&copy).unwrap() == photo());
    }

    async fn what_was_set_aside_and_is_good_is_taken_back(app: TestApp) {
        let (gone, rotten) = (app.upload_photo().await, app.upload_photo().await);
        let swept = app.uploads.path().join("swept");
        std::fs::create_dir(&swept).unwrap();
        for image in [&gone, &rotten] {
            let copy = app.local_copy(image);
            let name = copy.file_name().unwrap().to_owned();
            std::fs::rename(&copy, swept.join(&name)).unwrap();
            std::fs::remove_file(object_of(&app, image)).unwrap();
        }
        // The newer of two may be the bad one.
        let copy = app.local_copy(&rotten);
        let aside = swept.join(copy.file_name().unwrap());
        std::fs::rename(&aside, aside.with_extension("jpg.2")).unwrap();
        std::fs::write(&aside, "bad").unwrap();
        std::fs::write(&copy, "bad too").unwrap();
        let plan = run(&app, PLAN).await;
        assert_eq!(plan.told(), [
            (Kind::MissingCopy, Action::RestoreCopy, Outcome::Planned),
            (Kind::DamagedCopy, Action::SetAsideAndRestoreCopy, Outcome::Planned),
        ]);
        assert_eq!(run(&app, REPAIR).await.summary.left, 0);
        run(&app, REPAIR).await.expect_nothing();
        for image in [&gone, &rotten] {
            assert!(std::fs::read(app.local_copy(image)).unwrap() == photo());
            assert!(app.fetch(image["url"].as_str().unwrap()).await == (200, photo()));
        }
    }

    async fn an_object_that_is_not_what_s3_says_is_not_taken_for_the_copy(app: TestApp) {
        let image = app.upload_photo().await;
        std::fs::remove_file(app.local_copy(&image)).unwrap();
        // Below S3's own checksum, as a broken store would.
        std::fs::write(object_of(&app, &image), flipped(&photo())).unwrap();
        let ran = leaves(&app, REPAIR, &[Kind::Lost]).await;
        assert!(ran.findings[0].what.contains("the object is damaged"), "{:?}", ran.findings);
    }
}
