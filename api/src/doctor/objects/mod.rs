//! AWS and the bucket: who we are there, what we may do, and what strangers may.

mod object;

use chrono::{TimeDelta, Utc};

use super::{Check, PATIENCE};
use crate::config::ObjectsConfig;
use crate::storage::{BucketProbe, ObjectAcl, ObjectStoreConfig, Refusal, Versioning};

const AWS: &str = "aws";
const BUCKET: &str = "bucket";

/// A clock that is further off should be set.
const SKEW_WORTH_A_WORD: TimeDelta = TimeDelta::seconds(60);
/// S3 refuses requests whose time is 15 minutes off; long before that something is wrong.
const SKEW_TOO_LARGE: TimeDelta = TimeDelta::seconds(300);
/// Temporary credentials are renewed before they end. These were not.
const ENDS_SOON: TimeDelta = TimeDelta::minutes(1);

/// Looks at credentials and bucket.
pub(super) async fn examine(config: &ObjectsConfig) -> Vec<Check> {
    match config {
        ObjectsConfig::Embedded { .. } => vec![Check::skipped_until(
            BUCKET,
            "reachable",
            "objects go to the embedded endpoint, which is for laptops and tests and runs inside the service",
            "for anything else set S3_BUCKET and AWS_REGION",
        )],
        ObjectsConfig::Bucket(config) => examine_bucket(config).await,
    }
}

async fn examine_bucket(config: &ObjectStoreConfig) -> Vec<Check> {
    let probe = match BucketProbe::prepare(config, PATIENCE).await {
        Ok(probe) => probe,
        Err(error) => {
            return vec![Check::failure(
                AWS,
                "region",
                error.to_string(),
                "set AWS_REGION to the region of the bucket, such as eu-west-1",
            )];
        }
    };
    let mut checks = vec![Check::ok(
        AWS,
        "region",
        format!("requests are signed for {}", probe.region()),
    )];
    let credentials = credentials(&probe).await;
    let has_credentials = credentials.advice.is_none();
    checks.push(credentials);
    if !has_credentials {
        checks.extend(skip_all("there are no credentials"));
        return checks;
    }
    let found = reachable(config, &probe).await;
    let (reach, can_go_on) = found;
    checks.push(clock(&probe));
    checks.push(reach);
    if !can_go_on {
        checks.extend(skip_all("the bucket cannot be reached"));
        return checks;
    }
    checks.extend(object::examine(config, &probe).await);
    checks.push(ownership(config, &probe).await);
    checks.push(versioning(config, &probe).await);
    checks
}

fn skip_all(why: &str) -> impl Iterator<Item = Check> {
    let names = [
        "put",
        "get",
        "public read",
        "delete",
        "object ownership",
        "versioning",
    ];
    names
        .map(|name| Check::skipped(BUCKET, name, why))
        .into_iter()
}

async fn credentials(probe: &BucketProbe) -> Check {
    let found = match probe.credentials().await {
        Ok(found) => found,
        Err(reason) => {
            return Check::failure(
                AWS,
                "credentials",
                format!("none were found: {reason}"),
                "attach an instance profile to this host (aws ec2 associate-iam-instance-profile), or set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the service's environment",
            );
        }
    };
    let who = format!("{} from {}", found.access_key_id, found.source);
    match found.expires {
        Some(at) if at - Utc::now() < ENDS_SOON => Check::failure(
            AWS,
            "credentials",
            format!("{who} ended or end at {at}"),
            "renew them, or unset AWS_SESSION_TOKEN and what belongs to it and use the role of the instance",
        ),
        Some(at) => Check::ok(
            AWS,
            "credentials",
            format!("{who}, valid until {}", at.format("%Y-%m-%d %H:%M:%S UTC")),
        ),
        None => Check::ok(AWS, "credentials", who),
    }
}

/// The check, and whether it makes sense to go on.
async fn reachable(config: &ObjectStoreConfig, probe: &BucketProbe) -> (Check, bool) {
    let bucket = &config.bucket;
    let refusal = match probe.reach_bucket().await {
        Ok(()) => {
            let detail = format!("{bucket} is there and can be listed");
            return (Check::ok(BUCKET, "reachable", detail), true);
        }
        Err(refusal) => refusal,
    };
    let is_elsewhere = probe
        .region_by_s3()
        .filter(|region| region != probe.region());
    if let Some(region) = is_elsewhere {
        let detail = format!(
            "{bucket} is in {region}, and requests go to {}",
            probe.region()
        );
        let advice = format!("set AWS_REGION={region}");
        return (Check::failure(BUCKET, "reachable", detail, advice), false);
    }
    let region = probe.region();
    let (detail, advice, can_go_on) = match refusal.status {
        Some(404) => (
            format!("there is no bucket {bucket}"),
            format!(
                "set S3_BUCKET to the right name, or make it: aws s3api create-bucket --bucket {bucket} \
                 --create-bucket-configuration LocationConstraint={region}"
            ),
            false,
        ),
        Some(301) => (
            format!("{bucket} is in another region than {region}"),
            format!("set AWS_REGION to what this prints: aws s3api get-bucket-location --bucket {bucket}"),
            false,
        ),
        Some(403) => (
            format!("S3 answers 403 for {bucket}: it belongs to somebody else, or we may not list it"),
            format!(
                "see whose credentials these are (aws sts get-caller-identity), and allow them s3:ListBucket on \
                 arn:aws:s3:::{bucket}; check the secret key if it is set by hand"
            ),
            true,
        ),
        Some(400) => (
            format!("S3 refuses the request ({})", refusal.reason),
            "check the credentials, the session token among them, and AWS_REGION: S3 answers 400 to tokens that \
             have ended and to a wrong region"
                .to_owned(),
            false,
        ),
        Some(status) => (
            format!("S3 answers {status} for {bucket} ({})", refusal.reason),
            "wait, and see https://health.aws.amazon.com/ or the log of S3_ENDPOINT".to_owned(),
            false,
        ),
        None => (
            format!("S3 does not answer: {}", refusal.reason),
            match &config.endpoint {
                Some(endpoint) => format!("check S3_ENDPOINT: curl -v {endpoint}"),
                None => format!(
                    "check AWS_REGION and the way out of the network (NAT or an S3 gateway endpoint, security \
                     group, DNS): curl -v https://s3.{region}.amazonaws.com"
                ),
            },
            false,
        ),
    };
    (
        Check::failure(BUCKET, "reachable", detail, advice),
        can_go_on,
    )
}

