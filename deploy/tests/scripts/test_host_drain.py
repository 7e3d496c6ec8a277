"""A host that the group takes away: the real service, with S3 there and away."""

import shutil
import socket
import socketserver
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from threading import Thread

import pytest

from support.aws import REGION, Endpoint, endpoint
from support.host import SCRIPTS, Host, Metadata, metadata
from support.http import get, upload
from support.pictures import png
from support.processes import free_port, until
from support.service import Service, service

GROUP = "images-service-hosts"
BUCKET = "images"
NAMED = f"--lifecycle-hook-name drain --auto-scaling-group-name {GROUP} --instance-id i-0123456789abcdef0"
COMPLETE = f"aws autoscaling complete-lifecycle-action {NAMED} --lifecycle-action-result CONTINUE"
HEARTBEAT = f"aws autoscaling record-lifecycle-action-heartbeat {NAMED}"
# The endpoint knows no lifecycle hooks.
AWS = """[ "$1" != autoscaling ] || exit 0
exec '{real}' "$@\""""


@dataclass
class Leaving:
    """A host of a group."""

    host: Host
    aws: Endpoint
    imds: Metadata
    volume: str

    def drain(self, running: Service, patience: int = 60) -> CompletedProcess[str]:
        return self.host.run("drain", **self.settings(running, patience))

    def settings(self, running: Service, patience: int) -> dict[str, str]:
        return {
            "IMAGE_HANDLER_URL": running.url,
            "IMAGE_HANDLER_PATIENCE": str(patience),
            "IMAGE_HANDLER_PAUSE": "0.1",
        }

    def mark(self) -> str | None:
        volume = self.aws.client("ec2").describe_volumes(VolumeIds=[self.volume])["Volumes"][0]
        return {each["Key"]: each["Value"] for each in volume.get("Tags", [])}.get("image-handler:journal")

    def s3(self, **more: str) -> dict[str, str]:
        credentials = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": REGION}
        return {"S3_BUCKET": BUCKET, "S3_ENDPOINT": self.aws.url, **credentials, **more}


@pytest.fixture
def leaving(tmp_path: Path) -> Iterator[Leaving]:
    with endpoint(tmp_path) as aws, metadata() as imds:
        aws.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        volume = aws.client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
        host = Host(tmp_path, aws.environment() | {"IMAGE_HANDLER_IMDS": imds.url})
        host.stack(GROUP=GROUP)
        real = shutil.which("aws", path=host.variables()["PATH"])
        host.program("aws", AWS.format(real=real))
        # nginx ends by itself when it was asked to, the service does what it is told: is-active says no.
        host.program("systemctl", "[[ $* != *is-active* ]]")
        host.program("findmnt", "echo /dev/nvme1n1")
        host.program("lsblk", f"echo {volume.replace('-', '')}")
        imds.answers["autoscaling/target-lifecycle-state"] = "Terminated"
        yield Leaving(host, aws, imds, volume)


def pending(running: Service) -> bool:
    return b"\nimage_handler_pending_images 1\n" in get(f"{running.url}/metrics").body


def test_a_host_that_owes_nothing_goes(leaving: Leaving, tmp_path: Path) -> None:
    with service(tmp_path, **leaving.s3()) as running:
        assert upload(running.url, png()).status == 201
        drained = leaving.drain(running)
    assert drained.returncode == 0, drained.stderr
    assert "nothing is owed any more" in drained.stdout
    calls = leaving.host.calls()
    assert calls[-1] == COMPLETE
    assert HEARTBEAT in calls
    order = ["systemctl kill --signal=SIGQUIT --kill-whom=main nginx.service", "systemctl stop image-handler.service"]
    assert [call for call in calls if call in order] == order
    assert leaving.mark() == "drained"


@pytest.mark.parametrize("state", ["InService", "Standby", None])
def test_a_host_that_stays_is_left_alone(leaving: Leaving, tmp_path: Path, state: str | None) -> None:
    del leaving.imds.answers["autoscaling/target-lifecycle-state"]
    if state:
        leaving.imds.answers["autoscaling/target-lifecycle-state"] = state
    with service(tmp_path, **leaving.s3()) as running:
        drained = leaving.drain(running)
    assert (drained.returncode, drained.stdout, drained.stderr) == (0, "", "")
    assert leaving.host.calls() == []


