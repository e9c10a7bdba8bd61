"""Real notices, and our own, against values that other code takes from them.

The oracle of each format is a few lines here that share nothing with the readers: regular
expressions for text, ElementTree (and voeventparse, where it can be installed) for VOEvent, the
decoded values for JSON and for the packet. It says of every quantity what the notice states, and
None where it states nothing: the alert must hold exactly that.
"""

from __future__ import annotations

import ast
import json
import math
import re
import struct
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from icecube_hooks import (
    YEAR_S,
    Alert,
    AlertKind,
    Direction,
    Localization,
    Message,
    NoticeError,
    Record,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks.host import PluginSet, load_plugins

SHARED = Path(__file__).parents[3] / "shared" / "corpus"
FIXTURES = Path(__file__).parents[2] / "fixtures"
READERS = ("lvk-json", "track-json", "classic-text", "voevent", "binary-packet")

REFUSED = {
    "raw/AMONTEST_1_0_0_badversion.xml": "not well-formed XML (AttValue: \" or ' expected, "
    "line 5, column 10 (<string>, line 5))",
    "derived/CASCADE_139414_34468187_0.decoded.json": "no parser recognises this message",
}
"""Files that are no notice, with the beginning of the words that say so."""


def named(folder: Path, *patterns: str) -> list[str]:
    """Return the files of a folder that fit, by their path inside it."""
    files = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return sorted(str(path.relative_to(folder)) for path in files)


NOTICES = [
    name
    for name in named(SHARED, "raw/**/*", "derived/*", "voevent/*", "json/*")
    if name not in REFUSED
]
DRAFTS = named(SHARED, "drafts/*")
OURS = [
    name
    for name in named(FIXTURES, "gcn.classic.*/*", "gcn.notices.*/*")
    if ".LVC_" not in name  # tests.notices.test_gw_voevent
]


@pytest.fixture(scope="module")
def plugins() -> PluginSet:
    """The readers and the significance provider, as a host finds them."""
    found = load_plugins(allow=(*READERS, "significance"))
    assert [(p.name, p.error) for p in found.plugins if p.state == "failed"] == []
    assert set(found.parsers) == set(READERS)
    return found


# ------------------------------------------------------------------------------------ oracles

PACKETS = {
    157: "coinc", 158: "hese", 169: "ehe", 172: "nu-em", 173: "gold", 174: "bronze", 176: "cascade"
}  # fmt: skip
NAMES = (
    *("kind", "run", "event", "revision", "time", "ra", "dec"),
    *("radius", "radius_50", "energy", "signalness", "far_per_year"),
)
Values = dict[str, Any]


def oracle(name: str, value: bytes) -> Values:
    """Return what a notice states, None for what it does not."""
    if name.endswith(".bin"):
        return dict.fromkeys(NAMES) | from_packet(value)
    if name.endswith(".xml"):
        return dict.fromkeys(NAMES) | from_xml(ET.fromstring(value))  # noqa: S314  # ours
    if name.endswith(".json") and b"notice_type" not in value:
        return dict.fromkeys(NAMES) | from_json(json.loads(value))
    return dict.fromkeys(NAMES) | from_text(text_fields(value))


def text_fields(value: bytes) -> dict[str, str]:
    text = value.decode(errors="replace")
    if text.lstrip().startswith("{"):
        return {key.upper(): field for key, field in ast.literal_eval(text).items()}
    found = re.findall(r"^(\w+):[ \t]*(.*(?:\n(?!\w+:).*)*)", text, re.MULTILINE)
    return {key.upper(): field for key, field in reversed(found)}


def from_text(fields: dict[str, str]) -> Values:
    def number(key: str) -> float | None:
        found = re.match(r"[-+.\deE]+", fields.get(key, ""))
        return None if found is None else float(found[0])

    def whole(key: str) -> int | None:
        found = number(key)
        return None if found is None else int(found)

    def degrees(key: str) -> float | None:
        found = number(key)
        return None if not found else found / (60 if "arcmin" in fields[key] else 1)

    words = fields["NOTICE_TYPE"].lower()
    kinds = ("gold", "bronze", "cascade", "hese", "ehe")
    year, month, day = re.findall(r"(\d\d)/(\d\d)/(\d\d)", fields["DISCOVERY_DATE"])[0]
    clock = re.findall(r"\{(\d\d:\d\d:\d\d(?:\.\d+)?)\}", fields["DISCOVERY_TIME"])[0]
    signalness = number("SIGNALNESS")
    return {
        "kind": next((kind for kind in kinds if kind in words), "nu-em"),
        "run": whole("RUN_NUM"),
        "event": whole("EVENT_NUM"),
        "revision": whole("REVISION"),
        "time": datetime.fromisoformat(f"20{year}-{month}-{day}T{clock}+00:00"),
        "ra": number("SRC_RA"),
        "dec": number("SRC_DEC"),
        "radius": degrees("SRC_ERROR") or degrees("SRC_ERROR90"),
        "radius_50": degrees("SRC_ERROR50")
        or (degrees("SRC_ERROR") if "50% cont" in fields.get("SRC_ERROR", "") else None),
        "energy": number("ENERGY"),
        "signalness": signalness,
        "far_per_year": number("FAR"),
    }


def from_xml(root: ET.Element) -> Values:
    what = root.find("What")
    assert what is not None
    params = {str(param.get("name")).lower(): param for param in what.findall("Param")}

    def number(name: str) -> float | None:
        if name not in params:
            return None
        value = float(params[name].get("value", ""))
        if value == -(2**31) / 100:
            return None
        return value / 60 if params[name].get("unit") == "arcmin" else value

    def whole(name: str) -> int | None:
        return int(float(params[name].get("value", ""))) if name in params else None

    def last(tag: str) -> str | None:
        found = [element.text for element in root.iter() if element.tag == tag]
        return found[-1] if found else None

    packet = whole("packet_type")
    kind = "amon" if packet is None else PACKETS[packet]
    circle = float(last("Error2Radius") or 0) or None
    ra, dec = float(last("C1") or 0), float(last("C2") or 0)
    if circle is None and dec == 0.0 and ra in (0.0, -1.0):
        ra = dec = math.nan
    time = datetime.fromisoformat(str(last("ISOTime")))
    half = circle if kind in ("amon", "ehe") and "src_error_90" not in params else None
    error = "src_err" if "src_err_90" in params else "src_error"
    return {
        "kind": kind,
        "run": whole("run_id"),
        "event": whole("event_id"),
        "revision": whole("rev"),
        "time": time.replace(tzinfo=UTC),
        "ra": None if math.isnan(ra) else ra,
        "dec": None if math.isnan(dec) else dec,
        "radius": number(f"{error}_90") or circle,
        "radius_50": number(f"{error}_50") or half,
        "energy": number("energy"),
        "signalness": number("signalness"),
        "far_per_year": number("far"),
    }


def from_json(data: dict[str, Any]) -> Values:
    time = datetime.fromisoformat(data["trigger_time"])
    time = time.replace(tzinfo=time.tzinfo or UTC)
    if "pval_generic" in data:
        return {"kind": "lvk-search", "time": time}
    ids = [int(number) for number in "_".join(data["id"]).split("_")]
    words = str(data.get("pipeline") or data.get("additional_info")).lower()
    error = data.get("ra_dec_error")
    if error is None and data.get("uncertainty_shape", "circle") == "circle":
        [error] = data["ra_uncertainty"]
    return {
        "kind": next(kind for kind in ("gold", "bronze", "cascade") if kind in words),
        "run": ids[0],
        "event": ids[1],
        "revision": data.get("record_number", ids[2] if len(ids) > 2 else None),
        "time": time,
        "ra": data["ra"],
        "dec": data["dec"],
        "radius": None if isinstance(error, list) else error,
        "energy": data.get("nu_energy"),
        "signalness": data.get("p_astro", data.get("signalness")),
        "far_per_year": data["far"] * 365 * 86400,
    }


def from_packet(value: bytes) -> Values:
    words = struct.unpack(">40i", value)
    seconds = words[6] // 100 + (words[25] / 1e6 if words[25] else words[6] % 100 / 100)
    return {
        "kind": PACKETS[words[0]],
        "run": words[23],
        "event": words[4],
        "revision": words[17],
        "time": datetime(1968, 5, 24, tzinfo=UTC) + timedelta(days=words[5], seconds=seconds),
        "ra": words[7] / 10_000,
        "dec": words[8] / 10_000,
        "radius": words[11] / 10_000,
        "radius_50": words[10] / 10_000,
        "energy": 10 ** (words[9] / 10_000),
        "signalness": 10 ** (words[22] / 10_000),
        "far_per_year": 10 ** (words[12] / 10_000),
    }


def stated(alert: Alert) -> Values:
    """Return the same quantities as an alert holds them."""
    place = alert.localization
    return {
        "kind": str(alert.kind),
        "run": alert.run_id,
        "event": alert.event_id,
        "revision": alert.revision,
        "time": alert.trigger_time,
        "ra": None if place is None else place.ra_deg,
        "dec": None if place is None else place.dec_deg,
        "radius": None if place is None else place.error_radius_deg,
        "radius_50": None if place is None else place.error_radius_50_deg,
        "energy": alert.energy_tev,
        "signalness": alert.signalness,
        "far_per_year": alert.far_per_year,
    }


def same(found: Any, expected: Any, tolerance: float = 1e-8) -> bool:
    if isinstance(found, float) and isinstance(expected, float | int):
        return math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance)
    if isinstance(found, datetime) and isinstance(expected, datetime):
        return abs(found - expected) <= timedelta(microseconds=1)
    return bool(found == expected)


