"""The quick readers beside the careful ones: they read the same, or leave it alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icecube_hooks import Alert, Message, NoticeError
from icecube_plugin.notices import _usual_text, _usual_voevent, lvk, text, track, voevent
from icecube_plugin.notices._usual import lvk_alert, track_alert
from icecube_plugin.notices._usual_text import text_alert
from icecube_plugin.notices._usual_voevent import voevent_alert

Reader = Callable[[Message], Alert | None]

FIXTURES = Path(__file__).parents[2] / "fixtures"
PAIRS: dict[str, tuple[Reader, Reader]] = {
    "gcn.notices.icecube.lvk_nu_track_search": (lvk_alert, lvk.parse_any),
    "gcn.notices.icecube.gold_bronze_track_alerts": (track_alert, track.parse_any),
    "gcn.notices.icecube.test.gold_bronze_track_alerts": (track_alert, track.parse_any),
    "gcn.classic.text.ICECUBE_ASTROTRACK_GOLD": (text_alert, text.parse_any),
    "gcn.classic.text.ICECUBE_ASTROTRACK_BRONZE": (text_alert, text.parse_any),
    "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD": (voevent_alert, voevent.parse_any),
    "gcn.classic.voevent.ICECUBE_ASTROTRACK_BRONZE": (voevent_alert, voevent.parse_any),
    "gcn.classic.voevent.ICECUBE_CASCADE": (voevent_alert, voevent.parse_any),
}
FILES = [path for topic in PAIRS for path in sorted((FIXTURES / topic).iterdir())]
LEFT_ALONE = {
    *("S230812aj-2-Preliminary", "S231025a-2-Preliminary"),  # positions in other spellings
    *("134187_72386329_0", "135553_7213992_1", "136348_65788242_1"),  # older versions, a box
    "136616_10000002_0_test",  # its role
}
MANY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def judged(read: Reader, message: Message) -> Alert | str | None:
    try:
        return read(message)
    except NoticeError as error:
        return error.reason


def assert_agree(quick: Reader, careful: Reader, message: Message) -> bool:
    """Hold the two against each other; return whether the quick one has read it."""
    found = quick(message)
    if found is None:
        return False
    expected = careful(message)
    assert found == expected
    assert repr(found) == repr(expected)  # -0.0, and an int in place of a float, are equal
    return True


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_fixtures_are_read_as_the_careful_reader_does(path: Path) -> None:
    quick, careful = PAIRS[path.parent.name]
    for topic in (path.parent.name, None):
        message = Message(value=path.read_bytes(), topic=topic)
        was_read = assert_agree(quick, careful, message)
        alert = careful(message)
        assert alert is not None
        doubts = set(alert.concerns) - {voevent.NOT_VALID}
        assert was_read is (path.stem not in LEFT_ALONE and not doubts)


def test_corpus_is_read_as_the_careful_reader_does(corpus: Path) -> None:
    read = 0
    for path in sorted(corpus.rglob("*")):
        for quick, careful in set(PAIRS.values()) if path.is_file() else ():
            read += assert_agree(quick, careful, Message(value=path.read_bytes()))
    assert read > 5


VALUES = st.one_of(
    st.none() | st.booleans() | st.integers(-3, 10**6) | st.floats(-400, 400),
    st.sampled_from([-1, -1.0, 0, 0.0, -0.0, 1, 1e-7, 180.0, 180.1, 360, 360.5, -90, 10**20, []]),
    st.sampled_from(["", "null", "2023-04-16", "142000_1", "142000_1_3", "S230914ak", "a:b", "é"]),
    st.sampled_from(["2023-04-16 05:22:26Z", "2023-04-16T05:22:26", "2023-W16-7T05:22:26Z"]),
    st.sampled_from(
        ["2023-04-16T05:22:26.1234567Z", "2023-04-16T05:22:26,5Z", "1998-01-01T00:00:00Z"]
    ),
    st.sampled_from(
        ["2023-04-16T05:22:26+02:00", "2023-04-16T24:00:00Z", "2023-04-16T05:22:26.5Z"]
    ),
    st.sampled_from(
        ["2023-04-16T05:22:26.Z", "2023-04-16T05:22:26ZZ", "2023-04-16T05:22Z", "20230416T052226Z"]
    ),
    st.lists(st.floats(-10, 10) | st.sampled_from(["1", "142000_7", "142000_7_1"]), max_size=4),
)
JSON_FILES = [path for path in FILES if path.suffix == ".json"]
TEXT_FILES = [path for path in FILES if path.suffix in (".txt", ".xml")]


def places(data: Any) -> list[tuple[Any, Any]]:
    """Return each object or list with each of its keys, at all depths."""
    keys: Any = (
        data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    )
    found = [(data, key) for key in keys]
    for key in keys:
        found += places(data[key])
    return found


@MANY
@given(data=st.data())
def test_changed_json_is_read_as_the_careful_reader_does(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(JSON_FILES))
    notice = json.loads(path.read_bytes())
    inside, key = data.draw(st.sampled_from(places(notice)))
    if data.draw(st.booleans()):
        inside[key] = data.draw(VALUES)
    elif isinstance(inside, dict):
        inside["new" if data.draw(st.booleans()) else "id"] = inside.pop(key)
    value = json.dumps(notice, ensure_ascii=data.draw(st.booleans())).encode()
    assert_agree(*PAIRS[path.parent.name], Message(value=value, topic=path.parent.name))


@pytest.mark.parametrize("path", JSON_FILES[:4] + JSON_FILES[-4:], ids=lambda path: path.stem)
@pytest.mark.parametrize("colon", [":", ": ", " :", "\n:", "\t:\r\n"])
def test_a_key_that_is_stated_twice_is_left_to_the_careful_reader(path: Path, colon: str) -> None:
    quick, careful = PAIRS[path.parent.name]
    notice = path.read_text()
    for match in re.finditer(r'("[\w$]+"): *([\d.-]+|"[^"]*"|null|true|false)(,?)\n', notice):
        again = f"{match[1]}{colon}{match[2]}"
        for twice in (f"{match[0][:-1].rstrip(',')}, {again}{match[3]}\n", f"{again}, {match[0]}"):
            value = (notice[: match.start()] + twice + notice[match.end() :]).encode()
            json.loads(value)
            assert quick(Message(value=value)) is None
            assert judged(careful, Message(value=value)) is not None


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"null", b"\xff", b"{" * 100_000, b'{"a":'])
def test_what_is_no_notice_is_left_alone(value: bytes) -> None:
    for quick, _ in PAIRS.values():
        assert quick(Message(value=value)) is None


CHARACTERS = st.sampled_from(
    [*"0123456789.+-: {}[]%()\n\t'\",;xedhms<>&/=", "\x0b", "\x85", "é", "\\", "<!-- -->"]
)


@MANY
@given(data=st.data())
def test_changed_text_is_read_as_the_careful_reader_does(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(TEXT_FILES))
    notice = path.read_text()
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(notice) - 1))
        width = data.draw(st.integers(0, 2))
        notice = notice[:place] + data.draw(CHARACTERS) + notice[place + width :]
    message = Message(value=notice.encode(), topic=path.parent.name)
    assert_agree(*PAIRS[path.parent.name], message)


MARKUP = re.compile(r'<[^<>]+>|\s+[\w:]+="[^"]*"')


@MANY
@given(data=st.data())
def test_changed_markup_is_read_as_the_careful_reader_does(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path in TEXT_FILES if path.suffix == ".xml"]))
    notice = path.read_text()
    piece = data.draw(st.sampled_from(list(MARKUP.finditer(notice))))
    times = data.draw(st.sampled_from([0, 2]))
    changed = notice[: piece.start()] + times * piece[0] + notice[piece.end() :]
    assert_agree(*PAIRS[path.parent.name], Message(value=changed.encode()))


DIGITS = re.compile(r"\d")


@MANY
@given(data=st.data())
def test_text_with_other_digits_is_read_as_the_careful_reader_does(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(TEXT_FILES))
    notice = path.read_text()
    place = data.draw(st.sampled_from([match.start() for match in DIGITS.finditer(notice)]))
    notice = notice[:place] + data.draw(st.sampled_from("0123456789")) + notice[place + 1 :]
    assert_agree(*PAIRS[path.parent.name], Message(value=notice.encode()))


@pytest.mark.parametrize("module", [_usual_text, _usual_voevent])
def test_no_group_is_possessive(module: Any) -> None:
    """Python before 3.11.5 matches such groups wrongly; we do not test on it."""
    assert re.search(r"\)(?:[?*+]|\{[0-9,]+\})\+", module._NOTICE.pattern) is None
