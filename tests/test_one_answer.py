"""What an event is, whether it stands, and where it is: one answer, whoever is asked.

Every chain of the corpus is replayed in shuffled orders, and in batches, through everything that
tells of events; all must say the same as `group`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import QTable

from icecube_hooks import Alert, Message, NoticeError, Record, Sink, Status
from icecube_hooks.host import load_plugins
from icecube_hooks.testing import make_record
from icecube_plugin.alerts import Event, group, tables
from icecube_plugin.cli.query import Question, ask
from icecube_plugin.sinks.database import Database, select
from icecube_plugin.sinks.parquet import Parquet
from icecube_plugin.sinks.tables import Table
from icecube_plugin.views.pages import page, tell
from tests.alerts.tied import tied

FOLDERS = ("raw", "voevent", "json", "circulars", "circulars_json", "circulars_2017")
ORDERS = 20
REPLAYS = 5

RETRACTED = {
    "130949_71165249": 22669,
    "131680_66412090": 23398,
    "132628_41485283": 24674,
    "133644_43767651": 26874,
    "134327_10548129": 28163,
    "134701_49508272": 28892,
    "135113_19489408": 29688,
    "136918_45252263": 32449,
    "138283_14780365": 34528,
    "139977_2910365": 37794,
}
"""Events of the corpus that were taken back, and the number of the circular that did it."""

Answer = dict[str, tuple[bool, tuple[float, float] | None]]


@pytest.fixture(scope="module")
def records(corpus: Path) -> list[Record]:
    return corpus_records(corpus)


def corpus_records(corpus: Path) -> list[Record]:
    plugins = load_plugins(block=("sink-*",))
    found: dict[str, Record] = {}
    for folder in FOLDERS:
        for path in sorted((corpus / folder).rglob("*.*")):
            try:
                record = plugins.record(Message(value=path.read_bytes(), origin=path.name))
            except NoticeError:
                continue
            found[record.id] = record
    assert len(found) > 250
    return list(found.values())


def said(events: Iterable[Event]) -> Answer:
    return {one.key: (one.is_retracted, position(one.known)) for one in events}


def position(alert: Alert) -> tuple[float, float] | None:
    place = alert.localization
    return None if place is None else (place.ra_deg, place.dec_deg)


def agrees(one: Answer, other: Answer) -> None:
    """Equal, but for the digits that a circular rounds away."""
    assert {key: state for key, (state, _) in one.items()} == {k: s for k, (s, _) in other.items()}
    for key, (_, place) in one.items():
        assert place == pytest.approx(other[key][1], abs=0.02), key


def shuffled(records: Sequence[Record], seed: int) -> list[Record]:
    order = list(records)
    random.Random(seed).shuffle(order)  # noqa: S311  # an order, no secret
    return order


def test_the_order_of_arrival_changes_nothing(records: list[Record]) -> None:
    def whole(order: Iterable[Record]) -> list[Any]:
        events = group(record.alert for record in order)
        return sorted(
            (e.key, e.names, e.state, position(e.known), e.newest.notice_id,
             [(n.state, n.alert.notice_id) for n in e.history], sorted(map(str, e.concerns)))
            for e in events
        )  # fmt: skip

    expected = whole(records)
    for seed in range(ORDERS):
        assert whole(shuffled(records, seed)) == expected


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/a.sqlite"
    found: str = request.getfixturevalue("database_url")
    return found


@pytest.mark.parametrize("seed", range(REPLAYS))
def test_databases_query_and_pages_agree(records: list[Record], url: str, seed: int) -> None:
    order = shuffled(records, seed)
    with closing(Database(url=url)) as sink:
        write(sink, order)
    in_view = in_the_view(url)
    stories = tell(order)
    expected = {k: v for k, v in said(s.event for s in stories).items() if k in in_view}
    real = [e for e in group(r.alert for r in order) if e.known.is_real and e.names]
    assert {event.key for event in real} <= expected.keys()
    agrees(in_view, expected)
    answers = {
        one.event_key: (one.retracted, position(one.record.alert)) for one in ask(url, Question())
    }
    agrees({key: answers[key] for key in expected}, expected)
    for story in stories:
        if story.key in expected:
            assert page(story).is_retracted is expected[story.key][0]


def write(sink: Sink, records: Sequence[Record], size: int = 7) -> None:
    for start in range(0, len(records), size):
        sink.write(records[start : start + size])


def test_files_agree(records: list[Record], tmp_path: Path) -> None:
    order = shuffled(records, 1)
    with closing(Table(path=tmp_path / "a.fits")) as catalogue:
        write(catalogue, order, 60)
    with closing(Parquet(folder=tmp_path / "a.parquet")) as columns:
        write(columns, order, 60)
    events = group(record.alert for record in order)
    expected = said(events)
    found = tables.read_table(tmp_path / "a.fits")
    columns_of = (found["event_key"], found["ra"], found["dec"])
    places = zip(
        *(np.ma.MaskedArray(getattr(one, "value", one)).tolist() for one in columns_of), strict=True
    )
    retracted = QTable.read(tmp_path / "a.fits")["retracted"].tolist()
    answer = {
        key: (is_retracted, None if ra is None else (ra, dec))
        for (key, ra, dec), is_retracted in zip(places, retracted, strict=True)
    }
    agrees(answer, expected)
    by_id = {record.id: position(record.alert) for record in order}
    rows = pq.read_table(tmp_path / "a.events.parquet").to_pylist()
    assert {row["record_id"] for row in rows} == by_id.keys()
    newest = [row for row in rows if row["is_newest"]]
    agrees(
        {row["event_key"]: (row["retracted"], by_id[row["record_id"]]) for row in newest}, expected
    )
    assert {row["event_key"]: row["n_notices"] for row in rows} == {
        event.key: len(event.notices) for event in events
    }


def in_the_view(url: str) -> Answer:
    rows = select(url, "SELECT event_key, retracted, ra_deg, dec_deg FROM events")
    return {
        key: (bool(retracted), None if ra is None else (ra, dec))
        for key, retracted, ra, dec in rows
    }


def test_every_retraction_retracts_its_event_and_no_other(records: list[Record]) -> None:
    found = {
        event.key: event.retracted_by.circular_number
        for event in group(record.alert for record in records)
        if event.retracted_by is not None and event.known.is_real
    }
    assert {key: found.get(key) for key in RETRACTED} == RETRACTED
    for event in group(record.alert for record in records):
        says_so = any(alert.status is Status.RETRACTION for alert in event.alerts)
        assert event.is_retracted <= says_so, event.key


def test_a_retraction_by_name_is_seen_by_sql(tmp_path: Path) -> None:
    """The name is tied to the number by a third notice, which comes last of all."""
    by_number, retraction, tie = tied()
    url = f"sqlite:///{tmp_path}/a.sqlite"
    with closing(Database(url=url)) as sink:
        sink.write([by_number])
        sink.write([retraction])
        assert in_the_view(url)["137840_57034692"][0] is False
        sink.write([tie])
    assert in_the_view(url) == {"137840_57034692": (True, (345.82, 9.14))}
    for name in ("IC230416B", "137840_57034692", "GCN 35002", "icecube.230416b"):
        (one,) = ask(url, Question(event=name))
        assert (one.event_key, one.retracted) == ("137840_57034692", True), name


def test_query_finds_an_event_by_the_day_in_a_name(tmp_path: Path) -> None:
    """No notice gives the name, as of IC170922A."""
    url = f"sqlite:///{tmp_path}/a.sqlite"
    with closing(Database(url=url)) as sink:
        sink.write([make_record(event_names=())])
    for name in ("IC230416A", "latest"):
        (one,) = ask(url, Question(event=name))
        assert one.event_key == "137840_57034692", name
    assert list(ask(url, Question(event="IC230417A"))) == []