fn clock(probe: &BucketProbe) -> Check {
    match probe.clock_ahead() {
        None => Check::skipped(AWS, "clock", "no answer of S3 has told its time"),
        Some(ahead) => judge_clock(AWS, "S3", ahead, SKEW_TOO_LARGE),
    }
}

/// Says whether a clock that is so far ahead of ours is near enough.
pub(super) fn judge_clock(
    group: &'static str,
    whose: &str,
    ahead: TimeDelta,
    too_large: TimeDelta,
) -> Check {
    let seconds = ahead.num_seconds();
    let detail = match seconds {
        0 => format!("the same as that of {whose}"),
        1.. => format!("that of {whose} is {seconds} s ahead of ours"),
        _ => format!("ours is {} s ahead of that of {whose}", -seconds),
    };
    let advice = "set the clock and keep it right: sudo apt install chrony && sudo systemctl enable --now chrony, \
         then: chronyc tracking";
    if ahead.abs() > too_large {
        return Check::failure(group, "clock", detail, advice);
    }
    if ahead.abs() > SKEW_WORTH_A_WORD {
        return Check::warning(group, "clock", detail, advice);
    }
    Check::ok(group, "clock", detail)
}

async fn ownership(config: &ObjectStoreConfig, probe: &BucketProbe) -> Check {
    const NAME: &str = "object ownership";
    let bucket = &config.bucket;
    match (probe.takes_acls().await, config.acl) {
        (Ok(false), ObjectAcl::None) => {
            Check::ok(BUCKET, NAME, "ACLs are disabled, and none are sent")
        }
        (Ok(true), ObjectAcl::PublicRead) => {
            Check::ok(BUCKET, NAME, "ACLs are honoured, and public-read is sent")
        }
        (Ok(false), ObjectAcl::PublicRead) => Check::failure(
            BUCKET,
            NAME,
            "ACLs are disabled for this bucket, and S3_ACL=public-read sends them",
            "unset S3_ACL and let a bucket policy grant reading",
        ),
        (Ok(true), ObjectAcl::None) => Check::warning(
            BUCKET,
            NAME,
            "ACLs are not disabled, though none are needed",
            format!(
                "aws s3api put-bucket-ownership-controls --bucket {bucket} \
                 --ownership-controls 'Rules=[{{ObjectOwnership=BucketOwnerEnforced}}]'"
            ),
        ),
        (Err(refusal), _) => not_told(NAME, "s3:GetBucketOwnershipControls", &refusal, config),
    }
}

async fn versioning(config: &ObjectStoreConfig, probe: &BucketProbe) -> Check {
    const NAME: &str = "versioning";
    match probe.versioning().await {
        Ok(Versioning::Never) => Check::ok(BUCKET, NAME, "off: what is deleted is gone"),
        Ok(Versioning::Enabled) => {
            Check::ok(BUCKET, NAME, "on: deletes have to remove every version")
        }
        Ok(Versioning::Suspended) => {
            Check::ok(BUCKET, NAME, "suspended: earlier versions may be left")
        }
        Err(refusal) => not_told(NAME, "s3:GetBucketVersioning", &refusal, config),
    }
}

/// For what is good to know and not needed.
fn not_told(
    name: &'static str,
    permission: &str,
    refusal: &Refusal,
    config: &ObjectStoreConfig,
) -> Check {
    if refusal.is_forbidden() {
        return Check::skipped_until(
            BUCKET,
            name,
            format!("we may not ask: {permission} is not allowed"),
            format!(
                "to see it, allow the role {permission} on arn:aws:s3:::{}",
                config.bucket
            ),
        );
    }
    Check::skipped(
        BUCKET,
        name,
        format!("S3 does not tell: {}", refusal.reason),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    #[test]
    fn clocks_may_differ_by_a_minute() {
        let rows = [
            (0, Outcome::Ok),
            (-60, Outcome::Ok),
            (61, Outcome::Warning),
            (-300, Outcome::Warning),
            (301, Outcome::Failure),
            (-86_400, Outcome::Failure),
        ];
        for (seconds, expected) in rows {
            let check = judge_clock(AWS, "S3", TimeDelta::seconds(seconds), SKEW_TOO_LARGE);
            assert_eq!(check.outcome, expected, "{seconds}");
            assert_eq!(check.advice.is_some(), expected != Outcome::Ok, "{seconds}");
        }
    }
}
