"""The stack's role, bucket and secrets as they are rendered, put into moto behind a door."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.aws import REGION, Endpoint, endpoint
from support.cloudformation import Rendered, render
from support.door import Bucket, Door, Role, door
from support.policies import Statement
from templates.combinations import REQUIRED, Combination, templates

BUCKET = "images-of-tests"
RELEASES, RELEASE = str(REQUIRED["ReleaseBucket"]), str(REQUIRED["ReleasePrefix"])
ROLE = "arn:aws:iam::123456789012:role/host"
Credentials = tuple[str, str, str]


def rendered(public_access: str, mode: str = "single") -> Rendered:
    """Renders the whole stack that is shipped."""
    return render(templates(), Combination(mode, public_access).parameters())


def role_statements(stack: Rendered) -> list[Statement]:
    """Gives everything that the instances' role may do by the stack's own policies."""
    roles = [
        role
        for role in stack.of_type("AWS::IAM::Role")
        if "ec2.amazonaws.com" in json.dumps(role.get("AssumeRolePolicyDocument"))
    ]
    assert len(roles) == 1, [role.name for role in roles]
    documents = [policy["PolicyDocument"] for policy in roles[0].get("Policies", [])]
    for policy in stack.of_type("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        if any(stack.target(name) is roles[0] for name in policy.get("Roles", [])):
            documents.append(policy.get("PolicyDocument"))
    assert documents, "the role has no policy"
    return [statement for document in documents for statement in document["Statement"]]


def named(value: Any, names: dict[str, str]) -> Any:
    """Puts real names in the place of what only AWS could know, and telling ones where the tests need none."""
    if isinstance(value, dict):
        return {key: named(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [named(item, names) for item in value]
    if isinstance(value, str):
        return re.sub("⟨(.*?)⟩", lambda found: names.get(found[1]) or re.sub(r"\W", "-", found[1]), value)
    return value


def as_moto_needs_it(statements: list[Statement]) -> list[Statement]:
    """Gives a role's statements as moto can enforce them.

    It passes over conditions, asks for `HeadBucket` where S3 asks for `ListBucket`, and knows no resources but those of
    S3. The door has looked at all of that before.
    """
    enforceable = []
    for statement in statements:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        of_s3 = [action for action in actions if action.startswith("s3:")]
        others = [action for action in actions if not action.startswith("s3:")]
        if "s3:ListBucket" in of_s3:
            of_s3 = [*of_s3, "s3:HeadBucket"]
        plain = {key: value for key, value in statement.items() if key not in ("Condition", "Sid")}
        if of_s3:
            enforceable.append({**plain, "Action": of_s3})
        if others:
            enforceable.append({**plain, "Action": others, "Resource": "*"})
    return enforceable


@dataclass
class World:
    """A stack that stands in moto, in one way of public access."""

    aws: Endpoint
    door: Door
    public_access: str
    statements: list[Statement]
    credentials: Credentials
    operator: Credentials
    secrets: dict[str, str]
    """ARNs: `database`, `application`, `master`."""

    def give(self, statements: list[Statement]) -> None:
        """Makes these the role's rights, from now on."""
        self.door.roles[self.credentials[0]].statements = statements
        document = {"Version": "2012-10-17", "Statement": as_moto_needs_it(statements)}
        iam = self.operators("iam")
        iam.put_role_policy(RoleName="host", PolicyName="rendered", PolicyDocument=json.dumps(document))

    def operators(self, service: str) -> Any:
        """Gives a client that may do everything and goes past the door."""
        return self.aws.client(service, self.operator[0], self.operator[1])

    def hosts(self, service: str, past_the_door: bool = False) -> Any:
        """Gives a client with the role's credentials."""
        return Endpoint(self.aws.url if past_the_door else self.door.url).client(service, *self.credentials)

    def settings(self, url: str = "") -> dict[str, str]:
        """Gives what a host's service is told of the bucket, with the role's credentials as an instance has them."""
        key_id, key, token = self.credentials
        settings = {
            "S3_BUCKET": BUCKET,
            "S3_ENDPOINT": url or self.door.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": key_id,
            "AWS_SECRET_ACCESS_KEY": key,
            "AWS_SESSION_TOKEN": token,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return settings | ({"S3_ACL": "public-read"} if self.public_access == "object-acl" else {})

    def versions(self, prefix: str = "images/") -> list[str]:
        """Gives the key of every version and delete marker, as the operator sees them."""
        listed = self.operators("s3").list_object_versions(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for kind in ("Versions", "DeleteMarkers") for item in listed.get(kind, [])]


def unconditional(statements: list[Statement]) -> list[Statement]:
    """Gives the statements of a bucket's policy that moto understands.

    By the others it would deny everything, and let strangers in as services. The door looks at all of them.
    """
    return [one for one in statements if "Condition" not in one and one.get("Principal") in ("*", {"AWS": "*"})]


@contextmanager
def world(folder: Path, public_access: str) -> Iterator[World]:
    """Builds role, bucket and secrets from the rendered stack, and opens the door."""
    stack = rendered(public_access)
    with endpoint(folder) as aws:
        secrets = aws.client("secretsmanager")
        arns = {
            name: secrets.create_secret(Name=name, SecretString=json.dumps({"of": name}))["ARN"]
            for name in ("database", "application", "master")
        }
        names = {
            "state/Bucket": BUCKET,
            "state/Bucket.Arn": f"arn:aws:s3:::{BUCKET}",
            "state/DatabaseSecret": arns["database"],
            "state/DatabaseSecretAttachment": arns["database"],
            "state/ApplicationSecret": arns["application"],
            "state/Database.MasterUserSecret.SecretArn": arns["master"],
        }
        properties = named(stack.at("state/Bucket").properties, names)
        policies = stack.of_type("AWS::S3::BucketPolicy")
        assert [named(policy.get("Bucket"), names) for policy in policies] == [BUCKET]
        policy = named(policies[0].get("PolicyDocument.Statement"), names)
        s3 = aws.client("s3")
        for bucket in (BUCKET, RELEASES):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        ownership = properties["OwnershipControls"]
        s3.put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls=ownership)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=properties["VersioningConfiguration"])
        if understood := unconditional(policy):
            document = {"Version": "2012-10-17", "Statement": understood}
            s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(document))
        iam = aws.client("iam")
        allowed = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        iam.create_user(UserName="operator")
        everything = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        iam.put_user_policy(UserName="operator", PolicyName="everything", PolicyDocument=everything)
        key = iam.create_access_key(UserName="operator")["AccessKey"]
        trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        trusted = json.dumps({"Version": "2012-10-17", "Statement": trust})
        iam.create_role(RoleName="host", AssumeRolePolicyDocument=trusted)
        assumed = aws.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="i-0123456789abcdef0")["Credentials"]
        credentials = (assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])
        statements = named(role_statements(stack), names)
        with door(aws.url) as opened:
            opened.roles[credentials[0]] = Role(ROLE, statements)
            block = properties["PublicAccessBlockConfiguration"]
            opened.buckets = {
                BUCKET: Bucket(BUCKET, policy, ownership["Rules"][0]["ObjectOwnership"], block),
                RELEASES: Bucket(RELEASES, [], "BucketOwnerEnforced", dict.fromkeys(block, True)),
            }
            operator = (key["AccessKeyId"], key["SecretAccessKey"], "")
            built = World(aws, opened, public_access, statements, credentials, operator, arns)
            built.give(statements)
            yield built
            assert not opened.not_understood
