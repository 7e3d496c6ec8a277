"""How a host is configured: its settings and secrets, nginx, logs, address and certificate."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from support.aws import Endpoint, endpoint
from support.host import SCRIPTS, Host, Metadata, metadata
from support.processes import clean_environment

SECRET = """s"e'c\\r$e`t $(touch /tmp/x) ${HOME} #; =%n with 32 characters"""
ADMIN_KEY = "the-key-of-the-operator"
DOMAIN = "images.example.org"
AGENT = "opt/aws/amazon-cloudwatch-agent"


@dataclass
class Fresh:
    """A host after its packages were installed, and the AWS that it asks."""

    host: Host
    aws: Endpoint
    imds: Metadata
    settings: dict[str, str]

    def stack(self, **more: str) -> None:
        self.host.stack(**{**self.settings, **more})

    def environment_file(self) -> Path:
        return self.host.root / "etc/image-handler/host.env"

    def variables(self) -> dict[str, str]:
        """Reads the file as a shell does, whose rules for text between double quotes are those of systemd."""
        script = f'set -a; . "{self.environment_file()}"; env -0'
        command = ["env", "-i", "bash", "-c", script]
        output = subprocess.run(command, capture_output=True, check=True, env=clean_environment()).stdout.decode()
        return dict(line.split("=", 1) for line in output.split("\0") if "=" in line)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Fresh]:
    with endpoint(tmp_path) as aws, metadata() as imds:
        secrets = aws.client("secretsmanager")
        content = json.dumps({"secret": SECRET, "admin_key": ADMIN_KEY})
        arn = secrets.create_secret(Name="application", SecretString=content)["ARN"]
        host = Host(tmp_path, aws.environment() | {"IMAGE_HANDLER_IMDS": imds.url})
        host.program("systemctl")
        # The group is the package's; this machine may not have it.
        host.program("chgrp")
        settings = {
            "MODE": "single",
            "GROUP": "images-service-hosts",
            "DATA_VOLUME_ID": "",
            "ADDRESS_ALLOCATION_ID": "",
            "VPC_CIDR": "10.20.0.0/16",
            "DOMAIN_NAME": "",
            "CONTACT_EMAIL": "",
            "PUBLIC_URL": "http://192.0.2.1",
            "MAX_UPLOAD_BYTES": "1048576",
            "S3_BUCKET": "images",
            "S3_PUBLIC_URL": "https://cdn.example.org",
            "S3_ACL": "none",
            "DATABASE_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:database",
            "APPLICATION_SECRET_ARN": arn,
            "LOG_BOOT": "/images/boot",
            "LOG_SERVICE": "/images/service",
            "LOG_NGINX_ACCESS": "/images/nginx-access",
            "LOG_NGINX_ERROR": "/images/nginx-error",
        }
        made = Fresh(host, aws, imds, settings)
        made.stack()
        yield made


def succeeded(result: CompletedProcess[str]) -> str:
    """Gives what a script said, in which no secret may be."""
    assert result.returncode == 0, result.stdout + result.stderr
    said = result.stdout + result.stderr
    assert SECRET not in said
    assert ADMIN_KEY not in said
    return said


def test_settings_and_secrets_reach_the_service_as_they_are(fresh: Fresh) -> None:
    succeeded(fresh.host.run("host-environment"))
    found = fresh.variables()
    assert found["SECRET"] == SECRET
    assert found["ADMIN_KEY"] == ADMIN_KEY
    assert found["S3_BUCKET"] == "images"
    assert found["S3_PUBLIC_URL"] == "https://cdn.example.org"
    assert found["S3_ACL"] == "none"
    assert found["AWS_REGION"] == "eu-west-1"
    assert found["DATABASE_SECRET_ARN"] == fresh.settings["DATABASE_SECRET_ARN"]
    assert found["DATABASE_CA"] == "/usr/local/share/image-handler/rds-ca.pem"
    assert found["MAX_UPLOAD_BYTES"] == "1048576"
    assert found["PUBLIC_URL"] == "http://192.0.2.1"


def test_only_root_and_the_service_can_read_them(fresh: Fresh) -> None:
    succeeded(fresh.host.run("host-environment"))
    assert fresh.environment_file().stat().st_mode & 0o777 == 0o640
    (call,) = fresh.host.calls("chgrp")
    assert call.startswith("chgrp image-handler ")
    assert [each.name for each in fresh.environment_file().parent.iterdir() if each.name.startswith(".new")] == []


