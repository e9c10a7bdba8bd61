"""Data folders of versions before 0.2; the layouts are those that they made."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import Message, Record, SinkType
from icecube_hooks.host import PluginSet, load_plugins
from icecube_hooks.testing import example_records
from icecube_plugin.host import Config, Cursors, Host, SinkConfig
from tests.host.sinks import Troubled

RECORDS = list(example_records())
IDS = [record.id for record in RECORDS]

SPOOL = """CREATE TABLE records (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL
)"""
LETTERS = """CREATE TABLE letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, sink TEXT,
    error TEXT NOT NULL, reason TEXT NOT NULL, versions TEXT NOT NULL, topic TEXT,
    partition INTEGER, "offset" INTEGER, origin TEXT, message TEXT NOT NULL
)"""
SEEN = """CREATE TABLE seen (
    number INTEGER PRIMARY KEY, notice_id TEXT NOT NULL, record_id TEXT NOT NULL,
    seen_at TEXT NOT NULL, topic TEXT, partition INTEGER, "offset" INTEGER, origin TEXT
)"""


def fill(path: Path, layout: str, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        with database:
            database.execute(layout)
            for number, row in enumerate(rows, 1):
                marks = ", ".join("?" * (len(row) + 1))
                database.execute(f"INSERT INTO {table} VALUES ({marks})", (number, *row))


def old_json(record: Record) -> str:
    """Write a record as version 1 did: the notice's bytes in the alert, as base64."""
    data = record.to_dict()
    data.pop("contract", None)
    message: dict[str, Any] = {
        name: value for name, value in data["message"].items() if not name.startswith("value")
    }
    raw = b64encode(record.message.value).decode()
    return json.dumps(data | {"message": message, "alert": data["alert"] | {"raw_base64": raw}})


def spool(folder: Path, name: str, records: Iterable[Record]) -> None:
    rows = [(f"{r.id} {r.message.offset}", old_json(r)) for r in records]
    fill(folder / "spool" / f"{name}.sqlite", SPOOL, "records", rows)


def letter(value: bytes, offset: int, sink: str | None) -> tuple[object, ...]:
    place = f"t\0{0}\0{offset}\0{sink}\0"
    message = {"value_base64": b64encode(value).decode(), "topic": "t", "partition": 0}
    return (
        hashlib.sha256(place.encode() + value).hexdigest(), "2026-05-02T04:00:00+00:00", sink,
        "NoticeError", "it was broken", '{"icecube-plugin": "0.1"}', "t", 0, offset, None,
        json.dumps(message | {"offset": offset}),
    )  # fmt: skip


class Nothing:
    """A source without messages."""

    def batches(self) -> Iterator[list[Message]]:
        return iter(())

    def commit(self) -> None: ...
    def idle(self) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def sinks() -> dict[str, Troubled]:
    return {"archive": Troubled(), "people": Troubled()}


@pytest.fixture
def plugins(sinks: dict[str, Troubled]) -> PluginSet:
    plugins = load_plugins(allow=["icecube-plugin"])
    for name, sink in sinks.items():
        plugins.sinks[name] = SinkType(
            name=name, make=lambda sink=sink: sink, after_journal=name == "people"
        )
    return plugins


def host(folder: Path, plugins: PluginSet, *names: str) -> Host:
    configured = tuple(SinkConfig(name=name, type=name) for name in names)
    return Host(Config(data_folder=folder, sinks=configured), plugins=plugins, source=Nothing)


def test_what_waits_goes_to_its_sink_alone(
    tmp_path: Path, plugins: PluginSet, sinks: dict[str, Troubled]
) -> None:
    spool(tmp_path, "archive", RECORDS)
    spool(tmp_path, "people", RECORDS[1:2])
    summary = host(tmp_path, plugins, "archive", "people").run()
    assert summary.written == {"archive": len(IDS), "people": 1}
    assert (sinks["archive"].ids, sinks["people"].ids) == (IDS, IDS[1:2])
    names = {path.name for path in (tmp_path / "spool").iterdir()}
    assert names == {"archive.sqlite.taken-over", "people.sqlite.taken-over"}
    assert host(tmp_path, plugins, "archive", "people").run().written == {"archive": 0, "people": 0}


