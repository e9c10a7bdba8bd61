"""The 160-byte packet: words in, values out."""

from __future__ import annotations

import json
import math
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from icecube_hooks import Alert, AlertKind, Message, NoticeError, Status, Tense, WireFormat
from icecube_plugin.notices.binary import LENGTH, TOPICS, parse, register_parsers

TRACK: dict[int, int] = {
    0: 173,
    1: 5,
    3: 1_441_000,
    4: 1234567,
    5: 21162,
    6: 1_440_025,
    7: 1_035_000,
    8: -52_500,
    9: 22_335,
    10: 2675,
    11: 6867,
    12: 792,
    13: -100,
    14: -100,
    16: 24,
    17: 1,
    20: -(2**31),
    22: -3188,
    23: 142000,
    25: 250_031,
}


def swapped(text: str, words: int) -> list[int]:
    """Return text as a packet holds it: the four bytes of each word reversed."""
    data = text.encode().ljust(4 * words, b"\0")
    return [struct.unpack("<i", data[4 * i : 4 * i + 4])[0] for i in range(words)]


def packet(changes: dict[int, int] | None = None) -> bytes:
    words = TRACK | (changes or {})
    return struct.pack(">40i", *(words.get(number, 0) for number in range(40)))


def cascade(name: str = "260502a", stem: str = "hese_run00142000") -> bytes:
    numbers = [*swapped(name, 3), *swapped(stem, 10)]
    return packet({0: 176, **dict(enumerate(numbers, 26))})


def read(value: bytes) -> Alert:
    alert = parse(Message(value=value))
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
    assert (parser.name, parser.topics, parser.parse) == ("binary-packet", TOPICS, parse)


def test_every_word() -> None:
    alert = read(packet())
    place = alert.localization
    assert place is not None
    assert (alert.kind, alert.format) == (AlertKind.GOLD, WireFormat.BINARY)
    assert (alert.run_id, alert.event_id, alert.revision) == (142000, 1234567, 1)
    assert (alert.status, alert.tense, alert.stream) == (Status.UPDATE, Tense.OBSERVATION, 24)
    assert alert.trigger_time == datetime(2026, 5, 2, 4, 0, 0, 250_031, tzinfo=UTC)
    assert (place.ra_deg, place.dec_deg) == (103.5, -5.25)
    assert (place.error_radius_deg, place.error_radius_50_deg) == (0.6867, 0.2675)
    assert (place.containment, place.systematic_included) == (0.9, None)
    assert alert.energy_tev == pytest.approx(10**2.2335, rel=1e-12)
    assert alert.far_per_year == pytest.approx(10**0.0792, rel=1e-12)
    assert alert.signalness == pytest.approx(10**-0.3188, rel=1e-12)
    assert (alert.concerns, alert.unread) == ((), {})
    assert alert.notice_time is None, "the packet has only the time of day"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (157, AlertKind.COINC),
        (158, AlertKind.HESE),
        (169, AlertKind.EHE),
        (172, AlertKind.NU_EM),
        (173, AlertKind.GOLD),
        (174, AlertKind.BRONZE),
        (176, AlertKind.CASCADE),
    ],
)
def test_packet_types(number: int, kind: AlertKind) -> None:
    assert read(packet({0: number})).kind is kind


@pytest.mark.parametrize(
    "value", [b"", b"\0", b"\0\0\0", packet({0: 61}), packet({0: -1}), b"TITLE: x", b"\xff" * 160]
)
def test_not_ours(value: bytes) -> None:
    assert parse(Message(value=value)) is None


@pytest.mark.parametrize("length", [4, 80, 159, 161, 320])
def test_length(length: int) -> None:
    value = packet().ljust(length, b"\0")[:length]
    assert refusal(value) == f"a packet has {LENGTH} bytes, this one {length}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({4: -1}, "event, run: expected a number above 0, got (-1, 142000)"),
        ({23: -1}, "event, run: expected a number above 0, got (1234567, -1)"),
        ({17: -1}, "revision: expected a number of 0 or more, got -1"),
        ({6: -1, 25: 0}, "TJD, SOD: expected seconds of a day, got -0.01"),
        ({6: 8_640_100, 25: 0}, "TJD, SOD: expected seconds of a day, got 86401.0"),
        ({5: -1}, "TJD, SOD: expected a truncated Julian date, got -1"),
        ({5: 0}, "TJD, SOD: expected a time between 1999 and 2100, got 0"),
        ({7: 3_600_001}, "ra: expected a number from 0 to 360, got 360.0001"),
        ({7: -1}, "ra: expected a number from 0 to 360, got -0.0001"),
        ({8: 900_001}, "dec: expected a number from -90 to 90, got 90.0001"),
        ({8: -(2**31)}, "dec: expected a number from -90 to 90, got -214748.3648"),
    ],
)
def test_refused(changes: dict[int, int], words: str) -> None:
    assert refusal(packet(changes)) == words


@pytest.mark.parametrize(
    ("centiseconds", "fraction", "microsecond", "doubted"),
    [
        (1_440_025, 250_031, 250_031, False),
        (1_440_025, 0, 250_000, False),
        (1_440_025, 259_999, 259_999, False),
        (1_440_025, 260_001, 250_000, True),
        (1_440_025, 999_999, 250_000, True),
        (1_440_025, -1, 250_000, False),
        (1_440_025, 1_000_000, 250_000, False),
    ],
)
def test_microseconds(centiseconds: int, fraction: int, microsecond: int, doubted: bool) -> None:
    alert = read(packet({6: centiseconds, 25: fraction}))
    assert alert.trigger_time == datetime(2026, 5, 2, 4, 0, 0, microsecond, tzinfo=UTC)
    expected = [("microseconds", str(fraction), "250000")] if doubted else []
    assert concerns(alert) == expected


