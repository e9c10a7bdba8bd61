"""Gold, bronze and cascade alerts in JSON, in the spellings of all schema versions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import (
    Alert,
    AlertKind,
    AsymmetricError,
    Ellipse,
    Message,
    NoticeError,
    Status,
    Tense,
    WireFormat,
)
from icecube_plugin.notices._draft import TENSES
from icecube_plugin.notices._wire import DEPTH_LIMIT, JSON_LIMIT
from icecube_plugin.notices.track import TOPICS, parse, register_parsers

from .stated import stated_fields

SCHEMAS = "https://gcn.nasa.gov/schema/v7.2.1/gcn/notices/icecube"
LATEST: dict[str, Any] = {
    "$schema": f"{SCHEMAS}/single_neutrino_alerts.schema.json",
    "mission": "IceCube",
    "instrument": "IC86",
    "messenger": "Neutrino",
    "pipeline": "Gold Track Alert",
    "record_number": 0,
    "event_name": ["IceCube-260502A"],
    "id": ["142000_1234567"],
    "alert_datetime": "2026-05-02T04:05:06Z",
    "alert_type": "initial",
    "alert_tense": "current",
    "alert_topology": "Track",
    "number_of_events": 1,
    "ra": 103.5,
    "dec": -5.25,
    "ra_dec_error": 0.69,
    "containment_probability": 0.9,
    "systematic_included": False,
    "healpix_url": "https://example.org/a.fits.gz",
    "trigger_time": "2026-05-02T04:00:00.250001Z",
    "nu_energy": 171.2,
    "p_astro": 0.48,
    "far": 3.805e-08,
}
FIRST: dict[str, Any] = {
    "$schema": "https://gcn.nasa.gov/schema/v1.0.0/gcn/notices/icecube/GoldAndBronze.schema.json",
    "additional_info": "IceCube Bronze Neutrino Track Alert",
    "id": ["142000", "1234567"],
    "alert_datetime": "2026-05-02T04:05:06.55Z",
    "alert_type": "initial",
    "ra": 103.5,
    "dec": -5.25,
    "uncertainty_shape": "circle",
    "ra_uncertainty": [0.51],
    "containment_probability": 0.9,
    "systematic_included": False,
    "trigger_time": "2026-05-02T04:00:00.250001Z",
    "nu_energy": 171.2,
    "signalness": 0.48,
    "far": 3.805e-08,
}
ABSENT: Any = object()
TRUNCATED = (
    "not valid JSON (Expecting property name enclosed in double quotes: "
    "line 19 column 2 (char 477))"
)


def changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (base | changes).items() if value is not ABSENT}


def notice(**changes: Any) -> bytes:
    """Return a notice with some fields changed, or left out (ABSENT)."""
    return json.dumps(changed(LATEST, changes)).encode()


def read(value: bytes, topic: str | None = None) -> Alert:
    alert = parse(Message(value=value, topic=topic))
    assert alert is not None
    return alert


def refusal(value: bytes) -> str:
    with pytest.raises(NoticeError) as info:
        parse(Message(value=value))
    return str(info.value)


def concerns(alert: Alert) -> list[tuple[str, str, str | None]]:
    return [(c.field, c.found, c.taken) for c in alert.concerns]


def test_registration() -> None:
    [parser] = register_parsers()
    assert (parser.name, parser.topics, parser.parse) == ("track-json", TOPICS, parse)


def test_every_field() -> None:
    alert = read(notice())
    place = alert.localization
    assert place is not None
    assert (alert.kind, alert.format) == (AlertKind.GOLD, WireFormat.JSON)
    assert (alert.run_id, alert.event_id, alert.revision) == (142000, 1234567, 0)
    assert alert.event_names == ("IceCube-260502A",)
    assert (alert.status, alert.tense, alert.n_events) == (Status.INITIAL, Tense.OBSERVATION, 1)
    assert alert.trigger_time == datetime(2026, 5, 2, 4, 0, 0, 250_001, tzinfo=UTC)
    assert alert.notice_time == datetime(2026, 5, 2, 4, 5, 6, tzinfo=UTC)
    assert (place.ra_deg, place.dec_deg) == (103.5, -5.25)
    assert (place.error_radius_deg, place.containment) == (0.69, 0.9)
    assert (place.error_radius_50_deg, place.systematic_included) == (None, False)
    assert place.skymap_fits_url == "https://example.org/a.fits.gz"
    assert (alert.energy_tev, alert.signalness, alert.far_hz) == (171.2, 0.48, 3.805e-08)
    assert alert.far_per_year == pytest.approx(1.19994, abs=1e-5)
    assert (alert.concerns, alert.unread) == ((), {})


def test_first_version() -> None:
    value = json.dumps(FIRST).encode()
    alert = read(value)
    assert alert.localization is not None
    assert (alert.kind, alert.run_id, alert.event_id) == (AlertKind.BRONZE, 142000, 1234567)
    assert (alert.revision, alert.tense, alert.event_names) == (None, None, ())
    assert (alert.localization.error_radius_deg, alert.localization.containment) == (0.51, 0.9)
    assert (alert.signalness, alert.comments) == (0.48, ("IceCube Bronze Neutrino Track Alert",))
    assert (alert.concerns, alert.unread) == ((), {})


def test_only_what_identifies_is_needed() -> None:
    needed = {name: LATEST[name] for name in ("pipeline", "id", "trigger_time")}
    alert = read(json.dumps(needed).encode())
    stated = stated_fields(alert)
    assert stated == {"kind", "format", "run_id", "event_id", "trigger_time"}


def test_null_is_not_stated() -> None:
    needed = ("pipeline", "id", "trigger_time")
    alert = read(notice(**{name: None for name in LATEST if name not in needed}))
    stated = stated_fields(alert)
    assert stated == {"kind", "format", "run_id", "event_id", "trigger_time"}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"pipeline": "Gold Track Alert"}, AlertKind.GOLD),
        ({"pipeline": "Bronze Track Alert"}, AlertKind.BRONZE),
        ({"pipeline": "Cascade Alert"}, AlertKind.CASCADE),
        ({"pipeline": ABSENT, "additional_info": "IceCube Gold Neutrino"}, AlertKind.GOLD),
        ({"pipeline": ABSENT, "type": "IceCube Bronze Neutrino Track Alert"}, AlertKind.BRONZE),
        ({"pipeline": "new name", "additional_info": "IceCube Gold Neutrino"}, AlertKind.GOLD),
    ],
)
def test_kinds(changes: dict[str, Any], kind: AlertKind) -> None:
    assert read(notice(**changes)).kind is kind


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"null",
        b'"nu_energy"',
        b'{"type": "something else"}',
        notice(pipeline="Fast Radio Burst"),
        notice(pipeline=ABSENT),
        notice(pipeline=5),
        notice(pipeline="AMON ICECUBE HESE"),
        b"NOTICE_TYPE: nu_energy",
    ],
)
def test_not_ours(value: bytes) -> None:
    assert parse(Message(value=value)) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": ABSENT}, "id: expected run_event, got ()"),
        ({"id": []}, "id: expected run_event, got ()"),
        ({"id": ["1", "2", "3"]}, "id: expected run_event, got ('1', '2', '3')"),
        ({"id": ["142000"]}, "id: expected run_event, got ('142000',)"),
        ({"id": ["a_b"]}, "id: expected run_event, got ('a_b',)"),
        ({"id": [142000, 1234567]}, "id: expected text or a list of it, got [142000, 1234567]"),
        ({"id": {"run": 1}}, "id: expected text or a list of it, got {'run': 1}"),
        ({"record_number": 0.5}, "record_number: expected a whole number, got 0.5"),
        ({"record_number": "0"}, "record_number: expected a number, got '0'"),
        ({"record_number": True}, "record_number: expected a number, got True"),
        ({"record_number": 1e300}, "record_number: expected a whole number, got 1e+300"),
        ({"record_number": -1}, "revision: expected a number of 0 or more, got -1"),
        ({"trigger_time": ABSENT}, "trigger_time: the notice states no time of the event"),
        ({"trigger_time": None}, "trigger_time: the notice states no time of the event"),
        (
            {"trigger_time": 1777694400},
            "trigger_time: expected a time such as 2023-04-16T05:22:26Z, got 1777694400",
        ),
        ({"ra": ABSENT}, "ra: half of the position is missing"),
        ({"dec": None}, "dec: half of the position is missing"),
        ({"ra": "103.5"}, "ra: expected a number, got '103.5'"),
        ({"ra": True}, "ra: expected a number, got True"),
        ({"dec": [5]}, "dec: expected a number, got [5]"),
        ({"ra": 360.5}, "ra: expected a number from 0 to 360, got 360.5"),
        ({"dec": -90.5}, "dec: expected a number from -90 to 90, got -90.5"),
    ],
)
def test_refused(changes: dict[str, Any], words: str) -> None:
    assert refusal(notice(**changes)) == words


# ------------------------------------------------------------------------------------ identity


@pytest.mark.parametrize(
    ("identifier", "record", "revision", "doubts"),
    [
        (["142000", "1234567"], ABSENT, None, []),
        (["142000_1234567"], ABSENT, None, []),
        (["142000_1234567_2"], ABSENT, 2, []),
        (["142000_1234567_2"], 2, 2, []),
        (["142000_1234567_0"], 1, 1, [("id", "0", "1")]),
        ("142000_1234567", 3, 3, []),
        (["142000_1234567"], 1.0, 1, []),
    ],
)
def test_identifiers(
    identifier: Any, record: Any, revision: int | None, doubts: list[tuple[str, str, str | None]]
) -> None:
    alert = read(notice(id=identifier, record_number=record, alert_type="update"))
    assert (alert.run_id, alert.event_id) == (142000, 1234567)
    assert (alert.revision, concerns(alert)) == (revision, doubts)


@pytest.mark.parametrize("status", list(Status))
def test_alert_types(status: Status) -> None:
    assert read(notice(alert_type=str(status))).status is status


def test_initial_revision_1() -> None:
    alert = read(notice(record_number=1))
    assert alert.status is Status.INITIAL
    assert [(c.found, c.why) for c in alert.concerns] == [("initial", "but this is revision 1")]


def test_type_that_there_is_not() -> None:
    alert = read(notice(alert_type="rumour", record_number=1))
    assert alert.status is Status.UPDATE, "the revision says so"
    assert concerns(alert) == [("alert_type", "rumour", None)]


@pytest.mark.parametrize(("word", "tense"), sorted(TENSES.items()))
def test_tenses(word: str, tense: Tense) -> None:
    assert read(notice(alert_tense=word)).tense is tense


def test_both_spellings_of_injection() -> None:
    assert TENSES["injection"] is TENSES["injections"] is Tense.INJECTION


def test_tense_that_there_is_not() -> None:
    alert = read(notice(alert_tense="past"))
    assert (alert.tense, concerns(alert)) == (None, [("alert_tense", "past", None)])


@pytest.mark.parametrize("tense", [ABSENT, "current"])
def test_topic_of_tests(tense: Any) -> None:
    value = notice(alert_tense=tense)
    assert read(value, TOPICS[0]).is_real
    assert read(value, TOPICS[1]).tense is Tense.TEST


def test_schema_of_tests_is_a_concern() -> None:
    schema = "https://gcn.nasa.gov/schema/v4.0.0/gcn/notices/icecube/test/x.schema.json"
    alert = read(notice(**{"$schema": schema, "alert_tense": ABSENT}))
    assert (alert.tense, concerns(alert)) == (None, [("$schema", schema, None)])
    assert read(notice(**{"$schema": schema})).concerns == ()


@pytest.mark.parametrize("schema", [ABSENT, None, 5, "https://example.org/404", {"a": 1}])
def test_schema_is_not_trusted(schema: Any) -> None:
    assert read(notice(**{"$schema": schema})).concerns == ()


# ------------------------------------------------------------------------------------ position

NO_OLD = {"ra_dec_error": ABSENT}
BOX = {
    "ra_uncertainty": [-1.5, 1.4],
    "dec_uncertainty": [-1.2, 1.3],
    "uncertainty_shape": "rectangle",
}


@pytest.mark.parametrize(
    ("changes", "radius"),
    [
        ({"ra_dec_error": 0.5}, 0.5),
        ({"ra_dec_error": [0.5]}, 0.5),
        ({"ra_dec_error": 1}, 1.0),
        ({**NO_OLD, "ra_uncertainty": [0.51]}, 0.51),
        ({**NO_OLD, "ra_uncertainty": 0.51, "uncertainty_shape": "circle"}, 0.51),
        ({**NO_OLD, "semi_major": 0.51}, 0.51),
        (NO_OLD, None),
    ],
)
def test_circles(changes: dict[str, Any], radius: float | None) -> None:
    place = read(notice(**changes)).localization
    assert place is not None
    assert place.error_radius_deg == radius
    assert place.containment == (None if radius is None else 0.9)
    assert (place.ellipse, place.asymmetric) == (None, None)


@pytest.mark.parametrize(
    ("axes", "ellipse"),
    [
        ([0.9, 0.4], Ellipse(semi_major_deg=0.9, semi_minor_deg=0.4)),
        ([0.4, 0.9], Ellipse(semi_major_deg=0.9, semi_minor_deg=0.4)),
        ([0.9, 0.4, 30], Ellipse(semi_major_deg=0.9, semi_minor_deg=0.4, position_angle_deg=30.0)),
        ([0.9, 0.4, 0], Ellipse(semi_major_deg=0.9, semi_minor_deg=0.4, position_angle_deg=0.0)),
    ],
)
def test_ellipses(axes: list[float], ellipse: Ellipse) -> None:
    place = read(notice(ra_dec_error=axes)).localization
    assert place is not None
    assert (place.ellipse, place.error_radius_deg, place.containment) == (ellipse, None, 0.9)


@pytest.mark.parametrize(("angle", "expected"), [(ABSENT, None), (0, 0.0), (25.5, 25.5)])
def test_rectangles(angle: Any, expected: float | None) -> None:
    alert = read(notice(**NO_OLD, **BOX, position_angle=angle))
    assert alert.localization is not None
    assert alert.localization.asymmetric == AsymmetricError(
        ra_minus_deg=1.5,
        ra_plus_deg=1.4,
        dec_minus_deg=1.2,
        dec_plus_deg=1.3,
        position_angle_deg=expected,
    )
    assert (alert.localization.error_radius_deg, alert.localization.containment) == (None, 0.9)
    assert (alert.concerns, alert.unread) == ((), {})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ra_dec_error": []}, None),
        ({"ra_dec_error": [1, 2, 3, 4]}, "no known error region"),
        ({"ra_dec_error": [1.0, 0.0]}, "expected semi-axes above 0 and up to 180 deg"),
        ({"ra_dec_error": [-1.0, 1.0]}, "expected semi-axes above 0 and up to 180 deg"),
        ({"ra_dec_error": [181.0, 1.0]}, "expected semi-axes above 0 and up to 180 deg"),
        ({"ra_dec_error": 0}, "only a radius above 0 and up to 180 deg is one"),
        ({"ra_dec_error": -1}, "only a radius above 0 and up to 180 deg is one"),
        ({"ra_dec_error": 180.5}, "only a radius above 0 and up to 180 deg is one"),
        ({"ra_dec_error": "0.5"}, "expected a number"),
        ({"ra_dec_error": True}, "expected a number"),
        ({"ra_dec_error": [0.5, None]}, "expected a number"),
        ({"ra_dec_error": {"a": 1}}, "expected a number"),
        ({**NO_OLD, "ra_uncertainty": [-1.5, 1.4]}, "no known error region"),
        ({**NO_OLD, **BOX, "ra_uncertainty": [1.5, 1.4]}, "expected a side below and one above"),
        ({**NO_OLD, **BOX, "dec_uncertainty": [-1, -2]}, "expected a side below and one above"),
        ({**NO_OLD, **BOX, "ra_uncertainty": [-1e9, 1]}, "expected a side below and one above"),
        (
            {**NO_OLD, "ra_uncertainty": [1], "uncertainty_shape": "ellipse"},
            "no known error region",
        ),
    ],
)
def test_regions_that_are_none(changes: dict[str, Any], why: str | None) -> None:
    alert = read(notice(**changes))
    assert alert.localization is not None
    place = alert.localization
    assert (place.error_radius_deg, place.ellipse, place.asymmetric) == (None, None, None)
    assert place.containment is None
    assert [(c.taken, c.why) for c in alert.concerns] == ([] if why is None else [(None, why)])


@pytest.mark.parametrize("value", [0, -0.1, 1.1, "90%", True])
def test_containment_that_is_none(value: Any) -> None:
    alert = read(notice(containment_probability=value))
    assert alert.localization is not None
    assert alert.localization.containment is None
    assert [c.field for c in alert.concerns] == ["containment_probability"]


def test_no_position() -> None:
    alert = read(notice(ra=ABSENT, dec=ABSENT))
    assert (alert.localization, alert.concerns) == (None, ())
    placeholder = read(notice(ra=0, dec=0, ra_dec_error=0))
    assert placeholder.localization is None
    assert [c.field for c in placeholder.concerns] == ["position"]
    assert read(notice(ra=0, dec=0)).localization is not None


@pytest.mark.parametrize("url", ["ftp://x", "", 5, ["https://x"]])
def test_sky_map_that_is_none(url: Any) -> None:
    alert = read(notice(healpix_url=url))
    assert alert.localization is not None
    assert alert.localization.skymap_fits_url is None
    assert [c.field for c in alert.concerns] == ([] if url == "" else ["healpix_url"])


# ------------------------------------------------------------------------------------- physics


@pytest.mark.parametrize("name", ["p_astro", "signalness"])
def test_both_names_of_signalness(name: str) -> None:
    assert read(notice(**{"p_astro": ABSENT, name: 0.25})).signalness == 0.25


@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [
        ("nu_energy", 0, "energy_tev"),
        ("nu_energy", -5.0, "energy_tev"),
        ("nu_energy", "171.2", "energy_tev"),
        ("nu_energy", True, "energy_tev"),
        ("nu_energy", [171.2], "energy_tev"),
        ("p_astro", -1, "signalness"),
        ("p_astro", 1.5, "signalness"),
        ("p_astro", "null", "signalness"),
        ("far", 0, "far_hz"),
        ("far", -1e-8, "far_hz"),
        ("far", "1 per year", "far_hz"),
        ("number_of_events", 1.5, "n_events"),
        ("alert_datetime", "soon", "notice_time"),
        ("systematic_included", "no", "systematic"),
    ],
)
def test_values_that_are_none_are_left_unstated(name: str, value: Any, attribute: str) -> None:
    alert = read(notice(**{name: value}))
    assert alert.localization is not None
    if attribute == "systematic":
        assert alert.localization.systematic_included is None
    else:
        assert getattr(alert, attribute) is None
    assert [(c.taken, c.field.replace("signalness", "p_astro")) for c in alert.concerns] == [
        (None, name)
    ]


@pytest.mark.parametrize(("text", "found"), [("1e400", "1e400"), ("-1e999", "-1e999")])
def test_numbers_beyond_all_numbers(text: str, found: str) -> None:
    alert = read(notice(nu_energy=1, new=2).replace(b'1, "p', text.encode() + b', "p').replace(
        b'"new": 2', b'"new": ' + text.encode()
    ))  # fmt: skip
    assert alert.energy_tev is None
    assert concerns(alert) == [("nu_energy", found, None)]
    assert alert.unread == {"new": found}


# ------------------------------------------------------------------------------------ the JSON


def test_unknown_fields_are_kept() -> None:
    new = {"a": [1, None, {"b": "c"}]}
    assert read(notice(future=new, other=1.5)).unread == {"future": new, "other": 1.5}


def test_key_stated_twice() -> None:
    value = notice()[:-1] + b', "far": 1e-9, "dec": 5.25, "dec": 6.25}'
    alert = read(value)
    assert alert.localization is not None
    assert (alert.far_hz, alert.localization.dec_deg) == (1e-9, 6.25)
    assert concerns(alert) == [("dec", "twice", "the last one"), ("far", "twice", "the last one")]


def test_many_keys_with_one_repeated_do_not_hang() -> None:
    keys = ", ".join(f'"k{n}": 0' for n in range(50_000))
    began_s = time.process_time()
    alert = read(notice()[:-1] + f', {keys}, "k7": 1}}'.encode())
    assert concerns(alert) == [("k7", "twice", "the last one")]
    assert time.process_time() - began_s < 20  # comparing each with each takes minutes


@pytest.mark.parametrize(
    "value",
    [
        b"\xef\xbb\xbf" + notice(),
        b"\n\t " + notice() + b"\n\n",
        notice().replace(b", ", b",\r\n\t"),
    ],
    ids=["bom", "blanks", "crlf"],
)
def test_harmless_damage(value: bytes) -> None:
    assert read(value).localization == read(notice()).localization
    assert read(value).concerns == ()


def nested(depth: int) -> bytes:
    """Return a notice that is `depth` levels deep."""
    return notice()[:-1] + b', "deep": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


NOT_JSON: list[tuple[Callable[[], bytes], str]] = [
    (lambda: notice()[:-1], "not valid JSON (Expecting ',' delimiter: "),
    (lambda: notice() + b"}", "not valid JSON (Extra data: "),
    (lambda: notice() + b"\0", "not valid JSON (Extra data: "),
    (
        lambda: notice().replace(b"IC86", b"IC\x0086"),
        "not valid JSON (Invalid control character at",
    ),
    (lambda: notice().replace(b"IC86", b"IC\xff86"), "not valid JSON ('utf-8' codec can't decode"),
    (lambda: notice(instrument="\ud800"), "not valid JSON ('utf-8' codec can't encode"),
    (lambda: notice(nu_energy=float("nan")), "not valid JSON (NaN is not JSON)"),
    (lambda: notice(new=float("-inf")), "not valid JSON (-Infinity is not JSON)"),
    (
        lambda: notice(new=5)[:-2] + b"7" * 5000 + b"}",
        "not valid JSON (Exceeds the limit (4300 digits)",
    ),
    (lambda: notice(record_number=5, new=10**400), ""),
    (lambda: nested(DEPTH_LIMIT + 1), "the JSON is nested too deeply"),
    (lambda: nested(600), "the JSON is nested too deeply"),
    (lambda: nested(100_000), "the JSON is nested too deeply"),
]


@pytest.mark.parametrize(("make", "words"), NOT_JSON)
def test_not_json(make: Callable[[], bytes], words: str) -> None:
    if words:
        assert refusal(make()).startswith(words)
    else:
        assert read(make()).unread == {"new": 10**400}


def test_whole_surrogate_pair_is_text() -> None:
    assert read(notice(event_name=["\U0001f9ca"])).event_names == ("\U0001f9ca",)


def test_deepest_nesting_can_be_written() -> None:
    alert = read(nested(DEPTH_LIMIT))
    assert Alert.from_dict(json.loads(json.dumps(alert.to_dict()))) == alert


def test_number_of_400_digits_is_no_value() -> None:
    alert = read(notice(nu_energy=10**400))
    assert alert.energy_tev is None
    assert [(c.field, c.why) for c in alert.concerns] == [("nu_energy", "the number is too large")]


def test_size_limit() -> None:
    filling = b" " * (JSON_LIMIT - len(notice()))
    assert read(notice() + filling).run_id == 142000
    assert (
        refusal(notice() + filling + b" ") == "the message has 16777217 bytes, more than 16777216"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ra_9999.json", "ra: expected a number from 0 to 360, got 9999.0"),
        ("nan.json", "not valid JSON (NaN is not JSON)"),
        (
            "truncated.json",
            TRUNCATED,
        ),
    ],
)
def test_broken_fixtures(name: str, words: str, fixtures: Path) -> None:
    assert refusal((fixtures / "broken" / name).read_bytes()) == words


@pytest.mark.parametrize("colon", [":", ": ", " :", "\n:", "\t:\r\n"])
@pytest.mark.parametrize("first", [True, False])
def test_a_key_that_is_stated_twice_is_said_however_it_is_spaced(colon: str, first: bool) -> None:
    again = f'"ra"{colon}7.5,'
    plain = notice().decode()
    at = plain.index('"ra"') if first else plain.index('"nu_energy"')
    alert = read((plain[:at] + again + plain[at:]).encode())
    assert [c.why for c in alert.concerns if c.field == "ra"] == ["the JSON states this key twice"]


def test_an_escaped_colon_hides_no_key_that_is_stated_twice() -> None:
    plain = notice(additional_info="a").decode()
    value = plain.replace('"a"', '"\\u003a"').replace('"ra"', '"ra": 7.5, "ra"')
    assert [c.field for c in read(value.encode()).concerns] == ["ra"]
