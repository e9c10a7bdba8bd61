"""Records of another host: taken as they are, refused where they are broken."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecube_hooks import Message, NoticeError, Record
from icecube_hooks.host import PluginSet, load_plugins
from icecube_hooks.testing import example_records, make_message, make_record
from icecube_plugin.host import messages_from
from icecube_plugin.notices.normalised import parse


@pytest.fixture(scope="module")
def plugins() -> PluginSet:
    return load_plugins(allow=["icecube-plugin"], block=["sink-*"])


def sent(record: Record, topic: str | None = "icecube-records") -> Message:
    return make_message(value=record.to_json().encode(), topic=topic)


def records(folder: Path, plugins: PluginSet) -> list[Record]:
    found = []
    for message in messages_from([str(folder)]):
        try:
            found.append(plugins.record(message))
        except NoticeError:
            continue
    return found


def test_our_notices_come_out_as_they_went_in(fixtures: Path, plugins: PluginSet) -> None:
    """With the same id and, here, the same significances."""
    found = records(fixtures, plugins)
    assert len(found) > 200
    for record in found:
        again = plugins.record(sent(record))
        assert again.alert == record.alert
        assert (again.id, again.significances) == (record.id, record.significances)


def test_real_notices_come_out_as_they_went_in(corpus: Path, plugins: PluginSet) -> None:
    found = records(corpus, plugins)
    assert len(found) > 100
    assert [plugins.parse(sent(record)) for record in found] == [r.alert for r in found]


def test_on_another_topic_a_concern_says_so(plugins: PluginSet) -> None:
    record = make_record()
    for topic in ("icecube-records", "my-group.icecube-records.test", None):
        assert plugins.parse(sent(record, topic)) == record.alert
    (concern,) = plugins.parse(sent(record, "elsewhere")).concerns
    assert (concern.field, concern.found, concern.taken) == ("topic", "elsewhere", "record-json")


OLD = Path(__file__).parents[1] / "hooks" / "records_1.jsonl"


def test_records_of_older_contracts_are_read() -> None:
    """Lines that version 0.1 wrote: the bytes of the notice stood in the alert."""
    lines = OLD.read_bytes().splitlines()
    assert len(lines) > 20
    for line in lines:
        old = json.loads(line)
        found = parse(Message(value=line))
        assert found is not None
        assert found.message.value == b64decode(old["alert"]["raw_base64"])
        assert (found.id, len(found.significances)) == (old["id"], len(old["significances"]))
        assert Record.from_json(found.to_json()) == found


def test_what_is_new_is_left_alone() -> None:
    data = make_record().to_dict()
    data["alert"]["neutrino_flavour"] = "mu"
    assert _parse(data | {"more": 1}) == make_record()


@pytest.mark.parametrize("value", [b"", b"[]", b'"message"', b'{"alert": {}}', b"\xff{"])
def test_others_are_left_to_others(value: bytes) -> None:
    assert parse(Message(value=value)) is None


BROKEN: tuple[tuple[str, object, str], ...] = (
    ("kind", "Golden Alert!", "alert.kind: Invalid enum value 'Golden Alert!'"),
    ("kind", None, "alert.kind: Expected `str`, got `null`"),
    ("run_id", "7", "alert.run_id: Expected `int | null`, got `str`"),
    ("run_id", True, "alert.run_id: Expected `int | null`, got `bool`"),
    ("run_id", 1.5, "alert.run_id: Expected `int | null`, got `float`"),
    ("energy_tev", "172", "alert.energy_tev: Expected `float | null`, got `str`"),
    ("energy_tev", False, "alert.energy_tev: Expected `float | null`, got `bool`"),
    ("signalness", 1.2, "alert.signalness: Expected `float` <= 1.0"),
    ("event_names", "IceCube", "alert.event_names: Expected `array`, got `str`"),
    ("event_names", [7], "alert.event_names[0]: Expected `str`, got `int`"),
    ("trigger_time", "2023-04-16", "alert.trigger_time: Invalid RFC3339 encoded datetime"),
    ("trigger_time", "2023-04-16T07:42:31", "alert.trigger_time: Expected `datetime` with a tim"),
    ("trigger_time", 5, "alert.trigger_time: Expected `datetime | null`, got `int`"),
    ("localization", [1], "alert.localization: Expected `object | null`, got `array`"),
    ("localization", {}, "alert.localization: Object missing required field `ra_deg`"),
    (
        "localization",
        {"ra_deg": 9999, "dec_deg": 0},
        "alert.localization.ra_deg: Expected `float` <= 360.0",
    ),
    (
        "p_values",
        [{"search": "generic", "value": -1}],
        "alert.p_values[0].value: Expected `float` >= 0.0",
    ),
    ("unread", [], "alert.unread: Expected `object`, got `array`"),
)


@pytest.mark.parametrize(("name", "value", "words"), BROKEN)
def test_broken_records_are_refused(name: str, value: object, words: str) -> None:
    data = make_record().to_dict()
    data["alert"][name] = value
    with pytest.raises(NoticeError) as caught:
        _parse(data)
    assert str(caught.value).startswith(words)


def test_an_alert_that_is_none_is_refused() -> None:
    with pytest.raises(NoticeError, match="alert: Expected `object`, got `int`"):
        _parse({"id": "a", "message": {}, "alert": 5, "significances": []})


@pytest.mark.full
@given(st.data())
def test_any_value_anywhere_is_an_alert_or_a_notice_error(data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(example_records())).to_dict()
    alert = record["alert"]
    place = alert["localization"] if data.draw(st.booleans()) and alert["localization"] else alert
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    values = st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(values)
    try:
        found = _parse(record)
    except NoticeError:
        return
    assert found is None or found == Record.from_json(found.to_json())


def _parse(data: dict[str, Any]) -> Record | None:
    return parse(Message(value=json.dumps(data).encode()))