def differences(alert: Alert, expected: Values) -> dict[str, tuple[Any, Any]]:
    found = stated(alert)
    assert found.keys() == expected.keys()
    return {
        name: (found[name], expected[name])
        for name in expected
        if not same(found[name], expected[name])
    }


# ------------------------------------------------------------------------------- every notice


def test_there_is_something_to_read(corpus: Path) -> None:
    assert corpus == SHARED
    assert len(NOTICES) >= 60
    assert len(OURS) > 180


@pytest.mark.parametrize("name", NOTICES)
def test_real_notice(name: str, corpus: Path, plugins: PluginSet) -> None:
    value = (corpus / name).read_bytes()
    alert = plugins.parse(Message(value=value))
    assert differences(alert, oracle(name, value)) == {}
    check_alert(alert, value)


@pytest.mark.parametrize("name", OURS)
def test_our_notice(name: str, plugins: PluginSet) -> None:
    value = (FIXTURES / name).read_bytes()
    topic = name.split("/")[0]
    alert = plugins.parse(Message(value=value, topic=topic))
    assert differences(alert, oracle(name, value)) == {}
    check_alert(alert, value)
    assert [concern for concern in alert.concerns if concern.field == "topic"] == []
    if "classic" in topic:
        kinds = {"GOLD", "BRONZE", "CASCADE", "HESE", "EHE"}
        last = topic.rsplit("_", 1)[1]
        expected = last if last in kinds else "NU-EM" if "NU_EM" in topic else "COINC"
        assert alert.kind == expected.lower()
    unread = set(alert.unread) - {"False_pos", "same_as_ehe", "same_as_hese", "Subseconds"}
    unread -= {"Pair_Name_ID", "COINC_PAIR"}
    assert unread <= {"FALSE_POS"}, "fixtures hold only fields that are known"


