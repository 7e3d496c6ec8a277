"""The user data of a host, run for real with the release in an endpoint for S3.

Programs that would change this machine are replaced.
"""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.aws import REGION, Endpoint, endpoint
from support.host import Host
from support.processes import clean_environment
from templates.checks.hosts import user_data
from templates.combinations import COMBINATIONS, Combination, deployment, templates

BUCKET, PREFIX = "releases-of-images", "releases/0.1.0/"
INSTANCE = "i-0123456789abcdef0"
FILES = ("image-handler.deb", "amazon-ssm-agent.deb", "amazon-cloudwatch-agent.deb", "rds-ca.pem")
PARAMETERS = {
    "image-handler.deb": "PackageSha256",
    "amazon-ssm-agent.deb": "SsmAgentSha256",
    "amazon-cloudwatch-agent.deb": "CloudWatchAgentSha256",
    "rds-ca.pem": "RdsCaSha256",
}
RELEASED = {file: f"the content of {file}".encode() for file in FILES}


def script(combination: Combination, **parameters: str) -> str:
    """Gives the user data with names in the place of what only AWS knows."""
    text = user_data(deployment(templates(), combination, **parameters))
    return re.sub(r"⟨([^⟩]*)⟩", lambda found: re.sub(r"[^A-Za-z]", "-", found[1]), text)


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_the_user_data_is_a_sound_script(combination: Combination, tmp_path: Path) -> None:
    path = tmp_path / "user-data"
    path.write_text(script(combination))
    command = [shutil.which("shellcheck") or "shellcheck", str(path)]
    found = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


@dataclass
class Machine:
    """A machine that boots, and the endpoint that it asks."""

    host: Host
    aws: Endpoint
    folder: Path

    def boot(self, *, sums: dict[str, str] | None = None, mode: str = "single") -> subprocess.CompletedProcess[str]:
        digests = {file: hashlib.sha256(content).hexdigest() for file, content in RELEASED.items()} | (sums or {})
        text = script(
            Combination(mode, "bucket-policy"), **{PARAMETERS[file]: digest for file, digest in digests.items()}
        )
        for inside in ("/etc/image-handler", "/usr/lib/image-handler/", "/usr/local/share/", "/var/l"):
            assert inside in text
            text = text.replace(inside, f"{self.host.root}{inside}")
        path = self.folder / "user-data"
        path.write_text(text)
        return subprocess.run(
            ["bash", str(path)], env=self.host.variables(), capture_output=True, text=True, check=False, timeout=120
        )

    def signals(self) -> list[str]:
        return [line.rsplit(" ", 1)[1] for line in self.host.calls("signal")]


AWS = """case $1 in
cloudformation) echo "signal $*" >>"$record" ;;
*) exec "$real" "$@" ;;
esac"""


DISKS = """case $* in
*"PKNAME /dev"*) echo nvme0n1 ;;
*PKNAME*) exit 32 ;;
*) printf 'nvme0n1 vol0aaaaaaaaaaaaaaaa\\nnvme1n1 vol0bbbbbbbbbbbbbbbb\\n' ;;
esac"""
"""The disk of the system and the data volume, as lsblk shows them."""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with endpoint(tmp_path) as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        for file, content in RELEASED.items():
            s3.put_object(Bucket=BUCKET, Key=PREFIX + file, Body=content)
        aws.client("logs").create_log_group(logGroupName="service-BootLog")
        host = Host(tmp_path, aws.environment())
        real = shutil.which("aws", path=host.variables()["PATH"])
        # The endpoint knows no signals.
        host.program("aws", f"record='{host.record}' real='{real}'\n{AWS}")
        host.program("apt-get")
        host.program("systemctl")
        host.program("curl")
        host.program("sleep")
        # Never the one of this machine.
        host.program("shutdown")
        host.program("mountpoint", "exit 32")
        host.program("findmnt", "echo /dev/nvme0n1p1")
        host.program("lsblk", DISKS)
        configure = host.program("configure")
        (host.root / "usr/lib/image-handler/aws").mkdir(parents=True)
        (host.root / "usr/lib/image-handler/aws/configure").symlink_to(configure)
        for path, content in (("cloud/data/instance-id", INSTANCE), ("../log/cloud-init-output.log", "Booted.\n")):
            (host.root / "var/lib").mkdir(parents=True, exist_ok=True)
            (host.root / "var/lib" / path).parent.mkdir(parents=True, exist_ok=True)
            (host.root / "var/lib" / path).write_text(content)
        yield Machine(host, aws, tmp_path)


