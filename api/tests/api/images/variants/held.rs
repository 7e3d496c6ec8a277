//! Renders that are held up, or whose disk fails: what else goes on, and what is left.

use std::path::PathBuf;

use image_handler::fault::VARIANT_STEPS;
use reqwest::{Client, Method};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::{JoinHandle, JoinSet};

use crate::helpers::answer::Answer;
use crate::helpers::app::{files_below, form, path};
use crate::helpers::exposition::Exposition;
use crate::helpers::fixtures::{photo, png_of};
use crate::helpers::process::{Running, command};
use crate::helpers::until;

/// As many variants may be under way, and no more (`images/variants/flights.rs`).
const MOST_UNDER_WAY: usize = 256;

/// The executable, with failures on purpose.
struct Service {
    uploads: TempDir,
    /// Where a held render puts the file that says so.
    holds: TempDir,
    running: Running,
    client: Client,
}

impl Service {
    /// `{hold}` in `failpoints` is the path of [`Self::hold`].
    fn start(failpoints: &str) -> Self {
        Self::start_on(tempfile::tempdir().unwrap(), failpoints, "1073741824")
    }

    fn start_on(uploads: TempDir, failpoints: &str, max_bytes: &str) -> Self {
        let holds = tempfile::tempdir().unwrap();
        let hold = holds.path().join("held").display().to_string();
        let mut command = command(uploads.path());
        command
            .env("FAILPOINTS", failpoints.replace("{hold}", &hold))
            .env("UPLOAD_RATE", "off")
            .env("READ_RATE", "off")
            .env("VARIANTS_MAX_BYTES", max_bytes)
            .env("MIN_FREE_BYTES", "0")
            .stderr(std::process::Stdio::null());
        let running = tokio::task::block_in_place(|| Running::spawn(command));
        Self {
            uploads,
            holds,
            running,
            client: Client::new(),
        }
    }

    /// Waits until the process has ended on purpose, and starts the next one on its folder.
    async fn after_abort(mut self) -> Self {
        until("the process has ended", || {
            std::future::ready(self.running.ended().is_some())
        })
        .await;
        Self::start_on(self.uploads, "", "1073741824")
    }

    fn hold(&self) -> PathBuf {
        self.holds.path().join("held")
    }

    async fn until_held(&self) {
        until("a render is held", || async { self.hold().exists() }).await;
    }

    fn let_go(&self) {
        std::fs::remove_file(self.hold()).unwrap();
    }

    async fn upload(&self, bytes: Vec<u8>) -> Value {
        let request = self
            .client
            .post(format!("{}/api/v1/images", self.running.address))
            .multipart(form("Ada", bytes));
        let answer = Answer::read(request.send().await.unwrap()).await;
        answer.expect(201).json()
    }

    fn ask(&self, image: &Value, name: &str, accept: &str) -> JoinHandle<Answer> {
        let link = path(&image["variants"][name]);
        let request = self
            .client
            .get(format!("{}{link}", self.running.address))
            .header("Accept", accept);
        tokio::spawn(async move { Answer::read(request.send().await.unwrap()).await })
    }

    async fn variant(&self, image: &Value, name: &str) -> Answer {
        self.ask(image, name, "*/*").await.unwrap()
    }

    async fn delete(&self, image: &Value) {
        let answer = self.try_delete(image).await;
        Answer::read(answer.unwrap()).await.expect(204);
    }

    async fn try_delete(&self, image: &Value) -> reqwest::Result<reqwest::Response> {
        let id = image["id"].as_str().unwrap();
        let address = format!("{}/api/v1/images/{id}", self.running.address);
        let request = self.client.request(Method::DELETE, address);
        let request = request.bearer_auth(image["delete_token"].as_str().unwrap());
        request.send().await
    }

    /// Asks for a variant, whatever comes of it.
    async fn try_variant(&self, image: &Value) {
        let link = path(&image["variants"]["thumb"]);
        let _ = self
            .client
            .get(format!("{}{link}", self.running.address))
            .send()
            .await;
    }

    async fn metric(&self, series: &str) -> u64 {
        let address = format!("{}/metrics", self.running.address);
        let text = self.client.get(address).send().await.unwrap();
        Exposition::read(&text.text().await.unwrap()).count(series)
    }

