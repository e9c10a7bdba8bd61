"""What the host promises about plugins that behave badly, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from icecube_plugin.host import Journal
from icecube_plugin.sinks.database import read_records

ROOT = Path(__file__).parents[2]

PROGRAM = """
import argparse, json, os, sys
from pathlib import Path
import icecube_plugin.cli._common as common
from icecube_hooks import Message, ParserType, SignificanceType, SinkType, hookimpl
from icecube_plugin.host import Config, Host, SinkConfig

folder, PLACE, HARM = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def harm(place):
    if PLACE == place:
        exec(HARM)

class Sink:
    def __init__(self): harm("make")
    def write(self, records): harm("write")
    def flush(self): harm("flush")
    def close(self): harm("close")

class Bad:
    @hookimpl
    def register_sinks(self):
        harm("register")
        return [SinkType(name="bad", make=Sink)]
    @hookimpl
    def register_parsers(self):
        return [ParserType(name="bad", topics=("bad",), parse=lambda message: harm("parse"))]
    @hookimpl
    def register_significance(self):
        return [SignificanceType(name="bad", make=lambda: lambda alert: harm("assess") or ())]
    @hookimpl
    def on_start(self, host, options): harm("on_start")
    @hookimpl
    def on_record(self, record): harm("on_record")
    @hookimpl
    def on_refused(self, message, error): harm("on_refused")
    @hookimpl
    def on_stop(self): harm("on_stop")

import icecube_plugin.host.plugins as of_host
load = of_host.load_plugins
def with_bad(**options):
    return load(**options | {"allow": ["icecube-plugin"], "extra": {"bad": Bad()}})
of_host.load_plugins = with_bad

class Source:
    def __init__(self): self.committed = False
    def batches(self):
        notice = next(Path("fixtures/gcn.notices.icecube.lvk_nu_track_search").iterdir())
        yield [Message(value=notice.read_bytes(), topic="bad", partition=0, offset=0),
               Message(value=b"broken", topic="bad", partition=0, offset=1)]
    def commit(self): (folder / "committed").touch()
    def idle(self): pass
    def close(self): pass

sinks = [SinkConfig(name="db", type="sqlite", options={"path": str(folder / "a.sqlite")})]
if PLACE != "register":
    sinks.append(SinkConfig(name="bad", type="bad"))
config = Config(data_folder=folder, sinks=tuple(sinks))
common.run_host(config, Source, argparse.Namespace(json=True))
"""

PLACES = (
    "register", "parse", "assess", "write", "flush", "close",
    "on_start", "on_record", "on_refused", "on_stop",
)  # fmt: skip


def run(folder: Path, place: str, harm: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, folder, place, harm],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def records(folder: Path) -> int:
    return len(list(read_records(folder / "a.sqlite")))


@pytest.mark.parametrize("place", PLACES)
def test_exit_in_a_plugin_does_not_end_the_host(tmp_path: Path, place: str) -> None:
    """Nor does what it has printed before stand between the JSON."""
    done = run(tmp_path, place, "print('I am here', flush=True); sys.exit(0)")
    summary = json.loads(done.stdout)
    assert "I am here" in done.stderr
    assert summary["messages"] == 2
    assert (tmp_path / "committed").exists()
    letters = list(Journal(tmp_path).letters())
    assert records(tmp_path) == (0 if place == "parse" else 1)
    refused = [letter.reason for letter in letters if "SystemExit" in letter.reason]
    assert len(refused) == {"parse": 2, "write": 1, "flush": 1}.get(place, 0)
    if place != "close":
        assert "SystemExit" in done.stderr


def test_exit_while_a_sink_is_made_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    done = run(tmp_path, "make", "sys.exit('no')")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].endswith("ConfigError: sinks.bad: no")


@pytest.mark.nightly
@pytest.mark.parametrize("place", PLACES)
def test_prints_of_a_plugin_do_not_stand_between_json(tmp_path: Path, place: str) -> None:
    done = run(tmp_path, place, "print('I am here', flush=True)")
    assert json.loads(done.stdout)["records"] == 1
    assert "I am here" in done.stderr


def test_a_process_that_a_plugin_ends_has_committed_nothing(tmp_path: Path) -> None:
    """Nobody can stop os._exit; the next start begins with the same messages."""
    done = run(tmp_path, "write", "os._exit(0)")
    assert done.stdout == ""
    assert not (tmp_path / "committed").exists()


def test_what_is_not_allowed_is_not_imported(tmp_path: Path) -> None:
    """Entry points of a distribution that the allow list does not name stay unread."""
    info = tmp_path / "bad_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[icecube_hooks]\nbad = bad_plugin\n")
    (tmp_path / "bad_plugin.py").write_text("open('imported', 'w')\nraise SystemExit\n")
    config = tmp_path / "icecube-alerts.toml"
    command = [sys.executable, "-m", "icecube_plugin.cli", "plugins", "--json"]
    states = {}
    for allow in ('["icecube-plugin"]', "[]"):
        config.write_text(f"[plugins]\nallow = {allow}\n")
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=300,
            env={"PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
        found = {entry["name"]: entry["state"] for entry in json.loads(done.stdout)}
        states[allow] = found["bad-plugin:bad"], (tmp_path / "imported").exists()
    assert states == {'["icecube-plugin"]': ("blocked", False), "[]": ("failed", True)}


def test_versions_are_noted_when_they_change(tmp_path: Path) -> None:
    from icecube_plugin.host.versions import note_versions

    path = tmp_path / "folder" / "versions.jsonl"
    for versions in ({"a": "1"}, {"a": "1"}, {"a": "2"}):
        note_versions(path, versions)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["versions"] for line in lines] == [{"a": "1"}, {"a": "2"}]
    path.write_text("damaged\n")
    note_versions(path, {"a": "2"})
    assert json.loads(path.read_text().splitlines()[-1])["versions"] == {"a": "2"}


def test_every_run_notes_its_versions(tmp_path: Path) -> None:
    run(tmp_path, "nowhere", "")
    (line,) = (tmp_path / "versions.jsonl").read_text().splitlines()
    assert "icecube-plugin" in json.loads(line)["versions"]


def test_two_sinks_that_import_the_same_try_again() -> None:
    """Python ends a deadlock between the imports of two threads with an error: not the record's."""
    from importlib import _bootstrap

    from icecube_hooks import RefusedForGood, RetryLater
    from icecube_plugin.host.worker import write_once

    class Sink:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def write(self, records: object, /) -> None:
            raise self.error

    deadlock = _bootstrap._DeadlockError("deadlock detected")  # type: ignore[attr-defined]
    partial = ImportError("cannot import name 'x' from partially initialized module 'y'")
    for error, kind in ((deadlock, RetryLater), (partial, RetryLater), (OSError(), RefusedForGood)):
        assert type(write_once("a", Sink(error), [])) is kind
