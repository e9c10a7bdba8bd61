"""A search and LVK's own alerts of its superevent: on the page, in ``show``, with the map."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import math
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import astropy_healpix as healpix
import numpy as np
import pytest
from astropy import units as u

from icecube_hooks import (
    AlertKind,
    CoincidentEvent,
    Concern,
    GWReference,
    Localization,
    Message,
    PValue,
    Record,
)
from icecube_hooks.testing import make_record
from icecube_plugin.alerts import changes, find, group
from icecube_plugin.alerts.file_names import page_path
from icecube_plugin.cli.command import main
from icecube_plugin.host import Config, Host
from icecube_plugin.host.config import SinkConfig
from icecube_plugin.sinks.notify import Notify
from icecube_plugin.sinks.sqlite import Sqlite
from icecube_plugin.sky.skymaps import Maps, read_skymap
from icecube_plugin.views.pages import build, page, tell
from icecube_plugin.views.plots import finder, sky_map
from tests.notices.test_gw import notice
from tests.notices.test_gw import record as wave_record
from tests.sinks.http_server import http_server
from tests.sky.test_skymaps import DEC, RA, multi_order, uniq_file

# Apprise imports it for a library of its own, where Python still has it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NAME = "S260502ab"
BBH, TERRESTRIAL = {"BBH": 0.98, "Terrestrial": 0.02}, {"BBH": 0.3, "Terrestrial": 0.7}
PLACES = ((RA, DEC), (RA + 180.0, -DEC))
"""Where the map is densest, and on the other side of the sky."""


def wave(**changes: Any) -> Record:
    return wave_record(notice(**changes))


def search(*places: tuple[float, float]) -> Record:
    neutrinos = tuple(
        CoincidentEvent(
            localization=Localization(ra_deg=ra, dec_deg=dec, error_radius_deg=0.5, containment=0.9)
        )
        for ra, dec in places
    )
    return make_record(
        kind=AlertKind.LVK_SEARCH,
        event_names=(),
        run_id=None,
        event_id=None,
        revision=None,
        localization=None,
        p_values=(PValue(search="generic", value=0.004), PValue(search="bayesian", value=None)),
        gw=GWReference(superevent_id=NAME, notice_number=2, notice_type="Initial"),
        coincident_events=neutrinos,
    )


def facts(records: list[Record], maps: Maps | None = None) -> dict[str, str]:
    """Return what the page of the search says of the wave."""
    (story,) = (s for s in tell(records, maps) if s.event.kind is AlertKind.LVK_SEARCH)
    found = {section.anchor: section for section in page(story).glance}
    return {fact.label: fact.text for fact in found["wave"].facts} if "wave" in found else {}


def test_notices_of_a_superevent_are_one_event_of_lvk() -> None:
    first, second = wave(), wave(alert_type="UPDATE", time_created="2026-05-02T06:00:00Z")
    other = wave(superevent_id="S260502ac")
    alerts = [one.alert for one in (first, second, other, search())]
    events = group(alerts)
    assert [len(event.alerts) for event in events] == [2, 1, 1]
    assert len({event.key for event in events}) == 3


@pytest.mark.parametrize("is_first", [True, False])
def test_the_search_tells_of_its_wave(is_first: bool) -> None:
    records = [wave(), search()] if is_first else [search(), wave()]
    found = facts(records)
    assert found["Candidate"] == "BBH 98 %, FAR 1 per 33 yr"
    assert found["Joint rate, generic"] == "0.00012 per year, 1 per 8300 yr"
    assert "Joint rate, bayesian" not in found
    assert "Neutrino 1" not in found


@pytest.mark.parametrize(
    ("before_s", "after_s", "said"),
    [
        (500, 500, "p 0.004 within +-500 s, before trials"),
        (8640, 14 * 86_400, "p 0.004 from 2 h before to 14 d after, before trials"),
    ],
)
def test_the_joint_rate_names_the_window_of_its_p(before_s: int, after_s: int, said: str) -> None:
    record = search()
    at = datetime(2026, 5, 2, 4, tzinfo=UTC)
    times = {
        "trigger_time": at,
        "observation_start": at - timedelta(seconds=before_s),
        "observation_stop": at + timedelta(seconds=after_s),
    }
    record = record.replace(alert=record.alert.replace(**times))
    (story,) = (s for s in tell([record, wave()]) if s.event.kind is AlertKind.LVK_SEARCH)
    (section,) = (s for s in page(story).glance if s.anchor == "wave")
    (fact,) = (fact for fact in section.facts if fact.label == "Joint rate, generic")
    assert fact.note.startswith(said)
    two = Concern(field="time window", found="1", taken="2", why="another window was searched too")
    record = record.replace(alert=record.alert.replace(concerns=(two,)))
    assert "Joint rate, generic" not in facts([record, wave()])


def test_the_newest_word_and_that_before() -> None:
    made = {"time_created": "2026-05-02T06:00:00Z", "alert_type": "UPDATE"}
    records = [
        search(),
        wave(event={"classification": BBH}, **made),
        wave(event={"classification": TERRESTRIAL, "far": 2e-8, "significant": False}),
    ]
    found = facts(records)
    assert found["Candidate"] == "BBH 98 %, FAR 1 per 33 yr"
    assert found["Before"] == "Terrestrial 70 %, FAR 1 per 1.6 yr, low significance"


def test_a_retracted_candidate_marks_the_search() -> None:
    gone = {"alert_type": "RETRACTION", "time_created": "2026-05-02T07:00:00Z"}
    found = facts([search(), wave(), wave_record(notice() | gone | {"event": None})])
    assert found["Retracted"] == "The gravitational-wave candidate was retracted."
    assert not any(label.startswith("Joint") for label in found)


def test_no_wave_of_another_superevent_or_of_a_test() -> None:
    assert facts([search(), wave(superevent_id="S260502ac")]) == {}
    assert facts([search(), wave(superevent_id=f"M{NAME}")]) == {}
    assert facts([search()]) == {}


def of_pixels(ra_deg: float, dec_deg: float) -> tuple[float, float]:
    """Return level and density [1/deg2] at a place, pixel by pixel."""
    order, ipix, probability = multi_order()
    area = 4 * math.pi * (180 / math.pi) ** 2 / 12 / 4.0**order
    ranked = sorted(range(len(ipix)), key=lambda i: -probability[i] / area[i])
    lon, lat = (np.radians(ra_deg % 360) * u.rad, np.radians(dec_deg) * u.rad)
    here = {n: int(healpix.lonlat_to_healpix(lon, lat, 2**n, order="nested")) for n in {*order}}
    total, level = float(np.sum(probability)), 0.0
    for i in ranked:
        level += float(probability[i]) / total
        if here[order[i]] == ipix[i]:
            return level, float(probability[i] / total / area[i])
    raise AssertionError("off the map")


def test_where_in_the_map_each_neutrino_is(tmp_path: Path) -> None:
    fits = uniq_file()
    alert = wave(event={"skymap": base64.b64encode(fits).decode()})
    folder = tmp_path / "gw-maps"
    folder.mkdir()
    (folder / f"{NAME}-{hashlib.sha256(fits).hexdigest()[:16]}.fits").write_bytes(fits)
    maps = Maps(tmp_path / "skymaps")
    levels = {of_pixels(RA + step, DEC)[0]: (RA + step, DEC) for step in np.arange(0, 40, 0.5)}
    edge = [place for level, place in sorted(levels.items()) if 0.5 < level < 0.9][-1]
    places = (*PLACES, edge)
    found = facts([alert, search(*places)], maps)
    for number, place in enumerate(places, start=1):
        level, density = of_pixels(*place)
        assert (
            f"credible level {100 * level:.3g} %; {density:.2g} per deg²"
            in found[f"Neutrino {number}"]
        )
    assert found["Neutrino 1"].startswith("inside the 50 % region")
    assert found["Neutrino 2"].startswith("outside the 90 % region")
    assert found["Neutrino 3"].startswith("inside the 90 % region")


def test_a_host_keeps_the_map_and_its_pages_take_it(tmp_path: Path) -> None:
    fits = uniq_file()
    value = json.dumps(notice(event={"skymap": base64.b64encode(fits).decode()})).encode()
    sink = SinkConfig(name="lines", type="jsonl", options={"path": str(tmp_path / "x.jsonl")})
    running = Host(Config(data_folder=tmp_path, sinks=(sink,)))
    records = running.handle([Message(value=value, topic="igwn.gwalert")])
    running.close()
    found = facts([*records, search(PLACES[0])], Maps(tmp_path / "skymaps"))
    assert found["Neutrino 1"].startswith("inside the 50 % region")
    assert found["Its sky map"].startswith("50 % in ")


def test_a_digest_is_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "S1-x.fits").write_bytes(uniq_file())
    assert Maps(tmp_path).of_digest("*" * 16) is None
    assert Maps(tmp_path).of_digest("../" * 9) is None
    (tmp_path / f"S1-{'a' * 16}.fits").write_bytes(b"SIMPLE  = no map")
    assert Maps(tmp_path).of_digest("a" * 64) is None


def host_with_map(folder: Path, *alerts: dict[str, Any]) -> None:
    """Let a host hear alerts of LVK's; its folder is `folder`."""
    sink = SinkConfig(name="lines", type="jsonl", options={"path": str(folder / "x.jsonl")})
    running = Host(Config(data_folder=folder, sinks=(sink,)))
    values = [json.dumps(alert).encode() for alert in alerts]
    running.handle([Message(value=value, topic="igwn.gwalert") for value in values])
    running.close()