    fn files(&self, folders: &[&str]) -> Vec<PathBuf> {
        let below = |name: &&str| files_below(&self.uploads.path().join(name));
        folders.iter().flat_map(below).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_render_whose_image_is_deleted_meanwhile() {
    // Before it has looked at the original, and when the variant is ready to be kept.
    for place in ["render.began", "render.ended"] {
        let service = Service::start(&format!("{place}=1*return({{hold}})"));
        let image = service.upload(photo()).await;
        let (first, second) = (
            service.ask(&image, "thumb", "*/*"),
            service.ask(&image, "thumb", "*/*"),
        );
        service.until_held().await;
        service.delete(&image).await;
        assert!(service.files(&["originals", "variants"]).is_empty());
        service.let_go();
        for asked in [first, second] {
            let gone = asked.await.unwrap();
            gone.expect_error(410, "image-deleted");
        }
        let left = service.files(&["originals", "variants", "tmp"]);
        assert!(left.is_empty(), "{place}: {left:?}");
        let removed = "image_handler_variants_made_total{outcome=\"removed\",variant=\"thumb\"}";
        assert_eq!(service.metric(removed).await, 1, "{place}");
        let refused = service.variant(&image, "thumb").await;
        refused.expect_error(410, "image-deleted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_remembered_of_an_undecodable_image_that_is_deleted_meanwhile() {
    let service = Service::start("render.began=1*return({hold})");
    let image = service.upload(png_of(900)).await;
    let asked = service.ask(&image, "thumb", "*/*");
    service.until_held().await;
    service.delete(&image).await;
    service.let_go();
    asked.await.unwrap().expect_error(410, "image-deleted");
    let left = service.files(&["originals", "variants", "tmp"]);
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asked_while_it_was_made_and_comes_too_late_has_the_one_that_was_made() {
    // After it was looked for, and before anybody is asked to make it.
    let service = Service::start("render.wanted=1*return({hold})");
    let image = service.upload(photo()).await;
    let late = service.ask(&image, "thumb", "*/*");
    service.until_held().await;
    let first = service.variant(&image, "thumb").await.expect(200);
    service.let_go();
    let late = late.await.unwrap().expect(200);
    assert!(late.bytes == first.bytes);
    let made = "image_handler_variants_made_total{outcome=\"made\",variant=\"thumb\"}";
    assert_eq!(service.metric(made).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_who_goes_away_changes_nothing() {
    let service = Service::start("render.began=1*return({hold})");
    let image = service.upload(photo()).await;
    let asked = service.ask(&image, "thumb", "*/*");
    service.until_held().await;
    asked.abort();
    assert!(asked.await.is_err_and(|error| error.is_cancelled()));
    service.let_go();
    until("it is kept", || async {
        service.files(&["variants"]).len() == 1 && service.files(&["tmp"]).is_empty()
    })
    .await;
    service.variant(&image, "thumb").await.expect(200);
    let made = "image_handler_variants_made_total{outcome=\"made\",variant=\"thumb\"}";
    assert_eq!(service.metric(made).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_all_threads_render_uploads_go_on_and_no_more_than_so_many_wait() {
    let service = Service::start("render.began=return({hold})");
    let mut images = Vec::new();
    for _ in 0..=MOST_UNDER_WAY / 6 {
        images.push(service.upload(photo()).await);
    }
    let mut asked = JoinSet::new();
    for image in &images {
        for name in super::NAMES {
            for accept in ["*/*", "image/webp"] {
                let answer = service.ask(image, name, accept);
                asked.spawn(async move { answer.await.unwrap() });
            }
        }
    }
    let too_many = asked.len() - MOST_UNDER_WAY;
    assert!(too_many > 0);
    for _ in 0..too_many {
        let refused = asked.join_next().await.unwrap().unwrap();
        let refused = refused.expect_error(503, "variants-busy");
        assert_eq!(refused.header("retry-after"), "1");
    }
    service.until_held().await;
    // Every thread is held up, and will be.
    let image = service.upload(photo()).await;
    let link = format!("{}{}", service.running.address, path(&image["link"]));
    let original = service.client.get(link).send().await.unwrap();
    assert_eq!(original.status(), 200);
    let refused = service.variant(&image, "thumb").await;
    refused.expect_error(503, "variants-busy");

    let letting_go = tokio::spawn({
        let hold = service.hold();
        async move {
            loop {
                let _ = std::fs::remove_file(&hold);
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
    });
    while let Some(answer) = asked.join_next().await {
        answer.unwrap().expect(200);
    }
    service.variant(&image, "thumb").await.expect(200);
    letting_go.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_costs_a_variant_once_and_is_not_remembered() {
    let unwritable = [
        ("variant.create", "ENOSPC", 507, "disk-full"),
        ("variant.write", "ENOSPC", 507, "disk-full"),
        ("variant.fsync", "ENOSPC", 507, "disk-full"),
        ("variant.create", "EIO", 503, "disk-unavailable"),
        ("variant.write", "EIO", 503, "disk-unavailable"),
        ("variant.fsync", "EIO", 503, "disk-unavailable"),
    ];
    for (step, error, status, code) in unwritable {
        let service = Service::start(&format!("{step}=1*return({error})"));
        let image = service.upload(photo()).await;
        let refused = service.variant(&image, "thumb").await;
        refused.expect_error(status, code);
        let left = service.files(&["variants", "tmp"]);
        assert!(left.is_empty(), "{step}, {error}: {left:?}");
        service.variant(&image, "thumb").await.expect(200);
        assert_eq!(service.files(&["variants"]).len(), 1, "{step}, {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_kept_is_served_all_the_same() {
    for error in ["EIO", "ENOSPC"] {
        let failpoints = format!("variant.rename=1*return({error});variant.mark=1*return({error})");
        let service = Service::start(&failpoints);
        let image = service.upload(photo()).await;
        let broken = service.upload(png_of(900)).await;
        for kept in [0, 1] {
            let answer = service.variant(&image, "thumb").await.expect(200);
            assert!(image::load_from_memory(&answer.bytes).is_ok());
            let files = service.files(&["variants", "tmp"]);
            assert_eq!(files.len(), kept, "{error}: {files:?}");
        }
        for marked in [1, 2] {
            let refused = service.variant(&broken, "thumb").await;
            refused.expect_error(422, "image-undecodable");
            assert_eq!(service.files(&["variants"]).len(), marked, "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variants_that_cannot_be_removed_are_removed_later() {
    for error in ["EIO", "ENOSPC"] {
        let service = Service::start(&format!("variant.remove=1*return({error})"));
        let image = service.upload(photo()).await;
        service.variant(&image, "thumb").await.expect(200);
        service.delete(&image).await;
        let refused = service.variant(&image, "thumb").await;
        refused.expect_error(410, "image-deleted");
        until("the replayer has removed them", || async {
            service.files(&["originals", "variants"]).is_empty()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_of_the_process_at_any_step_costs_nothing() {
    for step in VARIANT_STEPS {
        let max_bytes = if *step == "variant.evict" {
            "1"
        } else {
            "1073741824"
        };
        let uploads = tempfile::tempdir().unwrap();
        let service = Service::start_on(uploads, &format!("{step}=return(abort)"), max_bytes);
        let photo = service.upload(photo()).await;
        let broken = service.upload(png_of(900)).await;
        service.try_variant(&photo).await;
        match *step {
            "variant.mark" => service.try_variant(&broken).await,
            "variant.remove" => drop(service.try_delete(&photo).await),
            _ => {}
        }
        let service = service.after_abort().await;
        assert!(service.files(&["tmp"]).is_empty(), "{step}");
        let refused = service.variant(&broken, "thumb").await;
        refused.expect_error(422, "image-undecodable");
        if *step == "variant.remove" {
            let refused = service.variant(&photo, "thumb").await;
            refused.expect_error(410, "image-deleted");
            until("the mark alone is left", || async {
                service.files(&["variants"]).len() == 1
            })
            .await;
            continue;
        }
        let answer = service.variant(&photo, "thumb").await.expect(200);
        assert!(image::load_from_memory(&answer.bytes).is_ok(), "{step}");
        let kept = service.files(&["variants"]);
        assert_eq!(kept.len(), 2, "{step}: {kept:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_eviction_that_fails_is_tried_again() {
    for error in ["EIO", "ENOSPC"] {
        let uploads = tempfile::tempdir().unwrap();
        let failpoints = format!("variant.evict=1*return({error})");
        let service = Service::start_on(uploads, &failpoints, "1");
        let image = service.upload(photo()).await;
        until("they are gone", || async {
            service.variant(&image, "thumb").await.expect(200);
            service.files(&["variants"]).is_empty()
        })
        .await;
    }
}