def test_the_service_starts_anew_only_with_something_new(fresh: Fresh) -> None:
    restart = "systemctl restart image-handler.service"
    succeeded(fresh.host.run("host-environment"))
    succeeded(fresh.host.run("host-environment"))
    assert fresh.host.calls(restart) == [restart]
    fresh.stack(MAX_UPLOAD_BYTES="2097152")
    succeeded(fresh.host.run("host-environment"))
    assert fresh.host.calls(restart) == [restart, restart]
    assert fresh.variables()["MAX_UPLOAD_BYTES"] == "2097152"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"secret": "s", "admin_key": ""}', "has no text named admin_key"),
        ('{"admin_key": "a"}', "has no text named secret"),
        (
            '{"secret": "two\\nlines", "admin_key": "a"}',
            "the value of SECRET has characters in it that no setting can have",
        ),
        ("no json", "has no text named secret"),
    ],
)
def test_a_secret_that_cannot_be_used_changes_nothing(fresh: Fresh, content: str, complaint: str) -> None:
    succeeded(fresh.host.run("host-environment"))
    before = fresh.environment_file().read_text()
    fresh.aws.client("secretsmanager").put_secret_value(SecretId="application", SecretString=content)
    refused = fresh.host.run("host-environment")
    assert refused.returncode == 1
    assert complaint in refused.stderr
    assert "lines" not in refused.stderr
    assert fresh.environment_file().read_text() == before


def test_a_secret_that_may_not_be_read_is_told_by_its_name(fresh: Fresh) -> None:
    fresh.stack(APPLICATION_SECRET_ARN="arn:aws:secretsmanager:eu-west-1:123456789012:secret:nothing")
    refused = fresh.host.run("host-environment")
    assert refused.returncode == 1
    assert "secret:nothing cannot be read" in refused.stderr
    assert not fresh.environment_file().exists()


def test_a_setting_that_the_stack_forgot_is_told(fresh: Fresh) -> None:
    del fresh.settings["S3_BUCKET"]
    fresh.stack()
    refused = fresh.host.run("host-environment")
    assert refused.returncode == 1
    assert "has no S3_BUCKET" in refused.stderr
    assert not fresh.environment_file().exists()


def test_links_lead_to_https_only_when_there_is_a_certificate(fresh: Fresh) -> None:
    fresh.stack(PUBLIC_URL=f"https://{DOMAIN}", DOMAIN_NAME=DOMAIN)
    succeeded(fresh.host.run("host-environment"))
    assert fresh.variables()["PUBLIC_URL"] == f"http://{DOMAIN}"
    (fresh.host.root / "etc/nginx/sites-enabled/image-handler-tls").symlink_to("../site")
    succeeded(fresh.host.run("host-environment"))
    assert fresh.variables()["PUBLIC_URL"] == f"https://{DOMAIN}"
    # At a load balancer TLS ends before this host.
    (fresh.host.root / "etc/nginx/sites-enabled/image-handler-tls").unlink()
    fresh.stack(PUBLIC_URL=f"https://{DOMAIN}", DOMAIN_NAME=DOMAIN, MODE="scaled")
    succeeded(fresh.host.run("host-environment"))
    assert fresh.variables()["PUBLIC_URL"] == f"https://{DOMAIN}"


@dataclass
class Configured(Fresh):
    """A host whose volume is looked after elsewhere: test_host_volume.py does that."""

    folder: Path

    def configure(self, script: str = "configure") -> CompletedProcess[str]:
        command = [str(self.folder / "aws" / script)]
        variables = self.host.variables(IMAGE_HANDLER_CERTIFICATE=str(self.host.programs / "certificate"))
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def configured(fresh: Fresh, tmp_path: Path) -> Configured:
    scripts = tmp_path / "aws"
    scripts.mkdir()
    for script in SCRIPTS.iterdir():
        (scripts / script.name).symlink_to(script)
    (scripts / "data-volume").unlink()
    (scripts / "data-volume").symlink_to(fresh.host.program("data-volume"))
    ctl = fresh.host.program("amazon-cloudwatch-agent-ctl")
    (fresh.host.root / AGENT / "bin").mkdir(parents=True)
    (fresh.host.root / AGENT / "bin/amazon-cloudwatch-agent-ctl").symlink_to(ctl)
    fresh.host.program("getent", "exit 2")
    tls = fresh.host.root / "etc/nginx/sites-enabled/image-handler-tls"
    fresh.host.program("certificate", f"ln -s ../sites-available/image-handler-tls '{tls}'")
    (fresh.host.root / "etc/nginx/sites-enabled/default").symlink_to("../sites-available/default")
    ec2 = fresh.aws.client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    address = ec2.allocate_address(Domain="vpc")
    fresh.imds.answers |= {"instance-id": instance, "public-ipv4": address["PublicIp"]}
    fresh.settings["ADDRESS_ALLOCATION_ID"] = address["AllocationId"]
    fresh.stack()
    return Configured(**vars(fresh), folder=tmp_path)


