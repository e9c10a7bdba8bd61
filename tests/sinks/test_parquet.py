"""The sink parquet: a data set that pandas, polars and astropy read, each record in it once."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from icecube_hooks import ConfigError, Record, RetryLater, Sink
from icecube_hooks.testing import example_records, make_record
from icecube_plugin.sinks import parquet
from icecube_plugin.sinks.database_tables import TABLES
from icecube_plugin.sinks.parquet import COLUMNS, Parquet, read_records, register_sinks, table
from tests.alerts.tied import tied
from tests.hooks.strategies import instances

from .disks import full_disk, kill_often
from .test_conformance import Placed

pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
import pyarrow.parquet as pq

RECORDS = example_records()


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder).to_pylist()
    return found


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class TestParquet(Placed):
    factory = Parquet
    bad_options = ({"folder": 5}, {"folder": ""}, {"folder": "/dev/null/x"})
    keeps_order = False

    def make_sink(self) -> Parquet:
        return Parquet(folder=self.path)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        return [row["record_id"] for row in rows(self.path)] if files(self.path) else []


def test_is_registered() -> None:
    assert [(sink.name, sink.make) for sink in register_sinks()] == [("parquet", Parquet)]


def test_columns_are_those_of_the_database() -> None:
    assert TABLES["records"] == COLUMNS


def test_columns_say_what_they_hold(tmp_path: Path) -> None:
    sink = Parquet(folder=tmp_path)
    sink.write(RECORDS)
    for path in files(tmp_path):
        found = pq.ParquetFile(path).schema_arrow
        assert found.equals(parquet.schema(), check_metadata=True)
    assert found.metadata == {b"icecube_alerts_layout": b"2"}
    assert found.field("energy_tev").metadata[b"unit"] == b"TeV"
    assert all(field.metadata[b"description"] for field in found)


def test_records_come_back(tmp_path: Path) -> None:
    Parquet(folder=tmp_path).write(RECORDS)
    found = {record.id: record for record in read_records(tmp_path)}
    assert found == {record.id: record for record in RECORDS}


def test_years_are_folders(tmp_path: Path) -> None:
    new_year = datetime(2026, 1, 1, tzinfo=UTC)
    Parquet(folder=tmp_path).write(
        [
            make_record(trigger_time=new_year),
            make_record(trigger_time=new_year.replace(year=2025), revision=1),
            RECORDS[-2],
        ]
    )
    assert sorted(path.parent.name for path in files(tmp_path)) == ["2025", "2026", "undated"]


@settings(max_examples=30)
@given(instances(Record))
def test_every_record_has_a_row(record: Record) -> None:
    (row,) = table([record]).to_pylist()
    alert = record.alert
    for name in ("trigger_time", "notice_time", "energy_tev", "signalness", "far_hz", "is_real"):
        assert row[name] == getattr(alert, name), name
    for name in ("run_id", "event_id", "revision"):
        value = getattr(alert, name)
        fits = value is not None and -(2**63) <= value < 2**63
        assert row[name] == (value if fits else None), name
    for name in ("ra_deg", "dec_deg", "error_radius_deg", "containment"):
        assert row[name] == getattr(alert.localization, name, None), name
    assert row["p_generic"] == alert.p_value("generic")
    assert row["superevent_id"] == _shown(getattr(alert.gw, "superevent_id", None))
    assert row["event_key"] == _shown(alert.event_key)
    assert row["kind"] == alert.kind.value
    assert row["record_json"] == record.to_json()


def _shown(text: str | None) -> str | None:
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()


def test_many_files_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MAX_FILES", 4)
    records = [make_record(event_id=number) for number in range(12)]
    sink = Parquet(folder=tmp_path)
    counts = []
    for record in records:
        sink.write([record])
        counts.append(len(files(tmp_path)))
    assert max(counts) == 4
    sink.close()
    assert len(files(tmp_path)) == 1
    assert sorted(row["event_id"] for row in rows(tmp_path)) == list(range(12))


def test_crash_amid_merging(tmp_path: Path) -> None:
    """The merged file is there, and so are those of which it was made."""
    records = [make_record(event_id=number) for number in range(3)]
    sink = Parquet(folder=tmp_path)
    for record in records:
        sink.write([record])
    small = {path: path.read_bytes() for path in files(tmp_path)}
    sink.close()
    for path, data in small.items():
        path.write_bytes(data)
    assert len(rows(tmp_path)) == 6
    assert len(list(read_records(tmp_path))) == 3
    Parquet(folder=tmp_path).write(records[:1])
    assert len(rows(tmp_path)) == len({row["record_id"] for row in rows(tmp_path)}) == 3


def test_merging_fails_quietly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Parquet(folder=tmp_path)
    for number in range(2):
        sink.write([make_record(event_id=number)])

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(parquet, "replace_file", refuse)
    sink.close()
    assert "the files of a year are not merged: [Errno 28] No space left" in caplog.text
    assert len(rows(tmp_path)) == 2


def test_file_of_an_older_version(tmp_path: Path) -> None:
    """Its rows gain the new columns, filled, with the first write; until then readers see nulls."""
    Parquet(folder=tmp_path).write([make_record(circular_number=5)])
    (path,) = files(tmp_path)
    old = pq.ParquetFile(path).read().drop_columns(["circular_number", "headline_p_post"])
    pq.write_table(old, path)
    assert [record.alert.circular_number for record in read_records(tmp_path)] == [5]
    sink = Parquet(folder=tmp_path)
    sink.write([make_record(revision=1, circular_number=6)])
    assert sorted(row["circular_number"] for row in rows(tmp_path)) == [5, 6]
    assert len(files(tmp_path)) == 1


def test_damaged_file(tmp_path: Path) -> None:
    sink = Parquet(folder=tmp_path)
    sink.write([make_record()])
    (path,) = files(tmp_path)
    path.with_name("alerts-0.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(RetryLater, match=r"cannot read .*alerts-0.parquet: .*; move it away"):
        sink.write([make_record(revision=1)])
    path.with_name("alerts-0.parquet").unlink()
    sink.write([make_record(revision=1)])
    assert len(rows(tmp_path)) == 2


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "find_spec", lambda _: None)
    with pytest.raises(ConfigError) as caught:
        Parquet(folder=tmp_path)
    assert str(caught.value).endswith("needs pyarrow (pip install 'pyarrow>=15')")


def _write(folder: Path) -> None:
    sink = Parquet(folder=folder)
    for number in range(10):
        sink.write([make_record(event_id=number)])
    sink.close()


@pytest.mark.full
def test_processes_write_each_record_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert sorted(row["event_id"] for row in rows(tmp_path)) == list(range(10))


def test_pandas_and_astropy_read_it(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    from astropy.table import Table

    Parquet(folder=tmp_path).write(RECORDS)
    frame = pandas.read_parquet(tmp_path, dtype_backend="numpy_nullable")
    assert sorted(frame["record_id"]) == sorted(record.id for record in RECORDS)
    assert str(frame["event_id"].dtype) == "Int64"
    assert str(frame["trigger_time"].dtype) == "datetime64[us, UTC]"
    assert frame["ra_deg"].isna().sum() == sum(r.alert.localization is None for r in RECORDS)
    found = Table.from_pandas(frame[["event_id", "ra_deg"]])
    assert found["event_id"].mask.sum() == sum(r.alert.event_id is None for r in RECORDS)


def test_polars_reads_it(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    Parquet(folder=tmp_path).write(RECORDS)
    frame = polars.read_parquet(tmp_path)
    assert sorted(frame["record_id"]) == sorted(record.id for record in RECORDS)
    assert frame.filter(polars.col("kind") == "gold")["ra_deg"].max() == 345.82


@pytest.mark.full
def test_full_disk(tmp_path: Path) -> None:
    noise = random.Random(5)  # noqa: S311  # no secret; it does not compress
    records = [
        make_record(event_id=number, comments=(noise.randbytes(4000).hex(),))
        for number in range(40)
    ]
    with full_disk(tmp_path, "parquet:Parquet", {"folder": "a"}, records, kilobytes=800) as child:
        folder = child.folder / "a"
        assert child.reason.startswith(f"cannot write {folder}")
        assert {r.id for r in read_records(folder)} >= {r.id for r in records[: child.number]}
        child.make_room()
        assert sorted(row["event_id"] for row in rows(folder)) == list(range(40))
        assert len(files(folder)) == 1


@pytest.mark.full
def test_killed_at_any_moment(tmp_path: Path) -> None:
    for told in kill_often("parquet:Parquet", {"folder": str(tmp_path)}, times=4):
        assert set(told) <= {row["record_id"] for row in rows(tmp_path)}
        shutil.rmtree(tmp_path)


def test_what_later_notices_say_of_an_event_stands_beside(tmp_path: Path) -> None:
    """The retraction, by name, comes before the circular that ties the name to the number."""
    folder = tmp_path / "a.parquet"
    for record in tied():
        sink = Parquet(folder=folder)
        sink.write([record])
        sink.close()
    found = pq.read_table(tmp_path / "a.events.parquet").to_pylist()
    assert {row["event_key"] for row in found} == {"137840_57034692"}
    assert [row["retracted"] for row in found] == [True] * 3
    assert sum(row["is_newest"] for row in found) == 1
    for path in ("a.events.parquet", "a.parquet.sqlite"):  # as in a folder of an older version
        (tmp_path / path).unlink()
    sink = Parquet(folder=folder)
    sink.write([tied()[2]])
    sink.close()
    again = pq.read_table(tmp_path / "a.events.parquet").to_pylist()
    assert sorted(map(str, again)) == sorted(map(str, found))
