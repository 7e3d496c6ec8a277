"""What holds for every script: shellcheck is content, each explains itself and refuses what it does not know."""

import re
import subprocess
from pathlib import Path

import pytest

from support.operator import BIN
from support.service import ROOT

OPERATORS = ["bootstrap-db", "preflight", "release", "smoke"]


def _is_shell(file: Path) -> bool:
    with file.open("rb") as content:
        first = content.readline(100)
    words = first.removeprefix(b"#!").split()
    shells = {b"sh", b"bash", b"dash"}
    by_shebang = first.startswith(b"#!") and any(word.rpartition(b"/")[2] in shells for word in words[:2])
    return by_shebang or first.startswith(b"# shellcheck shell=")


def shell_scripts() -> list[Path]:
    """Finds every shell script of deploy/ by its first line."""
    return sorted(file for file in (ROOT / "deploy").rglob("*") if file.is_file() and _is_shell(file))


def test_shellcheck_has_nothing_to_say_about_any_shell_script() -> None:
    scripts = shell_scripts()
    assert {BIN / name for name in OPERATORS} < set(scripts), "the search finds too little"
    finished = subprocess.run(
        ["shellcheck", "--external-sources", *map(str, scripts)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize("name", OPERATORS)
def test_each_script_explains_itself(name: str) -> None:
    finished = subprocess.run([BIN / name, "--help"], capture_output=True, text=True, check=True)
    assert finished.stdout.startswith(f"{name} --")
    source = (BIN / name).read_text()
    options = set(re.findall(r"^        (--[a-z-]+)\) ", source, re.MULTILINE))
    assert options, "no options found in the source"
    for option in options:
        assert option in finished.stdout, f"{option} is not explained"


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("words", [["--nonsense"], [], ["--region"], ["--region", ""]])
def test_each_script_refuses_what_it_does_not_know(name: str, words: list[str]) -> None:
    finished = subprocess.run([BIN / name, *words], capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert f"See {name} --help." in finished.stderr