def check_alert(alert: Alert, value: bytes) -> None:
    """Bytes are kept, JSON loses nothing, and nothing is out of its range."""
    assert Alert.from_dict(json.loads(json.dumps(alert.to_dict(), allow_nan=False))) == alert
    record = Record.of(Message(value=value), alert)
    assert Record.from_dict(json.loads(json.dumps(record.to_dict()))) == record
    for concern in alert.concerns:
        assert concern.field
        assert concern.why
    for place in places(alert):
        assert 0 <= place.ra_deg < 360
        assert -90 <= place.dec_deg <= 90
        regions = (place.error_radius_deg, place.ellipse, place.asymmetric)
        assert (place.containment is None) or any(region is not None for region in regions)


def places(alert: Alert) -> Iterator[Localization]:
    for place in (alert.localization, *(event.localization for event in alert.coincident_events)):
        if place is not None:
            yield place


@pytest.mark.parametrize("name", [name for name in NOTICES if "LVK_" in name])
def test_real_search(name: str, corpus: Path, plugins: PluginSet) -> None:
    data = json.loads((corpus / name).read_bytes())
    check_search(plugins.parse(Message(value=(corpus / name).read_bytes())), data)


@pytest.mark.parametrize("name", [name for name in OURS if "lvk_nu_track" in name])
def test_our_search(name: str, plugins: PluginSet) -> None:
    data = json.loads((FIXTURES / name).read_bytes())
    check_search(plugins.parse(Message(value=(FIXTURES / name).read_bytes())), data)


