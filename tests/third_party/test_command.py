"""The command line with sinks of third parties: listed, configured by name, served."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from icecube_plugin.sinks.database import read_records

FIXTURES = Path(__file__).parents[2] / "fixtures"
NOTICES = sorted((FIXTURES / "gcn.notices.icecube.lvk_nu_track_search").glob("*.json"))

CONFIG = """
data_folder = "data"

[sinks.hotline]
type = "down"
required = false

[sinks.hallway]
type = "phone"
path = "hallway.txt"
prefix = "RING "

[sinks.database]
type = "sqlite"
path = "alerts.sqlite"
"""


def run(
    environment: dict[str, str], folder: Path, *arguments: str | Path, config: str = CONFIG
) -> subprocess.CompletedProcess[str]:
    (folder / "alerts.toml").write_text(config)
    command: Sequence[str | Path] = [sys.executable, "-m", "icecube_plugin.cli"]
    command = [*command, "--config", "alerts.toml", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_plugins_are_listed(installed: dict[str, str], tmp_path: Path) -> None:
    done = run(installed, tmp_path, "plugins", "--json")
    assert done.returncode == 1, done.stderr  # one of them has failed
    listed = {plugin["name"]: plugin for plugin in json.loads(done.stdout)}
    assert listed["phone-sink:phone"]["provides"] == ["sink phone"]
    assert listed["phone-sink:phone"]["version"] == "1.2"
    assert listed["broken-sink:broken"]["error"] == "ImportError: needs a modem"
    assert listed["second-phone:phone"]["problems"] == [
        "sink 'phone' is already provided by phone-sink:phone; this one is not used"
    ]
    assert listed["icecube-plugin:sink-sqlite"]["state"] == "loaded"


def test_records_reach_a_configured_sink(installed: dict[str, str], tmp_path: Path) -> None:
    assert NOTICES
    done = run(installed, tmp_path, "replay", *NOTICES)
    assert "ZeroDivisionError: the exchange is down" in done.stderr
    assert "Traceback" not in done.stderr
    written = [record.id for record in read_records(tmp_path / "alerts.sqlite")]
    assert len(written) == len(NOTICES)
    heard = (tmp_path / "hallway.txt").read_text().splitlines()
    assert heard == [f"RING {record_id}" for record_id in written]


def test_replay_again_adds_nothing(installed: dict[str, str], tmp_path: Path) -> None:
    said = [run(installed, tmp_path, "replay", NOTICES[0]).stderr for _ in range(2)]
    assert ["not for the first time" in text for text in said] == [False, True]
    assert len((tmp_path / "hallway.txt").read_text().splitlines()) == 1
    assert len(list(read_records(tmp_path / "alerts.sqlite"))) == 1


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('type = "phon"', "did you mean 'phone'?"),
        ('type = "phone"\npahth = "x"', "sinks.s.pahth: unknown option (did you mean 'path'?)"),
        ('type = "phone"', "sinks.s.path: is required"),
    ],
)
def test_wrong_configuration_is_one_clear_line(
    installed: dict[str, str], tmp_path: Path, line: str, text: str
) -> None:
    done = run(installed, tmp_path, "replay", NOTICES[0], config=f"[sinks.s]\n{line}\n")
    assert done.returncode == 2
    (told,) = [told for told in done.stderr.splitlines() if "sinks.s" in told]
    assert text in told
    assert "Traceback" not in done.stderr
