"""What stands in the pages, their names, sizes and links."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import icalendar
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from icecube_hooks import (
    AlertKind,
    AsymmetricError,
    CoincidentEvent,
    Direction,
    Ellipse,
    Localization,
    Record,
    Status,
)
from icecube_hooks.testing import (
    example_records,
    make_localization,
    make_message,
    make_record,
)
from icecube_plugin.alerts.file_names import event_file_stem
from icecube_plugin.sky.observing import airmass, windows
from icecube_plugin.sky.site import SITES, Site
from icecube_plugin.views.pages import build, page, page_path, tell, web_address
from tests.report.hostile import all_hostile

LIMIT_BYTES = 250_000
JUNE = datetime(2024, 6, 20, tzinfo=UTC)


def parsed(data: bytes) -> Any:
    return html.fromstring(data)


def text_of(data: bytes) -> str:
    return " ".join(parsed(data).text_content().split())


def pages(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name.endswith(".html")}


def test_every_record_is_on_one_page_and_in_its_own_file(
    records: list[Record], built: dict[str, bytes]
) -> None:
    files = built
    stories = tell(records)
    assert sorted(r.id for s in stories for r in s.records) == sorted({r.id for r in records})
    assert len(pages(files)) == 1 + len(stories)
    for story in stories:
        links = files[page_path(story.key)].decode()
        for record in story.records:
            (name,) = [n for n in files if record.id.split(":")[-1] in n and n.endswith(".json")]
            assert Record.from_dict(json.loads(files[name])) == record
            assert f'"../{name}"' in links


def test_every_link_inside_the_site_is_there(built: dict[str, bytes]) -> None:
    files = built | build([*example_records(), *all_hostile()])
    for name, data in pages(files).items():
        for href in parsed(data).xpath("//a/@href"):
            if href.startswith("#"):
                assert parsed(data).get_element_by_id(href[1:]) is not None
            elif not href.startswith("https://"):
                path = Path("/", name).parent.joinpath(href)
                assert str(path.resolve().relative_to("/")) in files


def test_hostile_and_sparse_records_have_pages_too() -> None:
    files = build([*example_records(), *all_hostile()])
    assert all(re.fullmatch(r"(events/|data/)?[A-Za-z0-9._+-]{1,200}", name) for name in files)
    assert all(not Path(name).name.startswith((".", "-")) for name in files)
    for data in pages(files).values():
        assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data)
        assert "\u202e" not in data.decode()


def test_a_notice_is_never_offered_as_xml() -> None:
    """A browser would run the scripts of a document that it takes for XML."""
    names = {Path(name).suffix for name in build(all_hostile())}
    assert names == {".html", ".json", ".txt", ".reg"}


@given(st.text(max_size=40), st.text(max_size=40))
def test_page_names_are_safe_and_apart(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}|[+].*", event_file_stem(one))
    assert "/" not in event_file_stem(one)
    assert (event_file_stem(one) == event_file_stem(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://example.org/a.fits?x=1&y=2#z", "https://example.org/a.fits?x=1&y=2#z"),
        (" http://example.org/a b\n", "http://example.org/a%20b"),
        ('https://example.org/"onclick="x', "https://example.org/%22onclick=%22x"),
        ("https://example.org/%41\ud800", "https://example.org/%41?"),
        ("JaVaScRiPt:alert(1)", None),
        ("java\nscript:alert(1)", None),
        ("data:text/html,x", None),
        ("//example.org/x", None),
        ("https:example.org", None),
        ("http://[::1", None),
        ("file:///etc/passwd", None),
        ("", None),
        (None, None),
    ],
)
def test_only_web_addresses_are_links(text: str | None, address: str | None) -> None:
    assert web_address(text) == address


def test_a_page_tells_the_story_of_an_event() -> None:
    """Two formats of a notice, a revision that moves it, a circular, a retraction."""
    first = make_record()
    time_of_first = first.alert.notice_time
    assert time_of_first is not None
    assert first.alert.localization is not None
    moved = first.alert.localization.replace(dec_deg=first.alert.localization.dec_deg + 1.5)
    later = make_record(
        revision=1,
        status=Status.UPDATE,
        localization=moved,
        notice_time=time_of_first + timedelta(hours=1),
    )
    gone = make_record(
        revision=2,
        status=Status.RETRACTION,
        localization=None,
        notice_time=time_of_first + timedelta(hours=2),
    )
    text = text_of(build([later, first])["events/137840_57034692.html"])
    assert "moved by 1.5 deg" in text
    assert "RETRACTED" not in text
    assert " REAL " in text
    text = text_of(build([gone, later, first])["events/137840_57034692.html"])
    assert "RETRACTED" in text
    assert "this event is withdrawn" in text
    assert f"{moved.dec_deg:+.4f}°" in text  # where it was said to be


def section_of(data: bytes, anchor: str) -> str:
    return " ".join(parsed(data).get_element_by_id(anchor).text_content().split())


def test_sites_say_when_they_can_observe_on_the_page_and_in_a_calendar() -> None:
    record = make_record(localization=make_localization(ra_deg=200.0, dec_deg=-10.0))
    start = record.alert.notice_time
    assert start is not None
    window, *_ = windows(Direction(ra_deg=200.0, dec_deg=-10.0), SITES["paranal"], start)
    files = build([record], sites=[SITES["paranal"], SITES["maunakea"]])
    told = section_of(files["events/137840_57034692.html"], "observable")
    assert f"{window.start:%Y-%m-%d %H:%M} to {window.stop:%H:%M} UTC" in told
    assert f"best airmass {airmass(window.altitude_deg):.2f}" in told
    assert "Maunakea" in told
    entries = icalendar.Calendar.from_ical(files["data/137840_57034692.ics"]).walk("VEVENT")
    found = next(one for one in entries if one["location"] == "Paranal")
    assert found.decoded("dtstart") == window.start.replace(microsecond=0)
    assert found.decoded("dtend") == window.stop.replace(microsecond=0)
    assert len({str(one["uid"]) for one in entries}) == len(entries)


def test_who_cannot_observe_says_why() -> None:
    record = make_record(localization=make_localization(ra_deg=200.0, dec_deg=80.0))
    north = Site(name="Nordkapp", lat_deg=71.2, lon_deg=25.8)
    june = make_record(trigger_time=JUNE, notice_time=JUNE, run_id=1, event_id=1, event_names=())
    files = build([record, june], sites=[SITES["paranal"], north])
    told = section_of(files["events/137840_57034692.html"], "observable")
    assert "below the horizon while it is dark" in told
    assert "Nordkappnot dark within 24 h" in section_of(files["events/1_1.html"], "observable")
    assert "data/1_1.ics" not in files or b"Nordkapp" not in files["data/1_1.ics"]


def test_nobody_is_sent_to_what_is_withdrawn() -> None:
    gone = make_record(status=Status.RETRACTION)
    files = build([gone], sites=[SITES["paranal"]])
    assert b"Observable" not in files["events/137840_57034692.html"]
    assert b"Observable" not in build([make_record()])["events/137840_57034692.html"]


def test_a_test_says_so_and_stands_apart() -> None:
    files = build(example_records())
    text = text_of(files["events/test+137840_1.html"])
    assert "TEST: NOT A REAL EVENT" in text
    assert "INJECTION: NOT A REAL EVENT" in text_of(files["events/injection+137840_1.html"])
    assert "MOCK: NOT A REAL EVENT" in text_of(files["events/test+MS230914a.html"])


def test_a_search_and_its_neutrino_point_at_each_other() -> None:
    track = make_record()
    neutrino = CoincidentEvent(delta_t_s=-12.5, run_id=137840, event_id=57034692)
    (other,) = [r for r in example_records() if r.alert.gw and not r.alert.gw.is_mock]
    search = other.replace(alert=other.alert.replace(coincident_events=(neutrino,)))
    files = build([track, search])
    assert b'href="137840_57034692.html"' in files["events/S230914ak.html"]
    assert b'href="S230914ak.html"' in files["events/137840_57034692.html"]
    assert "-12.50 s from the gravitational wave" in text_of(files["events/S230914ak.html"])


def test_significance_says_trials_sides_and_sources() -> None:
    (story,) = tell([r for r in example_records() if r.alert.gw and not r.alert.gw.is_mock])
    (section,) = [s for s in page(story).sections if s.anchor == "significance"]
    assert section.table is not None
    row = dict(zip(section.table.header, section.table.text[0], strict=True))
    assert (row["p-value"], row["p after trials"]) == ("0.0191", "0.0378")
    assert row["Convention"] == "one-sided"
    assert "Trials, generic: two searches." in section.notes
    assert "Rate, generic: 100 alerts per year." in section.notes


def test_regions_for_ds9() -> None:
    ellipse = Ellipse(semi_major_deg=2.0, semi_minor_deg=0.5, position_angle_deg=0.0)
    place = make_localization(
        ra_deg=0.1, dec_deg=60.0, error_radius_deg=None, ellipse=ellipse, error_radius_50_deg=0.25
    )
    files = build([make_record(localization=place)])
    text = files["data/137840_57034692.reg"].decode()
    assert text.startswith("# Region file format: DS9 version 4.1\nicrs\n")
    assert 'circle(0.10000,60.00000,900.00")' in text
    (polygon,) = re.findall(r"polygon\((.*?)\)", text)
    numbers = list(map(float, polygon.split(",")))
    edge = SkyCoord(numbers[::2], numbers[1::2], unit="deg")
    distances = edge.separation(SkyCoord(0.1, 60.0, unit="deg")).deg
    assert distances.max() == pytest.approx(2.0, abs=1e-4)
    assert distances.min() == pytest.approx(0.5, abs=1e-4)
    assert max(numbers[1::2]) == pytest.approx(62.0, abs=1e-3)  # position angle 0 is north


def test_maps_are_ours_and_whole(built: dict[str, bytes]) -> None:
    """No element of a map breaks the policy of the page."""
    tags = {"a", "svg", "title", "desc", "g", "path", "circle", "ellipse", "rect", "text"}
    for data in pages(built).values():
        drawn = parsed(data).xpath("//figure/svg/descendant-or-self::*")
        assert {element.tag for element in drawn} <= tags
        assert not [element for element in drawn if element.get("style") or element.get("id")]


def test_it_does_not_depend_on_the_order(records: list[Record], built: dict[str, bytes]) -> None:
    assert build([*records[::-1], *records]) == built


def test_a_season_is_made_soon_and_small() -> None:
    """1000 events of three notices each; the limit of time is for a busy machine."""
    records = [
        make_record(
            event_id=number,
            event_names=(f"IceCube-{240101 + number % 500}{'AB'[number // 500]}",),
            revision=revision,
            localization=make_localization(ra_deg=0.35 * number, dec_deg=-80 + 0.15 * number),
            kind=AlertKind.CASCADE if number % 9 == 0 else AlertKind.BRONZE,
        )
        for number in range(1000)
        for revision in range(3)
    ]
    began = time.process_time()
    files = build(records)
    assert time.process_time() - began < 60
    assert len(pages(files)) == 1001
    assert max(map(len, pages(files).values())) < LIMIT_BYTES


def test_a_file_name_is_no_path_of_ours() -> None:
    """A page may be public; where the file lay on a disk is nobody's business."""
    message = make_message(
        value=b"notice", topic=None, offset=None, origin="/home/somebody/secret/notice.xml"
    )
    (story,) = tell([make_record(message=message)])
    assert "somebody" not in str(page(story))
    assert "notice.xml" in str(page(story))


def test_index_has_a_radius_for_every_error() -> None:
    """Refined positions have a box: its circle is shown, and can be sorted."""
    place = Localization(
        ra_deg=10.0,
        dec_deg=0.0,
        asymmetric=AsymmetricError(
            ra_minus_deg=1.0, ra_plus_deg=1.0, dec_minus_deg=4.0, dec_plus_deg=4.0
        ),
    )
    cells = parsed(build([make_record(localization=place)])["index.html"]).xpath(
        "//tbody//td/text()"
    )
    assert "2" in cells
