//! A start with ten thousand images that S3 and the database are still owed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use image_handler::domain::ImageId;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::helpers::app::{files_below, form};
use crate::helpers::exposition::Exposition;
use crate::helpers::fixtures::photo;
use crate::helpers::process::{Running, command};
use crate::helpers::s3::{BUCKET, TestS3};
use crate::helpers::{report, until};

const PENDING: usize = 10_000;
/// How many of them a test waits for. The others are more of the same.
const DRAINED: f64 = 500.0;
const CLIENTS: usize = 8;
const UPLOADS_EACH: usize = 25;

fn service(uploads: &Path, s3: &TestS3) -> Command {
    let mut command = command(uploads);
    command
        .env("S3_ENDPOINT", format!("http://{}", s3.address()))
        .env("S3_BUCKET", BUCKET)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test-secret")
        .env("UPLOAD_RATE", "off")
        .env("READ_RATE", "off");
    command
}

async fn scrape(running: &Running) -> Exposition {
    let answer = reqwest::get(format!("{}/metrics", running.address)).await;
    Exposition::read(&answer.unwrap().text().await.unwrap())
}

async fn upload(client: &reqwest::Client, address: &str) -> Value {
    let request = client.post(format!("{address}/api/v1/images"));
    let answer = request.multipart(form("Ada", photo())).send().await;
    let answer = answer.unwrap();
    // With or without its record: a busy machine can take longer for that than an answer waits.
    assert!([201, 202].contains(&answer.status().as_u16()), "{answer:?}");
    answer.json().await.unwrap()
}

/// How long uploads by several clients take: the median, and what one in a hundred exceeds.
async fn upload_times(running: &Running) -> (Duration, Duration) {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let address = running.address.clone();
        clients.spawn(async move {
            let client = reqwest::Client::new();
            let mut times = Vec::new();
            for _ in 0..UPLOADS_EACH {
                let began = Instant::now();
                upload(&client, &address).await;
                times.push(began.elapsed());
            }
            times
        });
    }
    let mut times = clients.join_all().await.concat();
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

/// Makes more entries like the one that is there, each with a local copy, which is the same file under other
/// names. Gives the id of one of them.
fn multiply_entries(uploads: &Path) -> ImageId {
    let journal = uploads.join("journal");
    let entries: Vec<PathBuf> = files_below(&journal);
    assert_eq!(entries.len(), 1, "{entries:?}");
    let text = std::fs::read_to_string(&entries[0]).unwrap();
    let entry: Value = serde_json::from_str(&text).unwrap();
    let id = entry["image"]["id"].as_str().unwrap().to_owned();
    let find = |path: &PathBuf| path.file_stem().unwrap() == id.as_str();
    let copies = files_below(&uploads.join("originals"));
    let copy = copies.iter().find(|path| find(path)).unwrap();
    let mut last = ImageId::generate();
    for _ in 1..PENDING {
        last = ImageId::generate();
        let day = last.created_at().format("%Y-%m-%d").to_string();
        let folder = uploads.join("originals").join(day);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::hard_link(copy, folder.join(format!("{last}.jpg"))).unwrap();
        let mut entry: Value = serde_json::from_str(&text.replace(&id, &last.to_string())).unwrap();
        entry["owed"] = json!(["store_object", "write_record"]);
        let bytes = serde_json::to_vec_pretty(&entry).unwrap();
        std::fs::write(journal.join(format!("{last}.json")), bytes).unwrap();
    }
    last
}

const STORED: &str = "image_handler_replay_steps_total{outcome=\"done\",step=\"store_object\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_ten_thousand_owed_it_starts_at_once_and_serves_while_it_drains() {
    let mut s3 = TestS3::start().await;
    let uploads = TempDir::new().unwrap();
    let running = Running::spawn(service(uploads.path(), &s3));
    let usual = upload_times(&running).await;
    s3.stop().await;
    upload(&reqwest::Client::new(), &running.address).await;
    assert_eq!(running.terminate().0.code(), Some(0));
    let one = multiply_entries(uploads.path());

    let began = Instant::now();
    let mut command = service(uploads.path(), &s3);
    let log = std::fs::File::create(uploads.path().join("log")).unwrap();
    command.stderr(log);
    let running = Running::spawn(command);
    let ready = reqwest::get(format!("{}/readyz", running.address)).await;
    let ready_after = began.elapsed();
    let ready = ready.unwrap();
    assert_eq!(ready.status(), 200);
    let found: Value = ready.json().await.unwrap();
    assert_eq!(found["pending"], PENDING);
    let image = reqwest::get(format!("{}/i/{one}.jpg", running.address)).await;
    assert!(image.unwrap().bytes().await.unwrap() == photo());
    let client = reqwest::Client::new();
    let pending = upload(&client, &running.address).await;
    assert_eq!(pending["storage"]["s3"], "pending");

    s3.start_again().await;
    let running = &running;
    until("it drains", || async {
        scrape(running).await.value(STORED) > 0.0
    })
    .await;
    let (began, before) = (Instant::now(), scrape(running).await.value(STORED));
    let draining = upload_times(running).await;
    until("a part is drained", || async {
        scrape(running).await.value(STORED) >= before + DRAINED
    })
    .await;
    let stored = scrape(running).await.value(STORED) - before;
    let rate = stored / began.elapsed().as_secs_f64();
    let scraped = scrape(running).await;
    assert!(scraped.value("image_handler_pending_images") > 0.0);
    report(&format!(
        "backlog: ready {ready_after:?} after the start with {PENDING} owed, {rate:.0} objects/s drained beside \
         {CLIENTS} clients, who wait {draining:?} (median, 99 %) instead of {usual:?}"
    ));
    let lines = std::fs::read_to_string(uploads.path().join("log")).unwrap();
    assert!(lines.contains("owed for 10000 images"));
    let named = lines.matches("nothing is owed any more").count();
    assert!(named < PENDING / 10, "{named} lines");
}
