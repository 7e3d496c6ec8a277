//! What the tests share: the service on each engine, its S3 endpoint, answers that are checked as they are
//! read, and the fixtures.

pub(crate) mod answer;
pub(crate) mod app;
pub(crate) mod database;
pub(crate) mod exposition;
pub(crate) mod fault_proxy;
pub(crate) mod fixtures;
pub(crate) mod gate;
#[cfg(feature = "failpoints")]
pub(crate) mod journal;
pub(crate) mod mariadb;
pub(crate) mod moto;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod s3;
pub(crate) mod scripted;

use std::time::{Duration, Instant};

/// Runs each test on both engines: `sqlite::name` and `mariadb::name`.
macro_rules! on_both_engines {
    ($($(#[$attribute:meta])* async fn $name:ident($app:ident: TestApp) $body:block)*) => {
        $($(#[$attribute])* async fn $name($app: crate::helpers::app::TestApp) $body)*

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                use crate::helpers::{app::TestApp, database::Engine};
                super::$name(TestApp::start(Engine::Sqlite).await).await;
            })*
        }

        mod mariadb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                use crate::helpers::{app::TestApp, database::Engine};
                super::$name(TestApp::start(Engine::Mariadb).await).await;
            })*
        }
    };
}
pub(crate) use on_both_engines;

/// The repository's root.
pub(crate) fn root() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// How many migrations there are.
pub(crate) fn migrations() -> usize {
    let folders = std::fs::read_dir(root().join("migrations/mysql")).unwrap();
    folders.count()
}

/// Waits until `condition` holds. Fails after half a minute, naming what was waited for.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Prints a figure also when its test passes: only what goes through `println!` is held back for the tests that fail.
pub(crate) fn report(figure: &str) {
    use std::io::Write as _;
    writeln!(std::io::stdout().lock(), "{figure}").expect("standard output");
}
