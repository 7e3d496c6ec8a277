"""`smoke` against the real service, with moto's S3 and MariaDB, and against services in which something is wrong."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from signal import Signals
from threading import Thread

import pytest

from support import stack as stacks
from support.aws import Endpoint, endpoint
from support.certificates import authority
from support.http import Response, request
from support.mariadb import Server, server
from support.operator import Machine
from support.service import Service, service
from support.stack import FIRST_PASSWORD, HOST, NAME

READ = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::pictures/images/*"}
PUBLIC = {"Version": "2012-10-17", "Statement": [READ]}


@dataclass
class World:
    """The service with all that it needs."""

    machine: Machine
    aws: Endpoint
    database: Server
    service: Service
    door: "Door"

    def run(self, *words: str, url: str = "", code: int = 0) -> str:
        return self.machine.run("smoke", "--url", url or self.service.url, *words, code=code)

    def nothing_is_left(self) -> None:
        """Sees that every picture was deleted."""
        assert self.database.run("SELECT COUNT(*) FROM images WHERE deleted_at IS NULL", database="images") == "0"
        assert "Contents" not in self.aws.client("s3").list_objects_v2(Bucket="pictures")


class Door:
    """The way of strangers to the bucket. moto lists a bucket for everybody, S3 only where that is allowed."""

    def __init__(self, aws: Endpoint) -> None:
        self.lists = False
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/images/") or door.lists:
                    answer = request("GET", f"{aws.url}/pictures{self.path}")
                else:
                    answer = Response(403, HTTPMessage(), b"AccessDenied")
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                pass

        self.listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.listener.server_port}"

    def __enter__(self) -> "Door":
        self.thread = Thread(target=self.listener.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown()
        self.thread.join()
        self.listener.server_close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("smoke")
    ca = authority(folder / "rds")
    with server(certificate=ca.issue(HOST)) as database, endpoint(folder) as aws, Door(aws) as door:
        database.run("CREATE DATABASE images")
        quoted = FIRST_PASSWORD.replace("\\", "\\\\").replace("'", "''")
        database.run(f"CREATE USER image_handler@'%' IDENTIFIED BY '{quoted}' REQUIRE SSL")
        database.run("GRANT ALL ON images.* TO image_handler@'%'")
        stack = stacks.make(aws, ca.certificate.read_bytes())
        aws.client("s3").put_bucket_policy(Bucket="pictures", Policy=json.dumps(PUBLIC))
        settings = {
            "DATABASE_URL": f"mysql://root@127.0.0.1:{database.port}/images",
            "S3_BUCKET": "pictures",
            "S3_ENDPOINT": aws.url,
            "S3_PUBLIC_URL": door.url,
        }
        with service(folder, **aws.environment(), **settings) as running:
            machine = Machine(folder / "machine", aws, dict(stack.answers))
            machine.answers["ssm start-session"] = database.port
            machine.answers["sts get-caller-identity"] = {"Account": "123456789012"}
            yield World(machine, aws, database, running, door)


Change = Callable[[str, str, Response], Response]


@contextmanager
def in_front_of(world: World, change: Change) -> Iterator[str]:
    """Puts a server before the service that changes its answers, and gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            names = ("Content-Type", "Authorization", "Idempotency-Key")
            given = {name.replace("-", "_"): self.headers[name] for name in names if name in self.headers}
            answer = request(self.command, world.service.url + self.path, body, **given)
            answer = change(self.command, self.path, answer)
            self.send_response(answer.status)
            for name in ("Content-Type", "Location", "Age"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            if answer.status != 204:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=listener.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}"
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def test_all_is_well_also_the_second_time_and_nothing_is_left(world: World) -> None:
    for _ in range(2):
        said = world.run()
        assert said.endswith("All is well.\n")
        for step in (
            "uploaded",
            "record by the API",
            "same bytes by its link",
            "same bytes from S3",
            "nobody lists",
            "gone",
        ):
            assert step in said
    world.nothing_is_left()


def test_with_a_stack_it_looks_into_bucket_and_database(world: World) -> None:
    said = world.run("--stack", NAME)
    assert "object in the bucket      s3://pictures/images/" in said
    assert "row in the database       smoke\thttp://" in said
    assert "gone from bucket and database" in said
    assert FIRST_PASSWORD not in said
    world.nothing_is_left()


