from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from icecube_hooks import Record, RefusedForGood, RetryLater, Sink, SinkError
from icecube_hooks.testing import RecordingSink, example_records
from icecube_plugin.host import StoreError, lane
from icecube_plugin.host.config import SinkConfig
from icecube_plugin.host.delivery import Delivery, spool_path
from icecube_plugin.host.lane import LaneState
from icecube_plugin.host.spool import Spool
from tests.host.sinks import Troubled

RECORDS = list(example_records())
IDS = [record.id for record in RECORDS]

Deliver = Callable[..., Delivery]


class Letters:
    """Dead letters in memory; the first `failures` calls fail."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str, str]] = []
        self.failures = 0

    def __call__(self, records: Sequence[Record], error: SinkError, sink: str) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreError("disk full")
        self.kept += [(record.id, str(error), sink) for record in records]


def new_delivery(
    sinks: list[tuple[SinkConfig, Sink]],
    folder: Path,
    letters: Letters,
    spool_limit: int = 1000,
    stopping: Callable[[], bool] = lambda: False,
) -> Delivery:
    return Delivery(sinks, folder, refuse=letters, spool_limit=spool_limit, stopping=stopping)


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def deliver(tmp_path: Path, letters: Letters) -> Iterator[Deliver]:
    made: list[Delivery] = []

    def make(*sinks: Sink, patience_s: float = 0.3, required: bool = True) -> Delivery:
        configs = [
            SinkConfig(name=f"s{number}", type="x", patience_s=patience_s, required=required)
            for number in range(len(sinks))
        ]
        pairs = list(zip(configs, sinks, strict=True))
        made.append(new_delivery(pairs, tmp_path, letters))
        return made[-1]

    yield make
    for delivery in made:
        for made_lane in delivery.lanes:
            getattr(made_lane.sink, "gate", _Open).set()
        delivery.close()


class _Open:
    @staticmethod
    def set() -> None:
        """Nothing holds this sink."""


def at_once(action: Callable[[], object]) -> None:
    action()


def write(delivery: Delivery, records: Sequence[Record] = RECORDS) -> float:
    began = time.monotonic()
    delivery.write(records, lambda: None, at_once)
    return time.monotonic() - began


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


def states(delivery: Delivery) -> list[LaneState]:
    return delivery.states


def test_a_sink_that_raises_does_not_disturb_the_others(deliver: Deliver, letters: Letters) -> None:
    before, after = RecordingSink(), RecordingSink()
    broken = Troubled(ZeroDivisionError("oops"), IDS)
    delivery = deliver(before, broken, after)
    write(delivery)
    assert list(before.records) == list(after.records) == IDS
    assert letters.kept == [(i, "sink s1: ZeroDivisionError: oops", "s1") for i in IDS]
    assert [(s.written, s.refused) for s in states(delivery)] == [
        (len(IDS), 0), (0, len(IDS)), (len(IDS), 0)
    ]  # fmt: skip
    delivery.close()
    assert broken.closed


def test_a_sink_that_exits_or_is_interrupted_stays_alone(
    deliver: Deliver, letters: Letters
) -> None:
    delivery = deliver(Troubled(SystemExit(3), IDS[:1]), good := RecordingSink())
    write(delivery)
    assert [i for i, _, _ in letters.kept] == IDS[:1]
    assert list(good.records) == IDS


def test_only_the_records_to_blame_are_refused(deliver: Deliver, letters: Letters) -> None:
    sink = Troubled(RefusedForGood("never"), [IDS[1]])
    write(deliver(sink))
    assert [i for i, _, _ in letters.kept] == [IDS[1]]
    assert sink.ids == [i for i in IDS if i != IDS[1]]


def test_short_trouble_is_waited_for(deliver: Deliver, letters: Letters) -> None:
    sink = Troubled(RetryLater("locked"), IDS, times=1)
    delivery = deliver(sink, patience_s=5.0)
    write(delivery)
    assert sink.ids == IDS
    assert not letters.kept
    assert not spool_path(delivery.lanes[0].spool.path.parent.parent, "s0").exists()


def test_what_a_sink_cannot_take_waits_on_disk_in_order(deliver: Deliver, tmp_path: Path) -> None:
    good, down = RecordingSink(), Troubled(RetryLater("down"), IDS)
    delivery = deliver(good, down)
    assert 0.2 < write(delivery, RECORDS[:2]) < 2.0
    assert write(delivery, RECORDS[2:]) < 0.2  # once it is behind nobody waits for it
    assert list(good.records) == IDS
    assert [r.id for r in Spool(spool_path(tmp_path, "s1")).first(99).values()] == IDS
    state = states(delivery)[1]
    assert (state.waiting, state.in_trouble, state.last_error) == (len(IDS), True, "sink s1: down")
    down.times = 0  # it is back
    until(lambda: states(delivery)[1].waiting == 0)
    assert down.ids == IDS
    assert not states(delivery)[1].in_trouble
    down.ids.clear()
    write(delivery, RECORDS[:1])
    assert down.ids == IDS[:1]


def test_a_sink_that_hangs_holds_nobody_up(deliver: Deliver, tmp_path: Path) -> None:
    good, hanging = RecordingSink(), Troubled()
    hanging.gate.clear()
    delivery = deliver(hanging, good)
    assert write(delivery, RECORDS[:1]) < 2.0
    assert write(delivery, RECORDS[1:]) < 0.2
    assert list(good.records) == IDS
    assert states(delivery)[0].busy_since is not None
    assert len(Spool(spool_path(tmp_path, "s0"))) == len(IDS)
    hanging.gate.set()
    until(lambda: states(delivery)[0].waiting == 0)
    assert hanging.ids == IDS  # the write that hung is not repeated


def test_what_waits_goes_out_after_a_restart(deliver: Deliver, tmp_path: Path) -> None:
    Spool(spool_path(tmp_path, "s0")).add(RECORDS[:2])
    sink = Troubled()
    delivery = deliver(sink, patience_s=5.0)
    write(delivery, RECORDS[2:])
    delivery.finish(lambda: None)
    assert sink.ids == IDS


def test_a_record_refused_from_the_spool_is_a_dead_letter(
    deliver: Deliver, tmp_path: Path, letters: Letters
) -> None:
    Spool(spool_path(tmp_path, "s0")).add(RECORDS)
    letters.failures = 1  # and the disk is full for a moment
    sink = Troubled(RefusedForGood("never"), [IDS[0]])
    delivery = deliver(sink, patience_s=5.0)
    until(lambda: states(delivery)[0].waiting == 0)
    assert [i for i, _, _ in letters.kept] == [IDS[0]]
    assert sink.ids == IDS[1:]


def test_a_record_that_blocks_a_working_sink_is_put_aside(
    deliver: Deliver, letters: Letters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may answer 500 to one record for ever: the others must not wait behind it."""
    monkeypatch.setattr(lane, "SUSPICIOUS", 2)
    Spool(spool_path(tmp_path, "s0")).add(RECORDS)
    sink = Troubled(RetryLater("500"), [IDS[1]])
    delivery = deliver(sink)
    until(lambda: states(delivery)[0].waiting == 0)
    assert sink.ids == [i for i in IDS if i != IDS[1]]
    assert letters.kept == [(IDS[1], "sink s0: 500", "s0")]