def test_one_host_takes_its_address_and_serves(configured: Configured) -> None:
    succeeded(configured.configure())
    (address,) = configured.aws.client("ec2").describe_addresses()["Addresses"]
    assert address["InstanceId"] == configured.imds.answers["instance-id"]
    sites = configured.host.root / "etc/nginx/sites-enabled"
    assert [(each.name, str(each.readlink())) for each in sites.iterdir()] == [
        ("image-handler", "../sites-available/image-handler")
    ]
    assert not (configured.host.root / "etc/nginx/image-handler/real-ip.conf").exists()
    calls = configured.host.calls()
    assert calls[0] == "data-volume "
    for call in (
        "systemctl enable --quiet image-handler.service nginx.service image-handler-metrics.timer",
        "systemctl start image-handler.service",
        "systemctl reload-or-restart nginx.service",
    ):
        assert call in calls
    assert not any("drain" in call or "certificate" in call for call in calls)


def test_a_second_run_changes_nothing(configured: Configured) -> None:
    succeeded(configured.configure())
    root = configured.host.root
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    configured.host.record.unlink()
    succeeded(configured.configure())
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()} == before
    assert not any("restart" in call for call in configured.host.calls())


def test_logs_go_to_the_groups_of_the_stack(configured: Configured) -> None:
    succeeded(configured.configure())
    config = json.loads((configured.host.root / AGENT / "etc/image-handler.json").read_text())
    files = config["logs"]["logs_collected"]["files"]["collect_list"]
    assert {each["file_path"]: each["log_group_name"] for each in files} == {
        "/var/log/cloud-init-output.log": "/images/boot",
        "/var/log/image-handler.log": "/images/service",
        "/var/log/nginx/image-handler.access.log": "/images/nginx-access",
        "/var/log/nginx/image-handler.error.log": "/images/nginx-error",
    }
    assert {each["log_stream_name"] for each in files} == {"{instance_id}"}
    (call,) = configured.host.calls("amazon-cloudwatch-agent-ctl")
    assert call.endswith(f"file:{configured.host.root}/{AGENT}/etc/image-handler.json")
    assert "systemctl restart rsyslog.service" in configured.host.calls()
    rule = (configured.host.root / "etc/rsyslog.d/30-image-handler.conf").read_text()
    # Else the same lines fill /var/log/syslog too.
    assert rule.endswith("\n    stop\n}\n")


def test_behind_a_load_balancer_clients_are_those_that_it_names(configured: Configured) -> None:
    configured.stack(MODE="scaled", ADDRESS_ALLOCATION_ID="")
    succeeded(configured.configure())
    said = (configured.host.root / "etc/nginx/image-handler/real-ip.conf").read_text()
    assert "\nset_real_ip_from 10.20.0.0/16;\nreal_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n" in said
    assert "systemctl enable --quiet --now image-handler-drain.timer" in configured.host.calls()
    assert not configured.aws.client("ec2").describe_addresses()["Addresses"][0].get("InstanceId")


def test_a_volume_that_was_given_up_counts_as_used_before_the_host_serves(configured: Configured) -> None:
    """The first try of a host tags it as drained when that fails; an operator may mend the host and run this again."""
    ec2 = configured.aws.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1)["VolumeId"]
    ec2.create_tags(Resources=[volume], Tags=[{"Key": "image-handler:journal", "Value": "drained"}])
    configured.stack(MODE="scaled", ADDRESS_ALLOCATION_ID="")
    configured.host.program("findmnt", "echo /dev/nvme1n1")
    configured.host.program("lsblk", f"echo {volume.replace('-', '')}")
    succeeded(configured.configure())
    (found,) = ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    assert found["Tags"] == [{"Key": "image-handler:journal", "Value": "open"}]
    configured.host.program("lsblk", "echo vol0fedcba9876543210")
    refused = configured.configure()
    assert refused.returncode == 1
    assert "the volume vol-0fedcba9876543210 cannot be tagged as one in use" in refused.stderr


