"""The templates as they are written: what the linter says, what parameters they take and refuse."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.cloudformation import TemplateError
from support.processes import clean_environment
from templates.combinations import CERTIFICATE, FOLDER, TEMPLATES, Combination, deployment, templates

SINGLE = Combination("single", "bucket-policy")
SCALED = Combination("scaled", "cloudfront")
LARGEST_TEMPLATE_BYTES = 460_800
"""What CloudFormation takes from a bucket."""


def lint(*paths: Path) -> subprocess.CompletedProcess[str]:
    """Runs cfn-lint, which counts warnings as findings too."""
    command = [
        str(Path(sys.executable).with_name("cfn-lint")),
        "--regions",
        "eu-west-1",
        "us-east-1",
        "--",
        *map(str, paths),
    ]
    return subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)


def test_the_linter_finds_nothing() -> None:
    found = lint(*sorted(FOLDER.glob("*.yaml")))
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    broken = tmp_path / "state.yaml"
    broken.write_text((FOLDER / "state.yaml").read_text().replace("EngineVersion: 8.4.8", 'EngineVersion: "8.4"'))
    found = lint(broken)
    assert found.returncode != 0
    assert "'8.4' is not one of" in found.stdout


def test_the_stack_is_made_of_these_files() -> None:
    assert set(templates()) == TEMPLATES
    root = templates()["image-handler.yaml"]["Resources"].values()
    nested = [
        each["Properties"]["TemplateURL"]["Fn::Sub"] for each in root if each["Type"] == "AWS::CloudFormation::Stack"
    ]
    place = "https://${ReleaseBucket}.s3.${AWS::Region}.${AWS::URLSuffix}/${ReleasePrefix}cloudformation/"
    files = {"network.yaml", "state.yaml", "public-access.yaml", "service.yaml"}
    assert set(nested) == {place + file for file in files}


@pytest.mark.parametrize("file", sorted(TEMPLATES))
def test_every_parameter_and_output_says_what_it_is(file: str) -> None:
    template = templates()[file]
    for section in ("Parameters", "Outputs"):
        for name, declaration in template[section].items():
            assert declaration.get("Description"), f"{section}: {name}"
    assert template["Description"].startswith("image-handler: ")
    assert (FOLDER / file).stat().st_size <= LARGEST_TEMPLATE_BYTES


def test_the_root_gives_every_parameter_of_what_is_nested() -> None:
    """A default of a nested template would hide that the root forgot it."""
    root = templates()["image-handler.yaml"]["Resources"].values()
    for nested in (each["Properties"] for each in root if each["Type"] == "AWS::CloudFormation::Stack"):
        file = nested["TemplateURL"]["Fn::Sub"].rpartition("/")[2]
        if file in TEMPLATES:
            assert sorted(nested["Parameters"]) == sorted(templates()[file]["Parameters"]), file


def test_every_parameter_is_shown_in_a_group() -> None:
    root = templates()["image-handler.yaml"]
    groups = root["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(root["Parameters"])


def test_no_parameter_takes_whatever_it_is_given() -> None:
    for name, declaration in templates()["image-handler.yaml"]["Parameters"].items():
        bounds = {"AllowedValues", "AllowedPattern", "MinValue"} & declaration.keys()
        assert bounds or declaration["Type"].startswith("AWS::SSM::"), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Mode", "cluster"),
        ("PublicAccess", "public-read"),
        ("ReleaseBucket", "s3://releases"),
        ("ReleaseBucket", "with.dots"),
        ("ReleasePrefix", "releases/0.1.0"),
        ("ReleasePrefix", "/releases/"),
        ("PackageSha256", "A" * 64),
        ("SsmAgentSha256", "b" * 63),
        ("CloudWatchAgentSha256", ""),
        ("RdsCaSha256", "d"),
        ("DomainName", "https://images.example.org"),
        ("DomainName", "localhost"),
        ("HostedZoneId", "example.org"),
        ("CertificateArn", "arn:aws:iam::123456789012:server-certificate/x"),
        ("InstanceType", "small"),
        ("DesiredHosts", 0),
        ("DataVolumeGiB", 1),
        ("MaxUploadBytes", 0),
        ("DatabaseInstanceClass", "t4g.micro"),
        ("DatabaseStorageGiB", 5),
        ("DatabaseBackupDays", 0),
        ("CdnCertificateArn", f"arn:aws:acm:eu-west-1:{CERTIFICATE}"),
        ("CdnPriceClass", "cheap"),
        ("VpcCidr", "192.168.0.0/16"),
        ("VpcCidr", "10.0.0.0/8"),
        ("FlowLogs", "some"),
        ("LogRetentionDays", 29),
        ("AlarmEmail", "operator"),
        ("AlarmEmail", "'operator'@example.org"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(name: str, value: str | int) -> None:
    with pytest.raises(TemplateError, match=f"parameter {name}:"):
        deployment(templates(), SINGLE, **{name: value})


@pytest.mark.parametrize(
    ("combination", "parameters", "rule"),
    [
        (SINGLE, {"HostedZoneId": "Z0123456789ABCDEFGHIJ"}, "ZoneNeedsName"),
        (SCALED, {"CertificateArn": f"arn:aws:acm:eu-west-1:{CERTIFICATE}"}, "CertificateNeedsNameAndLoadBalancer"),
        (
            SINGLE,
            {"CertificateArn": f"arn:aws:acm:eu-west-1:{CERTIFICATE}", "DomainName": "images.example.org"},
            "CertificateNeedsNameAndLoadBalancer",
        ),
        (SCALED, {"CdnDomainName": "cdn.example.org"}, "CdnNameNeedsCertificate"),
        (SCALED, {"CdnCertificateArn": f"arn:aws:acm:us-east-1:{CERTIFICATE}"}, "CdnCertificateNeedsName"),
        (
            SINGLE,
            {"CdnCertificateArn": f"arn:aws:acm:us-east-1:{CERTIFICATE}", "CdnDomainName": "cdn.example.org"},
            "CdnNameNeedsCertificate",
        ),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(
    combination: Combination, parameters: dict[str, str], rule: str
) -> None:
    with pytest.raises(TemplateError, match=f"{rule}: "):
        deployment(templates(), combination, **parameters)


def test_flow_logs_can_be_done_without() -> None:
    stack = deployment(templates(), SINGLE, FlowLogs="none").stack
    assert stack.of_type("AWS::EC2::FlowLog") == []
    assert "network/FlowLogGroup" not in stack.resources
    assert "network/FlowLogRole" not in stack.resources


@pytest.mark.parametrize(
    ("instance_class", "insights"),
    [
        ("db.t3.micro", False),
        ("db.t3.small", False),
        ("db.t4g.micro", False),
        ("db.t4g.small", False),
        ("db.t4g.medium", True),
        ("db.m7g.large", True),
    ],
)
def test_insights_are_on_where_the_class_has_them(instance_class: str, insights: bool) -> None:
    stack = deployment(templates(), SINGLE, DatabaseInstanceClass=instance_class).stack
    assert stack.at("state/Database").get("EnablePerformanceInsights") is insights


def test_sizes_and_addresses_are_those_that_were_asked_for() -> None:
    given = {"DataVolumeGiB": 80, "DatabaseStorageGiB": 30, "DatabaseMaximumStorageGiB": 300, "DatabaseBackupDays": 35}
    stack = deployment(templates(), SINGLE, VpcCidr="10.77.0.0/16", **given).stack
    database = stack.at("state/Database")
    assert stack.at("state/DataVolume").get("Size") == 80
    assert database.get("AllocatedStorage") == "30"
    assert (database.get("MaxAllocatedStorage"), database.get("BackupRetentionPeriod")) == (300, 35)
    subnets = [subnet.get("CidrBlock") for subnet in stack.of_type("AWS::EC2::Subnet")]
    assert subnets == ["10.77.0.0/20", "10.77.16.0/20", "10.77.32.0/20", "10.77.48.0/20"]
