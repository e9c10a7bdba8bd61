from __future__ import annotations

from pathlib import Path

from icecube_hooks import Message, Record
from icecube_hooks.testing import example_records, make_alert
from icecube_plugin.host.sightings import Sightings

FIRST = next(iter(example_records()))
OTHER = next(r for r in example_records() if r.alert.notice_id != FIRST.alert.notice_id)


def again(record: Record, **place: object) -> Record:
    message = Message(value=record.message.value, **place)  # type: ignore[arg-type]
    return record.replace(message=message)


def test_a_notice_that_came_before_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "sightings.sqlite"
    sightings = Sightings(path, 100)
    assert sightings.look_up([FIRST]) == [FIRST]
    sightings.note([FIRST])
    later = again(FIRST, topic="t", partition=1, offset=5)
    (found,) = Sightings(path, 100).look_up([later])
    (sighting,) = found.sightings
    assert found.is_repeat
    assert (sighting.record_id, sighting.offset) == (FIRST.id, FIRST.message.offset)
    assert sightings.look_up([OTHER]) == [OTHER]


def test_records_of_one_batch_see_each_other(tmp_path: Path) -> None:
    alert = make_alert()
    one = Record.of(Message(value=b"one"), alert)
    text = Record.of(Message(value=b"two"), alert)
    assert one.alert.notice_id == text.alert.notice_id
    first, second = Sightings(tmp_path / "s", 100).look_up([one, text])
    assert not first.is_repeat
    assert [sighting.record_id for sighting in second.sightings] == [one.id]


def test_the_same_message_again_is_noted_once_and_the_oldest_are_forgotten(tmp_path: Path) -> None:
    sightings = Sightings(tmp_path / "s", 3)
    sightings.note([FIRST])
    sightings.note(sightings.look_up([FIRST]))
    (found,) = sightings.look_up([FIRST])
    assert len(found.sightings) == 1
    sightings.note([again(OTHER, topic="t", partition=0, offset=n) for n in range(10)])
    assert sightings.look_up([FIRST]) == [FIRST]
    (found,) = sightings.look_up([OTHER])
    assert [sighting.offset for sighting in found.sightings] == [7, 8, 9]


def test_a_record_with_sightings_survives_json(tmp_path: Path) -> None:
    sightings = Sightings(tmp_path / "s", 3)
    sightings.note([FIRST])
    (found,) = sightings.look_up([FIRST])
    assert Record.from_dict(found.to_dict()) == found
