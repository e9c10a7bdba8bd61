"""LVK's own alerts: real ones against plain JSON, and what is broken in them."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import Alert, AlertKind, GWReference, Message, NoticeError, Record, Status, Tense
from icecube_hooks.testing import make_alert
from icecube_plugin.alerts.headline import headline
from icecube_plugin.notices.gw import TOPICS, parse
from icecube_plugin.notices.inside import taken_out
from icecube_plugin.significance.provider import make_assess
from icecube_plugin.views.summary import summary

FITS = b"SIMPLE  =                    T" + bytes(range(256)) * 3


def notice(**changes: Any) -> dict[str, Any]:
    event = {
        "time": "2026-05-02T04:00:00.5Z",
        "far": 9.5e-10,
        "significant": True,
        "instruments": ["H1", "L1"],
        "group": "CBC",
        "pipeline": "gstlal",
        "search": "AllSky",
        "properties": {"HasNS": 0.0},
        "classification": {"BBH": 0.98, "Terrestrial": 0.02},
        "duration": None,
        "central_frequency": None,
        "skymap": base64.b64encode(FITS).decode(),
    }
    event |= changes.pop("event", {})
    return {
        "alert_type": "INITIAL",
        "time_created": "2026-05-02T04:30:00Z",
        "superevent_id": "S260502ab",
        "urls": {"gracedb": "https://gracedb.ligo.org/superevents/S260502ab/view/"},
        "event": event,
        "external_coinc": None,
    } | changes


def record(data: Any, topic: str | None = TOPICS[0]) -> Record:
    found = parse(Message(value=json.dumps(data).encode(), topic=topic))
    assert found is not None
    return found


def read(data: Any) -> Alert:
    return record(data).alert


REAL = ("MS181101ab2_2-PRELIMINARY", "MS181101ab2_4-UPDATE-ext_coinc", "S241125n-INITIAL-RAVEN")


@pytest.mark.parametrize("name", REAL)
def test_every_value_of_a_real_notice(corpus: Path, name: str) -> None:
    value = (corpus / "gw" / f"{name}.json").read_bytes()
    found, said = parse(Message(value=value)), json.loads(value)  # known without its topic, too
    assert found is not None
    alert, event = found.alert, said["event"]
    candidate = alert.gw_candidate
    assert candidate is not None
    assert alert.gw is not None
    assert alert.gw.superevent_id == said["superevent_id"] == alert.event_key
    assert alert.gw.notice_type == said["alert_type"]
    assert alert.notice_time == datetime.fromisoformat(said["time_created"])
    assert alert.trigger_time == datetime.fromisoformat(event["time"])
    assert alert.far_hz == event["far"]
    assert alert.is_real is not said["superevent_id"].startswith("MS")
    for key in ("significant", "group", "pipeline", "search", "properties", "classification"):
        assert getattr(candidate, key) == event[key]
    assert list(candidate.instruments) == event["instruments"]
    assert candidate.duration_s is candidate.central_frequency_hz is None
    fits = base64.b64decode(event["skymap"])
    assert candidate.skymap is not None
    assert candidate.skymap.sha256 == hashlib.sha256(fits).hexdigest()
    assert candidate.skymap.n_bytes == len(fits)
    assert (alert.concerns, alert.unread) == ((), {})
    assert len(found.to_json()) < 8000
    slim, maps = taken_out(value)
    assert found.message.value == slim
    assert maps[candidate.skymap.sha256] == fits
    other = said["external_coinc"]
    if other is None:
        assert candidate.external is None
    else:
        external = candidate.external
        assert external is not None
        assert external.notice_id == str(other["gcn_notice_id"])
        assert (external.observatory, external.search) == (other["observatory"], other["search"])
        assert external.ivorn == other["ivorn"]
        assert external.time_difference_s == other["time_difference"]
        assert external.time_far_hz == other["time_coincidence_far"]
        assert external.time_sky_far_hz == other["time_sky_position_coincidence_far"]
        assert external.skymap is not None
        assert maps[external.skymap.sha256] == base64.b64decode(other["combined_skymap"])


def test_a_real_retraction(corpus: Path) -> None:
    value = (corpus / "gw" / "MS181101ab2_5-RETRACTION.json").read_bytes()
    found = parse(Message(value=value, topic=TOPICS[0]))
    assert found is not None
    alert = found.alert
    assert alert.status is Status.RETRACTION
    assert (alert.event_key, alert.tense) == ("MS181101ab2", Tense.TEST)
    assert (alert.trigger_time, alert.gw_candidate, alert.far_hz) == (None, None, None)
    assert found.message.value == value


def test_a_notice_without_its_map_says_the_same() -> None:
    first = record(notice())
    again = parse(first.message)
    assert again == first
    assert Record.from_json(first.to_json()) == first


@pytest.mark.parametrize("spelled", ["\\/", "/"])
def test_json_may_escape_the_map(spelled: str) -> None:
    fits = b"SIMPLE  =" + b"\xff" * 300  # base64 of it has many slashes
    text = json.dumps(notice(event={"skymap": base64.b64encode(fits).decode()}))
    value = text.replace("/", spelled).encode()
    _, maps = taken_out(value)
    assert list(maps.values()) == [fits]


@pytest.mark.parametrize(
    "text", ["A" * 400, "SIMPLE  =" * 50, base64.b64encode(b"x" * 300).decode()]
)
def test_what_is_no_map_stays_where_it_is(text: str) -> None:
    found = record(notice(event={"skymap": text}))
    assert text in found.message.value.decode()
    assert found.alert.gw_candidate is not None
    assert found.alert.gw_candidate.skymap is None
    assert [c.field for c in found.alert.concerns] == ["event.skymap"]


def test_a_burst_and_an_early_warning() -> None:
    burst = {"group": "Burst", "classification": {}, "properties": {}, "duration": 0.02}
    alert = read(notice(alert_type="EARLYWARNING", event=burst | {"central_frequency": 51.5}))
    assert alert.gw_candidate is not None
    assert (alert.gw_candidate.duration_s, alert.gw_candidate.central_frequency_hz) == (0.02, 51.5)
    assert (alert.status, alert.tense) == (Status.INITIAL, Tense.OBSERVATION)
    assert alert.concerns == ()
    assert "Burst, FAR 1 per 33 yr" in headline(record(notice(event=burst)))


def test_chirp_masses() -> None:
    bins = {"bin_edges": [0.1, 1.0, 5.5], "probabilities": [0.25, 0.75]}
    found = read(notice(event={"mchirp_source": bins})).gw_candidate
    assert found is not None
    assert found.chirp_mass_edges_msun == (0.1, 1.0, 5.5)
    assert found.chirp_mass_probabilities == (0.25, 0.75)
    odd = read(notice(event={"mchirp_source": bins | {"probabilities": [0.25]}}))
    assert [c.field for c in odd.concerns] == ["event.mchirp_source"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"superevent_id": None}, "superevent_id"),
        ({"superevent_id": 5}, "superevent_id"),
        ({"event": None}, "event"),
        ({"event": {"time": None}}, "event.time"),
        ({"event": {"time": "yesterday"}}, "event.time"),
    ],
)
def test_what_is_broken_is_refused(changes: dict[str, Any], field: str) -> None:
    data = notice(**changes) if changes.get("event", {}) is not None else notice() | changes
    with pytest.raises(NoticeError) as caught:
        read(data)
    assert caught.value.field == field


@pytest.mark.parametrize("rate", [-1.0, "often"])
def test_a_doubtful_rate_is_left_unstated(rate: object) -> None:
    alert = read(notice(event={"far": rate}))
    assert alert.far_hz is None
    assert [c.field for c in alert.concerns] == ["event.far"]


def test_a_doubtful_class_is_left_out() -> None:
    alert = read(notice(event={"classification": {"BBH": 1.5, "BNS": 0.25, "NSBH": "much"}}))
    assert alert.gw_candidate is not None
    assert alert.gw_candidate.classification == {"BNS": 0.25}
    assert {c.field for c in alert.concerns} == {
        "event.classification.BBH",
        "event.classification.NSBH",
    }


def test_a_record_of_ours_is_not_its() -> None:
    found = record(notice())
    search = make_alert(gw=GWReference(superevent_id="S260502ab"))
    for one in (found, found.replace(alert=search)):
        for topic in (None, "icecube.records"):
            assert parse(Message(value=one.to_json().encode(), topic=topic)) is None


def test_other_notices_are_not_its() -> None:
    for data in ({"superevent_id": "S1"}, {"pval_generic": 0.1, "ref_ID": "S260502ab"}, {}):
        assert parse(Message(value=json.dumps(data).encode(), topic="gcn.notices.x")) is None
    assert parse(Message(value=b"superevent_id", topic=None)) is None


def test_nothing_of_icecube_is_said_of_it() -> None:
    found = record(notice())
    assert make_assess()(found.alert) == ()
    assert found.alert.observatory == "LIGO/Virgo/KAGRA"
    assert found.alert.kind is AlertKind.LVK_GW
    assert "IceCube" not in summary(found)
    assert headline(found) == "GW S260502ab notice INITIAL: BBH 98 %, FAR 1 per 33 yr, T0+30 min"
