//! What `image-handler doctor` says of the secret.

use aws_sdk_secretsmanager::primitives::Blob;
use serde_json::json;

use super::tls::migrate;
use super::world::{FIRST, SECOND, World};
use crate::doctor::{self, Findings};
use crate::helpers::scripted::{Reaction, Scripted};

const GROUP: &str = "database";

/// Looks at everything but the running service.
pub(super) async fn examine(world: &World) -> Findings {
    let mut command = world.command();
    command.args(["doctor", "--json", "--offline"]);
    let findings = doctor::examine_with(command).await;
    for password in [FIRST, SECOND] {
        assert!(!format!("{findings:?}").contains(password), "{findings:#?}");
    }
    findings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_works_has_nothing_to_mend() {
    let world = World::new().await;
    migrate(&world).await;
    let findings = examine(&world).await;
    let detail = format!(
        "it names {0} and {0} at localhost:{1}",
        world.name, world.port
    );
    findings.assert_found(GROUP, "secret", ("ok", &detail, ""));
    for name in ["login", "tls", "server", "migrations", "privileges"] {
        findings.assert_ok(GROUP, name);
    }
    assert_eq!(findings.code, 0, "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_the_server_refuses_is_named_with_what_makes_the_user() {
    let world = World::without_user().await;
    let findings = examine(&world).await;
    findings.assert_ok(GROUP, "secret");
    let expected = ("failure", "Access denied", "run deploy/bin/bootstrap-db");
    findings.assert_found(GROUP, "login", expected);

    world.make_user(SECOND).await;
    let findings = examine(&world).await;
    let expected = ("failure", "Access denied", "wait until it has ended");
    findings.assert_found(GROUP, "login", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_no_login_is_named_by_the_field_and_not_by_its_value() {
    let world = World::without_user().await;
    let rows = [
        (json!({"username": SECOND, "password": FIRST}), "\"host\""),
        (json!({"host": SECOND, "password": FIRST}), "\"username\""),
        (json!([FIRST]), "no JSON object"),
    ];
    for (secret, detail) in rows {
        world.put(&secret).await;
        let findings = examine(&world).await;
        let expected = ("failure", detail, "put-secret-value");
        findings.assert_found(GROUP, "secret", expected);
        for name in ["address", "login", "privileges"] {
            findings.assert_skipped(GROUP, name, "there is no login");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_cannot_be_read_is_named_with_what_is_missing() {
    let mut world = World::without_user().await;
    world.secrets.close().await;
    let expected = ("failure", "was not reached", "secretsmanager.us-east-1");
    examine(&world)
        .await
        .assert_found(GROUP, "secret", expected);
    world.secrets.open().await;

    let bytes = world.moto().secrets().put_secret_value();
    let bytes = bytes.secret_id(world.arn()).secret_binary(Blob::new(FIRST));
    bytes.send().await.unwrap();
    let expected = ("failure", "it holds no text", "write its value as text");
    examine(&world)
        .await
        .assert_found(GROUP, "secret", expected);

    let delete = world.moto().secrets().delete_secret();
    delete.secret_id(world.arn()).send().await.unwrap();
    let findings = examine(&world).await;
    let check = findings.check(GROUP, "secret");
    let advice = check["advice"].as_str().unwrap();
    assert!(advice.contains("restore-secret"), "{check:#}");

    let denied = r#"{"__type": "AccessDeniedException", "Message": "User: x is not authorized to perform this"}"#;
    let endpoint = Scripted::start(move |_| {
        Reaction::Answer(
            format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.1\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{denied}",
                denied.len()
            )
            .into_bytes(),
        )
    })
    .await;
    let mut command = world.command();
    command
        .args(["doctor", "--json", "--offline"])
        .env_remove("AWS_ENDPOINT_URL_SECRETS_MANAGER")
        // The endpoint of all services, as the SDK knows it.
        .env("AWS_ENDPOINT_URL", endpoint.url());
    let findings = doctor::examine_with(command).await;
    let advice = format!("secretsmanager:GetSecretValue on {}", world.arn());
    let expected = (
        "failure",
        "AccessDeniedException: User: x is not authorized",
        advice.as_str(),
    );
    findings.assert_found(GROUP, "secret", expected);
}
