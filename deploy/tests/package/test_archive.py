"""What is in the package, and what is said of it."""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.package import BUILD, field, package, run, unpacked
from support.processes import clean_environment
from support.service import ROOT, executable

SETTINGS = ROOT / "deploy/debian/image-handler.env"
OF_LIBRARIES = {"RUST_LOG"}
"""Variables that are read by libraries, which `--help` does not know."""


def test_every_setting_of_the_service_is_explained_to_the_operator() -> None:
    text = subprocess.run([executable(), "--help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"\[env: ([A-Z0-9_]+)", text))
    assert len(known) > 20
    lines = SETTINGS.read_text().splitlines()
    explained = []
    for number, line in enumerate(lines):
        setting = re.match(r"#?([A-Z0-9_]+)=", line)
        if setting:
            assert line.startswith("#"), f"{line} changes what the service does by itself"
            assert re.match(r"# \S", lines[number - 1]), f"{setting[1]} is not explained"
            explained.append(setting[1])
    assert sorted(explained) == sorted(known | OF_LIBRARIES)


def test_every_setting_of_the_readme_is_explained_to_the_operator() -> None:
    table = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert len(table) > 20
    assert table <= set(re.findall(r"^#([A-Z0-9_]+)=", SETTINGS.read_text(), re.MULTILINE))


def test_the_defaults_that_the_operator_reads_are_those_of_the_service(tmp_path: Path) -> None:
    """The service starts with all of them, or names the one that it does not take."""
    values = dict(re.findall(r"^#([A-Z0-9_]+)=(.+)$", SETTINGS.read_text(), re.MULTILINE))
    values |= {"UPLOADS_DIR": str(tmp_path), "S3_BUCKET": "pictures", "AWS_REGION": "eu-west-1", "RUST_LOG": "off"}
    finished = subprocess.run(
        [executable(), "nginx-settings"], env=clean_environment(**values), capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    help_text = " ".join(
        subprocess.run([executable(), "--help"], capture_output=True, text=True, check=True).stdout.split()
    )
    # Where the package differs from the service on purpose.
    packaged = dict(re.findall(r"^([A-Z0-9_]+)=(.+)$", (ROOT / "deploy/host/service.env").read_text(), re.MULTILINE))
    for name, value in values.items():
        default = re.search(rf"\[default: ([^\]]+)\] \[env: {name}[\]=]", help_text)
        if default and name not in packaged and name not in ("S3_BUCKET", "AWS_REGION"):
            assert default[1] == value, name


def test_lintian_finds_nothing() -> None:
    command = ["lintian", "--fail-on", "error,warning", "--tag-display-limit", "0", str(package())]
    finished = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), check=False)
    assert (finished.stdout, finished.returncode) == ("", 0)


def test_an_override_has_its_reason_above_it() -> None:
    lines = (ROOT / "deploy/debian/lintian-overrides").read_text().splitlines()
    for number, line in enumerate(lines):
        assert line.startswith("#") or lines[number - 1].startswith("# "), line


def test_files_belong_to_root_and_nobody_else_may_write_them(tmp_path: Path) -> None:
    listing = run("dpkg-deb", "--contents", str(package())).splitlines()
    modes = {line.split()[5]: line.split()[0] for line in listing}
    assert all(line.split()[1] == "0/0" for line in listing)
    assert all(mode[5] == "-" and mode[8] == "-" and "s" not in mode and "t" not in mode for mode in modes.values())
    assert modes["./etc/image-handler/image-handler.env"] == "-rw-r-----"
    root = unpacked(tmp_path)
    for file in root.rglob("*"):
        if file.is_file() and "DEBIAN" not in file.parts:
            runs = file.read_bytes()[:4] in (b"\x7fELF", b"#!/b", b"#!/u")
            assert os.access(file, os.X_OK) == runs or not runs or file.suffix == ".bash", file
            if runs and file.suffix != ".bash":
                assert file.stat().st_mode & 0o111 == 0o111, f"{file} cannot be run"


def test_the_client_lies_beside_its_compressed_copies(tmp_path: Path) -> None:
    web = unpacked(tmp_path) / "usr/share/image-handler/web"
    source = ROOT / "web/public"
    expected = {file.relative_to(source) for file in source.rglob("*") if file.is_file()}
    there = {file.relative_to(web) for file in web.rglob("*") if file.is_file()}
    assert {file for file in there if file.suffix not in (".gz", ".br")} == expected
    for file in expected:
        plain = (web / file).read_bytes()
        assert plain == (source / file).read_bytes()
        if len(plain) >= 1024:
            assert gzip.decompress((web / f"{file}.gz").read_bytes()) == plain
            compressed = subprocess.run(
                ["brotli", "--decompress", "--stdout", str(web / f"{file}.br")], capture_output=True, check=True
            )
            assert compressed.stdout == plain


def test_the_executable_has_no_embedded_endpoint(tmp_path: Path) -> None:
    program = unpacked(tmp_path) / "usr/bin/image-handler"
    environment = clean_environment(UPLOADS_DIR=str(tmp_path / "uploads"))
    finished = subprocess.run([program], capture_output=True, text=True, env=environment, check=False)
    assert finished.returncode == 1 and "S3_BUCKET: this build has no embedded S3 endpoint" in finished.stderr
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    assert field("Version") == f"{version}-1"


def test_the_changelog_is_of_this_version() -> None:
    newest = run("dpkg-parsechangelog", "--file", str(ROOT / "deploy/debian/changelog"), "--show-field", "Version")
    assert newest.strip() == field("Version")


def test_the_checksum_beside_the_package_is_its_own() -> None:
    beside = package().with_name(package().name + ".sha256").read_text()
    assert beside == f"{hashlib.sha256(package().read_bytes()).hexdigest()}  {package().name}\n"


def test_what_is_linked_in_is_named_with_its_licence(tmp_path: Path) -> None:
    folder = unpacked(tmp_path) / "usr/share/doc/image-handler"
    text = gzip.decompress((folder / "third-party-licences.gz").read_bytes()).decode()
    for crate in ["actix-web", "aws-sdk-s3", "diesel", "rustls", "libsqlite3-sys", "libwebp-sys", "jpeg-encoder"]:
        assert re.search(rf"^{crate} [0-9.]+: ", text, re.MULTILINE), crate
    assert "Permission is hereby granted" in text
    # C that is compiled in has its terms in a folder of the crate. The IJG wants a sentence in the documentation.
    assert "Redistributions in binary form must reproduce the above copyright" in text
    assert "Copyright (c) 2010, Google Inc." in text
    own_words = " ".join((folder / "copyright").read_text().split())
    assert "this software is based in part on the work of the Independent JPEG Group" in own_words
    assert not re.search(r"^(s3s|proptest|insta) ", text, re.MULTILINE), "neither the embedded endpoint nor test tools"


def test_a_package_for_another_machine_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    if shutil.which("aarch64-linux-gnu-gcc"):
        pytest.skip("this machine has what it takes")
    environment = clean_environment(
        CARGO_TARGET_DIR=str(tmp_path), CARGO_DEB="/bin/true", HOME=os.environ.get("HOME", "/root")
    )
    finished = subprocess.run([BUILD, "arm64"], capture_output=True, text=True, env=environment, check=False)
    assert finished.returncode == 1
    assert "rustup target add aarch64-unknown-linux-gnu" in finished.stderr
    assert "apt-get install gcc-aarch64-linux-gnu" in finished.stderr
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


def test_scripts_and_maintainer_scripts_are_clean() -> None:
    scripts = [ROOT / "deploy/debian" / name for name in ["build", "postinst", "prerm", "postrm"]]
    scripts += [file for file in (ROOT / "deploy/host").iterdir() if file.suffix != ".env"]
    run("shellcheck", *map(str, scripts))
    for script in (ROOT / "deploy/host").iterdir():
        if script.suffix != ".env":
            assert "usage:" in run(str(script), "--help")
