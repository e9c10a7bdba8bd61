from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import ConfigError, NoticeError, Record, RefusedForGood, RetryLater, Sink
from icecube_hooks.testing import RecordingSink, example_records, make_alert, make_message
from icecube_plugin.host import Cursors, Journal, StoreError, worker
from icecube_plugin.host.config import SinkConfig
from icecube_plugin.host.journal import Refusal
from icecube_plugin.host.worker import Worker, lock_path
from tests.host.sinks import Troubled
from tests.patience import PATIENCE_S, wait_for

RECORDS = list(example_records())
IDS = [record.id for record in RECORDS]


class Room:
    """A data folder and the workers in it."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder)
        self.cursors = Cursors(folder, self.journal)
        self.workers: list[Worker] = []

    def worker(
        self, make: Callable[[], Sink], *, eager: bool = True, name: str = "s", **options: Any
    ) -> Worker:
        config = SinkConfig(name=name, type="x", **options)
        self.journal.look()
        position = self.cursors.begin(name, "x", 0)
        made = Worker(config, make, self.journal, self.cursors, eager=eager, position=position)
        made.start()
        self.workers.append(made)
        return made

    def cursor(self, name: str = "s") -> int | None:
        return self.cursors.get(name, "x")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    for each in made.workers:
        each.stop()
    for each in made.workers:
        getattr(each._sink, "gate", threading.Event()).set()
        each.join(PATIENCE_S)
    made.journal.close()


def letters(room: Room) -> list[tuple[int | None, str, str | None]]:
    return [(x.message.offset, x.reason, x.sink) for x in room.journal.letters()]


def test_a_sink_gets_what_comes_and_its_cursor_moves(room: Room) -> None:
    sink = Troubled()
    made = room.worker(lambda: sink)
    room.journal.append(RECORDS[:2])
    room.journal.append([Refusal(make_message(), NoticeError("no")), *RECORDS[2:]])
    wait_for(lambda: room.cursor() == room.journal.tail.last)
    assert sink.ids == IDS
    assert (made.state.written, made.state.waiting) == (len(IDS), 0)
    assert made.state.last_success is not None
    made.stop()
    made.join(PATIENCE_S)
    assert sink.closed


def test_what_is_there_goes_out_after_a_restart_once(room: Room) -> None:
    room.journal.append(RECORDS[:3])
    first, second = Troubled(), Troubled()
    made = room.worker(lambda: first)
    wait_for(lambda: room.cursor() == 3)
    made.stop()
    made.join(PATIENCE_S)
    room.journal.append(RECORDS[3:])
    room.worker(lambda: second)
    wait_for(lambda: room.cursor() == len(IDS))
    assert (first.ids, second.ids) == (IDS[:3], IDS[3:])


def test_a_sink_that_exits_or_is_broken_stays_alone(room: Room) -> None:
    good = Troubled()
    room.worker(lambda: Troubled(SystemExit(3), IDS[:1]), name="exits")
    room.worker(lambda: Troubled(ZeroDivisionError("oops"), IDS[1:2]), name="broken")
    room.worker(lambda: good, name="good")
    room.journal.append(RECORDS)
    wait_for(lambda: all(room.cursor(name) == len(IDS) for name in ("exits", "broken", "good")))
    assert good.ids == IDS
    place = "(sinks.py:37)"
    assert sorted(letters(room), key=str) == sorted(
        [
            (RECORDS[0].message.offset, f"sink exits: SystemExit: 3 {place}", "exits"),
            (RECORDS[1].message.offset, f"sink broken: ZeroDivisionError: oops {place}", "broken"),
        ],
        key=str,
    )


def test_only_the_records_to_blame_are_refused_and_in_order(room: Room) -> None:
    sink = Troubled(RefusedForGood("never"), [IDS[1]])
    made = room.worker(lambda: sink)
    room.journal.append(RECORDS)
    wait_for(lambda: room.cursor() == len(IDS))
    assert sink.ids == [i for i in IDS if i != IDS[1]]
    assert letters(room) == [(RECORDS[1].message.offset, "sink s: never", "s")]
    assert (made.state.written, made.state.refused) == (len(IDS) - 1, 1)


def test_refusals_of_a_sink_that_is_not_required_are_only_counted(room: Room) -> None:
    made = room.worker(lambda: Troubled(RefusedForGood("never"), IDS), required=False)
    room.journal.append(RECORDS)
    wait_for(lambda: room.cursor() == len(IDS))
    assert (made.state.refused, letters(room)) == (len(IDS), [])


def test_a_sink_that_is_down_is_behind_and_catches_up_in_order(room: Room) -> None:
    good, down = RecordingSink(), Troubled(RetryLater("down"), IDS)
    room.worker(lambda: good, name="good")
    made = room.worker(lambda: down)
    room.journal.append(RECORDS[:2])
    made.leave()
    room.journal.append(RECORDS[2:])
    wait_for(lambda: room.cursor("good") == len(IDS))
    state = made.state
    assert (state.waiting, state.in_trouble, state.last_error) == (len(IDS), True, "sink s: down")
    assert room.cursor() == 0
    down.bad = frozenset()  # it is back
    wait_for(lambda: room.cursor() == len(IDS))
    assert down.ids == IDS
    assert not made.state.in_trouble
    assert not made.is_behind


def test_a_write_that_hangs_is_seen_and_not_repeated(room: Room) -> None:
    hanging = Troubled()
    hanging.gate.clear()
    made = room.worker(lambda: hanging)
    room.journal.append(RECORDS[:1])
    assert hanging.entered.wait(PATIENCE_S)
    room.journal.append(RECORDS[1:])
    assert made.state.busy_since is not None
    hanging.gate.set()
    wait_for(lambda: room.cursor() == len(IDS))
    assert hanging.ids == IDS


def test_a_record_that_blocks_a_working_sink_is_put_aside(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may answer 500 to one record for ever: the others must not wait behind it."""
    monkeypatch.setattr(worker, "SUSPICIOUS", 2)
    sink = Troubled(RetryLater("500"), [IDS[1]])
    room.worker(lambda: sink)
    room.journal.append(RECORDS)
    wait_for(lambda: room.cursor() == len(IDS))
    assert sink.ids == [i for i in IDS if i != IDS[1]]
    assert letters(room) == [(RECORDS[1].message.offset, "sink s: 500", "s")]


