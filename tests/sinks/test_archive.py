"""The sink archive: every byte, findable by date and topic, and readable by replay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecube_hooks import Message, Record, Sink, WireFormat
from icecube_hooks.testing import example_records, make_message, make_record
from icecube_plugin.cli.command import main
from icecube_plugin.host import Config, Host, SinkConfig, messages_from
from icecube_plugin.sinks.archive import Archive, read_archive, register_sinks
from icecube_plugin.sinks.json_lines import read_lines

from .disks import full_disk, kill_often
from .test_conformance import Placed

FIXTURES = Path(__file__).parents[2] / "fixtures"


def ids(folder: Path) -> list[str]:
    return [json.loads(file.read_text())["id"] for file in folder.rglob(".about/*.json")]


def notices(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and p.parent.name != ".about"]


class TestArchive(Placed):
    factory = Archive
    bad_options = ({"folder": 5}, {"folder": ""}, {"folder": "/dev/null/x"})
    keeps_order = False

    def make_sink(self) -> Archive:
        return Archive(folder=self.path)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        found = ids(self.path)
        assert len(notices(self.path)) == len(found)
        return found


def test_is_registered() -> None:
    assert [(sink.name, sink.make) for sink in register_sinks()] == [("archive", Archive)]


def test_messages_come_back_with_all_that_kafka_said(tmp_path: Path) -> None:
    message = make_message(
        value=b'{"\x00\xff"}\r\n', key=b"\xfe", headers=(("a", b"\x01"), ("a", None)), origin="x"
    )
    records = [make_record(message=message), *example_records()[1:]]
    Archive(folder=tmp_path).write(records)
    by_value = {record.message.value: record.message for record in records}
    found = list(read_archive(tmp_path))
    assert {message.value: message for message in found} == by_value
    assert len(found) == len(records)


def test_path_says_day_topic_offset_and_event(tmp_path: Path) -> None:
    message = make_message(
        topic="gcn.notices.x", timestamp=datetime(2023, 4, 16, 23, 59, tzinfo=UTC)
    )
    record = make_record(message=message)
    folder, name = "2023/04/16/gcn.notices.x", "0-000000000012+gold+137840_57034692+0+"
    path = Archive(folder=tmp_path).path(record).relative_to(tmp_path)
    assert str(path).startswith(f"{folder}/{name}")
    assert path.suffix == ".json"


@pytest.mark.parametrize(
    ("form", "value", "ending"),
    [
        (WireFormat.JSON, b"{", ".json"),
        (WireFormat.VOEVENT, b"<", ".xml"),
        (WireFormat.TEXT, b"T", ".txt"),
        (WireFormat.BINARY, b"{", ".bin"),
        (WireFormat.CIRCULAR, b" {", ".json"),
        (WireFormat.CIRCULAR, b"TITLE", ".txt"),
    ],
)
def test_ending_is_that_of_the_format(
    tmp_path: Path, form: WireFormat, value: bytes, ending: str
) -> None:
    record = make_record(format=form, message=make_message(value=value))
    assert Archive(folder=tmp_path).path(record).suffix == ending


def test_what_has_no_time_and_no_topic(tmp_path: Path) -> None:
    record = make_record(message=Message(value=b"x"), notice_time=None, trigger_time=None)
    path = Archive(folder=tmp_path).path(record)
    assert path.relative_to(tmp_path).parent == Path("undated/no-topic")


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
def test_no_name_leaves_the_folder(topic: str, record_id: str) -> None:
    record = make_record(id=record_id, message=make_message(topic=topic))
    path = Archive(folder="/tmp").path(record)  # noqa: S108  # nothing is written
    parts = path.relative_to("/tmp").parts  # noqa: S108
    assert len(parts) == 5
    assert not any(part.startswith((".", "-")) or len(part.encode()) > 255 for part in parts)
    assert all(part.isascii() and part.isprintable() and "/" not in part for part in parts)


def test_same_message_again_changes_nothing(tmp_path: Path) -> None:
    sink = Archive(folder=tmp_path)
    sink.write([make_record()])
    before = [(path, path.stat().st_ino) for path in tmp_path.rglob("*")]
    sink.write([make_record().replace(significances=())])
    assert [(path, path.stat().st_ino) for path in tmp_path.rglob("*")] == before


def delivered(folder: Path, paths: Sequence[Path]) -> list[Record]:
    """Return what the host makes of files."""
    folder.mkdir()
    sinks = (
        SinkConfig(name="raw", type="archive", options={"folder": str(folder / "raw")}),
        SinkConfig(name="lines", type="jsonl", options={"path": str(folder / "a.jsonl")}),
    )
    with_sinks = Host(Config(data_folder=folder, sinks=sinks))
    with_sinks.handle(list(messages_from([str(path) for path in paths])))
    with_sinks.close()
    return list(read_lines(folder / "a.jsonl"))


def test_replay_reads_the_archive_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All fixtures, through the host, the archive, and the command."""
    first = delivered(tmp_path / "one", sorted(FIXTURES.glob("gcn.*")))
    assert len(first) > 200
    monkeypatch.chdir(tmp_path)
    again = f'[sinks.lines]\ntype = "jsonl"\npath = "{tmp_path}/again.jsonl"\n'
    Path("icecube-alerts.toml").write_text(again)
    assert main(["replay", str(tmp_path / "one" / "raw")]) == 0
    second = list(read_lines(tmp_path / "again.jsonl"))
    assert sorted(record.id for record in second) == sorted(record.id for record in first)
    contents = {record.id: (record.alert, record.significances) for record in first}
    assert {record.id: (record.alert, record.significances) for record in second} == contents
    capsys.readouterr()


@pytest.mark.full
def test_full_disk(tmp_path: Path) -> None:
    records = [make_record(event_id=n, raw=f"{n}".encode() + b"x" * 3000) for n in range(60)]
    with full_disk(tmp_path, "archive:Archive", {"folder": "a"}, records) as child:
        folder = child.folder / "a"
        assert child.reason.startswith(f"cannot write {folder}: ")
        found = {file.read_bytes() for file in notices(folder)}
        assert found == {record.message.value for record in records[: child.number]}
        child.make_room()
        assert {file.read_bytes() for file in notices(folder)} == {r.message.value for r in records}


@pytest.mark.full
def test_killed_at_any_moment(tmp_path: Path) -> None:
    for told in kill_often("archive:Archive", {"folder": str(tmp_path)}, times=8):
        whole = {path.stem for path in notices(tmp_path) if not path.name.startswith(".")}
        assert {told_id.replace(":", "+") for told_id in told} <= {
            name.partition("+")[2] for name in whole
        }
        assert len(list(read_archive(tmp_path))) == len(whole)
