"""What the role must not do is refused, and what stands beside it is not.

Whatever is refused has a twin that differs in what matters alone and is allowed.
"""

import pytest
from botocore.exceptions import ClientError

from role.rights import Act, refused
from role.world import BUCKET, RELEASE, RELEASES, World, named, rendered, role_statements
from support.aws import Endpoint
from support.policies import Asked, Verdict, verdict

KEY, OTHER_KEY = "images/one.png", "other/one.png"

# Each twin first: it shows that the refusal is not for another reason.
PAIRS: list[tuple[str, str, Act, Act, bool]] = [
    (
        "put outside the prefix",
        "s3",
        lambda _, s3: s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"x"),
        lambda _, s3: s3.put_object(Bucket=BUCKET, Key=OTHER_KEY, Body=b"x"),
        True,
    ),
    (
        "read outside the prefix",
        "s3",
        lambda _, s3: s3.get_object(Bucket=BUCKET, Key=KEY),
        lambda _, s3: s3.get_object(Bucket=BUCKET, Key=OTHER_KEY),
        True,
    ),
    (
        "delete outside the prefix",
        "s3",
        lambda _, s3: s3.delete_object(Bucket=BUCKET, Key="images/none.png"),
        lambda _, s3: s3.delete_object(Bucket=BUCKET, Key=OTHER_KEY),
        True,
    ),
    (
        "put into another bucket",
        "s3",
        lambda _, s3: s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"x"),
        lambda _, s3: s3.put_object(Bucket=RELEASES, Key=KEY, Body=b"x"),
        True,
    ),
    (
        "replace the release",
        "s3",
        lambda _, s3: s3.get_object(Bucket=RELEASES, Key=f"{RELEASE}image-handler.deb"),
        lambda _, s3: s3.put_object(Bucket=RELEASES, Key=f"{RELEASE}image-handler.deb", Body=b"x"),
        True,
    ),
    (
        "read another release",
        "s3",
        lambda _, s3: s3.get_object(Bucket=RELEASES, Key=f"{RELEASE}image-handler.deb"),
        lambda _, s3: s3.get_object(Bucket=RELEASES, Key="releases/0.2.0/image-handler.deb"),
        True,
    ),
    (
        "list another prefix",
        "s3",
        lambda _, s3: s3.list_objects_v2(Bucket=BUCKET, Prefix="images/"),
        lambda _, s3: s3.list_objects_v2(Bucket=BUCKET, Prefix="other/"),
        False,
    ),
    (
        "list everything",
        "s3",
        lambda _, s3: s3.list_objects_v2(Bucket=BUCKET, Prefix="images/"),
        lambda _, s3: s3.list_objects_v2(Bucket=BUCKET),
        False,
    ),
    (
        "list versions of everything",
        "s3",
        lambda _, s3: s3.list_object_versions(Bucket=BUCKET, Prefix="images/"),
        lambda _, s3: s3.list_object_versions(Bucket=BUCKET),
        False,
    ),
    (
        "list another bucket",
        "s3",
        lambda _, s3: s3.list_objects_v2(Bucket=BUCKET, Prefix="images/"),
        lambda _, s3: s3.list_objects_v2(Bucket=RELEASES, Prefix="images/"),
        True,
    ),
    (
        "read an older version",
        "s3",
        lambda _, s3: s3.get_object(Bucket=BUCKET, Key=KEY),
        lambda world, s3: s3.get_object(Bucket=BUCKET, Key=KEY, VersionId=newest(world, KEY)),
        True,
    ),
    (
        "read the bucket's policy",
        "s3",
        lambda _, s3: s3.list_objects_v2(Bucket=BUCKET, Prefix="images/"),
        lambda _, s3: s3.get_bucket_policy(Bucket=BUCKET),
        True,
    ),
    (
        "change the bucket's policy",
        "s3",
        lambda _, s3: s3.list_objects_v2(Bucket=BUCKET, Prefix="images/"),
        lambda _, s3: s3.put_bucket_policy(Bucket=BUCKET, Policy='{"Statement": []}'),
        True,
    ),
    (
        "delete the bucket's policy",
        "s3",
        lambda _, s3: s3.list_objects_v2(Bucket=BUCKET, Prefix="images/"),
        lambda _, s3: s3.delete_bucket_policy(Bucket=BUCKET),
        True,
    ),
    (
        "change the bucket's ACL",
        "s3",
        lambda _, s3: s3.list_objects_v2(Bucket=BUCKET, Prefix="images/"),
        lambda _, s3: s3.put_bucket_acl(Bucket=BUCKET, ACL="public-read"),
        True,
    ),
    (
        "switch versions off",
        "s3",
        lambda _, s3: s3.list_objects_v2(Bucket=BUCKET, Prefix="images/"),
        lambda _, s3: s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}),
        True,
    ),
    (
        "delete the bucket",
        "s3",
        lambda _, s3: s3.delete_object(Bucket=BUCKET, Key="images/none.png"),
        lambda _, s3: s3.delete_bucket(Bucket=BUCKET),
        True,
    ),
    (
        "read the administrator's secret",
        "secretsmanager",
        lambda world, secrets: secrets.get_secret_value(SecretId=world.secrets["database"]),
        lambda world, secrets: secrets.get_secret_value(SecretId=world.secrets["master"]),
        False,
    ),
    (
        "change a secret",
        "secretsmanager",
        lambda world, secrets: secrets.get_secret_value(SecretId=world.secrets["application"]),
        lambda world, secrets: secrets.put_secret_value(SecretId=world.secrets["application"], SecretString="x"),
        True,
    ),
]


