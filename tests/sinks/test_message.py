from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecube_hooks import (
    Alert,
    AlertKind,
    AsymmetricError,
    Direction,
    Ellipse,
    GWReference,
    Record,
    Status,
    Tense,
)
from icecube_hooks.testing import example_records, make_localization, make_record
from icecube_plugin import read
from icecube_plugin.alerts.links import Link
from icecube_plugin.sky.observing import dark_times
from icecube_plugin.sky.site import Site
from icecube_plugin.views.message import Announcement, compose
from icecube_plugin.views.summary import Line

NOW = datetime(2023, 4, 16, 8, 0, tzinfo=UTC)
PARANAL = Site(name="Paranal", lat_deg=-24.627, lon_deg=-70.404, height_m=2635)
TROMSO = Site(name="Troms\u00f8", lat_deg=69.65, lon_deg=18.96)
POLE = Site(name="South Pole", lat_deg=-90.0, lon_deg=0.0, height_m=2835)


def test_polar_day_and_a_place_below_the_horizon() -> None:
    assert dark_times(datetime(2023, 6, 21, tzinfo=UTC), TROMSO) == []
    june = compose(make_record(), now=datetime(2023, 6, 21, tzinfo=UTC), site=TROMSO).text()
    assert "not dark within 24 h (Sun below -12 deg)" in june
    pole = compose(make_record(), now=datetime(2023, 6, 21, tzinfo=UTC), site=POLE).text()
    assert "below the horizon while it is dark in the next 24 h" in pole


@pytest.mark.parametrize("year", [1, 1600, 9998])
def test_any_year_works(year: int) -> None:
    time = datetime(year, 5, 5, tzinfo=UTC)
    assert "Paranal" in compose(make_record(trigger_time=time), now=time, site=PARANAL).text()


def test_title_says_what_it_is() -> None:
    def title(**changes: Any) -> str:
        return compose(make_record(**changes), now=NOW).title

    facts = "RA 345.82 Dec +9.14 +-0.61 deg (90 %), signalness 0.34, 127 TeV, T0+17 min"
    assert title() == f"GOLD IC230416A r0: {facts}"
    assert title(tense=Tense.TEST) == f"TEST, NOT REAL: GOLD IC230416A r0: {facts}"
    assert title(status=Status.RETRACTION) == f"RETRACTED: GOLD IC230416A r0: {facts}"
    both = title(status=Status.RETRACTION, tense=Tense.INJECTION)
    assert both.startswith("INJECTION, NOT REAL: RETRACTED: ")
    search = {"kind": AlertKind.LVK_SEARCH, "event_names": (), "revision": None, "status": None}
    gw = GWReference(superevent_id="S230914ak", notice_number=2, notice_type="Preliminary")
    assert title(**search, gw=gw).startswith("GW SEARCH S230914ak notice 2-Preliminary: ")


@pytest.mark.parametrize("path", ["136565_2186969_0.json", "136565_2186969_1.json"])
def test_160_characters_hold_what_decides(fixtures: Path, path: str) -> None:
    """Of a real alert, with a site and all that changed: an SMS."""
    folder = fixtures / "gcn.notices.icecube.gold_bronze_track_alerts"
    record = read(folder / path)
    message = compose(record, now=NOW, site=PARANAL, earlier=make_record().alert)
    text = message.text(160, titled=True)
    assert len(text) <= 160
    place = record.alert.localization
    assert place is not None
    assert f"RA {place.ra_deg:.2f} Dec {place.dec_deg:+.2f} +-" in text
    assert "(90 %)" in text
    assert f"signalness {record.alert.signalness:.2f}" in text


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({}, "warning"),
        ({"kind": AlertKind.BRONZE}, "info"),
        ({"status": Status.RETRACTION}, "failure"),
        ({"kind": AlertKind.CASCADE, "status": Status.RETRACTION}, "failure"),
        ({"tense": Tense.TEST}, "info"),
        ({"tense": Tense.TEST, "status": Status.RETRACTION}, "info"),
    ],
)
def test_severity(changes: dict[str, Any], severity: str) -> None:
    assert compose(make_record(**changes), now=NOW).severity == severity


