//! `GET /livez` and `GET /readyz`

use reqwest::Method;

use crate::helpers::app::{TestApp, form};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;
use crate::helpers::on_both_engines;

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
