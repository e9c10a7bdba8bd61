"""One event, written in text, VOEvent, JSON and binary, is read as one alert.

The writers here follow the layouts that GCN publishes and share nothing with the readers. Each
format keeps what its number of digits keeps: see `PRECISION`.
"""

from __future__ import annotations

import itertools
import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from icecube_hooks import Alert, AlertKind, Message, Status, Tense
from icecube_plugin.alerts import changes, group, same_event
from icecube_plugin.notices import binary, text, track, voevent

YEAR_S: Final = 365 * 86400
URL: Final = "https://roc.icecube.wisc.edu/public/hese_cascades/"


@dataclass(frozen=True, kw_only=True)
class Truth:
    """An event as its makers know it."""

    kind: AlertKind
    run: int
    event: int
    revision: int
    time: datetime
    delay_s: int
    ra: float
    dec: float
    error90: float
    error50: float
    energy: float
    signalness: float
    far: float

    @property
    def is_cascade(self) -> bool:
        return self.kind is AlertKind.CASCADE

    @property
    def name(self) -> str:
        letter = "a" if self.is_cascade else "A"
        return f"IceCube{'Cascade' if self.is_cascade else ''}-{self.time:%y%m%d}{letter}"

    @property
    def skymap(self) -> str:
        day = (self.time - datetime(1858, 11, 17, tzinfo=UTC)).days
        return f"hese_{day}_run{self.run:08}.evt{self.event:012}"

    @property
    def tjd(self) -> int:
        return (self.time - datetime(1968, 5, 24, tzinfo=UTC)).days

    @property
    def microseconds(self) -> int:
        """Since midnight."""
        midnight = self.time.replace(hour=0, minute=0, second=0, microsecond=0)
        return (self.time - midnight) // timedelta(microseconds=1)

    @property
    def clock(self) -> str:
        """Time of day to the hundredth of a second, cut off."""
        return f"{self.time:%H:%M:%S}.{self.time.microsecond // 10_000:02}"

    @property
    def made(self) -> datetime:
        return (self.time + timedelta(seconds=self.delay_s)).replace(microsecond=0)