def test_a_journal_that_cannot_be_drained_is_told_and_stays(leaving: Leaving, tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with service(tmp_path, **leaving.s3(S3_ENDPOINT=nowhere)) as running:
        assert upload(running.url, png()).json()["storage"]["s3"] == "pending"
        drained = leaving.drain(running, patience=2)
    assert drained.returncode == 0
    assert (
        f"ERROR: 1 images are still owed to S3 or the database; they stay on the volume {leaving.volume}"
        in drained.stdout
    )
    assert leaving.host.calls()[-1] == COMPLETE
    assert leaving.mark() == "pending"


def test_a_host_waits_until_s3_has_what_it_owes(leaving: Leaving, tmp_path: Path) -> None:
    port = free_port()
    with service(tmp_path, **leaving.s3(S3_ENDPOINT=f"http://127.0.0.1:{port}")) as running:
        uploaded = upload(running.url, png()).json()
        assert uploaded["storage"]["s3"] == "pending"
        drain = subprocess.Popen(
            [str(SCRIPTS / "drain")],
            env=leaving.host.variables(**leaving.settings(running, 120)),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            until("it waits", lambda: HEARTBEAT in leaving.host.calls())
            assert pending(running)
            assert COMPLETE not in leaving.host.calls()
            with forwarded(port, leaving.aws):
                said, _ = drain.communicate(timeout=120)
        finally:
            if drain.poll() is None:
                drain.kill()
            drain.wait()
    assert drain.returncode == 0
    assert "nothing is owed any more" in said
    assert leaving.host.calls()[-1] == COMPLETE
    assert leaving.mark() == "drained"
    objects = leaving.aws.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [uploaded["id"] in each["Key"] for each in objects] == [True]


def test_a_service_that_says_nothing_counts_as_owing(leaving: Leaving, tmp_path: Path) -> None:
    with service(tmp_path, **leaving.s3()) as running:
        pass
    drained = leaving.drain(running, patience=1)
    assert drained.returncode == 0
    assert "an unknown number of images are still owed" in drained.stdout
    assert leaving.mark() == "pending"


def test_uploads_in_flight_are_waited_for(leaving: Leaving, tmp_path: Path) -> None:
    leaving.host.program("systemctl", "exit 0")
    with service(tmp_path, **leaving.s3()) as running:
        drained = leaving.drain(running, patience=1)
    assert "still owed" in drained.stdout
    assert leaving.mark() == "pending"


def test_a_group_that_could_not_be_told_is_told_the_next_time_and_then_never_again(
    leaving: Leaving, tmp_path: Path
) -> None:
    path = leaving.host.programs / "aws"
    working = path.read_text()
    path.write_text(working.replace("|| exit 0", "|| { [[ $2 != complete-* ]]; exit; }"))
    with service(tmp_path, **leaving.s3()) as running:
        refused = leaving.drain(running)
    assert refused.returncode == 1
    assert "it is tried again" in refused.stderr
    path.write_text(working)
    # The service is stopped by now and can say nothing; what it said last counts.
    again = leaving.drain(running)
    assert again.returncode == 0, again.stderr
    assert leaving.mark() == "drained"
    told = leaving.host.calls()
    assert leaving.drain(running).returncode == 0
    assert leaving.host.calls() == told


@contextmanager
def forwarded(port: int, to: Endpoint) -> Iterator[None]:
    """Makes an endpoint answer at another port too: S3 is back."""
    target = ("127.0.0.1", int(to.url.rsplit(":", 1)[1]))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(target) as there:
                back = Thread(target=copy, args=(there, self.request), daemon=True)
                back.start()
                copy(self.request, there)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", port), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def copy(source: socket.socket, sink: socket.socket) -> None:
    """Copies until the source ends, and passes the end on."""
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
