"""The rules of a parser, as a test each, and what this one reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from icecube_parser_km3net import parse, register_parsers

from icecube_hooks import AlertKind, Message, NoticeError, Status, Tense
from icecube_hooks.testing import ParserConformance

# Invented, in the layout of gcn/notices/km3net/alert.schema.json.
NOTICE: dict[str, Any] = {
    "$schema": "https://gcn.nasa.gov/schema/main/gcn/notices/km3net/alert.schema.json",
    "messenger": "Neutrino",
    "mission": "KM3NeT",
    "instrument": "ARCA",
    "pipeline": "arca_HE",
    "alert_tense": "current",
    "alert_type": "update",
    "record_number": 2,
    "alert_datetime": "2026-05-02T04:30:00Z",
    "event_name": "KM3-260502A",
    "trigger_time": "2026-05-02T04:00:00.250Z",
    "ra": 94.3,
    "dec": -7.8,
    "ra_dec_error": 1.5,
    "src_error_50": 0.8,
    "far": 3.2e-8,
    "p_value": 0.004,
    "alert_topology": "Track",
    "number_of_events": 1,
    "event_details": [{"id": "km3.1.2.3", "proxy_energy": 1.1e6}],
}


def message(**changes: Any) -> Message:
    value = json.dumps(NOTICE | changes).encode()
    return Message(value=value, topic="gcn.notices.km3net.alert")


class TestKm3net(ParserConformance):
    (parser,) = register_parsers()

    def notices(self) -> Sequence[Message]:
        multiplet = {"alert_topology": "Multiplet", "number_of_events": 2, "event_name": None}
        return [message(), message(**multiplet, id="7"), message(alert_tense="test")]


def test_what_is_read() -> None:
    alert = parse(message())
    assert alert is not None
    assert (alert.observatory, alert.kind) == ("KM3NeT", AlertKind("km3net-track"))
    assert (alert.event_key, alert.revision, alert.status) == ("KM3-260502A", 1, Status.UPDATE)
    assert alert.tense is Tense.OBSERVATION
    assert alert.trigger_time == datetime(2026, 5, 2, 4, 0, 0, 250_000, UTC)
    assert alert.localization is not None
    assert (alert.localization.error_radius_deg, alert.localization.containment) == (1.5, None)
    assert (alert.far_hz, alert.p_value("alert"), alert.energy_tev) == (3.2e-8, 0.004, None)
    assert set(alert.unread) == {"instrument", "pipeline", "event_details"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"alert_tense": "tset"}, "alert_tense: is no tense, got 'tset'"),
        ({"p_value": 1.2}, "p_value: expected a number from 0 to 1, got 1.2"),
        ({"trigger_time": "2026-05-02T04:00:00"}, "trigger_time: expected a time with its zone"),
        ({"event_name": None}, "event_name: the notice names no event"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(NoticeError) as caught:
        parse(message(**changes))
    assert str(caught.value).startswith(text)
