"""What has been seen to drift: names, units, sentinels, marks; each read, or said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from icecube_hooks import YEAR_S, Alert, AlertKind, Message, NoticeError, Status, Tense
from icecube_plugin.notices import binary, lvk, text, track, units, voevent
from tests.notices.test_units import ALL, NONSENSE

FIXTURES = Path(__file__).parents[2] / "fixtures"

XML = (FIXTURES / "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD").glob("*.xml")
GOLD = min(XML).read_text()
CLASSIC = min((FIXTURES / "gcn.classic.text.ICECUBE_ASTROTRACK_GOLD").glob("*.txt")).read_text()
NU_EM = FIXTURES / "gcn.classic.voevent.AMON_NU_EM_COINC"
TRACK = json.loads(min((FIXTURES / track.TOPICS[0]).glob("*.json")).read_bytes())
SEARCH = json.loads(min((FIXTURES / lvk.TOPICS[0]).glob("*.json")).read_bytes())
SHORT = {
    "$schema": "https://gcn.nasa.gov/schema/v7.2.1/gcn/notices/icecube/single_neutrino_alerts.schema.json",
    "mission": "IceCube",
    "id": ["142401_2223334"],
    "event_name": ["IceCube-260711A"],
    "alert_tense": "current",
    "record_number": 2,
    "alert_type": "retraction",
    "alert_datetime": "2026-07-12T10:00:00Z",
}


def of(alert: Alert | None) -> Alert:
    assert alert is not None
    return alert


def whys(alert: Alert, field: str) -> list[str]:
    return [concern.why for concern in alert.concerns if concern.field == field]


def voevent_with(name: str, value: str, unit: str | None) -> Alert:
    """Return what is read of a gold packet in which one parameter is another."""
    start = GOLD.index(f'<Param name="{name}"')
    end = GOLD.index(">", start)
    closed = " /" if GOLD[end - 1] == "/" else ""
    stated = "" if unit is None else f" unit={quoteattr(unit)}"
    packet = f'{GOLD[:start]}<Param name="{name}" value="{value}"{stated}{closed}{GOLD[end:]}'
    return of(voevent.parse(Message(value=packet.encode())))


def text_with(key: str, value: str) -> Alert:
    lines = [
        f"{key}: {value}" if old.startswith(f"{key}:") else old for old in CLASSIC.splitlines()
    ]
    return of(text.parse(Message(value="\n".join(lines).encode())))


RATES = [
    *(("2.5", unit, 2.5 / YEAR_S) for unit in (None, "", " ", "yr^-1", "1/yr", "per year")),
    *(("2.5e-8", unit, 2.5e-8) for unit in ("Hz", "s^-1", "1/s")),
    *(("0.25", unit, 0.25 * 12 / YEAR_S) for unit in ("month^-1", "per month")),
    *(("0.25", unit, 0.25 / 86_400) for unit in ("day^-1", "1/day")),
    *(("2.5", unit, None) for unit in ("furlong", "TeV", "yr", "s^-1 sr^-1", "deg")),
]
RADII = [
    *(("0.5", unit, 0.5) for unit in (None, "", "deg", "degree", "degrees")),
    *(("30", unit, 0.5) for unit in ("arcmin", "arcminutes")),
    *(("1800", unit, 0.5) for unit in ("arcsec", "arcseconds")),
    *(("0.00872664625997165", unit, 0.5) for unit in ("rad", "radian")),
    *(("0.5", unit, None) for unit in ("furlong", "TeV", "sr", "deg^2", "yr^-1")),
]
ENERGIES = [
    *(("171.5", unit, 171.5) for unit in (None, "", "TeV")),
    ("0.1715", "PeV", 171.5),
    ("171500", "GeV", 171.5),
    ("171.5", "GeV", 171.5),  # GCN's error of 2019: below any alert's energy
    ("1.715e14", "eV", 171.5),
    *(("171.5", unit, None) for unit in ("furlong", "deg", "pe", "yr^-1")),
]
PROBABILITIES = [
    *(("0.48", unit, 0.48) for unit in (None, "", " ", "dn", "tbd", "pe")),
    *(("48", unit, 0.48) for unit in ("%", "percent", "per cent")),
    *(("0.48", unit, None) for unit in ("furlong", "TeV", "yr^-1")),
]
CASES = [
    *(("FAR", "far_hz", *case) for case in RATES),
    *(("src_error_90", "radius", *case) for case in RADII),
    *(("energy", "energy_tev", *case) for case in ENERGIES),
    *(("signalness", "signalness", *case) for case in PROBABILITIES),
]
TEXT_NAMES = {"FAR": "FAR", "energy": "ENERGY", "signalness": "SIGNALNESS"}


def value_of(alert: Alert, field: str) -> float | None:
    if field != "radius":
        return getattr(alert, field)  # type: ignore[no-any-return]
    place = alert.localization
    assert place is not None
    return place.error_radius_deg if place.containment == 0.9 else None


@pytest.mark.parametrize(("name", "field", "value", "unit", "expected"), CASES)
def test_a_number_in_an_attributes_unit(
    name: str, field: str, value: str, unit: str | None, expected: float | None
) -> None:
    alert = voevent_with(name, value, unit)
    found = value_of(alert, field)
    assert found == (expected if expected is None else pytest.approx(expected, rel=1e-12))
    usual = unit in (None, "", " ", "dn", "tbd") or (
        expected is not None and unit not in ("GeV", "pe")
    )
    assert (whys(alert, name) == []) is (usual or (unit == "GeV" and value == "171500"))


FIELDS = [
    ("FAR", "far_hz", units.RATE, 8e-8),
    ("src_error_90", "radius", units.ANGLE, 0.5),
    ("energy", "energy_tev", units.ENERGY, 171.5),
    ("signalness", "signalness", units.FRACTION, 0.48),
]
IN_ERROR = {("signalness", "pe"), ("signalness", "tbd")}
"""Units that GCN has written of a number without one."""


@pytest.mark.parametrize(("name", "field", "kind", "value"), FIELDS)
def test_every_unit_in_every_attribute(name: str, field: str, kind: str, value: float) -> None:
    nothing = [(unit, "", 1.0) for unit in NONSENSE if (name, unit) not in IN_ERROR]
    for unit, its_kind, factor in (*ALL, *nothing):
        alert = voevent_with(name, repr(value / factor), unit)
        expected = pytest.approx(value, rel=1e-9) if its_kind == kind else None
        assert value_of(alert, field) == expected, unit
        assert bool(whys(alert, name)) is (expected is None), unit


@pytest.mark.parametrize(
    ("name", "field", "value", "unit", "expected"),
    [case for case in CASES if case[0] in TEXT_NAMES and case[3] and case[3].strip() != "pe"],
)
def test_a_number_in_the_unit_of_a_text(
    name: str, field: str, value: str, unit: str, expected: float | None
) -> None:
    alert = text_with(TEXT_NAMES[name], f"{value} [{unit}]")
    assert value_of(alert, field) == (
        expected if expected is None else pytest.approx(expected, rel=1e-12)
    )
    if expected is None:
        assert len(whys(alert, TEXT_NAMES[name])) == 1


@pytest.mark.parametrize(
    ("words", "radius"),
    [
        ("30.00 [arcmin radius, stat-only, 90% containment]", 0.5),
        ("0.50 [deg radius, stat-only, 90% containment]", 0.5),
        ("1800 [arcsec radius, stat-only, 90% containment]", 0.5),
        ("0.5 [furlong radius, stat-only, 90% containment]", None),
        ("0.5", None),
    ],
)
def test_a_radius_in_the_unit_of_a_text(words: str, radius: float | None) -> None:
    alert = text_with("SRC_ERROR", words)
    assert value_of(alert, "radius") == radius
    assert bool(whys(alert, "SRC_ERROR")) is (radius is None)


class TestPositionOfAVOEvent:
    @staticmethod
    def read(old: str, new: str) -> Alert:
        assert GOLD.count(old) == 1
        return of(voevent.parse(Message(value=GOLD.replace(old, new).encode())))

    def test_radians(self) -> None:
        plain = of(voevent.parse(Message(value=GOLD.encode()))).localization
        found = self.read('<Position2D unit="deg">', '<Position2D unit="rad">').localization
        assert plain is not None
        assert found is None or found.ra_deg != plain.ra_deg

    def test_an_unknown_unit_gives_no_position(self) -> None:
        alert = self.read('<Position2D unit="deg">', '<Position2D unit="furlong">')
        assert alert.localization is None
        assert whys(alert, "Position2D") == ["the unit is not one of angle"]

    @pytest.mark.parametrize("system", ["UTC-GAL-GEO", "UTC-ECL-GEO", "UTC-FK4-GEO"])
    def test_another_frame_gives_no_position(self, system: str) -> None:
        alert = self.read(
            '<AstroCoords coord_system_id="UTC-FK5-GEO">',
            f'<AstroCoords coord_system_id="{system}">',
        )
        assert alert.localization is None
        assert whys(alert, "coord_system_id") == ["expected equatorial coordinates, FK5 or ICRS"]

    @pytest.mark.parametrize("system", ["TT-FK5-GEO", "TDB-ICRS-BARY", "GPS-FK5-GEO"])
    def test_another_time_scale_gives_no_time(self, system: str) -> None:
        alert = self.read(
            '<AstroCoords coord_system_id="UTC-FK5-GEO">',
            f'<AstroCoords coord_system_id="{system}">',
        )
        assert alert.trigger_time is None
        assert whys(alert, "coord_system_id") == ["expected a time in UTC"]

    @pytest.mark.parametrize("system", ["UTC-ICRS-GEO", "UTC-FK5-TOPO"])
    def test_an_equatorial_frame(self, system: str) -> None:
        alert = self.read(
            '<AstroCoords coord_system_id="UTC-FK5-GEO">',
            f'<AstroCoords coord_system_id="{system}">',
        )
        assert alert.localization == of(voevent.parse(Message(value=GOLD.encode()))).localization


class TestNuEm:
    def test_all_packets_of_an_event_have_one_key(self) -> None:
        packets = [
            of(voevent.parse(Message(value=p.read_bytes()))) for p in sorted(NU_EM.iterdir())
        ]
        assert [alert.event_key for alert in packets] == ["0_900004", "0_900005", "0_900005"]
        assert [alert.status for alert in packets] == [
            *(Status.INITIAL, Status.INITIAL, Status.RETRACTION)
        ]
        assert packets[1].event_names == packets[2].event_names == ("NuEm-240926A",)

    def test_radii_in_arcmin(self) -> None:
        alert = of(voevent.parse(Message(value=(NU_EM / "NuEm-240926A.xml").read_bytes())))
        place = alert.localization
        assert place is not None
        assert (place.error_radius_deg, place.containment, place.error_radius_50_deg) == (
            *(0.41, 0.9, 0.22),
        )
        assert place.systematic_included is False
        assert alert.concerns == ()

    @pytest.mark.parametrize("flag", ["retraction", "RetractFlag"])
    def test_either_mark_retracts(self, flag: str) -> None:
        packet = (NU_EM / "NuEm-240926A.xml").read_text()
        start = packet.index(f'name="{flag}"')
        value = packet.index('value="', start) + len('value="')
        end = packet.index('"', value)
        for mark in ("1", "true"):
            changed = packet[:value] + mark + packet[end:]
            alert = of(voevent.parse(Message(value=changed.encode())))
            assert alert.status is Status.RETRACTION

    def test_a_private_packet_says_so(self) -> None:
        packet = (NU_EM / "NuEm-240926A.xml").read_text()
        changed = packet.replace('name="private"      value="0"', 'name="private" value="1"')
        alert = of(voevent.parse(Message(value=changed.encode())))
        assert whys(alert, "private") == ["the notice calls itself one for AMON's members only"]

    def test_binary_and_text_have_the_same_key(self) -> None:
        folder = FIXTURES / "gcn.classic.text.AMON_NU_EM_COINC"
        alert = of(text.parse(Message(value=(folder / "NuEm-210111A.txt").read_bytes())))
        assert (alert.event_key, alert.event_names) == ("0_900002", ("NuEm-210111A",))
        words = [0] * 40
        words[0], words[4], words[5], words[6] = 172, 900002, 18970, 4_000_000
        value = b"".join(word.to_bytes(4, "big") for word in words)
        assert of(binary.parse(Message(value=value))).event_key == "0_900002"


@pytest.mark.parametrize("end", ["-21474836.4800", "2147483647", "-2147483648", "-214748.3648"])
def test_sentinels_are_no_numbers(end: str) -> None:
    alert = voevent_with("energy", end, "TeV")
    assert alert.energy_tev is None
    assert whys(alert, "energy") == ["the end of 32-bit integers stands for no number"]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Retracted",
            "is_retraction",
            "src_err_68",
            "position_error",
            "posError",
            "SIGNALNESS_NEW",
        ),
        *("energy_mev", "far_new", "FAR_2", "event_id_2", "AmonID", "pos_uncertainty", "pval_new"),
    ],
)
def test_an_unread_name_that_matters_is_a_concern(name: str) -> None:
    packet = GOLD.replace(
        '<Param name="Trigger_ID"', f'<Param name="{name}" value="7" />\n  <Param name="Trigger_ID"'
    )
    alert = of(voevent.parse(Message(value=packet.encode())))
    assert alert.unread[name] == "7"
    assert whys(alert, name) == ["not read, though its name resembles one that matters"]
    value = json.dumps({**TRACK, name: 7}).encode()
    assert whys(of(track.parse(Message(value=value))), name) == [
        "not read, though its name resembles one that matters"
    ]


@pytest.mark.parametrize(
    "name", ["comment_2", "farther", "idle", "grid", "terror_free", "Pair_Name_ID"]
)
def test_an_unread_name_that_does_not_is_none(name: str) -> None:
    value = json.dumps({**TRACK, name: 7}).encode()
    alert = of(track.parse(Message(value=value)))
    assert alert.unread[name] == 7
    assert whys(alert, name) == []


class TestOwnTopic:
    def test_a_track_without_its_mark_is_read_with_a_concern(self) -> None:
        notice = {key: value for key, value in TRACK.items() if key != "pipeline"}
        notice["selection"] = "of another name"
        alert = of(track.parse(Message(value=json.dumps(notice).encode(), topic=track.TOPICS[0])))
        assert alert.kind is AlertKind.TRACK
        assert whys(alert, "pipeline") == [
            "nothing says which selection (gold, bronze, cascade) it is of"
        ]

    def test_on_another_topic_it_is_not(self) -> None:
        notice = {key: value for key, value in TRACK.items() if key != "pipeline"}
        assert track.parse(Message(value=json.dumps(notice).encode(), topic="gcn.other")) is None

    def test_somebody_elses_is_passed_on(self) -> None:
        notice = {"mission": "Swift", "id": ["1_2"], "ra": 1.0, "dec": 2.0}
        value = json.dumps(notice).encode()
        assert track.parse(Message(value=value, topic=track.TOPICS[0])) is None
        assert lvk.parse(Message(value=value, topic=lvk.TOPICS[0])) is None

    def test_what_is_missing_is_named(self) -> None:
        with pytest.raises(NoticeError, match=r"^id: expected run_event"):
            track.parse(Message(value=b'{"ra": 1.0, "dec": 2.0}', topic=track.TOPICS[0]))
        with pytest.raises(NoticeError, match=r"^ref_ID: the notice names no grav"):
            lvk.parse(Message(value=b'{"ra": 1.0, "dec": 2.0}', topic=lvk.TOPICS[0]))

    def test_a_search_without_its_marks_is_read_with_a_concern(self) -> None:
        left_out = ("type", "pval_generic", "pval_bayesian")
        notice = {key: value for key, value in SEARCH.items() if key not in left_out}
        alert = of(lvk.parse(Message(value=json.dumps(notice).encode(), topic=lvk.TOPICS[0])))
        assert (alert.kind, alert.p_values) == (AlertKind.LVK_SEARCH, ())
        assert whys(alert, "pval_generic, pval_bayesian") == ["a search without p-values"]

    def test_a_search_on_the_topic_of_tracks_is_left_to_its_reader(self) -> None:
        value = json.dumps(SEARCH).encode()
        assert track.parse(Message(value=value, topic=track.TOPICS[0])) is None


class TestRetractionInJson:
    @pytest.mark.parametrize("topic", [None, track.TOPICS[0]])
    def test_without_measurements_and_pipeline(self, topic: str | None) -> None:
        alert = of(track.parse(Message(value=json.dumps(SHORT).encode(), topic=topic)))
        assert (alert.status, alert.event_key) == (Status.RETRACTION, "142401_2223334")
        assert (alert.kind, alert.trigger_time, alert.localization) == (AlertKind.TRACK, None, None)
        assert (alert.tense, alert.revision) == (Tense.OBSERVATION, 2)

    def test_with_its_pipeline(self) -> None:
        notice = {**SHORT, "pipeline": "Gold Track Alert"}
        alert = of(track.parse(Message(value=json.dumps(notice).encode())))
        assert (alert.kind, alert.status) == (AlertKind.GOLD, Status.RETRACTION)
        assert alert.concerns == ()

    def test_of_a_search(self) -> None:
        value = json.dumps({**SEARCH, "alert_type": "retraction"}).encode()
        assert of(lvk.parse(Message(value=value))).status is Status.RETRACTION

    def test_anything_else_needs_its_time(self) -> None:
        value = json.dumps(
            {**SHORT, "alert_type": "update", "pipeline": "Gold Track Alert"}
        ).encode()
        with pytest.raises(NoticeError, match=r"^trigger_time: the notice states no time"):
            track.parse(Message(value=value))


class TestContainmentOfTheSchema:
    def test_is_taken_and_marked(self) -> None:
        notice = {key: v for key, v in TRACK.items() if key != "containment_probability"}
        alert = of(track.parse(Message(value=json.dumps(notice).encode())))
        assert alert.localization is not None
        assert alert.localization.containment == 0.9
        assert whys(alert, "containment_probability") == ["the default of GCN's schema"]

    @pytest.mark.parametrize("value", ["x", 7, 0])
    def test_is_not_taken_for_one_that_cannot_be_read(self, value: Any) -> None:
        notice = {**TRACK, "containment_probability": value}
        alert = of(track.parse(Message(value=json.dumps(notice).encode())))
        assert alert.localization is not None
        assert alert.localization.containment is None
        assert len(whys(alert, "containment_probability")) == 1

    def test_is_not_taken_without_a_region(self) -> None:
        left_out = ("containment_probability", "ra_dec_error")
        notice = {key: v for key, v in TRACK.items() if key not in left_out}
        alert = of(track.parse(Message(value=json.dumps(notice).encode())))
        assert whys(alert, "containment_probability") == []


MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@pytest.mark.parametrize(("number", "month"), list(enumerate(MONTHS, 1)))
def test_every_month_of_a_text(number: int, month: str) -> None:
    alert = text_with("NOTICE_DATE", f"Mon 09 {month} 26 04:05:06 UT")
    assert alert.notice_time is not None
    assert (alert.notice_time.month, alert.notice_time.day) == (number, 9)
    assert whys(alert, "NOTICE_DATE") == []


# ------------------------------------------------------- what only the real notices had shown


def test_a_declination_beside_another_sexagesimal() -> None:
    alert = text_with("SRC_DEC", "+5.2520d {+05d 15' 00\"} (J2000)")
    assert whys(alert, "SRC_DEC") == ["decimal and sexagesimal disagree"]


def test_a_sign_that_is_stated_as_often_as_not_is_taken() -> None:
    start = CLASSIC.index("SRC_DEC:") + len("SRC_DEC:")
    end = CLASSIC.index("SRC_ERROR:")
    value = f"{CLASSIC[:start]} 5.2500d {{-05d 15' 00\"}} (J2000)\n{CLASSIC[end:]}"
    place = of(text.parse(Message(value=value.encode()))).localization
    assert place is not None
    assert place.dec_deg == -5.25


def test_a_clock_some_seconds_off_the_seconds_of_day() -> None:
    alert = text_with("DISCOVERY_TIME", "14400 SOD {04:00:05.00} UT")
    assert alert.trigger_time is not None
    assert f"{alert.trigger_time:%H:%M:%S}" == "04:00:00"
    assert whys(alert, "DISCOVERY_TIME") == ["disagrees with the seconds of day"]


def test_a_circle_that_is_the_inner_radius_as_rounded() -> None:
    packet = (NU_EM / "NuEm-240926A.xml").read_text()
    for circle in ("0.2200", "0.2201"):
        changed = packet.replace(
            "<Error2Radius>0.2200</Error2Radius>", f"<Error2Radius>{circle}</Error2Radius>"
        )
        alert = of(voevent.parse(Message(value=changed.encode())))
        assert whys(alert, "Error2Radius") == []


def test_a_circle_of_nu_em_that_stands_alone_is_the_inner_radius() -> None:
    packet = (NU_EM / "NuEm-240926A.xml").read_text()
    packet = packet.replace('"src_err_90"', '"other_90"').replace('"src_err_50"', '"other_50"')
    place = of(voevent.parse(Message(value=packet.encode()))).localization
    assert place is not None
    assert (place.error_radius_deg, place.containment) == (0.22, 0.5)


def test_a_circle_is_in_the_unit_of_its_position() -> None:
    value = GOLD.replace('<Position2D unit="deg">', '<Position2D unit="arcmin">')
    alert = of(voevent.parse(Message(value=value.encode())))
    plain = of(voevent.parse(Message(value=GOLD.encode()))).localization
    assert plain is not None
    assert plain.error_radius_deg is not None
    (found,) = [float(c.found) for c in alert.concerns if c.field == "Error2Radius"]
    assert found == pytest.approx(plain.error_radius_deg / 60)


def test_a_track_on_the_topic_of_searches_is_left_to_its_reader() -> None:
    value = json.dumps(TRACK).encode()
    assert lvk.parse(Message(value=value, topic=lvk.TOPICS[0])) is None
