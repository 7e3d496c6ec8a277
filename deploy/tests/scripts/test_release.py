"""`release` into moto's S3. Nothing is fetched from Amazon, and nothing is built: stand-ins leave agents and a package.

moto takes a policy that refuses requests without TLS for one that refuses all, and does not tell a bucket in another
region from one in none: for these the command line's answers stand here, and the policy is looked at as it was sent.
"""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.aws import REGION, Endpoint, endpoint
from support.operator import Machine
from support.processes import clean_environment
from support.service import ROOT

AGENTS = ["amazon-ssm-agent.deb", "amazon-cloudwatch-agent.deb", "rds-ca.pem"]
VERSION = "0.0.0-test"
POLICY_CALLS: dict[str, Any] = {"s3api get-bucket-policy": "NoSuchBucketPolicy", "s3api put-bucket-policy": {}}
PREFIX = f"releases/{VERSION}/"


@pytest.fixture(scope="module")
def endpoint_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with endpoint(tmp_path_factory.mktemp("moto")) as running:
        yield running


@pytest.fixture
def aws(endpoint_of_all: Endpoint) -> Endpoint:
    endpoint_of_all.reset()
    return endpoint_of_all


@pytest.fixture
def machine(tmp_path: Path, aws: Endpoint) -> Machine:
    """A machine with a repository of its own: the scripts, two templates, a version, and a package that was built."""
    machine = Machine(tmp_path / "machine", aws, dict(POLICY_CALLS))
    repository = machine.folder / "repository"
    shutil.copytree(ROOT / "deploy/bin", repository / "deploy/bin")
    templates = repository / "deploy/cloudformation"
    templates.mkdir()
    (templates / "image-handler.yaml").write_text("Resources: {}\n")
    (templates / "state.yaml").write_text("Resources: {}\n")
    (repository / "Cargo.toml").write_text('[workspace.package]\nrust-version = "1.95"\nversion = "7.8.9"\n')
    agents = machine.folder / "agents"
    agents.mkdir()
    (agents / "amazon-ssm-agent.deb").write_bytes(b"!<arch>\nssm")
    (agents / "amazon-cloudwatch-agent.deb").write_bytes(b"!<arch>\ncloudwatch")
    (agents / "rds-ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    package(machine.folder / "package.deb")
    return machine


def package(file: Path, *, depends: str = "libc6 (>= 2.34)", version: str = "7.8.9") -> None:
    """Makes a Debian package with nothing in it."""
    tree = file.parent / f"{file.name}.tree"
    (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: image-handler\nVersion: {version}\nArchitecture: amd64\nDepends: {depends}\n"
        "Maintainer: nobody <nobody@example.org>\nDescription: for tests\n"
    )
    command = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(file)]
    subprocess.run(command, capture_output=True, check=True)


def release(machine: Machine, *words: str | Path, code: int = 0, agents: bool = True, **environment: str) -> str:
    given = ["--bucket", "my-releases", "--version", VERSION, "--package", machine.folder / "package.deb"]
    given += ["--agents", machine.folder / "agents"] if agents else []
    return machine.run(machine.folder / "repository/deploy/bin/release", *given, *words, code=code, **environment)


def content(aws: Endpoint) -> dict[str, bytes]:
    s3 = aws.client("s3")
    listed = s3.list_objects_v2(Bucket="my-releases").get("Contents", [])
    return {item["Key"]: s3.get_object(Bucket="my-releases", Key=item["Key"])["Body"].read() for item in listed}


