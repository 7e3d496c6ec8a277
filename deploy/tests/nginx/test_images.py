"""Images that nginx sends are the same answers, byte for byte, as those of the service."""

import os
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from support.between import between
from support.http import get, request, same, upload
from support.nginx import Proxied, install, nginx, proxied, write_settings
from support.pictures import png
from support.processes import until
from support.service import service

PICTURE = png(64, 64)
SIZE = len(PICTURE)

ORIGINAL = "originals/2026-11-22/x.png"
VARIANT = "variants/2026-11-22/x/320-any-0.png"


@pytest.fixture(scope="module")
def link(site: Proxied) -> str:
    """The path of an image."""
    answer = upload(site.url, PICTURE)
    assert answer.status == 201
    return urlsplit(answer.json()["link"]).path


REQUESTS = [
    ("GET", {}, 200),
    ("HEAD", {}, 200),
    ("GET", {"Range": "bytes=0-9"}, 206),
    ("GET", {"Range": "bytes=0-0"}, 206),
    ("GET", {"Range": "bytes=100-"}, 206),
    ("GET", {"Range": "bytes=-7"}, 206),
    ("GET", {"Range": f"bytes=-{SIZE + 5}"}, 206),
    ("GET", {"Range": f"bytes=5-{SIZE * 9}"}, 206),
    ("GET", {"Range": "bytes=5-99999999999999999999999"}, 206),
    ("GET", {"Range": f"bytes={SIZE}-"}, 416),
    ("GET", {"Range": "bytes=-0"}, 416),
    ("GET", {"Range": "bytes=0-1,5-6"}, 200),
    ("GET", {"Range": "bytes=5-4"}, 200),
    ("GET", {"Range": "bytes=-"}, 200),
    ("GET", {"Range": "items=0-1"}, 200),
    ("GET", {"Range": "nonsense"}, 200),
    ("HEAD", {"Range": "bytes=0-9"}, 200),
    ("GET", {"Range": "bytes=0-9", "If-Range": "ETAG"}, 206),
    ("GET", {"Range": "bytes=0-9", "If-Range": "MODIFIED"}, 206),
    ("GET", {"Range": "bytes=0-9", "If-Range": '"another"'}, 200),
    ("GET", {"Range": "bytes=0-9", "If-Range": "W/ETAG"}, 200),
    ("GET", {"Range": "bytes=0-9", "If-Range": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
    ("GET", {"Range": "bytes=0-9", "If-Range": "FUTURE"}, 200),
    ("GET", {"If-Range": "ETAG"}, 200),
    ("GET", {"If-None-Match": "ETAG"}, 304),
    ("HEAD", {"If-None-Match": "ETAG"}, 304),
    ("GET", {"If-None-Match": "W/ETAG"}, 304),
    ("GET", {"If-None-Match": "*"}, 304),
    ("GET", {"If-None-Match": '"another"'}, 200),
    ("GET", {"If-None-Match": "ETAG", "Range": "bytes=0-9"}, 304),
    ("GET", {"If-Modified-Since": "MODIFIED"}, 304),
    ("GET", {"If-Modified-Since": "FUTURE"}, 304),
    ("GET", {"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
    ("GET", {"If-Modified-Since": "yesterday"}, 200),
    ("GET", {"If-Modified-Since": "FUTURE", "If-None-Match": '"another"'}, 200),
    ("GET", {"If-Match": '"another"'}, 200),
    ("GET", {"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
    ("GET", {"Accept-Encoding": "gzip, br"}, 200),
    ("GET", {"Origin": "https://elsewhere.example"}, 200),
    ("POST", {}, 405),
]


@pytest.mark.parametrize(("method", "headers", "status"), REQUESTS, ids=lambda value: str(value))
def test_an_answer_through_nginx_is_the_same_as_the_services_own(
    site: Proxied, link: str, method: str, headers: dict[str, str], status: int
) -> None:
    plain = get(site.service.url + link, X_Accel_Redirect="off")
    words = {"ETAG": plain.headers["ETag"], "MODIFIED": plain.headers["Last-Modified"]}
    words["FUTURE"] = formatdate(4102444800, usegmt=True)
    for word, value in words.items():
        headers = {name: text.replace(word, value) for name, text in headers.items()}
    # The other way round than it looks: without this the service would leave the bytes to nginx.
    headers["X-Request-Id"] = "the-same"
    direct = request(method, site.service.url + link, **headers | {"X-Accel-Redirect": "off"})
    through = request(method, site.url + link, **headers)
    assert direct.status == status
    assert same(through) == same(direct)
    if status == 200 and method == "GET":
        assert through.body == PICTURE


def test_the_bytes_do_not_come_from_the_service(site: Proxied, link: str) -> None:
    for headers in ({}, {"Range": "bytes=0-9"}):
        answer = get(site.service.url + link, **headers)
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["X-Accel-Redirect"].startswith("/_uploads/originals/")
        assert "X-Accel-Redirect" not in get(site.url + link, **headers).headers
    # What nginx would answer otherwise than the service is not left to it.
    for headers in ({"Range": "bytes=0-1,5-6"}, {"If-Match": "*"}, {"Range": "bytes=0-9", "If-Range": '"x"'}):
        assert get(site.service.url + link, **headers).body == PICTURE


def test_without_the_setting_the_service_sends_the_bytes_and_nginx_passes_them_on(tmp_path: Path) -> None:
    with proxied(tmp_path, ACCEL_PREFIX="") as site:
        path = urlsplit(upload(site.url, PICTURE).json()["link"]).path
        for url in (site.url, site.service.url):
            answer = get(url + path)
            assert answer.body == PICTURE
            assert "X-Accel-Redirect" not in answer.headers


def test_a_copy_that_nginx_cannot_find_comes_from_the_service(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with proxied(tmp_path, for_nginx={"UPLOADS_DIR": str(empty)}, READ_RATE="off") as site:
        path = urlsplit(upload(site.url, PICTURE).json()["link"]).path
        assert "X-Accel-Redirect" in get(site.service.url + path).headers
        answer = get(site.url + path)
        assert (answer.status, answer.body) == (200, PICTURE)
        assert same(answer) == same(get(site.service.url + path, X_Accel_Redirect="off"))
        assert get(site.url + path, Range="bytes=0-9").body == PICTURE[:10]


def test_an_image_that_goes_before_nginx_opens_it_is_answered_as_gone(tmp_path: Path) -> None:
    with service(tmp_path, ACCEL_PREFIX="/_uploads/") as behind:
        image = upload(behind.url, PICTURE).json()

        def delete(_address: str) -> None:
            token = f"Bearer {image['delete_token']}"
            gone = request("DELETE", f"{behind.url}/api/v1/images/{image['id']}", Authorization=token)
            assert gone.status == 204

        with between(tmp_path, behind, once_led=delete) as url:
            answer = get(url + urlsplit(image["link"]).path)
    assert (answer.status, answer.json()["code"]) == (410, "image-deleted")
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert answer.headers.get_all("Content-Type") == ["application/problem+json"]
    assert "Content-Disposition" not in answer.headers


def test_a_deleted_image_is_gone_and_one_without_a_copy_is_redirected_by_the_service(site: Proxied) -> None:
    image = upload(site.url, png()).json()
    path = urlsplit(image["link"]).path
    copy = next((site.service.uploads / "originals").rglob(f"{image['id']}.png"))
    content = copy.read_bytes()
    copy.unlink()
    answer = get(site.url + path)
    assert (answer.status, answer.headers["Location"]) == (302, image["url"])
    copy.write_bytes(content)
    token = image["delete_token"]
    assert request("DELETE", f"{site.url}/api/v1/images/{image['id']}", Authorization=f"Bearer {token}").status == 204
    answer = get(site.url + path)
    assert (answer.status, answer.json()["code"]) == (410, "image-deleted")


def test_a_client_cannot_name_a_file_or_switch_anything_off_that_matters(site: Proxied, link: str) -> None:
    for number, value in enumerate(("off", "/_uploads/secret", "/_uploads/originals/")):
        assert get(site.url + link, X_Accel_Redirect=value, X_Request_Id=f"named-{number}").body == PICTURE
        line = until("the service has logged it", lambda end=f"request_id=named-{number}\n": line_with(site, end))
        assert " bytes=0 " in line, "nginx sent the bytes all the same"


def line_with(site: Proxied, text: str) -> str | None:
    lines = site.service.log.read_text().splitlines(keepends=True)
    return next((line for line in lines if text in line), None)


def test_the_times_of_the_file_mean_nothing(site: Proxied) -> None:
    image = upload(site.url, png()).json()
    copy = next((site.service.uploads / "originals").rglob(f"{image['id']}.png"))
    # As after a backup was put back without care.
    os.utime(copy, (1_000_000_000, 1_000_000_000))
    tag = f'"{1_000_000_000:x}-{copy.stat().st_size:x}"'
    since = formatdate(1_000_000_000, usegmt=True)
    path = urlsplit(image["link"]).path
    for headers in ({}, {"If-None-Match": tag}, {"If-Modified-Since": since}, {"Range": "bytes=0-9", "If-Range": tag}):
        through = get(site.url + path, **headers, X_Request_Id="the-same")
        assert through.status == 200
        assert same(through) == same(get(site.service.url + path, **headers, X_Accel_Redirect="off"))


def test_nginx_sends_nothing_but_originals_and_variants_whatever_it_is_told(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    for path in (
        ORIGINAL,
        VARIANT,
        "secret",
        "metadata.db",
        "journal/entry.json",
        "tmp/x",
        "originals.png",
        "variants.png",
    ):
        (uploads / path).parent.mkdir(parents=True, exist_ok=True)
        (uploads / path).write_text(f"content of {path}")

    class Misled(BaseHTTPRequestHandler):
        """A service that leads nginx wherever the client likes. Asked for the bytes themselves, it has none."""

        def do_GET(self) -> None:
            if self.headers.get("X-Accel-Redirect") == "off":
                self.send_response_only(404)
            else:
                self.send_response_only(200)
                self.send_header("X-Accel-Redirect", self.path.removeprefix("/i/led?"))
            self.send_header("Content-Length", "0")
            self.end_headers()

    installation = install(tmp_path / "nginx")
    with ThreadingHTTPServer(("127.0.0.1", 0), Misled) as misled:
        Thread(target=misled.serve_forever).start()
        settings = {"LISTEN": f"127.0.0.1:{misled.server_port}", "UPLOADS_DIR": str(uploads)}
        write_settings(installation, ACCEL_PREFIX="/_uploads/", **settings)
        try:
            with nginx(installation):
                led = lambda address: get(f"http://127.0.0.1:{installation.port}/i/led?{address}")  # noqa: E731
                for path in (ORIGINAL, VARIANT):
                    assert led(f"/_uploads/{path}").body == f"content of {path}".encode()
                for address in (
                    "/_uploads/secret",
                    "/_uploads/metadata.db",
                    "/_uploads/journal/entry.json",
                    "/_uploads/tmp/x",
                    "/_uploads/originals.png",
                    "/_uploads/originals/../secret",
                    "/_uploads/originals/..%2fsecret",
                    "/_uploads/originals/2026-11-22/../../secret",
                    "/_uploads/originals/",
                    "/_uploads/originals",
                    "/_uploads/variants.png",
                    "/_uploads/variants/../secret",
                    "/_uploads/variants/..%2fsecret",
                    "/_uploads/variants../secret",
                    "/_uploads/variants/",
                    "/_uploads/variants",
                    "/_uploads/",
                ):
                    answer = led(address)
                    assert answer.status in (400, 404), address
                    assert b"content of" not in answer.body, address
        finally:
            misled.shutdown()