def check_search(alert: Alert, data: dict[str, Any]) -> None:
    """Compare a search with its JSON, field by field."""
    assert {p.search: p.value for p in alert.p_values} == {
        "generic": data["pval_generic"],
        "bayesian": data["pval_bayesian"],
    }
    assert alert.gw is not None
    assert alert.gw.superevent_id == data.get("ref_ID", data.get("ref_id", "")).split("-")[0]
    assert alert.is_real == (not str(alert.event_key).startswith("MS"))
    assert alert.n_coincident == data["n_events_coincident"] == len(alert.coincident_events)
    assert alert.livetime_s == data["observation_livetime"]
    direction = data.get("most_probable_direction")
    assert alert.most_probable_direction == (
        None if direction is None else Direction(ra_deg=direction["ra"], dec_deg=direction["dec"])
    )
    assert (alert.flux_sensitivity is None) == ("neutrino_flux_sensitivity_range" not in data)
    for event, item in zip(alert.coincident_events, data.get("coincident_events", []), strict=True):
        place = item.get("localization", item)
        error = place.get("ra_dec_error", (place.get("ra_uncertainty") or [None])[0])
        assert event.localization is not None
        assert (event.delta_t_s, event.event_key) == (item["event_dt"], item.get("id", [None])[0])
        assert (event.localization.ra_deg, event.localization.dec_deg) == (
            place["ra"],
            place["dec"],
        )
        assert (event.localization.error_radius_deg, event.localization.containment) == (error, 0.9)
        assert event.p_value("generic") == item["event_pval_generic"]
        assert event.p_value("bayesian") == item["event_pval_bayesian"]


@pytest.mark.parametrize("name", [name for name in NOTICES if name.endswith(".xml")])
def test_voevent_against_voeventparse(name: str, corpus: Path, plugins: PluginSet) -> None:
    other = pytest.importorskip("voeventparse", reason="it installs on Python < 3.12 only")
    value = (corpus / name).read_bytes()
    alert = plugins.parse(Message(value=value))
    event = other.loads(value, check_version=False)
    position = other.get_event_position(event)
    assert alert.trigger_time == other.get_event_time_as_utc(event)
    assert alert.ivorn == event.attrib["ivorn"]
    if alert.localization is None:
        assert (position.ra, position.dec, position.err) == (-1.0, 0.0, 0.0)
    else:
        found = (alert.localization.ra_deg, alert.localization.dec_deg)
        assert found == (position.ra, position.dec)
        radii = alert.localization.error_radius_deg, alert.localization.error_radius_50_deg
        assert any(same(radius, position.err, 1e-4) for radius in radii if radius is not None)


# ----------------------------------------------------------------------------- what is broken


@pytest.mark.parametrize(("name", "words"), REFUSED.items())
def test_refused(name: str, words: str, corpus: Path, plugins: PluginSet) -> None:
    with pytest.raises(NoticeError) as info:
        plugins.parse(Message(value=(corpus / name).read_bytes(), origin=name))
    assert str(info.value).startswith(f"{name}: {words}")


@pytest.mark.parametrize("name", DRAFTS)
def test_draft(name: str, corpus: Path, plugins: PluginSet) -> None:
    """Drafts that are no JSON are refused; of the others nothing is misread."""
    value = (corpus / name).read_bytes()
    try:
        data = json.loads(value)
    except ValueError:
        with pytest.raises(NoticeError) as info:
            plugins.parse(Message(value=value))
        assert info.value.reason.startswith(("not valid JSON (", "no parser recognises"))
        return
    try:
        alert = plugins.parse(Message(value=value))
    except NoticeError as error:
        assert error.reason == "no parser recognises this message"  # noqa: PT017  # one of two
        return
    check_alert(alert, value)
    if alert.kind is AlertKind.LVK_SEARCH:
        asked = {"generic": data.get("pval_generic"), "bayesian": data.get("pval_bayesian")}
        assert {p.search: p.value for p in alert.p_values} == asked
    else:
        assert (alert.run_id, alert.event_id) == (137840, 57034692)
        assert alert.localization is not None
        assert (alert.localization.ra_deg, alert.localization.dec_deg) == (data["ra"], data["dec"])
        assert alert.far_hz == data["far"]
        assert alert.energy_tev == data["nu_energy"]


