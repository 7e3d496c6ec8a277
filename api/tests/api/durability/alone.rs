//! `kill -9` of a service that nothing is configured for: SQLite and an S3 endpoint of its own, which ends with it
//! and may lose what it knows of an object that it has stored.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::check::{Findings, recover_and_check};
use super::load::Load;
use super::world::World;
use super::{is_long, seed};
use crate::helpers::report;

/// After so many everything is looked at.
const KILLS_IN_A_ROUND: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_brings_its_own_parts_loses_nothing_either() {
    let rounds = if is_long() { 50 } else { 4 };
    let mut random = StdRng::seed_from_u64(seed());
    let mut world = World::start_alone().await;
    let mut found = Findings::default();
    for round in 0..rounds {
        let load = Load::start(&world.client(), seed() + round);
        for kill in 0..KILLS_IN_A_ROUND {
            if kill > 0 {
                world.spawn();
                world.ready().await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(random.random_range(30..250))).await;
            world.kill();
        }
        load.finish().await;
        found = recover_and_check(&mut world).await;
        found.assert_clean(&format!("round {round}, seed {}", seed()));
    }
    report(&format!(
        "durability: on its own, seed {}: {} kills; {found}",
        seed(),
        rounds * KILLS_IN_A_ROUND as u64
    ));
    assert!(found.acknowledged > 0 && found.deleted > 0);
}
