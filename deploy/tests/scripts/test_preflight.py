"""`preflight`: an account in order, one in which much is in the way, and each failure.

Two accounts are played by moto. What it cannot play is answered by a stand-in for the command line: the account's
public access block (asked by a host name), quotas but VPCs', Debian's image, classes of MySQL 8.4, and names of stacks.
Each call of the real command line takes a second, so single failures are told to the stand-in, too.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from support.aws import REGION, Endpoint, endpoint
from support.operator import Machine
from support.service import ROOT

ACCOUNT = "123456789012"
OPEN = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}
ENGINE = re.findall(r"EngineVersion: ([0-9.]+)", (ROOT / "deploy/cloudformation/state.yaml").read_text())[0]
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1"

WHAT_MOTO_LACKS: dict[str, Any] = {
    "s3control get-public-access-block": {"PublicAccessBlockConfiguration": OPEN},
    "cloudformation describe-stacks": "ValidationError",
    "service-quotas get-service-quota": {"Quota": {"Value": 5.0}},
    "service-quotas get-service-quota L-1216C47A": {"Quota": {"Value": 16.0}},
    "ssm get-parameter": {"Parameter": {"Value": "ami-0debian"}},
    "rds describe-orderable-db-instance-options": {
        "OrderableDBInstanceOptions": [
            {
                "EngineVersion": ENGINE,
                "StorageType": "gp3",
                "SupportsStorageEncryption": True,
                "MultiAZCapable": True,
                "AvailabilityZones": [{"Name": f"{REGION}a"}, {"Name": f"{REGION}b"}],
            }
        ]
    },
}

ALL_IS_WELL: dict[str, Any] = WHAT_MOTO_LACKS | {
    "sts get-caller-identity": {"Account": ACCOUNT},
    "ec2 describe-regions": {"Regions": [{"OptInStatus": "opt-in-not-required"}]},
    "s3api head-bucket": "404",
    "ec2 describe-vpcs": {"Vpcs": [{}]},
    "ec2 describe-addresses": {"Addresses": []},
    "rds describe-db-instances": {"DBInstances": []},
    "ec2 describe-instance-types": {"InstanceTypes": [{"VCpuInfo": {"DefaultVCpus": 2}}]},
    "ec2 describe-instances": {"Reservations": []},
    "ec2 describe-availability-zones": {"AvailabilityZones": [{"ZoneName": f"{REGION}{each}"} for each in "cba"]},
    "ec2 describe-subnets": {"Subnets": [{"AvailabilityZone": f"{REGION}{each}"} for each in "cba"]},
    "ec2 describe-instance-type-offerings": {
        "InstanceTypeOfferings": [{"Location": f"{REGION}{each}"} for each in "ab"]
    },
    "acm describe-certificate": {
        "Certificate": {"Status": "ISSUED", "DomainName": "*.example.org", "SubjectAlternativeNames": ["example.org"]}
    },
    "route53 get-hosted-zone": {"HostedZone": {"Name": "example.org."}},
}


ZONE = ["--hosted-zone-id", "Z1", "--domain-name"]


def _stack(status: str) -> dict[str, Any]:
    return {"Stacks": [{"StackStatus": status}]}


def _offered(zones: str) -> dict[str, Any]:
    return {"InstanceTypeOfferings": [{"Location": f"{REGION}{each}"} for each in zones]}


def _classes(version: str, zones: str, *, both: bool = True) -> dict[str, Any]:
    (option,) = WHAT_MOTO_LACKS["rds describe-orderable-db-instance-options"]["OrderableDBInstanceOptions"]
    names = [{"Name": f"{REGION}{each}"} for each in zones]
    changed = {"EngineVersion": version, "AvailabilityZones": names, "MultiAZCapable": both}
    return {"OrderableDBInstanceOptions": [option | changed]}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with endpoint(tmp_path_factory.mktemp("moto")) as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which everything is answered by the stand-in."""
    machine = Machine(tmp_path / "machine", Endpoint("http://127.0.0.1:9"), dict(ALL_IS_WELL))
    machine.command("mysql", "#!/bin/sh\n")
    return machine


