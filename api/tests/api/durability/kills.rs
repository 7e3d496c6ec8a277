//! Random `kill -9` under load, also while the service carries out after a restart what it owed before.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::check::{Findings, check, recover_and_check};
use super::load::Load;
use super::world::World;
use super::{is_long, seed};
use crate::helpers::database::Engine;
use crate::helpers::{report, until};

/// How many requests are acknowledged, however slow the machine, before a kill that does not meet the start.
const ANSWERS: usize = 6;

/// What the kills met.
#[derive(Default)]
struct Kills {
    count: usize,
    /// What was owed at the restart before was still owed in part, and S3 was there to take it.
    during_recovery: usize,
    in_flight: Vec<usize>,
}

impl Kills {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.during_recovery += other.during_recovery;
        self.in_flight.extend(other.in_flight);
    }

    fn median_in_flight(&self) -> usize {
        let mut in_flight = self.in_flight.clone();
        in_flight.sort_unstable();
        in_flight[in_flight.len() / 2]
    }
}

/// Kills a service of its own so often, and checks what is left. S3 is away half of the time, so that there is
/// something to recover.
async fn round(engine: Engine, seed: u64, kills: usize, wait_for_late: bool) -> (Kills, Findings) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut world = World::start(engine, None).await;
    let load = Load::start(&world.client(), seed);
    let mut met = Kills::default();
    for number in 0..kills {
        let s3_is_there = !matches!(number % 4, 1 | 2);
        match number % 4 {
            1 => world.s3_gate.close().await,
            3 => world.s3_gate.open().await,
            _ => {}
        }
        let owed_before = world.owed();
        // The first start is over.
        if number > 0 {
            world.spawn();
        }
        // Many a kill meets the start itself, or what is carried out right after it.
        let early = if s3_is_there { 0.7 } else { 0.2 };
        if random.random_bool(early) {
            pause(&mut random, 60..250).await;
        } else {
            world.ready().await.unwrap();
            let enough = load.acknowledged() + ANSWERS;
            until("requests are acknowledged", || async {
                load.acknowledged() >= enough
            })
            .await;
            pause(&mut random, 30..250).await;
        }
        met.in_flight.push(load.in_flight());
        world.kill();
        met.count += 1;
        let recovering = s3_is_there && !world.owed().is_disjoint(&owed_before);
        met.during_recovery += usize::from(number > 0 && recovering);
    }
    if kills % 4 == 2 || kills % 4 == 3 {
        world.s3_gate.open().await;
    }
    load.finish().await;
    let mut findings = recover_and_check(&mut world).await;
    if wait_for_late && findings.is_clean() {
        // Objects are deleted once more two minutes after their images.
        let deadline = tokio::time::Instant::now() + Duration::from_mins(4);
        while !world.journal_is_empty() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let late = check(&world).await;
        if !world.journal_is_empty() {
            findings
                .problems
                .push("the journal is never empty".to_owned());
        }
        findings.problems.extend(late.problems);
    }
    (met, findings)
}

async fn pause(random: &mut StdRng, milliseconds: std::ops::Range<u64>) {
    tokio::time::sleep(Duration::from_millis(random.random_range(milliseconds))).await;
}

/// The bounded part, or as many rounds as the long form takes.
async fn kill_and_check(engine: Engine, few: usize) {
    const KILLS_IN_A_ROUND: usize = 50;
    const KILLS_IN_ALL: usize = 500;
    const DURING_RECOVERY: usize = 150;
    let mut met = Kills::default();
    let mut found = Findings::default();
    let mut number = 0;
    loop {
        let kills = if is_long() { KILLS_IN_A_ROUND } else { few };
        let (kills, findings) =
            round(engine, seed() + number, kills, is_long() && number == 0).await;
        findings.assert_clean(&format!("{engine:?}, seed {}", seed() + number));
        met.add(kills);
        found.add(findings);
        number += 1;
        report(&format!(
            "durability: {engine:?}, seed {}: {} kills, {} of them during recovery, median {} requests in flight at a kill; {found}",
            seed(),
            met.count,
            met.during_recovery,
            met.median_in_flight(),
        ));
        let (kills, during_recovery) = if is_long() {
            (KILLS_IN_ALL, DURING_RECOVERY)
        } else {
            (few, 1)
        };
        if met.count >= kills && met.during_recovery >= during_recovery && found.deleted > 0 {
            break;
        }
        assert!(
            met.count < 4 * kills,
            "too few kills meet a recovery, or no delete was acknowledged"
        );
    }
    assert!(!is_long() || met.median_in_flight() >= 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_revived_on_sqlite() {
    kill_and_check(Engine::Sqlite, 24).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_revived_on_mariadb() {
    kill_and_check(Engine::Mariadb, 16).await;
}