def newest(world: World, key: str) -> str:
    return world.operators("s3").head_object(Bucket=BUCKET, Key=key)["VersionId"]


@pytest.fixture
def things(stack: World) -> None:
    """What the role might be after."""
    s3 = stack.operators("s3")
    for bucket, key in [
        (BUCKET, KEY),
        (BUCKET, OTHER_KEY),
        (RELEASES, f"{RELEASE}image-handler.deb"),
        (RELEASES, "releases/0.2.0/image-handler.deb"),
    ]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"there")


@pytest.mark.usefixtures("things")
@pytest.mark.parametrize(("what", "service", "twin", "act", "moto_too"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_the_role_may_not(stack: World, what: str, service: str, twin: Act, act: Act, moto_too: bool) -> None:
    client = stack.hosts(service)
    assert not refused(twin, stack, client), f"its twin is refused as well: {what}"
    assert refused(act, stack, client), what
    # moto comes to the same by itself, wherever it is no matter of conditions or of resources outside S3.
    past_the_door = stack.hosts(service, past_the_door=True)
    assert not refused(twin, stack, past_the_door)
    assert refused(act, stack, past_the_door) == moto_too


@pytest.mark.parametrize(
    ("service", "act"),
    [
        ("iam", lambda _, iam: iam.list_roles()),
        ("iam", lambda _, iam: iam.put_role_policy(RoleName="host", PolicyName="more", PolicyDocument="{}")),
        ("iam", lambda _, iam: iam.create_access_key(UserName="operator")),
        ("ec2", lambda _, ec2: ec2.terminate_instances(InstanceIds=["i-0123456789abcdef0"])),
        (
            "ec2",
            lambda _, ec2: ec2.authorize_security_group_ingress(GroupId="sg-1", CidrIp="0.0.0.0/0", IpProtocol="-1"),
        ),
        ("rds", lambda _, rds: rds.delete_db_instance(DBInstanceIdentifier="images")),
        ("sts", lambda _, sts: sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/host", RoleSessionName="again")),
    ],
    ids=[
        "list roles",
        "give itself rights",
        "make a key",
        "end instances",
        "open a group",
        "delete the database",
        "assume",
    ],
)
def test_the_role_has_no_hand_in_the_account(private_stack: World, service: str, act: Act) -> None:
    assert refused(act, private_stack, private_stack.hosts(service))
    assert refused(act, private_stack, private_stack.hosts(service, past_the_door=True))
    # The credentials are good.
    s3 = private_stack.hosts("s3")
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"x")


def test_credentials_of_nobody_are_refused(private_stack: World) -> None:
    s3 = private_stack.hosts("s3")
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"x")
    for url in (private_stack.door.url, private_stack.aws.url):
        with pytest.raises(ClientError, match="InvalidAccessKeyId"):
            Endpoint(url).client("s3", "AKIAUNKNOWN").get_object(Bucket=BUCKET, Key=KEY)


VOLUME = "arn:aws:ec2:eu-west-1:123456789012:volume/"


@pytest.mark.parametrize(
    ("mode", "allowed", "refused_one"),
    [
        (
            "single",
            Asked("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "ImageHandler"}),
            Asked("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/EC2"}),
        ),
        (
            "single",
            Asked("ec2:AttachVolume", f"{VOLUME}state-DataVolume"),
            Asked("ec2:AttachVolume", f"{VOLUME}vol-of-somebody-else"),
        ),
        (
            "single",
            Asked("ec2:AttachVolume", f"{VOLUME}state-DataVolume"),
            Asked("ec2:DetachVolume", f"{VOLUME}state-DataVolume"),
        ),
        (
            "scaled",
            Asked("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "ImageHandler"}),
            Asked("ec2:AttachVolume", f"{VOLUME}state-DataVolume"),
        ),
    ],
)
def test_what_moto_cannot_judge_of_the_hosts_rights_is_evaluated(mode: str, allowed: Asked, refused_one: Asked) -> None:
    statements = named(role_statements(rendered("bucket-policy", mode)), {})
    assert verdict(statements, allowed) == Verdict.ALLOWED
    assert verdict(statements, refused_one) == Verdict.SILENT
