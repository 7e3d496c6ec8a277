"""The real executable, started as a process."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from support.processes import clean_environment, running, until

ROOT = Path(__file__).resolve().parents[3]
"""The top of the repository."""


def executable() -> Path:
    """Gives the executable to test: IMAGE_HANDLER_BIN, or the debug build."""
    path = Path(os.environ.get("IMAGE_HANDLER_BIN", ROOT / "target/debug/image-handler"))
    assert path.is_file(), f"{path} is missing: run `cargo build`, or set IMAGE_HANDLER_BIN"
    return path


@dataclass(frozen=True)
class Service:
    """A running service."""

    url: str
    uploads: Path
    log: Path
    process: Popen

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])


@contextmanager
def service(folder: Path, **settings: str) -> Iterator[Service]:
    """Starts the service with its data in `folder`, on a free port, and waits until it listens."""
    log = folder / "service.log"
    uploads = Path(settings.pop("UPLOADS_DIR", str(folder / "uploads")))
    environment = clean_environment(
        **{"LISTEN": "127.0.0.1:0", "UPLOADS_DIR": str(uploads), "WEB_DIR": "none", "RUST_BACKTRACE": "0"} | settings
    )
    before = log.stat().st_size if log.exists() else 0
    with running([str(executable())], log, environment) as process:

        def address() -> str | None:
            new = log.read_bytes()[before:].decode(errors="replace")
            assert process.poll() is None, f"the service ended with {process.returncode}:\n{new}"
            found = re.search(r"listening on ([0-9.]+:[0-9]+)", new)
            return found and f"http://{found.group(1)}"

        yield Service(until("the service says where it listens", address), uploads, log, process)
