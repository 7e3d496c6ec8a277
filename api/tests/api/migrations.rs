//! The migrations of both engines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use image_handler::db::{Db, DbConfig, MigrationError};
use image_handler::domain::ImageId;
use mysql_async::prelude::Queryable as _;
use tempfile::TempDir;

use crate::helpers::database::{Engine, TestDatabase};
use crate::helpers::process::{Running, command};
use crate::helpers::{migrations, report, until};

const DEADLINE: Duration = Duration::from_secs(20);

async fn up_down_up(engine: Engine) {
    let database = TestDatabase::new(engine).await;
    let db = Db::prepare(&database.config()).unwrap();
    assert_eq!(db.migrate().await.unwrap(), migrations());
    assert_eq!(
        db.migrate().await.unwrap(),
        0,
        "a second time there is nothing to do"
    );
    assert_eq!(db.find(ImageId::generate(), DEADLINE).await.unwrap(), None);
    assert_eq!(db.revert_migrations().await.unwrap(), migrations());
    assert!(
        db.find(ImageId::generate(), DEADLINE).await.is_err(),
        "the table is gone"
    );
    assert_eq!(db.migrate().await.unwrap(), migrations());
    assert_eq!(db.find(ImageId::generate(), DEADLINE).await.unwrap(), None);
}

/// Migrates as a host does at its start: a database that others keep locked for long is asked again.
async fn migrated(db: &Db) -> usize {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        match db.migrate().await {
            Err(MigrationError::Away(_)) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            done => return done.unwrap(),
        }
    }
}

async fn hosts_at_once(engine: Engine) {
    let database = TestDatabase::new(engine).await;
    let hosts: Vec<Db> = (0..6)
        .map(|_| Db::prepare(&database.config()).unwrap())
        .collect();
    let mut ran = 0;
    // Each on a task of its own, as migrating blocks the one it runs on.
    let tasks: Vec<_> = hosts
        .into_iter()
        .map(|db| tokio::spawn(async move { migrated(&db).await }))
        .collect();
    for task in tasks {
        ran += task.await.unwrap();
    }
    assert_eq!(
        ran,
        migrations(),
        "one of them runs them, the others wait and find it done"
    );
}

mod sqlite {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn migrations_go_up_down_and_up_again() {
        up_down_up(Engine::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 8)]
    async fn hosts_that_start_at_once_do_not_collide() {
        hosts_at_once(Engine::Sqlite).await;
    }
}

mod mariadb {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn migrations_go_up_down_and_up_again() {
        up_down_up(Engine::Mariadb).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 8)]
    async fn hosts_that_start_at_once_do_not_collide() {
        hosts_at_once(Engine::Mariadb).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_login_that_the_server_refuses_is_told_from_a_server_that_is_away() {
        let database = TestDatabase::new(Engine::Mariadb).await;
        let DbConfig::Mysql { url, .. } = database.config() else {
            panic!("not MariaDB")
        };
        for wrong in [
            url.replace("root@", "nobody:hunter2@"),
            format!("{url}_missing"),
        ] {
            let db = Db::prepare(&DbConfig::Mysql {
                url: wrong,
                ca: None,
            })
            .unwrap();
            let error = db.migrate().await.unwrap_err();
            assert!(matches!(error, MigrationError::Refused(_)), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let db = Db::prepare(&DbConfig::Mysql {
            url: "mysql://root@127.0.0.1:1/d".to_owned(),
            ca: None,
        })
        .unwrap();
        assert!(matches!(db.migrate().await, Err(MigrationError::Away(_))));
    }

    /// The server's answer to a question on a connection of its own.
    async fn ask(database: &TestDatabase, question: &str) -> Option<i64> {
        let mut connection = database.lock("DO 0").await;
        let answer = connection.query_first(question).await.unwrap();
        connection.disconnect().await.unwrap();
        answer
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_lock_that_nobody_waits_for_any_more_is_not_kept() {
        const WAITING: &str = "SELECT COUNT(*) FROM information_schema.processlist \
            WHERE db = DATABASE() AND state = 'User lock'";
        const IS_FREE: &str = "SELECT IS_FREE_LOCK(CONCAT('image-handler/', DATABASE()))";
        let database = &TestDatabase::new(Engine::Mariadb).await;
        let held = database
            .lock("SELECT GET_LOCK(CONCAT('image-handler/', DATABASE()), 0)")
            .await;
        let db = Arc::new(Db::prepare(&database.config()).unwrap());
        let migrating = Arc::clone(&db);
        let attempt = tokio::spawn(async move { migrating.migrate().await });
        until("it waits", || async {
            ask(database, WAITING).await == Some(1)
        })
        .await;
        attempt.abort();
        assert!(attempt.await.unwrap_err().is_cancelled());
        held.disconnect().await.unwrap();
        until("nobody has the lock", || async {
            ask(database, IS_FREE).await == Some(1)
        })
        .await;
        assert_eq!(db.migrate().await.unwrap(), migrations());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_start_goes_on_without_a_database_that_hangs_and_the_migrations_follow() {
        let database = TestDatabase::new(Engine::Mariadb).await;
        database.hold();
        let DbConfig::Mysql { url, .. } = database.config() else {
            panic!("not MariaDB")
        };
        let uploads = TempDir::new().unwrap();
        let mut command = command(uploads.path());
        command.env("DATABASE_URL", url);
        let began = Instant::now();
        let running = tokio::task::spawn_blocking(|| Running::spawn(command))
            .await
            .unwrap();
        report(&format!(
            "start: ready after {} ms with a database that hangs",
            began.elapsed().as_millis()
        ));
        database.let_go();
        let address = format!("{}/api/v1/images", running.address);
        until("the tables are there", || async {
            reqwest::get(&address).await.unwrap().status() == 200
        })
        .await;
        let (status, log) = running.terminate();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains("migrations follow"), "{log}");
        let ran = format!("migrations run: {}", migrations());
        assert!(log.contains(&ran), "{log}");
    }
}