def test_a_sink_that_is_down_for_all_loses_nothing_to_suspicion(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SUSPICIOUS", 2)
    sink = Troubled(RetryLater("down"), IDS)
    made = room.worker(lambda: sink)
    room.journal.append(RECORDS)
    wait_for(lambda: made._failures >= 4)
    assert (made.position, letters(room)) == (0, [])
    sink.bad = frozenset()
    wait_for(lambda: room.cursor() == len(IDS))
    assert sorted(sink.ids) == sorted(IDS)  # it may have come back in the middle of a look
    assert letters(room) == []


class Limited(Troubled):
    """Takes so many records, then none until it is told."""

    allowed = 2

    def write(self, records: Sequence[Record], /) -> None:
        for record in records:
            if not self.allowed:
                raise RetryLater("429 Too Many Requests")
            self.allowed -= 1
            self.ids.append(record.id)


def test_a_sink_that_takes_a_few_at_a_time_refuses_none(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SUSPICIOUS", 1)
    monkeypatch.setattr(worker, "PROBES", 2)
    sink = Limited()
    made = room.worker(lambda: sink)
    room.journal.append(RECORDS)
    wait_for(lambda: made._failures >= 2)
    assert letters(room) == []
    sink.allowed = 1000
    wait_for(lambda: room.cursor() == len(IDS))
    assert set(sink.ids) == set(IDS)
    assert letters(room) == []


def test_a_sink_is_made_again_until_that_works(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[int] = []
    sink = Troubled()

    def make() -> Sink:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("no space left")
        if len(attempts) == 2:
            try:
                raise RetryLater("is locked")
            except RetryLater as error:
                raise ConfigError("cannot open it", key="path") from error
        return sink

    made = room.worker(make)
    room.journal.append(RECORDS)
    wait_for(lambda: room.cursor() == len(IDS))
    assert sink.ids == IDS
    assert made.wrong is None
    assert "sink s: cannot be made: no space left; trying again" in caplog.text
    assert not made.state.in_trouble


def test_a_wrong_option_is_told_at_once(room: Room) -> None:
    def make() -> Sink:
        raise ConfigError("unknown option", key="sinks.s.colour")

    made = room.worker(make)
    assert made.ready.wait(PATIENCE_S)
    assert isinstance(made.wrong, ConfigError)


def test_a_sink_that_hangs_while_it_is_made_holds_nobody_up(room: Room) -> None:
    gate = threading.Event()
    good = Troubled()

    def make() -> Sink:
        gate.wait()
        return Troubled()

    made = room.worker(make, name="hangs")
    room.worker(lambda: good)
    room.journal.append(RECORDS)
    wait_for(lambda: room.cursor() == len(IDS))
    assert not made.ready.is_set()
    gate.set()
    wait_for(lambda: room.cursor("hangs") == len(IDS))


def test_a_sink_that_must_not_repeat_waits_for_the_disk(room: Room, tmp_path: Path) -> None:
    eager, careful = Troubled(), Troubled()
    room.worker(lambda: eager, name="eager")
    room.worker(lambda: careful, eager=False, name="careful")
    room.journal.append(RECORDS[:1])
    wait_for(lambda: room.cursor("careful") == room.cursor("eager") == 1)
    seen: list[tuple[int, int]] = []
    real = room.journal.tail.show

    def show(*arguments: Any) -> None:
        real(*arguments)
        wait_for(lambda: len(eager.ids) == 2)
        time.sleep(0.1)
        seen.append((len(eager.ids), len(careful.ids)))
        seen.append((room.cursor("eager") or 0, room.cursor("careful") or 0))

    room.journal.tail.show = show  # type: ignore[method-assign,assignment]
    room.journal.append(RECORDS[1:2])
    assert seen == [(2, 1), (1, 1)]  # no cursor passes what is not on disk
    wait_for(lambda: room.cursor("careful") == room.cursor("eager") == 2)
    assert careful.ids == IDS[:2]


def test_a_batch_that_never_gets_to_the_disk_moves_no_cursor(room: Room) -> None:
    sink = Troubled()
    room.worker(lambda: sink)
    real = room.journal.tail.show

    def show(*arguments: Any) -> None:
        real(*arguments)
        wait_for(lambda: sink.ids == IDS[:1])
        raise StoreError("disk full")

    room.journal.tail.show = show  # type: ignore[method-assign,assignment]
    with pytest.raises(StoreError):
        room.journal.append(RECORDS[:1])
    room.journal.tail.show = real  # type: ignore[method-assign]
    assert room.cursor() == 0
    room.journal.append(RECORDS[1:2])  # gets the number of the one that was not kept
    wait_for(lambda: room.cursor() == 1)
    assert sink.ids == IDS[:2]


def test_a_sink_gets_what_its_filter_lets_through_and_what_is_for_it(room: Room) -> None:
    search, other = Troubled(), Troubled()
    room.worker(lambda: search, name="search", filter={"kinds": ["lvk-search"]})
    room.worker(lambda: other, name="other")
    room.journal.append(RECORDS)
    room.journal.append(RECORDS[:1], sink="other")
    wait_for(lambda: room.cursor("search") == room.cursor("other") == len(IDS) + 1)
    assert search.ids == [r.id for r in RECORDS if r.alert.kind == "lvk-search"]
    assert other.ids == [*IDS, IDS[0]]


def test_a_filter_that_fails_holds_nothing_up(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    def fail(record: Record) -> bool:
        raise AttributeError("no such thing")

    sink = Troubled()
    made = room.worker(lambda: sink)
    made._accepts = fail
    room.journal.append(RECORDS[:2])
    wait_for(lambda: room.cursor() == 2)
    assert sink.ids == IDS[:2]
    assert "the filter of sink s has failed" in caplog.text


def test_old_records_are_skipped_and_counted(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    old = [make_message(timestamp=datetime(2026, 5, 2, tzinfo=UTC)), make_message(timestamp=None)]
    stale = [Record.of(message, make_alert()) for message in old]
    fresh = Record.of(make_message(timestamp=datetime.now(UTC)), make_alert(revision=7))
    unknown = Record.of(old[1], make_alert(notice_time=None, revision=8))
    sink = Troubled()
    made = room.worker(lambda: sink, skip_older_than_s=3600.0)
    room.journal.append([*stale, fresh, unknown])
    wait_for(lambda: room.cursor() == 4)
    assert sink.ids == [fresh.id, unknown.id]  # of the last, the time when it came counts
    assert made.state.skipped == 2
    assert "2 records are older than sink s wants them: skipped" in caplog.text


def test_what_the_journal_has_lost_is_counted(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    room.journal._limit_bytes = 1.0
    room.journal.append(RECORDS[:4])
    room.journal.prune()
    again = Room(room.journal.path.parent)
    sink = Troubled()
    made = again.worker(lambda: sink)
    wait_for(lambda: again.cursor() == 4)
    made.stop()
    made.join(PATIENCE_S)
    assert sink.ids == IDS[3:4]
    assert made.state.dropped == 3
    assert "3 records were removed, or damaged, before sink s had them" in caplog.text


def test_a_cursor_may_be_moved_while_the_sink_runs(room: Room) -> None:
    sink = Troubled()
    made = room.worker(lambda: sink)
    room.journal.append(RECORDS[:3])
    wait_for(lambda: room.cursor() == 3)
    room.cursors.put("s", "x", 1)
    wait_for(lambda: len(sink.ids) == 5)
    assert sink.ids == [*IDS[:3], *IDS[1:3]]
    room.cursors.forget("s")
    wait_for(lambda: room.cursor() == 3)  # one that runs stays where it is
    assert made.position == 3


def test_a_cursor_that_is_moved_in_the_middle_of_a_write_counts(room: Room) -> None:
    sink = Troubled()
    room.worker(lambda: sink)
    room.journal.append(RECORDS[:2])
    wait_for(lambda: room.cursor() == 2)
    sink.entered.clear()
    sink.gate.clear()
    room.journal.append(RECORDS[2:3])
    assert sink.entered.wait(PATIENCE_S)
    room.cursors.put("s", "x", 0)
    sink.gate.set()
    wait_for(lambda: len(sink.ids) == 6)
    assert sink.ids == [*IDS[:3], *IDS[:3]]


def test_the_journal_is_put_aside_while_sinks_run(room: Room) -> None:
    sink = Troubled()
    room.worker(lambda: sink)
    room.journal.append(RECORDS[:3])
    wait_for(lambda: room.cursor() == 3)
    room.journal.close()
    room.journal.path.write_bytes(b"garbage" * 1000)
    room.journal.append(RECORDS[3:5])
    wait_for(lambda: room.cursor() == 2)
    assert sink.ids == IDS[:5]


OTHER = """
import sys, pathlib, threading
from tests.host.test_worker import PATIENCE_S, Room, Troubled
room = Room(pathlib.Path(sys.argv[1]))
sink = Troubled()
made = room.worker(lambda: sink)
made.ready.wait()
print("ready", flush=True)
sys.stdin.readline()
made.stop()
made.join(PATIENCE_S)
print(len(sink.ids), flush=True)
"""


def test_one_process_delivers_and_the_next_goes_on(room: Room, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)],
        cwd=root, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    sink = Troubled()
    made = room.worker(lambda: sink)
    room.journal.append(RECORDS[:3])
    wait_for(lambda: made.position == 3)  # the other one has delivered
    assert sink.ids == []
    told, _ = other.communicate("end\n", timeout=300)
    assert told == "3\n"
    room.journal.append(RECORDS[3:])
    wait_for(lambda: room.cursor() == len(IDS))
    assert sink.ids == IDS[3:]


def test_the_name_of_a_sink_cannot_leave_the_folder(tmp_path: Path) -> None:
    assert lock_path(tmp_path, "../../etc/passwd").parent == tmp_path / "locks"
