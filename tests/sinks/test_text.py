"""The summary: what a person on shift must see, and what a message must not do to the screen."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecube_hooks import (
    AlertKind,
    AsymmetricError,
    Concern,
    Ellipse,
    FluxSensitivity,
    GWReference,
    PValue,
    Record,
    Status,
    Tense,
)
from icecube_hooks.testing import (
    TRIGGER,
    example_records,
    make_localization,
    make_record,
    make_significance,
)
from icecube_plugin.alerts.words import clean, sexagesimal
from icecube_plugin.views.summary import Tone, summary

TRACK = """\
GOLD IC230416A r0: RA 345.82 Dec +9.14 +-0.61 deg (90 %), signalness 0.34, 127 TeV, T0+40 s
  position     RA 345.8200 deg, Dec +9.1400 deg = 23:03:16.8 +09:08:24 J2000
  error        radius 0.61 deg, 90 % containment, statistical only
  signalness   0.336 (astrophysical share of events of this energy or above, as IceCube expects it)
  energy       127.3 TeV
  false alarms 2.532 events per year due to atmospheric backgrounds, IceCube's estimate
  time         2023-04-16 07:42:31.42 UTC (notice 2023-04-16 07:43:11.42)
  event        GOLD track IceCube-230416A
  run, event   137840, 57034692
  notice       revision 0, initial (json)
  record """

SEARCH = """\
GW SEARCH S230914ak notice 2-Preliminary: 2 neutrinos, p 0.0378 after trials, T0+40 s
  most likely  RA 0.0000 deg, Dec -90.0000 deg = 00:00:00.0 -90:00:00 J2000
  p-values     generic 0.0191, bayesian 0.0549
  coincident   2 neutrinos
  neutrino 1   -261.14 s from the gravitational wave, RA 345.82 Dec +9.14 +-0.61 deg (90 %), p generic 0.0191
  neutrino 2   -
  time         2023-04-16 07:42:31.42 UTC (notice 2023-04-16 07:43:11.42)
