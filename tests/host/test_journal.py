from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from icecube_hooks import Message, NoticeError, Record, RefusedForGood
from icecube_hooks.testing import example_records, make_alert, make_message
from icecube_plugin.host import Cursors, Journal, StoreError, tail
from icecube_plugin.host.journal import Refusal
from icecube_plugin.host.tail import Entry

RECORDS = list(example_records())
FIRST = RECORDS[0]
OTHER = next(r for r in RECORDS if r.alert.notice_id != FIRST.alert.notice_id)
MESSAGE = Message(
    value=b"\x00not a notice\xff",
    topic="gcn.classic.text.ICECUBE_CASCADE",
    partition=1,
    offset=42,
    timestamp=datetime(2026, 5, 2, tzinfo=UTC),
    key=b"k",
    headers=(("h", b"\x01"), ("none", None)),
)


def broken(message: Message = MESSAGE) -> Refusal:
    error = NoticeError("expected a number", field="ra", value="x").at(message)
    return Refusal(message, error)


def at(record: Record, **place: object) -> Record:
    message = Message(value=record.message.value, **place)  # type: ignore[arg-type]
    return record.replace(message=message)


def change(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, values)


def delivered(entries: Sequence[Entry]) -> list[Record | None]:
    return [entry.record for entry in entries]


def recognised(there: Journal, *records: Record) -> list[Record]:
    return [item for item in there.recognise(records) if isinstance(item, Record)]


def test_looking_makes_no_file(tmp_path: Path) -> None:
    there = Journal(tmp_path / "new")
    assert list(there.letters()) == []
    assert there.recognise([FIRST]) == [FIRST]
    assert not (tmp_path / "new").exists()


def test_records_and_refusals_come_back_whole_and_in_order(tmp_path: Path) -> None:
    written = Journal(tmp_path / "new", {"icecube-plugin": "1.2.3"})
    assert written.append([RECORDS[0], broken(), RECORDS[1]]) == 3
    assert written.append(RECORDS[2:4], sink="only") == 5
    for there in (written, Journal(tmp_path / "new")):  # from memory, and from the file
        there.look()
        entries = there.after(0).entries
        assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
        assert delivered(entries) == [RECORDS[0], None, *RECORDS[1:4]]
        assert [entry.sink for entry in entries] == [None, None, None, "only", "only"]
        assert not any(entry.is_lost for entry in entries)
        assert delivered(there.after(4).entries) == [RECORDS[3]]
        assert there.after(5).entries == []
        (letter,) = there.letters()
        assert letter.message == MESSAGE
        assert (letter.number, letter.sink, letter.error) == (1, None, "NoticeError")
        expected = "gcn.classic.text.ICECUBE_CASCADE[1]@42: ra: expected a number, got 'x'"
        assert letter.reason == expected
        assert letter.versions == {"icecube-plugin": "1.2.3"}
    assert (tmp_path / "new" / "journal.sqlite").stat().st_mode & 0o777 == 0o600


def test_dead_letters_are_one_for_each_message_and_sink(tmp_path: Path) -> None:
    there = Journal(tmp_path)
    for _ in range(3):
        there.append([broken(), FIRST])
        there.refuse(there.after(1).entries[0], "archive", RefusedForGood("no"))
    letters = list(there.letters())
    assert [(letter.sink, letter.reason) for letter in letters] == [
        (None, letters[0].reason), ("archive", "no")
    ]  # fmt: skip
    assert letters[1].message == FIRST.message
    there.forget_letter(1)
    assert [letter.number for letter in there.letters()] == [2]
    assert list(there.letters([1])) == []


def test_the_oldest_dead_letters_are_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there = Journal(tmp_path, letters_limit=3)
    places = [make_message(value=b"?", offset=number) for number in range(5)]
    there.append([broken(place) for place in places])
    assert [letter.message.offset for letter in there.letters()] == [2, 3, 4]
    assert "more than 3 dead letters" in caplog.text


def test_a_notice_that_came_before_is_recognised(tmp_path: Path) -> None:
    there = Journal(tmp_path)
    there.append([FIRST])
    (found,) = recognised(there, at(FIRST, topic="t", partition=1, offset=5))
    (sighting,) = found.sightings
    assert found.is_repeat
    assert (sighting.record_id, sighting.offset) == (FIRST.id, FIRST.message.offset)
    assert there.recognise([OTHER]) == [OTHER]
    assert Record.from_dict(found.to_dict()) == found


def test_records_of_one_batch_see_each_other(tmp_path: Path) -> None:
    alert = make_alert()
    one = Record.of(Message(value=b"one"), alert)
    text = Record.of(Message(value=b"two"), alert)
    assert one.alert.notice_id == text.alert.notice_id
    first, second = recognised(Journal(tmp_path), one, text)
    assert not first.is_repeat
    assert [sighting.record_id for sighting in second.sightings] == [one.id]


