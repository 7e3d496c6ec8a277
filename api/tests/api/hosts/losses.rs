//! One host is killed, stopped or lost for good, under load to all: nothing that any of them acknowledged is lost.

use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;

use super::check::assert_agrees;
use super::stack::{HostProcess, Stack};
use crate::durability::ledger::Ledger;
use crate::durability::load::{LedgerClient, Load};
use crate::durability::seed;
use crate::helpers::{report, until};

/// How many requests are acknowledged before and after each blow.
const ANSWERS: usize = 25;

/// Two hosts that run, and a ledger.
struct Pair {
    stack: Stack,
    hosts: Vec<HostProcess>,
    ledger: Arc<Ledger>,
    _folder: TempDir,
}

impl Pair {
    async fn start() -> Self {
        let stack = Stack::prepare().await;
        let mut hosts = vec![stack.new_host().await, stack.new_host().await];
        for host in &mut hosts {
            host.start().await;
        }
        let folder = tempfile::tempdir().unwrap();
        Self {
            stack,
            hosts,
            ledger: Arc::new(Ledger::new(folder.path())),
            _folder: folder,
        }
    }

    /// Clients of these hosts, each request to the next of them.
    fn load(&self, hosts: &[&HostProcess], seed: u64) -> Load {
        let bases: Vec<String> = hosts.iter().map(|host| host.base()).collect();
        Load::start(
            &LedgerClient::of_hosts(&bases, Arc::clone(&self.ledger)),
            seed,
        )
    }

    /// Starts all hosts again, so that each follows what was deleted elsewhere at once, and waits until none owes
    /// anything and no copy of a deleted image is left.
    async fn recover(&mut self) {
        for host in &mut self.hosts {
            host.kill();
            host.spawn();
        }
        for host in &mut self.hosts {
            host.ready().await;
        }
        let (hosts, database) = (&self.hosts, &self.stack.database);
        until("nothing is owed", || async {
            hosts.iter().all(|host| host.owes() == 0)
        })
        .await;
        let rows = database.rows().await;
        let deleted = |name: &str| rows.iter().any(|row| row.deleted == 1 && row.id == name);
        until("no copy of a deleted image is left", || async {
            let mut copies = hosts.iter().flat_map(HostProcess::copies);
            !copies.any(|copy| deleted(&copy.file_stem().unwrap().to_string_lossy()))
        })
        .await;
    }
}

async fn some_more(load: &Load) {
    let enough = load.acknowledged() + ANSWERS;
    until("requests are acknowledged", || async {
        load.acknowledged() >= enough
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_killed_loses_nothing_of_its_own_or_of_the_other() {
    const KILLS: usize = 6;
    let mut pair = Pair::start().await;
    let load = pair.load(&[&pair.hosts[0], &pair.hosts[1]], seed());
    let mut in_flight = 0;
    for number in 0..KILLS {
        // S3 is away for some of them, so that the killed one owes something that only it knows.
        if number % 3 == 1 {
            pair.stack.s3_gate.close().await;
        }
        some_more(&load).await;
        in_flight += load.in_flight();
        pair.hosts[number % 2].kill();
        // The other one goes on.
        some_more(&load).await;
        if number % 3 == 1 {
            pair.stack.s3_gate.open().await;
        }
        pair.hosts[number % 2].start().await;
    }
    load.finish().await;
    pair.recover().await;
    let seen = assert_agrees(&pair.stack, &pair.hosts, 0, &pair.ledger).await;
    report(&format!(
        "hosts: {KILLS} kills of one of two, seed {}, {in_flight} requests in flight: {seen:?}, nothing lost, doubled or revived",
        seed()
    ));
    assert!(in_flight > 0 && seen.deleted > 0 && seen.redirects > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_are_stopped_under_load_end_in_good_order_and_lose_nothing() {
    let mut pair = Pair::start().await;
    for round in 0..2 {
        let load = pair.load(&[&pair.hosts[0], &pair.hosts[1]], seed() + round);
        some_more(&load).await;
        for host in &pair.hosts {
            host.signal_term();
        }
        for host in &mut pair.hosts {
            let status = host.end().await;
            assert_eq!(status.code(), Some(0), "{}", host.logged());
        }
        load.finish().await;
        for host in &mut pair.hosts {
            host.start().await;
        }
    }
    pair.recover().await;
    let seen = assert_agrees(&pair.stack, &pair.hosts, 0, &pair.ledger).await;
    assert!(seen.deleted > 0 && seen.redirects > 0, "{seen:?}");
    pair.hosts.iter().for_each(HostProcess::assert_quiet);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_was_drained_can_be_lost_for_good() {
    let mut pair = Pair::start().await;
    let load = pair.load(&[&pair.hosts[0], &pair.hosts[1]], seed());
    some_more(&load).await;
    pair.stack.s3_gate.close().await;
    some_more(&load).await;
    // The load balancer sends nothing to it any more.
    load.finish().await;
    let load = pair.load(&[&pair.hosts[1]], seed() + 1);
    assert!(pair.hosts[0].owes() > 0);
    assert!(pair.hosts[0].pending().await > 0.0, "it must not go yet");
    pair.stack.s3_gate.open().await;
    let draining = &pair.hosts[0];
    until("its metrics say that nothing is pending", || async {
        draining.pending().await == 0.0
    })
    .await;
    let copies = draining.copies().len();
    assert!(copies > 0, "it took uploads");
    pair.hosts.remove(0).terminate_for_good();
    some_more(&load).await;
    load.finish().await;
    // Another one takes its place.
    let mut replacement = pair.stack.new_host().await;
    replacement.start().await;
    pair.hosts.push(replacement);
    pair.recover().await;
    let seen = assert_agrees(&pair.stack, &pair.hosts, 1, &pair.ledger).await;
    assert!(seen.redirects > 0, "{seen:?}");
    report(&format!(
        "hosts: one of two lost for good with {copies} local copies after it was drained: {seen:?}, nothing lost"
    ));
}

/// The comparison can fail: a host that is lost while its journal owes something takes that with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_was_not_drained_takes_with_it_what_it_owed() {
    let mut pair = Pair::start().await;
    pair.stack.s3_gate.close().await;
    let image = pair.hosts[0]
        .upload(crate::helpers::fixtures::png_of(900))
        .await;
    let id = image["id"].as_str().unwrap().to_owned();
    assert!(pair.hosts[0].pending().await > 0.0, "it says so");
    pair.hosts.remove(0).terminate_for_good();
    pair.stack.s3_gate.open().await;
    let base = pair.hosts[0].base();
    let find = format!("{base}/api/v1/images/{id}");
    let (status, _, body) = pair.stack.fetch(&find).await.unwrap();
    let found: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &found["storage"]["s3"]), (200, &"pending".into()));
    let name = image["link"].as_str().unwrap().rsplit('/').next().unwrap();
    let (status, ..) = pair.stack.fetch(&format!("{base}/i/{name}")).await.unwrap();
    assert_eq!(status, 503, "nobody has it");
    assert!(pair.stack.s3.objects().is_empty());
}