def report(
    machine: Machine,
    *words: str,
    mode: str = "single",
    access: str = "bucket-policy",
    code: int = 0,
    **environment: str,
) -> dict[str, dict[str, str]]:
    """Runs preflight and gives its checks by name."""
    said = machine.run(
        "preflight", "--mode", mode, "--public-access", access, "--json", *words, code=code, **environment
    )
    checks = {check["check"]: check for check in json.loads(said)["checks"]}
    for check in checks.values():
        assert check["status"] == "ok" or check["remedy"], f"{check} has no remedy"
    return checks


def failures(checks: dict[str, dict[str, str]]) -> set[str]:
    return {name for name, check in checks.items() if check["status"] == "failure"}


def test_an_account_in_order_has_nothing_in_the_way(tmp_path: Path, aws: Endpoint) -> None:
    aws.reset()
    machine = Machine(tmp_path / "machine", aws, dict(WHAT_MOTO_LACKS))
    aws.client("s3").create_bucket(Bucket="releases", CreateBucketConfiguration={"LocationConstraint": REGION})
    zone = aws.client("route53").create_hosted_zone(Name="example.org", CallerReference="1")["HostedZone"]["Id"]
    said = machine.run(
        "preflight", ["--mode", "single"][0], "single", "--public-access", "bucket-policy", "--release-bucket",
        "releases", "--domain-name", "images.example.org", "--hosted-zone-id", zone.removeprefix("/hostedzone/"),
    )  # fmt: skip
    assert "Nothing is in the way." in said
    for line in ("VPCs                       1 of 5 are used", "elastic IPs                0 of 5 are used"):
        assert f"ok       {line}" in said
    for line in (
        "releases is yours",
        "image-handler is free",
        "ami-0debian",
        f"the stack takes {REGION}a {REGION}b",
        f"offered in {REGION}a {REGION}b",
        f"offered for MySQL {ENGINE} in {REGION}a {REGION}b",
        "0 of 16 are used, 2 more",
    ):
        assert line in said
    assert "failure" not in said
    assert "warning" not in said


def test_a_second_run_says_the_same_and_nothing_was_changed(machine: Machine) -> None:
    assert report(machine) == report(machine)
    changing = ("create-", "put-", "delete-", "update-", "request-", "modify-", "enable-")
    assert not [call for call in machine.calls() if any(word.startswith(changing) for word in call[:2])]