def test_our_own_page_comes_before_the_facts() -> None:
    message = compose(make_record(), now=NOW, page="https://x.org/events/1_2.html")
    assert message.text().startswith("page: https://x.org/events/1_2.html\nposition: RA")


def test_retraction_tells_the_name_that_it_does_not_state() -> None:
    gone = make_record(event_names=(), revision=1, status=Status.RETRACTION)
    message = compose(gone, now=NOW, earlier=make_record().alert)
    assert message.title.startswith("RETRACTED: GOLD IC230416A r1: ")
    assert "circulars?query=IceCube-230416A" in message.text()


def test_what_changed_comes_first() -> None:
    old = make_record().alert
    new = make_record(revision=1, status=Status.UPDATE, energy_tev=200.0)
    first = compose(new, now=NOW, earlier=old).lines[0]
    assert first.label == "changed"
    assert first.text.startswith("since revision 0 (json): status from initial to update")
    assert f"energy from {old.energy_tev:.4g} to 200 TeV" in first.text
    same = compose(make_record(), now=NOW, earlier=old).lines[0]
    assert same.text == "since revision 0 (json): nothing"


def test_a_late_notice_says_so() -> None:
    newer = make_record(revision=2).alert
    lines = compose(make_record(), now=NOW, later=newer).lines
    assert (lines[0].label, lines[0].text) == ("late", "revision 2 (json) came before this one")


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {
            "error_radius_deg": None,
            "ellipse": Ellipse(semi_major_deg=2.0, semi_minor_deg=1.0),
        },
        {
            "error_radius_deg": None,
            "asymmetric": AsymmetricError(
                ra_minus_deg=1, ra_plus_deg=1, dec_minus_deg=1, dec_plus_deg=1
            ),
        },
    ],
)
def test_containment_is_told_or_said_to_be_missing(shape: dict[str, Any]) -> None:
    def text(**changes: Any) -> str:
        place = make_localization(**shape, **changes)
        return compose(make_record(localization=place), now=NOW).text()

    assert "90 % containment" in text()
    assert "not stated" not in text()
    assert "containment not stated" in text(containment=None)


def test_nothing_is_said_of_what_is_not_stated() -> None:
    bare = Alert(kind=AlertKind.TRACK, format=make_record().alert.format)
    text = compose(Record.of(make_record().message, bare), now=NOW, site=PARANAL).text()
    for word in ("Galactic", "from here", "Sun", "http", "containment", "None", "nan"):
        assert word not in text


def test_links() -> None:
    text = compose(make_record(), now=NOW).text()
    for link in (
        "https://gcn.nasa.gov/circulars?query=IceCube-230416A",
        "https://gcn.gsfc.nasa.gov/notices_amon_g_b/137840_57034692.amon",
        "https://aladin.cds.unistra.fr/AladinLite/?target=345.8200%20%2B9.1400&fov=2.44",
        "https://simbad.cds.unistra.fr/simbad/sim-coo?Coord=345.8200%20%2B9.1400&CooFrame=ICRS",
        "https://sky.esa.int/esasky/?target=345.8200%20%2B9.1400&fov=2.44&cooframe=J2000&sci=true",
    ):
        assert f": {link}" in text
    assert "circulars/events" not in text  # GCN makes it of the first circular
    assert "http" not in compose(make_record(tense=Tense.TEST), now=NOW).text()
    hese = make_record(kind=AlertKind.HESE, run_id=132628, event_id=41485283)
    assert "/notices_amon/41485283_132628.amon" in compose(hese, now=NOW).text()


def test_page_of_the_event_at_gcn(fixtures: Path) -> None:
    record = read(fixtures / "gcn.circulars/track_33633.txt")
    text = compose(record, now=NOW).text()
    assert ": https://gcn.nasa.gov/circulars/events/icecube-230416a\n" in text