def fields_doubted(plugins: PluginSet, path: Path) -> list[str]:
    return [c.field for c in plugins.parse(Message(value=path.read_bytes())).concerns]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BRONZE_139279_10803235_0.txt", []),
        ("BRONZE_139279_10803235_0_escaped.txt", []),
        ("GOLD_134191_17593623_0_backslash.xml", ["RADec_valid"]),
        ("GOLD_134191_17593623_0_tabs.xml", ["RADec_valid"]),
        ("GOLD_132642_58895105_0.xml", ["RADec_valid", "energy"]),
        ("BRONZE_132974_67924813_0.xml", ["RADec_valid", "error_radius_deg"]),
        ("NUEM_FERMIANTARES_1436255238_0.txt", ["DISCOVERY_DATE"]),
        ("NUEM_FERMIANTARES_1441204786_0.txt", []),
        (
            "GOLD_135363_69917294_0_handedited.xml",
            ["AMON_ID", "ivorn", "ivorn", "RADec_valid", "Event_TJD, Event_SOD"],
        ),
        ("HESE_20151115_644_v.xml", ["TrigID", "RADec_valid", "signalness", "charge", "pvalue"]),
        ("AMONTEST_1_0_0.xml", ["pvalue", "position"]),
        ("GBJSON_137840_57034692_example_v4.3.0_single_neutrino_alerts.json", ["id", "alert_type"]),
    ],
)
def test_what_is_distrusted(
    name: str, expected: list[str], corpus: Path, plugins: PluginSet
) -> None:
    assert fields_doubted(plugins, corpus / "raw" / name) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BRONZE_139279_10803235_0.txt", "BRONZE_139279_10803235_0_escaped.txt"),
        ("GOLD_134191_17593623_0.xml", "GOLD_134191_17593623_0_backslash.xml"),
        ("GOLD_134191_17593623_0.xml", "GOLD_134191_17593623_0_tabs.xml"),
        ("GOLD_134191_17593623_1.xml", "GOLD_134191_17593623_1_v2.xml"),
        ("BRONZE_135113_19489408_0.xml", "BRONZE_135113_19489408_0_v1.xml"),
        ("LVK_MS230427r_example_v1.0.0.json", "LVK_MS230427r_v1flat_main.json"),
        ("LVK_S230914ak_example_v4.2.0.json", "LVK_S230914ak_2_v4.2.0_reformatted.json"),
    ],
)
def test_forms_of_one_notice(one: str, other: str, corpus: Path, plugins: PluginSet) -> None:
    first, second = (
        plugins.parse(Message(value=(corpus / "raw" / name).read_bytes())) for name in (one, other)
    )
    for name in Alert.__struct_fields__:
        if name not in ("raw", "unread"):
            assert getattr(first, name) == getattr(second, name), name


BROKEN = {
    "159_bytes.bin": "a packet has 160 bytes, this one 159",
    "empty.txt": "the message is empty",
    "entities.xml": "DOCTYPE: a VOEvent has no document type; this one is not read",
    "kafka_error.txt": "no parser recognises this message, got b'Subscribed topic not available: "
    "gcn.notices.foo: Broker: Unknown topic or p...",
    "nan.json": "not valid JSON (NaN is not JSON)",
    "no_run_number.txt": "RUN_NUM: run and event number belong together",
    "page.html": "no parser recognises this message, got b'<!DOCTYPE html>\\n<html><head><title>"
    "503 Service Unavailable</title></head>\\...",
    "pvalue_1.7.json": "pval_generic: expected a number from 0 to 1, got 1.7",
    "ra_9999.json": "ra: expected a number from 0 to 360, got 9999.0",
    "truncated.json": "not valid JSON (Expecting property name enclosed in double quotes: line 19 "
    "column 2 (char 477))",
}
DOUBTED = {
    "contradictory_signs.txt": ["SRC_DEC", "error_radius_deg"],
    "pvalue_string_null.json": ["pval_generic"],
}


def test_broken_fixtures_are_all_known(fixtures: Path) -> None:
    assert {path.name for path in (fixtures / "broken").iterdir()} == {*BROKEN, *DOUBTED}


@pytest.mark.parametrize(("name", "words"), BROKEN.items())
def test_broken_fixture(name: str, words: str, fixtures: Path, plugins: PluginSet) -> None:
    with pytest.raises(NoticeError) as info:
        plugins.parse(Message(value=(fixtures / "broken" / name).read_bytes()))
    assert str(info.value) == words


@pytest.mark.parametrize(("name", "fields"), DOUBTED.items())
def test_doubted_fixture(name: str, fields: list[str], fixtures: Path, plugins: PluginSet) -> None:
    assert fields_doubted(plugins, fixtures / "broken" / name) == fields


