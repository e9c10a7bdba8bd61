"""The sink table: one catalogue, whole at every moment, in three forms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from hypothesis import given, settings
from hypothesis import strategies as st

from icecube_hooks import (
    AlertKind,
    ConfigError,
    GWReference,
    RefusedForGood,
    RetryLater,
    Sink,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks.testing import example_records, make_record
from icecube_plugin.alerts import tables
from icecube_plugin.sinks import tables as sinks_tables
from icecube_plugin.sinks.tables import _FORMS, Table, register_sinks
from tests.alerts.tied import tied as tied_records

from .disks import full_disk, kill_often
from .test_conformance import Placed

FILES = ("a.ecsv", "a.fits", "a.vot")


def read(path: Path) -> Any:
    return QTable.read(path, format=_FORMS[path.suffix])


def ids(path: Path) -> list[str]:
    return [str(one) for one in read(path)["record_id"]]


def test_is_registered() -> None:
    assert [(sink.name, sink.make) for sink in register_sinks()] == [("table", Table)]


class TestTable(Placed):
    factory = Table
    bad_options = (
        {"path": 5},
        {"path": "a.csv"},
        {"path": "/dev/null/a.ecsv"},
        {"path": "/tmp", "rows": "newest"},  # noqa: S108  # a folder
        {"rows": "old"},
        {"rows": 1},
    )

    def make_sink(self) -> Table:
        return Table(path=self.path / "a.ecsv", rows="all")

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        path = self.path / "a.ecsv"
        return ids(path) if path.exists() else []


@pytest.mark.parametrize("name", FILES)
def test_what_is_not_stated_is_masked_and_stays_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    records = example_records()
    for some in (records[:3], records[3:12], records[12:]):  # reads what another sink wrote
        Table(path=path, rows="all").write(some)
    found, expected = tables.read_table(path), tables.table(record.alert for record in records)
    for column in expected.colnames:
        if column == "event_key":  # in a catalogue that of the event, which every record has
            continue
        mask = np.broadcast_to(getattr(found[column], "mask", False), len(records))
        wanted = np.broadcast_to(getattr(expected[column], "mask", False), len(records))
        assert mask.tolist() == wanted.tolist(), column
        assert found[column].info.description == expected[column].info.description
        assert found[column].info.unit == expected[column].info.unit
    for column in ("ra", "far", "revision", "event_id", "trigger_time", "notice_time"):
        assert (found[column] == expected[column]).filled(True).all(), column


@pytest.mark.parametrize("name", FILES)
def test_astropy_alone_reads_numbers_as_masked(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Table(path=path, rows="all").write(
        [make_record(event_id=999_999), make_record(run_id=None, event_id=None, localization=None)]
    )
    found = read(path)
    assert found["event_id"].tolist() == [999_999, None]
    assert found["ra"].unit == u.deg
    assert np.ma.MaskedArray(found["ra"].value).tolist() == [345.82, None]


@pytest.mark.parametrize("name", FILES)
def test_newest_row_of_each_event(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    gw = GWReference(superevent_id="S230914ak", notice_number=2, notice_type="Preliminary")
    search: dict[str, Any] = {"kind": AlertKind.LVK_SEARCH, "revision": None}
    story = [
        make_record(),
        make_record(revision=1, status=Status.UPDATE, format=WireFormat.TEXT),
        make_record(revision=1, status=Status.UPDATE, format=WireFormat.JSON),
        make_record(revision=1, status=Status.UPDATE, format=WireFormat.BINARY),
        make_record(revision=7, tense=Tense.TEST),
        make_record(**search, gw=gw),
        make_record(**search, gw=gw.replace(notice_number=10)),
        make_record(**search, gw=gw.replace(notice_number=3)),
        make_record(event_names=(), run_id=None, event_id=None, ivorn=None, raw=b"one"),
        make_record(event_names=(), run_id=None, event_id=None, ivorn=None, raw=b"two"),
    ]
    kept = sorted(story[number].id for number in (2, 4, 6, 8, 9))
    for batch in (story[:3], story[3:], story[::-1], story[:1], story[6:8]):
        Table(path=path).write(batch)
    assert sorted(ids(path)) == kept
    other = path.with_name(f"other-{name}")
    for batch in (story[5:], story[4::-1]):
        Table(path=other).write(batch)
    assert sorted(ids(other)) == kept
    path.unlink()
    Table(path=path).write(story[:1])  # made anew of what is known
    assert sorted(ids(path)) == kept


def test_retraction_is_seen_on_the_newest_row(tmp_path: Path) -> None:
    path = tmp_path / "a.ecsv"
    retraction = make_record(
        revision=None, status=Status.RETRACTION, format=WireFormat.CIRCULAR, localization=None
    )
    for record in (make_record(), retraction, make_record(event_id=5), make_record(revision=1)):
        Table(path=path).write([record])
    found = read(path)
    assert sorted(found["revision"].tolist()) == [0, 1]
    assert dict(zip(found["event_id"].tolist(), found["retracted"].tolist(), strict=True)) == {
        5: False,
        make_record().alert.event_id: True,
    }


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        *(("a.ecsv", "newest"), ("a.fits", "all"), ("a.vot", "newest")),
        *(
            pytest.param(name, rows, marks=pytest.mark.nightly)
            for name, rows in (("a.ecsv", "all"), ("a.fits", "newest"), ("a.vot", "all"))
        ),
    ],
)
def test_a_file_that_grew_is_the_one_that_is_made_at_once(
    tmp_path: Path, name: str, rows: Literal["newest", "all"]
) -> None:
    """The rows of an event change late: its retraction has a name only, the last notice ties it."""
    records = [*tied_records(), *example_records()]
    grown = Table(path=tmp_path / name, rows=rows)
    for batch in (records[3:6], records[6:], *([record] for record in records[:3])):
        grown.write(batch)
    again = Table(path=tmp_path / f"b{name}", rows=rows)
    again.write([*records[3:], *records[:3]])
    assert plain(read(tmp_path / name)) == plain(read(tmp_path / f"b{name}"))


def plain(whole: Any) -> list[list[str]]:
    return [[column, *map(str, whole[column])] for column in whole.colnames]


def test_only_what_a_batch_touches_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_again: list[str] = []

    def row(text: str, of: Any) -> Any:
        read_again.append(text)
        return make_row(text, of)

    make_row = sinks_tables._row
    monkeypatch.setattr(sinks_tables, "_row", row)
    first, retraction, tie = tied_records()
    sink = Table(path=tmp_path / "a.ecsv", rows="all")
    sink.write([make_record(run_id=137000 + n, event_names=()) for n in range(5)])
    for record, expected in ((first, 1), (retraction, 1), (tie, 3)):
        read_again.clear()
        sink.write([record])
        assert len(read_again) == expected
    assert len(ids(tmp_path / "a.ecsv")) == 8


def test_text_of_notices_cannot_break_the_file(tmp_path: Path) -> None:
    for name in FILES:
        record = make_record(event_names=("\x00\x1b[2J \u202e&<]]>\n, 'é'",))
        Table(path=tmp_path / name).write([record, make_record(revision=1, event_id=5)])
        assert ids(tmp_path / name) == [record.id, make_record(revision=1, event_id=5).id]


WHOLE = st.none() | st.integers(-(2**63) + 1, 2**63 - 1)
REAL = st.none() | st.floats(0, allow_nan=False, allow_infinity=False)


@settings(max_examples=4)
@given(rows=st.lists(st.tuples(WHOLE, REAL), min_size=1, max_size=20), name=st.sampled_from(FILES))
def test_numbers_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, Any]], name: str
) -> None:
    path = tmp_path_factory.mktemp("table") / name
    records = [
        make_record(event_id=number, circular_number=whole, energy_tev=real)
        for number, (whole, real) in enumerate(rows)
    ]
    Table(path=path).write(records)
    Table(path=path).write([make_record(event_id=-1, circular_number=None, energy_tev=None)])
    found = tables.read_table(path)
    energies = np.ma.MaskedArray(found["energy"].value).tolist()
    assert list(zip(found["circular_number"].tolist(), energies, strict=True)) == [
        *rows,
        (None, None),
    ]


def test_number_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(RefusedForGood, match="a whole number beyond 64 bits"):
        Table(path=tmp_path / "a.fits").write([make_record(circular_number=2**63)])
    assert not (tmp_path / "a.fits").exists()
    Table(path=tmp_path / "a.fits").write([make_record()])
    assert ids(tmp_path / "a.fits") == [make_record().id]


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_others_is_not_overwritten(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("my own notes\n")
    with pytest.raises(ConfigError, match=f"{path} was not made from") as caught:
        Table(path=path)
    assert isinstance(caught.value.__cause__, RetryLater)  # the host tries again
    assert path.read_text() == "my own notes\n"


def test_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.ecsv").mkdir()
    with pytest.raises(ConfigError, match=r"path: .*a.ecsv is a folder"):
        Table(path=tmp_path / "a.ecsv")


@pytest.mark.full
@pytest.mark.parametrize("name", FILES[:2])
def test_full_disk(tmp_path: Path, name: str) -> None:
    text = "x" * 300
    records = [make_record(event_id=n, run_id=None, event_names=(f"{n}{text}",)) for n in range(16)]
    options = {"path": name, "rows": "all"}
    with full_disk(tmp_path, "tables:Table", options, records, kilobytes=800) as child:
        assert child.reason.startswith(f"cannot write {child.folder / name}")
        before = ids(child.folder / name)
        assert before == [record.id for record in records[: len(before)]]
        child.make_room()
        assert ids(child.folder / name) == [record.id for record in records]
        assert {path.name for path in child.folder.iterdir()} == {name, f"{name}.sqlite"}


@pytest.mark.full
def test_killed_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "a.ecsv"
    for told in kill_often("tables:Table", {"path": str(path), "rows": "all"}, times=2):
        found = ids(path)
        assert found[: len(told)] == told
        for file in tmp_path.iterdir():
            file.unlink()