def test_every_neutrino_of_a_search_is_looked_at(fixtures: Path) -> None:
    record = read(fixtures / "gcn.notices.icecube.lvk_nu_track_search/S241225c-3-Initial.json")
    text = compose(record, now=NOW, site=PARANAL).text()
    assert text.count("from here") == 2
    assert "Aladin (neutrino 2): https://" in text
    assert "https://gracedb.ligo.org/superevents/S241225c/view/" in text
    assert "one-sided" in text
    assert "after 2 trials" in text


def test_many_neutrinos_do_not_fill_the_message() -> None:
    (search,) = (r for r in example_records() if r.alert.coincident_events)
    many = search.alert.replace(coincident_events=search.alert.coincident_events[:1] * 50)
    text = compose(search.replace(alert=many), now=NOW, site=PARANAL).text()
    assert text.count("from here") == 4


def test_without_a_neutrino_the_most_likely_direction_is_looked_at() -> None:
    place = Direction(ra_deg=10.0, dec_deg=-20.0)
    record = make_record(localization=None, most_probable_direction=place)
    assert "(most likely)" in compose(record, now=NOW, site=PARANAL).text()


HOSTILE = (
    "a\r\nBcc: x@y.z\n\n@everyone <!channel> <@123> [click](http://evil) ```\x1b[2J\u202e\u2028"
)


def test_text_from_a_message_can_do_nothing() -> None:
    record = make_record(
        event_names=(HOSTILE,),
        comments=(HOSTILE,),
        run_id=None,
        localization=make_localization(skymap_fits_url=f"http://x/{HOSTILE}"),
    )
    message = compose(record, now=NOW, site=PARANAL, earlier=record.alert)
    text = message.text()
    for piece in (message.title, text):
        assert all(c == "\n" or c.isprintable() for c in piece)
        assert not set("@<>`[]") & set(piece)
    assert "\n" not in message.title
    starts = {line.split()[0] for line in text.splitlines()}
    assert not starts & {"Bcc:", "(at)everyone"}
    assert "query=a%20Bcc%3A%20x%40y.z" in text


@given(st.text(), st.text())
def test_any_text_is_harmless(name: str, comment: str) -> None:
    record = make_record(event_names=(name,), comments=(comment,), run_id=None)
    message = compose(record, now=NOW)
    assert all(c == "\n" or c.isprintable() for c in message.title + message.text())
    assert not set("@<>`[]\n") & set(message.title)
    assert len(message.title) <= 150
    assert all(re.match(r"\w[\w ()]*: ", line) for line in message.text().splitlines())
    assert not re.search(r"<(?!br/>|/?b>|/?a\b)", message.html())


@pytest.mark.parametrize("record", example_records(), ids=lambda record: record.id[:40])
@pytest.mark.parametrize("limit", [200, 500, 2000])
def test_text_keeps_to_its_limit(record: Record, limit: int) -> None:
    message = compose(record, now=NOW, site=PARANAL)
    assert len(message.text(limit)) <= limit
    assert message.text(10**6) == message.text()


def test_it_is_cut_from_the_bottom_and_no_link_in_two() -> None:
    link = Link(text="GCN", href="https://x.org/a?b&c")
    message = Announcement("t, u", (Line("one", "1"), Line("two", "and many words")), (link,))
    assert message.text() == "one: 1\ntwo: and many words\nGCN: https://x.org/a?b&c"
    assert message.text(40) == "one: 1\ntwo: and many words\n..."
    assert message.text(29) == "one: 1\ntwo: and many words..."[:29]
    assert message.text(12, titled=True) == "t, u\n..."
    assert message.short_title(3) == "t"
    assert message.html(titled=True).splitlines()[0] == "<b>t, u</b><br/>"
    assert '<a href="https://x.org/a?b&amp;c">GCN</a>' in message.html()