MAP = {"skymap": base64.b64encode(uniq_file()).decode()}
GONE = {"alert_type": "RETRACTION", "time_created": "2026-05-02T07:00:00Z", "event": None}


def told_of(folder: Path, record: Record) -> str:
    """Return the line on the wave in what the sink ``notify`` sends."""
    with http_server() as server:
        url = f"json://127.0.0.1:{server.port}/"
        Notify(urls=[url], state=folder / "n.sqlite", maps=folder / "skymaps").write([record])
        (request,) = server.requests
    lines = json.loads(request.body)["message"].splitlines()
    return next((line for line in lines if line.startswith("GW: ")), "")


def test_a_message_says_what_the_host_has_heard(tmp_path: Path) -> None:
    host_with_map(tmp_path, notice(event=MAP), notice(event=MAP))
    assert len((tmp_path / "gw-maps" / f"{NAME}.jsonl").read_text().splitlines()) == 1
    level = math.ceil(100 * of_pixels(*PLACES[0])[0])
    area = read_skymap(next((tmp_path / "gw-maps").glob("*.fits"))).area_deg2(0.9)
    assert told_of(tmp_path, search(*PLACES)) == (
        f"GW: BBH 98 %, FAR 1 per 33 yr, 90 % area {area:.3g} deg2; "
        f"neutrino 1 inside the {level} % region; neutrino 2 outside the 90 % region"
    )


