"""The script that keeps nginx's settings those of the service."""

import subprocess
from pathlib import Path

import pytest

from support.nginx import BROTLI_MODULE, CLIENT, SOURCES, install, make_certificate
from support.processes import clean_environment
from support.service import executable

SCRIPT = SOURCES / "nginx-settings"


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [str(SCRIPT), "--nginx-folder", str(folder), "--program", str(executable()), *arguments]
    known = {"WEB_DIR": str(CLIENT), "UPLOADS_DIR": "/var/lib/image-handler", "ACCEL_PREFIX": "/_uploads/"}
    return subprocess.run(
        command, capture_output=True, text=True, env=clean_environment(**known | settings), check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    installation = install(tmp_path)
    make_certificate(installation.snippets / "tls")
    return tmp_path


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    files = (folder / "image-handler").glob("*")
    return {file.name: (file.read_text(), file.stat().st_mtime_ns) for file in files if file.is_file()}


def test_it_writes_what_follows_from_the_environment_and_a_second_run_changes_nothing(folder: Path) -> None:
    done = run(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "client_max_body_size 1114112;" in (folder / "image-handler/settings.conf").read_text()
    assert (folder / "image-handler/settings.conf").stat().st_mode & 0o777 == 0o644
    before = contents(folder)
    assert run(folder).returncode == 0
    assert contents(folder) == before
    assert run(folder, MAX_UPLOAD_BYTES="2000000", LISTEN="127.0.0.1:9000").returncode == 0
    assert "client_max_body_size 2065536;" in (folder / "image-handler/settings.conf").read_text()
    assert "server 127.0.0.1:9000 " in (folder / "image-handler/upstream.conf").read_text()
    assert not list((folder / "image-handler").glob(".settings*"))


def test_a_setting_that_cannot_be_used_changes_nothing(folder: Path) -> None:
    assert run(folder).returncode == 0
    before = contents(folder)
    done = run(folder, MAX_UPLOAD_BYTES="2 MB")
    assert done.returncode != 0
    assert "MAX_UPLOAD_BYTES" in done.stderr
    assert contents(folder) == before


def test_what_nginx_refuses_is_taken_back(folder: Path) -> None:
    assert run(folder).returncode == 0
    before = contents(folder)
    # Two locations of the same address: nginx refuses what the service cannot know.
    site = folder / "site.conf"
    site.write_text(site.read_text().replace("server_name _;", "server_name _; location /taken/originals/ { }"))
    done = run(folder, ACCEL_PREFIX="/taken/")
    assert done.returncode == 1
    assert "kept the former" in done.stderr
    assert "duplicate location" in done.stderr
    assert {name: text for name, (text, _) in contents(folder).items()} == {
        name: text for name, (text, _) in before.items()
    }


def test_where_nginx_was_broken_before_the_new_settings_stay(folder: Path) -> None:
    assert run(folder).returncode == 0
    (folder / "site.conf").write_text("nonsense;\n")
    done = run(folder, MAX_UPLOAD_BYTES="2000000")
    assert done.returncode == 1
    assert "nginx was not reloaded" in done.stderr
    assert "client_max_body_size 2065536;" in (folder / "image-handler/settings.conf").read_text()


def test_brotli_follows_the_module(folder: Path) -> None:
    (folder / "modules-enabled").mkdir()
    enabled = folder / "modules-enabled/50-mod-http-brotli-static.conf"
    enabled.write_text(f"load_module {BROTLI_MODULE};\n")
    conf = folder / "nginx.conf"
    conf.write_text(f"include {folder}/modules-enabled/*.conf;\n" + conf.read_text())
    assert run(folder).returncode == 0
    assert (folder / "image-handler/brotli.conf").read_text() == "brotli_static on;\n"
    enabled.unlink()
    assert run(folder).returncode == 0
    assert not (folder / "image-handler/brotli.conf").exists()


def test_it_explains_itself_and_refuses_what_it_does_not_know() -> None:
    for arguments, code in ((["--help"], 0), (["--nonsense"], 64)):
        done = subprocess.run([str(SCRIPT), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert "usage: nginx-settings" in done.stdout + done.stderr


def test_shellcheck_finds_nothing() -> None:
    subprocess.run(["shellcheck", str(SCRIPT)], check=True)
