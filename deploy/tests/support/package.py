"""The Debian package as `make package` built it."""

import os
import subprocess
from pathlib import Path

from support.processes import clean_environment
from support.service import ROOT

BUILD = ROOT / "deploy/debian/build"
"""What builds the package."""


def package() -> Path:
    """Gives the package to test: IMAGE_HANDLER_DEB, or the one that `make package` left."""
    given = os.environ.get("IMAGE_HANDLER_DEB")
    found = [Path(given)] if given else sorted((ROOT / "target/debian").glob("image-handler_*_amd64.deb"))
    assert len(found) == 1 and found[0].is_file(), f"{found} is not one package: run `make package`"
    return found[0].resolve()


def field(name: str, of: Path | None = None) -> str:
    """Gives a field of the package's control file."""
    return run("dpkg-deb", "--field", str(of or package()), name).strip()


def unpacked(folder: Path) -> Path:
    """Unpacks the package into `folder`, its control files in DEBIAN/, and gives the folder."""
    run("dpkg-deb", "--raw-extract", str(package()), str(folder / "package"))
    return folder / "package"


def repacked(folder: Path, version: str) -> Path:
    """Makes the same package with another version, and with another line in the operator's file of settings."""
    content = unpacked(folder)
    control = content / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {field('Version')}\n", f"Version: {version}\n"))
    settings = content / "etc/image-handler/image-handler.env"
    settings.write_text(settings.read_text() + f"# As it comes with {version}.\n")
    file = folder / f"image-handler_{version}_amd64.deb"
    run("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(content), str(file))
    return file


def run(*command: str) -> str:
    """Runs a command that has to go well, and gives what it prints."""
    finished = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), check=False)
    assert finished.returncode == 0, f"{command}: {finished.stdout}{finished.stderr}"
    return finished.stdout
