"""A folder that looks like a host on AWS, for the scripts that run on one.

What they ask is answered for real as far as AWS can be played here. Programs that would change this machine are
replaced by ones that write down how they were called.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from support.aws import REGION
from support.processes import clean_environment
from support.service import ROOT

SCRIPTS = ROOT / "deploy/aws"
TOKEN = "token-of-the-metadata-service"


@dataclass
class Metadata:
    """A metadata service, version 2: without its token it says nothing."""

    url: str = ""
    answers: dict[str, str] = field(default_factory=dict)


@contextmanager
def metadata(instance: str = "i-0123456789abcdef0") -> Iterator[Metadata]:
    """Starts a metadata service that knows the instance and its region."""
    service = Metadata(answers={"instance-id": instance, "placement/region": REGION})

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            lives = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
            self.say(200 if self.path == "/latest/api/token" and lives else 400, TOKEN)

        def do_GET(self) -> None:
            name = self.path.removeprefix("/latest/meta-data/")
            if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                self.say(401, "")
            elif name in service.answers:
                self.say(200, service.answers[name])
            else:
                self.say(404, "")

        def say(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Host:
    """The folder, and how scripts are run on it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.root = folder / "root"
        self.programs = folder / "programs"
        self.record = folder / "calls"
        self.programs.mkdir(parents=True)
        (self.root / "etc/nginx/sites-enabled").mkdir(parents=True)
        self.environment = environment

    def stack(self, **values: str) -> None:
        """Writes what user data writes."""
        path = self.root / "etc/image-handler/stack.env"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))

    def program(self, name: str, then: str = "") -> Path:
        """Puts a program first in the path that writes down how it is called and then does `then`."""
        path = self.programs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/bash\necho "{Path(name).name} $*" >>"{self.record}"\n{then}\n')
        path.chmod(0o755)
        return path

    def calls(self, program: str = "") -> list[str]:
        """Gives the calls of such programs in their order."""
        said = self.record.read_text().splitlines() if self.record.exists() else []
        return [line for line in said if line.startswith(program)]

    def variables(self, **more: str) -> dict[str, str]:
        variables = clean_environment(**{**self.environment, "IMAGE_HANDLER_ROOT": str(self.root), **more})
        path = [str(self.programs), str(Path(sys.executable).parent), variables["PATH"]]
        return variables | {"PATH": ":".join(path)}

    def run(self, script: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Runs a script of the package."""
        return subprocess.run(
            [str(SCRIPTS / script)],
            env=self.variables(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
