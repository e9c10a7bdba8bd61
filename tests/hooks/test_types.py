"""The types: JSON and pickle without loss, frozen, and the names that they derive."""

from __future__ import annotations

import dataclasses
import json
import pickle
import types
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import icecube_hooks
from icecube_hooks import (
    YEAR_S,
    Alert,
    AlertKind,
    CoincidentEvent,
    GWReference,
    Message,
    PValue,
    Record,
    Tense,
    WireFormat,
)
from icecube_hooks._json import Jsonable
from icecube_hooks.testing import example_records, make_alert, make_message, make_record

from .strategies import instances

PUBLIC = [getattr(icecube_hooks, name) for name in icecube_hooks.__all__]
TYPES = [t for t in PUBLIC if isinstance(t, type) and issubclass(t, Jsonable)]
ENUMS = [t for t in PUBLIC if isinstance(t, type) and issubclass(t, StrEnum)]

SLOW = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)


def strictly(data: object) -> object:
    """Return what JSON makes of `data`, with strings for infinities."""
    return json.loads(json.dumps(data), parse_constant=lambda name: str(float(name)))


def test_all_types_are_found() -> None:
    assert len(TYPES) == 14
    assert len(ENUMS) == 6


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
@SLOW
@given(data=st.data())
def test_json_round_trip(cls: Any, data: st.DataObject) -> None:
    value = data.draw(instances(cls))
    assert cls.from_dict(json.loads(json.dumps(value.to_dict()))) == value


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
@SLOW
@given(data=st.data())
def test_text_is_the_dictionary(cls: Any, data: st.DataObject) -> None:
    value = data.draw(instances(cls))
    assert json.loads(value.to_json()) == strictly(value.to_dict())
    again = cls.from_dict(json.loads(value.to_json()))  # an infinity in `unread` is text by now
    assert strictly(again.to_dict()) == strictly(value.to_dict())


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
@SLOW
@given(data=st.data())
def test_pickle_round_trip(cls: Any, data: st.DataObject) -> None:
    value = data.draw(instances(cls))
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301  # our own


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
def test_types_are_frozen_slotted_and_keyword_only(cls: Any) -> None:
    assert cls.__dataclass_params__.frozen
    assert not hasattr(cls, "__dict__") or "__slots__" in cls.__dict__
    assert all(field.kw_only for field in dataclasses.fields(cls))


@given(instances(Alert))
@SLOW
def test_equal_alerts_are_one_in_a_set(alert: Alert) -> None:
    assert len({alert, dataclasses.replace(alert)}) == 1


def test_json_of_a_message() -> None:
    message = make_message(headers=(("a", b"\xff"), ("b", None)), key=b"k", timestamp=None)
    assert message.to_dict() == {
        "value_base64": "eyJleGFtcGxlIjogdHJ1ZX0=",
        "topic": "gcn.notices.icecube.gold_bronze_track_alerts",
        "partition": 0,
        "offset": 12,
        "timestamp": None,
        "key_base64": "aw==",
        "headers": [["a", "/w=="], ["b", None]],
        "origin": "example",
    }
    assert Message.from_dict(json.loads(json.dumps(message.to_dict()))) == message


def test_bytes_of_a_notice_stand_in_a_record_once() -> None:
    record = make_record()
    assert "value_base64" not in record.to_dict()["message"]
    unequal = make_record(message=make_message(value=b"compressed"))
    assert unequal.to_dict()["message"]["value_base64"] == "Y29tcHJlc3NlZA=="
    for one in (record, unequal):
        assert Record.from_dict(one.to_dict()) == one


def test_unknown_keys_are_left_alone() -> None:
    assert PValue.from_dict({"search": "x", "value": 0.5, "new": 1}).value == 0.5


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="object does not belong into an alert"):
        make_alert(unread={"x": object()}).to_dict()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), '"nan"'),
        (float("inf"), '"inf"'),
        (float("-inf"), '"-inf"'),
        ('\u2028 \ud800 \x1b "', '"\\u2028 \\ud800 \\u001b \\""'),
        ([True, None, 10**20, {"a": (1, 2.5)}], f'[true, null, {10**20}, {{"a": [1, 2.5]}}]'),
        (types.MappingProxyType({1: {}}), '{"1": {}}'),
        (Tense.TEST, '"test"'),
    ],
)  # fmt: skip
def test_text_of_what_nobody_reads(value: object, text: str) -> None:
    assert f'"unread": {{"x": {text}}}, ' in make_alert(unread={"x": value}).to_json()


