"""AWS as far as moto plays it: a server of a test's own, and clients for it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3

from support.processes import free_port, listens, running, until

REGION = "eu-west-1"
"""Where everything in the tests is."""


@dataclass(frozen=True)
class Endpoint:
    """A running endpoint that stands for every service of AWS."""

    url: str

    def client(self, service: str, key_id: str = "testing", key: str = "testing", token: str | None = None) -> Any:
        """Gives a client of one service, with credentials that the endpoint knows or does not know."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key_id,
            aws_secret_access_key=key,
            aws_session_token=token,
        )

    def reset(self) -> None:
        """Forgets everything, so that a test can have an endpoint that others used before."""
        with urlopen(Request(f"{self.url}/moto-api/reset", method="POST"), timeout=60) as answer:
            assert answer.status == 200

    def environment(self) -> dict[str, str]:
        """Gives the variables with which the AWS command line and the SDKs ask this endpoint."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def endpoint(folder: Path) -> Iterator[Endpoint]:
    """Starts an empty endpoint, its log in `folder`."""
    port = free_port()
    program = Path(sys.executable).with_name("moto_server")
    with running([str(program), "-H", "127.0.0.1", "-p", str(port)], folder / "moto.log"):
        until("moto listens", lambda: listens(port))
        yield Endpoint(f"http://127.0.0.1:{port}")
