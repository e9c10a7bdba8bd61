"""The worked example of a parser, docs/examples/km3net: installed, and its alerts go everywhere."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "km3net"
TESTS = EXAMPLE / "tests" / "test_icecube_parser_km3net.py"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example, and return where."""
    pytest.importorskip("pip", reason="installs with pip")
    place = tmp_path_factory.mktemp("site")
    quiet = ("--quiet", "--disable-pip-version-check", "--root-user-action=ignore")
    options = ("--no-deps", "--no-build-isolation", "--target", str(place))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *quiet, *options, str(EXAMPLE)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return place


def run(site: Path, folder: Path, *words: str) -> str:
    paths = [str(site), str(ROOT / "hooks"), str(ROOT)]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def notice(site: Path) -> dict[str, Any]:
    """Return the notice of the example's own tests."""
    sys.path.insert(0, str(site))
    try:
        spec = importlib.util.spec_from_file_location("km3net_tests", TESTS)
        assert spec is not None
        assert spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(site))
    found: dict[str, Any] = module.NOTICE
    return found


def test_its_own_tests_are_green(site: Path, tmp_path: Path) -> None:
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(TESTS))
    assert " passed" in run(site, tmp_path, *command)


def test_its_alerts_go_everywhere_under_their_own_name(site: Path, tmp_path: Path) -> None:
    command = ("-m", "icecube_plugin.cli")
    assert "gcn.notices.km3net.*" in run(site, tmp_path, *command, "topics")
    (tmp_path / "notice.json").write_text(json.dumps(notice(site)))
    (parsed,) = json.loads(run(site, tmp_path, *command, "parse", "notice.json", "--json"))
    assert (parsed["observatory"], parsed["kind"]) == ("KM3NeT", "km3net-track")
    (tmp_path / "c.toml").write_text(
        '[sinks.lines]\ntype = "jsonl"\npath = "a.jsonl"\n'
        '[sinks.packets]\ntype = "voevent"\nfolder = "packets"\nivorn = "ivo://example.org/nu"\n'
    )
    run(site, tmp_path, *command, "--config", "c.toml", "replay", "notice.json")
    (line,) = (tmp_path / "a.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert (record["alert"]["event_names"], record["significances"]) == (["KM3-260502A"], [])
    (packet,) = (tmp_path / "packets").glob("*.xml")
    assert '<ObservatoryLocation id="KM3NeT"' in packet.read_text()
    shown = run(site, tmp_path, *command, "show", "KM3-260502A", "--lines", "a.jsonl")
    assert "KM3-260502A" in shown
    assert "icecube" not in shown.casefold()
