"""Our own sinks keep the rules that we give to others."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from icecube_hooks import Record, Sink
from icecube_hooks.testing import RecordingSink, SinkConformance
from icecube_plugin.alerts.words import clean
from icecube_plugin.sinks.database import read_records
from icecube_plugin.sinks.json_files import JsonFiles
from icecube_plugin.sinks.json_lines import JsonLines, read_lines
from icecube_plugin.sinks.sqlite import Sqlite
from icecube_plugin.sinks.terminal import Terminal


class Placed(SinkConformance):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "Ärger und Ruhe" / "out"

    @contextlib.contextmanager
    def trouble(self, sink: Sink) -> Iterator[None]:
        """A file stands where the sink's folder was, and later the folder is back."""
        del sink
        aside = self.path.parent.with_name("aside")
        self.path.parent.mkdir(exist_ok=True)
        self.path.parent.rename(aside)
        self.path.parent.touch()
        yield
        self.path.parent.unlink()
        shutil.move(aside, self.path.parent)


class TestJsonFiles(Placed):
    factory = JsonFiles
    bad_options = ({"folder": 5}, {"folder": ""}, {"folder": "/dev/null/x"}, {"folder": "a\0b"})
    keeps_order = False

    def make_sink(self) -> JsonFiles:
        return JsonFiles(folder=self.path)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        files = self.path.glob("*.json")
        return [Record.from_dict(json.loads(file.read_text())).id for file in files]


class TestJsonLines(Placed):
    factory = JsonLines
    bad_options = ({"path": 5}, {"path": ""}, {"path": "/dev/null/x"}, {"path": "/"})

    def make_sink(self) -> JsonLines:
        return JsonLines(path=self.path)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        return [record.id for record in read_lines(self.path)] if self.path.exists() else []


class TestSqlite(Placed):
    factory = Sqlite
    bad_options = (
        {"path": 5},
        {"path": "/dev/null/x"},
        {"path": "/"},
        {"wait_s": -1},
        {"wait_s": True},
        {"wait_s": "long"},
    )

    def make_sink(self) -> Sqlite:
        return Sqlite(path=self.path)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        return [record.id for record in read_records(self.path)]


class TestTerminal(SinkConformance):
    factory = Terminal
    bad_options = ({"stream": "stdin"}, {"stream": 5}, {"color": "blue"}, {"color": True})

    def make_sink(self) -> Terminal:
        self.stream = io.StringIO()
        return Terminal(stream=self.stream)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        ids = {clean(record.id): record.id for record in self.known()}
        shown = re.findall(r"^  record +(.*)$", self.stream.getvalue(), re.MULTILINE)
        return [ids[text] for text in shown]

    def known(self) -> Iterator[Record]:
        """Return the records of `test_revisions_and_formats_are_apart`, and all others."""
        recorder = _Recorder()
        recorder.test_revisions_and_formats_are_apart()
        yield from recorder.sink.records.values()
        yield from self.records()


class _Recorder(SinkConformance):
    factory = RecordingSink

    def make_sink(self) -> RecordingSink:
        if not hasattr(self, "sink"):
            self.sink = RecordingSink()
        return self.sink

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        return list(self.sink.records)


class TestRecordingSink(_Recorder):
    pass
