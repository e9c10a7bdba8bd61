"""What we ship, and what we are made of."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements-dev.lock"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CODE = [
    path
    for folder in ("icecube_plugin", "hooks/icecube_hooks", "comet", ".ci")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def needs(module: str) -> None:
    """Skip, or fail where the environment has to have it."""
    if find_spec(module) is None:
        reason = f"{module} is not installed: pip install 'icecube-plugin[audit]'"
        pytest.fail(reason) if os.environ.get("ICECUBE_REQUIRE_AUDIT") == "1" else pytest.skip(
            reason
        )


def wheel(folder: Path) -> bytes:
    """Build a wheel from a copy of the project, elsewhere and with other times."""
    names = (
        "icecube_plugin",
        "hooks",
        "fixtures",
        "comet",
        "pyproject.toml",
        "README.md",
        "LICENSE",
    )
    for name in names:
        source, target = ROOT / name, folder / "copy" / name
        if source.is_dir():
            shutil.copytree(source, target, copy_function=shutil.copy)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist"],
        cwd=folder / "copy", check=True, capture_output=True,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1777694400"},
    )  # fmt: skip
    (made,) = (folder / "dist").glob("*.whl")
    return made.read_bytes()


def test_the_wheel_is_reproducible(tmp_path: Path) -> None:
    assert wheel(tmp_path / "one") == wheel(tmp_path / "the other")


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_all_that_we_need_is_there_as_wheels(version: str, tmp_path: Path) -> None:
    found = resolved(tmp_path, version, source=False)
    assert {"astropy", "confluent-kafka", "gcn-kafka", "msgspec", "pluggy", "scipy"} <= found


@pytest.mark.parametrize("host", ["hop-client", "tomtoolkit", "comet", "pygcn"])
def test_it_goes_beside_a_host(host: str, tmp_path: Path) -> None:
    assert host in resolved(tmp_path, "3.11", host)


@pytest.mark.nightly
def test_the_oldest_that_we_allow_do(tmp_path: Path) -> None:
    """The lowest versions of what we name, in an environment of their own: the main job."""
    needs("uv")
    place = tmp_path / "oldest"
    oldest = ("--resolution", "lowest-direct", str(ROOT))
    for words in (
        ("venv", "--python", sys.executable, str(place)),
        ("pip", "install", "--python", str(place / "bin" / "python"), *oldest),
    ):
        command = [sys.executable, "-m", "uv", "--quiet", *words]
        subprocess.run(command, check=True, capture_output=True, text=True)
    done = subprocess.run(
        [place / "bin" / "icecube-alerts", "demo"], cwd=tmp_path, capture_output=True, text=True
    )
    assert " read, 1 refused (broken on purpose)" in done.stdout, done.stderr


def resolved(folder: Path, version: str, *beside: str, source: bool = True) -> set[str]:
    """Return what uv would install for us, and packages beside us, on a Python version."""
    needs("uv")
    (folder / "beside.in").write_text("\n".join(beside))
    wheels = () if source else ("--only-binary", ":all:")
    done = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate",
         "--python-version", version, *wheels, str(ROOT / "pyproject.toml"), "beside.in"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {name_of(line) for line in done.stdout.splitlines() if line[:1].isalpha()}


def name_of(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def wanted() -> set[str]:
    """Return what an installation for development asks for."""
    extras = PROJECT["optional-dependencies"]
    names, left = set(), [*PROJECT["dependencies"], "icecube-plugin[lint,audit]"]
    while left:
        requirement = left.pop()
        ours = re.match(r"icecube-plugin\[([\w,-]+)\]", requirement)
        if ours is None:
            names.add(name_of(requirement))
        else:
            left += [one for extra in ours[1].split(",") for one in extras[extra]]
    return names


def test_everything_is_locked_with_hashes() -> None:
    entries = re.split(r"\n(?=\S)", LOCK.read_text().strip())[1:]
    assert all(re.match(r"[\w.-]+==\S+", entry) for entry in entries)
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert wanted() <= {name_of(entry) for entry in entries}
    assert "://" not in LOCK.read_text()


def test_every_dependency_has_a_lower_bound() -> None:
    extras = PROJECT["optional-dependencies"]
    everything = [*PROJECT["dependencies"], *(one for extra in extras.values() for one in extra)]
    unbound = [one for one in everything if not re.search(r">=|==|^icecube-plugin\[", one)]
    assert unbound == []


def test_no_rule_of_security_is_switched_off_without_a_reason() -> None:
    """``# noqa: S608  # why``, in what is shipped."""
    silent = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in CODE
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"noqa(?!: [A-Z]+\d+)|noqa: S\d+\b(?!  # \S)", line)
    ]
    assert silent == []


IMPORTS = {
    "hooks/icecube_hooks/testing.py": "the test kit pickles what it has made itself",
    "hooks/icecube_hooks/messages.py": "writes XML, reads none",
    "icecube_plugin/sinks/command.py": "runs the operator's program, without a shell",
    "icecube_plugin/views/plots/_svg.py": "escapes text, parses nothing",
}
"""Imports that bandit marks whatever is done with them."""


def test_bandit_finds_nothing_that_is_not_explained() -> None:
    """What it finds stands beside a ``noqa`` of the same rule, as ruff numbers it."""
    needs("bandit")
    folders = ("icecube_plugin", "hooks/icecube_hooks", "comet")
    command = (sys.executable, "-m", "bandit", "-q", "-f", "json", "-r", *folders)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    assert found
    unexplained = [
        f"{one['filename']}:{one['line_number']}: {one['issue_text']}"
        for one in found
        if not is_explained(one)
    ]
    assert unexplained == []


def is_explained(found: dict[str, Any]) -> bool:
    if found["test_id"].startswith("B40"):
        return found["filename"] in IMPORTS
    source = (ROOT / found["filename"]).read_text()
    lines = source.splitlines()
    number = found["line_number"]
    spans = [
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt) and not hasattr(node, "body") and node.lineno <= number
    ]
    first, last = max(span for span in spans if span[1] >= number)
    rule = found["test_id"].replace("B", "S")
    return any(f"noqa: {rule}  # " in line for line in lines[first - 1 : last])


@pytest.mark.nightly
def test_a_bill_of_materials(tmp_path: Path) -> None:
    """Of this environment, as the tool would make it of a clean one."""
    needs("cyclonedx_py")
    out = tmp_path / "sbom.json"
    command = (sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible")
    done = subprocess.run(
        [*command, "--pyproject", ROOT / "pyproject.toml", "-o", out, sys.executable],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = json.loads(out.read_text())
    assert made["bomFormat"] == "CycloneDX"
    assert made["metadata"]["component"]["name"] == "icecube-plugin"
    names = {name_of(one["name"]) for one in made["components"]}
    assert {name_of(one) for one in PROJECT["dependencies"]} <= names
