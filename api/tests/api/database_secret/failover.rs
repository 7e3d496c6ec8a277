//! The server hands its part to another one.

use super::certificates::Certificates;
use super::tls::migrate;
use super::world::{FIRST, SECOND, World, id};
use crate::helpers::gate::Gate;
use crate::helpers::{mariadb, until};

/// A server of its own with TLS, and a world on it.
async fn world_of_its_own() -> (mariadb::Server, World) {
    let certificates = Certificates::make();
    let server = mariadb::another_with(certificates.settings()).await;
    let world = World::on(server.port, Some(&certificates.ca())).await;
    world.make_user(FIRST).await;
    (server, world)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_any_more_is_left_and_nothing_is_lost_or_doubled() {
    let (_server, world) = world_of_its_own().await;
    let service = world.serve().await;
    let mut images = service.upload_until_recorded().await;
    // The last one is recorded, and is deleted later.
    let deleted = images.pop().unwrap();
    images.extend(service.upload_until_recorded().await);
    let known = id(&images[images.len() - 1]).to_owned();

    // As an old primary that has become a replica.
    world.execute("SET GLOBAL read_only = 1").await;
    let before = world.connections().await;
    images.push(service.upload_pending().await);
    service.delete(&deleted).await.expect(204);
    until("no connection to the old primary is left", || async {
        let now = world.connections().await;
        now.iter().all(|connection| !before.contains(connection))
    })
    .await;
    assert!(!before.is_empty());
    let listed = service.get("/api/v1/images").await.expect(200).json();
    let items = listed["items"].as_array().unwrap();
    assert!(items.iter().any(|item| id(item) == known));
    assert!(items.iter().all(|item| id(item) != id(&deleted)));
    world.end(service);

    // A start in the middle of it takes uploads, too.
    let service = world.serve().await;
    images.push(service.upload_pending().await);
    world.execute("SET GLOBAL read_only = 0").await;
    images.extend(service.upload_until_recorded().await);
    world
        .until_recorded(&images.iter().collect::<Vec<_>>())
        .await;
    let log = world.log();
    assert!(log.contains("read-only option"), "{log}");
    world.end(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_is_found_where_the_secret_says_by_now() {
    let world = World::new().await;
    let mut old = Gate::to(([127, 0, 0, 1], world.port).into()).await;
    let mut login = world.login(FIRST);
    login["port"] = old.address().port().into();
    world.put(&login).await;
    let service = world.serve().await;
    let mut images = service.upload_until_recorded().await;
    old.close().await;
    images.push(service.upload_pending().await);
    world.put(&world.login(FIRST)).await;
    images.extend(service.upload_until_recorded().await);
    world
        .until_recorded(&images.iter().collect::<Vec<_>>())
        .await;
    world.end(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_where_the_secret_led_before_are_used_no_more() {
    let world = World::new().await;
    // Where the records are to go, with its tables, under a user of its own.
    let moved = format!("{}_moved", world.name);
    for sql in [
        format!("CREATE DATABASE {moved} CHARACTER SET utf8mb4"),
        format!("CREATE USER {moved}@'%' IDENTIFIED BY '{SECOND}' REQUIRE SSL"),
        format!("GRANT ALL ON {moved}.* TO {moved}@'%'"),
    ] {
        world.execute(&sql).await;
    }
    let mut login = world.login(SECOND);
    login["username"] = moved.clone().into();
    login["dbname"] = moved.into();
    world.put(&login).await;
    migrate(&world).await;

    world.put(&world.login(FIRST)).await;
    let service = world.serve().await;
    service.upload_until_recorded().await;
    let lists = |count| {
        let lists = (0..count).map(|_| service.get("/api/v1/images"));
        futures_util::future::join_all(lists)
    };
    lists(4).await;
    // Open connections stay, new ones are refused: the secret is read again.
    world
        .execute(&format!("ALTER USER {}@'%' ACCOUNT LOCK", world.name))
        .await;
    world.put(&login).await;
    let found = "a new login of the database was read from its secret";
    until("the new place is known", || async {
        // More at once than there are connections.
        lists(16).await;
        world.log().matches(found).count() == 2
    })
    .await;
    let before = world.recorded().await;
    let recorded = || async {
        let uploads = (0..8).map(|_| service.upload_until_recorded());
        futures_util::future::join_all(uploads).await
    };
    recorded().await;
    assert_eq!(
        world.recorded().await,
        before,
        "nothing is written where the secret led before"
    );
    world.end(service);
}