def parameters(machine: Machine, version: str = VERSION) -> dict[str, str]:
    file = machine.folder / f"repository/target/release/{version}.parameters.json"
    return {each["ParameterKey"]: each["ParameterValue"] for each in json.loads(file.read_text())}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_release_lies_in_a_private_bucket_with_checksums_that_the_parameters_name(
    machine: Machine, aws: Endpoint
) -> None:
    said = release(machine)
    files = content(aws)
    names = [
        "SHA256SUMS",
        "image-handler.deb",
        *AGENTS,
        "cloudformation/image-handler.yaml",
        "cloudformation/state.yaml",
    ]
    assert set(files) == {PREFIX + name for name in names}
    sums = dict(reversed(line.split("  ")) for line in files[f"{PREFIX}SHA256SUMS"].decode().splitlines())
    assert sums == {name: digest(files[PREFIX + name]) for name in names if name != "SHA256SUMS"}
    assert parameters(machine) == {
        "ReleaseBucket": "my-releases",
        "ReleasePrefix": PREFIX,
        "PackageSha256": digest((machine.folder / "package.deb").read_bytes()),
        "SsmAgentSha256": digest(b"!<arch>\nssm"),
        "CloudWatchAgentSha256": digest(b"!<arch>\ncloudwatch"),
        "RdsCaSha256": digest(b"-----BEGIN CERTIFICATE-----\n"),
    }
    assert "aws cloudformation deploy --region eu-west-1 --stack-name image-handler" in said
    s3 = aws.client("s3")
    block = s3.get_public_access_block(Bucket="my-releases")["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(block, True)
    assert len(block) == 4
    assert s3.get_bucket_versioning(Bucket="my-releases")["Status"] == "Enabled"
    rules = s3.get_bucket_encryption(Bucket="my-releases")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (policy,) = [call[call.index("--policy") + 1] for call in machine.calls() if call[1] == "put-bucket-policy"]
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == ["arn:aws:s3:::my-releases", "arn:aws:s3:::my-releases/*"]
    assert s3.get_bucket_location(Bucket="my-releases")["LocationConstraint"] == REGION


@pytest.mark.parametrize(
    ("which", "more"), [(0, {"Mode": "single", "PublicAccess": "bucket-policy"}), (1, {})], ids=["make", "upgrade"]
)
def test_the_printed_commands_hand_every_parameter_over_and_an_upgrade_no_other(
    machine: Machine, which: int, more: dict[str, str]
) -> None:
    said = release(machine)
    commands = re.findall(r"^  aws cloudformation deploy (?:.*\\\n)+.*$", said, re.MULTILINE)
    assert len(commands) == 2
    machine.command("aws", '#!/bin/sh\nprintf "%s\\n" "$@"\n')
    path = f"{machine.commands}:/usr/bin:/bin"
    finished = subprocess.run(
        ["bash", "-euc", commands[which]],
        cwd=machine.folder / "repository",
        env=clean_environment() | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    words = finished.stdout.splitlines()
    given = dict(word.split("=") for word in words[words.index("--parameter-overrides") + 1 :])
    assert given == parameters(machine) | more
    assert ("--disable-rollback" in words) == (which == 0)


@pytest.mark.parametrize(
    ("depends", "fits"),
    [
        ("libc6 (>= 2.34), libgcc-s1 (>= 4.2)", True),
        ("adduser, libc6 (>= 2.36-9)", True),
        ("libgcc-s1 (>= 14), nginx", True),
        ("libc6 (>= 2.38), libgcc-s1 (>= 4.2)", False),
        ("adduser, libc6:amd64 (>= 2.37)", False),
    ],
)
def test_a_package_for_a_newer_debian_than_the_hosts_is_refused(
    machine: Machine, aws: Endpoint, depends: str, fits: bool
) -> None:
    package(machine.folder / "package.deb", depends=depends)
    said = release(machine, code=int(not fits))
    if not fits:
        assert "and the hosts are Debian 12" in said
        assert aws.client("s3").list_buckets()["Buckets"] == []


def test_a_second_run_changes_nothing(machine: Machine, aws: Endpoint) -> None:
    release(machine)
    before = parameters(machine)
    said = release(machine)
    assert "is there already, with this content" in said
    versions = aws.client("s3").list_object_versions(Bucket="my-releases")["Versions"]
    assert all(version["IsLatest"] for version in versions), "nothing was uploaded twice"
    assert parameters(machine) == before


def test_a_release_keeps_the_agents_that_it_has(machine: Machine) -> None:
    release(machine)
    # Without --agents they would be fetched anew, and Amazon has newer ones meanwhile.
    machine.command("curl", "#!/bin/sh\necho fetched >>$HOME/fetched\nexit 1\n")
    release(machine, agents=False)
    assert not (machine.folder / "fetched").exists()


def test_a_release_that_stopped_half_way_is_made_whole(machine: Machine, aws: Endpoint) -> None:
    machine.answers["s3 cp --recursive"] = "SlowDown"
    assert "the release cannot be uploaded: (SlowDown)" in release(machine, code=1)
    machine.answers = dict(POLICY_CALLS)
    machine.answers[f"s3api put-object {PREFIX}SHA256SUMS"] = "SlowDown"
    assert "SHA256SUMS cannot be uploaded: (SlowDown)" in release(machine, code=1)
    before = (machine.folder / "package.deb").read_bytes()
    assert content(aws)[f"{PREFIX}image-handler.deb"] == before
    assert f"{PREFIX}SHA256SUMS" not in content(aws)
    assert not (machine.folder / f"repository/target/release/{VERSION}.parameters.json").exists()
    machine.answers = dict(POLICY_CALLS)
    package(machine.folder / "package.deb", depends="libc6 (>= 2.35)")
    release(machine)
    after = content(aws)[f"{PREFIX}image-handler.deb"]
    assert after == (machine.folder / "package.deb").read_bytes()
    assert after != before


@pytest.mark.parametrize("changed", ["image-handler.deb", "amazon-ssm-agent.deb", "cloudformation/state.yaml"])
def test_a_release_never_changes(machine: Machine, aws: Endpoint, changed: str) -> None:
    release(machine)
    before = content(aws)
    files = {
        "image-handler.deb": machine.folder / "package.deb",
        "amazon-ssm-agent.deb": machine.folder / "agents/amazon-ssm-agent.deb",
        "cloudformation/state.yaml": machine.folder / "repository/deploy/cloudformation/state.yaml",
    }
    with files[changed].open("ab") as file:
        file.write(b"# other\n")
    said = release(machine, code=1)
    assert f"release {VERSION} exists with other content: {changed}\n" in said
    assert content(aws) == before


def test_without_a_package_it_is_built_and_named_by_its_version(machine: Machine, aws: Endpoint) -> None:
    make = """#!/bin/bash
mkdir -p "$2/target/debian"
cp "$HOME/package.deb" "$2/target/debian/image-handler_7.8.9_amd64.deb"
"""
    machine.command("make", make)
    words = ["--bucket", "my-releases", "--agents", machine.folder / "agents"]
    script = machine.folder / "repository/deploy/bin/release"
    machine.run(script, *words)
    assert content(aws)["releases/7.8.9/image-handler.deb"] == (machine.folder / "package.deb").read_bytes()
    assert "left no image-handler_9.9.9_amd64.deb" in machine.run(script, *words, "--version", "9.9.9", code=1)
    machine.command("make", "#!/bin/sh\nexit 2\n")
    assert "make package failed" in machine.run(script, *words, code=1)


def test_agents_and_ca_are_fetched_from_amazon_over_https_alone(machine: Machine) -> None:
    curl = """#!/bin/bash
printf '%s\\n' "$*" >>"$HOME/curls"
while [ "$1" != --output ]; do shift; done
case $2 in *.pem) echo '-----BEGIN CERTIFICATE-----' >"$2" ;; *) echo '!<arch>' >"$2" ;; esac
"""
    machine.command("curl", curl)
    release(machine, agents=False)
    calls = (machine.folder / "curls").read_text().splitlines()
    assert [call.split()[-1] for call in calls] == [
        "https://s3.eu-west-1.amazonaws.com/amazon-ssm-eu-west-1/latest/debian_amd64/amazon-ssm-agent.deb",
        "https://amazoncloudwatch-agent-eu-west-1.s3.eu-west-1.amazonaws.com/debian/amd64/latest/amazon-cloudwatch-agent.deb",
        "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
    ]
    assert all("--proto =https --proto-redir =https" in call and "--fail" in call for call in calls)


def test_an_agent_that_cannot_be_fetched_is_told(machine: Machine) -> None:
    machine.command("curl", "#!/bin/sh\nexit 22\n")
    said = release(machine, agents=False, code=1)
    assert "amazon-ssm-agent.deb cannot be fetched" in said
    assert "--agents FOLDER" in said


@pytest.mark.parametrize(
    ("file", "data", "told"),
    [
        ("agents/amazon-ssm-agent.deb", b"<html>", "amazon-ssm-agent.deb is no Debian package"),
        ("agents/rds-ca.pem", b"<html>", "there is no certificate in rds-ca.pem"),
        ("agents/rds-ca.pem", None, "rds-ca.pem cannot be read"),
        ("package.deb", b"<html>", "package.deb is no Debian package"),
        ("package.deb", b"!<arch>\npackage", "package.deb is no Debian package"),
        ("package.deb", None, "package.deb cannot be read"),
        ("repository/deploy/cloudformation", None, "there are no templates"),
    ],
)
def test_files_that_cannot_be_right_are_refused_before_anything_is_made(
    machine: Machine, aws: Endpoint, file: str, data: bytes | None, told: str
) -> None:
    path = machine.folder / file
    if data is not None:
        path.write_bytes(data)
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    assert told in release(machine, code=1)
    assert aws.client("s3").list_buckets()["Buckets"] == []


def test_a_bucket_that_is_there_gets_what_it_lacks_and_keeps_its_policy(machine: Machine, aws: Endpoint) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="my-releases", CreateBucketConfiguration={"LocationConstraint": REGION})
    release(machine)
    assert s3.get_bucket_versioning(Bucket="my-releases")["Status"] == "Enabled"
    theirs = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "s3:GetObject", "Resource": "*"}
    deny = theirs | {"Effect": "Deny", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    for statements in ([theirs, deny], deny):
        machine.answers["s3api get-bucket-policy"] = {"Policy": json.dumps({"Statement": statements})}
        before = len([call for call in machine.calls() if call[1] == "put-bucket-policy"])
        release(machine)
        assert len([call for call in machine.calls() if call[1] == "put-bucket-policy"]) == before
    machine.answers["s3api get-bucket-policy"] = {"Policy": json.dumps({"Statement": theirs})}
    assert "does not refuse requests without TLS" in release(machine, code=1)


def test_a_bucket_in_another_region_is_refused(machine: Machine, aws: Endpoint) -> None:
    place: Any = {"LocationConstraint": REGION}
    aws.client("s3").create_bucket(Bucket="my-releases", CreateBucketConfiguration=place)
    machine.answers["s3api get-bucket-location"] = {"LocationConstraint": "eu-central-1"}
    assert "is in eu-central-1, not in eu-west-1" in release(machine, code=1)


@pytest.mark.parametrize(
    ("call", "answer", "told"),
    [
        ("sts get-caller-identity", "ExpiredToken", "AWS takes no credentials"),
        ("s3api head-bucket", "403", "the bucket my-releases is not yours"),
        ("s3api create-bucket", "BucketAlreadyExists", "cannot be made: (BucketAlreadyExists)"),
        ("s3api put-public-access-block", "AccessDenied", "public access to my-releases cannot be blocked"),
        ("s3api put-bucket-versioning", "AccessDenied", "versioning of my-releases cannot be switched on"),
        ("s3api get-bucket-encryption", "AccessDenied", "the encryption of my-releases cannot be read"),
        ("s3api put-bucket-encryption", "AccessDenied", "encryption of my-releases cannot be switched on"),
        ("s3api get-bucket-policy", "AccessDenied", "the policy of my-releases cannot be read"),
        ("s3api put-bucket-policy", "AccessDenied", "the policy of my-releases cannot be written"),
    ],
)
def test_what_aws_refuses_is_told_and_nothing_is_uploaded(
    machine: Machine, aws: Endpoint, call: str, answer: str, told: str
) -> None:
    machine.answers = {
        "sts get-caller-identity": {"Account": "123456789012"},
        "s3api head-bucket": "404",
        "s3api create-bucket": {},
        "s3api put-public-access-block": {},
        "s3api put-bucket-versioning": {},
        "s3api get-bucket-encryption": "ServerSideEncryptionConfigurationNotFoundError",
        "s3api put-bucket-encryption": {},
        "s3api get-bucket-policy": "NoSuchBucketPolicy",
        "s3api put-bucket-policy": "AccessDenied",
        call: answer,
    }
    assert told in release(machine, code=1)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        content(aws)


def test_names_that_cannot_be_are_refused(machine: Machine) -> None:
    assert "no dots" in release(machine, "--bucket", "my.releases", code=2)
    assert "is no version" in release(machine, "--version", "../1", code=2)
