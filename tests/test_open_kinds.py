"""An alert of a kind and a format that only a third party knows: it goes wherever ours go."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import AlertKind, PValue, Record, Status, WireFormat
from icecube_hooks.host import load_plugins, make_sink
from icecube_hooks.testing import make_record
from icecube_plugin.alerts import group
from icecube_plugin.alerts.links import links_of, mission_link
from icecube_plugin.alerts.merge import merged, trust
from icecube_plugin.significance.provider import make_assess
from icecube_plugin.sinks.database import read_records
from icecube_plugin.sinks.sqlite import Sqlite
from icecube_plugin.sinks.voevent import packet as voevent
from icecube_plugin.views.message import compose
from icecube_plugin.views.summary import summary

NOW = datetime(2023, 4, 17, tzinfo=UTC)
KIND, FORM = AlertKind("double-cascade"), WireFormat("avro")
FIRST = make_record(kind=KIND, format=FORM, observatory="KM3NeT")
RECORDS = [
    FIRST,
    make_record(
        kind=KIND,
        format=FORM,
        observatory="KM3NeT",
        revision=1,
        status=Status.UPDATE,
        energy_tev=None,
    ),
    make_record(kind=KIND, observatory="KM3NeT", revision=1, status=Status.UPDATE),
]
SINKS: dict[str, dict[str, str]] = {
    "archive": {"folder": "archive"},
    "html": {"folder": "html"},
    "json": {"folder": "json"},
    "jsonl": {"path": "a.jsonl"},
    "parquet": {"folder": "a.parquet"},
    "sqlite": {"path": "a.sqlite"},
    "table": {"path": "a.ecsv"},
    "terminal": {},
    "voevent": {"folder": "voevent", "ivorn": "ivo://example.org/neutrinos"},
}


def test_it_is_grouped_and_believed_least() -> None:
    (event,) = group(record.alert for record in RECORDS)
    assert event.kind == "double-cascade"
    assert [notice.alert.revision for notice in event.history] == [0, 1]
    assert trust("avro") > max(trust(form) for form in WireFormat)
    assert merged(record.alert for record in RECORDS[1:]).format is WireFormat.JSON


def test_it_is_nobody_elses() -> None:
    p_values = (PValue(search="generic", value=0.01),)
    name = ("KM3-230416A",)
    theirs = make_record(observatory="KM3NeT", event_names=name, p_values=p_values)
    ours = make_record()
    assert len(group([theirs.alert, ours.alert])) == 2
    assert make_assess()(theirs.alert) == ()
    assert [one.quantity for one in make_assess(observatories=("KM3NeT",))(theirs.alert)]
    event = group([theirs.alert])[0]
    links = [*links_of(event, theirs.alert), *mission_link(event)]
    assert links
    assert not [link for link in links if "icecube" in link.href.casefold()]
    packet = voevent(theirs, "ivo://example.org/neutrinos#1", [])
    assert b'<ObservatoryLocation id="KM3NeT"' in packet
    for text in (packet.decode(), summary(theirs), compose(theirs, now=NOW, site=None).text()):
        assert "KM3NeT" in text
        assert "IceCube" not in text


def test_people_can_read_it() -> None:
    assert "DOUBLE-CASCADE" in summary(FIRST).upper()
    text = compose(FIRST, now=NOW, site=None).text()
    assert "345.8" in text


@pytest.mark.parametrize("kind", SINKS)
def test_it_is_written(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plugins = load_plugins(allow=["icecube-plugin"])
    sink: Any = make_sink(plugins, "a", kind, SINKS[kind])
    sink.write(RECORDS)
    getattr(sink, "close", lambda: None)()


def test_it_comes_back_from_a_database(tmp_path: Path) -> None:
    with contextlib.closing(Sqlite(path=tmp_path / "a.sqlite")) as sink:
        sink.write(RECORDS)
    found: list[Record] = list(read_records(str(tmp_path / "a.sqlite")))
    assert found == RECORDS