def test_text_of_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="object does not belong into an alert"):
        make_alert(unread={"x": object()}).to_json()


def test_text_of_a_record_is_made_once_and_is_no_part_of_it() -> None:
    record, other = make_record(), make_record()
    text = record.to_json()
    assert record.to_json() is text
    assert record == other
    assert repr(record) == repr(other)
    assert hash(record) == hash(other)
    assert pickle.dumps(record) == pickle.dumps(other)
    assert dataclasses.asdict(record) == dataclasses.asdict(other)
    changed = dataclasses.replace(record, id="another")
    assert json.loads(changed.to_json())["id"] == "another"


@given(instances(Record))
@SLOW
def test_text_of_a_record_holds_the_bytes_of_a_notice_once(record: Record) -> None:
    message = dataclasses.replace(record.message, value=record.alert.raw)
    once = dataclasses.replace(record, message=message)
    assert json.loads(once.to_json()) == strictly(once.to_dict())
    assert "value_base64" not in once.to_json()


def test_times_are_written_in_utc() -> None:
    time = datetime(2023, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=1)))
    data = make_alert(trigger_time=time).to_dict()
    assert data["trigger_time"] == "2023-01-01T00:30:00Z"
    assert Alert.from_dict(data).trigger_time == datetime(2023, 1, 1, 0, 30, tzinfo=UTC)


def test_messages_do_not_print_payloads() -> None:
    assert "secret" not in repr(make_message(value=b"secret"))
    assert "secret" not in repr(make_alert(raw=b"secret", unread={"secret": 1}))


@pytest.mark.parametrize(
    ("alert", "key", "notice"),
    [
        (make_alert(revision=1), "137840_57034692", "gold:137840_57034692:1"),
        (make_alert(tense=Tense.TEST), "137840_57034692", "test:gold:137840_57034692:0"),
        (
            make_alert(tense=Tense.INJECTION, kind=AlertKind.CASCADE),
            "137840_57034692",
            "injection:cascade:137840_57034692:0",
        ),
        (make_alert(run_id=None, amon_id="5"), "amon-5", "gold:amon-5:0"),
        (make_alert(run_id=None), "IceCube-230416A", "gold:IceCube-230416A:0"),
        (make_alert(run_id=None, event_names=(), ivorn="ivo://x"), "ivo://x", "gold:ivo://x:0"),
        (
            make_alert(
                kind=AlertKind.LVK_SEARCH,
                revision=None,
                gw=GWReference(superevent_id="S1a", notice_number=2, notice_type="Update"),
            ),
            "S1a",
            "lvk-search:S1a:2-Update",
        ),
        (
            Alert(kind=AlertKind.EHE, format=WireFormat.TEXT),
            None,
            "ehe:e3b0c44298fc1c14:?",
        ),
        (
            make_alert(revision=None),
            "137840_57034692",
            "gold:137840_57034692:20230416T074311.420000",
        ),
    ],
)
def test_keys(alert: Alert, key: str | None, notice: str) -> None:
    assert alert.event_key == key
    assert alert.notice_id == notice


def test_formats_of_one_notice_share_the_notice_and_not_the_record() -> None:
    records = [make_record(format=form) for form in WireFormat]
    assert len({record.alert.notice_id for record in records}) == 1
    assert len({record.id for record in records}) == len(records)


def test_mock_events_are_not_real() -> None:
    assert not make_alert(gw=GWReference(superevent_id="MS230427r")).is_real
    assert make_alert(gw=GWReference(superevent_id="S230914ak")).is_real
    assert make_alert(tense=None).is_real


def test_rate_per_year_undoes_the_producers_conversion() -> None:
    assert make_alert(far_hz=2.5320 / YEAR_S).far_per_year == pytest.approx(2.5320)
    assert make_alert(far_hz=None).far_per_year is None


def test_p_values_by_search() -> None:
    values = (PValue(search="generic", value=0.5), PValue(search="bayesian", value=None))
    for one in (make_alert(p_values=values), CoincidentEvent(p_values=values)):
        assert one.p_value("generic") == 0.5
        assert one.p_value("bayesian") is None
        assert one.p_value("none") is None


def test_key_of_a_coincident_event_is_that_of_its_track() -> None:
    neutrino = CoincidentEvent(run_id=137840, event_id=57034692)
    assert neutrino.event_key == make_alert().event_key
    assert CoincidentEvent(run_id=1).event_key is None


def test_ids_of_examples_are_all_different() -> None:
    ids = [record.id for record in example_records()]
    assert len(set(ids)) == len(ids)
