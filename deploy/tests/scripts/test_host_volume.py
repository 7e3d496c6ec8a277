"""The data volume, on real block devices: only a blank one gets a file system."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from support.aws import Endpoint, endpoint
from support.host import Host, metadata
from support.processes import clean_environment

VOLUME = "vol-0123456789abcdef0"
MIB = 1024 * 1024


def tool(*command: str, check: bool = True) -> str:
    return subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=check).stdout.strip()


def loop_devices_work() -> bool:
    if os.geteuid() != 0:
        return False
    return subprocess.run(["losetup", "-f"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module", autouse=True)
def devices() -> None:
    """Says where these tests cannot run, in words that `make test` counts."""
    if not loop_devices_work():
        pytest.skip("NOT RUN: the data volume: it needs root and loop devices")


@dataclass
class Disk:
    """A host with a volume of 64 MiB that is attached to it."""

    host: Host
    image: Path
    device: str
    folder: Path

    def prepare(self, **more: str) -> CompletedProcess[str]:
        return self.host.run("data-volume", **more)

    @property
    def uploads(self) -> Path:
        return self.host.root / "var/lib/image-handler"

    def unmount(self) -> None:
        for path in ("etc/letsencrypt", "var/lib/image-handler", "srv/image-handler"):
            while os.path.ismount(self.host.root / path):
                tool("umount", str(self.host.root / path))

    def kind(self) -> str:
        return tool("blkid", "--probe", "-s", "TYPE", "-o", "value", self.device, check=False)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    image = tmp_path / "volume"
    with image.open("wb") as file:
        file.truncate(64 * MIB)
    device = tool("losetup", "-f", "--show", str(image))
    with ExitStack() as stack:
        stack.callback(tool, "losetup", "-d", device)
        imds = stack.enter_context(metadata())
        host = Host(tmp_path, {"IMAGE_HANDLER_IMDS": imds.url})
        host.stack(DATA_VOLUME_ID=VOLUME, DOMAIN_NAME="images.example.org")
        by_id = host.root / "dev/disk/by-id"
        by_id.mkdir(parents=True)
        (by_id / f"nvme-Amazon_Elastic_Block_Store_{VOLUME.replace('-', '')}").symlink_to(device)
        host.program("systemctl")
        host.program("aws", "exit 1")
        # The package makes the user; this machine may not have it.
        host.program("chown")
        disk = Disk(host, image, device, tmp_path)
        stack.callback(disk.unmount)
        yield disk


def test_a_blank_volume_gets_a_file_system_and_what_is_on_it_stays(disk: Disk) -> None:
    first = disk.prepare()
    assert first.returncode == 0, first.stderr
    assert "is blank and gets a file system" in first.stdout
    uuid = tool("blkid", "--probe", "-s", "UUID", "-o", "value", disk.device)
    (disk.uploads / "image").write_text("an image")
    (disk.host.root / "etc/letsencrypt/key").write_text("a key")
    again = disk.prepare()
    assert again.returncode == 0, again.stderr
    assert "gets a file system" not in again.stdout
    # As after a reboot, or on the next host.
    disk.unmount()
    assert not (disk.uploads / "image").exists()
    (disk.host.root / "etc/fstab").unlink()
    assert disk.prepare().returncode == 0
    assert (disk.uploads / "image").read_text() == "an image"
    assert (disk.host.root / "etc/letsencrypt/key").read_text() == "a key"
    assert tool("blkid", "--probe", "-s", "UUID", "-o", "value", disk.device) == uuid
    assert disk.host.calls("aws") == []


def test_fstab_names_the_file_system_by_its_uuid_and_keeps_other_lines(disk: Disk) -> None:
    fstab = disk.host.root / "etc/fstab"
    fstab.parent.mkdir(parents=True, exist_ok=True)
    fstab.write_text("UUID=0-0 / ext4 defaults 0 1\n")
    assert disk.prepare().returncode == 0
    once = fstab.read_text()
    assert disk.prepare().returncode == 0
    assert fstab.read_text() == once
    root, volume, uploads, certificates = once.splitlines()
    assert root == "UUID=0-0 / ext4 defaults 0 1"
    assert re.match(r"UUID=[0-9a-f-]{36} .*/srv/image-handler ext4 defaults,nodev,nosuid,noexec,nofail,", volume)
    assert " none bind,nofail,x-systemd.requires-mounts-for=" in uploads
    assert "/etc/letsencrypt" in certificates
    # Units learn of new lines once.
    assert disk.host.calls("systemctl daemon-reload") == ["systemctl daemon-reload"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param((0, b"#!data"), id="bytes that nobody knows"),
        pytest.param((15 * MIB, b"x"), id="one byte far behind"),
        pytest.param((512, b"EFI PART"), id="the rest of a table of partitions"),
    ],
)
def test_a_volume_that_is_not_blank_is_left_as_it_is(disk: Disk, content: tuple[int, bytes]) -> None:
    offset, data = content
    with Path(disk.device).open("r+b") as device:
        device.seek(offset)
        device.write(data)
    tool("sync")
    before = disk.image.read_bytes()
    refused = disk.prepare()
    assert refused.returncode == 1
    assert "it is left as it is" in refused.stderr
    assert disk.image.read_bytes() == before
    assert not os.path.ismount(disk.uploads)


def test_a_file_system_of_another_kind_is_left_as_it_is(disk: Disk) -> None:
    tool("mkswap", disk.device)
    before = disk.image.read_bytes()
    refused = disk.prepare()
    assert refused.returncode == 1
    assert "but 'swap'; it is left as it is" in refused.stderr
    assert disk.image.read_bytes() == before


def test_a_damaged_file_system_is_not_made_anew(disk: Disk) -> None:
    tool("mkfs.ext4", "-q", disk.device)
    with Path(disk.device).open("r+b") as device:
        device.write(b"\0" * 4096)
    tool("sync")
    before = disk.image.read_bytes()
    assert disk.kind() == ""
    refused = disk.prepare()
    assert refused.returncode == 1
    assert "it is left as it is" in refused.stderr
    assert disk.image.read_bytes() == before


def test_a_table_of_partitions_is_left_as_it_is(disk: Disk) -> None:
    entry = bytes([0, 0, 2, 0, 0x83, 0, 0, 0]) + (2048).to_bytes(4, "little") + (65536).to_bytes(4, "little")
    with Path(disk.device).open("r+b") as device:
        device.seek(446)
        device.write(entry + bytes(48) + b"\x55\xaa")
    tool("sync")
    before = disk.image.read_bytes()
    assert disk.prepare().returncode == 1
    assert disk.image.read_bytes() == before


def test_a_volume_that_became_larger_is_used_whole(disk: Disk) -> None:
    assert disk.prepare().returncode == 0
    small = os.statvfs(disk.uploads).f_blocks
    disk.unmount()
    with disk.image.open("r+b") as file:
        file.truncate(128 * MIB)
    tool("losetup", "-c", disk.device)
    assert disk.prepare().returncode == 0
    assert os.statvfs(disk.uploads).f_blocks > 1.5 * small


def test_the_service_is_stopped_before_its_folder_is_mounted(disk: Disk) -> None:
    assert disk.prepare().returncode == 0
    calls = disk.host.calls("systemctl")
    assert "systemctl stop image-handler.service" in calls
    assert disk.prepare().returncode == 0
    assert disk.host.calls("systemctl") == calls


def test_in_scaled_mode_it_is_the_one_volume_beside_that_of_the_system(disk: Disk) -> None:
    disk.host.stack(DATA_VOLUME_ID="", DOMAIN_NAME="images.example.org")
    by_id = disk.host.root / "dev/disk/by-id"
    for other in ("vol0123456789abcdef0-part1", "vol0123456789abcdef0_1"):
        (by_id / f"nvme-Amazon_Elastic_Block_Store_{other}").symlink_to("/dev/loop-control")
    assert disk.prepare().returncode == 0
    assert os.path.ismount(disk.uploads)
    # Hosts behind a load balancer have no certificates of their own.
    assert not (disk.host.root / "etc/letsencrypt").exists()
    assert "letsencrypt" not in (disk.host.root / "etc/fstab").read_text()


@pytest.fixture
def further(disk: Disk) -> Iterator[str]:
    """A second volume, which an operator attached: that of a host that is gone, say. It comes first by its name."""
    image = disk.folder / "further"
    with image.open("wb") as file:
        file.truncate(64 * MIB)
    device = tool("losetup", "-f", "--show", str(image))
    by_id = disk.host.root / "dev/disk/by-id"
    (by_id / "nvme-Amazon_Elastic_Block_Store_vol00000000000000001").symlink_to(device)
    with ExitStack() as stack:
        stack.callback(tool, "losetup", "-d", device)
        # Before that: what is mounted of it keeps the device.
        stack.callback(disk.unmount)
        yield device


def attached_as(disk: Disk, names: dict[str, str]) -> None:
    """Has devices say as what they are attached, as Amazon's do: 32 characters at 3072 of what a controller says."""
    cases = "".join(f"{device}) name='{name}' ;; " for device, name in names.items())
    disk.host.program(
        "nvme",
        f"""[ "$1 $2" = 'id-ctrl --raw-binary' ] || exit 1
case $3 in {cases}esac
head -c 3072 /dev/zero; printf '%-32s' "$name"; head -c 992 /dev/zero""",
    )


