//! An object that is put into the bucket like those of uploads, read, and taken out again.

use std::time::Duration;

use bytes::Bytes;

use super::BUCKET;
use crate::doctor::pixel::padded_png;
use crate::doctor::web::{self, Request};
use crate::doctor::{Check, PATIENCE};
use crate::storage::{BucketProbe, ObjectAcl, ObjectStoreConfig, Refusal};

/// Puts an object, reads it as the service and as a stranger, and takes it out again whatever happens between.
pub(super) async fn examine(config: &ObjectStoreConfig, probe: &BucketProbe) -> Vec<Check> {
    let bytes = Bytes::from(padded_png(0));
    let put = probe.put(bytes.clone()).await;
    let mut checks = vec![judge_put(config, probe, &put)];
    if put.is_ok() {
        checks.push(get(config, probe, &bytes).await);
        checks.push(public_read(config, probe, &bytes).await);
    } else {
        checks.push(Check::skipped(BUCKET, "get", "nothing was put"));
        checks.push(Check::skipped(BUCKET, "public read", "nothing was put"));
    }
    checks.push(match &put {
        // It may have arrived all the same, when no answer said that it did not.
        Err(refusal) if refusal.status.is_some() => {
            Check::skipped(BUCKET, "delete", "nothing was put")
        }
        _ => delete(config, probe).await,
    });
    checks
}

fn judge_put(config: &ObjectStoreConfig, probe: &BucketProbe, put: &Result<(), Refusal>) -> Check {
    let refusal = match put {
        Ok(()) => {
            let detail = format!("{} was stored as uploads are", probe.object_key());
            return Check::ok(BUCKET, "put", detail);
        }
        Err(refusal) => refusal,
    };
    let needs_acl = config.acl == ObjectAcl::PublicRead;
    let advice = match refusal.code.as_deref() {
        Some("AccessControlListNotSupported") => {
            "unset S3_ACL (or set S3_ACL=none): ACLs are disabled for this bucket, a bucket policy grants reading"
                .to_owned()
        }
        Some("AccessDenied") if needs_acl => format!(
            "allow the role {} and s3:PutObjectAcl; with S3_ACL=public-read the bucket must not block public ACLs \
             either: aws s3api get-public-access-block --bucket {}",
            allow("s3:PutObject", config),
            config.bucket
        ),
        Some("AccessDenied") => format!("allow the role {}", allow("s3:PutObject", config)),
        code => advice_for_code(code, config),
    };
    let detail = format!("S3 does not take an object: {}", refusal.reason);
    Check::failure(BUCKET, "put", detail, advice)
}

/// What mends errors that any request may be answered with.
fn advice_for_code(code: Option<&str>, config: &ObjectStoreConfig) -> String {
    match code {
        Some("InvalidAccessKeyId") => {
            "there is no such key (any more): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY anew, or unset \
             both and use the role of the instance"
                .to_owned()
        }
        Some("SignatureDoesNotMatch") => {
            "AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID: set both anew, without spaces".to_owned()
        }
        Some("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") => {
            "the session token has ended: renew it, or unset AWS_SESSION_TOKEN and use the role of the instance"
                .to_owned()
        }
        Some("RequestTimeTooSkewed") => {
            "set the clock: sudo systemctl enable --now chrony".to_owned()
        }
        Some("NoSuchBucket") => "set S3_BUCKET to the right name".to_owned(),
        Some("PermanentRedirect" | "AuthorizationHeaderMalformed") => {
            format!("set AWS_REGION to what this prints: aws s3api get-bucket-location --bucket {}", config.bucket)
        }
        Some("NotImplemented") => {
            "the endpoint has to know If-None-Match and SHA-256 checksums: use a newer version of it".to_owned()
        }
        Some(code) if code.starts_with("KMS") || code.starts_with("Kms") => {
            "allow the role kms:GenerateDataKey and kms:Decrypt on the key that the bucket encrypts with".to_owned()
        }
        _ => "see what S3 says, and try again; its error codes are at \
              https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
            .to_owned(),
    }
}

/// A permission, and on what.
fn allow(permission: &str, config: &ObjectStoreConfig) -> String {
    format!(
        "{permission} on arn:aws:s3:::{}/{}*",
        config.bucket, config.prefix
    )
}

async fn get(config: &ObjectStoreConfig, probe: &BucketProbe, bytes: &Bytes) -> Check {
    match probe.get().await {
        Ok((read, true)) if read == *bytes => {
            Check::ok(BUCKET, "get", "it was read again, with its checksum")
        }
        Ok((read, false)) if read == *bytes => Check::failure(
            BUCKET,
            "get",
            "it was read again, but its SHA-256 checksum was not kept",
            "the endpoint has to keep SHA-256 checksums: use a newer version of it, or Amazon's",
        ),
        Ok(_) => Check::failure(
            BUCKET,
            "get",
            "other bytes came back than were put",
            "something between here and S3 changes what passes: set S3_ENDPOINT to S3 itself",
        ),
        Err(refusal) => {
            let advice = if refusal.is_forbidden() {
                format!("allow the role {}", allow("s3:GetObject", config))
            } else {
                advice_for_code(refusal.code.as_deref(), config)
            };
            let detail = format!("it cannot be read again: {}", refusal.reason);
            Check::failure(BUCKET, "get", detail, advice)
        }
    }
}

