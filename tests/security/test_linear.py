"""Reading takes time in proportion to length.

Each reader gets a notice that it takes for its own, with a piece that its expressions begin to
match, a thousand times and more. That takes some 3 us a character; one quadratic expression would
make it seconds. On a machine that is busy, or watched, it may take longer: then half of it has to
take about half as long; with a quadratic expression it is a quarter.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from icecube_hooks import Message, NoticeError
from icecube_hooks.host import load_plugins

FIXTURES = Path(__file__).parents[2] / "fixtures"
LENGTH = 15_000
SLOWEST_S = 0.3

PIECES = (
    *(" ", "\t", "\n", "\r\n", "a", "A ", "1", "1.", "9 ", "-", "+", "+/-", "(", ")", "((", "{"),
    *("RA: ", "RA = 1, Dec = 2 ", "Dec ", "1h 2m ", "1d ", "(J2000), ", "deg ", "90 % ", "arcmin "),
    *("On 2026-05-02 at ", "IceCube detected ", "energy of ", "FAR ", "false alarm rate ", "%"),
    *("https://a", "https://a.fits", "S260502ab ", "IceCube-260502A ", "142000_1234567", "Run "),
    *("direction ", "refined to ", "p-value of 0.1 ", "&amp;", "&#0;", "\ufffd", "\ufffd1", "\\*"),
    *("reports ", "The IceCube Collaboration ", "on behalf of ", "retract ", "less than ", "_"),
    *("26/05/02 ", "00:00:00 ", "TJD; ", "DOY; ", "SOD {", "UT ", "SRC_RA: ", "K: v\n", "Event "),
    *("consistent with ", "selected by ", "transit interval ", "2026 May 2 ", "12:00 UT ", "and "),
    *("signalness ", "containment ", "TITLE: ", "[", "to ", "`", '"skymap":"', "A/9+", "="),
)  # fmt: skip
KEYS = ("SRC_RA", "SRC_ERROR", "DISCOVERY_DATE", "DISCOVERY_TIME", "NOTICE_DATE", "COMMENTS")


def of_circular(long: str) -> Iterator[bytes]:
    head = "TITLE: GCN CIRCULAR\nNUMBER: 1\nSUBJECT: {}\nDATE: 26/05/02 07:08:09 GMT\nFROM: x\n\n"
    for subject, who in (
        ("IceCube-260502A", "The IceCube Collaboration reports:"),
        ("LIGO/Virgo S260502ab", "The IceCube Collaboration reports:"),
        ("IceCube and AMON coincidence", "AMON and IceCube report:"),
    ):
        yield f"{head.format(subject)}{who}\n\nOn {long} x".encode()


def of_text(long: str) -> Iterator[bytes]:
    name = "gcn.classic.text.ICECUBE_CASCADE/139414_34468187_0.txt"
    notice = (FIXTURES / name).read_text()
    for key in (
        "SRC_RA",
        "SRC_ERROR",
        "DISCOVERY_DATE",
        "DISCOVERY_TIME",
        "NOTICE_DATE",
        "COMMENTS",
    ):
        start = notice.index(f"{key}:") + len(key) + 1
        yield f"{notice[:start]} 1{long}{notice[start:]}".encode()


def of_xml(long: str) -> Iterator[bytes]:
    name = "gcn.classic.voevent.ICECUBE_CASCADE/139414_34468187_0.xml"
    notice = (FIXTURES / name).read_text()
    safe = "".join(c for c in long if c not in "<>&\"'" and c.isprintable())
    for place in ('ivorn="', 'name="event_name"   value="', "<Date>", "<ISOTime>", "<C1>"):
        yield notice.replace(place, place + safe, 1).encode()


def of_json(long: str) -> Iterator[bytes]:
    name = "gcn.notices.icecube.gold_bronze_track_alerts/135553_7213992_1.json"
    notice = json.loads((FIXTURES / name).read_bytes())
    for key in ("event_name", "id", "trigger_time", "healpix_url", "pipeline", "$schema", long):
        yield json.dumps(notice | {key: long}).encode()


def of_wave(long: str) -> Iterator[bytes]:
    """LVK's alert, which is recognised by its topic or by three keys."""
    notice = {"superevent_id": "S260502ab", "alert_type": "UPDATE", "time_created": "2026-05-02"}
    event = {"time": "2026-05-02T04:00:00Z", "skymap": long}
    yield json.dumps(notice | {"event": event}).encode()
    yield json.dumps(notice | {"event": event | {long: 1.0, "classification": {long: 1}}}).encode()
    for key in notice:
        yield json.dumps(notice | {"event": event, key: long}).encode()


PARSERS = load_plugins(allow=["icecube-plugin"]).parsers
READERS: dict[str, Callable[[str], Iterator[bytes]]] = {
    "circulars": of_circular,
    "classic-text": of_text,
    "voevent": of_xml,
    "track-json": of_json,
    "lvk-gw": of_wave,
}


def spent(parse: Callable[[Message], object], value: bytes) -> float:
    """Return the CPU time of a reading [s]; of the fastest of three, if it takes long."""
    times = [_once(parse, value)]
    if times[0] > SLOWEST_S:
        times += [_once(parse, value) for _ in range(2)]
    return min(times)


def _once(parse: Callable[[Message], object], value: bytes) -> float:
    began = time.thread_time()
    with contextlib.suppress(NoticeError):
        parse(Message(value=value))
    return time.thread_time() - began


@pytest.mark.parametrize("name", READERS)
def test_time_grows_with_length(name: str) -> None:
    parse, notices = PARSERS[name].parse, READERS[name]
    for piece in PIECES:
        n = LENGTH // len(piece)
        for whole, half in zip(notices(piece * n), notices(piece * (n // 2)), strict=True):
            took = spent(parse, whole)
            assert took < SLOWEST_S or took < 3 * spent(parse, half), piece
