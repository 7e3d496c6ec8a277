"""HTTP as curl speaks it: one request, the answer as it came. Redirects are not followed."""

import json
import socket
import uuid
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Response:
    """An answer, its body as it came over the wire."""

    status: int
    headers: HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


CHANGES = {"date", "x-request-id", "server", "connection", "keep-alive"}
"""What differs from answer to answer, or says who gave it."""


def same(answer: Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """Gives what of an answer has to be the same whoever sends it."""
    headers = sorted((name.lower(), value) for name, value in answer.headers.items() if name.lower() not in CHANGES)
    return answer.status, headers, answer.body


def request(
    method: str, url: str, body: bytes = b"", timeout: float = 60, source: str | None = None, **headers: str
) -> Response:
    """Sends one request, from the address `source` of this host. Underscores in `headers` become hyphens."""
    parts = urlsplit(url)
    from_address = (source, 0) if source else None
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=timeout, source_address=from_address)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target or "/", body=body or None, headers=named)
        answer = connection.getresponse()
        return Response(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def get(url: str, source: str | None = None, **headers: str) -> Response:
    return request("GET", url, source=source, **headers)


def form(picture: bytes, uploader: str = "Ada") -> tuple[str, bytes]:
    """Gives the type and the body of a request that uploads a picture, as a form does."""
    boundary = uuid.uuid4().hex
    name = f'--{boundary}\r\nContent-Disposition: form-data; name="uploader"\r\n\r\n{uploader}\r\n'
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="picture.png"\r\n\r\n'
    body = name.encode() + file.encode() + picture + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body


def upload(url: str, picture: bytes, uploader: str = "Ada", source: str | None = None, **headers: str) -> Response:
    """Uploads a picture to the service at `url`."""
    kind, body = form(picture, uploader)
    return request("POST", f"{url}/api/v1/images", body, source=source, Content_Type=kind, **headers)


def raw(port: int, request: bytes, source: str | None = None) -> bytes:
    """Sends bytes as they are to loopback and gives all that comes back until the connection is closed."""
    from_address = (source, 0) if source else None
    with socket.create_connection(("127.0.0.1", port), timeout=60, source_address=from_address) as connection:
        connection.sendall(request)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return received
