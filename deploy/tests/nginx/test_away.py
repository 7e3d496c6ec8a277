"""A service that is away or hangs is said so, in the words of the service's other errors."""

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from support.http import Response, get, upload
from support.nginx import install, nginx, proxied, write_settings
from support.pictures import png
from support.processes import free_port, stop


def unavailable(answer: Response) -> None:
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "request_id"}
    assert (problem["status"], problem["code"]) == (503, "service-unavailable")
    assert problem["request_id"] == answer.headers["X-Request-Id"]


def test_a_service_that_was_stopped_is_unavailable_and_the_client_is_still_served(tmp_path: Path) -> None:
    with proxied(tmp_path) as site:
        link = upload(site.url, png()).json()["link"]
        stop(site.service.process)
        for path in ("/api/v1/images", "/livez", "/docs/", "/i/" + link.rsplit("/", 1)[1]):
            unavailable(get(site.url + path))
        unavailable(upload(site.url, png()))
        assert get(f"{site.url}/i/x.png").headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert get(f"{site.url}/main.js").status == 200


@pytest.mark.parametrize("answers", [b"", b"HTTP/1.1 200 OK\r\nContent-"])
def test_a_service_that_breaks_off_is_unavailable(tmp_path: Path, answers: bytes) -> None:
    installation = install(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as broken:
        settings = {"LISTEN": f"127.0.0.1:{broken.getsockname()[1]}"}
        write_settings(installation, **settings)
        with nginx(installation), socket.create_connection(("127.0.0.1", installation.port), timeout=60) as client:
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            accepted, _ = broken.accept()
            with accepted:
                accepted.recv(65536)
                accepted.sendall(answers)
            received = b""
            while chunk := client.recv(65536):
                received += chunk
    assert received.startswith(b"HTTP/1.1 503 ")
    assert b'"code":"service-unavailable"' in received
    assert b"Retry-After: 5" in received


def test_a_service_that_hangs_is_given_up(tmp_path: Path) -> None:
    installation = install(tmp_path)
    # The real bound is a minute; what comes of it is the same after a second.
    snippet = installation.snippets / "to-service.conf"
    assert "proxy_read_timeout 60s;" in snippet.read_text()
    snippet.write_text(snippet.read_text().replace("proxy_read_timeout 60s;", "proxy_read_timeout 1s;"))
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        settings = {"LISTEN": f"127.0.0.1:{hangs.getsockname()[1]}"}
        write_settings(installation, **settings)
        with nginx(installation):
            unavailable(get(f"http://127.0.0.1:{installation.port}/api/v1/limits"))


def test_nginx_starts_before_the_service(tmp_path: Path) -> None:
    installation = install(tmp_path)
    settings = {"LISTEN": f"127.0.0.1:{free_port()}"}
    write_settings(installation, **settings)
    with nginx(installation):
        unavailable(get(f"http://127.0.0.1:{installation.port}/livez"))


def test_a_service_that_goes_away_when_it_is_asked_for_a_missing_copy_is_unavailable(tmp_path: Path) -> None:
    class Leaving(BaseHTTPRequestHandler):
        """Leads nginx to a copy that is not there. Asked for the bytes themselves, it ends the connection."""

        def do_GET(self) -> None:
            self.close_connection = True
            if self.headers.get("X-Accel-Redirect") != "off":
                self.send_response_only(200)
                self.send_header("X-Accel-Redirect", "/_uploads/originals/2026-11-22/none.png")
                self.send_header("Content-Length", "0")
                self.end_headers()

    installation = install(tmp_path / "nginx")
    with ThreadingHTTPServer(("127.0.0.1", 0), Leaving) as leaving:
        Thread(target=leaving.serve_forever).start()
        try:
            settings = {"LISTEN": f"127.0.0.1:{leaving.server_port}", "UPLOADS_DIR": str(tmp_path)}
            write_settings(installation, ACCEL_PREFIX="/_uploads/", **settings)
            with nginx(installation):
                unavailable(get(f"http://127.0.0.1:{installation.port}/i/none.png"))
        finally:
            leaving.shutdown()
