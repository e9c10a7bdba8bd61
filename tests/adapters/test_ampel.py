"""AMPEL: the example distribution, in AMPEL itself, by the document's commands.

``ampel job`` consumes from a real Kafka broker. There is no MongoDB server to be had from Debian or
PyPI: mongomock takes its place, as in AMPEL's own tests.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT, Outcome, Peers, Stream, configure, counts, outcome

DOCUMENT = (ROOT / "docs" / "ampel.md").read_text()
EXAMPLE = ROOT / "docs" / "examples" / "ampel"
AMPEL = (
    "ampel-interface==0.10.4.post2",
    "ampel-core==0.10.4.post0",
    "ampel-alerts==0.10.1",
    "mongomock==4.3.0",
    "pymongo<4.9",
)

# Runs the document's job twice: the second time with another group, to which all comes again.
TWICE = """
import json, sys
from pathlib import Path

import mongomock.codec_options, mongomock.database

import ampel.core.AmpelDB
from ampel.cli.main import main

client = mongomock.MongoClient()
ampel.core.AmpelDB.MongoClient = lambda *args, **kwargs: client
make = mongomock.database.Database.create_collection
mongomock.database.Database.create_collection = lambda self, name, **options: make(self, name)
mongomock.codec_options.is_supported = lambda *args: None


def found():
    def all_of(name):
        return [{**doc, "_id": None} for doc in client["IceCube"][name].find()]

    return {name: all_of(name) for name in ("stock", "t0", "t2", "trouble")}


runs = []
for group in ("ampel-1", "ampel-2"):
    config = Path("icecube-alerts.toml")
    config.write_text(config.read_text().replace("ampel-1", group))
    sys.argv = list(COMMAND)  # which AMPEL empties
    main()
    runs.append(found())
print("found", json.dumps(runs, default=str))
"""


@pytest.fixture(scope="session")
def python(peers: Peers) -> str:
    return peers("", "-e", str(EXAMPLE), *AMPEL)


@pytest.fixture(scope="module")
def runs(
    python: str, stream: Stream, third_party: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[dict[str, Any]], str]:
    """Return the folder of the job, what AMPEL's database has after each run, and what it says."""
    folder = tmp_path_factory.mktemp("ampel")
    configure(folder, bootstrap_servers=stream.servers, group_id="ampel-1", topics=stream.topics)
    (job,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    (folder / "job.yml").write_text(job.replace("idle_s: 10", "idle_s: 4"))
    _, build, command = [line.split()[1:] for line in _console().splitlines()]
    program = Path(python).parent / build[0]
    _run([str(program), *build[1:]], folder, third_party)
    said = _run([python, "-c", f"COMMAND = {command}\n{TWICE}"], folder, third_party)
    (line,) = [line for line in said.splitlines() if line.startswith("found ")]
    return folder, json.loads(line.removeprefix("found ")), said


def _console() -> str:
    (text,) = re.findall(r"```console\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(text)


def _run(command: list[str], folder: Path, third_party: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300,
        env={"PATH": "", "HOME": str(folder), "PYTHONPATH": str(third_party)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_same_comes_out_as_from_our_own_host(
    runs: tuple[Path, list[dict[str, Any]], str], expected: Outcome
) -> None:
    """With poison among the notices, and a sink that raises beside ours."""
    folder, (first, _), _ = runs
    assert outcome(folder) == expected
    assert first["trouble"] == []
    bodies = [found["body"] for found in first["t0"]]
    assert len(bodies) == len(expected.records)
    assert {body["notice_id"] for body in bodies} == expected.notice_ids
    raws = {json.loads(body["record"])["id"] for body in bodies}
    assert raws == {row[0] for row in expected.records}


def test_a_stock_is_an_event(
    runs: tuple[Path, list[dict[str, Any]], str], expected: Outcome
) -> None:
    _, (first, _), _ = runs
    assert {found["stock"] for found in first["stock"]} == {row[2] for row in expected.records}
    (search,) = [found for found in first["stock"] if found["stock"] == "S200213t"]
    assert sorted(search["tag"]) == ["ICECUBE", "LVK-SEARCH", "REAL"]


def test_significances_are_those_of_our_host(
    runs: tuple[Path, list[dict[str, Any]], str], expected: Outcome
) -> None:
    _, (first, _), _ = runs
    by_point = {found["link"]: found["body"][-1]["significances"] for found in first["t2"]}
    assert len(by_point) == len(expected.records)
    for point in first["t0"]:
        record = json.loads(point["body"]["record"])["id"]
        assert by_point[point["id"]] == expected.lines[record][1]


def test_a_redelivery_changes_nothing(
    runs: tuple[Path, list[dict[str, Any]], str], expected: Outcome
) -> None:
    folder, (first, second), _ = runs
    for name in ("t0", "t2"):
        assert [_lasting(found) for found in second[name]] == [
            _lasting(found) for found in first[name]
        ]
    n = len(expected.records)
    assert counts(folder) == (n + 1, len(expected.refused) + n + 1)


def _lasting(document: dict[str, Any]) -> dict[str, Any]:
    """Return what does not note each run; tags and channels have no order."""
    kept = {name: document[name] for name in document if name in ("id", "stock", "body", "link")}
    return kept | {name: sorted(document[name]) for name in ("tag", "channel")}


def test_offsets_are_committed_up_to_the_last_alert(
    runs: tuple[Path, list[dict[str, Any]], str], stream: Stream, expected: Outcome
) -> None:
    """What is broken behind it comes again, and is kept once."""
    passed_over = {(ROOT / "fixtures" / "gcn.circulars" / "other_made_up.json").read_bytes()}
    done = 0
    for topic in stream.topics:
        values = [message.value for message in stream.messages if message.topic == topic]
        is_read = [value not in expected.refused | passed_over for value in values]
        done += max((place + 1 for place, read in enumerate(is_read) if read), default=0)
    assert stream.committed("ampel-1") == stream.committed("ampel-2") == done


def test_the_wheel_has_what_ampel_looks_for(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=EXAMPLE, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "conf/ampel-icecube/ampel.yml" in names
    units = re.findall(r"- (\S+)", (EXAMPLE / "conf" / "ampel-icecube" / "ampel.yml").read_text())
    assert {f"{unit.replace('.', '/')}.py" for unit in units} < set(names)
    assert "ampel/__init__.py" not in names  # the package is shared by AMPEL's distributions
