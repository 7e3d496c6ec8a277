//! The load while S3, the database or both are away and come back, with kills in between.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::check::{Findings, recover_and_check};
use super::load::Load;
use super::world::World;
use super::{is_long, seed};
use crate::helpers::database::Engine;
use crate::helpers::report;

/// What is away.
#[derive(Clone, Copy, Debug)]
enum Outage {
    /// S3 refuses connections.
    S3Refuses,
    /// S3 takes connections and says nothing.
    S3Hangs,
    /// The database is locked (SQLite) or refuses connections (MariaDB).
    Database,
    /// S3 refuses connections, and so does the database.
    Both,
}

const OUTAGES: [Outage; 4] = [
    Outage::S3Refuses,
    Outage::S3Hangs,
    Outage::Database,
    Outage::Both,
];

/// One outage under load, with or without a kill in the middle of it.
async fn outage(world: &mut World, outage: Outage, kill: bool, random: &mut StdRng) {
    moment(random).await;
    match outage {
        Outage::S3Refuses | Outage::Both => world.s3_gate.close().await,
        Outage::S3Hangs => world.s3_gate.hold(),
        Outage::Database => {}
    }
    let away = match outage {
        Outage::Database | Outage::Both => Some(world.database.go_away().await),
        Outage::S3Refuses | Outage::S3Hangs => None,
    };
    moment(random).await;
    if kill {
        world.kill();
        world.spawn();
        world.ready().await.unwrap();
        moment(random).await;
    }
    if let Some(away) = away {
        world.database.come_back(away).await;
    }
    match outage {
        Outage::S3Refuses | Outage::Both => world.s3_gate.open().await,
        // What a killed process had sent must not arrive from the gate after all.
        Outage::S3Hangs if kill => {
            world.s3_gate.close().await;
            world.s3_gate.open().await;
        }
        Outage::S3Hangs => world.s3_gate.let_go(),
        Outage::Database => {}
    }
    moment(random).await;
}

async fn moment(random: &mut StdRng) {
    tokio::time::sleep(Duration::from_millis(random.random_range(100..400))).await;
}

async fn outages_and_check(engine: Engine) {
    let repetitions = if is_long() { 10 } else { 1 };
    let mut found = Findings::default();
    let mut count = 0;
    for repetition in 0..repetitions {
        let this_seed = seed() + repetition;
        let mut random = StdRng::seed_from_u64(this_seed);
        let mut world = World::start(engine, None).await;
        let load = Load::start(&world.client(), this_seed);
        for away in OUTAGES {
            for kill in [false, true] {
                outage(&mut world, away, kill, &mut random).await;
                count += 1;
            }
        }
        load.finish().await;
        let findings = recover_and_check(&mut world).await;
        findings.assert_clean(&format!("{engine:?}, seed {this_seed}"));
        found.add(findings);
        report(&format!(
            "durability: {engine:?}, seed {}: {count} outages, half of them with a kill; {found}",
            seed()
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_in_outages_on_sqlite() {
    outages_and_check(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_in_outages_on_mariadb() {
    outages_and_check(Engine::Mariadb).await;
}