def test_a_message_says_that_lvk_has_retracted(tmp_path: Path) -> None:
    host_with_map(tmp_path, notice(event=MAP), notice() | GONE)
    expected = "GW: RETRACTED by LVK, was BBH 98 %, FAR 1 per 33 yr"
    assert told_of(tmp_path, search(PLACES[0])) == expected


def test_a_message_without_lvk_is_as_before(tmp_path: Path) -> None:
    host_with_map(tmp_path, notice(superevent_id="S260502ac"))
    assert told_of(tmp_path, search(PLACES[0])) == ""
    (tmp_path / "gw-maps" / f"{NAME}.jsonl").write_text('{"kind": "lvk')  # a kill has cut it off
    assert told_of(tmp_path / "again", search(PLACES[0])) == ""


def asked(database: Path, *arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["query", "--database", str(database), *arguments]) == 0
    return capsys.readouterr().out


def test_a_database_joins_search_and_wave(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = tmp_path / "alerts.sqlite"
    low = {"alert_type": "PRELIMINARY", "time_created": "2026-05-02T04:10:00Z"}
    records = [
        search(PLACES[0]),
        wave(),
        wave(event={"classification": TERRESTRIAL, "significant": False}, **low),
    ]
    Sqlite(path=database).write(records)
    view = "SELECT gw_class, gw_class_probability, gw_significant, gw_far_hz, gw_retracted"
    with contextlib.closing(sqlite3.connect(database)) as opened:
        rows = opened.execute(f"{view}, p_generic FROM searches").fetchall()
    assert rows == [("BBH", 0.98, 1, 9.5e-10, 0, 0.004)]
    said = asked(database, "--gw", "gw_class == 'BBH' and far_hz < 1e-9", capsys=capsys)
    assert "BBH 98 %, FAR 1 per 33 yr" in said
    assert "no alerts" in asked(database, "--gw", "gw_significant == False", capsys=capsys)
    Sqlite(path=database).write([wave_record(notice() | GONE)])
    with contextlib.closing(sqlite3.connect(database)) as opened:
        rows = opened.execute(f"{view} FROM searches").fetchall()
    assert rows == [("BBH", 0.98, 1, 9.5e-10, 1)]
    assert "no alerts" in asked(database, "--gw", "far_hz < 1", capsys=capsys)
    assert "retracted" in asked(database, "--kind", "lvk-search", capsys=capsys)


def test_query_says_the_area_where_the_host_has_the_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host_with_map(tmp_path, notice(event=MAP))
    Sqlite(path=tmp_path / "a.sqlite").write([search(PLACES[0]), wave(event=MAP)])
    maps = ("--maps", str(tmp_path / "gw-maps"), "--near", str(RA % 360), str(DEC))
    (found,) = json.loads(
        asked(tmp_path / "a.sqlite", "--radius", "1", *maps, "--json", capsys=capsys)
    )
    file = next((tmp_path / "gw-maps").glob("*.fits"))
    assert found["gw_area_90_deg2"] == read_skymap(file).area_deg2(0.9)
    assert (found["gw_class"], found["gw_retracted"]) == ("BBH", False)


def test_the_maps_of_a_host_are_found_beside_its_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host_with_map(tmp_path, notice(event=MAP))
    database = tmp_path / "a.sqlite"
    Sqlite(path=database).write([search(PLACES[0]), wave(event=MAP)])
    area = read_skymap(next((tmp_path / "gw-maps").glob("*.fits"))).area_deg2(0.9)
    assert main(["show", NAME, str(database)]) == 0
    shown = capsys.readouterr().out
    assert f"90 % in {area:.3g} deg²" in shown
    assert "inside the 50 % region" in shown
    assert NAME in asked(database, "--max-gw-area", str(area + 1), capsys=capsys)


def test_without_its_package_no_area_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing would match, and that is not so."""
    database = tmp_path / "a.sqlite"
    Sqlite(path=database).write([search(PLACES[0])])
    monkeypatch.setitem(sys.modules, "astropy_healpix", None)
    assert main(["query", "--database", str(database), "--max-gw-area", "100"]) == 2
    assert "sky maps need astropy-healpix (pip install 'astropy-healpix" in capsys.readouterr().err


def test_query_finds_what_lvk_has_placed_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host_with_map(tmp_path, notice(event=MAP))
    area = read_skymap(next((tmp_path / "gw-maps").glob("*.fits"))).area_deg2(0.9)
    database = tmp_path / "a.sqlite"
    Sqlite(path=database).write([search(PLACES[0]), wave(event=MAP)])
    maps = ("--maps", str(tmp_path / "gw-maps"))

    def found(limit: float, *arguments: str) -> str:
        return asked(database, "--max-gw-area", str(limit), *arguments, capsys=capsys)

    assert f"BBH 98 %, FAR 1 per 33 yr, {area:.0f} deg2" in found(area + 1, *maps)
    assert "no alerts" in found(area - 1, *maps)
    (tmp_path / "none" / "skymaps").mkdir(parents=True)
    assert "no alerts" in found(area + 1, "--maps", str(tmp_path / "none" / "skymaps"))
    assert "no alerts" in found(area + 1, *maps, "--gw", "gw_class == 'BNS'")
    Sqlite(path=database).write([wave_record(notice() | GONE)])
    assert "no alerts" in found(area + 1, *maps)


def test_pictures_have_the_map_and_numbered_neutrinos(tmp_path: Path) -> None:
    host_with_map(tmp_path, notice(event=MAP))
    records = [wave(event=MAP), search(*PLACES)]
    skymap = read_skymap(next((tmp_path / "gw-maps").glob("*.fits")))
    for figure in (
        sky_map(records[1:], skymap=skymap),
        finder(records[1], skymap=skymap),
    ):
        axes: Any = figure.axes[0]
        assert [one for one in axes.collections if hasattr(one, "levels")]
        written = {text.get_text() for text in axes.texts}
        assert "1" in written
        legend = [text.get_text() for text in axes.get_legend().get_texts()]
        assert any(text.startswith("neutrino 1") for text in legend)
    pages = build(records, maps=Maps(tmp_path / "skymaps"))
    (html,) = (data.decode() for path, data in pages.items() if path == f"events/{NAME}.html")
    assert html.count('class="skymap"') == 4
    without = build(records)[f"events/{NAME}.html"].decode()
    assert 'class="skymap"' not in without


def test_the_page_of_lvks_own_alerts_has_the_map_and_every_value(tmp_path: Path) -> None:
    host_with_map(tmp_path, notice(event=MAP))
    external = {
        "gcn_notice_id": 524666471,
        "ivorn": "ivo://x/y#z",
        "observatory": "Fermi",
        "search": "GRB",
        "time_difference": 2.02,
        "time_coincidence_far": 2.1e-14,
        "time_sky_position_coincidence_far": 6.4e-16,
    }
    records = [wave(event=MAP, external_coinc=external), search(PLACES[0])]
    own = f"events/{page_path(f'LIGO/Virgo/KAGRA:{NAME}').rpartition('/')[2]}"
    html = build(records, maps=Maps(tmp_path / "skymaps"))[own].decode()
    assert html.count('class="skymap"') == 4
    for text in ("BBH 0.98, Terrestrial 0.02", "HasNS 0", "H1 L1 CBC gstlal AllSky", "Fermi GRB"):
        assert text in html
    assert "1 per 1.5e+06 yr by time, 1 per 5e+07 yr by time and sky (LVK)" in html
    assert f'href="{NAME}.html">IceCube&#39;s search<' in html
    without = build(records)[own].decode()
    assert 'class="skymap"' not in without


def test_what_lvk_changed_is_said() -> None:
    old = wave().alert
    event = MAP | {"classification": TERRESTRIAL, "significant": False}
    new = wave(event=event, alert_type="UPDATE").alert
    assert [change.text for change in changes(old, new)] == [
        "status from initial to update",
        "class from BBH 98 % to Terrestrial 70 %",
        "significance from high to low",
        "another sky map",
    ]


def test_the_attached_picture_has_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []

    def draw(record: Record, **given: Any) -> Any:
        drawn.append(given["skymap"])
        return finder(record, **given)

    monkeypatch.setattr("icecube_plugin.views.plots.finder", draw)
    host_with_map(tmp_path, notice(event=MAP))
    skymap = read_skymap(next((tmp_path / "gw-maps").glob("*.fits")))
    with http_server() as server:
        url = f"json://127.0.0.1:{server.port}/"
        maps = tmp_path / "skymaps"
        sink = Notify(urls=[url], state=tmp_path / "n.sqlite", maps=maps, picture=True)
        sink.write([search(PLACES[0]), wave(event=MAP)])
        bodies = [json.loads(request.body) for request in server.requests]
    assert [len(body["attachments"]) for body in bodies] == [1, 1]
    assert [one.area_deg2(0.9) for one in drawn] == [skymap.area_deg2(0.9)] * 2


def test_two_notices_of_one_second_are_two() -> None:
    """As the public guide's example has an initial notice and an update."""
    (event,) = group([wave().alert, wave(alert_type="UPDATE").alert])
    assert [n.gw and n.gw.notice_type for n in event.notices] == ["INITIAL", "UPDATE"]
    assert len({n.notice_id for n in event.notices}) == 2


def test_the_history_tells_two_updates_apart() -> None:
    times = ("2026-05-02T05:00:00Z", "2026-05-02T06:00:00Z")
    (story,) = tell([wave(alert_type="UPDATE", time_created=time) for time in times])
    (history,) = (one for one in page(story).sections if one.anchor == "history")
    assert history.table is not None
    states = [row[-1] for row in history.table.rows]
    assert states == ["superseded by that of 2026-05-02 06:00:00", "current"]


def test_a_superevent_of_an_odd_name_is_found() -> None:
    events = group([wave(superevent_id="MS181101ab2").alert])
    assert find(events, "MS181101ab2") == events[0]