def test_tokens_and_keys_are_on_no_command_line(world: World, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("an-upload-key\n")
    world.machine.command("curl", '#!/bin/bash\nprintf "%s\\n" "$*" >>"$HOME/curls"\nexec /usr/bin/curl "$@"\n')
    world.run("--key-file", str(key))
    (world.machine.commands / "curl").unlink()
    calls = (world.machine.folder / "curls").read_text()
    assert "--request DELETE" in calls
    assert "Bearer" not in calls
    assert "an-upload-key" not in calls


def test_an_upload_key_opens_a_service_that_asks_for_one(world: World, tmp_path: Path) -> None:
    key = "k" * 43
    settings = {
        "UPLOAD_KEYS": f"smoke:{sha256(key.encode()).hexdigest()}",
        "S3_BUCKET": "pictures",
        "S3_ENDPOINT": world.aws.url,
        "S3_PUBLIC_URL": world.door.url,
    }
    with service(tmp_path, **world.aws.environment(), **settings) as running:
        assert "the upload was not taken (HTTP 401)" in world.run(url=running.url, code=1)
        (tmp_path / "key").write_text(key + "\n")
        assert "All is well." in world.run("--key-file", str(tmp_path / "key"), url=running.url)
    assert "cannot be read" in world.run("--key-file", str(tmp_path / "none"), code=1)


def test_a_listing_that_is_open_is_told_and_the_picture_goes(world: World) -> None:
    world.door.lists = True
    said = world.run(code=1)
    world.door.lists = False
    assert "anybody may list the bucket (HTTP 200)" in said
    assert "was deleted again" in said
    world.nothing_is_left()


def test_a_bucket_that_is_not_public_is_told_and_the_picture_goes(world: World) -> None:
    s3 = world.aws.client("s3")
    s3.delete_bucket_policy(Bucket="pictures")
    said = world.run(code=1)
    s3.put_bucket_policy(Bucket="pictures", Policy=json.dumps(PUBLIC))
    assert "its public address does not give the picture (HTTP 403)" in said
    assert "public access is blocked" in said
    world.nothing_is_left()


def test_a_service_that_is_not_there_is_told(world: World) -> None:
    assert "the upload was not taken (HTTP 000): curl: (7)" in world.run(url="http://127.0.0.1:9", code=1)


def _edit(answer: Response, **values: object) -> Response:
    document = answer.json()
    document.update(values)
    return Response(answer.status, answer.headers, json.dumps(document).encode())


def _other_bytes(_method: str, path: str, answer: Response) -> Response:
    return Response(200, answer.headers, answer.body + b"x") if path.startswith("/i/") else answer


def _no_link(_method: str, path: str, answer: Response) -> Response:
    return Response(404, answer.headers, b"") if path.startswith("/i/") else answer


def _forgotten(method: str, path: str, answer: Response) -> Response:
    return Response(404, answer.headers, b"{}") if method == "GET" and path.startswith("/api/") else answer


def _other_uploader(method: str, path: str, answer: Response) -> Response:
    return _edit(answer, uploader="Eve") if method == "GET" and path.startswith("/api/") else answer


def _never_stored(method: str, path: str, answer: Response) -> Response:
    pending = {"local": "stored", "s3": "pending", "record": "stored"}
    return _edit(answer, storage=pending) if method == "GET" and path.startswith("/api/") else answer


def _never_recorded(method: str, path: str, answer: Response) -> Response:
    pending = {"local": "stored", "s3": "stored", "record": "pending"}
    return _edit(answer, storage=pending) if method == "GET" and path.startswith("/api/") else answer


def _stays(_method: str, path: str, answer: Response) -> Response:
    return Response(200, answer.headers, b"") if path.startswith("/i/") and answer.status == 410 else answer


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_other_bytes, "its link gives other bytes than were uploaded"),
        (_no_link, "its link does not give the picture (HTTP 404)"),
        (_forgotten, "the API does not find the picture (HTTP 404)"),
        (_other_uploader, "its record names another uploader"),
        (_never_stored, "its object is not in S3 after 30 seconds"),
        (_never_recorded, "its record is not in the database after 30 seconds"),
        (_stays, "its link still answers, with HTTP 200"),
    ],
)
def test_each_thing_that_is_wrong_is_told_and_nothing_is_left(world: World, change: Change, told: str) -> None:
    # Waiting is counted, not timed: without real sleeps the same 60 looks go by.
    world.machine.command("sleep", "#!/bin/sh\n")

    def with_links(method: str, path: str, answer: Response) -> Response:
        if method == "POST" and answer.status == 201:
            answer = _edit(answer, link=answer.json()["link"].replace(world.service.url, address))
        return change(method, path, answer)

    with in_front_of(world, with_links) as address:
        said = world.run(url=address, code=1)
    (world.machine.commands / "sleep").unlink()
    assert told in said
    world.nothing_is_left()


