"""GCN Classic text: every field, and everything that hands and templates do to them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from icecube_hooks import Alert, AlertKind, Message, NoticeError, PValue, Status, Tense, WireFormat
from icecube_plugin.notices._draft import NOTICE_LIMIT
from icecube_plugin.notices.text import TOPICS, fields_of, parse, parse_fields, register_parsers

from .stated import stated_fields

FIELDS: dict[str, str] = {
    "TITLE": "GCN/AMON NOTICE",
    "NOTICE_DATE": "Sat 02 May 26 04:05:06 UT",
    "NOTICE_TYPE": "ICECUBE Astrotrack Gold ",
    "STREAM": "24",
    "RUN_NUM": "142000",
    "EVENT_NUM": "1234567",
    "SRC_RA": "103.5000d {+06h 54m 00s} (J2000),\n"
    "   103.8300d {+06h 55m 19s} (current),\n   102.8300d {+06h 51m 19s} (1950)",
    "SRC_DEC": "-11.4977d {-11d 29' 51\"} (J2000),\n"
    "   -11.5290d {-11d 31' 44\"} (current),\n   -11.4330d {-11d 25' 59\"} (1950)",
    "SRC_ERROR": "41.20 [arcmin radius, stat-only, 90% containment]",
    "SRC_ERROR50": "16.05 [arcmin radius, stat-only, 50% containment]",
    "DISCOVERY_DATE": "21162 TJD;   122 DOY;   26/05/02 (yy/mm/dd)",
    "DISCOVERY_TIME": "14400 SOD {04:00:00.25} UT",
    "REVISION": "1",
    "ENERGY": "1.7120e+02 [TeV]",
    "SIGNALNESS": "4.8000e-01 [dn]",
    "FAR": "1.2000 [yr^-1]",
    "SUN_POSTN": "39.0d {+02h 36m 00s} +15.1d {+15d 06' 00\"}",
    "COMMENTS": "IceCube Gold event.  ",
}


def notice(**changes: str | None) -> bytes:
    """Return a notice with some fields changed, or left out (None)."""
    fields = {key: value for key, value in (FIELDS | changes).items() if value is not None}
    return "".join(f"{key}: {value}\n" for key, value in fields.items()).encode()


def read(value: bytes | None = None, /, **changes: str | None) -> Alert:
    alert = parse(Message(value=notice(**changes) if value is None else value))
    assert alert is not None
    return alert


def refusal(**changes: str | None) -> str:
    """Return the whole message with which a changed notice is refused."""
    with pytest.raises(NoticeError) as info:
        read(**changes)
    return str(info.value)


def concerns(alert: Alert) -> list[tuple[str, str, str | None, str]]:
    return [(c.field, c.found, c.taken, c.why) for c in alert.concerns]


def test_registration() -> None:
    [parser] = register_parsers()
    assert (parser.name, parser.topics, parser.parse) == ("classic-text", TOPICS, parse)


def test_every_field() -> None:
    alert = read()
    place = alert.localization
    assert place is not None
    assert (alert.kind, alert.format) == (AlertKind.GOLD, WireFormat.TEXT)
    assert (alert.run_id, alert.event_id, alert.revision) == (142000, 1234567, 1)
    assert (alert.status, alert.tense, alert.stream) == (Status.UPDATE, Tense.OBSERVATION, 24)
    assert alert.trigger_time == datetime(2026, 5, 2, 4, 0, 0, 250_000, tzinfo=UTC)
    assert alert.notice_time == datetime(2026, 5, 2, 4, 5, 6, tzinfo=UTC)
    assert (place.ra_deg, place.dec_deg) == (103.5, -11.4977)
    assert place.error_radius_deg == pytest.approx(41.20 / 60, abs=1e-9)
    assert place.error_radius_50_deg == pytest.approx(16.05 / 60, abs=1e-9)
    assert (place.containment, place.systematic_included) == (0.9, False)
    assert (alert.energy_tev, alert.signalness) == (171.2, 0.48)
    assert alert.far_per_year == pytest.approx(1.2, rel=1e-12)
    assert alert.far_hz == 1.2 / (365 * 86400)
    assert alert.comments == ("IceCube Gold event.",)
    assert (alert.concerns, alert.unread) == ((), {})


def test_only_what_identifies_is_needed() -> None:
    needed = ("NOTICE_TYPE", "RUN_NUM", "EVENT_NUM", "DISCOVERY_DATE", "DISCOVERY_TIME")
    alert = read(**dict.fromkeys(FIELDS.keys() - set(needed)))
    stated = stated_fields(alert)
    assert stated == {"kind", "format", "run_id", "event_id", "tense", "trigger_time"}


@pytest.mark.parametrize(
    ("title", "kind", "tense"),
    [
        ("ICECUBE Astrotrack Gold ", AlertKind.GOLD, Tense.OBSERVATION),
        ("ICECUBE Astrotrack Bronze", AlertKind.BRONZE, Tense.OBSERVATION),
        ("ICECUBE Cascade", AlertKind.CASCADE, Tense.OBSERVATION),
        ("Injected ICECUBE Cascade", AlertKind.CASCADE, Tense.INJECTION),
        ("TEST ICECUBE Astrotrack Bronze", AlertKind.BRONZE, Tense.TEST),
        ("AMON ICECUBE HESE", AlertKind.HESE, Tense.OBSERVATION),
        ("AMON ICECUBE EHE", AlertKind.EHE, Tense.OBSERVATION),
        ("AMON ICECUBE COINC", AlertKind.COINC, Tense.OBSERVATION),
        ("Fermi-LAT ANTARES coincidence", AlertKind.NU_EM, Tense.OBSERVATION),
    ],
)
def test_kinds(title: str, kind: AlertKind, tense: Tense) -> None:
    alert = read(NOTICE_TYPE=title)
    assert (alert.kind, alert.tense) == (kind, tense)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Subscribed topic not available: gcn.notices.foo",
        b"<?xml version='1.0'?><a>NOTICE_TYPE: ICECUBE Gold</a>",
        b"NOTICE_TYPE: Fermi-GBM Alert\nRUN_NUM: 1\n",
        b"about the NOTICE_TYPE of ICECUBE Gold notices",
        b'{"notice_type": "Fermi-GBM Alert"}',
        b'{"a notice_type": 1}',
        b"{'notice_type': ",
        b"{[]: 1, 'notice_type': 'ICECUBE Astrotrack Gold'}",
        b"{1: 2, 'x': 'notice_type'}",
        b"{notice_type}",
        b"[1, 'notice_type']",
    ],
)
def test_not_ours(value: bytes) -> None:
    assert parse(Message(value=value)) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"RUN_NUM": None}, "RUN_NUM: run and event number belong together"),
        ({"EVENT_NUM": None}, "EVENT_NUM: run and event number belong together"),
        ({"RUN_NUM": None, "EVENT_NUM": None}, "RUN_NUM: the notice names no event"),
        ({"RUN_NUM": "14 2"}, None),
        ({"RUN_NUM": "one"}, "RUN_NUM: expected an integer, got 'one'"),
        ({"RUN_NUM": ""}, "RUN_NUM: expected an integer, got ''"),
        ({"RUN_NUM": "-5"}, "run_id: expected a number of 0 or more, got -5"),
        ({"EVENT_NUM": "1e6"}, "EVENT_NUM: expected an integer, got '1e6'"),
        ({"REVISION": "-1"}, "revision: expected a number of 0 or more, got -1"),
        ({"DISCOVERY_DATE": None}, "DISCOVERY_DATE: the notice states no time of the event"),
        ({"DISCOVERY_TIME": None}, "DISCOVERY_TIME: the notice states no time of the event"),
        (
            {"DISCOVERY_DATE": "26/05/02"},
            "DISCOVERY_DATE: expected TJD, DOY and yy/mm/dd, got '26/05/02'",
        ),
        (
            {"DISCOVERY_DATE": "21162 TJD; 121 DOY; 26/13/02"},
            "DISCOVERY_DATE: expected yy/mm/dd, got '21162 TJD; 121 DOY; 26/13/02'",
        ),
        (
            {"DISCOVERY_DATE": "21162 TJD; 121 DOY; 92/05/02"},
            "DISCOVERY_DATE: expected a time between 1999 and 2100, got "
            + repr("21162 TJD; 121 DOY; 92/05/02"),
        ),
        (
            {"DISCOVERY_TIME": "04:00:00"},
            "DISCOVERY_TIME: expected SOD and {hh:mm:ss}, got '04:00:00'",
        ),
        (
            {"DISCOVERY_TIME": "86401 SOD {24:00:01} UT"},
            "DISCOVERY_TIME: expected seconds of a day, got '86401 SOD {24:00:01} UT'",
        ),
        ({"SRC_RA": None}, "SRC_RA: half of the position is missing"),
        ({"SRC_DEC": None}, "SRC_DEC: half of the position is missing"),
        ({"SRC_RA": "103.5d (2000)"}, "SRC_RA: expected a J2000 position, got '103.5d (2000)'"),
        (
            {"SRC_RA": "363.5000d {+24h 14m 00s} (J2000)"},
            "ra: expected a number from 0 to 360, got 363.5",
        ),
        (
            {"SRC_DEC": "-91.0000d {-91d 00' 00\"} (J2000)"},
            "dec: expected a number from -90 to 90, got -91.0",
        ),
        ({"PVALUE": "1.5 [dn]"}, "PVALUE: expected a number from 0 to 1, got 1.5"),
    ],
)
def test_refused(changes: dict[str, str | None], words: str | None) -> None:
    if words is None:  # the first word counts, as in "1 [dn]"
        assert read(**changes).run_id == 14
    else:
        assert refusal(**changes) == words


# ---------------------------------------------------------------------------------- position


@pytest.mark.parametrize(
    ("signs", "taken"),
    [
        ("+- -- --", -11.4977),
        ("-+ -- --", -11.4977),
        ("-+ ++ ++", 11.4977),
        ("+- ++ ++", 11.4977),
        ("+- -- +-", -11.4977),
        ("-+ ++ -+", 11.4977),
    ],
)
def test_lost_sign_is_settled_by_majority(signs: str, taken: float) -> None:
    """`signs` are those of decimal and sexagesimal in the three epochs."""
    first, current, old = signs.split()
    alert = read(
        SRC_DEC=f"{first[0]}11.4977d {{{first[1]}11d 29' 51\"}} (J2000),\n"
        f"{current[0]}11.5290d {{{current[1]}11d 31' 44\"}} (current),\n"
        f"{old[0]}11.4330d {{{old[1]}11d 25' 59\"}} (1950)"
    )
    assert alert.localization is not None
    assert alert.localization.dec_deg == taken
    found = f"{first[0]}11.4977 and {first[1]}11.4975".replace("+", "")
    why = "decimal and sexagesimal disagree"
    assert concerns(alert) == [("SRC_DEC", found, f"{taken:g}", why)]


def test_sign_without_a_majority_is_at_least_a_concern() -> None:
    alert = read(SRC_DEC="+11.4977d {-11d 29' 51\"} (J2000)")
    assert alert.localization is not None
    assert abs(alert.localization.dec_deg) == 11.4977
    assert [c.field for c in alert.concerns] == ["SRC_DEC"]


def test_other_contradictions_keep_the_decimal() -> None:
    alert = read(SRC_RA="103.5000d {+06h 55m 00s} (J2000)")
    assert alert.localization is not None
    assert alert.localization.ra_deg == 103.5
    assert concerns(alert) == [
        ("SRC_RA", "103.5 and 103.7500", "103.5", "decimal and sexagesimal disagree")
    ]


@pytest.mark.parametrize(
    ("text", "doubted"),
    [
        ("103.5000d {+06h 54m 00s} (J2000)", False),
        ("103.5041d {+06h 54m 00s} (J2000)", False),
        ("103.5062d {+06h 54m 00s} (J2000)", True),
        ("103.5000d {+06:54:00.0} (J2000)", False),
        ("103.5000 {06h54m00s} (J2000)", False),
        ("103.5000d +06h 54m 00s (J2000)", False),
        ("103.5000d{+06h 54m 00s}(J2000)", False),
        ("  103.5000d { +06h  54m  00s }  ( J2000 )", False),
    ],
)
def test_right_ascension(text: str, doubted: bool) -> None:
    alert = read(SRC_RA=text)
    assert alert.localization is not None
    assert alert.localization.ra_deg == pytest.approx(103.5, abs=0.007)
    assert [c.field for c in alert.concerns] == doubted * ["SRC_RA"]


@pytest.mark.parametrize(
    "text",
    [
        "-11.4977d {-11d 29' 51\"} (J2000)",
        "-11.4977d {-11d 29\\' 51\\\"} (J2000)",
        "-11.4977d {-11d 29 51} (J2000)",
        '-11.4977d {-11d 29\ufffd\ufffd\ufffd 51"} (J2000)',
        "-11.4977d {-11:29:51.8} (J2000)",
        "-11.4977d -11d 29' 51 (J2000)",
    ],
)
def test_spellings_of_declination(text: str) -> None:
    alert = read(SRC_DEC=text)
    assert alert.localization is not None
    assert alert.localization.dec_deg == -11.4977
    assert alert.concerns == ()


def test_unreadable_sexagesimal_is_a_concern() -> None:
    alert = read(SRC_DEC="-11.4977d {-1129' 51\"} (J2000)")
    assert alert.localization is not None
    assert alert.localization.dec_deg == -11.4977
    assert concerns(alert) == [
        ("SRC_DEC", "-11.4977d {-1129' 51\"} (J2000)", "-11.4977", "the sexagesimal cannot be read")
    ]


def test_minus_zero_degrees() -> None:
    alert = read(SRC_DEC="-0.5000d {-00d 30' 00\"} (J2000)")
    assert alert.localization is not None
    assert alert.localization.dec_deg == -0.5
    assert alert.concerns == ()


def test_continuation_lines_without_indent_and_with_a_blank_line() -> None:
    value = notice().replace(b"\n   ", b"\n").replace(b"SRC_ERROR:", b"\nSRC_ERROR:")
    assert read(value).localization == read().localization
    assert read(value).concerns == ()


@pytest.mark.parametrize(
    ("text", "radius", "containment", "systematic"),
    [
        ("41.20 [arcmin radius, stat-only, 90% containment]", 0.686666667, 0.9, False),
        ("13.28 [deg radius, stat+systematic, 90% containment]", 13.28, 0.9, True),
        ("14.99 [arcmin radius, stat+sys, 50% containment]", 0.249833333, 0.5, True),
        ("0.40 [deg, stat, 90% containment]", 0.4, 0.9, False),
        ("41.20 [arcmin radius, stat-only, 90 containment]", 0.686666667, 0.9, False),
        ("1.5 [deg radius]", 1.5, None, None),
    ],
)
def test_error_radius(
    text: str, radius: float, containment: float | None, systematic: bool | None
) -> None:
    place = read(SRC_ERROR=text, SRC_ERROR50=None).localization
    assert place is not None
    assert place.error_radius_deg == pytest.approx(radius, abs=1e-9)
    assert (place.containment, place.systematic_included) == (containment, systematic)
    assert place.error_radius_50_deg == (place.error_radius_deg if containment == 0.5 else None)


def test_error_under_its_other_name() -> None:
    place = read(SRC_ERROR=None, SRC_ERROR90="0.233 [deg, stat, 90% containment]").localization
    assert place is not None
    assert (place.error_radius_deg, place.containment) == (0.233, 0.9)


@pytest.mark.parametrize("percent", ["905", "0", "100.1"])
def test_containment_that_is_none(percent: str) -> None:
    alert = read(SRC_ERROR=f"41.20 [arcmin radius, {percent}% containment]")
    assert alert.localization is not None
    assert alert.localization.error_radius_deg == pytest.approx(41.20 / 60)
    assert alert.localization.containment is None
    why = "only a containment above 0 and up to 100 % is one"
    assert concerns(alert) == [("SRC_ERROR", f"{percent}% containment", None, why)]


@pytest.mark.parametrize("text", ["41.20", "41.20 [radius, 90% containment]"])
def test_error_without_a_unit(text: str) -> None:
    alert = read(SRC_ERROR=text)
    assert alert.localization is not None
    assert alert.localization.error_radius_deg is None
    assert alert.localization.containment is None
    assert alert.localization.error_radius_50_deg == pytest.approx(16.05 / 60)
    why = "an error needs a number and a unit, such as arcmin or deg"
    assert concerns(alert) == [("SRC_ERROR", text, None, why)]


def test_placeholder_position() -> None:
    zero = "0.0000d {+00h 00m 00s} (J2000)"
    alert = read(SRC_RA=zero, SRC_DEC=zero, SRC_ERROR="0.00 [arcmin]", SRC_ERROR50=None)
    assert alert.localization is None
    assert concerns(alert) == [
        ("position", "(0.0, 0.0), error 0.0", None, "stands for a position that is not known")
    ]


def test_default_radius_at_revision_0() -> None:
    radii = {"SRC_ERROR": "30.80 [arcmin, 90% containment]", "SRC_ERROR50": "12.00 [arcmin]"}
    assert [c.field for c in read(REVISION="0", **radii).concerns] == ["error_radius_deg"]
    assert read(REVISION="1", **radii).concerns == ()


# -------------------------------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("text", "microseconds", "doubt"),
    [
        ("14400 SOD {04:00:00.25} UT", 250_000, None),
        ("14400 SOD {04:00:00.99} UT", 990_000, None),
        ("14400 SOD {04:00:00} UT", 0, None),
        ("14400.25 SOD {04:00:00.25} UT", 250_000, None),
        ("14400 SOD 04:00:00.25 UT", 250_000, None),
        ("14400 SOD {04:00:00.25}", 250_000, None),
        ("14400 SOD   {  04:00:00.25  }   UT  ", 250_000, None),
        ("14400 SOD {04:00:00.123456} UT", 123_456, None),
        ("14400 SOD {05:00:00.25} UT", 0, "05:00:00.25"),
        ("14400 SOD {4:00} UT", 0, "4:00"),
        ("14400 SOD {} UT", 0, ""),
    ],
)
def test_time_of_day(text: str, microseconds: int, doubt: str | None) -> None:
    alert = read(DISCOVERY_TIME=text)
    expected = datetime(2026, 5, 2, 4, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert alert.trigger_time == expected
    why = "disagrees with the seconds of day"
    assert concerns(alert) == ([] if doubt is None else [("DISCOVERY_TIME", doubt, "4:00:00", why)])


@pytest.mark.parametrize("part", ["", ".25", ".99"])
def test_leap_second_is_the_next_day(part: str) -> None:
    alert = read(DISCOVERY_TIME=f"86400{part} SOD {{23:59:60{part}}} UT")
    expected = datetime(2026, 5, 3, tzinfo=UTC) + timedelta(seconds=float(f"0{part}"))
    assert alert.trigger_time == expected
    with pytest.raises(NoticeError, match="expected seconds of a day"):
        read(DISCOVERY_TIME="86401 SOD {23:59:60} UT")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("21161 TJD; 122 DOY; 26/05/02", "TJD 21161 (= 26/05/01), DOY 122, 26/05/02"),
        ("21162 TJD; 121 DOY; 26/05/02", "TJD 21162 (= 26/05/02), DOY 121, 26/05/02"),
        ("21162 TJD; 122 DOY; 26/05/03", "TJD 21162 (= 26/05/02), DOY 122, 26/05/03"),
        ("21162 TJD; 122 DOY; 26-05-02", "TJD 21162 (= 26/05/02), DOY 122, 26-05-02"),
    ],
)
def test_of_three_dates_the_one_that_two_agree_on_is_taken(text: str, found: str) -> None:
    alert = read(DISCOVERY_DATE=f"{text} (yy/mm/dd)")
    assert alert.trigger_time == datetime(2026, 5, 2, 4, 0, 0, 250_000, tzinfo=UTC)
    why = "TJD, day of year and date disagree"
    assert concerns(alert) == [("DISCOVERY_DATE", found, "26/05/02", why)]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Sat 02 May 26 04:05:06 UT", datetime(2026, 5, 2, 4, 5, 6, tzinfo=UTC)),
        ("Sat 2 May 2026 04:05:06.38 UT", datetime(2026, 5, 2, 4, 5, 6, 380_000, tzinfo=UTC)),
        ("Sun 05 July 2026  04:05:06.812 UT", datetime(2026, 7, 5, 4, 5, 6, 812_000, tzinfo=UTC)),
        ("2 may 2026 04:05:06 UTC", datetime(2026, 5, 2, 4, 5, 6, tzinfo=UTC)),
    ],
)
def test_notice_date(text: str, time: datetime) -> None:
    assert read(NOTICE_DATE=text).notice_time == time


@pytest.mark.parametrize("text", ["", "Sat 02 Mai 26 04:05:06 UT", "Sat 31 Feb 26 04:05:06 UT"])
def test_notice_date_that_is_none(text: str) -> None:
    alert = read(NOTICE_DATE=text)
    assert alert.notice_time is None
    assert [(c.field, c.taken) for c in alert.concerns] == [("NOTICE_DATE", None)]


def test_event_date_is_another_name() -> None:
    alert = read(
        DISCOVERY_DATE=None,
        DISCOVERY_TIME=None,
        EVENT_DATE=FIELDS["DISCOVERY_DATE"],
        EVENT_TIME=FIELDS["DISCOVERY_TIME"],
    )
    assert (alert.trigger_time, alert.unread) == (read().trigger_time, {})


# ----------------------------------------------------------------------------------- physics


@pytest.mark.parametrize(
    ("field", "text", "attribute"),
    [
        ("ENERGY", "0.0 [TeV]", "energy_tev"),
        ("ENERGY", "nan [TeV]", "energy_tev"),
        ("ENERGY", "1e400 [TeV]", "energy_tev"),
        ("ENERGY", "", "energy_tev"),
        ("SIGNALNESS", "-1 [dn]", "signalness"),
        ("SIGNALNESS", "1.5 [dn]", "signalness"),
        ("FAR", "0.0000 [yr^-1]", "far_hz"),
        ("FAR", "-1.0 [yr^-1]", "far_hz"),
        ("FAR", "unknown", "far_hz"),
        ("SIGNAL_TRACKNESS", "-1.00 [dn]", "signal_trackness"),
        ("CHARGE", "1510.00 [pe]", "charge_pe"),
        ("CHARGE", "0.00 [pe]", "charge_pe"),
        ("STREAM", "two", "stream"),
        ("N_EVENTS", "few", "n_events"),
        ("DELTA_T", "inf [sec]", "delta_t_s"),
        ("SKYMAP_FITS_URL", "see web page", "skymap"),
    ],
)
def test_values_that_are_none_are_left_unstated(field: str, text: str, attribute: str) -> None:
    alert = read(**{field: text})
    assert alert.localization is not None
    if attribute == "skymap":
        assert alert.localization.skymap_fits_url is None
    else:
        assert getattr(alert, attribute) is None
    assert [(c.field, c.taken) for c in alert.concerns] == [(field, None)]


@pytest.mark.parametrize(
    ("text", "found"), [("0.0 [dn]", None), ("nan [dn]", None), ("0.25 [dn]", 0.25)]
)
def test_p_value(text: str, found: float | None) -> None:
    alert = read(PVALUE=text)
    expected = () if found is None else (PValue(search="amon", value=found),)
    assert alert.p_values == expected
    assert [c.field for c in alert.concerns] == ([] if found else ["PVALUE"])


def test_energy_in_another_unit() -> None:
    alert = read(ENERGY="23.87 [GeV]")
    assert alert.energy_tev == 23.87
    why = "no alert has less than 10 TeV; GCN has written GeV beside TeV"
    assert concerns(alert) == [("ENERGY", "GeV", "TeV", why)]


def test_cascade() -> None:
    alert = read(
        NOTICE_TYPE="ICECUBE Cascade",
        EVENT_NAME="IceCubeCascade-260502a",
        SKYMAP_FITS_URL="https://example.org/a.fits",
        SKYMAP_PNG_URL="https://example.org/a.png",
    )
    assert alert.localization is not None
    assert alert.event_names == ("IceCubeCascade-260502a",)
    assert alert.localization.skymap_fits_url == "https://example.org/a.fits"
    assert alert.localization.skymap_png_url == "https://example.org/a.png"


def test_hese_and_coincidence_fields() -> None:
    alert = read(
        NOTICE_TYPE="AMON ICECUBE HESE",
        CHARGE="7546.05 [pe]",
        SIGNAL_TRACKNESS="0.30 [dn]",
        N_EVENTS="1 [number of neutrinos]",
        delta_T="22140.0000 [sec]",
        sigma_T="0.0000 [sec]",
    )
    assert (alert.charge_pe, alert.signal_trackness, alert.n_events) == (7546.05, 0.30, 1)
    assert (alert.delta_t_s, alert.sigma_t_s) == (22140.0, 0.0)
    assert (alert.concerns, alert.unread) == ((), {})


def test_amon_number_names_an_event() -> None:
    alert = read(RUN_NUM=None, EVENT_NUM=None, AMON_NUM="1436255238")
    assert (alert.run_id, alert.event_id, alert.amon_id) == (None, None, "1436255238")
    assert alert.event_key == "amon-1436255238"


# ------------------------------------------------------------------------------------- lines


def test_comments_repeat() -> None:
    alert = read(notice() + b"COMMENTS: \nCOMMENTS: one\n  two\n")
    assert alert.comments == ("IceCube Gold event.", "", "one", "two")


def test_unknown_fields_are_kept() -> None:
    alert = read(notice() + b"NEW_FIELD: 1 [x]\n  more\nNEW_FIELD: 2\n")
    assert alert.unread == {"NEW_FIELD": "1 [x]\nmore\n2"}
    assert alert.concerns == ()


def test_field_stated_twice() -> None:
    assert read(notice() + b"ENERGY: 1.7120e+02 [TeV]\n").concerns == ()
    alert = read(notice() + b"ENERGY: 5 [TeV]\nSRC_ERROR: 3 [arcmin]\nREVISION: 0\n")
    assert (alert.energy_tev, alert.revision) == (171.2, 1)
    why = "the notice states this field twice"
    assert sorted(concerns(alert)) == [
        ("ENERGY", "5 [TeV]", "1.7120e+02 [TeV]", why),
        ("REVISION", "0", "1", why),
        ("SRC_ERROR", "3 [arcmin]", FIELDS["SRC_ERROR"], why),
    ]


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: value.replace(b"\n", b"\r\n"),
        lambda value: b"\xef\xbb\xbf" + value,
        lambda value: b"\n\n  \n" + value,
        lambda value: value.rstrip(),
        lambda value: value.replace(b": ", b":\t \t"),
        lambda value: value.replace(b"'", b"\\'").replace(b'"', b'\\"'),
    ],
    ids=["crlf", "bom", "blank lines", "no final newline", "tabs", "escaped"],
)
def test_harmless_damage(damage: object) -> None:
    assert callable(damage)
    value = damage(notice())
    alert = read(value)
    assert alert.concerns == ()
    for name in ("run_id", "trigger_time", "localization", "far_hz", "energy_tev", "comments"):
        assert getattr(alert, name) == getattr(read(), name), name


def test_nul_bytes_do_not_become_values() -> None:
    alert = read(ENERGY="1.7\x00e+02 [TeV]", NEW="a\x00b")
    assert alert.energy_tev is None
    assert [(c.field, c.taken) for c in alert.concerns] == [("ENERGY", None)]
    assert alert.unread == {"NEW": "a\x00b"}


def test_size_limit() -> None:
    filling = b"X: " + b"x" * (NOTICE_LIMIT - len(notice()) - 3)
    assert read(notice() + filling).run_id == 142000
    with pytest.raises(NoticeError) as info:
        read(notice() + filling + b"x")
    assert str(info.value) == "the message has 1048577 bytes, more than 1048576"


# -------------------------------------------------------------------------------- dictionaries


def lower_case(**changes: object) -> dict[str, object]:
    """Return the fields as other software hands them over."""
    fields = fields_of(notice().decode())
    return {key.lower(): text for key, (text,) in fields.items()} | changes


@pytest.mark.parametrize("form", [json.dumps, repr, lambda data: "\ufeff " + json.dumps(data)])
def test_dictionary(form: object) -> None:
    assert callable(form)
    value = form(lower_case()).encode()
    alert, expected = read(value), read()
    assert alert == expected


def test_dictionary_with_numbers_and_without_values() -> None:
    alert = read(json.dumps(lower_case(run_num=142000, far=None, energy=171.2)).encode())
    assert (alert.run_id, alert.far_hz, alert.energy_tev) == (142000, None, 171.2)
    assert alert.concerns == ()


def test_fields_handed_over() -> None:
    message = Message(value=notice())
    assert parse_fields(fields_of(notice().decode()), message) == parse(message)
    assert parse_fields({}, message) is None


@pytest.mark.parametrize(
    ("literal", "field"),
    [(b"0x" + b"f" * 5000, "ENERGY")],
)
def test_integer_of_5000_digits_in_a_literal(literal: bytes, field: str) -> None:
    value = repr(lower_case(energy=0)).encode().replace(b"'energy': 0", b"'energy': " + literal)
    with pytest.raises(NoticeError) as info:
        read(value)
    assert str(info.value).startswith(f"{field}: cannot be read (Exceeds the limit")


@pytest.mark.parametrize("depth", [50, 300, 900, 5_000, 100_000])
@pytest.mark.parametrize("form", ["json", "literal"])
def test_deep_nesting_does_not_escape(depth: int, form: str) -> None:
    text = json.dumps(lower_case(x=0)) if form == "json" else repr(lower_case(x=0))
    nested = text.replace('"x": 0', '"x": [').replace("'x': 0", "'x': [")
    value = nested[:-1] + "[" * depth + "]" * (depth + 1) + "}"
    try:
        alert = parse(Message(value=value.encode()))
    except NoticeError as error:
        assert "cannot be read" in str(error)  # noqa: PT017  # both answers are right
    else:
        assert alert is None or alert.run_id == 142000


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    alert = read(json.dumps(lower_case(comments="a\ud800b")).encode())
    assert alert.comments == ("a?b",)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("DISCOVERY_TIME", "14400 SOD" + " " * 20_000 + "x" + " " * 20_000 + "x"),
        ("SRC_RA", "103.5d" + " " * 20_000 + "x" + " " * 20_000 + "(J2000"),
        ("SRC_ERROR", "1 [deg 90" + " " * 20_000 + "x"),
        ("NOTICE_DATE", "Sat" + " " * 20_000 + "x"),
        ("NEW", "a" + "\nb" * 40_000),
        ("COMMENTS", "a" + "\nb" * 40_000),
    ],
)
def test_no_hang(field: str, text: str) -> None:
    """Each of these took seconds to years with patterns that try every split of blanks."""
    start = datetime.now(UTC)
    try:
        assert read(**{field: text}).run_id == 142000
    except NoticeError as error:
        assert error.field == field  # noqa: PT017  # both answers are right
    assert datetime.now(UTC) - start < timedelta(seconds=2)


# ----------------------------------------------------------------------- the broken fixtures


def test_contradictory_signs(fixtures: Path) -> None:
    alert = read((fixtures / "broken" / "contradictory_signs.txt").read_bytes())
    assert alert.localization is not None
    assert alert.localization.dec_deg == -3.5219
    assert concerns(alert)[0] == (
        "SRC_DEC", "3.5219 and -3.5219", "-3.5219", "decimal and sexagesimal disagree"
    )  # fmt: skip
