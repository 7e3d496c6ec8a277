"""A MariaDB server of a test's own, on a free port and in a folder of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.certificates import Certificate
from support.processes import clean_environment, free_port, listens, running, until


@dataclass(frozen=True)
class Server:
    """A running server. Its `root` has no password and comes from loopback alone."""

    port: int
    folder: Path

    def run(
        self,
        statements: str,
        user: str = "root",
        password: str | None = None,
        database: str = "",
        tls: Sequence[str] = (),
    ) -> str:
        """Executes SQL as a user and gives what it prints, without column names. `tls` are options of the client."""
        client = ["mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={self.port}", f"--user={user}", *tls]
        environment = clean_environment(**({"MYSQL_PWD": password} if password is not None else {}))
        finished = subprocess.run(
            [*client, "--batch", "--skip-column-names", *([database] if database else [])],
            input=statements,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout.strip()


@contextmanager
def server(*options: str, certificate: Certificate | None = None) -> Iterator[Server]:
    """Starts a server with further `options`, and TLS if it has a certificate, until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="mariadb-"))
    as_user = []
    if os.getuid() == 0:
        as_user = ["--user=mysql"]
        folder.chmod(0o755)
    temporary = folder / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    environment = clean_environment(TMPDIR=str(temporary))
    install = ["mariadb-install-db", "--no-defaults", *as_user, f"--datadir={folder}/data", "--skip-test-db"]
    subprocess.run(
        [*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True, env=environment
    )
    if certificate is not None:
        # Copies, because the server runs as another user, who may not look where tests put their files.
        for option, file in {"ca": certificate.authority, "cert": certificate.file, "key": certificate.key}.items():
            copy = folder / f"{option}.pem"
            shutil.copyfile(file, copy)
            copy.chmod(0o644)
            options = (*options, f"--ssl-{option}={copy}")
    port = free_port()
    command = ["mariadbd", "--no-defaults", *as_user, f"--datadir={folder}/data", "--bind-address=127.0.0.1"]
    command += [f"--port={port}", f"--socket={folder}/data/socket", f"--pid-file={folder}/data/pid", "--skip-log-bin"]
    try:
        with running([*command, *options], folder / "server.log", environment):
            until("MariaDB listens", lambda: listens(port))
            yield Server(port, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
