//! Local copies that a crash left without an owner.

use std::fs::File;
use std::time::{Duration, SystemTime};

use image_handler::domain::ImageId;

use crate::helpers::app::form;
use crate::helpers::fixtures::photo;
use crate::helpers::{on_both_engines, until};

on_both_engines! {
    async fn a_copy_that_no_entry_and_no_record_names_is_swept_after_its_grace_period(app: TestApp) {
        let mut app = app;
        let recorded = app.local_copy(&app.upload_photo().await);
        app.s3.stop().await;
        let away = app.database.go_away().await;
        let journaled = app.local_copy(&app.upload(form("Ada", photo())).await.expect(202).json());
        app.host.stop().await;
        app.database.come_back(away).await;
        let folder = recorded.parent().unwrap().to_owned();
        let old = folder.join(format!("{}.jpg", ImageId::generate()));
        let young = folder.join(format!("{}.jpg", ImageId::generate()));
        let foreign = folder.join("notes.txt");
        for path in [&old, &young, &foreign] {
            std::fs::write(path, "left behind").unwrap();
        }
        let two_hours_ago = SystemTime::now() - Duration::from_hours(2);
        for path in [&recorded, &journaled, &old, &foreign] {
            File::options().write(true).open(path).unwrap().set_modified(two_hours_ago).unwrap();
        }
        // As if the last sweep had been before all this.
        let mark = app.uploads.path().join("last-sweep");
        let set_mark = || File::create(&mark).unwrap().set_modified(SystemTime::now() - Duration::from_hours(3)).unwrap();
        // An entry that cannot be read may be the owner of any of them.
        let unreadable = app.uploads.path().join("journal/unreadable.json");
        std::fs::write(&unreadable, "{").unwrap();
        set_mark();
        app.host.restart().await;
        app.get("/readyz").await.expect(200);
        assert!(old.exists());
        std::fs::remove_file(&unreadable).unwrap();
        // Without a mark nobody knows what was settled before.
        app.host.stop().await;
        std::fs::remove_file(&mark).unwrap();
        app.host.restart().await;
        until("the sweep is over", || async { mark.exists() }).await;
        assert!(old.exists());
        app.host.stop().await;
        set_mark();
        app.host.restart().await;
        until("the old one is set aside", || async { !old.exists() }).await;
        let aside = app.uploads.path().join("swept").join(old.file_name().unwrap());
        until("it is in swept/", || async { aside.exists() }).await;
        for path in [&recorded, &journaled, &young, &foreign] {
            assert!(path.exists(), "{}", path.display());
        }
    }
}
