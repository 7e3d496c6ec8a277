//! `image-handler doctor`: each test breaks something for real and sees what is advised.

mod database;
mod objects;
mod public;
mod uploads;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::helpers::database::Engine;
use crate::helpers::process::{Running, command};
use crate::helpers::s3::{BUCKET, TestS3, credentials};

/// What stands for everything that must not be printed.
const PASSWORD: &str = "hunter2-hunter2-hunter2-hunter2";

/// What was found.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) code: i32,
    report: Value,
}

impl Findings {
    pub(crate) fn check(&self, group: &str, name: &str) -> &Value {
        let checks = self.report["checks"].as_array().unwrap();
        let found = checks
            .iter()
            .find(|check| check["group"] == group && check["name"] == name);
        found.unwrap_or_else(|| panic!("no check {group}: {name} in {:#}", self.report))
    }

    #[track_caller]
    pub(crate) fn assert_ok(&self, group: &str, name: &str) -> &Self {
        assert_eq!(self.check(group, name)["outcome"], "ok", "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn assert_skipped(&self, group: &str, name: &str, why: &str) -> &Self {
        let check = self.check(group, name);
        assert_eq!(check["outcome"], "skipped", "{check:#}");
        assert!(check["detail"].as_str().unwrap().contains(why), "{check:#}");
        self
    }

    /// The check has this outcome, says this, and advises that.
    #[track_caller]
    pub(crate) fn assert_found(
        &self,
        group: &str,
        name: &str,
        (outcome, detail, advice): (&str, &str, &str),
    ) -> &Self {
        let check = self.check(group, name);
        assert_eq!(check["outcome"], outcome, "{check:#}");
        let text = |key: &str| check[key].as_str().unwrap_or_default();
        assert!(text("detail").contains(detail), "{check:#}");
        assert!(text("advice").contains(advice), "{check:#}");
        self
    }
}

/// Runs the command with these settings and reads what it prints for programs.
async fn examine(uploads: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Findings {
    let mut command = command(uploads);
    command
        .args(["doctor", "--json"])
        .args(arguments)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(settings.iter().copied());
    examine_with(command).await
}

pub(crate) async fn examine_with(mut command: Command) -> Findings {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let (printed, log) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    for text in [&printed, &log] {
        assert!(!text.contains(PASSWORD), "{text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    let report: Value =
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed} {log}"));
    let code = output.status.code().unwrap();
    let expected = match report["status"].as_str().unwrap() {
        "ok" => 0,
        "warning" => 1,
        "failure" => 2,
        other => panic!("{other}"),
    };
    assert_eq!(code, expected, "{report:#}");
    for check in report["checks"].as_array().unwrap() {
        let advised = check["advice"]
            .as_str()
            .is_some_and(|text| !text.is_empty());
        match check["outcome"].as_str().unwrap() {
            "ok" => assert!(!advised, "{check:#}"),
            "warning" | "failure" => assert!(advised, "{check:#}"),
            _ => {}
        }
    }
    Findings { code, report }
}

/// Runs it with mounts of its own, which these commands of a shell make and which go when it ends.
async fn examine_in_namespace(inner: &Command, prepare: &str) -> Findings {
    let mut outer = Command::new("unshare");
    outer
        .args(["--map-root-user", "--mount", "sh", "-c"])
        .arg(format!("set -e; {prepare} exec \"$0\" \"$@\""))
        .arg(inner.get_program())
        .args(["doctor", "--json", "--offline"])
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    examine_with(outer).await
}

/// Nothing but what the test breaks: SQLite, the embedded S3 endpoint, no service.
async fn examine_offline(uploads: &Path, settings: &[(&str, &str)]) -> Findings {
    examine(uploads, &["--offline"], settings).await
}

/// The settings that lead to the S3 endpoint of a test.
fn s3_settings(endpoint: &str) -> Vec<(&'static str, String)> {
    let credentials = credentials();
    vec![
        ("S3_BUCKET", BUCKET.to_owned()),
        ("S3_ENDPOINT", endpoint.to_owned()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
    ]
}

fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

/// A new folder that nobody else may look into.
fn folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new()
        .permissions(mode)
        .tempdir()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_well_has_nothing_to_mend() {
    let database = crate::helpers::database::TestDatabase::new(Engine::Mariadb).await;
    let image_handler::db::DbConfig::Mysql { url, .. } = database.config() else {
        panic!("not MariaDB")
    };
    let s3 = TestS3::start().await;
    let uploads = folder();
    let mut settings = s3_settings(&format!("http://{}", s3.address()));
    settings.push(("DATABASE_URL", url));
    let mut service = command(uploads.path());
    service.envs(borrowed(&settings));
    let running = tokio::task::spawn_blocking(|| Running::spawn(service))
        .await
        .unwrap();
    settings.push(("PUBLIC_URL", running.address.clone()));

    let findings = examine(uploads.path(), &[], &borrowed(&settings)).await;
    assert_eq!(findings.code, 0, "{findings:#?}");
    for (group, name) in [
        ("configuration", "settings"),
        ("uploads", "owner"),
        ("uploads", "mode"),
        ("uploads", "writable"),
        ("uploads", "free space"),
        ("uploads", "journal"),
        ("database", "login"),
        ("database", "clock"),
        ("database", "charset"),
        ("database", "migrations"),
        ("database", "privileges"),
        ("database", "privileges for migrations"),
        ("aws", "credentials"),
        ("aws", "clock"),
        ("bucket", "reachable"),
        ("bucket", "put"),
        ("bucket", "get"),
        ("bucket", "public read"),
        ("bucket", "delete"),
        ("public path", "limits"),
        ("public path", "upload of the limit"),
        ("public path", "delete"),
        ("public path", "upload past the limit"),
    ] {
        findings.assert_ok(group, name);
    }
    findings.assert_found("uploads", "lock", ("ok", "a service has the folder", ""));
    assert!(s3.objects().is_empty(), "{:?}", s3.objects());
    let rows = database.rows().await;
    assert!(
        rows.len() == 1 && rows[0].deleted == 1,
        "the tombstone of the upload: {rows:?}"
    );
    let (status, log) = running.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_cannot_be_read_is_the_first_finding() {
    let uploads = folder();
    let settings = [("ADMIN_KEY", "short"), ("SECRET", PASSWORD)];
    let findings = examine(uploads.path(), &[], &settings).await;
    let expected = ("failure", "ADMIN_KEY", "set ADMIN_KEY");
    findings.assert_found("configuration", "settings", expected);
    let first = &findings.report["checks"][0];
    assert_eq!(first["group"], "configuration", "{first:#}");
    // What does not depend on it is looked at all the same.
    findings.assert_ok("uploads", "writable");
    findings.assert_found("database", "file", ("ok", "not there yet", ""));
    findings.assert_skipped("bucket", "reachable", "embedded endpoint");
    findings.assert_skipped("public path", "service", "cannot be read");

    let settings = [("DATABASE_URL", "oracle://images")];
    let findings = examine(uploads.path(), &[], &settings).await;
    let expected = ("failure", "DATABASE_URL", "set DATABASE_URL");
    findings.assert_found("configuration", "settings", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_the_first_start_has_made_has_nothing_to_mend() {
    let parent = folder();
    for command_line in [&["migrate"][..], &["serve"]] {
        let uploads = parent.path().join(command_line[0]);
        let mut first = command(&uploads);
        first.args(command_line);
        if command_line == ["serve"] {
            let running = tokio::task::spawn_blocking(|| Running::spawn(first));
            running.await.unwrap().terminate();
        } else {
            assert!(first.output().unwrap().status.success());
        }
        let findings = examine_offline(&uploads, &[]).await;
        findings.assert_ok("uploads", "mode");
        assert_eq!(findings.code, 0, "{findings:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_get_lines_with_words_where_nobody_sees_colours_and_the_counts() {
    let uploads = folder();
    let mut command = command(uploads.path());
    command.args(["doctor", "--offline"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("ok      uploads: folder: "), "{text}");
    assert!(
        text.contains("skipped public path: service: --offline"),
        "{text}"
    );
    let last = text.lines().last().unwrap();
    assert!(last.contains(" ok, 0 warnings, 0 failures, "), "{text}");
}