FIRST: Final = datetime(2019, 6, 1, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
"""What is made after "now" is doubted."""
TIMES: Final = st.integers(0, 500_000_000 * 1_000_000).map(
    lambda microseconds: FIRST + timedelta(microseconds=microseconds)
)


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    kind = draw(st.sampled_from([AlertKind.GOLD, AlertKind.BRONZE, AlertKind.CASCADE]))
    error = draw(st.floats(3.0, 40.0) if kind is AlertKind.CASCADE else st.floats(0.15, 8.0))
    return Truth(
        kind=kind,
        run=draw(st.integers(118_000, 199_999)),
        event=draw(st.integers(1, 99_999_999)),
        revision=draw(st.integers(0, 4)),
        time=draw(TIMES),
        delay_s=draw(st.integers(20, 100_000)),
        ra=draw(st.floats(0, 360, exclude_max=True)),
        dec=draw(st.floats(-90, 90)),
        error90=error,
        error50=error * draw(st.floats(0.35, 0.7)),
        energy=draw(st.floats(30, 20_000)),
        signalness=draw(st.floats(0.05, 0.999)),
        far=draw(st.floats(0.01, 5.0)),
    )


def sexagesimal(value: float, unit: str) -> str:
    """Write ``{+06h 55m 09s}`` or ``{-05d 52' 18"}``, seconds cut off."""
    total = math.floor(abs(value) * 3600 + 1e-6)
    minute, second = ("m", "s") if unit == "h" else ("'", '"')
    sign = "-" if value < 0 else "+"
    return (
        f"{{{sign}{total // 3600:02}{unit} {total // 60 % 60:02}{minute} {total % 60:02}{second}}}"
    )


def epochs(value: float, form: str, unit: str) -> str:
    """Write a coordinate for three epochs; the later two are only roughly so."""
    lines = []
    for shift, epoch in ((0.0, "J2000"), (0.01, "current"), (-0.02, "1950")):
        shown = format(value + shift, form)
        hours = float(shown) / 15 if unit == "h" else float(shown)
        lines.append(f"{shown}d {sexagesimal(hours, unit)} ({epoch})")
    return (",\n" + " " * 18).join(lines)


def as_text(truth: Truth) -> bytes:
    words = {AlertKind.GOLD: "Astrotrack Gold ", AlertKind.BRONZE: "Astrotrack Bronze "}
    scale, unit = (1, "deg") if truth.is_cascade else (60, "arcmin")
    errors = "stat+systematic" if truth.is_cascade else "stat-only"
    lines = [
        ("TITLE", "GCN/AMON NOTICE"),
        ("NOTICE_DATE", f"{truth.made:%a %d %b %y %H:%M:%S} UT"),
        ("NOTICE_TYPE", f"ICECUBE {words.get(truth.kind, 'Cascade')}"),
        ("STREAM", "26" if truth.is_cascade else "24"),
        ("RUN_NUM", truth.run),
        ("EVENT_NUM", truth.event),
        ("SRC_RA", epochs(truth.ra, "8.4f", "h")),
        ("SRC_DEC", epochs(truth.dec, "+8.4f", "d")),
        ("SRC_ERROR", f"{truth.error90 * scale:.2f} [{unit} radius, {errors}, 90% containment]"),
        ("SRC_ERROR50", f"{truth.error50 * scale:.2f} [{unit} radius, {errors}, 50% containment]"),
        (
            "DISCOVERY_DATE",
            f"{truth.tjd} TJD;   {truth.time:%j} DOY;   {truth.time:%y/%m/%d} (yy/mm/dd)",
        ),
        ("DISCOVERY_TIME", f"{truth.microseconds // 1_000_000} SOD {{{truth.clock}}} UT"),
        ("REVISION", truth.revision),
        ("ENERGY", f"{truth.energy:.4e} [TeV]"),
        ("SIGNALNESS", f"{truth.signalness:.4e} [dn]"),
        ("FAR", f"{truth.far:.4f} [yr^-1]"),
        ("SUN_POSTN", "21.10d {+01h 24m 24s}   +8.87d {+08d 52' 11\"}"),
        ("COMMENTS", "A made-up event.  "),
        ("COMMENTS", "Of nothing that happened.  "),
    ]
    if truth.is_cascade:
        lines[7:7] = [
            ("EVENT_NAME", truth.name),
            ("SKYMAP_FITS_URL", f"{URL}{truth.skymap}.fits"),
            ("SKYMAP_PNG_URL", f"{URL}{truth.skymap}.png"),
        ]
    return "\n".join(f"{key + ':':<18}{value}" for key, value in lines).encode()


def as_voevent(truth: Truth) -> bytes:
    number = {AlertKind.GOLD: 173, AlertKind.BRONZE: 174, AlertKind.CASCADE: 176}[truth.kind]
    when = f"{truth.time:%Y-%m-%d}T{truth.clock}"
    errors = "combined statistical and the systematic" if truth.is_cascade else "statistical only"
    centiseconds = truth.microseconds // 10_000
    params = [
        ("Packet_Type", number, ""),
        ("Pkt_Ser_Num", 1, ""),
        ("AMON_ID", f"{truth.run}{truth.event}", ""),
        ("run_id", truth.run, ""),
        ("event_id", truth.event, ""),
        ("Event_TJD", truth.tjd, ""),
        ("Event_SOD", f"{centiseconds // 100}.{centiseconds % 100:02}", ""),
        ("Stream", 26 if truth.is_cascade else 24, ""),
        ("Rev", truth.revision, ""),
        ("signalness", f"{truth.signalness:.4f}", ""),
        ("FAR", f"{truth.far:.4f}", ""),
        ("energy", f"{truth.energy:.4f}", ""),
        ("src_error_90", f"{truth.error90:.4f}", f"Error, {errors}, (90% containment)."),
        ("src_error_50", f"{truth.error50:.4f}", f"Error, {errors}, (50% containment)."),
    ]
    if truth.is_cascade:
        params += [
            ("event_name", truth.name, ""),
            ("skymap_fits", f"{URL}{truth.skymap}.fits", ""),
            ("skymap_png", f"{URL}{truth.skymap}.png", ""),
        ]
    written = "\n".join(
        f'<Param name="{name}" value="{value}"><Description>{words}</Description></Param>'
        for name, value, words in params
    )
    label = "Cascade" if truth.is_cascade else truth.kind.upper()
    ivorn = (
        f"ivo://nasa.gsfc.gcn/AMON#ICECUBE_{label}_Event{when}"
        f"_24_{truth.run}_{truth.event:09}_{truth.revision}"
    )
    flags = "".join(
        f'<Param name="{name}" value="false" />'
        for name in ("Test", "RADec_valid", "Retraction", "InternalTest")
    )
    return f"""<?xml version = '1.0' encoding = 'UTF-8'?>
<voe:VOEvent ivorn="{ivorn}" role="observation" version="2.0"
      xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0">
  <Who><Date>{truth.made:%Y-%m-%dT%H:%M:%S}</Date></Who>
  <What>{written}<Group name="Trigger_ID">{flags}</Group></What>
  <WhereWhen><ObsDataLocation><ObservationLocation>
    <AstroCoordSystem id="UTC-FK5-GEO" />
    <AstroCoords coord_system_id="UTC-FK5-GEO">
      <Time unit="s"><TimeInstant><ISOTime>{when}</ISOTime></TimeInstant></Time>
      <Position2D unit="deg"><Name1>RA</Name1><Name2>Dec</Name2>
        <Value2><C1>{truth.ra:.4f}</C1><C2>{truth.dec:.4f}</C2></Value2>
        <Error2Radius>{truth.error90:.4f}</Error2Radius></Position2D>
    </AstroCoords>
  </ObservationLocation></ObsDataLocation></WhereWhen>
</voe:VOEvent>""".encode()


def as_json(truth: Truth) -> bytes:
    topology = "Cascade" if truth.is_cascade else f"{truth.kind.capitalize()} Track"
    notice: dict[str, Any] = {
        "$schema": "https://gcn.nasa.gov/schema/v4.2.0/gcn/notices/icecube/of_another_kind.json",
        "mission": "IceCube",
        "instrument": "IC86",
        "messenger": "Neutrino",
        "pipeline": f"{topology} Alert",
        "record_number": truth.revision,
        "event_name": [truth.name],
        "id": [f"{truth.run}_{truth.event}"],
        "alert_datetime": f"{truth.made:%Y-%m-%dT%H:%M:%S}Z",
        "alert_type": "update" if truth.revision else "initial",
        "alert_tense": "current",
        "number_of_events": 1,
        "ra": truth.ra,
        "dec": truth.dec,
        "ra_dec_error": truth.error90,
        "containment_probability": 0.9,
        "systematic_included": truth.is_cascade,
        "healpix_url": f"{URL}{truth.skymap}.fits" if truth.is_cascade else None,
        "trigger_time": f"{truth.time:%Y-%m-%dT%H:%M:%S.%f}Z",
        "nu_energy": truth.energy,
        "p_astro": truth.signalness,
        "far": truth.far / YEAR_S,
    }
    return json.dumps(notice).encode()


def as_binary(truth: Truth) -> bytes:
    words = [0] * 40
    words[0] = {AlertKind.GOLD: 173, AlertKind.BRONZE: 174, AlertKind.CASCADE: 176}[truth.kind]
    words[4], words[23], words[17] = truth.event, truth.run, truth.revision
    words[5], words[6] = truth.tjd, truth.microseconds // 10_000
    words[7], words[8] = round(truth.ra * 1e4), round(truth.dec * 1e4)
    words[11], words[10] = round(truth.error90 * 1e4), round(truth.error50 * 1e4)
    words[9], words[12] = round(math.log10(truth.energy) * 1e4), round(math.log10(truth.far) * 1e4)
    words[22] = round(math.log10(truth.signalness) * 1e4)
    words[16] = 26 if truth.is_cascade else 24
    words[25] = truth.time.microsecond
    packet = bytearray(struct.pack(">40i", *words))
    if truth.is_cascade:
        packet[26 * 4 : 29 * 4] = swapped(truth.name.removeprefix("IceCubeCascade-"), 12)
        packet[29 * 4 : 39 * 4] = swapped(truth.skymap, 40)
    return bytes(packet)


def swapped(words: str, size: int) -> bytes:
    """Return text with the bytes of each word of four in reverse."""
    padded = words.encode().ljust(size, b"\0")
    return b"".join(padded[i : i + 4][::-1] for i in range(0, size, 4))


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How well a format keeps a value; half a unit of the last place, and a rounding error."""

    time_s: float
    angle: float
    error_track: float
    error_cascade: float
    relative: float
    decimals: float


EXACT: Final = 1e-9
PRECISION: Final = {
    "text": Precision(
        time_s=0.01,
        angle=0.5e-4 + EXACT,
        error_track=0.005 / 60 + EXACT,
        error_cascade=0.005 + EXACT,
        relative=0.5e-4,
        decimals=0.5e-4 + EXACT,
    ),
    "voevent": Precision(
        time_s=0.01,
        angle=0.5e-4 + EXACT,
        error_track=0.5e-4 + EXACT,
        error_cascade=0.5e-4 + EXACT,
        relative=2e-6,
        decimals=0.5e-4 + EXACT,
    ),
    "json": Precision(
        time_s=0.0, angle=0.0, error_track=0.0, error_cascade=0.0, relative=1e-14, decimals=1e-14
    ),
    "binary": Precision(
        time_s=0.0,
        angle=0.5e-4 + EXACT,
        error_track=0.5e-4 + EXACT,
        error_cascade=0.5e-4 + EXACT,
        relative=1.2e-4,
        decimals=0.0,
    ),
}
FORMATS: Final[dict[str, tuple[Callable[[Truth], bytes], Callable[[Message], Alert | None]]]] = {
    "text": (as_text, text.parse),
    "voevent": (as_voevent, voevent.parse),
    "json": (as_json, track.parse),
    "binary": (as_binary, binary.parse),
}


def read(truth: Truth, name: str) -> Alert:
    write, parse = FORMATS[name]
    alert = parse(Message(value=write(truth)))
    assert alert is not None
    return alert


EDGES: Final[list[dict[str, Any]]] = [
    {"ra": 359.99999, "dec": 89.99999},
    {"ra": 0.00001, "dec": -0.00001},
    {"ra": 0.0, "dec": 0.0},
    {"ra": 180.0, "dec": -90.0},
    {"time": datetime(2024, 2, 29, 23, 59, 59, 999_999, UTC)},
    {"time": datetime(2023, 12, 31, 0, 0, 0, 0, UTC)},
    {"time": datetime(2023, 12, 31, 0, 0, 0, 9, UTC)},
    {"event": 1, "run": 118_000},
]
PLAIN: Final = Truth(
    kind=AlertKind.BRONZE,
    run=142000,
    event=1234567,
    revision=0,
    time=datetime(2026, 5, 2, 4, 0, 0, 250_000, UTC),
    delay_s=306,
    ra=103.5,
    dec=5.25,
    error90=0.6867,
    error50=0.2667,
    energy=171.2,
    signalness=0.48,
    far=1.2,
)


def edges() -> list[Truth]:
    kinds = (AlertKind.GOLD, AlertKind.CASCADE)
    return [replace(PLAIN, kind=kind, **edge) for kind in kinds for edge in EDGES]


@pytest.mark.parametrize("name", FORMATS)
@given(truth=truths())
def test_each_format_tells_the_truth(name: str, truth: Truth) -> None:
    check(name, truth)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("truth", edges(), ids=str)
def test_edges(name: str, truth: Truth) -> None:
    check(name, truth)


def check(name: str, truth: Truth) -> None:
    alert, precision = read(truth, name), PRECISION[name]
    check_identity(alert, truth)
    check_place(alert, truth, precision)
    assert alert.trigger_time is not None
    late = (truth.time - alert.trigger_time).total_seconds()
    assert 0.0 <= late <= precision.time_s
    assert alert.notice_time == (None if name == "binary" else truth.made)
    assert alert.energy_tev == pytest.approx(truth.energy, rel=precision.relative)
    for found, expected in ((alert.far_per_year, truth.far), (alert.signalness, truth.signalness)):
        check_number(found, expected, precision)


def check_identity(alert: Alert, truth: Truth) -> None:
    assert (alert.kind, alert.run_id, alert.event_id) == (truth.kind, truth.run, truth.event)
    assert alert.revision == truth.revision
    assert alert.status is (Status.UPDATE if truth.revision else Status.INITIAL)
    assert alert.tense is Tense.OBSERVATION
    assert alert.is_real
    assert alert.notice_id == f"{truth.kind}:{truth.run}_{truth.event}:{truth.revision}"
    if truth.is_cascade or alert.event_names:
        assert alert.event_names == (truth.name,)


def check_place(alert: Alert, truth: Truth, precision: Precision) -> None:
    place = alert.localization
    assert place is not None
    error = precision.error_cascade if truth.is_cascade else precision.error_track
    assert abs((place.ra_deg - truth.ra + 180) % 360 - 180) <= precision.angle + 1e-12
    assert abs(place.dec_deg - truth.dec) <= precision.angle
    assert place.error_radius_deg == pytest.approx(truth.error90, rel=0, abs=error)
    assert place.containment == 0.9
    assert (place.ellipse, place.asymmetric) == (None, None)
    if place.error_radius_50_deg is not None:
        assert place.error_radius_50_deg == pytest.approx(truth.error50, rel=0, abs=error)
    assert place.systematic_included in (None, truth.is_cascade)
    url = f"{URL}{truth.skymap}.fits" if truth.is_cascade else None
    assert place.skymap_fits_url == url


def check_number(found: float | None, expected: float, precision: Precision) -> None:
    if found is None:  # in a packet, 0 is nothing stated; it is the logarithm of 1, too
        assert abs(math.log10(expected)) * 1e4 <= 0.5
        assert precision is PRECISION["binary"]
        return
    tolerance = max(precision.relative * expected, precision.decimals)
    assert found == pytest.approx(expected, rel=0, abs=tolerance)


@given(truth=truths())
@example(truth=PLAIN)
def test_formats_agree(truth: Truth) -> None:
    """They are one notice of one event, in which nothing changes from format to format."""
    alerts = [read(truth, name) for name in FORMATS]
    for one, other in itertools.permutations(alerts, 2):
        assert same_event(one, other)
        found = [c.text for c in changes(one, other) if c.old is not None]
        assert found == []
    (event,) = group(alerts, now=truth.time + timedelta(days=30))
    (notice,) = event.notices
    assert not [c for one in alerts for c in changes(one, notice) if c.old is not None]


@given(truth=truths())
def test_what_each_format_doubts(truth: Truth) -> None:
    """Correct notices raise no concern but those that every packet of a format raises."""
    assume(truth.revision or abs(truth.error90 - 30.8 / 60) > 0.01)
    expected = {
        "text": [],
        "voevent": ["RADec_valid"],
        "json": [],
        "binary": ["sky map"] if truth.is_cascade else [],
    }
    assert {
        name: [concern.field for concern in read(truth, name).concerns] for name in FORMATS
    } == expected


@given(truth=truths())
def test_what_nobody_reads(truth: Truth) -> None:
    for name in FORMATS:
        assert dict(read(truth, name).unread) == {}


@given(truth=truths(), moved=st.floats(0.01, 5.0))
def test_a_revision_is_another_notice_of_the_same_event(truth: Truth, moved: float) -> None:
    """Whatever the formats of both, what changed is what was changed."""
    assume(truth.dec < 85)
    later = replace(truth, revision=truth.revision + 1, dec=truth.dec + moved)
    for one, other in itertools.product(FORMATS, FORMATS):
        old, new = read(truth, one), read(later, other)
        (event,) = group([new, old], now=LATER)
        assert event.alerts == (old, new)
        found = {c.field: c for c in changes(old, new) if c.old is not None}
        assert set(found) - {"status"} == {"position"}
        assert found["position"].text.startswith("moved by ")
        distance = float(found["position"].text.split()[2])
        assert distance == pytest.approx(moved, rel=0.006, abs=2e-4)
