//! AWS and the bucket.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};

use super::{Findings, PASSWORD, borrowed, examine_offline, folder, s3_settings};
use crate::helpers::moto::Moto;
use crate::helpers::ports;
use crate::helpers::s3::{BUCKET, TestS3};
use crate::helpers::scripted::{Reaction, Received, Scripted, answer};

const GROUP: &str = "bucket";

async fn examine(settings: &[(&'static str, String)]) -> Findings {
    examine_offline(folder().path(), &borrowed(settings)).await
}

/// With a setting changed or added.
async fn examine_changed(
    mut settings: Vec<(&'static str, String)>,
    name: &'static str,
    value: &str,
) -> Findings {
    settings.retain(|(other, _)| *other != name);
    settings.push((name, value.to_owned()));
    examine(&settings).await
}

/// An S3 that keeps one object and refuses what the test says: the first change that gives an answer counts.
async fn s3_that(
    change: impl Fn(&Received) -> Option<Reaction> + Send + Sync + 'static,
) -> Scripted {
    let stored = Arc::new(std::sync::Mutex::new((Vec::new(), String::new())));
    Scripted::start(move |request| {
        if let Some(reaction) = change(request) {
            return reaction;
        }
        match request.method.as_str() {
            "PUT" => {
                let end = request.bytes.windows(4).position(|four| four == b"\r\n\r\n");
                let checksum = request
                    .head
                    .lines()
                    .find_map(|line| line.strip_prefix("x-amz-checksum-sha256: "));
                let body = end.map(|at| request.bytes[at + 4..].to_vec());
                *stored.lock().unwrap() =
                    (body.unwrap_or_default(), checksum.unwrap_or_default().to_owned());
                answer("200 OK", "", b"")
            }
            "GET" if request.target.contains("ownershipControls") => answer(
                "200 OK",
                "",
                b"<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>\
                  </OwnershipControls>",
            ),
            "GET" if request.target.contains("versioning") => answer(
                "200 OK",
                "",
                b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
            ),
            "GET" => answer(
                "200 OK",
                "Content-Type: image/png\r\n",
                &stored.lock().unwrap().0,
            ),
            "DELETE" => answer("204 No Content", "", b""),
            _ => answer("200 OK", "", b""),
        }
    })
    .await
}

fn refusal(status: &str, code: &str) -> Reaction {
    let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    answer(status, "Content-Type: application/xml\r\n", body.as_bytes())
}

async fn examine_s3_that(
    change: impl Fn(&Received) -> Option<Reaction> + Send + Sync + 'static,
) -> (Findings, Vec<Received>) {
    let s3 = s3_that(change).await;
    let findings = examine(&s3_settings(&s3.url())).await;
    (findings, s3.received())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_bucket_there_is_nothing_to_look_at() {
    let findings = examine(&[]).await;
    findings.assert_skipped(GROUP, "reachable", "embedded");
    assert_eq!(findings.code, 0, "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_or_credentials_that_are_missing_are_named() {
    let findings = examine(&[("S3_BUCKET", BUCKET.to_owned())]).await;
    let expected = ("failure", "no AWS region", "set AWS_REGION");
    findings.assert_found("aws", "region", expected);

    let s3 = TestS3::start().await;
    let mut settings = s3_settings(&format!("http://{}", s3.address()));
    settings.retain(|(name, _)| !name.starts_with("AWS_"));
    let findings = examine(&settings).await;
    let expected = ("failure", "none were found", "instance profile");
    findings.assert_found("aws", "credentials", expected);
    findings.assert_skipped(GROUP, "put", "no credentials");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_told_by_their_source_and_not_by_their_secret() {
    let s3 = TestS3::start().await;
    let settings = s3_settings(&format!("http://{}", s3.address()));
    let findings = examine(&settings).await;
    let expected = ("ok", "te… from the environment", "");
    findings.assert_found("aws", "credentials", expected);
    assert!(!format!("{findings:?}").contains("test-secret"));

    let home = folder();
    std::fs::write(
        home.path().join("credentials"),
        "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = test-secret\n",
    )
    .unwrap();
    let file = home
        .path()
        .join("credentials")
        .to_string_lossy()
        .into_owned();
    let mut settings = settings;
    settings.retain(|(name, _)| !name.starts_with("AWS_"));
    let findings = examine_changed(settings, "AWS_SHARED_CREDENTIALS_FILE", &file).await;
    let expected = ("ok", "AKIA…MPLE from a profile", "");
    findings.assert_found("aws", "credentials", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_s3_that_is_away_or_silent_is_named() {
    let endpoint = format!("http://{}", ports::reserve());
    let findings = examine(&s3_settings(&endpoint)).await;
    let expected = ("failure", "S3 does not answer", "check S3_ENDPOINT");
    findings.assert_found(GROUP, "reachable", expected);
    findings.assert_skipped("aws", "clock", "no answer");
    findings.assert_skipped(GROUP, "delete", "cannot be reached");

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let findings = examine(&s3_settings(&endpoint)).await;
    let expected = ("failure", "S3 does not answer", "check S3_ENDPOINT");
    findings.assert_found(GROUP, "reachable", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_not_there_or_elsewhere_is_named() {
    let s3 = TestS3::start().await;
    let settings = s3_settings(&format!("http://{}", s3.address()));
    let findings = examine_changed(settings, "S3_BUCKET", "another-bucket").await;
    let expected = (
        "failure",
        "no bucket another-bucket",
        "--bucket another-bucket",
    );
    findings.assert_found(GROUP, "reachable", expected);

    let (findings, _) = examine_s3_that(|_| {
        Some(answer(
            "301 Moved Permanently",
            "x-amz-bucket-region: eu-central-1\r\n",
            b"",
        ))
    })
    .await;
    let expected = (
        "failure",
        "is in eu-central-1",
        "set AWS_REGION=eu-central-1",
    );
    findings.assert_found(GROUP, "reachable", expected);

    for (status, advice) in [
        ("301 Moved Permanently", "get-bucket-location"),
        ("400 Bad Request", "session token"),
        ("503 Slow Down", "wait"),
    ] {
        let (findings, _) = examine_s3_that(move |_| Some(answer(status, "", b""))).await;
        findings.assert_found(GROUP, "reachable", ("failure", "", advice));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_key_is_named() {
    let s3 = TestS3::start().await;
    let settings = s3_settings(&format!("http://{}", s3.address()));
    let findings = examine_changed(settings, "AWS_SECRET_ACCESS_KEY", PASSWORD).await;
    let expected = ("failure", "403", "aws sts get-caller-identity");
    findings.assert_found(GROUP, "reachable", expected);
    let expected = ("failure", "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY");
    findings.assert_found(GROUP, "put", expected);
    findings.assert_skipped(GROUP, "delete", "nothing was put");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_s3_refuses_is_named_with_the_permission_or_the_setting() {
    for (status, code, advice) in [
        (
            "403 Forbidden",
            "AccessDenied",
            "s3:PutObject on arn:aws:s3:::pictures/images/*",
        ),
        ("403 Forbidden", "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
        ("400 Bad Request", "ExpiredToken", "AWS_SESSION_TOKEN"),
        ("403 Forbidden", "RequestTimeTooSkewed", "chrony"),
        ("501 Not Implemented", "NotImplemented", "newer version"),
        (
            "400 Bad Request",
            "KMS.DisabledException",
            "kms:GenerateDataKey",
        ),
    ] {
        let (findings, received) = examine_s3_that(move |request| {
            (request.method == "PUT").then(|| refusal(status, code))
        })
        .await;
        findings.assert_found(GROUP, "put", ("failure", code, advice));
        let deletes = received.iter().filter(|request| request.method == "DELETE");
        assert_eq!(deletes.count(), 0, "nothing was put");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_object_is_put_like_uploads_and_removed_whatever_comes_after() {
    let (findings, received) = examine_s3_that(|request| {
        let reads = request.method == "GET" && !request.target.contains("/?");
        reads.then(|| refusal("403 Forbidden", "AccessDenied"))
    })
    .await;
    let expected = (
        "failure",
        "AccessDenied",
        "s3:GetObject on arn:aws:s3:::pictures/images/*",
    );
    findings.assert_found(GROUP, "get", expected);
    findings.assert_ok(GROUP, "delete");
    let put = received
        .iter()
        .find(|request| request.method == "PUT")
        .unwrap();
    for header in [
        "if-none-match: *",
        "x-amz-checksum-sha256: ",
        "content-type: image/png",
        "cache-control: public, max-age=3600",
        "x-amz-meta-record: ",
    ] {
        assert!(put.head.contains(header), "{header} in {}", put.head);
    }
    assert!(!put.head.contains("x-amz-acl"), "{}", put.head);
    assert!(
        put.target.starts_with("/pictures/images/doctor-"),
        "{}",
        put.target
    );
    let delete = received.iter().find(|request| request.method == "DELETE");
    let path = |target: &str| target.split('?').next().unwrap().to_owned();
    assert_eq!(path(&delete.unwrap().target), path(&put.target));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_cannot_be_removed_is_named() {
    let (findings, _) = examine_s3_that(|request| {
        (request.method == "DELETE").then(|| refusal("403 Forbidden", "AccessDenied"))
    })
    .await;
    let expected = ("failure", "cannot be removed", "s3:DeleteObject");
    findings.assert_found(GROUP, "delete", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_of_the_object_are_removed_where_the_bucket_keeps_them() {
    let moto = Moto::start().await;
    let settings = s3_settings(&format!("http://{}", moto.address()));
    let findings = examine(&settings).await;
    findings.assert_ok(GROUP, "put");
    findings.assert_found(GROUP, "delete", ("ok", "with all its versions", ""));
    let left = moto.versions().await;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_that_may_not_be_listed_or_removed_are_named_with_both_permissions() {
    for refused in ["GET", "DELETE"] {
        let (findings, _) = examine_s3_that(move |request| {
            let is_of_versions =
                request.target.contains("?versions") || request.target.contains("versionId=");
            match request.method.as_str() {
                method if is_of_versions && method == refused => {
                    Some(refusal("403 Forbidden", "AccessDenied"))
                }
                "GET" if is_of_versions => {
                    let key = request.target.split("prefix=").nth(1).unwrap();
                    let key = key.split('&').next().unwrap().replace("%2F", "/");
                    let list = format!(
                        "<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>{key}</Key>\
                         <VersionId>one</VersionId></Version></ListVersionsResult>"
                    );
                    Some(answer("200 OK", "", list.as_bytes()))
                }
                "DELETE" => Some(answer(
                    "204 No Content",
                    "x-amz-delete-marker: true\r\nx-amz-version-id: two\r\n",
                    b"",
                )),
                _ => None,
            }
        })
        .await;
        let listing = "s3:ListBucketVersions on arn:aws:s3:::pictures and ";
        findings.assert_found(GROUP, "delete", ("failure", "versions of", listing));
        let removing = "s3:DeleteObjectVersion on arn:aws:s3:::pictures/images/*";
        findings.assert_found(GROUP, "delete", ("failure", "stay", removing));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acls_that_do_not_fit_the_bucket_are_named() {
    // ACLs are sent, and the bucket takes none.
    let s3 = s3_that(|request| {
        request
            .head
            .contains("x-amz-acl: public-read")
            .then(|| refusal("400 Bad Request", "AccessControlListNotSupported"))
    })
    .await;
    let findings = examine_changed(s3_settings(&s3.url()), "S3_ACL", "public-read").await;
    findings.assert_found(
        GROUP,
        "put",
        ("failure", "AccessControlList", "unset S3_ACL"),
    );
    let expected = ("failure", "ACLs are disabled", "unset S3_ACL");
    findings.assert_found(GROUP, "object ownership", expected);
    findings.assert_found(GROUP, "versioning", ("ok", "on: ", ""));

    // The role may not send any.
    let s3 = s3_that(|request| {
        (request.method == "PUT").then(|| refusal("403 Forbidden", "AccessDenied"))
    })
    .await;
    let findings = examine_changed(s3_settings(&s3.url()), "S3_ACL", "public-read").await;
    findings.assert_found(GROUP, "put", ("failure", "AccessDenied", "s3:PutObjectAcl"));

    // None are sent, and the bucket takes them.
    let (findings, _) = examine_s3_that(|request| {
        request
            .target
            .contains("ownershipControls")
            .then(|| refusal("404 Not Found", "OwnershipControlsNotFoundError"))
    })
    .await;
    let expected = ("warning", "not disabled", "BucketOwnerEnforced");
    findings.assert_found(GROUP, "object ownership", expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_asked_is_skipped_with_the_permission() {
    let (findings, _) = examine_s3_that(|request| {
        let asks =
            request.target.contains("ownershipControls") || request.target.contains("versioning");
        asks.then(|| refusal("403 Forbidden", "AccessDenied"))
    })
    .await;
    findings.assert_skipped(GROUP, "object ownership", "s3:GetBucketOwnershipControls");
    findings.assert_skipped(GROUP, "versioning", "s3:GetBucketVersioning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_may_be_listed_below_the_prefix_alone_is_reachable() {
    for (list_is_refused, outcome) in [(false, "ok"), (true, "failure")] {
        let (findings, received) = examine_s3_that(move |request| {
            let lists = request.target.contains("list-type=2");
            let empty = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
            match request.method.as_str() {
                "GET" if lists && !list_is_refused => Some(answer("200 OK", "", empty)),
                "GET" if lists => Some(refusal("403 Forbidden", "AccessDenied")),
                "HEAD" => Some(refusal("403 Forbidden", "AccessDenied")),
                _ => None,
            }
        })
        .await;
        let lists = received
            .iter()
            .filter(|request| request.target.contains("list-type=2"));
        assert!(lists.clone().count() == 1);
        assert!(
            lists
                .clone()
                .all(|request| { request.target.contains("prefix=images%2F") })
        );
        let detail = ["can be listed", "may not list"][usize::from(list_is_refused)];
        let advice = ["", "s3:ListBucket"][usize::from(list_is_refused)];
        findings.assert_found(GROUP, "reachable", (outcome, detail, advice));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_wrong_is_named() {
    for (seconds, outcome, detail) in [
        (120, "warning", "that of S3 is 1"),
        (-120, "warning", "ahead of that of S3"),
        (1000, "failure", "that of S3 is "),
    ] {
        let (findings, _) = examine_s3_that(move |request| {
            (request.method == "HEAD").then(|| {
                let date = Utc::now() + TimeDelta::seconds(seconds);
                let date = date.format("%a, %d %b %Y %H:%M:%S GMT");
                answer("200 OK", &format!("Date: {date}\r\n"), b"")
            })
        })
        .await;
        findings.assert_found("aws", "clock", (outcome, detail, "chrony"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_public_url_that_does_not_lead_to_the_object_is_named() {
    const NAME: &str = "public read";
    let strangers_get = |status: &'static str, headers: &'static str, body: &'static str| {
        examine_s3_that(move |request| {
            let is_stranger = request.method == "GET" && !request.is_signed();
            is_stranger.then(|| answer(status, headers, body.as_bytes()))
        })
    };
    let (findings, _) = strangers_get("403 Forbidden", "", "").await;
    let expected = ("failure", "strangers may not read", "bucket policy");
    findings.assert_found(GROUP, NAME, expected);
    findings.assert_found(GROUP, NAME, ("failure", "", "put-public-access-block"));
    let (findings, _) = strangers_get("200 OK", "Content-Type: text/html\r\n", "welcome").await;
    let expected = ("failure", "something else", "set S3_PUBLIC_URL");
    findings.assert_found(GROUP, NAME, expected);
    let (findings, _) =
        strangers_get("302 Found", "Location: https://elsewhere.example/\r\n", "").await;
    let expected = ("failure", "https://elsewhere.example/", "set S3_PUBLIC_URL");
    findings.assert_found(GROUP, NAME, expected);
    let (findings, _) = strangers_get("500 Oh No", "", "").await;
    findings.assert_found(GROUP, NAME, ("failure", "500", "check S3_PUBLIC_URL"));

    let s3 = TestS3::start().await;
    let settings = || s3_settings(&format!("http://{}", s3.address()));
    let nobody = format!("http://{}", ports::reserve());
    let findings = examine_changed(settings(), "S3_PUBLIC_URL", &nobody).await;
    let expected = ("failure", "the connection was refused", "set S3_PUBLIC_URL");
    findings.assert_found(GROUP, NAME, expected);
    let wrong = format!("http://{}/{BUCKET}/deeper", s3.address());
    let findings = examine_changed(settings(), "S3_PUBLIC_URL", &wrong).await;
    let expected = ("failure", "does not exist", "S3_PUBLIC_URL leads elsewhere");
    findings.assert_found(GROUP, NAME, expected);
    assert!(s3.objects().is_empty(), "{:?}", s3.objects());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_acls_a_stranger_who_may_not_read_needs_another_access_block() {
    let s3 = s3_that(|request| {
        let is_stranger = request.method == "GET" && !request.is_signed();
        is_stranger.then(|| answer("403 Forbidden", "", b""))
    })
    .await;
    let findings = examine_changed(s3_settings(&s3.url()), "S3_ACL", "public-read").await;
    let expected = (
        "failure",
        "strangers may not read",
        "IgnorePublicAcls=false",
    );
    findings.assert_found(GROUP, "public read", expected);
}
