"""The real nginx with the sites of the package, in a folder of its own, before the real executable."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.processes import clean_environment, free_port, listens, running, until
from support.service import ROOT, Service, executable, service

SOURCES = ROOT / "deploy/nginx"
"""The sites and snippets."""

CLIENT = ROOT / "web/public"
"""The client's files."""

BROTLI_MODULE = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")
"""The module that sends files which were compressed with brotli."""


@dataclass(frozen=True)
class Installation:
    """A folder that is to nginx what /etc/nginx is on a host."""

    folder: Path
    port: int
    tls_port: int

    @property
    def conf(self) -> Path:
        return self.folder / "nginx.conf"

    @property
    def snippets(self) -> Path:
        return self.folder / "image-handler"

    @property
    def acme(self) -> Path:
        return self.folder / "acme"

    @property
    def access_log(self) -> Path:
        return self.folder / "log/image-handler.access.log"

    def test(self) -> str:
        """Lets nginx test its configuration and gives all that it says."""
        finished = subprocess.run(
            ["nginx", "-t", "-c", str(self.conf), "-e", str(self.folder / "log/start.log")],
            capture_output=True,
            text=True,
            env=clean_environment(),
            check=False,
        )
        return finished.stderr


@dataclass(frozen=True)
class Proxied:
    """A running service behind a running nginx."""

    url: str
    service: Service
    installation: Installation

    @property
    def port(self) -> int:
        return self.installation.port


def print_settings(place: str, **settings: str) -> str:
    """Gives what `image-handler nginx-settings` prints with these settings."""
    finished = subprocess.run(
        [str(executable()), "nginx-settings", place],
        capture_output=True,
        text=True,
        env=clean_environment(**{"WEB_DIR": str(CLIENT)} | settings),
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def write_settings(installation: Installation, **settings: str) -> None:
    """Writes what `image-handler nginx-settings` prints to where the sites include it."""
    (installation.snippets / "settings.conf").write_text(print_settings("server", **settings))
    (installation.snippets / "upstream.conf").write_text(print_settings("http", **settings))


def install(
    folder: Path, site: str = "image-handler", real_ip: str | None = None, brotli: bool = False
) -> Installation:
    """Puts a site and the snippets into `folder`, on ports of loopback. Settings are for the caller to write."""
    installation = Installation(folder, free_port(), free_port())
    for name in ("log", "tmp", "acme", "image-handler/tls"):
        (folder / name).mkdir(parents=True, exist_ok=True)

    def rendered(path: Path) -> str:
        text = path.read_text()
        text = text.replace("/var/log/nginx/", f"{folder}/log/").replace(
            "/var/lib/image-handler-acme", f"{folder}/acme"
        )
        # Loopback's IPv4 alone: whether a host has IPv6 is not what is tested.
        text = re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"listen 80\b", f"listen 127.0.0.1:{installation.port}", text)
        return re.sub(r"listen 443\b", f"listen 127.0.0.1:{installation.tls_port}", text)

    for snippet in (SOURCES / "snippets").iterdir():
        (installation.snippets / snippet.name).write_text(rendered(snippet))
    (folder / "site.conf").write_text(rendered(SOURCES / "sites" / site))
    if real_ip is not None:
        (installation.snippets / "real-ip.conf").write_text(real_ip)
    modules = ""
    if brotli:
        modules = f"load_module {BROTLI_MODULE};\n"
        (installation.snippets / "brotli.conf").write_text("brotli_static on;\n")
    temporary = "".join(
        f"    {kind}_temp_path {folder}/tmp/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
    )
    # As root it would become another user, who may not enter the tests' folders.
    user = "user root;\n" if os.getuid() == 0 else ""
    installation.conf.write_text(
        f"{modules}{user}daemon off;\nworker_processes 1;\nworker_rlimit_nofile 2048;\npid {folder}/pid;\n"
        f"error_log {folder}/log/error.log;\nevents {{ worker_connections 768; }}\n"
        "http {\n    include /etc/nginx/mime.types;\n    default_type application/octet-stream;\n    sendfile on;\n"
        f"    tcp_nopush on;\n{temporary}    include {folder}/site.conf;\n}}\n"
    )
    return installation


@contextmanager
def nginx(installation: Installation) -> Iterator[None]:
    """Runs nginx and waits until it listens."""
    said = installation.folder / "log/start.log"
    command = ["nginx", "-c", str(installation.conf), "-e", str(said)]
    with running(command, said) as process:

        def is_up() -> bool:
            assert process.poll() is None, f"nginx ended:\n{said.read_text()}"
            return listens(installation.port)

        until("nginx listens", is_up)
        yield


@contextmanager
def proxied(
    folder: Path,
    site: str = "image-handler",
    real_ip: str | None = None,
    brotli: bool = False,
    for_nginx: dict[str, str] | None = None,
    **settings: str,
) -> Iterator[Proxied]:
    """Starts the service with `settings` and nginx before it. nginx has the same settings, but for `for_nginx`."""
    settings = {"WEB_DIR": str(CLIENT), "ACCEL_PREFIX": "/_uploads/"} | settings
    installation = install(folder / "nginx", site, real_ip, brotli)
    with service(folder, **settings) as behind:
        listen = behind.url.removeprefix("http://")
        known = settings | {"LISTEN": listen, "UPLOADS_DIR": str(behind.uploads)} | (for_nginx or {})
        write_settings(installation, **known)
        if site.endswith("-tls"):
            make_certificate(installation.snippets / "tls")
        with nginx(installation):
            yield Proxied(f"http://127.0.0.1:{installation.port}", behind, installation)


def make_certificate(folder: Path) -> None:
    """Makes a certificate for localhost that nobody else trusts."""
    folder.mkdir(parents=True, exist_ok=True)
    key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        str(folder / "privkey.pem"),
    ]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", *key, "-out", str(folder / "fullchain.pem"), *names],
        check=True,
        capture_output=True,
        env=clean_environment(),
    )
