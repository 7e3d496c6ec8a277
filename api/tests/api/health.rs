//! `GET /livez` and `GET /readyz`

use std::time::Duration;

use reqwest::Method;

use crate::helpers::app::{TestApp, form};
use crate::helpers::database::{Engine, TestDatabase};
use crate::helpers::fixtures::photo;
use crate::helpers::gate::Gate;
use crate::helpers::{on_both_engines, until};

on_both_engines! {
    async fn a_healthy_service_is_ready(app: TestApp) {
        assert_eq!(app.get("/livez").await.expect(200).text(), "ok");
        let report = app.get("/readyz").await.expect(200).json();
        assert_eq!(
            report,
            serde_json::json!({
                "status": "ok",
                "parts": {"database": "ok", "disk": "ok", "journal": "ok", "s3": "ok"},
                "pending": 0,
                "oldest_pending": null,
            })
        );
        app.send(app.request(Method::HEAD, "/readyz")).await.expect(200);
    }

    async fn without_s3_the_service_is_degraded_and_ready(app: TestApp) {
        let mut app = app;
        app.s3.stop().await;
        let image = app.upload_photo().await;
        let report = app.get("/readyz").await.expect(200).json();
        assert_eq!((report["status"].as_str(), report["parts"]["s3"].as_str()), (Some("degraded"), Some("degraded")));
        assert_eq!(report["pending"], 1);
        assert_eq!(report["oldest_pending"], image["created_at"]);
    }

    async fn without_the_database_the_service_is_not_ready_but_lives(app: TestApp) {
        let mut app = app;
        let away = app.database.go_away().await;
        app.upload(form("Ada", photo())).await.expect(202);
        // A lock on SQLite's file keeps writers out, not this look at it.
        if !away.is_sqlite() {
            let report = app.get("/readyz").await.expect(503).json();
            assert_eq!((report["status"].as_str(), report["parts"]["database"].as_str()), (Some("down"), Some("down")));
        }
        app.get("/livez").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_cannot_be_written_is_reported() {
    let app = TestApp::start(Engine::Sqlite).await;
    std::fs::remove_dir(app.uploads.path().join("tmp")).unwrap();
    let report = app.get("/readyz").await.expect(503).json();
    assert_eq!(report["parts"]["disk"], "down");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_journal_entry_is_reported_and_kept() {
    let mut app = TestApp::start(Engine::Sqlite).await;
    app.host.stop().await;
    let stray = app.uploads.path().join("journal/stray.json");
    std::fs::write(&stray, "{").unwrap();
    app.host.restart().await;
    let report = app.get("/readyz").await.expect(200).json();
    assert_eq!(
        (
            report["status"].as_str(),
            report["parts"]["journal"].as_str()
        ),
        (Some("degraded"), Some("degraded"))
    );
    assert!(stray.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_has_lost_everything_else_still_lives() {
    let mut app = TestApp::start(Engine::Mariadb).await;
    app.s3.stop().await;
    database_gate(&app).hold();
    std::fs::remove_dir_all(app.uploads.path()).unwrap();
    for _ in 0..20 {
        assert_eq!(app.get("/livez").await.expect(200).text(), "ok");
    }
}

fn database_gate(app: &TestApp) -> &Gate {
    match &app.database {
        TestDatabase::Mariadb { gate, .. } => gate,
        TestDatabase::Sqlite { .. } => unreachable!("a file has no gate"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_is_down_and_reads_say_so_until_it_answers() {
    let app = TestApp::start(Engine::Mariadb).await;
    app.get("/readyz").await.expect(200);
    database_gate(&app).hold();
    let report = app.get("/readyz").await.expect(503).json();
    let (whole, parts) = (&report["status"], &report["parts"]);
    assert_eq!(
        (whole.as_str(), parts["database"].as_str()),
        (Some("down"), Some("down"))
    );
    assert_eq!(
        (parts["disk"].as_str(), parts["s3"].as_str()),
        (Some("ok"), Some("ok"))
    );
    database_gate(&app).let_go();
    let app = &app;
    until("it is ready again", || async {
        app.get("/readyz").await.status == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_ask_nothing_of_s3_and_write_to_the_disk_once_in_a_while() {
    let (app, s3) = TestApp::start_behind_gate(Engine::Sqlite).await;
    app.upload_photo().await;
    let until_now = s3.sent();
    let tmp = app.uploads.path().join("tmp");
    let touched = || std::fs::metadata(&tmp).unwrap().modified().unwrap();
    let before = touched();
    for _ in 0..20 {
        app.get("/readyz").await.expect(200);
    }
    assert!(s3.sent() == until_now, "S3 was asked");
    assert_eq!(touched(), before, "the upload a moment ago tells enough");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_that_only_waits_for_its_second_look_is_not_pending() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.patience.late_object = Duration::from_hours(1);
    })
    .await;
    let image = app.upload_photo().await;
    let text = |key: &str| image[key].as_str().unwrap();
    app.delete(text("id"), text("delete_token"))
        .await
        .expect(204);
    let app = &app;
    until("nothing is pending", || async {
        let report = app.get("/readyz").await.expect(200).json();
        report["pending"] == 0 && report["oldest_pending"].is_null()
    })
    .await;
    let entry = format!("journal/{}.json", text("id"));
    let entry = std::fs::read_to_string(app.uploads.path().join(entry)).unwrap();
    assert!(entry.contains("delete_object_again"), "{entry}");
    let metrics = app.get("/metrics").await.expect(200).text();
    for line in [
        "image_handler_pending_images 0",
        "image_handler_pending_oldest_age_seconds 0",
        "image_handler_pending_owed{owed=\"removal\"} 1",
    ] {
        assert!(
            metrics.lines().any(|each| each == line),
            "{line}: {metrics}"
        );
    }
}