def test_a_picture_that_cannot_be_deleted_is_told(world: World) -> None:
    def refuse(method: str, _path: str, answer: Response) -> Response:
        return Response(403, answer.headers, b"{}") if method == "DELETE" else answer

    with in_front_of(world, refuse) as address:
        said = world.run(url=address, code=1)
    # The door answered for the service, which had deleted it.
    assert "it cannot be deleted (HTTP 403)" in said
    assert "Delete it as the operator, with ADMIN_KEY" in said


def test_a_picture_whose_answer_was_lost_is_deleted_all_the_same(world: World) -> None:
    taken: list[str] = []

    def lose_the_first(method: str, _path: str, answer: Response) -> Response:
        if method != "POST":
            return answer
        taken.append(answer.json()["id"])
        return Response(502, answer.headers, b"") if len(taken) == 1 else answer

    with in_front_of(world, lose_the_first) as address:
        said = world.run(url=address, code=1)
    assert "the upload was not taken (HTTP 502)" in said
    assert len(taken) == 2
    assert taken[0] == taken[1], "the same key, the same picture"
    assert f"The picture {taken[0]} was deleted again." in said
    assert request("GET", f"{world.service.url}/api/v1/images/{taken[0]}").status == 410


@pytest.mark.parametrize("sent", [Signals.SIGINT, Signals.SIGTERM, Signals.SIGHUP])
def test_somebody_impatient_leaves_neither_the_picture_nor_files(world: World, sent: Signals) -> None:
    def again(method: str, _path: str, answer: Response) -> Response:
        # In the middle of cleaning up.
        if method == "DELETE":
            world.machine.signal(sent)
        return answer

    with in_front_of(world, again) as address:
        said = world.machine.interrupt("smoke", "--url", address, after="uploaded", sent=sent)
    assert "was deleted again." in said
    world.nothing_is_left()


def test_a_cache_in_front_of_the_bucket_is_no_failure(world: World) -> None:
    kept: dict[str, bytes] = {}

    def cache(method: str, path: str, answer: Response) -> Response:
        if method == "POST" and answer.status == 201:
            image = answer.json()
            return _edit(answer, url=f"{address}/images/{image['link'].rsplit('/', 1)[1]}")
        if path.startswith("/images/"):
            name = path.removeprefix("/images/")
            found = request("GET", f"{world.service.url}/i/{name}")
            if found.status == 200:
                kept[name] = found.body
            found.headers["Age"] = "7"
            return Response(200, found.headers, kept[name])
        return Response(403, answer.headers, b"") if path == "/" or path.startswith("/?") else answer

    with in_front_of(world, cache) as address:
        said = world.run(url=address)
    assert "the cache before the bucket keeps its copy for up to an hour" in said
    assert "All is well." in said


def test_a_url_with_a_path_is_refused(world: World) -> None:
    assert "--url takes" in world.run(url="http://localhost/path", code=2)
    assert "--url takes" in world.run(url="http://user@localhost", code=2)


def test_a_stack_whose_object_or_row_is_missing_is_told(world: World) -> None:
    world.machine.answers["s3api head-object"] = "404"
    said = world.run("--stack", NAME, code=1)
    del world.machine.answers["s3api head-object"]
    assert "is not there: (404)" in said
    world.database.run("CREATE DATABASE other; CREATE TABLE other.images LIKE images.images")
    world.database.run("GRANT ALL ON other.* TO image_handler@'%'")
    secrets = world.aws.client("secretsmanager")
    secret = json.loads(secrets.get_secret_value(SecretId="database")["SecretString"])
    secrets.put_secret_value(SecretId="database", SecretString=json.dumps(secret | {"dbname": "other"}))
    said = world.run("--stack", NAME, code=1)
    secrets.put_secret_value(SecretId="database", SecretString=json.dumps(secret))
    assert "the database has no row of it, or another: none" in said
    world.nothing_is_left()