def test_the_same_message_again_is_one_sighting_and_the_oldest_are_forgotten(
    tmp_path: Path,
) -> None:
    there = Journal(tmp_path, remembered=3)
    there.append([FIRST])
    there.append(recognised(there, FIRST))
    (found,) = recognised(there, FIRST)
    assert len(found.sightings) == 1
    there.append([at(OTHER, topic="t", partition=0, offset=n) for n in range(10)])
    assert there.recognise([FIRST]) == [FIRST]
    (found,) = recognised(there, OTHER)
    assert [sighting.offset for sighting in found.sightings] == [7, 8, 9]


def test_a_message_is_known_by_place_and_bytes(tmp_path: Path) -> None:
    there = Journal(tmp_path, remembered=0)
    one = at(FIRST, topic="t", partition=0, offset=7)
    there.append([one, broken()])
    of_a_file = at(FIRST, offset=None)
    elsewhere = [at(FIRST, topic="t", partition=0, offset=8), of_a_file, of_a_file]
    other_bytes = one.replace(id=f"{one.id}x")
    assert there.recognise([one, other_bytes, *elsewhere]) == [one, other_bytes, *elsewhere]
    asked = [one, other_bytes, *elsewhere, elsewhere[0]]
    assert there.recognise(asked, again=False) == [other_bytes, *elsewhere]


def test_a_journal_with_a_column_that_is_no_longer_used_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    there = Journal(tmp_path)
    there.append([FIRST])
    there.close()
    change(path, "ALTER TABLE entries RENAME TO newer")
    change(
        path,
        "CREATE TABLE entries (seq INTEGER PRIMARY KEY, at REAL NOT NULL, topic TEXT,"
        ' partition INTEGER, "offset" INTEGER, origin TEXT, digest BLOB, record_id TEXT,'
        " notice_id TEXT, sink TEXT, error TEXT)",
    )
    change(
        path,
        "INSERT INTO entries SELECT seq, at, topic, partition, \"offset\", origin, x'00',"
        " record_id, notice_id, sink, error FROM newer",
    )
    assert there.recognise([FIRST], again=False) == []
    assert there.append([OTHER]) == 2
    assert delivered(there.after(0).entries) == [FIRST, OTHER]


def test_numbers_are_not_used_again(tmp_path: Path) -> None:
    there = Journal(tmp_path, days=1e-9, remembered=0)
    last = there.append(RECORDS[:3])
    time.sleep(0.01)
    assert there.prune() == 2
    assert there.append(RECORDS[3:4]) == last + 1
    assert there.prune() == 3
    found = Journal(tmp_path)
    assert found.look() == 4
    assert [(e.seq, e.is_lost) for e in found.after(0).entries] == [(4, False)]


def test_what_is_removed_from_the_journal_is_lost_and_dead_letters_stay(tmp_path: Path) -> None:
    small = Journal(tmp_path, limit_bytes=1.0)
    small.append([RECORDS[0], broken(), *RECORDS[1:4]])
    assert small.prune() == 4
    entries = Journal(tmp_path)
    entries.look()
    assert [(e.record, e.is_lost) for e in entries.after(0).entries] == [
        (None, True), (None, False), (None, True), (None, True), (RECORDS[3], False)
    ]  # fmt: skip
    assert [letter.message for letter in entries.letters()] == [MESSAGE]


@pytest.mark.parametrize("part", ["crc = 7", "body = x'00'", "body = 'text'", "body = NULL"])
def test_a_damaged_row_is_told_and_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    written = Journal(tmp_path)
    written.append(RECORDS[:3])
    change(written.path, f"UPDATE bodies SET {part} WHERE seq = 2")
    change(written.path, "UPDATE entries SET topic = CAST(x'ff00' AS TEXT) WHERE seq = 3")
    there = Journal(tmp_path)
    there.look()
    entries = there.after(0).entries
    assert delivered(entries) == [RECORDS[0], None, RECORDS[2]]
    assert [entry.is_lost for entry in entries] == [False, True, False]
    assert there.damaged == 1
    assert f"entry 2 in {written.path} is damaged" in caplog.text


def test_a_damaged_page_is_told_and_holds_up_no_other(tmp_path: Path) -> None:
    written = Journal(tmp_path)
    big = [make_message(value=b"%d" % n + bytes(100_000), offset=n) for n in range(8)]
    written.append([broken(message) for message in big])
    written.close()
    data = bytearray(written.path.read_bytes())
    middle = data.index(b'"AAAAAAA') if b'"AAAAAAA' in data else len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)
    written.path.write_bytes(bytes(data))
    found = [letter.message for letter in Journal(tmp_path).letters()]
    assert 5 <= len(found) < 8
    assert all(message in big for message in found)