"""  # noqa: E501  # as it is printed


def test_track() -> None:
    assert summary(example_records()[0]).startswith(TRACK)


def test_search() -> None:
    (search,) = (r for r in example_records() if r.alert.coincident_events)
    assert summary(search).startswith(SEARCH)


def test_record_that_states_nothing_invents_nothing() -> None:
    record = example_records()[-2]
    assert summary(record) == (
        "TRACK without a name\n  position     -\n  event        Track\n"
        f"  notice       circular (circular)\n  record       {record.id}\n"
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"tense": Tense.TEST}, "*** TEST: NOT A REAL EVENT ***"),
        ({"tense": Tense.SIMULATION}, "*** SIMULATION: NOT A REAL EVENT ***"),
        ({"gw": GWReference(superevent_id="MS1a")}, "*** MOCK: NOT A REAL EVENT ***"),
        (
            {"gw": GWReference(superevent_id="MS1a"), "tense": None},
            "*** MOCK: NOT A REAL EVENT ***",
        ),
        ({"status": Status.RETRACTION}, "*** RETRACTED: this event is withdrawn ***"),
        ({"trigger_time": None}, "  time         notice 2023-04-16 07:43:11.42 UTC"),
        ({"notice_time": None}, "  time         2023-04-16 07:42:31.42 UTC"),
        ({"charge_pe": 6214.9}, "  charge       6214.9 photo-electrons"),
        ({"signal_trackness": 0.91}, "  trackness    0.91"),
        ({"n_coincident": 0}, "  coincident   0 neutrinos"),
        ({"comments": ("a\nb",)}, "  comment      a b"),
        (
            {"p_values": (PValue(search="generic", value=None),)},
            "  p-values     generic -",
        ),
        (
            {"observation_start": TRIGGER, "observation_stop": TRIGGER + timedelta(seconds=1000)},
            "  searched     2023-04-16 07:42:31.42 to 2023-04-16 07:59:11.42 UTC",
        ),
        (
            {"flux_sensitivity": FluxSensitivity(low_gev_cm2=0.03, high_gev_cm2=0.7)},
            "  sensitivity  0.03 to 0.7 GeV cm^-2 (E^2 dN/dE)",
        ),
        (
            {"concerns": (Concern(field="ra", found="9\x1b", taken=None, why="odd"),)},
            "  concern      ra '9\\x1b' left unstated: odd",
        ),
        (
            {"concerns": (Concern(field="unit", found="GeV", taken="TeV", why="odd"),)},
            "  concern      unit 'GeV' taken as TeV: odd",
        ),
    ],
)
def test_line(changes: dict[str, Any], line: str) -> None:
    assert line in summary(make_record(**changes)).splitlines()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "error        radius 0.61 deg, 90 % containment, statistical only"),
        (
            {"systematic_included": True, "containment": None},
            "error        radius 0.61 deg, with systematics",
        ),
        ({"systematic_included": None}, "error        radius 0.61 deg, 90 % containment"),
        ({"error_radius_50_deg": 0.2}, "error        radius 0.2 deg, 50 % containment"),
        ({"skymap_fits_url": "https://x/\x1by"}, "sky map      https://x/\\x1by"),
        (
            {
                "error_radius_deg": None,
                "ellipse": Ellipse(semi_major_deg=2, semi_minor_deg=1),
            },
            "error        ellipse 2 x 1 deg, 90 % containment, statistical only",
        ),
        (
            {
                "error_radius_deg": None,
                "systematic_included": None,
                "asymmetric": AsymmetricError(
                    ra_minus_deg=1,
                    ra_plus_deg=2,
                    dec_minus_deg=3,
                    dec_plus_deg=4,
                    position_angle_deg=5,
                ),
            },
            "error        RA +2 -1 deg, Dec +4 -3 deg, turned 5 deg N through E, 90 % containment",
        ),
    ],
)
def test_error_region(changes: dict[str, Any], line: str) -> None:
    record = make_record(localization=make_localization(**changes))
    assert f"  {line}" in summary(record).splitlines()


def test_unstated_error_has_no_line() -> None:
    place = make_localization(error_radius_deg=None)
    text = summary(make_record(localization=place))
    assert "error not stated" in text.splitlines()[0]
    assert "\n  error" not in text


def test_limit_is_no_value() -> None:
    limit = make_significance(p_value=0.0, sigma=None, is_limit=True, notes=("a note", "a note"))
    lines = summary(make_record(significances=(limit, limit))).splitlines()
    assert "  significance generic, one-sided: p <= 0, verdict: none" in lines
    assert lines.count("  note         a note") == 1


def test_significance_that_states_little() -> None:
    fields = ("sigma", "n_trials", "trials_source", "sigma_post", "far_per_year", "verdict")
    one = make_significance(**dict.fromkeys(fields))
    lines = summary(make_record(significances=(one,))).splitlines()
    start = lines.index("  significance generic, one-sided: p 0.0191, not corrected for trials")
    assert lines[start + 1] == "               after trials: p 0.0378"
    assert lines[start + 2].startswith("  event")


def test_every_kind_has_a_title() -> None:
    titles = {summary(make_record(kind=kind)).splitlines()[0] for kind in AlertKind}
    assert len(titles) == len(AlertKind)


def test_paint_is_called_with_tones() -> None:
    record = make_record(
        tense=Tense.TEST, concerns=(Concern(field="", found="", taken="", why=""),)
    )
    painted = summary(record, lambda text, tone: f"<{tone}>{text}")
    assert [line[1:].split(">")[0] for line in painted.splitlines() if line[0] == "<"] == [
        tone for tone in Tone if tone is not Tone.FACT
    ]


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("record", example_records(), ids=lambda record: record.id[:40])
def test_lines_fit_the_screen_and_lose_nothing(record: Record, width: int) -> None:
    lines = summary(record, width=width).splitlines()
    assert [line for line in lines if len(line) > width and " " in line.strip()[13:]] == []
    assert " ".join(summary(record, width=width).split()) == " ".join(summary(record).split())


@given(st.text(st.characters(codec=None)))
def test_clean_text_cannot_act(text: str) -> None:
    assert clean(text).isprintable()


@given(st.text(st.characters(categories=("L", "N", "P", "S")), max_size=300))
def test_printable_text_is_left_alone(text: str) -> None:
    assert clean(text) == text


def test_long_text_is_cut() -> None:
    assert clean("x" * 301) == "x" * 297 + "..."
    assert clean("abcdef", limit=5) == "ab..."


@given(st.text(st.characters(codec=None)))
def test_message_text_cannot_make_lines(text: str) -> None:
    record = make_record(
        id=text,
        event_names=(text,),
        comments=(text,),
        concerns=(Concern(field=text, found=text, taken=text, why=text),),
        gw=GWReference(superevent_id=text, notice_type=text),
        p_values=(PValue(search=text, value=0.5),),
        significances=(make_significance(quantity=text, trials_source=text, notes=(text,)),),
        localization=make_localization(skymap_png_url=text),
    )
    shown = summary(record)
    assert all(line.isprintable() for line in shown.split("\n"))
    assert all(len(line) < 700 for line in shown.split("\n"))


@given(st.floats(0, 360, exclude_max=True), st.floats(-90, 90))
def test_sexagesimal_is_the_position(ra_deg: float, dec_deg: float) -> None:
    ra, dec = sexagesimal(ra_deg, dec_deg).split()
    hours, minutes, seconds = (float(part) for part in ra.split(":"))
    assert hours < 24
    assert minutes < 60
    assert seconds < 60
    found = 15 * (hours + minutes / 60 + seconds / 3600)
    assert math.remainder(found - ra_deg, 360) == pytest.approx(0, abs=0.051 / 240)
    degrees, minutes, seconds = (float(part) for part in dec[1:].split(":"))
    assert minutes < 60
    assert seconds < 60
    found = (degrees + minutes / 60 + seconds / 3600) * (-1 if dec[0] == "-" else 1)
    assert found == pytest.approx(dec_deg, abs=0.51 / 3600)