def reasons(machine: Machine) -> list[str]:
    """Gives what stands in the log of boots."""
    logs = machine.aws.client("logs")
    streams = logs.describe_log_streams(logGroupName="service-BootLog")["logStreams"]
    return [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(logGroupName="service-BootLog", logStreamName=stream["logStreamName"])[
            "events"
        ]
    ]


def installed(machine: Machine) -> list[str]:
    """Gives what was installed of the release."""
    return [
        word for line in machine.host.calls("apt-get") if " install " in line for word in line.split() if ".deb" in word
    ]


def test_a_release_that_is_what_it_should_be_is_installed_and_success_is_signalled(machine: Machine) -> None:
    boot = machine.boot()
    assert boot.returncode == 0, boot.stdout + boot.stderr
    # The agent that lets an operator in comes first.
    assert installed(machine) == ["./amazon-ssm-agent.deb", "./image-handler.deb", "./amazon-cloudwatch-agent.deb"]
    assert machine.signals() == ["SUCCESS"]
    assert len(machine.host.calls("configure")) == 1
    root = machine.host.root
    assert (root / "usr/local/share/image-handler/rds-ca.pem").read_bytes() == RELEASED["rds-ca.pem"]
    settings = root / "etc/image-handler/stack.env"
    assert settings.stat().st_mode & 0o777 == 0o600
    assert "\nDATA_VOLUME_ID=state-DataVolume\n" in settings.read_text()


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_installed_when_one_file_is_not_what_it_should_be(machine: Machine, file: str) -> None:
    boot = machine.boot(sums={file: "0" * 64})
    assert boot.returncode == 1
    assert installed(machine) == []
    assert not (machine.host.root / "usr/local/share/image-handler").exists()
    assert machine.host.calls("configure") == []
    assert machine.signals() == ["FAILURE"]
    (reason,) = reasons(machine)
    assert "failed while comparing the release with the checksums of the stack" in reason
    assert f"{file}: FAILED" in boot.stdout


def test_a_file_that_is_missing_is_told(machine: Machine) -> None:
    machine.aws.client("s3").delete_object(Bucket=BUCKET, Key=f"{PREFIX}rds-ca.pem")
    assert machine.boot().returncode == 1
    assert installed(machine) == []
    assert machine.signals() == ["FAILURE"]
    assert "failed while fetching the release" in reasons(machine)[0]


@pytest.mark.parametrize(
    ("program", "then", "step"),
    [
        ("apt-get", "[[ $* != *nginx* ]]", "installing nginx"),
        ("configure", "exit 3", "configuring the host"),
        ("curl", "exit 22", "waiting until nginx and the service answer"),
    ],
)
def test_whatever_fails_is_signalled_with_its_reason(machine: Machine, program: str, then: str, step: str) -> None:
    machine.host.program(program, then)
    assert machine.boot().returncode == 1
    assert machine.signals() == ["FAILURE"]
    (reason,) = reasons(machine)
    assert f"failed while {step}" in reason
    assert "Booted." in reason
    # An operator gets in.
    assert "./amazon-ssm-agent.deb" in installed(machine)


def test_a_host_that_no_update_waits_for_comes_up_all_the_same(machine: Machine) -> None:
    path = machine.host.programs / "aws"
    path.write_text(path.read_text().replace('>>"$record" ;;', '>>"$record"; exit 254 ;;'))
    assert machine.boot().returncode == 0


