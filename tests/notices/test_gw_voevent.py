"""GCN Classic's VOEvent of LVK's own alerts, against the JSON of the same alerts.

The layout of `tests.make_fixtures.wave_voevent` was compared with the VOEvents MS181101ab-1 to -6
of the public alerts' user guide, element by element, and these with the JSON beside them there.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from icecube_hooks import (
    Alert,
    AlertKind,
    GWCandidate,
    Message,
    NoticeError,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks.host import load_plugins
from icecube_plugin.alerts import group
from icecube_plugin.notices.gw import VOEVENT_TOPICS, parse, parse_voevent
from tests.make_fixtures import JOINT_MAP_URL, WAVE_JSON, WAVE_MAP_URL, WAVE_VOEVENT, wave_voevent
from tests.notices.test_gw import notice
from tests.notices.test_layouts import of_voevent

FIXTURES = Path(__file__).parents[2] / "fixtures"
REAL = (
    "MS181101ab2_2-PRELIMINARY",
    "MS181101ab2_4-UPDATE-ext_coinc",
    "MS181101ab2_5-RETRACTION",
    "S241125n-INITIAL-RAVEN",
)
ONLY_THERE = ("format", "ivorn", "trigger_time", "gw_candidate")
"""Fields of the two that may differ; all others are equal."""


def from_json(data: dict[str, Any]) -> Alert:
    found = parse(Message(value=json.dumps(data).encode(), topic="igwn.gwalert"))
    assert found is not None
    return found.alert


def read(value: bytes, topic: str | None = VOEVENT_TOPICS[0]) -> Alert:
    found = parse_voevent(Message(value=value, topic=topic))
    assert found is not None
    return found


def changed(old: str, new: str, **changes: Any) -> bytes:
    text = wave_voevent(notice(**changes), 3).decode()
    assert old in text
    return text.replace(old, new).encode()


def hold_together(voevent: Alert, json_: Alert) -> None:
    """Compare two forms of one alert, field by field."""
    for name in Alert.__struct_fields__:
        if name not in ONLY_THERE:
            assert getattr(voevent, name) == getattr(json_, name), name
    assert voevent.notice_id == json_.notice_id
    assert (voevent.trigger_time is None) is (json_.trigger_time is None)
    if voevent.trigger_time is not None and json_.trigger_time is not None:
        assert abs(voevent.trigger_time - json_.trigger_time) < timedelta(milliseconds=1)
    one, other = voevent.gw_candidate, json_.gw_candidate
    assert (one is None) is (other is None)
    if one is None or other is None:
        return
    not_there = {
        "skymap": None,
        "chirp_mass_edges_msun": (),
        "chirp_mass_probabilities": (),
    }
    where = None if other.skymap is None else WAVE_MAP_URL
    external = other.external
    if external is not None:
        external = external.replace(skymap=None, skymap_url=JOINT_MAP_URL)
    expected = other.replace(**not_there, skymap_url=where, external=external)
    for name in GWCandidate.__struct_fields__:
        assert getattr(one, name) == getattr(expected, name), name


@pytest.mark.parametrize("name", REAL)
def test_voevent_and_json_of_a_real_notice_say_the_same(corpus: Path, name: str) -> None:
    value = (corpus / "gw" / f"{name}.json").read_bytes()
    found = parse(Message(value=value))
    assert found is not None
    voevent = read(wave_voevent(json.loads(value), 4))
    hold_together(voevent, found.alert)
    assert (voevent.concerns, voevent.unread) == ((), {})


def xml_of(tag: str, content: Any) -> etree._Element:
    """Return the XML of what voevent-parse and hop-client made a dictionary of."""
    element = etree.Element(tag)
    if not isinstance(content, dict):
        element.text = content
        return element
    for key, value in content.items():
        for one in value if isinstance(value, list) else [value]:
            if key == "#text":
                element.text = one
            elif isinstance(one, str) and not key[0].isupper():
                element.set(key, one)
            else:
                element.append(xml_of(key, one))
    return element


def real_voevent(corpus: Path) -> tuple[dict[str, Any], bytes]:
    said = json.loads((corpus / "gw" / "S240421ar-INITIAL-cbc_no_dist.json").read_bytes())
    return said, etree.tostring(xml_of("VOEvent", said))


def test_the_fixture_has_the_parameters_of_a_real_one(corpus: Path) -> None:
    (ours,) = (FIXTURES / WAVE_VOEVENT).iterdir()
    assert of_voevent(ours.read_bytes()) == of_voevent(real_voevent(corpus)[1])


def test_every_value_of_a_real_voevent(corpus: Path) -> None:
    said, value = real_voevent(corpus)
    alert = read(value)
    params = {one["name"]: one["value"] for one in said["What"]["Param"]}
    groups = {
        group["name"]: {one["name"]: one["value"] for one in group["Param"]}
        for group in said["What"]["Group"]
        if isinstance(group["Param"], list)
    }
    (skymap,) = (g["Param"] for g in said["What"]["Group"] if g["name"] == "GW_SKYMAP")
    candidate = alert.gw_candidate
    assert candidate is not None
    assert alert.gw is not None
    assert (alert.event_key, alert.gw.notice_type) == (params["GraceID"], "INITIAL")
    assert (alert.ivorn, alert.tense) == (said["ivorn"], Tense.OBSERVATION)
    assert alert.notice_time == datetime.fromisoformat(said["Who"]["Date"])
    where = said["WhereWhen"]["ObsDataLocation"]["ObservationLocation"]["AstroCoords"]
    when = where["Time"]["TimeInstant"]["ISOTime"]
    assert alert.trigger_time == datetime.fromisoformat(when)
    assert alert.far_hz == float(params["FAR"])
    assert candidate.significant is (params["Significant"] == "1")
    assert ",".join(candidate.instruments) == params["Instruments"]
    for name in ("Group", "Pipeline", "Search"):
        assert getattr(candidate, name.lower()) == params[name]
    for name in ("Classification", "Properties"):
        expected = {key: float(value) for key, value in groups[name].items()}
        assert getattr(candidate, name.lower()) == expected
    assert candidate.skymap_url == skymap["value"]
    assert (alert.concerns, alert.unread) == ((), {})


def test_voevent_and_json_of_the_fixture_say_the_same() -> None:
    (one,) = (FIXTURES / WAVE_VOEVENT).iterdir()
    (other,) = (FIXTURES / WAVE_JSON).iterdir()
    hold_together(read(one.read_bytes()), from_json(json.loads(other.read_bytes())))


def test_the_two_are_one_notice_with_the_map_of_the_json() -> None:
    data = notice()
    (event,) = group([read(wave_voevent(data, 3)), from_json(data)])
    (one,) = event.notices
    assert one.format is WireFormat.JSON
    assert one.gw_candidate is not None
    assert one.gw_candidate.skymap is not None
    assert one.ivorn == "ivo://gwnet/LVC#S260502ab-3-Initial"


def test_a_burst_states_duration_and_frequency() -> None:
    burst = {"group": "Burst", "classification": {}, "properties": {}, "duration": 0.02}
    data = notice(event=burst | {"central_frequency": 51.5})
    hold_together(read(wave_voevent(data, 3)), from_json(data))


def test_an_alert_of_o3_has_other_groups_and_no_flag() -> None:
    value = changed('<Group name="GW_SKYMAP" type', '<Group name="bayestar" type')
    flag = '<Param dataType="int" name="Significant" value="1"/>'
    alert = read(value.decode().replace(flag, "").replace('name="BBH"', 'name="MassGap"').encode())
    candidate = alert.gw_candidate
    assert candidate is not None
    assert candidate.significant is None
    assert candidate.skymap_url == WAVE_MAP_URL
    assert candidate.classification == {"MassGap": 0.98, "Terrestrial": 0.02}


@pytest.mark.parametrize(
    ("old", "new", "tense"),
    [
        ('role="observation"', 'role="test"', Tense.TEST),
        ('name="HardwareInj" value="0"', 'name="HardwareInj" value="1"', Tense.INJECTION),
        ('role="observation"', 'role="observation"', Tense.OBSERVATION),
    ],
)
def test_what_is_no_signal_is_not_real(old: str, new: str, tense: Tense) -> None:
    alert = read(changed(old, new))
    assert (alert.tense, alert.is_real) == (tense, tense is Tense.OBSERVATION)


def test_a_rate_counts_in_its_unit_and_not_in_another() -> None:
    assert read(changed('unit="Hz"', 'unit="yr^-1"')).far_hz == pytest.approx(9.5e-10 / 31_536_000)
    alert = read(changed('unit="Hz"', 'unit="m"'))
    assert (alert.far_hz, [c.field for c in alert.concerns]) == (None, ["FAR"])


def test_a_parameter_that_is_new_is_kept() -> None:
    param = '<Param dataType="int" name="Significant"'
    alert = read(changed(param, f'<Param name="Mass" value="1.4"/>\n    {param}'))
    assert alert.unread == {"Mass": "1.4"}


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('name="AlertType" value="Initial"', 'name="AlertType" value="Retraction"', None),
        ("<ISOTime>2026-05-02T04:00:00.5000Z</ISOTime>", "", "ISOTime"),
        ("<ISOTime>2026-05-02T04:00:00.5000Z", "<ISOTime>soon", "event.time"),
        ('coord_system_id="UTC-FK5-GEO"', 'coord_system_id="TDB-FK5-GEO"', "ISOTime"),
        ("</What>", "", None),
    ],
)
def test_what_is_broken_is_refused(old: str, new: str, field: str | None) -> None:
    value = changed(old, new)
    if "Retraction" in new:
        assert read(value).status is Status.RETRACTION
        return
    with pytest.raises(NoticeError) as caught:
        read(value)
    assert caught.value.field == field


def test_other_voevents_are_not_its() -> None:
    for file in sorted(FIXTURES.glob("gcn.classic.voevent.[AI]*/*.xml"))[::7]:
        assert parse_voevent(Message(value=file.read_bytes())) is None
    counterpart = changed('name="Packet_Type" value="151"', 'name="Packet_Type" value="154"')
    assert parse_voevent(Message(value=counterpart)) is None


def test_a_host_reads_it_where_its_topic_is_named_only() -> None:
    plugins = load_plugins()
    assert not set(VOEVENT_TOPICS) & set(plugins.topics())
    for topic in (*VOEVENT_TOPICS, None):
        alert = plugins.parse(Message(value=wave_voevent(notice(), 3), topic=topic))
        assert alert.kind is AlertKind.LVK_GW
        assert alert.concerns == ()
    without = load_plugins(block=("lvk-gw",))
    with pytest.raises(NoticeError, match="no parser recognises this message"):
        without.parse(Message(value=wave_voevent(notice(), 3), topic=VOEVENT_TOPICS[0]))
