"""The package: what it exports, and how little it imports."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import icecube_hooks
from icecube_hooks import ENTRY_POINT_GROUP, HOOKSPEC_VERSION, PROJECT_NAME

ROOT = Path(__file__).parents[2]
MODULES = [
    "_base",
    "_errors",
    "_loading",
    "_options",
    "_sinks",
    "_types",
    "hookspecs",
    "host",
    "messages",
    "testing",
]

IMPORTED = """
import sys, time
before = set(sys.modules)
import pluggy
start = time.process_time()
import {module}
took = time.process_time() - start
import json
print(json.dumps([took, sorted(set(sys.modules) - before)]))
"""


def imported(module: str) -> tuple[float, set[str]]:
    program = [sys.executable, "-c", IMPORTED.format(module=module)]
    took, names = json.loads(subprocess.check_output(program))
    return took, {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("name", MODULES)
def test_all_names_what_is_there(name: str) -> None:
    module = importlib.import_module(f"icecube_hooks.{name}")
    assert module.__all__ == sorted(module.__all__, key=_sort_key)
    assert all(hasattr(module, public) for public in module.__all__)


def test_package_exports_its_modules() -> None:
    public = {name for module in ("_errors", "_types", "hookspecs") for name in _all(module)}
    assert set(icecube_hooks.__all__) == public | {"hookspecs"}


@pytest.mark.parametrize("module", ["icecube_hooks", "icecube_hooks.host", "icecube_hooks.testing"])
def test_import_needs_msgspec_and_pluggy_alone(module: str) -> None:
    _, names = imported(module)
    foreign = (
        names
        - sys.stdlib_module_names
        - {"icecube_hooks", "msgspec", "pluggy", "typing_extensions"}
    )
    assert {name for name in foreign if not name.startswith("_")} == set()


def test_import_takes_milliseconds() -> None:
    imported("icecube_hooks")  # writes the byte code
    assert min(imported("icecube_hooks")[0] for _ in range(5)) < 0.3  # 0.06 on a quiet machine


def test_entry_points_are_in_the_group_of_the_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(project["entry-points"]) == {ENTRY_POINT_GROUP, "hop_plugin"}  # the latter is hop's


def test_constants() -> None:
    assert PROJECT_NAME == "icecube_hooks"
    assert re.fullmatch(r"2\.\d+", HOOKSPEC_VERSION)


def _all(module: str) -> list[str]:
    names: list[str] = importlib.import_module(f"icecube_hooks.{module}").__all__
    return names


def _sort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest, as the linter sorts them."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name
