"""Variants that nginx sends are the same answers as those of the service, which makes them."""

from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.between import between
from support.http import get, request, same, upload
from support.nginx import Proxied, proxied
from support.pictures import hills, undecodable
from support.service import Service, service

WEBP = "image/avif,image/webp,*/*;q=0.8"
"""As browsers ask for pictures."""


def put(url: str, picture: bytes) -> dict:
    answer = upload(url, picture)
    assert answer.status == 201, answer.body
    return answer.json()


def thumb_of(image: dict) -> str:
    return urlsplit(image["variants"]["thumb"]).path


def kept(behind: Service, image: dict) -> list[Path]:
    """Gives the files that the service keeps of an image's variants."""
    return sorted((behind.uploads / "variants").rglob(f"{image['id']}/*"))


@pytest.fixture(scope="module")
def image(site: Proxied) -> dict:
    return put(site.url, hills(1000, 750))


REQUESTS = [
    ("GET", {}, 200),
    ("HEAD", {}, 200),
    ("GET", {"Accept": WEBP}, 200),
    ("HEAD", {"Accept": WEBP}, 200),
    ("GET", {"Accept": "image/*"}, 200),
    ("GET", {"Accept": "image/webp;q=0, */*"}, 200),
    ("GET", {"Range": "bytes=0-9"}, 206),
    ("GET", {"Range": "bytes=-7"}, 206),
    ("GET", {"Range": "bytes=0-9", "Accept": WEBP}, 206),
    ("GET", {"Range": "bytes=99999999-"}, 416),
    ("GET", {"Range": "bytes=0-1,5-6"}, 200),
    ("HEAD", {"Range": "bytes=0-9"}, 200),
    ("GET", {"Range": "bytes=0-9", "If-Range": "ETAG"}, 206),
    ("GET", {"Range": "bytes=0-9", "If-Range": '"another"'}, 200),
    ("GET", {"If-None-Match": "ETAG"}, 304),
    ("HEAD", {"If-None-Match": "ETAG"}, 304),
    ("GET", {"If-None-Match": "W/ETAG"}, 304),
    ("GET", {"If-None-Match": "ETAG", "Accept": WEBP}, 200),
    ("GET", {"If-None-Match": '"another"'}, 200),
    ("GET", {"If-Modified-Since": "FUTURE"}, 200),
    ("GET", {"Range": "bytes=0-9", "If-Range": "FUTURE"}, 200),
    ("GET", {"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
    ("GET", {"Accept-Encoding": "gzip, br"}, 200),
    ("GET", {"Origin": "https://elsewhere.example"}, 200),
    ("POST", {}, 405),
]


@pytest.mark.parametrize("name", ["thumb", "medium"])
@pytest.mark.parametrize(("method", "headers", "status"), REQUESTS, ids=lambda value: str(value))
def test_an_answer_through_nginx_is_the_same_as_the_services_own(
    site: Proxied, image: dict, name: str, method: str, headers: dict[str, str], status: int
) -> None:
    path = urlsplit(image["variants"][name]).path
    words = {"ETAG": get(site.service.url + path, X_Accel_Redirect="off").headers["ETag"]}
    words["FUTURE"] = formatdate(4102444800, usegmt=True)
    for word, value in words.items():
        headers = {each: text.replace(word, value) for each, text in headers.items()}
    headers["X-Request-Id"] = "the-same"
    direct = request(method, site.service.url + path, **headers | {"X-Accel-Redirect": "off"})
    through = request(method, site.url + path, **headers)
    assert direct.status == status
    assert same(through) == same(direct)


def test_the_bytes_do_not_come_from_the_service(site: Proxied, image: dict) -> None:
    path = thumb_of(image)
    for headers in ({}, {"Range": "bytes=0-9"}, {"Accept": WEBP}):
        answer = get(site.service.url + path, **headers)
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["X-Accel-Redirect"].startswith("/_uploads/variants/")
        through = get(site.url + path, **headers)
        assert through.body and "X-Accel-Redirect" not in through.headers


def test_what_a_client_accepts_decides_and_caches_between_are_told(site: Proxied, image: dict) -> None:
    path = thumb_of(image)
    plain, webp = get(site.url + path, Accept="*/*"), get(site.url + path, Accept=WEBP)
    assert plain.headers["Content-Type"] in ("image/png", "image/jpeg")
    assert plain.headers["ETag"] != webp.headers["ETag"]
    assert webp.headers["Content-Type"] == "image/webp" and webp.body[8:12] == b"WEBP"
    unchanged = get(site.url + path, Accept=WEBP, If_None_Match=webp.headers["ETag"])
    assert unchanged.status == 304
    compressing = get(site.url + path, Accept_Encoding="gzip")
    for answer in (plain, webp, unchanged, compressing):
        assert answer.headers.get_all("Vary") == ["Accept"]
        assert answer.headers.get_all("Cache-Control") == [plain.headers["Cache-Control"]]


def test_a_variant_that_made_room_before_nginx_opened_it_is_made_anew(tmp_path: Path) -> None:
    with service(tmp_path, ACCEL_PREFIX="/_uploads/") as behind:
        image = put(behind.url, hills(1000, 750))
        led = []

        def evict(address: str) -> None:
            led.append(address)
            (behind.uploads / address.removeprefix("/_uploads/")).unlink()

        with between(tmp_path, behind, once_led=evict) as url:
            answer = get(url + thumb_of(image))
        assert len(led) == 1 and led[0].startswith("/_uploads/variants/")
        assert same(answer) == same(get(behind.url + thumb_of(image), X_Accel_Redirect="off"))
        assert answer.status == 200 and answer.body
        assert kept(behind, image) == [behind.uploads / led[0].removeprefix("/_uploads/")], "and kept again"


def test_an_image_that_goes_before_nginx_opens_its_variant_is_answered_as_gone(tmp_path: Path) -> None:
    with service(tmp_path, ACCEL_PREFIX="/_uploads/") as behind:
        image = put(behind.url, hills(500, 400))

        def delete(_address: str) -> None:
            token = f"Bearer {image['delete_token']}"
            gone = request("DELETE", f"{behind.url}/api/v1/images/{image['id']}", Authorization=token)
            assert gone.status == 204

        with between(tmp_path, behind, once_led=delete) as url:
            answer = get(url + thumb_of(image))
        assert kept(behind, image) == []
    assert (answer.status, answer.json()["code"]) == (410, "image-deleted")
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert answer.headers.get_all("Content-Type") == ["application/problem+json"]
    assert "Content-Disposition" not in answer.headers


def test_a_variant_that_nginx_cannot_find_comes_from_the_service(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with proxied(tmp_path, for_nginx={"UPLOADS_DIR": str(empty)}, READ_RATE="off") as site:
        path = thumb_of(put(site.url, hills(500, 400)))
        assert "X-Accel-Redirect" in get(site.service.url + path).headers
        for headers in ({}, {"Accept": WEBP}, {"Range": "bytes=0-9"}):
            answer = get(site.url + path, **headers)
            assert answer.body
            assert same(answer) == same(get(site.service.url + path, **headers | {"X-Accel-Redirect": "off"}))


def test_what_has_no_variant_is_said_as_the_service_says_it(site: Proxied) -> None:
    broken = thumb_of(put(site.url, undecodable()))
    deleted = put(site.url, hills(200, 100))
    address = f"{site.url}/api/v1/images/{deleted['id']}"
    assert request("DELETE", address, Authorization=f"Bearer {deleted['delete_token']}").status == 204
    for path, status, code in (
        (broken, 422, "image-undecodable"),
        # Remembered.
        (broken, 422, "image-undecodable"),
        (thumb_of(deleted), 410, "image-deleted"),
        ("/i/01945d6c-7e3a-7000-8000-000000000000/thumb", 404, "image-not-found"),
    ):
        answer = get(site.url + path, X_Request_Id="the-same")
        assert (answer.status, answer.json()["code"]) == (status, code)
        assert same(answer) == same(get(site.service.url + path, X_Request_Id="the-same"))
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_nginx_may_read_what_the_service_keeps_as_it_may_read_originals(tmp_path: Path) -> None:
    """As a member of the group, which the tests' own nginx does not need to be."""
    with service(tmp_path) as behind:
        image = put(behind.url, hills(500, 400))
        assert get(behind.url + thumb_of(image)).status == 200
        [variant] = kept(behind, image)
        original = next((behind.uploads / "originals").rglob(f"{image['id']}.png"))
        assert oct(variant.stat().st_mode) == oct(original.stat().st_mode)
        folders = [folder for folder in variant.parents if folder.is_relative_to(behind.uploads / "variants")]
        assert len(folders) == 3
        assert {oct(folder.stat().st_mode) for folder in folders} == {oct(original.parent.stat().st_mode)}
