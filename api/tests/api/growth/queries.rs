//! What each query looks at among many records.

use image_handler::db::Db;

use super::records::{self, Question, Shape};
use crate::helpers::database::{Engine, TestDatabase};

const RECORDS: u32 = 50_000;
/// The newest are tombstones, so that whoever walks over these is seen.
const SHAPE: Shape = Shape {
    newest_deleted: 10_000,
};
/// Old, among the newest that are alive, and among the tombstones.
const NUMBERS: [u32; 3] = [500, 39_990, 45_000];

/// The index that a question has to go by. `None`: the engine may choose.
fn index(question: Question) -> Option<&'static str> {
    match question {
        Question::NewestPage
        | Question::PageSomewhere
        | Question::DeletedAfter
        | Question::DeletedLately => Some("images_by_deletion"),
        Question::PageOfBusiest
        | Question::PageOfBusiestSomewhere
        | Question::PageOfRarest
        | Question::PageOfNobody => Some("images_by_uploader"),
        Question::Find | Question::RecordsAfter | Question::RecordedAmong => Some("PRIMARY"),
        _ => None,
    }
}

/// What a question may look at that gives back so many records.
fn most(engine: Engine, returned: usize) -> u64 {
    let returned = returned as u64;
    match engine {
        // The rows, and those that end a range or are written.
        Engine::Mariadb => returned + 4,
        // For each the way down to a page of the table, and once that through the index.
        Engine::Sqlite => 3 * returned + 30,
    }
}

async fn each_query_looks_at_what_it_gives_back(engine: Engine) {
    let database = TestDatabase::new(engine).await;
    let config = database.direct_config().await;
    let url = database.direct_url().await;
    let db = Db::prepare(&config).unwrap();
    db.migrate().await.unwrap();
    records::seed(&url, RECORDS, SHAPE).await;
    let statistics = match engine {
        Engine::Sqlite => "ANALYZE",
        Engine::Mariadb => "ANALYZE TABLE images",
    };
    // Engines choose by what they know of a table. Of a new one that is nothing.
    for analyzed in [false, true] {
        if analyzed {
            database.execute(statistics).await;
        }
        for question in Question::ALL {
            for number in NUMBERS {
                let asked = records::costs(question, &config, &url, number, RECORDS, SHAPE);
                let (returned, costs) = asked.await;
                let looked_at: u64 = costs.iter().map(|cost| cost.looked_at).sum();
                let what = format!("{question:?} about {number}, analyzed: {analyzed}: {costs:?}");
                assert!(looked_at <= most(engine, returned), "{returned} of {what}");
                assert!(looked_at > 0, "nothing was counted: {what}");
                for cost in &costs {
                    let sorts = ["filesort", "TEMP B-TREE"].iter();
                    let sorts = sorts.filter(|sort| cost.plan.contains(**sort)).count();
                    assert_eq!(sorts, 0, "{what}");
                    let index = index(question).unwrap_or_default();
                    assert!(cost.plan.contains(index), "{what}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_query_looks_at_what_it_gives_back_on_sqlite() {
    each_query_looks_at_what_it_gives_back(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_query_looks_at_what_it_gives_back_on_mariadb() {
    each_query_looks_at_what_it_gives_back(Engine::Mariadb).await;
}
