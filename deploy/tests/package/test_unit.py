"""The unit: what systemd says of it without starting it."""

import re
import subprocess
from pathlib import Path

import pytest

from support.package import unpacked
from support.processes import clean_environment
from support.service import ROOT

UNIT = ROOT / "deploy/systemd/image-handler.service"


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(),
        check=False,
    )


def exposure(unit: Path) -> subprocess.CompletedProcess[str]:
    """Rates a unit; the threshold is in tenths, so 15 is an exposure of 1.5."""
    return analyze("security", "--offline=yes", "--no-pager", "--threshold=15", str(unit))


def test_the_service_is_exposed_no_more_than_one_and_a_half() -> None:
    rated = exposure(UNIT)
    assert rated.returncode == 0, rated.stdout


@pytest.mark.parametrize(
    "without",
    ["User=image-handler", "SystemCallFilter=@system-service", "CapabilityBoundingSet="],
)
def test_a_unit_that_lacks_a_fence_is_found_out(tmp_path: Path, without: str) -> None:
    weaker = tmp_path / "image-handler.service"
    lines = UNIT.read_text().splitlines()
    assert without in lines
    name = without.split("=")[0]
    weaker.write_text("\n".join(line for line in lines if not line.startswith(f"{name}=")) + "\n")
    assert exposure(weaker).returncode != 0


def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path) -> None:
    root = unpacked(tmp_path)
    units = sorted((root / "usr/lib/systemd/system").iterdir())
    assert [unit.name for unit in units if unit.name == UNIT.name]
    for unit in units:
        # What the units run lies where the package is unpacked, not on this machine. Its manual is not installed here.
        text = re.sub(r"^(Exec\w+=[-+!@:]*)/usr/", rf"\1{root}/usr/", unit.read_text(), flags=re.MULTILINE)
        unit.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE))
    for unit in units:
        verified = analyze("verify", "--man=no", str(unit))
        # It ends with 0 when it knows a key not: what it prints counts.
        assert verified.stdout == "" and verified.returncode == 0, verified.stdout


def test_stopping_is_given_more_time_than_the_service_takes() -> None:
    unit = UNIT.read_text()
    seconds = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    settings = (ROOT / "deploy/debian/image-handler.env").read_text()
    shutdown = re.search(r"^#SHUTDOWN_SECONDS=(\d+)$", settings, re.MULTILINE)
    # The service adds what its replayer and what cannot be interrupted may take.
    assert seconds and shutdown and int(seconds[1]) > int(shutdown[1]) + 4