@pytest.mark.parametrize(("own", "other"), [("sdf", "sdg"), ("/dev/sdf", "/dev/sdg")])
def test_of_several_volumes_it_is_the_one_that_the_host_was_started_with(
    disk: Disk, further: str, own: str, other: str
) -> None:
    disk.host.stack(DATA_VOLUME_ID="", DOMAIN_NAME="")
    attached_as(disk, {disk.device: own, further: other})
    prepared = disk.prepare()
    assert prepared.returncode == 0, prepared.stderr
    assert f"{disk.device} is mounted at " in prepared.stdout
    assert disk.kind() == "ext4"
    assert tool("blkid", "--probe", "-s", "TYPE", "-o", "value", further, check=False) == ""
    assert disk.prepare().returncode == 0


@pytest.mark.parametrize("names", [("", ""), ("sdf", "sdf"), ("sdg", "sdh")])
def test_of_several_volumes_none_is_guessed(disk: Disk, further: str, names: tuple[str, str]) -> None:
    disk.host.stack(DATA_VOLUME_ID="", DOMAIN_NAME="")
    attached_as(disk, dict(zip((disk.device, further), names, strict=True)))
    refused = disk.prepare()
    assert refused.returncode == 1
    assert "one has to be attached as /dev/sdf, not " in refused.stderr
    assert disk.kind() == ""
    assert tool("blkid", "--probe", "-s", "TYPE", "-o", "value", further, check=False) == ""