/// Whether anybody can fetch the object by its public URL.
async fn public_read(config: &ObjectStoreConfig, probe: &BucketProbe, bytes: &Bytes) -> Check {
    const NAME: &str = "public read";
    let url = probe.public_url();
    let bucket = &config.bucket;
    let answer = match web::send(Request::get(url), PATIENCE).await {
        Ok(answer) => answer,
        Err(why) => {
            return Check::failure(
                BUCKET,
                NAME,
                format!("{url} cannot be fetched: {why}"),
                "set S3_PUBLIC_URL to the address under which strangers reach the bucket (or unset it), and let \
                 this host reach it",
            );
        }
    };
    let is_ours = answer.body == *bytes;
    let set = config.public_url.is_some();
    let (detail, advice) = match answer.status {
        200 if is_ours && answer.content_type == "image/png" => {
            return Check::ok(BUCKET, NAME, format!("{url} can be fetched by anybody"));
        }
        200 if is_ours => (
            format!(
                "{url} gives the object as {:?} and not as image/png",
                answer.content_type
            ),
            "let whatever stands at S3_PUBLIC_URL pass Content-Type on".to_owned(),
        ),
        200 => (
            format!("{url} gives something else than the object"),
            format!(
                "set S3_PUBLIC_URL to what leads to the root of the bucket {bucket}, without {}",
                config.prefix
            ),
        ),
        403 if config.acl == ObjectAcl::PublicRead => (
            format!("strangers may not read {url} (403)"),
            format!(
                "let the bucket honour ACLs: aws s3api put-public-access-block --bucket {bucket} \
                 --public-access-block-configuration BlockPublicAcls=false,IgnorePublicAcls=false,\
                 BlockPublicPolicy=true,RestrictPublicBuckets=true, or unset S3_ACL and use a bucket policy"
            ),
        ),
        403 => (
            format!("strangers may not read {url} (403)"),
            format!(
                "allow \"Principal\": \"*\" {} in the bucket policy (aws s3api put-bucket-policy --bucket {bucket} \
                 --policy file://policy.json) and do not block it: aws s3api put-public-access-block --bucket \
                 {bucket} --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,\
                 BlockPublicPolicy=false,RestrictPublicBuckets=false; see the public access block of the account, too",
                allow("s3:GetObject", config)
            ),
        ),
        404 if set => (
            format!("{url} does not exist (404), though the object was put"),
            format!(
                "S3_PUBLIC_URL leads elsewhere: set it to what leads to the root of the bucket {bucket}"
            ),
        ),
        301 | 302 | 307 | 308 => (
            format!(
                "{url} leads on to {}",
                answer.location.as_deref().unwrap_or("nowhere")
            ),
            "set S3_PUBLIC_URL, or AWS_REGION, to where it leads".to_owned(),
        ),
        status => (
            format!("{url} answers {status}"),
            "check S3_PUBLIC_URL, and the log of what stands there".to_owned(),
        ),
    };
    Check::failure(BUCKET, NAME, detail, advice)
}

async fn delete(config: &ObjectStoreConfig, probe: &BucketProbe) -> Check {
    /// S3 may be slow for a moment; the object must not stay for that.
    const ATTEMPTS: usize = 2;
    let mut deleted = probe.delete().await;
    for _ in 1..ATTEMPTS {
        if deleted
            .as_ref()
            .is_err_and(|refusal| refusal.status.is_none_or(|status| status >= 500))
        {
            tokio::time::sleep(Duration::from_millis(200)).await;
            deleted = probe.delete().await;
        }
    }
    let key = probe.object_key();
    match deleted {
        Ok(false) => Check::ok(BUCKET, "delete", "it was removed again"),
        Ok(true) => delete_versions(config, probe).await,
        Err(refusal) => {
            let remove = format!("aws s3 rm s3://{}/{key}", config.bucket);
            let advice = if refusal.is_forbidden() {
                format!(
                    "allow the role {}, then remove what is left: {remove}",
                    allow("s3:DeleteObject", config)
                )
            } else {
                format!("remove what is left once S3 answers: {remove}")
            };
            let detail = format!("{key} cannot be removed: {}", refusal.reason);
            Check::failure(BUCKET, "delete", detail, advice)
        }
    }
}

/// Where versions are kept, what was deleted is still there. The service removes every version, and so needs more.
async fn delete_versions(config: &ObjectStoreConfig, probe: &BucketProbe) -> Check {
    let (bucket, key) = (&config.bucket, probe.object_key());
    let Err(refusal) = probe.delete_versions().await else {
        let detail = "it was removed again, with all its versions";
        return Check::ok(BUCKET, "delete", detail);
    };
    let remove = format!(
        "aws s3api list-object-versions --bucket {bucket} --prefix {key} names them, and aws s3api delete-object \
         --bucket {bucket} --key {key} --version-id ID removes each"
    );
    let advice = if refusal.is_forbidden() {
        format!(
            "the bucket keeps versions: allow the role s3:ListBucketVersions on arn:aws:s3:::{bucket} and {}, then \
             remove what is left: {remove}",
            allow("s3:DeleteObjectVersion", config)
        )
    } else {
        format!("remove what is left once S3 answers: {remove}")
    };
    let detail = format!("versions of {key} stay: {}", refusal.reason);
    Check::failure(BUCKET, "delete", detail, advice)
}
