//! `MIN_FREE_BYTES`: uploads leave room on the disk.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::full::Tmpfs;
use super::world::{World, new_key};
use crate::helpers::app::{TestApp, form};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::{photo, png_of};
use crate::helpers::{raw, report};

const MIB: usize = 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_below_the_mark_is_refused_before_its_body_is_read() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.limits.min_free_bytes = u64::MAX;
    })
    .await;
    let answer = app.upload(form("Ada", photo())).await;
    let answer = answer.expect_error(507, "disk-full");
    assert!(!answer.header("retry-after").is_empty());
    // The head alone: who waited for the body would not answer.
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let head = raw::head("Content-Length: 100000\r\n");
    stream.write_all(&head).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 507");
    let readiness = app.get("/readyz").await.expect(200).json();
    assert_eq!(readiness["parts"]["disk"], "degraded");
    assert_eq!(readiness["status"], "degraded");
    app.assert_empty("refused").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn above_the_mark_uploads_are_taken() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.limits.min_free_bytes = 1;
    })
    .await;
    app.upload(form("Ada", photo())).await.expect(201);
    let readiness = app.get("/readyz").await.expect(200).json();
    assert_eq!(readiness["parts"]["disk"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_mark_all_else_goes_on_and_uploads_come_back_with_the_room() {
    let mut world = World::new().await;
    let Some(_disk) = Tmpfs::mount(&world.uploads, 64 * MIB) else {
        report("NOT RUN: room: mounting is not permitted");
        return;
    };
    let mark = (32 * MIB).to_string();
    let settings = [("MIN_FREE_BYTES", mark.as_str())];
    let running = world.start_with(&settings);
    let kept = world.upload_well(&running, &photo(), &new_key()).await;
    let removed = world.upload_well(&running, &png_of(900), &new_key()).await;
    let both = [kept.clone(), removed.clone()];
    world.settle(&both, &[]).await;
    world.s3.stop().await;
    let pending = world.upload_well(&running, &png_of(800), &new_key()).await;

    let ballast = world.uploads.join("ballast");
    std::fs::write(&ballast, vec![0; 40 * MIB]).unwrap();
    for _ in 0..3 {
        let refused = world.upload(&running, &png_of(1000), &new_key()).await;
        refused.unwrap().expect_error(507, "disk-full");
    }
    let readiness = world.get(&running, "/readyz").await.expect(200).json();
    assert_eq!(readiness["parts"]["disk"], "degraded");
    assert_eq!(readiness["pending"], 1, "pending work is bounded");
    // The replayer and deletes go on: the reserve is theirs.
    world.s3.start_again().await;
    let alive = [kept.clone(), removed.clone(), pending.clone()];
    world.settle(&alive, &[]).await;
    world.check(&running, &alive, &[], 0).await;
    let deleted = world.delete(&running, &removed).await.unwrap();
    deleted.expect(204);
    let (mut alive, gone) = (vec![kept, pending], [removed]);
    world.settle(&alive, &gone).await;

    std::fs::remove_file(&ballast).unwrap();
    alive.push(world.upload_well(&running, &png_of(1000), &new_key()).await);
    world.settle(&alive, &gone).await;
    world.check(&running, &alive, &gone, 0).await;
    let readiness = world.get(&running, "/readyz").await.expect(200).json();
    assert_eq!(readiness["parts"]["disk"], "ok");
    let log = world.log();
    assert_eq!(log.matches("uploads are refused").count(), 1, "{log}");
    assert_eq!(log.matches("uploads are taken again").count(), 1, "{log}");
    drop(running);
}
