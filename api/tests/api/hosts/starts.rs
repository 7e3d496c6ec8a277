//! Hosts that migrate, replay and end beside each other.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::Value;

use super::stack::{HostProcess, Stack};
use crate::helpers::fixtures::png_of;
use crate::helpers::until;

/// How many images each host owes S3 in these tests: more than it sends at the same time.
const BACKLOG: usize = 12;

/// What the server says the tables are.
async fn tables(stack: &Stack) -> Vec<String> {
    use mysql_async::prelude::Queryable as _;
    let mut connection = stack.database.lock("DO 0").await;
    let names: Vec<String> = connection.query("SHOW TABLES").await.unwrap();
    let mut tables = Vec::new();
    for name in names {
        let question = format!("SHOW CREATE TABLE {name}");
        let shown: Option<(String, String)> = connection.query_first(question).await.unwrap();
        tables.push(shown.unwrap().1);
    }
    connection.disconnect().await.unwrap();
    tables
}

async fn start_together(stack: &Stack, count: usize) -> Vec<HostProcess> {
    let mut hosts = Vec::new();
    for _ in 0..count {
        hosts.push(stack.new_host().await);
    }
    for host in &mut hosts {
        host.spawn();
    }
    for host in &mut hosts {
        host.ready().await;
    }
    hosts
}

/// SIGTERM to all, then the end of each, in good order.
async fn end_together(hosts: &mut [HostProcess]) {
    for host in &*hosts {
        host.signal_term();
    }
    for host in hosts {
        let status = host.end().await;
        assert_eq!(status.code(), Some(0), "{}", host.logged());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_start_at_once_on_an_empty_database_all_serve() {
    let alone = Stack::prepare().await;
    let mut only = start_together(&alone, 1).await;
    let expected = tables(&alone).await;
    assert!(expected.len() >= 3, "{expected:?}");
    end_together(&mut only).await;
    for count in [2, 3] {
        let stack = Stack::prepare().await;
        assert!(tables(&stack).await.is_empty());
        let mut hosts = start_together(&stack, count).await;
        assert_eq!(tables(&stack).await, expected);
        let logs = hosts.iter().map(HostProcess::logged);
        let ran = logs.filter(|log| log.contains("migrations run: 5")).count();
        assert_eq!(ran, 1, "one of {count} migrates, the others find it done");
        let mut ids = BTreeSet::new();
        for host in &hosts {
            let image = host.upload(png_of(300)).await;
            assert_eq!(image["storage"]["record"], "stored");
            ids.insert(image["id"].as_str().unwrap().to_owned());
        }
        for host in &hosts {
            let listed = host.listed().await;
            assert_eq!(listed.len(), count, "each is listed once");
            assert_eq!(BTreeSet::from_iter(listed), ids);
        }
        end_together(&mut hosts).await;
        hosts.iter().for_each(HostProcess::assert_quiet);
    }
}

/// Fills the journals of both while S3 is away, and gives the images.
async fn owe(hosts: &[HostProcess]) -> Vec<Value> {
    let mut images = Vec::new();
    for host in hosts {
        let uploads = (0..BACKLOG).map(|_| host.upload(png_of(2000)));
        images.extend(join_all(uploads).await);
        assert_eq!(host.owes(), BACKLOG);
    }
    for image in &images {
        assert_eq!(image["storage"]["s3"], "pending");
    }
    images
}

/// Every image is in S3, recorded, listed once by each host, and served by each.
async fn assert_all_published(stack: &Stack, hosts: &[HostProcess], images: &[Value]) {
    let ids: BTreeSet<String> = images
        .iter()
        .map(|image| image["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(stack.s3.objects().len(), ids.len());
    let rows = stack.database.rows().await;
    assert!(rows.iter().all(|row| row.stored == 1 && row.deleted == 0));
    assert_eq!(
        rows.into_iter()
            .map(|row| row.id)
            .collect::<BTreeSet<String>>(),
        ids
    );
    for host in hosts {
        let listed = host.listed().await;
        assert_eq!(listed.len(), ids.len(), "each is listed once");
        assert_eq!(BTreeSet::from_iter(listed), ids);
        for image in images {
            let name = image["link"].as_str().unwrap().rsplit('/').next().unwrap();
            let link = format!("{}/i/{name}", host.base());
            let (status, location, _) = stack.fetch(&link).await.unwrap();
            let has_it = image["link"].as_str().unwrap().starts_with(&host.base());
            assert_eq!(status, if has_it { 200 } else { 302 });
            if let Some(location) = location {
                assert_eq!(image["url"], location);
                assert_eq!(stack.fetch(&location).await.unwrap().0, 200);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_replay_their_backlogs_beside_each_other() {
    let mut stack = Stack::prepare().await;
    let mut hosts = start_together(&stack, 2).await;
    stack.s3_gate.close().await;
    let images = owe(&hosts).await;
    for host in &mut hosts {
        host.kill();
    }
    stack.s3_gate.open().await;
    for host in &mut hosts {
        host.spawn();
    }
    until("neither owes anything", || async {
        hosts.iter().all(|host| host.owes() == 0)
    })
    .await;
    for host in &mut hosts {
        host.ready().await;
    }
    assert_all_published(&stack, &hosts, &images).await;
    end_together(&mut hosts).await;
    hosts.iter().for_each(HostProcess::assert_quiet);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_that_are_stopped_in_the_middle_of_their_backlogs_go_on_when_they_are_back() {
    let mut stack = Stack::prepare().await;
    let mut hosts = start_together(&stack, 2).await;
    stack.s3_gate.close().await;
    let images = owe(&hosts).await;
    stack.s3_gate.open().await;
    stack.s3_gate.hold();
    // Both are at work on it: they have sent objects, and S3 says nothing.
    for host in &hosts {
        let own = format!("PUT /{}/images/", crate::helpers::s3::BUCKET);
        let ids: Vec<&str> = images
            .iter()
            .filter(|image| image["link"].as_str().unwrap().starts_with(&host.base()))
            .map(|image| image["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len(), BACKLOG);
        until("it has begun to send its own", || async {
            let sent = stack.s3_gate.sent();
            ids.iter().any(|id| sent.contains(&format!("{own}{id}")))
        })
        .await;
    }
    for host in &hosts {
        host.signal_term();
    }
    for host in &hosts {
        host.has_heard().await;
    }
    for host in &mut hosts {
        let status = host.end().await;
        assert_eq!(status.code(), Some(0), "{}", host.logged());
        assert_eq!(host.owes(), BACKLOG, "S3 confirmed nothing");
    }
    // What was under way ends with the connections that it was sent on.
    stack.s3_gate.close().await;
    stack.s3_gate.open().await;
    for host in &mut hosts {
        host.start().await;
    }
    until("neither owes anything", || async {
        hosts.iter().all(|host| host.owes() == 0)
    })
    .await;
    assert_all_published(&stack, &hosts, &images).await;
    end_together(&mut hosts).await;
    hosts.iter().for_each(HostProcess::assert_quiet);
}
