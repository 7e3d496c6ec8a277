//! The command, as a person or a program starts it.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::{bucket, flipped, make_old, new_name, object_key, object_of};
use crate::helpers::app::{TestApp, files_below, form};
use crate::helpers::fixtures::photo;
use crate::helpers::process::{Running, command};
use crate::helpers::s3::{BUCKET, credentials};
use crate::helpers::{on_both_engines, ports, until};

/// The command on the folder, the bucket and the database of a test.
fn reconcile(app: &TestApp, flags: &[&str]) -> Command {
    let keys = credentials();
    let database = app.database.url();
    let mut command = command(app.uploads.path());
    command
        .env_remove("WEB_DIR")
        .env("DATABASE_URL", database)
        .env("S3_BUCKET", BUCKET)
        .env("S3_ENDPOINT", format!("http://{}", app.s3.address()))
        .env("AWS_ACCESS_KEY_ID", keys.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
        .arg("reconcile")
        .args(flags);
    command
}

/// Runs a command to its end, without standing in the way of what the test serves.
async fn output(mut command: Command) -> (Option<i32>, String, String) {
    let output = tokio::task::spawn_blocking(move || command.output());
    let Output {
        status,
        stdout,
        stderr,
    } = output.await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn json_lines(text: &str) -> Vec<Value> {
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// A repair that stops at a place of the test's choice and goes on when it is told to.
pub(super) struct Reconcile {
    child: Child,
    hold: PathBuf,
    _folder: TempDir,
}

impl Reconcile {
    /// Gives it back when it has come to the place.
    pub(super) async fn held(app: &TestApp, place: &str) -> Self {
        Self::held_with_s3(app, &format!("http://{}", app.s3.address()), place).await
    }

    /// The same with an S3 endpoint of the test's choice.
    pub(super) async fn held_with_s3(app: &TestApp, s3: &str, place: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let hold = folder.path().join("hold");
        let mut command = reconcile(app, &["--repair", "--json"]);
        command.env("S3_ENDPOINT", s3).env(
            "FAILPOINTS",
            format!("{place}=1*return({})", hold.display()),
        );
        let child = command.spawn().unwrap();
        let started = Self {
            child,
            hold,
            _folder: folder,
        };
        until("it has come to the place", || async {
            started.hold.exists()
        })
        .await;
        started
    }

    pub(super) fn signal_term(&self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(told.success());
    }

    /// Gives its exit code and what it printed.
    pub(super) fn go_on(mut self) -> (Option<i32>, String) {
        std::fs::remove_file(&self.hold).unwrap();
        let mut printed = String::new();
        let mut stdout = self.child.stdout.take().unwrap();
        tokio::task::block_in_place(|| stdout.read_to_string(&mut printed)).unwrap();
        let status = tokio::task::block_in_place(|| self.child.wait()).unwrap();
        (status.code(), printed)
    }
}

impl Drop for Reconcile {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

on_both_engines! {
    async fn it_prints_a_plan_carries_it_out_and_says_by_its_code_how_it_ended(app: TestApp) {
        let (missing, damaged) = (app.upload_photo().await, app.upload_photo().await);
        std::fs::remove_file(object_of(&app, &missing)).unwrap();
        std::fs::write(app.local_copy(&damaged), flipped(&photo())).unwrap();

        let (code, plan, errors) = output(reconcile(&app, &[])).await;
        assert_eq!((code, errors.as_str()), (Some(1), ""), "no progress without a terminal");
        let lines: Vec<&str> = plan.lines().collect();
        let id = |image: &Value| image["id"].as_str().unwrap().to_owned();
        assert!(lines[0].starts_with(&id(&missing)), "{plan}");
        assert!(lines[0].contains("missing object") && lines[0].ends_with("would upload object"), "{plan}");
        assert!(lines[1].starts_with(&id(&damaged)), "{plan}");
        assert!(lines[1].ends_with("would set aside and restore copy"), "{plan}");
        assert!(plan.contains("2 images looked at\n"), "{plan}");
        assert!(plan.ends_with("2 findings; --repair carries out the plan\n"), "{plan}");

        let (code, done, errors) = output(reconcile(&app, &["--repair"])).await;
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{done}");
        assert!(done.contains("done: upload object"), "{done}");
        assert!(done.ends_with("2 findings: 2 repaired, 0 left\n"), "{done}");
        let (code, nothing, _) = output(reconcile(&app, &["--quick"])).await;
        assert_eq!((code, nothing.as_str()), (Some(0),
            "2 images looked at, by existence and sizes alone\nnothing is wrong\n"));

        std::fs::remove_file(object_of(&app, &damaged)).unwrap();
        std::fs::remove_file(app.local_copy(&damaged)).unwrap();
        let (code, lost, _) = output(reconcile(&app, &["--repair"])).await;
        assert_eq!(code, Some(2), "{lost}");
        assert!(lost.contains("left as it is") && lost.contains("found: 1 lost"), "{lost}");
    }

    async fn programs_are_told_in_json(app: TestApp) {
        let image = app.upload_photo().await;
        std::fs::remove_file(app.local_copy(&image)).unwrap();
        let orphan = format!("images/{}", new_name());
        bucket::put(&app, &orphan, b"nobody's", None).await;
        app.s3.objects().iter().for_each(|path| make_old(path));

        let (code, printed, _) = output(reconcile(&app, &["--json"])).await;
        assert_eq!(code, Some(1));
        let lines = json_lines(&printed);
        assert_eq!(lines.len(), 3, "{printed}");
        assert_eq!(lines[0], serde_json::json!({
            "id": image["id"], "kind": "missing_copy", "action": "restore_copy", "outcome": "planned",
            "what": format!("originals/{}/{}", &image["created_at"].as_str().unwrap()[..10],
                object_key(&image).trim_start_matches("images/")),
        }));
        assert_eq!((&lines[1]["kind"], &lines[1]["action"]), (&"orphan_object".into(), &"none".into()));
        let summary = &lines[2]["summary"];
        assert_eq!(summary["found"], serde_json::json!({"missing_copy": 1, "orphan_object": 1}));
        assert_eq!((&summary["images"], &summary["left"], &summary["complete"]), (&2.into(), &2.into(), &true.into()));

        let (code, printed, _) = output(reconcile(&app, &["--json", "--repair", "--remove-orphans"])).await;
        assert_eq!(code, Some(0));
        assert_eq!(json_lines(&printed)[2]["summary"]["repaired"], 2, "{printed}");
        let (code, printed, _) = output(reconcile(&app, &["--json", "--repair", "--remove-orphans"])).await;
        assert_eq!((code, json_lines(&printed).len()), (Some(0), 1), "{printed}");
    }

    async fn without_s3_or_the_database_it_ends_with_a_message_and_code_2(app: TestApp) {
        let mut app = app;
        app.upload_photo().await;
        app.host.stop().await;
        app.database.execute("UPDATE images SET stored_at = NULL").await;
        app.s3.stop().await;
        let (code, printed, errors) = output(reconcile(&app, &["--json"])).await;
        assert_eq!(code, Some(2), "{printed}");
        assert!(errors.contains("stopped before the end (S3 did not take the ListObjectsV2"), "{errors}");
        assert_eq!(json_lines(&printed)[0]["summary"]["complete"], false);
        app.s3.start_again().await;
        let away = app.database.go_away().await;
        // A SQLite file that is locked can still be read, so something is to be written.
        let (code, _, errors) = output(reconcile(&app, &["--repair"])).await;
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains("database"), "{errors}");
        app.database.come_back(away).await;
        assert_eq!(output(reconcile(&app, &["--repair"])).await.0, Some(0));
        assert_eq!(app.database.rows().await[0].stored, 1);
    }

    async fn when_s3_goes_away_in_the_middle_another_run_goes_on(app: TestApp) {
        let mut app = app;
        let images = [app.upload_photo().await, app.upload_photo().await];
        for image in &images {
            std::fs::remove_file(object_of(&app, image)).unwrap();
        }
        let held = Reconcile::held(&app, "reconcile.put_back").await;
        app.s3.stop().await;
        let (code, told) = held.go_on();
        assert_eq!(code, Some(2), "{told}");
        let summary = json_lines(&told).pop().unwrap();
        assert_eq!(summary["summary"]["complete"], false, "{told}");
        app.s3.start_again().await;
        assert_eq!(output(reconcile(&app, &["--repair"])).await.0, Some(0));
        for image in &images {
            assert!(app.fetch(image["url"].as_str().unwrap()).await == (200, photo()));
        }
        assert_eq!(output(reconcile(&app, &[])).await.0, Some(0));
    }

    async fn what_would_be_removed_can_be_seen_before(app: TestApp) {
        bucket::put(&app, &format!("images/{}", new_name()), b"nobody's", None).await;
        app.s3.objects().iter().for_each(|path| make_old(path));
        let (code, plan, _) = output(reconcile(&app, &["--remove-orphans"])).await;
        assert_eq!(code, Some(1));
        assert!(plan.contains("would remove object\n"), "{plan}");
        assert!(plan.ends_with("1 findings; --repair carries out the plan\n"), "{plan}");
        assert_eq!(app.s3.objects().len(), 1);
        let (_, plan, _) = output(reconcile(&app, &[])).await;
        assert!(plan.ends_with("1 findings; --repair carries out the plan for 0 of them\n"), "{plan}");
    }

    async fn a_reader_that_goes_away_does_not_change_how_it_ends(app: TestApp) {
        app.upload_photo().await;
        let mut command = reconcile(&app, &["--repair"]);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.stdout(writer);
        let ended = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    }

    async fn a_copy_that_may_not_be_read_ends_it_with_advice(app: TestApp) {
        let image = app.upload_photo().await;
        let copy = app.local_copy(&image);
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o000)).unwrap();
        let plain = reconcile(&app, &["--repair"]);
        // A superuser may read everything, unless that right is taken away.
        let mut command = Command::new("setpriv");
        command.arg("--bounding-set=-dac_override,-dac_read_search").arg(plain.get_program()).args(plain.get_args());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(std::process::Stdio::null());
        let (code, _, errors) = output(command).await;
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains("may not be read; run this as the user that the service runs as"), "{errors}");
        assert!(copy.is_file(), "it is not set aside");
    }

    async fn the_progress_is_shown_on_a_terminal(app: TestApp) {
        app.upload_photo().await;
        let plain = reconcile(&app, &[]);
        let arguments: Vec<String> = std::iter::once(plain.get_program())
            .chain(plain.get_args())
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        let mut on_terminal = Command::new("script");
        on_terminal.args(["-qefc", &arguments.join(" "), "/dev/null"]).env("TERM", "xterm");
        for (name, value) in plain.get_envs() {
            on_terminal.env(name, value.unwrap_or_default());
        }
        on_terminal.stdin(std::process::Stdio::null());
        let (code, shown, _) = output(on_terminal).await;
        assert_eq!(code, Some(0), "{shown}");
        assert!(shown.contains("1 images looked at, ") && shown.contains(" a second, 0 findings"), "{shown}");
    }
}

