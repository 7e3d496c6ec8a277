//! Power cuts under load: the disk as it was at that moment is mounted, and the service has to go on from it.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::check::{Findings, recover_and_check};
use super::load::Load;
use super::world::World;
use super::{is_long, seed};
use crate::helpers::database::Engine;
use crate::helpers::{report, until};

/// How many times the power of one disk is cut before there is a new one.
const CUTS_OF_A_DISK: usize = 3;
/// How many requests are acknowledged, however slow the machine, before the power fails.
const ANSWERS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_in_a_power_cut() {
    let cuts = if is_long() { 100 } else { CUTS_OF_A_DISK };
    let mut random = StdRng::seed_from_u64(seed());
    let mut done = 0;
    let mut found = Findings::default();
    while done < cuts {
        let mut world = World::prepare(Engine::Sqlite, None).await;
        if let Err(reason) = world.mount() {
            report(&format!(
                "NOT RUN: durability: no power cut, as no file system can be mounted here: {reason}"
            ));
            return;
        }
        world.spawn();
        world.ready().await.unwrap();
        let mut last = Findings::default();
        for _ in 0..CUTS_OF_A_DISK.min(cuts - done) {
            let load = Load::start(&world.client(), random.random());
            let away = random.random_bool(0.3);
            if away {
                world.s3_gate.close().await;
            }
            until("requests are acknowledged", || async {
                load.acknowledged() >= ANSWERS
            })
            .await;
            let moment = random.random_range(0..500);
            tokio::time::sleep(Duration::from_millis(moment)).await;
            cut_power(&mut world);
            if away {
                world.s3_gate.open().await;
            }
            load.finish().await;
            power_on(&mut world);
            last = recover_and_check(&mut world).await;
            last.assert_clean(&format!("seed {}, power cut {done}", seed()));
            done += 1;
        }
        found.add(last);
        report(&format!(
            "durability: seed {}: {done} power cuts; {found}",
            seed()
        ));
    }
}

/// Ends the process and keeps what is on its disk at that moment.
pub(super) fn cut_power(world: &mut World) {
    world.kill();
    let left = world.disk.as_mut().unwrap().cut_power();
    world.after_power_cut = Some(left);
}

/// Mounts what was kept.
pub(super) fn power_on(world: &mut World) {
    let left = world.after_power_cut.take().unwrap();
    world.disk.as_mut().unwrap().power_on(left);
}
