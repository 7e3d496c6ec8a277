"""The guide is true to what is there: parameters, outputs, scripts, options, files, links, sums and the picture."""

import re
import shlex
import subprocess
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from xml.etree import ElementTree

import pytest
import yaml

from support.operator import BIN
from support.service import ROOT, executable

DEPLOY = ROOT / "deploy"
GUIDE = (DEPLOY / "README.md").read_text()
PICTURE = DEPLOY / "architecture.svg"
CENT = Decimal("0.01")


class _Loader(yaml.SafeLoader):
    """Reads templates; what their functions are called with matters here, not which function it is."""


def _any(loader: yaml.Loader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _any)


def template(name: str) -> dict:
    return yaml.load((DEPLOY / "cloudformation" / f"{name}.yaml").read_text(), _Loader)


def code() -> list[str]:
    """What the guide sets as code: blocks, and words between backticks."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    return blocks + re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL))


def test_every_parameter_that_the_guide_names_exists_and_every_parameter_is_named() -> None:
    settings = GUIDE[GUIDE.index("## Settings") : GUIDE.index("## Upgrading")]
    rows = [line.split("|")[1] for line in settings.splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`([A-Za-z0-9]+)`", " ".join(rows)))
    parameters = template("image-handler")["Parameters"]
    assert named == set(parameters)
    # Properties of systemd and the words of filters and tags look the same.
    assignment = r"(?<!--property=)\b(?!Name=|Values=|Key=|Value=)([A-Z][A-Za-z0-9]+)=(?!=)"
    assigned = {name for text in code() for name in re.findall(assignment, text)}
    assert assigned
    assert assigned <= set(parameters), assigned - set(parameters)


def test_defaults_in_the_guide_are_those_of_the_template() -> None:
    settings = GUIDE[GUIDE.index("## Settings") : GUIDE.index("## Upgrading")]
    compared = 0
    for line in settings.splitlines():
        if not line.startswith("| `"):
            continue
        names, defaults = (re.findall(r"[^,`| ]+", cell) for cell in line.split("|")[1:3])
        if len(names) == len(defaults):
            for name, default in zip(names, defaults, strict=True):
                if name != "ImageId" and default != "none":
                    assert str(template("image-handler")["Parameters"][name]["Default"]) == default, name
                    compared += 1
    assert compared >= 10


def test_every_output_that_the_guide_and_the_scripts_name_exists() -> None:
    outputs = set(template("image-handler")["Outputs"])
    asked = set(re.findall(r"OutputKey=='(\w+)'", GUIDE)) | set(re.findall(r"(?:output|secret)s? `([A-Z]\w+)`", GUIDE))
    assert {"SiteUrl", "BucketName"} <= asked
    for script in BIN.iterdir():
        asked |= set(re.findall(r"stack_output ([A-Z][a-z]\w+)", script.read_text()))
    assert asked <= outputs, asked - outputs


def test_the_parameters_that_release_writes_are_the_stacks() -> None:
    written = re.search(r"'\{(ReleaseBucket: .*?)\} \| to_entries", (BIN / "release").read_text(), re.DOTALL)
    assert written
    names = set(re.findall(r"(\w+): \$", written.group(1)))
    assert len(names) == 6
    assert names <= set(template("image-handler")["Parameters"])


def test_every_script_and_every_option_in_the_guide_exists() -> None:
    used = set()
    for text in code():
        # A command ends with its line, unless a backslash says otherwise.
        for line in re.sub(r"\\\n", " ", text).splitlines():
            for name, rest in re.findall(r"(?:deploy/bin/|^)(preflight|release|bootstrap-db|smoke)\b([^|;]*)", line):
                script = (BIN / name).read_text()
                used.add(name)
                for option in re.findall(r"--[a-z-]+", rest):
                    assert f"        {option})" in script, f"{name} does not know {option}"
    assert used == {"preflight", "release", "bootstrap-db", "smoke"}


def test_every_file_that_the_guide_names_exists() -> None:
    named = {path for text in code() for path in re.findall(r"\bdeploy/[\w./-]+\w", text)}
    named |= {f"deploy/{path}" for path in re.findall(r"\b(architecture\.\w+)", GUIDE)}
    assert len(named) >= 6
    missing = {path for path in named if not (ROOT / path).exists()}
    assert not missing


def test_every_command_and_unit_of_a_host_that_the_guide_names_is_in_the_package() -> None:
    # The package gets its files from here.
    names = {path.name for path in DEPLOY.rglob("*") if path.is_file()}
    units = set(re.findall(r"\b(image-handler-[a-z]+)\.timer\b", GUIDE))
    assert units
    assert {f"{unit}.timer" for unit in units} <= names
    commands = re.findall(r"sudo (image-handler-\w+) (\w+)", GUIDE)
    assert commands
    assert {command for command, _ in commands} <= names
    assert {word for _, word in commands} == {"doctor", "reconcile"}


def test_a_volume_is_taken_up_with_the_environment_and_the_limits_of_the_service() -> None:
    taken_up = re.search(r"sudo systemd-run (.*?\S)\n(?!    )", GUIDE, re.DOTALL)
    assert taken_up
    words = shlex.split(taken_up.group(1).replace("\\\n", " "))
    properties = [word.removeprefix("--property=") for word in words if word.startswith("--property=")]
    unit = (DEPLOY / "systemd/image-handler.service").read_text().splitlines()
    for line in properties:
        name = line.split("=")[0]
        if name not in ("ReadWritePaths", "WorkingDirectory"):
            assert line in unit, f"the unit of the service has no {line}"
    files = [line for line in unit if line.startswith("EnvironmentFile=")]
    assert [line for line in properties if line.startswith("EnvironmentFile=")] == files
    assert {"--uid=image-handler", "--gid=image-handler"} <= set(words)
    started = words.index("/usr/bin/image-handler")
    assert "ExecStart=/usr/bin/image-handler serve" in unit
    options = words[started + 2 :: 2]
    known = subprocess.run([executable(), "serve", "--help"], capture_output=True, text=True, check=True).stdout
    assert options == ["--uploads-dir", "--listen"]
    assert all(f" {option} " in known for option in options)
    listen = words[words.index("--listen") + 1]
    assert f"LISTEN={listen}" not in (DEPLOY / "host/service.env").read_text(), "the first service has that port"


def test_every_log_group_that_the_guide_names_exists() -> None:
    groups = re.findall(r"LogGroupName: !Sub \"/image-handler/\$\{AWS::StackName\}/([a-z-]+)\"", _service())
    assert groups
    for group in groups:
        assert f"`{group}`" in GUIDE


def _service() -> str:
    return (DEPLOY / "cloudformation/service.yaml").read_text()


def test_what_doctor_says_in_the_guide_is_what_it_says() -> None:
    table = GUIDE[GUIDE.index("## Troubleshooting") : GUIDE.index("## Security notes")]
    source = " ".join(path.read_text() for path in sorted((ROOT / "api/src/doctor").rglob("*.rs")))
    source = re.sub(r"\\\n\s*", "", source)
    cells = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")]
    quoted = [text for cell in cells for text in re.findall(r"\*([^*]+)\*", cell) if text != "doctor"]
    assert len(quoted) >= 9
    for quote in quoted:
        for part in re.split(r" ?… ?|images: Access denied| s3:PutObject", quote):
            assert part in source, f"doctor does not say {part!r}"


def test_links_inside_the_guide_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", GUIDE, re.MULTILINE)
    }
    for anchor in re.findall(r"\]\(#([^)]+)\)", GUIDE):
        assert anchor in headings
    for path in re.findall(r"\]\(([^#)]+)[#)]", GUIDE):
        assert (DEPLOY / path).exists(), path


def test_the_estimate_adds_up() -> None:
    sums = []
    total = [Decimal(0), Decimal(0)]
    for line in GUIDE[GUIDE.index("## What it costs") :].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| **sum"):
            shown = [Decimal(cells[3].strip("*")), Decimal(cells[5].strip("*"))]
            assert shown == total, f"{line} should be {total}"
            sums.append(shown)
            total = [Decimal(0), Decimal(0)]
        elif len(cells) == 6 and cells[1].replace(".", "").isdigit():
            for each in (0, 1):
                quantity, price, amount = (Decimal(cells[at]) for at in (1, 2 + 2 * each, 3 + 2 * each))
                assert (quantity * price).quantize(CENT, ROUND_HALF_UP) == amount, line
                total[each] += amount
    single, scaled, cloudfront = sums
    for each in (single, scaled):
        for index in (0, 1):
            with_cloudfront = each[index] - Decimal("36.00") + cloudfront[index]
            assert f"{with_cloudfront}" in GUIDE


def _labels(svg: str) -> Counter[str]:
    texts = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return Counter("".join(text.itertext()) for text in texts)


def test_the_picture_says_what_its_text_says() -> None:
    command = ["dot", "-Tsvg", str(DEPLOY / "architecture.dot")]
    drawn = subprocess.run(command, capture_output=True, text=True, check=True)
    assert drawn.stderr == ""
    assert len(_labels(drawn.stdout)) > 20
    assert _labels(drawn.stdout) == _labels(PICTURE.read_text()), "run `make architecture`"


@pytest.mark.parametrize("mode", ["single", "scaled"])
def test_the_picture_shows_both_modes(mode: str) -> None:
    assert any(label.startswith(f"Mode {mode}") for label in _labels(PICTURE.read_text()))
