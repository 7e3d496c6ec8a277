//! Which servers get the password.

use super::certificates::Certificates;
use super::found_by_doctor::examine;
use super::world::World;
use crate::helpers::gate::Gate;
use crate::helpers::{mariadb, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_a_certificate_of_the_right_ca_gets_the_login() {
    let world = World::new().await;
    let service = world.serve().await;
    let images = service.upload_until_recorded().await;
    world
        .until_recorded(&images.iter().collect::<Vec<_>>())
        .await;
    assert_eq!(world.reads(), 1);
    world.end(service);
    let findings = examine(&world).await;
    let expected = ("ok", "the connection is encrypted: TLS", "");
    findings.assert_found("database", "tls", expected);
    assert_eq!(findings.code, 0, "{findings:#?}");
}

/// The service takes uploads, says why they are not recorded, and the doctor says what mends it. When that was done,
/// all is recorded without a restart.
async fn assert_refused(world: &mut World, said: &str, (detail, advice): (&str, &str)) {
    let service = world.serve().await;
    let first = service.upload_pending().await;
    let second = service.upload_pending().await;
    until("the reason is logged", || async {
        world.log().contains(said)
    })
    .await;
    let findings = examine(world).await;
    findings.assert_found("database", "login", ("failure", detail, advice));
    findings.assert_skipped("database", "tls", "there is no login");
    assert!(world.recorded().await.is_empty(), "{first} {second}");
    world.end(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_a_certificate_of_another_ca_is_refused() {
    let mut world = World::new().await;
    migrate(&world).await;
    std::fs::write(world.ca.as_ref().unwrap(), Certificates::make().ca()).unwrap();
    let found = ("UnknownIssuer", "set DATABASE_CA to the CA certificates");
    assert_refused(&mut world, "UnknownIssuer", found).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_another_name_than_its_certificate_is_refused() {
    let mut world = World::new().await;
    migrate(&world).await;
    let mut login = world.login(super::world::FIRST);
    login["host"] = "127.0.0.1".into();
    world.put(&login).await;
    let found = ("not valid for name", "as its certificate does");
    assert_refused(&mut world, "not valid for name", found).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_refused_before_it_hears_the_user() {
    let port = mariadb::port().await;
    let gate = Gate::to(([127, 0, 0, 1], port).into()).await;
    let mut world = World::on(port, Some(&Certificates::make().ca())).await;
    let ca = world.ca.take();
    world.make_user(super::world::FIRST).await;
    migrate(&world).await;
    let mut login = world.login(super::world::FIRST);
    login["port"] = gate.address().port().into();
    world.put(&login).await;
    world.ca = ca;
    let found = ("the server has no TLS", "ssl_cert");
    assert_refused(&mut world, "does not have this capability", found).await;
    assert!(!gate.sent().contains(&world.name), "{:?}", gate.sent());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_ca_only_a_server_on_this_host_is_used() {
    let port = mariadb::port().await;
    let world = World::on(port, None).await;
    world.make_user(super::world::FIRST).await;
    migrate(&world).await;

    let mut login = world.login(super::world::FIRST);
    login["host"] = "db.invalid".into();
    world.put(&login).await;
    for arguments in [&["serve"][..], &["migrate"]] {
        let said = world.refused(arguments, ("RUST_LOG", "warn")).await;
        let last = said.lines().last().unwrap();
        assert!(last.contains("DATABASE_CA: "), "{said}");
        assert!(last.contains("db.invalid is not on this host"), "{said}");
    }
    let findings = examine(&world).await;
    let expected = (
        "failure",
        "db.invalid is not on this host",
        "set DATABASE_CA",
    );
    findings.assert_found("database", "secret", expected);
}

/// Runs the command, which has to succeed.
pub(super) async fn migrate(world: &World) {
    let mut command = world.command();
    command.arg("migrate");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("migrations run: "), "{printed}");
}
