"""The site with TLS: modern versions only, http leads to it, and browsers are told to stay."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.http import get, request
from support.nginx import Proxied, proxied
from support.pictures import png
from support.processes import clean_environment

ONLY_TLS = "max-age=63072000"


@pytest.fixture(scope="module", params=["", "https://images.example.org"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """A site with TLS whose operator has, or has not, told the service its name."""
    folder: Path = tmp_path_factory.mktemp("site")
    with proxied(folder, site="image-handler-tls", PUBLIC_URL=request.param) as running:
        yield running


def curl(site: Proxied, path: str, *options: str) -> tuple[int, dict[str, str], bytes]:
    """Asks by https, trusting the certificate of the test and nothing else."""
    authority = site.installation.snippets / "tls/fullchain.pem"
    command = ["curl", "-sS", "--max-time", "60", "--cacert", str(authority), "-D", "-", *options]
    finished = subprocess.run(
        [*command, f"https://localhost:{site.installation.tls_port}{path}", "--resolve", "localhost:1:127.0.0.1", "-4"],
        capture_output=True,
        env=clean_environment(),
        check=False,
    )
    if finished.returncode:
        return finished.returncode, {}, finished.stderr
    head, _, body = finished.stdout.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    names = [name.lower() for name, _ in pairs]
    assert names.count("strict-transport-security") <= 1
    return int(first.split()[1]), {name.lower(): value for name, value in pairs}, body


def test_http_leads_to_https_and_shows_nothing_else(site: Proxied) -> None:
    told = "images.example.org" in (site.installation.snippets / "settings.conf").read_text()
    address = "https://images.example.org" if told else "https://127.0.0.1"
    for method, path in [("GET", "/"), ("GET", "/i/x.png?a=b"), ("POST", "/api/v1/images"), ("GET", "/metrics")]:
        answer = request(method, site.url + path)
        assert (answer.status, answer.headers["Location"]) == (308, address + path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert get(f"{site.url}/livez").body == b"ok", "for whoever asks on the host itself"


def test_a_certificate_authority_finds_what_it_asks_for_by_http(site: Proxied) -> None:
    folder = site.installation.acme / ".well-known/acme-challenge"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token").write_text("the answer")
    answer = get(f"{site.url}/.well-known/acme-challenge/token")
    assert (answer.status, answer.body) == (200, b"the answer")
    assert answer.headers["Content-Type"] == "text/plain"
    assert get(f"{site.url}/.well-known/acme-challenge/nothing").status == 404
    assert "challenge/nothing" not in (site.installation.folder / "log/image-handler.error.log").read_text()
    assert get(f"{site.url}/.well-known/acme-challenge/../../../../site.conf").status in (308, 400, 404)


def test_every_answer_by_tls_tells_browsers_to_stay_with_it(site: Proxied, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(png())
    status, headers, body = curl(site, "/api/v1/images", "-F", "uploader=Ada", "-F", f"file=@{picture}")
    assert (status, headers["strict-transport-security"]) == (201, ONLY_TLS)
    name = body.decode().split("/i/", 1)[1].split('"', 1)[0]
    rows = [("/", 200), ("/main.js", 200), (f"/i/{name}", 200), ("/api/v1/limits", 200), ("/livez", 200), ("/x", 404)]
    for path, expected in [*rows, ("/metrics", 404), ("/_uploads/originals/", 404), ("/i/x.png", 404), ("/docs", 308)]:
        status, headers, _ = curl(site, path)
        assert (status, headers.get("strict-transport-security")) == (expected, ONLY_TLS), path
    assert curl(site, f"/i/{name}")[2] == picture.read_bytes()


def test_http_2_is_spoken(site: Proxied) -> None:
    finished = curl(site, "/main.js", "--http2", "-o", "/dev/null", "-w", "%{http_version}")
    assert finished[0] == 200
    assert finished[2].endswith(b"2")


@pytest.mark.parametrize(("version", "works"), [("1.0", False), ("1.1", False), ("1.2", True), ("1.3", True)])
def test_only_modern_versions_of_tls_are_spoken(site: Proxied, version: str, works: bool) -> None:
    # The client's own library must not be what refuses.
    options = ["--tls-max", version, f"--tlsv{version}", "--ciphers", "DEFAULT@SECLEVEL=0"]
    status, _, said = curl(site, "/livez", *options)
    if works:
        assert status == 200
    else:
        assert status == 35, "curl's code for a handshake that failed"
        assert b"alert" in said, "it was nginx that refused"


def test_plain_http_where_tls_is_spoken_is_refused_in_the_services_words(site: Proxied) -> None:
    answer = get(f"http://127.0.0.1:{site.installation.tls_port}/")
    assert (answer.status, answer.json()["code"]) == (400, "request-malformed")