# ------------------------------------------------------------------------- the official example


@pytest.mark.parametrize("name", [name for name in NOTICES if "S230914ak" in name])
def test_official_search_example(name: str, corpus: Path, plugins: PluginSet) -> None:
    value = (corpus / name).read_bytes()
    record = plugins.record(Message(value=value, topic="gcn.notices.icecube.lvk_nu_track_search"))
    alert = record.alert
    assert (alert.event_key, alert.revision_label) == ("S230914ak", "2-Preliminary")
    assert (alert.p_value("generic"), alert.p_value("bayesian")) == (0.0191, 0.0549)
    assert alert.most_probable_direction == Direction(ra_deg=17.49, dec_deg=16.18)
    radii = (0.43, 0.88) if "v3.0.0" in name else (0.5, 0.5)
    found = []
    for event in alert.coincident_events:
        assert event.localization is not None
        found.append(
            (
                event.delta_t_s,
                event.localization.ra_deg,
                event.localization.dec_deg,
                event.localization.error_radius_deg,
            )
        )
    assert found == [(12.91, 17.48, 16.15, radii[0]), (222.46, 13.82, 18.66, radii[1])]
    sigmas = {s.quantity: (s.sided, s.sigma) for s in record.significances}
    assert (sigmas["generic"][0], sigmas["bayesian"][0]) == ("one-sided", "one-sided")
    assert (round(sigmas["generic"][1] or 0, 2), round(sigmas["bayesian"][1] or 0, 2)) == (
        2.07,
        1.6,
    )


def test_official_track_example(corpus: Path, plugins: PluginSet) -> None:
    path = "raw/url_only/GBJSON_137840_57034692_example_v7.2.1_single_neutrino_alerts.json"
    alert = plugins.parse(Message(value=(corpus / path).read_bytes()))
    assert (alert.notice_id, alert.event_names) == (
        "bronze:137840_57034692:1",
        ("IceCube-230416A",),
    )
    assert alert.far_per_year == pytest.approx(2.5320, abs=5e-5)
    classic = plugins.parse(
        Message(value=(corpus / "raw" / "BRONZE_137840_57034692_0.xml").read_bytes())
    )
    assert classic.event_key == alert.event_key
    assert classic.far_per_year == pytest.approx(alert.far_per_year, rel=1e-4)
    assert (classic.trigger_time, alert.trigger_time) == (
        datetime(2023, 4, 16, 5, 22, 26, 150_000, tzinfo=UTC),
        datetime(2023, 4, 16, 5, 22, 26, 150_574, tzinfo=UTC),
    )


# -------------------------------------------------------------------------- four formats, topics

ENDINGS = {".txt": "text", ".xml": "voevent", ".json": "json", ".bin": "binary"}


