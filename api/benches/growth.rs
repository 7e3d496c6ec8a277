//! How much the service's questions to its records cost as these become more, on both engines.
//!
//! `cargo bench --bench growth -- --mysql mysql://root@127.0.0.1:3306 --sizes 1000,100000,1000000`
//! SQLite needs nothing. Of the server it makes and drops the databases `growth_…`; without `--mysql` it is left out.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that prints a table, and stops when it cannot go on"
)]

mod records;

use std::time::Instant;

use image_handler::db::{Db, DbConfig};
use mysql_async::prelude::Queryable as _;
use records::{Question, Shape};

/// How often each question is asked for its time.
const ROUNDS: u32 = 200;
/// How often for what it looks at.
const LOOKS: u32 = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(run());
}

async fn run() {
    let mut mysql = None;
    let mut sizes = vec![1_000, 100_000, 1_000_000];
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--mysql" => mysql = arguments.next(),
            "--sizes" => {
                let given = arguments.next().unwrap();
                sizes = given.split(',').map(|size| size.parse().unwrap()).collect();
            }
            // Cargo says what it runs.
            _ => {}
        }
    }
    println!(
        "engine  records  newest deleted  question  p50 µs  p99 µs  looked at  returned  plan"
    );
    for count in sizes {
        for newest_deleted in [0, count / 5] {
            let shape = Shape { newest_deleted };
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("metadata.db");
            let url = format!("sqlite://{}", path.display());
            measure("sqlite", DbConfig::Sqlite { path }, &url, count, shape).await;
            let Some(server) = &mysql else { continue };
            let name = format!("growth_{count}_{newest_deleted}");
            administer(server, &format!("DROP DATABASE IF EXISTS {name}")).await;
            administer(server, &format!("CREATE DATABASE {name}")).await;
            let url = format!("{server}/{name}");
            let config = DbConfig::Mysql {
                url: url.clone(),
                ca: None,
            };
            measure("mysql", config, &url, count, shape).await;
            administer(server, &format!("DROP DATABASE {name}")).await;
        }
    }
}

async fn administer(server: &str, sql: &str) {
    let options = mysql_async::Opts::from_url(server).unwrap();
    let options = mysql_async::OptsBuilder::from_opts(options).prefer_socket(false);
    let mut connection = mysql_async::Conn::new(options).await.unwrap();
    connection.query_drop(sql).await.unwrap();
    connection.disconnect().await.unwrap();
}

async fn measure(engine: &str, config: DbConfig, url: &str, count: u32, shape: Shape) {
    let db = Db::prepare(&config).unwrap();
    db.migrate().await.unwrap();
    let began = Instant::now();
    records::seed(url, count, shape).await;
    let deleted = shape.newest_deleted;
    println!(
        "# {engine}: {count} records seeded in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    // Not in their order: neighbours are in the same pages.
    let number = |round: u32| round.wrapping_mul(2_654_435_761) % count;
    for question in Question::ALL {
        let ask = async |round| question.ask(&db, number(round), count, shape).await;
        let mut times = Vec::new();
        let mut returned = 0;
        for round in 0..ROUNDS {
            let began = Instant::now();
            returned = returned.max(ask(round).await.unwrap());
            times.push(began.elapsed());
        }
        times.sort();
        let mut looked_at = 0;
        let mut plan = String::new();
        for round in ROUNDS..ROUNDS + LOOKS {
            let (_, costs) =
                records::costs(question, &config, url, number(round), count, shape).await;
            let sum = costs.iter().map(|cost| cost.looked_at).sum();
            looked_at = looked_at.max(sum);
            let plans: Vec<&str> = costs.iter().map(|cost| cost.plan.as_str()).collect();
            plan = plans.join(" | ");
        }
        println!(
            "{engine} {count:8} {deleted:7} {:24} {:8} {:8} {looked_at:9} {returned:5}  {plan}",
            format!("{question:?}"),
            times[times.len() / 2].as_micros(),
            times[times.len() * 99 / 100].as_micros(),
        );
    }
}