def test_a_sink_that_is_down_for_all_loses_nothing_to_suspicion(
    deliver: Deliver, letters: Letters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "SUSPICIOUS", 2)
    Spool(spool_path(tmp_path, "s0")).add(RECORDS)
    sink = Troubled(RetryLater("down"), IDS)
    delivery = deliver(sink)
    time.sleep(3.0)
    assert (states(delivery)[0].waiting, letters.kept) == (len(IDS), [])
    sink.times = 0
    until(lambda: states(delivery)[0].waiting == 0)
    assert sink.ids == IDS


def test_a_sink_that_is_not_required_is_neither_waited_for_nor_spooled(
    deliver: Deliver, tmp_path: Path, letters: Letters
) -> None:
    hanging, refusing = Troubled(), Troubled(RefusedForGood("never"), IDS)
    hanging.gate.clear()
    delivery = deliver(hanging, refusing, required=False)
    write(delivery)
    write(delivery)
    assert states(delivery)[0].dropped == 2 * len(IDS)
    assert states(delivery)[1].refused == 2 * len(IDS)
    assert not letters.kept
    assert not (tmp_path / "spool").exists()
    hanging.gate.set()
    until(lambda: states(delivery)[0].written == len(IDS))
    assert states(delivery)[0].dropped == len(IDS)  # the first batch it took after all


def test_a_full_spool_holds_the_host_back(tmp_path: Path, letters: Letters) -> None:
    down = Troubled(RetryLater("down"), IDS)
    config = SinkConfig(name="s", type="x", patience_s=0.1)
    delivery = new_delivery([(config, down)], tmp_path, letters, len(IDS))
    write(delivery)
    calls = []

    def idle() -> None:
        calls.append(states(delivery)[0].waiting)
        down.times = 0

    elsewhere = RECORDS[0].replace(message=RECORDS[0].message.replace(offset=99))
    delivery.write([elsewhere], idle, at_once)
    assert calls[0] == len(IDS)
    until(lambda: down.ids == [*IDS, IDS[0]])
    delivery.close()


def test_a_full_spool_does_not_hold_up_a_stop(tmp_path: Path, letters: Letters) -> None:
    down = Troubled(RetryLater("down"), IDS)
    config = SinkConfig(name="s", type="x", patience_s=0.1)
    delivery = new_delivery([(config, down)], tmp_path, letters, len(IDS), lambda: True)
    write(delivery)
    with pytest.raises(StoreError, match=f"{len(IDS)} records wait for sink s already"):
        write(delivery)
    delivery.close()


def test_a_spool_that_cannot_be_written_is_an_error(deliver: Deliver, tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where a folder should be")
    delivery = deliver(Troubled(RetryLater("down"), IDS))
    with pytest.raises(StoreError, match="cannot keep waiting records"):
        write(delivery)


def test_the_name_of_a_sink_cannot_leave_the_folder(tmp_path: Path) -> None:
    assert spool_path(tmp_path, "../../etc/passwd").parent == tmp_path / "spool"
