"""What is inside stays inside."""

from urllib.parse import urlsplit

import pytest

from support.http import get, raw, upload
from support.nginx import Proxied
from support.pictures import png


@pytest.fixture(scope="module")
def original(site: Proxied) -> str:
    """The path of an image's file below the uploads folder."""
    image = upload(site.url, png()).json()
    copy = next((site.service.uploads / "originals").rglob(f"{image['id']}.png"))
    return str(copy.relative_to(site.service.uploads))


INSIDE = [
    "/metrics",
    "/readyz",
    "//metrics",
    "/./metrics",
    "/%6detrics",
    "/metrics/",
    "/metrics?a=b",
    "/api/../metrics",
    "/api/..%2fmetrics",
    "/api/%2e%2e/metrics",
    "/i/../readyz",
    "/docs/%2e%2e/%72eadyz",
    "/METRICS",
    "/_uploads/",
    "/_uploads/ORIGINAL",
    "/_uploads//ORIGINAL",
    "//_uploads/ORIGINAL",
    "/%5fuploads/ORIGINAL",
    "/_uploads/originals/",
    "/_uploads/originals/../secret",
    "/_uploads/originals/%2e%2e/secret",
    "/_uploads/originals/..%2fmetadata.db",
    "/_uploads/originals%2f..%2fmetadata.db",
    "/_uploads/originals../metadata.db",
    "/_uploads/originals/../../metrics",
    "/_uploads/VARIANT",
    "/_uploads//VARIANT",
    "/%5fuploads/VARIANT",
    "/_uploads/variants/",
    "/_uploads/variants/../secret",
    "/_uploads/variants/%2e%2e/secret",
    "/_uploads/variants../metadata.db",
    "/_uploads/secret",
    "/_uploads/metadata.db",
    "/_uploads/journal/",
    "/i/../_uploads/ORIGINAL",
    "/i/%2e%2e/_uploads/ORIGINAL",
    "/i/../_uploads/VARIANT",
    "/ORIGINAL",
    "/VARIANT",
    "/originals",
    "/secret",
    "/metadata.db",
    "/lib",
    "/lib/",
    "/.git/config",
]


@pytest.fixture(scope="module")
def variant(site: Proxied) -> str:
    """The path of a variant's file below the uploads folder."""
    image = upload(site.url, png()).json()
    assert get(site.url + urlsplit(image["variants"]["thumb"]).path).status == 200
    kept = next((site.service.uploads / "variants").rglob(f"{image['id']}/*"))
    return str(kept.relative_to(site.service.uploads))


@pytest.mark.parametrize("path", INSIDE)
def test_an_internal_address_is_not_found(site: Proxied, original: str, variant: str, path: str) -> None:
    # As it stands: clients in libraries would clean it up first.
    target = path.replace("ORIGINAL", original).replace("VARIANT", variant)
    answer = raw(site.port, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"application/problem+json" in head
    assert b'"code":"route-not-found"' in body or b'"code":"image-not-found"' in body


@pytest.mark.parametrize("path", ["/../metrics", "/%2e%2e/%2e%2e/etc/passwd", "/_uploads/originals/%00", "metrics"])
def test_an_address_that_makes_no_sense_is_refused(site: Proxied, path: str) -> None:
    answer = raw(site.port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert b'"code":"request-malformed"' in answer
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_the_service_shows_the_operator_what_nginx_hides(site: Proxied) -> None:
    for path in ("/metrics", "/readyz"):
        assert get(site.service.url + path).status == 200
    assert get(f"{site.url}/livez").body == b"ok"


def test_the_log_has_neither_queries_nor_tokens(site: Proxied) -> None:
    url = f"{site.url}/api/v1/images?uploader=Ada-Lovelace"
    assert get(url, Authorization="Bearer the-token-of-nobody", X_Request_Id="logged-1").status == 200
    assert get(f"{site.url}/nothing?secret=Lovelace").status == 404
    path = urlsplit(upload(site.url, png(), uploader="Lovelace").json()["link"]).path
    assert get(site.url + path).status == 200
    text = site.installation.access_log.read_text()
    assert '"GET /api/v1/images HTTP/1.1" status=200' in text
    assert "request_id=logged-1" in text
    assert f'"GET {path} HTTP/1.1" status=200' in text, "as it was asked for, not where nginx found it"
    for secret in ("Lovelace", "the-token-of-nobody", "?"):
        assert secret not in text