def test_an_account_with_much_in_the_way_is_told_all_of_it(tmp_path: Path, aws: Endpoint) -> None:
    aws.reset()
    machine = Machine(tmp_path / "machine", aws, dict(WHAT_MOTO_LACKS))
    machine.answers["s3control get-public-access-block"] = {"PublicAccessBlockConfiguration": dict.fromkeys(OPEN, True)}
    machine.answers["rds describe-orderable-db-instance-options"] = {"OrderableDBInstanceOptions": []}
    ec2 = aws.client("ec2")
    for each in range(4):
        ec2.create_vpc(CidrBlock=f"10.{each}.0.0/16")
    ec2.run_instances(ImageId="ami-12c6146b", InstanceType="c5.4xlarge", MinCount=12, MaxCount=12)
    elsewhere = boto3.client(
        "acm",
        endpoint_url=aws.url,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    certificate = elsewhere.request_certificate(DomainName="images.example.org")["CertificateArn"]
    zone = aws.client("route53").create_hosted_zone(Name="example.net", CallerReference="1")["HostedZone"]["Id"]
    checks = report(
        machine, "--domain-name", "images.example.org", "--hosted-zone-id", zone.removeprefix("/hostedzone/"),
        "--certificate-arn", certificate, mode="scaled", code=1,
    )  # fmt: skip
    assert failures(checks) == {
        "public access block", "VPCs", "on-demand vCPUs", "db.t4g.micro", "certificate", "hosted zone",
    }  # fmt: skip
    assert checks["VPCs"]["detail"] == "5 of 5 are used, 1 more are needed"
    assert checks["VPCs"]["remedy"].endswith("--quota-code L-F678F1CE --desired-value 6")
    assert "is not in eu-west-1" in checks["certificate"]["detail"]
    assert checks["hosted zone"]["detail"].endswith("is example.net, which images.example.org is not in")


@pytest.mark.parametrize(
    ("access", "blocked", "allowed"),
    [
        (
            "bucket-policy",
            {"BlockPublicPolicy", "RestrictPublicBuckets"},
            "BlockPublicPolicy=false,RestrictPublicBuckets=false",
        ),
        ("object-acl", {"BlockPublicAcls", "IgnorePublicAcls"}, "BlockPublicAcls=false,IgnorePublicAcls=false"),
        ("cloudfront", set(), ""),
    ],
)
def test_the_accounts_public_access_block_is_held_against_the_mode(
    machine: Machine, access: str, blocked: set[str], allowed: str
) -> None:
    for name in OPEN:
        block = dict.fromkeys(OPEN, False) | {name: True}
        machine.answers["s3control get-public-access-block"] = {"PublicAccessBlockConfiguration": block}
        check = report(machine, access=access, code=int(name in blocked))["public access block"]
        assert (check["status"] == "failure") == (name in blocked)
    block = dict.fromkeys(OPEN, True)
    machine.answers["s3control get-public-access-block"] = {"PublicAccessBlockConfiguration": block}
    check = report(machine, access=access, code=int(bool(blocked)))["public access block"]
    if blocked:
        assert f"put-public-access-block --account-id {ACCOUNT}" in check["remedy"]
        assert allowed in check["remedy"]
        assert check["remedy"].count("=true") == 2, "the other two stay as they are"
    machine.answers["s3control get-public-access-block"] = "NoSuchPublicAccessBlockConfiguration"
    assert report(machine, access=access)["public access block"]["status"] == "ok"


@pytest.mark.parametrize(
    ("words", "call", "answer", "check", "told"),
    [
        ([], "ec2 describe-regions", {"Regions": [{"OptInStatus": "not-opted-in"}]}, "region", "not enabled"),
        ([], "sts get-caller-identity", "ExpiredToken", "credentials", "(ExpiredToken)"),
        ([], "cloudformation describe-stacks", _stack("ROLLBACK_COMPLETE"), "stack name", "cannot be updated"),
        ([], "cloudformation describe-stacks", _stack("UPDATE_IN_PROGRESS"), "stack name", "just now"),
        (["--release-bucket", "taken"], "s3api head-bucket", "403", "release bucket", "taken is not yours"),
        ([], "ec2 describe-addresses", {"Addresses": [{}] * 5}, "elastic IPs", "5 of 5 are used"),
        ([], "rds describe-db-instances", {"DBInstances": [{}] * 5}, "RDS instances", "5 of 5 are used"),
        ([], "ssm get-parameter", "AccessDeniedException", "Debian 12 image", "cannot be read"),
        ([], "cloudformation describe-stacks", _stack("UPDATE_ROLLBACK_FAILED"), "stack name", "cannot be updated"),
        ([], "ec2 describe-instance-type-offerings", _offered("bc"), "t3.small", f"not offered in {REGION}a"),
        ([*ZONE, "a.example.org"], "route53 get-hosted-zone", "NoSuchHostedZone", "hosted zone", "not exist"),
        (["--hosted-zone-id", "Z1"], "", None, "hosted zone", "without a domain name"),
        ([*ZONE, "badexample.org"], "", None, "hosted zone", "is not in"),
    ],
)  # fmt: skip
def test_each_thing_in_the_way_is_told(
    machine: Machine, words: list[str], call: str, answer: object, check: str, told: str
) -> None:
    if call:
        machine.answers[call] = answer
    checks = report(machine, *words, code=1)
    assert failures(checks) == {check}
    assert told in checks[check]["detail"]


@pytest.mark.parametrize(
    ("words", "call", "answer", "told"),
    [
        (["--certificate-arn", CERTIFICATE], "acm describe-certificate", "ResourceNotFoundException", "does not exist"),
        (
            ["--certificate-arn", CERTIFICATE],
            "acm describe-certificate",
            {"Certificate": {"Status": "PENDING_VALIDATION", "DomainName": "a.example.org"}},
            "is PENDING_VALIDATION",
        ),
        (["--certificate-arn", CERTIFICATE, "--domain-name", "a.b.example.org"], "", None, "not for a.b.example.org"),
        (["--certificate-arn", CERTIFICATE.replace(REGION, "us-east-1")], "", None, f"is not in {REGION}"),
    ],
)
def test_each_certificate_that_the_load_balancer_cannot_use_is_told(
    machine: Machine, words: list[str], call: str, answer: object, told: str
) -> None:
    if call:
        machine.answers[call] = answer
    checks = report(machine, *words, mode="scaled", code=1)
    assert failures(checks) == {"certificate"}
    assert told in checks["certificate"]["detail"]


@pytest.mark.parametrize("domain", ["images.example.org", "example.org"])
def test_a_certificate_that_covers_the_name_is_fine(machine: Machine, domain: str) -> None:
    words = ["--certificate-arn", CERTIFICATE, "--domain-name", domain]
    assert report(machine, *words, mode="scaled")["certificate"]["status"] == "ok"


def test_what_one_may_not_look_at_is_a_warning_that_names_the_right(machine: Machine) -> None:
    for call in machine.answers:
        if not call.startswith(("sts", "ssm", "s3api")):
            machine.answers[call] = "AccessDenied"
    words = ["--hosted-zone-id", "Z1", "--domain-name", "a.example.org", "--certificate-arn", CERTIFICATE]
    checks = report(machine, *words, mode="scaled")
    warned = {name for name, check in checks.items() if check["status"] == "warning"}
    assert warned == {
        "region", "public access block", "stack name", "VPCs", "RDS instances", "on-demand vCPUs", "zones", "t3.small",
        "db.t4g.micro", "certificate", "hosted zone",
    }  # fmt: skip
    assert all("You need" in checks[name]["remedy"] for name in warned)
    machine.answers["ec2 describe-addresses"] = "AccessDenied"
    assert report(machine)["elastic IPs"]["status"] == "warning"


@pytest.mark.parametrize(
    ("zones", "single", "scaled"), [("ab", "ok", "ok"), ("ac", "ok", "failure"), ("bc", "failure", "failure")]
)
def test_the_hosts_have_to_be_offered_in_the_zones_that_the_template_takes(
    machine: Machine, zones: str, single: str, scaled: str
) -> None:
    machine.answers["ec2 describe-instance-type-offerings"] = _offered(zones)
    assert report(machine, code=int(single == "failure"))["t3.small"]["status"] == single
    assert report(machine, mode="scaled", code=int(scaled == "failure"))["t3.small"]["status"] == scaled


@pytest.mark.parametrize(
    ("zones", "both", "single", "scaled"),
    [
        ("ab", True, "ok", "ok"),
        ("ab", False, "ok", "failure"),
        ("bc", True, "ok", "failure"),
        ("c", True, "failure", "failure"),
    ],
)
def test_the_database_has_to_be_offered_in_the_zones_that_the_template_takes(
    machine: Machine, zones: str, both: bool, single: str, scaled: str
) -> None:
    machine.answers["rds describe-orderable-db-instance-options"] = _classes(ENGINE, zones, both=both)
    assert report(machine, code=int(single == "failure"))["db.t4g.micro"]["status"] == single
    assert report(machine, mode="scaled", code=int(scaled == "failure"))["db.t4g.micro"]["status"] == scaled


def test_the_version_of_mysql_has_to_be_the_one_in_the_template(machine: Machine) -> None:
    machine.answers["rds describe-orderable-db-instance-options"] = _classes("8.4.0", "ab")
    check = report(machine, code=1)["db.t4g.micro"]
    assert check["status"] == "failure"
    assert check["detail"] == f"not offered for MySQL {ENGINE}, only for 8.4.0"
    assert "EngineVersion" in check["remedy"]


def test_zones_count_only_with_a_default_subnet_where_there_is_one(machine: Machine) -> None:
    machine.answers["ec2 describe-subnets"] = {"Subnets": []}
    assert report(machine)["zones"]["detail"] == f"the stack takes {REGION}a {REGION}b"
    machine.answers["ec2 describe-subnets"] = {"Subnets": [{"AvailabilityZone": f"{REGION}{each}"} for each in "cb"]}
    checks = report(machine)
    assert checks["zones"]["detail"] == f"the stack takes {REGION}b {REGION}c"
    assert checks["t3.small"]["status"] == "ok", "the one host is in the first of them"
    machine.answers["ec2 describe-subnets"] = {"Subnets": [{"AvailabilityZone": f"{REGION}b"}]}
    checks = report(machine, code=1)
    assert failures(checks) == {"zones"}
    assert f"sees {REGION}b, two are needed" in checks["zones"]["detail"]
    assert checks["t3.small"]["status"] == "warning"


def test_a_stack_whose_making_failed_can_be_gone_on_with(machine: Machine) -> None:
    machine.answers["cloudformation describe-stacks"] = _stack("CREATE_FAILED")
    check = report(machine)["stack name"]
    assert check["status"] == "warning"
    assert "--disable-rollback" in check["remedy"]


def test_the_vcpus_of_other_families_and_of_spot_instances_do_not_count(machine: Machine) -> None:
    def instance(kind: str, cores: int, **more: str) -> dict[str, Any]:
        return {"InstanceType": kind, "CpuOptions": {"CoreCount": cores, "ThreadsPerCore": 2}, **more}

    instances = [instance("m5.large", 1), instance("g5.xlarge", 48), instance("c5.large", 48, InstanceLifecycle="spot")]
    machine.answers["ec2 describe-instances"] = {"Reservations": [{"Instances": instances}]}
    assert report(machine)["on-demand vCPUs"]["detail"] == "2 of 16 are used, 2 more are needed"
    assert report(machine, mode="scaled")["on-demand vCPUs"]["detail"] == "2 of 16 are used, 6 more are needed"


def test_an_account_without_a_quota_of_its_own_has_the_default(machine: Machine) -> None:
    for code in ("service-quotas get-service-quota", "service-quotas get-service-quota L-1216C47A"):
        machine.answers[code] = "NoSuchResourceException"
    machine.answers["service-quotas get-aws-default-service-quota"] = {"Quota": {"Value": 7.0}}
    assert report(machine)["VPCs"]["detail"] == "1 of 7 are used, 1 more are needed"


def test_a_stack_that_exists_and_a_missing_name_or_certificate_are_warnings(machine: Machine) -> None:
    machine.answers["cloudformation describe-stacks"] = {"Stacks": [{"StackStatus": "UPDATE_COMPLETE"}]}
    assert report(machine)["stack name"]["status"] == "warning"
    assert report(machine)["certificate"]["status"] == "warning"
    assert report(machine, mode="scaled")["certificate"]["status"] == "warning"
    assert report(machine, "--certificate-arn", CERTIFICATE)["certificate"]["status"] == "warning"
    assert report(machine, "--domain-name", "a.example.org")["hosted zone"]["status"] == "warning"


def test_commands_that_are_missing_are_failures(machine: Machine) -> None:
    commands = machine.folder / "only"
    commands.mkdir()
    needed = "bash env cat chmod cut dirname grep jq mktemp rm sed sort tail paste"
    for name in needed.split():
        (commands / name).symlink_to(Path("/usr/bin") / name)
    (commands / "aws").symlink_to(machine.commands / "aws")
    checks = report(machine, code=1, PATH=str(commands))
    assert failures(checks) == {"session-manager-plugin", "MySQL client"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--mode", "double", "--public-access", "cloudfront"], "--mode is single or scaled"),
        (["--mode", "single", "--public-access", "everything"], "--public-access is"),
        (["--mode", "single", "--public-access", "cloudfront", "--stack", "a b"], "no name for a stack"),
    ],
)
def test_a_wrong_option_is_told(machine: Machine, words: list[str], told: str) -> None:
    assert told in machine.run("preflight", *words, code=2)


def test_a_region_has_to_be_chosen_and_to_be_one(machine: Machine) -> None:
    words = ["--mode", "single", "--public-access", "cloudfront"]
    machine.answers["configure get"] = "255"
    none = {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
    assert "no region is chosen" in machine.run("preflight", *words, code=1, **none)
    assert "nowhere is no region" in machine.run("preflight", *words, "--region", "nowhere", code=1)
