"""Whatever happens to a notice on its way: an alert, a refusal, or "not mine". Nothing else.

Every prefix, every dropped and every repeated line of some notices of each format, one changed bit
at every place, and changes that hypothesis thinks of. An alert that comes out of it holds only
values that can be. Times are CPU time of the thread, so that a busy machine does not fail the test.
"""

from __future__ import annotations

import functools
import json
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icecube_hooks import Alert, Localization, Message, NoticeError, Status
from icecube_plugin.notices import binary, lvk, text, track, voevent

FIXTURES = Path(__file__).parents[2] / "fixtures"
SLOWEST_S = 0.1
PARSERS = (lvk.parse, track.parse, text.parse, voevent.parse, binary.parse)

SAMPLES = (
    "gcn.classic.binary.ICECUBE_ASTROTRACK_BRONZE/136662_35405932_0.bin",
    "gcn.classic.binary.ICECUBE_CASCADE/139414_34468187_0.bin",
    "gcn.classic.text.AMON_ICECUBE_HESE/67093193_127853_3.txt",
    "gcn.classic.text.AMON_NU_EM_COINC/NuEm-200202A.txt",
    "gcn.classic.text.ICECUBE_ASTROTRACK_GOLD/136392_25495567_0.txt",
    "gcn.classic.text.ICECUBE_CASCADE/139414_34468187_0.txt",
    "gcn.classic.voevent.AMON_ICECUBE_COINC/71_0.xml",
    "gcn.classic.voevent.AMON_ICECUBE_HESE/38561326_128672_0.xml",
    "gcn.classic.voevent.ICECUBE_CASCADE/139414_34468187_0.xml",
    "gcn.notices.icecube.gold_bronze_track_alerts/134187_72386329_0.json",
    "gcn.notices.icecube.gold_bronze_track_alerts/135553_7213992_1.json",
    "gcn.notices.icecube.gold_bronze_track_alerts/136348_65788242_1.json",
    "gcn.notices.icecube.lvk_nu_track_search/MS260101a-1-Preliminary.json",
    "gcn.notices.icecube.lvk_nu_track_search/S231025a-2-Preliminary.json",
)
LINES = tuple(name for name in SAMPLES if not name.endswith(".bin"))


