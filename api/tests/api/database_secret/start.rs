//! What may be wrong when the service starts, and is mended while it runs.

use serde_json::json;

use super::world::{FIRST, SECOND, World};
use crate::helpers::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_wrong_at_the_start_may_be_corrected() {
    let world = World::new().await;
    world.put(&world.login(SECOND)).await;
    let service = world.serve().await;
    let mut images = vec![service.upload_pending().await];
    assert!(
        world.log().contains("Access denied for user"),
        "{}",
        world.log()
    );
    world.put(&world.login(FIRST)).await;
    images.extend(service.upload_until_recorded().await);
    world
        .until_recorded(&images.iter().collect::<Vec<_>>())
        .await;
    world.end(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_and_user_may_be_made_after_the_start() {
    let world = World::without_user().await;
    let service = world.serve().await;
    let mut images = vec![
        service.upload_pending().await,
        service.upload_pending().await,
    ];
    world.make_user(FIRST).await;
    images.extend(service.upload_until_recorded().await);
    world
        .until_recorded(&images.iter().collect::<Vec<_>>())
        .await;
    world.end(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_not_whole_at_the_start_may_be_completed() {
    let world = World::new().await;
    world
        .put(&json!({"username": world.name, "password": FIRST}))
        .await;
    let service = world.serve().await;
    let mut images = vec![service.upload_pending().await];
    let said = "DATABASE_SECRET_ARN: the secret has no field \"host\"";
    until("the field is named", || async {
        world.log().contains(said)
    })
    .await;
    world.put(&world.login(FIRST)).await;
    images.extend(service.upload_until_recorded().await);
    world
        .until_recorded(&images.iter().collect::<Vec<_>>())
        .await;
    assert_eq!(world.log().matches(said).count(), 1, "{}", world.log());
    world.end(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_cannot_be_read_at_the_start_does_not_stop_it() {
    let mut world = World::new().await;
    world.secrets.close().await;
    let service = world.serve().await;
    let mut images = vec![service.upload_pending().await];
    let said = "DATABASE_SECRET_ARN: the secret cannot be read: Secrets Manager was not reached";
    until("the reason is logged", || async {
        world.log().contains(said)
    })
    .await;
    world.secrets.open().await;
    images.extend(service.upload_until_recorded().await);
    world
        .until_recorded(&images.iter().collect::<Vec<_>>())
        .await;
    world.end(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_answers_does_not_hold_a_command_for_ever() {
    let world = World::without_user().await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut login = world.login(FIRST);
    login["port"] = silent.local_addr().unwrap().port().into();
    world.put(&login).await;
    let said = world.refused(&["migrate"], ("RUST_LOG", "off")).await;
    let expected = "DATABASE_SECRET_ARN: the database does not answer: ";
    assert!(said.contains(expected), "{said}");
    assert!(said.contains("no connection within"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_can_never_work_stop_the_start_with_one_line() {
    let world = World::without_user().await;
    let rows = [
        (
            "serve",
            "DATABASE_URL",
            "mysql://u:first-hunter2-hunter2@h/d",
            "DATABASE_URL is set too",
        ),
        (
            "serve",
            "DATABASE_SECRET_ARN",
            "first-hunter2-hunter2",
            "it is not the ARN",
        ),
        // A command cannot wait until the user is made.
        ("migrate", "RUST_LOG", "off", "Access denied"),
    ];
    for (argument, variable, value, expected) in rows {
        let said = world.refused(&[argument], (variable, value)).await;
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("DATABASE_SECRET_ARN: "), "{said}");
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains(FIRST), "{said}");
    }
}
