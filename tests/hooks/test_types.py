"""The types: JSON and pickle without loss, frozen, and the names that they derive."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from base64 import b64encode
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import icecube_hooks
from icecube_hooks import (
    YEAR_S,
    Alert,
    AlertKind,
    CoincidentEvent,
    Concern,
    GWReference,
    Localization,
    Message,
    NoticeError,
    ParserType,
    PValue,
    Record,
    Tense,
    WireFormat,
    hookimpl,
)
from icecube_hooks.host import load_plugins
from icecube_hooks.testing import example_records, make_alert, make_message, make_record

from .strategies import instances

PUBLIC = [getattr(icecube_hooks, name) for name in icecube_hooks.__all__]
TYPES = [t for t in PUBLIC if isinstance(t, type) and hasattr(t, "from_json")]
ENUMS = [t for t in PUBLIC if isinstance(t, type) and issubclass(t, StrEnum)]

SLOW = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)


def test_all_types_are_found() -> None:
    assert len(TYPES) == 18
    assert len(ENUMS) == 6


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
@SLOW
@given(data=st.data())
def test_round_trips(cls: Any, data: st.DataObject) -> None:
    value = data.draw(instances(cls))
    assert cls.from_dict(json.loads(json.dumps(value.to_dict()))) == value
    assert cls.from_json(value.to_json()) == value
    assert json.loads(value.to_json()) == json.loads(json.dumps(value.to_dict()))
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301  # our own
    assert copy.deepcopy(value) == value
    assert len({value, value.replace()}) == 1


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
def test_types_are_frozen_and_keyword_only(cls: Any) -> None:
    assert cls.__struct_config__.frozen
    with pytest.raises(TypeError, match="positional"):
        cls("x")


def test_json_of_a_message() -> None:
    message = make_message(headers=(("a", b"\xff"), ("b", None)), key=b"k", timestamp=None)
    assert message.to_dict() == {
        "value": '{"example": true}',
        "topic": "gcn.notices.icecube.gold_bronze_track_alerts",
        "partition": 0,
        "offset": 12,
        "timestamp": None,
        "key_base64": "aw==",
        "headers": [["a", "/w=="], ["b", None]],
        "origin": "example",
    }


BYTES = (b"", "caf\u00e9 \u2028\0".encode(), b"\xff\xfe", bytes(range(256)))


@pytest.mark.parametrize("value", BYTES)
def test_the_bytes_of_a_notice_stand_in_a_record_once(value: bytes) -> None:
    """As text where they are text: a person reads the file."""
    record = make_record(message=make_message(value=value))
    message = json.loads(record.to_json())["message"]
    if value in BYTES[:2]:
        assert message["value"] == value.decode()
        assert "value_base64" not in message
    else:
        assert message["value_base64"] == b64encode(value).decode()
        assert "value" not in message
    assert Record.from_json(record.to_json()).message.value == value


def test_unknown_keys_are_left_alone() -> None:
    assert PValue.from_dict({"search": "x", "value": 0.5, "new": 1}).value == 0.5


def test_names_of_a_later_version_are_taken() -> None:
    later = Alert.from_dict({"kind": "double-cascade", "format": "avro"})
    assert (later.kind, later.format) == ("double-cascade", "avro")
    assert Alert.from_json(later.to_json()) == later
    assert later.notice_id.startswith("double-cascade:")
    assert pickle.loads(pickle.dumps(later)) == later  # noqa: S301  # our own
    assert "double-cascade" not in list(AlertKind)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "Gold!"}, "kind: Invalid enum value 'Gold!'"),
        ({"signalness": 17.0}, "signalness: Expected `float` <= 1.0"),
        ({"signalness": float("nan")}, "signalness: Expected `float` >= 0.0"),
        ({"energy_tev": float("inf")}, "energy_tev: Expected `float` <= 1.79"),
        ({"localization": (1, 2)}, "localization: Expected `object | null`, got `array`"),
        (
            {"localization": Localization(ra_deg=400.0, dec_deg=0.0)},
            "localization.ra_deg: Expected `float` <= 360.0",
        ),
        ({"unread": {"x": object()}}, "Encoding objects of type object is unsupported"),
        ({"trigger_time": datetime(2023, 1, 1)}, "trigger_time: Expected `datetime` with a time"),  # noqa: DTZ001  # that is the fault
        ({"comments": ("\ud800",)}, "has no form in JSON"),
    ],
)
def test_what_cannot_be_is_refused_where_it_enters(changes: dict[str, Any], words: str) -> None:
    """From a plugin, whose name the error holds."""

    class Plugin:
        @hookimpl
        def register_parsers(self) -> list[ParserType]:
            return [ParserType(name="theirs", topics=(), parse=lambda _: make_alert(**changes))]

    plugins = load_plugins(extra={"p": Plugin()}, entry_points=())
    with pytest.raises(NoticeError) as caught:
        plugins.record(make_message(value=b"x"))
    assert words in str(caught.value).replace("parser theirs gave an alert that cannot be: ", "")
    assert "theirs" in str(caught.value) or "JSON" in words


def test_text_of_a_record_is_made_once_and_is_no_part_of_it() -> None:
    record, other = make_record(), make_record()
    text = record.to_json()
    assert record.to_json() is text
    assert record == other
    assert repr(record) == repr(other)
    assert hash(record) == hash(other)
    assert json.loads(record.replace(id="another").to_json())["id"] == "another"


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    time = datetime(2023, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=1)))
    assert Alert.from_json(make_alert(trigger_time=time).to_json()).trigger_time == time


def test_payloads_are_not_printed() -> None:
    assert "secret" not in repr(make_message(value=b"secret", key=b"secret"))


def test_what_is_not_stated_is_not_printed() -> None:
    assert repr(Concern(field="a", found="b", taken=None, why="c")).count("None") == 1
    assert "None" not in repr(Alert(kind=AlertKind.GOLD, format=WireFormat.JSON))


def test_pluggy_alone_is_enough() -> None:
    """A host that knows pluggy and the contract, and nothing else of ours."""
    program = """
import pluggy, icecube_hooks
manager = pluggy.PluginManager("icecube_hooks")
manager.add_hookspecs(icecube_hooks.hookspecs)
manager.load_setuptools_entrypoints("icecube_hooks")
manager.check_pending()
print(sorted(p.name for found in manager.hook.register_parsers() for p in found))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "'track-json'" in done.stdout


def test_threads_may_read_for_the_first_time_together() -> None:
    """What msgspec learns of a type at its first use is not safe for threads: it crashed."""
    program = """
import sys, threading
from icecube_hooks import Record
sys.setswitchinterval(1e-6)
line = sys.stdin.read()
start = threading.Barrier(8)
def read():
    start.wait()
    Record.from_json(line)
threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    line = (Path(__file__).parent / "records_1.jsonl").read_text().splitlines()[0]
    done = subprocess.run([sys.executable, "-c", program], input=line, text=True, check=False)
    assert done.returncode == 0


def test_structs_are_what_msgspec_takes() -> None:
    record = make_record()
    assert msgspec.json.decode(msgspec.json.encode(record.alert), type=Alert) == record.alert
    assert Message.from_json(record.message.to_json()) == record.message


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
            "ehe:a619377a055a25d1:?",
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
