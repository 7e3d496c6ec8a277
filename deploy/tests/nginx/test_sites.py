"""nginx takes both sites without a warning, and gixy finds nothing that is not explained here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.nginx import install, make_certificate, write_settings
from support.processes import clean_environment

EXPLAINED = {
    "try_files_is_evil_too": "finds the path of a folder not worth a redirect; open_file_cache would show the files of "
    "the version before an upgrade for a while",
    "hsts_header": "it is there, by a variable and in each location: test_headers.py and test_tls.py see it",
}
"""What gixy finds that is as it should be, and why."""

SITES = ["image-handler", "image-handler-tls"]


def installed(folder: Path, site: str) -> Path:
    installation = install(folder, site, real_ip="set_real_ip_from 10.0.0.0/16;\nreal_ip_header X-Forwarded-For;\n")
    make_certificate(installation.snippets / "tls")
    settings = {"LISTEN": "127.0.0.1:8080", "ACCEL_PREFIX": "/_uploads/", "UPLOADS_DIR": "/var/lib/image-handler"}
    write_settings(installation, **settings)
    lines = installation.test().splitlines()
    assert [line for line in lines if "[" in line] == []
    assert any("test is successful" in line for line in lines), lines
    return installation.conf


@pytest.mark.parametrize("site", SITES)
def test_nginx_takes_the_site_without_a_warning(tmp_path: Path, site: str) -> None:
    installed(tmp_path, site)


@pytest.mark.parametrize("site", SITES)
def test_gixy_finds_nothing_that_is_not_explained(tmp_path: Path, site: str) -> None:
    conf = installed(tmp_path, site)
    assert {finding["plugin"] for finding in gixy(conf)} <= set(EXPLAINED)


def test_gixy_looks_into_what_the_sites_include(tmp_path: Path) -> None:
    conf = installed(tmp_path, "image-handler")
    snippet = conf.parent / "image-handler/acme.conf"
    snippet.write_text(snippet.read_text() + "location /files { alias /srv/files/; }\n")
    assert "alias_traversal" in {finding["plugin"] for finding in gixy(conf)}


def gixy(conf: Path) -> list[dict[str, str]]:
    program = Path(sys.executable).with_name("gixy")
    finished = subprocess.run(
        [str(program), "-f", "json", str(conf)], capture_output=True, text=True, env=clean_environment(), check=False
    )
    return json.loads(finished.stdout)