def test_records_are_those_that_were_written(tmp_path: Path, plugins: PluginSet) -> None:
    spool(tmp_path, "archive", RECORDS)
    there = host(tmp_path, plugins, "archive").open()
    assert [entry.record for entry in there.journal.after(0).entries] == RECORDS
    there.close()


def test_dead_letters_keep_their_time_and_are_one_with_new_ones(
    tmp_path: Path, plugins: PluginSet
) -> None:
    rows = [letter(b"?", 7, None), letter(b"!", 8, "archive")]
    fill(tmp_path / "dead-letters.sqlite", LETTERS, "letters", rows)
    there = host(tmp_path, plugins, "archive").open()
    unread, refused = there.journal.letters()
    assert (unread.message.value, unread.message.offset, unread.sink) == (b"?", 7, None)
    assert f"{unread.at:%Y-%m-%d %H}" == "2026-05-02 04"
    assert (refused.message.value, refused.sink, refused.reason) == (
        b"!", "archive", "it was broken"
    )  # fmt: skip
    there.handle([unread.message])
    again, _ = there.journal.letters()
    assert again.number == unread.number
    assert again.at > unread.at
    there.close()


def test_what_came_before_is_still_recognised(tmp_path: Path, plugins: PluginSet) -> None:
    """And comes again, should Kafka give it again: it may not have been delivered."""
    message = RECORDS[0].message.replace(topic="t", partition=0, offset=3, origin=None)
    record = RECORDS[0].replace(message=message)
    row = (record.alert.notice_id, record.id, "2026-05-02T04:00:00+00:00", "t", 0, 3, None)
    fill(tmp_path / "sightings.sqlite", SEEN, "seen", [row] * 600)
    there = host(tmp_path, plugins, "archive").open()
    (found,) = there.journal.recognise([record], again=False)
    assert isinstance(found, Record)
    (sighting,) = found.sightings
    assert (sighting.record_id, sighting.offset) == (record.id, 3)
    there._finish()
    assert (there.sinks[0].waiting, there.sinks[0].dropped) == (0, 0)
    there.close()


def test_what_waits_for_a_sink_with_another_name_now_is_told_and_can_be_given_to_it(
    tmp_path: Path,
    plugins: PluginSet,
    sinks: dict[str, Troubled],
    caplog: pytest.LogCaptureFixture,
) -> None:
    spool(tmp_path, "hook", RECORDS[:2])
    there = host(tmp_path, plugins, "archive")
    there.run()
    assert "2 entries wait for sink hook (from an older version)" in caplog.text
    assert sinks["archive"].ids == []
    there.journal.readdress("hook", "archive")
    Cursors(tmp_path, there.journal).put("archive", "archive", 0)
    host(tmp_path, plugins, "archive").run()
    assert sinks["archive"].ids == IDS[:2]


def test_damage_in_an_old_file_holds_nothing_up(
    tmp_path: Path,
    plugins: PluginSet,
    sinks: dict[str, Troubled],
    caplog: pytest.LogCaptureFixture,
) -> None:
    spool(tmp_path, "archive", RECORDS[:3])
    with closing(sqlite3.connect(tmp_path / "spool" / "archive.sqlite")) as database, database:
        database.execute("UPDATE records SET record = '{' WHERE number = 2")
    (tmp_path / "dead-letters.sqlite").write_bytes(b"garbage" * 1000)
    host(tmp_path, plugins, "archive").run()
    assert sinks["archive"].ids == [IDS[0], IDS[2]]
    assert "record 2 that waited for sink archive is damaged" in caplog.text
    assert "what is left of it is not taken over" in caplog.text
    assert (tmp_path / "dead-letters.sqlite.damaged").exists()
