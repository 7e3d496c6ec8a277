//! The migrations of both engines.

use std::time::Duration;

use image_handler::db::{Db, DbConfig, MigrationError};
use image_handler::domain::ImageId;

use crate::helpers::database::{Engine, TestDatabase};

/// How many there are for each engine.
const MIGRATIONS: usize = 3;
const DEADLINE: Duration = Duration::from_secs(20);

async fn up_down_up(engine: Engine) {
    let database = TestDatabase::new(engine).await;
    let db = Db::prepare(&database.config()).unwrap();
    assert_eq!(db.migrate().await.unwrap(), MIGRATIONS);
    assert_eq!(
        db.migrate().await.unwrap(),
        0,
        "a second time there is nothing to do"
    );
    assert_eq!(db.find(ImageId::generate(), DEADLINE).await.unwrap(), None);
    assert_eq!(db.revert_migrations().await.unwrap(), MIGRATIONS);
    assert!(
        db.find(ImageId::generate(), DEADLINE).await.is_err(),
        "the table is gone"
    );
    assert_eq!(db.migrate().await.unwrap(), MIGRATIONS);
    assert_eq!(db.find(ImageId::generate(), DEADLINE).await.unwrap(), None);
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
        .map(|db| tokio::spawn(async move { db.migrate().await }))
        .collect();
    for task in tasks {
        ran += task.await.unwrap().unwrap();
    }
    assert_eq!(
        ran, MIGRATIONS,
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
}
