"""What a host tells CloudWatch: the real service, the real command line of AWS."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from threading import Thread

import pytest

from support.aws import Endpoint, endpoint
from support.host import Host, metadata
from support.processes import free_port
from support.service import service

GROUP = "images-service-hosts"


@dataclass
class Watched:
    """A host whose metrics are looked at."""

    host: Host
    aws: Endpoint

    def publish(self, url: str) -> CompletedProcess[str]:
        return self.host.run("publish-metrics", IMAGE_HANDLER_URL=url)

    def values(self, name: str) -> list[float]:
        """Gives what was published under a name with the dimension that alarms look at."""
        now = datetime.now(UTC)
        found = self.aws.client("cloudwatch").get_metric_statistics(
            Namespace="ImageHandler",
            MetricName=name,
            Dimensions=[{"Name": "AutoScalingGroupName", "Value": GROUP}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        return [sum(each["Sum"] for each in found), sum(each["SampleCount"] for each in found)]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with endpoint(tmp_path) as aws, metadata() as imds:
        host = Host(tmp_path, aws.environment() | {"IMAGE_HANDLER_IMDS": imds.url})
        host.stack(GROUP=GROUP)
        yield Watched(host, aws)


@contextmanager
def metrics(text: list[str]) -> Iterator[str]:
    """Answers every request with the last text: states of the service that cannot be brought about quickly."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text[-1].encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def said(errors: str, started: int = 1000, free: str = "50") -> str:
    return (
        f"process_start_time_seconds {started}\n"
        f'image_handler_http_requests_total{{method="POST",route="/api/v1/images",status="201"}} 900\n{errors}'
        "image_handler_pending_oldest_age_seconds 1234\n"
        "image_handler_journal_unreadable_files 2\n"
        f"image_handler_uploads_free_bytes {free}\nimage_handler_uploads_size_bytes 200\n"
    )


def failed(status: int, count: int) -> str:
    return f'image_handler_http_requests_total{{method="GET",route="/i/{{name}}",status="{status}"}} {count}\n'


def test_the_real_service_is_published_whole(watched: Watched, tmp_path: Path) -> None:
    with service(tmp_path) as running:
        published = watched.publish(running.url)
    assert published.returncode == 0, published.stderr
    for name in ("PendingOldestAge", "ServerErrors", "JournalUnreadableFiles"):
        assert watched.values(name) == [0, 1], name
    for name in ("DiskFreePercent", "RootDiskFreePercent"):
        free, samples = watched.values(name)
        assert samples == 1, name
        assert 0 < free <= 100, name


def test_the_disk_of_the_system_is_asked_itself(watched: Watched) -> None:
    watched.host.program("stat", "echo 30 120")
    with metrics([said("")]) as url:
        assert watched.publish(url).returncode == 0
        assert watched.values("RootDiskFreePercent") == [25, 1]
        assert "stat -f -c %a %b " + str(watched.host.root) + "/" in watched.host.calls()
        watched.host.program("stat", "exit 1")
        refused = watched.publish(url)
    assert refused.returncode == 1
    assert "the system's volume cannot be asked" in refused.stderr


def test_a_service_that_does_not_answer_is_told_by_silence(watched: Watched) -> None:
    published = watched.publish(f"http://127.0.0.1:{free_port()}")
    assert published.returncode == 1
    assert "the service does not answer" in published.stderr
    assert watched.aws.client("cloudwatch").list_metrics()["Metrics"] == []


def test_errors_are_counted_once_and_a_restart_begins_anew(watched: Watched) -> None:
    text = [said(failed(500, 3) + failed(503, 4))]
    with metrics(text) as url:
        assert watched.publish(url).returncode == 0
        assert watched.values("ServerErrors") == [7, 1]
        assert watched.publish(url).returncode == 0
        assert watched.values("ServerErrors") == [7, 2]
        text.append(said(failed(500, 5) + failed(503, 4)))
        assert watched.publish(url).returncode == 0
        assert watched.values("ServerErrors") == [9, 3]
        text.append(said(failed(500, 20), started=2000))
        assert watched.publish(url).returncode == 0
        assert watched.values("ServerErrors") == [29, 4]
    assert watched.values("PendingOldestAge") == [4 * 1234, 4]
    assert watched.values("JournalUnreadableFiles") == [4 * 2, 4]
    assert watched.values("DiskFreePercent") == [4 * 25, 4]


def test_errors_that_could_not_be_published_are_published_later(watched: Watched) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with metrics([said(failed(500, 3))]) as url:
        refused = watched.host.run(
            "publish-metrics", IMAGE_HANDLER_URL=url, AWS_ENDPOINT_URL=nowhere, AWS_MAX_ATTEMPTS="1"
        )
        assert refused.returncode == 1
        assert "CloudWatch does not take the metrics" in refused.stderr
        assert watched.publish(url).returncode == 0
    assert watched.values("ServerErrors") == [3, 1]


def test_a_disk_that_cannot_be_asked_has_no_number(watched: Watched) -> None:
    with metrics([said("", free="NaN").replace("size_bytes 200", "size_bytes NaN")]) as url:
        assert watched.publish(url).returncode == 0
    assert watched.values("DiskFreePercent") == [0, 0]
    assert watched.values("ServerErrors") == [0, 1]


def test_metrics_that_lack_something_are_an_error(watched: Watched) -> None:
    with metrics([said("").replace("image_handler_journal_unreadable_files 2\n", "")]) as url:
        published = watched.publish(url)
    assert published.returncode == 1
    assert "/metrics has no image_handler_journal_unreadable_files" in published.stderr