@pytest.mark.parametrize("word", [9, 12, 22])
def test_zero_is_not_stated(word: int) -> None:
    alert = read(packet({word: 0}))
    values = {9: alert.energy_tev, 12: alert.far_hz, 22: alert.signalness}
    assert values.pop(word) is None
    assert None not in values.values()
    assert alert.concerns == ()


@pytest.mark.parametrize("word", [300_000, -300_000, 2**31 - 1, -(2**31)])
def test_logarithms_that_are_none(word: int) -> None:
    alert = read(packet({9: word, 12: word, 22: word}))
    assert (alert.energy_tev, alert.far_hz, alert.signalness) == (None, None, None)
    assert concerns(alert) == [(name, str(word), None) for name in ("energy", "FAR", "signalness")]


def test_signalness_above_1() -> None:
    alert = read(packet({22: 1}))
    assert alert.signalness is None
    assert [c.field for c in alert.concerns] == ["signalness"]


@pytest.mark.parametrize(
    ("big", "half", "radius", "containment", "radius_50"),
    [
        (6867, 2675, 0.6867, 0.9, 0.2675),
        (6867, 0, 0.6867, 0.9, None),
        (0, 2675, 0.2675, 0.5, 0.2675),
        (0, 0, None, None, None),
    ],
)
def test_radii(
    big: int, half: int, radius: float | None, containment: float | None, radius_50: float | None
) -> None:
    place = read(packet({11: big, 10: half})).localization
    assert place is not None
    assert (place.error_radius_deg, place.containment) == (radius, containment)
    assert place.error_radius_50_deg == radius_50


def test_negative_radius_is_a_concern() -> None:
    alert = read(packet({11: -1}))
    assert alert.localization is not None
    assert alert.localization.error_radius_deg is None
    assert concerns(alert) == [("error_radius_deg", "-0.0001", None)]


def test_placeholders() -> None:
    assert read(packet({7: 0, 8: 0, 10: 0, 11: 0})).localization is None
    default = read(packet({17: 0, 11: 5133, 10: 2000}))
    assert [c.field for c in default.concerns] == ["error_radius_deg"]


def test_without_a_run_the_number_is_amons() -> None:
    alert = read(packet({0: 157, 23: 0, 4: 71}))
    assert (alert.run_id, alert.event_id, alert.amon_id) == (None, None, "71")


def test_largest_integer_is_no_number() -> None:
    alert = read(packet({0: 158, 23: 0, 4: 2**31 - 1}))
    assert (alert.run_id, alert.event_id, alert.amon_id) == (None, None, None)
    assert concerns(alert) == [("event", "2147483647", None)]


def test_cascade() -> None:
    alert = read(cascade())
    place = alert.localization
    assert place is not None
    assert alert.event_names == ("IceCubeCascade-260502a",)
    stem = "https://roc.icecube.wisc.edu/public/hese_cascades/hese_run00142000"
    assert (place.skymap_fits_url, place.skymap_png_url) == (f"{stem}.fits", f"{stem}.png")
    assert concerns(alert) == [("sky map", "hese_run00142000", f"{stem}.fits")]
    assert alert.unread == {}


@pytest.mark.parametrize(
    ("name", "stem"), [("", ""), ("26050", "../etc/passwd"), ("260502A", "a b"), ("\xe9", "\xe9")]
)
def test_cascade_names_that_are_none(name: str, stem: str) -> None:
    alert = read(cascade(name, stem))
    assert alert.localization is not None
    assert (alert.event_names, alert.localization.skymap_fits_url) == ((), None)


def test_flags_are_a_concern() -> None:
    assert concerns(read(packet({18: 0x20}))) == [("flags", "0x20", None)]


def test_unknown_words_are_kept() -> None:
    assert read(packet({2: 7, 14: 3, 21: -3, 13: 5, 30: 9})).unread == {
        "word 13": 5,
        "word 14": 3,
        "word 21": -3,
        "word 30": 9,
    }


def test_published_packet(corpus: Path) -> None:
    """The one real packet, against the values that were decoded by other hands."""
    value = (corpus / "raw" / "CASCADE_139414_34468187_0.bin").read_bytes()
    expected = json.loads(
        (corpus / "derived" / "CASCADE_139414_34468187_0.decoded.json").read_text()
    )
    alert = read(value)
    place = alert.localization
    assert place is not None
    assert alert.trigger_time is not None
    midnight = alert.trigger_time.replace(hour=0, minute=0, second=0, microsecond=0)
    second_of_day = (alert.trigger_time - midnight).total_seconds()
    assert [alert.run_id, alert.event_id, alert.revision, alert.stream] == [
        expected[name] for name in ("run", "event_id", "rev", "stream")
    ]
    assert (midnight - datetime(1968, 5, 24, tzinfo=UTC)).days == expected["tjd"]
    assert math.floor(second_of_day * 100) / 100 == expected["sod"]
    assert round(second_of_day % 1 * 1e6) == expected["usec"]
    assert [place.ra_deg, place.dec_deg, place.error_radius_deg, place.error_radius_50_deg] == (
        pytest.approx(
            [expected[name] for name in ("ra", "dec", "src_error90_deg", "src_error50_deg")]
        )
    )
    assert [alert.energy_tev, alert.signalness, alert.far_per_year] == pytest.approx(
        [expected[name] for name in ("energy_tev", "signalness", "far_per_yr")], rel=1e-12
    )