APT = """count=$(grep -c '^apt-get' '{record}')
if [ "$count" -le {times} ]; then echo 'E: Unable to lock directory /var/lib/apt/lists/'; exit 100; fi"""


def test_a_lock_that_apt_does_not_wait_for_is_waited_for(machine: Machine) -> None:
    machine.host.program("apt-get", APT.format(record=machine.host.record, times=2))
    boot = machine.boot()
    assert boot.returncode == 0, boot.stdout + boot.stderr
    assert machine.signals() == ["SUCCESS"]
    assert boot.stdout.count("Unable to lock directory") == 2
    assert machine.host.calls("sleep") == ["sleep 15", "sleep 15"]


def test_what_apt_cannot_do_is_given_up_after_a_while(machine: Machine) -> None:
    machine.host.program("apt-get", "exit 100")
    assert machine.boot().returncode == 1
    assert len(machine.host.calls("apt-get")) == 10
    assert machine.signals() == ["FAILURE"]
    assert "failed while installing what is needed to fetch the release" in reasons(machine)[0]


def test_the_updates_of_the_system_wait_until_the_host_is_up(machine: Machine) -> None:
    assert machine.boot().returncode == 0
    calls = machine.host.calls()
    timers = "apt-daily.timer apt-daily-upgrade.timer"
    stopped = f"systemctl stop {timers} apt-daily.service apt-daily-upgrade.service"
    assert calls[0] == stopped
    assert calls.index(f"systemctl start {timers}") > max(calls.index(call) for call in calls if "apt-get" in call)
    assert machine.host.calls("shutdown") == []


def test_a_host_that_failed_turns_itself_off_after_an_operator_had_time_to_look(machine: Machine) -> None:
    machine.host.program("configure", "exit 3")
    assert machine.boot().returncode == 1
    assert machine.host.calls("shutdown") == ["shutdown -P +10"]
    # The one that ends this host may not come before it was said why.
    assert machine.host.calls()[-2].startswith("signal ")
    (reason,) = reasons(machine)
    assert "turns itself off in ten minutes and is replaced; to look at it for longer: shutdown -c" in reason


def volume_of(machine: Machine) -> str:
    """Makes a volume, and has it shown as the data volume of the machine."""
    volume = machine.aws.client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    path = machine.host.programs / "lsblk"
    path.write_text(path.read_text().replace("vol0bbbbbbbbbbbbbbbb", volume.replace("-", "")))
    return volume


def tags(machine: Machine, volume: str) -> dict[str, str]:
    (found,) = machine.aws.client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"]
    return {each["Key"]: each["Value"] for each in found.get("Tags", [])}


def test_the_volume_of_a_host_that_never_served_is_tagged_as_one_that_owes_nothing(machine: Machine) -> None:
    volume = volume_of(machine)
    machine.host.program("configure", "exit 3")
    boot = machine.boot(mode="scaled")
    assert boot.returncode == 1, boot.stdout
    assert tags(machine, volume) == {"image-handler:journal": "drained"}
    assert machine.signals() == ["FAILURE"]


@pytest.mark.parametrize(
    ("mode", "program", "then"),
    [
        pytest.param("scaled", "mountpoint", "", id="mounted"),
        pytest.param("scaled", "findmnt", "exit 1", id="nobody knows which is the system's"),
        pytest.param("single", "true", "", id="the one volume that stays"),
    ],
)
def test_a_volume_that_may_hold_something_is_not_tagged(machine: Machine, mode: str, program: str, then: str) -> None:
    volume = volume_of(machine)
    machine.host.program(program, then)
    machine.host.program("configure", "exit 3")
    assert machine.boot(mode=mode).returncode == 1
    assert tags(machine, volume) == {}
    assert machine.signals() == ["FAILURE"]
