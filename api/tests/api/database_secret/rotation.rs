//! The password changes while the service runs.

use std::time::Instant;

use super::tls::migrate;
use super::world::{SECOND, World};
use crate::helpers::until;

/// How many seconds lie between two reads of the secret, at least.
const PAUSE: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_is_ridden_out_without_a_restart() {
    let world = World::new().await;
    let service = world.serve().await;
    let mut images = service.upload_until_recorded().await;

    // The server has the new password, the secret not yet, and no connection is left.
    world.change_password(SECOND).await;
    let (reads, began) = (world.reads(), Instant::now());
    world.kill_connections().await;
    let mut pending = 0;
    until("the secret was read again, in vain", || async {
        // Several at once, each of which finds no connection.
        let lists = (0..8).map(|_| service.get("/api/v1/images"));
        for list in futures_util::future::join_all(lists).await {
            list.expect_error(503, "database-unavailable");
        }
        world.reads() >= reads + 2
    })
    .await;
    while pending < 3 {
        images.push(service.upload_pending().await);
        pending += 1;
    }
    let allowed = 1 + usize::try_from(began.elapsed().as_secs() / PAUSE).unwrap();
    let seen = world.reads() - reads;
    assert!(seen <= allowed, "{seen} reads, and not {allowed} at most");

    world.put(&world.login(SECOND)).await;
    images.extend(service.upload_until_recorded().await);
    world
        .until_recorded(&images.iter().collect::<Vec<_>>())
        .await;
    let log = world.log();
    assert!(log.contains("Access denied for user"), "{log}");
    let found = "a new login of the database was read from its secret";
    assert_eq!(log.matches(found).count(), 2, "{log}");
    world.end(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_open_go_on_with_the_old_password() {
    let world = World::new().await;
    let service = world.serve().await;
    let images = service.upload_until_recorded().await;
    let before = world.connections().await;
    world.change_password(SECOND).await;
    for _ in 0..5 {
        let listed = service.get("/api/v1/images").await.expect(200).json();
        assert_eq!(listed["items"][0]["id"], images[images.len() - 1]["id"]);
    }
    assert_eq!(world.reads(), 1, "nothing was refused");
    for connection in world.connections().await {
        assert!(before.contains(&connection), "{connection} of {before:?}");
    }
    world.end(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_cannot_be_made_leaves_those_that_are() {
    let world = World::new().await;
    let service = world.serve().await;
    service.upload_until_recorded().await;
    let before = world.connections().await;
    world.change_password(SECOND).await;
    // More at once than there are connections: some need another one, and get none.
    until("a connection is refused", || async {
        let lists = (0..16).map(|_| service.get("/api/v1/images"));
        let answers = futures_util::future::join_all(lists).await;
        answers.iter().any(|answer| answer.status == 503)
    })
    .await;
    until("lists go on", || async {
        service.get("/api/v1/images").await.status == 200
    })
    .await;
    let left = world.connections().await;
    assert!(
        left.iter().any(|id| before.contains(id)),
        "{left:?} of {before:?}"
    );
    world.end(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_cannot_be_read_again_is_tried_until_it_can() {
    let mut world = World::new().await;
    migrate(&world).await;
    let service = world.serve().await;
    let mut images = service.upload_until_recorded().await;
    world.secrets.close().await;
    world.change_password(SECOND).await;
    world.put(&world.login(SECOND)).await;
    world.kill_connections().await;
    images.push(service.upload_pending().await);
    until("the reason is logged", || async {
        service.get("/api/v1/images").await;
        world
            .log()
            .contains("DATABASE_SECRET_ARN: the secret cannot be read")
    })
    .await;
    images.push(service.upload_pending().await);
    world.secrets.open().await;
    images.extend(service.upload_until_recorded().await);
    world
        .until_recorded(&images.iter().collect::<Vec<_>>())
        .await;
    world.end(service);
}
