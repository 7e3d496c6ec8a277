//! The harness has to be able to fail: each promise is broken on purpose, in a scenario in which that is certain to
//! show, and the checker has to find something. In the same scenario with a sound service it has to find nothing.

use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::check::{Findings, recover_and_check};
use super::ledger::Outcome;
use super::load::{Deletable, LedgerClient, Upload, idempotency_key};
use super::power_cuts::{cut_power, power_on};
use super::seed;
use super::world::World;
use crate::helpers::database::Engine;
use crate::helpers::{report, until};

/// What happens to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scenario {
    /// Uploads, and the power fails.
    PowerCut,
    /// Uploads while the database and S3 are away, so that nothing but the journal is written; the power fails.
    PowerCutWhileAway,
    /// Uploads while S3 is away, `kill -9`, S3 is back.
    Backlog,
    /// An upload while the database and S3 are away, and its delete; the power fails at once.
    PowerCutAfterDelete,
    /// A delete while S3 holds up the publication of its image.
    DeletedWhilePending,
    /// An upload whose client went away before the answer is sent again.
    Retry,
}

/// What a breakage has to show as: anything else is found for another reason.
#[derive(Clone, Copy)]
enum Shows {
    Lost,
    Doubled,
    Revived,
}

impl Shows {
    fn count_in(self, findings: &Findings) -> usize {
        match self {
            Self::Lost => findings.lost,
            Self::Doubled => findings.doubled,
            Self::Revived => findings.revived,
        }
    }
}

const BREAKAGES: [(&str, Scenario, Shows); 9] = [
    ("break.no-fsync", Scenario::PowerCut, Shows::Lost),
    (
        "break.no-folder-fsync",
        Scenario::PowerCutWhileAway,
        Shows::Lost,
    ),
    (
        "break.sqlite-synchronous-normal",
        Scenario::PowerCut,
        Shows::Lost,
    ),
    (
        "break.acknowledge-before-journal",
        Scenario::Backlog,
        Shows::Lost,
    ),
    ("break.replay-off", Scenario::Backlog, Shows::Lost),
    (
        "break.tombstones-ignored",
        Scenario::DeletedWhilePending,
        Shows::Revived,
    ),
    (
        "break.removal-not-synced",
        Scenario::PowerCutAfterDelete,
        Shows::Revived,
    ),
    (
        "break.local-copy-removed-early",
        Scenario::Backlog,
        Shows::Lost,
    ),
    (
        "break.retry-not-idempotent",
        Scenario::Retry,
        Shows::Doubled,
    ),
];

const SCENARIOS: [Scenario; 6] = [
    Scenario::PowerCut,
    Scenario::PowerCutWhileAway,
    Scenario::PowerCutAfterDelete,
    Scenario::Backlog,
    Scenario::DeletedWhilePending,
    Scenario::Retry,
];