def test_of_several_volumes_in_mode_single_it_is_the_one_that_the_stack_names(disk: Disk, further: str) -> None:
    prepared = disk.prepare()
    assert prepared.returncode == 0, prepared.stderr
    assert disk.kind() == "ext4"
    assert tool("blkid", "--probe", "-s", "TYPE", "-o", "value", further, check=False) == ""


def test_a_host_without_a_data_volume_is_told(disk: Disk) -> None:
    disk.host.stack(DATA_VOLUME_ID="", DOMAIN_NAME="")
    (disk.host.root / f"dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{VOLUME.replace('-', '')}").unlink()
    refused = disk.prepare()
    assert refused.returncode == 1
    assert "there has to be a volume beside that of the system, and there is none" in refused.stderr


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Endpoint]:
    with endpoint(tmp_path) as aws:
        yield aws


def test_a_volume_is_attached_to_this_instance(disk: Disk, aws: Endpoint) -> None:
    ec2 = aws.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    image = ec2.describe_images()["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet["SubnetId"])["Instances"][0]
    volume = ec2.create_volume(AvailabilityZone=subnet["AvailabilityZone"], Size=1)["VolumeId"]
    (disk.host.programs / "aws").unlink()
    disk.host.stack(DATA_VOLUME_ID=volume, DOMAIN_NAME="")
    with metadata(made["InstanceId"]) as imds:
        # The endpoint attaches in its books only: no device comes, and that is told.
        waited = disk.prepare(IMAGE_HANDLER_IMDS=imds.url, IMAGE_HANDLER_PATIENCE="0", **aws.environment())
    assert waited.returncode == 1
    assert f"the volume {volume} did not come within 0 seconds" in waited.stderr
    (attached,) = ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Attachments"]
    assert attached["InstanceId"] == made["InstanceId"]


def test_a_volume_that_may_not_be_attached_is_told_at_once(disk: Disk, aws: Endpoint) -> None:
    (disk.host.programs / "aws").unlink()
    disk.host.stack(DATA_VOLUME_ID="vol-0fedcba9876543210", DOMAIN_NAME="")
    refused = disk.prepare(**aws.environment())
    assert refused.returncode == 1
    assert "the volume vol-0fedcba9876543210 cannot be attached" in refused.stderr
    assert "InvalidVolume.NotFound" in refused.stderr
