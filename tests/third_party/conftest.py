"""Four distributions of third parties: made, built into wheels and installed by pip."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

PYPROJECT: Final = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
version = "{version}"
dependencies = ["icecube-plugin"]

[project.entry-points.icecube_hooks]
{point} = "{module}"

[tool.hatch.build.targets.wheel]
include = ["{module}.py"]
"""

PHONE: Final = '''
"""A sink of ten lines."""

from pathlib import Path

from icecube_hooks import SinkType, hookimpl


class Phone:
    "Append the id of every new record to a file."

    def __init__(self, *, path, prefix=""):
        self.path = Path(path)
        self.path.touch()
        self.prefix = prefix

    def write(self, records):
        known = self.path.read_text().splitlines()
        new = [self.prefix + r.id for r in records if self.prefix + r.id not in known]
        self.path.write_text("".join(f"{line}\\n" for line in (*known, *new)))


@hookimpl
def register_sinks():
    return [SinkType(name="phone", make=Phone, summary="rings")]
'''

DOWN: Final = '''
"""A sink whose every write fails, not in the contract's terms."""

from icecube_hooks import SinkType, hookimpl


class Down:
    def write(self, records):
        raise ZeroDivisionError("the exchange is down")


@hookimpl
def register_sinks():
    return [SinkType(name="down", make=Down)]
'''

# distribution: version, entry point, module, its text
DISTRIBUTIONS: Final = {
    "phone-sink": ("1.2", "phone", "phone_sink", PHONE),
    "second-phone": ("0.1", "phone", "second_phone", PHONE),
    "broken-sink": ("3.0", "broken", "broken_sink", 'raise ImportError("needs a modem")\n'),
    "down-sink": ("2.0", "down", "down_sink", DOWN),
}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Build and install the distributions; the environment in which Python finds them."""
    pytest.importorskip("pip", reason="installs wheels with pip")
    root = tmp_path_factory.mktemp("third_party")
    sources = [_source(root, name) for name in DISTRIBUTIONS]
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", root / "wheels", *sources)
    wheels = sorted((root / "wheels").iterdir())
    assert len(wheels) == len(DISTRIBUTIONS)
    _pip("install", "--no-deps", "--no-index", "--target", root / "site", *wheels)
    return os.environ | {"PYTHONPATH": str(root / "site")}


def _source(root: Path, distribution: str) -> Path:
    version, point, module, text = DISTRIBUTIONS[distribution]
    folder = root / distribution
    folder.mkdir()
    (folder / f"{module}.py").write_text(text)
    names = {"distribution": distribution, "version": version, "point": point, "module": module}
    (folder / "pyproject.toml").write_text(PYPROJECT.format(**names))
    return folder


def _pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