/// Notes a port of the embedded S3 endpoint that no other test takes in between two starts.
fn keep_s3_port(uploads: &Path) {
    std::fs::create_dir(uploads.join("s3")).unwrap();
    std::fs::write(uploads.join("s3/.address"), ports::reserve().to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nothing_configured_it_works_beside_a_service_and_without_one() {
    let uploads = TempDir::new().unwrap();
    keep_s3_port(uploads.path());
    let running = Running::start(uploads.path());
    let request = reqwest::Client::new().post(format!("{}/api/v1/images", running.address));
    let answer = request
        .multipart(form("Ada", photo()))
        .send()
        .await
        .unwrap();
    let image: Value = answer.json().await.unwrap();
    let name = object_key(&image).trim_start_matches("images/").to_owned();
    let object = uploads.path().join("s3/local/images").join(&name);
    let command = |flags: &[&str]| {
        let mut command = command(uploads.path());
        command.arg("reconcile").args(flags);
        command
    };
    for beside_service in [true, false] {
        std::fs::remove_file(&object).unwrap();
        let (code, printed, _) = output(command(&[])).await;
        assert_eq!(code, Some(1), "{printed}");
        let (code, printed, _) = output(command(&["--repair"])).await;
        assert_eq!(code, Some(0), "{beside_service}: {printed}");
        assert!(std::fs::read(&object).unwrap() == photo());
        if beside_service {
            let note = uploads.path().join("s3/.running");
            let mode = std::fs::metadata(&note).unwrap().permissions().mode();
            assert_eq!(
                mode & 0o777,
                0o600,
                "it holds the credentials of the endpoint"
            );
            running.signal_term();
            until("the service has stopped", || async {
                !uploads.path().join("s3/.running").exists()
            })
            .await;
        }
    }
    assert_eq!(files_below(&uploads.path().join("originals")).len(), 1);
}

#[test]
fn a_plan_makes_no_database_and_a_repair_does() {
    let uploads = TempDir::new().unwrap();
    keep_s3_port(uploads.path());
    let output = command(uploads.path()).arg("reconcile").output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains("DATABASE_URL: there is no"), "{message}");
    assert!(!uploads.path().join("metadata.db").exists());
    let repair = ["reconcile", "--repair"];
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = command(uploads.path())
        .args(repair)
        .stdout(full)
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        message.contains("standard output cannot be written"),
        "{message}"
    );
    let output = command(uploads.path()).args(repair).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn mistakes_are_told_and_end_it_with_code_2() {
    let uploads = TempDir::new().unwrap();
    let missing = uploads.path().join("missing");
    let rows: [(&[&str], &str); 2] = [(&[], "UPLOADS_DIR"), (&["--grace", "soon"], "--grace")];
    for (flags, expected) in rows {
        let output = command(&missing)
            .arg("reconcile")
            .args(flags)
            .output()
            .unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    assert!(!missing.exists());
}

#[test]
fn a_repair_in_the_folder_of_another_user_is_refused_before_it_makes_anything() {
    let uploads = TempDir::new().unwrap();
    // Whoever may not give a folder away is not root, and the root of the file system is not theirs.
    let is_root = std::os::unix::fs::chown(uploads.path(), Some(12345), None).is_ok();
    let (folder, owner) = if is_root {
        (uploads.path(), "12345")
    } else {
        (Path::new("/"), "0")
    };
    let mut repair = command(folder);
    let output = repair.args(["reconcile", "--repair"]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("UPLOADS_DIR"), "{message}");
    let advice = format!("sudo -u '#{owner}' image-handler reconcile --repair");
    assert!(message.contains(&advice), "{message}");
    assert_eq!(std::fs::read_dir(uploads.path()).unwrap().count(), 0);
    if is_root {
        let (status, log) = Running::start(folder).terminate();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains("belongs to user 12345"), "{log}");
    }
}
