"""HTTP as curl speaks it: one request, the answer as it came. Redirects are not followed."""

import json
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


def request(method: str, url: str, body: bytes = b"", timeout: float = 60, **headers: str) -> Response:
    """Sends one request. Underscores in the names of `headers` become hyphens."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target or "/", body=body or None, headers=named)
        answer = connection.getresponse()
        return Response(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def get(url: str, **headers: str) -> Response:
    return request("GET", url, **headers)


def upload(url: str, picture: bytes, uploader: str = "Ada", **headers: str) -> Response:
    """Uploads a picture to the service at `url`, as a form does."""
    boundary = uuid.uuid4().hex
    name = f'--{boundary}\r\nContent-Disposition: form-data; name="uploader"\r\n\r\n{uploader}\r\n'
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="picture.png"\r\n\r\n'
    body = name.encode() + file.encode() + picture + f"\r\n--{boundary}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return request("POST", f"{url}/api/v1/images", body, **kind, **headers)
