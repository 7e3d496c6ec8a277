//! Variants take no more room than they may, and those that are used stay.

use std::fs::{File, FileTimes};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::{id, kept_bytes, made, variant, variant_files};
use crate::helpers::app::{Host, TestApp};
use crate::helpers::database::Engine;
use crate::helpers::until;

fn file_of(host: &Host, image: &serde_json::Value) -> Option<PathBuf> {
    let mut files = variant_files(host).into_iter();
    files.find(|file| file.parent().unwrap().ends_with(id(image)))
}

fn set_accessed(file: &PathBuf, hours_ago: u64) {
    let time = SystemTime::now() - Duration::from_hours(hours_ago);
    let times = FileTimes::new().set_accessed(time);
    File::open(file).unwrap().set_times(times).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_used_last_stays_when_the_budget_shrinks() {
    let mut app = TestApp::start(Engine::Sqlite).await;
    let mut images = Vec::new();
    for number in 0..8 {
        let image = app.upload_photo().await;
        variant(&app, &image, "thumb").await.expect(200);
        // The first was used longest ago.
        set_accessed(&file_of(&app, &image).unwrap(), 24 - number);
        images.push(image);
    }
    // Used now, which the service notes as the last access is long ago.
    variant(&app, &images[0], "thumb").await.expect(200);
    let all = kept_bytes(&app).await;
    assert!(all > 0);
    app.host
        .restart_with(|config| config.variants.max_bytes = all / 2)
        .await;
    let host = &app.host;
    until("as much is gone as has to", || async {
        let kept = kept_bytes(host).await;
        kept > 0 && kept <= all / 2
    })
    .await;
    let kept: Vec<usize> = (0..8)
        .filter(|number| file_of(host, &images[*number]).is_some())
        .collect();
    assert_eq!(kept, [0, 6, 7], "a tenth of the budget is made free");
    assert_eq!(kept_bytes(host).await, all / 8 * 3);
    // What is gone is made again.
    variant(host, &images[1], "thumb").await.expect(200);
    assert_eq!(made(host, "thumb", "made").await, 1);
    variant(host, &images[7], "thumb").await.expect(200);
    assert_eq!(made(host, "thumb", "made").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_the_budget_is_served_and_does_not_stay() {
    let app = TestApp::start_with(Engine::Sqlite, |config| config.variants.max_bytes = 1).await;
    let image = app.upload_photo().await;
    for _ in 0..3 {
        variant(&app, &image, "thumb").await.expect(200);
        until("it is gone", || async { variant_files(&app).is_empty() }).await;
    }
    until("nothing is counted", || async {
        kept_bytes(&app).await < 8192
    })
    .await;
}