def test_a_certificate_waits_until_the_name_leads_here(configured: Configured) -> None:
    configured.stack(DOMAIN_NAME=DOMAIN, CONTACT_EMAIL="operator@example.org", PUBLIC_URL=f"https://{DOMAIN}")
    configured.host.program("getent", "echo 198.51.100.7 STREAM x")
    said = succeeded(configured.configure())
    assert f"{DOMAIN} leads to 198.51.100.7, not to {configured.imds.answers['public-ipv4']}" in said
    assert configured.host.calls("certificate") == []
    assert "systemctl enable --quiet --now image-handler-certificate.timer" in configured.host.calls()
    assert configured.variables()["PUBLIC_URL"] == f"http://{DOMAIN}"
    # The record in DNS is made; the timer runs this.
    configured.host.program("getent", f"echo {configured.imds.answers['public-ipv4']} STREAM x")
    succeeded(configured.configure("obtain-certificate"))
    assert configured.host.calls("certificate") == [f"certificate {DOMAIN} operator@example.org"]
    assert configured.variables()["PUBLIC_URL"] == f"https://{DOMAIN}"
    assert "systemctl disable --quiet --now image-handler-certificate.timer" in configured.host.calls()


def test_a_certificate_that_is_on_the_volume_serves_at_once(configured: Configured) -> None:
    configured.stack(DOMAIN_NAME=DOMAIN, CONTACT_EMAIL="operator@example.org", PUBLIC_URL=f"https://{DOMAIN}")
    live = configured.host.root / f"etc/letsencrypt/live/{DOMAIN}"
    live.mkdir(parents=True)
    (live / "fullchain.pem").touch()
    succeeded(configured.configure())
    assert configured.host.calls("certificate") == [f"certificate {DOMAIN} operator@example.org"]
    assert configured.variables()["PUBLIC_URL"] == f"https://{DOMAIN}"
    assert not any(
        "--now image-handler-certificate.timer" in call and "enable" in call for call in configured.host.calls()
    )


def test_an_authority_that_refuses_leaves_the_host_serving(configured: Configured) -> None:
    configured.stack(DOMAIN_NAME=DOMAIN, CONTACT_EMAIL="operator@example.org", PUBLIC_URL=f"https://{DOMAIN}")
    configured.host.program("getent", f"echo {configured.imds.answers['public-ipv4']} STREAM x")
    configured.host.program("certificate", "exit 1")
    said = succeeded(configured.configure())
    assert "is tried again every quarter of an hour" in said
    assert configured.variables()["PUBLIC_URL"] == f"http://{DOMAIN}"


def test_an_agent_that_refuses_its_configuration_stops_it(configured: Configured) -> None:
    configured.host.program("amazon-cloudwatch-agent-ctl", "exit 1")
    refused = configured.configure()
    assert refused.returncode == 1
    assert "the CloudWatch agent refuses its configuration" in refused.stderr


def test_a_volume_that_cannot_be_mounted_stops_it_before_anything_serves(configured: Configured) -> None:
    configured.host.program("data-volume", "exit 1")
    assert configured.configure().returncode == 1
    assert configured.host.calls("systemctl") == []


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.iterdir() if path.suffix == ""))
def test_every_script_says_what_it_is_for_and_takes_nothing_else(script: str) -> None:
    def run(argument: str) -> CompletedProcess[str]:
        command = [str(SCRIPTS / script), argument]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())

    assert run("--help").stdout.startswith(f"usage: {script}\n")
    assert run("--help").returncode == 0
    assert run("--force").returncode == 64


def test_the_scripts_are_sound() -> None:
    command = [
        "shellcheck",
        "--external-sources",
        "--source-path",
        str(SCRIPTS.parents[1]),
        *map(str, SCRIPTS.iterdir()),
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    assert (found.returncode, found.stdout) == (0, "")
