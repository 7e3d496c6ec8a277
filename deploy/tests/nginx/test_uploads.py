"""Uploads come through whole, and what is too large, too much or too slow is kept from the service."""

import re
import socket
from pathlib import Path
from typing import Any

import pytest

from support.http import Response, form, get, raw, request, upload
from support.nginx import Proxied, print_settings, proxied
from support.pictures import png
from support.processes import until

LIMIT = 1_048_576


def exactly(size: int) -> bytes:
    """Makes a picture and puts as many zeros behind it as are missing. They count, although they are cut off."""
    picture = png(size=size - 40_000)
    missing = size - len(picture)
    assert missing > 0
    return picture + b"\0" * missing


def rejected(answer: Response, status: int, code: str) -> dict[str, Any]:
    """Sees to it that an answer is a problem of this kind, and gives it."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"urn:image-handler:{code}"
    assert problem["title"]
    assert problem["detail"].endswith(".")
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    return problem


def test_a_file_of_the_limit_passes_and_one_byte_more_is_refused_by_the_service(site: Proxied) -> None:
    answer = upload(site.url, exactly(LIMIT))
    assert answer.status == 201
    problem = rejected(upload(site.url, exactly(LIMIT + 1)), 413, "file-too-large")
    assert problem["max_upload_bytes"] == LIMIT
    assert answers_of_service(site, 413) == 1


def test_far_larger_files_are_refused_by_nginx_in_the_same_words(site: Proxied) -> None:
    before = answers_of_service(site, 413)
    by_service = upload(site.service.url, exactly(LIMIT + 1)).json()
    by_nginx = rejected(upload(site.url, exactly(LIMIT + 200_000)), 413, "file-too-large")
    assert by_nginx | {"request_id": ""} == by_service | {"request_id": ""}
    assert answers_of_service(site, 413) == before + 1, "the one that was sent directly"


def test_another_limit_of_the_service_is_another_limit_of_nginx(tmp_path: Path) -> None:
    with proxied(tmp_path, MAX_UPLOAD_BYTES="2000000") as site:
        assert upload(site.url, exactly(2_000_000)).status == 201
        problem = rejected(upload(site.url, exactly(2_200_000)), 413, "file-too-large")
        assert problem["max_upload_bytes"] == 2_000_000
        assert answers_of_service(site, 413) == 0
    assert "client_max_body_size 2065536;" in print_settings("server", MAX_UPLOAD_BYTES="2000000")


def test_every_service_error_comes_through_as_it_is(site: Proxied) -> None:
    rejected(upload(site.url, b"no picture"), 415, "media-type-unsupported")
    rejected(
        request("POST", f"{site.url}/api/v1/images", b"x", Content_Type="text/plain"), 415, "request-not-multipart"
    )
    rejected(get(f"{site.url}/api/v1/images?limit=0"), 400, "query-invalid")
    rejected(get(f"{site.url}/api/v1/images/nothing"), 404, "image-not-found")


def test_uploads_in_chunks_and_by_http_1_0_come_through(site: Proxied) -> None:
    kind, body = form(png())
    head = f"POST /api/v1/images HTTP/1.0\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    length = f"Content-Length: {len(body)}\r\n\r\n"
    assert raw(site.port, (head + length).encode() + body).startswith(b"HTTP/1.1 201 ")

    kind, body = form(png())
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:100], body[100:])) + b"0\r\n\r\n"
    head = f"POST /api/v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\n"
    assert raw(site.port, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks).startswith(b"HTTP/1.1 201 ")

    # Too many bytes of which nobody said how many there are.
    many = b"%x\r\n%s\r\n0\r\n\r\n" % (1_200_000, b"x" * 1_200_000)
    answer = raw(site.port, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + many)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"file-too-large"' in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\nConnection: close\r\n\r\n",
        b"POST /api/v1/images HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST /api/v1/images HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n",
    ],
    ids=["no http", "no host", "version", "long address", "long header", "length", "encoding"],
)
def test_what_is_no_http_is_answered_with_problem_details(site: Proxied, request_bytes: bytes) -> None:
    answer = raw(site.port, request_bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    assert b"Content-Security-Policy: default-src 'none'" in head
    assert b'"code":"request-malformed"' in body


def test_a_slow_upload_occupies_nginx_and_not_the_service(site: Proxied) -> None:
    kind, body = form(png(size=300_000))
    head = f"POST /api/v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\n"
    begin = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:200_000]
    with socket.create_connection(("127.0.0.1", site.service.port)) as direct:
        direct.sendall(begin)
        until("the service is occupied by a client of its own", lambda: in_flight(site) == 1)
    until("that client is forgotten", lambda: in_flight(site) == 0)

    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as slow:
        slow.sendall(begin)
        for position in range(200_000, 200_100, 10):
            slow.sendall(body[position : position + 10])
            # Answered after nginx has read what came before.
            assert get(f"{site.url}/livez").status == 200
            assert in_flight(site) == 0
        slow.sendall(body[200_100:])
        assert slow.recv(100).startswith(b"HTTP/1.1 201 ")


def test_one_client_may_hold_only_so_many_bodies(tmp_path: Path) -> None:
    settings = {"MAX_UPLOAD_BYTES": str(100 * 1024 * 1024)}
    with proxied(tmp_path, for_nginx=settings) as site:
        assert "bodies_of_client 2;" in (site.installation.snippets / "settings.conf").read_text()
        begin = b"POST /api/v1/images HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbegun"
        held = [socket.create_connection(("127.0.0.1", site.port), source_address=("127.0.0.5", 0)) for _ in range(2)]
        for connection in held:
            connection.sendall(begin)
        another = lambda source: upload(site.url, png(), source=source)  # noqa: E731
        refused = until("nginx has seen both", lambda: (answer := another("127.0.0.5")).status == 429 and answer)
        problem = rejected(refused, 429, "rate-limited")
        assert "Retry-After" in refused.headers
        assert problem["title"] == "Too many requests came from this address"
        assert get(f"{site.url}/api/v1/limits", source="127.0.0.5").status == 200
        assert another("127.0.0.6").status == 201
        for connection in held:
            connection.close()
        until("their places are free", lambda: another("127.0.0.5").status == 201)


def test_only_an_upload_may_have_a_large_body(site: Proxied) -> None:
    for method, path in [
        ("GET", "/api/v1/images"),
        ("OPTIONS", "/api/v1/images"),
        ("DELETE", "/api/v1/images/some"),
        ("GET", "/livez"),
        ("POST", "/docs"),
    ]:
        head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        announced = f"{head}Content-Length: 20000\r\n\r\n".encode()
        chunks = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + b"4e20\r\n%s\r\n0\r\n\r\n" % (b"x" * 20_000)
        for sent in (announced, chunks):
            answer = raw(site.port, sent)
            assert answer.startswith(b"HTTP/1.1 400 "), (method, path, answer)
            assert b'"code":"request-malformed"' in answer
    assert get(f"{site.url}/api/v1/images?limit=1").status == get(f"{site.service.url}/api/v1/images?limit=1").status


def test_when_all_places_are_taken_others_hear_that_it_is_not_their_doing(tmp_path: Path) -> None:
    with proxied(tmp_path, for_nginx={"MAX_UPLOAD_BYTES": str(100 * 1024 * 1024)}) as site:
        assert "image_handler_bodies 16;" in (site.installation.snippets / "settings.conf").read_text()
        begin = b"POST /api/v1/images HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbegun"
        sources = [f"127.0.1.{client}" for client in range(1, 9) for _ in range(2)]
        held = [socket.create_connection(("127.0.0.1", site.port), source_address=(each, 0)) for each in sources]
        for connection in held:
            connection.sendall(begin)
        another = lambda source: upload(site.url, png(), source=source)  # noqa: E731
        refused = until(
            "nginx has seen all", lambda: (answer := another("127.0.1.9")).status not in (201, 429) and answer
        )
        rejected(refused, 503, "service-unavailable")
        assert "Retry-After" in refused.headers
        rejected(another("127.0.1.1"), 429, "rate-limited")
        deleted = request("DELETE", f"{site.url}/api/v1/images/nothing")
        assert deleted.json()["code"] == request("DELETE", f"{site.service.url}/api/v1/images/nothing").json()["code"]
        for connection in held:
            connection.close()
        until("their places are free", lambda: another("127.0.1.9").status == 201)


def test_a_browser_may_upload_through_a_forwarded_port(site: Proxied) -> None:
    kind, body = form(png())
    for origin, status in (("http://localhost:9443", 201), ("http://localhost:9444", 403)):
        answer = request(
            "POST", f"{site.url}/api/v1/images", body, Content_Type=kind, Host="localhost:9443", Origin=origin
        )
        assert answer.status == status, (origin, answer.body)


def in_flight(site: Proxied) -> int:
    """Requests that the service works on, beside the one that asks for this."""
    return metric(site, r"image_handler_http_requests_in_flight (\d+)") - 1


def answers_of_service(site: Proxied, status: int) -> int:
    """How many answers to uploads with this status the service has given."""
    return metric(site, rf'image_handler_http_requests_total\{{[^}}]*POST[^}}]*"{status}"[^}}]*\}} (\d+)')


def metric(site: Proxied, pattern: str) -> int:
    text = get(f"{site.service.url}/metrics").body.decode()
    return sum(int(value) for value in re.findall(pattern, text))
