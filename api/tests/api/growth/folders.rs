//! Days that are settled cost nothing any more.

use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, SystemTime};

use image_handler::domain::ImageId;
use rustix::fs::inotify;

use crate::helpers::on_both_engines;
use crate::helpers::until;

/// Hears when a folder is opened, which whoever reads it has to do.
struct Watch(OwnedFd);

impl Watch {
    fn on(folder: &Path) -> Self {
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
        inotify::add_watch(&watch, folder, inotify::WatchFlags::OPEN).unwrap();
        Self(watch)
    }

    /// How often it was opened. What is opened in it does not count: that has a name.
    fn opened(self) -> usize {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(self.0, &mut buffer);
        let mut opened = 0;
        while let Ok(event) = events.next() {
            opened += usize::from(event.file_name().is_none());
        }
        opened
    }
}

on_both_engines! {
    async fn a_sweep_reads_no_day_in_which_nothing_was_made_since(app: TestApp) {
        let mut app = app;
        let today = app.local_copy(&app.upload_photo().await).parent().unwrap().to_owned();
        app.host.stop().await;
        // Settled, and changed a moment ago, as by a delete.
        let settled = app.uploads.path().join("originals/2022-02-22");
        fs::create_dir(&settled).unwrap();
        let of_that_day = settled.join("017f22e2-79b0-7cc3-98c4-dc0c0c07398f.jpg");
        let left_behind = today.join(format!("{}.jpg", ImageId::generate()));
        let two_hours_ago = SystemTime::now() - Duration::from_hours(2);
        for copy in [&of_that_day, &left_behind] {
            File::create(copy).unwrap().set_modified(two_hours_ago).unwrap();
        }
        let mark = app.uploads.path().join("last-sweep");
        File::create(&mark).unwrap().set_modified(SystemTime::now() - Duration::from_hours(3)).unwrap();

        let (read_today, read_settled) = (Watch::on(&today), Watch::on(&settled));
        app.host.restart().await;
        until("the sweep has come to what was left behind", || async { !left_behind.exists() }).await;
        until("it has ended", || async {
            fs::metadata(&mark).unwrap().modified().unwrap().elapsed().unwrap() < Duration::from_hours(1)
        })
        .await;
        app.host.stop().await;
        assert_ne!(read_today.opened(), 0);
        assert_eq!(read_settled.opened(), 0);
        assert!(of_that_day.exists());
    }
}