def four_formats() -> dict[str, dict[str, str]]:
    """Return the files of each notice that is there in all formats."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name in OURS:
        if "/" in name and "test" not in name and "injec" not in name:
            found[Path(name).stem][ENDINGS[Path(name).suffix]] = name
    return {stem: names for stem, names in found.items() if len(names) == len(ENDINGS)}


def test_ten_events_are_there_in_four_formats() -> None:
    events = {stem.rsplit("_", 1)[0] for stem in four_formats()}
    assert len(events) >= 10


@pytest.mark.parametrize(("stem", "names"), four_formats().items())
def test_four_formats_give_one_alert(stem: str, names: dict[str, str], plugins: PluginSet) -> None:
    alerts = {
        form: plugins.parse(Message(value=(FIXTURES / name).read_bytes(), topic=name.split("/")[0]))
        for form, name in names.items()
    }
    assert {form: str(alert.format) for form, alert in alerts.items()} == {f: f for f in alerts}
    reference = alerts["json"]
    for form, alert in alerts.items():
        run, event, revision = stem.split("_")
        assert alert.notice_id == f"{reference.kind}:{run}_{event}:{revision}"
        assert (alert.status, alert.tense) == (reference.status, Tense.OBSERVATION)
        assert alert.localization is not None
        assert reference.localization is not None
        assert alert.trigger_time is not None
        assert reference.trigger_time is not None
        assert abs(alert.trigger_time - reference.trigger_time) <= timedelta(seconds=0.01)
        degrees = 6e-3 if alert.kind is AlertKind.CASCADE else 1e-4  # text has two decimals
        for name, tolerance in (("ra_deg", 6e-5), ("dec_deg", 6e-5), ("error_radius_deg", degrees)):
            values = getattr(alert.localization, name), getattr(reference.localization, name)
            assert math.isclose(*values, rel_tol=0, abs_tol=tolerance), (form, name, values)
        for name in ("energy_tev", "signalness", "far_hz"):
            values = getattr(alert, name), getattr(reference, name)
            assert math.isclose(*values, rel_tol=3e-4), (form, name, values)
        regions = [a.localization for a in alerts.values() if a.localization is not None]
        found = [p.error_radius_50_deg for p in regions if p.error_radius_50_deg is not None]
        assert len(found) == 3, "all but JSON state it"
        assert max(found) - min(found) <= degrees
        assert alert.localization.containment == 0.9
        covered = alert.localization.systematic_included
        assert covered == (None if form == "binary" else reference.localization.systematic_included)


@pytest.mark.parametrize(
    ("topic", "name", "doubted"),
    [
        ("gcn.notices.icecube.lvk_nu_track_search", "136392_25495567_0.json", True),
        ("gcn.notices.icecube.gold_bronze_track_alerts", "136392_25495567_0.xml", True),
        ("gcn.classic.text.ICECUBE_CASCADE", "136392_25495567_0.bin", True),
        ("gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD", "136392_25495567_0.txt", True),
        ("somebody.else", "136392_25495567_0.txt", True),
        ("gcn.notices.icecube.gold_bronze_track_alerts", "136392_25495567_0.json", False),
        (None, "136392_25495567_0.json", False),
    ],
)
def test_wrong_topic_is_said(
    topic: str | None, name: str, doubted: bool, plugins: PluginSet
) -> None:
    [path] = FIXTURES.glob(f"gcn.*/{name}")
    alert = plugins.parse(Message(value=path.read_bytes(), topic=topic))
    assert alert.event_key == "136392_25495567"
    found = [(c.found, c.why) for c in alert.concerns if c.field == "topic"]
    why = "the notice is of a kind that this topic does not carry; read by its content"
    assert found == ([(str(topic), why)] if doubted else [])


def test_tests_are_not_of_the_sky(plugins: PluginSet) -> None:
    unreal = {}
    for name in OURS:
        message = Message(value=(FIXTURES / name).read_bytes(), topic=name.split("/")[0])
        alert = plugins.parse(message)
        if not alert.is_real:
            unreal[Path(name).name] = alert.tense
    assert unreal == {
        "138070_10000003_0_injected.txt": Tense.INJECTION,
        "136616_10000002_0_test.xml": Tense.TEST,
        "136628_10000001_0_injection.json": Tense.INJECTION,
        "135591_36044887_1.json": Tense.TEST,
        "MS260101a-1-Preliminary.json": Tense.TEST,
    }


def test_retraction_fixture(plugins: PluginSet) -> None:
    path = FIXTURES / "gcn.notices.icecube.gold_bronze_track_alerts" / "134327_10548129_1.json"
    alert = plugins.parse(Message(value=path.read_bytes()))
    assert (alert.status, alert.revision) == (Status.RETRACTION, 1)
    assert plugins.assess(alert) == ()


# --------------------------------------------------------------------------------- the table


def test_table(corpus: Path, plugins: PluginSet) -> None:
    """Print one line per file (``pytest -s``): file, format, kind, id, revision, concerns."""
    lines = []
    for name in [*NOTICES, *REFUSED, *DRAFTS]:
        message = Message(value=(corpus / name).read_bytes())
        try:
            alert = plugins.parse(message)
        except NoticeError as error:
            lines.append((name, "-", "refused", error.reason, "", ""))
            continue
        doubts = ", ".join(dict.fromkeys(c.field for c in alert.concerns))
        assert isinstance(alert.format, WireFormat)
        lines.append(
            (name, alert.format, alert.kind, str(alert.event_key), alert.revision_label, doubts)
        )
    for line in lines:
        print("{:70.70} {:8} {:11} {:40.40} {:21} {}".format(*line))  # its purpose
    assert len(lines) == len(NOTICES) + len(REFUSED) + len(DRAFTS)
    refused = {line[0] for line in lines if line[2] == "refused"}
    assert refused & set(NOTICES) == set()
    assert {line[4] for line in lines if line[0] in NOTICES} > {"0", "1", "2-Preliminary"}


def test_year_is_of_365_days() -> None:
    assert YEAR_S == 31_536_000.0