def test_a_file_that_is_no_database_is_renamed_and_begun_afresh(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there = Journal(tmp_path)
    there.append(RECORDS[:2])
    cursors = Cursors(tmp_path, there)
    cursors.put("a", "x", 2)
    before = there.uuid
    there.close()
    there.path.write_bytes(b"garbage" * 1000)
    assert there.append(RECORDS[2:3]) == 1
    assert there.uuid != before
    (aside,) = tmp_path.glob("journal.sqlite.damaged-*")
    assert aside.read_bytes() == b"garbage" * 1000
    assert "begun afresh" in caplog.text
    assert cursors.get("a", "x") == 0  # everything in the new journal is new
    assert cursors.move("a", "x", 0, 1)
    assert delivered(there.after(0).entries) == [RECORDS[2]]


def test_a_journal_that_somebody_has_removed_is_begun_afresh(tmp_path: Path) -> None:
    there = Journal(tmp_path)
    there.append(RECORDS[:2])
    for file in tmp_path.glob("journal.sqlite*"):
        file.unlink()
    assert there.append(RECORDS[2:4]) == 2
    assert delivered(Journal(tmp_path).after(0).entries or there.after(0).entries) == RECORDS[2:4]


def test_what_cannot_be_written_is_an_error_and_shown_to_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    there = Journal(tmp_path / "file")
    with pytest.raises(StoreError, match=r"cannot use .*journal\.sqlite"):
        there.append(RECORDS)
    assert there.after(0, eager=True).entries == []


def test_sinks_may_see_a_batch_before_it_is_on_disk(tmp_path: Path) -> None:
    """And are told if it never gets there: it must not move their cursors."""
    there = Journal(tmp_path)
    there.append(RECORDS[:1])
    seen: list[object] = []

    def watch() -> None:
        with there.tail.changed:
            there.tail.changed.wait_for(lambda: there.tail.has_more(1, eager=True), 10.0)
        seen.append(there.tail.has_more(1, eager=False))
        part = there.after(1, eager=True)
        seen.append(delivered(part.entries))
        seen.append(there.tail.is_durable(part))

    thread = threading.Thread(target=watch)
    thread.start()
    there.append(RECORDS[1:2])
    thread.join()
    assert seen[1:] == [RECORDS[1:2], True]


def test_a_careless_parser_costs_its_own_record_only(tmp_path: Path) -> None:
    odd = Message(value=b"odd", topic="half a character \udcff", partition=0, offset=1)
    there = Journal(tmp_path)
    there.append([FIRST, broken(odd)])
    assert [letter.message.value for letter in there.letters()] == [b"odd"]


def test_a_time_is_found(tmp_path: Path) -> None:
    there = Journal(tmp_path)
    there.append(RECORDS[:2])
    time.sleep(0.02)
    now = datetime.now(UTC)
    there.append(RECORDS[2:3])
    assert there.since(now - timedelta(days=1)) == 1
    assert there.since(now) == 3
    assert there.since(now + timedelta(days=1)) == 4


ADD = """
import sys, pathlib
from icecube_hooks.testing import example_records
from icecube_plugin.host import Journal
there = Journal(pathlib.Path(sys.argv[1]))
for _ in range(50):
    there.append(list(example_records())[:2])
"""


def test_several_processes_append_and_each_number_is_used_once(tmp_path: Path) -> None:
    there = Journal(tmp_path)
    command = [sys.executable, "-c", ADD, str(tmp_path)]
    others = [subprocess.Popen(command) for _ in range(2)]
    mine = [there.append(RECORDS[2:3]) for _ in range(50)]
    assert [other.wait(300) for other in others] == [0, 0]
    assert there.look() == 250
    found, after = [], 0
    while entries := there.after(after).entries:
        found += [entry.record for entry in entries]
        after = entries[-1].seq
    assert after == 250
    assert [found[seq - 1] for seq in mine] == [RECORDS[2]] * 50
    assert found.count(RECORDS[0]) == found.count(RECORDS[1]) == 100


LOOK = """
import sys, pathlib
from icecube_plugin.host import Journal
there = Journal(pathlib.Path(sys.argv[1]))
print(there.look())
there.close()
"""


def test_a_process_that_looks_and_goes_takes_nothing_away(tmp_path: Path) -> None:
    """Whoever closes a database last takes its log away: not while others write into that."""
    command = [sys.executable, "-c", LOOK, str(tmp_path)]
    with closing(Journal(tmp_path)) as there:
        there.look()
        for count in (1, 2, 3):
            there.append(RECORDS[:1])
            assert int(subprocess.check_output(command, timeout=300)) == count
    with closing(Journal(tmp_path)) as again:
        assert again.look() == 3


def test_a_journal_lives_through_a_fork(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib; from tests.host.test_journal import *;"
        "there = Journal(pathlib.Path(sys.argv[1])); there.append(RECORDS[:1]);"
        "child = os.fork();"
        "there.append(RECORDS[1:2] if child == 0 else RECORDS[2:3]);"
        "os._exit(0) if child == 0 else sys.exit(os.waitpid(child, 0)[1])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, timeout=300)
    assert done.returncode == 0
    there = Journal(tmp_path)
    there.look()
    found = delivered(there.after(0).entries)
    assert found[0] == RECORDS[0]
    assert sorted(r.id for r in found if r) == sorted(r.id for r in RECORDS[:3])


def test_the_memory_of_the_newest_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "MOST", 3)
    there = Journal(tmp_path)
    there.append(RECORDS[:5])
    change(there.path, "DELETE FROM bodies WHERE seq < 4")  # of the file, not of the memory
    entries = there.after(0).entries
    assert [entry.is_lost for entry in entries] == [True, True, True, False, False]
    assert delivered(there.after(2).entries) == RECORDS[2:5]
