//! Whoever turns the pages of a list sees every image once, whatever comes and goes meanwhile.

use std::collections::HashSet;

use serde_json::Value;

use super::records::{self, Row, Shape};
use crate::helpers::app::{ADMIN_KEY, TestApp, form};
use crate::helpers::fixtures::photo;
use crate::helpers::on_both_engines;

const RECORDS: u32 = 1500;
const SHAPE: Shape = Shape {
    newest_deleted: 300,
};
const PAGE: usize = 100;

/// Records that are alive, the newest first.
fn living(uploader: Option<&str>) -> Vec<String> {
    let rows = (0..RECORDS)
        .rev()
        .map(|number| Row::numbered(number, RECORDS, SHAPE));
    let living = rows.filter(|row| row.deleted_at.is_none());
    let of_uploader = living.filter(|row| uploader.is_none_or(|name| name == row.uploader));
    of_uploader.map(|row| row.id.to_string()).collect()
}

/// Turns all pages. With each one an image comes, one that was seen goes, and one that is still to be seen.
async fn turn_pages(app: &TestApp, uploader: Option<&str>) {
    let mut expected = living(uploader);
    // Those that other turns took away.
    let gone = deleted_already(app).await;
    expected.retain(|id| !gone.contains(id));
    let filter = uploader.map_or(String::new(), |name| {
        format!("&uploader={}", name.replace(' ', "+"))
    });
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/images?limit={PAGE}{filter}{cursor}");
        let page = app.get(&path).await.expect(200).json();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Value::String(next) = &page["next_cursor"] else {
            break;
        };
        cursor = format!("&cursor={next}");
        let newcomer = uploader.unwrap_or("Ada");
        app.upload(form(newcomer, photo())).await.expect(201);
        let last_seen = seen.last().unwrap().clone();
        // Also the very image that the next page begins after.
        app.delete(&last_seen, ADMIN_KEY).await.expect(204);
        let unseen = expected.iter().rposition(|id| !seen.contains(id));
        if let Some(unseen) = unseen {
            let unseen = expected.remove(unseen);
            app.delete(&unseen, ADMIN_KEY).await.expect(204);
        }
    }
    assert!(
        expected.len() > 2 * PAGE || uploader.is_some(),
        "there was something to turn"
    );
    assert!(
        seen == expected,
        "{} were seen of {}",
        seen.len(),
        expected.len()
    );
}

async fn deleted_already(app: &TestApp) -> HashSet<String> {
    let rows = app.database.rows().await.into_iter();
    rows.filter(|row| row.deleted == 1)
        .map(|row| row.id)
        .collect()
}

on_both_engines! {
    async fn every_image_is_seen_once_while_others_come_and_go(app: TestApp) {
        records::seed(&app.database.direct_url().await, RECORDS, SHAPE).await;
        turn_pages(&app, Some(Shape::BUSIEST)).await;
        turn_pages(&app, Some(Shape::RAREST)).await;
        let newest = app.upload_photo().await;
        let first = app.get("/api/v1/images?limit=1").await.expect(200).json();
        assert_eq!(first["items"][0]["id"], newest["id"]);
    }

    async fn every_image_of_all_is_seen_once_while_others_come_and_go(app: TestApp) {
        records::seed(&app.database.direct_url().await, RECORDS, SHAPE).await;
        turn_pages(&app, None).await;
    }
}
