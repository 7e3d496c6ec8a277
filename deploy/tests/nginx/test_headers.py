"""Every answer says what browsers may do with it, whoever gives it; texts are compressed, images are not."""

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.http import Response, form, get, request, upload
from support.nginx import CLIENT, Proxied, proxied
from support.pictures import png

POLICIES = (
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy",
    "Permissions-Policy",
    "Content-Security-Policy",
    "X-Frame-Options",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
    "Strict-Transport-Security",
    "Cache-Control",
    "Content-Type",
)


def policies(answer: Response) -> dict[str, list[str]]:
    return {name: answer.headers.get_all(name, []) for name in POLICIES}


ANSWERS = [
    ("GET", "/", 200),
    ("GET", "/index.html", 200),
    ("GET", "/main.js", 200),
    ("GET", "/styles/global.css", 200),
    ("GET", "/favicon.svg", 200),
    ("GET", "/locales/de.json", 200),
    ("HEAD", "/main.js", 200),
    ("POST", "/main.js", 405),
    ("DELETE", "/", 405),
    ("GET", "/nothing.html", 404),
    ("GET", "/lib/", 404),
    ("GET", "/api", 404),
    ("GET", "/i", 404),
    ("GET", "/i/", 404),
    ("GET", "/i/nothing.png", 404),
    ("GET", "IMAGE", 200),
    ("HEAD", "IMAGE", 200),
    ("POST", "IMAGE", 405),
    ("GET", "VARIANT", 200),
    ("HEAD", "VARIANT", 200),
    ("POST", "VARIANT", 405),
    ("GET", "/i/nothing/thumb", 404),
    ("GET", "/i/01945d6c-7e3a-7000-8000-000000000000/huge", 404),
    ("GET", "/api/v1/images", 200),
    ("POST", "/api/v1/images", 415),
    ("GET", "/api/v1/limits", 200),
    ("GET", "/api/v1/openapi.json", 200),
    ("GET", "/docs", 308),
    ("GET", "/docs/", 200),
    ("GET", "/docs/swagger-ui.css", 200),
    ("GET", "/docs/nothing.js", 404),
    ("GET", "/livez", 200),
]


def named(path: str, site: Proxied) -> str:
    """Puts addresses of a new image into a path that only names them."""
    if path not in ("IMAGE", "VARIANT"):
        return path
    image = upload(site.url, png()).json()
    return urlsplit(image["link"] if path == "IMAGE" else image["variants"]["thumb"]).path


@pytest.fixture(scope="module", params=["http://images.example.org", "https://images.example.org"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """A site whose operator says that clients come by http, or by https through a load balancer."""
    settings = {"PUBLIC_URL": request.param, "S3_PUBLIC_URL": "https://cdn.example.org"}
    with proxied(tmp_path_factory.mktemp("site"), **settings) as running:
        yield running


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_what_browsers_are_told_is_what_the_service_says_itself(
    site: Proxied, method: str, path: str, status: int
) -> None:
    path = named(path, site)
    direct = request(method, site.service.url + path, X_Accel_Redirect="off")
    through = request(method, site.url + path)
    assert (direct.status, through.status) == (status, status)
    assert policies(through) == policies(direct)
    assert len(through.headers.get_all("X-Request-Id", [])) == 1
    assert through.headers.get("Server") == "nginx", "nothing of its version"
    if status >= 400 and method != "HEAD":
        problem, expected = through.json(), direct.json()
        assert problem["request_id"] == through.headers["X-Request-Id"]
        assert problem | {"request_id": ""} == expected | {"request_id": ""}
        assert through.headers.get("Allow") == direct.headers.get("Allow")


@pytest.mark.parametrize("path", ["/", "/main.js", "IMAGE", "VARIANT"])
def test_an_answer_of_not_modified_says_it_too(site: Proxied, path: str) -> None:
    path = named(path, site)
    first = get(site.url + path)
    answer = get(site.url + path, If_None_Match=first.headers["ETag"])
    assert (answer.status, answer.body) == (304, b"")
    told = policies(answer)
    del told["Content-Type"]
    assert told == {name: value for name, value in policies(first).items() if name != "Content-Type"}


def test_the_client_is_asked_for_anew_each_time(site: Proxied) -> None:
    answer = get(f"{site.url}/main.js")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.body == (CLIENT / "main.js").read_bytes()
    assert "img-src 'self' blob: https://cdn.example.org;" in answer.headers["Content-Security-Policy"]


def test_an_id_of_a_plain_form_is_passed_on_and_any_other_replaced(site: Proxied) -> None:
    for path in ("/", "/api/v1/limits", "/nothing", "/i/x.png"):
        assert get(site.url + path, X_Request_Id="given.1").headers["X-Request-Id"] == "given.1"
        for bad in ('a"b', "a b", "x" * 65, ""):
            answer = get(site.url + path, X_Request_Id=bad)
            assert answer.headers["X-Request-Id"] not in (bad, "")
    assert get(f"{site.url}/nothing", X_Request_Id='","code":"x').json()["code"] == "route-not-found"


def test_texts_are_compressed_and_images_are_not(site: Proxied) -> None:
    link = urlsplit(upload(site.url, png()).json()["link"]).path
    for path in (
        "/",
        "/main.js",
        "/styles/global.css",
        "/locales/de.json",
        "/api/v1/openapi.json",
        "/docs/swagger-ui.css",
    ):
        plain = get(site.url + path)
        assert "Content-Encoding" not in plain.headers
        answer = get(site.url + path, Accept_Encoding="gzip")
        assert answer.headers["Content-Encoding"] == "gzip", path
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert gzip.decompress(answer.body) == plain.body
    assert "Content-Encoding" not in get(site.url + link, Accept_Encoding="gzip").headers


def test_answers_with_a_token_are_not_compressed(site: Proxied) -> None:
    for accept in ("*/*", "text/html"):
        kind, body = form(png())
        answer = request(
            "POST", f"{site.url}/api/v1/images", body, Content_Type=kind, Accept=accept, Accept_Encoding="gzip"
        )
        assert answer.status == 201
        assert b"/#/delete/" in answer.body
        assert "Content-Encoding" not in answer.headers


def test_files_that_were_compressed_before_are_sent_as_they_are(tmp_path: Path) -> None:
    web = tmp_path / "web"
    shutil.copytree(CLIENT, web)
    packed = gzip.compress(b"packed before")
    (web / "main.js.gz").write_bytes(packed)
    (web / "main.js.br").write_bytes(b"any bytes")
    with proxied(tmp_path, brotli=True, WEB_DIR=str(web)) as site:
        answer = get(f"{site.url}/main.js", Accept_Encoding="gzip")
        assert (answer.headers["Content-Encoding"], answer.body) == ("gzip", packed)
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        answer = get(f"{site.url}/main.js", Accept_Encoding="gzip, br")
        assert (answer.headers["Content-Encoding"], answer.body) == ("br", b"any bytes")
        assert get(f"{site.url}/main.js").body == (CLIENT / "main.js").read_bytes()