@functools.cache
def sample(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def dictionary() -> bytes:
    """Return a text notice as other software hands it over."""
    fields = text.fields_of(sample(SAMPLES[4]).decode())
    return json.dumps({key.lower(): "\n".join(value) for key, value in fields.items()}).encode()


def probability(value: float | None) -> bool:
    return value is None or 0.0 <= value <= 1.0


def above_zero(value: float | None) -> bool:
    return value is None or 0.0 < value < math.inf


def place_is_possible(place: Localization) -> bool:
    """Whether a position lies on the sphere and its region is one."""
    ellipse, box = place.ellipse, place.asymmetric
    return (
        0.0 <= place.ra_deg < 360.0
        and -90.0 <= place.dec_deg <= 90.0
        and all(
            radius is None or 0.0 < radius <= 180.0
            for radius in (place.error_radius_deg, place.error_radius_50_deg)
        )
        and (place.containment is None or 0.0 < place.containment <= 1.0)
        and (ellipse is None or 0.0 < ellipse.semi_minor_deg <= ellipse.semi_major_deg <= 180.0)
        and (
            box is None
            or all(
                0.0 <= side <= 180.0
                for side in (box.ra_minus_deg, box.ra_plus_deg, box.dec_minus_deg, box.dec_plus_deg)
            )
        )
    )


def moments(alert: Alert) -> Iterator[datetime]:
    for moment in (
        alert.trigger_time,
        alert.notice_time,
        alert.observation_start,
        alert.observation_stop,
    ):
        if moment is not None:
            yield moment


def says_why_no_time(alert: Alert) -> bool:
    """Whether it is a retraction, which need not state one, or one in another scale than UTC."""
    other_scale = any(c.why == "expected a time in UTC" for c in alert.concerns)
    return other_scale or alert.status is Status.RETRACTION


def impossible(alert: Alert) -> list[str]:
    """Name the values of an alert that cannot be."""
    events = alert.coincident_events
    localizations = (alert.localization, *(event.localization for event in events))
    p_values = (*alert.p_values, *(p for event in events for p in event.p_values))
    direction = alert.most_probable_direction
    ids = [alert.run_id, alert.event_id, alert.revision]
    ids += [number for event in events for number in (event.run_id, event.event_id)]
    checks = {
        "position": all(place_is_possible(place) for place in localizations if place is not None),
        "direction": direction is None
        or (0 <= direction.ra_deg < 360 and -90 <= direction.dec_deg <= 90),
        "p-value": all(probability(p.value) for p in p_values),
        "signalness": probability(alert.signalness),
        "signal_trackness": probability(alert.signal_trackness),
        "energy": above_zero(alert.energy_tev),
        "far": above_zero(alert.far_hz),
        "charge": above_zero(alert.charge_pe),
        "livetime": above_zero(alert.livetime_s),
        "ids": all(number is None or 0 <= number < 10**18 for number in ids),
        "naive time": all(moment.utcoffset() is not None for moment in moments(alert)),
        "time": all(1999 <= moment.year < 2100 for moment in moments(alert) if moment),
        "no time": alert.trigger_time is not None or says_why_no_time(alert),
        "no event": alert.event_key is not None,
    }
    return [name for name, is_right in checks.items() if not is_right]


@dataclass
class Tally:
    """What came out of many messages."""

    alerts: int = 0
    refused: int = 0
    not_ours: int = 0
    slowest_s: float = 0.0
    slowest: bytes = b""
    wrong: list[tuple[str, bytes]] = field(default_factory=list)

    def feed(self, value: bytes) -> Alert | None:
        """Show one message to all readers, as a host without a topic does."""
        start = time.thread_time()
        alert = self._ask(Message(value=value))
        spent = time.thread_time() - start
        if spent >= SLOWEST_S:  # a garbage collection of hypothesis, unless it is slow every time
            spent = min(self._spent(value) for _ in range(3))
        if spent > self.slowest_s:
            self.slowest_s, self.slowest = spent, value
        return alert

    @staticmethod
    def _spent(value: bytes) -> float:
        start = time.thread_time()
        Tally()._ask(Message(value=value))
        return time.thread_time() - start

    def _ask(self, message: Message) -> Alert | None:
        try:
            alert = next(filter(None, (parse(message) for parse in PARSERS)), None)
        except NoticeError as error:
            if not str(error):
                self.wrong.append(("no words", message.value))
            self.refused += 1
            return None
        if alert is None:
            self.not_ours += 1
            return None
        self.alerts += 1
        self.wrong += [(name, message.value) for name in impossible(alert)]
        return alert


def tally(values: Iterable[bytes]) -> Tally:
    """Feed all messages and check what must hold of each."""
    found = Tally()
    for value in values:
        found.feed(value)
    assert found.wrong == []
    assert found.slowest_s < SLOWEST_S, found.slowest
    return found


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Import what readers import late, so that it is not timed."""
    for name in SAMPLES:
        assert Tally().feed(sample(name)) is not None


@pytest.mark.parametrize("name", SAMPLES)
def test_prefixes(name: str) -> None:
    value = sample(name)
    found = tally(value[:length] for length in range(len(value)))
    assert found.refused > 0
    if name.endswith((".bin", ".json", ".xml")):
        assert found.alerts <= len(value) - len(value.rstrip()), "a part of it is no notice"


@pytest.mark.full
@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("count", [1, pytest.param(8, marks=pytest.mark.nightly)])
def test_one_bit_at_every_place(name: str, count: int) -> None:
    """Each byte with so many of its bits, another one from byte to byte."""
    value = sample(name)

    def flipped() -> Iterator[bytes]:
        for place in range(len(value)):
            for bit in range(place, place + count):
                yield value[:place] + bytes([value[place] ^ 1 << bit % 8]) + value[place + 1 :]

    found = tally(flipped())
    assert found.alerts > 0
    assert found.refused > 0


@pytest.mark.parametrize("name", LINES)
def test_dropped_and_repeated_lines(name: str) -> None:
    lines = sample(name).splitlines(keepends=True)
    dropped = (b"".join(lines[:n] + lines[n + 1 :]) for n in range(len(lines)))
    repeated = (b"".join(lines[:n] + lines[n : n + 1] + lines[n:]) for n in range(len(lines)))
    assert tally(dropped).alerts > 0
    assert tally(repeated).alerts > 0


@pytest.mark.parametrize("name", [name for name in LINES if name.endswith(".txt")])
def test_repeated_lines_of_text_change_nothing(name: str) -> None:
    """The same field twice is said only if it says something else the second time."""
    whole = Tally().feed(sample(name))
    assert whole is not None
    lines = sample(name).splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line[:1].isspace() or line.startswith(b"COMMENTS") or line.rstrip().endswith(b","):
            continue
        alert = Tally().feed(b"".join([*lines[:number], line, *lines[number:]]))
        assert alert is not None
        assert alert.concerns == whole.concerns, line
        assert alert.localization == whole.localization


@pytest.mark.parametrize("name", LINES)
def test_lines_of_two_notices(name: str) -> None:
    """A notice that goes over into another one, at every line."""
    other = next(o for o in LINES if o != name and o.endswith(Path(name).suffix))
    first, second = (sample(n).splitlines(keepends=True) for n in (name, other))
    tally(
        b"".join(first[:n] + second[max(0, n + shift) :])
        for n in range(len(first))
        for shift in (-1, 0, 1)
    )


@pytest.mark.parametrize("word", range(40))
def test_every_word_of_a_packet(word: int) -> None:
    extremes = (0, 1, -1, 2**31 - 1, -(2**31), 3_600_000, 900_001, -900_001, 10_000, 8_640_000)

    def packets() -> Iterator[bytes]:
        for name in SAMPLES[:2]:
            value = sample(name)
            for number in extremes:
                yield (
                    value[: 4 * word]
                    + number.to_bytes(4, "big", signed=True)
                    + value[4 * word + 4 :]
                )

    tally(packets())


# ------------------------------------------------------------------------------- by hypothesis

RELAXED = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
PIECES = st.sampled_from(
    [
        *(b"", b"\0", b"\xff", b"\xef\xbb\xbf", b"\n", b"\r", b"\t", b" ", b"\\", b'"', b"'"),
        *(b"{", b"}", b"[", b"]", b"<", b">", b"&", b"]]>", b"<!--", b"<![CDATA[", b",", b":"),
        *(
            b"null",
            b"NaN",
            b"true",
            b"-1",
            b"1e400",
            b"9" * 50,
            b"0" * 400,
            b"0x",
            b"+",
            b"-",
            b"e",
        ),
        *(b".", b"_", b"\\u0000", b"\\ud800", b"(J2000)", b"RUN_NUM: 5\n", b"[TeV]"),
        *(b"\xc2\x85", b"\xe2\x80\xa8", b"\xd9\xa1"),
    ]
)


def check(value: bytes) -> None:
    """Feed one message; an alert must also survive JSON."""
    found = Tally()
    alert = found.feed(value)
    assert found.wrong == []
    assert found.slowest_s < SLOWEST_S
    if alert is not None:
        line = json.dumps(alert.to_dict(), allow_nan=False)
        line.encode()
        assert Alert.from_dict(json.loads(line)) == alert


@RELAXED
@given(
    name=st.sampled_from(SAMPLES),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 12), PIECES | st.binary(max_size=4)), max_size=4
    ),
)
def test_cut_and_paste(name: str, edits: list[tuple[float, int, bytes]]) -> None:
    value = sample(name)
    for place, length, piece in edits:
        start = int(place * len(value))
        value = value[:start] + piece + value[start + length :]
    check(value)


WORDS = st.text(max_size=8) | st.sampled_from(
    ["null", "1_2", "142000_1234567", "2026-05-02T04:00:00Z", "S260502ab", "https://a", "\ud800"]
)
NUMBERS = st.integers() | st.floats() | st.sampled_from([-1, 0, 1e308, 10**400, 0.5])
JUNK = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)


def paths(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value in decoded JSON."""
    items: Iterable[tuple[str | int, object]] = ()
    if isinstance(data, dict):
        items = data.items()
    elif isinstance(data, list):
        items = enumerate(data)
    for key, value in items:
        yield (*path, key)
        yield from paths(value, (*path, key))


@functools.cache
def json_places() -> tuple[tuple[str, tuple[str | int, ...]], ...]:
    names = [name for name in SAMPLES if name.endswith(".json")]
    return tuple((name, path) for name in names for path in paths(json.loads(sample(name))))


@settings(RELAXED, max_examples=500)
@given(place=st.deferred(lambda: st.sampled_from(json_places())), junk=JUNK)
def test_junk_for_any_json_value(place: tuple[str, tuple[str | int, ...]], junk: object) -> None:
    name, path = place
    data = json.loads(sample(name))
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = junk
    check(json.dumps(data).encode())


@RELAXED
@given(
    key=st.deferred(lambda: st.sampled_from(sorted(json.loads(dictionary())))),
    junk=JUNK,
    literal=st.booleans(),
)
def test_junk_for_any_value_of_a_dictionary(key: str, junk: object, literal: bool) -> None:
    data = json.loads(dictionary())
    data[key] = junk
    check((repr(data) if literal else json.dumps(data)).encode("utf-8", "surrogatepass"))


@RELAXED
@given(
    line=st.integers(0, 20),
    junk=st.text(max_size=30) | PIECES.map(lambda piece: piece.decode("latin-1")),
)
def test_junk_for_any_value_of_a_text(line: int, junk: str) -> None:
    lines = sample(SAMPLES[4]).decode().splitlines()
    lines[line] = f"{lines[line].partition(':')[0]}: {junk}"
    check("\n".join(lines).encode("utf-8", "surrogatepass"))


@RELAXED
@given(
    attribute=st.integers(0, 80),
    junk=st.text(st.characters(codec="utf-8", exclude_characters='<&"'), max_size=30)
    | st.sampled_from(["", "-1", "NaN", "1e400", "0", "9" * 30, "true", "1.0", "-0"]),
)
def test_junk_for_any_attribute_of_a_voevent(attribute: int, junk: str) -> None:
    pieces = sample(SAMPLES[8]).decode().split(' value="')
    number = 1 + attribute % (len(pieces) - 1)
    pieces[number] = junk + pieces[number][pieces[number].index('"') :]
    check(' value="'.join(pieces).encode())


@RELAXED
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")))
def test_noise(value: bytes) -> None:
    check(value)


@RELAXED
@given(
    st.sampled_from([b"{", b"<voe:VOEvent ", b"NOTICE_TYPE: ICECUBE Gold\n", b"\0\0\0\xad"]),
    st.binary(),
)
def test_noise_that_starts_well(start: bytes, rest: bytes) -> None:
    check(start + rest)
