//! What is published tells nothing but the picture. The program exiftool, which is not ours, is the judge.

use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value};

use crate::helpers::app::{TestApp, form, path};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::{self, fixture};
use crate::helpers::report;
use image_handler::inspect::Metadata;

/// Fixtures that hold the place where they were taken, an author or the like.
const PRIVATE: &[&str] = &[
    "exiftool-orientation-6-gps.jpg",
    "exiftool-large-segments.jpg",
    "exiftool-exif-gps-icc.png",
    "exiftool-xmp.gif",
    "exiftool-exif-gps.webp",
    "sharp-exif.jpg",
    "pillow-text-chunks.png",
];

/// Groups of tags that say how to show the picture, where it came from in our file system, or what exiftool
/// computed from the rest.
const HARMLESS_GROUPS: &[&str] = &[
    "ExifTool",
    "System",
    "File",
    "Composite",
    "JFIF",
    "APP14",
    "Adobe",
    "PNG",
    "PNG-pHYs",
    "PNG-cICP",
    "GIF",
    "RIFF",
];

/// What pictures need of EXIF.
const KEPT: [&str; 4] = [
    "Orientation",
    "XResolution",
    "YResolution",
    "ResolutionUnit",
];

/// Tags within those groups that are text for people, and so must not be there.
const TEXT_TAGS: &[&str] = &[
    "Comment",
    "Software",
    "Author",
    "Title",
    "Description",
    "Copyright",
    "ModifyDate",
    "CreateDate",
    "Artist",
    "ThumbnailImage",
    "JFIFThumbnail",
    "Text",
];

/// Every tag that exiftool finds, trailers and embedded documents included.
fn tags(file: &Path) -> Map<String, Value> {
    let output = Command::new("exiftool")
        .args(["-json", "-G1", "-a", "-u", "-ee3", "-b"])
        .arg(file)
        .output()
        .unwrap();
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    listed[0].as_object().unwrap().clone()
}

fn is_private(tag: &str) -> bool {
    let (group, name) = tag.split_once(':').unwrap_or(("System", tag));
    let kept = group == "IFD0" && KEPT.contains(&name);
    let byte_order = name == "ExifByteOrder";
    let profile = group.starts_with("ICC");
    let harmless = HARMLESS_GROUPS.contains(&group) && !TEXT_TAGS.contains(&name);
    !(kept || byte_order || profile || harmless)
}

fn private_tags(bytes: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image");
    std::fs::write(&file, bytes).unwrap();
    tags(&file)
        .into_iter()
        .map(|(tag, _)| tag)
        .filter(|tag| is_private(tag))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_private_is_served_from_disk_or_from_s3() {
    let app = TestApp::start(Engine::Sqlite).await;
    for name in PRIVATE {
        assert!(
            !private_tags(&fixture(name)).is_empty(),
            "{name}: exiftool sees what was there"
        );
    }
    let (mut images, mut gps) = (0, 0);
    for name in fixtures::images() {
        let image = app
            .upload(form("Ada", fixture(&name)))
            .await
            .expect(201)
            .json();
        let served = app.get(&path(&image["link"])).await.expect(200).bytes;
        let object = app.fetch(image["url"].as_str().unwrap()).await;
        assert!(object == (200, served.clone()), "{name}");
        let left = private_tags(&served);
        gps += left.iter().filter(|tag| tag.contains("GPS")).count();
        assert_eq!(left, Vec::<String>::new(), "{name}");
        images += 1;
    }
    assert_eq!(gps, 0);
    report(&format!(
        "privacy: {images} images served, {gps} GPS tags left"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orientation_and_colour_profile_stay() {
    let app = TestApp::start(Engine::Sqlite).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image");
    for (name, tag) in [
        ("exiftool-orientation-6-gps.jpg", "IFD0:Orientation"),
        ("pillow-icc.jpg", "ICC_Profile:ProfileDescription"),
        (
            "exiftool-exif-gps-icc.png",
            "ICC_Profile:ProfileDescription",
        ),
    ] {
        let image = app
            .upload(form("Ada", fixture(name)))
            .await
            .expect(201)
            .json();
        std::fs::write(&file, fixture(name)).unwrap();
        let before = tags(&file);
        std::fs::write(&file, app.get(&path(&image["link"])).await.bytes).unwrap();
        let after = tags(&file);
        assert!(before.contains_key(tag), "{name}");
        assert_eq!(before.get(tag), after.get(tag), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_on_its_side_has_the_size_that_is_shown() {
    let app = TestApp::start(Engine::Sqlite).await;
    let photo = fixture("exiftool-orientation-6-gps.jpg");
    let image = app.upload(form("Ada", photo)).await.expect(201).json();
    assert_eq!(
        (&image["width"], &image["height"]),
        (&160.into(), &240.into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_checksums_are_told_and_a_retry_is_known_by_what_was_sent() {
    use image_handler::domain::Checksum;
    let app = TestApp::start(Engine::Sqlite).await;
    let photo = fixture("exiftool-orientation-6-gps.jpg");
    let key = uuid::Uuid::now_v7().to_string();
    let image = app
        .upload_with_key(&key, form("Ada", photo.clone()))
        .await
        .expect(201)
        .json();
    let served = app.get(&path(&image["link"])).await.bytes;
    assert!(served != photo);
    assert_eq!(image["received_sha256"], Checksum::of(&photo).to_string());
    assert_eq!(image["sha256"], Checksum::of(&served).to_string());
    assert_eq!(image["size_bytes"], served.len());
    app.upload_with_key(&key, form("Ada", photo))
        .await
        .expect(201);
    // The same picture, but not what was sent.
    app.upload_with_key(&key, form("Ada", served))
        .await
        .expect_error(422, "idempotency-key-mismatch");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_keeps_metadata_but_nothing_behind_the_image() {
    let app = TestApp::start_with(Engine::Sqlite, |config| config.metadata = Metadata::Keep).await;
    let photo = fixture("exiftool-orientation-6-gps.jpg");
    let polyglot = [&photo[..], b"<script>alert(1)</script>"].concat();
    let image = app.upload(form("Ada", polyglot)).await.expect(201).json();
    let served = app.get(&path(&image["link"])).await.bytes;
    assert!(served == photo, "{} bytes of {}", served.len(), photo.len());
    assert_ne!(image["sha256"], image["received_sha256"]);
}