impl Scenario {
    fn name(self) -> &'static str {
        match self {
            Self::PowerCut => "power cut",
            Self::PowerCutWhileAway => "power cut, S3 and database away",
            Self::PowerCutAfterDelete => "power cut right after a delete",
            Self::Backlog => "kill -9 while S3 is away",
            Self::DeletedWhilePending => "delete while S3 holds up the upload",
            Self::Retry => "retry of an upload without answer",
        }
    }

    fn cuts_power(self) -> bool {
        matches!(
            self,
            Self::PowerCut | Self::PowerCutWhileAway | Self::PowerCutAfterDelete
        )
    }

    /// Plays it. The error says why it cannot be played here.
    async fn play(self, broken: Option<&'static str>) -> Result<Findings, String> {
        let mut world = World::prepare(Engine::Sqlite, broken).await;
        if self.cuts_power() {
            world.mount()?;
        }
        world.spawn();
        world.ready().await.unwrap();
        let client = world.client();
        let mut random = StdRng::seed_from_u64(seed());
        match self {
            Self::PowerCut => {
                upload_three(&client, &mut random).await;
                // What is owed for them is carried out, so that no entry makes up for a lost record.
                let _ = world.settle().await;
                cut_power(&mut world);
                power_on(&mut world);
            }
            Self::PowerCutWhileAway => {
                world.s3_gate.close().await;
                let away = world.database.go_away().await;
                upload_three(&client, &mut random).await;
                cut_power(&mut world);
                world.database.come_back(away).await;
                world.s3_gate.open().await;
                power_on(&mut world);
            }
            Self::PowerCutAfterDelete => {
                world.s3_gate.close().await;
                let away = world.database.go_away().await;
                let image = upload(&client, &Upload::generate(&mut random)).await;
                let key = idempotency_key(&mut random);
                assert_eq!(client.delete(&image, &key).await, Outcome::Ok);
                cut_power(&mut world);
                world.database.come_back(away).await;
                world.s3_gate.open().await;
                power_on(&mut world);
            }
            Self::Backlog => {
                world.s3_gate.close().await;
                upload_three(&client, &mut random).await;
                world.kill();
                world.s3_gate.open().await;
            }
            Self::DeletedWhilePending => {
                world.s3_gate.hold();
                let image = upload(&client, &Upload::generate(&mut random)).await;
                let key = idempotency_key(&mut random);
                assert_eq!(client.delete(&image, &key).await, Outcome::Ok);
                world.s3_gate.let_go();
                let s3 = &world.s3;
                until("S3 has taken the object", || async {
                    !s3.objects().is_empty() || world.owed().is_empty()
                })
                .await;
                let _ = world.settle().await;
            }
            Self::Retry => {
                world.s3_gate.hold();
                let cut = Upload::generate(&mut random);
                let patience = Duration::from_millis(300);
                let (outcome, _) = client.upload_within(&cut, patience).await;
                assert_eq!(outcome, Outcome::Unknown);
                until("it is in the journal", || async {
                    !world.owed().is_empty()
                })
                .await;
                world.kill();
                world.s3_gate.close().await;
                world.s3_gate.open().await;
                world.spawn();
                world.ready().await.unwrap();
                upload(&client, &cut).await;
            }
        }
        Ok(recover_and_check(&mut world).await)
    }
}

async fn upload(client: &LedgerClient, upload: &Upload) -> Deletable {
    let (outcome, image) = client.upload(upload).await;
    assert_eq!(outcome, Outcome::Ok);
    image.unwrap()
}

async fn upload_three(client: &LedgerClient, random: &mut StdRng) {
    for _ in 0..3 {
        // Without a key each entry is written once. A second write would sync the name of the first with it.
        let one = Upload {
            sends_key: false,
            ..Upload::generate(random)
        };
        upload(client, &one).await;
    }
}

fn row(breakage: &str, scenario: Scenario, found: &str) {
    report(&format!(
        "breakages: {breakage:<34}| {:<36}| {found}",
        scenario.name()
    ));
}

fn not_run(breakage: &str, scenario: Scenario, reason: &str) {
    report(&format!(
        "NOT RUN: breakages: {breakage}, {}: {reason}",
        scenario.name()
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_service_passes_every_scenario() {
    for scenario in SCENARIOS {
        match scenario.play(None).await {
            Ok(findings) => {
                findings.assert_clean(scenario.name());
                row("none", scenario, "nothing");
            }
            Err(reason) => not_run("none", scenario, &reason),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_breakage_is_noticed() {
    let mut missed = Vec::new();
    for (breakage, scenario, shows) in BREAKAGES {
        match scenario.play(Some(breakage)).await {
            Ok(findings) => {
                row(breakage, scenario, &findings.summary());
                // Only what was acknowledged counts, not that something took too long.
                if shows.count_in(&findings) == 0 {
                    missed.push(breakage);
                }
            }
            Err(reason) => not_run(breakage, scenario, &reason),
        }
    }
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}
