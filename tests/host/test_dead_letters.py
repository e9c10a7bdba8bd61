from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from icecube_hooks import Message, NoticeError, RefusedForGood
from icecube_plugin.host import DeadLetters, StoreError

MESSAGE = Message(
    value=b"\x00not a notice\xff",
    topic="gcn.classic.text.ICECUBE_CASCADE",
    partition=1,
    offset=42,
    timestamp=datetime(2026, 5, 2, tzinfo=UTC),
    key=b"k",
    headers=(("h", b"\x01"), ("none", None)),
)


def test_a_letter_comes_back_whole(tmp_path: Path) -> None:
    store = DeadLetters(tmp_path / "letters.sqlite", {"icecube-plugin": "1.2.3"})
    store.add([MESSAGE], NoticeError("expected a number", field="ra", value="x").at(MESSAGE))
    (letter,) = store.letters()
    assert letter.message == MESSAGE
    assert (letter.sink, letter.error) == (None, "NoticeError")
    expected = "gcn.classic.text.ICECUBE_CASCADE[1]@42: ra: expected a number, got 'x'"
    assert letter.reason == expected
    assert letter.versions == {"icecube-plugin": "1.2.3"}
    assert letter.at.tzinfo is not None


def test_a_redelivered_message_is_one_letter_a_sink(tmp_path: Path) -> None:
    store = DeadLetters(tmp_path / "letters.sqlite")
    for _ in range(3):
        store.add([MESSAGE], NoticeError("no"))
        store.add([MESSAGE], RefusedForGood("no"), "archive")
    assert [letter.sink for letter in store.letters()] == [None, "archive"]


def test_letters_are_chosen_and_removed_by_number(tmp_path: Path) -> None:
    store = DeadLetters(tmp_path / "letters.sqlite")
    assert list(store.letters()) == []
    for offset in range(3):
        store.add([Message(value=b"x", topic="t", partition=0, offset=offset)], NoticeError("no"))
    store.remove(2)
    assert [letter.number for letter in store.letters()] == [1, 3]
    assert [letter.message.offset for letter in store.letters([3])] == [2]


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    with pytest.raises(StoreError, match=r"cannot keep dead letters in .*file"):
        DeadLetters(blocker / "letters.sqlite").add([MESSAGE], NoticeError("no"))
