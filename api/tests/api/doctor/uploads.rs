//! The folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Findings, examine_in_namespace, examine_offline, folder};
use crate::helpers::app::form;
use crate::helpers::fixtures::photo;
use crate::helpers::ports;
use crate::helpers::process::{Running, command};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs it with a file system of its own in place of the folder, which goes when the command ends.
async fn examine_on_tmpfs(uploads: &Path, options: &str, prepare: &str) -> Findings {
    let mount = format!("mount -t tmpfs -o mode=700,{options} none \"$UPLOADS_DIR\"; {prepare}");
    examine_in_namespace(&command(uploads), &mount).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_not_there_yet_is_not_made_by_looking() {
    let parent = folder();
    let uploads = parent.path().join("new/uploads");
    let findings = examine_offline(&uploads, &[]).await;
    findings.assert_found(
        "uploads",
        "folder",
        ("ok", "the first start can make it", ""),
    );
    assert!(!parent.path().join("new").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_in_its_place_or_above_it_is_named() {
    let parent = folder();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    for uploads in [file.clone(), file.join("uploads")] {
        let findings = examine_offline(&uploads, &[]).await;
        let advice = format!("install -d -m 750 -o USER {}", uploads.display());
        findings.assert_found("uploads", "folder", ("failure", "cannot be used", &advice));
        assert_eq!(findings.code, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_may_do_too_much_is_a_warning() {
    let parent = folder();
    let uploads = parent.path().join("uploads");
    fs::create_dir(&uploads).unwrap();
    for (mode, detail) in [
        (0o755, "every user"),
        (0o777, "may write"),
        (0o770, "may write"),
    ] {
        set_mode(&uploads, mode);
        let findings = examine_offline(&uploads, &[]).await;
        let advice = format!("chmod 750 {}", uploads.display());
        findings.assert_found("uploads", "mode", ("warning", detail, &advice));
        assert_eq!(findings.code, 1);
    }
    set_mode(&uploads, 0o750);
    fs::write(uploads.join("secret"), "").unwrap();
    set_mode(&uploads.join("secret"), 0o640);
    let findings = examine_offline(&uploads, &[]).await;
    let advice = format!("chmod 600 {}/secret", uploads.display());
    findings.assert_found("uploads", "mode", ("warning", "its owner", &advice));
    set_mode(&uploads.join("secret"), 0o600);
    examine_offline(&uploads, &[])
        .await
        .assert_ok("uploads", "mode");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_day_of_copies_is_looked_at_and_written_as_well() {
    let uploads = folder();
    let originals = uploads.path().join("originals");
    let (older, newest) = (originals.join("2026-11-21"), originals.join("2026-11-22"));
    fs::create_dir_all(&older).unwrap();
    fs::create_dir(&newest).unwrap();
    let well = examine_offline(uploads.path(), &[]).await;
    well.assert_ok("uploads", "owner");
    well.assert_ok("uploads", "writable");
    assert_eq!(fs::read_dir(&newest).unwrap().count(), 0);

    // A mount stands for a day that another user made: nothing can be renamed into it.
    let day = newest.display();
    let prepare = "mkdir -p \"$UPLOADS_DIR/originals/2026-11-22\"; mount -t tmpfs -o ro none \
                   \"$UPLOADS_DIR/originals/2026-11-22\";";
    let findings = examine_on_tmpfs(uploads.path(), "size=64m", prepare).await;
    let expected = ("failure", &*format!("{day} cannot be written"), "df -h");
    findings.assert_found("uploads", "writable", expected);

    // Only root can give a folder away.
    if std::os::unix::fs::chown(&newest, Some(12345), None).is_ok() {
        let findings = examine_offline(uploads.path(), &[]).await;
        let detail = format!("{day} belongs to user 12345");
        let expected = ("warning", detail.as_str(), "sudo -u '#12345'");
        findings.assert_found("uploads", "owner", expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_system_that_takes_no_writes_is_named() {
    let uploads = folder();
    let findings = examine_on_tmpfs(uploads.path(), "ro", "").await;
    let expected = ("failure", "Read-only", "remount,rw");
    findings.assert_found("uploads", "writable", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_with_little_or_no_room_is_named() {
    let uploads = folder();
    let little = examine_on_tmpfs(uploads.path(), "size=8m", "").await;
    let expected = ("failure", "MIN_FREE_BYTES", "df -h");
    little.assert_found("uploads", "free space", expected);
    little.assert_ok("uploads", "writable");
    let fill = "dd if=/dev/zero of=\"$UPLOADS_DIR/full\" bs=64k 2>/dev/null || true;";
    let nothing_left = examine_on_tmpfs(uploads.path(), "size=1m", fill).await;
    let expected = ("failure", "No space left", "make room");
    nothing_left.assert_found("uploads", "writable", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_cannot_be_read_and_one_that_waits_for_long_are_named() {
    // A service whose S3 is away leaves an entry.
    let uploads = folder();
    let mut service = command(uploads.path());
    service
        .env("S3_BUCKET", "pictures")
        .env("S3_ENDPOINT", format!("http://{}", ports::reserve()))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test-secret");
    let running = tokio::task::spawn_blocking(|| Running::spawn(service))
        .await
        .unwrap();
    let request = reqwest::Client::new().post(format!("{}/api/v1/images", running.address));
    let answer = request
        .multipart(form("Ada", photo()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    let image: Value = answer.json().await.unwrap();
    assert_eq!(image["storage"]["s3"], "pending");
    running.terminate();

    let findings = examine_offline(uploads.path(), &[]).await;
    findings.assert_found("uploads", "journal", ("ok", "1 images are owed", ""));
    findings.assert_found("uploads", "lock", ("ok", "no service", ""));

    let journal = uploads.path().join("journal");
    let id = image["id"].as_str().unwrap();
    let file = fs::read(journal.join(format!("{id}.json"))).unwrap();
    let mut entry: Value = serde_json::from_slice(&file).unwrap();
    let old = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
    entry["image"]["id"] = json!(old);
    fs::write(journal.join(format!("{old}.json")), entry.to_string()).unwrap();
    let findings = examine_offline(uploads.path(), &[]).await;
    let expected = ("warning", "2 images are owed", "/readyz");
    findings.assert_found("uploads", "journal", expected);

    fs::write(journal.join("damaged.json"), "{").unwrap();
    let findings = examine_offline(uploads.path(), &[]).await;
    let expected = ("failure", "damaged.json", "backup");
    findings.assert_found("uploads", "journal", expected);
}
